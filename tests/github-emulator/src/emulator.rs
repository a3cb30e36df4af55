//! The emulator as tests see it: set up a world, look into it, ask what was requested.

use std::env;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::access::{Access, Callers, Installation};
use crate::app::App;
use crate::clock::Clock;
use crate::content::ContentLimits;
use crate::contract::Contract;
use crate::descriptions::{self, Source};
use crate::faults::{Fault, Faults};
use crate::journal::{Entry, Journal};
use crate::notes::Notes;
use crate::repository::{Behind, Repository};
use crate::service::Service;
use crate::state::{Habits, World};
use crate::view::{DeploymentView, RepositoryView};

/// How requests and answers are checked against GitHub's descriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checks {
    /// Not at all.
    Off,
    /// If the descriptions are in the cache.
    IfCached,
    /// The descriptions are fetched by npm if need be; without them there are no checks, unless the environment has
    /// `CI`: what runs there does not pass unchecked.
    Fetch,
    /// As `Fetch`, and without descriptions [`Emulator::new`] panics.
    Required,
}

/// How the emulator behaves where GitHub can be one way or another.
#[derive(Debug, Clone)]
pub struct Options {
    /// A repository that nobody made comes into being when it is first used.
    pub create_repositories: bool,
    /// A ref that nobody made exists: 7 to 40 hex digits are a commit, other names a tag.
    pub any_ref: bool,
    /// How long after a success earlier deployments become inactive; `None`: before the answer.
    pub late_inactive: Option<Duration>,
    /// How old a deployment is before lists show it, as GitHub's lists may lag behind its writes.
    pub list_delay: Duration,
    /// Most statuses of a deployment; real GitHub has a maximum, its number is not known.
    pub max_statuses: Option<usize>,
    /// Requests an hour of each token, for REST and for GraphQL.
    pub hourly_limit: u64,
    /// More than 80 writes a minute or 500 an hour of one account are refused.
    pub content_limits: bool,
    /// How long a new installation token is refused, as real ones are until all servers know them.
    pub token_delay: Duration,
    /// Every account has the App installed.
    pub install_everywhere: bool,
    /// When the world begins; `None`: now.
    pub start: Option<Timestamp>,
    /// Checks against GitHub's descriptions.
    pub checks: Checks,
    /// A violation found by the checks is answered with status 500, so that it cannot go unnoticed.
    pub strict: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            create_repositories: false,
            any_ref: false,
            late_inactive: None,
            list_delay: Duration::ZERO,
            max_statuses: None,
            hourly_limit: 5_000,
            content_limits: false,
            token_delay: Duration::ZERO,
            install_everywhere: true,
            start: None,
            checks: Checks::Fetch,
            strict: true,
        }
    }
}

impl Options {
    /// For demonstrations: repositories and refs need not be set up.
    pub fn any() -> Self {
        Self {
            create_repositories: true,
            any_ref: true,
            ..Self::default()
        }
    }
}

/// All that can change.
pub(crate) struct State {
    pub world: World,
    pub callers: Callers,
    pub content: Option<ContentLimits>,
    pub journal: Journal,
    pub faults: Faults,
    pub notes: Notes,
    pub violations: Vec<String>,
    pub requests: u64,
    pub at_once: usize,
    pub most_at_once: usize,
}

pub(crate) struct Inner {
    pub state: Mutex<State>,
    pub clock: Clock,
    pub contract: Option<Contract>,
    pub strict: bool,
}

/// A GitHub. Clones are the same one.
#[derive(Clone)]
pub struct Emulator(pub(crate) Arc<Inner>);

impl Default for Emulator {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

impl Emulator {
    /// A GitHub without repositories.
    ///
    /// # Panics
    /// If descriptions are required and cannot be had.
    pub fn new(options: Options) -> Self {
        let found = match options.checks {
            Checks::Off => Err("the checks are off".to_owned()),
            Checks::IfCached => descriptions::descriptions(Source::Cache),
            Checks::Fetch | Checks::Required => descriptions::descriptions(Source::CacheOrNpm),
        };
        let required = match options.checks {
            Checks::Required => true,
            Checks::Fetch => env::var_os("CI").is_some(),
            Checks::Off | Checks::IfCached => false,
        };
        if let (true, Err(error)) = (required, &found) {
            panic!("GitHub's descriptions cannot be had: {error}");
        }
        let mut world = World::default();
        world.habits = Habits {
            max_statuses: options.max_statuses,
            late_inactive: options.late_inactive,
            list_delay: options.list_delay,
            create_repositories: options.create_repositories,
            any_ref: options.any_ref,
        };
        Self(Arc::new(Inner {
            state: Mutex::new(State {
                world,
                callers: Callers::new(options.hourly_limit, options.token_delay, options.install_everywhere),
                content: options.content_limits.then(ContentLimits::default),
                journal: Journal::default(),
                faults: Faults::default(),
                notes: Notes::default(),
                violations: Vec::new(),
                requests: 0,
                at_once: 0,
                most_at_once: 0,
            }),
            clock: Clock::starting_at(options.start.unwrap_or_else(Timestamp::now)),
            contract: found.ok().map(Contract::new),
            strict: options.strict,
        }))
    }

