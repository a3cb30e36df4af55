//! Environments are written side by side, and it makes no difference to what is written and told.

use std::time::Duration;

use github_emulator::{Checks, Entry, Fault, FaultKind, OperationKind, Options};
use kube_status_to_github::{report::Document, sync::run_once};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    objects::{Rollout, deployment, github_deployment},
    world::{ENVIRONMENT, REPOSITORY, Test, all_done, all_said},
};

/// As many environments as this are written at once.
const AT_ONCE: usize = 4;

/// Rollouts under way, each in an environment of its own.
fn rollouts(count: usize) -> Test {
    let test = Test::new();
    for index in 0..count {
        let name = format!("app-{index:02}");
        test.add(&name, &name, "v1", Rollout::UnderWay);
    }
    test
}

/// Every answer of this kind takes so long.
fn slow(test: &Test, operation: OperationKind, seconds: u64) {
    let kind = FaultKind::Delay {
        milliseconds: seconds * 1_000,
    };
    test.github.inject(Fault::on(operation, kind).always());
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("app-{index:02}")).collect()
}

/// The environments in the order in which the document tells of their writes.
fn order(document: &Document) -> Vec<String> {
    let changes = document.changes.iter();
    changes.map(|change| change.environment.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn slow_answers_do_not_slow_the_pace_of_writes() {
    const WRITES: u64 = 20;
    const SECONDS: u64 = 3;
    let test = rollouts(WRITES as usize);
    test.pass().await;
    for name in names(WRITES as usize) {
        test.cluster.apply(deployment(&name, "v1", Rollout::Done));
    }
    slow(&test, OperationKind::GraphQlMutation, SECONDS);
    test.github.clear_journal();
    let begin = Instant::now();
    let document = test.pass().await;
    let took = begin.elapsed();
    assert_eq!(document.summary.update, WRITES as usize);
    assert_eq!(test.github_writes().len(), WRITES as usize);
    assert_eq!(test.github.most_at_once(), AT_ONCE);
    let side_by_side = Duration::from_secs(SECONDS * WRITES / AT_ONCE as u64);
    assert!(took >= side_by_side, "{took:?}");
    assert!(
        took < Duration::from_secs(WRITES),
        "a write a second would take longer than {took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn writes_of_one_environment_come_one_after_the_other() {
    let test = Test::new();
    for name in names(6) {
        test.cluster.apply(deployment(&name, "v1", Rollout::UnderWay));
        let declared = github_deployment(&name, REPOSITORY, ENVIRONMENT, json!({"task": name}));
        test.cluster.apply(declared);
    }
    slow(&test, OperationKind::CreateDeployment, 1);
    slow(&test, OperationKind::GraphQlMutation, 1);
    let begin = Instant::now();
    test.pass().await;
    assert_eq!(test.github.most_at_once(), 1);
    assert!(begin.elapsed() >= Duration::from_secs(12), "{:?}", begin.elapsed());
    let tasks: Vec<String> = test
        .github
        .all_deployments(REPOSITORY)
        .into_iter()
        .map(|deployment| deployment.task)
        .collect();
    assert_eq!(tasks, names(6));
}

#[tokio::test(start_paused = true)]
async fn changes_are_told_in_the_order_of_the_rule_whatever_ends_first() {
    let test = rollouts(9);
    // Unfinished work goes first, the failure next.
    test.pass().await;
    test.cluster.apply(deployment("app-08", "v1", Rollout::Done));
    test.cluster.apply(deployment("app-07", "v2", Rollout::Failed));
    for name in &names(7)[..5] {
        test.cluster.apply(deployment(name, "v2", Rollout::UnderWay));
    }
    let late = |milliseconds| FaultKind::Delay { milliseconds };
    let first = Fault::on(OperationKind::GraphQlMutation, late(9_000)).body("SUCCESS");
    test.github.inject(first);
    let second = Fault::on(OperationKind::CreateDeployment, late(8_000)).body("\"app-00\"");
    test.github.inject(second);
    test.github.clear_journal();
    let document = test.pass().await;
    let expected = ["app-08", "app-07", "app-07"].map(str::to_owned).into_iter();
    let expected: Vec<String> = expected
        .chain(names(5).into_iter().flat_map(|name| [name.clone(), name]))
        .collect();
    assert_eq!(
        order(&document),
        expected,
        "a create, and the closing of what it leaves"
    );
    let journal = test.github.journal();
    let ended = |part: &str| {
        let is_about = |entry: &Entry| {
            let body = entry.request_body.as_ref().unwrap().to_string();
            entry.is_write() && body.contains(part)
        };
        journal.iter().position(is_about).unwrap()
    };
    assert!(ended("\"app-04\"") < ended("\"app-00\""), "later ones did not wait");
    assert!(ended("\"app-00\"") < ended("SUCCESS"));
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn the_last_writes_go_to_whom_the_rule_names_first() {
    // What a create that fails does not need is left for the others, however late that is known.
    for (seconds, status) in [(0, 422), (7, 422), (7, 201)] {
        let mut test = rollouts(5);
        test.settings.max_writes = 7;
        let delay = FaultKind::Delay {
            milliseconds: seconds * 1_000,
        };
        let fails = FaultKind::Status {
            code: status,
            body: None,
        };
        if status == 422 {
            test.github
                .inject(Fault::on(OperationKind::CreateDeployment, fails).body("\"app-00\""));
        }
        test.github
            .inject(Fault::on(OperationKind::CreateDeployment, delay).body("\"app-01\""));
        let document = test.pass().await;
        let first = if status == 422 { "failed" } else { "done" };
        let outcomes = [
            first,
            "done",
            "done",
            if status == 422 { "done" } else { "deferred" },
            "deferred",
        ];
        let expected = outcomes.map(|outcome| format!("create v1 in_progress {outcome}"));
        assert_eq!(all_done(&document), expected, "{seconds} seconds, {status}");
        assert_eq!(order(&document), names(5));
        assert!(test.github_writes().len() <= 7);
        assert!(
            all_said(&document)[4].ends_with("defer MaxWrites"),
            "{:?}",
            all_said(&document)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_secondary_limit_ends_the_writing_everywhere() {
    let test = rollouts(12);
    let limit = FaultKind::RateLimitSecondary { retry_after: None };
    test.github
        .inject(Fault::on(OperationKind::CreateDeployment, limit).nth(6));
    let document = test.pass().await;
    let journal = test.github.journal();
    let refused = journal.iter().position(|entry| entry.response_status == Some(403));
    let after = journal.len() - 1 - refused.unwrap();
    assert!(
        after < AT_ONCE,
        "{after} were sent after the limit, more than were under way"
    );
    assert!(document.summary.create >= 4, "{:?}", document.summary);
    assert_eq!(
        document.summary.create + document.summary.defer,
        12,
        "{:?}",
        document.summary
    );
    assert_eq!(order(&document), names(12));
    tokio::time::sleep(Duration::from_secs(60)).await;
    test.pass().await;
    for name in names(12) {
        assert_eq!(test.history_of(&name), ["v1: in_progress"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_primary_limit_of_rest_lets_statuses_through() {
    let test = rollouts(2);
    test.pass().await;
    test.cluster.apply(deployment("app-00", "v1", Rollout::Done));
    test.cluster.apply(deployment("app-01", "v2", Rollout::UnderWay));
    let limit = FaultKind::RateLimitPrimary;
    test.github
        .inject(Fault::on(OperationKind::CreateDeployment, limit).always());
    // One process: what it was told counts for its next pass as well.
    let world = test.world();
    for _ in 0..2 {
        let pass = run_once(&world, &test.settings).await.unwrap();
        assert_eq!(all_said(&pass.document)[1], "app-01 defer RateLimited");
    }
    assert_eq!(test.history_of("app-00"), ["v1: in_progress success"]);
    assert_eq!(test.history_of("app-01"), ["v1: in_progress"]);
    let refused = test.github.journal();
    let refused = refused.iter().filter(|entry| entry.response_status == Some(403));
    assert_eq!(refused.count(), 1, "nothing more is sent into the limit");
}

#[tokio::test(start_paused = true)]
async fn a_primary_limit_of_graphql_begins_no_deployment_that_would_have_no_status() {
    let test = rollouts(6);
    test.github
        .inject(Fault::on(OperationKind::GraphQlMutation, FaultKind::RateLimitPrimary));
    let document = test.pass().await;
    assert_eq!(
        document.summary.defer + document.summary.create,
        6,
        "{:?}",
        document.summary
    );
    let all = test.github.all_deployments(REPOSITORY);
    assert!(all.len() <= AT_ONCE, "only those that were under way");
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    test.pass().await;
    for name in names(6) {
        assert_eq!(test.history_of(&name), ["v1: in_progress"]);
    }
}

/// 1,000 environments in 100 repositories, of which nothing changed, and a GitHub that takes 100 ms for each answer.
#[tokio::test(start_paused = true)]
async fn a_thousand_environments_are_read_in_twenty_requests_and_less_than_two_seconds() {
    let mut test = Test::on(Options {
        checks: Checks::Off,
        ..Options::default()
    });
    for repository in 0..100 {
        let repository = format!("octo-org/app-{repository}");
        test.github.add_repository(&repository).private().tag("v1");
        for environment in 0..10 {
            let name = format!("{}-{environment}", repository.replace('/', "-"));
            test.cluster.apply(deployment(&name, "v1", Rollout::Done));
            let declared = github_deployment(&name, &repository, &format!("stage-{environment}"), json!({}));
            test.cluster.apply(declared);
        }
    }
    test.settings.max_writes = 10_000;
    // As many writes as an hour has, four times.
    let world = test.world();
    for _ in 0..4 {
        run_once(&world, &test.settings).await.unwrap();
        tokio::time::sleep(Duration::from_secs(3_660)).await;
    }
    test.github.clear_journal();
    let answer = FaultKind::Delay { milliseconds: 100 };
    test.github.inject(Fault::new(answer).always());
    let begin = Instant::now();
    let document = test.pass().await;
    let took = begin.elapsed();
    assert_eq!(document.summary.unchanged, 1_000, "{:?}", document.summary);
    assert_eq!(test.github_writes(), Vec::<String>::new());
    assert_eq!(test.github.journal().len(), 20);
    assert_eq!(test.github.most_at_once(), AT_ONCE);
    // The first alone, the others four at a time.
    assert!(
        took >= Duration::from_millis(600) && took < Duration::from_millis(700),
        "{took:?}"
    );
}
