//! `extract`: the way from an object to its ref, to try a rule without GitHub.

use std::io;

use serde_json::Value;

use super::{
    Failure, Surroundings, cluster,
    config::ExtractConfig,
    exit::Exit,
    sync::{namespace_or_default, scope},
};
use crate::{
    extract::{ExtractError, Rule},
    report::{ErrorResult, RefDocument, RefRow, render_refs},
    source::{self, Cluster, ObjectReference, Objects, Observation},
};

/// Finds the refs and prints the way to them.
///
/// [`Exit::SomeFailed`] where an object is missing, could not be read, or has no ref by this rule.
pub(super) async fn run(config: ExtractConfig, surroundings: Surroundings) -> Result<Exit, Failure> {
    let ExtractConfig {
        typed,
        all_namespaces,
        files,
        cluster,
        namespace,
        only_in,
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
    let mut problems = Vec::new();
    if let Some(typed) = typed {
        let client = cluster::connect(&cluster).await?;
        let namespace = namespace_or_default(namespace, Some(&client));
        let objects = Objects::Cluster(Cluster::new(client));
        let references = typed
            .references(&objects, scope(all_namespaces, namespace), &mut problems)
            .await?;
        let observe = |place: usize, object: &Value| row(&rule, references[place].clone(), object);
        let observed = source::observe_with_templates(&objects, &references, observe).await;
        let read = references.into_iter().zip(observed);
        results.extend(read.map(|(reference, observation)| match observation {
            Observation::Found(row) => row,
            Observation::Gone => {
                let message = format!("{reference} does not exist");
                unread(reference, "NotFound", message)
            }
            Observation::Unreadable(error) => unread(reference, error.reason(), error.to_string()),
        }));
    } else {
        faults = source::each_object_from_files(&files, io::stdin(), |object| {
            let reference = ObjectReference::to(object);
            if only_in.is_none() || reference.namespace == only_in {
                results.push(row(&rule, reference, object));
            }
        });
        if results.is_empty() && !faults.is_empty() {
            return Err(Failure::cannot_run(faults.remove(0)));
        }
    }
    problems.extend(faults.iter().map(ToString::to_string));
    let failed = !problems.is_empty() || results.iter().any(|row| row.error.is_some());
    let mut text = Vec::new();
    render_refs(&RefDocument { results }, output, &mut text, style).map_err(Failure::cannot_run)?;
    super::print(&text)?;
    for problem in problems {
        Failure::beside(&problem).tell(surroundings.log_format, style.actions);
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
