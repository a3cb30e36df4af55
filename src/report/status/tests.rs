use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};

use super::*;
use crate::report::fixtures;

const THEN: i64 = 1_700_000_000;
const NOW: i64 = 1_700_009_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a time")
}

/// A result of which GitHub shows success, with other `fields` on top.
fn result(fields: Value) -> SourceResult {
    let mut all = json!({
        "source": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "app", "uid": "u"},
        "ref": "v1", "health": {"status": "Current", "message": "fine"}, "state": "success", "action": "create",
        "rule": "new", "deployment": {"nodeId": "DE_1", "id": 4_300_000_000_u64, "url": "https://github.example/1"},
    });
    for (name, value) in fields.as_object().expect("fields") {
        all[name] = value.clone();
    }
    fixtures::result(all)
}

/// What an object shows after `result(fields)`, seen at [`THEN`].
fn shown(fields: Value) -> GitHubDeploymentStatus {
    desired(&result(fields), Some(7), Some(3), None, at(THEN)).expect("a first status")
}

#[test]
fn first_status() {
    let status = shown(json!({}));
    insta::assert_json_snapshot!(status, @r#"
    {
      "deploymentId": 4300000000,
      "ref": "v1",
      "source": "apps/v1/Deployment/shop/app",
      "sourceGeneration": 7,
      "status": "Current",
      "state": "success",
      "deploymentNodeId": "DE_1",
      "deploymentUrl": "https://github.example/1",
      "observedGeneration": 3,
      "conditions": [
        {
          "lastTransitionTime": "2023-11-14T22:13:20Z",
          "message": "reported to shop/app, environment production",
          "observedGeneration": 3,
          "reason": "Reported",
          "status": "True",
          "type": "Ready"
        }
      ]
    }
    "#);
}

#[test]
fn a_quiet_pass_changes_nothing() {
    // GraphQL tells no number and the second pass has nothing to do: neither is a change.
    let second = json!({
        "action": "unchanged", "rule": "same", "deployment": {"nodeId": "DE_1", "id": null, "url": null},
        "message": "GitHub shows it", "health": {"status": "Current", "message": "still fine"},
    });
    let mut before = shown(json!({}));
    assert_eq!(
        desired(&result(second.clone()), Some(7), Some(3), Some(&before), at(NOW)),
        None
    );

    // Conditions of others are none of our business.
    let mut foreign = before.conditions.clone().expect("conditions")[0].clone();
    foreign.type_ = "Reviewed".to_owned();
    before.conditions.as_mut().expect("conditions").push(foreign);
    assert_eq!(desired(&result(second), Some(7), Some(3), Some(&before), at(NOW)), None);

    let failed = json!({"action": "fail", "error": {"reason": "RefNotFound", "message": "no such ref"}});
    let before = shown(failed.clone());
    assert_eq!(desired(&result(failed), Some(7), Some(3), Some(&before), at(NOW)), None);
}

#[test]
fn the_condition_says_why() {
    let error = |reason: &str| json!({"reason": reason, "message": "what to do"});
    for (name, fields, status, reason, message) in [
        (
            "created",
            json!({"action": "create"}),
            "True",
            "Reported",
            "reported to shop/app, environment production",
        ),
        (
            "closed",
            json!({"action": "close"}),
            "True",
            "Reported",
            "reported to shop/app, environment production",
        ),
        (
            "failed",
            json!({"action": "fail", "error": error("Forbidden")}),
            "False",
            "Forbidden",
            "what to do",
        ),
        (
            "suspended",
            json!({"action": "skip", "reason": "Suspended", "message": "m"}),
            "False",
            "Suspended",
            "m",
        ),
        (
            "deferred",
            json!({"action": "defer", "reason": "MaxWrites", "message": "m"}),
            "False",
            "MaxWrites",
            "m",
        ),
        ("no reason", json!({"action": "skip"}), "False", "NotReported", ""),
        (
            "text from outside",
            json!({"action": "fail", "error": {"reason": "Refused", "message": "a\n\u{1b}b"}}),
            "False",
            "Refused",
            "a �b",
        ),
    ] {
        let status_found = shown(fields);
        let ready = condition(&status_found).expect(name);
        assert_eq!(
            (ready.status.as_str(), ready.reason.as_str(), ready.message.as_str()),
            (status, reason, message),
            "{name}"
        );
    }
}

#[test]
fn the_transition_time_moves_with_the_status_only() {
    let failed = |reason: &str| json!({"action": "fail", "error": {"reason": reason, "message": reason}});
    for (name, before, after, expected) in [
        ("ready stays", json!({}), json!({"ref": "v2"}), THEN),
        ("ready is lost", json!({}), failed("Forbidden"), NOW),
        ("another failure", failed("Forbidden"), failed("Unreachable"), THEN),
        ("ready again", failed("Forbidden"), json!({}), NOW),
    ] {
        let before = shown(before);
        let after = desired(&result(after), Some(7), Some(3), Some(&before), at(NOW)).expect(name);
        let ready = condition(&after).expect(name);
        assert_eq!(ready.last_transition_time, Time(at(expected)), "{name}");
    }
}

#[test]
fn the_number_stays_with_its_deployment() {
    let deployment = |node_id: &str, id: Option<u64>| json!({"nodeId": node_id, "id": id, "url": null});
    let forbidden = json!({"reason": "Forbidden", "message": "m"});
    for (name, after, expected) in [
        (
            "same",
            json!({"deployment": deployment("DE_1", None), "state": "failure"}),
            (Some(4_300_000_000), Some("DE_1")),
        ),
        (
            "another without a number",
            json!({"deployment": deployment("DE_2", None)}),
            (None, Some("DE_2")),
        ),
        (
            "another",
            json!({"deployment": deployment("DE_2", Some(5))}),
            (Some(5), Some("DE_2")),
        ),
        (
            "nothing could be read",
            json!({"deployment": null, "ref": null, "health": null, "state": null, "action": "fail", "error": forbidden}),
            (Some(4_300_000_000), Some("DE_1")),
        ),
        (
            "GitHub could not be read, same ref",
            json!({"deployment": null, "action": "fail", "error": forbidden}),
            (Some(4_300_000_000), Some("DE_1")),
        ),
        (
            "GitHub could not be read, another ref",
            json!({"deployment": null, "ref": "v2", "action": "fail", "error": forbidden}),
            (None, None),
        ),
        (
            "beyond i64",
            json!({"deployment": deployment("DE_2", Some(u64::MAX))}),
            (None, Some("DE_2")),
        ),
    ] {
        let before = shown(json!({}));
        let after = desired(&result(after), Some(7), Some(3), Some(&before), at(NOW)).expect(name);
        assert_eq!(
            (after.deployment_id, after.deployment_node_id.as_deref()),
            expected,
            "{name}"
        );
    }
}

#[test]
fn what_was_not_seen_is_left_out_unless_skipped() {
    let before = shown(json!({}));
    let unseen = json!({"source": null, "ref": null, "health": null, "state": null, "deployment": null});
    let with = |fields: Value| {
        let mut all = unseen.clone();
        for (name, value) in fields.as_object().expect("fields") {
            all[name] = value.clone();
        }
        result(all)
    };
    let failed = with(json!({"action": "fail", "error": {"reason": "Forbidden", "message": "m"}}));
    let after = desired(&failed, None, Some(3), Some(&before), at(NOW)).expect("a failure");
    assert_eq!(
        (after.git_ref, after.status, after.state, after.source_generation),
        (None, None, None, None)
    );

    let suspended = with(json!({"action": "skip", "reason": "Suspended", "message": "spec.suspend is true"}));
    let after = desired(&suspended, None, Some(4), Some(&before), at(NOW)).expect("a suspension");
    assert_eq!(
        (
            after.git_ref.as_deref(),
            after.status.as_deref(),
            after.source_generation,
            after.observed_generation
        ),
        (Some("v1"), Some("Current"), Some(7), Some(4))
    );
}

#[test]
fn an_event_only_where_something_happened() {
    for (name, before, after, expected) in [
        (
            "first",
            None,
            json!({}),
            Some("Normal Reported CreateDeployment: v1 is success: reported to shop/app, environment production"),
        ),
        (
            "first failure of a rollout",
            None,
            json!({"state": "failure"}),
            Some("Warning Reported CreateDeployment: v1 is failure: reported to shop/app, environment production"),
        ),
        (
            "another state",
            Some(json!({"state": "in_progress"})),
            json!({"action": "update"}),
            Some("Normal Reported UpdateDeployment: v1 is success: reported to shop/app, environment production"),
        ),
        (
            "fails now",
            Some(json!({})),
            json!({"action": "fail", "error": {"reason": "RefNotFound", "message": "push the tag"}}),
            Some("Warning RefNotFound Report: push the tag"),
        ),
        (
            "suspended now",
            Some(json!({})),
            json!({"action": "skip", "reason": "Suspended", "message": "spec.suspend is true"}),
            Some("Normal Suspended Skip: spec.suspend is true"),
        ),
        (
            "only the health's word",
            Some(json!({"health": null})),
            json!({"action": "unchanged"}),
            None,
        ),
    ] {
        let before = before.map(shown);
        let after = result(after);
        let status = desired(&after, Some(7), Some(3), before.as_ref(), at(NOW)).expect(name);
        let found = note(&after, &status, before.as_ref()).map(|note| {
            let kind = if note.warning { "Warning" } else { "Normal" };
            format!("{kind} {} {}: {}", note.reason, note.action, note.note)
        });
        assert_eq!(found.as_deref(), expected, "{name}");
    }
}

#[test]
fn long_texts_are_cut_at_what_kubernetes_takes() {
    let long = json!({"action": "fail", "error": {"reason": "Refused", "message": "é".repeat(2000)}});
    let status = shown(long.clone());
    let note = note(&result(long), &status, None).expect("an event");
    assert!(
        note.note.len() <= 1024 && note.note.ends_with('…'),
        "{} bytes",
        note.note.len()
    );
    assert!(condition(&status).expect("ready").message.len() <= 1024);
}

/// A client whose API server answers by `answer`, and what it was asked.
fn server(answer: impl Fn(&str, &str) -> (u16, Value) + Clone + Send + 'static) -> (Client, Asked) {
    let asked = Asked::default();
    let journal = asked.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (answer, journal) = (answer.clone(), journal.clone());
        async move {
            let (parts, body) = request.into_parts();
            let bytes = body.collect().await.expect("a body").to_bytes();
            let content_type = parts.headers.get("content-type").and_then(|value| value.to_str().ok());
            let line = format!("{} {} {}", parts.method, parts.uri, content_type.unwrap_or_default());
            let body = String::from_utf8(bytes.to_vec()).expect("UTF-8");
            journal.lock().expect("one thread").push(format!(
                "{line}
{body}"
            ));
            let (code, body) = answer(parts.method.as_str(), parts.uri.path());
            let response = Response::builder()
                .status(code)
                .header("content-type", "application/json");
            Ok::<_, Infallible>(
                response
                    .body(Body::from(body.to_string().into_bytes()))
                    .expect("a response"),
            )
        }
    });
    (Client::new(service, "default"), asked)
}

