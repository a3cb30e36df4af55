//! The cause: what the pods of a workload say about why its rollout has not arrived.
//!
//! A Deployment only knows that replicas are missing; that an image cannot be pulled stands in its pods. The pods of
//! the rollout under way are asked, never those of an earlier one: see [`Workload`] for how they are told apart.
//!
//! What changes from one moment to the next, such as the names of pods and how long a container will be left alone, is
//! not repeated, so that a cause stays the same text for as long as it is the same cause.

use std::{cmp::Reverse, collections::BTreeMap};

use serde_json::Value;

use super::{Health, Status};

/// Characters of a message with its cause: as long as a description on GitHub may be.
const LONGEST: usize = 140;

/// Characters that a cause is given at least, however long the message beside it is.
const SHORTEST_CAUSE: usize = 70;

/// Why a pod is not what it should be. The worst comes last: it is what the others follow from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trouble {
    severity: Severity,
    text: String,
}

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
pub fn cause(troubles: impl IntoIterator<Item = Trouble>) -> Option<String> {
    let mut counts: BTreeMap<Trouble, usize> = BTreeMap::new();
    for trouble in troubles {
        *counts.entry(trouble).or_default() += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(trouble, count)| (trouble.severity, *count, Reverse(trouble.text.clone())))
        .map(|(trouble, _)| trouble.text)
}

/// What the conditions of a workload itself say about its pods: that none can be created, as for want of quota.
pub(super) fn of_workload(workload: &Value) -> Option<String> {
    let failure = condition(workload, "ReplicaFailure").filter(|condition| is(condition, "True"))?;
    let reason = text(failure, "/reason").unwrap_or("ReplicaFailure");
    Some(match text(failure, "/message") {
        Some(message) => format!("{reason}: {}", without_pod_name(message)),
        None => reason.to_owned(),
    })
}

impl Health {
    /// The same health, with its cause in front of its message, in at most 140 characters together.
    #[must_use]
    pub fn because(self, cause: &str) -> Self {
        let room = LONGEST.saturating_sub(self.message.chars().count() + "; ".len());
        let cause = shorten(cause, room.max(SHORTEST_CAUSE));
        let message = match (cause.is_empty(), self.message.is_empty()) {
            (true, _) => self.message,
            (false, true) => cause,
            (false, false) => shorten(&format!("{cause}; {}", self.message), LONGEST),
        };
        Self { message, ..self }
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
            Some(Trouble::new(Severity::CrashLoop, text))
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
            let text = format!("{reason}: image {image} {}", image_problem(reason, message));
            Some(Trouble::new(Severity::NotStarted, text))
        }
        reason if message.is_empty() => Some(Trouble::new(
            Severity::NotStarted,
            format!("{}{reason}", prefix(pod, container)),
        )),
        reason => {
            let text = format!("{}{reason}: {message}", prefix(pod, container));
            Some(Trouble::new(Severity::NotStarted, text))
        }
    }
}

/// What the kubelet and the registries say, in words that fit. Back-off and pull errors take turns in a pod that waits
/// for its image; the former repeats the latter from Kubernetes 1.31 on.
fn image_problem(reason: &str, message: &str) -> &'static str {
    let message = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if reason == "InvalidImageName" {
        "is not a valid reference"
    } else if reason == "ErrImageNeverPull" {
        "is not on the node, and its pull policy is Never"
    } else if says(&["unauthorized", "denied", "forbidden", "authentication", "authorization"]) {
        "may not be pulled"
    } else if says(&[
        "not found",
        "notfound",
        "manifest unknown",
        "name unknown",
        "no such manifest",
    ]) {
        "not found"
    } else if says(&[
        "no such host",
        "timeout",
        "timed out",
        "refused",
        "unreachable",
        "deadline exceeded",
    ]) {
        "cannot be pulled: the registry is out of reach"
    } else {
        "cannot be pulled"
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
            Some("Unschedulable") | None => Some(Trouble::new(Severity::Unschedulable, said("unschedulable", message))),
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

/// At most so many characters, with `…` where something is missing.
fn shorten(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(characters.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn what_pods_say() {
        let rows: Vec<Row> = serde_saphyr::from_str(include_str!("causes.yaml")).unwrap();
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
            assert_eq!(cause(troubles).as_deref(), expected, "{name}");
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
            assert!(health.message.chars().count() <= LONGEST, "{name}");
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
            assert_eq!(of_workload(&workload).as_deref(), expected, "{name}");
        }
    }
}
