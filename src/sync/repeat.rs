//! Passes again and again: `--interval` until the user stops it, `--wait` until everything is final.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::{
    report::{Action, SourceResult},
    source,
};

use super::{Pass, RunError, Settings, World, run};

/// Between two passes of `--wait`.
const POLL: Duration = Duration::from_secs(2);

/// Reasons of failures on GitHub's side that the next pass may not meet again.
const PASSING_REASONS: [&str; 2] = ["AnswerLost", "GitHubUnreachable"];

/// Runs a pass every `interval` until the user stops; a pass that fails does not end the loop.
///
/// Every pass, or the reason why it could not run, is given to `tell`; what that answers for the last one is
/// returned.
pub async fn repeat<T>(
    world: &World,
    settings: &Settings,
    interval: Duration,
    mut tell: impl FnMut(Result<Pass, RunError>) -> T,
) -> T {
    let bound = Arc::default();
    loop {
        let started = Instant::now();
        let told = tell(run(world, settings, &bound).await);
        if stopped_before(world, started + interval).await {
            return told;
        }
    }
}

/// How waiting ended.
#[derive(Debug)]
pub struct Waited {
    /// The last pass.
    pub pass: Pass,
    /// True if `timeout` went by, or the user stopped, before every source was final.
    pub unfinished: bool,
}

/// Runs passes until every source is final, or `timeout` goes by.
///
/// What fails in the first pass is told at once; once a pass ran, servers are given the time to come back.
///
/// # Errors
/// When the first pass, or the last one, can't run at all.
pub async fn wait(world: &World, settings: &Settings, timeout: Duration) -> Result<Waited, RunError> {
    let end = Instant::now() + timeout;
    let bound = Arc::default();
    let mut ran = false;
    loop {
        let pass = run(world, settings, &bound).await;
        let settled = match &pass {
            Ok(pass) => pass.document.results.iter().all(is_settled),
            Err(_) => !ran,
        };
        ran = true;
        let next = Instant::now() + POLL;
        if settled || next >= end || stopped_before(world, next).await {
            return pass.map(|pass| Waited {
                pass,
                unfinished: !settled,
            });
        }
    }
}

/// True if another pass would say the same: the rollout is final and reported, or the source is left alone.
fn is_settled(result: &SourceResult) -> bool {
    match result.action {
        Action::Defer => false,
        Action::Fail => !result
            .reason
            .as_deref()
            .is_some_and(|reason| PASSING_REASONS.contains(&reason) || source::PASSING_REASONS.contains(&reason)),
        Action::Skip => true,
        // Of an object on its way out.
        Action::Close if result.state.is_none() => true,
        Action::Create | Action::Update | Action::Close | Action::Unchanged => result
            .state
            .is_some_and(|state| matches!(state, crate::plan::State::Success | crate::plan::State::Failure)),
    }
}

/// Waits until `next`, or less if the user stops.
async fn stopped_before(world: &World, next: Instant) -> bool {
    let mut stop = world.stop.clone();
    tokio::select! {
        stopped = stop.wait_for(|stop| *stop) => stopped.is_ok(),
        () = sleep_until(next) => false,
    }
}
