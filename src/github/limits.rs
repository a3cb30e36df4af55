//! GitHub's rate limits: how fast this process writes, and until when it has to be silent.
//!
//! GitHub asks for a second between writes and refuses more than 80 of them a minute and 500 an hour. What it
//! says itself counts more: `Retry-After`, then `x-ratelimit-reset`, then a minute that doubles each time. All of
//! it ends in one deadline that only ever moves later, for reads and writes alike.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use tokio::time::Instant;

/// Time between two writes, once the burst is used up.
const BETWEEN_WRITES: Duration = Duration::from_secs(1);

/// Writes that may follow each other at once after a pause.
const BURST: u32 = 10;

/// Writes in a stretch of time. The longest stretch comes last.
const WINDOWS: [(usize, Duration); 2] = [(80, Duration::from_secs(60)), (500, Duration::from_secs(3_600))];

/// A write that would have to wait longer than this is left to a later pass.
const PATIENCE: Duration = Duration::from_secs(60);

/// The first wait after a limit that says nothing about its end, and the longest.
const FIRST_SILENCE: Duration = Duration::from_secs(60);
const LONGEST_SILENCE: Duration = Duration::from_secs(3_600);

/// The pacing of one process.
#[derive(Debug, Default)]
pub(super) struct Limits(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When the last writes were, or will be, sent; oldest first.
    writes: VecDeque<Instant>,
    /// When the burst is whole again.
    burst_whole: Option<Instant>,
    /// Nothing is sent before.
    silent_until: Option<Instant>,
    /// How long the last silence was whose length GitHub left open.
    unexplained: Option<Duration>,
}

impl Limits {
    /// Waits for a write's turn.
    ///
    /// # Errors
    /// When GitHub asked for silence, or the turn is too far away: the time from when on it makes sense again.
    pub(super) async fn write(&self) -> Result<(), Instant> {
        let turn = self.state().take_turn(Instant::now())?;
        tokio::time::sleep_until(turn).await;
        self.until().map_or(Ok(()), Err)
    }

    /// Waits until GitHub takes requests again, if that is before `deadline`.
    ///
    /// # Errors
    /// When it is not: the time from when on it does.
    pub(super) async fn read(&self, deadline: Instant) -> Result<(), Instant> {
        while let Some(until) = self.until() {
            if until > deadline {
                return Err(until);
            }
            tokio::time::sleep_until(until).await;
        }
        Ok(())
    }

    /// Until when GitHub takes no requests, if it does not take them now.
    pub(super) fn until(&self) -> Option<Instant> {
        self.state().silent_until.filter(|until| *until > Instant::now())
    }

