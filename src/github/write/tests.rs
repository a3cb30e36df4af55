mod app;
mod by_rest;
mod redirects;

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use tower::BoxError;

use super::{
    super::testing::{Call, Journal, execute, github, github_by, json as answer, node, query, reply, settings},
    *,
};
use crate::plan::{By, Hash, Identity};

type Reply = Result<Response<Full<Bytes>>, BoxError>;

fn new_deployment() -> NewDeployment {
    NewDeployment {
        repository: Repository::parse("shop/app", None).unwrap(),
        environment: "production".to_owned(),
        task: "deploy".to_owned(),
        git_ref: GitRef::new("v1"),
        payload: json!({ "team": "blue" }).as_object().unwrap().clone(),
        marker: Marker {
            v: 1,
            git_ref: GitRef::new("v1"),
            transient: false,
            production: true,
            identity: Identity {
                by: Some(By::new("shop", "app")),
                uid: Some("uid".to_owned()),
                rollout: Some(Hash::of(&["template"])),
                ..Identity::default()
            },
            source: None,
        },
        description: "Deployment shop/app".to_owned(),
        known: Some("KNOWN".to_owned()),
    }
}

fn new_status(state: State) -> NewStatus {
    NewStatus {
        repository: Repository::parse("shop/app", None).unwrap(),
        deployment: "D".to_owned(),
        state,
        description: "available".to_owned(),
        environment_url: Some("https://shop.example".to_owned()),
        log_url: None,
        auto_inactive: false,
    }
}

fn created() -> Value {
    json!({
        "id": 6_456_216_525_u64, "node_id": "DE_kwDO", "sha": "a".repeat(40), "ref": "v1",
        "created_at": "2026-01-01T00:00:00Z",
    })
}

fn posts(journal: &Journal) -> usize {
    let journal = journal.lock().unwrap();
    journal.iter().filter(|call| call.url.ends_with("/deployments")).count()
}

fn mutations(journal: &Journal) -> usize {
    let journal = journal.lock().unwrap();
    journal
        .iter()
        .filter(|call| call.query().starts_with("mutation"))
        .count()
}

