//! The document of a pass for people: a table, what was wrong, the changes, and a sentence at the end.

use std::{collections::BTreeSet, io};

use super::{
    diff,
    document::{Action, ChangeResult, Document, Outcome, SourceResult, Summary},
    names::{described, kubectl_name},
    render::Style,
    text::{Columns, clean},
};
use crate::plan::DEFAULT_TASK;

/// The table of `-o table` and, with more columns, of `-o wide`.
pub(super) fn table(document: &Document, wide: bool, out: &mut impl io::Write, style: Style) -> io::Result<()> {
    // What a dry run has to say of a source stands in the difference.
    let has_table = !document.results.is_empty() && (wide || !document.dry_run);
    if has_table {
        columns(document, wide, style).write(out, style)?;
        writeln!(out)?;
    }
    if document.dry_run && diff::write(document, out, style)? {
        writeln!(out)?;
    }
    let mut told = BTreeSet::new();
    let left_alone = document.results.iter().filter(|_| !has_table).filter_map(left_alone);
    for remark in document.results.iter().flat_map(remarks).chain(left_alone) {
        // Two objects of one name share a fault.
        if !told.contains(&remark) {
            writeln!(out, "{}", clean(&remark, style.actions))?;
            told.insert(remark);
        }
    }
    let mut any = !told.is_empty();
    for change in document.changes.iter().filter(|_| !document.dry_run) {
        writeln!(out, "{}", clean(&sentence(change), style.actions))?;
        any = true;
    }
    if any {
        writeln!(out)?;
    }
    writeln!(out, "{}", closing(document))
}

/// A line for each source: its name as kubectl writes it, and what happened.
pub(super) fn names(document: &Document, out: &mut impl io::Write, style: Style) -> io::Result<()> {
    let dry_run = if document.dry_run { " (dry run)" } else { "" };
    for result in &document.results {
        let name = match (&result.github_deployment, &result.source) {
            (Some(name), _) => format!("githubdeployment.github.decathlon.com/{}", name.name),
            (None, Some(source)) => kubectl_name(&source.api_version, &source.kind, &source.name),
            (None, None) => "source".to_owned(),
        };
        let line = format!("{name} {}{dry_run}", done(result.action));
        writeln!(out, "{}", clean(&line, style.actions))?;
    }
    Ok(())
}

fn columns(document: &Document, wide: bool, style: Style) -> Columns {
    let results = &document.results;
    let namespaces: BTreeSet<_> = results.iter().map(namespace).collect();
    let show_namespace = style.all_namespaces || namespaces.len() > 1;
    // A pipeline's one source from flags has no name of its own.
    let show_name = results.iter().any(|result| result.github_deployment.is_some());
    type Cell = fn(&SourceResult) -> String;
    let all: [(bool, &str, Cell); 13] = [
        (show_namespace, "NAMESPACE", |result| {
            namespace(result).unwrap_or_default().to_owned()
        }),
        (show_name, "NAME", |result| {
            result
                .github_deployment
                .as_ref()
                .map(|name| name.name.clone())
                .unwrap_or_default()
        }),
        (true, "SOURCE", source),
        (wide, "REPOSITORY", |result| {
            result.repository.clone().unwrap_or_default()
        }),
        (true, "ENVIRONMENT", |result| {
            result.environment.clone().unwrap_or_default()
        }),
        (wide, "TASK", |result| result.task.clone().unwrap_or_default()),
        (true, "REF", |result| result.git_ref.clone().unwrap_or_default()),
        (true, "STATUS", |result| {
            result
                .health
                .as_ref()
                .map(|health| health.status.to_string())
                .unwrap_or_default()
        }),
        (true, "STATE", |result| {
            result.state.map(|state| state.to_string()).unwrap_or_default()
        }),
        (wide, "DEPLOYMENT", deployment),
        (wide, "RULE", |result| {
            result.rule.map(|rule| rule.to_string()).unwrap_or_default()
        }),
        (true, "ACTION", |result| action(result.action).to_owned()),
        (true, "MESSAGE", message),
    ];
    let shown: Vec<_> = all.into_iter().filter(|(show, ..)| *show).collect();
    let mut columns = Columns::new(&shown.iter().map(|(_, header, _)| *header).collect::<Vec<_>>());
    for result in results {
        let cells = shown
            .iter()
            .map(|(.., cell)| clean(&cell(result), style.actions).into_owned());
        columns.push(cells.collect());
    }
    columns
}

fn namespace(result: &SourceResult) -> Option<&str> {
    match (&result.github_deployment, &result.source) {
        (Some(name), _) => Some(&name.namespace),
        (None, Some(source)) => source.namespace.as_deref(),
        (None, None) => None,
    }
}

/// `Deployment/app`, with the namespace where it is not the GitHubDeployment's: `Deployment/shop/app`.
pub(super) fn source(result: &SourceResult) -> String {
    let Some(source) = &result.source else {
        return String::new();
    };
    match &source.namespace {
        Some(elsewhere) if namespace(result) != Some(elsewhere) => {
            format!("{}/{elsewhere}/{}", source.kind, source.name)
        }
        _ => format!("{}/{}", source.kind, source.name),
    }
}

