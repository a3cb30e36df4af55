//! The way to GitHub and back: one request, its credentials, its redirects, and its answer.
//!
//! `octocrab` builds and carries the requests, over hyper and rustls. Nothing below this module repeats a request
//! that may have reached GitHub; whether it may be repeated is for those to decide who know what it does.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use octocrab::{AuthState, Octocrab, OctocrabBuilder};
use serde_json::{Value, json};
use url::Url;

use super::{
    Settings,
    address::{Address, origin},
    answer::{Answer, CallError, GraphQl},
    auth::{App, Auth, Authorization, Refusal},
    error::{CredentialsKind, GitHubError, NoAnswer},
    limits::{Api, Budget, Limits, limit_of},
    transport::{Transport, transport_error},
};
use crate::plan::Repository;

/// A renamed repository is one redirect, renamed and moved two.
const MAX_REDIRECTS: usize = 5;

/// While a token is too young for some of GitHub's servers, it is tried again this often, a second apart.
const YOUNG_TOKEN_TRIES: usize = 5;

/// How this program names itself to GitHub, which refuses requests without a name.
const USER_AGENT: &str = concat!("kube-status-to-github/", env!("CARGO_PKG_VERSION"));

const API_VERSION: &str = "x-github-api-version";

#[derive(Debug)]
pub(super) struct Client {
    octocrab: Octocrab,
    address: Address,
    auth: Auth,
    timeout: Duration,
    limits: Limits,
    /// `X-GitHub-Api-Version` is sent.
    versioned: AtomicBool,
}

