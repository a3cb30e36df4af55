//! Why a connection came to nothing, in the words of who has to do something about it.

use std::{error::Error, fmt, io, sync::Arc};

use http_body_util::LengthLimitError;
use jiff::Timestamp;
use rustls::{AlertDescription, CertificateError, pki_types::UnixTime};
use tower::BoxError;

use super::MAX_BODY_BYTES;
use crate::github::{
    answer::CallError,
    error::{Cause, GitHubError, NoAnswer},
};

/// What goes wrong on the way to a server, with the one that it is about.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// There is no connection to the proxy, or it ended.
    #[error("the proxy {proxy} cannot be reached")]
    Proxy {
        proxy: String,
        #[source]
        source: Option<BoxError>,
    },
    /// The proxy is there, and says no.
    #[error("the proxy {proxy} makes no connection to {host}")]
    NoTunnel { proxy: String, host: String },
}

/// What an error below means for a request to the server at `address`.
pub(in crate::github) fn transport_error(error: octocrab::Error, address: &str) -> CallError {
    let cause: Cause = match error {
        octocrab::Error::Service { source, .. } => Arc::from(source),
        other => Arc::new(other),
    };
    let mut not_sent = false;
    let mut server = None;
    let mut link: Option<&(dyn Error + 'static)> = Some(&*cause);
    while let Some(error) = link {
        if let Some(known) = error.downcast_ref::<GitHubError>() {
            return known.clone().into();
        }
        if let Some(Trouble::Proxy { proxy, .. }) = error.downcast_ref() {
            server = Some(format!("the proxy {proxy}"));
        }
        if let Some(problem) = error.downcast_ref().and_then(tls_problem) {
            return GitHubError::Untrusted {
                server: server.unwrap_or_else(|| format!("GitHub at {address}")),
                problem,
            }
            .into();
        }
        if error.is::<LengthLimitError>() {
            return CallError::Lost {
                cause: Arc::new(NoAnswer::TooLarge {
                    mebibytes: MAX_BODY_BYTES >> 20,
                }),
                heavy: true,
            };
        }
        let hyper = error.downcast_ref::<hyper_util::client::legacy::Error>();
        not_sent |= hyper.is_some_and(hyper_util::client::legacy::Error::is_connect);
        link = error.source();
        if let Some(io) = error.downcast_ref::<io::Error>() {
            not_sent |= io.kind() == io::ErrorKind::ConnectionRefused;
            // It shows what is in it as itself, and what is below that as its source.
            link = io.get_ref().map(|inner| inner as &(dyn Error + 'static));
        }
    }
    let unpacking = cause.downcast_ref().map(io::Error::kind);
    let cause: Cause = match cause.source() {
        // The client puts a line of its own, "client error", before every error.
        Some(_) if cause.is::<hyper_util::client::legacy::Error>() => Arc::new(Within(cause)),
        _ if matches!(
            unpacking,
            Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
        ) =>
        {
            Arc::new(NoAnswer::Garbled {
                message: cause.to_string(),
            })
        }
        _ => cause,
    };
    if not_sent {
        return CallError::NotSent(cause);
    }
    CallError::Lost { cause, heavy: false }
}

/// An error without its first line.
#[derive(Debug)]
struct Within(Cause);

impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.source() {
            Some(source) => write!(f, "{source}"),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Error for Within {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()?.source()
    }
}

/// What is wrong with a server's TLS, and what to do about it; None where another try may go well.
fn tls_problem(error: &rustls::Error) -> Option<String> {
    let problem = match error {
        rustls::Error::InvalidCertificate(error) => certificate_problem(error),
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) | rustls::Error::PeerIncompatible(_) => {
            "it does not speak TLS 1.2 or 1.3 as this program does: update it".to_owned()
        }
        rustls::Error::InvalidMessage(_) => "it does not speak TLS: check the scheme and the port".to_owned(),
        _ => return None,
    };
    Some(problem)
}

fn certificate_problem(error: &CertificateError) -> String {
    match error {
        // An authority of the same name may be trusted that is another one.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is signed by an authority that is not trusted here: set SSL_CERT_FILE to the certificate \
             of the authority that signed it"
                .to_owned()
        }
        CertificateError::Expired => "its certificate has expired: renew it, or set this machine's clock".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => format!(
            "its certificate expired at {}: renew it, or set this machine's clock",
            time(*not_after)
        ),
        CertificateError::NotValidYet => "its certificate is not valid yet: set this machine's clock".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "its certificate is not valid before {}: set this machine's clock",
            time(*not_before)
        ),
        CertificateError::NotValidForName => "its certificate is for another host name: check the address".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "its certificate is not for {} but for {}: check the address",
            expected.to_str(),
            names(presented)
        ),
        other => format!("its certificate cannot be used: {other}"),
    }
}

/// Names in a certificate: the server says what is in there.
fn names(presented: &[String]) -> String {
    /// Nobody reads more.
    const MOST: usize = 3;

    // rustls shows a host name as `DnsName("example.com")`.
    let plain = |name: &'_ String| {
        let host = name
            .strip_prefix("DnsName(\"")
            .and_then(|name| name.strip_suffix("\")"));
        host.unwrap_or(name).to_owned()
    };
    let mut names: Vec<String> = presented.iter().take(MOST).map(plain).collect();
    if presented.is_empty() {
        names.push("no name at all".to_owned());
    }
    if presented.len() > MOST {
        names.push("others".to_owned());
    }
    crate::github::error::quoted(&names.join(", "))
}

fn time(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_or_else(|_| format!("second {seconds}"), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_certificate_is_explained() {
        let second = |second| UnixTime::since_unix_epoch(std::time::Duration::from_secs(second));
        let (time, not_after, not_before) = (second(2_000_000_000), second(1_000_000_000), second(3_000_000_000));
        let name = |presented: &[&str]| CertificateError::NotValidForNameContext {
            expected: rustls::pki_types::ServerName::try_from("ghes.example").unwrap(),
            presented: presented.iter().map(|name| (*name).to_owned()).collect(),
        };
        let rows = [
            (CertificateError::UnknownIssuer, "set SSL_CERT_FILE to the certificate"),
            (CertificateError::BadSignature, "set SSL_CERT_FILE to the certificate"),
            (CertificateError::Expired, "has expired"),
            (
                CertificateError::ExpiredContext { time, not_after },
                "expired at 2001-09-09T01:46:40Z: renew it",
            ),
            (CertificateError::NotValidYet, "not valid yet"),
            (
                CertificateError::NotValidYetContext { time, not_before },
                "not valid before 2065-01-24T05:20:00Z",
            ),
            (CertificateError::NotValidForName, "another host name"),
            (
                name(&["DnsName(\"a\")", "b"]),
                "not for ghes.example but for a, b: check",
            ),
            (name(&[]), "but for no name at all"),
            (name(&["a", "b", "c", "d"]), "but for a, b, c, others"),
            (CertificateError::Revoked, "Revoked"),
        ];
        for (error, part) in rows {
            let text = tls_problem(&rustls::Error::InvalidCertificate(error)).unwrap();
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(tls_problem(&rustls::Error::HandshakeNotComplete), None);
    }
}
