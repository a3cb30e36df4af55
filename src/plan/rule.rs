//! The rule itself. The order of the code is the order of the two tables in [`Rule`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    changes::{Change, Changes, Rule, Verdict},
    state::{LatestStatus, State},
    words::{By, Deployment, Environment, Existing, Identity, Knowledge, Marker, Off, ReadNamespaces, Unknown, Wanted},
};

/// Everything the decision for one environment depends on. It is written with `-o json -v`, so that a decision can
/// be replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Situation {
    /// The environment, all its tasks: GitHub's own closing knows environments only.
    pub environment: Environment,
    /// Sources that have something to say.
    pub wanted: Vec<Wanted>,
    /// Sources that ended.
    pub off: Vec<Off>,
    /// Sources of which too little is known.
    pub unknown: Vec<Unknown>,
    /// What is known about other GitHubDeployments: the same for all environments of a pass.
    pub knowledge: Arc<Knowledge>,
    /// What GitHub has.
    pub existing: Existing,
}

/// Decides for one environment. The same situation gives the same changes in the same order.
#[must_use]
pub fn plan(situation: &Situation) -> Changes {
    let mut wanted: Vec<&Wanted> = situation.wanted.iter().collect();
    wanted.sort_by(|a, b| (&a.task, &a.sort_name, a.index).cmp(&(&b.task, &b.sort_name, b.index)));

    let shared = shared_by_others(situation, &wanted);
    let decided: Vec<Decided<'_>> = wanted.iter().map(|source| decide(situation, source, &shared)).collect();
    let left = left(situation, &decided);
    let auto_inactive = auto_inactive(situation, &left);

    let mut changes: Vec<Change> = creates(&decided, auto_inactive).collect();
    changes.extend(statuses(&decided, auto_inactive));
    changes.extend(
        left.iter()
            .filter_map(|left| closing(left, situation, &decided, auto_inactive)),
    );

    let mut verdicts: Vec<Verdict> = decided.iter().map(Decided::verdict).collect();
    verdicts.sort_by_key(|verdict| verdict.index);
    Changes { verdicts, changes }
}

/// True if reading more of the environment's history cannot change the decision: every wanted and off source has
/// its own line in what was read, and nothing is created and no success posted, for which the whole history counts.
#[must_use]
pub fn is_enough(situation: &Situation) -> bool {
    if situation.existing.complete {
        return true;
    }
    let listed = |identity: &Identity, task: &str| {
        situation
            .existing
            .deployments
            .iter()
            .any(|deployment| deployment.task == task && deployment.lists(identity, task))
    };
    situation
        .wanted
        .iter()
        .all(|source| listed(&source.identity, &source.task))
        && situation
            .off
            .iter()
            .all(|source| listed(&source.identity, &source.task))
        && !plan(situation)
            .changes
            .iter()
            .any(|change| matches!(change, Change::Create { .. }) || change.state() == State::Success)
}

/// The row that fits a source, and the deployment it was compared with.
struct Decided<'a> {
    wanted: &'a Wanted,
    rule: Rule,
    /// The line, or someone else's deployment that speaks for the source.
    compared: Option<&'a Deployment>,
    /// The source's state; on someone else's deployment the worst of the sources it speaks for.
    state: State,
}

impl<'a> Decided<'a> {
    fn creates(&self) -> bool {
        matches!(self.rule, Rule::New | Rule::Moved | Rule::Redeployed)
    }

    fn writes(&self) -> bool {
        self.creates() || matches!(self.rule, Rule::Recovered | Rule::Advance)
    }

    /// The deployment that speaks for the source after this pass; none if it is yet to be created.
    fn present(&self) -> Option<&'a Deployment> {
        if self.creates() { None } else { self.compared }
    }

    fn verdict(&self) -> Verdict {
        Verdict {
            index: self.wanted.index,
            rule: self.rule,
            deployment: self.present().map(|deployment| deployment.node_id.clone()),
        }
    }

    /// Shows success, now or by this pass.
    fn shows_success(&self) -> bool {
        if self.writes() {
            self.state == State::Success
        } else {
            self.compared
                .is_some_and(|deployment| deployment.status == LatestStatus::Success)
        }
    }
}

