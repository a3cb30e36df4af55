//! An API server in memory: it knows what a pass asks for, and nothing else.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use jiff::Timestamp;
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::objects::merge;

/// In place of a status: the request is never answered, and its connection is lost after a while.
pub const SILENCE: u16 = 0;

/// The body of an answer.
pub type Answer = UnsyncBoxBody<Bytes, Infallible>;

/// Clones are the same server.
#[derive(Clone, Default)]
pub struct ApiServer(Arc<Mutex<State>>);

type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

#[derive(Default)]
struct State {
    /// By path.
    objects: BTreeMap<String, Value>,
    /// Parts of paths or queries, and the status that requests for them get.
    refused: Vec<(String, u16)>,
    /// Objects by path, and what somebody else changes in them just before the next patch of theirs.
    meddling: Vec<(String, Value)>,
    requests: Vec<(Method, String)>,
    version: u64,
    /// What it tells of the time.
    clock: Option<Clock>,
    /// Where the changes of an object are told, by its path.
    watches: Vec<(String, mpsc::UnboundedSender<Value>)>,
}

impl ApiServer {
    /// A client.
    pub fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request| {
            let server = server.clone();
            async move { server.respond(request).await }
        });
        Client::new(service, "default")
    }

    /// What a client gets for a request.
    pub async fn respond(&self, request: Request<Body>) -> io::Result<Response<Answer>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        let query = head.uri.query().unwrap_or_default();
        if let Some(events) = self.watch(head.uri.path(), query) {
            return Ok(Response::new(events));
        }
        let (code, answer) = self.answer(&head.method, head.uri.path(), query, &body);
        if code == SILENCE {
            tokio::time::sleep(Duration::from_secs(30)).await;
            return Err(io::Error::new(
                io::ErrorKind::ConnectionReset,
                "the connection was lost",
            ));
        }
        let mut response = Response::builder().status(code);
        if let Some(clock) = &self.state().clock {
            let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&clock());
            response = response.header("date", date.unwrap());
        }
        let response = response.body(Full::from(answer.to_string()).boxed_unsync());
        Ok(response.unwrap())
    }

    /// Creates or replaces an object. What the object does not say of its status and its finalizers stays.
    pub fn apply(&self, mut object: Value) {
        let path = path_of(&object);
        let mut state = self.state();
        if let Some(before) = state.objects.get(&path) {
            if let (Some(status), None) = (before.get("status"), object.get("status")) {
                object["status"] = status.clone();
            }
            if object["metadata"]["finalizers"].is_null() && !finalizers(before).is_empty() {
                object["metadata"]["finalizers"] = before["metadata"]["finalizers"].clone();
            }
        }
        state.store(path, object);
    }

    /// Takes an object away.
    pub fn remove(&self, path: &str) {
        assert!(self.state().objects.remove(path).is_some(), "{path}");
    }

    /// Asks for the deletion of an object: finalizers hold it.
    pub fn delete(&self, path: &str) {
        let mut state = self.state();
        let mut object = state.objects.remove(path).expect("an object to delete");
        if !finalizers(&object).is_empty() {
            object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            state.store(path.to_owned(), object);
        }
    }

    /// Ends every watch, as a server does after a while.
    pub fn end_watches(&self) {
        self.state().watches.clear();
    }

    /// How many objects are watched.
    pub fn watched(&self) -> usize {
        self.state()
            .watches
            .iter()
            .filter(|(_, events)| !events.is_closed())
            .count()
    }

    /// An object as it is now.
    pub fn get(&self, path: &str) -> Option<Value> {
        self.state().objects.get(path).cloned()
    }

    /// From now on requests whose path or query has this part get this status, or [`SILENCE`].
    pub fn refuse(&self, part: &str, code: u16) {
        self.state().refused.push((part.to_owned(), code));
    }

    /// From now on every answer tells this time.
    pub fn tell_time(&self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) {
        self.state().clock = Some(Arc::new(clock));
    }

    /// Somebody else changes an object just before it is patched the next time. Several changes: one each time.
    pub fn meddle(&self, path: &str, change: Value) {
        self.state().meddling.push((path.to_owned(), change));
    }

    /// Nothing is refused any more.
    pub fn refuse_nothing(&self) {
        self.state().refused.clear();
    }

    /// Method and path of every request that would change something, and forgets them.
    pub fn take_writes(&self) -> Vec<String> {
        let requests = std::mem::take(&mut self.state().requests);
        let writes = requests.into_iter().filter(|(method, _)| *method != Method::GET);
        writes.map(|(method, path)| format!("{method} {path}")).collect()
    }

    /// The events of a namespace, oldest first.
    pub fn events(&self, namespace: &str) -> Vec<Value> {
        let folder = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events/");
        let state = self.state();
        let events = state.objects.iter().filter(|(path, _)| path.starts_with(&folder));
        events.map(|(_, event)| event.clone()).collect()
    }

    /// The changes of one object from now on, where the query asks for a watch that is not refused.
    fn watch(&self, path: &str, query: &str) -> Option<Answer> {
        let parameter = |wanted: &str| {
            let mut all = url::form_urlencoded::parse(query.as_bytes());
            all.find(|(name, _)| name == wanted)
                .map(|(_, value)| value.into_owned())
        };
        let mut state = self.state();
        if parameter("watch").is_none() || state.refusal(path, query).is_some() {
            return None;
        }
        let selector = parameter("fieldSelector").expect("a watch of one object");
        let name = selector.strip_prefix("metadata.name=").expect("a watch by name");
        let (sender, receiver) = mpsc::unbounded_channel::<Value>();
        state.watches.push((format!("{path}/{name}"), sender));
        let frames = futures::stream::unfold(receiver, async |mut receiver| {
            let event = receiver.recv().await?;
            let line = http_body::Frame::data(Bytes::from(format!("{event}\n")));
            Some((Ok::<_, Infallible>(line), receiver))
        });
        Some(StreamBody::new(frames).boxed_unsync())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn answer(&self, method: &Method, path: &str, query: &str, body: &Value) -> (u16, Value) {
        let mut state = self.state();
        state.requests.push((method.clone(), path.to_owned()));
        if let Some(code) = state.refusal(path, query) {
            return failure(code, "Refused", path);
        }
        match method.as_str() {
            "GET" => state.get(path, query),
            "PATCH" => state.patch(path, body),
            "POST" => state.create(path, body),
            _ => failure(405, "MethodNotAllowed", path),
        }
    }
}

