//! GitHub's rate limits: how fast this process writes, and until when it has to be silent.
//!
//! There are two kinds. A primary limit is a budget of requests an hour: REST and GraphQL have one each, and so has
//! each installation of a GitHub App. What is left of one says nothing about the others. A secondary limit is about
//! how requests come. GitHub counts most of that for a user or an App as a whole, and asks whoever was refused to stop
//! altogether: it silences everything, and there is one pace for all writes of the process, whatever their owner.
//!
//! GitHub wants a second between writes, refuses more than 80 of them a minute and 500 an hour, and has points for all
//! requests. What it says itself counts more: `Retry-After`, then `x-ratelimit-reset`, then a minute that doubles each
//! time.
//!
//! The windows are our own: `governor`, and what else paces, has buckets that fill again, and a bucket that gives no
//! hour more than 500 hands them out one every seven seconds, where GitHub takes one a second for eight minutes.

mod refusal;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::HeaderMap;
use tokio::time::{Instant, sleep_until};

use refusal::{GRAIN, explained_wait, until_reset};
pub(super) use refusal::{Limit, limit_of, named_limit};

/// Time between two writes, once the burst is used up.
const BETWEEN_WRITES: Duration = Duration::from_secs(1);

/// Writes that may follow each other at once after a pause.
const BURST: u32 = 10;

/// Requests do not all take the same time to arrive: as GitHub sees them, two may be closer to each other.
const JITTER: Duration = Duration::from_secs(1);

/// Writes in a stretch of time.
const WRITES: &[(usize, Duration)] = &[(80, Duration::from_secs(60)), (500, Duration::from_secs(3_600))];

/// GraphQL's points in a stretch of time. REST has 900 of its own for each endpoint, and a write costs five: the pace
/// of writes never comes near that, only an App that needs a token for each of many owners.
const POINTS: &[(usize, Duration)] = &[(2_000, Duration::from_secs(60))];
const POINTS_OF_QUERY: usize = 1;
const POINTS_OF_MUTATION: usize = 5;

/// Tokens of an App in a stretch of time: one costs five of the 900 points of their endpoint.
const TOKENS: &[(usize, Duration)] = &[(180, Duration::from_secs(60))];

/// A write that would have to wait longer than this is left to a later pass.
const PATIENCE: Duration = Duration::from_secs(60);

/// The first wait after a limit that says nothing about its end, and the longest.
const FIRST_SILENCE: Duration = Duration::from_secs(60);
const LONGEST_SILENCE: Duration = Duration::from_secs(3_600);

/// One of GitHub's two interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Api {
    Rest,
    GraphQl,
}

/// What a request is charged to: a primary limit is one of these used up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Budget {
    pub(super) api: Api,
    /// In lower case, where each owner's installation of the App has a budget of its own.
    pub(super) owner: Option<String>,
}

/// Which requests a limit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitScope {
    /// All of them: a secondary limit.
    Everything,
    /// All writes: the pace that this program keeps by itself.
    Writes,
    /// All of one interface, REST or GraphQL.
    Api,
    /// Those of one interface about one owner's repositories.
    Owner,
}

/// A time in which requests are not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Silence {
    pub(super) until: Instant,
    pub(super) scope: LimitScope,
}

/// The pacing of one process.
#[derive(Debug)]
pub(super) struct Limits(Mutex<State>);

#[derive(Debug)]
struct State {
    writes: Window,
    points: Window,
    tokens: Window,
    /// When the burst is whole again.
    burst_whole: Option<Instant>,
    /// Until when nothing is charged to a budget; none: until when nothing is sent at all.
    silences: BTreeMap<Option<Budget>, Instant>,
    /// How long the last silence was whose length GitHub left open.
    unexplained: Option<Duration>,
}

/// How many turns there may be in any stretch of time, and those that were or will be taken.
#[derive(Debug)]
struct Window {
    /// The longest stretch comes last.
    limits: &'static [(usize, Duration)],
    /// Oldest first.
    taken: VecDeque<Instant>,
}