/// The first row that fits.
fn decide<'a>(situation: &'a Situation, wanted: &'a Wanted, shared: &BTreeMap<usize, Shared<'a>>) -> Decided<'a> {
    let decided = |rule, compared, state| Decided {
        wanted,
        rule,
        compared,
        state,
    };
    let (deployment, state) = match (shared.get(&wanted.index), line(situation, wanted)) {
        (Some(shared), _) => (shared.deployment, shared.state),
        (None, Some(line)) => (line, wanted.state),
        (None, None) if wanted.state == State::Success && wanted.older_than_since => {
            return decided(Rule::Old, None, wanted.state);
        }
        (None, None) => return decided(Rule::New, None, wanted.state),
    };

    let recorded = deployment.marker.as_ref();
    let other_ref = recorded.is_some_and(|marker| !marker.git_ref.same(&wanted.git_ref));
    let other_rollout = recorded.is_some_and(|marker| is_other_rollout(&marker.identity, &wanted.identity));
    let other_commit = wanted.movable
        && wanted
            .commit
            .as_ref()
            .is_some_and(|commit| *commit != deployment.commit);
    let from_flags = wanted.identity.by.is_none();
    let listed_by = recorded.is_some_and(|marker| marker.identity.by.is_some());
    let latest = &deployment.status;

    let rule = if other_ref && !other_rollout && from_flags && (wanted.given_ref || listed_by) {
        Rule::Conflict
    } else if other_ref || (other_rollout && other_commit) {
        Rule::Moved
    } else if other_rollout
        && ((latest.is_failed() || *latest == LatestStatus::Inactive) && !latest.shows(state)
            || *latest == LatestStatus::Success && state.is_failed())
    {
        Rule::Redeployed
    } else if latest.is_failed() && state == State::Success && wanted.recover {
        Rule::Recovered
    } else if latest.is_final() {
        Rule::Final
    } else if *latest == LatestStatus::Inactive {
        Rule::Closed
    } else if state.rank() > latest.rank() {
        Rule::Advance
    } else {
        Rule::Same
    };
    decided(rule, Some(deployment), state)
}

/// A uid or rollout that one side does not know counts as equal.
pub(crate) fn is_other_rollout(a: &Identity, b: &Identity) -> bool {
    fn differ<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
        matches!((a, b), (Some(a), Some(b)) if a != b)
    }
    differ(a.uid.as_ref(), b.uid.as_ref()) || differ(a.rollout.as_ref(), b.rollout.as_ref())
}

/// The newest deployment of the track that lists the source; else the newest of the wanted ref that was made for
/// the same object by a GitHubDeployment that is absent: a renamed one.
fn line<'a>(situation: &'a Situation, wanted: &Wanted) -> Option<&'a Deployment> {
    let track = || {
        situation
            .existing
            .deployments
            .iter()
            .filter(|deployment| deployment.task == wanted.task)
    };
    track()
        .find(|deployment| deployment.lists(&wanted.identity, &wanted.task))
        .or_else(|| {
            track().find(|deployment| {
                deployment.status != LatestStatus::Inactive
                    && deployment.marker.as_ref().is_some_and(|marker| {
                        marker.git_ref.same(&wanted.git_ref)
                            && marker.identity.same_object(&wanted.identity)
                            && situation.knowledge.is_absent(marker, &situation.environment)
                    })
            })
        })
}

/// Someone else's deployment, and the state that the sources on it show together.
struct Shared<'a> {
    deployment: &'a Deployment,
    state: State,
}

/// Which sources someone else's deployment speaks for, by the sources' indexes.
///
/// Several sources on one deployment show their worst state; where that is a failure, those with success do not
/// use it.
fn shared_by_others<'a>(situation: &'a Situation, wanted: &[&Wanted]) -> BTreeMap<usize, Shared<'a>> {
    let mut groups: BTreeMap<&str, (&Deployment, Vec<&Wanted>)> = BTreeMap::new();
    for source in wanted {
        if let Some(deployment) = of_someone_else(situation, source) {
            groups
                .entry(&deployment.node_id)
                .or_insert((deployment, Vec::new()))
                .1
                .push(source);
        }
    }
    let mut shared = BTreeMap::new();
    for (deployment, mut sources) in groups.into_values() {
        if sources.iter().any(|source| source.state.is_failed()) {
            sources.retain(|source| source.state != State::Success);
        }
        if let Some(state) = sources
            .iter()
            .map(|source| source.state)
            .min_by_key(|state| severity(*state))
        {
            shared.extend(
                sources
                    .iter()
                    .map(|source| (source.index, Shared { deployment, state })),
            );
        }
    }
    shared
}

/// Worst first.
fn severity(state: State) -> u8 {
    match state {
        State::Failure | State::Error => 0,
        State::InProgress => 1,
        State::Pending => 2,
        State::Success => 3,
        State::Inactive => 4,
    }
}

