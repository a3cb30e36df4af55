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
//! | Argo Rollouts' `Rollout` | error, or always Current | by its phase; a paused one is InProgress | it has no condition `Ready` |
//! | Argo CD's `Application` | always Current | Current when synced to its specification and healthy | it has no condition `Ready` |
//! | Flux's `Kustomization` and `HelmRelease` | Current without status; InProgress where `Ready` is false | InProgress without status; Failed where an attempt failed | they never stop trying, and a failed rollout has to show |
//! | Knative's `Service` | Current without status; InProgress where `Ready` is false | InProgress without status; Failed where it is false | that is what Knative means by false |
//! | number as text, or with a zero fraction | error or default | read as the number it is | the meaning is plain; Argo Rollouts writes `observedGeneration: "3"` |
//! | `null` | error or missing | missing | as the API server treats it |
//! | difference of two numbers that does not fit into 64 bits | wraps around | exact | a wrapped number says nothing |
//! | any other value of the wrong type, or beyond 64 bits | error, default or panic | Unknown, the message names the field | a guess could become success on GitHub |

mod argo_cd;
mod argo_rollouts;
mod cause;
mod fields;
mod flux;
mod generic;
mod job;
mod knative;
mod pod;
mod pods;
mod replicas;
mod simple;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod workload;

use std::{cell::RefCell, fmt};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::plan::State;

pub use cause::{Trouble, cause, lasting, lasting_of_pod, trouble};
pub use pods::{ReplicaSet, Workload, controller};
pub use replicas::{Replicas, replicas};

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

    /// What it shows is of another generation.
    fn not_observed(what: &str, generation: i64, observed: impl fmt::Display) -> Self {
        Self::in_progress(format!(
            "{what} generation is {generation}, but latest observed generation is {observed}"
        ))
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

    /// Of an object that does not yet have the generation that is waited for: what it shows is of no interest.
    #[must_use]
    pub fn waiting_for_generation(generation: i64) -> Self {
        Self::in_progress(format!("waiting for generation {generation}"))
    }
}

/// The rule that decided. Kinds that share a rule share its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub enum Rule {
    /// The object is being deleted.
    Deletion,
    /// Its controller has not seen this generation yet.
    ObservedGeneration,
    /// One of the conditions `Reconciling` and `Stalled`.
    ReconcilingOrStalled,
    /// Deployment.
    Deployment,
    /// ReplicaSet.
    ReplicaSet,
    /// DaemonSet.
    DaemonSet,
    /// StatefulSet.
    StatefulSet,
    /// Job.
    Job,
    /// Pod.
    Pod,
    /// Service.
    Service,
    /// PersistentVolumeClaim.
    PersistentVolumeClaim,
    /// Kinds that are what they are as soon as they are stored.
    AlwaysReady,
    /// PodDisruptionBudget.
    PodDisruptionBudget,
    /// CustomResourceDefinition.
    CustomResourceDefinition,
    /// Rollout of Argo Rollouts.
    Rollout,
    /// Application of Argo CD.
    Application,
    /// Kustomization of Flux.
    Kustomization,
    /// HelmRelease of Flux.
    HelmRelease,
    /// Service of Knative.
    KnativeService,
    /// Any other kind: the condition `Ready`, else current.
    Ready,
    /// A field does not hold what it should.
    Unreadable,
}

