//! `extract`: the way from an object to its ref, to try a rule without GitHub.

use std::io;

use serde_json::Value;

use super::{Failure, Surroundings, cluster, config::ExtractConfig, exit::Exit, kinds, sync::namespace_or_default};
use crate::{
    extract::{ExtractError, Rule},
    report::{ErrorResult, RefDocument, RefRow, clean, render_refs},
    source::{self, Cluster, ObjectReference, Objects, Observation},
};

/// Finds the refs and prints the way to them.
///
/// [`Exit::SomeFailed`] where an object is missing, could not be read, or has no ref by this rule.
pub(super) async fn run(config: ExtractConfig, surroundings: Surroundings) -> Result<Exit, Failure> {
    let ExtractConfig {
        object,
        files,
        cluster,
        namespace,
        rule,
        output,
    } = config;
    let style = surroundings.style;
    let rule = Rule::new(&rule).map_err(|error| Failure {
        exit: Exit::Usage,
        error: error.into(),
    })?;
    let mut results = Vec::new();
    let mut faults = Vec::new();
    if let Some(source_ref) = object {
        let client = cluster::connect(&cluster).await?;
        let namespace = namespace_or_default(namespace, Some(&client));
        let reference = kinds::reference(source_ref, &namespace)?;
        let objects = Objects::Cluster(Cluster::new(client));
        let observe = |_, object: &Value| row(&rule, reference.clone(), object);
        let observed = source::observe_with_templates(&objects, std::slice::from_ref(&reference), observe).await;
        results.extend(observed.into_iter().map(|observation| match observation {
            Observation::Found(row) => row,
            Observation::Gone => unread(reference.clone(), "NotFound", format!("{reference} does not exist")),
            Observation::Unreadable(error) => unread(reference.clone(), error.reason(), error.to_string()),
        }));
    } else {
        faults = source::each_object_from_files(&files, io::stdin(), |object| {
            let reference = ObjectReference::to(object);
            if namespace.is_none() || reference.namespace == namespace {
                results.push(row(&rule, reference, object));
            }
        });
        if results.is_empty() && !faults.is_empty() {
            return Err(Failure::cannot_run(faults.remove(0)));
        }
    }
    let failed = !faults.is_empty() || results.iter().any(|row| row.error.is_some());
    let mut text = Vec::new();
    render_refs(&RefDocument { results }, output, &mut text, style).map_err(Failure::cannot_run)?;
    super::print(&text)?;
    for fault in faults {
        super::complain(&format!("error: {}", clean(&fault.to_string(), style.actions)));
    }
    Ok(if failed { Exit::SomeFailed } else { Exit::Done })
}

fn row(rule: &Rule, reference: ObjectReference, object: &Value) -> RefRow {
    let mut steps = Vec::new();
    let followed = rule.follow(object, &mut steps);
    let error = followed.as_ref().err().map(|error: &ExtractError| ErrorResult {
        reason: error.reason().to_owned(),
        message: error.to_string(),
    });
    RefRow {
        namespace: reference.namespace,
        api_version: reference.api_version,
        kind: reference.kind,
        name: reference.name,
        steps,
        git_ref: followed.ok(),
        warnings: rule.warnings().to_vec(),
        error,
    }
}

fn unread(reference: ObjectReference, reason: &str, message: String) -> RefRow {
    RefRow {
        namespace: reference.namespace,
        api_version: reference.api_version,
        kind: reference.kind,
        name: reference.name,
        steps: Vec::new(),
        git_ref: None,
        warnings: Vec::new(),
        error: Some(ErrorResult {
            reason: reason.to_owned(),
            message,
        }),
    }
}
