//! Reading from the API server: single objects, and lists in pages of which each item is looked at and dropped.

use std::{
    error::Error as _,
    fmt,
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use kube::{Client, client::Body, core::Status};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use thiserror::Error;
use tokio::time::timeout;

use super::SourceError;
use crate::http_date::http_date;

/// What an address cannot hold as it is: all but what names of objects usually consist of.
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b':');

/// Whole objects.
const JSON: &str = "application/json";

/// Names and labels, without what else an object holds.
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// Objects a page: what `kubectl` asks for, too.
const PAGE: usize = 500;

/// How often a request is sent again after an answer that may be another one next time.
const RETRIES: u32 = 5;

/// How often it is sent again when there was no answer: often enough for a connection that was lost, not for a server
/// that is down, of which a person wants to hear at once.
const RETRIES_UNREACHABLE: u32 = 3;

/// The pause before the first repetition. Each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// No pause is longer, whatever the API server asks for: the next pass is the better repetition then.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long is waited for an answer of which only the time counts.
const FOR_THE_TIME: Duration = Duration::from_secs(5);

/// How often a list is begun again when the API server has forgotten the state that its pages were of.
const RESTARTS: u32 = 3;

/// Why the API server did not give what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ApiFailure {
    /// It answered, with an error.
    #[error("the API server answered {code}{}{}", hint(*code), shown(message))]
    Answer {
        /// HTTP status.
        code: u16,
        /// Machine-readable reason, such as `NotFound`; may be empty.
        reason: String,
        /// What it says.
        message: String,
        /// The object it speaks of; may be empty.
        name: String,
    },
    /// It could not be asked.
    #[error("the API server could not be reached: {problem}; see whether `kubectl cluster-info` reaches it")]
    Unreachable {
        /// The causes, outermost first.
        problem: String,
    },
    /// It answered, but not with what was asked for.
    #[error(
        "the API server's answer to {path} is not readable: {problem}; see by `kubectl get --raw` of that path \
         whether an API server answers, or a proxy in front of it"
    )]
    Garbled {
        /// Path of the request.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl ApiFailure {
    /// One word in CamelCase, stable.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Answer { code: 401, .. } => "Unauthorized",
            Self::Answer { code: 403, .. } => "Forbidden",
            Self::Answer { .. } => "ApiServerError",
            Self::Unreachable { .. } => "ApiServerUnreachable",
            Self::Garbled { .. } => "ApiServerGarbled",
        }
    }

    /// True if the next request may not meet it again: the API server is in trouble, or out of reach.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Answer { code, .. } => !matches!(code, 401 | 403),
            Self::Unreachable { .. } => true,
            Self::Garbled { .. } => false,
        }
    }

    /// True if the object of this name does not exist: only an answer that speaks of the object itself says so, not
    /// one of a proxy, nor one about a path that is not served.
    pub(super) fn says_gone(&self, object: &str) -> bool {
        matches!(self, Self::Answer { code: 404, reason, name, .. } if reason == "NotFound" && name == object)
    }

    /// True if a permission is missing.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Answer { code: 403, .. })
    }

    /// How often it is worth asking again.
    fn retries(&self) -> u32 {
        match self {
            Self::Answer { code, .. } if *code == 429 || *code >= 500 => RETRIES,
            Self::Unreachable { .. } => RETRIES_UNREACHABLE,
            Self::Answer { .. } | Self::Garbled { .. } => 0,
        }
    }
}

fn hint(code: u16) -> &'static str {
    match code {
        401 => " (check the credentials of the kubeconfig or the service account)",
        404 => " (check that this is the right server)",
        429 | 500..=599 => " (try again later)",
        _ => "",
    }
}

fn shown(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}

/// The uid of namespace `kube-system`, by which a cluster is known; none where it may not be read.
///
/// # Errors
/// When the API server does not answer: a pass that took the cluster for another one would not know its own
/// deployments again.
pub async fn cluster_uid(client: &Client) -> Result<Option<String>, SourceError> {
    match get::<Value>(client, "/api/v1/namespaces/kube-system").await {
        Ok(namespace) => Ok(namespace
            .pointer("/metadata/uid")
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)),
        Err(ApiFailure::Answer { code: 403 | 404, .. }) => Ok(None),
        Err(failure) => Err(SourceError::ClusterUnknown { failure }),
    }
}

/// The API server's time, which that of its objects is; none where it does not tell.
pub async fn server_time(client: &Client) -> Option<Timestamp> {
    let request = Request::get("/version").body(Body::empty()).ok()?;
    // Whoever is refused is told it too.
    let answer = timeout(FOR_THE_TIME, client.send(request)).await.ok()?.ok()?;
    http_date(answer.headers(), http::header::DATE)
}