impl State {
    /// The status that a request gets in place of its answer.
    fn refusal(&self, path: &str, query: &str) -> Option<u16> {
        let refused = self.refused.iter();
        let mut matching = refused.filter(|(part, _)| path.contains(part) || query.contains(part));
        matching.next().map(|&(_, code)| code)
    }

    fn store(&mut self, path: String, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        for (watched, events) in &self.watches {
            if *watched == path {
                // Whoever watched may have gone.
                let metadata = json!({
                    "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"],
                });
                let _ = events.send(json!({"type": "MODIFIED", "object": metadata}));
            }
        }
        self.objects.insert(path, object.clone());
        object
    }

    fn get(&self, path: &str, query: &str) -> (u16, Value) {
        if let Some(object) = self.objects.get(path) {
            return (200, object.clone());
        }
        let (group, resource) = path.rsplit_once('/').unwrap();
        if !matches!(
            resource,
            "deployments" | "githubdeployments" | "configmaps" | "replicasets" | "pods" | "events"
        ) {
            return failure(404, "NotFound", path);
        }
        let folder = format!("/{resource}/");
        let items: Vec<_> = self
            .objects
            .iter()
            .filter(|(path, _)| path.starts_with(group) && path.contains(&folder))
            .map(|(_, object)| object.clone())
            .filter(|object| is_selected(object, query))
            .collect();
        (200, json!({"metadata": {}, "items": items}))
    }

    fn patch(&mut self, path: &str, patch: &Value) -> (u16, Value) {
        let (path, is_status) = match path.strip_suffix("/status") {
            Some(path) => (path, true),
            None => (path, false),
        };
        if let Some(next) = self.meddling.iter().position(|(meddled, _)| meddled == path) {
            let (_, change) = self.meddling.remove(next);
            let mut object = self.objects[path].clone();
            merge(&mut object, change);
            self.store(path.to_owned(), object);
        }
        let Some(mut object) = self.objects.get(path).cloned() else {
            return failure(404, "NotFound", path);
        };
        for precondition in ["uid", "resourceVersion"] {
            let expected = &patch["metadata"][precondition];
            if !expected.is_null() && *expected != object["metadata"][precondition] {
                return failure(409, "Conflict", path);
            }
        }
        if is_status {
            object["status"] = patch["status"].clone();
        } else {
            object["metadata"]["finalizers"] = patch["metadata"]["finalizers"].clone();
            if finalizers(&object).is_empty() && !object["metadata"]["deletionTimestamp"].is_null() {
                self.objects.remove(path);
                return (200, object);
            }
        }
        (200, self.store(path.to_owned(), object))
    }

    fn create(&mut self, collection: &str, object: &Value) -> (u16, Value) {
        let number = self.version + 1;
        (201, self.store(format!("{collection}/{number:06}"), object.clone()))
    }
}

/// True if the object has the labels and the fields that the query asks for.
fn is_selected(object: &Value, query: &str) -> bool {
    let all = |selector: &str, has: &dyn Fn(&str, &str) -> bool| {
        let mut requirements = selector.split(',').map(|one| one.split_once('=').expect("NAME=VALUE"));
        requirements.all(|(name, value)| has(name, value))
    };
    let label = |name: &str, value: &str| object["metadata"]["labels"][name] == *value;
    let field = |name: &str, value: &str| {
        let found = name.split('.').fold(object, |object, name| &object[name]);
        *found == *value
    };
    url::form_urlencoded::parse(query.as_bytes()).all(|(name, selector)| match &*name {
        "labelSelector" => all(&selector, &label),
        "fieldSelector" => all(&selector, &field),
        _ => true,
    })
}

/// Where an object of the tests is found.
fn path_of(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let group = match text("/apiVersion") {
        "v1" => "/api/v1".to_owned(),
        version => format!("/apis/{version}"),
    };
    let folder = match text("/metadata/namespace") {
        "" => group,
        namespace => format!("{group}/namespaces/{namespace}"),
    };
    format!(
        "{folder}/{}s/{}",
        text("/kind").to_ascii_lowercase(),
        text("/metadata/name")
    )
}

fn finalizers(object: &Value) -> &[Value] {
    object["metadata"]["finalizers"].as_array().map_or(&[], Vec::as_slice)
}

fn failure(code: u16, reason: &str, path: &str) -> (u16, Value) {
    let name = path.rsplit('/').next().unwrap_or_default();
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
        "message": format!("{reason}: {path}"), "details": {"name": name},
    });
    (code, status)
}
