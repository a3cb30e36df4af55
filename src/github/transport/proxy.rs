//! Which proxy leads to a server, by the variables that every tool reads.

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use crate::github::error::GitHubError;

/// Where a proxy for https is named. The first variable that is not empty counts.
const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Where the servers are listed to which no proxy leads.
const EXCEPTION_VARIABLES: [&str; 2] = ["NO_PROXY", "no_proxy"];

const HTTPS_PORT: u16 = 443;

/// What the environment says about proxies for https.
///
/// `HTTPS_PROXY`, else `ALL_PROXY`, is the address of a proxy by http or https, with `user:password@` where it wants
/// that; a character that is special in addresses is percent-encoded there. `NO_PROXY` lists the servers that are
/// reached without:
///
/// | entry | servers |
/// |---|---|
/// | `*` | all |
/// | `example.com`, `.example.com` | this name and all below it |
/// | `*.example.com` | the same |
/// | `10.0.0.1`, `::1`, `[::1]` | this address, where the server is named by it |
/// | `10.0.0.0/8`, `fd00::/8` | addresses of this network, likewise |
/// | any of them with `:8443` | these servers at this port |
///
/// Entries are separated by commas or blanks. Each variable may be written in lower case as well.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    proxy: Option<(&'static str, Secret)>,
    exceptions: String,
}

/// A proxy, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    /// Where it was named.
    pub(super) variable: &'static str,
    /// Without user and password.
    pub(super) uri: Uri,
    /// `Proxy-Authorization`.
    pub(super) authorization: Option<HeaderValue>,
}

/// The address of a proxy as it was set: it may hold a password.
#[derive(Clone)]
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl Proxies {
    /// As the environment of this process has it.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::from(|name| std::env::var(name).ok())
    }

    fn from(variables: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = variables(name)?;
                let value = value.trim();
                (!value.is_empty()).then(|| (*name, value.to_owned()))
            })
        };
        Self {
            proxy: first(&PROXY_VARIABLES).map(|(name, value)| (name, Secret(value))),
            exceptions: first(&EXCEPTION_VARIABLES).map(|(_, value)| value).unwrap_or_default(),
        }
    }

    /// True if this is the proxy that the environment names.
    #[must_use]
    pub fn is_named(&self, proxy: &Uri) -> bool {
        let named = self
            .proxy
            .as_ref()
            .and_then(|(_, address)| address.0.parse::<Uri>().ok());
        named.is_some_and(|named| named == *proxy)
    }

    /// True if no proxy leads to this server.
    #[must_use]
    pub fn is_exception(&self, server: &Uri) -> bool {
        let port = server.port_u16().unwrap_or(HTTPS_PORT);
        let mut kept = Vec::new();
        for entry in self
            .exceptions
            .split([',', ' ', '\t'])
            .filter(|entry| !entry.is_empty())
        {
            let (name, only_port) = without_port(entry);
            if only_port.is_some_and(|only| only != port) {
                continue;
            }
            if name == "*" {
                return true;
            }
            kept.push(name.strip_prefix('*').unwrap_or(name).replace(['[', ']'], ""));
        }
        let matcher = Matcher::builder().all("http://proxy").no(kept.join(",")).build();
        matcher.intercept(server).is_none()
    }

    /// The proxy that leads to a server.
    pub(super) fn for_server(&self, server: &Uri) -> Result<Option<Proxy>, GitHubError> {
        match &self.proxy {
            Some((variable, address)) if !self.is_exception(server) => Proxy::parse(variable, &address.0).map(Some),
            _ => Ok(None),
        }
    }
}

impl Proxy {
    /// Reads an address as people write it, without a scheme too.
    fn parse(variable: &'static str, text: &str) -> Result<Self, GitHubError> {
        let malformed = || GitHubError::Proxy { variable, scheme: None };
        let url = if text.contains("://") {
            Url::parse(text)
        } else {
            Url::parse(&format!("http://{text}"))
        };
        let url = url.map_err(|_| malformed())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(GitHubError::Proxy {
                variable,
                scheme: Some(url.scheme().to_owned()),
            });
        }
        // A password with a slash, a question mark or a number sign that is not encoded ends where it should not.
        let rest = [
            url.path(),
            url.query().unwrap_or_default(),
            url.fragment().unwrap_or_default(),
        ];
        if rest.iter().any(|part| part.contains('@')) {
            return Err(malformed());
        }
        let plain: Uri = url[..url::Position::BeforePath].parse().map_err(|_| malformed())?;
        let found = Matcher::builder().all(plain.to_string()).build();
        let found = found
            .intercept(&Uri::from_static("https://server"))
            .ok_or_else(malformed)?;
        Ok(Self {
            variable,
            uri: found.uri().clone(),
            authorization: found.basic_auth().cloned(),
        })
    }

    /// For messages: scheme, host and port.
    pub(super) fn name(&self) -> String {
        let uri = &self.uri;
        let authority = uri.authority().map(|authority| authority.as_str());
        format!(
            "{}://{}",
            uri.scheme_str().unwrap_or_default(),
            authority.unwrap_or_default()
        )
    }
}

