//! What can go wrong between this program and GitHub, and what to do about it.

use std::{error::Error, fmt, path::PathBuf, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::AddressError;
use crate::plan::{GitRef, Repository};

/// A cause from below, shared by all the environments that one request was about.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Text that GitHub's messages are cut to.
const MAX_MESSAGE: usize = 300;

/// Why something could not be read from GitHub or written to it. No variant ever holds a token or a key.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GitHubError {
    /// The address is not one of an API.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// No root certificates on this machine, so that no server can be trusted.
    #[error("no root certificates found to check GitHub's certificate: set SSL_CERT_FILE to a bundle of them")]
    Certificates {
        /// Why not.
        #[source]
        source: Cause,
    },
    /// Where root certificates are said to be, there are none.
    #[error("{variable} names {path:?}, which cannot be used: set it to certificates of authorities in PEM form")]
    RootFile {
        /// `SSL_CERT_FILE` or `SSL_CERT_DIR`.
        variable: &'static str,
        /// What it names.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Cause,
    },
    /// The certificate of a server, or its TLS, is not what it has to be. Nothing was sent.
    #[error("{server} cannot be trusted: {problem}")]
    Untrusted {
        /// GitHub or a proxy, with its address.
        server: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// `HTTPS_PROXY` or its like is not the address of a proxy. The text never holds what may be a password.
    #[error("{}", proxy_address(variable, scheme.as_deref()))]
    Proxy {
        /// The variable.
        variable: &'static str,
        /// Its scheme, where that is the reason.
        scheme: Option<String>,
    },
    /// 407.
    #[error("{}", proxy_credentials(proxy, variable, *given))]
    ProxyCredentials {
        /// Scheme, host and port.
        proxy: String,
        /// Where it is named.
        variable: &'static str,
        /// True if user and password are there.
        given: bool,
    },
    /// GitHub's address leads elsewhere, where the credentials do not belong.
    #[error("GitHub at {address} sends on to {to}, {problem}: check GITHUB_API")]
    Redirected {
        /// The API's address.
        address: String,
        /// Scheme, host and port.
        to: String,
        /// Why that ends here.
        problem: &'static str,
        /// True if it was no request about one repository.
        everything: bool,
    },
    /// The token holds characters that no token has.
    #[error("{variable} has characters that a token cannot have: check how it is set", variable = credentials.variable())]
    MalformedToken {
        /// What is used.
        credentials: CredentialsKind,
    },
    /// The private key of the App cannot be read.
    #[error("GITHUB_APP_PRIVATE_KEY is not an RSA private key in PEM form: download a new one from the App's settings")]
    MalformedKey {
        /// Why not. Never the key.
        #[source]
        source: Cause,
    },
    /// GitHub did not answer, or not in time, or not with an answer of GitHub.
    #[error("GitHub at {address} cannot be reached: check GITHUB_API, the network and HTTPS_PROXY")]
    Unreachable {
        /// The API's address.
        address: String,
        /// Why not.
        #[source]
        source: Cause,
    },
    /// 401.
    #[error(
        "GitHub refuses the credentials ({message}): check {variable}{request}",
        variable = credentials.variable(),
        request = Request(request_id.as_deref())
    )]
    BadCredentials {
        /// What is used.
        credentials: CredentialsKind,
        /// GitHub's words.
        message: String,
        /// GitHub's id of the request.
        request_id: Option<Box<str>>,
    },
    /// The App is not installed at this owner.
    #[error("the GitHub App is not installed for {owner}: install it there, or set GITHUB_APP_INSTALLATION_ID")]
    NotInstalled {
        /// User or organisation.
        owner: String,
    },
    /// 404: GitHub does not tell a missing repository from one that the credentials may not see.
    #[error(
        "repository {repository} does not exist, or {variable} may not see it: check the name, and that the \
         credentials have access to it",
        variable = credentials.variable()
    )]
    NotFound {
        /// The repository.
        repository: Repository,
        /// What is used.
        credentials: CredentialsKind,
    },
    /// The repository is read-only.
    #[error(
        "repository {repository} is archived, and takes no deployments: unarchive it or suspend the GitHubDeployment"
    )]
    Archived {
        /// The repository.
        repository: Repository,
    },
    /// 403 for a missing permission.
    #[error(
        "{variable} may not do this in repository {repository} ({message}): grant {permission}{request}",
        variable = credentials.variable(),
        request = Request(request_id.as_deref())
    )]
    Forbidden {
        /// The repository.
        repository: Repository,
        /// What is used.
        credentials: CredentialsKind,
        /// The permission that is missing, in GitHub's words.
        permission: String,
        /// GitHub's words.
        message: String,
        /// GitHub's id of the request.
        request_id: Option<Box<str>>,
    },
    /// GitHub knows no such ref.
    #[error(
        "repository {repository} has no branch, tag or commit {git_ref}: push it first, or change what is extracted"
    )]
    RefNotFound {
        /// The repository.
        repository: Repository,
        /// The ref as sent.
        git_ref: GitRef,
    },
    /// GitHub answered, and it will not be done.
    #[error("GitHub did not {action} (HTTP {status}): {message}{request}", request = Request(request_id.as_deref()))]
    Refused {
        /// What was asked, such as `create a deployment of v1 to shop/app environment production`.
        action: String,
        /// HTTP status; GraphQL refuses with 200.
        status: u16,
        /// GitHub's words.
        message: String,
        /// GitHub's id of the request.
        request_id: Option<Box<str>>,
    },
    /// A deployment of a server whose REST interface alone takes statuses, and by a number that is not to be found.
    #[error(
        "deployment {deployment} of {repository} is not in GitHub's list, so that its number is not known, without \
         which this version of GitHub Enterprise Server takes no status: delete the deployment, or update the server"
    )]
    NoNumber {
        /// The repository.
        repository: Repository,
        /// Node id.
        deployment: String,
    },
    /// A rate limit. Nothing was done; nothing should be sent before `until`.
    #[error("GitHub's rate limit is reached: it takes no more requests for {wait} seconds", wait = wait.as_secs().max(1))]
    Limited {
        /// When GitHub, or the pacing of this program, takes requests again.
        until: Instant,
        /// How long that was when the error was made.
        wait: Duration,
    },
    /// A write whose fate is not known: it was sent, there is no answer, and it could not be found.
    #[error("GitHub's answer was lost, and it is not known whether it did {action}: the next run looks first")]
    Lost {
        /// What was asked.
        action: String,
        /// Where the answer went.
        #[source]
        source: Cause,
    },
}

