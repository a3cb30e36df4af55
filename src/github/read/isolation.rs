//! One piece that is bad, in whatever way, costs only itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::Response;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::BoxError;

use super::super::{
    Credentials, GitHub, Settings,
    testing::{Call, app, execute, github, github_by, json as answer, query, reply, settings},
};

type Reply = Result<Response<http_body_util::Full<bytes::Bytes>>, BoxError>;
type Answering = fn() -> Reply;

fn nothing(call: &Call) -> Reply {
    answer(&execute(call, |_| Vec::new(), |_| None))
}

fn asks_for(call: &Call, environment: &str) -> bool {
    let variables = call.body["variables"].as_object().unwrap();
    variables.values().any(|value| *value == json!([environment]))
}

#[tokio::test(start_paused = true)]
async fn one_environment_that_breaks_every_answer_keeps_no_other_from_being_read() {
    let rows: [(&str, Answering, &str); 7] = [
        ("HTTP 500", || reply(500, "{}"), "GitHubUnreachable"),
        ("HTTP 502", || reply(502, "{}"), "GitHubUnreachable"),
        ("cut", || reply(200, "{\"data\":"), "GitHubUnreachable"),
        (
            "HTTP 422",
            || reply(422, r#"{"message":"Invalid request."}"#),
            "GitHubRefused",
        ),
        ("HTTP 451", || reply(451, r#"{"message":"blocked"}"#), "GitHubRefused"),
        (
            "no data",
            || answer(&json!({"data": null, "errors": [{"type": "X", "path": ["r0"], "message": "no"}]})),
            "GitHubRefused",
        ),
        (
            "too heavy",
            || answer(&json!({"errors": [{"type": "RESOURCE_LIMITS_EXCEEDED", "message": "too much"}]})),
            "GitHubRefused",
        ),
    ];
    for (name, bad, reason) in rows {
        let (github, journal) = github(move |call, _| match asks_for(call, "bad") {
            true => bad(),
            false => nothing(call),
        });
        let mut queries: Vec<_> = (0..50).map(|i| query("shop/app", &i.to_string(), &["main"])).collect();
        queries.push(query("shop/app", "bad", &["main"]));
        let start = Instant::now();
        let readings = github.read(&queries).await;
        let failed: Vec<_> = readings.iter().filter_map(|reading| reading.as_ref().err()).collect();
        assert_eq!(failed.len(), 1, "{name}: {failed:?}");
        assert_eq!(failed[0].reason(), reason, "{name}");
        let asked = journal.lock().unwrap().len();
        assert!(asked < 40, "{name}: {asked} requests");
        assert!(start.elapsed().as_secs() < 60, "{name}: {:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn one_environment_that_never_answers_leaves_time_for_the_others() {
    let service = tower::service_fn(|request: http::Request<octocrab::OctoBody>| async move {
        use http_body_util::BodyExt as _;
        let body = request.into_body().collect().await?.to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let call = Call {
            method: String::new(),
            url: String::new(),
            headers: http::HeaderMap::new(),
            body,
        };
        if asks_for(&call, "bad") {
            std::future::pending::<()>().await;
        }
        nothing(&call)
    });
    let settings = settings("secret");
    let github = crate::github::GitHub::with_service(service, &settings).unwrap();
    let mut queries: Vec<_> = (0..49).map(|i| query("shop/app", &i.to_string(), &[])).collect();
    queries.push(query("shop/app", "bad", &[]));
    let readings = github.read(&queries).await;
    let read = readings.iter().filter(|reading| reading.is_ok()).count();
    // Four requests of half a minute each find the eighth of them that is bad.
    assert!(read >= 43, "{read}");
}

#[tokio::test(start_paused = true)]
async fn one_owner_whose_token_is_refused_keeps_no_other_from_being_read() {
    for refused in [
        || reply(401, r#"{"message":"Bad credentials"}"#),
        || reply(500, "{}"),
        || Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()),
    ] {
        let github = app(move |call| match call.body["variables"]["r0owner"].as_str() {
            Some("bad") => refused(),
            _ => nothing(call),
        });
        let several = |owner: &str| [1, 2].map(|i| query(&format!("{owner}/app"), &i.to_string(), &["main"]));
        let queries = [several("bad"), several("shop")].concat();
        let readings: Vec<bool> = github.read(&queries).await.iter().map(Result::is_ok).collect();
        assert_eq!(readings, [false, false, true, true]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_owner_who_gives_no_token_is_asked_for_it_once() {
    let credentials = Credentials::App {
        id: "7".to_owned(),
        key: include_str!("../testing_key.pem").to_owned().into(),
        installation: None,
    };
    let settings = Settings {
        credentials,
        ..settings("")
    };
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let github = github_by(&settings, move |call| match call.url.ends_with("/installation") {
        true => reply(200, r#"{"id":42}"#),
        false => {
            count.fetch_add(1, Ordering::Relaxed);
            reply(403, r#"{"message":"This installation has been suspended"}"#)
        }
    });
    let queries: Vec<_> = (0..200).map(|i| query("shop/app", &i.to_string(), &[])).collect();
    let readings = github.read(&queries).await;
    for reading in &readings {
        let error = reading.as_ref().unwrap_err().to_string();
        assert!(error.contains("suspended") && error.contains("for shop"), "{error}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn where_no_owner_can_be_read_not_every_one_is_tried() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let github = app(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        reply(503, "{}")
    });
    let queries: Vec<_> = (0..50)
        .map(|i| query(&format!("owner-{i}/app"), "production", &[]))
        .collect();
    assert!(github.read(&queries).await.iter().all(Result::is_err));
    assert_eq!(asked.load(Ordering::Relaxed), 3 * 5);
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_met_three_times_in_a_row_one_try_is_enough_until_something_is_read() {
    let (github, journal) = github(|call, _| match asks_for(call, "good") {
        true => nothing(call),
        false => reply(503, "{}"),
    });
    let tries = async |github: &GitHub, environment| {
        journal.lock().unwrap().clear();
        let read = github.read(&[query("shop/app", environment, &[])]).await;
        assert_eq!(read[0].is_ok(), environment == "good");
        journal.lock().unwrap().len()
    };
    let rows = [
        ("bad", 5),
        ("good", 1),
        ("bad", 5),
        ("bad", 5),
        ("bad", 5),
        ("bad", 1),
        ("good", 1),
        ("bad", 5),
        ("bad", 5),
        ("bad", 5),
        ("bad", 1),
    ];
    for (place, (environment, expected)) in rows.into_iter().enumerate() {
        assert_eq!(tries(&github, environment).await, expected, "{place}");
    }
    assert_eq!(tries(&github.for_pass(None), "bad").await, 5, "another pass");
}

#[tokio::test(start_paused = true)]
async fn the_silence_of_github_is_told_before_the_pass_is_over() {
    let credentials = Credentials::App {
        id: "7".to_owned(),
        key: include_str!("../testing_key.pem").to_owned().into(),
        installation: Some(42),
    };
    let settings = Settings {
        credentials,
        ..settings("")
    };
    let silent = tower::service_fn(|_| std::future::pending::<Result<Response<String>, BoxError>>());
    let queries: Vec<_> = (0..50)
        .map(|i| query(&format!("owner-{i}/app"), "production", &[]))
        .collect();
    for (deadline, halfway) in [(50, 25), (95, 47), (300, 150)] {
        let start = Instant::now();
        let then = |seconds| Some(start + Duration::from_secs(seconds));
        let github = GitHub::with_service(silent, &settings).unwrap();
        let pass = github.for_pass(then(deadline)).with_read_deadline(then(halfway));
        for reading in pass.read(&queries).await {
            assert_eq!(reading.unwrap_err().reason(), "GitHubUnreachable", "{deadline}");
        }
        assert!(start.elapsed() < Duration::from_secs(deadline), "{:?}", start.elapsed());
    }
}
