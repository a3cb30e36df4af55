//! What happened on GitHub and who did it, and the invariants that hold at every moment.
//!
//! Nothing here asks the program what it did: deployments and statuses come from the emulator, after every request
//! that may have written.

use std::fmt::Write as _;

use github_emulator::{DeploymentView, Emulator};
use kube_status_to_github::{
    github::marker,
    plan::{By, Marker},
};
use tokio::time::Instant;

use crate::{
    steps::{ENVIRONMENTS, Object, Runner, TASKS},
    tally::Tally,
    truth::{self, Source, Standing, Truth, Version, object_of, shard_of},
    world::REPOSITORY,
};

/// Who wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// The run of this number.
    Run(usize),
    /// Another tool.
    Tool,
    /// GitHub's own closing, because of a success of this author.
    GitHub(Cause),
}

/// Who caused a closing of GitHub's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Run(usize),
    Tool,
}

/// One run of the program.
pub struct Run {
    pub runner: Runner,
    started: Instant,
    ended: Option<Instant>,
    /// The sources as they were when it began, its own from flags included.
    sources: Vec<Source>,
    /// For people; empty for a dry run.
    pub outcome: String,
}

/// One deployment.
pub struct Deployment {
    pub id: u64,
    pub marker: Option<Marker>,
    /// In lower case.
    pub environment: String,
    pub task: String,
    pub git_ref: String,
    spared: bool,
    pub statuses: Vec<Posted>,
    author: Author,
    /// Whose success is to close it.
    closed_by: Option<Cause>,
}

/// One status.
pub struct Posted {
    pub state: String,
    pub author: Author,
    pub at: Instant,
}

/// The versions of one source in one track that a pass may have seen, one after the other.
struct Line {
    by: Option<By>,
    object: Object,
    environment: String,
    task: String,
    versions: Vec<(Version, Vec<usize>)>,
}

/// Everything that happened.
pub struct Ledger {
    emulator: Emulator,
    begin: Instant,
    pub runs: Vec<Run>,
    pub deployments: Vec<Deployment>,
    lines: Vec<Line>,
    pub violations: Vec<String>,
    pub tally: Tally,
    pub writes: u64,
    newest: (u64, u64),
}

impl Ledger {
    pub fn new(emulator: Emulator) -> Self {
        Self {
            emulator,
            begin: Instant::now(),
            runs: Vec::new(),
            deployments: Vec::new(),
            lines: Vec::new(),
            violations: Vec::new(),
            tally: Tally::default(),
            writes: 0,
            newest: (0, 0),
        }
    }

    /// A run begins, and sees the world like this.
    pub fn start(&mut self, runner: Runner, sources: Vec<Source>) -> usize {
        self.observe(&sources);
        self.runs.push(Run {
            runner,
            started: Instant::now(),
            ended: None,
            sources,
            outcome: String::new(),
        });
        self.tally.passes += 1;
        self.runs.len() - 1
    }

    pub fn end(&mut self, run: usize, outcome: String) {
        self.runs[run].ended = Some(Instant::now());
        self.runs[run].outcome = outcome;
    }

    /// A pass may see the world like this.
    pub fn observe(&mut self, sources: &[Source]) {
        for source in sources {
            let Standing::Living(version, _) = &source.standing else {
                continue;
            };
            let line = self.line(source.by.as_ref(), source.object, &source.environment, &source.task);
            if line.versions.last().is_none_or(|(last, _)| last != version) {
                line.versions.push((version.clone(), Vec::new()));
            }
        }
    }

    fn line(&mut self, by: Option<&By>, object: Object, environment: &str, task: &str) -> &mut Line {
        let known = self.lines.iter().position(|line| {
            line.by.as_ref() == by && line.object == object && line.environment == environment && line.task == task
        });
        let position = known.unwrap_or_else(|| {
            self.lines.push(Line {
                by: by.cloned(),
                object,
                environment: environment.to_owned(),
                task: task.to_owned(),
                versions: Vec::new(),
            });
            self.lines.len() - 1
        });
        &mut self.lines[position]
    }

