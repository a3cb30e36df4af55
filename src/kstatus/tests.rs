//! The tables of cases in `tests.yaml` and `custom_kinds.yaml`, and the promise that no object can make the computation panic.

mod cases;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Health, Status, compute};
use crate::plan::State;
use cases::{Answer, noon};

#[test]
fn table() {
    let mut wrong = Vec::new();
    for case in cases::all() {
        let health = compute(&case.object, case.now);
        if health != case.health() {
            wrong.push(format!("{}: {health:?} instead of {:?}", case.name, case.health()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// That kstatus itself says what is written there is for the test against kstatus.
#[test]
fn each_difference_to_kstatus_has_a_row_in_the_documentation_and_each_row_a_case() {
    let table = cases::table_of_differences();
    assert!(!table.is_empty());
    let mut needed = BTreeSet::new();
    for case in cases::all() {
        if let Some(difference) = &case.differs {
            assert!(table.contains(&difference.row.as_str()), "{}: no such row", case.name);
            assert_ne!(case.kstatus(), Answer::Computed(case.health()), "{}", case.name);
            needed.insert(difference.row.clone());
        }
    }
    let without_case: Vec<_> = table.iter().filter(|row| !needed.contains(**row)).collect();
    assert!(without_case.is_empty(), "{without_case:?}");
}

#[test]
fn table_has_distinct_names_and_three_cases_of_each_kind() {
    let all = cases::all();
    let names: BTreeSet<&str> = all.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), all.len());
    let mut cases: BTreeMap<&str, usize> = BTreeMap::new();
    for kind in all.iter().filter_map(|case| case.object["kind"].as_str()) {
        *cases.entry(kind).or_default() += 1;
    }
    for kind in [
        "Application",
        "CronJob",
        "CustomResourceDefinition",
        "DaemonSet",
        "Deployment",
        "HelmRelease",
        "Job",
        "Kustomization",
        "PersistentVolumeClaim",
        "Pod",
        "PodDisruptionBudget",
        "ReplicaSet",
        "Rollout",
        "Service",
        "StatefulSet",
        "Widget",
    ] {
        assert!(cases.get(kind).is_some_and(|count| *count >= 3), "{kind}: {cases:?}");
    }
}

#[test]
fn what_is_no_object_is_unknown() {
    for value in [
        json!(null),
        json!(true),
        json!(7),
        json!("Deployment"),
        json!([]),
        json!({}),
    ] {
        assert_eq!(compute(&value, noon()).status, Status::Unknown, "{value}");
    }
}

/// YAML readers round or refuse numbers beyond 64 bits; JSON with arbitrary precision does not.
#[test]
fn numbers_beyond_64_bits_are_unknown() {
    for (replicas, message) in [
        ("9223372036854775808", "spec.replicas does not fit into 64 bits"),
        ("-9223372036854775809", "spec.replicas does not fit into 64 bits"),
        ("99999999999999999999999999", "spec.replicas does not fit into 64 bits"),
        ("1e400", "spec.replicas is a number instead of an integer"),
        ("-0.5", "spec.replicas is a number instead of an integer"),
    ] {
        let text = format!(r#"{{"apiVersion":"apps/v1","kind":"Deployment","spec":{{"replicas":{replicas}}}}}"#);
        let object: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(compute(&object, noon()), Health::unknown(message), "{replicas}");
    }
}

#[test]
fn time_at_its_ends_does_not_overflow() {
    let object = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"creationTimestamp": "9999-12-30T00:00:00Z"},
        "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]},
    });
    assert_eq!(compute(&object, Timestamp::MIN).status, Status::InProgress);
    assert_eq!(compute(&object, Timestamp::MAX).status, Status::Failed);
}

/// Every value of every object of the table is replaced by every kind of wrong one.
#[test]
fn no_object_panics_and_unknown_says_why() {
    let strange: Vec<Value> = [
        "null",
        "true",
        "0",
        "-1",
        "1.5",
        "1e999",
        "9223372036854775807",
        "-9223372036854775808",
        "99999999999999999999",
        r#""""#,
        r#""x""#,
        r#""-""#,
        r#"".0""#,
        "[]",
        "[null]",
        "[[]]",
        "{}",
        r#"{"":null}"#,
    ]
    .iter()
    .map(|text| serde_json::from_str(text).unwrap())
    .collect();
    let mut count = 0;
    for case in cases::all() {
        for pointer in pointers(&case.object, "") {
            for value in &strange {
                let mut object = case.object.clone();
                *object.pointer_mut(&pointer).unwrap() = value.clone();
                let health = compute(&object, noon());
                assert!(
                    health.status != Status::Unknown || !health.message.is_empty(),
                    "{}: {pointer} = {value}",
                    case.name
                );
                count += 1;
            }
        }
    }
    assert!(count > 10_000, "{count} objects are too few to mean anything");
}

fn pointers(value: &Value, at: &str) -> Vec<String> {
    let mut all = vec![at.to_owned()];
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let key = key.replace('~', "~0").replace('/', "~1");
                all.extend(pointers(value, &format!("{at}/{key}")));
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                all.extend(pointers(value, &format!("{at}/{index}")));
            }
        }
        _ => {}
    }
    all
}

