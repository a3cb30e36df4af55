//! Documents for the tests of this module.

use serde_json::{Value, json};

use super::document::{Action, Document, Outcome, SourceResult, Summary};

/// A pass over three namespaces in which everything happens that can.
pub(crate) fn document() -> Document {
    let app = |namespace: &str, name: &str| json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": namespace, "name": name, "uid": "u-1"});
    document_of(
        vec![
            result(json!({
                "githubDeployment": {"namespace": "shop", "name": "app"},
                "source": app("shop", "app"),
                "ref": "v1.2.0", "commit": "0123456789abcdef0123456789abcdef01234567",
                "health": {"status": "InProgress", "message": "Replicas: 1/2"},
                "state": "in_progress", "action": "create", "rule": "moved",
                "deployment": {"nodeId": "DE_2", "id": 4_300_000_000_u64, "url": "https://github.example/shop/app/deployments"},
                "warnings": ["containerName and jsonPath are both set: containerName wins"],
            })),
            result(json!({
                "githubDeployment": {"namespace": "shop", "name": "database"},
                "source": {"apiVersion": "apps/v1", "kind": "StatefulSet", "namespace": "data", "name": "postgres", "uid": "u-2"},
                "ref": "17.2", "health": {"status": "Current", "message": "All replicas scheduled as expected. Replicas: 1"},
                "state": "success", "action": "update", "rule": "advance",
                "deployment": {"nodeId": "DE_3", "id": null, "url": null},
            })),
            result(json!({
                "githubDeployment": {"namespace": "shop", "name": "worker"},
                "source": app("shop", "worker"), "ref": "v1.1.0",
                "health": {"status": "Current", "message": "Deployment is available. Replicas: 2"},
                "state": "success", "action": "unchanged", "rule": "final",
                "deployment": {"nodeId": "DE_4", "id": null, "url": null},
            })),
            result(json!({
                "githubDeployment": {"namespace": "blog", "name": "asleep"},
                "source": app("blog", "asleep"), "action": "skip", "reason": "Suspended", "message": "spec.suspend is true",
            })),
            result(json!({
                "githubDeployment": {"namespace": "blog", "name": "broken"},
                "source": app("blog", "broken"), "ref": "v9",
                "health": {"status": "Failed", "message": "Progress deadline exceeded"},
                "state": "failure", "action": "fail",
                "error": {"reason": "RefNotFound", "message": "ref v9 is not in shop/app; push the tag, or correct spec.extract"},
            })),
            result(json!({
                "githubDeployment": {"namespace": "blog", "name": "nasty"},
                "source": {"apiVersion": "example.com/v1", "kind": "Stage", "namespace": null, "name": "main", "uid": null},
                "ref": "main", "health": {"status": "Unknown", "message": "Unknown"},
                "state": "pending", "action": "defer", "reason": "MaxWrites",
                "message": "::set-env name=A::\u{1b}[31mB\nsecond\u{9b}line ##[x]",
            })),
            result(json!({
                "githubDeployment": {"namespace": "blog", "name": "preview"},
                "source": app("blog", "preview"), "action": "close", "rule": "ended",
                "message": "::the object is gone", "deployment": {"nodeId": "DE_5", "id": null, "url": null},
            })),
        ],
        json!([
            change("create", "v1.2.0", "in_progress", "moved", "none"),
            change("status", "17.2", "success", "advance", "in_progress"),
            change("close", "preview", "inactive", "ended", "success"),
            {"action": "create", "repository": "shop/app", "environment": "production", "task": "web", "ref": "main",
             "state": "pending", "rule": "new", "deployment": null, "outcome": "deferred", "before": null},
            {"action": "create", "repository": "shop/app", "environment": "production", "task": "deploy", "ref": "v9",
             "state": "failure", "rule": "new", "deployment": null, "outcome": "failed", "before": null},
        ]),
    )
}

/// What a dry run of a quiet pass says.
pub(crate) fn dry_run() -> Document {
    let mut document = document();
    document.dry_run = true;
    document
        .results
        .retain(|result| matches!(result.action, Action::Create | Action::Unchanged));
    document.changes.truncate(1);
    for change in &mut document.changes {
        change.outcome = Outcome::Planned;
    }
    document.summary = summary(&document.results);
    document
}

/// A source from flags, of which GitHub knows everything already.
pub(crate) fn from_flags() -> Document {
    let mut document = document();
    document.results.retain(|result| result.action == Action::Unchanged);
    for result in &mut document.results {
        result.github_deployment = None;
    }
    document.changes.clear();
    document.summary = summary(&document.results);
    document
}

/// The answer of `close`: no sources, one change.
pub(crate) fn closed() -> Document {
    let mut document = document();
    document.results.clear();
    document.changes = document.changes.split_off(2);
    document.changes.truncate(1);
    document.summary = Summary::default();
    document
}

/// Nothing.
pub(crate) fn empty() -> Document {
    document_of(Vec::new(), json!([]))
}

/// A result with what `fields` say beside what all have.
pub(crate) fn result(fields: Value) -> SourceResult {
    let mut result = json!({
        "githubDeployment": {"namespace": "shop", "name": "app"}, "source": null, "repository": "shop/app",
        "environment": "production", "task": "deploy", "ref": null, "commit": null, "health": null, "state": null,
        "rule": null, "reason": null, "message": null, "deployment": null, "error": null,
    });
    let Value::Object(fields) = fields else {
        panic!("fields are an object");
    };
    for (name, value) in fields {
        result[name] = value;
    }
    serde_json::from_value(result).expect("a result")
}

fn change(action: &str, git_ref: &str, state: &str, rule: &str, before: &str) -> Value {
    json!({
        "action": action, "repository": "shop/app", "environment": "production", "task": "deploy", "ref": git_ref,
        "state": state, "rule": rule, "deployment": {"nodeId": "DE_1", "id": null, "url": null}, "outcome": "done",
        "before": before,
    })
}

fn document_of(results: Vec<SourceResult>, changes: Value) -> Document {
    Document {
        api_version: super::API_VERSION.to_owned(),
        dry_run: false,
        summary: summary(&results),
        results,
        changes: serde_json::from_value(changes).expect("changes"),
        existing: Vec::new(),
        situations: Vec::new(),
    }
}

fn summary(results: &[SourceResult]) -> Summary {
    let count = |action| results.iter().filter(|result| result.action == action).count();
    Summary {
        sources: results.len(),
        create: count(Action::Create),
        update: count(Action::Update),
        close: count(Action::Close),
        unchanged: count(Action::Unchanged),
        skip: count(Action::Skip),
        defer: count(Action::Defer),
        fail: count(Action::Fail),
    }
}