/// An entry of `NO_PROXY` as name and port. An IPv6 address has a port only behind brackets.
fn without_port(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        Some((name, port)) if name.ends_with(']') || !name.contains(':') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        Proxies::from(|name| {
            let (_, value) = variables.iter().find(|(variable, _)| *variable == name)?;
            Some((*value).to_owned())
        })
    }

    fn found(variables: &[(&str, &str)]) -> Option<Proxy> {
        proxies(variables)
            .for_server(&Uri::from_static("https://api.github.com/graphql"))
            .unwrap()
    }

    #[test]
    fn the_first_variable_that_says_something_counts() {
        type Set = &'static [(&'static str, &'static str)];
        let rows: [(Set, Option<&str>); 8] = [
            (&[], None),
            (&[("HTTPS_PROXY", "http://a:1")], Some("http://a:1")),
            (&[("https_proxy", "http://a:1")], Some("http://a:1")),
            (&[("ALL_PROXY", "http://a:1")], Some("http://a:1")),
            (&[("all_proxy", "http://a:1")], Some("http://a:1")),
            (&[("HTTPS_PROXY", " "), ("all_proxy", "http://a:1")], Some("http://a:1")),
            (
                &[("ALL_PROXY", "http://b:1"), ("https_proxy", "http://a:1")],
                Some("http://a:1"),
            ),
            (&[("HTTP_PROXY", "http://a:1")], None),
        ];
        for (variables, expected) in rows {
            let name = found(variables).map(|proxy| proxy.name());
            assert_eq!(name.as_deref(), expected, "{variables:?}");
        }
    }

    #[test]
    fn an_address_is_read_as_people_write_it() {
        // "user:pass word", "user:p@ss", "user:"
        let (space, at, empty) = ("dXNlcjpwYXNzIHdvcmQ=", "dXNlcjpwQHNz", "dXNlcjo=");
        let rows = [
            ("http://proxy.example:3128", "http://proxy.example:3128", None),
            ("http://proxy.example:3128/", "http://proxy.example:3128", None),
            ("proxy.example:3128", "http://proxy.example:3128", None),
            ("proxy.example", "http://proxy.example", None),
            ("https://proxy.example", "https://proxy.example", None),
            ("HTTP://PROXY.example", "http://proxy.example", None),
            ("http://[::1]:3128", "http://[::1]:3128", None),
            (
                "http://user:pass%20word@proxy.example:1",
                "http://proxy.example:1",
                Some(space),
            ),
            ("user:p%40ss@proxy.example:1", "http://proxy.example:1", Some(at)),
            ("http://user:p@ss@proxy.example:1", "http://proxy.example:1", Some(at)),
            ("http://user@proxy.example:1", "http://proxy.example:1", Some(empty)),
        ];
        for (text, name, authorization) in rows {
            let proxy = found(&[("HTTPS_PROXY", text)]).expect(text);
            assert_eq!(proxy.name(), name, "{text}");
            let expected = authorization.map(|text| format!("Basic {text}"));
            let sent = proxy.authorization.map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(sent, expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_its_password() {
        let rows = [
            ("socks5://bob:secret@proxy.example", "by socks5"),
            ("ftp://bob:secret@proxy.example", "by ftp"),
            ("http://bob:sec/ret@proxy.example", "not the address"),
            ("http://bob:1#secret@proxy.example", "not the address"),
            ("http://bob:secret@", "not the address"),
            ("http://bob:secret@proxy.example:port", "not the address"),
        ];
        let server = Uri::from_static("https://api.github.com");
        for (text, part) in rows {
            let proxies = proxies(&[("https_proxy", text)]);
            let message = proxies.for_server(&server).expect_err(text).to_string();
            assert!(
                message.contains("https_proxy") && message.contains(part),
                "{text}: {message}"
            );
            let debug = format!("{proxies:?}");
            for shown in [message, debug] {
                assert!(!shown.contains("sec") && !shown.contains("bob"), "{shown}");
            }
        }
    }

    #[test]
    fn exceptions_are_names_addresses_networks_and_ports() {
        let rows = [
            ("", "https://api.github.com", false),
            ("*", "https://api.github.com", true),
            ("*", "https://10.1.2.3", true),
            ("*", "https://[::1]:8443", true),
            ("github.com", "https://api.github.com", true),
            ("github.com", "https://github.com", true),
            ("github.com", "https://mygithub.com", false),
            ("GitHub.com", "https://API.github.COM", true),
            (".github.com", "https://api.github.com", true),
            (".github.com", "https://github.com", true),
            ("*.github.com", "https://api.github.com", true),
            ("*.github.com", "https://notgithub.com", false),
            ("example.com, github.com", "https://api.github.com", true),
            ("example.com github.com", "https://api.github.com", true),
            ("example.com,,", "https://api.github.com", false),
            ("10.0.0.0/8", "https://10.1.2.3:8443", true),
            ("10.0.0.0/8", "https://11.1.2.3", false),
            ("10.1.2.3", "https://10.1.2.3", true),
            ("::1", "https://[::1]:8443", true),
            ("[::1]", "https://[::1]", true),
            ("fd00::/8", "https://[fd12::1]", true),
            ("ghes.example:8443", "https://ghes.example:8443", true),
            ("ghes.example:8443", "https://ghes.example", false),
            ("ghes.example:443", "https://ghes.example", true),
            ("[::1]:8443", "https://[::1]:8443", true),
            ("[::1]:8443", "https://[::1]", false),
            ("127.0.0.1:8443", "https://127.0.0.1:8443", true),
            ("127.0.0.1:8443", "https://127.0.0.1:8444", false),
            ("ghes.example:port", "https://ghes.example", false),
        ];
        for (list, server, exception) in rows {
            let proxies = proxies(&[("HTTPS_PROXY", "http://proxy"), ("no_proxy", list)]);
            let server: Uri = server.parse().unwrap();
            assert_eq!(proxies.is_exception(&server), exception, "{list}: {server}");
        }
    }

    #[test]
    fn an_exception_needs_no_good_proxy() {
        let variables = [("HTTPS_PROXY", "socks5://x"), ("NO_PROXY", "github.com")];
        assert!(found(&variables).is_none());
    }
}
