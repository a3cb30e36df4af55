//! From an HTTP request to an HTTP response: who asks, what, faults, checks, headers, and the journal.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body::Body;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::access::{Caller, CallerKind};
use crate::answer::{Answer, Content, Refusal};
use crate::body::{ResponseBody, lost};
use crate::clock::{http_date, iso};
use crate::control;
use crate::emulator::{Emulator, State};
use crate::faults::{self, Delivery, FaultKind, Form};
use crate::graphql;
use crate::identity::digest;
use crate::journal::Entry;
use crate::operation::{Operation, OperationKind, without_prefix};
use crate::render::{ENTERPRISE_VERSION, Links};
use crate::rest;

/// Versions of the interface that are served.
const VERSIONS: [&str; 2] = ["2022-11-28", "2026-03-10"];

/// A client's way to the emulator. An error is a lost connection.
#[derive(Clone)]
pub struct Service {
    emulator: Emulator,
    /// The client's connection, where there is one to be reset.
    socket: Option<Arc<TcpStream>>,
}

impl Service {
    pub(crate) fn new(emulator: Emulator, socket: Option<Arc<TcpStream>>) -> Self {
        Self { emulator, socket }
    }
}

type Response = http::Response<ResponseBody>;

impl<B> tower::Service<http::Request<B>> for Service
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let Self { emulator, socket } = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            let response = emulator.respond(&head, &body).await;
            let ends_politely = |error: &io::Error| error.kind() == io::ErrorKind::UnexpectedEof;
            if let (Some(socket), Err(false)) = (&socket, response.as_ref().map_err(ends_politely)) {
                // What is closed without lingering is reset.
                socket2::SockRef::from(&**socket).set_linger(Some(Duration::ZERO))?;
            }
            response
        })
    }
}

/// Counts a request for as long as it is under way, also if its client goes away.
struct UnderWay<'a>(&'a Emulator);

impl<'a> UnderWay<'a> {
    fn begin(emulator: &'a Emulator) -> Self {
        let mut state = emulator.state();
        state.at_once += 1;
        state.most_at_once = state.most_at_once.max(state.at_once);
        Self(emulator)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.state().at_once -= 1;
    }
}

/// A request on its way.
struct Exchange<'a> {
    head: &'a http::request::Parts,
    body: &'a [u8],
    path: &'a str,
    query: &'a str,
    operation: Operation,
    graphql: Option<Result<graphql::Request, Refusal>>,
    links: Links,
}

impl Emulator {
    async fn respond(&self, head: &http::request::Parts, body: &[u8]) -> io::Result<Response> {
        let _under_way = UnderWay::begin(self);
        let full_path = head.uri.path();
        let query = head.uri.query().unwrap_or_default();
        let (path, prefix) = without_prefix(full_path);
        if let Some(answer) = control::handle(self, &head.method, full_path, body) {
            return Ok(build(answer, Form::Whole));
        }
        let mut operation = Operation::parse(&head.method, path);
        let graphql = (operation.kind == OperationKind::GraphQlQuery).then(|| graphql::Request::parse(body));
        if let Some(Ok(request)) = &graphql
            && request.is_mutation()
        {
            operation.kind = OperationKind::GraphQlMutation;
        }
        let exchange = Exchange {
            head,
            body,
            path,
            query,
            operation,
            graphql,
            links: links(head, prefix),
        };
        let (delivery, delay, entry) = self.exchange(&exchange);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let (response, seen) = match delivery {
            Delivery::Sent(answer, form) => {
                let seen = answer.body().filter(|_| form == Form::Whole).cloned();
                (Ok(build(answer, form)), seen)
            }
            Delivery::Lost(kind) => (Err(lost(kind)), None),
        };
        let response_status = response.as_ref().ok().map(|response| response.status().as_u16());
        self.state().journal.push(Entry {
            response_status,
            response_body: seen,
            ..entry
        });
        response
    }

