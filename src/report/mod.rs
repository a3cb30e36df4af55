//! What a pass tells: to people, to programs, to the objects themselves.

pub mod actions;
mod checks;
mod colour;
mod diff;
mod document;
#[cfg(test)]
pub(crate) mod fixtures;
mod health;
mod live;
mod names;
mod people;
mod progress;
mod refs;
mod render;
mod schema;
pub mod status;
mod text;

pub use checks::{Area, Check, CheckDocument, CheckFormat, CheckName, CheckResult, CheckSummary, render_checks};
pub use document::*;
pub use health::{HealthDocument, HealthExplanation, HealthFormat, HealthRow, HealthWriter};
pub use live::{Ended, Live, RolloutRow, sentences};
pub use progress::Progress;
pub use refs::{RefDocument, RefFormat, RefRow, render_refs};
pub use render::{Format, Style, render};
pub use schema::{check_schema, schema};
pub use text::{clean, with_causes};