    /// Notes that GitHub refused a request because of a limit, and tells until when it does.
    ///
    /// Requests that were under way together are refused together: that is one limit. One that is met again soon
    /// after a silence shows that the silence was too short, even if GitHub took other requests in between: it may
    /// let read who may not write.
    pub(super) fn refused(&self, headers: &HeaderMap) -> Instant {
        let mut state = self.state();
        let now = Instant::now();
        let wait = match (explained_wait(headers), state.silent_until) {
            (Some(wait), _) => wait,
            (None, Some(until)) if until > now => return until,
            (None, before) => {
                let soon = |last: &Duration| before.is_some_and(|until| now.duration_since(until) < *last);
                let wait = state.unexplained.filter(soon).map_or(FIRST_SILENCE, |last| last * 2);
                let wait = wait.min(LONGEST_SILENCE);
                state.unexplained = Some(wait);
                wait
            }
        };
        let until = now + wait.min(LONGEST_SILENCE);
        let until = state.silent_until.map_or(until, |before| before.max(until));
        state.silent_until = Some(until);
        until
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The next free turn for a write, and takes it.
    fn take_turn(&mut self, now: Instant) -> Result<Instant, Instant> {
        if let Some(until) = self.silent_until.filter(|until| *until > now) {
            return Err(until);
        }
        let longest = WINDOWS.last().map_or(Duration::ZERO, |(_, stretch)| *stretch);
        while self.writes.front().is_some_and(|first| *first + longest <= now) {
            self.writes.pop_front();
        }
        let whole = self.burst_whole.map_or(now, |whole| whole.max(now));
        // The burst lets a write come this much earlier than one a second would.
        let mut turn = now.max(whole.checked_sub(BETWEEN_WRITES * (BURST - 1)).unwrap_or(now));
        for (most, stretch) in WINDOWS {
            if let Some(index) = self.writes.len().checked_sub(most) {
                turn = turn.max(self.writes.get(index).map_or(now, |first| *first + stretch));
            }
        }
        if turn > now + PATIENCE {
            return Err(turn);
        }
        self.burst_whole = Some(whole + BETWEEN_WRITES);
        self.writes.push_back(turn);
        Ok(turn)
    }
}

/// True if an answer refuses because of a rate limit, primary or secondary, and not for a missing permission.
///
/// Both are 403. The secondary limit often comes without any header that tells, so that GitHub's words decide.
pub(super) fn is_limit(status: StatusCode, headers: &HeaderMap, message: &str, documentation: &str) -> bool {
    match status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::FORBIDDEN => {
            says_limit(message)
                || documentation.contains("rate-limit")
                || headers.contains_key(header::RETRY_AFTER)
                || (number(headers, "x-ratelimit-remaining") == Some(0)
                    && !message.starts_with("Resource not accessible"))
        }
        _ => false,
    }
}

/// True if GitHub's words are about a rate limit.
pub(super) fn says_limit(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("rate limit") || message.contains("abuse detection")
}