impl Rule {
    fn of(group: &str, kind: &str) -> Self {
        match (group, kind) {
            ("apps" | "extensions", "Deployment") => Self::Deployment,
            ("apps" | "extensions", "ReplicaSet") => Self::ReplicaSet,
            ("apps" | "extensions", "DaemonSet") => Self::DaemonSet,
            ("apps", "StatefulSet") => Self::StatefulSet,
            ("batch", "Job") => Self::Job,
            ("", "Pod") => Self::Pod,
            ("", "Service") => Self::Service,
            ("", "PersistentVolumeClaim") => Self::PersistentVolumeClaim,
            ("", "ConfigMap" | "Secret") | ("batch", "CronJob") => Self::AlwaysReady,
            ("policy", "PodDisruptionBudget") => Self::PodDisruptionBudget,
            ("apiextensions.k8s.io", "CustomResourceDefinition") => Self::CustomResourceDefinition,
            ("argoproj.io", "Rollout") => Self::Rollout,
            ("argoproj.io", "Application") => Self::Application,
            ("kustomize.toolkit.fluxcd.io", "Kustomization") => Self::Kustomization,
            ("helm.toolkit.fluxcd.io", "HelmRelease") => Self::HelmRelease,
            ("serving.knative.dev", "Service") => Self::KnativeService,
            _ => Self::Ready,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A field that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Dotted, from the root of the object; a condition as `status.conditions[TYPE]`.
    pub path: String,
    /// What was there, null where nothing was; of a condition its status, with the reason in parentheses.
    pub value: Value,
}

/// Health of an object, and how it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The health.
    pub health: Health,
    /// The rule that decided.
    pub rule: Rule,
    /// The fields that were looked at, in that order, each once.
    pub fields: Vec<Field>,
}

/// Computes the health of `object` at the time `now`.
///
/// Any JSON value is an answer's worth: what cannot be read is [`Status::Unknown`], and the message names the field.
/// Time matters to pods only, which may be unschedulable for a while before they count as failed.
#[must_use]
pub fn compute(object: &Value, now: Timestamp) -> Health {
    decide(Object::new(object), now).1
}

/// Computes the health of `object` as [`compute`] does, and says by which rule and from which fields.
#[must_use]
pub fn explain(object: &Value, now: Timestamp) -> Explanation {
    let seen = RefCell::default();
    let (rule, health) = decide(Object::recorded(object, &seen), now);
    Explanation {
        health,
        rule,
        fields: seen.into_inner(),
    }
}

fn decide(object: Object<'_>, now: Timestamp) -> (Rule, Health) {
    try_decide(object, now).unwrap_or_else(|unreadable| (Rule::Unreadable, Health::unknown(unreadable.to_string())))
}

fn try_decide(object: Object<'_>, now: Timestamp) -> Result<(Rule, Health), Unreadable> {
    let group = object.group()?;
    let kind = object.kind()?;
    if let Some(health) = generic::deletion(object)? {
        return Ok((Rule::Deletion, health));
    }
    let rule = Rule::of(group, kind);
    // Of the generations and conditions of these kinds the generic rules know too little.
    match rule {
        Rule::Rollout => return Ok((rule, argo_rollouts::rollout(object)?)),
        Rule::Kustomization => return Ok((rule, flux::kustomization(object)?)),
        Rule::HelmRelease => return Ok((rule, flux::helm_release(object)?)),
        _ => {}
    }
    if let Some(health) = generic::generation(object, kind)? {
        return Ok((Rule::ObservedGeneration, health));
    }
    let conditions = object.conditions()?;
    if let Some(health) = generic::reconciling_or_stalled(&conditions) {
        return Ok((Rule::ReconcilingOrStalled, health));
    }
    Ok((rule, by_rule(rule, object, &conditions, now)?))
}

fn by_rule(rule: Rule, object: Object<'_>, conditions: &[Condition<'_>], now: Timestamp) -> Result<Health, Unreadable> {
    match rule {
        Rule::Deployment => workload::deployment(object, conditions),
        Rule::ReplicaSet => workload::replica_set(object, conditions),
        Rule::DaemonSet => workload::daemon_set(object),
        Rule::StatefulSet => workload::stateful_set(object),
        Rule::Job => job::job(object, conditions),
        Rule::Pod => pod::pod(object, conditions, now),
        Rule::Service => simple::service(object),
        Rule::PersistentVolumeClaim => simple::persistent_volume_claim(object),
        Rule::AlwaysReady => Ok(simple::always_ready()),
        Rule::PodDisruptionBudget => Ok(simple::pod_disruption_budget()),
        Rule::CustomResourceDefinition => Ok(simple::custom_resource_definition(conditions)),
        Rule::Application => argo_cd::application(object, conditions),
        Rule::KnativeService => knative::service(object, conditions),
        // Those that were not decided before have no rule but this one.
        _ => Ok(generic::ready(conditions)),
    }
}
