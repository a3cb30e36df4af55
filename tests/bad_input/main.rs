//! What bad input gets: the whole of what is printed, the exit code, and nothing written for what is bad, while
//! everything beside it is done.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

mod files;
mod github;
mod kubernetes;
mod objects;
#[path = "../support/mod.rs"]
mod support;
mod usage;

use support::{
    GitHub,
    laptop::{Laptop, Progress, assert_snapshot, deployment, github_deployment},
};

const GROUP: &str = "bad_input";

const SOURCE: &str = "{kind: Deployment, name: web}";
const EXTRACT: &str = "{containerName: web}";
const REPOSITORY: &str = "{name: octo-org/web, environment: bad}";

/// Reads what is good and what is bad.
const BESIDE: &str = "sync -f bad.yaml -f good.yaml --objects objects.yaml";

/// A machine with a good GitHubDeployment, and with the objects for bad ones.
fn laptop() -> Laptop {
    let github = GitHub::empty();
    github.add_repository("octo-org/web").tag("v1");
    github.add_repository("octo-org/old").tag("v1").archived();
    let laptop = Laptop::new(github);
    let good = github_deployment("good", SOURCE, EXTRACT, "{name: octo-org/web, environment: staging}");
    laptop.write("good.yaml", good);
    let digest = format!("ghcr.io/octo-org/web@sha256:{}", "0123456789abcdef".repeat(4));
    let objects = [
        ("web", "ghcr.io/octo-org/web:v1"),
        ("unpushed", "ghcr.io/octo-org/web:v2"),
        ("untagged", "localhost:5000/octo-org/web"),
        ("digest", &digest),
    ];
    laptop.write(
        "objects.yaml",
        objects
            .map(|(name, image)| deployment(name, image, Progress::Complete))
            .concat(),
    );
    laptop
}

/// Runs `arguments` and compares what is printed, with `objects.yaml` and `good.yaml` beside what is bad.
fn printed(name: &str, laptop: &Laptop, arguments: &str, code: i32) {
    let run = laptop.run(arguments).expect(code);
    assert_snapshot(GROUP, name, &laptop.transcript(arguments, &run));
}

/// Nothing was written but the deployment of the good GitHubDeployment, with its state.
fn only_good_is_written(name: &str, laptop: &Laptop) {
    assert_eq!(laptop.github.states("octo-org/web", "staging"), [["success"]], "{name}");
    assert_eq!(laptop.writes(), ["CreateDeployment", "GraphQlMutation"], "{name}");
}
