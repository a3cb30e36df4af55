//! What users go through, told from beginning to end: several rollouts, several parties on one environment, and
//! passes that end where they should not.

use std::{collections::BTreeMap, time::Duration};

use github_emulator::{Fault, FaultKind, OperationKind};
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use crate::{
    api_server::ApiServer,
    objects::{Rollout, deployment, deployment_path, github_deployment, github_deployment_path, merge},
    world::{ENVIRONMENT, REPOSITORY, Test, all_said},
};

/// The key under which the payload of a deployment has the marker.
const MARKER: &str = "kubeStatusToGithub";

/// Deployment `app` as it is after `kubectl rollout restart`.
fn restarted(tag: &str, rollout: Rollout) -> Value {
    let mut object = deployment("app", tag, rollout);
    let restart = json!({"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-02-01T00:00:00Z"}});
    merge(&mut object, json!({"spec": {"template": {"metadata": restart}}}));
    object
}

/// Deployment `app` as it is after it was deleted and applied again.
fn created_again(tag: &str, rollout: Rollout) -> Value {
    let mut object = deployment("app", tag, rollout);
    merge(&mut object, json!({"metadata": {"uid": "uid-of-the-second-app"}}));
    object
}

/// GitHubDeployment of this name with a label.
fn labelled(name: &str, label: &str, value: &str, further: Value) -> Value {
    let mut object = github_deployment(name, REPOSITORY, ENVIRONMENT, further);
    merge(&mut object, json!({"metadata": {"labels": {label: value}}}));
    object
}

/// Another tool's request to GitHub, which succeeds.
async fn other_tool(test: &Test, path: &str, body: Value) -> Value {
    let request = Request::post(format!("https://api.github.com/repos/{REPOSITORY}/{path}"))
        .header("user-agent", "another-tool")
        .header("authorization", "Bearer github_pat_of_the_tests");
    let request = request.body(body.to_string()).unwrap();
    let response = test.github.service().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 201, "{body}");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

/// Another tool's deployment, in this state.
async fn others_deployment(test: &Test, git_ref: &str, state: &str, payload: Value) {
    let new = json!({
        "ref": git_ref, "environment": ENVIRONMENT, "auto_merge": false, "required_contexts": [], "payload": payload,
    });
    let created = other_tool(test, "deployments", new).await;
    let path = format!("deployments/{}/statuses", created["id"]);
    other_tool(test, &path, json!({"state": state, "auto_inactive": false})).await;
}

#[tokio::test(start_paused = true)]
async fn our_two_services_in_one_environment_do_not_take_turns() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    test.add("worker", ENVIRONMENT, "v2", Rollout::UnderWay);
    test.pass().await;
    test.roll_out("v1", Rollout::Done);
    test.cluster.apply(deployment("worker", "v2", Rollout::Done));
    test.pass().await;
    for _ in 0..50 {
        test.quiet_pass().await;
    }
    assert_eq!(test.history(), ["v1: in_progress success", "v2: in_progress success"]);
}

