//! What is sent: payload, descriptions and links.

use std::time::Duration;

use kube_status_to_github::sync::Details;
use serde_json::{Value, json};

use crate::{
    objects::{Rollout, deployment, github_deployment, merge},
    world::{ENVIRONMENT, REPOSITORY, Test, all_said},
};

/// A Deployment of v1 with these annotations.
fn annotated(annotations: Value) -> Value {
    let mut object = deployment("app", "v1", Rollout::Done);
    merge(&mut object, json!({"metadata": {"annotations": annotations}}));
    object
}

#[tokio::test(start_paused = true)]
async fn details_are_for_private_repositories_unless_the_user_says_otherwise() {
    let message = "Deployment is available. Replicas: 1";
    let sentence = "The rollout is complete.";
    let rows = [
        (Details::Auto, true, Some("Deployment shop/app"), message),
        (Details::Auto, false, None, sentence),
        (Details::Full, false, Some("Deployment shop/app"), message),
        (Details::Minimal, true, None, sentence),
    ];
    for (details, private, source, description) in rows {
        let mut test = Test::with_app("v1", Rollout::Done);
        test.settings.details = details;
        test.github
            .add_repository(REPOSITORY)
            .change(|repository| repository.private = private);
        test.pass().await;
        let deployment = test.newest();
        let row = format!("{details:?} private: {private}");
        assert_eq!(deployment.statuses[0].description, description, "{row}");
        let marker = &deployment.payload["kubeStatusToGithub"];
        assert_eq!(marker["source"].as_str(), source, "{row}");
        assert_eq!(marker["ref"], "v1", "{row}");
        assert_eq!(
            deployment.description.unwrap_or_default(),
            source.unwrap_or_default(),
            "{row}"
        );
        if source.is_none() {
            let sent = serde_json::to_string(&(deployment.payload, deployment.statuses)).unwrap();
            assert!(!sent.contains("shop"), "{row}: {sent}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn annotations_go_into_the_payload_but_not_over_the_marker() {
    let test = Test::with_app("v1", Rollout::Done);
    test.cluster.apply(annotated(json!({
        "github.decathlon.com/team": "blue",
        "github.decathlon.com/kubeStatusToGithub": "mine",
        "github.decathlon.com/url": "https://shop.example/$(id)",
        "other.example/team": "red",
    })));
    test.pass().await;
    let deployment = test.newest();
    assert_eq!(deployment.payload["team"], "blue");
    assert_eq!(deployment.payload["kubeStatusToGithub"]["v"], 1);
    assert_eq!(
        deployment.payload["kubeStatusToGithub"]["rollout"]
            .as_str()
            .map(str::len),
        Some(12)
    );
    let mut keys: Vec<_> = deployment.payload.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["kubeStatusToGithub", "team", "url"]);
    assert_eq!(
        deployment.statuses[0].environment_url,
        "https://shop.example/%24%28id%29"
    );
}

#[tokio::test(start_paused = true)]
async fn links_are_templates_and_the_annotation_stands_in_for_an_empty_one() {
    let annotation = "https://annotation.example/";
    let rows = [
        (
            json!({"environmentUrl": "https://{name}.{namespace}.example/{environment}/{ref}", "logUrl": "https://log.example/{sha}"}),
            "https://app.shop.example/staging/v1",
        ),
        (json!({"environmentUrl": ""}), annotation),
        (json!({}), annotation),
    ];
    for (further, url) in rows {
        let test = Test::new();
        test.cluster
            .apply(annotated(json!({"github.decathlon.com/url": annotation})));
        test.declare(further.clone());
        test.pass().await;
        let deployment = test.newest();
        assert_eq!(deployment.statuses[0].environment_url, url, "{further}");
        if further.get("logUrl").is_some() {
            let log = format!("https://log.example/{}", deployment.sha);
            assert_eq!(deployment.statuses[0].log_url, log);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn warnings_are_the_same_in_a_dry_run_in_the_pass_and_afterwards() {
    let mut test = Test::new();
    test.roll_out("v1", Rollout::Done);
    let mut both = github_deployment("app", REPOSITORY, ENVIRONMENT, json!({"environmentUrl": "/{ref}"}));
    merge(&mut both, json!({"spec": {"extract": {"jsonPath": "$.metadata.name"}}}));
    test.cluster.apply(both);

    test.settings.dry_run = true;
    let planned = test.pass().await.results.remove(0).warnings;
    assert_eq!(planned.len(), 2, "{planned:?}");
    assert!(
        planned
            .iter()
            .any(|warning| warning.contains("containerName") && warning.contains("jsonPath"))
    );
    assert!(
        planned
            .iter()
            .any(|warning| warning.contains("environmentUrl") && warning.contains("/v1"))
    );

    test.settings.dry_run = false;
    assert_eq!(test.pass().await.results[0].warnings, planned);
    assert_eq!(test.history(), ["v1: success"]);
    assert_eq!(test.quiet_pass().await.results[0].warnings, planned);
}

#[tokio::test(start_paused = true)]
async fn since_spares_old_successes_that_github_does_not_know() {
    let mut test = Test::with_app("v1", Rollout::Done);
    test.settings.since = Some(Duration::from_secs(3600));
    assert_eq!(all_said(&test.pass().await), ["app skip OlderThanSince"]);
    assert_eq!(test.history(), Vec::<String>::new());
    test.quiet_pass().await;

    test.roll_out("v1", Rollout::Failed);
    assert_eq!(
        all_said(&test.pass().await),
        ["app create v1 failure"],
        "only successes"
    );

    let test = {
        let mut fresh = Test::with_app("v1", Rollout::Done);
        fresh.settings.since = Some(Duration::from_secs(3600));
        let mut object = deployment("app", "v1", Rollout::Done);
        let change = json!({"time": fresh.github.now().to_string(), "operation": "Update"});
        merge(&mut object, json!({"metadata": {"managedFields": [change]}}));
        fresh.cluster.apply(object);
        fresh
    };
    assert_eq!(
        all_said(&test.pass().await),
        ["app create v1 success"],
        "changed just now"
    );
}

#[tokio::test(start_paused = true)]
async fn production_is_what_the_name_says_unless_the_user_does() {
    let rows = [
        ("production", json!({}), true),
        ("Production", json!({}), true),
        ("staging", json!({}), false),
        ("staging", json!({"production": true}), true),
        ("production", json!({"production": false}), false),
    ];
    for (environment, further, production) in rows {
        let test = Test::new();
        test.roll_out("v1", Rollout::Done);
        test.cluster
            .apply(github_deployment("app", REPOSITORY, environment, further.clone()));
        test.pass().await;
        let all = test.github.deployments(REPOSITORY, environment);
        assert_eq!(all[0].production, production, "{environment} {further}");
    }
}
