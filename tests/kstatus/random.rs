//! Random objects: of the kinds that kstatus knows, near where its rules turn, some with broken fields.

use std::{
    collections::{BTreeMap, BTreeSet, hash_map::RandomState},
    env,
    hash::BuildHasher,
    str::FromStr,
    time::Instant,
};

use kube_status_to_github::kstatus::{self, Status};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};

use crate::{
    built::say,
    cases,
    objects::{pointers, remove, set},
    oracle::Oracle,
    verdict::{KINDS_WITHOUT_RULES_IN_KSTATUS, Question, Row, judge},
};

/// How many objects are made, unless `KSTATUS_CASES` says otherwise; enough to need every row and to reach every rule.
const CASES: usize = 100_000;

/// How many are in memory at once.
const BATCH: usize = 2_000;

/// Compares `KSTATUS_CASES` objects from the seed `KSTATUS_SEED`, or from any.
pub fn compare() {
    let Some(mut oracle) = Oracle::start() else { return };
    let seed = setting("KSTATUS_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    let cases = setting("KSTATUS_CASES").unwrap_or(CASES);
    let start = Instant::now();

    let mut runner = runner(seed);
    let strategy = object();
    let mut needed: BTreeMap<Row, usize> = BTreeMap::new();
    let mut reached = BTreeSet::new();
    let mut made = 0;
    while made < cases {
        let trees: Vec<_> = (made..cases.min(made + BATCH))
            .map(|_| strategy.new_tree(&mut runner).unwrap())
            .collect();
        let questions: Vec<_> = trees.iter().map(|tree| Question::at_noon(tree.current())).collect();
        for (tree, (question, verdict)) in trees
            .into_iter()
            .zip(questions.iter().zip(judge(&mut oracle, &questions)))
        {
            match verdict {
                Ok(rows) => rows.into_iter().for_each(|row| *needed.entry(row).or_default() += 1),
                Err(_) => panic!("KSTATUS_SEED={seed}\n{}", simplest(&mut oracle, tree)),
            }
            reached.extend(rule(question));
        }
        made += questions.len();
    }

    say(&format!(
        "kstatus: {made} objects in {:.1} s, KSTATUS_SEED={seed}, rows of the table needed: {needed:?}",
        start.elapsed().as_secs_f64()
    ));
    if made >= CASES {
        let of_kinds = KINDS_WITHOUT_RULES_IN_KSTATUS.map(|(.., row)| row);
        let is_expected = |row: &&Row| !of_kinds.contains(row) && !needed.contains_key(row);
        let never: Vec<_> = Row::ALL.iter().filter(is_expected).collect();
        assert!(
            never.is_empty(),
            "rows that no object needed: {never:?}, KSTATUS_SEED={seed}"
        );
        let rules: BTreeSet<_> = cases::all()
            .into_iter()
            .filter_map(|case| rule(&Question::new(case.object, case.now)))
            .collect();
        let never: Vec<_> = rules.difference(&reached).collect();
        assert!(
            never.is_empty(),
            "rules that no object reached: {never:?}, KSTATUS_SEED={seed}"
        );
    }
}

fn setting<T: FromStr>(variable: &str) -> Option<T> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is no number")),
    )
}

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// What is wrong with the simplest object that is wrong in the same way.
fn simplest(oracle: &mut Oracle, mut tree: impl ValueTree<Value = Value>) -> String {
    let mut wrong = |object| judge(oracle, &[Question::at_noon(object)]).remove(0).err();
    let mut simplest = wrong(tree.current()).expect("both say the same thing twice");
    let mut may_be_simpler = tree.simplify();
    while may_be_simpler {
        may_be_simpler = match wrong(tree.current()) {
            Some(message) => {
                simplest = message;
                tree.simplify()
            }
            None => tree.complicate(),
        };
    }
    simplest
}

/// The rule that decides on an object of a kind that is made here: kind, status, and message without its numbers. None
/// where the object can't be read, or a condition decides by its message.
fn rule(question: &Question) -> Option<String> {
    let Question { object, now } = question;
    let kind = object.get("kind")?.as_str()?;
    let api_version = object.get("apiVersion")?.as_str()?;
    let health = kstatus::compute(object, *now);
    let is_told = |condition: &Value| condition["message"].as_str().unwrap_or_default() == health.message;
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let is_shape = |shape: &Shape| shape.kind == kind && shape.api_versions.contains(&api_version);
    if !SHAPES.iter().any(is_shape)
        || health.status == Status::Unknown
        || conditions.is_some_and(|conditions| conditions.iter().any(is_told))
    {
        return None;
    }
    let mut message = health
        .message
        .replace(|character: char| character.is_ascii_digit(), "0");
    while message.contains("00") {
        message = message.replace("00", "0");
    }
    Some(format!("{kind}: {}: {}", health.status, message.replace('-', "")))
}

