//! The way to GitHub and back: one request, its redirects, its credentials, and what kind of answer came.
//!
//! `octocrab` builds and carries the requests, over hyper and rustls. Nothing below this module repeats a request
//! that may have reached GitHub; whether it may be repeated is for those to decide who know what it does.

use std::{convert::Infallible, error::Error, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::{
        legacy::{
            Client as HyperClient,
            connect::{HttpConnector, proxy::Tunnel},
        },
        proxy::matcher::Matcher,
    },
    rt::{TokioExecutor, TokioTimer},
};
use octocrab::{AuthState, OctoBody, Octocrab, OctocrabBuilder};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tower::{BoxError, Service, ServiceExt, util::BoxService};

use super::{
    Settings,
    address::Address,
    auth::{Auth, Authorization, Refusal},
    error::{Cause, CredentialsKind, GitHubError, NoAnswer, quoted},
    limits::{Limits, is_limit, says_limit},
};

/// An answer may be this large: 500 deployments with payloads as large as they get.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A renamed repository is one redirect, renamed and moved two.
const MAX_REDIRECTS: usize = 5;

/// While a token is too young for some of GitHub's servers, it is tried again this often, a second apart.
const YOUNG_TOKEN_TRIES: usize = 5;

const API_VERSION: &str = "x-github-api-version";

/// What a request goes through.
pub(super) type Transport = BoxService<Request<OctoBody>, Response<Full<Bytes>>, BoxError>;

#[derive(Debug)]
pub(super) struct Client {
    octocrab: Octocrab,
    address: Address,
    auth: Auth,
    user_agent: HeaderValue,
    timeout: Duration,
    limits: Limits,
}

/// An answer of whatever status, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The error body of REST. GitHub does not keep to one form of it.
#[derive(Debug, Default)]
pub(super) struct Complaint {
    /// GitHub's words, with the details of a validation error.
    pub(super) message: String,
    documentation: String,
}

/// The answer of GraphQL: `data` and `errors` both count.
#[derive(Debug, Deserialize)]
pub(super) struct GraphQl {
    #[serde(default)]
    pub(super) data: Value,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(super) errors: Vec<GraphQlError>,
    #[serde(skip)]
    pub(super) request_id: Option<Box<str>>,
}

/// One error of GraphQL.
#[derive(Debug, Deserialize)]
pub(super) struct GraphQlError {
    /// GitHub's name of the error, such as `NOT_FOUND`.
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    pub(super) message: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    path: Vec<Value>,
}

/// Why there is no usable answer, by what that means for the request.
#[derive(Debug)]
pub(super) enum CallError {
    /// Nothing reached GitHub.
    NotSent(Cause),
    /// GitHub may have done it or not.
    Lost {
        cause: Cause,
        /// A smaller request may fare better.
        heavy: bool,
    },
    /// GitHub could not finish a query: a smaller one may fare better.
    Heavy {
        /// GitHub's words.
        message: String,
    },
    /// GitHub, or this program, says clearly why not.
    Known(GitHubError),
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
            address,
            auth: Auth::new(&settings.credentials)?,
            user_agent: HeaderValue::try_from(&settings.user_agent)
                .unwrap_or(HeaderValue::from_static(super::USER_AGENT)),
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

