//! Whether our answer is right: the same as that of kstatus, or another by a row of the table of differences.
//!
//! That a row applies is never taken from our answer alone: the object has to have what the row speaks of, and kstatus
//! is asked again about the object with that put right.

use std::{collections::BTreeSet, sync::LazyLock};

use jiff::{SignedDuration, Timestamp};
use kube_status_to_github::kstatus::{self, Health, Status};
use regex::Regex;
use serde_json::Value;

use crate::{
    cases::{Answer, noon},
    objects::{pointer, remove, without_nulls},
    oracle::Oracle,
};

/// A row of the table of differences at the top of `src/kstatus/mod.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    JobRuns,
    PodFailed,
    PodPhase,
    PodWithoutNode,
    NoObject,
    Rollout,
    Application,
    Flux,
    KnativeService,
    NumberAsText,
    Null,
    Difference,
    WrongType,
}

impl Row {
    pub const ALL: [Self; 13] = [
        Self::JobRuns,
        Self::PodFailed,
        Self::PodPhase,
        Self::PodWithoutNode,
        Self::NoObject,
        Self::Rollout,
        Self::Application,
        Self::Flux,
        Self::KnativeService,
        Self::NumberAsText,
        Self::Null,
        Self::Difference,
        Self::WrongType,
    ];

    /// The first column.
    pub fn name(self) -> &'static str {
        match self {
            Self::JobRuns => "Job that runs",
            Self::PodFailed => "Pod in phase `Failed`",
            Self::PodPhase => "Pod in phase `Unknown`, or one not known here",
            Self::PodWithoutNode => "Pod without a node",
            Self::NoObject => "no object, or one without `kind` or a readable `apiVersion`",
            Self::Rollout => "Argo Rollouts' `Rollout`",
            Self::Application => "Argo CD's `Application`",
            Self::Flux => "Flux's `Kustomization` and `HelmRelease`",
            Self::KnativeService => "Knative's `Service`",
            Self::NumberAsText => "number as text, or with a zero fraction",
            Self::Null => "`null`",
            Self::Difference => "difference of two numbers that does not fit into 64 bits",
            Self::WrongType => "any other value of the wrong type, or beyond 64 bits",
        }
    }
}

/// Kinds that have rules here and none in kstatus: API group, kind, and the row that says so. Nothing is to be compared
/// there: their cases are all there is.
pub const KINDS_WITHOUT_RULES_IN_KSTATUS: [(&str, &str, Row); 5] = [
    ("argoproj.io", "Rollout", Row::Rollout),
    ("argoproj.io", "Application", Row::Application),
    ("kustomize.toolkit.fluxcd.io", "Kustomization", Row::Flux),
    ("helm.toolkit.fluxcd.io", "HelmRelease", Row::Flux),
    ("serving.knative.dev", "Service", Row::KnativeService),
];

/// An object, and the time at which we compute it.
#[derive(Clone, Debug)]
pub struct Question {
    pub object: Value,
    pub now: Timestamp,
}

impl Question {
    pub fn new(object: Value, now: Timestamp) -> Self {
        Self { object, now }
    }

    pub fn at_noon(object: Value) -> Self {
        Self::new(object, noon())
    }
}

/// The rows that each object needs, none where both answers are the same; or what is wrong.
pub fn judge(oracle: &mut Oracle, questions: &[Question]) -> Vec<Result<BTreeSet<Row>, String>> {
    let objects: Vec<_> = questions.iter().map(|question| question.object.clone()).collect();
    let answers = oracle.ask(&objects);
    let ours: Vec<_> = questions
        .iter()
        .map(|question| kstatus::compute(&question.object, question.now))
        .collect();

    let mut other_objects = Vec::new();
    let mut differing = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        if answers[index] != Answer::Computed(ours[index].clone()) {
            differing.push(index);
            let without_nulls = without_nulls(object.clone());
            let mut without_field = object.clone();
            if let Some(complaint) = Complaint::of(&ours[index]) {
                remove(&mut without_field, &pointer(complaint.field));
            }
            other_objects.extend([without_nulls.clone(), with_plain_integers(without_nulls), without_field]);
        }
    }

    let mut verdicts = vec![Ok(BTreeSet::new()); questions.len()];
    for (index, others) in differing.into_iter().zip(oracle.ask(&other_objects).chunks(3)) {
        let [without_nulls, plain, without_field] = others else {
            panic!("three answers to each");
        };
        let doubt = Doubt {
            object: &objects[index],
            now: questions[index].now,
            ours: &ours[index],
            kstatus: &answers[index],
            without_nulls,
            plain,
            without_field,
        };
        verdicts[index] = doubt.rows().ok_or_else(|| {
            format!(
                "{}\n  ours: {:?}\n  kstatus: {:?}",
                objects[index], ours[index], answers[index]
            )
        });
    }
    verdicts
}