#[test]
fn states_on_github() {
    assert_eq!(Status::InProgress.state(), Some(State::InProgress));
    assert_eq!(Status::Current.state(), Some(State::Success));
    assert_eq!(Status::Failed.state(), Some(State::Failure));
    assert_eq!(Status::Unknown.state(), Some(State::Pending));
    assert_eq!(Status::Terminating.state(), None);
    assert_eq!(format!("{:>12}", Status::InProgress), "  InProgress");
}

/// The page for users, `docs/health.md`.
mod page {
    use super::*;

    const PAGE: &str = include_str!("../../docs/health.md");

    /// The cells of the table under a header.
    fn table(header: &str) -> Vec<Vec<&'static str>> {
        let rows = PAGE.lines().skip_while(|line| *line != header).skip(2);
        rows.take_while(|line| line.starts_with('|'))
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect()
    }

    #[test]
    fn differences_are_those_of_the_module() {
        let module = include_str!("mod.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! "));
        let rows: Vec<_> = module.filter(|line| line.starts_with("| ")).collect();
        assert!(rows.len() > 10);
        assert!(
            PAGE.contains(&rows[1..].join("\n")),
            "the last table of docs/health.md is not that of src/kstatus/mod.rs"
        );
    }

    #[test]
    fn states_are_those_of_the_program() {
        let states = table("| health | the rollout | on GitHub |");
        assert_eq!(states.len(), 5);
        for row in states {
            let status: Status = serde_json::from_str(&row[0].replace('`', "\"")).unwrap();
            let state = status
                .state()
                .map_or("nothing by itself".to_owned(), |state| format!("`{}`", state.as_str()));
            assert_eq!(row[2], state, "{status}");
        }
    }

    #[test]
    fn rules_are_those_of_the_program() {
        let told: BTreeSet<_> = table("| rule | for | says |")
            .iter()
            .map(|row| row[0].trim_matches('`'))
            .collect();
        let schema = schemars::schema_for!(super::super::Rule).to_value();
        let mut rules = BTreeSet::new();
        for rule in schema["oneOf"].as_array().unwrap() {
            rules.insert(rule["const"].as_str().unwrap());
        }
        assert_eq!(told, rules);
    }

    #[test]
    fn causes_are_put_in_front_of_messages() {
        for row in table("| the pods | message |") {
            let message = row[1].trim_matches('`');
            let (cause, plain) = message.split_once("; ").unwrap();
            let is_of_a_pod = include_str!("causes.yaml").contains(cause);
            // What a workload says itself has a test beside its code.
            assert!(is_of_a_pod || cause == "FailedCreate: exceeded quota: small", "{cause}");
            let health = Health::in_progress(plain).because(cause);
            assert_eq!(health.message, message, "it has to fit");
        }
    }
}
