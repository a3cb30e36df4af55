use serde_json::json;

use super::{super::mock, *};

fn reference(api_version: &str, kind: &str, namespace: &str, name: &str) -> ObjectReference {
    ObjectReference {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
    }
}

fn deployments(count: usize) -> Vec<ObjectReference> {
    (0..count)
        .map(|number| reference("apps/v1", "Deployment", "shop", &format!("app-{number:04}")))
        .collect()
}

/// The end of a path: the object's name, without the query of a list.
fn last(path: &str) -> &str {
    path.split('?')
        .next()
        .and_then(|path| path.rsplit('/').next())
        .unwrap_or_default()
}

fn item(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop"}})
}

/// What the object is, to tell that `reduce` saw the right one.
fn identify(place: usize, object: &Value) -> String {
    let field = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or("?");
    format!(
        "{place} {} {} {}",
        field("/apiVersion"),
        field("/kind"),
        field("/metadata/name")
    )
}

fn errors<T>(observations: &[Observation<T>]) -> Vec<String> {
    observations
        .iter()
        .filter_map(|observation| match observation {
            Observation::Unreadable(error) => Some(format!("{}: {error}", error.reason())),
            _ => None,
        })
        .collect()
}

async fn look(client: Client, references: &[ObjectReference]) -> Vec<Observation<String>> {
    observe(&Objects::Cluster(Cluster::new(client)), references, identify).await
}

#[tokio::test]
async fn many_are_listed_in_pages() {
    let (client, requests) = mock::server(|path| {
        let (names, next) = match path.split("continue=").nth(1) {
            None => (0..500, "second"),
            Some("second") => (500..1000, "third"),
            Some(_) => (1000..1199, ""),
        };
        let items: Vec<_> = names.map(|number| item(&format!("app-{number:04}"))).collect();
        (
            200,
            json!({"kind": "DeploymentList", "metadata": {"continue": next}, "items": items}),
        )
    });
    let observations = look(client, &deployments(1200)).await;
    for (place, observation) in observations.iter().enumerate().take(1199) {
        let expected = Observation::Found(format!("{place} apps/v1 Deployment app-{place:04}"));
        assert_eq!(*observation, expected);
    }
    assert_eq!(observations[1199], Observation::Gone, "missing in a complete list");
    let list = "/apis/apps/v1/namespaces/shop/deployments?limit=500";
    assert_eq!(
        requests.all(),
        [
            list.to_owned(),
            format!("{list}&continue=second"),
            format!("{list}&continue=third")
        ]
    );
}

#[tokio::test]
async fn few_are_read_one_by_one() {
    let (client, requests) = mock::server(|path| (200, item(last(path))));
    let mut references = deployments(8);
    references.push(references[0].clone());
    let observations = look(client, &references).await;
    assert_eq!(observations[8], Observation::Found("8 ? ? app-0000".to_owned()));
    assert_eq!(requests.all().len(), 8, "the one that is named twice is read once");
}

