//! `deletionPolicy: Close`: a finalizer that waits for GitHub, but never for ever.

use github_emulator::{Fault, FaultKind, OperationKind};
use kube_status_to_github::sync::AllowedRepositories;
use serde_json::{Value, json};

use crate::{
    objects::{Rollout, deployment_path, github_deployment, github_deployment_path, merge},
    world::{ENVIRONMENT, REPOSITORY, Test, all_done, all_said},
};

const FINALIZER: &str = "github.decathlon.com/close";

/// GitHubDeployment `app` with the policy, and a success of it on GitHub.
async fn reported() -> Test {
    let test = Test::new();
    test.roll_out("v1", Rollout::Done);
    test.cluster.apply(closing(json!({})));
    test.pass().await;
    assert_eq!(test.history(), ["v1: success"]);
    test
}

fn closing(further: Value) -> Value {
    let mut object = github_deployment("app", REPOSITORY, ENVIRONMENT, json!({}));
    merge(&mut object, json!({"spec": {"deletionPolicy": "Close"}}));
    merge(&mut object, further);
    object
}

fn declared(test: &Test) -> Option<Value> {
    test.cluster.get(&github_deployment_path("app"))
}

/// The reason that the object itself gives, to whoever wonders why it is still there.
fn why_it_waits(test: &Test) -> String {
    let shown = &declared(test).expect("it waits")["status"]["conditions"][0];
    assert_eq!((&shown["type"], &shown["status"]), (&json!("Ready"), &json!("False")));
    shown["reason"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn the_finalizer_comes_first_and_goes_after_the_closing() {
    let test = reported().await;
    assert_eq!(declared(&test).unwrap()["metadata"]["finalizers"], json!([FINALIZER]));
    test.quiet_pass().await;

    test.cluster.delete(&github_deployment_path("app"));
    assert!(declared(&test).is_some());
    assert_eq!(all_done(&test.pass().await), ["close v1 inactive done"]);
    assert_eq!(test.history(), ["v1: success inactive"]);
    assert_eq!(declared(&test), None);
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn it_goes_too_where_the_whole_namespace_goes() {
    let test = reported().await;
    test.cluster.remove(&deployment_path("app"));
    test.cluster.delete(&github_deployment_path("app"));
    // Nothing is created in a namespace that is being deleted.
    test.cluster.refuse("/events", 403);
    assert_eq!(all_done(&test.pass().await), ["close v1 inactive done"]);
    assert_eq!(test.history(), ["v1: success inactive"]);
    assert_eq!(declared(&test), None);
}

#[tokio::test(start_paused = true)]
async fn deletion_wins_over_suspension() {
    let test = reported().await;
    let held = json!({"metadata": {"finalizers": [FINALIZER]}, "spec": {"suspend": true}});
    test.cluster.apply(closing(held));
    test.cluster.delete(&github_deployment_path("app"));
    test.pass().await;
    assert_eq!(test.history(), ["v1: success inactive"]);
    assert_eq!(declared(&test), None);
}

#[tokio::test(start_paused = true)]
async fn a_closing_that_is_refused_or_deferred_holds_the_object() {
    let mut test = reported().await;
    test.cluster.delete(&github_deployment_path("app"));
    let loss = Fault::on(OperationKind::GraphQlMutation, FaultKind::LostAnswer);
    test.github.inject(loss.times(2));
    assert_eq!(all_said(&test.pass().await), ["app fail AnswerLost"]);
    assert_eq!(why_it_waits(&test), "AnswerLost");

    test.settings.max_writes = 0;
    assert_eq!(all_said(&test.pass().await), ["app defer MaxWrites"]);
    assert_eq!(why_it_waits(&test), "MaxWrites");
    test.cluster.take_writes();
    test.pass().await;
    assert_eq!(
        test.cluster.take_writes(),
        Vec::<String>::new(),
        "the same is said once"
    );

    test.github.inject(Fault::new(FaultKind::LostAnswer).always());
    assert!(test.try_pass().await.is_err());
    assert_eq!(why_it_waits(&test), "GitHubUnreachable");
    test.github.clear_faults();

    test.settings.max_writes = 1;
    test.pass().await;
    assert_eq!(declared(&test), None);
}

#[tokio::test(start_paused = true)]
async fn other_finalizers_stay() {
    let test = reported().await;
    let others = json!({"metadata": {"finalizers": ["example.com/a", FINALIZER, "example.com/b"]}});
    test.cluster.apply(closing(others));
    test.cluster.delete(&github_deployment_path("app"));
    test.pass().await;
    let finalizers = &declared(&test).unwrap()["metadata"]["finalizers"];
    assert_eq!(*finalizers, json!(["example.com/a", "example.com/b"]));
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn a_repository_that_is_gone_or_read_only_releases_the_object() {
    for gone in [true, false] {
        let test = reported().await;
        if gone {
            test.hide_repository();
        } else {
            test.github.add_repository(REPOSITORY).archived();
        }
        test.cluster.delete(&github_deployment_path("app"));
        test.pass().await;
        assert_eq!(declared(&test), None, "gone: {gone}");
        assert_eq!(test.history(), ["v1: success"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_repository_that_is_not_allowed_any_more_releases_the_object_untouched() {
    let mut test = reported().await;
    test.settings.repository_allow = vec![AllowedRepositories::parse("octo-org/other").unwrap()];
    test.cluster.delete(&github_deployment_path("app"));
    test.github.clear_journal();
    test.pass().await;
    assert_eq!(test.github.journal().len(), 0);
    assert_eq!(declared(&test), None);
}

#[tokio::test(start_paused = true)]
async fn a_spec_that_cannot_be_read_releases_the_object() {
    let test = reported().await;
    let broken = json!({"metadata": {"finalizers": [FINALIZER]}, "spec": {"repository": {"environment": ""}}});
    test.cluster.apply(closing(broken));
    test.cluster.delete(&github_deployment_path("app"));
    test.pass().await;
    assert_eq!(declared(&test), None);
}

#[tokio::test(start_paused = true)]
async fn without_the_finalizer_nothing_is_reported() {
    let test = Test::new();
    test.roll_out("v1", Rollout::Done);
    test.cluster.apply(closing(json!({})));
    let refused = format!("Refused: {}", github_deployment_path("app"));
    let rows = [
        (
            403,
            "may not patch githubdeployments.github.decathlon.com in namespace shop: add to a Role there the rule \
             {apiGroups: [\"github.decathlon.com\"], resources: [\"githubdeployments\"], verbs: [\"list\", \"patch\"]}"
                .to_owned(),
        ),
        (409, refused.clone()),
        (500, refused.clone()),
        (503, refused),
    ];
    for (code, problem) in rows {
        test.cluster.refuse("/githubdeployments/app", code);
        let document = test.pass().await;
        assert_eq!(all_said(&document), ["app fail FinalizerNotSet"]);
        let message = document.results[0].message.as_deref().unwrap();
        assert_eq!(message, format!("could not set the finalizer {FINALIZER}: {problem}"));
        assert_eq!(test.history(), Vec::<String>::new());
        test.cluster.refuse_nothing();
    }
    test.pass().await;
    assert_eq!(test.history(), ["v1: success"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_before_it_could_be_held_is_not_reported() {
    let test = Test::new();
    test.roll_out("v1", Rollout::Done);
    test.cluster.apply(closing(json!({})));
    test.cluster.refuse("/githubdeployments/app", 404);
    assert_eq!(all_said(&test.pass().await), ["app skip Deleted"]);
    assert_eq!(test.history(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_changes_meanwhile_does_not_matter() {
    let test = Test::new();
    test.roll_out("v1", Rollout::Done);
    test.cluster.apply(closing(json!({})));
    let path = github_deployment_path("app");
    test.cluster
        .meddle(&path, json!({"metadata": {"labels": {"team": "a"}}}));
    test.cluster
        .meddle(&path, json!({"metadata": {"finalizers": ["example.com/a"]}}));
    test.pass().await;
    assert_eq!(test.history(), ["v1: success"]);
    let metadata = &declared(&test).unwrap()["metadata"];
    assert_eq!(metadata["labels"], json!({"team": "a"}));
    assert_eq!(metadata["finalizers"], json!(["example.com/a", FINALIZER]));

    test.cluster.delete(&path);
    let others = json!({"metadata": {"finalizers": ["example.com/a", "example.com/b", FINALIZER]}});
    test.cluster.meddle(&path, others);
    assert_eq!(all_done(&test.pass().await), ["close v1 inactive done"]);
    let finalizers = &declared(&test).unwrap()["metadata"]["finalizers"];
    assert_eq!(*finalizers, json!(["example.com/a", "example.com/b"]));
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_while_it_is_to_be_held_is_not_reported() {
    let test = Test::new();
    test.roll_out("v1", Rollout::Done);
    test.cluster.apply(closing(json!({})));
    let deleted = json!({"metadata": {"finalizers": ["example.com/a"], "deletionTimestamp": "2026-01-01T00:00:00Z"}});
    test.cluster.meddle(&github_deployment_path("app"), deleted);
    assert_eq!(all_said(&test.pass().await), ["app skip Deleted"]);
    assert_eq!(test.history(), Vec::<String>::new());
    let finalizers = &declared(&test).unwrap()["metadata"]["finalizers"];
    assert_eq!(*finalizers, json!(["example.com/a"]));
}
