//! The writes of one environment: in their order, one at a time.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use tokio::time::{Instant, error::Elapsed, sleep_until, timeout_at};

use crate::{
    github::{LimitScope, NewStatus, WriteError},
    plan::{Change, State},
    report::{DeploymentResult, Outcome},
    sync::{
        content,
        environments::EnvironmentWork,
        standing::{Reason, Source},
    },
};

use super::{Attempt, Shared};

/// A write that is based on an older reading reads both sides again first.
const FRESH: Duration = Duration::from_secs(10);

/// A write whose turn is further away is waited for before that reading, and not after it.
const SOON: Duration = Duration::from_secs(5);

/// One environment while it is written.
pub(super) struct Writer {
    /// Its place in the order of the pass.
    pub place: usize,
    pub work: EnvironmentWork,
    /// Writes that it may still make.
    pub granted: usize,
    queue: VecDeque<Change>,
    tried: BTreeMap<Subject, Outcome>,
    all_succeeded: bool,
    /// Writes that failed.
    failed: usize,
}

/// What a change is about: the same one is not tried twice in a pass.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    /// A create for the source of this index.
    Source(usize),
    /// This state on the deployment of this node id.
    Deployment(String, State),
}

impl Subject {
    fn of(change: &Change) -> Self {
        match change {
            Change::Create { index, .. } => Self::Source(*index),
            Change::Status { deployment, .. } | Change::Close { deployment, .. } => {
                Self::Deployment(deployment.clone(), change.state())
            }
        }
    }
}

impl Writer {
    pub(super) fn new(place: usize, work: EnvironmentWork) -> Self {
        Self {
            place,
            queue: queue_of(&work),
            work,
            granted: 0,
            tried: BTreeMap::new(),
            all_succeeded: true,
            failed: 0,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.queue.is_empty()
    }

    /// Writes that are left at most.
    pub(super) fn writes(&self) -> usize {
        self.queue.iter().map(writes_of).sum()
    }

    /// Writes without which nothing can be begun.
    pub(super) fn next_writes(&self) -> usize {
        self.queue.front().map_or(0, writes_of)
    }

    /// Writes what was decided, as far as that is granted. Stops early, once, where too many writes fail.
    pub(super) async fn write(mut self, shared: &Shared<'_>) -> Self {
        // However long reading takes: a write follows, or the pass would read for ever.
        let mut just_read = false;
        while let Some(change) = self.queue.pop_front() {
            if let Some(outcome) = self.tried.get(&Subject::of(&change)) {
                self.all_succeeded = false;
                if *outcome == Outcome::Done {
                    let reason = Reason::new("Changed", "it changed again while the pass ran");
                    self.defer(&change, reason);
                }
                continue;
            }
            if let Some(reason) = self.obstacle(&change, shared) {
                self.all_succeeded = false;
                self.defer(&change, reason);
                continue;
            }
            if self.granted < writes_of(&change) {
                self.queue.push_front(change);
                return self;
            }
            if let Some(turn) = shared.world.github.far_turn(SOON) {
                self.queue.push_front(change);
                if shared.is_too_late(turn) {
                    shared.time_is_up();
                } else {
                    shared.wait_until(turn - SOON).await;
                    just_read = false;
                }
                continue;
            }
            if !just_read && self.work.read_at.is_none_or(|read_at| read_at.elapsed() > FRESH) {
                if self.decide_again(shared).await.is_err() {
                    self.queue.push_front(change);
                } else if let Some(error) = self.work.error.clone() {
                    self.queue.push_front(change);
                    for change in std::mem::take(&mut self.queue) {
                        let attempt = shared.refused(deployment_of(&change, &self.work), &error);
                        self.work.note(&change, attempt);
                    }
                    return self;
                } else {
                    self.queue = queue_of(&self.work);
                }
                just_read = true;
                continue;
            }
            just_read = false;
            let attempt = self.write_in_time(&change, shared).await;
            self.granted -= sent(&change, &attempt);
            self.tried.insert(Subject::of(&change), attempt.outcome);
            self.all_succeeded &= attempt.outcome == Outcome::Done;
            let failed = attempt.outcome == Outcome::Failed;
            self.work.note(&change, attempt);
            if failed {
                self.failed += 1;
                shared.count_failure();
                if self.failed == shared.patience() {
                    return self;
                }
            }
        }
        self
    }

    fn defer(&mut self, change: &Change, reason: Reason) {
        let attempt = Attempt::deferred(deployment_of(change, &self.work), reason);
        self.work.note(change, attempt);
    }

    /// Reads both sides of the environment again, and decides again, unless the deadline comes first.
    async fn decide_again(&mut self, shared: &Shared<'_>) -> Result<(), Elapsed> {
        let reading = self.work.decide_again(shared.world, shared.settings, shared.observer);
        match shared.deadline {
            Some(deadline) => timeout_at(deadline, reading).await,
            None => {
                reading.await;
                Ok(())
            }
        }
    }

    /// Why a change has to wait for a later pass.
    fn obstacle(&self, change: &Change, shared: &Shared<'_>) -> Option<Reason> {
        shared.halted().or_else(|| {
            (matches!(change, Change::Close { .. }) && !self.all_succeeded).then(|| {
                Reason::new(
                    "EarlierWriteMissing",
                    "closed once the environment's other writes are done",
                )
            })
        })
    }

    /// Writes, but never past the deadline. What was cut off may have been done: the next pass looks first.
    async fn write_in_time(&self, change: &Change, shared: &Shared<'_>) -> Attempt {
        let writing = self.write_one(change, shared);
        let Some(deadline) = shared.deadline else {
            return writing.await;
        };
        if let Ok(attempt) = timeout_at(deadline, writing).await {
            return attempt;
        }
        shared.time_is_up();
        let message = "--deadline passed while this was written; the next pass looks whether it was done";
        let reason = Reason::new("DeadlineExceeded", message).passing();
        Attempt::failed(deployment_of(change, &self.work), reason)
    }

    async fn write_one(&self, change: &Change, shared: &Shared<'_>) -> Attempt {
        let work = &self.work;
        match change {
            Change::Create {
                index,
                state,
                auto_inactive,
                ..
            } => {
                let wanted = work.situation.iter().flat_map(|situation| &situation.wanted);
                let Some(wanted) = wanted.into_iter().find(|wanted| wanted.index == *index) else {
                    return Attempt::deferred(None, Reason::new("Changed", "it is no longer wanted"));
                };
                let new = content::deployment(work, &work.sources[index], wanted, shared.settings.details);
                let created = match shared.world.github.create_deployment(&new).await {
                    Ok(created) => created,
                    Err(error) => return shared.refused(None, &error),
                };
                let deployment = DeploymentResult {
                    id: created.id,
                    url: work.url(),
                    node_id: created.node_id.clone(),
                };
                let status = self.status(created.node_id, *state, &[*index], *auto_inactive, shared);
                post(&status, Some(deployment), shared).await
            }
            Change::Status {
                deployment,
                state,
                indexes,
                auto_inactive,
                ..
            } => {
                let status = self.status(deployment.clone(), *state, indexes, *auto_inactive, shared);
                post(&status, deployment_of(change, work), shared).await
            }
            Change::Close { deployment, rule, .. } => {
                let status = content::closing(work, deployment.clone(), *rule);
                post(&status, deployment_of(change, work), shared).await
            }
        }
    }

    fn status(
        &self,
        deployment: String,
        state: State,
        indexes: &[usize],
        auto_inactive: bool,
        shared: &Shared<'_>,
    ) -> NewStatus {
        let sources: Vec<&Source> = indexes.iter().map(|index| &self.work.sources[index]).collect();
        let mut status = content::status(&self.work, deployment, state, &sources, shared.settings.details);
        status.auto_inactive = auto_inactive;
        status
    }
}

impl Shared<'_> {
    /// A write that GitHub did not take. A limit of all writes ends the writing of the pass.
    fn refused(&self, deployment: Option<DeploymentResult>, error: &WriteError) -> Attempt {
        let reason = Reason::from(error);
        let WriteError::Limited { scope, until, .. } = error else {
            return Attempt::failed(deployment, reason);
        };
        match scope {
            LimitScope::Writes if self.is_too_late(*until) => {
                return Attempt::deferred(deployment, self.time_is_up());
            }
            LimitScope::Everything | LimitScope::Writes => self.halt(reason.clone()),
            LimitScope::Api | LimitScope::Owner => {}
        }
        Attempt::deferred(deployment, reason)
    }