    /// Takes down what is new on GitHub; `author` did it, unless GitHub itself did. `truth` is as it is now.
    pub fn sync(&mut self, author: Author, auto_inactive: bool, truth: &Truth) {
        let newest = self.emulator.newest();
        if newest == self.newest {
            return;
        }
        self.newest = newest;
        let sources = &truth.sources();
        let mut all = self.emulator.all_deployments(REPOSITORY);
        all.sort_by_key(|view| view.id);
        for view in all.iter().skip(self.deployments.len()) {
            self.created(view, author);
        }
        // GitHub's closings that were due come before what follows from them.
        let mut new: Vec<(u64, usize, String, bool)> = Vec::new();
        for (position, view) in all.iter().enumerate() {
            for status in &view.statuses[self.deployments[position].statuses.len()..] {
                new.push((status.id, position, status.state.clone(), status.description.is_empty()));
            }
        }
        new.sort_unstable();
        for (_, position, state, by_github) in new {
            self.posted(position, state, author, by_github, auto_inactive, sources);
        }
    }

    fn created(&mut self, view: &DeploymentView, author: Author) {
        let marker = marker::read(&view.payload);
        let git_ref = marker
            .as_ref()
            .map_or(view.git_ref.clone(), |marker| marker.git_ref.to_string());
        let deployment = Deployment {
            id: view.id,
            environment: view.environment.to_lowercase(),
            task: view.task.clone(),
            git_ref,
            spared: view.transient || view.production,
            statuses: Vec::new(),
            author,
            closed_by: None,
            marker,
        };
        if let (Author::Run(run), Some(marker)) = (author, &deployment.marker) {
            self.writes += 1;
            self.count_create(run, marker, &deployment);
        }
        self.deployments.push(deployment);
    }

    /// Invariant 2: each change of a source's uid, ref or rollout causes at most one create.
    fn count_create(&mut self, run: usize, marker: &Marker, created: &Deployment) {
        let identity = &marker.identity;
        let uid = identity.uid.clone().expect("the objects of the model have uids");
        let version = Version {
            rollout: identity.rollout.clone(),
            git_ref: created.git_ref.clone(),
            uid,
        };
        let object = object_of(&version.uid);
        let line = self.line(identity.by.as_ref(), object, &created.environment, &created.task);
        let is_latest = line.versions.last().is_some_and(|(latest, _)| *latest == version);
        let found = line.versions.iter_mut().rev().find(|(known, _)| *known == version);
        let Some((_, runs)) = found else {
            let line = format!(
                "2: run {run} created {} for what never was: {version:?}",
                created.git_ref
            );
            self.violations.push(line);
            return;
        };
        let earlier = runs.clone();
        runs.push(run);
        if earlier.is_empty() || (is_latest && self.was_reported_between(created, marker, object)) {
            return;
        }
        if earlier
            .iter()
            .all(|earlier| *earlier != run && self.overlap(*earlier, run))
        {
            self.tally.exempt("2: two runs that overlap both create");
            return;
        }
        let beside = |other: &Deployment| {
            let Author::Run(author) = other.author else {
                return false;
            };
            let same_track = other.environment == created.environment && other.task == created.task;
            let overlapped = earlier
                .iter()
                .any(|earlier| *earlier != author && self.overlap(*earlier, author));
            same_track && overlapped && other.object() == Some(object) && other.git_ref != created.git_ref
        };
        if self.deployments.iter().any(beside) {
            self.tally
                .exempt("2: a run that overlapped left another ref as the newest");
            return;
        }
        let text = format!(
            "2: run {run} created {} again, as run {earlier:?} did for the same rollout",
            created.git_ref
        );
        self.violations.push(text);
    }

