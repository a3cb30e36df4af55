//! Argo CD's `Application`: synced to what its specification asks for, healthy, and with no operation to come.
//!
//! That is what `argocd app wait` takes as done
//! ([app.go](https://github.com/argoproj/argo-cd/blob/master/cmd/argocd/commands/app.go), `checkAppWaitConditions`).
//! An Application has no observed generation; its status tells instead which sources it was compared to, and, as in the
//! controller
//! ([appcontroller.go](https://github.com/argoproj/argo-cd/blob/master/controller/appcontroller.go),
//! `currentSourceEqualsSyncedSource`, `alreadyAttemptedSync`), only a sync of these to the revision found there counts.
//! Conditions whose type ends with `Error` are errors, as in Argo CD's own
//! [types.go](https://github.com/argoproj/argo-cd/blob/master/pkg/apis/application/v1alpha1/types.go).

use serde_json::Value;

use super::{
    Health, Status,
    fields::{Condition, Object, Unreadable, or},
};

pub(super) fn application(object: Object<'_>, conditions: &[Condition<'_>]) -> Result<Health, Unreadable> {
    let operation = Operation::of(object)?;
    if object.has("operation")? || operation == Operation::Running {
        let message = object.text("status.operationState.message")?.unwrap_or_default();
        return Ok(Health::in_progress(or(message, "Sync is in progress")));
    }

    for condition in conditions {
        match condition.kind {
            // The controller stops at these before it compares anything.
            "InvalidSpecError" => return Ok(Health::failed(kind_and_message(condition))),
            // Of the controller, not of the Application: the project could not be read, for one.
            "UnknownError" => return Ok(Health::unknown(kind_and_message(condition))),
            _ => {}
        }
    }
    if let Some(health) = not_compared(object, operation)? {
        return Ok(health);
    }
    // The controller tolerates a repository that fails for some minutes before it says so.
    if let Some(error) = conditions.iter().find(|condition| condition.kind.ends_with("Error")) {
        return Ok(Health::failed(kind_and_message(error)));
    }

    let attempted = is_attempted(object)?;
    if operation == Operation::Failed && attempted {
        let message = object.text("status.operationState.message")?.unwrap_or_default();
        return Ok(Health::failed(or(message, "Sync failed")));
    }
    match object.text("status.sync.status")?.unwrap_or_default() {
        "Synced" => of_resources(object),
        "OutOfSync" => {
            // Resources that something else keeps changing are never in sync again, and may fail nevertheless.
            let health = of_resources(object)?;
            if operation == Operation::Succeeded && attempted && health.status == Status::Failed {
                return Ok(health);
            }
            Ok(Health::in_progress("Application is out of sync"))
        }
        "Unknown" => Ok(Health::unknown("Sync status is unknown")),
        "" => Ok(Health::in_progress("Application has not been compared")),
        other => Err(Unreadable::UnknownValue {
            field: "status.sync.status",
            value: other.to_owned(),
        }),
    }
}

/// The last operation, as far as it tells something of what is deployed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    /// There was none, or a dry run.
    None,
    Running,
    Succeeded,
    Failed,
}

impl Operation {
    fn of(object: Object<'_>) -> Result<Self, Unreadable> {
        let dry_run = object.boolean("status.operationState.operation.sync.dryRun")? == Some(true);
        Ok(match object.text("status.operationState.phase")?.unwrap_or_default() {
            "Running" | "Terminating" => Self::Running,
            "" => Self::None,
            _ if dry_run => Self::None,
            "Succeeded" => Self::Succeeded,
            "Failed" | "Error" => Self::Failed,
            other => {
                return Err(Unreadable::UnknownValue {
                    field: "status.operationState.phase",
                    value: other.to_owned(),
                });
            }
        })
    }
}