/// The newest deployment of the wanted ref without a marker, where the source has no line of that ref after it.
fn of_someone_else<'a>(situation: &'a Situation, wanted: &Wanted) -> Option<&'a Deployment> {
    let line = line(situation, wanted);
    let same_ref = |marker: &Marker| marker.git_ref.same(&wanted.git_ref);
    if line.and_then(|line| line.marker.as_ref()).is_some_and(same_ref) {
        return None;
    }
    let deployment = situation
        .existing
        .deployments
        .iter()
        .take_while(|deployment| line.is_none_or(|line| deployment.node_id != line.node_id))
        .find(|deployment| {
            deployment.task == wanted.task && deployment.marker.is_none() && deployment.is_for(wanted)
        })?;
    let contradicts = match wanted.state {
        State::Failure | State::Error => deployment.status == LatestStatus::Success,
        State::Success => deployment.status.is_failed(),
        State::Pending | State::InProgress | State::Inactive => false,
    };
    let unusable = matches!(deployment.status, LatestStatus::Waiting | LatestStatus::Inactive);
    (!contradicts && !unusable).then_some(deployment)
}

/// A deployment with a marker that its source has left, and how.
struct Left<'a> {
    deployment: &'a Deployment,
    /// Its place among the existing ones, newest first.
    position: usize,
    off: Vec<&'a Off>,
    absent: bool,
    /// Sources whose present deployment is another one, or will be.
    moved_on: Vec<&'a Decided<'a>>,
}

/// Every deployment with a marker that is not inactive, nobody's present one, and left by a known source.
fn left<'a>(situation: &'a Situation, decided: &'a [Decided<'a>]) -> Vec<Left<'a>> {
    let present: BTreeSet<&str> = decided
        .iter()
        .filter_map(Decided::present)
        .map(|deployment| deployment.node_id.as_str())
        .collect();
    let of = |(position, deployment): (usize, &'a Deployment)| {
        let marker = deployment.marker.as_ref()?;
        let lists = |identity: &Identity, task: &str| deployment.lists(identity, task);
        if deployment.status == LatestStatus::Inactive
            || present.contains(deployment.node_id.as_str())
            || situation
                .unknown
                .iter()
                .any(|source| lists(&source.identity, &source.task))
        {
            return None;
        }
        let off: Vec<_> = situation
            .off
            .iter()
            .filter(|source| lists(&source.identity, &source.task))
            .collect();
        let absent = situation.knowledge.is_absent(marker, &situation.environment);
        let moved_on: Vec<_> = decided
            .iter()
            .filter(|decided| lists(&decided.wanted.identity, &decided.wanted.task))
            .filter(|decided| may_leave(situation, decided.wanted, marker))
            .collect();
        let is_left = !off.is_empty() || absent || !moved_on.is_empty();
        is_left.then_some(Left {
            deployment,
            position,
            off,
            absent,
            moved_on,
        })
    };
    situation
        .existing
        .deployments
        .iter()
        .enumerate()
        .filter_map(of)
        .collect()
}

/// Whether a wanted source that is listed may have left the deployment. A source from flags does not know which
/// GitHubDeployments live beside it: it leaves what came from flags, and of GitHubDeployments only what the newest
/// one made that it takes over from.
fn may_leave(situation: &Situation, wanted: &Wanted, marker: &Marker) -> bool {
    if wanted.identity.by.is_some() || marker.identity.by.is_none() {
        return true;
    }
    let newest = situation.existing.deployments.iter().find_map(|deployment| {
        let by = deployment.marker.as_ref()?.identity.by.as_ref()?;
        (deployment.task == wanted.task && deployment.lists(&wanted.identity, &wanted.task)).then_some(by)
    });
    newest == marker.identity.by.as_ref()
}

/// Whether GitHub may close the environment's other deployments when a success is posted: only where every other
/// success of ours is left, and everything in the environment is known.
fn auto_inactive(situation: &Situation, left: &[Left<'_>]) -> bool {
    let is_left = |deployment: &&Deployment| left.iter().any(|left| left.deployment.node_id == deployment.node_id);
    situation.wanted.len() <= 1
        && situation.wanted.iter().all(|source| source.auto_inactive)
        && situation.existing.complete
        && situation
            .existing
            .deployments
            .iter()
            .filter(|deployment| deployment.marker.is_some() && deployment.status == LatestStatus::Success)
            .all(|deployment| is_left(&deployment))
}

/// The second table.
fn closing(left: &Left<'_>, situation: &Situation, decided: &[Decided<'_>], auto_inactive: bool) -> Option<Change> {
    let Left {
        deployment,
        position,
        off,
        absent,
        moved_on,
    } = left;
    let marker = deployment.marker.as_ref()?;
    let success = deployment.status == LatestStatus::Success;
    let ended = (!off.is_empty() || *absent) && (marker.transient || off.iter().any(|source| source.close));
    let newer = |other: &Deployment| {
        situation
            .existing
            .deployments
            .iter()
            .take(*position)
            .any(|newer| newer.node_id == other.node_id)
    };
    let success_after = decided
        .iter()
        .any(|decided| decided.writes() && decided.shows_success() && decided.present().is_none_or(newer));
    // GitHub spares transient and production environments.
    let closed_by_github = auto_inactive && success_after && !marker.transient && !marker.production;

    let rule = if !deployment.status.is_final() {
        Rule::Abandoned
    } else if success && ended {
        Rule::Ended
    } else if success && !closed_by_github && moved_on.iter().any(|decided| decided.shows_success()) {
        Rule::Superseded
    } else {
        return None;
    };
    let off = off.iter().map(|source| source.index);
    let moved_on = moved_on.iter().map(|decided| decided.wanted.index);
    Some(Change::Close {
        indexes: off.chain(moved_on).collect(),
        rule,
        task: deployment.task.clone(),
        git_ref: marker.git_ref.clone(),
        deployment: deployment.node_id.clone(),
        before: deployment.status.clone(),
    })
}