    /// True if another rollout of the object was reported since this one was the last time: a source can miss that
    /// change, where it was suspended or had no known ref, but not the deployment that a pipeline made of it.
    fn was_reported_between(&self, created: &Deployment, marker: &Marker, object: Object) -> bool {
        let in_track = |other: &&Deployment| {
            other.environment == created.environment && other.task == created.task && other.object() == Some(object)
        };
        let newest = self.deployments.iter().rev().find(in_track);
        let identity = newest
            .and_then(|newest| newest.marker.as_ref())
            .map(|marker| &marker.identity);
        identity.is_some_and(|other| (&other.uid, &other.rollout) != (&marker.identity.uid, &marker.identity.rollout))
    }

    fn overlap(&self, one: usize, other: usize) -> bool {
        let reaches = |one: usize, other: usize| {
            let ended = self.runs[one].ended;
            ended.is_none_or(|ended| ended >= self.runs[other].started)
        };
        reaches(one, other) && reaches(other, one)
    }

    fn posted(
        &mut self,
        position: usize,
        state: String,
        author: Author,
        by_github: bool,
        auto_inactive: bool,
        sources: &[Source],
    ) {
        let author = if by_github {
            let cause = self.deployments[position]
                .closed_by
                .expect("GitHub closes because of a success");
            Author::GitHub(cause)
        } else {
            author
        };
        if let Author::Run(run) = author {
            self.writes += 1;
            self.check_order(position, run, &state, sources);
            if state == "inactive" {
                self.check_closing(position, run, sources, "posted inactive on");
            }
        }
        if state == "success" && auto_inactive {
            let environment = self.deployments[position].environment.clone();
            for target in 0..position {
                let deployment = &self.deployments[target];
                let closes = deployment.environment == environment
                    && !deployment.spared
                    && deployment.latest() == Some("success");
                if !closes {
                    continue;
                }
                let cause = match author {
                    Author::Run(run) => {
                        if deployment.marker.is_some() {
                            self.check_closing(target, run, sources, "had GitHub close");
                        }
                        Cause::Run(run)
                    }
                    _ => Cause::Tool,
                };
                self.deployments[target].closed_by = Some(cause);
            }
        }
        self.deployments[position].statuses.push(Posted {
            state,
            author,
            at: Instant::now(),
        });
    }

    /// Invariant 3: after a final state nothing but inactive, or success by recovery; after inactive nothing.
    fn check_order(&mut self, position: usize, run: usize, state: &str, sources: &[Source]) {
        let deployment = &self.deployments[position];
        let Some(last) = deployment.statuses.last() else { return };
        let recovers = sources
            .iter()
            .chain(&self.runs[run].sources)
            .any(|source| source.recover && deployment.object() == Some(source.object));
        let fits = match last.state.as_str() {
            "success" => state == "inactive",
            "failure" | "error" => state == "inactive" || (state == "success" && recovers),
            "inactive" => false,
            last => last != state,
        };
        if fits {
            return;
        }
        let started = self.runs[run].started;
        if last.at >= started && last.author != Author::Run(run) {
            self.tally.exempt("3: GitHub has no compare-and-swap");
            return;
        }
        let text = format!(
            "3: run {run} posted {state} on {}, which was {}",
            deployment.id, last.state
        );
        self.violations.push(text);
    }

