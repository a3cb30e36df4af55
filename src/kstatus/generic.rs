//! Rules that need not know the kind.

use super::{
    Health, Status,
    fields::{Condition, Object, Unreadable},
};

/// An object with a deletion timestamp is going, whatever else it says.
pub(super) fn deletion(object: Object<'_>) -> Result<Option<Health>, Unreadable> {
    Ok(object
        .text("metadata.deletionTimestamp")?
        .filter(|timestamp| !timestamp.is_empty())
        .map(|_| Health::new(Status::Terminating, "Resource scheduled for deletion")))
}

/// A status that speaks of another generation says nothing about this one.
pub(super) fn generation(object: Object<'_>, kind: &str) -> Result<Option<Health>, Unreadable> {
    let Some(generation) = object.integer("metadata.generation")? else {
        return Ok(None);
    };
    let Some(observed) = object.integer("status.observedGeneration")? else {
        return Ok(None);
    };
    Ok((generation != observed).then(|| Health::not_observed(kind, generation, observed)))
}

/// The conditions by which a controller says itself how far it is.
pub(super) fn reconciling_or_stalled(conditions: &[Condition<'_>]) -> Option<Health> {
    conditions.iter().find_map(|condition| {
        if condition.is("Reconciling", "True") {
            Some(Health::in_progress(condition.message))
        } else if condition.is("Stalled", "True") {
            Some(Health::failed(condition.message))
        } else {
            None
        }
    })
}

/// Kinds without rules of their own: `Ready` decides, and an object that says nothing counts as current.
pub(super) fn ready(conditions: &[Condition<'_>]) -> Health {
    conditions
        .iter()
        .filter(|condition| condition.kind == "Ready")
        .find_map(|condition| match condition.status {
            "True" => Some(Health::current("Resource is Ready")),
            "False" | "Unknown" => Some(Health::in_progress(condition.message)),
            _ => None,
        })
        .unwrap_or_else(|| Health::current("Resource is current"))
}
