//! How many pods of a workload are ready, and how many it wants: for people, not for the verdict.

use std::fmt;

use serde_json::Value;

/// The API server's default for `spec.replicas`.
pub(super) const DEFAULT_REPLICAS: i64 = 1;

/// Pods that are ready, or of a Job complete, and that are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replicas {
    /// Ready.
    pub ready: i64,
    /// Wanted.
    pub desired: i64,
}

impl fmt::Display for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ready, self.desired)
    }
}

/// The numbers that `kubectl get` shows for the object; none for kinds without pods of their own.
#[must_use]
pub fn replicas(object: &Value) -> Option<Replicas> {
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
    let (ready, desired) = match object.get("kind").and_then(Value::as_str)? {
        "Deployment" | "ReplicaSet" | "StatefulSet" | "Rollout" | "ReplicationController" => (
            number("/status/readyReplicas"),
            Some(number("/spec/replicas").unwrap_or(DEFAULT_REPLICAS)),
        ),
        "DaemonSet" => (number("/status/numberReady"), number("/status/desiredNumberScheduled")),
        "Job" => (
            number("/status/succeeded"),
            Some(number("/spec/completions").unwrap_or(1)),
        ),
        _ => return None,
    };
    Some(Replicas {
        ready: ready.unwrap_or(0),
        desired: desired?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn as_kubectl_counts() {
        for (name, object, expected) in [
            (
                "a Deployment",
                json!({"kind": "Deployment", "spec": {"replicas": 3}, "status": {"readyReplicas": 2}}),
                Some("2/3"),
            ),
            ("a new one", json!({"kind": "StatefulSet"}), Some("0/1")),
            (
                "scaled to nothing",
                json!({"kind": "Deployment", "spec": {"replicas": 0}}),
                Some("0/0"),
            ),
            (
                "a DaemonSet",
                json!({"kind": "DaemonSet", "status": {"desiredNumberScheduled": 5, "numberReady": 4}}),
                Some("4/5"),
            ),
            ("a DaemonSet that nobody saw", json!({"kind": "DaemonSet"}), None),
            (
                "a Job",
                json!({"kind": "Job", "spec": {"completions": 2}, "status": {"succeeded": 1}}),
                Some("1/2"),
            ),
            ("a ConfigMap", json!({"kind": "ConfigMap"}), None),
            ("nothing", json!(null), None),
        ] {
            assert_eq!(
                replicas(&object).map(|replicas| replicas.to_string()).as_deref(),
                expected,
                "{name}"
            );
        }
    }
}
