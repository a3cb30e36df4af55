//! Objects of all kinds of kinds: workloads, those known by conditions only, custom, cluster-scoped, irregular plurals.

use std::collections::BTreeMap;

use crate::{
    namespace::{Namespace, deployment, github_deployment, reported_deployment, workload},
    support::OWNER,
};

/// One observed object and what GitHub shows of it.
struct Row {
    name: &'static str,
    /// `apiVersion`, where it is not known anyway, and `kind`.
    kind: String,
    object: String,
    extract: String,
    state: &'static str,
    /// Part of the description on GitHub.
    description: &'static str,
}

const TAG: &str = "v1";

/// Reports each object to an environment of its own, and compares.
fn reported(test: &Namespace, rows: &[Row]) {
    let declarations: String = rows.iter().map(declaration).collect();
    test.apply(&declarations);
    test.sync(&["--details", "full"]).expect(0);
    compare(test, rows);
    test.audited_sync(&["--details", "full"]).expect_silence(1);
}

fn declaration(row: &Row) -> String {
    let Row {
        name, kind, extract, ..
    } = row;
    github_deployment(
        name,
        &format!("{{{kind}, name: {name}}}"),
        extract,
        &format!("{{name: kinds, environment: {name}}}"),
    )
}

/// Fails unless GitHub shows each row's state last, on one deployment of the tag.
fn compare(test: &Namespace, rows: &[Row]) {
    for Row {
        name,
        state,
        description,
        ..
    } in rows
    {
        let deployments = test.github.deployments(&format!("{OWNER}/kinds"), name);
        let [deployment] = deployments.as_slice() else {
            panic!("{name}: {deployments:#?}")
        };
        assert_eq!(deployment.git_ref, TAG, "{name}");
        let status = deployment.statuses.last().unwrap();
        assert_eq!(status.state, *state, "{name}");
        assert!(
            status.description.contains(description),
            "{name}: {:?}",
            status.description
        );
    }
}

#[test]
fn workloads_are_reported_by_their_own_rules() {
    let Some(test) = Namespace::create("workloads") else {
        return;
    };
    let row = |name: &'static str, kind: &'static str, behaviour, state, description| Row {
        name,
        kind: format!("kind: {kind}"),
        object: workload(kind, name, TAG, behaviour),
        extract: format!("{{containerName: {name}}}"),
        state,
        description,
    };
    #[rustfmt::skip]
    let mut rows = vec![
        row("stateful-slow", "StatefulSet", Some("never-ready"), "in_progress", "Ready: 0/1"),
        row("stateful", "StatefulSet", None, "success", "Partition rollout complete. updated: 1"),
        row("daemon", "DaemonSet", None, "success", "All replicas scheduled as expected"),
        row("replica", "ReplicaSet", None, "success", "ReplicaSet is available"),
        row("job", "Job", None, "success", "Job Completed"),
        row("job-failing", "Job", Some("fail"), "failure", "Job Failed"),
        row("cron", "CronJob", None, "success", ""),
        row("pod", "Pod", None, "success", "Pod is Ready"),
        row("pod-crashing", "Pod", Some("crash-loop"), "failure", "CrashLoop"),
    ];
    test.apply(&rows.iter().map(|row| row.object.as_str()).collect::<String>());
    for workload in ["statefulset/stateful", "daemonset/daemon"] {
        test.rolled_out(workload);
    }
    test.kubectl([
        "wait",
        "--for=jsonpath={.status.availableReplicas}=1",
        "replicaset/replica",
        "--timeout=60s",
    ]);
    test.kubectl(["wait", "--for=condition=Complete", "job/job", "--timeout=60s"]);
    test.kubectl(["wait", "--for=condition=Failed", "job/job-failing", "--timeout=60s"]);
    test.kubectl(["wait", "--for=condition=Ready", "pod/pod", "--timeout=60s"]);
    let waiting = "--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff";
    test.kubectl(["wait", waiting, "pod/pod-crashing", "--timeout=60s"]);
    test.pods_run("stateful-slow");
    reported(&test, &rows);

    test.heal("stateful-slow");
    test.rolled_out("statefulset/stateful-slow");
    (rows[0].state, rows[0].description) = ("success", "Partition rollout complete. updated: 1");
    test.sync(&["--details", "full"]).expect(0);
    compare(&test, &rows);
}

/// A custom kind, with the usual conditions, and one whose objects belong to no namespace.
const CUSTOM_KINDS: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: batteries.power.example.com}
spec:
  group: power.example.com
  # An irregular plural: nobody can tell it from the kind.
  names: {kind: Battery, plural: batteries, singular: battery}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: grids.power.example.com}
spec:
  group: power.example.com
  names: {kind: Grid, plural: grids, singular: grid}
  scope: Cluster
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

