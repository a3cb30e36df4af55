//! Time as GitHub tells it: runs with tokio's clock, so that paused time works, and has whole seconds.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A clock that starts at a chosen moment and advances with [`tokio::time`], and by hand.
#[derive(Debug)]
pub struct Clock {
    start: Timestamp,
    origin: Instant,
    /// Seconds by which it was set forward.
    ahead: AtomicI64,
}

impl Clock {
    /// A clock that shows `start` now.
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            start,
            origin: Instant::now(),
            ahead: AtomicI64::new(0),
        }
    }

    /// Sets the clock forward, or back by a negative number of seconds.
    pub fn advance(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::Relaxed);
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.origin.elapsed()).unwrap_or_default();
        let elapsed = elapsed.saturating_add(SignedDuration::from_secs(self.ahead.load(Ordering::Relaxed)));
        self.start.saturating_add(elapsed).unwrap_or(self.start)
    }
}

/// `2026-01-31T12:00:00Z`, the form of every time in GitHub's answers.
pub fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `Sat, 31 Jan 2026 12:00:00 GMT`, the form of HTTP headers.
pub fn http_date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
