//! A GitHub of a few lines for the tests of this module.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use octocrab::OctoBody;
use serde_json::Value;
use tower::{BoxError, service_fn};

use super::{Credentials, EnvironmentQuery, GitHub, Settings};
use crate::plan::{Environment, Repository};

/// One request, as it arrived.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub url: String,
    pub headers: http::HeaderMap,
    pub body: Value,
}

impl Call {
    pub fn query(&self) -> &str {
        self.body["query"].as_str().unwrap_or_default()
    }
}

pub type Journal = Arc<Mutex<Vec<Call>>>;

pub fn settings(token: &str) -> Settings {
    Settings::new(
        "https://api.github.com".parse().unwrap(),
        Credentials::Token(token.to_owned().into()),
    )
}

pub fn reply(status: u16, body: &str) -> Result<Response<Full<Bytes>>, BoxError> {
    reply_with(status, &[], body)
}

pub fn reply_with(
    status: u16,
    headers: &[(&'static str, &str)],
    body: &str,
) -> Result<Response<Full<Bytes>>, BoxError> {
    let mut response = Response::builder()
        .status(status)
        .header("x-github-request-id", "C0DE:1");
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Ok(response
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .unwrap())
}

pub fn json(value: &Value) -> Result<Response<Full<Bytes>>, BoxError> {
    reply(200, &value.to_string())
}

/// GitHub that answers by `answer`.
pub fn github_with<F>(token: &str, answer: F) -> GitHub
where
    F: Fn(Call) -> Result<Response<Full<Bytes>>, BoxError> + Send + Sync + 'static,
{
    github_by(&settings(token), answer)
}

/// GitHub that answers by `answer`, reached by `settings`.
pub fn github_by<F>(settings: &Settings, answer: F) -> GitHub
where
    F: Fn(Call) -> Result<Response<Full<Bytes>>, BoxError> + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    let service = service_fn(move |request: Request<OctoBody>| {
        let answer = answer.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            answer(Call {
                method: parts.method.to_string(),
                url: parts.uri.to_string(),
                headers: parts.headers,
                body: serde_json::from_slice(&body).unwrap_or_default(),
            })
        }
    });
    GitHub::with_service(service, settings).unwrap()
}

/// GitHub that answers by `answer`, and the journal of what it was asked.
pub fn github<F>(answer: F) -> (GitHub, Journal)
where
    F: Fn(&Call, usize) -> Result<Response<Full<Bytes>>, BoxError> + Send + Sync + 'static,
{
    let journal = Journal::default();
    let calls = journal.clone();
    let github = github_with("secret", move |call| {
        let mut calls = calls.lock().unwrap();
        calls.push(call);
        answer(calls.last().unwrap(), calls.len())
    });
    (github, journal)
}

/// GitHub that an App asks: it is installed everywhere, `answer` is for everything else.
pub fn app<F>(answer: F) -> GitHub
where
    F: Fn(&Call) -> Result<Response<Full<Bytes>>, BoxError> + Send + Sync + 'static,
{
    let credentials = Credentials::App {
        id: "7".to_owned(),
        key: include_str!("testing_key.pem").to_owned().into(),
        installation: Some(42),
    };
    let settings = Settings {
        credentials,
        ..settings("")
    };
    github_by(&settings, move |call| {
        if call.url.ends_with("/access_tokens") {
            return reply(201, r#"{"token":"ghs_secret"}"#);
        }
        answer(&call)
    })
}

pub fn environment(repository: &str, name: &str) -> Environment {
    Environment {
        repository: Repository::parse(repository, None).unwrap(),
        name: name.to_owned(),
    }
}

pub fn query(repository: &str, name: &str, refs: &[&str]) -> EnvironmentQuery {
    EnvironmentQuery {
        environment: environment(repository, name),
        refs: refs.iter().map(|name| (*name).to_owned()).collect(),
        sources: 1,
    }
}

/// A field of a query as this program writes it: repository alias, field alias, and the arguments after it.
pub fn fields(call: &Call) -> Vec<(String, String, String)> {
    let mut repository = String::new();
    let mut fields = Vec::new();
    for line in call.query().lines().take_while(|line| !line.starts_with("fragment")) {
        let Some((alias, rest)) = line.trim().split_once(": ") else {
            continue;
        };
        if rest.starts_with("repository(") {
            repository = alias.to_owned();
            fields.push((repository.clone(), String::new(), rest.to_owned()));
        } else if !repository.is_empty() {
            fields.push((repository.clone(), alias.to_owned(), rest.to_owned()));
        }
    }
    fields
}

/// Answers a query with `deployments(environment)` as nodes and `commit(ref)` as what a ref is, as a branch.
pub fn execute(
    call: &Call,
    deployments: impl Fn(&str) -> Vec<Value>,
    commit: impl Fn(&str) -> Option<&'static str>,
) -> Value {
    let mut data = serde_json::Map::new();
    for (repository, alias, field) in fields(call) {
        let answer = &mut data.entry(repository).or_insert_with(
            || serde_json::json!({ "url": "https://github.com/x", "isPrivate": true, "isArchived": false }),
        );
        let variable = |name: &str| call.body["variables"][name].clone();
        if field.starts_with("deployments(") {
            let name = variable(&alias)[0].as_str().unwrap().to_owned();
            answer[&alias] = serde_json::json!({
                "nodes": deployments(&name),
                "pageInfo": { "hasNextPage": false, "endCursor": null },
            });
        } else if field.starts_with("object(") {
            let id = commit(variable(&alias).as_str().unwrap());
            answer[&alias] = id.map_or(
                Value::Null,
                |id| serde_json::json!({ "__typename": "Commit", "oid": id }),
            );
        } else if field.starts_with("ref(") {
            let name = variable(&alias).as_str().unwrap().to_owned();
            let id = name.strip_prefix("refs/heads/").and_then(&commit);
            answer[&alias] = id.map_or(
                Value::Null,
                |id| serde_json::json!({ "target": { "__typename": "Commit", "oid": id } }),
            );
        }
    }
    serde_json::json!({ "data": data })
}

/// A deployment as GraphQL shows it.
pub fn node(id: &str, environment: &str, second: i64) -> Value {
    serde_json::json!({
        "id": id, "task": "deploy", "payload": null, "commitOid": "a".repeat(40),
        "createdAt": jiff::Timestamp::from_second(1_700_000_000 + second).unwrap().to_string(),
        "environment": environment, "latestEnvironment": environment, "ref": { "name": "main" },
        "latestStatus": null,
    })
}