    /// Sends a request about a repository of `owner`, with the credentials for it.
    pub(super) async fn send(
        &self,
        owner: &str,
        method: Method,
        url: String,
        body: Option<&Value>,
    ) -> Result<Answer, CallError> {
        let mut tries = 0;
        let mut renewed = false;
        loop {
            let authorization: Authorization = Box::pin(self.auth.authorization(self, owner))
                .await
                .map_err(CallError::before_sending)?;
            let answer = self
                .send_as(&authorization.header, method.clone(), url.clone(), body)
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

    /// Sends a request with these credentials, and follows GitHub when a repository was renamed: with the same
    /// method and body, and with the credentials only where they belong.
    pub(super) async fn send_as(
        &self,
        authorization: &HeaderValue,
        method: Method,
        mut url: String,
        body: Option<&Value>,
    ) -> Result<Answer, CallError> {
        let home = origin(&url);
        for _ in 0..=MAX_REDIRECTS {
            let authorization = (origin(&url) == home).then_some(authorization);
            // Whoever waited for its turn, a token or another answer may have been overtaken by a limit.
            if let Some(until) = self.limits.until() {
                return Err(GitHubError::limited(until).into());
            }
            let answer = self.exchange(method.clone(), &url, authorization, body).await?;
            match answer.redirect(&url) {
                Some(next) => url = next,
                None => return Ok(answer),
            }
        }
        // Each answer on the way was a redirect: nothing was done.
        Err(CallError::NotSent(Arc::new(NoAnswer::Redirects)))
    }

    /// One request, one answer.
    async fn exchange(
        &self,
        method: Method,
        url: &str,
        authorization: Option<&HeaderValue>,
        body: Option<&Value>,
    ) -> Result<Answer, CallError> {
        let mut builder = Request::builder()
            .method(method)
            .uri(url)
            .header(header::ACCEPT, "application/vnd.github+json")
            .header(header::USER_AGENT, &self.user_agent);
        if let Some(authorization) = authorization {
            builder = builder.header(header::AUTHORIZATION, authorization);
        }
        let mut request = self
            .octocrab
            .build_request(builder, body)
            .map_err(|source| CallError::NotSent(Arc::new(source)))?;
        if !self.address.is_versioned() {
            request.headers_mut().remove(API_VERSION);
        }
        tracing::debug!(method = %request.method(), url, "asking GitHub");
        let response = tokio::time::timeout(self.timeout, self.octocrab.execute(request))
            .await
            .map_err(|_| CallError::Lost {
                cause: Arc::new(NoAnswer::TimedOut { after: self.timeout }),
                heavy: true,
            })?
            .map_err(transport_error)?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(transport_error)?.to_bytes();
        tracing::debug!(status = parts.status.as_u16(), bytes = body.len(), "GitHub answered");
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }

    /// Asks GraphQL. `Ok` is an answer of GraphQL itself, whatever its errors say about single fields.
    pub(super) async fn graphql(&self, owner: &str, query: &str, variables: Value) -> Result<GraphQl, CallError> {
        let body = json!({ "query": query, "variables": variables });
        let url = self.address.graphql().to_owned();
        let answer = self.send(owner, Method::POST, url, Some(&body)).await?;
        if !answer.status.is_success() {
            return Err(self.trouble(&answer, "answer a query"));
        }
        let graphql: GraphQl = answer.json()?;
        if let Some(error) = graphql.errors.iter().find(|error| error.is_limit()) {
            tracing::debug!(message = %error.message, "GitHub's rate limit is reached");
            return Err(GitHubError::limited(self.limits.refused(&answer.headers)).into());
        }
        if !graphql.data.is_object() {
            return Err(graphql.without_data(answer.request_id()));
        }
        Ok(GraphQl {
            request_id: answer.request_id(),
            ..graphql
        })
    }

    /// What an answer that is no success means, where nothing more is known about the request.
    pub(super) fn trouble(&self, answer: &Answer, action: &str) -> CallError {
        let complaint = answer.complaint();
        let status = answer.status;
        if is_limit(status, &answer.headers, &complaint.message, &complaint.documentation) {
            return GitHubError::limited(self.limits.refused(&answer.headers)).into();
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
                }),
                // GitHub ends a query that takes it longer than ten seconds with one of these.
                heavy: matches!(status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT),
            },
            status => GitHubError::Refused {
                action: action.to_owned(),
                status: status.as_u16(),
                message: complaint.message,
                request_id: answer.request_id(),
            }
            .into(),
        }
    }

    /// The error of something that could only be read.
    pub(super) fn unread(&self, error: CallError) -> GitHubError {
        match error {
            CallError::Known(error) => error,
            CallError::Heavy { message } => GitHubError::Refused {
                action: "answer a query in full".to_owned(),
                status: StatusCode::OK.as_u16(),
                message,
                request_id: None,
            },
            CallError::NotSent(source) | CallError::Lost { cause: source, .. } => GitHubError::Unreachable {
                address: self.address.rest().to_owned(),
                source,
            },
        }
    }
}

