//! Where GitHub is: REST, GraphQL and the pages for people, from one address.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use url::{Host, Url};

/// What has to be encoded in one segment of a path.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The addresses of one GitHub.
///
/// | given | REST | GraphQL |
/// |---|---|---|
/// | `api.github.com`, `github.com` | `https://api.github.com` | `https://api.github.com/graphql` |
/// | `SUBDOMAIN.ghe.com`, with or without `api.` | `https://api.SUBDOMAIN.ghe.com` | the same with `/graphql` |
/// | another host (GitHub Enterprise Server), with or without `/api/v3` | `https://HOST/api/v3` | `https://HOST/api/graphql` |
/// | a loopback address without a path | as given | the same with `/graphql` |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    rest: String,
    graphql: String,
    web: String,
    versioned: bool,
}

/// An address that cannot be GitHub's API. The text never holds what may be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a URL.
    #[error("GITHUB_API {text:?} is not an address: write one such as https://api.github.com")]
    Invalid {
        /// What was given.
        text: String,
    },
    /// Neither http nor https.
    #[error("GITHUB_API has scheme {scheme:?}: write https://{host}")]
    Scheme {
        /// The scheme.
        scheme: String,
        /// The host.
        host: String,
    },
    /// Plain http would show the token to everyone on the way.
    #[error("GITHUB_API http://{host} is not encrypted, and would show the token on the way: write https://{host}")]
    PlainHttp {
        /// The host.
        host: String,
    },
    /// User information, a query or a fragment.
    #[error("GITHUB_API for {host} has a {part}, which is not part of an API address: leave it out")]
    Superfluous {
        /// The host.
        host: String,
        /// What is too much.
        part: &'static str,
    },
}

impl Address {
    /// Reads an address as people write it: with or without scheme, trailing slash and `/api/v3`.
    ///
    /// # Errors
    /// When the text is not the address of an API, or is plain http to a host that is not loopback.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let invalid = || AddressError::Invalid {
            text: without_user(text),
        };
        let url = if text.contains("://") {
            Url::parse(text)
        } else {
            Url::parse(&format!("https://{text}"))
        };
        Self::of(&url.map_err(|_| invalid())?)
    }

    /// As [`Address::parse`], for an address that is a URL already.
    ///
    /// # Errors
    /// As [`Address::parse`].
    pub fn of(url: &Url) -> Result<Self, AddressError> {
        let Some(host) = url.host() else {
            return Err(AddressError::Invalid {
                text: without_user(url.as_str()),
            });
        };
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        };
        let superfluous = |part| AddressError::Superfluous {
            host: authority.clone(),
            part,
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(superfluous("user name or password"));
        }
        if url.query().is_some() {
            return Err(superfluous("query"));
        }
        if url.fragment().is_some() {
            return Err(superfluous("fragment"));
        }
        let loopback = is_loopback(url);
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(AddressError::PlainHttp { host: authority }),
            other => {
                return Err(AddressError::Scheme {
                    scheme: other.to_owned(),
                    host: authority,
                });
            }
        }
        let name = host.to_string();
        let hosted = match name.as_str() {
            "api.github.com" | "github.com" | "www.github.com" => Some("github.com"),
            other if other.ends_with(".ghe.com") => Some(other.strip_prefix("api.").unwrap_or(other)),
            _ => None,
        };
        if let Some(web_host) = hosted {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            let rest = format!("https://api.{web_host}{port}");
            return Ok(Self {
                graphql: format!("{rest}/graphql"),
                rest,
                web: format!("https://{web_host}{port}"),
                versioned: true,
            });
        }
        let origin = format!("{}://{authority}", url.scheme());
        let path = url.path().trim_end_matches('/');
        let path = match path.strip_suffix("/graphql") {
            Some(before) if !before.ends_with("/api") => before,
            _ => path,
        };
        let enterprise = match path {
            "" => (!loopback).then_some(""),
            "/api" => Some(""),
            path => path
                .strip_suffix("/api/v3")
                .or_else(|| path.strip_suffix("/api/graphql")),
        };
        Ok(match enterprise {
            Some(prefix) => Self {
                rest: format!("{origin}{prefix}/api/v3"),
                graphql: format!("{origin}{prefix}/api/graphql"),
                web: format!("{origin}{prefix}"),
                versioned: false,
            },
            None => Self {
                rest: format!("{origin}{path}"),
                graphql: format!("{origin}{path}/graphql"),
                web: format!("{origin}{path}"),
                versioned: false,
            },
        })
    }

    /// The REST API, without a slash at the end.
    #[must_use]
    pub fn rest(&self) -> &str {
        &self.rest
    }

    /// The GraphQL API.
    #[must_use]
    pub fn graphql(&self) -> &str {
        &self.graphql
    }

    /// True where `X-GitHub-Api-Version` is known: github.com and GHE.com. An older Enterprise Server refuses
    /// versions that it does not know.
    pub(super) fn is_versioned(&self) -> bool {
        self.versioned
    }

    /// True for https.
    pub(super) fn is_encrypted(&self) -> bool {
        self.rest.starts_with("https:")
    }

    /// A REST address of these path segments.
    pub(super) fn endpoint(&self, segments: &[&str]) -> String {
        let mut address = self.rest.clone();
        for segment in segments {
            address.push('/');
            address.extend(utf8_percent_encode(segment, SEGMENT));
        }
        address
    }

    /// The page that shows an App to people.
    pub(super) fn app_page(&self, slug: &str) -> String {
        let folder = if self.versioned { "apps" } else { "github-apps" };
        format!("{}/{folder}/{}", self.web, utf8_percent_encode(slug, SEGMENT))
    }
}

