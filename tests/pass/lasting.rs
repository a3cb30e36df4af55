//! What goes wrong in pass after pass is shown once: one status, one event.

use std::time::Duration;

use github_emulator::{Fault, FaultKind, OperationKind};
use kube_status_to_github::sync::run_once;
use serde_json::{Value, json};

use crate::{
    objects::{NAMESPACE, Rollout, deployment_path, github_deployment, merge},
    world::{ENVIRONMENT, REPOSITORY, Test},
};

const STATUS: &str = "PATCH /apis/github.decathlon.com/v1beta1/namespaces/shop/githubdeployments/app/status";
const EVENT: &str = "POST /apis/events.k8s.io/v1/namespaces/shop/events";

const PASSES: u32 = 5;

/// A kind of fault, in other words in each pass.
type Kind<'a> = &'a dyn Fn(u32) -> FaultKind;

/// Several passes, not quite a quarter of an hour apart, be it of one process or of several. `arm` gets the number of
/// the pass that begins. The first one tells what is wrong, and the others write nothing.
async fn shown_once(test: &Test, name: &str, one_process: bool, arm: impl Fn(u32)) {
    let first = test.world();
    for pass in 0..PASSES {
        arm(pass);
        let world = if one_process { first.clone() } else { test.world() };
        // Where GitHub as a whole is out of reach that is an error of the pass, and the objects tell it all the same.
        let _ = run_once(&world, &test.settings).await;
        let ready = &test.shown()["conditions"][0];
        let expected: &[&str] = if pass == 0 { &[STATUS, EVENT] } else { &[] };
        assert_eq!(test.cluster.take_writes(), expected, "{name}, pass {pass}: {ready:#}");
        tokio::time::sleep(Duration::from_secs(887) + Duration::from_secs(7) * pass).await;
    }
    assert_eq!(test.cluster.events(NAMESPACE).len(), 1, "{name}");
}

/// Every request fails, or those of one operation.
async fn github_fails(name: &str, kind: Kind<'_>) {
    for operation in [
        None,
        Some(OperationKind::CreateDeployment),
        Some(OperationKind::GraphQlMutation),
    ] {
        for one_process in [false, true] {
            let test = Test::with_app("v1", Rollout::Done);
            let name = format!("{name} at {operation:?}, one process: {one_process}");
            shown_once(&test, &name, one_process, |pass| {
                test.github.clear_faults();
                let fault = Fault::new(kind(pass));
                let fault = operation.map_or(fault, |operation| Fault::on(operation, kind(pass)));
                test.github.inject(fault.always());
            })
            .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_github() {
    for kind in FaultKind::each() {
        // To make and to read so many bytes for each request would take the test a minute.
        if !matches!(kind, FaultKind::HugeBody { .. }) {
            github_fails(&format!("{kind:?}"), &|_| kind.clone()).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn words_of_github_that_are_other_ones_each_time() {
    let words = |pass: u32| {
        format!(
            "Something went wrong while executing your query on 2026-01-31T0{pass}:17:59Z. Please include \
             `0D0{pass}:2F9A:1B3F{pass}:3C4D5E:65A0B1C2` when reporting this issue."
        )
    };
    let rows: [(&str, Kind<'_>); 4] = [
        ("a time-out of GitHub", &|pass| FaultKind::Status {
            code: 502,
            body: Some(json!({"data": null, "errors": [{"message": words(pass)}]})),
        }),
        ("a query that goes wrong", &|pass| FaultKind::GraphQlErrors {
            data: false,
            kind: "INTERNAL".to_owned(),
            message: words(pass),
        }),
        ("a limit that is longer each time", &|pass| {
            FaultKind::RateLimitSecondary {
                retry_after: Some(100 + u64::from(pass)),
            }
        }),
        ("a proxy", &|pass| FaultKind::Status {
            code: 503,
            body: Some(json!({"message": format!("no upstream for 3b8f2f6e-8d5c-4d7e-9a1b-2c3d4e5f607{pass}")})),
        }),
    ];
    for (name, kind) in rows {
        github_fails(name, kind).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_cluster_refuses() {
    for code in [401, 403, 404, 409, 429, 500, 503] {
        let test = Test::with_app("v1", Rollout::Done);
        test.cluster.refuse(&deployment_path("app"), code);
        shown_once(&test, &code.to_string(), false, |_| {}).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_user_has_to_change() {
    let rows: [(&str, Value); 7] = [
        ("suspended", json!({"suspend": true})),
        ("no such container", json!({"extract": {"containerName": "web"}})),
        (
            "no such field",
            json!({"extract": {"containerName": "", "jsonPath": "$.spec.nothing"}}),
        ),
        (
            "not an expression",
            json!({"extract": {"containerName": "", "jsonPath": "$["}}),
        ),
        ("no such ref", json!({"extract": {"template": "{}-rc"}})),
        ("no such repository", json!({"repository": {"name": "octo-org/none"}})),
        ("gone", json!({"sourceRef": {"name": "none"}})),
    ];
    for (name, spec) in rows {
        let test = Test::new();
        test.roll_out("v1", Rollout::Done);
        let mut object = github_deployment("app", REPOSITORY, ENVIRONMENT, json!({}));
        merge(&mut object, json!({ "spec": spec }));
        test.cluster.apply(object);
        shown_once(&test, name, false, |_| {}).await;
    }
}

#[tokio::test(start_paused = true)]
async fn writes_that_are_used_up() {
    let mut test = Test::with_app("v1", Rollout::Done);
    test.settings.max_writes = 1;
    shown_once(&test, "--max-writes", false, |_| {}).await;
}
