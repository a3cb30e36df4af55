//! Callers: tokens and what they may, Apps with their installations, and rate limits.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::answer::Refusal;
use crate::app::App;
use crate::identity::digest;
use crate::repository::Repository;
use crate::state::Account;

/// How far a permission goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing.
    None,
    /// Reading.
    Read,
    /// Reading and writing.
    #[default]
    Write,
}

/// What a token may do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// `owner/name` of the repositories it sees, private ones included; `None`: all.
    pub repositories: Option<BTreeSet<String>>,
    /// The only account whose repositories it sees, as with the tokens of an installation; `None`: of all.
    #[serde(skip)]
    pub owner: Option<String>,
    /// Permission `contents`: commits and refs.
    pub contents: Level,
    /// Permission `deployments`.
    pub deployments: Level,
    /// Permission `administration`: environments can be deleted.
    pub administration: Level,
}

impl Access {
    /// Whether a repository can be seen.
    pub fn sees(&self, repository: &Repository) -> bool {
        !repository.private || self.includes(repository)
    }

    /// Whether more of a repository can be had than everybody has.
    pub fn includes(&self, repository: &Repository) -> bool {
        let name = repository.full_name();
        let listed = |names: &BTreeSet<String>| names.iter().any(|listed| listed.eq_ignore_ascii_case(&name));
        let owned = |owner: &String| owner.eq_ignore_ascii_case(&repository.owner);
        self.owner.as_ref().is_none_or(owned) && self.repositories.as_ref().is_none_or(listed)
    }
}

/// An installation of the App on an account.
#[derive(Debug, Clone)]
pub struct Installation {
    /// Number.
    pub id: u64,
    /// Login of the account.
    pub account: String,
    /// The account is a person, not an organisation.
    pub is_user: bool,
    /// The owner has put it on hold.
    pub suspended: bool,
    /// What its tokens may.
    pub access: Access,
}

/// Who sends a request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The account that deployments name as creator.
    pub account: Account,
    /// What it may.
    pub access: Access,
    /// What the caller is.
    pub kind: CallerKind,
    /// Hash of what was in `Authorization`.
    pub token_hash: Option<String>,
}

/// What a caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallerKind {
    /// No credentials.
    Anonymous,
    /// A person's token.
    Person,
    /// An installation's token.
    Installation,
    /// An App with a JSON web token.
    App,
}

impl Caller {
    /// Refuses unless the repository may be seen.
    pub fn must_see(&self, repository: &Repository) -> Result<(), Refusal> {
        let sees = match self.kind {
            CallerKind::Anonymous => !repository.private,
            _ => self.access.sees(repository),
        };
        if sees { Ok(()) } else { Err(Refusal::not_found()) }
    }

    /// Refuses unless `granted` reaches `needed`; `permission` is what the header of the refusal names.
    pub fn must_have(&self, granted: Level, needed: Level, permission: &'static str) -> Result<(), Refusal> {
        match self.kind {
            CallerKind::Anonymous if needed == Level::Write => {
                Err(Refusal::new(401, "UNAUTHORIZED", "Requires authentication"))
            }
            _ if granted >= needed => Ok(()),
            _ => Err(Refusal::forbidden(self.kind == CallerKind::Installation, permission)),
        }
    }

    /// Refuses unless deployments of the repository may be written.
    pub fn must_deploy(&self, repository: &Repository) -> Result<(), Refusal> {
        self.must_see(repository)?;
        let granted = if self.access.includes(repository) {
            self.access.deployments
        } else {
            Level::Read
        };
        self.must_have(granted, Level::Write, "deployments=write")?;
        if repository.archived {
            return Err(Refusal::new(
                403,
                "FORBIDDEN",
                "Repository was archived so is read-only.",
            ));
        }
        Ok(())
    }
}

#[derive(Debug, Clone)]
struct IssuedToken {
    installation: u64,
    access: Access,
    issued_at: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct Budget {
    used: u64,
    reset: Timestamp,
}

/// The present state of one limit of one caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// Requests an hour.
    pub limit: u64,
    /// Requests left.
    pub remaining: u64,
    /// Requests made.
    pub used: u64,
    /// When the count starts again, in seconds since 1970.
    pub reset: i64,
}

/// All that decides about callers.
#[derive(Debug)]
pub struct Callers {
    /// The App.
    pub app: App,
    /// Tokens that are valid; empty: any.
    pub tokens: BTreeMap<String, Access>,
    /// Installations of the App.
    pub installations: Vec<Installation>,
    /// Every account has an installation.
    pub install_everywhere: bool,
    /// How long a new installation token is not yet known everywhere.
    pub token_delay: Duration,
    /// Requests an hour of each caller, for REST and for GraphQL.
    pub hourly: u64,
    installed: u64,
    issued: BTreeMap<String, IssuedToken>,
    budgets: BTreeMap<(String, &'static str), Budget>,
}

impl Callers {
    /// Nobody known, anybody let in.
    pub fn new(hourly: u64, token_delay: Duration, install_everywhere: bool) -> Self {
        Self {
            app: App::default(),
            tokens: BTreeMap::new(),
            installations: Vec::new(),
            install_everywhere,
            token_delay,
            hourly,
            installed: 0,
            issued: BTreeMap::new(),
            budgets: BTreeMap::new(),
        }
    }

