//! The time by which an App signs: GitHub takes what it signs for minutes only, by GitHub's own clock.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::github::answer::Answer;

/// How far two clocks may be apart: less is no reason to refuse anything.
pub const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(30);

/// This machine's clock, until GitHub shows that it is wrong; from then on GitHub's. What it shows moves evenly,
/// whatever is done to the machine's clock in between.
pub(super) struct Clock(Mutex<(Instant, Timestamp)>);

impl Clock {
    pub(super) fn of_this_machine() -> Self {
        Self(Mutex::new((Instant::now(), Timestamp::now())))
    }

    /// In seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        let (then, shown) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = i64::try_from(then.elapsed().as_secs()).unwrap_or_default();
        shown.as_second().saturating_add(elapsed)
    }

    /// Takes GitHub's time over if it may be the reason why what was signed at `signed` is refused. False if it is
    /// not, or GitHub does not tell its time.
    pub(super) fn correct(&self, refusal: &Answer, signed: i64) -> bool {
        let Some(date) = refusal.date() else {
            return false;
        };
        let apart = (date.as_second() - signed).abs();
        if apart < CLOCK_TOLERANCE.as_secs() && !is_about_time(&refusal.complaint().message) {
            return false;
        }
        tracing::debug!(
            seconds = apart,
            "this machine's clock and GitHub's are apart: GitHub's counts"
        );
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), date);
        true
    }
}

/// True if GitHub's words are about the times in a JSON web token.
pub(in crate::github) fn is_about_time(message: &str) -> bool {
    message.contains("('exp')") || message.contains("('iat')")
}
