//! Pods by phase, readiness, crash loops and scheduling.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    Health,
    fields::{Condition, Object, Unreadable, wrong_type},
};

/// How long a pod may be unschedulable before that counts as a failure.
const SCHEDULE_WINDOW: SignedDuration = SignedDuration::from_secs(15);

pub(super) fn pod(object: Object<'_>, conditions: &[Condition<'_>], now: Timestamp) -> Result<Health, Unreadable> {
    match object.text("status.phase")?.unwrap_or_default() {
        "" => Ok(Health::in_progress("Pod phase not available")),
        "Succeeded" => Ok(Health::current("Pod has completed successfully")),
        "Failed" => Ok(Health::failed("Pod has completed, but not successfully")),
        "Running" => running(object, conditions),
        "Pending" => pending(object, conditions, now),
        other => Err(Unreadable::UnknownValue {
            field: "phase",
            value: other.to_owned(),
        }),
    }
}

fn running(object: Object<'_>, conditions: &[Condition<'_>]) -> Result<Health, Unreadable> {
    if conditions.iter().any(|condition| condition.is("Ready", "True")) {
        return Ok(Health::current("Pod is Ready"));
    }
    let crash_looping = crash_looping_containers(object)?;
    if crash_looping.is_empty() {
        return Ok(Health::in_progress("Pod is running but is not Ready"));
    }
    Ok(Health::failed(format!(
        "Containers in CrashLoop state: {}",
        crash_looping.join(",")
    )))
}

fn pending(object: Object<'_>, conditions: &[Condition<'_>], now: Timestamp) -> Result<Health, Unreadable> {
    let unschedulable = conditions
        .iter()
        .find(|condition| condition.is("PodScheduled", "False"))
        .is_some_and(|condition| condition.reason == "Unschedulable");
    if !unschedulable {
        return Ok(Health::in_progress("Pod is in the Pending phase"));
    }
    let created = object.time("metadata.creationTimestamp")?;
    if created.is_some_and(|created| now.duration_since(created) < SCHEDULE_WINDOW) {
        return Ok(Health::in_progress("Pod has not been scheduled"));
    }
    Ok(Health::failed("Pod could not be scheduled"))
}

fn crash_looping_containers(object: Object<'_>) -> Result<Vec<&str>, Unreadable> {
    const PATH: &str = "status.containerStatuses";
    let mut names = Vec::new();
    for (index, item) in object.list(PATH)?.iter().enumerate() {
        let place = format!("{PATH}[{index}]");
        let container = match item {
            Value::Null => continue,
            Value::Object(_) => Object::new(item),
            other => return Err(wrong_type(&place, other, "an object")),
        };
        let text = |field| container.text(field).map_err(|error| error.below(&place));
        if let Some(name) = text("name")?
            && text("state.waiting.reason")? == Some("CrashLoopBackOff")
        {
            names.push(name);
        }
    }
    Ok(names)
}
