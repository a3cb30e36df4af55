//! Several sources from flags in one run: each is a source of its own.

use std::time::Duration;

use kube_status_to_github::{
    report::{Action, Ended, SUPERSEDED},
    source::{Chosen, KindName, Scope},
    sync::{RunError, wait},
};
use serde_json::json;
use tokio::time::sleep;

use crate::{
    objects::{NAMESPACE, Rollout, deployment},
    waiting::TEN_MINUTES,
    world::{Test, all_said},
};

/// Deployments `app` and `web`, from flags.
fn two(given: Option<&str>) -> Test {
    let mut test = Test::new();
    test.ask_by_flags_for(&["app", "web"], given);
    test
}

fn roll_out(test: &Test, name: &str, tag: &str, rollout: Rollout) {
    test.cluster.apply(deployment(name, tag, rollout));
}

#[tokio::test(start_paused = true)]
async fn each_has_a_deployment_and_none_closes_the_other() {
    let test = two(None);
    roll_out(&test, "app", "v1", Rollout::Done);
    roll_out(&test, "web", "v2", Rollout::UnderWay);
    assert_eq!(
        all_said(&test.pass().await),
        ["- create v1 success", "- create v2 in_progress"]
    );
    test.quiet_pass().await;
    roll_out(&test, "web", "v2", Rollout::Done);
    test.pass().await;
    assert_eq!(test.history(), ["v1: success", "v2: in_progress success"]);
    test.quiet_pass().await;

    roll_out(&test, "app", "v3", Rollout::Done);
    test.pass().await;
    assert_eq!(
        test.history(),
        ["v1: success inactive", "v2: in_progress success", "v3: success"]
    );
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_the_last_of_them() {
    let test = two(None);
    roll_out(&test, "app", "v1", Rollout::Done);
    roll_out(&test, "web", "v1", Rollout::UnderWay);
    let world = test.world();
    let meanwhile = async {
        sleep(Duration::from_secs(60)).await;
        assert_eq!(
            test.history().len(),
            2,
            "the first is reported before the other is final"
        );
        roll_out(&test, "web", "v1", Rollout::Failed);
    };
    let (waited, ()) = tokio::join!(wait(&world, &test.settings, &TEN_MINUTES, |_| ()), meanwhile);
    let waited = waited.expect("passes that can run");
    assert_eq!(waited.ended, Ended::Final);
    assert_eq!(
        all_said(&waited.pass.document),
        ["- unchanged v1 success", "- update v1 failure"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_given_ref_is_bound_to_a_rollout_of_each() {
    let test = two(Some("v7"));
    roll_out(&test, "app", "v1", Rollout::UnderWay);
    roll_out(&test, "web", "v2", Rollout::UnderWay);
    let world = test.world();
    let meanwhile = async {
        sleep(Duration::from_secs(60)).await;
        roll_out(&test, "app", "v3", Rollout::Done);
        roll_out(&test, "web", "v2", Rollout::Done);
    };
    let (waited, ()) = tokio::join!(wait(&world, &test.settings, &TEN_MINUTES, |_| ()), meanwhile);
    let results = waited.expect("passes that can run").pass.document.results;
    let of = |name: &str| {
        let named = |source: &kube_status_to_github::report::SourceObject| source.name == name;
        let result = results.iter().find(|result| result.source.as_ref().is_some_and(named));
        result.unwrap_or_else(|| panic!("{name}: {results:#?}"))
    };
    assert_eq!(of("app").reason.as_deref(), Some(SUPERSEDED));
    assert_eq!(of("web").action, Action::Update, "{results:#?}");
    assert_eq!(test.history(), ["v7: in_progress", "v7: in_progress success"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_missing_does_not_stop_the_other() {
    let test = two(None);
    roll_out(&test, "web", "v1", Rollout::Done);
    let document = test.pass().await;
    assert_eq!(test.history(), ["v1: success"], "{document:#?}");
    let messages = document
        .results
        .iter()
        .filter_map(|result| Some(result.error.as_ref()?.message.as_str()));
    assert_eq!(
        messages.collect::<Vec<_>>(),
        ["Deployment shop/app does not exist: create it, or correct its name or --namespace"]
    );
}

#[tokio::test(start_paused = true)]
async fn labels_choose_anew_in_every_pass() {
    let mut test = Test::new();
    let labelled = |name: &str, tag: &str| {
        let mut object = deployment(name, tag, Rollout::Done);
        object["metadata"]["labels"] = json!({"team": "shop"});
        object
    };
    let chosen = Chosen::Labelled {
        kinds: vec![KindName {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
        }],
        selector: "team=shop".to_owned(),
        scope: Scope::Namespace(NAMESPACE.to_owned()),
    };
    test.ask_by_flags_what(chosen, None);
    roll_out(&test, "other", "v9", Rollout::Done);
    let error = test.try_pass().await.expect_err("none has the label");
    assert!(
        matches!(&error, RunError::Source(error) if error.reason() == "NothingSelected"),
        "{error}"
    );

    test.cluster.apply(labelled("app", "v1"));
    test.pass().await;
    test.cluster.apply(labelled("web", "v2"));
    test.pass().await;
    assert_eq!(test.history(), ["v1: success", "v2: success"]);
    test.quiet_pass().await;
}