#[test]
fn other_kinds_are_reported_by_their_conditions() {
    let Some(test) = Namespace::create("other-kinds") else {
        return;
    };
    test.apply(CUSTOM_KINDS);
    test.kubectl([
        "wait",
        "--for=condition=Established",
        "crd/batteries.power.example.com",
        "crd/grids.power.example.com",
    ]);

    let row = |name: &'static str, kind: &'static str, rest: &str, state, description| Row {
        name,
        kind: kind.to_owned(),
        object: format!("{{{kind}, metadata: {{name: {name}, annotations: {{source-ref: {TAG}}}}}{rest}}}\n---\n"),
        extract: "{jsonPath: $.metadata.annotations.source-ref}".to_owned(),
        state,
        description,
    };
    #[rustfmt::skip]
    let mut rows = vec![
        row("battery", "apiVersion: power.example.com/v1, kind: Battery", "", "in_progress", "charging"),
        row("battery-broken", "apiVersion: power.example.com/v1, kind: Battery", "", "failure", "no contact"),
        row("grid", "apiVersion: power.example.com/v1, kind: Grid", "", "success", ""),
        row("priority-class", "apiVersion: scheduling.k8s.io/v1, kind: PriorityClass", ", value: 7", "success", ""),
        row("ingress", "apiVersion: networking.k8s.io/v1, kind: Ingress", ", spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}", "success", ""),
        row("network-policy", "apiVersion: networking.k8s.io/v1, kind: NetworkPolicy", ", spec: {podSelector: {}}", "success", ""),
        row("endpoints", "apiVersion: v1, kind: Endpoints", "", "success", ""),
        row("config-map", "apiVersion: v1, kind: ConfigMap", "", "success", ""),
    ];
    test.apply(&rows.iter().map(|row| row.object.as_str()).collect::<String>());
    conditions(&test, "battery", &[("Ready", "False", "charging")]);
    conditions(&test, "battery-broken", &[("Stalled", "True", "no contact")]);
    reported(&test, &rows);

    conditions(&test, "battery", &[("Ready", "True", "charged")]);
    (rows[0].state, rows[0].description) = ("success", "");
    test.sync(&["--details", "full"]).expect(0);
    compare(&test, &rows);
}

/// Sets conditions, as a controller of the kind would: type, status and message.
fn conditions(test: &Namespace, battery: &str, conditions: &[(&str, &str, &str)]) {
    let conditions: Vec<_> = conditions
        .iter()
        .map(|(kind, status, message)| {
            serde_json::json!({ "type": kind, "status": status, "reason": "Measured", "message": message })
        })
        .collect();
    let patch = serde_json::json!({ "status": { "conditions": conditions } }).to_string();
    test.kubectl([
        "patch",
        &format!("battery/{battery}"),
        "--subresource=status",
        "--type=merge",
        "--patch",
        &patch,
    ]);
}

#[test]
fn an_object_of_the_first_version_is_reported() {
    let Some(test) = Namespace::create("first-version") else {
        return;
    };
    test.apply(&deployment("web", "main-20230405-1234567a", None));
    test.apply(
        "
apiVersion: github.decathlon.com/v1alpha1
kind: GitHubDeployment
metadata: {name: web}
spec:
  sourceRef: {apiVersion: apps/v1, kind: Deployment, name: web, namespace: first-version}
  extract: {containerName: web, regexp: 'main-.*-(?<ref>.*)'}
  repository: {name: web, environment: staging}
",
    );
    test.rolled_out("deployment/web");
    let document = test.sync(&[]).expect(0).document();
    assert_eq!(document["results"][0]["ref"], "1234567a", "{document:#}");
    assert_eq!(test.github.states(&format!("{OWNER}/web"), "staging"), [["success"]]);
    assert_eq!(test.ready("web").0, "True");
    // The same object, as a client of the first version sees it.
    let first: serde_json::Value = serde_json::from_str(&test.kubectl([
        "get",
        "githubdeployments.v1alpha1.github.decathlon.com",
        "web",
        "-o",
        "json",
    ]))
    .unwrap();
    assert_eq!(first["apiVersion"], "github.decathlon.com/v1alpha1");
    assert_eq!(first["status"]["status"], "Current", "{first:#}");
    test.audited_sync(&[]).expect_silence(1);
}

#[test]
fn annotations_of_the_source_go_into_the_payload() {
    let Some(test) = Namespace::create("annotations") else {
        return;
    };
    test.apply(&deployment("web", TAG, None));
    let annotations = BTreeMap::from([
        ("url", "https://web.example.com/"),
        ("team", "shop"),
        ("other.example.com/x", "y"),
    ]);
    for (key, value) in &annotations {
        let key = if key.contains('/') {
            (*key).to_owned()
        } else {
            format!("github.decathlon.com/{key}")
        };
        test.kubectl(["annotate", "deployment/web", &format!("{key}={value}")]);
    }
    test.apply(&reported_deployment("web"));
    test.rolled_out("deployment/web");
    test.sync(&[]).expect(0);
    let deployments = test.github.deployments(&format!("{OWNER}/web"), "staging");
    let payload = deployments[0].payload.clone();
    assert_eq!(payload["team"], "shop", "{payload:#}");
    assert!(payload["kubeStatusToGithub"].is_object(), "{payload:#}");
    assert!(!payload.to_string().contains("other.example.com"), "{payload:#}");
    assert_eq!(deployments[0].statuses[0].environment_url, "https://web.example.com/");
}
