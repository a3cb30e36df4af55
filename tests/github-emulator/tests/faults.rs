//! Faults by rule, and the journal that tells what was met.
#![allow(clippy::unwrap_used)]

mod support;

use std::{io::ErrorKind, time::Duration};

use github_emulator::{Emulator, Fault, FaultKind, OperationKind};
use http::Method;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use support::{assert_fits, get, post, raw, send, shop};

const DEPLOYMENTS: &str = "/repos/octo/shop/deployments";

async fn create(emulator: &Emulator) -> std::io::Result<(u16, String)> {
    let response = raw(emulator, Method::POST, DEPLOYMENTS, &[], Some(json!({"ref": "main"}))).await?;
    let (head, body) = response.into_parts();
    let text = String::from_utf8(body.collect().await?.to_bytes().to_vec()).unwrap();
    Ok((head.status.as_u16(), text))
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_fault_does_its_work_after_or_none_before() {
    for kind in FaultKind::each() {
        for after in [false, true] {
            let emulator = shop();
            let fault = Fault::on(OperationKind::CreateDeployment, kind.clone());
            emulator.inject(if after { fault.after() } else { fault });
            let result = create(&emulator).await;
            let made = emulator.all_deployments("octo/shop").len();
            let delayed = matches!(kind, FaultKind::Delay { .. } | FaultKind::SlowDrip { .. });
            let never = matches!(kind, FaultKind::ConnectionRefused | FaultKind::Redirect { .. });
            assert_eq!(made, usize::from((after || delayed) && !never), "{kind:?}");
            let whole = matches!(&result, Ok((201, text)) if serde_json::from_str::<Value>(text).is_ok_and(|body| body["id"].is_u64()));
            assert_eq!(whole, delayed, "{kind:?} gave {result:?}");
            assert_eq!(emulator.remaining_faults(), []);
            assert!(emulator.journal()[0].fault.is_some());
            assert_eq!(create(&emulator).await.unwrap().0, 201, "once is once");
            assert_fits(&emulator);
        }
    }
}

#[tokio::test]
async fn answers_are_lost_cut_emptied_or_garbled() {
    let emulator = shop();
    let inject = |kind| emulator.inject(Fault::on(OperationKind::CreateDeployment, kind).after());
    for (kind, end) in [
        (FaultKind::LostAnswer, ErrorKind::UnexpectedEof),
        (FaultKind::CutBody, ErrorKind::UnexpectedEof),
        (FaultKind::Reset, ErrorKind::ConnectionReset),
    ] {
        inject(kind);
        assert_eq!(create(&emulator).await.unwrap_err().kind(), end);
    }
    assert_eq!(emulator.journal()[0].response_status, None);
    inject(FaultKind::EmptyBody);
    assert_eq!(create(&emulator).await.unwrap(), (201, String::new()));
    inject(FaultKind::Garbled);
    let (status, text) = create(&emulator).await.unwrap();
    assert!(status == 201 && serde_json::from_str::<Value>(&text).is_err(), "{text}");
    inject(FaultKind::Html);
    assert_eq!(create(&emulator).await.unwrap().0, 502);
    inject(FaultKind::HugeBody { bytes: 100_000 });
    assert_eq!(create(&emulator).await.unwrap(), (201, " ".repeat(100_000)));
    assert_eq!(emulator.all_deployments("octo/shop").len(), 7, "all of them were made");
    inject(FaultKind::ConnectionRefused);
    assert_eq!(
        create(&emulator).await.unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    inject(FaultKind::Page);
    let (status, text) = create(&emulator).await.unwrap();
    assert!(status == 200 && text.starts_with("<!DOCTYPE html>"), "{text}");
    assert_eq!(
        emulator.all_deployments("octo/shop").len(),
        8,
        "but not what never arrived"
    );
}

#[tokio::test]
async fn redirects_lead_to_the_same_path() {
    let emulator = shop();
    for (host, address) in [
        (None, "https://api.github.com/repos/octo/shop/deployments?task=a"),
        (
            Some("other.example"),
            "https://other.example/repos/octo/shop/deployments?task=a",
        ),
    ] {
        let host = host.map(str::to_owned);
        emulator.inject(Fault::new(FaultKind::Redirect { code: 308, host }));
        let answer = get(&emulator, "/repos/octo/shop/deployments?task=a").await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (308, Some(address))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_drips_in_virtual_time() {
    let emulator = shop();
    emulator.inject(Fault::new(FaultKind::SlowDrip { milliseconds: 1_000 }));
    let started = tokio::time::Instant::now();
    let (_, text) = create(&emulator).await.unwrap();
    assert_eq!(started.elapsed(), Duration::from_secs(text.len() as u64));
}

#[tokio::test(start_paused = true)]
async fn delays_pass_in_virtual_time_after_the_effect() {
    let emulator = shop();
    emulator.inject(Fault::new(FaultKind::Delay { milliseconds: 60_000 }));
    let started = tokio::time::Instant::now();
    let late = tokio::time::timeout(Duration::from_secs(10), create(&emulator)).await;
    assert!(late.is_err(), "the client gave up");
    assert_eq!(emulator.all_deployments("octo/shop").len(), 1, "and yet it was made");
    emulator.inject(Fault::new(FaultKind::Delay { milliseconds: 60_000 }));
    create(&emulator).await.unwrap();
    assert_eq!(started.elapsed(), Duration::from_secs(70));
}

#[tokio::test]
async fn rules_choose_requests() {
    let emulator = shop();
    emulator.add_repository("octo/other");
    let broken = || FaultKind::Status { code: 503, body: None };
    let status = async |path: &str| get(&emulator, path).await.status.as_u16();
    emulator.inject(Fault::new(broken()).path("octo/other").times(2));
    assert_eq!(
        [status("/repos/octo/shop").await, status("/repos/octo/other").await],
        [200, 503]
    );
    assert_eq!(
        [status("/repos/octo/other").await, status("/repos/octo/other").await],
        [503, 200]
    );
    emulator.inject(Fault::on(OperationKind::GetRepository, broken()).nth(3));
    for expected in [200, 200, 503, 200] {
        assert_eq!(status("/repos/octo/shop").await, expected);
    }
    emulator.inject(Fault::new(broken()).body("needle").always());
    let query =
        |text: &str| json!({"query": format!("{{ repository(owner: \"octo\", name: \"shop\") {{ {text}: id }} }}")});
    for expected in [503, 503] {
        assert_eq!(post(&emulator, "/graphql", query("needle")).await.status, expected);
    }
    assert_eq!(post(&emulator, "/graphql", query("hay")).await.status, 200);
    emulator.clear_faults();
    assert_eq!(post(&emulator, "/graphql", query("needle")).await.status, 200);
    assert_fits(&emulator);
}

#[tokio::test]
async fn limits_look_as_githubs_do() {
    let emulator = shop();
    let once = |kind| emulator.inject(Fault::new(kind));
    once(FaultKind::RateLimitPrimary);
    let primary = get(&emulator, DEPLOYMENTS).await;
    assert_eq!(
        (primary.status.as_u16(), primary.header("x-ratelimit-remaining")),
        (403, Some("0"))
    );
    once(FaultKind::RateLimitSecondary { retry_after: None });
    let secondary = get(&emulator, DEPLOYMENTS).await;
    assert_eq!(
        (secondary.status.as_u16(), secondary.header("retry-after")),
        (403, None)
    );
    assert_ne!(secondary.header("x-ratelimit-remaining"), Some("0"));
    once(FaultKind::RateLimitSecondary { retry_after: Some(7) });
    let told = get(&emulator, DEPLOYMENTS).await;
    assert_eq!((told.status.as_u16(), told.header("retry-after")), (429, Some("7")));
    once(FaultKind::RateLimitPrimary);
    let graphql = post(&emulator, "/graphql", json!({"query": "{ viewer { login } }"})).await;
    assert_eq!(
        (graphql.status.as_u16(), &graphql.body["errors"][0]["type"]),
        (200, &json!("RATE_LIMITED"))
    );
    let partial = |data| FaultKind::GraphQlErrors {
        data,
        kind: "SOME".to_owned(),
        message: "words".to_owned(),
    };
    for (data, expected) in [(true, json!({"viewer": {"login": "octocat"}})), (false, Value::Null)] {
        emulator.inject(Fault::new(partial(data)).after());
        let answer = post(&emulator, "/graphql", json!({"query": "{ viewer { login } }"}))
            .await
            .body;
        assert_eq!(
            [&answer["data"], &answer["errors"][0]["type"]],
            [&expected, &json!("SOME")]
        );
    }
    assert_fits(&emulator);
}

#[tokio::test]
async fn the_journal_keeps_everything_but_the_token() {
    let emulator = shop();
    let headers = [("authorization", "Bearer very-secret"), ("user-agent", "tool/1")];
    send(
        &emulator,
        Method::POST,
        DEPLOYMENTS,
        &headers,
        Some(json!({"ref": "main"})),
    )
    .await;
    get(&emulator, &format!("{DEPLOYMENTS}?per_page=1")).await;
    let journal = emulator.journal();
    let [write, read] = journal.as_slice() else {
        panic!("{journal:?}")
    };
    assert_eq!(
        (write.number, write.operation, write.is_write()),
        (1, OperationKind::CreateDeployment, true)
    );
    assert_eq!(write.request_body, Some(json!({"ref": "main"})));
    assert_eq!(
        (write.response_status, write.user_agent.as_deref()),
        (Some(201), Some("tool/1"))
    );
    assert_eq!(
        (read.path.as_str(), read.is_write()),
        ("/repos/octo/shop/deployments?per_page=1", false)
    );
    assert_ne!(write.token_hash, read.token_hash);
    assert!(!serde_json::to_string(&journal).unwrap().contains("very-secret"));
    emulator.clear_journal();
    assert_eq!(emulator.journal(), []);
    assert_fits(&emulator);
}