    /// Everything that happens between request and response at one moment.
    fn exchange(&self, exchange: &Exchange<'_>) -> (Delivery, Duration, Entry) {
        let now = self.now();
        let mut state = self.state();
        state.world.settle(now);
        state.requests += 1;
        let kind = exchange.operation.kind;
        let header = |name: &str| exchange.head.headers.get(name).and_then(|value| value.to_str().ok());
        let caller = state.callers.identify(header("authorization"), now);
        let sent = String::from_utf8_lossy(exchange.body);
        let path_and_query = exchange
            .head
            .uri
            .path_and_query()
            .map_or(exchange.path, |path| path.as_str());
        let fault = state.faults.take(kind, path_and_query, &sent);
        let json_body: Option<Value> = serde_json::from_slice(exchange.body).ok();
        let entry = Entry {
            number: 0,
            at: iso(now),
            method: exchange.head.method.to_string(),
            path: path_and_query.to_owned(),
            operation: kind,
            query: exchange
                .graphql
                .is_some()
                .then(|| json_body.as_ref()?["query"].as_str().map(str::to_owned))
                .flatten(),
            variables: exchange
                .graphql
                .is_some()
                .then(|| json_body.as_ref()?.get("variables").cloned())
                .flatten(),
            request_body: (!exchange.body.is_empty()).then(|| json_body.clone().unwrap_or_else(|| json!(sent))),
            user_agent: header("user-agent").map(str::to_owned),
            token_hash: caller.as_ref().ok().and_then(|caller| caller.token_hash.clone()),
            response_status: None,
            response_body: None,
            fault: fault
                .as_ref()
                .map(|fault| format!("{:?} {:?}", fault.effect, fault.kind)),
        };
        let number = state.requests;
        let mut violations = self.check_request(exchange, json_body.as_ref());
        let refused = self.0.strict && !violations.is_empty();
        let skipped = fault.as_ref().is_some_and(|fault| !fault.kind.is_done(fault.effect));
        let answer = (!skipped && !refused).then(|| answer(&mut state, exchange, &caller, now));
        if let Some(answer) = &answer {
            violations.extend(self.check_answer(exchange, answer));
        }
        state.violations.extend(violations.iter().cloned());
        if self.0.strict && !violations.is_empty() {
            let message = "This does not fit GitHub's own description.";
            let body = json!({"message": message, "violations": violations});
            return (
                Delivery::Sent(Answer::json(500, body), Form::Whole),
                Duration::ZERO,
                entry,
            );
        }
        let mut delay = Duration::ZERO;
        let delivery = match &fault {
            Some(fault) => {
                if let FaultKind::Delay { milliseconds } = fault.kind {
                    delay = Duration::from_millis(milliseconds);
                }
                let mut address = format!("{}{}", exchange.links.api, exchange.path);
                if !exchange.query.is_empty() {
                    address.push('?');
                    address.push_str(exchange.query);
                }
                faults::deliver(fault, kind, answer, &address)
            }
            None => Delivery::Sent(answer.unwrap_or_else(Answer::empty), Form::Whole),
        };
        let mut dress = |answer: Answer| finish(&mut state, exchange, caller.as_ref().ok(), answer, number, now);
        let delivery = match delivery {
            Delivery::Sent(answer, form) => Delivery::Sent(dress(answer), form),
            lost @ Delivery::Lost(_) => lost,
        };
        (delivery, delay, entry)
    }

    fn check_request(&self, exchange: &Exchange<'_>, body: Option<&Value>) -> Vec<String> {
        let Some(contract) = &self.0.contract else {
            return Vec::new();
        };
        let query: Vec<(String, String)> = url::form_urlencoded::parse(exchange.query.as_bytes())
            .into_owned()
            .collect();
        contract.check_request(exchange.operation.kind, &query, body)
    }

    fn check_answer(&self, exchange: &Exchange<'_>, answer: &Answer) -> Vec<String> {
        let Some(contract) = &self.0.contract else {
            return Vec::new();
        };
        match &exchange.graphql {
            Some(Ok(request)) => contract.check_graphql(request, answer.body().unwrap_or(&Value::Null)),
            Some(Err(_)) => Vec::new(),
            None => contract.check_answer(exchange.operation.kind, answer.status.as_u16(), answer.body()),
        }
    }
}

