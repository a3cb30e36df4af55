//! Kinds that keep a number of pods: Deployment, ReplicaSet, StatefulSet, DaemonSet.

use super::{
    Health,
    fields::{Condition, Object, Unreadable},
    replicas::DEFAULT_REPLICAS,
};

/// `spec.progressDeadlineSeconds` of this value means that there is no deadline.
const NO_PROGRESS_DEADLINE: i64 = i32::MAX as i64;

pub(super) fn deployment(object: Object<'_>, conditions: &[Condition<'_>]) -> Result<Health, Unreadable> {
    let deadline = object.integer("spec.progressDeadlineSeconds")?;
    // Without a deadline the controller does not set the condition `Progressing`.
    let mut progressing = deadline.unwrap_or(NO_PROGRESS_DEADLINE) == NO_PROGRESS_DEADLINE;
    let mut available = false;
    for condition in conditions {
        match condition.kind {
            "Progressing" if condition.reason == "ProgressDeadlineExceeded" => {
                return Ok(Health::failed("Progress deadline exceeded"));
            }
            "Progressing" => {
                progressing |= condition.status == "True" && condition.reason == "NewReplicaSetAvailable";
            }
            "Available" => available |= condition.status == "True",
            _ => {}
        }
    }

    let desired = object.integer("spec.replicas")?.unwrap_or(DEFAULT_REPLICAS);
    let total = count(object, "status.replicas")?;
    let updated = count(object, "status.updatedReplicas")?;
    let ready = count(object, "status.readyReplicas")?;
    let is_available = count(object, "status.availableReplicas")?;

    if desired > total {
        return Ok(Health::in_progress(format!("Replicas: {total}/{desired}")));
    }
    if desired > updated {
        return Ok(Health::in_progress(format!("Updated: {updated}/{desired}")));
    }
    if total > desired {
        return Ok(pending_termination(total, desired));
    }
    if updated > is_available {
        return Ok(Health::in_progress(format!("Available: {is_available}/{updated}")));
    }
    if desired > ready {
        return Ok(Health::in_progress(format!("Ready: {ready}/{desired}")));
    }
    if !progressing {
        return Ok(Health::in_progress("ReplicaSet not Available"));
    }
    if !available {
        return Ok(Health::in_progress("Deployment not Available"));
    }
    Ok(Health::current(format!("Deployment is available. Replicas: {total}")))
}

pub(super) fn replica_set(object: Object<'_>, conditions: &[Condition<'_>]) -> Result<Health, Unreadable> {
    if conditions
        .iter()
        .any(|condition| condition.is("ReplicaFailure", "True"))
    {
        return Ok(Health::in_progress("Replica Failure condition. Check Pods"));
    }

    let desired = object.integer("spec.replicas")?.unwrap_or(DEFAULT_REPLICAS);
    let total = count(object, "status.replicas")?;
    let ready = count(object, "status.readyReplicas")?;
    let available = count(object, "status.availableReplicas")?;
    let labelled = count(object, "status.fullyLabeledReplicas")?;

    if desired > labelled {
        return Ok(Health::in_progress(format!("Labelled: {labelled}/{desired}")));
    }
    if desired > available {
        return Ok(Health::in_progress(format!("Available: {available}/{desired}")));
    }
    if desired > ready {
        return Ok(Health::in_progress(format!("Ready: {ready}/{desired}")));
    }
    if total > desired {
        return Ok(pending_termination(total, desired));
    }
    Ok(Health::current(format!("ReplicaSet is available. Replicas: {total}")))
}

/// The controller sets no conditions, so only the numbers and the revisions can tell, and a failure never shows.
pub(super) fn stateful_set(object: Object<'_>) -> Result<Health, Unreadable> {
    if object.text("spec.updateStrategy.type")? == Some("OnDelete") {
        // The user replaces the pods; there is no rollout to wait for.
        return Ok(Health::current("StatefulSet is using the ondelete update strategy"));
    }

    let desired = object.integer("spec.replicas")?.unwrap_or(DEFAULT_REPLICAS);
    let ready = count(object, "status.readyReplicas")?;
    let current = count(object, "status.currentReplicas")?;
    let updated = count(object, "status.updatedReplicas")?;
    let total = count(object, "status.replicas")?;
    let partition = object
        .integer("spec.updateStrategy.rollingUpdate.partition")?
        .filter(|partition| *partition != -1);

    if desired > total {
        return Ok(Health::in_progress(format!("Replicas: {total}/{desired}")));
    }
    if desired > ready {
        return Ok(Health::in_progress(format!("Ready: {ready}/{desired}")));
    }
    if total > desired {
        return Ok(pending_termination(total, desired));
    }
    // https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#partitions
    if let Some(partition) = partition {
        let wanted = i128::from(desired) - i128::from(partition);
        if i128::from(updated) < wanted {
            return Ok(Health::in_progress(format!("updated: {updated}/{wanted}")));
        }
        return Ok(Health::current(format!(
            "Partition rollout complete. updated: {updated}"
        )));
    }
    if desired > current {
        return Ok(Health::in_progress(format!("current: {current}/{desired}")));
    }
    let current_revision = object.text("status.currentRevision")?.unwrap_or_default();
    let update_revision = object.text("status.updateRevision")?.unwrap_or_default();
    if current_revision != update_revision {
        return Ok(Health::in_progress("Waiting for updated revision to match current"));
    }
    Ok(Health::current(format!(
        "All replicas scheduled as expected. Replicas: {total}"
    )))
}

/// A DaemonSet that its controller has seen has both generations, so here they may not be missing.
pub(super) fn daemon_set(object: Object<'_>) -> Result<Health, Unreadable> {
    for field in ["metadata.generation", "status.observedGeneration"] {
        if object.integer(field)?.is_none() {
            return Ok(Health::in_progress(format!("DaemonSet {field} not found")));
        }
    }

    let desired = object
        .integer("status.desiredNumberScheduled")?
        .filter(|number| *number != -1);
    let current = count(object, "status.currentNumberScheduled")?;
    let updated = count(object, "status.updatedNumberScheduled")?;
    let available = count(object, "status.numberAvailable")?;
    let ready = count(object, "status.numberReady")?;

    let Some(desired) = desired else {
        return Ok(Health::in_progress("Missing .status.desiredNumberScheduled"));
    };
    if desired > current {
        return Ok(Health::in_progress(format!("Current: {current}/{desired}")));
    }
    if desired > updated {
        return Ok(Health::in_progress(format!("Updated: {updated}/{desired}")));
    }
    if desired > available {
        return Ok(Health::in_progress(format!("Available: {available}/{desired}")));
    }
    if desired > ready {
        return Ok(Health::in_progress(format!("Ready: {ready}/{desired}")));
    }
    Ok(Health::current(format!(
        "All replicas scheduled as expected. Replicas: {desired}"
    )))
}

/// A number in the status; the controllers leave out what is zero.
fn count(object: Object<'_>, path: &str) -> Result<i64, Unreadable> {
    Ok(object.integer(path)?.unwrap_or(0))
}

fn pending_termination(total: i64, desired: i64) -> Health {
    let surplus = i128::from(total) - i128::from(desired);
    Health::in_progress(format!("Pending termination: {surplus}"))
}
