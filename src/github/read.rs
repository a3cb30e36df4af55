//! Reading: the deployments of environments, and what wanted refs resolve to.
//!
//! What has to be known falls into pieces, a window on an environment's newest deployments or a ref. A request asks
//! for as many pieces as GitHub bears; what it leaves out is asked again in smaller requests, so that one
//! environment that is too much for GitHub, or not visible, does not keep the others from being read.

mod answer;
mod patience;
mod query;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::OnceLock,
    time::Duration,
};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

pub(super) use answer::{Node, StatusNode};
pub(super) use patience::Outages;
pub(super) use query::DEPLOYMENT;
pub use query::MAX_ENVIRONMENTS;

use super::{
    GitHub,
    answer::{CallError, GraphQlError},
    error::{GitHubError, quoted},
    limits::Api,
};
use crate::plan::{Deployment, Environment, Existing, GitRef, Repository};
use answer::{Found, Outcome, Window};
use patience::{FAILURES_BEFORE_HALVING, MAX_OUTAGES_IN_A_ROW, Patience};
use query::{Batches, Piece, compose};

/// The deployments of one environment that are read first: some, and more for each source there.
const WINDOW: usize = 6;
const WINDOW_PER_SOURCE: usize = 4;

/// GitHub's largest page.
const MAX_PAGE: usize = 100;

/// Deployments beyond this many count as not existing.
const MAX_HISTORY: usize = 1_000;

/// Requests under way at once for one owner.
const CONCURRENCY: usize = 4;

/// Owners that are read at once. GitHub takes a hundred requests at once, and these make eighty at most.
const OWNERS_AT_ONCE: usize = 20;

/// Reading that fails ends so long before the pass does, which has to tell why.
const TO_TELL_WHY: Duration = Duration::from_secs(1);

/// What is to be known about one environment.
#[derive(Clone, Debug)]
pub struct EnvironmentQuery {
    /// The environment.
    pub environment: Environment,
    /// Wanted refs as extracted, `refs/heads/` and `refs/tags/` in front as written.
    pub refs: Vec<String>,
    /// How many sources the environment has: the more, the more deployments are read at once.
    pub sources: usize,
}

/// One environment as GitHub shows it, and what this process did there in the last minutes.
#[derive(Clone, Debug)]
pub struct EnvironmentReading {
    /// The environment.
    pub environment: Environment,
    /// Its deployments of every task, newest first; complete if they were read to the oldest one.
    pub existing: Existing,
    /// What the refs of the query are, by the text of the query.
    pub refs: BTreeMap<String, ResolvedRef>,
    /// The repository is not public.
    pub private: bool,
    /// The repository is read-only.
    pub archived: bool,
    /// The repository's page.
    pub web_url: Option<String>,
    /// When it was asked for: what was written later may be missing.
    pub read_at: Instant,
    /// When each of `existing` was created.
    created: Vec<Timestamp>,
    /// Where the next page begins.
    cursor: Option<String>,
}

/// What a wanted ref is in its repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolvedRef {
    /// It is there.
    Found {
        /// The form in which it is sent, kept and compared.
        git_ref: GitRef,
        /// The commit it stands for now, tags peeled.
        commit: Option<String>,
        /// A branch or tag has this name, so that it may stand for another commit tomorrow.
        movable: bool,
    },
    /// No branch, tag or commit.
    NotFound,
    /// The credentials may not read the repository's contents: GitHub answers when the ref is sent.
    NotReadable {
        /// The form in which it is sent.
        git_ref: GitRef,
    },
}

/// Pieces, each with its answer or its error.
type Answered = Vec<(Piece, Result<Found, GitHubError>)>;

/// What came of a batch.
struct Pieces {
    found: Answered,
    /// Why no other batch of the owner would fare better.
    hopeless: Option<GitHubError>,
}

