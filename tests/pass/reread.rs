//! A write that is based on an old reading reads both sides again first.

use std::time::Duration;

use github_emulator::{Fault, FaultKind, OperationKind};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::{
    objects::{Rollout, deployment, github_deployment},
    world::{ENVIRONMENT, REPOSITORY, Test, all_said},
};

/// As many environments as are written at once come first and take long; `app` comes after them in its own.
fn slow_before_app(milliseconds: u64) -> Test {
    let test = Test::with_app("v1", Rollout::UnderWay);
    test.add_before_app();
    let late = FaultKind::Delay { milliseconds };
    test.github
        .inject(Fault::on(OperationKind::CreateDeployment, late).body("\"a-").times(4));
    test
}

async fn after(seconds: u64, act: impl FnOnce()) {
    sleep(Duration::from_secs(seconds)).await;
    act();
}

#[tokio::test(start_paused = true)]
async fn an_object_that_changed_meanwhile_is_reported_as_it_is_now() {
    let test = slow_before_app(15_000);
    let change = after(5, || test.roll_out("v2", Rollout::Done));
    let (document, ()) = tokio::join!(test.pass(), change);
    assert_eq!(all_said(&document).last().unwrap(), "app create v2 success");
    assert_eq!(test.history(), ["v2: success"]);
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn within_ten_seconds_a_reading_holds() {
    let test = slow_before_app(8_000);
    let change = after(5, || test.roll_out("v2", Rollout::Done));
    tokio::join!(test.pass(), change);
    assert_eq!(test.history(), ["v1: in_progress"]);
}

#[tokio::test(start_paused = true)]
async fn what_another_run_did_meanwhile_is_not_done_again() {
    let test = slow_before_app(15_000);
    let other = async {
        sleep(Duration::from_secs(5)).await;
        test.pass().await
    };
    let (document, _) = tokio::join!(test.pass(), other);
    assert_eq!(all_said(&document).last().unwrap(), "app unchanged v1 in_progress");
    assert_eq!(test.history(), ["v1: in_progress"]);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_was_read_long_before_github_answered_is_read_again() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    // The client gives up after 30 seconds, asks again, and then gets an answer at once.
    let never = FaultKind::Delay {
        milliseconds: 3_600_000,
    };
    test.github.inject(Fault::on(OperationKind::GraphQlQuery, never));
    let change = after(20, || test.roll_out("v2", Rollout::UnderWay));
    tokio::join!(test.pass(), change);
    assert_eq!(test.history(), ["v2: in_progress"]);
}

#[tokio::test(start_paused = true)]
async fn a_github_that_takes_longer_to_read_does_not_keep_the_pass_for_ever() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    let slow = FaultKind::Delay { milliseconds: 11_000 };
    test.github
        .inject(Fault::on(OperationKind::GraphQlQuery, slow).always());
    let document = timeout(Duration::from_secs(300), test.pass()).await.expect("an end");
    assert_eq!(all_said(&document), ["app create v1 in_progress"]);
    assert_eq!(test.history(), ["v1: in_progress"]);
}

#[tokio::test(start_paused = true)]
async fn a_github_deployment_that_came_meanwhile_does_not_count_as_absent() {
    let test = slow_before_app(15_000);
    let other = async {
        sleep(Duration::from_secs(5)).await;
        test.cluster.apply(deployment("late", "v3", Rollout::UnderWay));
        let late = github_deployment("late", REPOSITORY, ENVIRONMENT, json!({}));
        test.cluster.apply(late);
        test.pass().await;
    };
    tokio::join!(test.pass(), other);
    assert_eq!(test.history(), ["v1: in_progress", "v3: in_progress"]);
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn progress_between_two_writes_of_an_environment_is_reported_in_the_same_pass() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    test.add("b", ENVIRONMENT, "v2", Rollout::UnderWay);
    test.pass().await;
    test.cluster.apply(deployment("app", "v3", Rollout::UnderWay));
    test.cluster.apply(deployment("b", "v4", Rollout::UnderWay));
    let late = FaultKind::Delay { milliseconds: 15_000 };
    test.github
        .inject(Fault::on(OperationKind::CreateDeployment, late).body("v3"));
    let change = after(5, || test.roll_out("v3", Rollout::Done));
    let (document, ()) = tokio::join!(test.pass(), change);
    assert_eq!(
        all_said(&document),
        ["app create v3 success", "b create v4 in_progress"]
    );
    assert_eq!(
        test.history(),
        [
            "v1: in_progress inactive",
            "v2: in_progress inactive",
            "v3: in_progress success",
            "v4: in_progress"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_changed_again_after_its_create_is_left_to_the_next_pass_with_all_closings() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    test.add("b", ENVIRONMENT, "v2", Rollout::UnderWay);
    test.pass().await;
    test.roll_out("v3", Rollout::UnderWay);
    test.cluster.apply(deployment("b", "v4", Rollout::UnderWay));
    let late = FaultKind::Delay { milliseconds: 15_000 };
    test.github
        .inject(Fault::on(OperationKind::CreateDeployment, late).body("v3"));
    let change = after(5, || test.roll_out("v5", Rollout::Done));
    let (document, ()) = tokio::join!(test.pass(), change);
    assert_eq!(
        all_said(&document),
        ["app defer Changed", "b defer EarlierWriteMissing"]
    );
    let history = [
        "v1: in_progress",
        "v2: in_progress",
        "v3: in_progress",
        "v4: in_progress",
    ];
    assert_eq!(test.history(), history);

    assert_eq!(
        all_said(&test.pass().await),
        ["app create v5 success", "b close v4 in_progress"]
    );
    let history = [
        "v1: in_progress inactive",
        "v2: in_progress inactive",
        "v3: in_progress inactive",
        "v4: in_progress",
        "v5: success",
    ];
    assert_eq!(test.history(), history);
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn a_deployment_gets_two_states_in_a_pass_if_the_rollout_went_on() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    test.add("b", ENVIRONMENT, "v2", Rollout::UnderWay);
    let lost = Fault::on(OperationKind::GraphQlMutation, FaultKind::LostAnswer);
    test.github.inject(lost.always());
    test.pass().await;
    test.github.clear_faults();
    assert_eq!(test.history(), ["v1: ", "v2: "]);

    let late = FaultKind::Delay { milliseconds: 15_000 };
    test.github.inject(Fault::on(OperationKind::GraphQlMutation, late));
    let change = after(5, || test.roll_out("v1", Rollout::Done));
    let (document, ()) = tokio::join!(test.pass(), change);
    assert_eq!(
        all_said(&document),
        ["app update v1 success", "b update v2 in_progress"]
    );
    assert_eq!(test.history(), ["v1: in_progress success", "v2: in_progress"]);
}
