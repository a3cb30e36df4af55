//! A client that is as plain as can be, so that tests see what is sent.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "shared by several tests, not all of which use everything"
)]

use github_emulator::{Emulator, ResponseBody};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// What came back.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// The response as it is, or the error of a lost connection.
pub async fn raw(
    emulator: &Emulator,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> std::io::Result<http::Response<ResponseBody>> {
    let mut request = http::Request::builder()
        .method(method)
        .uri(format!("https://api.github.com{path}"));
    let standard = [("user-agent", "test"), ("authorization", "Bearer secret")];
    for (name, value) in standard
        .iter()
        .filter(|(name, _)| !headers.iter().any(|(other, _)| other == name))
        .chain(headers)
    {
        if !value.is_empty() {
            request = request.header(*name, *value);
        }
    }
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    emulator.service().oneshot(request.body(body).unwrap()).await
}

pub async fn send(
    emulator: &Emulator,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> Reply {
    let response = raw(emulator, method, path, headers, body).await.unwrap();
    let (head, body) = response.into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let body = serde_json::from_str(&text).unwrap_or_default();
    Reply {
        status: head.status,
        headers: head.headers,
        text,
        body,
    }
}

pub async fn get(emulator: &Emulator, path: &str) -> Reply {
    send(emulator, Method::GET, path, &[], None).await
}

pub async fn post(emulator: &Emulator, path: &str, body: Value) -> Reply {
    send(emulator, Method::POST, path, &[], Some(body)).await
}

pub async fn graphql(emulator: &Emulator, query: &str, variables: Value) -> Value {
    let reply = post(emulator, "/graphql", json!({"query": query, "variables": variables})).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.body
}

/// Makes a deployment of `main` and gives its body.
pub async fn deploy(emulator: &Emulator, environment: &str, more: Value) -> Value {
    let mut body = json!({"ref": "main", "environment": environment, "auto_merge": false, "required_contexts": []});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let reply = post(emulator, "/repos/octo/shop/deployments", body).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    reply.body
}

pub async fn set_state(emulator: &Emulator, deployment: &Value, state: &str) -> Value {
    let path = format!("/repos/octo/shop/deployments/{}/statuses", deployment["id"]);
    let reply = post(emulator, &path, json!({"state": state})).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    reply.body
}

/// A GitHub with the repository `octo/shop`, which checks what it is asked and answers.
pub fn shop() -> Emulator {
    let emulator = Emulator::default();
    emulator.add_repository("octo/shop");
    emulator
}

/// Every test ends with this.
pub fn assert_fits(emulator: &Emulator) {
    assert_eq!(emulator.violations(), Vec::<String>::new());
}
