//! `--wait`: looks at the objects again and again until everything is final, and tells GitHub what changes.
//!
//! A look asks the cluster only: every two seconds, since what keeps a pod from running changes without its workload,
//! and at once when a watch says that an object changed. GitHub is asked when something that it shows has changed, when
//! the last pass left something to do, and every half minute, for others write there too.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::{
    plan::{Hash, State},
    report::{Action, Ended, RolloutRow, SourceResult, with_causes},
    source::{self, Watch},
};

use super::{
    Memory, Pass, RunError, Settings, World, before, deadline,
    gather::{self, Gathered},
    repeat::stopped,
    report,
    standing::{Reason, Source, Standing},
};

/// The longest time between two looks.
const POLL: Duration = Duration::from_secs(2);

/// The shortest: an object may change many times a second.
const BREATH: Duration = Duration::from_millis(250);

/// GitHub is not asked for longer than that only where nothing changes.
const REREAD: Duration = Duration::from_secs(30);

/// How long is waited, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The longest time.
    pub timeout: Duration,
    /// End at the first failure, whatever becomes of other sources.
    pub fail_fast: bool,
    /// What is posted for a source that is not final then, [`State::Failure`] or [`State::Error`]; none: what GitHub
    /// shows stays.
    pub timeout_state: Option<State>,
}

/// What waiting came to.
#[derive(Debug)]
pub struct Waited {
    /// The last pass.
    pub pass: Pass,
    /// How it ended.
    pub ended: Ended,
}

/// What becomes of sources that are not final when the time is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Overdue {
    pub state: State,
    timeout: Duration,
}

impl Overdue {
    /// For the description on GitHub.
    pub fn cause(&self) -> String {
        format!("not final after {}", humantime::format_duration(self.timeout))
    }
}

/// Runs passes until every source is final, or the time is over. Every look is given to `tell`, in the order of the
/// sources.
///
/// What fails in the first pass is told at once; once a pass ran, servers are given the time to come back, and the last
/// pass that ran is what waiting came to.
///
/// # Errors
/// When the first pass can't run at all.
pub async fn wait(
    world: &World,
    settings: &Settings,
    waiting: &Waiting,
    mut tell: impl FnMut(&[RolloutRow]),
) -> Result<Waited, RunError> {
    let end = Instant::now() + waiting.timeout;
    let world = &match waiting.fail_fast {
        true => by_the_clock_of_the_cluster(world).await,
        false => world.clone(),
    };
    let memory = Arc::default();
    let mut watch = Watch::default();
    let mut last: Option<Last> = None;
    let mut trouble = String::new();
    loop {
        let begun = Instant::now();
        let deadline = deadline(settings);
        let looked = before(deadline, gather::gather(world, settings, &memory)).await;
        let passed = match looked {
            Ok(gathered) => {
                tell(&rows(&gathered));
                watch.follow(&gathered.observer.objects, &versions(&gathered)).await;
                let shown = shown(&gathered);
                match last.take() {
                    Some(last) if last.still_holds(&shown) => Ok(last),
                    earlier => match report(world, settings, deadline, gathered).await {
                        Ok(pass) => Ok(Last {
                            pass,
                            shown,
                            at: Instant::now(),
                        }),
                        Err(error) => Err((error, earlier)),
                    },
                }
            }
            Err(error) => Err((error, last.take())),
        };
        let (reported, is_done) = match passed {
            Ok(reported) => {
                trouble.clear();
                let is_done = reported.is_done(waiting.fail_fast);
                (reported, is_done)
            }
            Err((error, None)) => return Err(error),
            Err((error, Some(earlier))) => {
                warn_once(&mut trouble, &error);
                (earlier, false)
            }
        };
        let ended = if is_done {
            Some(Ended::Final)
        } else if Instant::now() >= end {
            Some(Ended::TimedOut)
        } else {
            let next = (Instant::now() + POLL).min(end);
            tokio::select! {
                biased;
                () = stopped(world) => Some(Ended::Stopped),
                () = watch.changed() => {
                    sleep_until((begun + BREATH).min(end)).await;
                    None
                }
                () = sleep_until(next) => None,
            }
        };
        let Some(ended) = ended else {
            last = Some(reported);
            continue;
        };
        return Ok(match (ended, waiting.timeout_state) {
            (Ended::TimedOut, Some(state)) => {
                let timeout = waiting.timeout;
                give_up(world, settings, &memory, Overdue { state, timeout }, reported.pass).await
            }
            _ => Waited {
                pass: reported.pass,
                ended,
            },
        });
    }
}

/// Says that a look failed, unless the last one that failed said the same.
fn warn_once(trouble: &mut String, error: &RunError) {
    let causes = with_causes(error).join(": ");
    if causes != *trouble {
        tracing::warn!("{causes}; looking again until the time is over");
        *trouble = causes;
    }
}

/// The same, where it is as late as at the API server: how long a pod has been in trouble is a matter of seconds, and a
/// laptop's clock may be wrong by minutes.
async fn by_the_clock_of_the_cluster(world: &World) -> World {
    let mut world = world.clone();
    let told = match &world.kubernetes {
        Some(client) => source::server_time(client).await,
        None => None,
    };
    if let Some(time) = told {
        let then = Instant::now();
        world.now = Arc::new(move || time.checked_add(then.elapsed()).unwrap_or(time));
    }
    world
}

