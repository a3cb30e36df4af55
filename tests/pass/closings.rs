//! What is closed, when, and what is not.

use github_emulator::{Fault, FaultKind, OperationKind};
use kube_status_to_github::report::{Action, Outcome};
use serde_json::json;

use crate::{
    objects::{Rollout, deployment, deployment_path, github_deployment, github_deployment_path, merge},
    world::{ENVIRONMENT, REPOSITORY, Test, all_done, all_said},
};

#[tokio::test(start_paused = true)]
async fn nothing_is_closed_before_the_other_writes_succeeded() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    test.pass().await;
    test.roll_out("v2", Rollout::UnderWay);
    let refusal = FaultKind::Status { code: 422, body: None };
    test.github.inject(Fault::on(OperationKind::CreateDeployment, refusal));
    let document = test.pass().await;
    assert_eq!(
        all_done(&document),
        ["create v2 in_progress failed", "close v1 inactive deferred"]
    );
    assert_eq!(all_said(&document), ["app fail GitHubRefused"]);
    assert_eq!(test.history(), ["v1: in_progress"]);
    test.pass().await;
    assert_eq!(test.history(), ["v1: in_progress inactive", "v2: in_progress"]);
}

#[tokio::test(start_paused = true)]
async fn a_closing_that_fails_does_not_hide_the_deployment_that_was_created() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    test.pass().await;
    test.roll_out("v2", Rollout::UnderWay);
    let refusal = FaultKind::GraphQlErrors {
        data: false,
        kind: "UNPROCESSABLE".to_owned(),
        message: "No".to_owned(),
    };
    test.github
        .inject(Fault::on(OperationKind::GraphQlMutation, refusal).body("INACTIVE"));
    let document = test.pass().await;
    assert_eq!(
        all_done(&document),
        ["create v2 in_progress done", "close v1 inactive failed"]
    );
    let result = &document.results[0];
    assert_eq!(result.action, Action::Fail);
    assert_eq!(result.error.as_ref().unwrap().reason, "GitHubRefused");
    let newest = test.newest();
    assert_eq!(result.deployment.as_ref().unwrap().node_id, newest.node_id);
    assert_eq!(test.shown()["deploymentId"], newest.id);

    test.pass().await;
    assert_eq!(test.history(), ["v1: in_progress inactive", "v2: in_progress"]);
    assert_eq!(
        test.shown()["deploymentId"],
        newest.id,
        "GitHub tells the number only once"
    );
}

#[tokio::test(start_paused = true)]
async fn two_sources_of_an_environment_leave_each_other_alone() {
    let test = Test::with_app("v1", Rollout::Done);
    test.add("b", ENVIRONMENT, "v2", Rollout::Done);
    test.pass().await;
    assert_eq!(test.history(), ["v1: success", "v2: success"]);
    test.quiet_pass().await;

    test.roll_out("v3", Rollout::Done);
    assert_eq!(
        all_said(&test.pass().await),
        ["app create v3 success", "b unchanged v2 success"]
    );
    assert_eq!(test.history(), ["v1: success inactive", "v2: success", "v3: success"]);
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn an_object_that_may_not_be_read_closes_nothing() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    test.pass().await;
    for code in [403, 404, 500] {
        test.cluster.refuse("/deployments/app", code);
        let document = test.pass().await;
        assert_eq!(document.results[0].action, Action::Fail, "{code}");
        assert_eq!(document.changes, [], "{code}");
        test.cluster.refuse_nothing();
    }
    assert_eq!(test.history(), ["v1: in_progress"]);
}

#[tokio::test(start_paused = true)]
async fn a_gone_object_ends_its_unfinished_deployment_once() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    test.pass().await;
    test.cluster.remove(&deployment_path("app"));
    let document = test.pass().await;
    assert_eq!(all_done(&document), ["close v1 inactive done"]);
    assert_eq!(all_said(&document), ["app fail SourceNotFound"]);
    assert_eq!(test.history(), ["v1: in_progress inactive"]);
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn an_object_on_its_way_out_says_the_same_in_every_pass() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    test.pass().await;
    let mut terminating = deployment("app", "v1", Rollout::UnderWay);
    merge(
        &mut terminating,
        json!({"metadata": {"deletionTimestamp": "2026-01-02T00:00:00Z"}}),
    );
    test.cluster.apply(terminating);
    let document = test.pass().await;
    assert_eq!(all_done(&document), ["close v1 inactive done"]);
    assert_eq!(document.results[0].action, Action::Close);
    assert_eq!(test.shown()["conditions"][0]["reason"], "Terminating");
    assert_eq!(all_said(&test.quiet_pass().await), ["app skip Terminating"]);
}

#[tokio::test(start_paused = true)]
async fn a_success_outlives_its_object_unless_it_is_transient() {
    for (transient, history) in [(false, "v1: success"), (true, "v1: success inactive")] {
        let test = Test::new();
        test.roll_out("v1", Rollout::Done);
        test.declare(json!({"transient": transient}));
        test.pass().await;
        test.cluster.remove(&deployment_path("app"));
        test.pass().await;
        assert_eq!(test.history(), [history]);
        assert_eq!(test.newest().transient, transient);
        test.quiet_pass().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_suspended_source_is_left_alone_by_all_others() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    test.add("b", ENVIRONMENT, "v2", Rollout::UnderWay);
    test.pass().await;
    let mut suspended = github_deployment("app", REPOSITORY, ENVIRONMENT, json!({}));
    merge(&mut suspended, json!({"spec": {"suspend": true}}));
    test.cluster.apply(suspended);
    test.roll_out("v3", Rollout::Done);
    test.cluster.apply(deployment("b", "v2", Rollout::Done));
    assert_eq!(
        all_said(&test.pass().await),
        ["app skip Suspended", "b update v2 success"]
    );
    assert_eq!(test.history(), ["v1: in_progress", "v2: in_progress success"]);
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn environments_of_suspended_sources_alone_are_not_asked_for() {
    let test = Test::new();
    let mut suspended = github_deployment("app", REPOSITORY, ENVIRONMENT, json!({}));
    merge(&mut suspended, json!({"spec": {"suspend": true}}));
    test.cluster.apply(suspended);
    test.pass().await;
    assert_eq!(test.github.journal().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_renamed_github_deployment_keeps_its_line() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    test.pass().await;
    test.cluster.remove(&github_deployment_path("app"));
    let mut renamed = github_deployment("renamed", REPOSITORY, ENVIRONMENT, json!({}));
    merge(&mut renamed, json!({"spec": {"sourceRef": {"name": "app"}}}));
    test.cluster.apply(renamed);
    assert_eq!(all_said(&test.pass().await), ["renamed unchanged v1 in_progress"]);
    test.roll_out("v1", Rollout::Done);
    test.pass().await;
    assert_eq!(test.history(), ["v1: in_progress success"]);
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_removed_github_deployment_left_unfinished_is_closed_by_its_neighbours() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    test.add("b", ENVIRONMENT, "v2", Rollout::Done);
    test.pass().await;
    test.cluster.remove(&github_deployment_path("app"));
    let document = test.pass().await;
    assert_eq!(all_done(&document), ["close v1 inactive done"]);
    assert_eq!(document.changes[0].outcome, Outcome::Done);
    assert_eq!(test.history(), ["v1: in_progress inactive", "v2: success"]);
    test.quiet_pass().await;
}
