//! Runs in which all goes well.

use serde_json::{Value, json};

use crate::{
    canaries::{KUBERNETES_TOKEN, Machine, PASSWORD, key},
    support::{
        api_server::{Request, response, serve_whole, write_kubeconfig_with},
        laptop::{Progress, deployment, github_deployment},
    },
};

const OBJECTS: &str = "--objects objects.yaml";

#[test]
fn every_command_in_every_form() {
    let machine = Machine::new();
    let forms = ["table", "wide", "json", "yaml", "name"];
    for verbosity in ["", "-v", "-vv", "-vvv", "-vvv --log-format json"] {
        for form in forms {
            machine.run(
                &format!("sync -f good.yaml {OBJECTS} -o {form} {verbosity} --dry-run"),
                &[],
            );
            machine.run(&format!("status -f good.yaml {OBJECTS} -o {form} {verbosity}"), &[]);
        }
        machine.run(&format!("sync -f good.yaml -f bad.yaml {OBJECTS} {verbosity}"), &[]);
        machine.run(
            &format!("extract --objects objects.yaml deployment/web --container web {verbosity}"),
            &[],
        );
        machine.run(
            &format!("close --repo octo-org/web --environment staging {verbosity}"),
            &[],
        );
    }
    for command in ["crd", "man", "completions bash", "--help", "sync --help", "--version"] {
        machine.run(command, &[]);
    }
    machine.finish(70);
}

#[test]
fn a_github_app() {
    let machine = Machine::new();
    let key = key();
    let one_line = key.replace('\n', "\\n");
    let file = machine.laptop.folder().join("key.pem").display().to_string();
    let app = |name, value| [("GITHUB_TOKEN", ""), ("GITHUB_APP_ID", "7"), (name, value)];
    for variables in [
        app("GITHUB_APP_PRIVATE_KEY", &key),
        app("GITHUB_APP_PRIVATE_KEY", &one_line),
        app("GITHUB_APP_PRIVATE_KEY_FILE", &file),
    ] {
        for arguments in ["-vvv", "-o json -vvv", "--dry-run -vvv --log-format json"] {
            machine
                .run(&format!("sync -f good.yaml {OBJECTS} {arguments}"), &variables)
                .expect(0);
        }
        machine
            .run("close --repo octo-org/web --environment staging -vvv", &variables)
            .expect(0);
    }
    assert_eq!(machine.laptop.github.all_deployments("octo-org/web").len(), 1);
    machine.finish(12);
}

/// An API server with a Deployment and its GitHubDeployment, which takes their status and events.
fn answer(request: &Request) -> (u16, Value) {
    let yaml = |text: &str| serde_saphyr::from_str::<Value>(text).unwrap();
    let source = "{kind: Deployment, name: web}";
    let declared = github_deployment(
        "web",
        source,
        "{containerName: web}",
        "{name: octo-org/web, environment: live}",
    );
    let mut declared = yaml(&declared);
    declared["metadata"]["uid"] = json!("uid-of-ghd-web");
    let path = request.path.split('?').next().unwrap_or_default();
    match (request.method.as_str(), path) {
        ("PATCH", _) => (200, declared),
        ("POST", _) => (201, serde_json::from_str(&request.body).unwrap()),
        (_, path) if path.ends_with("/githubdeployments") => (200, json!({"metadata": {}, "items": [declared]})),
        (_, path) if path.ends_with("/deployments/web") => {
            (200, yaml(&deployment("web", "registry/web:v1", Progress::Complete)))
        }
        (_, path) if path.ends_with("/namespaces/kube-system") => {
            let metadata = json!({"name": "kube-system", "uid": "uid-of-the-cluster"});
            (
                200,
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}),
            )
        }
        _ => (
            404,
            json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}),
        ),
    }
}

#[test]
fn a_cluster() {
    let mut machine = Machine::new();
    let sent = machine.sent.clone();
    let server = serve_whole(move |request| {
        assert_eq!(
            request.header("authorization"),
            Some(&*format!("Bearer {KUBERNETES_TOKEN}"))
        );
        sent.lock()
            .unwrap()
            .push(format!("{} {} {}", request.method, request.path, request.body));
        let (status, body) = answer(request);
        response(status, &[("content-type", "application/json")], &body.to_string())
    });
    for user in ["", &format!("me:{PASSWORD}@")] {
        let kubeconfig = machine.laptop.folder().join("kubeconfig");
        write_kubeconfig_with(&kubeconfig, &format!("http://{user}{server}"), KUBERNETES_TOKEN);
        machine.keep_own_files();
        for arguments in [
            "sync",
            "sync -A",
            "sync --dry-run -o json",
            "status deployment/web",
            "sync -f good.yaml",
        ] {
            machine.run(&format!("{arguments} --kubeconfig kubeconfig -vvv"), &[]);
        }
    }
    let sent = machine.sent.lock().unwrap().clone();
    for part in ["/status", "/events"] {
        assert!(sent.iter().any(|request| request.contains(part)), "{part} in {sent:#?}");
    }
    machine.finish(10);
}
