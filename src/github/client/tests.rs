use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderName, Response};
use http_body_util::Full;
use serde_json::json;
use tower::BoxError;

use super::super::{
    GitHub, NewStatus, WriteError,
    testing::{environment, execute, github, github_with, json as answer, query, reply},
};
use crate::{plan::State, report::with_causes};

type Reply = Result<Response<Full<Bytes>>, BoxError>;
type Answering = Box<dyn Fn() -> Reply + Send + Sync>;

const TOKEN: &str = "ghp_0123456789abcdefghijklmnopqrstuvwxyz";

fn with(reply: Reply, header: &'static str, value: &str) -> Reply {
    let mut reply = reply?;
    let value = http::HeaderValue::try_from(value).unwrap();
    reply.headers_mut().insert(HeaderName::from_static(header), value);
    Ok(reply)
}

fn new_status() -> NewStatus {
    NewStatus {
        repository: environment("shop/app", "production").repository,
        deployment: "DE_1".to_owned(),
        state: State::Success,
        description: String::new(),
        environment_url: None,
        log_url: None,
        auto_inactive: true,
    }
}

async fn read_error(github: &GitHub) -> String {
    let error = github.read(&[query("shop/app", "production", &["main"])]).await;
    with_causes(error[0].as_ref().unwrap_err()).join(": ")
}

