//! What ends a pass early: limits of GitHub, of the user and of time. What does not fit is left to the next one.

use std::time::Duration;

use github_emulator::{DeploymentView, Fault, FaultKind, OperationKind};
use kube_status_to_github::{report::with_causes, sync::RunError};
use serde_json::json;
use tokio::time::sleep;

use crate::{
    api_server::SILENCE,
    objects::{Rollout, deployment, github_deployment},
    world::{ENVIRONMENT, REPOSITORY, Test, all_done, all_said},
};

/// Three sources in one environment: they are written one after the other.
fn three() -> Test {
    let test = Test::new();
    for name in ["a", "b", "c"] {
        test.cluster.apply(deployment(name, "v1", Rollout::UnderWay));
        let declared = github_deployment(name, REPOSITORY, ENVIRONMENT, json!({"task": name}));
        test.cluster.apply(declared);
    }
    test
}

fn all_reported(test: &Test) {
    let all = test.github.all_deployments(REPOSITORY);
    let states: Vec<_> = all.iter().map(DeploymentView::states).collect();
    assert_eq!(states, [["in_progress"]; 3]);
}

#[tokio::test(start_paused = true)]
async fn after_a_secondary_limit_the_rest_is_deferred_and_the_next_pass_finishes() {
    let test = three();
    let limit = FaultKind::RateLimitSecondary { retry_after: Some(30) };
    test.github
        .inject(Fault::on(OperationKind::CreateDeployment, limit).nth(2));
    let document = test.pass().await;
    assert_eq!(
        all_said(&document),
        ["a create v1 in_progress", "b defer RateLimited", "c defer RateLimited"]
    );
    assert_eq!(
        all_done(&document),
        [
            "create v1 in_progress done",
            "create v1 in_progress deferred",
            "create v1 in_progress deferred"
        ]
    );
    assert_eq!(document.summary.defer, 2);
    test.pass().await;
    all_reported(&test);
}

#[tokio::test(start_paused = true)]
async fn a_limit_between_a_create_and_its_status_defers_the_status() {
    let test = three();
    let limit = FaultKind::RateLimitSecondary { retry_after: None };
    test.github
        .inject(Fault::on(OperationKind::GraphQlMutation, limit).nth(2));
    let document = test.pass().await;
    assert_eq!(
        all_said(&document),
        ["a create v1 in_progress", "b defer RateLimited", "c defer RateLimited"]
    );
    assert!(document.results[1].deployment.is_some(), "it was created");
    test.pass().await;
    all_reported(&test);
}

#[tokio::test(start_paused = true)]
async fn a_limit_while_an_environment_is_read_again_defers_too() {
    let test = three();
    let late = FaultKind::Delay { milliseconds: 15_000 };
    test.github.inject(Fault::on(OperationKind::CreateDeployment, late));
    let limit = FaultKind::RateLimitSecondary { retry_after: Some(600) };
    test.github.inject(Fault::on(OperationKind::GraphQlQuery, limit).nth(2));
    assert_eq!(
        all_said(&test.pass().await),
        ["a create v1 in_progress", "b defer RateLimited", "c defer RateLimited"]
    );
    test.pass().await;
    all_reported(&test);
}