#[tokio::test(start_paused = true)]
async fn our_ten_services_have_a_task_each_and_no_success_closes_another() {
    let services: Vec<String> = (0..10).map(|number| format!("service-{number}")).collect();
    // All of them by one run, or each by a run of its own.
    for alone in [false, true] {
        let mut test = Test::new();
        for name in &services {
            test.cluster.apply(deployment(name, "v1", Rollout::Done));
            let task = json!({"task": format!("deploy:{name}")});
            test.cluster.apply(labelled(name, "service", name, task));
        }
        let mut runs: Vec<Option<String>> = vec![None];
        if alone {
            runs = services.iter().map(|name| Some(format!("service={name}"))).collect();
        }
        let run_all = async |test: &mut Test| {
            for selector in &runs {
                test.select(selector.as_deref());
                test.pass().await;
            }
        };
        run_all(&mut test).await;

        let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in &services {
            expected.insert(format!("deploy:{name}"), vec!["v1: success".to_owned()]);
        }
        for name in &services {
            test.cluster.apply(deployment(name, "v2", Rollout::Done));
            run_all(&mut test).await;
            let history = vec!["v1: success inactive".to_owned(), "v2: success".to_owned()];
            expected.insert(format!("deploy:{name}"), history);

            let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for one in test.github.deployments(REPOSITORY, ENVIRONMENT) {
                let states = format!("{}: {}", one.git_ref, one.states().join(" "));
                shown.entry(one.task).or_default().push(states);
            }
            assert_eq!(shown, expected, "alone: {alone}, after {name}");
        }
        for selector in &runs {
            test.select(selector.as_deref());
            test.quiet_pass().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_preview_of_a_closed_pull_request_becomes_inactive_once_and_the_other_preview_stays() {
    let test = Test::new();
    for (name, tag) in [("pr-1", "v1"), ("pr-2", "v2")] {
        test.cluster.apply(deployment(name, tag, Rollout::Done));
        let preview = github_deployment(name, REPOSITORY, ENVIRONMENT, json!({"transient": true}));
        test.cluster.apply(preview);
    }
    test.pass().await;
    test.cluster.remove(&deployment_path("pr-1"));
    test.cluster.remove(&github_deployment_path("pr-1"));
    test.pass().await;
    for _ in 0..3 {
        test.quiet_pass().await;
    }
    assert_eq!(test.history(), ["v1: success inactive", "v2: success"]);
}

#[tokio::test(start_paused = true)]
async fn i_restarted_it_after_a_failure_and_see_a_new_deployment() {
    let test = Test::with_app("v1", Rollout::Failed);
    test.pass().await;
    test.cluster.apply(restarted("v1", Rollout::Failed));
    assert_eq!(
        all_said(&test.quiet_pass().await),
        ["app unchanged v1 failure"],
        "nothing new to say"
    );
    test.cluster.apply(restarted("v1", Rollout::UnderWay));
    assert_eq!(all_said(&test.pass().await), ["app create v1 in_progress"]);
    test.cluster.apply(restarted("v1", Rollout::Done));
    assert_eq!(all_said(&test.pass().await), ["app update v1 success"]);
    assert_eq!(test.history(), ["v1: failure", "v1: in_progress success"]);
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn i_deleted_it_after_a_failure_applied_it_again_and_see_a_new_deployment() {
    let test = Test::with_app("v1", Rollout::Failed);
    test.pass().await;
    test.cluster.remove(&deployment_path("app"));
    test.pass().await;
    test.cluster.apply(created_again("v1", Rollout::Done));
    assert_eq!(all_said(&test.pass().await), ["app create v1 success"]);
    assert_eq!(test.history(), ["v1: failure", "v1: success"]);
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_what_works_is_nobodys_news() {
    for again in [restarted, created_again] {
        let test = Test::with_app("v1", Rollout::Done);
        test.pass().await;
        for rollout in [Rollout::UnderWay, Rollout::Done] {
            test.cluster.apply(again("v1", rollout));
            test.pass().await;
            assert_eq!(test.history(), ["v1: success"]);
        }
        test.quiet_pass().await;
    }
}

#[tokio::test(start_paused = true)]
async fn two_clusters_share_our_environment_and_one_of_them_rolls_back() {
    let mut test = Test::new();
    let [eu, us] = ["eu", "us"].map(|name| {
        let cluster = ApiServer::default();
        cluster.apply(json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "kube-system", "uid": format!("uid-of-{name}")},
        }));
        cluster.apply(github_deployment("app", REPOSITORY, ENVIRONMENT, json!({})));
        (name, cluster)
    });
    let roll_out = |(name, cluster): &(&str, ApiServer), tag: &str| {
        let mut object = deployment("app", tag, Rollout::Done);
        merge(
            &mut object,
            json!({"metadata": {"uid": format!("uid-of-app-in-{name}")}}),
        );
        cluster.apply(object);
    };
    for (cluster, tag) in [(&eu, "v1"), (&us, "v1"), (&eu, "v2"), (&us, "v2"), (&us, "v1")] {
        roll_out(cluster, tag);
        test.cluster = cluster.1.clone();
        test.pass().await;
    }
    let history = [
        "v1: success inactive",
        "v1: success inactive",
        "v2: success",
        "v2: success inactive",
        "v1: success",
    ];
    assert_eq!(test.history(), history);
    for cluster in [&eu, &us, &eu, &us] {
        test.cluster = cluster.1.clone();
        test.quiet_pass().await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_of_our_two_runs_sees_half_of_the_environment_and_closes_nothing_of_the_other() {
    let mut test = Test::new();
    for name in ["a", "b"] {
        test.cluster.apply(labelled(name, "shard", name, json!({})));
    }
    let rows = [
        ("a", "v1", Rollout::Done),
        ("b", "v2", Rollout::UnderWay),
        ("a", "v3", Rollout::Done),
        ("b", "v2", Rollout::Done),
        ("a", "v4", Rollout::Failed),
        ("b", "v5", Rollout::UnderWay),
        ("b", "v6", Rollout::Done),
    ];
    for (name, tag, rollout) in rows {
        test.cluster.apply(deployment(name, tag, rollout));
        test.select(Some(&format!("shard={name}")));
        test.pass().await;
        test.quiet_pass().await;
    }
    let history = [
        "v1: success inactive",
        "v2: in_progress success inactive",
        "v3: success",
        "v4: failure",
        "v5: in_progress inactive",
        "v6: success",
    ];
    assert_eq!(test.history(), history);
    for name in ["a", "b"] {
        test.select(Some(&format!("shard={name}")));
        test.quiet_pass().await;
    }
}

#[tokio::test(start_paused = true)]
async fn github_says_502_to_every_create_and_creates_it_all_the_same() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    let bad_gateway = Fault::on(OperationKind::CreateDeployment, FaultKind::Html).after();
    test.github.inject(bad_gateway.always());
    for tag in ["v1", "v2", "v3", "v4", "v5"] {
        for rollout in [Rollout::UnderWay, Rollout::Done] {
            test.roll_out(tag, rollout);
            test.pass().await;
            test.pass().await;
        }
    }
    let history = [
        "v1: in_progress success inactive",
        "v2: in_progress success inactive",
        "v3: in_progress success inactive",
        "v4: in_progress success inactive",
        "v5: in_progress success",
    ];
    assert_eq!(test.history(), history);
    test.quiet_pass().await;
}

/// Ends a pass while the answer to its `nth` request is on its way. False if it makes fewer requests.
async fn killed_at(test: &Test, nth: u32) -> bool {
    let milliseconds = 3_600_000;
    test.github
        .inject(Fault::new(FaultKind::Delay { milliseconds }).nth(nth));
    let killed = timeout(Duration::from_secs(20), test.pass()).await.is_err();
    test.github.clear_faults();
    killed
}

#[tokio::test(start_paused = true)]
async fn the_pod_was_killed_in_the_middle_and_the_next_one_completes_it() {
    let mut shown_to_the_next_pass = Vec::new();
    for nth in 1.. {
        let test = Test::with_app("v1", Rollout::UnderWay);
        test.pass().await;
        test.roll_out("v2", Rollout::UnderWay);
        if !killed_at(&test, nth).await {
            break;
        }
        shown_to_the_next_pass.push(test.history());
        test.pass().await;
        assert_eq!(test.history(), ["v1: in_progress inactive", "v2: in_progress"], "{nth}");
        test.quiet_pass().await;
    }
    // After the reading, the create, its status, and the closing.
    let shown: Vec<String> = shown_to_the_next_pass
        .iter()
        .map(|history| history.join(", "))
        .collect();
    assert_eq!(
        shown,
        [
            "v1: in_progress",
            "v1: in_progress, v2: ",
            "v1: in_progress, v2: in_progress",
            "v1: in_progress inactive, v2: in_progress"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_held_up_does_not_tell_old_news() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    test.pass().await;
    test.roll_out("v1", Rollout::Done);
    test.add_before_app();
    // Unfinished work goes first; `app` comes after it by the name of its environment.
    let lost = Fault::on(OperationKind::GraphQlMutation, FaultKind::LostAnswer);
    test.github.inject(lost.always());
    test.pass().await;
    test.github.clear_faults();
    assert_eq!(test.history_of("a-1"), ["v1: "]);
    assert_eq!(test.history(), ["v1: in_progress"]);

    let milliseconds = 15_000;
    let slow = Fault::on(OperationKind::GraphQlMutation, FaultKind::Delay { milliseconds });
    test.github.inject(slow.times(4));
    let newer_run = async {
        sleep(Duration::from_secs(5)).await;
        test.roll_out("v2", Rollout::Done);
        test.pass().await
    };
    let (document, newer) = tokio::join!(test.pass(), newer_run);
    assert_eq!(
        all_said(&newer)[3..],
        ["a-4 unchanged v1 in_progress", "app create v2 success"]
    );
    assert_eq!(
        all_said(&document)[3..],
        ["a-4 update v1 in_progress", "app unchanged v2 success"]
    );
    assert_eq!(test.history(), ["v1: in_progress inactive", "v2: success"]);
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn our_pipeline_reports_and_so_does_our_cron_job() {
    for given in [None, Some("v2")] {
        let mut test = Test::with_app("v1", Rollout::Done);
        assert_eq!(all_said(&test.pass().await), ["app create v1 success"]);

        test.ask_by_flags(given);
        test.roll_out("v2", Rollout::UnderWay);
        assert_eq!(all_said(&test.pass().await), ["- create v2 in_progress"]);
        test.roll_out("v2", Rollout::Done);
        assert_eq!(all_said(&test.pass().await), ["- update v2 success"]);

        test.select(None);
        test.github.clear_journal();
        assert_eq!(all_said(&test.pass().await), ["app unchanged v2 success"]);
        assert_eq!(test.github_writes(), Vec::<String>::new(), "only the object is told");
        // kubectl rollout undo
        test.roll_out("v1", Rollout::Done);
        assert_eq!(all_said(&test.pass().await), ["app create v1 success"]);
        let history = [
            "v1: success inactive",
            "v2: in_progress success inactive",
            "v1: success",
        ];
        assert_eq!(test.history(), history, "{given:?}");
        test.quiet_pass().await;
    }
}

#[tokio::test(start_paused = true)]
async fn our_pipeline_names_another_ref_than_our_cron_job_and_they_do_not_fight() {
    let mut test = Test::with_app("v1", Rollout::Done);
    test.pass().await;
    test.roll_out("v2", Rollout::Done);
    test.ask_by_flags(Some("v7"));
    assert_eq!(all_said(&test.pass().await), ["- create v7 success"]);
    test.select(None);
    assert_eq!(all_said(&test.pass().await), ["app create v2 success"]);
    for _ in 0..3 {
        test.ask_by_flags(Some("v7"));
        assert_eq!(all_said(&test.quiet_pass().await), ["- skip RefConflict"]);
        test.select(None);
        assert_eq!(all_said(&test.quiet_pass().await), ["app unchanged v2 success"]);
    }
    let history = ["v1: success inactive", "v7: success inactive", "v2: success"];
    assert_eq!(test.history(), history);
}

#[tokio::test(start_paused = true)]
async fn our_workflow_makes_its_own_deployment_and_the_next_rollout_is_without_it() {
    let test = Test::with_app("v1", Rollout::UnderWay);
    others_deployment(&test, "v1", "queued", json!("deployed by hand")).await;
    assert_eq!(all_said(&test.pass().await), ["app update v1 in_progress"]);
    test.roll_out("v1", Rollout::Done);
    assert_eq!(all_said(&test.pass().await), ["app update v1 success"]);
    assert_eq!(test.history(), ["v1: queued in_progress success"]);
    test.quiet_pass().await;

    test.roll_out("v2", Rollout::Done);
    assert_eq!(all_said(&test.pass().await), ["app create v2 success"]);
    let history = ["v1: queued in_progress success inactive", "v2: success"];
    assert_eq!(test.history(), history);
    assert_eq!(test.newest().payload[MARKER]["ref"], "v2");
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn i_went_back_to_the_version_before_and_it_still_knows_what_the_later_one_wrote() {
    let before = Test::with_app("v1", Rollout::Done);
    before.pass().await;
    let mut own = before.newest().payload;
    merge(&mut own[MARKER], json!({"v": 2, "shard": {"number": 3}}));

    let test = Test::with_app("v1", Rollout::Done);
    let mut of_another = own.clone();
    let identity = json!({"by": ["0123456789ab", "0123456789ab"], "object": "0123456789ab", "uid": "of-another"});
    merge(&mut of_another[MARKER], identity);
    others_deployment(&test, "v1", "in_progress", of_another.clone()).await;
    others_deployment(&test, "v1", "success", of_another).await;
    others_deployment(&test, "v1", "success", own).await;
    assert_eq!(all_said(&test.pass().await), ["app unchanged v1 success"]);

    test.roll_out("v2", Rollout::Done);
    assert_eq!(all_said(&test.pass().await), ["app create v2 success"]);
    let history = ["v1: in_progress", "v1: success", "v1: success inactive", "v2: success"];
    assert_eq!(test.history(), history, "nothing of another source is used or closed");
    test.quiet_pass().await;
}

#[tokio::test(start_paused = true)]
async fn a_marker_that_cannot_be_read_is_somebody_elses() {
    let rows = [
        json!({MARKER: null}),
        json!({MARKER: "v1"}),
        json!({MARKER: {"v": 1}}),
        json!({MARKER: {"v": 1, "ref": 1}}),
        json!({MARKER: {"v": 1, "ref": "v1", "by": "shop/app"}}),
    ];
    for payload in rows {
        let test = Test::with_app("v1", Rollout::Done);
        others_deployment(&test, "v2", "in_progress", payload.clone()).await;
        others_deployment(&test, "v1", "in_progress", payload.clone()).await;
        assert_eq!(all_said(&test.pass().await), ["app update v1 success"], "{payload}");
        let history = ["v2: in_progress", "v1: in_progress success"];
        assert_eq!(test.history(), history, "{payload}");
        test.quiet_pass().await;
    }
}

#[tokio::test(start_paused = true)]
async fn my_first_run_in_a_full_cluster_does_not_flood_github() {
    let mut test = Test::new();
    test.settings.since = Some(Duration::from_secs(3_600));
    for number in 0..500 {
        let environment = format!("environment-{}", number % 25);
        test.add(&format!("app-{number:03}"), &environment, "v1", Rollout::Done);
    }
    let document = test.pass().await;
    assert_eq!(document.summary.skip, 500);
    assert_eq!(test.github_writes(), Vec::<String>::new());
    test.quiet_pass().await;

    test.cluster.apply(deployment("app-123", "v2", Rollout::UnderWay));
    assert_eq!(said_of(&test, "app-123").await, "app-123 create v2 in_progress");
    test.cluster.apply(deployment("app-123", "v2", Rollout::Done));
    assert_eq!(said_of(&test, "app-123").await, "app-123 update v2 success");
    assert_eq!(test.history_of("environment-23"), ["v2: in_progress success"]);
    assert_eq!(test.github.all_deployments(REPOSITORY).len(), 1);
    test.quiet_pass().await;
}

/// What a pass says about a source; the others are skipped.
async fn said_of(test: &Test, name: &str) -> String {
    let document = test.pass().await;
    assert_eq!(document.summary.skip, document.summary.sources - 1);
    let mut said = all_said(&document);
    said.retain(|line| line.starts_with(name));
    said.pop().expect("a source of this name")
}
