//! What the objects themselves show.

use github_emulator::{Fault, FaultKind};
use kube_status_to_github::{report::Action, sync::RunError};
use serde_json::json;

use crate::{
    objects::{NAMESPACE, Rollout, deployment_path, github_deployment_path},
    world::{Test, all_said},
};

const STATUS: &str = "PATCH /apis/github.decathlon.com/v1beta1/namespaces/shop/githubdeployments/app/status";
const EVENT: &str = "POST /apis/events.k8s.io/v1/namespaces/shop/events";

fn reasons(test: &Test) -> Vec<String> {
    let events = test.cluster.events(NAMESPACE);
    events
        .iter()
        .map(|event| {
            format!(
                "{} {}",
                event["type"].as_str().unwrap(),
                event["reason"].as_str().unwrap()
            )
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn status_and_event_are_written_once() {
    let test = Test::with_app("v1", Rollout::Done);
    test.pass().await;
    assert_eq!(test.cluster.take_writes(), [STATUS, EVENT]);
    let shown = test.shown();
    let deployment = test.newest();
    assert_eq!(shown["deploymentId"], deployment.id);
    assert_eq!(shown["deploymentNodeId"], deployment.node_id);
    assert_eq!(shown["ref"], "v1");
    assert_eq!(shown["source"], "apps/v1/Deployment/shop/app");
    assert_eq!(shown["sourceGeneration"], 2);
    assert_eq!(shown["status"], "Current");
    assert_eq!(shown["state"], "success");
    assert_eq!(shown["conditions"][0]["status"], "True");
    assert_eq!(reasons(&test), ["Normal Reported"]);

    test.quiet_pass().await;
    assert_eq!(test.shown(), shown);
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_report_is_shown_once() {
    let test = Test::with_app("v404", Rollout::Done);
    test.pass().await;
    assert_eq!(test.cluster.take_writes(), [STATUS, EVENT]);
    assert_eq!(test.shown()["conditions"][0]["reason"], "RefNotFound");
    assert_eq!(reasons(&test), ["Warning RefNotFound"]);
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn a_github_out_of_reach_is_shown_once() {
    let test = Test::with_app("v1", Rollout::Done);
    test.pass().await;
    let shown = test.shown();
    test.cluster.take_writes();
    for (code, reason) in [(502, "GitHubUnreachable"), (401, "BadCredentials")] {
        let fault = Fault::new(FaultKind::Status { code, body: None });
        test.github.inject(fault.always());
        for expected in [&[STATUS, EVENT][..], &[]] {
            assert!(matches!(test.try_pass().await, Err(RunError::GitHub(_))), "{code}");
            assert_eq!(test.cluster.take_writes(), expected, "{code}");
        }
        let ready = &test.shown()["conditions"][0];
        assert_eq!((&ready["status"], &ready["reason"]), (&json!("False"), &json!(reason)));
        assert_eq!(
            test.shown()["deploymentId"],
            shown["deploymentId"],
            "that is still known"
        );
        test.github.clear_faults();
    }
    test.pass().await;
    assert_eq!(test.shown()["conditions"][0]["reason"], "Reported");
    assert_eq!(reasons(&test).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_gone_object_is_shown_once() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    test.pass().await;
    test.cluster.remove(&deployment_path("app"));
    test.pass().await;
    assert_eq!(test.shown()["conditions"][0]["reason"], "SourceNotFound");
    assert_eq!(reasons(&test), ["Normal Reported", "Warning SourceNotFound"]);
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn statuses_can_be_left_alone() {
    let mut test = Test::with_app("v1", Rollout::Done);
    test.settings.write_status = false;
    test.pass().await;
    assert_eq!(test.cluster.take_writes(), Vec::<String>::new());
    assert_eq!(test.history(), ["v1: success"]);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_vanished_or_was_replaced_meanwhile_is_no_error() {
    for replaced in [false, true] {
        let test = Test::with_app("v1", Rollout::Done);
        // Meanwhile: while GitHub is written.
        let late = github_emulator::FaultKind::Delay { milliseconds: 5_000 };
        let fault = github_emulator::Fault::on(github_emulator::OperationKind::CreateDeployment, late);
        test.github.inject(fault);
        let vanish = async {
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            let path = github_deployment_path("app");
            let mut object = test.cluster.get(&path).unwrap();
            test.cluster.remove(&path);
            if replaced {
                object["metadata"]["uid"] = json!("another");
                test.cluster.apply(object);
            }
        };
        let (document, ()) = tokio::join!(test.pass(), vanish);
        assert_eq!(all_said(&document), ["app create v1 success"], "replaced: {replaced}");
        assert_eq!(test.cluster.take_writes(), [STATUS], "no event");
        assert_eq!(reasons(&test), Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn missing_permission_for_statuses_and_events_does_not_fail_the_pass() {
    for part in ["/status", "/events"] {
        let test = Test::with_app("v1", Rollout::Done);
        test.cluster.refuse(part, 403);
        let document = test.pass().await;
        assert_eq!(document.results[0].action, Action::Create, "{part}");
        assert_eq!(test.history(), ["v1: success"], "{part}");
    }
}
