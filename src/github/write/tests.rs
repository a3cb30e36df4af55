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
    assert_eq!(
        (made.node_id.as_str(), made.commit.as_str()),
        ("DE_kwDO", "a".repeat(40).as_str())
    );
    assert_eq!(made.url, "https://github.com/shop/app/deployments/production");
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
async fn a_renamed_repository_is_followed_with_credentials_only_at_home() {
    for (place, credentials) in [
        ("https://api.github.com/repositories/7/deployments", true),
        ("https://elsewhere.example/7/deployments", false),
    ] {
        for status in [301, 302, 307, 308] {
            let (github, journal) = github(move |call, _| {
                if call.url == place {
                    return reply(201, &created().to_string());
                }
                let mut reply = reply(status, r#"{"message":"Moved Permanently"}"#)?;
                reply
                    .headers_mut()
                    .insert("location", http::HeaderValue::from_static(place));
                Ok(reply)
            });
            github.create_deployment(&new_deployment()).await.unwrap();
            let journal = journal.lock().unwrap();
            let [first, second] = &journal[..] else { panic!() };
            assert_eq!((&second.method, &second.body), (&first.method, &first.body), "{status}");
            assert_eq!(second.headers.contains_key("authorization"), credentials, "{place}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_that_leads_astray_is_named() {
    // Where it leads, what is answered there, and how many requests are sent.
    let rows = [
        (
            "http://api.github.com/x",
            201,
            1,
            "http://api.github.com, which is not encrypted: check GITHUB_API",
        ),
        (
            "ftp://api.github.com/x",
            201,
            1,
            "ftp://api.github.com, which is another scheme",
        ),
        (
            "https://elsewhere.example/x",
            401,
            2,
            "https://elsewhere.example, where the credentials do not belong",
        ),
        (
            "https://elsewhere.example/x",
            404,
            2,
            "https://elsewhere.example, where the credentials do not belong",
        ),
    ];
    for (place, status, sent, part) in rows {
        let (github, journal) = github(move |call, _| {
            if call.url == place {
                return reply(status, r#"{"message":"no"}"#);
            }
            let mut reply = reply(307, "{}")?;
            reply
                .headers_mut()
                .insert("location", http::HeaderValue::from_static(place));
            Ok(reply)
        });
        let error = github.create_deployment(&new_deployment()).await.unwrap_err();
        assert_eq!(error.reason(), "GitHubRedirected", "{place}: {error}");
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(journal.lock().unwrap().len(), sent, "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn redirects_end() {
    let (github, journal) = github(|call, _| {
        let mut reply = reply(308, "{}")?;
        let location = http::HeaderValue::try_from(format!("{}/x", call.url)).unwrap();
        reply.headers_mut().insert("location", location);
        Ok(reply)
    });
    let error = github.create_deployment(&new_deployment()).await.unwrap_err();
    assert!(error.to_string().contains("and from there on and on"), "{error}");
    assert_eq!(journal.lock().unwrap().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_version_of_the_api_that_is_not_known_is_not_named_again() {
    let old = r#"{"message":"The version you specified in the \"X-GitHub-API-Version\" request header, \"2022-11-28\",
        is not a supported version. The following versions are currently supported: .","documentation_url":"x"}"#;
    let (github, journal) = github(move |call, _| {
        if call.headers.contains_key("x-github-api-version") {
            return reply(400, &old.replace('\n', " "));
        }
        reply(201, &created().to_string())
    });
    for _ in 0..2 {
        github.create_deployment(&new_deployment()).await.unwrap();
    }
    let journal = journal.lock().unwrap();
    let named = journal
        .iter()
        .map(|call| call.headers.contains_key("x-github-api-version"));
    assert_eq!(named.collect::<Vec<_>>(), [true, false, false]);
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
            "Gone",
            "(HTTP 410): Gone, which is switched off for this repository",
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

/// An App whose tokens are numbered; GitHub refuses those for which `valid` is false.
fn app(valid: fn(usize, u64) -> bool) -> (GitHub, Journal) {
    let journal = Journal::default();
    let calls = journal.clone();
    let start = tokio::time::Instant::now();
    let tokens = AtomicUsize::new(0);
    let key = include_str!("../testing_key.pem").replace('\n', "\\n");
    let credentials = super::super::Credentials::App {
        id: "7".to_owned(),
        key: key.into(),
        installation: None,
    };
    let settings = super::super::Settings {
        credentials,
        ..settings("")
    };
    let github = github_by(&settings, move |call: Call| {
        calls.lock().unwrap().push(call.clone());
        let expires = Timestamp::now() + jiff::SignedDuration::from_hours(1);
        match call.url.as_str() {
            url if url.ends_with("/orgs/shop/installation") => reply(404, r#"{"message":"Not Found"}"#),
            url if url.ends_with("/users/shop/installation") => answer(&json!({ "id": 42 })),
            url if url.ends_with("/installation") || url.ends_with(".com/app") => {
                reply(404, r#"{"message":"Not Found"}"#)
            }
            url if url.ends_with("/app/installations/42/access_tokens") => {
                let number = tokens.fetch_add(1, Ordering::Relaxed) + 1;
                reply(
                    201,
                    &json!({ "token": format!("ghs_7_{number}.a-b"), "expires_at": expires.to_string() }).to_string(),
                )
            }
            _ => {
                let number = call.headers["authorization"]
                    .to_str()
                    .unwrap()
                    .trim_start_matches("Bearer ghs_7_")
                    .trim_end_matches(".a-b")
                    .parse()
                    .unwrap();
                if valid(number, start.elapsed().as_secs()) {
                    reply(201, &created().to_string())
                } else {
                    reply(401, r#"{"message":"Bad credentials"}"#)
                }
            }
        }
    });
    (github, journal)
}

fn paths(journal: &Journal) -> Vec<String> {
    let journal = journal.lock().unwrap();
    journal
        .iter()
        .map(|call| call.url.trim_start_matches("https://api.github.com").to_owned())
        .collect()
}

const LOOKUP: [&str; 3] = [
    "/orgs/shop/installation",
    "/users/shop/installation",
    "/app/installations/42/access_tokens",
];
const CREATE: &str = "/repos/shop/app/deployments";

#[tokio::test(start_paused = true)]
async fn an_app_has_one_token_for_an_owner_until_shortly_before_its_end() {
    let (github, journal) = app(|_, _| true);
    for _ in 0..2 {
        github.create_deployment(&new_deployment()).await.unwrap();
    }
    assert_eq!(paths(&journal), [LOOKUP[0], LOOKUP[1], LOOKUP[2], CREATE, CREATE]);
    let jwt = journal.lock().unwrap()[0].headers["authorization"].clone();
    assert_eq!(jwt.to_str().unwrap().split('.').count(), 3, "a JSON web token");
    tokio::time::advance(Duration::from_secs(56 * 60)).await;
    journal.lock().unwrap().clear();
    github.create_deployment(&new_deployment()).await.unwrap();
    assert_eq!(
        paths(&journal),
        [LOOKUP[2], CREATE],
        "a new one of the same installation"
    );

    let elsewhere = NewDeployment {
        repository: Repository::parse("other/app", None).unwrap(),
        ..new_deployment()
    };
    let error = github.create_deployment(&elsewhere).await.unwrap_err();
    assert_eq!(error.reason(), "AppNotInstalled");
    assert!(error.to_string().contains("other"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_young_token_is_tried_again_and_an_old_one_renewed() {
    let (github, journal) = app(|_, second| second >= 3);
    github.create_deployment(&new_deployment()).await.unwrap();
    assert_eq!(paths(&journal)[3..], [CREATE; 4], "refused at 0, 1 and 2 seconds");

    let (github, journal) = app(|number, second| number == 2 || second < 60);
    github.create_deployment(&new_deployment()).await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    journal.lock().unwrap().clear();
    github.create_deployment(&new_deployment()).await.unwrap();
    assert_eq!(paths(&journal), [CREATE, LOOKUP[2], CREATE]);

    let (github, journal) = app(|_, _| false);
    let error = github.create_deployment(&new_deployment()).await.unwrap_err();
    assert!(matches!(error, WriteError::BadCredentials { .. }), "{error}");
    assert!(posts(&journal) < 10);
}

/// GitHub Enterprise Server before the mutation was there.
fn without_mutation(call: &Call, number: Option<u64>) -> Reply {
    if call.query().starts_with("mutation") {
        return answer(&json!({ "errors": [
            { "message": "CreateDeploymentStatusInput isn't a defined input type (on $input)",
              "path": ["mutation"], "extensions": { "code": "variableRequiresValidType" } },
            { "message": "Field 'createDeploymentStatus' doesn't exist on type 'Mutation'",
              "path": ["mutation", "createDeploymentStatus"], "extensions": { "code": "undefinedField" } },
        ] }));
    }
    if call.query().contains("databaseId") {
        return answer(&json!({ "data": { "node": { "databaseId": number, "commitOid": "a".repeat(40) } } }));
    }
    if call.method == "GET" {
        let other = |id: u64| json!({ "id": id, "node_id": format!("D{id}") });
        let page: Vec<Value> = match call.url.rsplit_once("&page=") {
            Some((_, "1")) => (1000..1100).map(other).collect(),
            _ => vec![other(7), json!({ "id": 8_000_000_000_u64, "node_id": "D" })],
        };
        return answer(&json!(page));
    }
    let status = json!({ "id": 1, "node_id": "S", "state": call.body["state"], "created_at": "2026-01-01T00:00:00Z" });
    reply(201, &status.to_string())
}

#[tokio::test(start_paused = true)]
async fn without_the_mutation_a_status_is_posted_by_rest() {
    for (number, expected, requests) in [(Some(5), "5", 3), (None, "8000000000", 5)] {
        let (github, journal) = github(move |call, _| without_mutation(call, number));
        github.create_status(&new_status(State::InProgress)).await.unwrap();
        github.create_status(&new_status(State::Success)).await.unwrap();
        assert_eq!(mutations(&journal), 1, "asked once for what is not there");
        let journal = journal.lock().unwrap();
        let call = &journal[requests - 1];
        let url = format!("https://api.github.com/repos/shop/app/deployments/{expected}/statuses");
        assert_eq!(call.url, url);
        let body = json!({
            "state": "in_progress", "description": "available", "auto_inactive": false,
            "environment_url": "https://shop.example",
        });
        assert_eq!(call.body, body);
        assert_eq!(journal.last().unwrap().body["state"], "success");
    }
}

#[tokio::test(start_paused = true)]
async fn the_number_of_an_own_deployment_is_known() {
    let (github, journal) = github(|call, _| match call.url.ends_with("/deployments") {
        true => reply(201, &created().to_string()),
        false => without_mutation(call, None),
    });
    github.create_deployment(&new_deployment()).await.unwrap();
    let status = NewStatus {
        deployment: "DE_kwDO".to_owned(),
        ..new_status(State::Success)
    };
    github.create_status(&status).await.unwrap();
    let journal = journal.lock().unwrap();
    let urls: Vec<&str> = journal
        .iter()
        .map(|call| call.url.rsplit_once('/').unwrap().1)
        .collect();
    assert_eq!(urls, ["deployments", "graphql", "statuses"]);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_whose_number_is_nowhere_is_named() {
    let (github, _) = github(|call, _| match call.method.as_str() {
        "GET" => answer(&json!([])),
        _ => without_mutation(call, None),
    });
    let error = github.create_status(&new_status(State::Success)).await.unwrap_err();
    assert_eq!(error.reason(), "DeploymentNumberUnknown");
    assert!(
        error
            .to_string()
            .starts_with("deployment D of shop/app is not in GitHub's list"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_status_by_rest_whose_answer_is_lost_is_looked_for_too() {
    let sent = AtomicUsize::new(0);
    let (github, journal) = github(move |call, _| {
        if call.url.ends_with("/statuses") && sent.fetch_add(1, Ordering::Relaxed) == 0 {
            return reply(502, "");
        }
        match call.query().contains("latestStatus") {
            true => answer(&latest(None)),
            false => without_mutation(call, Some(5)),
        }
    });
    github.create_status(&new_status(State::Success)).await.unwrap();
    let journal = journal.lock().unwrap();
    assert_eq!(journal.iter().filter(|call| call.url.ends_with("/statuses")).count(), 2);
}
