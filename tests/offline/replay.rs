//! What `-v` puts into the document is all that the decision depends on.

use kube_status_to_github::plan::{Change, Situation, plan};
use serde_json::{Value, json};

use crate::{
    ROLLED_OUT, ROLLING_OUT, laptop, quickstart,
    support::laptop::{Laptop, Progress, deployment, github_deployment},
};

/// What a change is, in the words of the document.
fn in_the_document(change: &Change) -> Value {
    let (action, deployment) = match change {
        Change::Create { .. } => ("create", Value::Null),
        Change::Status { deployment, .. } => ("status", json!(deployment)),
        Change::Close { deployment, .. } => ("close", json!(deployment)),
    };
    json!([action, change.rule(), change.state(), deployment])
}

/// Decides again what a dry run decided, from nothing but what it printed.
fn replayed(laptop: &Laptop, arguments: &str, code: i32) -> usize {
    let document = laptop
        .run_in_repository(&format!("{arguments} --dry-run -o json -v"))
        .expect(code)
        .document();
    let situations: Vec<Situation> = serde_json::from_value(document["situations"].clone()).unwrap();
    let decided: Vec<Value> = situations
        .iter()
        .flat_map(|situation| plan(situation).changes)
        .map(|change| in_the_document(&change))
        .collect();
    let printed: Vec<Value> = document["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            json!([
                change["action"],
                change["rule"],
                change["state"],
                change["deployment"]["nodeId"]
            ])
        })
        .collect();
    assert_eq!(decided, printed, "{document:#}");
    situations.len()
}

#[test]
fn a_decision_can_be_replayed_from_what_a_dry_run_prints() {
    let laptop = laptop();
    let all =
        "sync -f examples/services.yaml -f examples/extract -f examples/preview.yaml --objects examples/objects.yaml";
    assert!(replayed(&laptop, all, 0) > 3);
    laptop.run_in_repository(all).expect(0);
    assert!(replayed(&laptop, all, 0) > 3);

    laptop.run_in_repository(&quickstart(ROLLING_OUT, "")).expect(0);
    assert_eq!(replayed(&laptop, &quickstart(ROLLED_OUT, ""), 0), 1);

    let declared = "{name: r, environment: e}";
    let declared = github_deployment("app", "{kind: Deployment, name: app}", "{containerName: app}", declared);
    laptop.write("declared.yaml", declared);
    let file = |name: &str| laptop.folder().join(name).display().to_string();
    let app = format!("sync -f {} --objects {}", file("declared.yaml"), file("objects.yaml"));
    laptop.write("objects.yaml", deployment("app", "r/app:v1", Progress::Rolling));
    laptop.run_in_repository(&app).expect(0);
    // It is gone, which is an error, and its unfinished deployment is closed.
    laptop.write("objects.yaml", deployment("another", "r/app:v1", Progress::Rolling));
    assert_eq!(replayed(&laptop, &app, 1), 1);
}

#[test]
fn without_v_the_document_has_no_situations() {
    let laptop = laptop();
    let document = laptop
        .run_in_repository(&quickstart(ROLLED_OUT, " --dry-run -o json"))
        .expect(0)
        .document();
    assert_eq!(document["situations"], Value::Null);
}
