//! The Kubernetes objects of the tests. Every Deployment has one container, `app`.

use serde_json::{Value, json};

pub const NAMESPACE: &str = "shop";

/// How far a rollout is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rollout {
    UnderWay,
    Done,
    Failed,
}

/// A Deployment that runs this tag.
pub fn deployment(name: &str, tag: &str, rollout: Rollout) -> Value {
    let available = i64::from(rollout == Rollout::Done);
    let (progressing, reason) = match rollout {
        Rollout::UnderWay => ("True", "ReplicaSetUpdated"),
        Rollout::Done => ("True", "NewReplicaSetAvailable"),
        Rollout::Failed => ("False", "ProgressDeadlineExceeded"),
    };
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "namespace": NAMESPACE, "name": name, "uid": format!("uid-of-{name}"), "generation": 2,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "replicas": 1, "progressDeadlineSeconds": 600,
            "template": {"spec": {"containers": [{"name": "app", "image": format!("registry.example/app:{tag}")}]}},
        },
        "status": {
            "observedGeneration": 2, "replicas": 1, "updatedReplicas": 1,
            "readyReplicas": available, "availableReplicas": available,
            "conditions": [
                {"type": "Progressing", "status": progressing, "reason": reason},
                {"type": "Available", "status": if available == 1 { "True" } else { "False" }, "reason": "x"},
            ],
        },
    })
}

/// A GitHubDeployment of this name for the Deployment of the same name, with further fields of `spec.repository`.
pub fn github_deployment(name: &str, repository: &str, environment: &str, further: Value) -> Value {
    let mut object = json!({
        "apiVersion": "github.decathlon.com/v1beta1", "kind": "GitHubDeployment",
        "metadata": {"namespace": NAMESPACE, "name": name, "uid": format!("uid-of-ghd-{name}"), "generation": 1},
        "spec": {
            "sourceRef": {"kind": "Deployment", "name": name},
            "extract": {"containerName": "app"},
            "repository": {"name": repository, "environment": environment},
        },
    });
    merge(&mut object["spec"]["repository"], further);
    object
}

/// Puts the fields of `further` over those of `object`.
pub fn merge(object: &mut Value, further: Value) {
    match (object, further) {
        (Value::Object(fields), Value::Object(further)) => {
            for (name, value) in further {
                merge(fields.entry(name).or_insert(Value::Null), value);
            }
        }
        (place, value) => *place = value,
    }
}

/// Where the API server has a Deployment.
pub fn deployment_path(name: &str) -> String {
    format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{name}")
}

/// Where the API server has a GitHubDeployment.
pub fn github_deployment_path(name: &str) -> String {
    format!("/apis/github.decathlon.com/v1beta1/namespaces/{NAMESPACE}/githubdeployments/{name}")
}
