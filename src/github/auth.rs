//! Credentials: a token as it is, or a GitHub App that gets a token for each owner.

mod app;
mod clock;
mod key;

use std::{fmt, time::Duration};

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::{
    Settings,
    answer::CallError,
    client::Client,
    error::{CredentialsKind, GitHubError},
};
use crate::plan::Repository;
pub(super) use app::{App, trouble as app_trouble};
pub use clock::CLOCK_TOLERANCE;
pub(super) use clock::is_about_time;
pub use key::{KeyError, private_key};

/// A token this young may be unknown to some of GitHub's servers.
const REPLICATION: Duration = Duration::from_secs(5);

/// Who this program is on GitHub. Debug output shows no secret.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A personal access token, or the token of a workflow.
    Token(SecretString),
    /// A GitHub App.
    App {
        /// The App's id, or its client id.
        id: String,
        /// Its private key, in any form that [`private_key`] reads.
        key: SecretString,
        /// Its installation; without, it is looked up for each owner.
        installation: Option<u64>,
    },
}

/// Credentials, ready to be used.
pub(super) enum Auth {
    Token { token: SecretString, kind: CredentialsKind },
    App(Box<App>),
}

/// An `Authorization` header, and what may be done when GitHub does not take it.
pub(super) struct Authorization {
    pub(super) header: HeaderValue,
    /// When the token was made, if this process had it made.
    made: Option<Instant>,
}

/// What a refused `Authorization` deserves.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The token is too young to be known everywhere: the same once more, a little later.
    TooYoung,
    /// The token ended early: a new one.
    Renew,
    /// Nothing helps.
    Final,
}

impl Auth {
    pub(super) fn new(settings: &Settings) -> Result<Self, GitHubError> {
        match &settings.credentials {
            Credentials::Token(token) => {
                let kind = CredentialsKind::Token {
                    variable: settings.token_variable,
                    in_workflow: settings.in_workflow,
                };
                let token = SecretString::from(token.expose_secret().trim());
                bearer(&token).ok_or(GitHubError::MalformedToken { credentials: kind })?;
                Ok(Self::Token { token, kind })
            }
            Credentials::App { id, key, installation } => {
                let app = App::new(id.trim(), key.expose_secret(), *installation)?;
                Ok(Self::App(Box::new(app)))
            }
        }
    }

    pub(super) fn kind(&self) -> CredentialsKind {
        match self {
            Self::Token { kind, .. } => *kind,
            Self::App(_) => CredentialsKind::App,
        }
    }

    /// True if one request cannot be about the repositories of several owners.
    pub(super) fn is_per_owner(&self) -> bool {
        matches!(self, Self::App(_))
    }

    /// Notes that requests will be about this repository: an App's next token for its owner reaches it.
    pub(super) fn expect(&self, repository: &Repository) {
        if let Self::App(app) = self {
            app.expect(repository);
        }
    }

    /// The header for requests about those of `owner`'s repositories that are expected.
    pub(super) async fn authorization(&self, client: &Client, owner: &str) -> Result<Authorization, CallError> {
        let (token, made) = match self {
            Self::Token { token, .. } => (token.clone(), None),
            Self::App(app) => {
                let token = app.token(client, owner).await?;
                (token.secret, Some(token.made))
            }
        };
        let credentials = self.kind();
        let header = bearer(&token).ok_or(GitHubError::MalformedToken { credentials })?;
        Ok(Authorization { header, made })
    }

    /// The App; none for a token.
    pub(super) fn app(&self) -> Option<&App> {
        match self {
            Self::Token { .. } => None,
            Self::App(app) => Some(app),
        }
    }

    /// Judges a 401, and forgets the token if a new one may help.
    pub(super) async fn refused(&self, owner: &str, authorization: &Authorization) -> Refusal {
        let (Self::App(app), Some(made)) = (self, authorization.made) else {
            return Refusal::Final;
        };
        if made.elapsed() < REPLICATION {
            return Refusal::TooYoung;
        }
        app.forget(owner, made).await;
        Refusal::Renew
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Auth").field(&self.kind()).finish()
    }
}

/// A token says nothing about its form: any visible characters may be in it, and any number of them.
fn bearer(token: &SecretString) -> Option<HeaderValue> {
    let token = token.expose_secret();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests;
