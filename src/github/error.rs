//! What can go wrong between this program and GitHub, and what to do about it.

use std::{error::Error, fmt, path::PathBuf, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    AddressError, KeyError,
    auth::is_about_time,
    limits::{LimitScope, Silence},
    permission::{Grant, Remarks, Sight, is_policy},
};
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
    /// The private key of the App cannot be used.
    #[error("the private key of the GitHub App {problem}")]
    MalformedKey {
        /// Why not. Never the key.
        problem: KeyError,
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
        "GitHub refuses {what} ({message}): {advice}{request}",
        what = credentials.refused(),
        advice = credentials.advice(message),
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
    #[error(
        "the GitHub App is not installed for {owner}: install it there{}",
        page.as_deref().map(|page| format!(", at {page}")).unwrap_or_default()
    )]
    NotInstalled {
        /// User or organisation.
        owner: String,
        /// Where it can be installed, if GitHub tells.
        page: Option<String>,
    },
    /// The App has no installation of the number that was given.
    #[error(
        "the GitHub App has no installation {installation}: correct GITHUB_APP_INSTALLATION_ID, or leave it out to \
         have the installation of each owner found"
    )]
    NoInstallation {
        /// Its number.
        installation: u64,
    },
    /// The owner has put the App's installation on hold.
    #[error(
        "the GitHub App's installation for {owner} is suspended: unsuspend it {}",
        page.as_deref().map_or_else(|| format!("in the settings of {owner}, under GitHub Apps"), |page| format!("at {page}"))
    )]
    Suspended {
        /// User or organisation.
        owner: String,
        /// Its settings, if GitHub tells.
        page: Option<String>,
    },
    /// 404: GitHub does not tell a missing repository from one that the credentials may not see.
    #[error(
        "repository {repository} does not exist, or {variable} may not see it: {advice}",
        variable = credentials.variable(),
        advice = Sight { credentials: *credentials, owner: &repository.owner, remarks }
    )]
    NotFound {
        /// The repository.
        repository: Repository,
        /// What is used.
        credentials: CredentialsKind,
        /// What GitHub says about them.
        remarks: Box<Remarks>,
    },
    /// The organisation asks for single sign-on, and the token is not authorized for it.
    #[error(
        "{variable} is not authorized for the single sign-on of {owner}: authorize it {place}",
        variable = credentials.variable(),
        owner = owner.as_deref().unwrap_or("an organization"),
        place = url.as_ref().map_or_else(
            || "in the settings of your tokens, under Configure SSO".to_owned(),
            |url| format!("at {url}")
        )
    )]
    SignOnRequired {
        /// The organisation, if it is known.
        owner: Option<String>,
        /// What is used.
        credentials: CredentialsKind,
        /// Where it can be authorized, if GitHub tells.
        url: Option<Box<str>>,
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
        "{variable} may not do this{place} ({message}): {advice}{request}",
        variable = credentials.variable(),
        place = repository.as_ref().map(|repository| format!(" in repository {repository}")).unwrap_or_default(),
        advice = Grant {
            credentials: *credentials,
            owner: repository.as_ref().map(|repository| repository.owner.as_str()),
            permission,
            message,
            remarks,
        },
        request = Request(remarks.request_id.as_deref())
    )]
    Forbidden {
        /// The repository, if it is known.
        repository: Option<Repository>,
        /// What is used.
        credentials: CredentialsKind,
        /// What is needed, where GitHub does not say.
        permission: &'static str,
        /// GitHub's words.
        message: String,
        /// What GitHub says about the credentials.
        remarks: Box<Remarks>,
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
        /// Which requests that is about.
        scope: LimitScope,
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
    Token {
        /// The variable that holds it.
        variable: &'static str,
        /// It is used in a workflow, and may be the workflow's own.
        in_workflow: bool,
    },
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
            Self::NotInstalled { .. } | Self::NoInstallation { .. } => "AppNotInstalled",
            Self::Suspended { .. } => "AppSuspended",
            Self::SignOnRequired { .. } => "SingleSignOnRequired",
            Self::NotFound { .. } => "RepositoryNotFound",
            Self::Archived { .. } => "RepositoryArchived",
            Self::Forbidden { .. } if self.is_hopeless() => "GitHubForbidden",
            Self::RefNotFound { .. } => "RefNotFound",
            Self::Forbidden { .. } | Self::Refused { .. } => "GitHubRefused",
            Self::NoNumber { .. } => "DeploymentNumberUnknown",
            Self::Limited { .. } => "RateLimited",
            Self::Lost { .. } => "AnswerLost",
        }
    }

    /// True if the next pass may not meet it again: an answer was lost, or GitHub is out of reach.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Unreachable { .. })
    }

    /// True if no later pass could write to the repository either: it is gone, archived, or closed to these credentials.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        match self {
            Self::NotFound { .. } | Self::Archived { .. } | Self::NotInstalled { .. } | Self::NoInstallation { .. } => {
                true
            }
            // What is forbidden for now, or to everyone who comes this way, says nothing about the repository.
            Self::Forbidden {
                repository, message, ..
            } => repository.is_some() && !is_policy(message),
            _ => false,
        }
    }

    /// True if every other request to the same interface would end in the same way: no need to try.
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
                | Self::NoInstallation { .. }
                | Self::Limited {
                    scope: LimitScope::Everything | LimitScope::Writes | LimitScope::Api,
                    ..
                }
        )
    }

    pub(super) fn limited(silence: Silence) -> Self {
        Self::Limited {
            until: silence.until,
            wait: silence.until.saturating_duration_since(Instant::now()),
            scope: silence.scope,
        }
    }
}

impl CredentialsKind {
    /// The variables that hold them.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Self::Token { variable, .. } => variable,
            Self::App => "the GitHub App (GITHUB_APP_ID)",
        }
    }

    /// What GitHub refuses with 401.
    fn refused(self) -> &'static str {
        match self {
            Self::Token { variable, .. } => variable,
            Self::App => "the GitHub App",
        }
    }

    /// What to do about that, by GitHub's words.
    fn advice(self, message: &str) -> &'static str {
        match self {
            Self::Token { .. } => {
                "check that it is complete, neither expired nor revoked, and of the GitHub that GITHUB_API names"
            }
            Self::App if is_about_time(message) => "set the clock of this machine",
            Self::App => {
                "check that GITHUB_APP_ID and the private key are of the same App, and that GITHUB_API is its GitHub"
            }
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
    /// A refusal, but not by GitHub.
    #[error("HTTP {status} with an HTML page, such as a proxy or a login gives")]
    Page { status: u16 },
}
