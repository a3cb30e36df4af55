//! The far side: the environments that the sources speak for, and what is decided for each.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

use futures::{StreamExt, stream};
use tokio::time::Instant;

use crate::{
    github::{EnvironmentQuery, EnvironmentReading, GitHubError, ResolvedRef},
    plan::{self, Change, Changes, Deployment, Existing, GitRef, Off, Situation, State, Unknown, Wanted},
    report::{DeploymentResult, ExistingDeployment, ExistingEnvironment},
};

use super::{
    DeclaredIn, Details, Settings, World,
    apply::Record,
    gather::{Gathered, Observer, Sources},
    renamed,
    standing::{Seen, Source, Standing},
};

/// Environments whose older deployments are read at once.
const CONCURRENCY: usize = 4;

/// One environment of GitHub, and the sources that speak for it.
pub(super) struct EnvironmentWork {
    pub environment: plan::Environment,
    pub sources: Sources,
    /// Why GitHub could not be asked, or refused.
    pub error: Option<GitHubError>,
    /// Without its deployments, which are in the situation.
    pub reading: Option<EnvironmentReading>,
    /// When the older of the two sides was read.
    pub read_at: Option<Instant>,
    /// Node ids of the deployments that were there when this pass decided first.
    known: BTreeSet<String>,
    pub situation: Option<Situation>,
    pub changes: Option<Changes>,
    /// What became of the changes.
    pub record: Record,
}

/// Reads every environment that a source of this pass speaks for, and decides. The environments take their sources
/// out of those that were gathered.
///
/// Beside them is the one error of all, where none could be read because GitHub is out of reach or knows no such
/// credentials.
pub(super) async fn read(
    world: &World,
    settings: &Settings,
    gathered: &mut Gathered,
) -> (Vec<EnvironmentWork>, Option<GitHubError>) {
    let works = group(&mut gathered.sources);
    world.progress.stage("reading GitHub", None);
    let queries: Vec<EnvironmentQuery> = works.iter().map(EnvironmentWork::query).collect();
    let readings = world.github.read(&queries).await;
    let outage = nothing_works(&readings);
    let read = works.into_iter().zip(readings).collect();
    let read = renamed::join(world, &mut gathered.observer.knowledge, read).await;
    let observer = &gathered.observer;
    let decide = async |(mut work, reading): (EnvironmentWork, Result<EnvironmentReading, GitHubError>)| {
        match reading {
            Ok(reading) => work.decide(world, settings, observer, reading).await,
            Err(error) => work.error = Some(error),
        }
        work.known = work.deployments();
        work
    };
    let decided = stream::iter(read).map(decide);
    let mut works: Vec<EnvironmentWork> = decided.buffered(CONCURRENCY).collect().await;
    works.sort_by_key(|work| work.urgency());
    (works, outage)
}

/// One error for the whole pass, where GitHub as a whole did not answer.
fn nothing_works(readings: &[Result<EnvironmentReading, GitHubError>]) -> Option<GitHubError> {
    let mut errors = readings.iter().map(|reading| reading.as_ref().err());
    let first = errors.next()??;
    let all = first.concerns_everything() && errors.all(|error| error.is_some_and(GitHubError::concerns_everything));
    all.then(|| first.clone())
}

/// Sources by environment; those that only know too little ask for no reading of their own.
fn group(sources: &mut Sources) -> Vec<EnvironmentWork> {
    let mut groups: BTreeMap<plan::Environment, Sources> = BTreeMap::new();
    for (index, source) in mem::take(sources) {
        let group = match &source.environment {
            Some(environment) => groups.entry(environment.clone()).or_default(),
            None => &mut *sources,
        };
        group.insert(index, source);
    }
    let speaks = |source: &Source| source.is_off() || source.seen().is_some_and(|seen| seen.extracted.is_ok());
    let (read, left_alone): (BTreeMap<_, _>, BTreeMap<_, _>) =
        groups.into_iter().partition(|(_, group)| group.values().any(speaks));
    sources.extend(left_alone.into_values().flatten());
    read.into_iter()
        .map(|(environment, sources)| EnvironmentWork {
            environment,
            sources,
            error: None,
            reading: None,
            read_at: None,
            known: BTreeSet::new(),
            situation: None,
            changes: None,
            record: Record::default(),
        })
        .collect()
}

