//! The cause: what the pods of a workload say about why its rollout has not arrived.
//!
//! A Deployment only knows that replicas are missing; that an image cannot be pulled stands in its pods. The pods of
//! the rollout under way are asked, never those of an earlier one: see [`Workload`] for how they are told apart.
//!
//! What changes from one moment to the next, such as the names of pods and how long a container will be left alone, is
//! not repeated, so that a cause stays the same text for as long as it is the same cause.

mod image;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Health, Status};
use crate::text::{LONGEST_DESCRIPTION, shorten};
use image::image_problem;

/// Characters that a cause is given at least, however long the message beside it is.
const SHORTEST_CAUSE: usize = 70;

/// A container that was started again so often, and waits again, has lost: the kubelet needs about three minutes for it.
const RESTARTS: i64 = 5;

/// A ConfigMap or Secret that is missing may be on its way, made by another controller from the same manifests.
const CONFIG_PATIENCE: SignedDuration = SignedDuration::from_secs(10);

/// Quota and room on the nodes may still be held by pods that are ending: they have 30 seconds for that.
const ROOM_PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// Where nobody can tell whether an autoscaler brings a node. It looks every 10 seconds.
const SCALE_UP_PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// Why a pod is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    severity: Severity,
    text: String,
    outlook: Outlook,
}

/// Whether a trouble goes by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outlook {
    /// It may, at any time.
    Open,
    /// It does not: somebody has to change something.
    Stays,
    /// It does not, if it is still there at this time.
    StaysFrom(Timestamp),
    /// The pod of this uid has no node since then. An autoscaler may bring one.
    NoNode { pod: String, since: Timestamp },
}

/// The worst comes last: it is what the others follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    /// Containers run, and something says that they are not ready.
    NotReady,
    /// It ended with an error, and may be started again.
    Ended,
    /// It waits for a node.
    Unschedulable,
    /// It starts and ends with an error again and again.
    CrashLoop,
    /// It cannot be started at all.
    NotStarted,
}

impl Trouble {
    fn new(severity: Severity, text: impl Into<String>) -> Self {
        Self {
            severity,
            text: text.into(),
            outlook: Outlook::Open,
        }
    }

    fn with(self, outlook: Outlook) -> Self {
        Self { outlook, ..self }
    }

    /// What it says.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// uid of the pod, if it is one without a node: what autoscalers do about it is asked before [`lasting`].
    #[must_use]
    pub fn pod_without_node(&self) -> Option<&str> {
        match &self.outlook {
            Outlook::NoNode { pod, .. } => Some(pod),
            _ => None,
        }
    }

    fn lasts(&self, scale_ups: Option<&BTreeSet<String>>, now: Timestamp) -> bool {
        let older = |since: Timestamp, patience| now.duration_since(since) >= patience;
        match (&self.outlook, scale_ups) {
            (Outlook::Open, _) => false,
            (Outlook::Stays, _) => true,
            (Outlook::StaysFrom(time), _) => now >= *time,
            (Outlook::NoNode { pod, since }, Some(scale_ups)) => {
                !scale_ups.contains(pod) && older(*since, ROOM_PATIENCE)
            }
            (Outlook::NoNode { since, .. }, None) => older(*since, SCALE_UP_PATIENCE),
        }
    }
}

/// What is wrong with a pod; nothing where it is ready, done, or simply on its way.
///
/// The fields are those of the [Pod API](https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/),
/// the reasons of waiting containers those of the kubelet. What has another form than it should says nothing.
#[must_use]
pub fn trouble(pod: &Value) -> Option<Trouble> {
    if text(pod, "/metadata/deletionTimestamp").is_some()
        || condition(pod, "Ready").is_some_and(|ready| is(ready, "True"))
    {
        return None;
    }
    containers(pod)
        .filter_map(|container| container_trouble(pod, container))
        .chain(pod_trouble(pod))
        .max_by(|a, b| a.severity.cmp(&b.severity).then(b.text.cmp(&a.text)))
}

/// The cause among the troubles of a workload's pods: the worst, of those the most frequent.
#[must_use]
pub fn cause<'a>(troubles: impl IntoIterator<Item = &'a Trouble>) -> Option<String> {
    let mut counts: BTreeMap<(Severity, &str), usize> = BTreeMap::new();
    for trouble in troubles {
        *counts.entry((trouble.severity, &trouble.text)).or_default() += 1;
    }
    counts
        .into_iter()
        .max_by_key(|((severity, text), count)| (*severity, *count, Reverse(*text)))
        .map(|((_, text), _)| text.to_owned())
}

