//! What can be asked about the way to GitHub without changing anything there: the server, the credentials, their
//! limits, and what they may in a repository.
//!
//! Facts only: what they mean for a user is [`crate::doctor`]'s to say. The one request here that is no GET asks for
//! an App's installation token, as every pass does.

use std::{collections::BTreeMap, sync::Arc};

use http::{HeaderMap, Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use url::Url;

use super::{
    Credentials, GitHub, GitHubError, Settings,
    address::Address,
    answer::{Answer, CallError},
    auth::app_trouble,
    client::Client,
    error::{CredentialsKind, NoAnswer, quoted},
    transport,
};
use crate::plan::Repository;

/// What answers at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Version of a GitHub Enterprise Server; none for github.com and GHE.com.
    pub enterprise: Option<String>,
    /// How far its clock is ahead of ours; none if it did not say.
    pub ahead: Option<SignedDuration>,
}

/// What GitHub says about a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFacts {
    /// The scopes of a classic token; none for tokens that have permissions instead.
    pub scopes: Option<Vec<String>>,
    /// When it ends, if it does.
    pub expires: Option<Timestamp>,
    /// What is left of the hour; none where the server has no limits.
    pub limits: Option<RateLimits>,
}

/// What GitHub says about an App, or about one of its installations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppFacts {
    /// Name of the App in addresses.
    pub slug: String,
    /// Its permissions, such as `deployments` with `write`.
    pub permissions: BTreeMap<String, String>,
}

/// The primary rate limits of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Of REST.
    pub core: RateLimit,
    /// Of GraphQL.
    pub graphql: RateLimit,
}

/// One primary rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct RateLimit {
    /// An hour's.
    pub limit: u64,
    /// What is left of it.
    pub remaining: u64,
    /// When it is whole again, in seconds since 1970.
    pub reset: i64,
}

/// What GitHub says about a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryFacts {
    /// Its name today, which is another one if it was renamed.
    pub name: String,
    /// It is not public.
    pub private: bool,
    /// It is read-only.
    pub archived: bool,
    /// Its default branch.
    pub default_branch: String,
    /// Whether the token's user may push to it; none if GitHub does not say.
    pub push: Option<bool>,
}

/// What a token is, by how it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A classic personal access token.
    Classic,
    /// A fine-grained personal access token.
    FineGrained,
    /// Of an OAuth app, such as that of `gh auth login`.
    OAuth,
    /// Of a user of a GitHub App.
    User,
    /// Of an installation, such as the one that GitHub Actions makes for a workflow.
    Installation,
    /// For getting a token, and none itself.
    Refresh,
    /// Nothing that GitHub documents.
    Unknown,
}

impl TokenKind {
    /// By the prefix, as GitHub documents them under "Token formats".
    #[must_use]
    pub fn of(token: &str) -> Self {
        let is_old = token.len() == 40 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
        match token.split_once('_').map(|(prefix, _)| prefix) {
            Some("ghp") => Self::Classic,
            Some("github") if token.starts_with("github_pat_") => Self::FineGrained,
            Some("gho") => Self::OAuth,
            Some("ghu") => Self::User,
            Some("ghs") => Self::Installation,
            Some("ghr") => Self::Refresh,
            _ if is_old => Self::Classic,
            _ => Self::Unknown,
        }
    }
}

/// Asks the server at `api` what it is, without credentials.
///
/// # Errors
/// When there is no answer, or none that GitHub would give.
pub async fn probe(api: &Url) -> Result<Server, GitHubError> {
    let address = Address::of(api)?;
    let transport = transport::network(&address)?;
    // They are not sent.
    let nobody = Settings::new(api.clone(), Credentials::Token("nobody".into()));
    Client::new(transport, address, &nobody)?.probe().await
}

impl Client {
    async fn probe(&self) -> Result<Server, GitHubError> {
        let url = self.address().endpoint(&["meta"]);
        let answer = self
            .follow(None, Method::GET, url, None)
            .await
            .map_err(|error| self.unread(error))?;
        let is_github = answer.headers.keys().any(|name| name.as_str().starts_with("x-github-"));
        // A server in private mode tells nothing to strangers, and their limit may be used up.
        let refuses = matches!(
            answer.status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
        );
        if !is_github || !(answer.status.is_success() || refuses) {
            return Err(self.unread(CallError::NotSent(Arc::new(NoAnswer::Server {
                status: answer.status.as_u16(),
                message: answer.complaint().message,
                request_id: answer.request_id(),
            }))));
        }
        let now = Timestamp::now();
        Ok(Server {
            enterprise: text(&answer.headers, "x-github-enterprise-version"),
            ahead: answer.date().map(|theirs| theirs.duration_since(now)),
        })
    }