    /// Invariant 6: what is closed was left by its source, and the pass knows it.
    fn check_closing(&mut self, position: usize, run: usize, sources: &[Source], did: &str) {
        let Run {
            runner,
            started,
            sources: at_start,
            ..
        } = &self.runs[run];
        let (runner, started) = (*runner, *started);
        let deployment = &self.deployments[position];
        let Some(marker) = &deployment.marker else {
            self.violations
                .push(format!("6: run {run} {did} {}, which is someone else's", deployment.id));
            return;
        };
        // Of a GitHubDeployment that is suspended or can't be read a pipeline knows nothing, but it has seen the object.
        let is_unknown = |source: &Source| matches!(source.standing, Standing::Unknown);
        let saw = |object| move |own: &Source| own.slot.is_none() && own.object == object && !is_unknown(own);
        let is_seen = |source: &Source| is_unknown(source) && at_start.iter().any(saw(source.object));
        let alive = |sources: &[Source]| {
            // What a source would only inherit is another run's to close.
            let is_its = |source: &Source| deployment.lists(source) || is_of(runner, source);
            let holds = |source: &&Source| self.is_on(source, sources, position) && is_its(source) && !is_seen(source);
            sources.iter().find(holds).map(|source| source.name.clone())
        };
        let problem = match (alive(sources), alive(at_start)) {
            (Some(name), Some(_)) => Some(format!("{name} is still on it")),
            // What it read may be from then, or from after a change in between.
            _ if ![at_start, sources]
                .iter()
                .any(|then| knows(runner, marker, deployment, then)) =>
            {
                Some("the run can't know it".to_owned())
            }
            _ => None,
        };
        let Some(problem) = problem else { return };
        let named_otherwise = |source: &Source| match &source.standing {
            Standing::Living(version, _) => source.slot.is_none() && version.git_ref != deployment.git_ref,
            Standing::Off | Standing::Unknown => false,
        };
        if at_start.iter().any(named_otherwise) {
            self.tally
                .exempt("6: a pipeline names another ref than the GitHubDeployment");
            return;
        }
        let is_shared = |source: &Source| deployment.lists(source) && !is_of(runner, source);
        if marker.identity.by.is_none() && sources.iter().any(is_shared) {
            self.tally
                .exempt("6: GitHubDeployments of different runs share what a pipeline made");
            return;
        }
        let changed = |posted: &Posted| posted.at >= started && posted.author != Author::Run(run);
        let created_meanwhile = deployment.author != Author::Run(run)
            && matches!(deployment.author, Author::Run(other) if self.overlap(other, run) && other != run);
        if deployment.statuses.last().is_some_and(changed) || created_meanwhile {
            self.tally.exempt("6: GitHub has no compare-and-swap");
            return;
        }
        let text = format!(
            "6: run {run} {did} {} of {}: {problem}",
            deployment.id, deployment.git_ref
        );
        self.violations.push(text);
    }

    /// True if the source is still on the deployment, or if nobody can tell.
    fn is_on(&self, source: &Source, sources: &[Source], position: usize) -> bool {
        let deployment = &self.deployments[position];
        if deployment.environment != source.environment {
            return false;
        }
        match &source.standing {
            // What a pipeline of a cluster without a name made can't be told to be of an object that is not read.
            Standing::Unknown => {
                let marker = deployment.marker.as_ref();
                deployment.lists(source) && marker.is_some_and(|marker| marker.identity.cluster.is_some())
            }
            Standing::Off => false,
            Standing::Living(version, _) => {
                deployment.git_ref == version.git_ref
                    && self
                        .newest(source, sources)
                        .is_some_and(|newest| newest.id == deployment.id)
            }
        }
    }

    /// The newest deployment of the source's track that was made for it; else one of its ref that is not inactive,
    /// made for its object by a GitHubDeployment that is not here any more, as if that had been renamed.
    pub fn newest(&self, source: &Source, sources: &[Source]) -> Option<&Deployment> {
        let is_here = |by: &By| {
            let mut here = sources.iter().filter(|other| other.environment == source.environment);
            here.any(|other| other.by.as_ref() == Some(by) && other.object == source.object)
        };
        let by_nobody = |deployment: &&Deployment| {
            let by = deployment
                .marker
                .as_ref()
                .and_then(|marker| marker.identity.by.as_ref());
            let is_wanted = match &source.standing {
                Standing::Living(version, _) => {
                    deployment.git_ref == version.git_ref && deployment.latest() != Some("inactive")
                }
                Standing::Off | Standing::Unknown => true,
            };
            is_wanted && deployment.object() == Some(source.object) && by.is_some_and(|by| !is_here(by))
        };
        let own = self.track(source).find(|deployment| deployment.lists(source));
        own.or_else(|| self.track(source).find(by_nobody))
    }

    /// The deployments of a source's environment and task, newest first.
    pub fn track(&self, source: &Source) -> impl Iterator<Item = &Deployment> {
        let (environment, task) = (source.environment.clone(), source.task.clone());
        let in_track = move |deployment: &&Deployment| deployment.environment == environment && deployment.task == task;
        self.deployments.iter().rev().filter(in_track)
    }