impl Answer {
    /// GitHub's id of the request, for its support.
    pub(super) fn request_id(&self) -> Option<Box<str>> {
        let id = self.headers.get("x-github-request-id")?.to_str().ok()?;
        Some(quoted(id).into())
    }

    /// The permissions that GitHub would have taken, in its words.
    pub(super) fn permission(&self) -> Option<String> {
        let permission = self.headers.get("x-accepted-github-permissions")?.to_str().ok()?;
        (!permission.is_empty()).then(|| quoted(permission))
    }

    /// The body, which is expected to be this. Anything else is an answer that was lost.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_slice(&self.body).map_err(|source| CallError::Lost {
            cause: Arc::new(NoAnswer::Garbled {
                message: source.to_string(),
            }),
            heavy: false,
        })
    }

    /// The error body, in whatever form it has.
    pub(super) fn complaint(&self) -> Complaint {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let mut message = text("message").to_owned();
        for detail in details(body.get("errors")) {
            message.push_str(if message.is_empty() { "" } else { "; " });
            message.push_str(&detail);
        }
        if message.is_empty() {
            message = self.status.canonical_reason().unwrap_or("no reason given").to_owned();
        }
        Complaint {
            message: quoted(&message),
            documentation: text("documentation_url").to_owned(),
        }
    }

    /// Where the same request is to be sent instead, but never from https to http.
    fn redirect(&self, from: &str) -> Option<String> {
        if !matches!(self.status.as_u16(), 301 | 302 | 307 | 308) {
            return None;
        }
        let from = url::Url::parse(from).ok()?;
        let next = from.join(self.headers.get(header::LOCATION)?.to_str().ok()?).ok()?;
        (next.scheme() == "https" || next.scheme() == from.scheme()).then(|| next.into())
    }
}

impl GraphQl {
    /// What an answer without any data means.
    fn without_data(self, request_id: Option<Box<str>>) -> CallError {
        let message = self.errors.first().map_or("no data", |error| &error.message);
        let message = quoted(message);
        if self.errors.is_empty() || self.errors.iter().any(GraphQlError::is_too_heavy) {
            return CallError::Heavy { message };
        }
        GitHubError::Refused {
            action: "answer a query".to_owned(),
            status: StatusCode::OK.as_u16(),
            message,
            request_id,
        }
        .into()
    }
}

impl GraphQlError {
    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }

    /// True if the error is about this field, or about what is in it.
    pub(super) fn is_within(&self, path: &[&str]) -> bool {
        self.path.len() >= path.len() && path.iter().zip(&self.path).all(|(name, step)| step == name)
    }

    /// True if nothing tells which field it is about.
    pub(super) fn is_about_everything(&self) -> bool {
        self.path.is_empty()
    }

    /// True if the error is about exactly this field.
    pub(super) fn is_at(&self, path: &[&str]) -> bool {
        self.path.len() == path.len() && self.is_within(path)
    }

    /// The name of the field it is about.
    pub(super) fn field(&self) -> Option<&str> {
        self.path.last()?.as_str()
    }

    fn is_limit(&self) -> bool {
        self.is("RATE_LIMITED") || self.is("RATE_LIMIT") || (self.path.is_empty() && says_limit(&self.message))
    }

    pub(super) fn is_too_heavy(&self) -> bool {
        self.is("RESOURCE_LIMITS_EXCEEDED") || self.message.starts_with("Something went wrong")
    }
}

impl CallError {
    /// What this means for a request that was to follow: whatever became of the request for its credentials, it
    /// was not sent itself.
    fn before_sending(self) -> Self {
        match self {
            Self::Lost { cause, .. } => Self::NotSent(cause),
            other => other,
        }
    }
}

