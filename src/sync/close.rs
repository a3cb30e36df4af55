//! `close`: the end of an environment, from a pipeline.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::{
    github::{EnvironmentQuery, GitHub, LimitScope, NewStatus, WriteError},
    plan::{Environment, Existing, LatestStatus, Rule, State},
    report::{ChangeAction, ChangeResult, DeploymentResult, Outcome},
};

use super::{RunError, World, before};

/// What is to be closed.
#[derive(Clone, Debug)]
pub struct CloseSettings {
    /// The environment.
    pub environment: Environment,
    /// Only this task; none: all.
    pub task: Option<String>,
    /// Write nothing.
    pub dry_run: bool,
    /// At most so many writes.
    pub max_writes: usize,
    /// It never takes longer.
    pub deadline: Duration,
}

/// What [`close`] did: every deployment with a marker that was not inactive.
#[derive(Debug)]
pub struct Closed {
    /// One for each deployment.
    pub changes: Vec<ChangeResult>,
    /// The first refusal, if there was one.
    pub error: Option<WriteError>,
    /// True if the deadline ended it early.
    pub timed_out: bool,
}

/// Posts inactive on every deployment of an environment that this program made, one after the other, as a pass writes
/// within one environment.
///
/// # Errors
/// When the environment can't be read, or not before the deadline.
pub async fn close(world: &World, settings: &CloseSettings) -> Result<Closed, RunError> {
    let deadline = Instant::now() + settings.deadline;
    let environment = &settings.environment;
    let github = world.github.for_pass(Some(deadline));
    let existing = before(Some(deadline), read(&github, environment)).await?;
    let mut closed = Closed {
        changes: Vec::new(),
        error: None,
        timed_out: false,
    };
    let mut writes_left = settings.max_writes;
    for deployment in &existing.deployments {
        let Some(marker) = &deployment.marker else { continue };
        let asked_for = settings.task.as_ref().is_none_or(|task| *task == deployment.task);
        if deployment.status == LatestStatus::Inactive || !asked_for {
            continue;
        }
        closed.timed_out |= Instant::now() >= deadline;
        let halted = closed.timed_out
            || writes_left == 0
            || *world.stop.borrow()
            || matches!(closed.error, Some(WriteError::Limited { .. }));
        let outcome = if settings.dry_run {
            Outcome::Planned
        } else if halted {
            Outcome::Deferred
        } else {
            writes_left -= 1;
            let repository = environment.repository.clone();
            let status = NewStatus::inactive(repository, deployment.node_id.clone(), "The environment was closed");
            let posted = timeout_at(deadline, github.create_status(&status)).await;
            closed.take(posted.ok(), deadline)
        };
        closed.changes.push(ChangeResult {
            action: ChangeAction::Close,
            repository: environment.repository.to_string(),
            environment: environment.name.clone(),
            task: deployment.task.clone(),
            git_ref: marker.git_ref.to_string(),
            state: State::Inactive,
            rule: Rule::Ended,
            deployment: Some(DeploymentResult {
                node_id: deployment.node_id.clone(),
                id: deployment.id,
                url: None,
            }),
            outcome,
            before: Some(deployment.status.clone()),
        });
    }
    Ok(closed)
}

/// The environment, to its oldest deployment.
async fn read(github: &GitHub, environment: &Environment) -> Result<Existing, RunError> {
    let query = EnvironmentQuery {
        environment: environment.clone(),
        refs: Vec::new(),
        sources: 1,
    };
    let mut reading = github.read_one(query).await?;
    github
        .read_further(&mut reading, &mut |existing| existing.complete)
        .await?;
    Ok(reading.existing)
}

impl Closed {
    /// Notes what became of a write; none if the deadline came first, so that nobody knows.
    fn take(&mut self, posted: Option<Result<(), WriteError>>, deadline: Instant) -> Outcome {
        let error = match posted {
            Some(Ok(())) => return Outcome::Done,
            Some(Err(error)) => error,
            None => {
                self.timed_out = true;
                return Outcome::Failed;
            }
        };
        let outcome = match &error {
            WriteError::Limited {
                scope: LimitScope::Writes,
                until,
                ..
            } if *until >= deadline => {
                self.timed_out = true;
                return Outcome::Deferred;
            }
            WriteError::Limited { .. } => Outcome::Deferred,
            _ => Outcome::Failed,
        };
        self.error.get_or_insert(error);
        outcome
    }
}
