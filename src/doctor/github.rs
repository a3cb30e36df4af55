//! The way to GitHub, who we are there, and what is left of the hour.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;

use super::{
    Checks, CredentialsFound, Finding, Subject, in_words,
    needs::{Needs, RepositoryNeeds},
};
use crate::{
    github::{
        self, Address, AppFacts, CLOCK_TOLERANCE, Credentials, GitHub, MAX_ENVIRONMENTS, RateLimit, RateLimits, Server,
        Settings, TokenFacts, TokenKind,
    },
    plan::Repository,
    report::CheckName,
    sync::DEFAULT_MAX_WRITES,
};

/// A token that ends sooner is warned of.
const SOON: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A limit ends the examination, it is not waited for.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// How far the way to GitHub is free.
pub(super) struct Way {
    /// GitHub, if it takes the credentials.
    pub access: Option<Access>,
    /// Something answered as GitHub does.
    pub answered: bool,
}

/// GitHub, and what is known about the credentials.
pub(super) struct Access {
    pub github: GitHub,
    pub who: Who,
}

/// What the credentials are.
pub(super) enum Who {
    /// A token.
    Token {
        kind: TokenKind,
        /// Of a classic token.
        scopes: Option<Vec<String>>,
    },
    /// An App: the owners with an installation that can be used, in lower case, and whether it may write deployments
    /// there.
    App(BTreeMap<String, bool>),
}

impl Access {
    /// False where a check of the credentials has said why not.
    pub fn reaches(&self, repository: &Repository) -> bool {
        match &self.who {
            Who::Token { .. } => true,
            Who::App(installations) => installations.contains_key(&repository.owner.to_ascii_lowercase()),
        }
    }
}

pub(super) async fn examine(subject: &Subject, needs: &Needs, checks: &mut Checks) -> Way {
    let (api, server) = server(subject, checks).await;
    let credentials = credentials(subject, checks);
    let answered = server.is_some();
    let mut way = Way { access: None, answered };
    let (Some(api), Some(server), Some(found)) = (api, server, credentials) else {
        return way;
    };
    clock(&server, found, checks);
    let settings = Settings {
        token_variable: found.token_variable,
        in_workflow: found.in_workflow,
        read_timeout: PATIENCE,
        ..Settings::new(api, found.credentials.clone())
    };
    let github = match GitHub::new(&settings) {
        Ok(github) => github,
        Err(error) => {
            checks.failed(CheckName::Credentials, &error);
            return way;
        }
    };
    let who = match &found.credentials {
        Credentials::Token(token) => {
            let kind = TokenKind::of(token.expose_secret());
            token_facts(&github, kind, subject.now, needs, checks).await
        }
        Credentials::App { .. } => app(&github, needs, subject.now, checks).await,
    };
    way.access = who.map(|who| Access { github, who });
    way
}

/// The address, and what answers there.
async fn server(subject: &Subject, checks: &mut Checks) -> (Option<url::Url>, Option<Server>) {
    let api = match &subject.api {
        Ok(api) => api.clone(),
        Err(finding) => {
            checks.failed(CheckName::Address, finding.clone());
            return (None, None);
        }
    };
    match Address::of(&api) {
        Ok(address) => checks.ok(
            CheckName::Address,
            format!("REST {}, GraphQL {}", address.rest(), address.graphql()),
        ),
        Err(error) => {
            checks.failed(CheckName::Address, Finding::new("GitHubAddressInvalid", &error));
            return (None, None);
        }
    }
    match github::probe(&api).await {
        Ok(server) => {
            let what = match &server.enterprise {
                Some(version) => format!("GitHub Enterprise Server {version} answers"),
                None => "GitHub answers".to_owned(),
            };
            checks.ok(CheckName::Reachability, what);
            (Some(api), Some(server))
        }
        Err(error) => {
            checks.failed(CheckName::Reachability, &error);
            (Some(api), None)
        }
    }
}

/// Token or App, by their form.
fn credentials<'a>(subject: &'a Subject, checks: &mut Checks) -> Option<&'a CredentialsFound> {
    let found = match &subject.credentials {
        Ok(found) => found,
        Err(finding) => {
            checks.failed(CheckName::Credentials, finding.clone());
            return None;
        }
    };
    match &found.credentials {
        Credentials::Token(token) => {
            let kind = TokenKind::of(token.expose_secret());
            let variable = found.token_variable;
            if kind == TokenKind::Refresh {
                checks.failed(
                    CheckName::Credentials,
                    Finding {
                        reason: "CredentialsMalformed",
                        message: format!(
                            "{variable} holds a refresh token (ghr_), which GitHub's API does not take: set the token \
                             that is got with it"
                        ),
                    },
                );
                return None;
            }
            let ignored = if found.app_ignored {
                "; the GitHub App that is set as well is not used"
            } else {
                ""
            };
            checks.ok(
                CheckName::Credentials,
                format!("{variable} holds {}{ignored}", in_words(kind)),
            );
        }
        Credentials::App { id, .. } => checks.ok(CheckName::Credentials, format!("GitHub App {id} with a private key")),
    }
    Some(found)
}

