//! The job summary: a table in Markdown, for the file that `GITHUB_STEP_SUMMARY` names.
//!
//! Names and messages come from outside. In a cell nothing of them may be Markdown or HTML, end the cell or the row, or
//! call somebody by `@name`. Characters that could do so become numeric references, which stand for themselves in every
//! dialect of Markdown; a backslash in front does not, where tables are concerned.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::super::{
    document::{ChangeResult, Document, Outcome, SourceResult},
    people::{action, closing, name, source},
    text::{clean, shorten_bytes},
};
use crate::plan::DEFAULT_TASK;

/// GitHub takes a mebibyte from a step, which may run the program more than once.
const LONGEST: usize = 256 * 1024;

/// Bytes of a cell, before its special characters are replaced.
const LONGEST_CELL: usize = 1024;

/// What would end the destination of a link, a cell, or a row.
const DESTINATION: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'(')
    .add(b')')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'`')
    .add(b'|');

/// The pass as Markdown.
#[must_use]
pub fn summary(document: &Document) -> String {
    let dry_run = if document.dry_run { " (dry run)" } else { "" };
    let mut markdown = format!("### Deployments on GitHub{dry_run}\n\n");
    if document.results.is_empty() {
        // `close` has no sources, only changes.
        let rows = document.changes.iter().map(change_row);
        table(["Environment", "Ref", "State", "Link"], rows, &mut markdown);
    } else {
        let rows = document.results.iter().map(result_row);
        let header = ["Source", "Environment", "Ref", "State", "Cause", "Link"];
        table(header, rows, &mut markdown);
    }
    let _ = writeln!(markdown, "{}", text(&closing(document)));
    markdown
}

fn table<const N: usize>(header: [&str; N], rows: impl ExactSizeIterator<Item = [String; N]>, markdown: &mut String) {
    let count = rows.len();
    if count == 0 {
        return;
    }
    let _ = writeln!(markdown, "| {} |\n|{}", header.join(" | "), " --- |".repeat(N));
    let mut written = 0;
    for row in rows {
        let row = format!("| {} |\n", row.join(" | "));
        if markdown.len() + row.len() > LONGEST {
            break;
        }
        markdown.push_str(&row);
        written += 1;
    }
    markdown.push('\n');
    if written < count {
        let _ = writeln!(markdown, "{} more rows are left out.\n", count - written);
    }
}

fn result_row(result: &SourceResult) -> [String; 6] {
    let named = result.github_deployment.as_ref();
    let source = match (named, source(result)) {
        (Some(_), source) if !source.is_empty() => format!("{}: {source}", name(result).unwrap_or_default()),
        _ => name(result).unwrap_or_default(),
    };
    let environment = place(
        result.repository.as_deref(),
        result.environment.as_deref(),
        result.task.as_deref(),
    );
    let state = result.state.map(|state| state.to_string()).unwrap_or_default();
    let deployment = result
        .deployment
        .as_ref()
        .and_then(|deployment| deployment.url.as_deref());
    let links = [
        ("deployment", deployment),
        ("environment", result.environment_url.as_deref()),
        ("log", result.log_url.as_deref()),
    ];
    let links: Vec<String> = links
        .into_iter()
        .filter_map(|(label, address)| link(label, address?))
        .collect();
    [
        text(&source),
        text(&environment),
        text(result.git_ref.as_deref().unwrap_or_default()),
        text(format!("{state} ({})", action(result.action)).trim_start()),
        text(cause(result)),
        links.join(" "),
    ]
}

/// Why it is in this state: what is wrong in full, else what the object says.
fn cause(result: &SourceResult) -> &str {
    let error = result.error.as_ref().map(|error| &error.message);
    let health = result.health.as_ref().map(|health| &health.message);
    let cause = error.or(result.message.as_ref()).or(result.reason.as_ref()).or(health);
    cause.map(String::as_str).unwrap_or_default()
}

fn change_row(change: &ChangeResult) -> [String; 4] {
    let verb = action(change.action.into());
    let outcome = match change.outcome {
        Outcome::Planned => "planned",
        Outcome::Done => "done",
        Outcome::Deferred => "left to a later pass",
        Outcome::Failed => "failed",
    };
    let deployment = change.deployment.as_ref();
    let address = deployment.and_then(|deployment| deployment.url.as_deref());
    [
        text(&place(
            Some(&change.repository),
            Some(&change.environment),
            Some(&change.task),
        )),
        text(&change.git_ref),
        text(&format!("{} ({verb}: {outcome})", change.state)),
        address
            .and_then(|address| link("deployment", address))
            .unwrap_or_default(),
    ]
}

/// `shop/app production`, with the task where it is not the one that every deployment has.
fn place(repository: Option<&str>, environment: Option<&str>, task: Option<&str>) -> String {
    let task = task
        .filter(|task| *task != DEFAULT_TASK)
        .map(|task| format!("({task})"));
    let words = [repository, environment, task.as_deref()];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// `text` in a cell, as nothing but text.
fn text(text: &str) -> String {
    let text = clean(text, false);
    let text = shorten_bytes(text.trim(), LONGEST_CELL);
    let mut markdown = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '&' | '<' | '>' | '|' | '\\' | '`' | '*' | '[' | ']' | '~' | '^' | '#' | '$' => reference(c, &mut markdown),
            '@' => {
                reference(c, &mut markdown);
                // GitHub looks for names after all references are resolved: a word joiner, which is not seen, parts
                // them. Inside a word, as in image@sha256, no name begins.
                if !before.is_alphanumeric() {
                    markdown.push_str("&#8288;");
                }
            }
            // Inside a word, as in in_progress, it emphasizes nothing.
            '_' if !(before.is_alphanumeric() && rest.peek().is_some_and(|next| next.is_alphanumeric())) => {
                reference(c, &mut markdown);
            }
            c => markdown.push(c),
        }
        before = c;
    }
    markdown
}

fn reference(c: char, markdown: &mut String) {
    let _ = write!(markdown, "&#{};", u32::from(c));
}

/// A link; None for what is no web address.
fn link(label: &str, address: &str) -> Option<String> {
    ["http://", "https://"]
        .iter()
        .any(|scheme| address.starts_with(scheme))
        .then(|| {
            let address = utf8_percent_encode(address, DESTINATION).to_string();
            // References are resolved in an address too.
            format!("[{label}]({})", address.replace('&', "&amp;"))
        })
}

#[cfg(test)]
mod tests;