/// Path of an object in a collection.
pub(super) fn object_path(collection: &str, name: &str) -> String {
    format!("{collection}/{}", utf8_percent_encode(name, &RESERVED))
}

/// Reads one object.
pub(super) async fn get<T: DeserializeOwned>(client: &Client, path: &str) -> Result<T, ApiFailure> {
    get_as(client, path, JSON).await
}

/// Reads one object in the first of these forms that the API server has.
pub(super) async fn get_as<T: DeserializeOwned>(client: &Client, path: &str, forms: &str) -> Result<T, ApiFailure> {
    let body = read(client, path, forms).await?;
    serde_json::from_slice(&body).map_err(|error| garbled(path, &error))
}

/// Which items of a list are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selector {
    /// By labels.
    Labels(String),
    /// By the fields that the API server knows of the kind.
    Fields(String),
}

impl Selector {
    fn query(&self) -> String {
        let (name, selector) = match self {
            Self::Labels(selector) => ("labelSelector", selector),
            Self::Fields(selector) => ("fieldSelector", selector),
        };
        format!("&{name}={}", utf8_percent_encode(selector, &RESERVED))
    }
}

/// Reads a list page by page and folds every item into the answer. A list whose pages no longer fit together is
/// begun again, with a new answer.
pub(super) async fn list<A: Default>(
    client: &Client,
    collection: &str,
    selector: Option<&Selector>,
    fold: impl FnMut(&mut A, Value),
) -> Result<A, ApiFailure> {
    list_as(client, collection, selector, JSON, fold).await
}

/// As [`list`], but of every object only its metadata is asked for. An API server may send the whole object all the
/// same.
pub(super) async fn list_metadata<A: Default>(
    client: &Client,
    collection: &str,
    selector: Option<&Selector>,
    fold: impl FnMut(&mut A, Value),
) -> Result<A, ApiFailure> {
    list_as(client, collection, selector, METADATA, fold).await
}

async fn list_as<A: Default>(
    client: &Client,
    collection: &str,
    selector: Option<&Selector>,
    forms: &str,
    mut fold: impl FnMut(&mut A, Value),
) -> Result<A, ApiFailure> {
    let selector = selector.map(Selector::query).unwrap_or_default();
    let first = format!("{collection}?limit={PAGE}{selector}");
    let mut restarts = 0;
    let mut answer = A::default();
    let mut path = first.clone();
    loop {
        let body = match read(client, &path, forms).await {
            Err(ApiFailure::Answer { code: 410, .. }) if restarts < RESTARTS => {
                restarts += 1;
                answer = A::default();
                path.clone_from(&first);
                continue;
            }
            result => result?,
        };
        let mut page = serde_json::Deserializer::from_slice(&body);
        let next = Page(|item| fold(&mut answer, item))
            .deserialize(&mut page)
            .and_then(|next| page.end().map(|()| next))
            .map_err(|error| garbled(collection, &error))?;
        match next {
            Some(next) => path = format!("{first}&continue={}", utf8_percent_encode(&next, &RESERVED)),
            None => return Ok(answer),
        }
    }
}

/// The metadata of a list's first objects, with one request.
pub(super) async fn first_page_of_metadata(client: &Client, collection: &str) -> Result<Vec<Value>, ApiFailure> {
    let path = format!("{collection}?limit={PAGE}");
    let body = read(client, &path, METADATA).await?;
    let mut page = serde_json::Deserializer::from_slice(&body);
    let mut items = Vec::new();
    Page(|item| items.push(item))
        .deserialize(&mut page)
        .map_err(|error| garbled(collection, &error))?;
    Ok(items)
}

fn garbled(path: &str, error: &serde_json::Error) -> ApiFailure {
    ApiFailure::Garbled {
        path: path.to_owned(),
        problem: error.to_string(),
    }
}

/// Reads the body of a successful answer, and repeats what failed but may succeed.
async fn read(client: &Client, path: &str, forms: &str) -> Result<Bytes, ApiFailure> {
    let mut attempt = 0;
    let mut forms = forms;
    loop {
        match read_once(client, path, forms).await {
            Ok(body) => return Ok(body),
            // Not everything in front of an API server passes on what it does not know.
            Err((ApiFailure::Answer { code: 406, .. }, _)) if forms != JSON => forms = JSON,
            Err((failure, asked)) if attempt < failure.retries() => {
                let pause = pause(attempt, asked);
                tracing::debug!(%failure, path, ?pause, "asking the API server again");
                tokio::time::sleep(pause).await;
                attempt += 1;
            }
            Err((failure, _)) => return Err(failure),
        }
    }
}

