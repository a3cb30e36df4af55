//! GitHub Actions: what a run says about itself, and the files through which a step tells the runner something.
//!
//! The variables are those of
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/variables>. Of other pipelines nothing is read:
//! their variables tell neither the repository on GitHub nor the commit reliably.

use std::{
    fs::{File, OpenOptions},
    hash::{BuildHasher, RandomState},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    args::LogFormat,
    config::{ConfigError, Variables},
};
use crate::report::{
    Document,
    actions::{Annotation, annotations, outputs, summary},
};

/// A step of a workflow, from the inside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    repository: Option<String>,
    server: Option<String>,
    run: Option<String>,
    sha: Option<String>,
    event: Option<String>,
    event_file: Option<PathBuf>,
    summary_file: Option<PathBuf>,
    output_file: Option<PathBuf>,
}

impl Step {
    /// The step that this process is part of; None outside of GitHub Actions.
    #[must_use]
    pub fn read(variables: Variables<'_>) -> Option<Self> {
        let variable = |name| variables(name).filter(|value| !value.is_empty());
        (variable("GITHUB_ACTIONS")? == "true").then(|| Self {
            repository: variable("GITHUB_REPOSITORY"),
            server: variable("GITHUB_SERVER_URL"),
            run: variable("GITHUB_RUN_ID"),
            sha: variable("GITHUB_SHA"),
            event: variable("GITHUB_EVENT_NAME"),
            event_file: variable("GITHUB_EVENT_PATH").map(PathBuf::from),
            summary_file: variable("GITHUB_STEP_SUMMARY").map(PathBuf::from),
            output_file: variable("GITHUB_OUTPUT").map(PathBuf::from),
        })
    }

    /// The repository of the workflow, as `owner/name`.
    #[must_use]
    pub fn repository(&self) -> Option<&str> {
        self.repository.as_deref()
    }

    /// The page of the run.
    #[must_use]
    pub fn address(&self) -> Option<String> {
        let (server, repository, run) = (self.server.as_ref()?, self.repository.as_ref()?, self.run.as_ref()?);
        Some(format!("{server}/{repository}/actions/runs/{run}"))
    }

    /// The commit that the run is about, as far as the run knows it. For a pull request that is its head: the merge
    /// commit, on which such a run works, is on no branch.
    ///
    /// # Errors
    /// When the file with the event of a pull request tells no commit.
    pub fn commit(&self) -> Result<Option<String>, ConfigError> {
        match self.event.as_deref() {
            Some(event) if event.starts_with("pull_request") => self.head().map(Some),
            // The default branch, whatever the comment or the run before was about.
            Some("issue_comment" | "workflow_run") => Ok(None),
            _ => Ok(self.sha.clone()),
        }
    }

    fn head(&self) -> Result<String, ConfigError> {
        let Some(path) = self.event_file.as_deref() else {
            return Err(ConfigError::Event {
                path: "$GITHUB_EVENT_PATH".into(),
                problem: "the variable is not set".to_owned(),
            });
        };
        let error = |problem: String| ConfigError::Event {
            path: path.to_owned(),
            problem,
        };
        let bytes = std::fs::read(path).map_err(|problem| error(problem.to_string()))?;
        let event: PullRequestEvent = serde_json::from_slice(&bytes).map_err(|problem| error(problem.to_string()))?;
        Ok(event.pull_request.head.sha)
    }

    /// Writes the job summary of a pass, and its annotations on stderr: stdout is for the result alone. If the run
    /// `waited` for rollouts to be final, those that are not are errors. Where the log is JSON it stays that, and has no
    /// annotations.
    pub fn tell(&self, document: &Document, waited: bool, log: LogFormat) {
        if log == LogFormat::Text {
            annotations(document, waited).iter().for_each(annotate);
        }
        append("job summary", self.summary_file.as_deref(), &summary(document));
    }

    /// Gives the step its outputs.
    pub fn put_outputs(&self, document: &Document) {
        append("outputs", self.output_file.as_deref(), &outputs(document, &delimiter()));
    }
}

/// What is needed of the event of a pull request.
#[derive(Deserialize)]
struct PullRequestEvent {
    pull_request: PullRequest,
}

#[derive(Deserialize)]
struct PullRequest {
    head: Head,
}

#[derive(Deserialize)]
struct Head {
    sha: String,
}

