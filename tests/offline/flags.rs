//! Sources from flags, and what is asked of an API server for them.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::{
    GROUP, laptop,
    support::{
        api_server,
        laptop::{Laptop, Progress, assert_snapshot, deployment},
    },
};

/// A machine with two Deployments and a StatefulSet in a file.
fn three_workloads() -> Laptop {
    let laptop = laptop();
    let labelled = |name: &str, kind: &str| {
        let object = deployment(name, "registry/app:v1", Progress::Complete);
        let labels = format!("labels: {{app: shop, tier: {name}}}, uid: ");
        object.replacen("uid: ", &labels, 1).replacen("Deployment", kind, 1)
    };
    let objects = [
        labelled("web", "Deployment"),
        labelled("api", "Deployment"),
        labelled("db", "StatefulSet").replace("readyReplicas", "currentReplicas: 1\n  readyReplicas"),
        "---\n{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: canary, namespace: shop}}\n"
            .to_owned(),
    ];
    laptop.write("objects.yaml", objects.concat());
    laptop
}

const REPORTED: &str = "--objects objects.yaml -n shop --repo shop --environment staging --json-path $.metadata.name";

#[test]
fn objects_as_kubectl_takes_them() {
    let laptop = three_workloads();
    for (typed, expected) in [
        ("deploy/web", &["Deployment web"][..]),
        ("deploy/web statefulset.apps/db", &["Deployment web", "StatefulSet db"]),
        ("deploy web api", &["Deployment api", "Deployment web"]),
        ("deployments,sts db", &["Deployment db", "StatefulSet db"]),
        ("deploy -l app=shop", &["Deployment api", "Deployment web"]),
        (
            "deploy,sts -l app=shop,tier!=web",
            &["Deployment api", "StatefulSet db"],
        ),
        ("deploy -l app=shop -A", &["Deployment api", "Deployment web"]),
        ("rollouts.argoproj.io/canary", &["Rollout canary"]),
        ("deploy/web deployments.v1.apps/web deployment/web", &["Deployment web"]),
    ] {
        let place = if typed.contains(" -A") {
            REPORTED.replace("-n shop ", "")
        } else {
            REPORTED.to_owned()
        };
        let run = laptop.run(&format!("sync {typed} {place} --dry-run -o json"));
        assert_eq!(found(&run.document(), "results", &["source"]), expected, "{typed}");
        let place = if typed.contains(" -A") { "" } else { " -n shop" };
        let run = laptop.run(&format!("status {typed} --objects objects.yaml{place} -o json"));
        assert_eq!(found(&run.document(), "results", &[]), expected, "status {typed}");
    }
}

/// Kind and name of every result, sorted.
fn found(document: &Value, list: &str, path: &[&str]) -> Vec<String> {
    let of = |result: &Value| {
        let object = path.iter().fold(result, |object, name| &object[name]);
        format!(
            "{} {}",
            object["kind"].as_str().unwrap(),
            object["name"].as_str().unwrap()
        )
    };
    let mut all: Vec<_> = document[list].as_array().unwrap().iter().map(of).collect();
    all.sort();
    all
}

#[test]
fn the_same_as_a_file() {
    let laptop = three_workloads();
    let flags = format!(
        "sync deploy,sts -l app=shop {REPORTED} --task web --production=false --transient --environment-url https://{{ref}}.example.com"
    );
    let arguments = format!("{flags} --print-config");
    let mut command = laptop.program();
    command.env_remove("GITHUB_TOKEN").args(arguments.split(' '));
    let printed = crate::support::Run::of(&mut command).expect(0);
    assert_snapshot(GROUP, "flags_as_a_file", &laptop.transcript(&arguments, &printed));
    assert_eq!(printed.stderr, "");
    assert_eq!(laptop.github.journal(), [], "nothing is asked");

    laptop.write("deployments.yaml", &printed.stdout);
    let by_flags = laptop.run(&format!("{flags} -o json")).expect(0).document();
    let by_file = laptop
        .run("sync -f deployments.yaml --objects objects.yaml -o json")
        .expect(0)
        .document();
    assert_eq!(by_flags["summary"]["create"], 3, "{by_flags:#}");
    assert_eq!(
        by_file["summary"]["unchanged"], 3,
        "they are the same sources: {by_file:#}"
    );
}

#[test]
fn kinds_that_are_built_in_are_not_asked_for() {
    let laptop = laptop();
    let requests = Arc::new(Mutex::new(Vec::new()));
    let journal = Arc::clone(&requests);
    let address = api_server::serve(move |_, path| {
        journal.lock().unwrap().push(path.to_owned());
        let deployment = || json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop", "uid": "u"}});
        match path {
            "/api/v1/namespaces/kube-system" => {
                api_server::found(&json!({"kind": "Namespace", "metadata": {"name": "kube-system", "uid": "cluster"}}))
            }
            "/apis/apps/v1/namespaces/shop/deployments/web" => api_server::found(&deployment()),
            "/apis/apps/v1/namespaces/shop/deployments?limit=500&labelSelector=app%3Dshop" => {
                api_server::found(&json!({"metadata": {}, "items": [deployment()]}))
            }
            _ => api_server::not_found(),
        }
    });
    api_server::write_kubeconfig(&laptop.folder().join("kubeconfig"), &format!("http://{address}"));
    const GET: &str = "/apis/apps/v1/namespaces/shop/deployments/web";
    const LIST: &str = "/apis/apps/v1/namespaces/shop/deployments?limit=500&labelSelector=app%3Dshop";
    const CLUSTER: &str = "/api/v1/namespaces/kube-system";
    let flags = "--repo shop --environment staging --json-path $.metadata.name --kubeconfig kubeconfig --dry-run";
    for (arguments, expected) in [
        (format!("sync deploy/web {flags}"), &[CLUSTER, GET][..]),
        (format!("sync deployment web {flags}"), &[CLUSTER, GET]),
        (
            format!("sync deployments.apps -l app=shop {flags}"),
            &[LIST, CLUSTER, GET],
        ),
        ("status deploy/web --kubeconfig kubeconfig".to_owned(), &[GET]),
        (
            "status deploy -l app=shop --kubeconfig kubeconfig".to_owned(),
            &[LIST, GET],
        ),
        (
            "extract deploy/web --json-path $.metadata.name --kubeconfig kubeconfig".to_owned(),
            &[GET],
        ),
        (format!("sync deploy/web {flags} --print-config"), &[]),
    ] {
        laptop.run(&arguments).expect(0);
        let asked = std::mem::take(&mut *requests.lock().unwrap());
        assert_eq!(asked, expected, "{arguments}");
    }
}