    /// The body of a success, or what kept it from being one.
    fn success<T: serde::de::DeserializeOwned>(&self, answer: &Answer, action: &str) -> Result<T, CallError> {
        if answer.status.is_success() {
            answer.json()
        } else {
            Err(self.trouble(answer, action))
        }
    }

    async fn token_facts(&self, owner: &str) -> Result<TokenFacts, CallError> {
        let url = self.address().endpoint(&["rate_limit"]);
        let answer = self.send(owner, Method::GET, url, None).await?;
        let scopes = answer.remarks().scopes.map(|scopes| {
            let scopes = scopes.split(',').map(str::trim);
            scopes.filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
        });
        Ok(TokenFacts {
            scopes,
            expires: text(&answer.headers, "github-authentication-token-expiration").and_then(|text| expiry(&text)),
            limits: self.rate_limits(&answer)?,
        })
    }

    /// A GitHub Enterprise Server without limits answers 404.
    fn rate_limits(&self, answer: &Answer) -> Result<Option<RateLimits>, CallError> {
        #[derive(Deserialize)]
        struct Body {
            resources: Resources,
        }
        #[derive(Deserialize)]
        struct Resources {
            core: RateLimit,
            graphql: RateLimit,
        }
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let Body { resources } = self.success(answer, "tell the rate limits")?;
        Ok(Some(RateLimits {
            core: resources.core,
            graphql: resources.graphql,
        }))
    }

    async fn app_facts(&self) -> Result<AppFacts, CallError> {
        #[derive(Deserialize)]
        struct App {
            slug: Option<String>,
            permissions: BTreeMap<String, String>,
        }
        let url = self.address().endpoint(&["app"]);
        let app = self.app().ok_or_else(no_app)?;
        let answer = app.ask(self, Method::GET, url, None).await?;
        if !answer.status.is_success() {
            return Err(app_trouble(self, &answer, "tell about the App"));
        }
        let app: App = answer.json()?;
        Ok(AppFacts {
            slug: app.slug.unwrap_or_default(),
            permissions: app.permissions,
        })
    }

    async fn installation_facts(&self, owner: &str) -> Result<AppFacts, CallError> {
        let app = self.app().ok_or_else(no_app)?;
        let Some(found) = app.find_installation(self, owner).await? else {
            return Err(app.not_installed(self, owner).await.into());
        };
        if found.suspended_at.is_some() {
            return Err(found.suspended(owner).into());
        }
        Ok(AppFacts {
            slug: found.app_slug.unwrap_or_default(),
            permissions: found.permissions,
        })
    }

    async fn repository_facts(&self, repository: &Repository) -> Result<RepositoryFacts, CallError> {
        #[derive(Deserialize)]
        struct Body {
            full_name: String,
            private: bool,
            #[serde(default)]
            archived: bool,
            default_branch: String,
            permissions: Option<BTreeMap<String, bool>>,
        }
        let Repository { owner, name } = repository;
        self.expect(repository);
        let url = self.address().endpoint(&["repos", owner, name]);
        let answer = self.send(owner, Method::GET, url, None).await?;
        let trouble = |error| match (answer.status, error) {
            (StatusCode::NOT_FOUND, _) => self.not_found(repository, &answer.remarks()).into(),
            (StatusCode::FORBIDDEN, CallError::Known(GitHubError::Refused { message, .. })) => self
                .forbidden(Some(repository), "metadata: read", message, &answer.remarks())
                .into(),
            (_, error) => error,
        };
        let body: Body = self
            .success(&answer, &format!("tell about repository {repository}"))
            .map_err(trouble)?;
        Ok(RepositoryFacts {
            name: body.full_name,
            private: body.private,
            archived: body.archived,
            default_branch: body.default_branch,
            push: body.permissions.and_then(|may| may.get("push").copied()),
        })
    }
}

impl GitHub {
    /// What GitHub says about the token: of an App, that for these repositories, which are of one owner.
    ///
    /// # Errors
    /// When GitHub does not take it, or does not answer.
    pub async fn token_facts(&self, repositories: &[&Repository]) -> Result<TokenFacts, GitHubError> {
        let client = &self.inner.client;
        let owner = repositories.first().map_or("", |repository| repository.owner.as_str());
        for repository in repositories {
            client.expect(repository);
        }
        client.token_facts(owner).await.map_err(|error| client.unread(error))
    }

