//! Flux's `Kustomization` and `HelmRelease` by their conditions, as far as they speak of this generation.
//!
//! What the reasons mean is taken from the controllers and their documentation:
//! [Kustomization](https://github.com/fluxcd/kustomize-controller/blob/main/docs/spec/v1/kustomizations.md#conditions)
//! ([source](https://github.com/fluxcd/kustomize-controller/blob/main/internal/controller/kustomization_controller.go)),
//! [HelmRelease](https://github.com/fluxcd/helm-controller/blob/main/docs/spec/v2/helmreleases.md#conditions)
//! ([source](https://github.com/fluxcd/helm-controller/blob/main/internal/controller/helmrelease_controller.go)).
//!
//! Both controllers try for ever again, so by the generic rules nearly nothing of theirs ever fails: a failed attempt
//! leaves `Reconciling` true and `status.observedGeneration` behind, since that moves only with success and with
//! `Stalled`. Here an attempt that failed is a failure, although another may follow, and only what waits for something
//! else is in progress. `Ready` is false for both:
//!
//! | reason | kind | health | what the controller means |
//! |---|---|---|---|
//! | `DependencyNotReady` | both | InProgress | `spec.dependsOn` is not ready; it asks again in seconds |
//! | `HealthCheckCanceled` | both | InProgress | something newer came while it waited; it begins again at once |
//! | `SourceNotReady` | HelmRelease | InProgress | the source has no artifact yet; it waits for one |
//! | `ArtifactFailed` | HelmRelease | InProgress | the source, or its chart, cannot be fetched; Helm has not run |
//! | `ArtifactFailed` that says it is retrying, without `Reconciling` | Kustomization | InProgress | the source has no artifact yet, as for a while after both were created |
//! | `ArtifactFailed` otherwise | Kustomization | Failed | the source is missing, or its artifact has no such path or cannot be fetched |
//! | `StateError`, `RESTClientError`, `FactoryError`, `ResourceManagerError` | HelmRelease | InProgress | the cluster could not be asked; Helm has not run |
//! | `BuildFailed`, `ReconciliationFailed`, `PruneFailed`, `HealthCheckFailed` | Kustomization | Failed | the attempt failed |
//! | `InstallFailed`, `UpgradeFailed`, `TestFailed`, `Rollback…`, `Uninstall…` | HelmRelease | Failed | Helm failed; a rollback that succeeded runs the old release |
//! | any other, such as `ValuesError` | both | Failed | not to be mended by waiting |

use super::{
    Health,
    fields::{Condition, Object, Unreadable},
};

pub(super) fn kustomization(object: Object<'_>) -> Result<Health, Unreadable> {
    let conditions = object.conditions()?;
    health(object, "Kustomization", &conditions, |ready| match ready.reason {
        "DependencyNotReady" | "HealthCheckCanceled" => Health::in_progress(ready.reason_and_message()),
        // Only the words tell a source that is about to have its first artifact from one that does not exist.
        "ArtifactFailed" if find(&conditions, "Reconciling").is_none() && ready.message.contains("retrying") => {
            Health::in_progress(ready.reason_and_message())
        }
        _ => Health::failed(ready.reason_and_message()),
    })
}

pub(super) fn helm_release(object: Object<'_>) -> Result<Health, Unreadable> {
    let conditions = object.conditions()?;
    health(object, "HelmRelease", &conditions, |ready| match ready.reason {
        "DependencyNotReady"
        | "HealthCheckCanceled"
        | "SourceNotReady"
        | "ArtifactFailed"
        | "StateError"
        | "RESTClientError"
        | "FactoryError"
        | "ResourceManagerError" => Health::in_progress(ready.reason_and_message()),
        // These say what was done about a failure; the failure itself is in another condition.
        "RollbackSucceeded" | "RollbackFailed" | "UninstallSucceeded" | "UninstallFailed" => {
            let cause = conditions
                .iter()
                .find(|condition| condition.is("Released", "False") || condition.is("TestSuccess", "False"));
            Health::failed(cause.unwrap_or(ready).reason_and_message())
        }
        _ => Health::failed(ready.reason_and_message()),
    })
}

fn health<'a>(
    object: Object<'_>,
    kind: &str,
    conditions: &'a [Condition<'a>],
    not_ready: impl FnOnce(&Condition<'a>) -> Health,
) -> Result<Health, Unreadable> {
    let suspended = object.boolean("spec.suspend")? == Some(true);
    let stalled = find(conditions, "Stalled");
    let reconciling = find(conditions, "Reconciling");
    let ready = conditions.iter().find(|condition| condition.kind == "Ready");

    if let Some(stalled) = stalled
        && !suspended
        && observed_otherwise(object, "Stalled")?.is_none()
    {
        return Ok(Health::failed(stalled.reason_and_message()));
    }
    let Some(ready) = ready else {
        return Ok(Health::in_progress(if suspended {
            format!("{kind} is suspended")
        } else {
            format!("{kind} has not been reconciled")
        }));
    };
    let behind = observed_otherwise(object, "Ready")?;
    // Nothing is applied while it is suspended, and the controller does not look at it.
    if suspended && (behind.is_some() || ready.status != "True") {
        return Ok(Health::in_progress(format!("{kind} is suspended")));
    }
    if let Some((generation, observed)) = behind {
        return Ok(Health::not_observed(kind, generation, observed));
    }
    Ok(match (ready.status, reconciling) {
        ("False", _) => not_ready(ready),
        ("True", None) => Health::current(ready.message),
        (_, Some(reconciling)) => Health::in_progress(reconciling.message),
        (_, None) => Health::in_progress(ready.message),
    })
}

fn find<'a>(conditions: &'a [Condition<'a>], kind: &str) -> Option<&'a Condition<'a>> {
    conditions.iter().find(|condition| condition.is(kind, "True"))
}

/// The generation of the object, and the other one that the condition speaks of. Conditions of older controllers do
/// not say; then it is `status.observedGeneration`.
fn observed_otherwise(object: Object<'_>, condition: &str) -> Result<Option<(i64, i64)>, Unreadable> {
    let Some(generation) = object.integer("metadata.generation")? else {
        return Ok(None);
    };
    let observed = match object
        .condition_generation(condition)?
        .filter(|observed| *observed != 0)
    {
        Some(observed) => Some(observed),
        None => object.integer("status.observedGeneration")?,
    };
    Ok(observed
        .filter(|observed| *observed != generation)
        .map(|observed| (generation, observed)))
}
