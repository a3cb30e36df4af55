//! One pass as a library call: an emulated GitHub, an API server in memory, no sockets, and virtual time.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

mod api_server;
mod boundaries;
mod close;
mod closings;
mod deletion;
mod fail_fast;
mod flags;
mod hours;
mod lasting;
mod limits;
mod lost_answers;
mod objects;
mod parallel;
mod payload;
mod renamed;
mod reread;
mod rollout;
mod scenarios;
mod settings;
mod status;
mod waiting;
mod world;