/// A kind, as far as its rules look at it.
#[derive(Debug)]
struct Shape {
    api_versions: &'static [&'static str],
    kind: &'static str,
    /// Fields with values in JSON.
    fields: &'static [(&'static str, &'static [&'static str])],
    condition_types: &'static [&'static str],
    reasons: &'static [&'static str],
}

const COUNT: &[&str] = &["2", "1", "1", "1", "0", "2", "3"];

const SHAPES: [Shape; 14] = [
    Shape {
        api_versions: &["example.com/v1"],
        kind: "Widget",
        fields: &[],
        condition_types: &["Ready"],
        reasons: &["Waiting"],
    },
    Shape {
        api_versions: &["apps/v1", "apps/v1", "extensions/v1beta1"],
        kind: "Deployment",
        fields: &[
            ("spec.replicas", COUNT),
            ("spec.progressDeadlineSeconds", &["600", "2147483647"]),
            ("status.replicas", COUNT),
            ("status.updatedReplicas", COUNT),
            ("status.readyReplicas", COUNT),
            ("status.availableReplicas", COUNT),
        ],
        condition_types: &["Progressing", "Available", "ReplicaFailure"],
        reasons: &[
            "NewReplicaSetAvailable",
            "NewReplicaSetAvailable",
            "ReplicaSetUpdated",
            "ProgressDeadlineExceeded",
        ],
    },
    Shape {
        api_versions: &["apps/v1", "apps/v1", "extensions/v1beta1"],
        kind: "ReplicaSet",
        fields: &[
            ("spec.replicas", COUNT),
            ("status.replicas", COUNT),
            ("status.readyReplicas", COUNT),
            ("status.availableReplicas", COUNT),
            ("status.fullyLabeledReplicas", COUNT),
        ],
        condition_types: &["ReplicaFailure"],
        reasons: &["FailedCreate"],
    },
    Shape {
        api_versions: &["apps/v1", "apps/v1", "apps/v1beta2", "extensions/v1beta1"],
        kind: "StatefulSet",
        fields: &[
            ("spec.replicas", COUNT),
            (
                "spec.updateStrategy",
                &[
                    r#"{"type":"RollingUpdate"}"#,
                    r#"{"type":"RollingUpdate","rollingUpdate":{"partition":0}}"#,
                    r#"{"type":"RollingUpdate","rollingUpdate":{"partition":1}}"#,
                    r#"{"type":"RollingUpdate","rollingUpdate":{"partition":-1}}"#,
                    r#"{"rollingUpdate":{"partition":-9223372036854775807}}"#,
                    r#"{"rollingUpdate":{}}"#,
                    r#"{"type":"OnDelete"}"#,
                ],
            ),
            ("status.replicas", COUNT),
            ("status.readyReplicas", COUNT),
            ("status.currentReplicas", COUNT),
            ("status.updatedReplicas", COUNT),
            ("status.currentRevision", &[r#""web-1""#]),
            ("status.updateRevision", &[r#""web-1""#, r#""web-1""#, r#""web-2""#]),
        ],
        condition_types: &["Any"],
        reasons: &["Any"],
    },
    Shape {
        api_versions: &["apps/v1", "apps/v1", "extensions/v1beta1"],
        kind: "DaemonSet",
        fields: &[
            ("status.desiredNumberScheduled", COUNT),
            ("status.currentNumberScheduled", COUNT),
            ("status.updatedNumberScheduled", COUNT),
            ("status.numberAvailable", COUNT),
            ("status.numberReady", COUNT),
        ],
        condition_types: &["Any"],
        reasons: &["Any"],
    },
    Shape {
        api_versions: &["v1"],
        kind: "Pod",
        fields: &[
            (
                "status.phase",
                &[
                    r#""Running""#,
                    r#""Running""#,
                    r#""Pending""#,
                    r#""Pending""#,
                    r#""Succeeded""#,
                    r#""Failed""#,
                    r#""Unknown""#,
                    r#""""#,
                ],
            ),
            (
                "status.containerStatuses",
                &[
                    r#"[{"name":"app","state":{"running":{}}}]"#,
                    r#"[{"name":"app","state":{"waiting":{"reason":"CrashLoopBackOff"}}}]"#,
                    r#"[{"name":"app","state":{"waiting":{"reason":"CrashLoopBackOff"}}},
                        {"state":{"waiting":{"reason":"CrashLoopBackOff"}}},
                        {"name":"sidecar","state":{"waiting":{"reason":"CrashLoopBackOff"}}}]"#,
                    r#"[{"name":"app","state":{"waiting":{"reason":"ContainerCreating"}}},{"name":"sidecar","state":{}},{"name":""}]"#,
                    r#"[{"name":"app","state":null},{"name":null},null]"#,
                    r#"[{"name":"app","state":{"waiting":{}}},{"name":"sidecar","state":{"waiting":null}}]"#,
                    "[]",
                ],
            ),
        ],
        condition_types: &["Ready", "PodScheduled", "PodScheduled"],
        reasons: &["Unschedulable", "Unschedulable", "SchedulingGated"],
    },
    Shape {
        api_versions: &["batch/v1"],
        kind: "Job",
        fields: &[
            ("spec.parallelism", COUNT),
            ("spec.completions", COUNT),
            ("spec.suspend", &["true", "true", "false"]),
            ("status.succeeded", COUNT),
            ("status.active", COUNT),
            ("status.failed", COUNT),
            ("status.startTime", &[r#""2024-05-01T11:00:00Z""#, r#""""#]),
        ],
        condition_types: &["Complete", "Failed", "Suspended", "SuccessCriteriaMet"],
        reasons: &["CompletionsReached", "BackoffLimitExceeded", "JobSuspended"],
    },
    Shape {
        api_versions: &["batch/v1", "batch/v1beta1"],
        kind: "CronJob",
        fields: &[("status.active", &[r#"[{"name":"j"}]"#])],
        condition_types: &["Ready"],
        reasons: &["Any"],
    },
    Shape {
        api_versions: &["v1"],
        kind: "Service",
        fields: &[
            (
                "spec.type",
                &[r#""LoadBalancer""#, r#""LoadBalancer""#, r#""ClusterIP""#, r#""""#],
            ),
            ("spec.clusterIP", &[r#""10.0.0.1""#, r#""None""#, r#""""#]),
        ],
        condition_types: &["Ready"],
        reasons: &["Any"],
    },
    Shape {
        api_versions: &["v1"],
        kind: "PersistentVolumeClaim",
        fields: &[("status.phase", &[r#""Bound""#, r#""Pending""#, r#""Lost""#, r#""""#])],
        condition_types: &["Resizing"],
        reasons: &["Any"],
    },
    Shape {
        api_versions: &["v1", "v1", "example.com/v1"],
        kind: "ConfigMap",
        fields: &[("data", &[r#"{"a":"b"}"#])],
        condition_types: &["Ready"],
        reasons: &["Any"],
    },
    Shape {
        api_versions: &["v1", "v1", "example.com/v1"],
        kind: "Secret",
        fields: &[("data", &[r#"{"a":"Yg=="}"#])],
        condition_types: &["Ready"],
        reasons: &["Any"],
    },
    Shape {
        api_versions: &["policy/v1", "policy/v1beta1"],
        kind: "PodDisruptionBudget",
        fields: &[("status.disruptionsAllowed", COUNT)],
        condition_types: &["DisruptionAllowed", "Ready"],
        reasons: &["SufficientPods"],
    },
    Shape {
        api_versions: &["apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1beta1"],
        kind: "CustomResourceDefinition",
        fields: &[],
        condition_types: &["NamesAccepted", "Established"],
        reasons: &["Installing", "NotAccepted", "NoConflicts", ""],
    },
];

/// Fields of any kind. The generations differ rarely, or nothing else would be looked at.
const FIELDS: [(&str, &[&str]); 5] = [
    ("metadata.name", &[r#""a""#]),
    ("metadata.generation", &["1", "1", "1", "1", "1", "1", "2"]),
    ("status.observedGeneration", &["1", "1", "1", "1", "1", "1", "2"]),
    (
        "metadata.creationTimestamp",
        &[
            r#""2001-01-01T00:00:00Z""#,
            r#""2999-01-01T00:00:00Z""#,
            // Ten seconds before the time at which we compute, and long ago for kstatus.
            r#""2024-05-01T13:59:50+02:00""#,
            r#""2024-05-01T11:59:45.000000001Z""#,
            r#""2024-05-01T11:59:45Z""#,
        ],
    ),
    ("spec.paused", &["true", "false"]),
];

/// What may be in the place of anything else. Numbers beyond what JSON readers of Go take are not.
const STRANGE: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-1",
    "3",
    "-0",
    "1.5",
    "2.0",
    "-1.000",
    "-0.0",
    "1e3",
    "2E0",
    "1e-2",
    "1e300",
    "9223372036854775807",
    "-9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "-9223372036854775809",
    "99999999999999999999999999",
    r#""""#,
    r#"" ""#,
    r#""x""#,
    r#""1""#,
    r#""3""#,
    r#""-1""#,
    r#""2.0""#,
    r#""007""#,
    r#""+1""#,
    r#"" 1""#,
    r#""1_000""#,
    r#""0x1""#,
    r#""1e3""#,
    r#""1.""#,
    r#"".0""#,
    r#""-""#,
    r#""٣""#,
    r#""9223372036854775808""#,
    r#""True""#,
    r#""False""#,
    r#""null""#,
    r#""2024-05-01T11:59:50Z""#,
    r#""yesterday""#,
    r#""/""#,
    r#""/v1""#,
    r#""apps/""#,
    r#""apps/v1""#,
    r#""batch/v1/x""#,
    r#""v1""#,
    r#""Pod""#,
    r#""Deployment""#,
    r#""deployment""#,
    "[]",
    "[null]",
    "[[]]",
    r#"["x"]"#,
    "[{}]",
    "{}",
    r#"{"":null}"#,
    r#"{"a":{"b":1}}"#,
];

/// What breaks an object.
#[derive(Clone, Debug)]
enum Mutation {
    Remove(Index),
    Replace(Index, &'static str),
    /// A field that the rules of the kind, or of any kind, look at.
    Set(Index, &'static str),
}

fn object() -> impl Strategy<Value = Value> {
    let mutation = prop_oneof![
        1 => any::<Index>().prop_map(Mutation::Remove),
        2 => (any::<Index>(), select(STRANGE)).prop_map(|(place, value)| Mutation::Replace(place, value)),
        2 => (any::<Index>(), select(STRANGE)).prop_map(|(field, value)| Mutation::Set(field, value)),
    ];
    (
        0..SHAPES.len(),
        vec(any::<u8>(), 16),
        vec(any::<[u8; 4]>(), 0..4),
        prop_oneof![Just(Vec::new()), vec(mutation, 1..4)],
    )
        .prop_map(|(shape, choices, conditions, mutations)| {
            let shape = &SHAPES[shape];
            let mut object = shape.object(&choices, &conditions);
            for mutation in mutations {
                shape.mutate(&mut object, mutation);
            }
            object
        })
}

impl Shape {
    fn fields(&self) -> impl Iterator<Item = &'static (&'static str, &'static [&'static str])> {
        FIELDS.iter().chain(self.fields)
    }

    /// An object of this kind. A choice of 0 is the simplest: a field is missing.
    fn object(&self, choices: &[u8], conditions: &[[u8; 4]]) -> Value {
        let mut choices = choices.iter().copied().map(usize::from);
        let mut next = move || choices.next().expect("a choice for each field");
        let api_version = self.api_versions[next() % self.api_versions.len()];
        let mut object = json!({"apiVersion": api_version, "kind": self.kind});
        if next() > 248 {
            set(&mut object, "metadata.deletionTimestamp", json!("2024-05-01T11:59:00Z"));
        }
        for (path, values) in self.fields() {
            if let Some(index) = (next() % (values.len() + 1)).checked_sub(1) {
                set(&mut object, path, json(values[index]));
            }
        }
        if !conditions.is_empty() {
            let conditions = conditions.iter().map(|choices| self.condition(choices)).collect();
            set(&mut object, "status.conditions", conditions);
        }
        object
    }

    fn condition(&self, choices: &[u8; 4]) -> Value {
        const TYPES: [&str; 3] = ["Ready", "Reconciling", "Stalled"];
        const STATUSES: [&str; 8] = ["True", "True", "True", "False", "False", "False", "Unknown", "Maybe"];
        let [kind, status, reason, message] = choices.map(usize::from);
        let kind = match kind {
            0..240 => self.condition_types[kind % self.condition_types.len()],
            _ => TYPES[kind % TYPES.len()],
        };
        let mut condition = json!({"type": kind, "status": STATUSES[status % STATUSES.len()]});
        if let Some(index) = (reason % (self.reasons.len() + 1)).checked_sub(1) {
            condition["reason"] = json!(self.reasons[index]);
        }
        if message % 2 == 1 {
            condition["message"] = json!(format!("message {} <&>", message % 3));
        }
        condition
    }

    fn mutate(&self, object: &mut Value, mutation: Mutation) {
        match mutation {
            Mutation::Remove(place) => {
                let pointers = pointers(object);
                remove(object, place.get::<String>(&pointers));
            }
            Mutation::Replace(place, value) => {
                let pointers = pointers(object);
                *object.pointer_mut(place.get::<String>(&pointers)).unwrap() = json(value);
            }
            Mutation::Set(field, value) => {
                let paths: Vec<_> = self.fields().map(|(path, _)| *path).collect();
                set(object, field.get::<&str>(&paths), json(value));
            }
        }
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