impl Default for Limits {
    fn default() -> Self {
        Self(Mutex::new(State {
            writes: Window::new(WRITES),
            points: Window::new(POINTS),
            tokens: Window::new(TOKENS),
            burst_whole: None,
            silences: BTreeMap::new(),
            unexplained: None,
        }))
    }
}

impl Limits {
    /// Waits for a write's turn.
    ///
    /// # Errors
    /// When GitHub asked for silence, or the turn is too far away or not before `deadline`: the time from when on it
    /// makes sense again.
    pub(super) async fn write(&self, budget: &Budget, deadline: Option<Instant>) -> Result<(), Silence> {
        let turn = self.state().take_turn(budget, Instant::now(), deadline)?;
        sleep_until(turn).await;
        self.until(budget).map_or(Ok(()), Err)
    }

    /// When a write would have its turn, if it had to wait for that longer than `longest`, and not too long.
    pub(super) fn far_turn(&self, longest: Duration) -> Option<Instant> {
        let now = Instant::now();
        let turn = self.state().next_turn(now);
        (turn > now + longest && turn <= now + PATIENCE).then_some(turn)
    }

    /// Waits until GitHub takes a query, if that is before `deadline`.
    ///
    /// # Errors
    /// When it is not: the time from when on it does.
    pub(super) async fn read(&self, budget: &Budget, deadline: Instant) -> Result<(), Silence> {
        loop {
            let Err(silence) = self.state().take_query(budget, Instant::now()) else {
                return Ok(());
            };
            if silence.until > deadline {
                return Err(silence);
            }
            sleep_until(silence.until).await;
        }
    }

    /// Waits for the turn of a request for an App's token.
    pub(super) async fn token(&self) {
        let turn = self.state().tokens.next(Instant::now());
        sleep_until(turn).await;
    }

    /// Until when GitHub takes no requests of this kind, if it does not take them now.
    pub(super) fn until(&self, budget: &Budget) -> Option<Silence> {
        self.state().silence(budget, Instant::now())
    }

    /// Until when GitHub takes no requests at all, if it does not take them now.
    pub(super) fn until_any(&self) -> Option<Instant> {
        let until = self.state().silences.get(&None).copied();
        until.filter(|until| *until > Instant::now())
    }

    /// Notes what an answer says about its budget: once that is used up, the next request would be refused.
    pub(super) fn answered(&self, budget: &Budget, headers: &HeaderMap) {
        let wait = until_reset(headers, true).filter(|wait| *wait > GRAIN);
        if let Some(wait) = wait {
            let until = Instant::now() + wait.min(LONGEST_SILENCE);
            self.state().be_silent(Some(budget.clone()), until);
        }
    }

