//! What GitHub Actions is told about a pass: annotations, the job summary, and the outputs of the step.
//!
//! All of it is text that somebody writes elsewhere: the runner reads commands from what a step prints, and the other
//! two from files that it names.

mod commands;
mod outputs;
mod summary;

pub use commands::{Annotation, Level, annotations};
pub(super) use commands::{disarm, disarm_json};
pub use outputs::outputs;
pub use summary::summary;