type Asked = Arc<Mutex<Vec<String>>>;

/// Stands for 403 in a namespace that is being deleted.
const GOING: u16 = 1403;

/// Stands for 403 by an admission webhook.
const DENIED: u16 = 2403;

/// Stands for 500 of a CustomResourceDefinition that lacks a field.
const UNDECLARED: u16 = 1500;

fn failure(code: u16) -> (u16, Value) {
    if code == GOING {
        let (_, mut status) = failure(403);
        status["details"] =
            json!({"causes": [{"reason": "NamespaceTerminating", "message": "m", "field": "metadata.namespace"}]});
        return (403, status);
    }
    let (code, message) = match code {
        DENIED => (
            403,
            "admission webhook \"policy.example.com\" denied the request: no owner",
        ),
        UNDECLARED => (
            500,
            "failed to create typed patch object (shop/app; github.decathlon.com/v1beta1, Kind=GitHubDeployment): \
             .status.state: field not declared in schema",
        ),
        code => (code, "no"),
    };
    (
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": "No", "code": code}),
    )
}

/// What the API server gives back for a status that it took.
fn taken(path: &str) -> (u16, Value) {
    if path.contains("/events") {
        return (
            201,
            json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "app-1"}, "eventTime": null}),
        );
    }
    let spec =
        json!({"sourceRef": {"kind": "Deployment", "name": "app"}, "repository": {"name": "a/b", "environment": "e"}});
    (
        200,
        json!({"apiVersion": "github.decathlon.com/v1beta1", "kind": "GitHubDeployment", "metadata": {"name": "app"}, "spec": spec}),
    )
}