/// Where the client finds what answers link to: on the host that it asked.
fn links(head: &http::request::Parts, prefix: &str) -> Links {
    let host = head.headers.get("host").and_then(|host| host.to_str().ok());
    let authority = head
        .uri
        .authority()
        .map(|authority| authority.as_str())
        .or(host)
        .unwrap_or("api.github.com");
    if authority == "api.github.com" {
        return Links {
            api: format!("https://{authority}{prefix}"),
            web: "https://github.com".to_owned(),
            apps: "apps",
        };
    }
    let scheme = head.uri.scheme_str().unwrap_or("http");
    let web = format!("{scheme}://{authority}");
    Links {
        api: format!("{web}{prefix}"),
        web,
        apps: if prefix.is_empty() { "apps" } else { "github-apps" },
    }
}

fn answer(
    state: &mut State,
    exchange: &Exchange<'_>,
    caller: &Result<Caller, Refusal>,
    now: jiff::Timestamp,
) -> Answer {
    match try_answer(state, exchange, caller, now) {
        Ok(answer) => answer,
        Err(refusal) => refusal.answer(),
    }
}

fn try_answer(
    state: &mut State,
    exchange: &Exchange<'_>,
    caller: &Result<Caller, Refusal>,
    now: jiff::Timestamp,
) -> Result<Answer, Refusal> {
    let header = |name: &str| exchange.head.headers.get(name).and_then(|value| value.to_str().ok());
    if header("user-agent").is_none_or(str::is_empty) {
        let message =
            "Request forbidden by administrative rules. Please make sure your request has a User-Agent header";
        return Err(Refusal::new(403, "FORBIDDEN", message));
    }
    let version = header("x-github-api-version").unwrap_or(VERSIONS[0]);
    if !VERSIONS.contains(&version) {
        return Err(Refusal::new(
            400,
            "UNPROCESSABLE",
            format!(
                "The version you specified in the \"X-GitHub-API-Version\" request header, \"{version}\", is not a \
             supported version. The following versions are currently supported: {}.",
                VERSIONS.map(|version| format!("\"{version}\"")).join(", ")
            ),
        ));
    }
    let caller = caller.as_ref().map_err(Clone::clone)?;
    let State {
        world,
        callers,
        notes,
        content,
        ..
    } = state;
    if let Some(content) = content.as_mut().filter(|_| exchange.operation.kind.creates_content()) {
        content.admit(caller.account.id, now)?;
    }
    if let Some(answer) = notes.answer(caller, &exchange.operation, &exchange.links) {
        return Ok(answer);
    }
    let Some(request) = &exchange.graphql else {
        if caller.kind == CallerKind::App && !exchange.operation.kind.is_for_apps() {
            return Err(Refusal::new(401, "UNAUTHORIZED", "Bad credentials"));
        }
        let is_free = notes.unlimited || exchange.operation.kind == OperationKind::GetRateLimit;
        if caller.kind != CallerKind::App && !is_free {
            callers.spend(caller, "core", 1, now)?;
        }
        let request = rest::Request {
            operation: &exchange.operation,
            caller,
            query: url::form_urlencoded::parse(exchange.query.as_bytes())
                .into_owned()
                .collect::<BTreeMap<_, _>>(),
            raw_query: exchange.query,
            body: exchange.body,
            links: &exchange.links,
            version,
            now,
        };
        return rest::handle(world, callers, &request);
    };
    if matches!(caller.kind, CallerKind::Anonymous | CallerKind::App) {
        return Err(Refusal::new(
            401,
            "UNAUTHORIZED",
            "This endpoint requires you to be authenticated.",
        ));
    }
    let request = request.as_ref().map_err(Clone::clone)?;
    Ok(graphql::handle(world, request, caller, &exchange.links, now, |cost| {
        if !notes.unlimited {
            callers.spend(caller, "graphql", cost, now)?;
        }
        Ok(callers.limit(caller, "graphql", now))
    }))
}