/// A token does not mind what time it is here.
fn clock(server: &Server, found: &CredentialsFound, checks: &mut Checks) {
    let Some(ahead) = server.ahead else { return };
    let seconds = ahead.as_secs().abs();
    if ahead.abs() < CLOCK_TOLERANCE {
        checks.ok(CheckName::Clock, "it is right to half a minute");
        return;
    }
    let way = if ahead.is_positive() { "behind" } else { "ahead of" };
    let message = format!("it is {seconds} seconds {way} GitHub's");
    match found.credentials {
        Credentials::App { .. } => checks.warning(
            CheckName::Clock,
            "ClockWrong",
            format!(
                "{message}: set it, as by NTP. A GitHub App signs with the time, and has to ask GitHub for it first"
            ),
        ),
        Credentials::Token(_) => checks.info(CheckName::Clock, format!("{message}; a token does not depend on it")),
    }
}

async fn token_facts(
    github: &GitHub,
    kind: TokenKind,
    now: Timestamp,
    needs: &Needs,
    checks: &mut Checks,
) -> Option<Who> {
    let TokenFacts {
        scopes,
        expires,
        limits,
    } = match github.token_facts(&[]).await {
        Ok(facts) => facts,
        Err(error) => {
            checks.failed(CheckName::Authentication, &error);
            return None;
        }
    };
    checks.ok(CheckName::Authentication, "GitHub takes the token");
    if let Some(expires) = expires {
        expiry(expires, now, checks);
    }
    if let Some(scopes) = &scopes {
        token_scopes(scopes, checks);
    }
    rate_limits(limits, needs.repositories.values(), now, checks);
    Some(Who::Token { kind, scopes })
}

fn expiry(expires: Timestamp, now: Timestamp, checks: &mut Checks) {
    let left = expires.duration_since(now);
    let day = expires.strftime("%Y-%m-%d");
    if left < SOON {
        checks.warning(
            CheckName::TokenExpiry,
            "TokenExpiresSoon",
            format!(
                "the token ends on {day}, in {} hours: replace it before",
                left.as_hours()
            ),
        );
    } else {
        checks.ok(CheckName::TokenExpiry, format!("the token ends on {day}"));
    }
}

/// True if the scopes allow to write deployments: of every repository, or only of public ones.
pub(super) fn may_deploy(scopes: &[String], private: bool) -> bool {
    let has = |name: &str| scopes.iter().any(|scope| scope == name);
    has("repo") || has("repo_deployment") || (has("public_repo") && !private)
}

fn token_scopes(scopes: &[String], checks: &mut Checks) {
    let list = match scopes {
        [] => "no scope".to_owned(),
        [scope] => format!("the scope {scope}"),
        scopes => format!("the scopes {}", scopes.join(", ")),
    };
    if may_deploy(scopes, true) {
        checks.ok(CheckName::TokenScopes, format!("the token has {list}"));
    } else if may_deploy(scopes, false) {
        checks.warning(
            CheckName::TokenScopes,
            "ScopeMissing",
            format!("the token has {list}, which is for public repositories only: give it repo_deployment, or repo"),
        );
    } else {
        checks.failed(
            CheckName::TokenScopes,
            Finding {
                reason: "ScopeMissing",
                message: format!(
                    "the token has {list}: give it repo_deployment, or repo, which also lets it check refs of private \
                     repositories"
                ),
            },
        );
    }
}

async fn app(github: &GitHub, needs: &Needs, now: Timestamp, checks: &mut Checks) -> Option<Who> {
    let app = match github.app_facts().await {
        Ok(app) => app,
        Err(error) => {
            checks.failed(CheckName::Authentication, &error);
            return None;
        }
    };
    checks.ok(CheckName::Authentication, format!("GitHub knows the App {}", app.slug));
    app_permissions(&app, checks);
    let mut installations = BTreeMap::new();
    let owners: BTreeSet<String> = needs
        .repositories
        .keys()
        .map(|repository| repository.owner.to_ascii_lowercase())
        .collect();
    for owner in &owners {
        checks.subject = Some(owner.clone());
        if let Some(writes) = installation(github, &app, owner, checks).await {
            installations.insert(owner.clone(), writes);
            let repositories = needs.repositories.iter();
            let (here, needed): (Vec<_>, Vec<_>) = repositories
                .filter(|(repository, _)| repository.owner.eq_ignore_ascii_case(owner))
                .unzip();
            match github.token_facts(&here).await {
                Ok(facts) => rate_limits(facts.limits, needed, now, checks),
                Err(error) => checks.failed(CheckName::RateLimit, &error),
            }
        }
        checks.subject = None;
    }
    Some(Who::App(installations))
}