/// One more pass, which tells GitHub that the time is over. Where it cannot run, the last one stands.
async fn give_up(world: &World, settings: &Settings, memory: &Arc<Memory>, overdue: Overdue, last: Pass) -> Waited {
    let deadline = deadline(settings);
    let gathered = before(deadline, gather::gather(world, settings, memory)).await;
    let passed = match gathered {
        Ok(mut gathered) => {
            gathered.give_up(overdue);
            let is_final = gathered.sources.values().all(|source| !is_overdue(source));
            let passed = report(world, settings, deadline, gathered).await;
            passed.map(|pass| (pass, if is_final { Ended::Final } else { Ended::TimedOut }))
        }
        Err(error) => Err(error),
    };
    match passed {
        Ok((pass, ended)) => Waited { pass, ended },
        Err(error) => {
            let causes = with_causes(&error).join(": ");
            tracing::warn!("GitHub was not told that the time is over: {causes}");
            Waited {
                pass: last,
                ended: Ended::TimedOut,
            }
        }
    }
}

/// The last pass, and what it was based on.
struct Last {
    pass: Pass,
    shown: Vec<Shown>,
    at: Instant,
}

impl Last {
    /// True if a pass now would say the same.
    fn still_holds(&self, shown: &[Shown]) -> bool {
        let is_unfinished = |result: &SourceResult| matches!(result.action, Action::Defer | Action::Fail);
        self.shown == shown
            && self.at.elapsed() < REREAD
            && !self.pass.timed_out
            && !self.pass.document.results.iter().any(is_unfinished)
    }

    fn is_done(&self, fail_fast: bool) -> bool {
        let results = &self.pass.document.results;
        let has_failed = |result: &SourceResult| is_settled(result) && result.has_failed();
        results.iter().all(is_settled) || fail_fast && results.iter().any(has_failed)
    }
}

/// What GitHub shows of a source, as far as the object decides it.
#[derive(PartialEq, Eq)]
struct Shown {
    state: Option<State>,
    git_ref: Option<String>,
    uid: Option<String>,
    rollout: Option<Hash>,
    /// What stands against reporting it.
    reason: Option<Reason>,
}

fn shown(gathered: &Gathered) -> Vec<Shown> {
    let of = |source: &Source| {
        let seen = source.seen();
        let facts = seen.map(|seen| &seen.facts);
        Shown {
            state: seen.and_then(|seen| seen.state()),
            git_ref: seen.and_then(|seen| Some(seen.extracted.as_ref().ok()?.git_ref.clone())),
            uid: facts.and_then(|facts| facts.uid.clone()),
            rollout: facts.and_then(|facts| facts.rollout.clone()),
            reason: match &source.standing {
                Standing::Skipped(reason) | Standing::Failed(reason) => Some(reason.clone()),
                Standing::Seen(_) | Standing::Behind(_) | Standing::Gone => None,
            },
        }
    };
    gathered.sources.values().map(of).collect()
}

/// Every observed object, in the version that was seen.
fn versions(gathered: &Gathered) -> Vec<(source::ObjectReference, String)> {
    let of = |source: &Source| {
        let version = source.shown()?.facts.resource_version.clone()?;
        Some((source.object.clone()?, version))
    };
    gathered.sources.values().filter_map(of).collect()
}

fn rows(gathered: &Gathered) -> Vec<RolloutRow> {
    gathered.sources.values().filter_map(row).collect()
}

/// None for a declaration that names no object.
fn row(source: &Source) -> Option<RolloutRow> {
    let object = source.object.as_ref()?;
    let seen = source.shown();
    let (word, message) = match &source.standing {
        Standing::Seen(seen) | Standing::Behind(seen) => {
            let word = seen.state().map_or("terminating", State::as_str);
            (word, seen.health.message.clone())
        }
        Standing::Gone => ("not found", String::new()),
        Standing::Skipped(reason) => ("skipped", reason.message.clone()),
        Standing::Failed(reason) => ("not reported", reason.message.clone()),
    };
    Some(RolloutRow {
        namespace: object.namespace.clone(),
        kind: object.kind.clone(),
        name: object.name.clone(),
        word,
        replicas: seen.and_then(|seen| seen.replicas),
        message,
        is_final: seen.is_none_or(|seen| seen.state().is_none_or(State::is_final)),
    })
}

fn is_overdue(source: &Source) -> bool {
    match &source.standing {
        Standing::Seen(seen) => seen.is_overdue(),
        Standing::Behind(_) => true,
        Standing::Gone | Standing::Skipped(_) | Standing::Failed(_) => false,
    }
}

/// True if another pass would say the same: the rollout is final and reported, or the source is left alone.
fn is_settled(result: &SourceResult) -> bool {
    match result.action {
        Action::Defer => false,
        Action::Fail => !result.passing,
        Action::Skip => true,
        // Of an object on its way out.
        Action::Close if result.state.is_none() => true,
        Action::Create | Action::Update | Action::Close | Action::Unchanged => {
            result.state.is_some_and(State::is_final)
        }
    }
}
