//! Health of a Kubernetes object: what its rollout has come to, read from the object alone.
//!
//! The rules, their order and their messages are those of kstatus, `pkg/kstatus/status` of
//! [sigs.k8s.io/cli-utils](https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus): deletion, then the
//! observed generation, then the conditions `Reconciling` and `Stalled`, then the rules of the kind, and for kinds
//! without rules the condition `Ready`. Where this module differs, it does so on purpose:
//!
//! | case | kstatus | here | why |
//! |---|---|---|---|
//! | Job that runs | Current | InProgress | a Job is done when it is complete |
//! | Pod in phase `Failed` | Current | Failed | Current means success on GitHub |
//! | Pod in phase `Unknown`, or one not known here | error | Unknown | the node is lost, which may pass |
//! | Pod without a node | its age by the clock | its age at the time given | the same object and time, the same answer |
//! | no object, or one without `kind` or a readable `apiVersion` | what its fields say, or error | Unknown | nothing is known about it, least of all success |
//! | number as text, or with a zero fraction | error or default | read as the number it is | the meaning is plain; Argo Rollouts writes `observedGeneration: "3"` |
//! | `null` | error or missing | missing | as the API server treats it |
//! | difference of two numbers that does not fit into 64 bits | wraps around | exact | a wrapped number says nothing |
//! | any other value of the wrong type, or beyond 64 bits | error, default or panic | Unknown, the message names the field | a guess could become success on GitHub |

mod fields;
mod generic;
mod job;
mod pod;
mod simple;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod workload;

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::plan::State;
use fields::{Condition, Object, Unreadable};

/// How far an object is on the way to what its specification asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Status {
    /// On its way.
    InProgress,
    /// Arrived.
    Current,
    /// Will not arrive by itself.
    Failed,
    /// Being deleted.
    Terminating,
    /// Cannot be told.
    Unknown,
}

impl Status {
    /// What GitHub is to show; nothing for an object that is being deleted.
    #[must_use]
    pub fn state(self) -> Option<State> {
        match self {
            Self::InProgress => Some(State::InProgress),
            Self::Current => Some(State::Success),
            Self::Failed => Some(State::Failure),
            Self::Unknown => Some(State::Pending),
            Self::Terminating => None,
        }
    }

    /// The word that kstatus uses, such as `InProgress`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Current => "Current",
            Self::Failed => "Failed",
            Self::Terminating => "Terminating",
            Self::Unknown => "Unknown",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Health of an object, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The status.
    pub status: Status,
    /// Why, in a sentence or less. Empty where a condition decided that has no message. May be text from outside.
    pub message: String,
}

impl Health {
    fn new(status: Status, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    fn in_progress(message: impl Into<String>) -> Self {
        Self::new(Status::InProgress, message)
    }

    fn current(message: impl Into<String>) -> Self {
        Self::new(Status::Current, message)
    }

    fn failed(message: impl Into<String>) -> Self {
        Self::new(Status::Failed, message)
    }

    fn unknown(message: impl Into<String>) -> Self {
        Self::new(Status::Unknown, message)
    }
}

/// Computes the health of `object` at the time `now`.
///
/// The object is complete, as the API server returns it, with `apiVersion` and `kind`. Time matters only for a Pod
/// that cannot be scheduled: it has 15 seconds from its creation before it counts as failed.
#[must_use]
pub fn compute(object: &Value, now: Timestamp) -> Health {
    try_compute(Object::new(object), now).unwrap_or_else(|unreadable| Health::unknown(unreadable.to_string()))
}

fn try_compute(object: Object<'_>, now: Timestamp) -> Result<Health, Unreadable> {
    let group = object.group()?;
    let kind = object.kind()?;
    if let Some(health) = generic::deletion(object)? {
        return Ok(health);
    }
    if let Some(health) = generic::generation(object, kind)? {
        return Ok(health);
    }
    let conditions = object.conditions()?;
    if let Some(health) = generic::reconciling_or_stalled(&conditions) {
        return Ok(health);
    }
    of_kind(group, kind, object, &conditions, now)
}

fn of_kind(
    group: &str,
    kind: &str,
    object: Object<'_>,
    conditions: &[Condition<'_>],
    now: Timestamp,
) -> Result<Health, Unreadable> {
    match (group, kind) {
        ("apps" | "extensions", "Deployment") => workload::deployment(object, conditions),
        ("apps" | "extensions", "ReplicaSet") => workload::replica_set(object, conditions),
        ("apps" | "extensions", "DaemonSet") => workload::daemon_set(object),
        ("apps", "StatefulSet") => workload::stateful_set(object),
        ("batch", "Job") => job::job(object, conditions),
        ("", "Pod") => pod::pod(object, conditions, now),
        ("", "Service") => simple::service(object),
        ("", "PersistentVolumeClaim") => simple::persistent_volume_claim(object),
        ("", "ConfigMap" | "Secret") | ("batch", "CronJob") => Ok(simple::always_ready()),
        ("policy", "PodDisruptionBudget") => Ok(simple::pod_disruption_budget()),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => Ok(simple::custom_resource_definition(conditions)),
        _ => Ok(generic::ready(conditions)),
    }
}
