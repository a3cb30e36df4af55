//! A GitHub App against a whole GitHub that verifies its signatures, in virtual time.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

mod clock;
mod limits;
mod owners;
mod tokens;
mod world;