fn a_write(name: &str) -> StatusWrite {
    let result = result(json!({}));
    let status = shown(json!({}));
    StatusWrite {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        uid: Some("u-1".to_owned()),
        event: note(&result, &status, None),
        status,
    }
}

#[tokio::test]
async fn a_status_is_applied_and_an_event_created() {
    let (client, asked) = server(|_, path| taken(path));
    let written = write(&client, vec![a_write("app")], at(NOW)).await;
    assert_eq!((written.statuses, written.events, written.warnings), (1, 1, vec![]));
    let asked = asked.lock().expect("one thread");
    insta::assert_snapshot!("requests", asked.join("\n"));
}

#[tokio::test]
async fn nothing_to_write_asks_nothing() {
    let (client, asked) = server(|_, path| taken(path));
    assert_eq!(write(&client, Vec::new(), at(NOW)).await, Written::default());
    assert!(asked.lock().expect("one thread").is_empty());
}

#[tokio::test]
async fn what_the_server_refuses() {
    for (name, status_code, event_code, expected, warning) in [
        ("vanished", 404, 201, (0, 0), None),
        ("replaced", 409, 201, (0, 0), None),
        (
            "no permission for the status",
            403,
            201,
            (0, 0),
            Some("patch githubdeployments/status in namespace shop"),
        ),
        (
            "no permission for events",
            200,
            403,
            (2, 0),
            Some("resources: [\"events\"], verbs: [\"create\"]"),
        ),
        (
            "no fields for the status",
            UNDECLARED,
            201,
            (0, 0),
            Some("replace it with `kube-status-to-github crd | kubectl apply --server-side --force-conflicts -f -`"),
        ),
        ("namespace is going", 200, GOING, (2, 0), None),
        ("namespace is gone", 200, 404, (2, 0), None),
    ] {
        let (client, _) = server(move |_, path| {
            let code = if path.contains("/events") {
                event_code
            } else {
                status_code
            };
            if code < 300 { taken(path) } else { failure(code) }
        });
        let written = write(&client, vec![a_write("app"), a_write("other")], at(NOW)).await;
        assert_eq!((written.statuses, written.events), expected, "{name}");
        match warning {
            None => assert!(written.warnings.is_empty(), "{name}: {:?}", written.warnings),
            Some(warning) => {
                assert_eq!(written.warnings.len(), 1, "{name}: once a pass, {:?}", written.warnings);
                assert!(written.warnings[0].contains(warning), "{name}: {:?}", written.warnings);
            }
        }
    }
}