/// Adds the headers that answers share, and answers conditional requests.
fn finish(
    state: &mut State,
    exchange: &Exchange<'_>,
    caller: Option<&Caller>,
    mut answer: Answer,
    number: u64,
    now: jiff::Timestamp,
) -> Answer {
    let request = |name: &str| {
        exchange
            .head
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let graphql = exchange.graphql.is_some();
    let gateway = matches!(answer.content, Content::Html(_)) || answer.status == StatusCode::BAD_GATEWAY;
    let mut set = |name: &'static str, value: &str| {
        let name = HeaderName::from_static(name);
        if let (false, Ok(value)) = (answer.headers.contains_key(&name), HeaderValue::from_str(value)) {
            answer.headers.insert(name, value);
        }
    };
    set("date", &http_date(now));
    set("server", if gateway { "nginx" } else { "github.com" });
    set(
        "x-github-request-id",
        &format!(
            "E{number:04X}:{}",
            digest(number.to_string()).to_uppercase().split_at(24).0
        ),
    );
    if gateway {
        return answer;
    }
    set("x-github-media-type", "github.v3; format=json");
    if exchange.path.len() != exchange.head.uri.path().len() {
        set("x-github-enterprise-version", ENTERPRISE_VERSION);
    }
    let read = exchange.head.method == http::Method::GET;
    if !graphql {
        set(
            "cache-control",
            if read {
                "private, max-age=60, s-maxage=60"
            } else {
                "no-cache"
            },
        );
        let version = request("x-github-api-version");
        set(
            "x-github-api-version-selected",
            if version.is_empty() { VERSIONS[0] } else { version },
        );
    }
    // Apps with a JSON web token have no limit of this kind, and none is told.
    let limited = |caller: &&Caller| caller.kind != CallerKind::App && !state.notes.unlimited;
    if let Some(caller) = caller.filter(limited) {
        let resource = if graphql { "graphql" } else { "core" };
        let limit = state.callers.limit(caller, resource, now);
        set("x-ratelimit-limit", &limit.limit.to_string());
        set("x-ratelimit-remaining", &limit.remaining.to_string());
        set("x-ratelimit-used", &limit.used.to_string());
        set("x-ratelimit-reset", &limit.reset.to_string());
        set("x-ratelimit-resource", resource);
    }
    if let Some(caller) = caller {
        answer = state.notes.dress(caller, answer);
    }
    let Content::Json(body) = &answer.content else {
        return answer;
    };
    if graphql || !matches!(answer.status.as_u16(), 200 | 201) {
        return answer;
    }
    let parts = [request("accept"), request("authorization"), request("cookie")];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let tag = format!("\"{}\"", digest(format!("{}:{body}", parts.join(":"))));
    let asked = request("if-none-match").trim_start_matches("W/");
    if read && asked == tag {
        if let Some(caller) = caller {
            state.callers.refund(caller, "core");
            let limit = state.callers.limit(caller, "core", now);
            answer = answer.with("x-ratelimit-remaining", &limit.remaining.to_string());
            answer = answer.with("x-ratelimit-used", &limit.used.to_string());
        }
        answer.status = StatusCode::NOT_MODIFIED;
        answer.content = Content::Empty;
        return answer.with("etag", &tag);
    }
    let weak = if body.is_array() { "W/" } else { "" };
    answer.with("etag", &format!("{weak}{tag}"))
}

fn build(answer: Answer, form: Form) -> Response {
    let (media_type, text) = match answer.content {
        Content::Empty => (None, String::new()),
        Content::Json(body) => (Some("application/json; charset=utf-8"), body.to_string()),
        Content::Html(text) => (Some("text/html; charset=utf-8"), text),
    };
    let bytes = Bytes::from(match form {
        Form::Garbled => "\u{fffd}}{ not JSON".to_owned(),
        Form::Absent => String::new(),
        _ => text,
    });
    let mut headers: HeaderMap = answer.headers;
    if let Some(media_type) = media_type.filter(|_| form != Form::Absent) {
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    let without_length = matches!(answer.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if !without_length && !matches!(form, Form::Huge(_)) {
        headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    }
    let mut response = http::Response::new(match form {
        Form::Whole | Form::Absent | Form::Garbled => ResponseBody::whole(bytes),
        Form::Cut => ResponseBody::cut(bytes.slice(..bytes.len() / 2)),
        Form::Huge(size) => ResponseBody::filling(size),
        Form::Drip(each) => ResponseBody::drip(bytes, each),
    });
    *response.status_mut() = answer.status;
    *response.headers_mut() = headers;
    response
}
