//! `close`: one environment, from a pipeline.

use std::time::Duration;

use github_emulator::{Fault, FaultKind, OperationKind};
use kube_status_to_github::{
    plan::{Environment, Repository},
    report::Outcome,
    sync::{CloseSettings, RunError, close},
};
use tokio::time::Instant;

use crate::{
    objects::{Rollout, deployment, github_deployment},
    world::{ENVIRONMENT, REPOSITORY, Test},
};

const DEADLINE: Duration = Duration::from_secs(60);

fn settings() -> CloseSettings {
    CloseSettings {
        environment: Environment {
            repository: Repository::parse(REPOSITORY, None).unwrap(),
            name: ENVIRONMENT.to_owned(),
        },
        task: None,
        dry_run: false,
        max_writes: 80,
        deadline: DEADLINE,
    }
}

/// An environment with a success of each of so many tasks.
async fn reported(tasks: usize) -> Test {
    let test = Test::new();
    for task in 0..tasks {
        let name = format!("app-{task}");
        test.cluster.apply(deployment(&name, "v1", Rollout::Done));
        let task = serde_json::json!({ "task": name });
        test.cluster
            .apply(github_deployment(&name, REPOSITORY, ENVIRONMENT, task));
    }
    test.pass().await;
    assert_eq!(test.history(), vec!["v1: success"; tasks]);
    test
}

/// Every answer to such a request takes so long.
fn slow(test: &Test, operation: OperationKind, seconds: u64) {
    let milliseconds = seconds * 1_000;
    test.github
        .inject(Fault::on(operation, FaultKind::Delay { milliseconds }).always());
}

#[tokio::test(start_paused = true)]
async fn everything_of_ours_becomes_inactive() {
    let test = reported(3).await;
    let closed = close(&test.world(), &settings()).await.unwrap();
    assert!(closed.error.is_none() && !closed.timed_out);
    assert!(closed.changes.iter().all(|change| change.outcome == Outcome::Done));
    assert_eq!(test.history(), ["v1: success inactive"; 3]);
    let closed = close(&test.world(), &settings()).await.unwrap();
    assert!(closed.changes.is_empty(), "{closed:?}");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_while_the_environment_is_read() {
    let test = reported(15).await;
    // Two pages.
    slow(&test, OperationKind::GraphQlQuery, 25);
    let settings = CloseSettings {
        deadline: Duration::from_secs(40),
        ..settings()
    };
    let begin = Instant::now();
    let error = close(&test.world(), &settings).await.unwrap_err();
    assert!(matches!(error, RunError::DeadlineExceeded), "{error}");
    assert_eq!(begin.elapsed(), settings.deadline);
    assert_eq!(test.history(), ["v1: success"; 15]);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_does_not_hide_that_github_is_out_of_reach() {
    let test = reported(1).await;
    // More than a request may take, so that it is repeated.
    slow(&test, OperationKind::GraphQlQuery, 45);
    let begin = Instant::now();
    let error = close(&test.world(), &settings()).await.unwrap_err();
    assert!(
        matches!(&error, RunError::GitHub(error) if error.reason() == "GitHubUnreachable"),
        "{error}"
    );
    assert!(begin.elapsed() <= DEADLINE, "{:?}", begin.elapsed());
    assert_eq!(test.history(), ["v1: success"]);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_while_something_is_written() {
    let test = reported(4).await;
    slow(&test, OperationKind::GraphQlMutation, 25);
    let begin = Instant::now();
    let closed = close(&test.world(), &settings()).await.unwrap();
    assert!(closed.timed_out && closed.error.is_none());
    assert_eq!(begin.elapsed(), DEADLINE);
    let outcomes: Vec<Outcome> = closed.changes.iter().map(|change| change.outcome).collect();
    assert_eq!(
        outcomes,
        [Outcome::Done, Outcome::Done, Outcome::Failed, Outcome::Deferred]
    );
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_comes_after_the_deadline_is_not_waited_for() {
    let test = reported(15).await;
    let settings = CloseSettings {
        deadline: Duration::from_millis(2_500),
        ..settings()
    };
    let begin = Instant::now();
    let closed = close(&test.world(), &settings).await.unwrap();
    assert!(closed.timed_out && closed.error.is_none(), "{closed:?}");
    assert!(begin.elapsed() <= settings.deadline, "{:?}", begin.elapsed());
    let done = closed.changes.iter().filter(|change| change.outcome == Outcome::Done);
    // Ten at once, then one a second.
    assert_eq!(done.count(), 12);
    assert_eq!(closed.changes.len(), 15);
}

#[tokio::test(start_paused = true)]
async fn a_limit_defers_the_rest() {
    let test = reported(3).await;
    let limit = FaultKind::RateLimitSecondary { retry_after: Some(30) };
    test.github
        .inject(Fault::on(OperationKind::GraphQlMutation, limit).nth(2));
    let closed = close(&test.world(), &settings()).await.unwrap();
    assert_eq!(closed.error.unwrap().reason(), "RateLimited");
    let outcomes: Vec<Outcome> = closed.changes.iter().map(|change| change.outcome).collect();
    assert_eq!(outcomes, [Outcome::Done, Outcome::Deferred, Outcome::Deferred]);
}