/// How long GitHub says that its limit lasts.
fn explained_wait(headers: &HeaderMap) -> Option<Duration> {
    let now = date(headers, header::DATE).unwrap_or_else(Timestamp::now);
    let until = |then: Timestamp| Duration::try_from(then.duration_since(now)).unwrap_or_default();
    if headers.contains_key(header::RETRY_AFTER) {
        let wait = number(headers, header::RETRY_AFTER.as_str())
            .map(Duration::from_secs)
            .or_else(|| date(headers, header::RETRY_AFTER).map(until));
        if let Some(wait) = wait {
            return Some(wait.max(BETWEEN_WRITES));
        }
    }
    if number(headers, "x-ratelimit-remaining") == Some(0) {
        let reset = i64::try_from(number(headers, "x-ratelimit-reset")?).ok()?;
        // The reset has the grain of a second: one more, so as not to come too early.
        return Some(until(Timestamp::from_second(reset).ok()?) + Duration::from_secs(1));
    }
    None
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

pub(super) fn date(headers: &HeaderMap, name: header::HeaderName) -> Option<Timestamp> {
    let text = headers.get(name)?.to_str().ok()?;
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    header::HeaderName::from_static(name),
                    http::HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn a_missing_permission_is_no_limit() {
        let secondary = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
        let rows = [
            ("429", 429, headers(&[]), "", "", true),
            (
                "primary",
                403,
                headers(&[("x-ratelimit-remaining", "0")]),
                "Forbidden",
                "",
                true,
            ),
            (
                "secondary without a header that tells",
                403,
                headers(&[("x-ratelimit-remaining", "14")]),
                secondary,
                "",
                true,
            ),
            (
                "abuse detection of old servers",
                403,
                headers(&[]),
                "You have triggered an abuse detection mechanism",
                "",
                true,
            ),
            (
                "documentation only",
                403,
                headers(&[]),
                "",
                "https://docs.github.com/x#secondary-rate-limits",
                true,
            ),
            ("retry after", 403, headers(&[("retry-after", "3")]), "", "", true),
            (
                "permission",
                403,
                headers(&[("x-ratelimit-remaining", "14")]),
                "Resource not accessible by integration",
                "",
                false,
            ),
            (
                "permission with the last request",
                403,
                headers(&[("x-ratelimit-remaining", "0")]),
                "Resource not accessible by integration",
                "",
                false,
            ),
            (
                "archived",
                403,
                headers(&[]),
                "Repository was archived so is read-only.",
                "",
                false,
            ),
            (
                "not found",
                404,
                headers(&[("x-ratelimit-remaining", "0")]),
                "Not Found",
                "",
                false,
            ),
        ];
        for (name, status, headers, message, documentation, limit) in rows {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(is_limit(status, &headers, message, documentation), limit, "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_limit_is_what_github_says() {
        let date = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
        let rows = [
            ("seconds", vec![date, ("retry-after", "17")], 17),
            ("date", vec![date, ("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT")], 30),
            (
                "date of the past",
                vec![date, ("retry-after", "Wed, 21 Oct 2015 07:27:30 GMT")],
                1,
            ),
            (
                "retry-after before reset",
                vec![
                    date,
                    ("retry-after", "5"),
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "1445412580"),
                ],
                5,
            ),
            (
                "reset",
                vec![
                    date,
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "1445412580"),
                ],
                101,
            ),
            (
                "reset, but some remain",
                vec![
                    date,
                    ("x-ratelimit-remaining", "3"),
                    ("x-ratelimit-reset", "1445412580"),
                ],
                60,
            ),
            ("nothing", vec![], 60),
            ("endless", vec![("retry-after", "99999999")], 3_600),
        ];
        for (name, pairs, seconds) in rows {
            let until = Limits::default().refused(&headers(&pairs));
            assert_eq!(until - Instant::now(), Duration::from_secs(seconds), "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_grows_and_never_shrinks() {
        let limits = Limits::default();
        let start = Instant::now();
        let minute = |count| start + Duration::from_secs(60) * count;
        for _ in 0..4 {
            let until = limits.refused(&headers(&[]));
            assert_eq!(until, minute(1), "refused together, counted once");
        }
        assert_eq!(limits.refused(&headers(&[("retry-after", "1")])), minute(1));
        assert_eq!(limits.write().await, Err(minute(1)));
        let impatient = minute(1) - Duration::from_secs(1);
        assert_eq!(limits.read(impatient).await, Err(minute(1)));
        assert_eq!(limits.read(minute(1)).await, Ok(()));
        assert_eq!(start.elapsed(), Duration::from_secs(60));
        assert_eq!(limits.write().await, Ok(()));
        assert_eq!(limits.refused(&headers(&[])), minute(3), "a minute was too short");
        tokio::time::sleep_until(minute(4)).await;
        assert_eq!(limits.refused(&headers(&[])), minute(8), "and two");
        tokio::time::sleep_until(minute(12)).await;
        assert_eq!(
            limits.refused(&headers(&[])),
            minute(13),
            "long after that it is a new one"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn writes_keep_their_distance() {
        let limits = Limits::default();
        let start = Instant::now();
        let mut sent = Vec::new();
        for _ in 0..130 {
            limits.write().await.unwrap();
            sent.push(start.elapsed().as_secs());
        }
        assert_eq!(sent.iter().filter(|second| **second == 0).count(), 10, "the burst");
        for from in 0..=60 {
            let minute = sent.iter().filter(|second| (from..from + 60).contains(*second)).count();
            assert!(minute <= 80, "{minute} writes in the minute from second {from}");
        }
        assert_eq!(sent.last(), Some(&120), "one a second after the burst");
    }

    #[tokio::test(start_paused = true)]
    async fn an_hour_has_five_hundred_writes() {
        let limits = Limits::default();
        let start = Instant::now();
        let mut done = 0;
        let until = loop {
            match limits.write().await {
                Ok(()) => done += 1,
                Err(until) => break until,
            }
        };
        assert_eq!(done, 500);
        assert_eq!(until, start + Duration::from_secs(3_600));
        tokio::time::sleep_until(until - PATIENCE).await;
        assert_eq!(limits.write().await, Ok(()), "near enough to wait for");
        assert_eq!(start.elapsed(), Duration::from_secs(3_600));
    }
}
