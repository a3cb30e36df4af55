//! The writes of a pass, in their order, one at a time.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use tokio::time::{Instant, error::Elapsed, timeout_at};

use crate::{
    github::{NewStatus, WriteError},
    plan::{Change, LatestStatus, Rule, State},
    report::{ChangeAction, ChangeResult, DeploymentResult, Outcome},
};

use super::{
    Settings, World, content,
    environments::EnvironmentWork,
    gather::{Gathered, Reason, Source},
};

/// A write that is based on an older reading reads both sides again first.
const FRESH: Duration = Duration::from_secs(10);

/// A pass between its decision and its report.
pub(super) struct Pass<'a> {
    pub world: &'a World,
    pub settings: &'a Settings,
    pub gathered: Gathered,
    pub works: Vec<EnvironmentWork>,
    /// What was done for a source, or was to be done, by its index.
    pub fates: BTreeMap<usize, Fate>,
    /// The deployment on which a source was reported, by its index, whatever became of closings afterwards.
    pub reported_on: BTreeMap<usize, DeploymentResult>,
    pub changes: Vec<ChangeResult>,
    pub timed_out: bool,
    deadline: Option<Instant>,
    writes_left: usize,
    /// Why nothing more is written in this pass.
    halted: Option<Reason>,
}

/// What became of the write that counts for a source.
#[derive(Clone, Debug)]
pub(super) struct Fate {
    pub action: ChangeAction,
    pub rule: Rule,
    pub outcome: Outcome,
    pub reason: Option<Reason>,
}

/// One write, and what came of it.
struct Attempt {
    outcome: Outcome,
    deployment: Option<DeploymentResult>,
    reason: Option<Reason>,
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

impl<'a> Pass<'a> {
    pub fn new(
        world: &'a World,
        settings: &'a Settings,
        deadline: Option<Instant>,
        gathered: Gathered,
        works: Vec<EnvironmentWork>,
    ) -> Self {
        Self {
            world,
            settings,
            gathered,
            works,
            fates: BTreeMap::new(),
            reported_on: BTreeMap::new(),
            changes: Vec::new(),
            timed_out: false,
            deadline,
            writes_left: settings.max_writes,
            halted: None,
        }
    }

    /// Notes every change as planned, and writes nothing.
    pub fn plan_only(&mut self) {
        for work in std::mem::take(&mut self.works) {
            for change in work.changes.iter().flat_map(|changes| &changes.changes) {
                let attempt = Attempt {
                    outcome: Outcome::Planned,
                    deployment: deployment_of(change, &work),
                    reason: None,
                };
                self.note(&work, change, attempt);
            }
            self.works.push(work);
        }
    }

    /// Writes what was decided, environment by environment.
    pub async fn apply(&mut self) {
        for mut work in std::mem::take(&mut self.works) {
            self.apply_environment(&mut work).await;
            self.works.push(work);
        }
    }

    async fn apply_environment(&mut self, work: &mut EnvironmentWork) {
        let queue_of = |work: &EnvironmentWork| -> VecDeque<Change> {
            work.changes
                .iter()
                .flat_map(|changes| changes.changes.iter().cloned())
                .collect()
        };
        let mut queue = queue_of(work);
        let mut tried: BTreeMap<Subject, Outcome> = BTreeMap::new();
        let mut all_succeeded = true;
        // However long reading takes: a write follows, or the pass would read for ever.
        let mut just_read = false;
        while let Some(change) = queue.pop_front() {
            if let Some(outcome) = tried.get(&Subject::of(&change)) {
                all_succeeded = false;
                if *outcome == Outcome::Done {
                    let reason = Reason::new("Changed", "it changed again while the pass ran");
                    self.note(work, &change, Attempt::deferred(deployment_of(&change, work), reason));
                }
                continue;
            }
            if let Some(reason) = self.obstacle(&change, all_succeeded) {
                all_succeeded = false;
                self.note(work, &change, Attempt::deferred(deployment_of(&change, work), reason));
                continue;
            }
            if !just_read && work.read_at.is_none_or(|read_at| read_at.elapsed() > FRESH) {
                if self.decide_again(work).await.is_err() {
                    queue.push_front(change);
                } else if let Some(error) = work.error.clone() {
                    queue.push_front(change);
                    for change in queue {
                        let attempt = self.refused(deployment_of(&change, work), &error);
                        self.note(work, &change, attempt);
                    }
                    return;
                } else {
                    queue = queue_of(work);
                }
                just_read = true;
                continue;
            }
            just_read = false;
            self.writes_left -= writes_of(&change);
            let attempt = self.write_in_time(work, &change).await;
            tried.insert(Subject::of(&change), attempt.outcome);
            all_succeeded &= attempt.outcome == Outcome::Done;
            self.note(work, &change, attempt);
        }
    }

