//! `close`: from the configuration to inactive deployments.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Failure, Surroundings, config::CloseConfig, exit::Exit, print, signals, sync::connect};
use crate::{
    plan::Environment,
    report::{self, API_VERSION, Document, Summary},
    source::Kept,
    sync::{CloseSettings, World, close},
};

/// Closes what was asked for, and prints it.
pub(super) async fn run(config: CloseConfig, surroundings: Surroundings) -> Result<Exit, Failure> {
    let (stop, _, second_signal) = signals::listen().map_err(Failure::cannot_run)?;
    let world = World {
        kubernetes: None,
        github: connect(&config.github)?,
        now: Arc::new(Timestamp::now),
        stop,
        kept: Kept::default(),
        progress: surroundings.progress.clone(),
    };
    let settings = CloseSettings {
        environment: Environment {
            repository: config.repository,
            name: config.environment,
        },
        task: config.task,
        dry_run: config.dry_run,
        max_writes: config.max_writes,
        deadline: config.deadline,
    };
    let closed = tokio::select! {
        closed = close(&world, &settings) => closed?,
        exit = second_signal => return Ok(exit),
    };
    surroundings.progress.finish();
    let document = Document {
        api_version: API_VERSION.to_owned(),
        dry_run: settings.dry_run,
        summary: Summary::default(),
        results: Vec::new(),
        changes: closed.changes,
        existing: Vec::new(),
        situations: Vec::new(),
    };
    let mut text = Vec::new();
    report::render(&document, config.output, &mut text, surroundings.style).map_err(Failure::cannot_run)?;
    print(&text)?;
    if let Some(step) = &surroundings.step {
        step.tell(&document, false, surroundings.log_format);
    }
    match closed.error {
        Some(error) => Err(Failure {
            exit: Exit::SomeFailed,
            error: error.into(),
        }),
        None if closed.timed_out => Ok(Exit::TimedOut),
        None => Ok(Exit::Done),
    }
}