    /// A service for clients in the same process, without sockets.
    pub fn service(&self) -> Service {
        Service::new(self.clone(), None)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The present moment as this GitHub has it.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Sets GitHub's clock forward, or back by a negative number of seconds, against that of this machine.
    pub fn advance(&self, seconds: i64) {
        self.0.clock.advance(seconds);
    }

    /// Whether requests and answers are checked against GitHub's descriptions.
    pub fn is_checked(&self) -> bool {
        self.0.contract.is_some()
    }

    /// Makes a repository, public and with a branch `main`, or gives the one there is.
    ///
    /// # Panics
    /// If the name is not `owner/name`.
    pub fn add_repository(&self, name: &str) -> RepositoryHandle {
        let (owner, short) = name.split_once('/').expect("the name of a repository is owner/name");
        let now = self.now();
        let id = self.state().world.add_repository(owner, short, now).id;
        RepositoryHandle {
            emulator: self.clone(),
            id,
        }
    }

    /// Makes a token valid; from the first one on, others are not.
    pub fn allow_token(&self, token: &str, access: Access) {
        self.state().callers.tokens.insert(token.to_owned(), access);
    }

    /// Makes a token invalid. With no token left, any is valid again.
    pub fn revoke_token(&self, token: &str) {
        self.state().callers.tokens.remove(token);
    }

    /// Installs the App on an account; from the first installation on, other accounts have none.
    pub fn install(&self, account: &str, access: Access) -> Installation {
        let mut state = self.state();
        state.callers.install_everywhere = false;
        state.callers.install(account, false, access)
    }

    /// Installs the App on the account of a person, likewise.
    pub fn install_for_user(&self, account: &str, access: Access) -> Installation {
        let mut state = self.state();
        state.callers.install_everywhere = false;
        state.callers.install(account, true, access)
    }

    /// Takes an installation away, and its tokens with it.
    pub fn uninstall(&self, id: u64) {
        let mut state = self.state();
        state.callers.install_everywhere = false;
        state.callers.installations.retain(|installation| installation.id != id);
    }

    /// Says what the App is; with a public key, its signatures count.
    pub fn register_app(&self, app: App) {
        self.state().callers.app = app;
    }

    /// Puts an installation on hold, or takes it off.
    pub fn suspend_installation(&self, id: u64, suspended: bool) {
        let mut state = self.state();
        for installation in state
            .callers
            .installations
            .iter_mut()
            .filter(|installation| installation.id == id)
        {
            installation.suspended = suspended;
        }
    }

    /// Adds a fault rule.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Drops all fault rules.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// The fault rules that have not run out: a test that injects one can see that it was met.
    pub fn remaining_faults(&self) -> Vec<Fault> {
        self.state().faults.remaining().to_vec()
    }

    /// Every request with its answer since the journal was last cleared.
    pub fn journal(&self) -> Vec<Entry> {
        self.state().journal.entries().to_vec()
    }

    /// The most requests that were under way at one moment.
    pub fn most_at_once(&self) -> usize {
        self.state().most_at_once
    }

    /// Forgets the journal.
    pub fn clear_journal(&self) {
        self.state().journal.clear();
    }

    /// What did not fit GitHub's descriptions; has to be empty at the end of every test.
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// The deployments of an environment, compared without case, oldest first.
    pub fn deployments(&self, repository: &str, environment: &str) -> Vec<DeploymentView> {
        let mut all = self.all_deployments(repository);
        all.retain(|deployment| deployment.environment.eq_ignore_ascii_case(environment));
        all
    }

    /// Numbers of the newest deployment and the newest status: tells whether anything was written, at little cost.
    pub fn newest(&self) -> (u64, u64) {
        let now = self.now();
        let mut state = self.state();
        state.world.settle(now);
        state.world.newest()
    }

    /// All deployments of a repository, oldest first; none where there is no such repository.
    pub fn all_deployments(&self, repository: &str) -> Vec<DeploymentView> {
        let now = self.now();
        let mut state = self.state();
        state.world.settle(now);
        let found = repository
            .split_once('/')
            .and_then(|(owner, name)| state.world.find(owner, name));
        found.map(|found| DeploymentView::of(found, now)).unwrap_or_default()
    }

    /// All repositories with their deployments.
    pub fn snapshot(&self) -> Vec<RepositoryView> {
        let now = self.now();
        let mut state = self.state();
        state.world.settle(now);
        let view = |repository: &Repository| RepositoryView {
            name: repository.full_name(),
            private: repository.private,
            archived: repository.archived,
            environments: repository
                .environments
                .values()
                .map(|environment| environment.name.clone())
                .collect(),
            deployments: DeploymentView::of(repository, now),
        };
        state.world.repositories().map(view).collect()
    }
}

/// A repository of the emulator, to be changed at any time.
#[derive(Clone)]
pub struct RepositoryHandle {
    emulator: Emulator,
    id: u64,
}

impl RepositoryHandle {
    /// Changes anything.
    pub fn change(self, change: impl FnOnce(&mut Repository)) -> Self {
        if let Some(repository) = self.emulator.state().world.get_mut(self.id) {
            change(repository);
        }
        self
    }

