//! How often reading tries again what failed, and when it gives up.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::github::error::GitHubError;

/// Requests that may fail in a row, and altogether, before a batch is given up.
const MAX_FAILURES_IN_A_ROW: u32 = 5;
const MAX_FAILURES: u32 = 30;
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// After so many failures in a row it may be one piece that spoils the batch.
pub(super) const FAILURES_BEFORE_HALVING: u32 = 3;

/// Refusals after which a batch is no longer halved: enough to find one piece among all that a request may hold.
const MAX_REFUSALS: u32 = 10;

/// After so many in a row of whom nothing could be read, it seems to be GitHub, and not the owners or the environments.
pub(super) const MAX_OUTAGES_IN_A_ROW: usize = 3;

/// How often in a row GitHub as a whole stood in the way of the readings of one pass, and the last error of them.
#[derive(Debug, Default)]
pub(in crate::github) struct Outages(Mutex<(usize, Option<GitHubError>)>);

/// How much trouble a batch may still make.
pub(super) struct Patience<'a> {
    deadline: Instant,
    /// Of the pass: one try shows whether what stood in the way so often still does.
    outages: &'a Outages,
    pub(super) in_a_row: u32,
    left: u32,
    refusals_left: u32,
}

impl Outages {
    /// Takes down what stood in the way of a reading; none where GitHub answered.
    pub(super) fn note(&self, error: Option<&GitHubError>) {
        let mut known = self.locked();
        *known = match error {
            Some(error) => (known.0 + 1, Some(error.clone())),
            None => (0, None),
        };
    }

    fn in_a_row(&self) -> usize {
        self.locked().0
    }

    pub(super) fn last(&self) -> Option<GitHubError> {
        self.locked().1.clone()
    }

    fn locked(&self) -> MutexGuard<'_, (usize, Option<GitHubError>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Patience<'a> {
    pub(super) fn new(deadline: Instant, outages: &'a Outages) -> Self {
        Self {
            deadline,
            outages,
            in_a_row: 0,
            left: MAX_FAILURES,
            refusals_left: MAX_REFUSALS,
        }
    }

    /// Counts a failed request; false if there may be no other one.
    pub(super) fn spend(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left > 0 && Instant::now() < self.deadline
    }

    /// Counts a request that GitHub refused; false if there were too many of them.
    pub(super) fn refuse(&mut self) -> bool {
        self.refusals_left = self.refusals_left.saturating_sub(1);
        self.refusals_left > 0 && self.spend()
    }

    /// Waits before a request is repeated, longer each time; false if it is not to be repeated.
    pub(super) async fn pause(&mut self) -> bool {
        self.in_a_row += 1;
        let pause = FIRST_PAUSE * (1 << self.in_a_row.min(8)) / 2;
        // Half of the pause is left to chance, so that many clients do not come back at the same moment.
        let chance = Duration::from_nanos(RandomState::new().hash_one(0) % 1_000_000_000).as_secs_f64();
        let pause = pause.mul_f64(0.5 + chance / 2.0);
        let tries = match self.outages.in_a_row() {
            ..MAX_OUTAGES_IN_A_ROW => MAX_FAILURES_IN_A_ROW,
            _ => 1,
        };
        if !self.spend() || self.in_a_row >= tries || Instant::now() + pause > self.deadline {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }
}
