//! What GitHub says when a limit is reached: that it is one, which kind, and how long it lasts.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;

use crate::http_date::http_date;

/// GitHub's times have the grain of a second: one more, so as not to come too early.
pub(super) const GRAIN: Duration = Duration::from_secs(1);

/// The kinds of limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::github) enum Limit {
    /// The requests of an hour are used up.
    Primary,
    /// Requests come too fast, or too many at once.
    Secondary,
}

/// The limit because of which an answer refuses, and not for a missing permission: all of that can be 403.
///
/// A secondary limit often comes without any header that tells, so that GitHub's words decide. Where they leave the
/// kind open, it is the stricter one.
pub(in crate::github) fn limit_of(
    status: StatusCode,
    headers: &HeaderMap,
    message: &str,
    documentation: &str,
) -> Option<Limit> {
    if !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::FORBIDDEN) {
        return None;
    }
    let secondary = |text: &str| text.contains("secondary-rate-limit") || text.contains("abuse-rate-limit");
    let used_up = number(headers, "x-ratelimit-remaining") == Some(0);
    let permission = status == StatusCode::FORBIDDEN && message.starts_with("Resource not accessible");
    let named = named_limit(message).or(secondary(documentation).then_some(Limit::Secondary));
    let counted = (used_up && !permission).then_some(Limit::Primary);
    let vague = status == StatusCode::TOO_MANY_REQUESTS
        || documentation.contains("rate-limit")
        || headers.contains_key(header::RETRY_AFTER);
    named.or(counted).or(vague.then_some(Limit::Secondary))
}

/// The limit that GitHub's words are about.
pub(in crate::github) fn named_limit(message: &str) -> Option<Limit> {
    let message = message.to_ascii_lowercase();
    if message.contains("api rate limit") {
        return Some(Limit::Primary);
    }
    (message.contains("rate limit") || message.contains("abuse detection")).then_some(Limit::Secondary)
}

/// How long GitHub says that its limit lasts.
pub(super) fn explained_wait(headers: &HeaderMap, limit: Limit) -> Option<Duration> {
    if let Some(value) = headers.get(header::RETRY_AFTER) {
        let seconds = value.to_str().ok().and_then(|text| text.trim().parse().ok());
        let wait = seconds
            .map(Duration::from_secs)
            .or_else(|| Some(until(headers, http_date(headers, header::RETRY_AFTER)?)));
        if let Some(wait) = wait {
            return Some(wait.max(GRAIN));
        }
    }
    // GitHub may refuse for a primary limit while a few requests seem to be left.
    until_reset(headers, limit == Limit::Secondary)
}

/// How long it is until the requests of an hour are there again; `used_up`: only if none are left.
pub(super) fn until_reset(headers: &HeaderMap, used_up: bool) -> Option<Duration> {
    if used_up && number(headers, "x-ratelimit-remaining") != Some(0) {
        return None;
    }
    let reset = i64::try_from(number(headers, "x-ratelimit-reset")?).ok()?;
    Some(until(headers, Timestamp::from_second(reset).ok()?) + GRAIN)
}

/// How long it is until then by GitHub's clock.
fn until(headers: &HeaderMap, then: Timestamp) -> Duration {
    let now = http_date(headers, header::DATE).unwrap_or_else(Timestamp::now);
    Duration::try_from(then.duration_since(now)).unwrap_or_default()
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}