#[tokio::test]
async fn a_policy_that_refuses_is_not_a_missing_permission() {
    for (status_code, event_code, expected) in [
        (DENIED, 201, "the status of GitHubDeployment shop/app was not written"),
        (200, DENIED, "the event of GitHubDeployment shop/app was not written"),
    ] {
        let (client, _) = server(move |_, path| {
            let is_event = path.contains("/events");
            let code = if is_event { event_code } else { status_code };
            if code < 300 { taken(path) } else { failure(code) }
        });
        let written = write(&client, vec![a_write("app")], at(NOW)).await;
        let said = "admission webhook \"policy.example.com\" denied the request: no owner";
        assert_eq!(written.warnings, [format!("{expected}: {said}")]);
    }
}

#[tokio::test]
async fn what_is_stored_without_a_spec_gets_its_status_too() {
    let (client, _) = server(|_, path| match taken(path) {
        (200, mut object) => {
            object.as_object_mut().expect("an object").remove("spec");
            (200, object)
        }
        event => event,
    });
    let written = write(&client, vec![a_write("app")], at(NOW)).await;
    assert_eq!((written.statuses, written.events, written.warnings), (1, 1, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_no_time_is_asked_again_but_not_for_ever() {
    for code in [429, 503, 504] {
        let asked = Arc::new(Mutex::new(0));
        let times = Arc::clone(&asked);
        let (client, _) = server(move |_, path| {
            let mut times = times.lock().expect("one thread");
            *times += 1;
            if *times <= 3 { failure(code) } else { taken(path) }
        });
        let written = write(&client, vec![a_write("app")], at(NOW)).await;
        assert_eq!(
            (written.statuses, written.events, written.warnings),
            (1, 1, vec![]),
            "{code}"
        );
    }
    let (client, asked) = server(|_, _| failure(503));
    let many: Vec<_> = (0..100).map(|number| a_write(&format!("app-{number}"))).collect();
    let written = write(&client, many, at(NOW)).await;
    assert_eq!((written.statuses, written.warnings.len()), (0, 100));
    assert_eq!(asked.lock().expect("one thread").len(), 120);
}