/// Why a write was not done. The same words as for reading; [`GitHubError::Lost`] and
/// [`GitHubError::RefNotFound`] happen to writes only.
pub type WriteError = GitHubError;

/// Which credentials were used: for messages that say what to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialsKind {
    /// A personal or workflow token.
    Token,
    /// A GitHub App.
    App,
}

impl GitHubError {
    /// The name of the error for machines, in CamelCase.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Address(_) => "GitHubAddressInvalid",
            Self::Certificates { .. } => "NoRootCertificates",
            Self::RootFile { .. } => "RootCertificatesInvalid",
            Self::Untrusted { .. } => "GitHubUntrusted",
            Self::Proxy { .. } => "ProxyInvalid",
            Self::ProxyCredentials { .. } => "ProxyCredentialsRefused",
            Self::Redirected { .. } => "GitHubRedirected",
            Self::MalformedToken { .. } | Self::MalformedKey { .. } => "CredentialsMalformed",
            Self::Unreachable { .. } => "GitHubUnreachable",
            Self::BadCredentials { .. } => "BadCredentials",
            Self::NotInstalled { .. } => "AppNotInstalled",
            Self::NotFound { .. } => "RepositoryNotFound",
            Self::Archived { .. } => "RepositoryArchived",
            Self::Forbidden { .. } => "GitHubForbidden",
            Self::RefNotFound { .. } => "RefNotFound",
            Self::Refused { .. } => "GitHubRefused",
            Self::NoNumber { .. } => "DeploymentNumberUnknown",
            Self::Limited { .. } => "RateLimited",
            Self::Lost { .. } => "AnswerLost",
        }
    }

    /// True if every other request would end in the same way: no need to try.
    #[must_use]
    pub fn concerns_everything(&self) -> bool {
        matches!(
            self,
            Self::Address(_)
                | Self::Certificates { .. }
                | Self::RootFile { .. }
                | Self::Untrusted { .. }
                | Self::Proxy { .. }
                | Self::ProxyCredentials { .. }
                | Self::Redirected { everything: true, .. }
                | Self::MalformedToken { .. }
                | Self::MalformedKey { .. }
                | Self::Unreachable { .. }
                | Self::BadCredentials { .. }
                | Self::Limited { .. }
        )
    }

    pub(super) fn limited(until: Instant) -> Self {
        Self::Limited {
            until,
            wait: until.saturating_duration_since(Instant::now()),
        }
    }
}

impl CredentialsKind {
    /// The variables that hold them.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Self::Token => "GITHUB_TOKEN",
            Self::App => "the GitHub App (GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY)",
        }
    }
}

/// GitHub's words, fit for a line: without control characters, and not endless (a proxy may answer in HTML).
pub(super) fn quoted(message: &str) -> String {
    super::cut(message, MAX_MESSAGE)
}

/// The end of a message that names the request for GitHub's support.
struct Request<'a>(Option<&'a str>);

impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

fn proxy_address(variable: &str, scheme: Option<&str>) -> String {
    let write = "write http://proxy.example:3128";
    match scheme {
        Some(scheme) => format!("{variable} names a proxy by {scheme}, but only http and https are supported: {write}"),
        None => format!(
            "{variable} is not the address of a proxy: {write}, with special characters of a user name and a password \
             percent-encoded"
        ),
    }
}

fn proxy_credentials(proxy: &str, variable: &str, given: bool) -> String {
    if given {
        format!("the proxy {proxy} refuses the user name and password in {variable}: check them there")
    } else {
        format!("the proxy {proxy} wants a user name and a password: put user:password@ before its host in {variable}")
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// The request took too long.
    #[error("no answer within {} seconds", after.as_secs())]
    TimedOut { after: Duration },
    /// A server in between, or GitHub itself, is in trouble.
    #[error("HTTP {status}: {message}{request}", request = Request(request_id.as_deref()))]
    Server {
        status: u16,
        message: String,
        request_id: Option<Box<str>>,
    },
    /// A success whose body is not what was asked for.
    #[error("the answer cannot be read: {message}")]
    Garbled { message: String },
    /// Longer than any answer that makes sense, unpacked.
    #[error("the answer is larger than {mebibytes} MiB")]
    TooLarge { mebibytes: usize },
}