impl From<GitHubError> for CallError {
    fn from(error: GitHubError) -> Self {
        Self::Known(error)
    }
}

/// Any tower service as transport. Answers are read here, to their end and not beyond [`MAX_BODY_BYTES`].
pub(super) fn transport<S, B>(service: S) -> Transport
where
    S: Service<Request<OctoBody>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    BoxService::new(service.map_err(Into::into).and_then(|response: Response<B>| async {
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_BODY_BYTES).collect().await?.to_bytes();
        Ok(Response::from_parts(parts, Full::new(body)))
    }))
}

/// The network as transport: TLS by rustls with the root certificates of this machine (`SSL_CERT_FILE` first), and
/// through a proxy where `HTTPS_PROXY` and `NO_PROXY` say so.
pub(super) fn network(address: &Address) -> Result<Transport, GitHubError> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let mut builder = HyperClient::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new());

    let Ok(uri) = address.rest().parse::<http::Uri>() else {
        return Err(super::AddressError::Invalid {
            text: address.rest().to_owned(),
        }
        .into());
    };
    if uri.scheme_str() == Some("http") {
        return Ok(transport(builder.build::<_, OctoBody>(http)));
    }
    let tls = || {
        HttpsConnectorBuilder::new()
            .with_native_roots()
            .map(HttpsConnectorBuilder::https_or_http)
            .map_err(|source| GitHubError::Certificates {
                source: Arc::new(source),
            })
    };
    let Some(proxy) = Matcher::from_env().intercept(&uri) else {
        let https = tls()?.enable_all_versions().wrap_connector(http);
        return Ok(transport(builder.build::<_, OctoBody>(https)));
    };
    if !matches!(proxy.uri().scheme_str(), Some("http" | "https")) {
        return Err(GitHubError::Proxy {
            // Not the whole address, which may hold a password.
            proxy: format!(
                "{}://{}",
                proxy.uri().scheme_str().unwrap_or_default(),
                proxy.uri().host().unwrap_or_default()
            ),
        });
    }
    let mut tunnel = Tunnel::new(proxy.uri().clone(), tls()?.enable_http1().wrap_connector(http));
    if let Some(basic) = proxy.basic_auth() {
        tunnel = tunnel.with_auth(basic.clone());
    }
    let https = tls()?.enable_all_versions().wrap_connector(tunnel);
    Ok(transport(builder.build::<_, OctoBody>(https)))
}

fn transport_error(error: octocrab::Error) -> CallError {
    let cause: Cause = match error {
        octocrab::Error::Service { source, .. } => Arc::from(source),
        other => Arc::new(other),
    };
    let mut link: Option<&(dyn Error + 'static)> = Some(&*cause);
    while let Some(error) = link {
        let hyper = error.downcast_ref::<hyper_util::client::legacy::Error>();
        let io = error.downcast_ref::<std::io::Error>();
        if hyper.is_some_and(hyper_util::client::legacy::Error::is_connect)
            || io.is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
        {
            return CallError::NotSent(cause);
        }
        if error.is::<LengthLimitError>() {
            return CallError::Lost { cause, heavy: true };
        }
        link = error.source();
    }
    CallError::Lost { cause, heavy: false }
}

/// Scheme, host and port.
fn origin(url: &str) -> Option<url::Origin> {
    url::Url::parse(url).ok().map(|url| url.origin())
}

/// The details of a validation error: objects, strings, or one string.
fn details(errors: Option<&Value>) -> Vec<String> {
    let one = |error: &Value| match error {
        Value::String(text) => Some(text.clone()),
        Value::Object(error) => {
            let text = |name: &str| error.get(name).and_then(Value::as_str);
            text("message").map(str::to_owned).or_else(|| {
                let (field, code) = (text("field")?, text("code")?);
                Some(format!("{field} is {code}"))
            })
        }
        _ => None,
    };
    match errors {
        Some(Value::Array(errors)) => errors.iter().filter_map(one).collect(),
        Some(error) => one(error).into_iter().collect(),
        None => Vec::new(),
    }
}

fn null_is_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}