/// An object to which we say something else than kstatus.
struct Doubt<'a> {
    object: &'a Value,
    now: Timestamp,
    ours: &'a Health,
    kstatus: &'a Answer,
    /// What kstatus says when there is no null in the object.
    without_nulls: &'a Answer,
    /// The same, and with numbers in the place of numbers as text.
    plain: &'a Answer,
    /// What kstatus says without the field that our message names.
    without_field: &'a Answer,
}

impl Doubt<'_> {
    /// The rows that explain it; None if they don't.
    fn rows(&self) -> Option<BTreeSet<Row>> {
        if self.ours.status == Status::Unknown && self.is_no_object() {
            return Some(BTreeSet::from([Row::NoObject]));
        }
        if let Some((.., row)) = KINDS_WITHOUT_RULES_IN_KSTATUS
            .iter()
            .find(|(group, kind, _)| self.is(group, kind))
        {
            return Some(BTreeSet::from([*row]));
        }
        if self.ours.status == Status::Unknown && self.has_wrong_type() {
            return Some(BTreeSet::from([Row::WrongType]));
        }
        let mut rows = BTreeSet::new();
        if self.without_nulls != self.kstatus {
            rows.insert(Row::Null);
        }
        if self.plain != self.without_nulls {
            rows.insert(Row::NumberAsText);
        }
        if *self.plain != Answer::Computed(self.ours.clone()) {
            rows.insert(self.row_of_kind()?);
        }
        Some(rows)
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        self.object.pointer(pointer)?.as_str()
    }

    fn is(&self, group: &str, kind: &str) -> bool {
        let group_here = self
            .text("/apiVersion")
            .map(|text| text.split_once('/').map_or("", |(group, _)| group));
        group_here == Some(group) && self.text("/kind") == Some(kind)
    }

    fn is_no_object(&self) -> bool {
        let absent = |field: &str| {
            let value = self.object.get(field).unwrap_or(&Value::Null);
            value.is_null() || value.as_str() == Some("")
        };
        match self.ours.message.as_str() {
            "not a Kubernetes object: apiVersion is missing" => absent("apiVersion"),
            "not a Kubernetes object: kind is missing" => absent("kind"),
            message => match message.strip_prefix("unknown apiVersion ") {
                Some(version) => self.text("/apiVersion") == Some(version) && version.matches('/').count() > 1,
                None => {
                    let found = type_of(self.object);
                    !self.object.is_object() && message == format!("not a Kubernetes object: {found} instead of fields")
                }
            },
        }
    }

    /// True if the field that our message names holds what it says, and kstatus fails at it or takes it for missing.
    fn has_wrong_type(&self) -> bool {
        let Some(complaint) = Complaint::of(self.ours) else {
            return false;
        };
        let Some(value) = self.object.pointer(&pointer(complaint.field)) else {
            return false;
        };
        complaint.is_true_of(value)
            && match self.kstatus {
                Answer::Error { .. } | Answer::Panic { .. } => true,
                Answer::Computed(_) => self.kstatus == self.without_field,
            }
    }

    fn row_of_kind(&self) -> Option<Row> {
        let Answer::Computed(kstatus) = self.plain else {
            let unknown_phase = self.is("", "Pod")
                && self.ours.status == Status::Unknown
                && self
                    .text("/status/phase")
                    .is_some_and(|phase| self.ours.message == format!("unknown phase {phase}"))
                && matches!(self.plain, Answer::Error { error } if *error == self.ours.message);
            return unknown_phase.then_some(Row::PodPhase);
        };
        let statuses = (kstatus.status, self.ours.status);
        let same_message = kstatus.message == self.ours.message;
        if self.is("batch", "Job") {
            let runs = self.text("/status/startTime").is_some_and(|time| !time.is_empty());
            return (runs
                && statuses == (Status::Current, Status::InProgress)
                && same_message
                && kstatus.message.starts_with("Job in progress. "))
            .then_some(Row::JobRuns);
        }
        if self.is("", "Pod") {
            return match self.text("/status/phase")? {
                "Failed" => (statuses == (Status::Current, Status::Failed) && same_message).then_some(Row::PodFailed),
                "Pending" => self
                    .is_young_only_at_the_time_given(kstatus)
                    .then_some(Row::PodWithoutNode),
                _ => None,
            };
        }
        self.is_difference_beyond_64_bits(kstatus).then_some(Row::Difference)
    }

    fn is_young_only_at_the_time_given(&self, kstatus: &Health) -> bool {
        const WINDOW: SignedDuration = SignedDuration::from_secs(15);
        let created: Option<Timestamp> = self
            .text("/metadata/creationTimestamp")
            .and_then(|time| time.parse().ok());
        created.is_some_and(|created| {
            self.now.duration_since(created) < WINDOW && Timestamp::now().duration_since(created) >= WINDOW
        }) && *self.ours == health(Status::InProgress, "Pod has not been scheduled")
            && *kstatus == health(Status::Failed, "Pod could not be scheduled")
    }

    fn is_difference_beyond_64_bits(&self, kstatus: &Health) -> bool {
        let number = |pointer: &str, default: i64| {
            i128::from(self.object.pointer(pointer).and_then(plain_integer).unwrap_or(default))
        };
        let desired = number("/spec/replicas", 1);
        let total = number("/status/replicas", 0);
        let updated = number("/status/updatedReplicas", 0);
        let partition = number("/spec/updateStrategy/rollingUpdate/partition", -1);

        #[allow(clippy::cast_possible_truncation, reason = "as Go does")]
        let wrapped = |number: i128| i128::from(number as i64);
        let surplus = |difference: i128| health(Status::InProgress, format!("Pending termination: {difference}"));
        let rollout = |wanted: i128| {
            if updated < wanted {
                health(Status::InProgress, format!("updated: {updated}/{wanted}"))
            } else {
                health(
                    Status::Current,
                    format!("Partition rollout complete. updated: {updated}"),
                )
            }
        };
        let explains = |difference: i128, answer: &dyn Fn(i128) -> Health| {
            wrapped(difference) != difference
                && *self.ours == answer(difference)
                && *kstatus == answer(wrapped(difference))
        };
        explains(total - desired, &surplus) || explains(desired - partition, &rollout)
    }
}