impl Client {
    /// A client over `transport`. Needs a tokio runtime.
    pub(super) fn new(transport: Transport, address: Address, settings: &Settings) -> Result<Self, GitHubError> {
        // Without layers of its own octocrab adds no credentials, follows nothing and repeats nothing.
        let Ok(octocrab): Result<Octocrab, Infallible> = OctocrabBuilder::new_empty()
            .with_service(transport)
            .with_auth(AuthState::None)
            .build();
        Ok(Self {
            octocrab,
            versioned: AtomicBool::new(address.is_versioned()),
            address,
            auth: Auth::new(settings)?,
            timeout: settings.request_timeout,
            limits: Limits::default(),
        })
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn credentials(&self) -> CredentialsKind {
        self.auth.kind()
    }

    /// True if one request cannot be about the repositories of several owners.
    pub(super) fn is_per_owner(&self) -> bool {
        self.auth.is_per_owner()
    }

    /// Notes that requests will be about this repository, so that the credentials for its owner reach it.
    pub(super) fn expect(&self, repository: &Repository) {
        self.auth.expect(repository);
    }

    /// The App, for questions about the App itself; none for a token.
    pub(super) fn app(&self) -> Option<&App> {
        self.auth.app()
    }

    /// What requests about `owner`'s repositories are charged to.
    pub(super) fn budget(&self, api: Api, owner: &str) -> Budget {
        Budget {
            api,
            owner: self.is_per_owner().then(|| owner.to_ascii_lowercase()),
        }
    }

    /// Sends a request about expected repositories of `owner`, with the credentials for them.
    pub(super) async fn send(
        &self,
        owner: &str,
        method: Method,
        url: String,
        body: Option<&Value>,
    ) -> Result<Answer, CallError> {
        let graphql = url == self.address.graphql();
        let budget = self.budget(if graphql { Api::GraphQl } else { Api::Rest }, owner);
        let mut tries = 0;
        let mut renewed = false;
        loop {
            let authorization: Authorization = Box::pin(self.auth.authorization(self, owner))
                .await
                .map_err(CallError::before_sending)?;
            let answer = self
                .charge(&budget, Some(&authorization.header), method.clone(), url.clone(), body)
                .await?;
            if answer.status != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            // A 401 did nothing: the very same request may be sent again, a create too.
            match self.auth.refused(owner, &authorization).await {
                Refusal::TooYoung if tries < YOUNG_TOKEN_TRIES => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Refusal::Renew if !renewed => renewed = true,
                Refusal::TooYoung | Refusal::Renew | Refusal::Final => return Ok(answer),
            }
        }
    }

    /// Sends a request that is not about an owner's repositories, with or without credentials.
    pub(super) async fn follow(
        &self,
        authorization: Option<&HeaderValue>,
        method: Method,
        url: String,
        body: Option<&Value>,
    ) -> Result<Answer, CallError> {
        let budget = Budget {
            api: Api::Rest,
            owner: None,
        };
        self.charge(&budget, authorization, method, url, body).await
    }

    /// Sends a request with these credentials, and follows GitHub when a repository was renamed: with the same
    /// method and body, and with the credentials only where they belong. An answer is one of GitHub's API, whatever
    /// it says.
    async fn charge(
        &self,
        budget: &Budget,
        authorization: Option<&HeaderValue>,
        method: Method,
        url: String,
        body: Option<&Value>,
    ) -> Result<Answer, CallError> {
        let redirected = |to, problem| GitHubError::Redirected {
            address: self.address.rest().to_owned(),
            to,
            problem,
            everything: url == self.address.graphql(),
        };
        let mut url = Url::parse(&url).map_err(|source| CallError::NotSent(Arc::new(source)))?;
        let home = origin(&url);
        for _ in 0..=MAX_REDIRECTS {
            let at_home = origin(&url) == home;
            let here = authorization.filter(|_| at_home);
            // Whoever waited for its turn, a token or another answer may have been overtaken by a limit.
            if let Some(silence) = self.limits.until(budget) {
                return Err(GitHubError::limited(silence).into());
            }
            let exchange = async || {
                let answer = self.exchange(budget, method.clone(), &url, here, body).await?;
                Ok::<_, CallError>(match authorization {
                    Some(authorization) => answer.masked(authorization),
                    None => answer,
                })
            };
            let mut answer = exchange().await?;
            if answer.refuses_version() && self.versioned.swap(false, Ordering::Relaxed) {
                tracing::debug!("GitHub does not know the version of its API that was named, and is not told any more");
                answer = exchange().await?;
            }
            if at_home {
                self.limits.answered(budget, &answer.headers);
            }
            let status = answer.status;
            match answer.redirect(&url) {
                Ok(Some(next)) => url = next,
                Ok(None) if !at_home && matches!(status.as_u16(), 401 | 403 | 404) => {
                    return Err(redirected(origin(&url), "where the credentials do not belong").into());
                }
                Ok(None) if !at_home && !status.is_server_error() && answer.is_page() => {
                    return Err(redirected(origin(&url), "which answers with an HTML page, as a login does").into());
                }
                Ok(None) if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS && answer.is_page() => {
                    let status = status.as_u16();
                    return Err(CallError::NotSent(Arc::new(NoAnswer::Page { status })));
                }
                Ok(None) => return Ok(answer),
                Err((to, problem)) => return Err(redirected(to, problem).into()),
            }
        }
        // Each answer on the way was a redirect: nothing was done.
        Err(redirected(origin(&url), "and from there on and on").into())
    }

    /// One request, one answer.
    async fn exchange(
        &self,
        budget: &Budget,
        method: Method,
        url: &Url,
        authorization: Option<&HeaderValue>,
        body: Option<&Value>,
    ) -> Result<Answer, CallError> {
        let mut builder = Request::builder()
            .method(method)
            .uri(url.as_str())
            .header(header::ACCEPT, "application/vnd.github+json")
            .header(header::USER_AGENT, USER_AGENT);
        if let Some(authorization) = authorization {
            builder = builder.header(header::AUTHORIZATION, authorization);
        }
        let mut request = self
            .octocrab
            .build_request(builder, body)
            .map_err(|source| CallError::NotSent(Arc::new(source)))?;
        if !self.versioned.load(Ordering::Relaxed) {
            request.headers_mut().remove(API_VERSION);
        }
        tracing::debug!(method = %request.method(), %url, "asking GitHub");
        let trouble = |error| transport_error(error, self.address.rest());
        let response = tokio::time::timeout(self.timeout, self.octocrab.execute(request))
            .await
            .map_err(|_| CallError::Lost {
                cause: Arc::new(NoAnswer::TimedOut { after: self.timeout }),
                heavy: true,
            })?
            .map_err(trouble)?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(trouble)?.to_bytes();
        tracing::debug!(status = parts.status.as_u16(), bytes = body.len(), "GitHub answered");
        Ok(Answer {
            budget: budget.clone(),
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }

    /// Asks a query. `Ok` is an answer with data, whatever its errors say about single fields.
    pub(super) async fn query(&self, owner: &str, query: &str, variables: Value) -> Result<GraphQl, CallError> {
        let answer = self.graphql(owner, query, variables, "answer a query").await?;
        if !answer.data.is_object() {
            return Err(answer.without_data());
        }
        Ok(answer)
    }

    /// Asks GraphQL to do what `action` says. `Ok` is an answer of GraphQL itself, with data or errors or both.
    pub(super) async fn graphql(
        &self,
        owner: &str,
        query: &str,
        variables: Value,
        action: &str,
    ) -> Result<GraphQl, CallError> {
        let body = json!({ "query": query, "variables": variables });
        let url = self.address.graphql().to_owned();
        let answer = self.send(owner, Method::POST, url, Some(&body)).await?;
        if !answer.status.is_success() {
            return Err(match self.trouble(&answer, action) {
                error if answer.status == StatusCode::BAD_REQUEST => answer.not_offered().unwrap_or(error),
                CallError::Known(GitHubError::Refused { message, .. }) if answer.status == StatusCode::FORBIDDEN => {
                    let suspended = self.suspended(owner, &message);
                    suspended
                        .unwrap_or_else(|| self.forbidden(None, "deployments: write", message, &answer.remarks()))
                        .into()
                }
                error => error,
            });
        }
        let graphql: GraphQl = answer.json()?;
        if let Some((error, limit)) = graphql.errors.iter().find_map(|error| Some((error, error.limit()?))) {
            tracing::debug!(message = %error.message, "GitHub's rate limit is reached");
            let silence = self.limits.refused(&answer.budget, limit, &answer.headers);
            return Err(GitHubError::limited(silence).into());
        }
        if let Some(error) = graphql.not_offered(&answer) {
            return Err(error);
        }
        Ok(GraphQl {
            remarks: answer.remarks(),
            ..graphql
        })
    }

    /// What an answer that is no success means, where nothing more is known about the request.
    pub(super) fn trouble(&self, answer: &Answer, action: &str) -> CallError {
        let complaint = answer.complaint();
        let status = answer.status;
        if let Some(limit) = limit_of(status, &answer.headers, &complaint.message, &complaint.documentation) {
            return GitHubError::limited(self.limits.refused(&answer.budget, limit, &answer.headers)).into();
        }
        match status {
            StatusCode::UNAUTHORIZED => GitHubError::BadCredentials {
                credentials: self.credentials(),
                message: complaint.message,
                request_id: answer.request_id(),
            }
            .into(),
            status if status.is_server_error() => CallError::Lost {
                cause: Arc::new(NoAnswer::Server {
                    status: status.as_u16(),
                    message: complaint.message,
                    request_id: answer.request_id(),
                }),
                // GitHub ends a query that takes it longer than ten seconds with one of these.
                heavy: matches!(status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT),
            },
            status => GitHubError::Refused {
                action: action.to_owned(),
                status: status.as_u16(),
                message: match hint(status) {
                    Some(hint) => format!("{}, {hint}", complaint.message.trim_end_matches('.')),
                    None => complaint.message,
                },
                request_id: answer.request_id(),
            }
            .into(),
        }
    }

    /// The error of something that could only be read.
    pub(super) fn unread(&self, error: CallError) -> GitHubError {
        match error {
            CallError::Known(error) | CallError::NoCredentials(error) => error,
            CallError::Heavy { message } => GitHubError::Refused {
                action: "answer a query in full".to_owned(),
                status: StatusCode::OK.as_u16(),
                message,
                request_id: None,
            },
            CallError::NotOffered { message, request_id } => GitHubError::Refused {
                action: "answer a query that its version does not know".to_owned(),
                status: StatusCode::OK.as_u16(),
                message,
                request_id,
            },
            CallError::NotSent(source) | CallError::Lost { cause: source, .. } => GitHubError::Unreachable {
                address: self.address.rest().to_owned(),
                source,
            },
        }
    }
}

/// What a rare status means, of which GitHub's words say little.
fn hint(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::GONE => Some("which is switched off for this repository or no longer part of the API"),
        StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => Some("for legal reasons: ask GitHub's support"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
