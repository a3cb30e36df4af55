use serde_json::json;

use super::{super::mock, *};

/// What an API server with Argo Rollouts, and a second kind called Rollout, says in one answer.
fn aggregated() -> Value {
    let resource = |plural: &str, singular: &str, kind: &str, short: &[&str]| {
        json!({"resource": plural, "singularResource": singular, "shortNames": short, "scope": "Namespaced",
               "responseKind": {"group": "", "version": "", "kind": kind}, "verbs": ["get", "list"]})
    };
    let group = |name: &str, versions: Vec<Value>| json!({"metadata": {"name": name}, "versions": versions});
    let rollout = resource("rollouts", "rollout", "Rollout", &["ro"]);
    json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
        "items": [
            group("apps", vec![json!({"version": "v1", "resources": [resource("deployments", "deployment", "Deployment", &["deploy"])]})]),
            group("argoproj.io", vec![
                json!({"version": "v1beta1", "resources": [resource("analysisruns", "", "AnalysisRun", &[])]}),
                json!({"version": "v1alpha1", "resources": [rollout, resource("applications", "application", "Application", &["app", "apps"])]}),
            ]),
            group("example.com", vec![json!({"version": "v1", "resources": [resource("rollouts", "rollout", "Rollout", &[])]})]),
        ],
    })
}

fn resources(version: &str) -> Value {
    let resource = |name: &str, kind: &str| json!({"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": ["get"]});
    json!({"kind": "APIResourceList", "groupVersion": version, "resources": [
        resource("rollouts", "Rollout"), resource("rollouts/status", "Rollout"), resource("analysisruns", "AnalysisRun"),
    ]})
}

/// An API server that tells of its groups one by one.
fn piecemeal(path: &str) -> (u16, Value) {
    let version = |version: &str| json!({"groupVersion": format!("argoproj.io/{version}"), "version": version});
    let group = json!({"name": "argoproj.io", "versions": [version("v1alpha1"), version("v1beta1")],
                       "preferredVersion": version("v1alpha1")});
    match path {
        "/apis" => {
            let down = json!({"groupVersion": "metrics.example.com/v1", "version": "v1"});
            let down = json!({"name": "metrics.example.com", "versions": [down], "preferredVersion": down});
            (
                200,
                json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [down, group]}),
            )
        }
        "/apis/argoproj.io" => (200, group),
        "/apis/argoproj.io/v1alpha1" => (200, resources("argoproj.io/v1alpha1")),
        "/apis/argoproj.io/v1beta1" => (
            200,
            json!({"groupVersion": "argoproj.io/v1beta1", "resources": [
                {"name": "gadgets", "singularName": "gadget", "namespaced": true, "kind": "Gadget", "verbs": []},
            ]}),
        ),
        "/apis/metrics.example.com/v1" => (400, json!({})),
        _ => (
            404,
            json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound"}),
        ),
    }
}