/// The cause among those troubles that do not go by themselves, as `--fail-fast` asks for; none while all of them may.
///
/// | trouble | does not go |
/// |---|---|
/// | the image is not there, may not be pulled, or its name is none | at once |
/// | the image cannot be pulled for a reason that is not told, and the kubelet backs off | at once |
/// | a container cannot be created from its configuration | 10 seconds after the pod was created |
/// | a container crashes | from its fifth restart on |
/// | the pod has no node, and no autoscaler says that it brings one | after 30 seconds; after 60 where nobody can tell |
/// | a workload may not create pods, as for want of quota | after 30 seconds |
///
/// `scale_ups` are the uids of pods for which an autoscaler brings a node; none where that is not known.
#[must_use]
pub fn lasting(troubles: &[Trouble], scale_ups: Option<&BTreeSet<String>>, now: Timestamp) -> Option<String> {
    cause(troubles.iter().filter(|trouble| trouble.lasts(scale_ups, now)))
}

/// [`lasting`] of a Pod that is observed by itself; none for other kinds, and for one that is not on its way.
#[must_use]
pub fn lasting_of_pod(object: &Value, health: &Health, now: Timestamp) -> Option<String> {
    let is_pod = text(object, "/kind") == Some("Pod") && text(object, "/apiVersion") == Some("v1");
    if !is_pod || health.status != Status::InProgress {
        return None;
    }
    lasting(trouble(object).as_slice(), None, now)
}

/// What the conditions of a workload itself say about its pods: that none can be created, as for want of quota.
pub(super) fn of_workload(workload: &Value) -> Option<Trouble> {
    let failure = condition(workload, "ReplicaFailure").filter(|condition| is(condition, "True"))?;
    let reason = text(failure, "/reason").unwrap_or("ReplicaFailure");
    let message = text(failure, "/message").unwrap_or_default();
    // What the API server refuses for good, not what failed on its way there, such as a call of a webhook.
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let is_refused = says(&["is forbidden", "exceeded quota", "denied the request", " is invalid: "])
        && !says(&["failed calling webhook", "Internal error", "timeout"]);
    let outlook = match time(failure, "/lastTransitionTime") {
        Some(since) if is_refused => since
            .checked_add(ROOM_PATIENCE)
            .map_or(Outlook::Open, Outlook::StaysFrom),
        _ => Outlook::Open,
    };
    let text = said(reason, without_pod_name(message));
    Some(Trouble::new(Severity::NotStarted, text).with(outlook))
}

impl Health {
    /// The same health, with its cause in front of its message, in at most 140 characters together.
    #[must_use]
    pub fn because(self, cause: &str) -> Self {
        let room = LONGEST_DESCRIPTION.saturating_sub(self.message.chars().count() + "; ".len());
        let cause = shorten(cause, room.max(SHORTEST_CAUSE));
        let message = match (cause.is_empty(), self.message.is_empty()) {
            (true, _) => self.message,
            (false, true) => cause,
            (false, false) => shorten(&format!("{cause}; {}", self.message), LONGEST_DESCRIPTION),
        };
        Self { message, ..self }
    }

    /// The same health as a failure, for a cause that does not go by itself.
    #[must_use]
    pub fn failed_because(self, cause: &str) -> Self {
        Self {
            status: Status::Failed,
            ..self
        }
        .because(cause)
    }

    /// True if the pods may know why.
    pub(super) fn wants_cause(&self) -> bool {
        matches!(self.status, Status::InProgress | Status::Failed)
    }
}

/// Init containers first, for the others wait for them.
fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    ["/status/initContainerStatuses", "/status/containerStatuses"]
        .into_iter()
        .filter_map(|list| pod.pointer(list)?.as_array())
        .flatten()
}

fn container_trouble(pod: &Value, container: &Value) -> Option<Trouble> {
    if let Some(reason) = text(container, "/state/waiting/reason") {
        return waiting(pod, container, reason);
    }
    if let Some(ended) = container.pointer("/state/terminated") {
        let exit = exit(ended)?;
        return Some(Trouble::new(
            Severity::Ended,
            format!("{}{exit}", prefix(pod, container)),
        ));
    }
    let runs = container.pointer("/state/running").is_some();
    let is_ready = container.get("ready").and_then(Value::as_bool);
    if runs && is_ready == Some(false) && is_app_container(pod, container) {
        let name = text(container, "/name").unwrap_or_default();
        let started = container.get("started").and_then(Value::as_bool).unwrap_or(true);
        let (state, probe) = if started {
            ("ready", "readinessProbe")
        } else {
            ("started", "startupProbe")
        };
        let why = if has_probe(pod, name, probe) {
            let probe = probe.trim_end_matches("Probe");
            format!(": its {probe} probe does not succeed")
        } else {
            String::new()
        };
        return Some(Trouble::new(
            Severity::NotReady,
            format!("container {name} is not {state}{why}"),
        ));
    }
    None
}