    /// Waits until then, or less if the user stops.
    async fn wait_until(&self, then: Instant) {
        let mut stop = self.world.stop.clone();
        tokio::select! {
            Ok(_) = stop.wait_for(|stop| *stop) => {}
            () = sleep_until(then) => {}
        }
    }
}

async fn post(status: &NewStatus, deployment: Option<DeploymentResult>, shared: &Shared<'_>) -> Attempt {
    match shared.world.github.create_status(status).await {
        Ok(()) => Attempt {
            outcome: Outcome::Done,
            deployment,
            reason: None,
        },
        Err(error) => shared.refused(deployment, &error),
    }
}

fn queue_of(work: &EnvironmentWork) -> VecDeque<Change> {
    let changes = work.changes.iter().flat_map(|changes| &changes.changes);
    changes.cloned().collect()
}

/// A create counts with its first status: without, the deployment would say nothing.
fn writes_of(change: &Change) -> usize {
    if matches!(change, Change::Create { .. }) { 2 } else { 1 }
}

/// The writes that an attempt took: none where a limit kept it from being sent, and a create that failed has no status.
fn sent(change: &Change, attempt: &Attempt) -> usize {
    let created = usize::from(matches!(change, Change::Create { .. }) && attempt.deployment.is_some());
    created + usize::from(attempt.outcome != Outcome::Deferred)
}

/// The deployment that a change is about, where it exists.
pub(super) fn deployment_of(change: &Change, work: &EnvironmentWork) -> Option<DeploymentResult> {
    match change {
        Change::Create { .. } => None,
        Change::Status { deployment, .. } | Change::Close { deployment, .. } => Some(work.deployment(deployment)),
    }
}