/// What we say of a field that we can't read.
struct Complaint<'a> {
    field: &'a str,
    found: Option<&'a str>,
    expected: &'a str,
}

impl<'a> Complaint<'a> {
    fn of(ours: &'a Health) -> Option<Self> {
        if let Some(field) = ours.message.strip_suffix(" does not fit into 64 bits") {
            return Some(Self {
                field,
                found: None,
                expected: "64 bits",
            });
        }
        let (left, expected) = ours.message.rsplit_once(" instead of ")?;
        let (field, found) = left.split_once(" is ")?;
        Some(Self {
            field,
            found: Some(found),
            expected,
        })
    }

    fn is_true_of(&self, value: &Value) -> bool {
        static TIME: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$").unwrap());

        // A null is never of the wrong type: it is missing, by a row of its own.
        !value.is_null()
            && self.found.is_none_or(|found| found == type_of(value))
            && match self.expected {
                "a text" => !value.is_string(),
                "an object" => !value.is_object(),
                "a list" => !value.is_array(),
                "a boolean" => !value.is_boolean(),
                "a time" => value.as_str().is_none_or(|text| !TIME.is_match(text)),
                "an integer" => digits(value).is_none(),
                "64 bits" => digits(value).is_some_and(|digits| digits.parse::<i64>().is_err()),
                _ => false,
            }
    }
}

/// The fields that kstatus reads as integers.
const INTEGERS: [&str; 21] = [
    "metadata.generation",
    "spec.completions",
    "spec.parallelism",
    "spec.progressDeadlineSeconds",
    "spec.replicas",
    "spec.updateStrategy.rollingUpdate.partition",
    "status.active",
    "status.availableReplicas",
    "status.currentNumberScheduled",
    "status.currentReplicas",
    "status.desiredNumberScheduled",
    "status.failed",
    "status.fullyLabeledReplicas",
    "status.numberAvailable",
    "status.numberReady",
    "status.observedGeneration",
    "status.readyReplicas",
    "status.replicas",
    "status.succeeded",
    "status.updatedNumberScheduled",
    "status.updatedReplicas",
];

/// The same with `3` for `"3"` and `3.0`.
fn with_plain_integers(mut object: Value) -> Value {
    for path in INTEGERS {
        if let Some(value) = object.pointer_mut(&pointer(path))
            && let Some(integer) = plain_integer(value)
        {
            *value = integer.into();
        }
    }
    object
}

fn plain_integer(value: &Value) -> Option<i64> {
    digits(value)?.parse().ok()
}

/// The digits of a whole number, also one in a text or with a zero fraction.
fn digits(value: &Value) -> Option<String> {
    static WHOLE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(-?[0-9]+)(\.0+)?$").unwrap());
    let written = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    Some(WHOLE.captures(&written)?[1].to_owned())
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn health(status: Status, message: impl Into<String>) -> Health {
    Health {
        status,
        message: message.into(),
    }
}
