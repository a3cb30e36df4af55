//! What became of an environment's changes.

use std::collections::BTreeMap;

use crate::{
    plan::{Change, LatestStatus, Rule},
    report::{ChangeAction, ChangeResult, DeploymentResult, Outcome},
    sync::{environments::EnvironmentWork, standing::Reason},
};

/// What became of the changes of one environment.
#[derive(Default)]
pub(in crate::sync) struct Record {
    /// Every change, in the order in which its fate was known.
    pub changes: Vec<ChangeResult>,
    /// What was done for a source, or was to be done, by its index.
    pub fates: BTreeMap<usize, Fate>,
    /// The deployment on which a source was reported, by its index, whatever became of closings afterwards.
    pub reported_on: BTreeMap<usize, DeploymentResult>,
}

/// What became of the write that counts for a source.
#[derive(Clone, Debug)]
pub(in crate::sync) struct Fate {
    pub action: ChangeAction,
    pub rule: Rule,
    pub outcome: Outcome,
    pub reason: Option<Reason>,
}

/// One write, and what came of it.
pub(super) struct Attempt {
    pub outcome: Outcome,
    pub deployment: Option<DeploymentResult>,
    pub reason: Option<Reason>,
}

impl EnvironmentWork {
    /// Takes down what became of a change, for the list of changes and for its sources.
    pub(super) fn note(&mut self, change: &Change, attempt: Attempt) {
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
        let record = &mut self.record;
        record.changes.push(ChangeResult {
            action,
            repository: self.environment.repository.to_string(),
            environment: self.environment.name.clone(),
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
                record.reported_on.insert(index, own.clone());
            }
            let counts = record.fates.get(&index).is_none_or(|earlier| fate.outranks(earlier));
            if counts {
                record.fates.insert(index, fate.clone());
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
    pub(super) fn deferred(deployment: Option<DeploymentResult>, reason: Reason) -> Self {
        Self {
            outcome: Outcome::Deferred,
            deployment,
            reason: Some(reason),
        }
    }

    pub(super) fn failed(deployment: Option<DeploymentResult>, reason: Reason) -> Self {
        Self {
            outcome: Outcome::Failed,
            deployment,
            reason: Some(reason),
        }
    }
}
