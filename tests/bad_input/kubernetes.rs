//! A cluster that is not there, or does not help.

use serde_json::json;

use crate::{
    EXTRACT, GROUP, SOURCE, laptop, printed,
    support::{
        Run,
        api_server::{self, Answer},
        laptop::{assert_snapshot, closed_port, github_deployment},
    },
};

#[test]
fn no_cluster() {
    let laptop = laptop();
    printed("no_kubeconfig", &laptop, "sync", 3);
    printed("no_kubeconfig_for_the_objects", &laptop, "sync -f good.yaml", 3);
    printed("absent_kubeconfig", &laptop, "sync --kubeconfig absent", 3);
    laptop.write("kubeconfig", "users: [{name: me, user: {token: hunter2");
    printed(
        "kubeconfig_that_is_not_yaml",
        &laptop,
        "sync --kubeconfig kubeconfig",
        3,
    );
    laptop.write("kubeconfig", "apiVersion: v1\nkind: Config\n");
    printed("kubeconfig_without_context", &laptop, "sync --kubeconfig kubeconfig", 3);
    assert_eq!(laptop.github.journal(), [], "GitHub is not asked");
}

#[test]
fn the_api_server_is_down() {
    let laptop = laptop();
    let port = closed_port();
    api_server::write_kubeconfig(&laptop.folder().join("kubeconfig"), &format!("http://127.0.0.1:{port}"));
    for (name, arguments, code) in [
        ("api_server_down", "sync --kubeconfig kubeconfig", 3),
        (
            "api_server_down_for_the_objects",
            "sync --kubeconfig kubeconfig -f good.yaml",
            3,
        ),
    ] {
        let run = laptop.run(arguments).expect(code);
        let text = laptop.transcript(arguments, &run).replace(&port.to_string(), "PORT");
        assert_snapshot(GROUP, name, &text);
    }
    assert_eq!(laptop.writes(), Vec::<String>::new());
}

#[test]
fn an_api_server_that_does_not_help() {
    const FORBIDDEN: &str = "githubdeployments.github.decathlon.com is forbidden: User \"me\" cannot list resource \
                             \"githubdeployments\" in API group \"github.decathlon.com\"";
    type Answers = fn(&str, &str) -> Answer;
    let rows: [(&str, &str, Answers); 7] = [
        ("crd_not_installed", "sync", |_, _| api_server::not_found()),
        ("forbidden", "sync", |_, _| {
            api_server::refused(403, "Forbidden", FORBIDDEN)
        }),
        ("forbidden_in_all_namespaces", "sync -A", |_, _| {
            api_server::refused(403, "Forbidden", FORBIDDEN)
        }),
        ("unauthorized", "sync", |_, _| {
            api_server::refused(401, "Unauthorized", "Unauthorized")
        }),
        ("selector_not_legal", "sync -l a=b=c", |_, _| {
            api_server::refused(
                400,
                "BadRequest",
                "unable to parse requirement: found '=', expected: ',' or 'end of string'",
            )
        }),
        ("not_an_api_server", "sync", |_, _| {
            (200, "text/html", "<html><body>Welcome!</body></html>".to_owned())
        }),
        ("github_deployments_of_nonsense", "sync", |_, _| {
            api_server::found(&json!({"items": 5}))
        }),
    ];
    let laptop = laptop();
    for (name, arguments, answer) in rows {
        let address = api_server::serve(answer);
        api_server::write_kubeconfig(&laptop.folder().join("kubeconfig"), &format!("http://{address}"));
        let mut command = laptop.program();
        let run = Run::of(command.env("KUBECONFIG", "kubeconfig").args(arguments.split(' '))).expect(3);
        let text = laptop
            .transcript(arguments, &run)
            .replace(&address.to_string(), "127.0.0.1:PORT");
        assert_snapshot(GROUP, name, &text);
    }
    assert_eq!(laptop.github.journal(), [], "GitHub is not asked");
}