fn shown(found: Result<KindName, KindError>) -> String {
    match found {
        Ok(KindName { api_version, kind }) => format!("{api_version} {kind}"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn one_request_tells_everything() {
    for (typed, expected) in [
        ("rollout", "argoproj.io/v1alpha1 Rollout"),
        ("rollouts", "argoproj.io/v1alpha1 Rollout"),
        ("Rollout", "argoproj.io/v1alpha1 Rollout"),
        ("ro", "argoproj.io/v1alpha1 Rollout"),
        ("analysisrun", "argoproj.io/v1beta1 AnalysisRun"),
        ("rolout", "this cluster has no kind \"rolout\", did you mean `rollout`?"),
        ("zzz", "this cluster has no kind \"zzz\"; see `kubectl api-resources`"),
    ] {
        let (client, requests) = mock::server(|_| (200, aggregated()));
        let objects = Objects::Cluster(Cluster::new(client));
        assert_eq!(shown(kind_named(&objects, typed).await), expected, "{typed}");
        assert_eq!(requests.all(), ["/apis"], "{typed}");
    }
}

#[tokio::test]
async fn a_group_is_asked_for_itself() {
    for (typed, expected, requests_expected) in [
        (
            "rollouts.argoproj.io",
            "argoproj.io/v1alpha1 Rollout",
            &["/apis/argoproj.io", "/apis/argoproj.io/v1alpha1"][..],
        ),
        (
            "gadget.argoproj.io",
            "argoproj.io/v1beta1 Gadget",
            &[
                "/apis/argoproj.io",
                "/apis/argoproj.io/v1alpha1",
                "/apis/argoproj.io/v1beta1",
            ],
        ),
        (
            "gadgets.v1beta1.argoproj.io",
            "argoproj.io/v1beta1 Gadget",
            &["/apis/argoproj.io", "/apis/argoproj.io/v1beta1"],
        ),
        (
            "gadgets.v1.argoproj.io",
            "this cluster has no kind \"gadgets.v1.argoproj.io\"; see `kubectl api-resources`",
            &["/apis/argoproj.io"],
        ),
        (
            "rollouts.example.org",
            "this cluster has no kind \"rollouts.example.org\"; see `kubectl api-resources`",
            &["/apis/example.org"],
        ),
    ] {
        let (client, requests) = mock::server(piecemeal);
        let objects = Objects::Cluster(Cluster::new(client));
        assert_eq!(shown(kind_named(&objects, typed).await), expected, "{typed}");
        assert_eq!(requests.all(), requests_expected, "{typed}");
    }
}

#[tokio::test]
async fn an_older_api_server_is_asked_group_by_group() {
    for (typed, expected) in [
        ("rollout", "argoproj.io/v1alpha1 Rollout"),
        (
            "zzz",
            "which kind \"zzz\" is could not be asked: the API server answered 400",
        ),
    ] {
        let (client, _) = mock::server(piecemeal);
        let objects = Objects::Cluster(Cluster::new(client));
        assert_eq!(shown(kind_named(&objects, typed).await), expected, "{typed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_does_not_say_is_an_error() {
    let refused = |code: u16| json!({"kind": "Status", "status": "Failure", "code": code, "message": "no"});
    for (code, answer, expected) in [
        (
            403,
            refused(403),
            "which kind \"rollout\" is could not be asked: the API server answered 403: no",
        ),
        (
            503,
            refused(503),
            "which kind \"rollout\" is could not be asked: the API server answered 503 (try again later): no",
        ),
        (
            200,
            json!({"kind": "APIGroupList"}),
            "this cluster has no kind \"rollout\"; see `kubectl api-resources`",
        ),
    ] {
        let (client, _) = mock::server(move |_| (code, answer.clone()));
        let objects = Objects::Cluster(Cluster::new(client));
        assert_eq!(shown(kind_named(&objects, "rollout").await), expected);
    }
}

#[tokio::test]
async fn files_have_the_kinds_of_their_objects() {
    let object =
        |api_version: &str, kind: &str| json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}});
    let objects = Objects::Files(vec![
        object("argoproj.io/v1alpha1", "Rollout"),
        object("example.com/v1", "Policy"),
        object("example.com/v1", "Alias"),
    ]);
    for (typed, expected) in [
        ("rollout", "argoproj.io/v1alpha1 Rollout"),
        ("rollouts", "argoproj.io/v1alpha1 Rollout"),
        ("Rollout.argoproj.io", "argoproj.io/v1alpha1 Rollout"),
        ("rollouts.v1alpha1.argoproj.io", "argoproj.io/v1alpha1 Rollout"),
        ("policies", "example.com/v1 Policy"),
        ("aliases.example.com", "example.com/v1 Alias"),
    ] {
        assert_eq!(shown(kind_named(&objects, typed).await), expected, "{typed}");
    }
    for typed in ["rollouts.example.com", "rollouts.v1.argoproj.io", "ro", "policys"] {
        let found = kind_named(&objects, typed).await;
        assert!(matches!(found, Err(KindError::NotInFiles { .. })), "{typed}: {found:?}");
    }
}
