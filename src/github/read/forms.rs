//! Errors as servers put them that keep less closely to GitHub's form: they mean the same.

use serde_json::{Value, json};

use super::super::testing::{execute, github, json as answer, query};

const MISSING: &str = "Could not resolve to a Repository with the name 'shop/gone'.";

#[tokio::test(start_paused = true)]
async fn a_missing_repository_is_known_by_its_name() {
    let rows: [(&str, Value); 4] = [
        ("no path", json!({ "type": "NOT_FOUND", "message": MISSING })),
        (
            "path without alias",
            json!({ "type": "NOT_FOUND", "path": ["repository"], "message": MISSING }),
        ),
        (
            "type among the extensions",
            json!({ "extensions": { "type": "NOT_FOUND" }, "path": ["r1"], "message": MISSING }),
        ),
        (
            "name as GitHub writes it",
            json!({ "type": "NOT_FOUND", "message": MISSING.replace("shop/gone", "Shop/Gone") }),
        ),
    ];
    for (name, error) in rows {
        let (github, journal) = github(move |call, _| {
            let mut body = execute(call, |_| Vec::new(), |_| None);
            body["data"]["r1"] = Value::Null;
            body["errors"] = json!([error]);
            answer(&body)
        });
        let readings = github
            .read(&[
                query("shop/app", "production", &[]),
                query("shop/gone", "production", &[]),
            ])
            .await;
        assert!(readings[0].is_ok(), "{name}");
        assert_eq!(
            readings[1].as_ref().unwrap_err().reason(),
            "RepositoryNotFound",
            "{name}"
        );
        assert_eq!(journal.lock().unwrap().len(), 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_repository_of_another_name_says_nothing() {
    for error in [
        json!({ "type": "NOT_FOUND", "message": MISSING.replace("shop/gone", "shop/gone-too") }),
        json!({ "type": "SERVICE_UNAVAILABLE", "message": MISSING }),
    ] {
        let body = json!({ "data": { "r0": null }, "errors": [error] });
        let (github, _) = github(move |_, _| answer(&body));
        let readings = github.read(&[query("shop/gone", "production", &[])]).await;
        assert_eq!(readings[0].as_ref().unwrap_err().reason(), "GitHubRefused", "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_out_for_a_reason_has_the_reason() {
    for path in [json!(["r0"]), json!(["r0", "e0"])] {
        let error = json!({ "type": "SERVICE_UNAVAILABLE", "path": path, "message": "Down for a moment" });
        let body = json!({ "data": { "r0": null }, "errors": [error] });
        let (github, _) = github(move |_, _| answer(&body));
        let readings = github.read(&[query("shop/app", "production", &[])]).await;
        let message = readings[0].as_ref().unwrap_err().to_string();
        assert_eq!(
            message,
            "GitHub did not answer a query in full (HTTP 200): Down for a moment"
        );
    }
}
