//! GitHub: what it has, and what it is told.
//!
//! Reading is GraphQL, fifty environments at a time; creating a deployment is REST, since only that takes any ref and
//! says whether an environment is for production; a status is a GraphQL mutation, since that goes by the node id that
//! reading gives. Reads are repeated within a deadline. A create is never repeated: if its answer is lost, the
//! deployment is looked for by its [`marker`].

mod address;
mod answer;
mod auth;
mod check;
mod client;
mod error;
mod limits;
pub mod marker;
mod permission;
mod read;
mod recent;
#[cfg(test)]
mod testing;
mod transport;
mod write;

use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use octocrab::OctoBody;
use tokio::time::Instant;
use tower::{BoxError, Service};
use url::Url;

pub use address::{Address, AddressError};
pub use auth::{CLOCK_TOLERANCE, Credentials, KeyError, private_key};
pub use check::{AppFacts, RateLimit, RateLimits, RepositoryFacts, Server, TokenFacts, TokenKind, probe};
pub use error::{Cause, CredentialsKind, GitHubError, WriteError};
pub use limits::LimitScope;
pub use permission::{Remarks, SignOn};
pub use read::{EnvironmentQuery, EnvironmentReading, MAX_ENVIRONMENTS, ResolvedRef};
pub use transport::Proxies;
pub use write::{Created, NewDeployment, NewStatus};

use crate::{
    plan::State,
    text::{LONGEST_DESCRIPTION, is_unsafe, shorten},
};
use client::Client;
use read::Outages;
use recent::Recent;
use transport::Transport;

/// How to reach one GitHub. Debug output shows no secret.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API in any usual form, see [`Address`].
    pub api: Url,
    /// Who this program is there.
    pub credentials: Credentials,
    /// The variable that holds the token, for messages.
    pub token_variable: &'static str,
    /// The program runs in a workflow of GitHub Actions, whose token the token may be: for messages.
    pub in_workflow: bool,
    /// How long one request may take, connecting included.
    pub request_timeout: Duration,
    /// How long one call of [`GitHub::read`] may take, with all it repeats and waits for.
    pub read_timeout: Duration,
}

/// One GitHub, for one set of credentials. Clones share connections, tokens and limits.
#[derive(Clone)]
pub struct GitHub {
    inner: Arc<Inner>,
    /// When the pass is over.
    deadline: Option<Instant>,
    /// Nothing that failed is read again from then on.
    read_deadline: Option<Instant>,
    /// What the readings of this pass have met.
    outages: Arc<Outages>,
}

#[derive(Debug)]
struct Inner {
    client: Client,
    recent: Recent,
    read_timeout: Duration,
    /// This GitHub has no mutation for statuses.
    statuses_by_rest: AtomicBool,
}

impl Settings {
    /// Settings with the usual times.
    #[must_use]
    pub fn new(api: Url, credentials: Credentials) -> Self {
        Self {
            api,
            credentials,
            token_variable: "GITHUB_TOKEN",
            in_workflow: false,
            request_timeout: Duration::from_secs(30),
            read_timeout: Duration::from_secs(120),
        }
    }
}

impl GitHub {
    /// GitHub over the network. Sends nothing yet. Has to be called within a tokio runtime.
    ///
    /// `HTTPS_PROXY` and `NO_PROXY` count as [`Proxies`] says, `SSL_CERT_FILE` and `SSL_CERT_DIR` name the authorities
    /// that are trusted instead of this machine's.
    ///
    /// # Errors
    /// When the address, the credentials or the proxy cannot be what they should be, or there are no root
    /// certificates.
    pub fn new(settings: &Settings) -> Result<Self, GitHubError> {
        let address = Address::of(&settings.api)?;
        let transport = transport::network(&address)?;
        Self::over(transport, address, settings)
    }

    /// GitHub behind a tower service instead of the network: for tests without sockets, where time may be virtual.
    /// Has to be called within a tokio runtime.
    ///
    /// # Errors
    /// As [`GitHub::new`].
    pub fn with_service<S, B>(service: S, settings: &Settings) -> Result<Self, GitHubError>
    where
        S: Service<Request<OctoBody>, Response = Response<B>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::over(transport::of_service(service), Address::of(&settings.api)?, settings)
    }

    fn over(transport: Transport, address: Address, settings: &Settings) -> Result<Self, GitHubError> {
        Ok(Self {
            inner: Arc::new(Inner {
                client: Client::new(transport, address, settings)?,
                recent: Recent::default(),
                read_timeout: settings.read_timeout,
                statuses_by_rest: AtomicBool::new(false),
            }),
            deadline: None,
            read_deadline: None,
            outages: Arc::default(),
        })
    }

    /// The same GitHub for a pass that is over at `deadline`: a write whose turn is not before that is refused at once,
    /// and what fails is not read beyond that.
    #[must_use]
    pub fn for_pass(&self, deadline: Option<Instant>) -> Self {
        Self {
            deadline,
            outages: Arc::default(),
            ..self.clone()
        }
    }

    /// The same GitHub, but reading ends with the request that is under way at `deadline` where something fails or is
    /// limited, if [`Settings::read_timeout`] is not over before.
    #[must_use]
    pub fn with_read_deadline(&self, deadline: Option<Instant>) -> Self {
        Self {
            read_deadline: deadline,
            ..self.clone()
        }
    }

    /// Until when GitHub takes no requests at all, if it does not take them now.
    #[must_use]
    pub fn limited_until(&self) -> Option<Instant> {
        self.inner.client.limits().until_any()
    }
}

