//! Rollouts, from the first report to the next one.

use kube_status_to_github::plan::Rule;

use crate::{
    objects::Rollout,
    world::{Test, all_said},
};

#[tokio::test(start_paused = true)]
async fn a_rollout_is_reported_from_its_beginning_to_success() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    assert_eq!(all_said(&test.pass().await), ["app create v1 in_progress"]);
    assert_eq!(test.history(), ["v1: in_progress"]);
    assert_eq!(all_said(&test.quiet_pass().await), ["app unchanged v1 in_progress"]);

    test.roll_out("v1", Rollout::Done);
    assert_eq!(all_said(&test.pass().await), ["app update v1 success"]);
    assert_eq!(test.history(), ["v1: in_progress success"]);

    let document = test.quiet_pass().await;
    assert_eq!(all_said(&document), ["app unchanged v1 success"]);
    assert_eq!(document.results[0].rule, Some(Rule::Final));
    let deployment = document.results[0].deployment.as_ref().expect("a deployment");
    assert_eq!(deployment.node_id, test.newest().node_id);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_pass_asks_github_once() {
    let test = Test::with_app("v1", Rollout::Done);
    test.pass().await;
    test.quiet_pass().await;
    assert_eq!(test.github.journal().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_next_ref_is_a_new_deployment_and_github_closes_the_last_one() {
    let test = Test::with_app("v1", Rollout::Done);
    test.pass().await;
    test.roll_out("v2", Rollout::UnderWay);
    test.pass().await;
    assert_eq!(test.history(), ["v1: success", "v2: in_progress"]);
    test.roll_out("v2", Rollout::Done);
    test.pass().await;
    assert_eq!(test.history(), ["v1: success inactive", "v2: in_progress success"]);
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_the_rollback_is_a_new_deployment() {
    let test = Test::with_app("v1", Rollout::Done);
    test.pass().await;
    test.roll_out("v2", Rollout::Failed);
    assert_eq!(all_said(&test.pass().await), ["app create v2 failure"]);
    test.quiet_pass().await;

    test.roll_out("v1", Rollout::Done);
    assert_eq!(all_said(&test.pass().await), ["app create v1 success"]);
    assert_eq!(test.history(), ["v1: success inactive", "v2: failure", "v1: success"]);
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn what_heals_stays_a_failure_unless_recovery_is_asked_for() {
    let test = Test::with_app("v1", Rollout::Failed);
    test.pass().await;
    test.roll_out("v1", Rollout::Done);
    test.pass().await;
    assert_eq!(test.history(), ["v1: failure"]);
    test.declare(serde_json::json!({"recover": true}));
    test.pass().await;
    assert_eq!(test.history(), ["v1: failure success"]);
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_is_overtaken_is_closed_after_the_next_one_is_there() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    test.pass().await;
    test.roll_out("v2", Rollout::UnderWay);
    let document = test.pass().await;
    assert_eq!(
        crate::world::all_done(&document),
        ["create v2 in_progress done", "close v1 inactive done"]
    );
    assert_eq!(test.history(), ["v1: in_progress inactive", "v2: in_progress"]);
    test.quiet_pass().await;
}
