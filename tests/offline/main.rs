//! The main job without a cluster: objects from files, GitHub on loopback, no kubeconfig on the machine.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

mod config_file;
mod flags;
mod health;
mod passes;
mod replay;
mod results;
mod rollout;
mod sources;
#[path = "../support/mod.rs"]
mod support;

use std::fs;

use serde_json::Value;
use support::{
    GitHub,
    laptop::{Laptop, Progress, deployment, github_deployment},
    repository_file,
};

const GROUP: &str = "offline";

const DECLARED: &str = "examples/quickstart/githubdeployment.yaml";
const ROLLING_OUT: &str = "examples/quickstart/rolling-out.yaml";
const ROLLED_OUT: &str = "examples/quickstart/rolled-out.yaml";

/// The repository and the environment of the quickstart.
const STAGING: (&str, &str) = ("octo-org/podinfo", "staging");

fn laptop() -> Laptop {
    Laptop::new(GitHub::with_everything())
}

/// Arguments for the quickstart at one of its moments.
fn quickstart(objects: &str, further: &str) -> String {
    format!("sync -f {DECLARED} --objects {objects}{further}")
}

/// Two services, each with a repository of its own.
fn two_services() -> Laptop {
    let laptop = laptop();
    let names = ["api", "web"];
    laptop.write("declared.yaml", names.map(declared).concat());
    laptop.write(
        "objects.yaml",
        names
            .map(|name| deployment(name, "registry/x:v1", Progress::Complete))
            .concat(),
    );
    laptop
}

/// A GitHubDeployment for the Deployment, the container and the repository of this name.
fn declared(name: &str) -> String {
    let repository = format!("{{name: {name}, environment: staging}}");
    github_deployment(
        name,
        &format!("{{kind: Deployment, name: {name}}}"),
        &format!("{{containerName: {name}}}"),
        &repository,
    )
}

/// Fails unless a document is one by the schema that is committed.
#[track_caller]
fn valid(document: &Value) {
    let schema = fs::read_to_string(repository_file("docs/report.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let errors: Vec<String> = validator.iter_errors(document).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new(), "{document:#}");
}
