//! The cluster: reached, installed, permitted.

use serde_json::{Value, json};

use crate::{
    NOBODY, laptop, printed, run,
    support::{
        api_server::{self, Answer, found, not_found, refused},
        laptop::{Laptop, Progress, deployment},
    },
};

const IN_CLUSTER: &str = "doctor --kubeconfig kubeconfig";

/// What the API server allows: verb and resource.
type Allows = fn(verb: &str, resource: &str) -> bool;

/// A cluster with a GitHubDeployment of a Deployment.
fn healthy(method: &str, path: &str, body: &str, allows: Allows) -> Answer {
    match (method, path.split('?').next().unwrap()) {
        ("GET", "/version") => found(&json!({"gitVersion": "v1.33.1"})),
        ("GET", "/apis/github.decathlon.com") => {
            let version = |name: &str| json!({"groupVersion": format!("github.decathlon.com/{name}"), "version": name});
            found(&json!({
                "kind": "APIGroup", "apiVersion": "v1", "name": "github.decathlon.com",
                "versions": [version("v1beta1"), version("v1alpha1")],
            }))
        }
        ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews") => {
            let review: Value = serde_json::from_str(body).unwrap();
            let asked = &review["spec"]["resourceAttributes"];
            let text = |name: &str| asked[name].as_str().unwrap();
            let resource = match text("subresource") {
                "" => text("resource").to_owned(),
                sub => format!("{}/{sub}", text("resource")),
            };
            (
                201,
                "application/json",
                json!({"status": {"allowed": allows(text("verb"), &resource)}}).to_string(),
            )
        }
        ("GET", "/apis/github.decathlon.com/v1beta1/namespaces/shop/githubdeployments")
        | ("GET", "/apis/github.decathlon.com/v1beta1/githubdeployments") => {
            if !allows("list", "githubdeployments") {
                return refused(403, "Forbidden", "no");
            }
            found(&json!({"items": [{
                "apiVersion": "github.decathlon.com/v1beta1", "kind": "GitHubDeployment",
                "metadata": {"namespace": "shop", "name": "web"},
                "spec": {
                    "sourceRef": {"kind": "Deployment", "name": "web"}, "extract": {"containerName": "web"},
                    "repository": {"name": "octo-org/web", "environment": "staging"},
                },
            }]}))
        }
        ("GET", "/apis/apps/v1/namespaces/shop/deployments") if allows("list", "deployments") => {
            found(&json!({"items": []}))
        }
        ("GET", "/apis/apps/v1/namespaces/shop/deployments") => refused(403, "Forbidden", "no"),
        ("GET", "/apis/apps/v1/namespaces/shop/deployments/web") => {
            if !allows("get", "deployments") {
                return refused(403, "Forbidden", "no");
            }
            let text = deployment("web", "octo-org/web:v1", Progress::Complete);
            found(&serde_saphyr::from_str(text.trim_start_matches("---\n")).unwrap())
        }
        _ => not_found(),
    }
}

/// Serves a cluster, and writes the kubeconfig that leads there.
fn serve(laptop: &Laptop, answer: impl Fn(&str, &str, &str) -> Answer + Send + 'static) {
    let address = api_server::serve_questions(answer);
    api_server::write_kubeconfig(&laptop.folder().join("kubeconfig"), &format!("http://{address}"));
}

#[test]
fn a_cluster_that_gives_all() {
    let laptop = laptop();
    serve(&laptop, |method, path, body| healthy(method, path, body, |_, _| true));
    printed("cluster", &laptop, IN_CLUSTER, &[], 0);
    printed("cluster_all_namespaces", &laptop, &format!("{IN_CLUSTER} -A"), &[], 0);
}

#[test]
fn a_cluster_without_github_deployments() {
    let laptop = laptop();
    serve(&laptop, |method, path, body| {
        match path.starts_with("/apis/github.decathlon.com/v1beta1/namespaces/shop/") {
            true => found(&json!({"items": []})),
            false => healthy(method, path, body, |_, _| true),
        }
    });
    printed("cluster_with_nothing_to_report", &laptop, IN_CLUSTER, &[], 0);
}