/// What `permissions` lacks of what is needed, and of what is only of use.
fn missing(permissions: &BTreeMap<String, String>) -> (bool, bool) {
    let level = |name: &str| permissions.get(name).map(String::as_str);
    let writes = level("deployments") == Some("write");
    let reads = matches!(level("contents"), Some("read" | "write"));
    (!writes, !reads)
}

fn app_permissions(app: &AppFacts, checks: &mut Checks) {
    match missing(&app.permissions) {
        (true, _) => checks.failed(
            CheckName::AppPermissions,
            Finding {
                reason: "GitHubForbidden",
                message: format!(
                    "the App {} lacks deployments: write: add it under Permissions & events in its settings",
                    app.slug
                ),
            },
        ),
        (false, true) => checks.warning(
            CheckName::AppPermissions,
            "ContentsNotReadable",
            "the App has deployments: write, but not contents: read, without which refs are sent unchecked: add it \
             under Permissions & events in its settings",
        ),
        (false, false) => checks.ok(
            CheckName::AppPermissions,
            "the App has deployments: write and contents: read",
        ),
    }
}

/// Whether the App's installation at `owner` may write deployments; none if it cannot be used at all.
async fn installation(github: &GitHub, app: &AppFacts, owner: &str, checks: &mut Checks) -> Option<bool> {
    let found = match github.installation_facts(owner).await {
        Ok(found) => found,
        Err(error) => {
            checks.failed(CheckName::Installation, &error);
            return None;
        }
    };
    let (deployments, contents) = missing(&found.permissions);
    let (app_deployments, app_contents) = missing(&app.permissions);
    let not_accepted = |lacking: &str| {
        format!(
            "the installation lacks {lacking} although the App asks for it: {owner} has to accept the App's new \
             permissions"
        )
    };
    if deployments && !app_deployments {
        checks.failed(
            CheckName::Installation,
            Finding {
                reason: "GitHubForbidden",
                message: not_accepted("deployments: write"),
            },
        );
    } else if contents && !app_contents {
        checks.warning(
            CheckName::Installation,
            "ContentsNotReadable",
            not_accepted("contents: read"),
        );
    } else {
        checks.ok(CheckName::Installation, "the App is installed there");
    }
    Some(!deployments)
}

/// Whether what is left of the hour is enough for a pass over these repositories.
pub(super) fn rate_limits<'a>(
    limits: Option<RateLimits>,
    repositories: impl IntoIterator<Item = &'a RepositoryNeeds>,
    now: Timestamp,
    checks: &mut Checks,
) {
    let Some(RateLimits { core, graphql }) = limits else {
        checks.ok(CheckName::RateLimit, "this server has no limits");
        return;
    };
    let (mut environments, mut sources) = (0, 0);
    for needs in repositories {
        // One that was only named may have a source tomorrow.
        environments += needs.environments.len().max(1);
        sources += needs.sources.max(1);
    }
    let reads = environments.max(1).div_ceil(MAX_ENVIRONMENTS);
    let writes = sources.clamp(1, DEFAULT_MAX_WRITES);
    let short = [("REST", core, writes), ("GraphQL", graphql, reads)]
        .into_iter()
        .find(|(_, limit, needed)| limit.remaining < u64::try_from(*needed).unwrap_or(u64::MAX));
    match short {
        Some((name, limit, needed)) => checks.warning(
            CheckName::RateLimit,
            "RateLimited",
            format!(
                "{}, and a pass may need {needed}: wait {} minutes, or see what else uses the same credentials",
                left(name, limit),
                minutes_until(limit.reset, now)
            ),
        ),
        None => checks.ok(
            CheckName::RateLimit,
            format!("{}, {}", left("REST", core), left("GraphQL", graphql)),
        ),
    }
}

fn left(name: &str, limit: RateLimit) -> String {
    format!("{name} has {} of {} requests left", limit.remaining, limit.limit)
}

fn minutes_until(reset: i64, now: Timestamp) -> i64 {
    (reset - now.as_second()).max(0) / 60 + 1
}