#[tokio::test(start_paused = true)]
async fn gone_is_only_what_the_api_server_says_of_the_object_itself() {
    let not_found = |name: &str| {
        json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found",
               "details": {"name": name, "kind": "deployments"}})
    };
    let rows: [(u16, Value, bool); 7] = [
        (404, not_found("app-0000"), true),
        (404, not_found("other"), false),
        (404, json!("404 page not found"), false),
        (404, json!({"type": "error", "status": "404"}), false),
        (410, not_found("app-0000"), false),
        (500, not_found("app-0000"), false),
        (200, json!({}), false),
    ];
    for (code, body, gone) in rows {
        let answer = body.clone();
        let (client, _) = mock::server(move |_| (code, answer.clone()));
        let observations = look(client, &deployments(1)).await;
        assert_eq!(observations[0] == Observation::Gone, gone, "{code} {body}");
        assert_eq!(errors(&observations).is_empty(), gone, "{code} {body}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_complete_list_makes_nothing_gone() {
    let rows = [
        json!({}),
        json!({"metadata": {}}),
        json!({"items": [{}]}),
        json!({"items": "?"}),
        json!([]),
    ];
    for body in rows {
        let answer = body.clone();
        let (client, _) = mock::server(move |_| (200, answer.clone()));
        let observations = look(client, &deployments(20)).await;
        assert_eq!(errors(&observations).len(), 20, "{body}");
    }
}

#[tokio::test]
async fn a_list_that_has_expired_is_begun_again() {
    let mut expired = false;
    let (client, requests) = mock::server(move |path| {
        if path.contains("continue=") {
            if !expired {
                expired = true;
                return (410, json!({"kind": "Status", "code": 410, "reason": "Expired"}));
            }
            return (200, json!({"metadata": {}, "items": [item("app-0001")]}));
        }
        // By the time of the second list app-0000 is gone.
        let first = if expired { "app-0002" } else { "app-0000" };
        (200, json!({"metadata": {"continue": "next"}, "items": [item(first)]}))
    });
    let observations = look(client, &deployments(20)).await;
    assert_eq!(observations[0], Observation::Gone);
    assert!(matches!(observations[1], Observation::Found(_)));
    assert!(matches!(observations[2], Observation::Found(_)));
    assert_eq!(requests.all().len(), 4);
}

#[tokio::test]
async fn a_list_that_expires_again_and_again_is_given_up() {
    let (client, requests) = mock::server(|path| {
        if path.contains("continue=") {
            (410, json!({"kind": "Status", "code": 410, "reason": "Expired"}))
        } else {
            (
                200,
                json!({"metadata": {"continue": "next"}, "items": [item("app-0000")]}),
            )
        }
    });
    let observations = look(client, &deployments(20)).await;
    assert_eq!(errors(&observations).len(), 20);
    assert_eq!(requests.all().len(), 8, "four lists of two pages");
}

#[tokio::test]
async fn a_list_that_is_forbidden_falls_back_to_single_reads() {
    let (client, requests) = mock::server(|path| {
        if path.contains("limit=") {
            (403, json!({"kind": "Status", "code": 403, "reason": "Forbidden"}))
        } else {
            (200, item(last(path)))
        }
    });
    let observations = look(client, &deployments(20)).await;
    assert!(observations.iter().all(|one| matches!(one, Observation::Found(_))));
    assert_eq!(requests.all().len(), 21);
}

#[tokio::test]
async fn a_missing_permission_is_named_with_its_rule() {
    let (client, _) = mock::server(|_| (403, json!({"kind": "Status", "code": 403, "reason": "Forbidden"})));
    let mut references = deployments(1);
    references.push(ObjectReference {
        namespace: None,
        ..reference("v1", "Node", "", "worker")
    });
    assert_eq!(
        errors(&look(client, &references).await),
        [
            "Forbidden: Deployment shop/app-0000: may not get deployments.apps in namespace shop: add to a Role \
             there the rule {apiGroups: [\"apps\"], resources: [\"deployments\"], verbs: [\"get\", \"list\"]}",
            "Forbidden: Node worker: may not get nodes: add to a ClusterRole the rule {apiGroups: [\"\"], \
             resources: [\"nodes\"], verbs: [\"get\", \"list\"]}",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_asked_again() {
    for code in [429, 500, 502, 503, 504] {
        let mut failures = 5;
        let (client, requests) = mock::server(move |path| {
            if failures > 0 {
                failures -= 1;
                return (code, json!("try again"));
            }
            (200, item(last(path)))
        });
        let observations = look(client, &deployments(1)).await;
        assert!(matches!(observations[0], Observation::Found(_)), "{code}");
        assert_eq!(requests.all().len(), 6, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_is_reported() {
    let (client, requests) = mock::server(|_| (503, json!("down for repairs")));
    let observations = look(client, &deployments(1)).await;
    assert_eq!(
        errors(&observations),
        [
            "ApiServerError: Deployment shop/app-0000 could not be read: the API server answered 503 (try again \
          later): \
          \"down for repairs\""
        ]
    );
    assert_eq!(requests.all().len(), 6);
}

#[tokio::test]
async fn other_kinds_are_discovered_once() {
    let (client, requests) = mock::server(|path| match path {
        "/apis/example.com/v1" => (
            200,
            json!({"kind": "APIResourceList", "groupVersion": "example.com/v1", "resources": [
                {"name": "widgets", "singularName": "", "namespaced": true, "kind": "Widget", "verbs": ["get"]},
                {"name": "widgets/status", "singularName": "", "namespaced": true, "kind": "Widget", "verbs": []},
                {"name": "octopodes", "singularName": "", "namespaced": false, "kind": "Octopus", "verbs": ["get"]},
            ]}),
        ),
        "/apis/example.com/v2" => (404, json!("404 page not found")),
        path => (200, item(last(path))),
    });
    let references = [
        reference("example.com/v1", "Widget", "shop", "a"),
        reference("example.com/v1", "Octopus", "shop", "b"),
        reference("example.com/v1", "Wigdet", "shop", "c"),
        reference("example.com/v2", "Widget", "shop", "d"),
        reference("example.com/v2", "Widget", "shop", "e"),
        reference("networking.k8s.io/v1", "Ingress", "shop", "f"),
    ];
    let observations = look(client, &references).await;
    assert_eq!(
        errors(&observations),
        [
            "KindUnknown: Wigdet shop/c: example.com/v1 of this cluster has no kind Wigdet, did you mean \
             `Widget`?",
            "KindUnknown: Widget shop/d: this cluster does not serve example.com/v2; see `kubectl api-versions`, \
             and install the CustomResourceDefinition if it is one",
            "KindUnknown: Widget shop/e: this cluster does not serve example.com/v2; see `kubectl api-versions`, \
             and install the CustomResourceDefinition if it is one",
        ]
    );
    let mut paths = requests.all();
    paths.sort();
    assert_eq!(
        paths,
        [
            "/apis/example.com/v1",
            "/apis/example.com/v1/namespaces/shop/widgets/a",
            "/apis/example.com/v1/octopodes/b",
            "/apis/example.com/v2",
            "/apis/networking.k8s.io/v1/namespaces/shop/ingresses/f",
        ]
    );
}

#[tokio::test]
async fn names_cannot_lead_elsewhere() {
    let (client, requests) = mock::server(|_| (404, json!("?")));
    look(
        client,
        &[reference(
            "rbac.authorization.k8s.io/v1",
            "Role",
            "shop",
            "system:a b?c#d",
        )],
    )
    .await;
    assert_eq!(
        requests.all(),
        ["/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles/system:a%20b%3Fc%23d"]
    );
}

#[tokio::test]
async fn files_stand_for_a_cluster() {
    let object = |api_version: &str, kind: &str, namespace: Option<&str>, name: &str| json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}});
    let objects = Objects::Files(vec![
        object("apps/v1", "Deployment", Some("shop"), "a"),
        object("apps/v1", "Deployment", Some("other"), "b"),
        object("autoscaling/v1", "HorizontalPodAutoscaler", Some("shop"), "a"),
        object("autoscaling/v2", "HorizontalPodAutoscaler", Some("shop"), "a"),
        object("example.com/v1", "Octopus", None, "o"),
        object("example.com/v1", "Widget", None, "w"),
        object("example.com/v1", "Widget", Some("shop"), "w"),
    ]);
    let rows = [
        (reference("apps/v1", "Deployment", "shop", "a"), Some("apps/v1")),
        (reference("apps/v1", "Deployment", "shop", "b"), None),
        (reference("apps/v1", "StatefulSet", "shop", "a"), None),
        (reference("extensions/v1", "Deployment", "shop", "a"), None),
        (
            reference("autoscaling/v1", "HorizontalPodAutoscaler", "shop", "a"),
            Some("autoscaling/v1"),
        ),
        (
            reference("autoscaling/v2", "HorizontalPodAutoscaler", "shop", "a"),
            Some("autoscaling/v2"),
        ),
        (
            reference("autoscaling/v3", "HorizontalPodAutoscaler", "shop", "a"),
            Some("autoscaling/v2"),
        ),
        (
            reference("example.com/v1", "Octopus", "shop", "o"),
            Some("example.com/v1"),
        ),
        (
            reference("example.com/v1", "Widget", "shop", "w"),
            Some("example.com/v1"),
        ),
    ];
    let references: Vec<_> = rows.iter().map(|(reference, _)| reference.clone()).collect();
    let observations = observe(&objects, &references, |_, object| object["apiVersion"].clone()).await;
    for ((reference, expected), observation) in rows.iter().zip(observations) {
        let expected = expected.map_or(Observation::Gone, |version| Observation::Found(json!(version)));
        assert_eq!(observation, expected, "{reference}");
    }
}