impl GitHub {
    /// Reads the newest deployments of each environment, and resolves its refs. Answers in the order of the queries.
    ///
    /// One request is about fifty environments and five hundred deployments at most, and with a GitHub App about one
    /// owner. What fails for a while is repeated, what is too much for GitHub is asked for in smaller requests, until
    /// [`super::Settings::read_timeout`] is over.
    ///
    /// # Errors
    /// For each environment on its own.
    pub async fn read(&self, queries: &[EnvironmentQuery]) -> Vec<Result<EnvironmentReading, GitHubError>> {
        let deadline = self.end_of_reading();
        queries
            .iter()
            .for_each(|query| self.inner.client.expect(&query.environment.repository));
        let mut windows = HashMap::new();
        let mut refs = HashMap::new();
        let mut keep = |piece: Piece, found: Result<Found, GitHubError>| match piece {
            Piece::Window { query, .. } => {
                windows.insert(query, found);
            }
            Piece::Ref { repository, name } => {
                refs.insert((repository, name), found);
            }
        };
        let nobody = OnceLock::new();
        let mut owners_in_a_row = 0;
        // True if GitHub is there, and takes the credentials.
        let mut take = |answered: Answered| {
            let outage = outage(&answered).cloned();
            answered.into_iter().for_each(|(piece, found)| keep(piece, found));
            let Some(error) = outage else {
                owners_in_a_row = 0;
                return true;
            };
            // One owner's token, or one environment, may be what is bad.
            owners_in_a_row += 1;
            if owners_in_a_row >= MAX_OUTAGES_IN_A_ROW {
                nobody.get_or_init(|| error);
            }
            false
        };
        let mut owners = self.batches(queries).into_iter();
        // Nobody is met by what nobody gets an answer for, but the first few.
        for (owner, batches) in owners.by_ref() {
            if take(self.read_owner(&owner, batches, deadline, &nobody).await) {
                break;
            }
        }
        let mut others = stream::iter(owners)
            .map(async |(owner, batches)| self.read_owner(&owner, batches, deadline, &nobody).await)
            .buffer_unordered(OWNERS_AT_ONCE);
        while let Some(answered) = others.next().await {
            take(answered);
        }
        drop(others);
        queries
            .iter()
            .enumerate()
            .map(|(index, query)| self.reading(query, windows.remove(&index), &refs))
            .collect()
    }

    /// When a reading that begins now gives up what it could not read.
    fn end_of_reading(&self) -> Instant {
        let own = Instant::now() + self.inner.read_timeout;
        [self.read_deadline, self.end_of_waiting()]
            .into_iter()
            .flatten()
            .fold(own, Instant::min)
    }

    /// When even a request that is under way is given up, if it is known why.
    fn end_of_waiting(&self) -> Option<Instant> {
        self.deadline?.checked_sub(TO_TELL_WHY)
    }

