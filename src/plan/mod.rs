//! The decision: what GitHub is to be told, as one pure function of what is wanted and what exists.
//!
//! Every source has a line of its own on GitHub, the deployments whose marker lists it; the newest of them says
//! what was last reported for it, and nothing else is remembered between passes. [`plan`] compares that line with
//! what the source shows now. [`Rule`] names the rows of its two tables.

mod changes;
mod rule;
mod state;
#[cfg(test)]
mod tests;
mod words;

pub use changes::*;
pub(crate) use rule::is_other_rollout;
pub use rule::{Situation, is_enough, plan};
pub use state::*;
pub use words::*;
