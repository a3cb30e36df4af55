//! Secrets stay where they were given: whatever is run and whatever fails, none is printed, logged, kept in a file, or
//! sent to a server that it is not for.
//!
//! Each secret is a canary. What a run leaves anywhere is searched for it, in plain text and in base64.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

mod canaries;
mod failures;
mod runs;
#[path = "../support/mod.rs"]
mod support;