/// Gives the runner an annotation. Where stderr is closed, nobody is left to tell.
pub(super) fn annotate(annotation: &Annotation) {
    let _ = writeln!(io::stderr(), "{annotation}");
}

/// What the pass did is done and printed: a file that can't be written does not fail it.
fn append(what: &str, path: Option<&Path>, text: &str) {
    let Some(path) = path else {
        return;
    };
    let file = OpenOptions::new().append(true).create(true).open(path);
    if let Err(error) = file.and_then(|mut file: File| file.write_all(text.as_bytes())) {
        tracing::warn!(%error, path = %path.display(), "cannot write the {what}");
    }
}

/// A line that nobody can guess: the keys of these hashers are random, from the operating system.
fn delimiter() -> String {
    let random = || RandomState::new().hash_one(());
    format!("kube_status_to_github_{:016x}{:016x}", random(), random())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(variables: &[(&str, &str)]) -> Option<Step> {
        let variables: Vec<(String, String)> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Step::read(&|name| {
            variables
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, value)| value.clone())
        })
    }

    const PUSH: [(&str, &str); 6] = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_REPOSITORY", "octo-org/web"),
        ("GITHUB_SERVER_URL", "https://github.example"),
        ("GITHUB_RUN_ID", "42"),
        ("GITHUB_SHA", "1111111111111111111111111111111111111111"),
        ("GITHUB_EVENT_NAME", "push"),
    ];

    #[test]
    fn only_in_github_actions() {
        for value in ["", "false", "1", "True"] {
            assert_eq!(
                step(&[("GITHUB_ACTIONS", value), ("GITHUB_REPOSITORY", "a/b")]),
                None,
                "{value:?}"
            );
        }
        assert_eq!(step(&PUSH[1..]), None);
    }

    #[test]
    fn what_a_run_says_about_itself() {
        let push = step(&PUSH).expect("a step");
        assert_eq!(push.repository(), Some("octo-org/web"));
        assert_eq!(
            push.address().as_deref(),
            Some("https://github.example/octo-org/web/actions/runs/42")
        );
        let alone = step(&PUSH[..1]).expect("a step");
        assert_eq!((alone.repository(), alone.address()), (None, None));
    }

    #[test]
    fn the_commit_of_each_event() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).expect("write a file");
            path.display().to_string()
        };
        let pull_request = file(
            "pull_request.json",
            r#"{"number": 7, "pull_request": {"head": {"sha": "2222222222222222222222222222222222222222"}}}"#,
        );
        let push = file("push.json", r#"{"after": "1"}"#);
        let garbage = file("garbage.json", "<html>");
        let absent = folder.path().join("absent.json").display().to_string();
        for (event, path, expected) in [
            ("push", &push, Ok(Some('1'))),
            ("push", &absent, Ok(Some('1'))),
            ("workflow_dispatch", &push, Ok(Some('1'))),
            ("pull_request", &pull_request, Ok(Some('2'))),
            ("pull_request_target", &pull_request, Ok(Some('2'))),
            ("workflow_run", &push, Ok(None)),
            ("issue_comment", &push, Ok(None)),
            ("pull_request", &push, Err("missing field `pull_request`")),
            ("pull_request", &garbage, Err("expected value")),
            ("pull_request", &absent, Err("No such file")),
            (
                "pull_request",
                &String::new(),
                Err("\"$GITHUB_EVENT_PATH\" (the variable is not set)"),
            ),
        ] {
            let mut variables = PUSH.to_vec();
            variables[5] = ("GITHUB_EVENT_NAME", event);
            variables.push(("GITHUB_EVENT_PATH", path));
            let commit = step(&variables).expect("a step").commit();
            match (commit, expected) {
                (Ok(commit), Ok(expected)) => {
                    assert_eq!(
                        commit.and_then(|commit| commit.chars().next()),
                        expected,
                        "{event} {path}"
                    );
                }
                (Err(error), Err(problem)) => {
                    let error = error.to_string();
                    assert!(error.contains(problem) && error.contains("--ref"), "{error}");
                }
                (commit, _) => panic!("{event} {path}: {commit:?}"),
            }
        }
    }

    #[test]
    fn delimiters_differ() {
        let (one, other) = (delimiter(), delimiter());
        assert_ne!(one, other);
        assert_eq!(one.len(), 54);
    }
}
