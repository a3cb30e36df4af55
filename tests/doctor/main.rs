//! `doctor`: every way in which something can be set up wrongly is a line that says what to do, and nothing is written.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

mod app;
mod cluster;
mod github;
mod output;
#[path = "../support/mod.rs"]
mod support;

use support::{
    GitHub, Run,
    laptop::{Laptop, assert_snapshot},
};

const GROUP: &str = "doctor";

/// A repository alone.
const WEB: &str = "doctor --repo octo-org/web";

/// A port for system services: no test can come to listen there.
const NOBODY: &str = "http://127.0.0.1:1";

/// A machine whose GitHub has a repository with the tag v1.
fn laptop() -> Laptop {
    let github = GitHub::empty();
    github.add_repository("octo-org/web").tag("v1").private();
    Laptop::new(github)
}

/// Runs `arguments` with `variables` instead of those that lead to this GitHub; empty ones are taken away.
fn run(laptop: &Laptop, arguments: &str, variables: &[(&str, &str)]) -> Run {
    let mut command = laptop.program();
    for (name, value) in variables {
        if value.is_empty() {
            command.env_remove(name);
        } else {
            command.env(name, value);
        }
    }
    Run::of(command.args(arguments.split_whitespace()))
}

/// Compares what is printed, and sees that nothing was written.
#[track_caller]
fn printed(name: &str, laptop: &Laptop, arguments: &str, variables: &[(&str, &str)], code: i32) -> String {
    let run = run(laptop, arguments, variables).expect(code);
    let text = laptop.transcript(arguments, &run);
    assert_snapshot(GROUP, name, &text);
    assert_eq!(laptop.writes(), Vec::<String>::new(), "{name}");
    text
}
