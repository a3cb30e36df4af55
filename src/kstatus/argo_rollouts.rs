//! Argo Rollouts' `Rollout` by the phase that its controller writes, and before version 1.0 by conditions and numbers.
//!
//! The rule is that of the project's own client
//! ([utils/rollout/rolloututil.go](https://github.com/argoproj/argo-rollouts/blob/master/utils/rollout/rolloututil.go))
//! and, for what older controllers write, that of Argo CD
//! ([health.lua](https://github.com/argoproj/argo-cd/blob/master/resource_customizations/argoproj.io/Rollout/health.lua)).
//! A paused rollout is in progress: its promotion is still to come.

use serde_json::Value;

use super::{
    Health,
    fields::{Object, Unreadable, or, wrong_type},
    replicas::DEFAULT_REPLICAS,
};

pub(super) fn rollout(object: Object<'_>) -> Result<Health, Unreadable> {
    if !object.has("status")? {
        return Ok(Health::in_progress("Rollout has not been observed"));
    }
    if let Some(health) = not_observed(object)? {
        return Ok(health);
    }
    let message = object.text("status.message")?.unwrap_or_default();
    let aborted = object.boolean("status.abort")? == Some(true);
    match object.text("status.phase")?.unwrap_or_default() {
        "Healthy" => Ok(Health::current(or(message, "Rollout is healthy"))),
        "Degraded" => Ok(Health::failed(or(message, "Rollout is degraded"))),
        // From an abort the controller only goes back to the stable pods, even where it has not said so yet.
        "Progressing" | "Paused" | "" if aborted => Ok(Health::failed("Rollout is aborted")),
        "Progressing" => Ok(Health::in_progress(or(message, "Rollout is progressing"))),
        "Paused" => Ok(Health::in_progress(paused(message))),
        "" => without_phase(object),
        other => Err(Unreadable::UnknownValue {
            field: "status.phase",
            value: other.to_owned(),
        }),
    }
}

/// Whether the controller has yet to see the Rollout, or the workload whose pod template the Rollout takes.
fn not_observed(object: Object<'_>) -> Result<Option<Health>, Unreadable> {
    if let Some(generation) = object.integer("metadata.generation")?
        && let Some(observed) = observed_generation(object, generation)?
        && observed != generation
    {
        return Ok(Some(Health::not_observed("Rollout", generation, observed)));
    }
    // A workload without the annotation has not been looked at by a controller that knows of it (1.1 and later).
    if object.has("spec.workloadRef")?
        && let Some(annotation) = object.annotation("rollout.argoproj.io/workload-generation")?
        && let Ok(generation) = annotation.parse::<i64>()
    {
        let observed = object.text("status.workloadObservedGeneration")?.unwrap_or("none");
        if observed.parse() != Ok(generation) {
            return Ok(Some(Health::not_observed("Workload", generation, observed)));
        }
    }
    Ok(None)
}

/// The generation in `status.observedGeneration`, a text. Up to version 0.9 it was a hash of the specification, which
/// may consist of digits alone and is then far beyond any generation; what is such a hash tells nothing.
fn observed_generation(object: Object<'_>, generation: i64) -> Result<Option<i64>, Unreadable> {
    const PATH: &str = "status.observedGeneration";
    let observed = match object.get(PATH)? {
        Some(Value::String(text)) => text.parse().ok(),
        Some(Value::Number(_)) => object.integer(PATH)?,
        Some(other) => return Err(wrong_type(PATH, other, "a text")),
        None => None,
    };
    Ok(observed.filter(|observed| *observed <= generation))
}

/// What version 1.0 and later call the phase, as far as older versions tell it.
fn without_phase(object: Object<'_>) -> Result<Health, Unreadable> {
    let conditions = object.conditions()?;
    let failed = conditions.iter().find(|condition| {
        condition.kind == "InvalidSpec"
            || (condition.kind == "Progressing"
                && matches!(condition.reason, "RolloutAborted" | "ProgressDeadlineExceeded"))
    });
    if let Some(condition) = failed {
        return Ok(Health::failed(condition.reason_and_message()));
    }
    if object.boolean("spec.paused")? == Some(true) || !object.list("status.pauseConditions")?.is_empty() {
        return Ok(Health::in_progress("Rollout is paused"));
    }
    let Some(current) = object.text("status.currentPodHash")? else {
        return Ok(Health::in_progress("Rollout has not been observed"));
    };

    let desired = object.integer("spec.replicas")?.unwrap_or(DEFAULT_REPLICAS);
    let total = object.integer("status.replicas")?.unwrap_or(0);
    let updated = object.integer("status.updatedReplicas")?.unwrap_or(0);
    let available = object.integer("status.availableReplicas")?.unwrap_or(0);
    if desired > updated {
        return Ok(Health::in_progress(format!("Updated: {updated}/{desired}")));
    }
    if updated > available {
        return Ok(Health::in_progress(format!("Available: {available}/{updated}")));
    }

    let stable = match object.text("status.stableRS")? {
        Some(stable) => stable,
        // Where it was up to version 0.7.
        None => object.text("status.canary.stableRS")?.unwrap_or_default(),
    };
    if object.has("spec.strategy.blueGreen")? {
        if object.text("status.blueGreen.activeSelector")? != Some(current) {
            return Ok(Health::in_progress("Active service does not select the new pods"));
        }
        // Up to version 0.7 a blue-green rollout had no stable pods.
        if !stable.is_empty() && stable != current {
            return Ok(Health::in_progress("New pods are not promoted"));
        }
    } else if object.has("spec.strategy.canary")? {
        // With traffic routing the old pods stay for a while after all is done.
        if total > updated && !object.has("spec.strategy.canary.trafficRouting")? {
            let surplus = i128::from(total) - i128::from(updated);
            return Ok(Health::in_progress(format!("Pending termination: {surplus}")));
        }
        if stable != current {
            return Ok(Health::in_progress("Steps of the canary are not complete"));
        }
    }
    Ok(Health::current("Rollout is healthy"))
}

fn paused(reason: &str) -> String {
    match reason {
        "" => "Rollout is paused".to_owned(),
        reason => format!("Rollout is paused: {reason}"),
    }
}