#[test]
fn a_cluster_out_of_reach() {
    let laptop = laptop();
    printed("no_kubeconfig", &laptop, "doctor", &[], 1);
    api_server::write_kubeconfig(&laptop.folder().join("kubeconfig"), NOBODY);
    printed("api_server_down", &laptop, IN_CLUSTER, &[], 1);
    printed("nothing_answers", &laptop, IN_CLUSTER, &[("GITHUB_API", NOBODY)], 3);
}

#[test]
fn an_api_server_that_does_not_help() {
    type Answers = fn(&str, &str, &str) -> Answer;
    let rows: [(&str, Answers); 4] = [
        ("unauthorized", |_, _, _| refused(401, "Unauthorized", "Unauthorized")),
        ("not_an_api_server", |_, _, _| {
            (200, "text/html", "<html><body>Welcome!</body></html>".to_owned())
        }),
        ("not_installed", |method, path, body| match path {
            "/apis/github.decathlon.com" => not_found(),
            _ => healthy(method, path, body, |_, _| true),
        }),
        ("version_not_served", |method, path, body| match path {
            "/apis/github.decathlon.com" => found(&json!({
                "kind": "APIGroup", "apiVersion": "v1", "name": "github.decathlon.com",
                "versions": [{"groupVersion": "github.decathlon.com/v1alpha1", "version": "v1alpha1"}],
            })),
            _ => healthy(method, path, body, |_, _| true),
        }),
    ];
    for (name, answer) in rows {
        let laptop = laptop();
        serve(&laptop, answer);
        printed(name, &laptop, IN_CLUSTER, &[], 1);
    }
}

#[test]
fn each_permission_that_is_missing_is_named_with_its_rule() {
    let rows: [(&str, Allows, i32); 6] = [
        ("permission_none", |_, _| false, 1),
        (
            "permission_list_github_deployments",
            |verb, resource| (verb, resource) != ("list", "githubdeployments"),
            1,
        ),
        (
            "permission_get_source",
            |verb, resource| (verb, resource) != ("get", "deployments"),
            1,
        ),
        (
            "permission_list_source",
            |verb, resource| (verb, resource) != ("list", "deployments"),
            0,
        ),
        (
            "permission_status",
            |_, resource| resource != "githubdeployments/status",
            0,
        ),
        (
            "permission_optional",
            |verb, resource| {
                !matches!(resource, "pods" | "replicasets" | "events" | "namespaces")
                    && (verb, resource) != ("patch", "githubdeployments")
            },
            0,
        ),
    ];
    for (name, allows, code) in rows {
        let laptop = laptop();
        serve(&laptop, move |method, path, body| healthy(method, path, body, allows));
        printed(name, &laptop, IN_CLUSTER, &[], code);
    }
}

#[test]
fn where_reviews_are_refused_the_list_tells() {
    let laptop = laptop();
    serve(&laptop, |method, path, body| match method {
        "POST" => refused(403, "Forbidden", "no reviews"),
        _ => healthy(method, path, body, |_, _| true),
    });
    printed("permission_not_told", &laptop, IN_CLUSTER, &[], 0);
    serve(&laptop, |method, path, body| match method {
        "POST" => refused(403, "Forbidden", "no reviews"),
        _ => healthy(method, path, body, |verb, _| verb != "list"),
    });
    let text = run(&laptop, IN_CLUSTER, &[]).expect(1).stdout;
    assert!(
        text.contains("[failed] permission: may not list githubdeployments"),
        "{text}"
    );
}

#[test]
fn a_kind_that_the_cluster_does_not_have() {
    let laptop = laptop();
    serve(&laptop, |method, path, body| {
        let (status, kind, content) = healthy(method, path, body, |_, _| true);
        let gadget = r#""sourceRef":{"apiVersion":"example.com/v1","kind":"Gadget""#;
        (
            status,
            kind,
            content.replace(r#""sourceRef":{"kind":"Deployment""#, gadget),
        )
    });
    printed("kind_not_served", &laptop, IN_CLUSTER, &[], 1);
}

#[test]
fn the_cluster_is_only_read() {
    let laptop = laptop();
    let address = api_server::serve_questions(|method, path, body| {
        let reads = method == "GET" || path.ends_with("/selfsubjectaccessreviews");
        assert!(reads, "{method} {path}");
        healthy(method, path, body, |_, _| true)
    });
    api_server::write_kubeconfig(&laptop.folder().join("kubeconfig"), &format!("http://{address}"));
    run(&laptop, IN_CLUSTER, &[]).expect(0);
}