    /// Reads both sides of an environment again, and decides again, unless the deadline comes first.
    async fn decide_again(&mut self, work: &mut EnvironmentWork) -> Result<(), Elapsed> {
        let reading = work.decide_again(self.world, self.settings, &mut self.gathered);
        match self.deadline {
            Some(deadline) => timeout_at(deadline, reading).await,
            None => {
                reading.await;
                Ok(())
            }
        }
    }

    /// Why a change has to wait for a later pass.
    fn obstacle(&mut self, change: &Change, all_succeeded: bool) -> Option<Reason> {
        if let Some(reason) = &self.halted {
            return Some(reason.clone());
        }
        if *self.world.stop.borrow() {
            self.halted = Some(Reason::new("Stopped", "the pass was asked to stop"));
        } else if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            self.timed_out = true;
            self.halted = Some(Reason::new("DeadlineExceeded", "--deadline has passed"));
        } else if matches!(change, Change::Close { .. }) && !all_succeeded {
            return Some(Reason::new(
                "EarlierWriteMissing",
                "closed once the environment's other writes are done",
            ));
        } else if self.writes_left < writes_of(change) {
            let message = format!("--max-writes {} was reached", self.settings.max_writes);
            self.halted = Some(Reason::new("MaxWrites", message));
        }
        self.halted.clone()
    }

    /// Writes, but never past the deadline. What was cut off may have been done: the next pass looks first.
    async fn write_in_time(&mut self, work: &EnvironmentWork, change: &Change) -> Attempt {
        let Some(deadline) = self.deadline else {
            return self.write(work, change).await;
        };
        if let Ok(attempt) = timeout_at(deadline, self.write(work, change)).await {
            return attempt;
        }
        self.timed_out = true;
        let message = "--deadline passed while this was written; the next pass looks whether it was done";
        let reason = Reason::new("DeadlineExceeded", message);
        self.halted = Some(reason.clone());
        Attempt::failed(deployment_of(change, work), reason)
    }

