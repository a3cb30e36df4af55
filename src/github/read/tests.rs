use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::{
    super::testing::{
        Call, environment, execute, fields, github, github_by, json as answer, node, query, reply, settings,
    },
    *,
};
use crate::plan::LatestStatus;

const COMMIT_ID: &str = "0123456789abcdef0123456789abcdef01234567";

fn nothing(call: &Call) -> Value {
    execute(call, |_| Vec::new(), |_| Some(COMMIT_ID))
}

fn environments_asked(call: &Call) -> usize {
    fields(call)
        .iter()
        .filter(|(_, _, field)| field.starts_with("deployments("))
        .count()
}

#[tokio::test]
async fn an_environment_is_read_with_its_refs() {
    let marker = json!({ "team": "blue", "kubeStatusToGithub": { "v": 1, "ref": "v1" } });
    let (github, journal) = github(move |call, _| {
        let nodes = |name: &str| {
            let mut ours = node("D3", "Production", 30);
            ours["payload"] = json!(json!(marker.to_string()).to_string());
            ours["ref"] = Value::Null;
            ours["latestStatus"] = json!({ "id": "S", "state": "IN_PROGRESS", "createdAt": "2023-11-14T22:13:51Z" });
            let mut free_text = node("D2", name, 20);
            free_text["payload"] = json!("\"by hand\"");
            vec![ours, free_text, node("D1", "moved away", 10)]
        };
        answer(&execute(call, nodes, |name| (name == "main").then_some(COMMIT_ID)))
    });
    let mut reading = github
        .read(&[query("shop/app", "production", &["main", "gone"])])
        .await
        .remove(0)
        .unwrap();
    let shown: Vec<_> = reading
        .existing
        .deployments
        .iter()
        .map(|d| (d.node_id.as_str(), &d.status, d.marker.is_some()))
        .collect();
    assert_eq!(
        shown,
        [
            ("D3", &LatestStatus::InProgress, true),
            ("D2", &LatestStatus::None, false)
        ]
    );
    assert_eq!(reading.existing.deployments[0].ref_name, None);
    assert_eq!(reading.existing.deployments[1].ref_name, Some(GitRef::new("main")));
    assert!(reading.existing.complete && reading.private && !reading.archived);
    assert_eq!(reading.web_url.as_deref(), Some("https://github.com/x"));
    assert_eq!(reading.refs["gone"], ResolvedRef::NotFound);
    let main = ResolvedRef::Found {
        git_ref: GitRef::new("main"),
        commit: Some(COMMIT_ID.to_owned()),
        movable: true,
    };
    assert_eq!(reading.refs["main"], main);

    github.read_further(&mut reading, &mut |_| false).await.unwrap();
    let calls = journal.lock().unwrap();
    assert_eq!(calls.len(), 1, "a complete reading goes no further");
    let [call] = &calls[..] else { panic!() };
    assert_eq!(
        (call.method.as_str(), call.url.as_str()),
        ("POST", "https://api.github.com/graphql")
    );
    assert_eq!(call.headers["authorization"], "Bearer secret");
    assert_eq!(call.headers["x-github-api-version"], "2022-11-28");
    assert!(
        call.headers["user-agent"]
            .to_str()
            .unwrap()
            .starts_with("kube-status-to-github/")
    );
    for text in ["shop", "app\"", "production", "gone"] {
        assert!(
            !call.query().contains(text),
            "{text} is part of the query: {}",
            call.query()
        );
    }
}

#[tokio::test]
async fn requests_are_as_few_as_they_may_be() {
    let (github, journal) = github(|call, _| answer(&nothing(call)));
    let queries: Vec<_> = (0..120)
        .map(|i| query(&format!("shop/app{}", i % 3), &format!("environment {i}"), &["main"]))
        .collect();
    let readings = github.read(&queries).await;
    for (reading, query) in readings.iter().zip(&queries) {
        assert_eq!(reading.as_ref().unwrap().environment, query.environment);
    }
    let calls = std::mem::take(&mut *journal.lock().unwrap());
    assert_eq!(calls.iter().map(environments_asked).collect::<Vec<_>>(), [50, 50, 20]);
    let refs = calls
        .iter()
        .flat_map(fields)
        .filter(|(_, _, field)| field.starts_with("object("))
        .count();
    assert_eq!(refs, 3, "one ref in three repositories");

    let crowded: Vec<_> = (0..30)
        .map(|i| EnvironmentQuery {
            sources: 100,
            ..query("shop/app", &i.to_string(), &[])
        })
        .collect();
    assert!(github.read(&crowded).await.iter().all(Result::is_ok));
    let calls = std::mem::take(&mut *journal.lock().unwrap());
    assert_eq!(
        calls.iter().map(environments_asked).collect::<Vec<_>>(),
        [5; 6],
        "500 deployments a request"
    );
}

