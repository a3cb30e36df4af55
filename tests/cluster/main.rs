//! The program on a real control plane, with an emulated GitHub.
//!
//! One control plane is started for all tests, see [`control_plane`]; each has a namespace, a user and a GitHub
//! of its own, see [`namespace`]. Where no control plane can be built the tests are skipped, except in CI.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

mod bad_objects;
mod causes;
mod chaos;
mod completion;
mod control_plane;
mod deletion;
mod examples;
mod flags;
mod kinds;
mod namespace;
mod pages;
mod permissions;
mod quiet;
mod readme;
mod rollout;
mod status;
#[path = "../support/mod.rs"]
mod support;
mod upstream;
mod wait;