    /// As [`GitHub::read`], for one environment.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn read_one(&self, query: EnvironmentQuery) -> Result<EnvironmentReading, GitHubError> {
        let answered = self.read(&[query]).await.pop();
        answered.unwrap_or_else(|| Err(self.inner.client.unread(incomplete())))
    }

    /// Reads older deployments, page by page, until `enough` is known, there are no more, or there are a thousand.
    /// What was read so far is lent to `enough`.
    ///
    /// # Errors
    /// When a page cannot be read; those before it are kept.
    pub async fn read_further(
        &self,
        reading: &mut EnvironmentReading,
        enough: &mut (dyn FnMut(&mut Existing) -> bool + Send),
    ) -> Result<(), GitHubError> {
        let deadline = self.end_of_reading();
        self.inner.client.expect(&reading.environment.repository);
        while !reading.existing.complete
            && reading.cursor.is_some()
            && reading.existing.deployments.len() < MAX_HISTORY
            && !enough(&mut reading.existing)
        {
            let from = reading.cursor.clone();
            let piece = Piece::Window {
                query: 0,
                environment: reading.environment.clone(),
                first: MAX_PAGE,
                after: from.clone(),
            };
            let owner = reading.environment.repository.owner.clone();
            for (_, found) in self.read_pieces(&owner, vec![piece], deadline).await.found {
                if let Found::Window(page) = found? {
                    reading.append(page);
                }
            }
            self.add_own(reading);
            reading.cut();
            // A page may hold nothing but deployments that have moved to another environment; only one that leads
            // nowhere is the last.
            if reading.cursor == from {
                break;
            }
        }
        Ok(())
    }

    /// What to ask for, in the requests that it takes, by the owner whose credentials they need.
    fn batches(&self, queries: &[EnvironmentQuery]) -> BTreeMap<String, Vec<Vec<Piece>>> {
        let mut order: Vec<usize> = (0..queries.len()).collect();
        order.sort_by_key(|index| queries.get(*index).map(|query| &query.environment));
        let mut owners: BTreeMap<String, Batches> = BTreeMap::new();
        let shared = queries.first().map(|query| query.environment.repository.owner.clone());
        for (index, query) in order.into_iter().filter_map(|index| Some((index, queries.get(index)?))) {
            let owner = match &shared {
                Some(owner) if !self.inner.client.is_per_owner() => owner.clone(),
                _ => query.environment.repository.owner.to_ascii_lowercase(),
            };
            let batches = owners.entry(owner).or_default();
            batches.add(Piece::Window {
                query: index,
                environment: query.environment.clone(),
                first: (WINDOW + WINDOW_PER_SOURCE * query.sources.max(1)).min(MAX_PAGE),
                after: None,
            });
            for name in &query.refs {
                batches.add_ref(&query.environment.repository, name);
            }
        }
        owners
            .into_iter()
            .map(|(owner, batches)| (owner, batches.done))
            .collect()
    }

    /// Asks for all batches of an owner, unless `nobody` can be asked for.
    async fn read_owner(
        &self,
        owner: &str,
        batches: Vec<Vec<Piece>>,
        deadline: Instant,
        nobody: &OnceLock<GitHubError>,
    ) -> Answered {
        let down = nobody.clone();
        let mut batches = batches.into_iter();
        let mut answered = Answered::new();
        // The first request shows whether GitHub is there at all, before several are sent at once.
        if let Some(batch) = batches.next() {
            answered = self.read_batch(owner, batch, deadline, &down).await;
        }
        let mut others = stream::iter(batches)
            .map(|batch| self.read_batch(owner, batch, deadline, &down))
            .buffer_unordered(CONCURRENCY);
        while let Some(more) = others.next().await {
            answered.extend(more);
        }
        answered
    }

    /// Asks for a batch, unless another one has shown that it is of no use.
    async fn read_batch(
        &self,
        owner: &str,
        batch: Vec<Piece>,
        deadline: Instant,
        down: &OnceLock<GitHubError>,
    ) -> Answered {
        if let Some(error) = down.get() {
            return batch.into_iter().map(|piece| (piece, Err(error.clone()))).collect();
        }
        let Pieces { found, hopeless } = self.read_pieces(owner, batch, deadline).await;
        if let Some(error) = hopeless {
            down.get_or_init(|| error);
        }
        found
    }

    /// Asks for pieces until each has an answer or an error. The end of the pass cuts a request off only where an earlier
    /// one failed, which tells why; otherwise it may be an answer that is only slow.
    async fn read_pieces(&self, owner: &str, pieces: Vec<Piece>, deadline: Instant) -> Pieces {
        let several = pieces.iter().filter(|piece| piece.is_window()).count() > 1;
        let mut patience = Patience::new(deadline, &self.outages);
        let mut done = Vec::with_capacity(pieces.len());
        let mut waiting = VecDeque::from([pieces]);
        let mut last: Option<GitHubError> = None;
        let mut hopeless = None;
        while let Some(batch) = waiting.pop_front() {
            if let Some(error) = last.as_ref().filter(|_| Instant::now() >= deadline) {
                done.extend(batch.into_iter().map(|piece| (piece, Err(error.clone()))));
                continue;
            }
            let everything = last.clone().filter(GitHubError::concerns_everything);
            let asking = self.ask(owner, &batch, deadline);
            let asked = match everything.or_else(|| self.outages.last()).zip(self.end_of_waiting()) {
                Some((error, end)) => timeout_at(end, asking).await.unwrap_or(Err(error.into())),
                None => asking.await,
            };
            let (again, error) = match asked {
                Ok((outcomes, left_out)) => {
                    let before = done.len();
                    let mut again = Vec::new();
                    for (piece, outcome) in batch.into_iter().zip(outcomes) {
                        match outcome {
                            Outcome::Done(found) => done.push((piece, Ok(found))),
                            Outcome::Failed(error) => done.push((piece, Err(error))),
                            Outcome::Again => again.push(piece),
                        }
                    }
                    if done.len() > before {
                        patience.in_a_row = 0;
                    }
                    (again, left_out)
                }
                Err(error) => (batch, error),
            };
            if again.is_empty() {
                continue;
            }
            let too_heavy = matches!(error, CallError::Heavy { .. } | CallError::Lost { heavy: true, .. });
            let (halve, repeat) = match &error {
                _ if too_heavy && again.len() > 1 => (patience.spend(), false),
                CallError::Known(GitHubError::Refused { .. } | GitHubError::Forbidden { repository: None, .. }) => {
                    (patience.refuse(), false)
                }
                CallError::Known(_) | CallError::NoCredentials(_) => (false, false),
                CallError::Lost { .. } => {
                    let paused = patience.pause().await;
                    (paused && patience.in_a_row >= FAILURES_BEFORE_HALVING, paused)
                }
                // The server is of a version that never will.
                CallError::NotOffered { .. } => (false, false),
                CallError::NotSent(_) | CallError::Heavy { .. } => (false, patience.pause().await),
            };
            let no_credentials = matches!(error, CallError::NoCredentials(_));
            let error = self.inner.client.unread(error);
            last = Some(error.clone());
            if halve && again.len() > 1 {
                tracing::debug!(pieces = again.len(), "a request to GitHub is halved");
                let mut first = again;
                let second = first.split_off(first.len() / 2);
                // Last, so that those which nothing is wrong with are read first.
                waiting.extend([first, second]);
                continue;
            }
            if repeat {
                waiting.push_front(again);
                continue;
            }
            done.extend(again.into_iter().map(|piece| (piece, Err(error.clone()))));
            if no_credentials || error.concerns_everything() && !too_heavy {
                hopeless = Some(error.clone());
                let rest = waiting.drain(..).flatten();
                done.extend(rest.map(|piece| (piece, Err(error.clone()))));
            }
        }
        // One environment may be too much for GitHub; where each of several is, it is GitHub.
        if several && done.iter().all(|(_, found)| found.is_err()) {
            hopeless = hopeless.or(last.filter(GitHubError::concerns_everything));
        }
        self.outages.note(outage(&done));
        Pieces { found: done, hopeless }
    }

    /// One request. Beside the outcomes is why some are to be asked again, if there are such.
    async fn ask(
        &self,
        owner: &str,
        pieces: &[Piece],
        deadline: Instant,
    ) -> Result<(Vec<Outcome>, CallError), CallError> {
        let client = &self.inner.client;
        let budget = client.budget(Api::GraphQl, owner);
        let (query, variables) = compose(pieces);
        loop {
            client
                .limits()
                .read(&budget, deadline)
                .await
                .map_err(GitHubError::limited)?;
            let read_at = Instant::now();
            match client.query(owner, &query, Value::Object(variables.clone())).await {
                // It may be another limit than that of the query: that of the App, whose token the query needs.
                Err(CallError::Known(GitHubError::Limited { until, .. })) if until <= deadline => {
                    tokio::time::sleep_until(until).await;
                }
                Err(error) => return Err(error),
                Ok(answer) => {
                    let is_placed = |error: &GraphQlError| {
                        let mut repositories = pieces.iter().map(Piece::repository);
                        !error.is_about_everything() || repositories.any(|asked| error.is_about_missing(asked))
                    };
                    // Without the place of the error, nothing that is null is known to be null on GitHub.
                    if let Some(error) = answer.errors.iter().find(|error| !is_placed(error)) {
                        return Err(left_out(error));
                    }
                    let is_answer = |error: &GraphQlError| error.is_permission() || error.is("NOT_FOUND");
                    let reason = answer.errors.iter().find(|error| !is_answer(error));
                    let reason = reason.map_or_else(incomplete, left_out);
                    return Ok((self.outcomes(pieces, &answer, read_at), reason));
                }
            }
        }
    }

    /// Puts the answers for one query together.
    fn reading(
        &self,
        query: &EnvironmentQuery,
        window: Option<Result<Found, GitHubError>>,
        refs: &HashMap<(Repository, String), Result<Found, GitHubError>>,
    ) -> Result<EnvironmentReading, GitHubError> {
        let unanswered = || self.inner.client.unread(incomplete());
        let Found::Window(window) = window.ok_or_else(unanswered)?? else {
            return Err(unanswered());
        };
        let mut resolved = BTreeMap::new();
        for name in &query.refs {
            match refs.get(&(query.environment.repository.clone(), name.clone())) {
                Some(Ok(Found::Ref(git_ref))) => resolved.insert(name.clone(), git_ref.clone()),
                Some(Err(error)) => return Err(error.clone()),
                _ => return Err(unanswered()),
            };
        }
        let mut reading = EnvironmentReading {
            environment: query.environment.clone(),
            existing: Existing::default(),
            refs: resolved,
            private: window.facts.is_private,
            archived: window.facts.is_archived,
            web_url: window.facts.url.clone(),
            read_at: window.read_at,
            created: Vec::new(),
            cursor: None,
        };
        reading.append(window);
        self.add_own(&mut reading);
        Ok(reading)
    }

    fn add_own(&self, reading: &mut EnvironmentReading) {
        let Existing { deployments, complete } = &mut reading.existing;
        self.inner
            .recent
            .add_missing(&reading.environment, deployments, &mut reading.created, *complete);
    }
}