impl EnvironmentWork {
    pub fn query(&self) -> EnvironmentQuery {
        let mut refs: Vec<String> = self
            .sources
            .values()
            .filter_map(|source| source.seen()?.extracted.as_ref().ok())
            .map(|extracted| extracted.git_ref.clone())
            .collect();
        refs.sort();
        refs.dedup();
        EnvironmentQuery {
            environment: self.environment.clone(),
            refs,
            sources: self.sources.len(),
        }
    }

    /// Reads on as far as the decision needs, and decides.
    pub async fn decide(
        &mut self,
        world: &World,
        settings: &Settings,
        observer: &Observer,
        mut reading: EnvironmentReading,
    ) {
        if reading.archived {
            self.error = Some(GitHubError::Archived {
                repository: self.environment.repository.clone(),
            });
            return;
        }
        let mut situation = self.situation(world, settings, observer, &reading);
        let mut enough = |existing: &mut Existing| {
            mem::swap(existing, &mut situation.existing);
            let enough = plan::is_enough(&situation);
            mem::swap(existing, &mut situation.existing);
            enough
        };
        if let Err(error) = world.github.read_further(&mut reading, &mut enough).await {
            self.error = Some(error);
            return;
        }
        situation.existing = mem::take(&mut reading.existing);
        let mut changes = plan::plan(&situation);
        if observer.overdue.is_some() {
            drop_creates_of_overdue(&mut changes.changes, &self.sources);
        }
        self.changes = Some(changes);
        self.situation = Some(situation);
        let observed = self.sources.values().map(|source| source.observed_at);
        self.read_at = observed.chain([reading.read_at]).min();
        self.reading = Some(reading);
    }

    fn deployments(&self) -> BTreeSet<String> {
        let existing = self
            .situation
            .iter()
            .flat_map(|situation| &situation.existing.deployments);
        existing.map(|deployment| deployment.node_id.clone()).collect()
    }

    /// Reads both sides of this environment again, and decides again.
    ///
    /// The GitHubDeployments are not read again, so what came meanwhile may be of one that this pass does not know:
    /// to close it is left to the next pass.
    pub async fn decide_again(&mut self, world: &World, settings: &Settings, observer: &Observer) {
        observer.observe(world, settings, &mut self.sources).await;
        match world.github.read_one(self.query()).await {
            Ok(reading) => self.decide(world, settings, observer, reading).await,
            Err(error) => self.error = Some(error),
        }
        let is_known =
            |change: &Change| !matches!(change, Change::Close { deployment, .. } if !self.known.contains(deployment));
        if let Some(changes) = &mut self.changes {
            changes.changes.retain(is_known);
        }
    }

    /// What is to be decided, but for what GitHub has.
    fn situation(
        &self,
        world: &World,
        settings: &Settings,
        observer: &Observer,
        reading: &EnvironmentReading,
    ) -> Situation {
        let mut situation = Situation {
            environment: self.environment.clone(),
            wanted: Vec::new(),
            off: Vec::new(),
            unknown: Vec::new(),
            knowledge: Arc::clone(&observer.knowledge),
            existing: Existing::default(),
        };
        let oldest = settings.since.and_then(|since| (world.now)().checked_sub(since).ok());
        for (&index, source) in &self.sources {
            let identity = observer.identity(source);
            let task = source.task().to_owned();
            if source.is_off() {
                situation.off.push(Off {
                    index,
                    identity,
                    task,
                    close: source.closes(),
                });
                continue;
            }
            match wanted(source, reading) {
                Some((seen, git_ref, commit, movable, state)) => {
                    let repository = source.spec().map(|spec| spec.repository.clone()).unwrap_or_default();
                    situation.wanted.push(Wanted {
                        index,
                        sort_name: source.sort_name(),
                        identity,
                        task,
                        git_ref,
                        commit,
                        movable,
                        state,
                        recover: repository.recover.unwrap_or(false),
                        auto_inactive: repository.auto_inactive.unwrap_or(true),
                        transient: repository.transient.unwrap_or(false),
                        production: repository
                            .production
                            .unwrap_or_else(|| self.environment.name.eq_ignore_ascii_case("production")),
                        given_ref: matches!(&settings.declared_in, DeclaredIn::Flags { git_ref: Some(_), .. }),
                        older_than_since: oldest
                            .is_some_and(|oldest| seen.facts.last_change.is_some_and(|last| last < oldest)),
                    });
                }
                None => situation.unknown.push(Unknown { index, identity, task }),
            }
        }
        situation
    }

