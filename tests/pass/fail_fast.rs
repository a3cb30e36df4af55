//! `--fail-fast`: causes that do not go by themselves end the waiting.

use std::{sync::Arc, time::Duration};

use kube_status_to_github::{
    report::Ended,
    sync::{Waited, Waiting, wait},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    objects::{NAMESPACE, Rollout, deployment, merge},
    world::Test,
};

const WAITING: Waiting = Waiting {
    timeout: Duration::from_secs(300),
    fail_fast: true,
    timeout_state: None,
};

/// Deployment `app` from flags, its ReplicaSet, and one pod with this status.
fn with_pod(status: Value) -> Test {
    let mut test = Test::new();
    test.ask_by_flags(None);
    test.settings.fail_fast = true;
    let mut app = deployment("app", "v1", Rollout::UnderWay);
    merge(
        &mut app,
        json!({
            "metadata": {"annotations": {"deployment.kubernetes.io/revision": "1"}},
            "spec": {"selector": {"matchLabels": {"app": "web"}}},
        }),
    );
    test.cluster.apply(app);
    test.cluster.apply(json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "namespace": NAMESPACE, "name": "app-1", "uid": "uid-of-app-1", "labels": {"app": "web", "pod-template-hash": "1"},
            "annotations": {"deployment.kubernetes.io/revision": "1"},
            "ownerReferences": [{"uid": "uid-of-app", "controller": true}],
        },
    }));
    tell(&test, status);
    test
}

/// The pod says this from now on.
fn tell(test: &Test, status: Value) {
    test.cluster.apply(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "namespace": NAMESPACE, "name": "app-1-x", "uid": "uid-of-pod", "labels": {"app": "web", "pod-template-hash": "1"},
            "creationTimestamp": test.github.now().to_string(),
            "ownerReferences": [{"uid": "uid-of-app-1", "controller": true}],
        },
        "status": status,
    }));
}

fn waits(reason: &str, message: &str) -> Value {
    let state = json!({"waiting": {"reason": reason, "message": message}});
    json!({"containerStatuses": [{"name": "app", "image": "shop/app:v1", "restartCount": 5, "state": state}]})
}

fn without_node() -> Value {
    json!({"conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes are available"},
    ]})
}

async fn waited(test: &Test) -> (Waited, Duration) {
    let begun = Instant::now();
    let waited = wait(&test.world(), &test.settings, &WAITING, |_| ()).await;
    (waited.expect("passes that can run"), begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_cause_that_stays_is_a_failure_at_once() {
    for (status, within, cause) in [
        (
            waits("ImagePullBackOff", "Back-off pulling image: not found"),
            0..2,
            "ImagePullBackOff: image shop/app:v1 not found",
        ),
        (
            waits("InvalidImageName", ""),
            0..2,
            "InvalidImageName: image shop/app:v1 is not a valid reference",
        ),
        (waits("CrashLoopBackOff", ""), 0..2, "CrashLoopBackOff"),
        (
            waits("CreateContainerConfigError", "secret \"database\" not found"),
            8..13,
            "CreateContainerConfigError: secret \"database\" not found",
        ),
        (without_node(), 28..33, "unschedulable: 0/2 nodes are available"),
    ] {
        let test = with_pod(status);
        let (waited, took) = waited(&test).await;
        assert_eq!(waited.ended, Ended::Final, "{cause}");
        assert!(within.contains(&took.as_secs()), "{cause}: {took:?}");
        let statuses = test.newest().statuses;
        assert_eq!(statuses.last().unwrap().state, "failure", "{cause}");
        assert_eq!(statuses.last().unwrap().description, format!("{cause}; Available: 0/1"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cause_that_may_go_is_waited_out() {
    for status in [
        waits("ErrImagePull", "dial tcp: i/o timeout"),
        waits("ContainerCreating", ""),
        json!({"containerStatuses": [{"name": "app", "ready": false, "state": {"running": {}}}]}),
    ] {
        let test = with_pod(status.clone());
        let world = test.world();
        let (waited, ()) = tokio::join!(wait(&world, &test.settings, &WAITING, |_| ()), async {
            sleep(Duration::from_secs(120)).await;
            test.roll_out("v1", Rollout::Done);
        });
        assert_eq!(waited.expect("passes that can run").ended, Ended::Final);
        assert_eq!(test.history(), ["v1: in_progress success"], "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_autoscaler_is_given_its_time() {
    for reason in ["TriggeredScaleUp", "Nominated"] {
        let test = with_pod(without_node());
        test.cluster.apply(json!({
            "apiVersion": "v1", "kind": "Event", "reason": reason,
            "metadata": {"namespace": NAMESPACE, "name": "e"}, "involvedObject": {"kind": "Pod", "uid": "uid-of-pod"},
        }));
        let (waited, _) = waited(&test).await;
        assert_eq!(waited.ended, Ended::TimedOut, "{reason}");
        assert_eq!(test.history(), ["v1: in_progress"], "{reason}");
    }
    let test = with_pod(without_node());
    test.cluster.refuse("/events", 403);
    let (waited, took) = waited(&test).await;
    assert_eq!(waited.ended, Ended::Final);
    assert!((58..63).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn pods_of_a_generation_that_was_replaced_are_not_asked() {
    let test = with_pod(waits("ImagePullBackOff", "not found"));
    let mut next = test.cluster.get(&crate::objects::deployment_path("app")).unwrap();
    merge(&mut next, json!({"metadata": {"generation": 3}}));
    test.cluster.apply(next);
    let (waited, _) = waited(&test).await;
    assert_eq!(waited.ended, Ended::TimedOut);
    assert_eq!(test.history(), ["v1: in_progress"]);
}

#[tokio::test(start_paused = true)]
async fn without_fail_fast_nothing_is_given_up() {
    let mut test = with_pod(waits("ImagePullBackOff", "not found"));
    test.settings.fail_fast = false;
    let waiting = Waiting {
        fail_fast: false,
        ..WAITING
    };
    let waited = wait(&test.world(), &test.settings, &waiting, |_| ()).await.unwrap();
    assert_eq!(waited.ended, Ended::TimedOut);
    assert_eq!(test.history(), ["v1: in_progress"]);
}

#[tokio::test(start_paused = true)]
async fn one_failure_ends_the_waiting_for_all() {
    let mut test = with_pod(waits("ImagePullBackOff", "not found"));
    test.select(None);
    test.declare(json!({}));
    test.add("other", "other", "v1", Rollout::UnderWay);
    let (waited, took) = waited(&test).await;
    assert_eq!(waited.ended, Ended::Final);
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(test.history(), ["v1: failure"]);
    assert_eq!(test.history_of("other"), ["v1: in_progress"]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_of_this_machine_that_is_wrong_does_not_count() {
    for minutes in [-5, 5] {
        let test = with_pod(without_node());
        let emulator = test.github.clone();
        test.cluster.tell_time(move || emulator.now());
        let mut world = test.world();
        let right = world.now.clone();
        world.now = Arc::new(move || right() + jiff::SignedDuration::from_mins(minutes));
        let begun = Instant::now();
        let waited = wait(&world, &test.settings, &WAITING, |_| ()).await.unwrap();
        assert_eq!(waited.ended, Ended::Final);
        let took = begun.elapsed().as_secs();
        assert!((28..33).contains(&took), "{minutes} minutes: {took} s");
    }
}
