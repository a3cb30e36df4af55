//! The tables of cases in `tests.yaml` and `custom_kinds.yaml`, and the promise that no object can make the computation panic.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Health, Status, compute};
use crate::plan::State;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    #[serde(default)]
    now: Option<Timestamp>,
    #[serde(default, rename = "differs")]
    _differs: bool,
    status: Status,
    message: String,
    object: Value,
}

fn rows() -> Vec<Row> {
    [include_str!("tests.yaml"), include_str!("custom_kinds.yaml")]
        .into_iter()
        .flat_map(|table| serde_saphyr::from_str::<Vec<Row>>(table).unwrap())
        .collect()
}

fn noon() -> Timestamp {
    "2024-05-01T12:00:00Z".parse().unwrap()
}

#[test]
fn table() {
    let mut wrong = Vec::new();
    for row in rows() {
        let health = compute(&row.object, row.now.unwrap_or_else(noon));
        let wanted = Health::new(row.status, row.message);
        if health != wanted {
            wrong.push(format!("{}: {health:?} instead of {wanted:?}", row.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn table_has_distinct_names_and_three_cases_of_each_kind() {
    let rows = rows();
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names.len(), rows.len());
    let mut cases: BTreeMap<&str, usize> = BTreeMap::new();
    for kind in rows.iter().filter_map(|row| row.object["kind"].as_str()) {
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
    for row in rows() {
        for pointer in pointers(&row.object, "") {
            for value in &strange {
                let mut object = row.object.clone();
                *object.pointer_mut(&pointer).unwrap() = value.clone();
                let health = compute(&object, noon());
                assert!(
                    health.status != Status::Unknown || !health.message.is_empty(),
                    "{}: {pointer} = {value}",
                    row.name
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