async fn write_error(github: &GitHub) -> WriteError {
    github.create_status(&new_status()).await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn a_token_that_github_repeats_is_masked() {
    let quoted = format!(r#"{{"message":"Bad credentials: {TOKEN}","documentation_url":"{TOKEN}"}}"#);
    let refused = quoted.clone();
    let rows: [(&str, Answering); 6] = [
        ("message", Box::new(move || reply(401, &refused))),
        ("message of a server", Box::new(move || reply(500, &quoted))),
        (
            "id of the request",
            Box::new(|| with(reply(401, "{}"), "x-github-request-id", TOKEN)),
        ),
        (
            "error of GraphQL",
            Box::new(|| answer(&json!({"data": null, "errors": [{"type": "X", "message": format!("no {TOKEN}")}]}))),
        ),
        (
            "value of the wrong type",
            Box::new(|| answer(&json!({"data": {}, "errors": TOKEN}))),
        ),
        (
            "address of a redirect",
            Box::new(|| with(reply(307, "{}"), "location", &format!("https://other.example/{TOKEN}"))),
        ),
    ];
    for (name, answer) in rows {
        let asked = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let addresses = asked.clone();
        let github = github_with(TOKEN, move |call| {
            addresses.lock().unwrap().push_str(&call.url);
            match call.url.starts_with("https://other.example") {
                true => reply(404, "{}"),
                false => answer(),
            }
        });
        let error = read_error(&github).await;
        assert!(!error.contains(TOKEN), "{name}: {error}");
        let error = write_error(&github).await;
        assert!(!format!("{error} {error:?}").contains(TOKEN), "{name}: {error}");
        let asked = asked.lock().unwrap();
        assert!(!asked.contains(TOKEN), "{name}: {asked}");
        assert!(name != "address of a redirect" || asked.contains("***"), "{asked}");
    }
}

#[tokio::test]
async fn a_token_that_is_a_word_masks_no_words() {
    let github = github_with("main", |call| {
        answer(&execute(&call, |_| Vec::new(), |_| Some("c0ffee")))
    });
    let reading = github.read(&[query("shop/app", "production", &["main"])]).await;
    assert!(reading[0].is_ok(), "{reading:?}");
}

#[tokio::test(start_paused = true)]
async fn a_page_is_not_githubs_refusal() {
    for status in [401, 403, 404, 407, 422] {
        let page = move || {
            let page = "<html><body>Access to api.github.com is not allowed here</body></html>";
            with(reply(status, page), "content-type", "text/html; charset=utf-8")
        };
        let (github, _) = github(move |_, _| page());
        let error = read_error(&github).await;
        assert!(
            error.contains("HTTPS_PROXY") && error.contains(&format!("HTTP {status} with an HTML page")),
            "{error}"
        );
        assert_eq!(write_error(&github).await.reason(), "GitHubUnreachable", "{status}");
    }
    let (github, _) = github(|_, _| reply(200, "<!DOCTYPE html><title>Log in</title>"));
    let error = read_error(&github).await;
    assert!(
        error.contains("it is an HTML page, such as a proxy or a login gives"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_redirect_to_a_login_names_it() {
    for (status, body, cause) in [
        (
            401,
            r#"{"message":"Requires authentication"}"#,
            "where the credentials do not belong",
        ),
        (404, "<html></html>", "where the credentials do not belong"),
        (200, "<html></html>", "which answers with an HTML page, as a login does"),
        (400, "<html></html>", "which answers with an HTML page, as a login does"),
    ] {
        let (github, _) = github(move |call, _| match call.url.starts_with("https://login.example") {
            true => reply(status, body),
            false => with(reply(302, ""), "location", "https://login.example/?next=1"),
        });
        let error = read_error(&github).await;
        assert!(
            error.contains("https://login.example") && error.contains(cause),
            "{status}: {error}"
        );
        assert_eq!(write_error(&github).await.reason(), "GitHubRedirected", "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_status_names_its_deployment() {
    let rows = [
        (
            409,
            r#"{"message":"Conflict"}"#,
            "GitHubRefused",
            "(HTTP 409): Conflict",
        ),
        (410, r#"{"message":"Gone"}"#, "GitHubRefused", "(HTTP 410): Gone"),
        (
            451,
            r#"{"message":"Repository access blocked"}"#,
            "GitHubRefused",
            "(HTTP 451): Repository access blocked",
        ),
        (
            422,
            r#"{"message":"Invalid","errors":["too long"]}"#,
            "GitHubRefused",
            "(HTTP 422): Invalid; too long",
        ),
        (
            422,
            "{\"message\":\"Invalid request.\\n\\nOnly 65535 characters are allowed; 91016 were supplied.\"}",
            "GitHubRefused",
            "Invalid request.  Only 65535 characters are allowed",
        ),
        (
            403,
            r#"{"message":"Not allowed"}"#,
            "GitHubForbidden",
            "grant deployments: write",
        ),
        (
            200,
            r#"{"data":null,"errors":[{"type":"FORBIDDEN","path":["createDeploymentStatus"],"message":"Not allowed"}]}"#,
            "GitHubForbidden",
            "grant deployments: write",
        ),
        (
            200,
            r#"{"data":null,"errors":[{"type":"UNPROCESSABLE","message":"Too many statuses"}]}"#,
            "GitHubRefused",
            "Too many statuses",
        ),
    ];
    for (status, body, reason, cause) in rows {
        let (github, journal) = github(move |_, _| reply(status, body));
        let error = write_error(&github).await;
        assert_eq!(error.reason(), reason, "{error}");
        let text = error.to_string();
        assert!(text.contains("shop/app") && text.contains(cause), "{text}");
        assert!(reason != "GitHubRefused" || text.contains("DE_1"), "{text}");
        assert_eq!(journal.lock().unwrap().len(), 1, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_ends_with_the_request() {
    struct Drip(tokio::time::Interval);
    impl http_body::Body for Drip {
        type Data = Bytes;
        type Error = BoxError;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, BoxError>>> {
            self.0
                .poll_tick(context)
                .map(|_| Some(Ok(http_body::Frame::data(Bytes::from_static(b" ")))))
        }
    }
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let service = tower::service_fn(|_: http::Request<octocrab::OctoBody>| async {
        ASKED.fetch_add(1, Ordering::Relaxed);
        Ok::<_, BoxError>(Response::new(Drip(tokio::time::interval(
            std::time::Duration::from_secs(1),
        ))))
    });
    let settings = super::super::testing::settings("secret");
    let github = GitHub::with_service(service, &settings).unwrap();
    let start = tokio::time::Instant::now();
    let error = read_error(&github).await;
    assert!(error.contains("no answer within 30 seconds"), "{error}");
    assert!(start.elapsed() <= settings.read_timeout + settings.request_timeout);
    assert!(ASKED.load(Ordering::Relaxed) > 1);
}

#[tokio::test(start_paused = true)]
async fn a_schema_without_the_mutation_is_told_in_many_words() {
    let rows: [(u16, &str); 4] = [
        (200, "Schema is not configured for mutations"),
        (200, "Schema is not configured to execute mutation operation."),
        (
            200,
            r#"Cannot query field "createDeploymentStatus" on type "Mutation"."#,
        ),
        (
            400,
            r#"Cannot query field "createDeploymentStatus" on type "Mutation"."#,
        ),
    ];
    for (status, message) in rows {
        let (github, journal) = github(move |call, _| {
            if call.query().starts_with("mutation") {
                return reply(status, &json!({ "errors": [{ "message": message }] }).to_string());
            }
            if call.query().contains("databaseId") {
                return answer(&json!({ "data": { "node": { "databaseId": 5, "commitOid": "a".repeat(40) } } }));
            }
            let posted = json!({ "node_id": "S", "state": "success", "created_at": "2026-01-01T00:00:00Z" });
            reply(201, &posted.to_string())
        });
        github.create_status(&new_status()).await.unwrap();
        let last = journal.lock().unwrap().last().unwrap().url.clone();
        assert!(last.ends_with("/deployments/5/statuses"), "{message}: {last}");
    }
}
