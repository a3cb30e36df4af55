use serde_json::json;

use super::*;
use crate::report::{ExistingEnvironment, fixtures};

fn existing(git_ref: &str, status: LatestStatus) -> ExistingDeployment {
    ExistingDeployment {
        node_id: format!("DE_{git_ref}"),
        task: DEFAULT_TASK.to_owned(),
        git_ref: git_ref.to_owned(),
        status,
    }
}

fn change(action: &str, environment: &str, git_ref: &str, before: Option<&str>, state: &str) -> ChangeResult {
    serde_json::from_value(json!({
        "action": action, "repository": "shop/app", "environment": environment, "task": "deploy", "ref": git_ref,
        "state": state, "rule": "new", "outcome": "planned", "before": before,
        "deployment": before.map(|_| json!({"nodeId": format!("DE_{git_ref}"), "id": null, "url": null})),
    }))
    .unwrap()
}

fn document() -> Document {
    let mut document = fixtures::empty();
    document.dry_run = true;
    document.existing = vec![
        ExistingEnvironment {
            repository: "shop/app".to_owned(),
            environment: "production".to_owned(),
            deployments: vec![
                ExistingDeployment {
                    task: "migrate".to_owned(),
                    ..existing("v1.5.0", LatestStatus::None)
                },
                existing("v1.4.0", LatestStatus::Success),
                existing("v1.3.0-rc.1+build-with-a-long-name", LatestStatus::InProgress),
                existing("v1.2.0", LatestStatus::Inactive),
            ],
        },
        ExistingEnvironment {
            repository: "shop/app".to_owned(),
            environment: "staging".to_owned(),
            deployments: (1..=8)
                .rev()
                .map(|number| existing(&format!("v{number}"), LatestStatus::Success))
                .collect(),
        },
        ExistingEnvironment {
            repository: "shop/app".to_owned(),
            environment: "empty".to_owned(),
            deployments: vec![existing("v1", LatestStatus::Inactive)],
        },
    ];
    document.changes = vec![
        change("create", "production", "v2.0.0", None, "in_progress"),
        change("status", "production", "v1.4.0", Some("success"), "failure"),
        change(
            "close",
            "production",
            "v1.3.0-rc.1+build-with-a-long-name",
            Some("in_progress"),
            "inactive",
        ),
        // `close` knows its changes only.
        change("close", "pr-12", "v9\u{1b}[2J", Some("success"), "inactive"),
    ];
    document
}

fn text(style: Style) -> String {
    let mut out = Vec::new();
    assert!(write(&document(), &mut out, style).unwrap());
    String::from_utf8(out).unwrap()
}

#[test]
fn what_is_there_and_what_would_be() {
    insta::assert_snapshot!("wide", text(Style::default()));
    let narrow = Style {
        width: Some(40),
        ..Style::default()
    };
    insta::assert_snapshot!("narrow", text(narrow));
    let coloured = text(Style {
        colours: true,
        ..Style::default()
    });
    assert!(coloured.contains("\u{1b}[31m- v1.4.0 success\u{1b}[0m\n\u{1b}[32m+ v1.4.0 failure (update)\u{1b}[0m"));
    assert_eq!(
        anstream::adapter::strip_str(&coloured).to_string(),
        text(Style::default())
    );
}

#[test]
fn nothing_is_nothing() {
    let mut out = Vec::new();
    assert!(!write(&fixtures::empty(), &mut out, Style::default()).unwrap());
    assert_eq!(out, b"");
}
