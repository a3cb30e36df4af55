//! Why a rollout has not arrived, as its pods tell it.

use serde_json::Value;

use crate::{
    control_plane::{RUNNERS, control_plane},
    namespace::{BEHAVIOUR, Namespace, deployment, reported_workload, workload},
    support::{Run, eventually},
};

const KINDS: [&str; 4] = ["Deployment", "StatefulSet", "DaemonSet", "Job"];

/// A trouble of pods, by the name of their workload, and what is to be said of it.
struct Trouble {
    name: &'static str,
    /// None for pods that no node has room for.
    behaviour: Option<&'static str>,
    cause: &'static str,
}

const TROUBLES: [Trouble; 4] = [
    Trouble {
        name: "no-image",
        behaviour: Some("image-pull-backoff"),
        cause: "ImagePullBackOff: image registry.example.com:5000/no-image:v1 not found",
    },
    Trouble {
        name: "crashes",
        behaviour: Some("crash-loop"),
        cause: "CrashLoopBackOff, last exit 137 (OOMKilled)",
    },
    Trouble {
        name: "too-large",
        behaviour: None,
        cause: "unschedulable: 0/2 nodes are available: ",
    },
    Trouble {
        name: "not-ready",
        behaviour: Some("never-ready"),
        cause: "container not-ready is not ready: its readiness probe does not succeed",
    },
];

impl Trouble {
    fn workload(&self, kind: &str) -> String {
        let workload = workload(kind, self.name, "v1", self.behaviour);
        let image = format!("image: 'registry.example.com:5000/{}:v1'", self.name);
        let more = "readinessProbe: {httpGet: {port: 80}}";
        let requests = match self.behaviour {
            Some(_) => "",
            None => ", resources: {requests: {cpu: 1000}}",
        };
        assert!(workload.contains(&image));
        workload.replace(&image, &format!("{image}, {more}{requests}"))
    }
}

fn status(test: &Namespace, arguments: &[&str]) -> Run {
    Run::of(test.program().args(["status", "-o", "json"]).args(arguments))
}

/// The message of each result that has its cause, by kind.
fn message<'a>(document: &'a Value, kind: &str) -> &'a str {
    let results = document["results"].as_array().unwrap();
    let of_kind = results.iter().find(|result| result["kind"] == kind);
    of_kind.unwrap()["message"].as_str().unwrap()
}

#[test]
fn every_kind_of_workload_tells_what_its_pods_say() {
    for trouble in &TROUBLES {
        let Some(test) = Namespace::create(&format!("cause-{}", trouble.name)) else {
            return;
        };
        let workloads: String = KINDS.iter().map(|kind| trouble.workload(kind)).collect();
        let declared: String = KINDS
            .iter()
            .map(|kind| {
                let name = format!("{{name: {}}}", kind.to_lowercase());
                reported_workload(kind, trouble.name).replacen(&format!("{{name: {}}}", trouble.name), &name, 1)
            })
            .collect();
        test.apply(&(workloads + &declared));
        let document = eventually(&format!("the causes of {}", trouble.name), || {
            let document = status(&test, &[]).expect(0).document();
            let told = |kind: &&str| message(&document, kind).starts_with(trouble.cause);
            KINDS.iter().all(told).then_some(document)
        });
        let plain = ["Available: 0/1", "Ready: 0/1", "Available: 0/2", "Job in progress."];
        for (kind, plain) in KINDS.iter().zip(plain) {
            let message = message(&document, kind);
            assert!(message.contains(&format!("; {plain}")), "{kind}: {message}");
            assert!(message.chars().count() <= 140, "{kind}: {message}");
        }
    }
}

#[test]
fn pods_of_an_earlier_rollout_are_not_asked() {
    let Some(test) = Namespace::create("cause-of-the-newest") else {
        return;
    };
    test.apply(&deployment("web", "v1", None));
    test.rolled_out("deployment/web");
    let old = test.kubectl(["get", "pods", "-o", "jsonpath={.items[*].metadata.name}"]);
    test.apply(&deployment("web", "v2", Some("never-ready")));
    let not_ready = |pods: &[&str]| {
        test.kubectl([&["wait", "pod", "--for=condition=Ready=False", "--timeout=60s"], pods].concat());
    };
    eventually("the new pod is there", || {
        let pods = test.kubectl(["get", "pods", "-o", "name"]);
        (pods.lines().count() == 2).then_some(())
    });
    not_ready(&["--all", &format!("--field-selector=metadata.name!={old}")]);
    test.kubectl(["annotate", "pod", &old, &format!("{BEHAVIOUR}=crash-loop")]);
    not_ready(&[&old]);
    let document = status(&test, &["deployment/web"]).expect(0).document();
    assert_eq!(
        message(&document, "Deployment"),
        "container web is not ready; Pending termination: 1"
    );
}

#[test]
fn without_permission_for_pods_the_message_is_plain() {
    let Some(test) = Namespace::without_permissions("cause-unknown") else {
        return;
    };
    let cluster = control_plane().unwrap();
    test.apply(&deployment("web", "v1", Some("crash-loop")));
    test.kubectl([
        "wait",
        "pod",
        "-l",
        "app=web",
        "--for=condition=Ready=False",
        "--timeout=60s",
    ]);
    let grant = |name: &str, resource: &str| {
        test.kubectl([
            "create",
            "role",
            name,
            "--verb=get,list",
            &format!("--resource={resource}"),
        ]);
        let account = format!("--serviceaccount={RUNNERS}:{}", test.name);
        test.kubectl(["create", "rolebinding", name, &format!("--role={name}"), &account]);
    };
    grant("workloads", "deployments.apps");
    let told = |expected: &str| {
        eventually(expected, || {
            let run = status(&test, &["deployment/web"]);
            // The API server hears of a new role a moment later.
            (run.code == 0 && message(&run.document(), "Deployment") == expected).then_some(run)
        })
    };
    let from = cluster.audit_mark();
    let run = told("Available: 0/1");
    assert_eq!(run.stderr, "");
    let requests = cluster.requests(&test.user, from, cluster.audit_mark());
    assert!(
        requests.iter().any(|request| request.what() == "list replicasets"),
        "{requests:?}"
    );
    grant("replica-sets", "replicasets.apps");
    told("Available: 0/1");
    grant("pods", "pods");
    told("CrashLoopBackOff, last exit 137 (OOMKilled); Available: 0/1");
}
