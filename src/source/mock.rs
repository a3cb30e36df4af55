//! An API server without sockets.

use std::{
    convert::Infallible,
    future::ready,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use kube::{Client, client::Body};
use serde_json::Value;

/// Paths, with query, of the requests so far.
pub(super) struct Requests(Arc<Mutex<Vec<String>>>);

impl Requests {
    pub(super) fn all(&self) -> Vec<String> {
        self.0.lock().expect("no request panics").clone()
    }
}

/// A client of a server that answers each path, with query, with a status and a body.
pub(super) fn server(mut answer: impl FnMut(&str) -> (u16, Value) + Send + 'static) -> (Client, Requests) {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let journal = Arc::clone(&requests);
    let service = tower::service_fn(move |request: Request<Body>| {
        let path = request.uri().to_string();
        let (code, body) = answer(&path);
        journal.lock().expect("no request panics").push(path);
        let response = Response::builder()
            .status(code)
            .body(Body::from(body.to_string().into_bytes()))
            .expect("a valid status");
        ready(Ok::<_, Infallible>(response))
    });
    (Client::new(service, "default"), Requests(requests))
}
