//! Knative's `Service` by its condition `Ready`, which is true, false or unknown: happy, failed or under way.
//!
//! The meaning is that of Knative's condition sets
//! ([condition_set.go](https://github.com/knative/pkg/blob/main/apis/condition_set.go)) and of `IsReady` and `IsFailed`
//! ([service_lifecycle.go](https://github.com/knative/serving/blob/main/pkg/apis/serving/v1/service_lifecycle.go)).
//! A new revision that fails is a failure although the routes still serve the one before it.

use super::{
    Health,
    fields::{Condition, Object, Unreadable},
};

/// `Ready` sums up the other two; a controller sets all three at once.
const CONDITIONS: [&str; 3] = ["Ready", "ConfigurationsReady", "RoutesReady"];

pub(super) fn service(object: Object<'_>, conditions: &[Condition<'_>]) -> Result<Health, Unreadable> {
    // The controller writes both, so without the second the conditions are not its own.
    if object.integer("metadata.generation")?.is_some() && object.integer("status.observedGeneration")?.is_none() {
        return Ok(Health::in_progress("Service has not been observed"));
    }
    let found = CONDITIONS.map(|kind| (kind, conditions.iter().find(|condition| condition.kind == kind)));
    for condition in found.iter().filter_map(|(_, condition)| *condition) {
        if condition.status == "False" {
            return Ok(Health::failed(condition.reason_and_message()));
        }
    }
    for (kind, condition) in found {
        match condition {
            Some(condition) if condition.status == "True" => {}
            Some(condition) if !condition.message.is_empty() => {
                return Ok(Health::in_progress(condition.reason_and_message()));
            }
            _ => return Ok(Health::in_progress(format!("{kind} is not known"))),
        }
    }
    Ok(Health::current("Service is ready"))
}