#[tokio::test(start_paused = true)]
async fn a_deployment_is_created() {
    let (github, journal) = github(|_, _| reply(201, &created().to_string()));
    let made = github.create_deployment(&new_deployment()).await.unwrap();
    assert_eq!(made.id, Some(6_456_216_525));
    assert_eq!(made.node_id, "DE_kwDO");
    let journal = journal.lock().unwrap();
    let [call] = &journal[..] else { panic!() };
    assert_eq!(
        (call.method.as_str(), call.url.as_str()),
        ("POST", "https://api.github.com/repos/shop/app/deployments")
    );
    let mut body = call.body.clone();
    let payload = body["payload"].take();
    assert_eq!(
        body,
        json!({
            "ref": "v1", "task": "deploy", "auto_merge": false, "required_contexts": [], "payload": null,
            "environment": "production", "description": "Deployment shop/app",
            "transient_environment": false, "production_environment": true,
        })
    );
    assert_eq!(marker::read(&payload), Some(new_deployment().marker));
    assert_eq!(payload["team"], "blue");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_final_and_says_what_to_do() {
    let rows: [(&str, u16, &str, &str, &[&str]); 11] = [
        (
            "wrong token",
            401,
            r#"{"message":"Bad credentials"}"#,
            "BadCredentials",
            &["GITHUB_TOKEN"],
        ),
        (
            "not visible",
            404,
            r#"{"message":"Not Found"}"#,
            "RepositoryNotFound",
            &["shop/app"],
        ),
        (
            "no permission",
            403,
            r#"{"message":"Resource not accessible by integration"}"#,
            "GitHubForbidden",
            &["shop/app", "deployments=write"],
        ),
        (
            "archived",
            403,
            r#"{"message":"Repository was archived so is read-only."}"#,
            "RepositoryArchived",
            &["shop/app"],
        ),
        (
            "ref",
            422,
            r#"{"message":"No ref found for: v1"}"#,
            "RefNotFound",
            &["shop/app", "v1"],
        ),
        (
            "validation",
            422,
            r#"{"message":"Validation Failed","errors":[{"resource":"Deployment","field":"environment","code":"invalid"}]}"#,
            "GitHubRefused",
            &["production", "environment is invalid"],
        ),
        (
            "errors as text",
            422,
            r#"{"message":"Validation Failed","errors":"too long"}"#,
            "GitHubRefused",
            &["too long"],
        ),
        (
            "conflict",
            409,
            r#"{"message":"Conflict: Commit status checks failed for v1."}"#,
            "GitHubRefused",
            &["409", "Conflict"],
        ),
        (
            "merged instead",
            202,
            r#"{"message":"Auto-merged main into v1 on deployment."}"#,
            "GitHubRefused",
            &["202", "Auto-merged"],
        ),
        ("no id", 200, "{}", "GitHubRefused", &["200"]),
        ("limit", 429, "", "RateLimited", &["60 seconds"]),
    ];
    for (name, status, body, reason, parts) in rows {
        let (github, journal) = github(move |_, _| {
            let mut reply = reply(status, body)?;
            let permissions = http::HeaderValue::from_static("deployments=write");
            reply.headers_mut().insert("x-accepted-github-permissions", permissions);
            Ok(reply)
        });
        let error = github.create_deployment(&new_deployment()).await.unwrap_err();
        assert_eq!(error.reason(), reason, "{name}: {error}");
        let text = error.to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{name}: {text}");
        assert_eq!(journal.lock().unwrap().len(), 1, "{name}");
    }
}

/// GitHub that loses the answer of a create in this way, and shows these deployments afterwards.
async fn lose(lost: fn() -> Reply, shown: fn(&Value) -> Vec<Value>) -> (Result<Created, WriteError>, Journal) {
    let payload = Value::from(marker::write(&new_deployment().marker, &Map::new()).to_string());
    let (github, journal) = github(move |call, _| {
        if call.url.ends_with("/deployments") {
            return lost();
        }
        answer(&json!({ "data": { "repository": { "deployments": { "nodes": shown(&payload) } } } }))
    });
    (github.create_deployment(&new_deployment()).await, journal)
}

fn ours(id: &str, payload: &Value) -> Value {
    let mut node = node(id, "Production", 20);
    node["payload"] = payload.clone();
    node
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_answer_is_lost_is_looked_for_and_never_repeated() {
    type Lost = fn() -> Reply;
    let answers: [(&str, Lost); 6] = [
        ("reset", || {
            Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into())
        }),
        ("server error", || reply(502, "<html>Bad Gateway</html>")),
        ("empty", || reply(201, "")),
        ("cut", || reply(201, &created().to_string()[..40])),
        ("garbled", || reply(200, "<html>")),
        ("another shape", || reply(201, r#"{"id": "text"}"#)),
    ];
    type Shown = fn(&Value) -> Vec<Value>;
    let lists: [(&str, Shown, bool); 7] = [
        (
            "there",
            |payload| {
                vec![
                    node("OTHER", "production", 30),
                    ours("OURS", payload),
                    node("KNOWN", "production", 10),
                ]
            },
            true,
        ),
        ("not there", |_| vec![node("KNOWN", "production", 10)], false),
        (
            "the former one of the same rollout",
            |payload| vec![node("KNOWN", "production", 10), ours("OURS", payload)],
            false,
        ),
        (
            "nothing tells what is newer",
            |payload| vec![ours("OURS", payload)],
            false,
        ),
        (
            "another environment",
            |payload| {
                let mut moved = ours("OURS", payload);
                moved["latestEnvironment"] = json!("staging");
                vec![moved, node("KNOWN", "production", 10)]
            },
            false,
        ),
        (
            "another task",
            |payload| {
                let mut other = ours("OURS", payload);
                other["task"] = json!("deploy:migrations");
                vec![other, node("KNOWN", "production", 10)]
            },
            false,
        ),
        (
            "another rollout",
            |payload| {
                let text = payload.as_str().unwrap().replace("uid\":\"uid", "uid\":\"other");
                vec![ours("OURS", &Value::from(text)), node("KNOWN", "production", 10)]
            },
            false,
        ),
    ];
    for (answer_name, lost) in answers {
        for (list_name, shown, found) in lists {
            let name = format!("{answer_name}, {list_name}");
            let (result, journal) = lose(lost, shown).await;
            assert_eq!(posts(&journal), 1, "{name}");
            match result {
                Ok(made) => assert!(found && made.node_id == "OURS" && made.id.is_none(), "{name}: {made:?}"),
                Err(error) => assert!(!found && matches!(error, WriteError::Lost { .. }), "{name}: {error}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_without_an_answer_in_time_is_looked_for() {
    let payload = Value::from(marker::write(&new_deployment().marker, &Map::new()).to_string());
    let count = std::sync::Arc::new(AtomicUsize::new(0));
    let service = tower::service_fn(move |request: http::Request<octocrab::OctoBody>| {
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        let nodes = json!({ "data": { "repository": { "deployments": { "nodes": [ours("OURS", &payload), node("KNOWN", "production", 1)] } } } });
        async move {
            if first {
                assert!(request.uri().path().ends_with("/deployments"));
                std::future::pending::<()>().await;
            }
            answer(&nodes)
        }
    });
    let github = GitHub::with_service(service, &settings("secret")).unwrap();
    assert_eq!(
        github.create_deployment(&new_deployment()).await.unwrap().node_id,
        "OURS"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_sent_nothing() {
    let (github, journal) = github(|_, _| Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into()));
    let error = github.create_deployment(&new_deployment()).await.unwrap_err();
    assert!(matches!(error, WriteError::Unreachable { .. }), "{error}");
    let error = github.create_status(&new_status(State::Success)).await.unwrap_err();
    assert!(matches!(error, WriteError::Unreachable { .. }), "{error}");
    assert_eq!(journal.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn rare_refusals_say_what_they_mean() {
    let rows = [
        (
            202,
            "Auto-merged main into v1 on deployment.",
            "(HTTP 202): Auto-merged main into v1 on deployment.",
        ),
        (
            410,
            "This is gone.",
            "(HTTP 410): This is gone, which is switched off for this repository",
        ),
        (
            451,
            "Repository access blocked",
            "(HTTP 451): Repository access blocked, for legal reasons",
        ),
    ];
    for (status, message, part) in rows {
        let (github, _) = github(move |_, _| reply(status, &json!({ "message": message }).to_string()));
        let error = github.create_deployment(&new_deployment()).await.unwrap_err();
        assert_eq!(error.reason(), "GitHubRefused", "{error}");
        assert!(error.to_string().contains(part), "{error}");
        assert!(error.to_string().contains("(request C0DE:1)"), "{error}");
    }
}

fn posted(state: &str) -> Value {
    json!({ "data": { "createDeploymentStatus": { "deploymentStatus": { "id": "S", "state": state, "createdAt": "2026-01-01T00:00:00Z" } } } })
}

fn latest(state: Option<&str>) -> Value {
    let status = state.map(|state| json!({ "id": "S0", "state": state, "createdAt": "2025-12-31T00:00:00Z" }));
    json!({ "data": { "node": { "latestStatus": status } } })
}

#[tokio::test(start_paused = true)]
async fn a_status_is_posted_with_every_choice_explicit() {
    let (github, journal) = github(|_, _| answer(&posted("IN_PROGRESS")));
    github.create_status(&new_status(State::InProgress)).await.unwrap();
    let journal = journal.lock().unwrap();
    assert_eq!(journal.len(), 1);
    let input = json!({
        "deploymentId": "D", "state": "IN_PROGRESS", "description": "available", "autoInactive": false,
        "environmentUrl": "https://shop.example",
    });
    assert_eq!(journal[0].body["variables"]["input"], input);
}

#[tokio::test(start_paused = true)]
async fn a_status_whose_answer_is_lost_is_looked_for_before_it_is_posted_again() {
    // What is shown after each lost answer, and how many times the status is sent.
    let rows: [(&str, &[Option<&str>], usize, bool); 4] = [
        ("it was done", &[Some("SUCCESS")], 1, true),
        (
            "it was not, the second one was",
            &[Some("IN_PROGRESS"), Some("SUCCESS")],
            2,
            true,
        ),
        ("no status at all, then answered", &[None], 2, true),
        ("lost twice and never shown", &[None, Some("IN_PROGRESS")], 2, false),
    ];
    for (name, shown, sent, done) in rows {
        let (mutated, looked) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (github, journal) = github(move |call, _| {
            if call.query().starts_with("mutation") {
                let lost = mutated.fetch_add(1, Ordering::Relaxed) < shown.len();
                return if lost {
                    reply(502, "")
                } else {
                    answer(&posted("SUCCESS"))
                };
            }
            answer(&latest(shown[looked.fetch_add(1, Ordering::Relaxed)]))
        });
        let result = github.create_status(&new_status(State::Success)).await;
        assert_eq!(result.is_ok(), done, "{name}: {result:?}");
        assert_eq!(mutations(&journal), sent, "{name}");
        if let Err(error) = result {
            assert!(matches!(error, WriteError::Lost { .. }), "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_beside_errors_was_posted() {
    let (github, journal) = github(|_, _| {
        let mut body = posted("IN_PROGRESS");
        body["errors"] =
            json!([{ "type": "RESOURCE_LIMITS_EXCEEDED", "message": "Resource limits for this query exceeded." }]);
        answer(&body)
    });
    github.create_status(&new_status(State::InProgress)).await.unwrap();
    assert_eq!(journal.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_looked_for_while_github_is_limited() {
    for (retry_after, found) in [("30", true), ("600", false)] {
        let start = tokio::time::Instant::now();
        let until = Duration::from_secs(retry_after.parse().unwrap());
        let payload = Value::from(marker::write(&new_deployment().marker, &Map::new()).to_string());
        // Each create is lost; a reading at the same time meets a limit.
        let (github, _) = github(move |call, _| {
            if call.url.ends_with("/deployments") {
                return reply(502, "");
            }
            if start.elapsed().is_zero() {
                let mut limit = reply(429, "{}")?;
                let retry_after = http::HeaderValue::from_static(retry_after);
                limit.headers_mut().insert("retry-after", retry_after);
                return Ok(limit);
            }
            assert!(start.elapsed() >= until, "sent into a limit");
            let nodes = [ours("OURS", &payload), node("KNOWN", "production", 10)];
            answer(&json!({ "data": { "repository": { "deployments": { "nodes": nodes } } } }))
        });
        let new = new_deployment();
        let queries = [query("shop/app", "production", &[])];
        let (created, _) = tokio::join!(
            github.create_deployment(&new),
            tokio::time::timeout(Duration::from_secs(5), github.read(&queries)),
        );
        match created {
            Ok(created) => assert!(found && created.node_id == "OURS", "{created:?}"),
            Err(error) => assert!(!found && matches!(error, WriteError::Lost { .. }), "{error}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_gets_no_credentials_was_not_sent() {
    let (github, journal) = {
        let journal = Journal::default();
        let calls = journal.clone();
        let credentials = super::super::Credentials::App {
            id: "7".to_owned(),
            key: include_str!("../testing_key.pem").to_owned().into(),
            installation: Some(42),
        };
        let settings = super::super::Settings {
            credentials,
            ..settings("")
        };
        let github = github_by(&settings, move |call| {
            calls.lock().unwrap().push(call);
            reply(502, "")
        });
        (github, journal)
    };
    let error = github.create_deployment(&new_deployment()).await.unwrap_err();
    assert!(matches!(error, WriteError::Unreachable { .. }), "{error}");
    let error = github.create_status(&new_status(State::Success)).await.unwrap_err();
    assert!(matches!(error, WriteError::Unreachable { .. }), "{error}");
    assert_eq!(journal.lock().unwrap().len(), 2, "nothing is looked for");
}

#[tokio::test(start_paused = true)]
async fn a_refused_status_is_final() {
    let rows = [
        ("FORBIDDEN", "Resource not accessible by integration", "GitHubForbidden"),
        (
            "UNPROCESSABLE",
            "Repository was archived so is read-only.",
            "RepositoryArchived",
        ),
        ("UNPROCESSABLE", "description is too long", "GitHubRefused"),
        (
            "NOT_FOUND",
            "Could not resolve to a node with the global id of 'D'",
            "GitHubRefused",
        ),
    ];
    for (kind, message, reason) in rows {
        let body = json!({ "data": { "createDeploymentStatus": null }, "errors": [{ "type": kind, "path": ["createDeploymentStatus"], "message": message }] });
        let (github, journal) = github(move |_, _| answer(&body));
        let error = github.create_status(&new_status(State::Success)).await.unwrap_err();
        assert_eq!(error.reason(), reason, "{message}");
        assert_eq!(journal.lock().unwrap().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_written_counts_although_a_reading_does_not_show_it_yet() {
    let (github, _) = github(|call, _| match call {
        call if call.url.ends_with("/deployments") => reply(201, &created().to_string()),
        call if call.query().starts_with("mutation") => answer(&posted("IN_PROGRESS")),
        call => answer(&execute(call, |name| vec![node("KNOWN", name, 10)], |_| None)),
    });
    let made = github.create_deployment(&new_deployment()).await.unwrap();
    let status = NewStatus {
        deployment: made.node_id.clone(),
        ..new_status(State::InProgress)
    };
    github.create_status(&status).await.unwrap();
    let reading = github
        .read(&[query("shop/app", "PRODUCTION", &[])])
        .await
        .remove(0)
        .unwrap();
    let newest = &reading.existing.deployments[0];
    assert_eq!(
        (newest.node_id.as_str(), &newest.status),
        (made.node_id.as_str(), &LatestStatus::InProgress)
    );
    assert_eq!(newest.marker, Some(new_deployment().marker));
    assert_eq!(reading.existing.deployments.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_secondary_limit_ends_writing() {
    let (github, journal) = github(|_, _| {
        reply(
            403,
            r#"{"message":"You have exceeded a secondary rate limit and have been temporarily blocked from content creation."}"#,
        )
    });
    for _ in 0..3 {
        let error = github.create_deployment(&new_deployment()).await.unwrap_err();
        assert!(matches!(error, WriteError::Limited { .. }), "{error}");
        let error = github.create_status(&new_status(State::Success)).await.unwrap_err();
        assert!(matches!(error, WriteError::Limited { .. }), "{error}");
    }
    assert_eq!(journal.lock().unwrap().len(), 1, "nothing is sent into a limit");
}
