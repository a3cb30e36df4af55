//! `status --wait`, and what it tells on the way.

use crate::{
    namespace::{Namespace, deployment},
    support::Run,
};

#[test]
fn waiting_ends_with_the_rollout() {
    let Some(test) = Namespace::create("status-wait") else {
        return;
    };
    let never_ready = |name: &str| deployment(name, "v1", Some("never-ready"));
    let with_deadline =
        never_ready("failing").replace("spec: {selector", "spec: {progressDeadlineSeconds: 2, selector");
    test.apply(&(deployment("web", "v1", None) + &never_ready("stuck") + &with_deadline));
    let wait = |object: &str, timeout: &str| {
        let arguments = ["status", object, "--wait", "--timeout", timeout, "-o", "json"];
        Run::of(test.program().args(arguments))
    };

    let run = wait("deployment/web", "60s").expect(0);
    assert_eq!(run.document()["results"][0]["status"], "Current");
    let last = run.stderr.lines().last().unwrap();
    let expected = "Deployment status-wait/web is Current: Deployment is available. Replicas: 1";
    assert_eq!(last, expected, "{}", run.stderr);

    let run = wait("deployment/failing", "60s").expect(4);
    assert_eq!(run.document()["results"][0]["status"], "Failed");
    let expected = "is Failed: container failing is not ready; Progress deadline exceeded";
    assert!(run.stderr.lines().last().unwrap().ends_with(expected), "{}", run.stderr);

    let run = wait("deployment/stuck", "1s").expect(5);
    assert_eq!(run.document()["results"][0]["status"], "InProgress");

    let run = wait("deployment/absent", "60s").expect(1);
    assert_eq!(run.document()["results"][0]["status"], "NotFound");
    assert_eq!(run.stderr, "");
}
