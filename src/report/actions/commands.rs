//! Commands for the runner: those that are ours, and the breaking of those that are not.
//!
//! The runner obeys a line that begins with `::`, and `##[` anywhere in a line. In a command of ours `%`, carriage
//! returns and line feeds are escaped, and in its properties `:` and `,`:
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>.

use std::{borrow::Cow, collections::BTreeSet, fmt};

use super::super::{
    document::{Action, Document, SUPERSEDED, SourceResult},
    people::name,
    text::clean,
};
use crate::plan::State;

/// GitHub shows this many annotations of a level for a step, and drops the others without a word.
const SHOWN: usize = 10;

/// Breaks what the runner would obey in a line that is not ours.
pub(in crate::report) fn disarm(line: Cow<'_, str>) -> Cow<'_, str> {
    let mut line = line;
    if line.contains("##[") {
        line = Cow::Owned(line.replace("##[", "## ["));
    }
    if line.trim_start().starts_with("::") {
        line = Cow::Owned(line.replacen("::", ": :", 1));
    }
    line
}

/// The same in JSON, whose lines never begin with `::`; what it says stays the same.
pub(in crate::report) fn disarm_json(text: &str) -> Cow<'_, str> {
    match text.contains("##[") {
        true => Cow::Owned(text.replace("##[", "#\\u0023[")),
        false => Cow::Borrowed(text),
    }
}

/// How loud an annotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What the run fails for.
    Error,
    /// What the user should know.
    Warning,
}

/// A remark that GitHub shows with the run. Its text form is a command for the runner, one line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Annotation {
    /// How loud.
    pub level: Level,
    /// What it is about.
    pub title: String,
    /// What there is to say, in one line or several.
    pub message: String,
}

impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        let title = data(&clean(&self.title, true)).replace(':', "%3A").replace(',', "%2C");
        // The runner prints the message again, and what shows the log obeys `##[` in each of its lines.
        let lines: Vec<_> = self.message.lines().map(|line| clean(line, true)).collect();
        write!(f, "::{command} title={title}::{}", data(&lines.join("\n")))
    }
}

/// What stands for itself between `::` and the end of the line.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What the document has to say with the run: errors and warnings, and rollouts that failed. If the run `waited` for
/// them to be final, those that failed, and those that are not final yet, are what it fails for.
#[must_use]
pub fn annotations(document: &Document, waited: bool) -> Vec<Annotation> {
    let mut told = BTreeSet::new();
    let all = document.results.iter().flat_map(|result| remarks(result, waited));
    // Two objects of one name share a fault.
    let all: Vec<Annotation> = all.filter(|annotation| told.insert(annotation.clone())).collect();
    let (errors, warnings) = all.into_iter().partition(|annotation| annotation.level == Level::Error);
    shown(errors).into_iter().chain(shown(warnings)).collect()
}

fn remarks(result: &SourceResult, waited: bool) -> Vec<Annotation> {
    let title = name(result).unwrap_or_else(|| "kube-status-to-github".to_owned());
    let warnings = result.warnings.iter().map(|warning| (Level::Warning, warning.clone()));
    warnings
        .chain(concern(result, waited))
        .map(|(level, message)| Annotation {
            level,
            title: title.clone(),
            message,
        })
        .collect()
}

/// What is not as the user wants it.
fn concern(result: &SourceResult, waited: bool) -> Option<(Level, String)> {
    let grave = if waited { Level::Error } else { Level::Warning };
    let why = || {
        let health = result.health.as_ref().map(|health| health.message.as_str());
        let why = result.message.as_deref().or(result.reason.as_deref()).or(health);
        why.unwrap_or_default().to_owned()
    };
    match result.action {
        Action::Fail => {
            let error = result.error.as_ref().map(|error| error.message.clone());
            Some((Level::Error, error.unwrap_or_else(why)))
        }
        Action::Defer => Some((grave, format!("left to a later pass: {}", why()))),
        // Suspended, or older than the user asked for: as it should be.
        Action::Skip => match result.reason.as_deref() {
            Some(SUPERSEDED) => Some((grave, why())),
            Some("RefConflict") => Some((Level::Warning, why())),
            _ => None,
        },
        Action::Create | Action::Update | Action::Close | Action::Unchanged => match result.state? {
            State::Failure => Some((grave, format!("the rollout failed: {}", why()))),
            State::Error => Some((grave, format!("the rollout did not end in time: {}", why()))),
            State::Pending | State::InProgress if waited => {
                Some((grave, format!("the rollout is not complete: {}", why())))
            }
            _ => None,
        },
    }
}

