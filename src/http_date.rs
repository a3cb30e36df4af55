//! The time in a header of HTTP: by it two machines whose clocks differ can speak about time.

use http::{HeaderMap, HeaderName};
use jiff::Timestamp;

/// The time that a header such as `Date` tells; none where it is not there or no time.
pub(crate) fn http_date(headers: &HeaderMap, name: HeaderName) -> Option<Timestamp> {
    let text = headers.get(name)?.to_str().ok()?;
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp())
}
