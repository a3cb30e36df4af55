//! What a pass may not do: beyond the user's limits, and in a dry run.

use kube_status_to_github::{
    report::{Action, Outcome},
    sync::AllowedRepositories,
};
use serde_json::{Value, json};

use crate::{
    objects::{Rollout, deployment, github_deployment, merge},
    world::{ENVIRONMENT, REPOSITORY, Test, all_said},
};

#[tokio::test(start_paused = true)]
async fn repositories_are_allowed_by_namespace() {
    let rows = [
        ("everywhere", &["octo-org/*"][..], true),
        ("for this namespace", &["shop=octo-org/app"], true),
        ("for another namespace", &["other=octo-org/app"], false),
        ("another repository", &["shop=octo-org/other"], false),
        ("by the second rule", &["other=*/*", "shop=octo-org/a*"], true),
    ];
    for (name, rules, allowed) in rows {
        let mut test = Test::with_app("v1", Rollout::Done);
        let rules = rules.iter().map(|rule| AllowedRepositories::parse(rule).unwrap());
        test.settings.repository_allow = rules.collect();
        let document = test.pass().await;
        if allowed {
            assert_eq!(all_said(&document), ["app create v1 success"], "{name}");
        } else {
            assert_eq!(all_said(&document), ["app skip RepositoryNotAllowed"], "{name}");
            assert_eq!(test.github.journal().len(), 0, "{name}");
        }
    }
}

/// GitHubDeployment `shop/app` for a Deployment of namespace `other`.
fn elsewhere(test: &Test) {
    let mut object = deployment("app", "v1", Rollout::Done);
    merge(&mut object, json!({"metadata": {"namespace": "other"}}));
    test.cluster.apply(object);
    let mut declared = github_deployment("app", REPOSITORY, ENVIRONMENT, json!({}));
    merge(&mut declared, json!({"spec": {"sourceRef": {"namespace": "other"}}}));
    test.cluster.apply(declared);
}

#[tokio::test(start_paused = true)]
async fn an_object_of_another_namespace_is_read_only_where_that_is_allowed() {
    let mut test = Test::new();
    elsewhere(&test);
    test.settings.cross_namespace_refs = false;
    // Not even its existence is found out.
    test.cluster.refuse("/namespaces/other/", 500);
    assert_eq!(all_said(&test.pass().await), ["app fail CrossNamespaceRef"]);
    test.cluster.refuse_nothing();
    test.settings.cross_namespace_refs = true;
    assert_eq!(all_said(&test.pass().await), ["app create v1 success"]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_writes_nothing_and_plans_what_the_run_does() {
    let mut test = Test::with_app("v1", Rollout::UnderWay);
    test.add("b", "b", "v1", Rollout::UnderWay);
    test.pass().await;
    test.roll_out("v2", Rollout::Done);
    test.cluster.apply(deployment("b", "v1", Rollout::Done));
    let mut held = github_deployment("c", REPOSITORY, "c", json!({}));
    merge(&mut held, json!({"spec": {"deletionPolicy": "Close"}}));
    test.cluster.apply(held);
    test.cluster.apply(deployment("c", "v3", Rollout::Failed));

    test.settings.dry_run = true;
    let planned = test.quiet_pass().await;
    assert!(planned.dry_run);
    test.settings.dry_run = false;
    let done = test.pass().await;

    let bare = |changes: &[kube_status_to_github::report::ChangeResult], outcome| -> Vec<Value> {
        let one = |change: &kube_status_to_github::report::ChangeResult| {
            assert_eq!(change.outcome, outcome);
            let mut value = serde_json::to_value(change).unwrap();
            value["outcome"] = Value::Null;
            // Only the run knows what it created.
            if value["action"] == "create" {
                value["deployment"] = Value::Null;
            }
            value
        };
        changes.iter().map(one).collect()
    };
    assert_eq!(
        bare(&planned.changes, Outcome::Planned),
        bare(&done.changes, Outcome::Done)
    );
    assert_eq!(all_said(&planned), all_said(&done));
    assert_eq!(planned.summary, done.summary);
    assert_eq!(planned.changes.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn one_bad_object_does_not_stop_the_others() {
    let test = Test::new();
    test.add("a", "a", "v1", Rollout::Done);
    test.add("gone", "gone", "v1", Rollout::Done);
    test.cluster.remove(&crate::objects::deployment_path("gone"));
    test.add("no-such-ref", "no-such-ref", "v404", Rollout::Done);
    let mut secret = github_deployment("secret", REPOSITORY, "secret", json!({}));
    merge(
        &mut secret,
        json!({"spec": {"sourceRef": {"kind": "Secret", "apiVersion": "v1"}}}),
    );
    test.cluster.apply(secret);
    test.cluster
        .apply(github_deployment("unseen", "octo-org/unseen", "unseen", json!({})));
    test.cluster.apply(deployment("unseen", "v1", Rollout::Done));
    test.add("z", "z", "v1", Rollout::Done);
    let document = test.pass().await;
    let refused = &document.results[3];
    assert_eq!(refused.action, Action::Fail, "{refused:?}");
    assert_eq!(
        all_said(&document)
            .iter()
            .map(|line| line.split(' ').take(3).collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>(),
        [
            "a create v1",
            "gone fail SourceNotFound",
            "no-such-ref fail RefNotFound",
            "secret fail SecretRefused",
            "unseen fail RepositoryNotFound",
            "z create v1"
        ]
    );
    assert_eq!(test.quiet_pass().await.summary.fail, 4);
}