    /// Makes a branch, or moves it back, at a commit that follows from its name.
    pub fn branch(self, name: &str) -> Self {
        self.change(|repository| repository.set_branch(name, None))
    }

    /// Makes or moves a branch.
    pub fn branch_at(self, name: &str, commit: &str) -> Self {
        self.change(|repository| repository.set_branch(name, Some(commit)))
    }

    /// Makes a tag at a commit that follows from its name.
    pub fn tag(self, name: &str) -> Self {
        self.change(|repository| repository.set_tag(name, None, false))
    }

    /// Makes or moves a tag.
    pub fn tag_at(self, name: &str, commit: &str) -> Self {
        self.change(|repository| repository.set_tag(name, Some(commit), false))
    }

    /// Makes an annotated tag at a commit that follows from its name.
    pub fn annotated_tag(self, name: &str) -> Self {
        self.change(|repository| repository.set_tag(name, None, true))
    }

    /// Makes or moves an annotated tag.
    pub fn annotated_tag_at(self, name: &str, commit: &str) -> Self {
        self.change(|repository| repository.set_tag(name, Some(commit), true))
    }

    /// Makes a commit of 40 hex digits.
    pub fn commit(self, id: &str) -> Self {
        self.change(|repository| {
            repository.commits.insert(id.to_ascii_lowercase());
        })
    }

    /// Takes branches and tags of this name away; commits stay.
    pub fn without_ref(self, name: &str) -> Self {
        self.change(|repository| {
            repository.branches.remove(name);
            repository.tags.remove(name);
        })
    }

    /// Only visible to those who may.
    pub fn private(self) -> Self {
        self.change(|repository| repository.private = true)
    }

    /// Read-only.
    pub fn archived(self) -> Self {
        self.change(|repository| repository.archived = true)
    }

    /// Gives it another `owner/name`; the old one goes on leading here.
    pub fn renamed_to(self, name: &str) -> Self {
        self.change(|repository| {
            repository.former.insert(repository.full_name());
            if let Some((owner, short)) = name.split_once('/') {
                (repository.owner, repository.name) = (owner.to_owned(), short.to_owned());
            }
        })
    }

    /// A ref or commit lacks something of the default branch, which only matters with `auto_merge`.
    pub fn behind(self, git_ref: &str, behind: Behind) -> Self {
        self.change(|repository| {
            repository.behind.insert(git_ref.to_owned(), behind);
        })
    }

    /// A check of a ref's commit, with its state.
    pub fn context(self, git_ref: &str, context: &str, state: &str) -> Self {
        self.change(|repository| {
            if let Some(commit) = repository.resolve_commit(git_ref) {
                repository
                    .contexts
                    .entry(commit)
                    .or_default()
                    .push((context.to_owned(), state.to_owned()));
            }
        })
    }

    /// The commit of a ref.
    pub fn commit_of(&self, git_ref: &str) -> Option<String> {
        self.emulator
            .state()
            .world
            .get(self.id)
            .and_then(|repository| repository.resolve_commit(git_ref))
    }
}
