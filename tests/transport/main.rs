//! The way to GitHub over real sockets: TLS with authorities of the tests, proxies, redirects and packed answers; and
//! credentials for the cluster.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

mod authority;
mod certificates;
mod connections;
mod credentials;
mod enterprise;
mod proxies;
mod redirects;
mod server;
#[path = "../support/mod.rs"]
mod support;

use server::Server;
use support::{
    GitHub, Run,
    laptop::{Laptop, Progress, deployment, github_deployment},
};

const GROUP: &str = "transport";

/// One deployment with its status.
const SYNC: [&str; 5] = ["sync", "-f", "declared.yaml", "--objects", "objects.yaml"];

/// A machine with one GitHubDeployment and its Deployment.
fn laptop() -> Laptop {
    let laptop = Laptop::new(GitHub::with_everything());
    let source = "{kind: Deployment, name: web}";
    let repository = "{name: web, environment: staging}";
    let declared = github_deployment("web", source, "{containerName: web}", repository);
    laptop.write("declared.yaml", declared);
    laptop.write("objects.yaml", deployment("web", "registry/web:v1", Progress::Complete));
    laptop
}

/// Runs a pass against a GitHub at this address.
fn sync(laptop: &Laptop, address: &str, variables: &[(&str, &str)]) -> Run {
    let mut command = laptop.program();
    command.env("GITHUB_API", address).envs(variables.iter().copied());
    Run::of(command.args(SYNC))
}

/// Fails unless the pass reported the rollout, once.
#[track_caller]
fn reported(laptop: &Laptop, run: Run) {
    let run = run.expect(0);
    assert_eq!(run.stderr, "", "{}", run.stdout);
    assert_eq!(laptop.github.states("octo-org/web", "staging"), [["success"]]);
}

/// Fails unless nothing was written; compares what was printed with a snapshot.
#[track_caller]
fn refused(name: &str, laptop: &Laptop, server: &Server, run: Run) {
    let run = run.expect(3);
    let port = server.port().to_string();
    let text = laptop.transcript(&SYNC.join(" "), &run).replace(&port, "PORT");
    support::laptop::assert_snapshot(GROUP, name, &text);
    assert_eq!(laptop.writes(), Vec::<String>::new());
}