    /// Who sends this `Authorization` header.
    pub fn identify(&self, authorization: Option<&str>, now: Timestamp) -> Result<Caller, Refusal> {
        let Some(authorization) = authorization else {
            return Ok(Caller {
                account: account("ghost", "User"),
                access: Access {
                    deployments: Level::Read,
                    contents: Level::Read,
                    administration: Level::None,
                    ..Access::default()
                },
                kind: CallerKind::Anonymous,
                token_hash: None,
            });
        };
        let (scheme, token) = authorization.split_once(' ').ok_or_else(Refusal::bad_credentials)?;
        let token = token.trim();
        let bearer = scheme.eq_ignore_ascii_case("bearer");
        if !bearer && !scheme.eq_ignore_ascii_case("token") || token.is_empty() {
            return Err(Refusal::bad_credentials());
        }
        let token_hash = Some(digest(token).chars().take(12).collect());
        if token.starts_with("eyJ") && token.split('.').count() == 3 {
            self.app.check(token, now)?;
            let access = Access::default();
            return Ok(Caller {
                account: account("emulated[bot]", "Bot"),
                access,
                kind: CallerKind::App,
                token_hash,
            });
        }
        if let Some(issued) = self.issued.get(token) {
            let age = now.duration_since(issued.issued_at);
            let delay = SignedDuration::try_from(self.token_delay).unwrap_or_default();
            let gone = !self
                .installations
                .iter()
                .any(|installation| installation.id == issued.installation && !installation.suspended);
            if age >= SignedDuration::from_hours(1) || age < delay || gone {
                return Err(Refusal::bad_credentials());
            }
            let access = issued.access.clone();
            let account = account("emulated[bot]", "Bot");
            return Ok(Caller {
                account,
                access,
                kind: CallerKind::Installation,
                token_hash,
            });
        }
        let access = match self.tokens.get(token) {
            Some(access) => access.clone(),
            // What looks like an installation's token and was not issued here cannot be anybody's.
            None if self.tokens.is_empty() && !token.starts_with("ghs_") => Access::default(),
            None => return Err(Refusal::bad_credentials()),
        };
        // One that is allowed all the same is a workflow's own.
        let (account, kind) = if token.starts_with("ghs_") {
            (account("github-actions[bot]", "Bot"), CallerKind::Installation)
        } else {
            (account("octocat", "User"), CallerKind::Person)
        };
        Ok(Caller {
            account,
            access,
            kind,
            token_hash,
        })
    }

    /// The installation on an account.
    pub fn installation_of(&mut self, login: &str) -> Option<Installation> {
        let found = self
            .installations
            .iter()
            .find(|installation| installation.account.eq_ignore_ascii_case(login));
        if found.is_some() || !self.install_everywhere {
            return found.cloned();
        }
        Some(self.install(login, false, Access::default()))
    }

    /// Installs the App on an account.
    pub fn install(&mut self, login: &str, is_user: bool, access: Access) -> Installation {
        self.installed += 1;
        let installation = Installation {
            id: 51_000_000 + self.installed,
            account: login.to_owned(),
            is_user,
            suspended: false,
            access,
        };
        self.installations.push(installation.clone());
        installation
    }

    /// Makes a token for an installation, alternately of the short and the long form.
    pub fn issue(&mut self, installation: &Installation, access: Access, now: Timestamp) -> String {
        let number = self.issued.len();
        let seed = digest(format!("token {} {number}", installation.id));
        let token = if number.is_multiple_of(2) {
            format!("ghs_{}", &seed[..36])
        } else {
            format!(
                "ghs_51_eyJhbGciOiJSUzI1NiJ9.{}.{}",
                seed.repeat(4),
                digest(&seed).repeat(3)
            )
        };
        self.issued.insert(
            token.clone(),
            IssuedToken {
                installation: installation.id,
                access,
                issued_at: now,
            },
        );
        token
    }

    /// The present state of a limit.
    pub fn limit(&self, caller: &Caller, resource: &'static str, now: Timestamp) -> Limit {
        let key = (caller.token_hash.clone().unwrap_or_default(), resource);
        let fresh = Budget {
            used: 0,
            reset: hour_after(now),
        };
        let budget = self
            .budgets
            .get(&key)
            .copied()
            .filter(|budget| budget.reset > now)
            .unwrap_or(fresh);
        let remaining = self.hourly.saturating_sub(budget.used);
        Limit {
            limit: self.hourly,
            remaining,
            used: budget.used.min(self.hourly),
            reset: budget.reset.as_second(),
        }
    }

    /// Takes `cost` from a limit, or refuses when it is used up.
    pub fn spend(&mut self, caller: &Caller, resource: &'static str, cost: u64, now: Timestamp) -> Result<(), Refusal> {
        let key = (caller.token_hash.clone().unwrap_or_default(), resource);
        let budget = self.budgets.entry(key).or_insert(Budget {
            used: 0,
            reset: hour_after(now),
        });
        if budget.reset <= now {
            *budget = Budget {
                used: 0,
                reset: hour_after(now),
            };
        }
        if budget.used >= self.hourly {
            let message = format!("API rate limit exceeded for user ID {}.", caller.account.id);
            return Err(Refusal::new(403, "RATE_LIMITED", message));
        }
        budget.used += cost;
        Ok(())
    }

    /// Gives back what an answer did not cost after all.
    pub fn refund(&mut self, caller: &Caller, resource: &'static str) {
        let key = (caller.token_hash.clone().unwrap_or_default(), resource);
        if let Some(budget) = self.budgets.get_mut(&key) {
            budget.used = budget.used.saturating_sub(1);
        }
    }
}

fn hour_after(now: Timestamp) -> Timestamp {
    now.saturating_add(SignedDuration::from_hours(1)).unwrap_or(now)
}

/// The account of a login; its number follows from the login.
pub fn account(login: &str, kind: &'static str) -> Account {
    let number = digest(login.to_lowercase()).chars().take(6).fold(0, |sum, digit| {
        sum * 16 + u64::from(digit.to_digit(16).unwrap_or_default())
    });
    Account {
        id: 1_000 + number,
        login: login.to_owned(),
        kind,
    }
}