    /// Unfinished work first, then creates of failures, then other creates.
    fn urgency(&self) -> (u8, plan::Environment) {
        let creates = |failure: bool| {
            self.changes
                .iter()
                .flat_map(|changes| &changes.changes)
                .any(|change| matches!(change, Change::Create { state, .. } if (*state == State::Failure) == failure))
        };
        let class = match (creates(true), creates(false)) {
            (false, false) => 0,
            (true, _) => 1,
            (false, true) => 2,
        };
        (class, self.environment.clone())
    }

    /// Address of the environment for people.
    pub fn url(&self) -> Option<String> {
        let web = self.reading.as_ref()?.web_url.as_ref()?;
        let name = percent_encoding::utf8_percent_encode(&self.environment.name, percent_encoding::NON_ALPHANUMERIC);
        Some(format!("{web}/deployments/{name}"))
    }

    /// What GitHub has there, for people.
    pub fn existing(&self) -> Option<ExistingEnvironment> {
        let short = |commit: &str| commit.chars().take(7).collect();
        let one = |deployment: &Deployment| ExistingDeployment {
            node_id: deployment.node_id.clone(),
            task: deployment.task.clone(),
            git_ref: match (&deployment.marker, &deployment.ref_name) {
                (Some(marker), _) => marker.git_ref.to_string(),
                (None, Some(name)) => name.to_string(),
                (None, None) => short(&deployment.commit),
            },
            status: deployment.status.clone(),
        };
        let deployments = &self.situation.as_ref()?.existing.deployments;
        Some(ExistingEnvironment {
            repository: self.environment.repository.to_string(),
            environment: self.environment.name.clone(),
            deployments: deployments.iter().map(one).collect(),
        })
    }

    /// A deployment that exists.
    pub fn deployment(&self, node_id: &str) -> DeploymentResult {
        let existing = self
            .situation
            .iter()
            .flat_map(|situation| &situation.existing.deployments);
        let id = existing
            .into_iter()
            .find(|deployment| deployment.node_id == node_id)
            .and_then(|found| found.id);
        DeploymentResult {
            node_id: node_id.to_owned(),
            id,
            url: self.url(),
        }
    }

    /// The commit that GitHub resolved an extracted ref to.
    pub fn commit(&self, extracted: &str) -> Option<&str> {
        match self.reading.as_ref()?.refs.get(extracted)? {
            ResolvedRef::Found { commit, .. } => commit.as_deref(),
            _ => None,
        }
    }

    /// Owner and name.
    pub fn repository(&self) -> &plan::Repository {
        &self.environment.repository
    }

    /// Full or minimal, once the repository is known.
    pub fn is_minimal(&self, details: Details) -> bool {
        match details {
            Details::Full => false,
            Details::Minimal => true,
            Details::Auto => !self.reading.as_ref().is_some_and(|reading| reading.private),
        }
    }
}

/// That the time is over is told on the deployment that a source has. What it would have created one for is left to a
/// run that knows how it ended, and so is what would be closed in its favour.
fn drop_creates_of_overdue(changes: &mut Vec<Change>, sources: &Sources) {
    let is_dropped = |change: &Change| match change {
        Change::Create { index, .. } => sources[index].seen().is_some_and(Seen::is_overdue),
        Change::Status { .. } | Change::Close { .. } => false,
    };
    if changes.iter().any(is_dropped) {
        changes.retain(|change| !is_dropped(change) && !matches!(change, Change::Close { .. }));
    }
}

/// What the source asks of GitHub, where its object, its ref and the ref's place in the repository are known.
fn wanted<'a>(
    source: &'a Source,
    reading: &EnvironmentReading,
) -> Option<(&'a Seen, GitRef, Option<String>, bool, State)> {
    let Standing::Seen(seen) = &source.standing else {
        return None;
    };
    let state = seen.state()?;
    let extracted = seen.extracted.as_ref().ok()?;
    match reading.refs.get(&extracted.git_ref)? {
        ResolvedRef::Found {
            git_ref,
            commit,
            movable,
        } => Some((seen, git_ref.clone(), commit.clone(), *movable, state)),
        ResolvedRef::NotReadable { git_ref } => Some((seen, git_ref.clone(), None, false, state)),
        ResolvedRef::NotFound => None,
    }
}