#[test]
fn objects_that_a_cluster_does_not_know() {
    let laptop = laptop();
    let address = api_server::serve(|_, path| match path.split('?').next() {
        Some("/apis") => {
            let resource = |kind: &str, plural: &str| {
                json!({"resource": plural, "singularResource": kind.to_lowercase(), "scope": "Namespaced",
                       "responseKind": {"kind": kind}, "verbs": ["get", "list"]})
            };
            let version = json!({"version": "v1alpha1", "resources": [resource("Rollout", "rollouts")]});
            api_server::found(
                &json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2",
                "items": [{"metadata": {"name": "argoproj.io"}, "versions": [version]}]}),
            )
        }
        Some("/apis/apps/v1/namespaces/shop/deployments") => api_server::found(&json!({"items": []})),
        Some("/apis/apps/v1/namespaces/shop/statefulsets") => {
            api_server::refused(403, "Forbidden", "statefulsets.apps is forbidden")
        }
        _ => api_server::not_found(),
    });
    api_server::write_kubeconfig(&laptop.folder().join("kubeconfig"), &format!("http://{address}"));
    let flags = "--kubeconfig kubeconfig --repo octo-org/web --environment e --ref v1";
    for (name, typed, code) in [
        ("kind_not_in_the_cluster", "sync rolout/app", 2),
        ("group_not_in_the_cluster", "sync gadgets.example.com/app", 2),
        ("labels_of_nothing", "sync deployment -l app=web", 3),
        ("labels_that_may_not_be_listed", "sync statefulset -l app=web", 3),
        ("labels_of_secrets", "sync secret -l app=web", 1),
        ("labels_of_an_unknown_kind", "sync gadget -l app=web", 2),
    ] {
        printed(name, &laptop, &format!("{typed} {flags}"), code);
    }
    let flags = "--kubeconfig kubeconfig";
    for (name, typed, code) in [
        ("health_of_an_unknown_kind", "status rolout/app", 2),
        ("health_of_no_label", "status deployment -l app=web", 3),
        ("health_of_a_secret", "status deployment/web secret/web", 1),
        (
            "extract_of_no_label",
            "extract deployment -l app=web --container web",
            3,
        ),
    ] {
        printed(name, &laptop, &format!("{typed} {flags}"), code);
    }
    assert_eq!(laptop.writes(), Vec::<String>::new());
}

#[test]
fn objects_that_the_cluster_does_not_give() {
    let laptop = laptop();
    let gadget = "{apiVersion: example.com/v1, kind: Gadget, name: web}";
    let named = |name: &str, source: &str| {
        let repository = format!("{{name: octo-org/web, environment: {name}}}");
        github_deployment(name, source, EXTRACT, &repository)
    };
    laptop.write(
        "bad.yaml",
        [
            named("forbidden", SOURCE),
            named("absent", "{kind: StatefulSet, name: web}"),
            named("kind-not-served", gadget),
            named("broken", "{kind: DaemonSet, name: web}"),
        ]
        .concat(),
    );
    let address = api_server::serve(|_, path| match path {
        "/apis/apps/v1/namespaces/shop/deployments/web" => api_server::refused(
            403,
            "Forbidden",
            "deployments.apps \"web\" is forbidden: User \"me\" cannot get resource",
        ),
        "/apis/apps/v1/namespaces/shop/statefulsets/web" => {
            let details = json!({"group": "apps", "kind": "statefulsets", "name": "web"});
            let absent =
                json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "details": details});
            (404, "application/json", absent.to_string())
        }
        "/apis/apps/v1/namespaces/shop/daemonsets/web" => api_server::found(&json!({"kind": "DaemonSet"})),
        _ => api_server::not_found(),
    });
    api_server::write_kubeconfig(&laptop.folder().join("kubeconfig"), &format!("http://{address}"));
    printed(
        "objects_not_given",
        &laptop,
        "sync --kubeconfig kubeconfig -f bad.yaml",
        1,
    );
    assert_eq!(laptop.writes(), Vec::<String>::new());
}
