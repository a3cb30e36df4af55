//! What stays of a message for as long as the trouble is the same.
//!
//! Servers put into their words what is another one each time, such as the id of a request or the time: that is no
//! reason to write a status again.

/// An id or a time has at least so many characters.
const SHORTEST: usize = 8;

/// Ids of requests and traces without separators have this many hexadecimal digits. Those of commits have more.
const PLAIN_ID: usize = 32;

/// True if the two tell of the same trouble.
pub(super) fn is_same(message: &str, other: &str) -> bool {
    words(message).eq(words(other))
}

fn words(message: &str) -> impl Iterator<Item = &str> {
    let is_between = |c: char| c.is_whitespace() || "`'\"()<>,;".contains(c);
    let mut before = "";
    message
        .split(is_between)
        .filter(|word| !word.is_empty())
        .filter(move |word| {
            let before = std::mem::replace(&mut before, word);
            // The id that this program adds, whatever its form, and where a parser of JSON stopped.
            !(before == "request" || matches!(before, "line" | "column") || is_passing(word))
        })
}

/// True for ids such as `0D0C:2F9A:1B3F:65A0` and UUIDs, for dates and times, and for addresses with a port.
fn is_passing(word: &str) -> bool {
    let word = word.trim_end_matches(['.', ':']);
    let is_hexadecimal = |word: &str| word.chars().all(|c| c.is_ascii_hexdigit());
    if word.len() == PLAIN_ID && is_hexadecimal(word) {
        return true;
    }
    word.len() >= SHORTEST
        && word.contains([':', '-'])
        && word.chars().any(|c| c.is_ascii_digit())
        && word.split([':', '-', '.', '+', 'T', 'Z']).all(is_hexadecimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_anew_each_time_is_the_same_trouble() {
        for (name, message, other) in [
            (
                "our id",
                "no (HTTP 422): x (request 1:A)",
                "no (HTTP 422): x (request gw-17/b)",
            ),
            (
                "GitHub's id",
                "Please include `0D0C:2F9A:1B3F:3C4D5E:65A0B1C2` when reporting this issue.",
                "Please include `E1F2:103B52:9AB0C3:9B5D70:65A0B1F9` when reporting this issue.",
            ),
            (
                "GitHub's time",
                "include the request ID 0D0C:2F9A:1B3F and timestamp 2026-01-31 23:59:59 UTC.",
                "include the request ID 0D0D:2F9A:1B40 and timestamp 2026-02-01 00:14:59 UTC.",
            ),
            (
                "a certificate that expired, as Go tells it",
                "x509: certificate has expired: current time 2026-01-31T23:59:59Z is after 2026-01-01T00:00:00Z",
                "x509: certificate has expired: current time 2026-02-01T00:14:59+01:00 is after 2026-01-01T00:00:00Z",
            ),
            (
                "a connection, as Go tells it",
                "read tcp 10.0.0.7:51234->10.0.0.1:443: read: connection reset by peer",
                "read tcp 10.0.0.7:38211->10.0.0.1:443: read: connection reset by peer",
            ),
            (
                "a gateway",
                r#"{"message":"no upstream","request_id":"4b1f0a9c2d3e4f5061728394a5b6c7d8"}"#,
                r#"{"message":"no upstream","request_id":"97c5e1d20b3a4f68b1c2d3e4f5a60718"}"#,
            ),
            (
                "a UUID",
                "error 3b8f2f6e-8d5c-4d7e-9a1b-2c3d4e5f6071",
                "error 9c1d2e3f-0a1b-4c2d-8e3f-405162738495",
            ),
            (
                "an answer that was cut",
                "EOF while parsing a string at line 1 column 4711",
                "EOF while parsing a string at line 1 column 90",
            ),
        ] {
            assert!(is_same(message, other), "{name}: {message}");
        }
    }

    #[test]
    fn what_a_user_can_change_is_another_trouble() {
        for (message, other) in [
            ("no branch, tag or commit v1", "no branch, tag or commit v2"),
            (
                "deployment of 0123456789012345678901234567890123456789",
                "deployment of 9876543210012345678901234567890123456789",
            ),
            ("HTTP 502: Bad Gateway", "HTTP 503: Service Unavailable"),
            ("spec.extract has 600 characters", "spec.extract has 601 characters"),
            (
                "Deployment shop/app-1 does not exist",
                "Deployment shop/app-2 does not exist",
            ),
            (
                "the container feed-back is missing",
                "the container dead-beef is missing",
            ),
            ("the proxy proxy.example:3128", "the proxy proxy.example:3129"),
        ] {
            assert!(!is_same(message, other), "{message}");
        }
    }
}
