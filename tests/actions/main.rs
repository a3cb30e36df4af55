//! GitHub Actions: what the program tells a runner, the steps of `action.yml`, and the workflows of `examples/`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

mod action;
mod definition;
mod download;
mod lint;
mod page;
mod program;
mod runner;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod workflows;