/// As many as GitHub shows; the last one counts the others.
fn shown(mut annotations: Vec<Annotation>) -> Vec<Annotation> {
    let others = annotations.len().saturating_sub(SHOWN - 1);
    if others > 1 {
        annotations.truncate(SHOWN - 1);
        annotations.extend(annotations.last().map(|last| Annotation {
            level: last.level,
            title: "kube-status-to-github".to_owned(),
            message: format!("{others} more: see the job summary"),
        }));
    }
    annotations
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::fixtures;
    use super::*;

    fn lines(document: &Document, waited: bool) -> Vec<String> {
        annotations(document, waited).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_escaped() {
        for (title, message, expected) in [
            ("plain", "text", "::error title=plain::text"),
            ("a,b: c", "a,b: c", "::error title=a%2Cb%3A c::a,b: c"),
            ("100%", "100% %0A", "::error title=100%25::100%25 %250A"),
            ("a\nb", "a\r\nb\nc", "::error title=a b::a%0Ab%0Ac"),
            ("🚀", "dépôt 🚀", "::error title=🚀::dépôt 🚀"),
            (
                "a::b",
                "::set-output name=a::b",
                "::error title=a%3A%3Ab::: :set-output name=a::b",
            ),
            ("##[x", "one\n##[group]two", "::error title=## [x::one%0A## [group]two"),
            ("\u{1b}[31m", "\u{202e}x", "::error title=�[31m::�x"),
            ("", "", "::error title=::"),
        ] {
            let annotation = Annotation {
                level: Level::Error,
                title: title.to_owned(),
                message: message.to_owned(),
            };
            assert_eq!(annotation.to_string(), expected, "{title:?} {message:?}");
        }
    }

    #[test]
    fn what_a_pass_has_to_say() {
        assert_eq!(
            lines(&fixtures::document(), false),
            [
                "::error title=GitHubDeployment blog/broken::ref v9 is not in shop/app; push the tag, or correct \
                 spec.extract",
                "::warning title=GitHubDeployment shop/app::containerName and jsonPath are both set: containerName wins",
                "::warning title=GitHubDeployment blog/nasty::left to a later pass: ::set-env name=A::�[31mB\
                 %0Asecond�line ## [x]",
            ]
        );
        assert_eq!(lines(&fixtures::empty(), true), [""; 0]);
        assert_eq!(lines(&fixtures::from_flags(), true), [""; 0]);
    }

    #[test]
    fn rollouts_fail_a_run_that_waited() {
        for (fields, once, waited) in [
            (
                json!({"state": "failure", "action": "update", "health": {"status": "Failed", "message": "m"}}),
                Some("::warning title=GitHubDeployment shop/app::the rollout failed: m"),
                Some("::error title=GitHubDeployment shop/app::the rollout failed: m"),
            ),
            (
                json!({"state": "in_progress", "action": "unchanged", "health": {"status": "InProgress", "message": "m"}}),
                None,
                Some("::error title=GitHubDeployment shop/app::the rollout is not complete: m"),
            ),
            (
                json!({"action": "skip", "reason": "Superseded", "message": "another rollout"}),
                Some("::warning title=GitHubDeployment shop/app::another rollout"),
                Some("::error title=GitHubDeployment shop/app::another rollout"),
            ),
            (
                json!({"action": "skip", "reason": "RefConflict", "message": "another ref"}),
                Some("::warning title=GitHubDeployment shop/app::another ref"),
                Some("::warning title=GitHubDeployment shop/app::another ref"),
            ),
            (json!({"action": "skip", "reason": "Suspended"}), None, None),
            (json!({"state": "success", "action": "create"}), None, None),
        ] {
            let mut document = fixtures::empty();
            document.results.push(fixtures::result(fields.clone()));
            assert_eq!(lines(&document, false).first().map(String::as_str), once, "{fields}");
            assert_eq!(lines(&document, true).first().map(String::as_str), waited, "{fields}");
        }
    }

    #[test]
    fn no_more_than_github_shows() {
        for (count, expected) in [(1, 1), (10, 10), (11, 10), (5_000, 10)] {
            let mut document = fixtures::empty();
            document.results = (0..count)
                .map(|n| {
                    let name = json!({"namespace": "shop", "name": n.to_string()});
                    fixtures::result(json!({"githubDeployment": name, "action": "fail", "message": "m"}))
                })
                .collect();
            let lines = lines(&document, false);
            assert_eq!(lines.len(), expected);
            let told = lines.iter().filter(|line| line.contains("GitHubDeployment")).count();
            let counted = lines.last().and_then(|line| {
                let (_, message) = line.rsplit_once("::")?;
                message.strip_suffix(" more: see the job summary")?.parse().ok()
            });
            assert_eq!(told + counted.unwrap_or(0), count);
        }
    }
}