    async fn write(&mut self, work: &EnvironmentWork, change: &Change) -> Attempt {
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
                let source = &self.gathered.sources[*index];
                let new = content::deployment(work, source, wanted, self.settings.details);
                let created = match self.world.github.create_deployment(&new).await {
                    Ok(created) => created,
                    Err(error) => return self.refused(None, &error),
                };
                let deployment = DeploymentResult {
                    id: created.id,
                    url: work.url(),
                    node_id: created.node_id.clone(),
                };
                let status = self.status(work, created.node_id, *state, &[*index], *auto_inactive);
                self.post(&status, Some(deployment)).await
            }
            Change::Status {
                deployment,
                state,
                indexes,
                auto_inactive,
                ..
            } => {
                let status = self.status(work, deployment.clone(), *state, indexes, *auto_inactive);
                self.post(&status, deployment_of(change, work)).await
            }
            Change::Close { deployment, rule, .. } => {
                let status = content::closing(work, deployment.clone(), *rule);
                self.post(&status, deployment_of(change, work)).await
            }
        }
    }

    fn status(
        &self,
        work: &EnvironmentWork,
        deployment: String,
        state: State,
        indexes: &[usize],
        auto_inactive: bool,
    ) -> NewStatus {
        let sources: Vec<&Source> = indexes.iter().map(|index| &self.gathered.sources[*index]).collect();
        let mut status = content::status(work, deployment, state, &sources, self.settings.details);
        status.auto_inactive = auto_inactive;
        status
    }

    async fn post(&mut self, status: &NewStatus, deployment: Option<DeploymentResult>) -> Attempt {
        match self.world.github.create_status(status).await {
            Ok(()) => Attempt {
                outcome: Outcome::Done,
                deployment,
                reason: None,
            },
            Err(error) => self.refused(deployment, &error),
        }
    }

    /// A write that GitHub did not take; a rate limit ends the writing of the pass.
    fn refused(&mut self, deployment: Option<DeploymentResult>, error: &WriteError) -> Attempt {
        let reason = Reason::from(error);
        if matches!(error, WriteError::Limited { .. }) {
            self.halted = Some(reason.clone());
            return Attempt::deferred(deployment, reason);
        }
        Attempt::failed(deployment, reason)
    }

    /// Takes down what became of a change, for the list of changes and for its sources.
    fn note(&mut self, work: &EnvironmentWork, change: &Change, attempt: Attempt) {
        let (action, before, indexes): (_, Option<LatestStatus>, Vec<usize>) = match change {
            Change::Create { index, .. } => (ChangeAction::Create, None, vec![*index]),
            Change::Status { before, indexes, .. } => (ChangeAction::Status, Some(before.clone()), indexes.clone()),
            Change::Close { before, indexes, .. } => (ChangeAction::Close, Some(before.clone()), indexes.clone()),
        };
        let (task, git_ref) = match change {
            Change::Create { task, git_ref, .. }
            | Change::Status { task, git_ref, .. }
            | Change::Close { task, git_ref, .. } => (task.clone(), git_ref.to_string()),
        };
        self.changes.push(ChangeResult {
            action,
            repository: work.environment.repository.to_string(),
            environment: work.environment.name.clone(),
            task,
            git_ref,
            state: change.state(),
            rule: change.rule(),
            deployment: attempt.deployment.clone(),
            outcome: attempt.outcome,
            before,
        });
        let fate = Fate {
            action,
            rule: change.rule(),
            outcome: attempt.outcome,
            reason: attempt.reason,
        };
        let own = attempt.deployment.filter(|_| action != ChangeAction::Close);
        for index in indexes {
            if let Some(own) = &own {
                self.reported_on.insert(index, own.clone());
            }
            let counts = self.fates.get(&index).is_none_or(|earlier| fate.outranks(earlier));
            if counts {
                self.fates.insert(index, fate.clone());
            }
        }
    }
}

impl Fate {
    /// Done, or as good as done in a dry run.
    pub fn succeeded(&self) -> bool {
        matches!(self.outcome, Outcome::Done | Outcome::Planned)
    }

    /// What failed counts before what was deferred, that before what was done; a source's own deployment counts
    /// before the closing of one that it left.
    fn outranks(&self, earlier: &Self) -> bool {
        let weight = |fate: &Self| match fate.outcome {
            Outcome::Failed => 3,
            Outcome::Deferred => 2,
            Outcome::Done | Outcome::Planned => u8::from(fate.action != ChangeAction::Close),
        };
        weight(self) > weight(earlier)
    }
}

impl Attempt {
    fn deferred(deployment: Option<DeploymentResult>, reason: Reason) -> Self {
        Self {
            outcome: Outcome::Deferred,
            deployment,
            reason: Some(reason),
        }
    }

    fn failed(deployment: Option<DeploymentResult>, reason: Reason) -> Self {
        Self {
            outcome: Outcome::Failed,
            deployment,
            reason: Some(reason),
        }
    }
}

/// A create counts with its first status: without, the deployment would say nothing.
fn writes_of(change: &Change) -> usize {
    if matches!(change, Change::Create { .. }) { 2 } else { 1 }
}

/// The deployment that a change is about, where it exists.
fn deployment_of(change: &Change, work: &EnvironmentWork) -> Option<DeploymentResult> {
    match change {
        Change::Create { .. } => None,
        Change::Status { deployment, .. } | Change::Close { deployment, .. } => Some(work.deployment(deployment)),
    }
}