    /// Notes that GitHub refused a request because of a limit, and tells until when it does.
    ///
    /// Requests that were under way together are refused together: that is one limit. One that is met again soon
    /// after a silence shows that the silence was too short, even if GitHub took other requests in between: it may
    /// let read who may not write.
    pub(super) fn refused(&self, budget: &Budget, limit: Limit, headers: &HeaderMap) -> Silence {
        let mut state = self.state();
        let now = Instant::now();
        let concerned = match limit {
            Limit::Primary => Some(budget.clone()),
            Limit::Secondary => None,
        };
        let before = state.silences.get(&concerned).copied();
        let wait = match (explained_wait(headers, limit), before) {
            (Some(wait), _) => Some(wait),
            (None, Some(until)) if until > now => None,
            (None, _) => Some(state.unexplained_wait(now)),
        };
        if let Some(wait) = wait {
            state.be_silent(concerned, now + wait.min(LONGEST_SILENCE));
        }
        state.silence(budget, now).unwrap_or(Silence {
            until: now,
            scope: budget.scope(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The next free turn for a write of the budget, and takes it.
    fn take_turn(&mut self, budget: &Budget, now: Instant, deadline: Option<Instant>) -> Result<Instant, Silence> {
        if let Some(silence) = self.silence(budget, now) {
            return Err(silence);
        }
        self.writes.forget(now);
        self.points.forget(now);
        let mut turn = self.next_turn(now);
        if budget.api == Api::GraphQl {
            turn = turn.max(self.points.opens(POINTS_OF_MUTATION, now));
        }
        if turn > now + PATIENCE || deadline.is_some_and(|deadline| turn >= deadline) {
            return Err(Silence {
                until: turn,
                scope: LimitScope::Writes,
            });
        }
        self.burst_whole = Some(self.burst_whole(now) + BETWEEN_WRITES);
        self.writes.take(1, turn);
        if budget.api == Api::GraphQl {
            self.points.take(POINTS_OF_MUTATION, turn);
        }
        Ok(turn)
    }

    /// When a write could be sent.
    fn next_turn(&self, now: Instant) -> Instant {
        // The burst lets a write come this much earlier than one a second would.
        let paced = self.burst_whole(now).checked_sub(BETWEEN_WRITES * (BURST - 1));
        self.writes.opens(1, now).max(paced.unwrap_or(now))
    }

    fn burst_whole(&self, now: Instant) -> Instant {
        self.burst_whole.map_or(now, |whole| whole.max(now))
    }

    /// Charges a query to the budget, if that is possible now.
    fn take_query(&mut self, budget: &Budget, now: Instant) -> Result<(), Silence> {
        if let Some(silence) = self.silence(budget, now) {
            return Err(silence);
        }
        self.points.forget(now);
        let until = self.points.opens(POINTS_OF_QUERY, now);
        if until > now {
            return Err(Silence {
                until,
                scope: LimitScope::Api,
            });
        }
        self.points.take(POINTS_OF_QUERY, now);
        Ok(())
    }

    fn silence(&self, budget: &Budget, now: Instant) -> Option<Silence> {
        let until = |concerned| self.silences.get(concerned).copied().filter(|until| *until > now);
        let all = until(&None);
        let scope = all.map_or(budget.scope(), |_| LimitScope::Everything);
        let until = all.max(until(&Some(budget.clone())))?;
        Some(Silence { until, scope })
    }

    /// A silence only ever ends later.
    fn be_silent(&mut self, concerned: Option<Budget>, until: Instant) {
        let end = self.silences.entry(concerned).or_insert(until);
        *end = until.max(*end);
    }

    fn unexplained_wait(&mut self, now: Instant) -> Duration {
        let before = self.silences.values().max();
        let soon = |last: &Duration| before.is_some_and(|until| now.saturating_duration_since(*until) < *last);
        let wait = self.unexplained.filter(soon).map_or(FIRST_SILENCE, |last| last * 2);
        let wait = wait.min(LONGEST_SILENCE);
        self.unexplained = Some(wait);
        wait
    }
}

impl Window {
    fn new(limits: &'static [(usize, Duration)]) -> Self {
        Self {
            limits,
            taken: VecDeque::new(),
        }
    }

    /// When so many turns can be taken: from then on they fit into every stretch, with all that are taken already.
    fn opens(&self, turns: usize, now: Instant) -> Instant {
        let free = |(most, stretch): &(usize, Duration)| {
            let last_in_the_way = (self.taken.len() + turns).checked_sub(most + 1)?;
            Some(*self.taken.get(last_in_the_way)? + *stretch + JITTER)
        };
        self.limits
            .iter()
            .filter_map(free)
            .max()
            .map_or(now, |opens| opens.max(now))
    }

    /// The next free turn, and takes it.
    fn next(&mut self, now: Instant) -> Instant {
        self.forget(now);
        let turn = self.opens(1, now);
        self.take(1, turn);
        turn
    }

    fn take(&mut self, turns: usize, at: Instant) {
        let place = self.taken.partition_point(|taken| *taken <= at);
        for _ in 0..turns {
            self.taken.insert(place, at);
        }
    }

    /// Forgets what is in no stretch any more.
    fn forget(&mut self, now: Instant) {
        let longest = self
            .limits
            .last()
            .map_or(Duration::ZERO, |(_, stretch)| *stretch + JITTER);
        while self.taken.front().is_some_and(|first| *first + longest <= now) {
            self.taken.pop_front();
        }
    }
}

impl Budget {
    fn scope(&self) -> LimitScope {
        match self.owner {
            Some(_) => LimitScope::Owner,
            None => LimitScope::Api,
        }
    }
}

#[cfg(test)]
mod tests;