/// At least as long as the API server asks for, else twice as long each time; a part of it at random, so that those who
/// failed together do not come back together.
pub(super) fn pause(attempt: u32, asked: Option<Duration>) -> Duration {
    let own = FIRST_PAUSE * 2_u32.pow(attempt);
    let random = RandomState::new().build_hasher().finish() % 1000;
    let part = own / 2 * u32::try_from(random).unwrap_or_default() / 1000;
    (asked.unwrap_or(own / 2) + part).min(LONGEST_PAUSE)
}

/// One request that reads.
async fn read_once(client: &Client, path: &str, forms: &str) -> Result<Bytes, (ApiFailure, Option<Duration>)> {
    exchange(client, Request::get(path), forms, Body::empty()).await
}

/// Asks a question that is a `create` for the API server but leaves nothing there, such as an access review.
pub(super) async fn ask<T: DeserializeOwned>(client: &Client, path: &str, question: &Value) -> Result<T, ApiFailure> {
    let request = Request::post(path).header(http::header::CONTENT_TYPE, JSON);
    let body = Body::from(question.to_string().into_bytes());
    let answer = exchange(client, request, JSON, body)
        .await
        .map_err(|(failure, _)| failure)?;
    serde_json::from_slice(&answer).map_err(|error| garbled(path, &error))
}

/// One request. Beside a failure: the pause that the API server asks for.
async fn exchange(
    client: &Client,
    request: http::request::Builder,
    forms: &str,
    body: Body,
) -> Result<Bytes, (ApiFailure, Option<Duration>)> {
    let unreachable = |error: &kube::Error| {
        let problem = in_words(error);
        (ApiFailure::Unreachable { problem }, None)
    };
    let request = request
        .header(http::header::ACCEPT, forms)
        .body(body)
        .map_err(|error| unreachable(&kube::Error::HttpError(error)))?;
    let answer = client.send(request).await.map_err(|error| unreachable(&error))?;
    let code = answer.status();
    let asked = retry_after(&answer);
    let body = answer
        .into_body()
        .collect()
        .await
        .map_err(|error| unreachable(&error))?;
    let body = body.to_bytes();
    if code.is_success() {
        return Ok(body);
    }
    Err((failure(code, &body), asked))
}

fn retry_after(answer: &Response<Body>) -> Option<Duration> {
    let seconds = answer.headers().get(http::header::RETRY_AFTER)?;
    seconds.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

fn failure(code: StatusCode, body: &[u8]) -> ApiFailure {
    let status = serde_json::from_slice::<Status>(body).ok();
    let (reason, message, name) = match status {
        Some(status) => (
            status.reason,
            status.message,
            status.details.map(|details| details.name).unwrap_or_default(),
        ),
        // Not everything that answers in front of an API server speaks its language.
        None => {
            let text = String::from_utf8_lossy(body);
            let line = text.trim().lines().next().unwrap_or_default();
            (String::new(), line.chars().take(200).collect(), String::new())
        }
    };
    ApiFailure::Answer {
        code: code.as_u16(),
        reason,
        message,
        name,
    }
}

/// The causes of an error, outermost first. Those that only repeat what stands before are left out, and so are the
/// client's own words where there is a cause: they only say in which layer it was noticed.
pub(super) fn in_words(error: &kube::Error) -> String {
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if text.is_empty() {
            text = words;
        } else if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}

/// A page of a list: gives every item away as soon as it is read, and answers with the token of the next page.
struct Page<F>(F);

impl<'de, F: FnMut(Value)> DeserializeSeed<'de> for Page<F> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(Value)> Visitor<'de> for Page<F> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_map<M: MapAccess<'de>>(mut self, mut map: M) -> Result<Self::Value, M::Error> {
        #[derive(Default, Deserialize)]
        struct Metadata {
            #[serde(default, rename = "continue")]
            next: Option<String>,
        }
        let mut next = None;
        let mut has_items = false;
        while let Some(field) = map.next_key::<String>()? {
            match field.as_str() {
                "metadata" => next = map.next_value::<Option<Metadata>>()?.unwrap_or_default().next,
                "items" => {
                    has_items = true;
                    map.next_value_seed(Items(&mut self.0))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        // Without this, an answer of something else would be a complete list in which every object is missing.
        if !has_items {
            return Err(serde::de::Error::missing_field("items"));
        }
        Ok(next.filter(|next| !next.is_empty()))
    }
}

struct Items<'a, F>(&'a mut F);

impl<'de, F: FnMut(Value)> DeserializeSeed<'de> for Items<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        // Go writes an empty list as null.
        deserializer.deserialize_option(self)
    }
}

impl<'de, F: FnMut(Value)> Visitor<'de> for Items<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the items of a list")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<(), S::Error> {
        while let Some(item) = items.next_element()? {
            (self.0)(item);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