fn waiting(pod: &Value, container: &Value, reason: &str) -> Option<Trouble> {
    let message = text(container, "/state/waiting/message").unwrap_or_default();
    match reason {
        // On the way.
        "ContainerCreating" | "PodInitializing" => None,
        "CrashLoopBackOff" => {
            let last = container.pointer("/lastState/terminated").and_then(exit);
            let last = last.map(|exit| format!(", last {exit}")).unwrap_or_default();
            let text = format!("{}CrashLoopBackOff{last}", prefix(pod, container));
            let restarts = container
                .get("restartCount")
                .and_then(Value::as_i64)
                .unwrap_or_default();
            let outlook = if restarts >= RESTARTS {
                Outlook::Stays
            } else {
                Outlook::Open
            };
            Some(Trouble::new(Severity::CrashLoop, text).with(outlook))
        }
        "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "ImageInspectError"
        | "RegistryUnavailable"
        | "SignatureValidationFailed"
        | "ErrImageNotFound" => {
            let image = text(container, "/image").unwrap_or_default();
            // Whatever the image is called: its name is not what went wrong.
            let problem = image_problem(reason, &message.replace(image, ""));
            let text = format!("{reason}: image {image} {}", problem.words());
            Some(Trouble::new(Severity::NotStarted, text).with(problem.outlook(reason)))
        }
        reason => {
            let outlook = match (reason, time(pod, "/metadata/creationTimestamp")) {
                ("CreateContainerConfigError", Some(created)) => created
                    .checked_add(CONFIG_PATIENCE)
                    .map_or(Outlook::Open, Outlook::StaysFrom),
                ("CreateContainerConfigError", None) => Outlook::Stays,
                _ => Outlook::Open,
            };
            let text = format!("{}{}", prefix(pod, container), said(reason, message));
            Some(Trouble::new(Severity::NotStarted, text).with(outlook))
        }
    }
}

/// `exit 137 (OOMKilled)`; nothing for a success.
fn exit(terminated: &Value) -> Option<String> {
    let code = terminated.get("exitCode").and_then(Value::as_i64)?;
    if code == 0 {
        return None;
    }
    // `Error` is what the kubelet writes where it knows no more than the code.
    Some(match text(terminated, "/reason").filter(|reason| *reason != "Error") {
        Some(reason) => format!("exit {code} ({reason})"),
        None => format!("exit {code}"),
    })
}

fn pod_trouble(pod: &Value) -> Option<Trouble> {
    // Of a pod that ended, the node or the scheduler knows more than its containers: evicted, preempted, too late.
    if text(pod, "/status/phase") == Some("Failed")
        && let Some(reason) = text(pod, "/status/reason")
    {
        let message = text(pod, "/status/message").unwrap_or_default();
        return Some(Trouble::new(Severity::CrashLoop, said(reason, message)));
    }
    if let Some(scheduled) = condition(pod, "PodScheduled").filter(|scheduled| is(scheduled, "False")) {
        let message = text(scheduled, "/message").unwrap_or_default();
        return match text(scheduled, "/reason") {
            Some("Unschedulable") | None => {
                let trouble = Trouble::new(Severity::Unschedulable, said("unschedulable", message));
                Some(trouble.with(without_node(pod, scheduled)))
            }
            // Gated on purpose; whoever holds the gate opens it.
            Some(reason) => Some(Trouble::new(Severity::NotReady, said(reason, message))),
        };
    }
    let gates = condition(pod, "Ready").filter(|ready| text(ready, "/reason") == Some("ReadinessGatesNotReady"))?;
    Some(Trouble::new(
        Severity::NotReady,
        said("not ready", text(gates, "/message").unwrap_or_default()),
    ))
}

/// Open where other pods give way to it.
fn without_node(pod: &Value, scheduled: &Value) -> Outlook {
    let since = time(scheduled, "/lastTransitionTime").or_else(|| time(pod, "/metadata/creationTimestamp"));
    match (text(pod, "/status/nominatedNodeName"), since) {
        (None, Some(since)) => Outlook::NoNode {
            pod: text(pod, "/metadata/uid").unwrap_or_default().to_owned(),
            since,
        },
        _ => Outlook::Open,
    }
}

fn said(what: &str, message: &str) -> String {
    if message.is_empty() {
        what.to_owned()
    } else {
        format!("{what}: {message}")
    }
}

/// Which container it is, where the pod has several.
fn prefix(pod: &Value, container: &Value) -> String {
    match text(container, "/name") {
        Some(name) if containers(pod).nth(1).is_some() => format!("container {name}: "),
        _ => String::new(),
    }
}

fn is_app_container(pod: &Value, container: &Value) -> bool {
    let apps = pod.pointer("/status/containerStatuses").and_then(Value::as_array);
    apps.is_some_and(|apps| apps.contains(container))
}

fn has_probe(pod: &Value, container: &str, probe: &str) -> bool {
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
    containers
        .into_iter()
        .flatten()
        .any(|spec| text(spec, "/name") == Some(container) && spec.get(probe).is_some_and(Value::is_object))
}

/// The API server's refusals name the pod, which has another name at each attempt.
fn without_pod_name(message: &str) -> &str {
    message
        .strip_prefix("pods ")
        .and_then(|message| message.split_once(" is forbidden: "))
        .map_or(message, |(_, why)| why)
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    conditions
        .iter()
        .find(|condition| text(condition, "/type") == Some(kind))
}

fn is(condition: &Value, status: &str) -> bool {
    text(condition, "/status") == Some(status)
}

/// A text that is there and not empty.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}

fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    text(value, pointer)?.parse().ok()
}

#[cfg(test)]
mod tests;
