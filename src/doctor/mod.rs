//! Looks at everything that `sync` needs: the way to GitHub, the credentials, what they may, the limits, and the
//! cluster. Nothing is written.
//!
//! A check whose outcome follows from one that failed is not made: one fault is one line.

mod cluster;
mod github;
mod needs;
mod repository;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use kube::Client;
use url::Url;

use crate::{
    github::{Credentials, GitHubError, TokenKind},
    plan::Repository,
    report::{Area, Check, CheckName, CheckResult, with_causes},
    source::Kept,
    sync::{DeclaredIn, ObjectsIn},
};

/// What is to be looked at.
pub struct Subject {
    /// GitHub's address, or why there is none.
    pub api: Result<Url, Finding>,
    /// Who we are there.
    pub credentials: Result<CredentialsFound, Finding>,
    /// A client for the cluster, or why there is none; none if the cluster is not looked at.
    pub cluster: Option<Result<Client, Finding>>,
    /// Where sources are declared; none if only repositories are looked at.
    pub declared_in: Option<DeclaredIn>,
    /// Where the observed objects are.
    pub objects_in: ObjectsIn,
    /// Repositories that are looked at whatever is declared.
    pub repositories: Vec<Repository>,
    /// Owner of repositories that are given without one.
    pub default_owner: Option<String>,
    /// What stdin and pipes hold.
    pub kept: Kept,
    /// The present moment.
    pub now: Timestamp,
}

/// Credentials, and where they come from.
pub struct CredentialsFound {
    /// Token or App.
    pub credentials: Credentials,
    /// The variable that a token comes from.
    pub token_variable: &'static str,
    /// The program runs in a workflow of GitHub Actions.
    pub in_workflow: bool,
    /// An App is set as well, and not used.
    pub app_ignored: bool,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In CamelCase, stable.
    pub reason: &'static str,
    /// What it is, and what to do.
    pub message: String,
}

/// What was found.
#[derive(Debug)]
pub struct Examination {
    /// In the order of GitHub, cluster, repositories.
    pub checks: Vec<Check>,
    /// True if GitHub or the API server answered.
    pub answered: bool,
}

/// Makes every check.
pub async fn examine(subject: &Subject) -> Examination {
    let mut near = Checks::of(Area::Cluster, None);
    let (needs, cluster_answered) = cluster::examine(subject, &mut near).await;
    let mut far = Checks::of(Area::GitHub, None);
    let way = github::examine(subject, &needs, &mut far).await;
    let mut checks = far.done;
    checks.append(&mut near.done);
    if let Some(access) = &way.access {
        let reached = needs
            .repositories
            .iter()
            .filter(|(repository, _)| access.reaches(repository));
        for (repository, needs) in reached {
            let mut here = Checks::of(Area::Repository, Some(repository.to_string()));
            repository::examine(access, repository, needs, &mut here).await;
            checks.append(&mut here.done);
            if access.github.limited_until().is_some() {
                break;
            }
        }
    }
    Examination {
        checks,
        answered: cluster_answered || way.answered,
    }
}

impl Finding {
    /// An error with all its causes.
    pub fn new(reason: &'static str, error: &(dyn std::error::Error + 'static)) -> Self {
        Self {
            reason,
            message: with_causes(error).join(": "),
        }
    }
}

impl From<&GitHubError> for Finding {
    fn from(error: &GitHubError) -> Self {
        Self::new(error.reason(), error)
    }
}

/// Checks of one area, as they are made.
struct Checks {
    area: Area,
    subject: Option<String>,
    done: Vec<Check>,
}

impl Checks {
    fn of(area: Area, subject: Option<String>) -> Self {
        Self {
            area,
            subject,
            done: Vec::new(),
        }
    }

    fn add(&mut self, check: CheckName, result: CheckResult, reason: Option<&str>, message: String) {
        self.done.push(Check {
            area: self.area,
            subject: self.subject.clone(),
            check,
            result,
            reason: reason.map(ToOwned::to_owned),
            message,
        });
    }

    fn ok(&mut self, check: CheckName, message: impl Into<String>) {
        self.add(check, CheckResult::Ok, None, message.into());
    }

    fn info(&mut self, check: CheckName, message: impl Into<String>) {
        self.add(check, CheckResult::Info, None, message.into());
    }

    fn warning(&mut self, check: CheckName, reason: &str, message: impl Into<String>) {
        self.add(check, CheckResult::Warning, Some(reason), message.into());
    }

    fn failed(&mut self, check: CheckName, finding: impl Into<Finding>) {
        let Finding { reason, message } = finding.into();
        self.add(check, CheckResult::Failed, Some(reason), message);
    }
}

/// What a token is called in a sentence.
fn in_words(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Classic => "a classic personal access token",
        TokenKind::FineGrained => "a fine-grained personal access token",
        TokenKind::OAuth => "the token of an OAuth app",
        TokenKind::User => "the token of a GitHub App's user",
        TokenKind::Installation => "the token of a GitHub App's installation, such as that of a workflow",
        TokenKind::Refresh => "a refresh token",
        TokenKind::Unknown => "a token of a kind that is not known",
    }
}
