use serde_json::json;

use super::*;
use crate::report::fixtures;

fn row(name: &str, word: &'static str, ready: Option<(i64, i64)>, message: &str) -> RolloutRow {
    RolloutRow {
        namespace: Some("shop".to_owned()),
        kind: "Deployment".to_owned(),
        name: name.to_owned(),
        word,
        replicas: ready.map(|(ready, desired)| Replicas { ready, desired }),
        message: message.to_owned(),
        is_final: matches!(word, "success" | "failure"),
    }
}

fn rows() -> Vec<RolloutRow> {
    vec![
        row(
            "app",
            "in_progress",
            Some((1, 3)),
            "ImagePullBackOff: image registry.example.com/shop/app:v9 not found",
        ),
        row(
            "worker-with-quite-a-long-name-for-a-terminal",
            "success",
            Some((12, 12)),
            "Replicas: 12",
        ),
        row("config", "failure", None, "\u{1b}[2J::error::gone"),
    ]
}

fn drawn(rows: &[RolloutRow], width: usize, height: usize, style: Style) -> Vec<String> {
    let timed: Vec<_> = rows
        .iter()
        .zip([7, 65, 3_725])
        .map(|(row, time)| (row, Duration::from_secs(time)))
        .collect();
    lines("STATE", &timed, width, height, style)
}

#[test]
fn the_table_at_every_width() {
    for width in [120, 80, 40] {
        insta::assert_snapshot!(
            format!("table_{width}"),
            drawn(&rows(), width, 24, Style::default()).join("\n")
        );
    }
    for width in 20..200 {
        for line in drawn(&rows(), width, 24, Style::default()) {
            assert!(line.width() <= width, "{width}: {line:?}");
            assert!(!line.chars().any(char::is_control), "{line:?}");
        }
    }
}

#[test]
fn what_is_final_goes_first_where_the_terminal_is_low() {
    let text = drawn(&rows(), 80, 5, Style::default()).join("\n");
    assert!(
        text.contains("deployment/app") && text.contains("… and 2 more"),
        "{text}"
    );
    assert!(!text.contains("worker"), "{text}");
}

#[test]
fn states_are_coloured_and_nothing_else_changes() {
    let coloured = Style {
        colours: true,
        ..Style::default()
    };
    let lines = drawn(&rows(), 120, 24, coloured);
    assert!(lines[1].contains("\u{1b}[36min_progress\u{1b}[0m"), "{lines:?}");
    assert!(lines[2].contains("\u{1b}[32msuccess\u{1b}[0m"), "{lines:?}");
    let plain: Vec<_> = lines
        .iter()
        .map(|line| anstream::adapter::strip_str(line).to_string())
        .collect();
    assert_eq!(plain, drawn(&rows(), 120, 24, Style::default()));
}

#[test]
fn without_a_terminal_every_change_is_a_line() {
    let mut live = Live::new(Progress::new(false), "STATE", Style::default());
    let at = |word, ready, message: &str| [row("app", word, Some((ready, 2)), message)];
    assert_eq!(
        live.update(&at("in_progress", 0, "Updated: 1/2")),
        ["Deployment shop/app is in_progress: Updated: 1/2"]
    );
    assert_eq!(
        live.update(&at("in_progress", 1, "Updated: 1/2")),
        Vec::<String>::new(),
        "nothing new"
    );
    assert_eq!(live.update(&at("success", 2, "")), ["Deployment shop/app is success"]);
    assert_eq!(live.update(&at("success", 2, "")), Vec::<String>::new());
}

#[test]
fn times_in_short_and_in_words() {
    for (seconds, in_short, in_words) in [
        (0, "0s", "0 s"),
        (42, "42s", "42 s"),
        (125, "2m5s", "2 min 5 s"),
        (3_725, "1h2m", "1 h 2 min"),
    ] {
        let time = Duration::from_secs(seconds);
        assert_eq!((short(time).as_str(), long(time).as_str()), (in_short, in_words));
    }
}

#[test]
fn the_last_words_of_every_end() {
    let result = |fields: serde_json::Value| {
        let mut all = json!({
            "source": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "app", "uid": "u"},
            "deployment": {"nodeId": "DE_1", "id": null, "url": "https://github.example/shop/app/deployments/staging"},
            "action": "update",
        });
        for (name, value) in fields.as_object().unwrap() {
            all[name] = value.clone();
        }
        fixtures::result(all)
    };
    let under_way = json!({"state": "in_progress", "health": {"status": "InProgress", "message": "Updated: 0/1"}});
    let url = "https://github.example/shop/app/deployments/staging";
    for (fields, ended, expected) in [
        (
            json!({"state": "success", "health": {"status": "Current", "message": "Replicas: 1"}}),
            Ended::Final,
            format!("deployment/app: success after 42 s: {url}"),
        ),
        (
            json!({"state": "failure", "health": {"status": "Failed", "message": "exit 1"}}),
            Ended::Final,
            format!("deployment/app: failure after 42 s (exit 1): {url}"),
        ),
        (
            under_way.clone(),
            Ended::TimedOut,
            format!("deployment/app: still in_progress after 42 s (Updated: 0/1): {url}"),
        ),
        (
            under_way,
            Ended::Stopped,
            format!("deployment/app: stopped after 42 s, in_progress (Updated: 0/1): {url}"),
        ),
        (
            json!({"action": "skip", "reason": "Superseded", "message": "another rollout"}),
            Ended::Final,
            "deployment/app: left alone after 42 s: another rollout".to_owned(),
        ),
        (
            json!({"action": "fail", "message": "no ref\n::error::"}),
            Ended::Final,
            "deployment/app: not reported: no ref ::error::".to_owned(),
        ),
        (
            json!({"action": "defer", "state": "success", "message": "a rate limit"}),
            Ended::TimedOut,
            "deployment/app: success after 42 s, not yet told to GitHub: a rate limit".to_owned(),
        ),
    ] {
        let mut document = fixtures::empty();
        document.results = vec![result(fields)];
        let sentences = sentences(&document, ended, Duration::from_secs(42), Style::default());
        assert_eq!(sentences, [expected]);
    }
}

#[test]
fn several_namespaces_are_told_apart() {
    let sentences = sentences(
        &fixtures::document(),
        Ended::Final,
        Duration::from_secs(1),
        Style::default(),
    );
    assert!(sentences[0].starts_with("deployment/app in shop: "), "{sentences:?}");
    assert_eq!(sentences.len(), 7);
}
