//! What credentials lack, and how to give it to them: as far as GitHub says, by kind of credentials.

use std::fmt;

use http::HeaderMap;

use super::{
    client::Client,
    error::{CredentialsKind, GitHubError, quoted},
};
use crate::plan::Repository;

/// The scopes of a classic token of which one is enough.
const CLASSIC_SCOPES: &str = "repo_deployment, repo";

/// What GitHub says about the credentials of a request, in the headers of its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// `X-Accepted-GitHub-Permissions`: what would have been enough, for Apps and fine-grained tokens.
    pub permissions: Option<Box<str>>,
    /// `X-OAuth-Scopes`: what a classic token has, empty for nothing. Other credentials have no such header.
    pub scopes: Option<Box<str>>,
    /// `X-Accepted-OAuth-Scopes`: what would have been enough for a classic token.
    pub accepted_scopes: Option<Box<str>>,
    /// `X-GitHub-SSO`
    pub sign_on: Option<SignOn>,
    /// `X-GitHub-Request-Id`, for GitHub's support.
    pub request_id: Option<Box<str>>,
}

/// What GitHub says about single sign-on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignOn {
    /// The token has to be authorized first.
    Required {
        /// Where.
        url: Option<Box<str>>,
    },
    /// Something is left out that the token is not authorized for.
    Partial {
        /// Numbers of the organisations.
        organizations: Box<str>,
    },
}

impl Remarks {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| -> Option<Box<str>> { Some(quoted(headers.get(name)?.to_str().ok()?).into()) };
        let some = |name: &str| text(name).filter(|text| !text.is_empty());
        Self {
            permissions: some("x-accepted-github-permissions"),
            scopes: text("x-oauth-scopes"),
            accepted_scopes: some("x-accepted-oauth-scopes"),
            sign_on: headers
                .get("x-github-sso")
                .and_then(|value| SignOn::parse(value.to_str().ok()?)),
            request_id: some("x-github-request-id"),
        }
    }
}

impl SignOn {
    /// Reads `required; url=…` and `partial-results; organizations=…`.
    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(';').unwrap_or((text, ""));
        let value = |name: &str| -> Option<Box<str>> {
            let value = rest.trim().strip_prefix(name)?.strip_prefix('=')?;
            (!value.is_empty()).then(|| value.into())
        };
        match kind.trim() {
            "required" => Some(Self::Required { url: value("url") }),
            "partial-results" => Some(Self::Partial {
                organizations: value("organizations").unwrap_or_default(),
            }),
            _ => None,
        }
    }
}

impl Client {
    /// The credentials may not do something, about this repository if that is known.
    pub(super) fn forbidden(
        &self,
        repository: Option<&Repository>,
        permission: &'static str,
        message: String,
        remarks: &Remarks,
    ) -> GitHubError {
        let credentials = self.credentials();
        let repository = repository.cloned();
        if let Some(error) = repository
            .as_ref()
            .and_then(|found| self.suspended(&found.owner, &message))
        {
            return error;
        }
        if let Some(SignOn::Required { url }) = &remarks.sign_on {
            return GitHubError::SignOnRequired {
                owner: repository.map(|repository| repository.owner),
                credentials,
                url: url.clone(),
            };
        }
        GitHubError::Forbidden {
            repository,
            credentials,
            permission,
            message,
            remarks: Box::new(remarks.clone()),
        }
    }

    /// The App's installation for `owner` was put on hold, if that is what GitHub's words say.
    pub(super) fn suspended(&self, owner: &str, message: &str) -> Option<GitHubError> {
        let is_said = message.to_ascii_lowercase().contains("installation has been suspended");
        (self.credentials() == CredentialsKind::App && is_said).then(|| GitHubError::Suspended {
            owner: owner.to_owned(),
            page: None,
        })
    }

    /// The repository is not there, or not to be seen.
    pub(super) fn not_found(&self, repository: &Repository, remarks: &Remarks) -> GitHubError {
        GitHubError::NotFound {
            repository: repository.clone(),
            credentials: self.credentials(),
            remarks: Box::new(remarks.clone()),
        }
    }
}

/// What to do about a missing permission.
pub(super) struct Grant<'a> {
    pub(super) credentials: CredentialsKind,
    pub(super) owner: Option<&'a str>,
    /// What is needed, where GitHub does not say.
    pub(super) permission: &'a str,
    pub(super) message: &'a str,
    pub(super) remarks: &'a Remarks,
}

impl fmt::Display for Grant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Remarks {
            permissions,
            scopes,
            accepted_scopes,
            ..
        } = self.remarks;
        let permission = permissions.as_deref().unwrap_or(self.permission);
        if is_policy(self.message) {
            // Their words say what it is; no permission helps.
            return match self.owner {
                Some(owner) => write!(f, "an owner of {owner} decides about that"),
                None => f.write_str("an owner of the organization decides about that"),
            };
        }
        if let Some(scopes) = scopes {
            let accepted = accepted_scopes.as_deref().unwrap_or(CLASSIC_SCOPES);
            return write!(f, "grant one of the scopes {accepted} (it has {})", Scopes(scopes));
        }
        match (self.credentials, self.owner) {
            (CredentialsKind::Token { in_workflow: true, .. }, _)
                if !self.message.contains("personal access token") =>
            {
                f.write_str("give the job of the workflow `permissions: deployments: write`")?;
                if permission.contains("deployments") {
                    Ok(())
                } else {
                    write!(f, ", and {permission}")
                }
            }
            (CredentialsKind::App, Some(owner)) => write!(
                f,
                "grant {permission} to the App, accept that for {owner}, and see that its installation there includes \
                 the repository"
            ),
            _ => write!(f, "grant {permission}"),
        }
    }
}

/// What to do where a repository cannot be seen.
pub(super) struct Sight<'a> {
    pub(super) credentials: CredentialsKind,
    pub(super) owner: &'a str,
    pub(super) remarks: &'a Remarks,
}

impl fmt::Display for Sight<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            credentials,
            owner,
            remarks,
        } = self;
        if let Some(SignOn::Required { url: Some(url) }) = &remarks.sign_on {
            return write!(f, "check the name, and authorize the token for single sign-on at {url}");
        }
        match (credentials, &remarks.scopes) {
            _ if remarks.sign_on.is_some() => {
                f.write_str("check the name, and authorize the token for the single sign-on of its organization")
            }
            (_, Some(scopes)) if !scopes.split(',').any(|scope| scope.trim() == "repo") => write!(
                f,
                "check the name, and grant the scope repo, without which a token sees no private repository \
                 (it has {})",
                Scopes(scopes)
            ),
            (CredentialsKind::App, _) => {
                write!(
                    f,
                    "check the name, and that the App's installation for {owner} includes the repository"
                )
            }
            (CredentialsKind::Token { in_workflow: true, .. }, None) => f.write_str(
                "check the name, and that the credentials have access to it; a workflow's own token sees no private \
                 repository but its own, and that with `permissions: deployments: write` only",
            ),
            (CredentialsKind::Token { .. }, _) => {
                f.write_str("check the name, and that the credentials have access to it")
            }
        }
    }
}

struct Scopes<'a>(&'a str);

impl fmt::Display for Scopes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "none" } else { self.0 })
    }
}

/// True if an organisation's rules are the reason: a list of addresses, or kinds of tokens that it does not take.
pub(super) fn is_policy(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("ip allow list") || message.contains("forbids access")
}

#[cfg(test)]
mod tests;