impl fmt::Debug for GitHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHub")
            .field("address", self.inner.client.address())
            .finish_non_exhaustive()
    }
}

/// A message as the description of a status: one line of at most 140 characters, cut with `…`.
#[must_use]
pub fn describe(message: &str) -> String {
    cut(message, LONGEST_DESCRIPTION)
}

/// What a status says where names and messages are to be kept from readers (`--details minimal`).
#[must_use]
pub fn minimal_description(state: State) -> &'static str {
    match state {
        State::Pending => "The health of the rollout is not known.",
        State::InProgress => "The rollout is in progress.",
        State::Success => "The rollout is complete.",
        State::Failure => "The rollout failed.",
        State::Error => "The rollout did not end in time.",
        State::Inactive => "Replaced or removed.",
    }
}

/// One line without characters that steer a terminal or turn text around, and of at most `most` characters.
fn cut(text: &str, most: usize) -> String {
    let clean: String = text
        .trim()
        .chars()
        .map(|c| if is_unsafe(c) { ' ' } else { c })
        .collect();
    shorten(&clean, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_one_line_of_140_characters() {
        let rows = [
            (
                "short",
                "Deployment is available".to_owned(),
                "Deployment is available".to_owned(),
            ),
            ("empty", String::new(), String::new()),
            ("exactly as long", "x".repeat(140), "x".repeat(140)),
            ("one longer", "x".repeat(141), format!("{}…", "x".repeat(139))),
            (
                "wide characters count as one",
                "ü".repeat(141),
                format!("{}…", "ü".repeat(139)),
            ),
            (
                "no space before the end",
                format!("{} {}", "x".repeat(138), "y".repeat(9)),
                format!("{}…", "x".repeat(138)),
            ),
            ("lines", "a\r\nb\tc\u{1b}[31m".to_owned(), "a  b c [31m".to_owned()),
            ("text turned around", "a\u{202e}b".to_owned(), "a b".to_owned()),
            (
                "marks that turn text around",
                "a\u{200f}b\u{61c}c\u{feff}d".to_owned(),
                "a b c d".to_owned(),
            ),
        ];
        for (name, message, described) in rows {
            assert_eq!(describe(&message), described, "{name}");
        }
    }

    #[tokio::test]
    async fn no_secret_is_ever_shown() {
        let token = "ghs_very.secret-TOKEN";
        let settings = testing::settings(token);
        let github = testing::github_with(token, |_| testing::reply(401, "{\"message\":\"Bad credentials\"}"));
        let queries = [testing::query("shop/app", "production", &["main"])];
        let error = github.read(&queries).await.remove(0).unwrap_err();
        for text in [
            format!("{settings:?}"),
            format!("{github:?}"),
            format!("{:?}", github.inner),
            format!("{error:?} {error}"),
        ] {
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[tokio::test]
    async fn over_the_network_a_refused_connection_sent_nothing() {
        // It holds its port, and does not listen.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let api = format!("http://{}", socket.local_addr().unwrap()).parse().unwrap();
        let github = GitHub::new(&Settings {
            api,
            ..testing::settings("secret")
        })
        .unwrap();
        let status = NewStatus {
            repository: testing::environment("shop/app", "production").repository,
            deployment: "D".to_owned(),
            state: State::Success,
            description: String::new(),
            environment_url: None,
            log_url: None,
            auto_inactive: true,
        };
        let error = github.create_status(&status).await.unwrap_err();
        assert_eq!(error.reason(), "GitHubUnreachable", "{error}");
    }

    #[tokio::test]
    async fn encryption_is_set_up_with_the_certificates_of_this_machine() {
        match GitHub::new(&testing::settings("secret")) {
            Ok(github) => assert!(format!("{github:?}").contains("https://api.github.com")),
            Err(error) => assert_eq!(error.reason(), "NoRootCertificates", "{error}"),
        }
    }

    #[tokio::test]
    async fn everything_may_be_done_on_any_thread() {
        fn is_send<T: Send>(_: &T) {}
        let github = testing::github_with("secret", |call| {
            testing::json(&testing::execute(&call, |_| Vec::new(), |_| None))
        });
        let queries = [testing::query("shop/app", "production", &["main"])];
        let read = github.read(&queries);
        is_send(&read);
        let mut reading = read.await.remove(0).unwrap();
        let mut enough = |_: &mut crate::plan::Existing| true;
        let further = github.read_further(&mut reading, &mut enough);
        is_send(&further);
        further.await.unwrap();
    }
}
