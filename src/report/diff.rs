//! What a dry run would write, as a difference: for each environment what GitHub has, and what it would have.

use std::{collections::BTreeMap, io};

use unicode_width::UnicodeWidthStr;

use super::{
    colour,
    document::{ChangeAction, ChangeResult, Document, ExistingDeployment},
    people::action,
    render::Style,
    text::{clean, cut},
};
use crate::plan::{DEFAULT_TASK, LatestStatus};

/// Deployments that nothing happens to and that are shown all the same, the newest ones.
const CONTEXT: usize = 5;

/// Where there are more environments, those in which nothing would be written are left out.
const FEW: usize = 10;

/// A name is never cut to less.
const SHORTEST_NAME: usize = 8;

/// A line: what it is about, and what is said of that.
struct Line {
    kind: Kind,
    name: String,
    rest: String,
}

#[derive(Clone, Copy)]
enum Kind {
    Kept,
    Old,
    New,
}

impl Line {
    /// Where the terminal is narrow, the name is cut: the state is the point of it.
    fn text(&self, style: Style) -> String {
        let mark = match self.kind {
            Kind::Kept => "  ",
            Kind::Old => "- ",
            Kind::New => "+ ",
        };
        let (name, rest) = (clean(&self.name, style.actions), clean(&self.rest, style.actions));
        let Some(width) = style.width else {
            return format!("{mark}{name} {rest}");
        };
        let left = width.saturating_sub(mark.width() + 1 + rest.width()).max(SHORTEST_NAME);
        let line = format!("{mark}{} {rest}", cut(&name, left));
        cut(&line, width).into_owned()
    }

    fn colour(&self) -> anstyle::Style {
        match self.kind {
            Kind::Kept => anstyle::Style::new(),
            Kind::Old => colour::OLD,
            Kind::New => colour::NEW,
        }
    }
}

/// Writes the difference, environment by environment. True if there was anything.
pub(super) fn write(document: &Document, out: &mut impl io::Write, style: Style) -> io::Result<bool> {
    let mut environments: BTreeMap<(&str, &str), Vec<&ExistingDeployment>> = BTreeMap::new();
    for existing in &document.existing {
        let deployments = environments
            .entry((&existing.repository, &existing.environment))
            .or_default();
        deployments.extend(&existing.deployments);
    }
    for change in &document.changes {
        environments
            .entry((&change.repository, &change.environment))
            .or_default();
    }
    let mut any = false;
    let are_few = environments.len() <= FEW;
    for ((repository, environment), existing) in environments {
        let changes: Vec<&ChangeResult> = document
            .changes
            .iter()
            .filter(|change| change.repository == repository && change.environment == environment)
            .collect();
        let lines = lines(&existing, &changes);
        if lines.is_empty() || changes.is_empty() && !are_few {
            continue;
        }
        let heading = format!("{repository} {environment}");
        let heading = clean(&heading, style.actions);
        let heading = cut(&heading, style.width.unwrap_or(usize::MAX));
        let gap = if any { "\n" } else { "" };
        writeln!(out, "{gap}{}", colour::paint(&heading, colour::HEADING, style.colours))?;
        for line in lines {
            writeln!(
                out,
                "{}",
                colour::paint(&line.text(style), line.colour(), style.colours)
            )?;
        }
        any = true;
    }
    Ok(any)
}

/// Oldest first, so that what is new stands at the end.
fn lines(existing: &[&ExistingDeployment], changes: &[&ChangeResult]) -> Vec<Line> {
    let of = |node_id: &str| -> Vec<&ChangeResult> {
        let about = |change: &&&ChangeResult| {
            change.action != ChangeAction::Create
                && change
                    .deployment
                    .as_ref()
                    .is_some_and(|deployment| deployment.node_id == node_id)
        };
        changes.iter().filter(about).copied().collect()
    };
    let (mut shown, mut hidden) = (Vec::new(), 0);
    for deployment in existing {
        let changes = of(&deployment.node_id);
        if changes.is_empty() && deployment.status == LatestStatus::Inactive {
            continue;
        }
        let kept = shown
            .iter()
            .filter(|(_, changes): &&(_, Vec<_>)| changes.is_empty())
            .count();
        if changes.is_empty() && kept == CONTEXT {
            hidden += 1;
        } else {
            shown.push((deployment, changes));
        }
    }
    let mut lines = Vec::new();
    if hidden > 0 {
        lines.push(line(Kind::Kept, "…".to_owned(), format!("{hidden} older")));
    }
    for (deployment, changes) in shown.into_iter().rev() {
        let name = name(&deployment.git_ref, &deployment.task);
        let kind = if changes.is_empty() { Kind::Kept } else { Kind::Old };
        lines.push(line(kind, name, status(&deployment.status)));
        lines.extend(changes.iter().map(|change| new(change)));
    }
    // Those of an environment of which only the changes are known.
    let is_known = |change: &ChangeResult| {
        let node_id = change.deployment.as_ref().map(|deployment| &deployment.node_id);
        existing.iter().any(|existing| Some(&existing.node_id) == node_id)
    };
    for change in changes.iter().filter(|change| !is_known(change)) {
        if let Some(before) = &change.before {
            let name = name(&change.git_ref, &change.task);
            lines.push(line(Kind::Old, name, status(before)));
        }
        lines.push(new(change));
    }
    lines
}

fn new(change: &ChangeResult) -> Line {
    let rest = format!("{} ({})", change.state, action(change.action.into()));
    line(Kind::New, name(&change.git_ref, &change.task), rest)
}

fn line(kind: Kind, name: String, rest: String) -> Line {
    Line { kind, name, rest }
}

/// The ref, with the task where that is not the usual one.
fn name(git_ref: &str, task: &str) -> String {
    if task == DEFAULT_TASK {
        git_ref.to_owned()
    } else {
        format!("{git_ref} [{task}]")
    }
}

fn status(status: &LatestStatus) -> String {
    match status {
        LatestStatus::None => "without status".to_owned(),
        status => status.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests;