    /// What GitHub says about the App.
    ///
    /// # Errors
    /// When GitHub does not know it, or there is none.
    pub async fn app_facts(&self) -> Result<AppFacts, GitHubError> {
        let client = &self.inner.client;
        client.app_facts().await.map_err(|error| client.unread(error))
    }

    /// What GitHub says about the App's installation at `owner`, or about the one that was given by its id.
    ///
    /// # Errors
    /// When it is not installed there.
    pub async fn installation_facts(&self, owner: &str) -> Result<AppFacts, GitHubError> {
        let client = &self.inner.client;
        client
            .installation_facts(owner)
            .await
            .map_err(|error| client.unread(error))
    }

    /// What GitHub says about a repository; a renamed one is followed.
    ///
    /// # Errors
    /// When it does not exist, or may not be seen.
    pub async fn repository_facts(&self, repository: &Repository) -> Result<RepositoryFacts, GitHubError> {
        let client = &self.inner.client;
        client
            .repository_facts(repository)
            .await
            .map_err(|error| client.unread(error))
    }
}

fn no_app() -> GitHubError {
    GitHubError::MalformedToken {
        credentials: CredentialsKind::App,
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(quoted)
}

/// GitHub writes `2026-01-31 11:37:43 UTC`, or with an offset such as `-0800`.
fn expiry(text: &str) -> Option<Timestamp> {
    let text = text.replace(" UTC", " +0000");
    jiff::fmt::strtime::parse("%Y-%m-%d %H:%M:%S %z", text.trim())
        .ok()?
        .to_timestamp()
        .ok()
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::{super::testing, *};

    #[test]
    fn tokens_are_known_by_their_prefix() {
        for (token, kind) in [
            ("ghp_0123456789abcdefghijABCDEFGHIJ012345", TokenKind::Classic),
            ("0123456789abcdef0123456789abcdef01234567", TokenKind::Classic),
            ("github_pat_11ABCDEFG0_abc", TokenKind::FineGrained),
            ("github_other", TokenKind::Unknown),
            ("gho_abc", TokenKind::OAuth),
            ("ghu_abc", TokenKind::User),
            ("ghs_51_eyJ.abc.def", TokenKind::Installation),
            ("ghr_abc", TokenKind::Refresh),
            ("secret", TokenKind::Unknown),
            ("", TokenKind::Unknown),
        ] {
            assert_eq!(TokenKind::of(token), kind, "{token}");
        }
    }

    #[test]
    fn the_end_of_a_token() {
        for (text, expected) in [
            ("2026-01-31 11:37:43 UTC", Some("2026-01-31T11:37:43Z")),
            ("2026-01-31 11:37:43 -0800", Some("2026-01-31T19:37:43Z")),
            ("soon", None),
        ] {
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(expiry(text), expected, "{text}");
        }
    }

    #[tokio::test]
    async fn what_the_headers_of_a_token_say() {
        let limits = r#"{"resources":{"core":{"limit":5,"remaining":4,"reset":3},"graphql":{"limit":2,"remaining":1,"reset":0}}}"#;
        let rows = [
            (None, None),
            (Some(""), Some(vec![])),
            (
                Some("repo_deployment, read:org"),
                Some(vec!["repo_deployment".to_owned(), "read:org".to_owned()]),
            ),
        ];
        for (header, expected) in rows {
            let github = testing::github_with("secret", move |_| {
                let mut reply = Response::builder().status(200);
                if let Some(scopes) = header {
                    reply = reply.header("x-oauth-scopes", scopes);
                }
                Ok(reply.body(bytes::Bytes::from(limits).into()).unwrap())
            });
            let facts = github.token_facts(&[]).await.unwrap();
            assert_eq!(facts.scopes, expected);
            assert_eq!(facts.limits.map(|limits| limits.graphql.remaining), Some(1));
        }
    }

    #[tokio::test]
    async fn a_server_without_limits_is_no_error() {
        let github = testing::github_with("secret", |_| {
            testing::reply(404, r#"{"message":"Rate limiting is not enabled."}"#)
        });
        assert_eq!(github.token_facts(&[]).await.unwrap().limits, None);
    }
}
