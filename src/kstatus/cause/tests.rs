use serde::Deserialize;
use serde_json::json;

use super::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    cause: Option<String>,
    pod: Value,
}

/// Of a pod that was created at [`NOON`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LastingRow {
    name: String,
    /// Whether it lasts: never, always, or from so many seconds after noon on.
    lasts: Lasts,
    /// The same where it is known what autoscalers do.
    #[serde(default)]
    lasts_with_events: Option<Lasts>,
    #[serde(default)]
    scale_ups: BTreeSet<String>,
    pod: Value,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Lasts {
    Never,
    Always,
    From(i64),
}

const NOON: &str = "2026-01-01T12:00:00Z";

fn after_noon(seconds: i64) -> Timestamp {
    NOON.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

#[test]
fn what_does_not_go_by_itself() {
    let rows: Vec<LastingRow> = serde_saphyr::from_str(include_str!("../lasting.yaml")).unwrap();
    for row in rows {
        let LastingRow {
            name,
            lasts,
            lasts_with_events,
            scale_ups,
            mut pod,
        } = row;
        pod["metadata"] = json!({"uid": "u", "creationTimestamp": NOON});
        let troubles: Vec<Trouble> = trouble(&pod).into_iter().collect();
        assert!(!troubles.is_empty(), "{name} is a trouble");
        for (known, lasts) in [(None, lasts), (Some(&scale_ups), lasts_with_events.unwrap_or(lasts))] {
            let at = |seconds| lasting(&troubles, known, after_noon(seconds)).is_some();
            let name = format!("{name}, events {}", if known.is_some() { "read" } else { "unknown" });
            match lasts {
                Lasts::Never => assert!(!at(0) && !at(100_000), "{name}"),
                Lasts::Always => assert!(at(0), "{name}"),
                Lasts::From(seconds) => assert!(!at(seconds - 1) && at(seconds), "{name}"),
            }
        }
    }
}

#[test]
fn what_lasts_is_told_before_what_is_worse_but_may_go() {
    let troubles = [
        Trouble::new(Severity::NotStarted, "a registry that is out of reach"),
        Trouble::new(Severity::CrashLoop, "a crash").with(Outlook::Stays),
        Trouble::new(Severity::NotReady, "not ready"),
    ];
    assert_eq!(cause(&troubles).as_deref(), Some("a registry that is out of reach"));
    assert_eq!(lasting(&troubles, None, after_noon(0)).as_deref(), Some("a crash"));
    assert_eq!(lasting(&troubles[..1], None, after_noon(0)), None);
}

#[test]
fn a_workload_that_may_not_have_pods_gets_its_time() {
    let failure = |message: &str| {
        let condition = json!({
            "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message,
            "lastTransitionTime": NOON,
        });
        of_workload(&json!({"status": {"conditions": [condition]}})).unwrap()
    };
    for (name, message, lasts) in [
        ("quota", r#"pods "app-1" is forbidden: exceeded quota: small"#, true),
        (
            "policy",
            r#"pods "app-1" is forbidden: violates PodSecurity "restricted:latest""#,
            true,
        ),
        (
            "a webhook that refuses",
            r#"admission webhook "policy.example" denied the request: no"#,
            true,
        ),
        (
            "a webhook that is away",
            r#"Internal error occurred: failed calling webhook "policy.example""#,
            false,
        ),
        (
            "a pod that is none",
            r#"Pod "app-1" is invalid: spec.containers[0].image: Required value"#,
            true,
        ),
        ("the API server", "etcdserver: request timed out", false),
    ] {
        let at = |seconds| lasting(&[failure(message)], None, after_noon(seconds)).is_some();
        assert!(!at(29), "{name}");
        assert_eq!(at(30), lasts, "{name}");
    }
}

#[test]
fn what_pods_say() {
    let rows: Vec<Row> = serde_saphyr::from_str(include_str!("../causes.yaml")).unwrap();
    for Row { name, cause, pod } in rows {
        assert_eq!(trouble(&pod).map(|trouble| trouble.text), cause, "{name}");
    }
}

#[test]
fn the_worst_counts_and_then_the_most_frequent() {
    let not_ready = |text: &str| Trouble::new(Severity::NotReady, text);
    let crash = |text: &str| Trouble::new(Severity::CrashLoop, text);
    for (name, troubles, expected) in [
        ("none", vec![], None),
        ("the worst", vec![not_ready("a"), not_ready("a"), crash("b")], Some("b")),
        ("the most frequent", vec![crash("a"), crash("b"), crash("b")], Some("b")),
        ("the same whatever the order", vec![crash("b"), crash("a")], Some("a")),
    ] {
        assert_eq!(cause(&troubles).as_deref(), expected, "{name}");
    }
}

#[test]
fn cause_and_message_fit_into_a_description() {
    let long = "unschedulable: 0/120 nodes are available: 40 Insufficient cpu, 40 Insufficient memory, 40 node(s) had \
                untolerated taint {dedicated: database}. preemption: 0/120 nodes are available";
    for (name, message, cause, expected) in [
        ("short", "Updated: 1/2", "exit 1", "exit 1; Updated: 1/2".to_owned()),
        ("no message", "", "exit 1", "exit 1".to_owned()),
        ("no cause", "Updated: 1/2", "", "Updated: 1/2".to_owned()),
        (
            "a long cause is cut, the message stays",
            "Updated: 1/2",
            long,
            format!("{}…; Updated: 1/2", &long[..125]),
        ),
        (
            "both are long",
            long,
            long,
            format!("{}…; {}…", &long[..69], &long[..67]),
        ),
    ] {
        let health = Health::in_progress(message).because(cause);
        assert_eq!(health.message, expected, "{name}");
        assert!(health.message.chars().count() <= LONGEST_DESCRIPTION, "{name}");
        assert_eq!(health.status, Status::InProgress, "{name}");
    }
}

#[test]
fn a_workload_that_may_not_have_pods_says_so_itself() {
    let with = |condition: Value| json!({"status": {"conditions": [condition]}});
    let failure = |message: &str| {
        with(json!({"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}))
    };
    for (name, workload, expected) in [
        (
            "quota",
            failure(r#"pods "app-7d9f8c-x2x" is forbidden: exceeded quota: small"#),
            Some("FailedCreate: exceeded quota: small"),
        ),
        (
            "a webhook",
            failure("admission webhook denied the request"),
            Some("FailedCreate: admission webhook denied the request"),
        ),
        (
            "not any more",
            with(json!({"type": "ReplicaFailure", "status": "False"})),
            None,
        ),
        ("nothing", json!(null), None),
    ] {
        assert_eq!(of_workload(&workload).as_ref().map(Trouble::text), expected, "{name}");
    }
}