/// True if an address is of this machine: nobody listens on the way.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Scheme, host and port: where credentials belong.
pub(super) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The text without anything before an `@`, which may be a password.
fn without_user(text: &str) -> String {
    text.rsplit_once('@').map_or(text, |(_, rest)| rest).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_form_is_read() {
        let cloud = ("https://api.github.com", "https://api.github.com/graphql");
        let server = ("https://ghes.example/api/v3", "https://ghes.example/api/graphql");
        let residency = ("https://api.acme.ghe.com", "https://api.acme.ghe.com/graphql");
        let rows = [
            ("https://api.github.com", cloud),
            ("https://api.github.com/", cloud),
            ("api.github.com", cloud),
            ("https://github.com", cloud),
            ("HTTPS://API.GITHUB.COM", cloud),
            ("https://api.acme.ghe.com", residency),
            ("https://acme.ghe.com/", residency),
            ("https://ghes.example", server),
            ("ghes.example", server),
            ("https://ghes.example/api", server),
            ("https://ghes.example/api/v3", server),
            ("https://ghes.example/api/v3/", server),
            ("https://ghes.example/api/graphql", server),
            (
                "https://proxy.example/ghes/api/v3",
                (
                    "https://proxy.example/ghes/api/v3",
                    "https://proxy.example/ghes/api/graphql",
                ),
            ),
            (
                "https://ghes.example:8443",
                (
                    "https://ghes.example:8443/api/v3",
                    "https://ghes.example:8443/api/graphql",
                ),
            ),
            (
                "https://ghes.example:443/",
                ("https://ghes.example/api/v3", "https://ghes.example/api/graphql"),
            ),
            ("  https://ghes.example/api/v3//  ", server),
            ("https://api.github.com/graphql", cloud),
            ("https://www.github.com/", cloud),
            ("https://acme.ghe.com/api/v3", residency),
            ("https://api.acme.ghe.com/graphql", residency),
            (
                "http://127.0.0.1:8080/graphql",
                ("http://127.0.0.1:8080", "http://127.0.0.1:8080/graphql"),
            ),
            (
                "http://127.0.0.1:8080",
                ("http://127.0.0.1:8080", "http://127.0.0.1:8080/graphql"),
            ),
            ("http://[::1]:8080/", ("http://[::1]:8080", "http://[::1]:8080/graphql")),
            (
                "http://localhost:8080/api/v3",
                ("http://localhost:8080/api/v3", "http://localhost:8080/api/graphql"),
            ),
            (
                "https://gateway.example/github",
                (
                    "https://gateway.example/github",
                    "https://gateway.example/github/graphql",
                ),
            ),
        ];
        for (text, (rest, graphql)) in rows {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.rest(), address.graphql()), (rest, graphql), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_api_is_refused() {
        let rows = [
            ("", "is not an address"),
            ("https://", "is not an address"),
            ("http://api.github.com", "is not encrypted"),
            ("http://localhost.example", "is not encrypted"),
            ("http://10.0.0.1", "is not encrypted"),
            ("ftp://api.github.com", "write https://api.github.com"),
            ("https://me:secret@ghes.example", "user name or password"),
            ("https://ghes.example/?a=secret", "query"),
            ("https://ghes.example/#secret", "fragment"),
            ("https://me:secret@ghes.example:99999", "is not an address"),
        ];
        for (text, part) in rows {
            let message = Address::parse(text).unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
            assert!(!message.contains("secret"), "{text}: {message}");
        }
    }

    #[test]
    fn segments_are_encoded() {
        let address = Address::parse("api.github.com").unwrap();
        assert_eq!(
            address.endpoint(&["repos", "shop", "a b/c?d", "deployments"]),
            "https://api.github.com/repos/shop/a%20b%2Fc%3Fd/deployments"
        );
    }
}