#[tokio::test(start_paused = true)]
async fn max_writes_counts_a_create_with_its_status() {
    let mut test = three();
    test.settings.max_writes = 5;
    let document = test.pass().await;
    assert_eq!(
        all_said(&document),
        [
            "a create v1 in_progress",
            "b create v1 in_progress",
            "c defer MaxWrites"
        ]
    );
    assert_eq!(test.history().len(), 2, "nothing is begun");
    test.pass().await;
    all_reported(&test);
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn max_writes_counts_writes_and_not_readings() {
    let mut test = three();
    test.settings.max_writes = 6;
    let late = FaultKind::Delay { milliseconds: 11_000 };
    test.github
        .inject(Fault::on(OperationKind::CreateDeployment, late).always());
    assert_eq!(test.pass().await.summary.create, 3);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_writing_and_nothing_is_doubled() {
    let mut test = three();
    test.settings.deadline = Some(Duration::from_secs(12));
    let late = FaultKind::Delay { milliseconds: 8_000 };
    test.github
        .inject(Fault::on(OperationKind::CreateDeployment, late).always());
    let pass = test.try_pass().await.unwrap();
    assert!(pass.timed_out);
    assert_eq!(
        all_said(&pass.document),
        [
            "a create v1 in_progress",
            "b fail DeadlineExceeded",
            "c defer DeadlineExceeded"
        ]
    );
    test.github.clear_faults();
    let pass = test.try_pass().await.unwrap();
    assert!(!pass.timed_out);
    all_reported(&test);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_holds_while_an_environment_is_read_again() {
    let mut test = three();
    test.settings.deadline = Some(Duration::from_secs(15));
    let late = FaultKind::Delay { milliseconds: 11_000 };
    test.github.inject(Fault::on(OperationKind::CreateDeployment, late));
    let later = FaultKind::Delay { milliseconds: 25_000 };
    test.github.inject(Fault::on(OperationKind::GraphQlQuery, later).nth(2));
    let begin = tokio::time::Instant::now();
    let pass = test.try_pass().await.unwrap();
    assert_eq!(begin.elapsed().as_secs(), 15);
    assert!(pass.timed_out);
    assert_eq!(
        all_said(&pass.document),
        [
            "a create v1 in_progress",
            "b defer DeadlineExceeded",
            "c defer DeadlineExceeded"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes_while_all_is_read_is_an_error() {
    let mut test = three();
    test.settings.deadline = Some(Duration::from_secs(5));
    let late = FaultKind::Delay { milliseconds: 8_000 };
    test.github.inject(Fault::on(OperationKind::GraphQlQuery, late));
    let error = test.try_pass().await.expect_err("too late");
    assert!(matches!(error, RunError::DeadlineExceeded), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_does_not_hide_why_github_could_not_be_read() {
    let silence = FaultKind::Delay {
        milliseconds: 3_600_000,
    };
    let limit = FaultKind::RateLimitSecondary { retry_after: Some(90) };
    let rows = [
        (silence, "GitHubUnreachable", "no answer within 30 seconds"),
        (FaultKind::LostAnswer, "GitHubUnreachable", "the connection"),
        (limit, "RateLimited", ""),
    ];
    for (fault, reason, cause) in rows {
        let mut test = three();
        test.settings.deadline = Some(Duration::from_secs(50));
        test.github.inject(Fault::new(fault.clone()).always());
        let begin = tokio::time::Instant::now();
        let error = test.try_pass().await.expect_err("GitHub is out of reach");
        assert!(
            begin.elapsed() <= Duration::from_secs(50),
            "{fault:?}: {:?}",
            begin.elapsed()
        );
        let causes = with_causes(&error).join(": ");
        assert!(causes.contains(cause), "{fault:?}: {causes}");
        let RunError::GitHub(error) = error else {
            panic!("{fault:?}: {error}");
        };
        assert_eq!(error.reason(), reason, "{fault:?}");
        let writes = test.cluster.take_writes();
        let statuses = writes.iter().filter(|write| write.ends_with("/status")).count();
        assert_eq!(statuses, 3, "{fault:?}: each object tells it: {writes:?}");
    }
}

/// Twelve sources, each in an environment of its own, and GitHub is lost while the first four are written.
#[tokio::test(start_paused = true)]
async fn an_outage_that_begins_while_environments_are_written_is_met_by_few_of_them() {
    let test = Test::new();
    for number in 10..22 {
        let name = format!("app-{number}");
        test.add(&name, &name, "v1", Rollout::UnderWay);
    }
    let late = FaultKind::Delay { milliseconds: 11_000 };
    test.github
        .inject(Fault::on(OperationKind::CreateDeployment, late).always());
    test.github.inject(
        Fault::on(OperationKind::GraphQlQuery, FaultKind::LostAnswer)
            .nth(2)
            .always(),
    );
    let document = test.pass().await;
    assert_eq!(
        (document.summary.create, document.summary.fail),
        (4, 8),
        "{:?}",
        all_said(&document)
    );
    let told = document.results.iter().filter_map(|result| result.reason.as_deref());
    assert_eq!(told.collect::<Vec<_>>(), ["GitHubUnreachable"; 8]);
    let journal = test.github.journal();
    let queries = journal
        .iter()
        .filter(|entry| entry.operation == OperationKind::GraphQlQuery)
        .count();
    assert!(
        queries <= 30,
        "five tries for each of the first four, and one or two for the rest: {queries}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_does_not_answer_does_not_hold_a_pass_beyond_its_deadline() {
    for (deadline, longest) in [(20, 20), (2, 7)] {
        let mut test = three();
        test.settings.deadline = Some(Duration::from_secs(deadline));
        test.cluster.refuse("/status", SILENCE);
        let begin = tokio::time::Instant::now();
        let pass = test.try_pass().await.unwrap();
        let took = begin.elapsed();
        assert!(took <= Duration::from_secs(longest), "{deadline}: {took:?}");
        assert_eq!(pass.document.summary.create, 3);
        all_reported(&test);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wish_to_stop_lets_the_write_under_way_end() {
    let test = three();
    let late = FaultKind::Delay { milliseconds: 5_000 };
    test.github
        .inject(Fault::on(OperationKind::CreateDeployment, late).nth(2));
    let wish = async {
        sleep(Duration::from_secs(2)).await;
        test.stop.send_replace(true);
    };
    let (document, ()) = tokio::join!(test.pass(), wish);
    assert_eq!(
        all_said(&document),
        ["a create v1 in_progress", "b create v1 in_progress", "c defer Stopped"]
    );
    assert_eq!(document.changes.len(), 3);
    assert_eq!(test.history(), ["v1: in_progress"; 2], "with its status");
    test.stop.send_replace(false);
    test.pass().await;
    all_reported(&test);
}

#[tokio::test(start_paused = true)]
async fn github_out_of_reach_is_an_error_of_the_pass() {
    let test = three();
    test.github.inject(Fault::new(FaultKind::LostAnswer).always());
    let error = test.try_pass().await.expect_err("nothing works");
    assert!(matches!(error, RunError::GitHub(_)), "{error}");
    let writes = test.cluster.take_writes();
    let statuses = writes.iter().filter(|write| write.ends_with("/status")).count();
    assert_eq!(
        (statuses, writes.len()),
        (3, 6),
        "each object tells it, with an event: {writes:?}"
    );
}