    /// Everything on GitHub, and who did it, for people.
    pub fn journal(&self) -> String {
        let mut text = String::new();
        for (number, run) in self.runs.iter().enumerate().filter(|(_, run)| !run.outcome.is_empty()) {
            let at = run.started.duration_since(self.begin).as_secs();
            let _ = writeln!(text, "run {number} at {at} s: {}: {}", run.runner, run.outcome);
        }
        for deployment in &self.deployments {
            let Deployment {
                id,
                environment,
                task,
                git_ref,
                author,
                marker,
                ..
            } = deployment;
            let uid = marker
                .as_ref()
                .and_then(|marker| marker.identity.uid.as_deref())
                .unwrap_or("no marker");
            let by = marker.as_ref().and_then(|marker| marker.identity.by.as_ref());
            let by = by.map_or_else(|| "nobody".to_owned(), name_of);
            let _ = writeln!(
                text,
                "deployment {id} of {git_ref} to {environment}, task {task}, by {author:?} for {by}, {uid}"
            );
            for Posted { state, author, at } in &deployment.statuses {
                let at = at.duration_since(self.begin).as_secs();
                let _ = writeln!(text, "    {at:>6} s {state} by {author:?}");
            }
        }
        text
    }
}

/// The name behind a hash.
fn name_of(by: &By) -> String {
    let found = truth::NAMES.iter().find(|(_, known)| known == by);
    found.map_or_else(|| "?".to_owned(), |(name, _)| name.clone())
}

/// True if a run of this kind can know what becomes of the deployment.
fn knows(runner: Runner, marker: &Marker, deployment: &Deployment, sources: &[Source]) -> bool {
    let uid = marker
        .identity
        .uid
        .as_deref()
        .expect("the objects of the model have uids");
    let made_for = object_of(uid);
    match runner {
        Runner::Pipeline {
            object,
            environment,
            task,
            ..
        } => {
            made_for == object
                && deployment.task == TASKS[task]
                && deployment.environment == ENVIRONMENTS[environment].to_lowercase()
        }
        Runner::CronJob { cluster, .. } if made_for.cluster != cluster => false,
        Runner::CronJob { shard, .. } => {
            let mut own = sources.iter().filter(|source| is_of(runner, source));
            match &marker.identity.by {
                Some(by) => shard == ALL || own.any(|source| source.by.as_ref() == Some(by)),
                None => own.any(|source| source.object == made_for && source.task == deployment.task),
            }
        }
    }
}

/// True if the source is a GitHubDeployment that the CronJob reads.
fn is_of(runner: Runner, source: &Source) -> bool {
    let Runner::CronJob { cluster, shard } = runner else {
        return false;
    };
    source
        .slot
        .is_some_and(|slot| slot.cluster == cluster && (shard == ALL || shard_of(slot.number) == shard))
}

/// In place of a shard: every GitHubDeployment.
pub const ALL: usize = usize::MAX;

impl Deployment {
    pub fn latest(&self) -> Option<&str> {
        self.statuses.last().map(|posted| posted.state.as_str())
    }

    /// True if it was made for this source: the same object, and the same GitHubDeployment, or in one track a
    /// pipeline.
    pub fn lists(&self, source: &Source) -> bool {
        let Some(marker) = &self.marker else { return false };
        let object = object_of(
            marker
                .identity
                .uid
                .as_deref()
                .expect("the objects of the model have uids"),
        );
        let fits = match (&marker.identity.by, &source.by) {
            (Some(a), Some(b)) => a == b,
            _ => self.task == source.task,
        };
        fits && object == source.object
    }

    /// The object that it was made for.
    pub fn object(&self) -> Option<Object> {
        self.uid().map(object_of)
    }

    /// The uid of the object it was made for.
    pub fn uid(&self) -> Option<&str> {
        self.marker.as_ref()?.identity.uid.as_deref()
    }
}