fn deployment(result: &SourceResult) -> String {
    let Some(deployment) = &result.deployment else {
        return String::new();
    };
    deployment
        .id
        .map_or_else(|| deployment.node_id.clone(), |id| id.to_string())
}

/// What explains the action. Errors are long, and stand below the table in full.
fn message(result: &SourceResult) -> String {
    let health = result.health.as_ref().map(|health| &health.message);
    let message = match &result.error {
        Some(error) => Some(&error.reason),
        None => result.message.as_ref().or(result.reason.as_ref()).or(health),
    };
    message.cloned().unwrap_or_default()
}

/// Why nothing would be written for a source, although it is not as it should be.
fn left_alone(result: &SourceResult) -> Option<String> {
    let what = match result.action {
        Action::Skip => "skipped",
        Action::Defer => "left to a later pass",
        _ => return None,
    };
    Some(format!("{what}: {}{}", named(result), message(result)))
}

/// The source with a colon, in front of what is said of it.
fn named(result: &SourceResult) -> String {
    name(result).map(|name| format!("{name}: ")).unwrap_or_default()
}

/// What the user should know about one source, under its name.
fn remarks(result: &SourceResult) -> Vec<String> {
    let name = named(result);
    let warnings = result
        .warnings
        .iter()
        .map(|warning| format!("warning: {name}{warning}"));
    let error = result
        .error
        .iter()
        .map(|error| format!("error: {name}{}", error.message));
    warnings.chain(error).collect()
}

/// `GitHubDeployment shop/app`, and for a source from flags `deployment.apps/app`. None for a file that can't be read:
/// the message names it.
pub(super) fn name(result: &SourceResult) -> Option<String> {
    match (&result.github_deployment, &result.source) {
        (Some(name), _) => Some(described("GitHubDeployment", Some(&name.namespace), &name.name)),
        (None, Some(source)) => Some(kubectl_name(&source.api_version, &source.kind, &source.name)),
        (None, None) => None,
    }
}

/// The word of the JSON document.
pub(super) fn action(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Close => "close",
        Action::Unchanged => "unchanged",
        Action::Skip => "skip",
        Action::Defer => "defer",
        Action::Fail => "fail",
    }
}

fn done(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Update => "updated",
        Action::Close => "closed",
        Action::Unchanged => "unchanged",
        Action::Skip => "skipped",
        Action::Defer => "deferred",
        Action::Fail => "failed",
    }
}

/// One change as a line, such as `created shop/app production v1.2.0: success (moved)`.
fn sentence(change: &ChangeResult) -> String {
    let (infinitive, past) = (action(change.action.into()), done(change.action.into()));
    let verb = match change.outcome {
        // Of a dry run the difference is shown instead.
        Outcome::Planned => infinitive.to_owned(),
        Outcome::Done => past.to_owned(),
        Outcome::Deferred => format!("left to a later pass: {infinitive}"),
        Outcome::Failed => format!("failed: {infinitive}"),
    };
    let ChangeResult {
        repository,
        environment,
        task,
        git_ref,
        state,
        rule,
        ..
    } = change;
    let task = if task == DEFAULT_TASK {
        String::new()
    } else {
        format!(" task {task}")
    };
    format!("{verb} {repository} {environment}{task} {git_ref}: {state} ({rule})")
}

/// The sentence at the end, such as `2 created, 1 unchanged; nothing else to do`.
pub(super) fn closing(document: &Document) -> String {
    let (created, updated, closed) = if document.dry_run {
        ("to create", "to update", "to close")
    } else {
        ("created", "updated", "closed")
    };
    let outcome = |wanted: &[Outcome]| {
        let changes = document
            .changes
            .iter()
            .filter(|change| wanted.contains(&change.outcome));
        changes.count()
    };
    let counts = if document.summary.sources > 0 {
        let Summary {
            sources: _,
            create,
            update,
            close,
            unchanged,
            skip,
            defer,
            fail,
        } = document.summary;
        vec![
            (create, created),
            (update, updated),
            (close, closed),
            (unchanged, "unchanged"),
            (skip, "skipped"),
            (defer, "left to a later pass"),
            (fail, "failed"),
        ]
    } else {
        // `close` has no sources, only changes.
        vec![
            (outcome(&[Outcome::Planned, Outcome::Done]), closed),
            (outcome(&[Outcome::Deferred]), "left to a later pass"),
            (outcome(&[Outcome::Failed]), "failed"),
        ]
    };
    let counts: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let unfinished = document.summary.defer + document.summary.fail + outcome(&[Outcome::Deferred, Outcome::Failed]);
    let rest = if counts.is_empty() {
        "nothing found, nothing to do"
    } else if document.dry_run {
        "; dry run, nothing was written"
    } else if unfinished > 0 {
        ""
    } else if document.changes.is_empty() {
        "; nothing to do"
    } else {
        "; nothing else to do"
    };
    format!("{}{rest}", counts.join(", "))
}

#[cfg(test)]
mod tests;