/// A create for each source whose row orders one.
fn creates<'a>(decided: &'a [Decided<'a>], auto_inactive: bool) -> impl Iterator<Item = Change> + 'a {
    decided
        .iter()
        .filter(|decided| decided.creates())
        .map(move |decided| Change::Create {
            index: decided.wanted.index,
            rule: decided.rule,
            task: decided.wanted.task.clone(),
            git_ref: decided.wanted.git_ref.clone(),
            state: decided.wanted.state,
            auto_inactive: auto_inactive && decided.wanted.state == State::Success,
        })
}

/// One status for each deployment, however many sources it speaks for.
fn statuses(decided: &[Decided<'_>], auto_inactive: bool) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for decided in decided.iter().filter(|decided| decided.writes()) {
        let Some(present) = decided.present() else { continue };
        let posted = changes.iter_mut().find_map(|change| match change {
            Change::Status {
                deployment, indexes, ..
            } if *deployment == present.node_id => Some(indexes),
            _ => None,
        });
        if let Some(indexes) = posted {
            indexes.push(decided.wanted.index);
            continue;
        }
        changes.push(Change::Status {
            indexes: vec![decided.wanted.index],
            rule: decided.rule,
            task: present.task.clone(),
            git_ref: decided.wanted.git_ref.clone(),
            deployment: present.node_id.clone(),
            before: present.status.clone(),
            state: decided.state,
            auto_inactive: auto_inactive && decided.state == State::Success,
        });
    }
    changes
}

impl Identity {
    /// Same uid; or same known cluster, kind, namespace and name, which the object's hash holds together.
    fn same_object(&self, other: &Self) -> bool {
        fn equal<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
            a.is_some() && a == b
        }
        equal(self.uid.as_ref(), other.uid.as_ref()) || equal(self.object.as_ref(), other.object.as_ref())
    }
}

impl Deployment {
    /// True if the marker names this source: the same object, seen through a GitHubDeployment that fits. A source from
    /// flags fits every GitHubDeployment and other flags of its track, and nothing of other tasks.
    fn lists(&self, identity: &Identity, task: &str) -> bool {
        let Some(marker) = &self.marker else { return false };
        let fits = match (&marker.identity.by, &identity.by) {
            (Some(a), Some(b)) => a == b,
            _ => self.task == task,
        };
        fits && marker.identity.same_object(identity)
    }

    /// True if someone else's deployment is for the wanted ref: by its recorded name, or by its commit where the
    /// ref is a commit.
    fn is_for(&self, wanted: &Wanted) -> bool {
        self.ref_name.as_ref().is_some_and(|name| name.same(&wanted.git_ref))
            || (!wanted.movable
                && wanted.git_ref.looks_like_commit()
                && self
                    .commit
                    .to_ascii_lowercase()
                    .starts_with(&wanted.git_ref.as_str().to_ascii_lowercase()))
    }
}

impl Knowledge {
    /// True if nobody speaks for the source of this marker here any more: its GitHubDeployment is of this cluster, and
    /// either does not exist, or names another object or another environment now.
    fn is_absent(&self, marker: &Marker, here: &Environment) -> bool {
        let (Some(cluster), Some(by)) = (&self.cluster, &marker.identity.by) else {
            return false;
        };
        if marker.identity.cluster.as_ref() != Some(cluster) {
            return false;
        }
        match self.named.get(by) {
            Some(now) => {
                let other_object = matches!((&marker.identity.object, &now.object), (Some(a), Some(b)) if a != b);
                other_object || now.environment.as_ref().is_some_and(|environment| environment != here)
            }
            None => self.read_all_of(by),
        }
    }

    fn read_all_of(&self, By(namespace, _): &By) -> bool {
        match &self.complete {
            ReadNamespaces::Every => true,
            ReadNamespaces::Only(namespaces) => namespaces.contains(namespace),
        }
    }
}