/// Whether sync and health status are of an earlier specification, or of before the last operation.
fn not_compared(object: Object<'_>, operation: Operation) -> Result<Option<Health>, Unreadable> {
    let waiting = |message: &str| Ok(Some(Health::in_progress(message)));
    let mut since = None;
    if let Some(hydrator) = object.get("spec.sourceHydrator")? {
        const CURRENT: &str = "status.sourceHydrator.currentOperation";
        if !same(Some(hydrator), object.get(&format!("{CURRENT}.sourceHydrator"))?) {
            return waiting("Manifests are not hydrated");
        }
        let message = object.text(&format!("{CURRENT}.message"))?.unwrap_or_default();
        match object.text(&format!("{CURRENT}.phase"))?.unwrap_or_default() {
            "Hydrated" => since = object.time(&format!("{CURRENT}.finishedAt"))?,
            "Failed" => return Ok(Some(Health::failed(or(message, "Hydration failed")))),
            _ => return waiting(or(message, "Manifests are not hydrated")),
        }
    } else if !is_source(object, "status.sync.comparedTo")? {
        return waiting("Application has not been compared to its sources");
    }
    if operation == Operation::Succeeded {
        since = since.max(object.time("status.operationState.finishedAt")?);
    }
    if since.is_some() && object.time("status.reconciledAt")? < since {
        return waiting("Application has not been compared since the last sync");
    }
    Ok(None)
}

/// Whether the last operation synced the sources of the specification to the revisions that were found there last. One
/// without a result failed before it came to that, and the controller takes it for an attempt too.
fn is_attempted(object: Object<'_>) -> Result<bool, Unreadable> {
    const RESULT: &str = "status.operationState.syncResult";
    if !object.has(RESULT)? {
        return object.has("status.operationState");
    }
    let revision = object.text("status.sync.revision")?.unwrap_or_default()
        == object.text(&format!("{RESULT}.revision"))?.unwrap_or_default();
    let revisions = object.list("status.sync.revisions")? == object.list(&format!("{RESULT}.revisions"))?;
    let source = object.has("spec.sourceHydrator")? || is_source(object, RESULT)?;
    Ok(revision && revisions && source)
}

/// Whether `source`, or where there are several `sources`, are below `path` as in the specification.
fn is_source(object: Object<'_>, path: &str) -> Result<bool, Unreadable> {
    // Read as what they are, so that a strange one is named.
    object.text("spec.source.repoURL")?;
    object.text(&format!("{path}.source.repoURL"))?;
    let sources = object.list("spec.sources")?;
    if sources.is_empty() {
        return Ok(same(object.get("spec.source")?, object.get(&format!("{path}.source"))?));
    }
    let others = object.list(&format!("{path}.sources"))?;
    Ok(sources.len() == others.len() && sources.iter().zip(others).all(|(a, b)| same(Some(a), Some(b))))
}

/// Whether two values are the same but for what is empty: the controller leaves that out where it copies.
fn same(left: Option<&Value>, right: Option<&Value>) -> bool {
    match (
        left.filter(|value| !is_empty(value)),
        right.filter(|value| !is_empty(value)),
    ) {
        (None, None) => true,
        (Some(Value::Object(left)), Some(Value::Object(right))) => left
            .keys()
            .chain(right.keys())
            .all(|key| same(left.get(key), right.get(key))),
        (Some(Value::Array(left)), Some(Value::Array(right))) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same(Some(left), Some(right)))
        }
        (left, right) => left == right,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
    }
}

/// The worst health of the resources, as the controller finds it.
fn of_resources(object: Object<'_>) -> Result<Health, Unreadable> {
    let message = object.text("status.health.message")?.unwrap_or_default();
    Ok(match object.text("status.health.status")?.unwrap_or_default() {
        "Healthy" => Health::current(or(message, "Application is synced and healthy")),
        "Degraded" => Health::failed(or(message, "Application is degraded")),
        "Progressing" => Health::in_progress(or(message, "Application is progressing")),
        "Suspended" => Health::in_progress(or(message, "Application is suspended")),
        "Missing" => Health::in_progress(or(message, "Resources are missing")),
        "" => Health::in_progress("Application has no health yet"),
        "Unknown" => Health::unknown(or(message, "Health of the resources is unknown")),
        other => {
            return Err(Unreadable::UnknownValue {
                field: "status.health.status",
                value: other.to_owned(),
            });
        }
    })
}

/// Conditions of an Application have no reason.
fn kind_and_message(condition: &Condition<'_>) -> String {
    match condition.message {
        "" => condition.kind.to_owned(),
        message => format!("{}: {message}", condition.kind),
    }
}