#[tokio::test]
async fn one_bad_repository_does_not_spoil_the_rest() {
    let (github, journal) = github(|call, _| {
        let mut body = nothing(call);
        body["data"]["r0"] = Value::Null;
        body["data"]["r1"] = Value::Null;
        body["data"]["r2"]["e4"] = Value::Null;
        body["data"]["r2"]["o5"] = Value::Null;
        body["errors"] = json!([
            { "type": "NOT_FOUND", "path": ["r0"], "message": "Could not resolve to a Repository with the name 'shop/a'." },
            { "type": "FORBIDDEN", "path": ["r1"], "message": "Resource protected by organization SAML enforcement." },
            { "type": "FORBIDDEN", "path": ["r2", "e4"], "message": "Resource not accessible by integration" },
            { "type": "FORBIDDEN", "path": ["r2", "o5"], "message": "Resource not accessible by integration" },
            { "type": "FORBIDDEN", "path": ["r2", "e6", "nodes", 0, "ref"], "message": "Resource not accessible by integration" },
        ]);
        answer(&body)
    });
    let queries = [
        query("shop/d", "production", &["main"]),
        query("shop/c", "other", &["0123456"]),
        query("shop/c", "production", &["0123456"]),
        query("shop/b", "production", &["main"]),
        query("shop/a", "production", &["main"]),
    ];
    let readings = github.read(&queries).await;
    assert_eq!(journal.lock().unwrap().len(), 1, "nothing is asked twice");
    let reasons: Vec<_> = readings
        .iter()
        .map(|reading| reading.as_ref().map_err(GitHubError::reason).map(|_| "read"))
        .collect();
    assert_eq!(
        reasons,
        [
            Ok("read"),
            Err("GitHubForbidden"),
            Ok("read"),
            Err("GitHubForbidden"),
            Err("RepositoryNotFound")
        ]
    );
    let not_readable = ResolvedRef::NotReadable {
        git_ref: GitRef::new("0123456"),
    };
    assert_eq!(readings[2].as_ref().unwrap().refs["0123456"], not_readable);
    let message = readings[1].as_ref().unwrap_err().to_string();
    assert!(
        message.contains("shop/c") && message.contains("deployments: read") && message.contains("C0DE:1"),
        "{message}"
    );
    let message = readings[4].as_ref().unwrap_err().to_string();
    assert!(
        message.contains("shop/a") && message.contains("GITHUB_TOKEN"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_too_much_for_github_is_halved() {
    let (github, journal) = github(|call, _| match environments_asked(call) {
        0..=7 => answer(&nothing(call)),
        n if n % 2 == 0 => reply(502, "<html>Bad Gateway</html>"),
        _ => answer(
            &json!({ "data": null, "errors": [{ "message": "Something went wrong while executing your query. This may be the result of a timeout" }] }),
        ),
    });
    let queries: Vec<_> = (0..50).map(|i| query("shop/app", &i.to_string(), &["main"])).collect();
    assert!(github.read(&queries).await.iter().all(Result::is_ok));
    assert_eq!(
        journal.lock().unwrap().len(),
        15,
        "50, then 26 and 25 pieces, and so on down to 7"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_left_out_is_asked_again() {
    let (github, journal) = github(|call, count| {
        let mut body = nothing(call);
        if count == 1 {
            body["data"]["r0"]["e1"] = Value::Null;
            body["data"]["r0"]["e2"]["nodes"] = json!([node("D", "2", 1), null]);
            body["errors"] = json!([
                { "type": "RESOURCE_LIMITS_EXCEEDED", "path": ["r0", "e1"], "message": "Resource limits for this query exceeded." },
            ]);
        }
        answer(&body)
    });
    let queries: Vec<_> = (0..4).map(|i| query("shop/app", &i.to_string(), &[])).collect();
    assert!(github.read(&queries).await.iter().all(Result::is_ok));
    assert_eq!(
        journal
            .lock()
            .unwrap()
            .iter()
            .map(environments_asked)
            .collect::<Vec<_>>(),
        [4, 1, 1]
    );
}

#[tokio::test(start_paused = true)]
async fn a_short_failure_is_sat_out_and_a_long_one_told() {
    let refused =
        || -> Result<_, tower::BoxError> { Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into()) };
    let start = Instant::now();
    let (github, _) = github(move |call, count| match count {
        1 => reply(503, "{}"),
        2 => reply(200, "{\"data\":"),
        3 => refused(),
        _ => answer(&nothing(call)),
    });
    assert!(github.read(&[query("shop/app", "production", &["main"])]).await[0].is_ok());
    assert!(
        start.elapsed() >= Duration::from_millis(1_750),
        "with pauses in between"
    );

    let (github, journal) = super::super::testing::github(move |_, _| refused());
    let queries: Vec<_> = (0..120).map(|i| query("shop/app", &i.to_string(), &["main"])).collect();
    let readings = github.read(&queries).await;
    assert!(
        readings
            .iter()
            .all(|reading| matches!(reading, Err(GitHubError::Unreachable { .. })))
    );
    assert_eq!(journal.lock().unwrap().len(), 5, "and not five for each request");
}

#[tokio::test(start_paused = true)]
async fn github_that_goes_away_is_not_asked_for_every_batch() {
    let (github, journal) = github(|call, count| match count {
        1 => answer(&nothing(call)),
        _ => Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into()),
    });
    let queries: Vec<_> = (0..1_000).map(|i| query("shop/app", &i.to_string(), &[])).collect();
    let read = github
        .read(&queries)
        .await
        .iter()
        .filter(|reading| reading.is_ok())
        .count();
    assert_eq!(read, 50);
    let asked = journal.lock().unwrap().len();
    assert!(asked <= 1 + CONCURRENCY * 5, "{asked} requests");
}

#[tokio::test(start_paused = true)]
async fn one_environment_that_is_too_much_keeps_no_owner_from_being_read() {
    let github = super::super::testing::app(|call| match call.body["variables"]["r0owner"].as_str() {
        Some("heavy") => reply(502, "<html>Bad Gateway</html>"),
        _ => answer(&nothing(call)),
    });
    let queries = [
        query("heavy/app", "production", &["main"]),
        query("shop/app", "production", &["main"]),
    ];
    let readings = github.read(&queries).await;
    assert!(
        matches!(readings[0], Err(GitHubError::Unreachable { .. })),
        "{readings:?}"
    );
    assert!(readings[1].is_ok(), "{readings:?}");
}

#[tokio::test(start_paused = true)]
async fn null_beside_an_error_without_a_place_is_not_believed() {
    let (github, journal) = github(|call, count| {
        if count > 2 {
            return answer(&nothing(call));
        }
        let mut body = execute(call, |name| vec![node("D", name, 1)], |_| None);
        body["errors"] = json!([
            { "type": "RESOURCE_LIMITS_EXCEEDED", "message": "Resource limits for this query exceeded." },
        ]);
        answer(&body)
    });
    let reading = github
        .read(&[query("shop/app", "production", &["main"])])
        .await
        .remove(0)
        .unwrap();
    assert!(
        matches!(reading.refs["main"], ResolvedRef::Found { .. }),
        "{:?}",
        reading.refs
    );
    assert!(
        reading.existing.deployments.is_empty(),
        "the whole answer was asked again"
    );
    assert!(journal.lock().unwrap().len() > 2);
}

#[tokio::test]
async fn a_page_of_deployments_that_have_moved_is_not_the_last() {
    let (github, _) = github(|call, count| {
        let [(_, alias, _)] = &fields(call)[1..] else { panic!() };
        let name = if count == 2 { "elsewhere" } else { "production" };
        let mut body = nothing(call);
        body["data"]["r0"][alias] = json!({
            "nodes": [node(&format!("D{count}"), name, -(count as i64))],
            "pageInfo": { "hasNextPage": count < 3, "endCursor": count.to_string() },
        });
        answer(&body)
    });
    let mut reading = github
        .read(&[query("shop/app", "production", &[])])
        .await
        .remove(0)
        .unwrap();
    github.read_further(&mut reading, &mut |_| false).await.unwrap();
    let ids: Vec<_> = reading
        .existing
        .deployments
        .iter()
        .map(|d| d.node_id.as_str())
        .collect();
    assert_eq!(ids, ["D1", "D3"]);
    assert!(reading.existing.complete);
}

#[tokio::test(start_paused = true)]
async fn silence_is_cut_off() {
    let count = std::sync::Arc::new(AtomicUsize::new(0));
    let calls = count.clone();
    let service = tower::service_fn(move |_: http::Request<octocrab::OctoBody>| {
        calls.fetch_add(1, Ordering::Relaxed);
        std::future::pending::<Result<http::Response<String>, tower::BoxError>>()
    });
    let settings = settings("secret");
    let github = GitHub::with_service(service, &settings).unwrap();
    let start = Instant::now();
    let readings = github
        .read(&[query("shop/app", "production", &[]), query("shop/app", "staging", &[])])
        .await;
    assert!(
        readings
            .iter()
            .all(|reading| matches!(reading, Err(GitHubError::Unreachable { .. })))
    );
    assert!(
        start.elapsed() <= settings.read_timeout + settings.request_timeout,
        "{:?}",
        start.elapsed()
    );
    assert!(count.load(Ordering::Relaxed) >= 2);
}

#[tokio::test(start_paused = true)]
async fn limits_are_waited_for_if_they_are_short() {
    for (kind, code) in [
        ("RATE_LIMITED", Value::Null),
        ("RATE_LIMIT", json!("graphql_rate_limit")),
    ] {
        let start = Instant::now();
        let (github, journal) = github(move |call, count| match count {
            1 => answer(
                &json!({ "errors": [{ "type": kind, "code": code, "message": "API rate limit exceeded for installation ID 1." }] }),
            ),
            2 => reply(403, "{\"message\":\"You have exceeded a secondary rate limit.\"}"),
            _ => answer(&nothing(call)),
        });
        let settings = |read_timeout| super::super::Settings {
            read_timeout: Duration::from_secs(read_timeout),
            ..settings("secret")
        };
        let readings = github.read(&[query("shop/app", "production", &[])]).await;
        assert!(
            matches!(readings[0], Err(GitHubError::Limited { .. })),
            "a minute and two are too long: {readings:?}"
        );
        assert_eq!(github.limited_until(), Some(start + Duration::from_secs(180)));
        assert_eq!(journal.lock().unwrap().len(), 2);

        let start = Instant::now();
        let count = AtomicUsize::new(0);
        let github = github_by(&settings(300), move |call| {
            match count.fetch_add(1, Ordering::Relaxed) {
                0 => reply(429, "{}"),
                _ => answer(&nothing(&call)),
            }
        });
        assert!(github.read(&[query("shop/app", "production", &[])]).await[0].is_ok());
        assert_eq!(start.elapsed(), Duration::from_secs(60));
    }
}

#[tokio::test]
async fn wrong_credentials_are_told_once() {
    let (github, journal) = github(|_, _| reply(401, "{\"message\":\"Bad credentials\"}"));
    let queries: Vec<_> = (0..120).map(|i| query("shop/app", &i.to_string(), &["main"])).collect();
    let readings = github.read(&queries).await;
    assert!(
        readings
            .iter()
            .all(|reading| matches!(reading, Err(GitHubError::BadCredentials { .. })))
    );
    assert_eq!(journal.lock().unwrap().len(), 1);
    let message = readings[0].as_ref().unwrap_err().to_string();
    assert!(
        message.contains("GITHUB_TOKEN") && message.contains("Bad credentials"),
        "{message}"
    );
}

#[tokio::test]
async fn history_is_read_as_far_as_needed_and_no_further_than_a_thousand() {
    let (github, journal) = github(|call, _| {
        let [(_, alias, field)] = &fields(call)[1..] else {
            panic!()
        };
        let first: usize = field
            .split("first: ")
            .nth(1)
            .unwrap()
            .split([',', ')'])
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let from = call.body["variables"][format!("after{}", &alias[1..])]
            .as_str()
            .map_or(0, |cursor| cursor.parse::<usize>().unwrap());
        let nodes: Vec<_> = (from..from + first)
            .map(|i| node(&format!("D{i}"), "production", -(i as i64)))
            .collect();
        let mut body = nothing(call);
        // One is shown twice, as if another one had been created meanwhile.
        body["data"]["r0"][alias] =
            json!({ "nodes": nodes, "pageInfo": { "hasNextPage": true, "endCursor": (from + first - 1).to_string() } });
        answer(&body)
    });
    let mut reading = github
        .read(&[query("shop/app", "production", &[])])
        .await
        .remove(0)
        .unwrap();
    assert_eq!(reading.existing.deployments.len(), 10);
    github
        .read_further(&mut reading, &mut |existing| existing.deployments.len() > 100)
        .await
        .unwrap();
    assert_eq!(reading.existing.deployments.len(), 10 + 99);
    assert_eq!(journal.lock().unwrap().len(), 2);
    github.read_further(&mut reading, &mut |_| false).await.unwrap();
    assert_eq!(reading.existing.deployments.len(), 1_000);
    assert!(!reading.existing.complete);
    let ids: std::collections::BTreeSet<_> = reading.existing.deployments.iter().map(|d| &d.node_id).collect();
    assert_eq!(ids.len(), 1_000);
}

#[tokio::test]
async fn an_enterprise_server_is_not_asked_for_a_version() {
    let settings = super::super::Settings {
        api: "https://ghes.example".parse().unwrap(),
        ..settings("secret")
    };
    let github = github_by(&settings, |call| {
        assert_eq!(call.url, "https://ghes.example/api/graphql");
        assert_eq!(call.headers.get("x-github-api-version"), None);
        answer(&nothing(&call))
    });
    assert!(github.read(&[query("shop/app", "production", &["main"])]).await[0].is_ok());
    assert_eq!(
        environment("Shop/App", "PRODUCTION"),
        environment("shop/app", "production")
    );
}