impl EnvironmentReading {
    /// The environment by the name that the repository has today: GitHub follows names that it had before.
    #[must_use]
    pub fn today(&self) -> Environment {
        let repository = self.web_url.as_deref().and_then(|page| {
            let (rest, name) = page.rsplit_once('/')?;
            let (_, owner) = rest.rsplit_once('/')?;
            Repository::parse(&format!("{owner}/{name}"), None).ok()
        });
        Environment {
            repository: repository.unwrap_or_else(|| self.environment.repository.clone()),
            name: self.environment.name.clone(),
        }
    }

    /// Adds a page, but nothing that is there already: pages shift while deployments are created.
    fn append(&mut self, page: Window) {
        for (deployment, created) in page.deployments.into_iter().zip(page.created) {
            let there = |known: &Deployment| known.node_id == deployment.node_id;
            if !self.existing.deployments.iter().any(there) {
                self.existing.deployments.push(deployment);
                self.created.push(created);
            }
        }
        self.existing.complete = !page.more;
        self.cursor = page.cursor.filter(|_| page.more);
    }

    /// What is older than the longest history counts as not existing.
    fn cut(&mut self) {
        if self.existing.deployments.len() > MAX_HISTORY {
            self.existing.deployments.truncate(MAX_HISTORY);
            self.created.truncate(MAX_HISTORY);
            self.existing.complete = false;
        }
    }
}

/// What keeps everything from being read, where that is so of all that was asked for.
fn outage(answered: &Answered) -> Option<&GitHubError> {
    let mut errors = answered.iter().map(|(_, found)| found.as_ref().err());
    let (_, last) = answered.last()?;
    let is_of_all = errors.all(|error| error.is_some_and(GitHubError::concerns_everything));
    last.as_ref().err().filter(|_| is_of_all)
}

/// An answer in which something is missing because of this.
fn left_out(error: &GraphQlError) -> CallError {
    CallError::Heavy {
        message: quoted(&error.message),
    }
}

/// An answer in which something is missing without a reason.
fn incomplete() -> CallError {
    CallError::Heavy {
        message: "it left out some of what was asked".to_owned(),
    }
}

#[cfg(test)]
mod forms;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod tests;
