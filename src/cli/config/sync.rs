//! What the arguments of `sync` mean.

use std::{path::PathBuf, time::Duration};

use super::{
    ClusterConfig, ConfigError, DEFAULT_TIMEOUT, Declarations, GitHubConfig, Objects, Variables, not_empty,
    source::{Source, TypedSubject, from_flags},
    text,
};
use crate::{
    cli::{
        actions::Step,
        args::{Details, LimitArguments, SyncArguments, SyncOutputArguments, TimeoutState},
    },
    plan::State,
    report::Format,
    sync::{AllowedRepositories, Waiting},
};

/// Everything a `sync` needs.
#[derive(Debug)]
pub struct SyncConfig {
    /// Where the declarations come from.
    pub declarations: Declarations,
    /// Where the observed objects come from.
    pub objects: Objects,
    /// How the cluster is reached; none if everything comes from files.
    pub cluster: Option<ClusterConfig>,
    /// Namespace of documents in files, and of sources from flags; none: that of the context, else `default`.
    pub namespace: Option<String>,
    /// GitHub.
    pub github: GitHubConfig,
    /// `--details`
    pub details: Details,
    /// `--cluster-name`
    pub cluster_name: Option<String>,
    /// Write nothing anywhere.
    pub dry_run: bool,
    /// Exit 6 where a dry run would write.
    pub exit_code: bool,
    /// Exit 0 where only single objects failed.
    pub exit_zero: bool,
    /// Write status and events of GitHubDeployment objects in the cluster.
    pub write_status: bool,
    /// Form of the result.
    pub output: Format,
    /// Once, at an interval, or until all is final.
    pub repeat: Repeat,
    /// The longest that one pass may take.
    pub deadline: Duration,
    /// The most writes to GitHub in a pass.
    pub max_writes: usize,
    /// Successes that are older, and that GitHub does not know, are left alone.
    pub since: Option<Duration>,
    /// A source must be in the namespace of its GitHubDeployment.
    pub no_cross_namespace_refs: bool,
    /// Repositories that may be written to; empty: all.
    pub repository_allow: Vec<AllowedRepositories>,
}

/// How often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// One pass.
    Once,
    /// A pass every so often, until a signal.
    Every(Duration),
    /// Passes until every source is final.
    UntilFinal(Waiting),
}

impl SyncConfig {
    /// The meaning of `sync`'s arguments.
    ///
    /// # Errors
    /// Bad usage, or no credentials.
    pub fn new(arguments: SyncArguments, variables: Variables<'_>) -> Result<Self, ConfigError> {
        let SyncArguments {
            file: _,
            source,
            repo,
            flags,
            output:
                SyncOutputArguments {
                    dry_run,
                    print_config: _,
                    output,
                    exit_code,
                    exit_zero,
                    write_status,
                },
            github,
            details,
            kubernetes,
            cluster_name,
            limits:
                LimitArguments {
                    interval,
                    wait,
                    timeout,
                    timeout_state,
                    fail_fast,
                    deadline,
                    max_writes,
                    since,
                    no_cross_namespace_refs,
                    repository_allow,
                },
        } = arguments;
        let owner = not_empty(github.github_org.clone());
        let Source {
            subject,
            objects,
            cluster,
            namespace,
            only_in: _,
        } = Source::new(source, kubernetes)?;
        let declarations = match subject {
            TypedSubject::Declared(declarations) => declarations,
            TypedSubject::Typed { typed, all_namespaces } => from_flags(
                typed,
                all_namespaces,
                repo,
                flags,
                owner.as_deref(),
                Step::read(variables).as_ref(),
            )?,
        };
        if interval.is_some() && wait {
            return Err(ConfigError::IntervalAndWait);
        }
        if timeout.is_some() && !wait {
            return Err(ConfigError::TimeoutWithoutWait);
        }
        for (flag, is_given) in [("--timeout-state", timeout_state.is_some()), ("--fail-fast", fail_fast)] {
            if is_given && !wait {
                return Err(ConfigError::WaitMissing { flag });
            }
        }
        if let Some(name) = &cluster_name {
            text("--cluster-name", name)?;
        }
        let repository_allow = repository_allow
            .iter()
            .map(|rule| AllowedRepositories::parse(rule))
            .collect::<Result<_, _>>()
            .map_err(ConfigError::RepositoryAllow)?;
        let repeat = match (interval, wait) {
            (Some(interval), _) => Repeat::Every(interval),
            (None, true) => Repeat::UntilFinal(Waiting {
                timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
                fail_fast,
                timeout_state: timeout_state.map(|state| match state {
                    TimeoutState::Failure => State::Failure,
                    TimeoutState::Error => State::Error,
                }),
            }),
            (None, false) => Repeat::Once,
        };
        Ok(Self {
            declarations,
            objects,
            cluster,
            namespace,
            github: GitHubConfig::new(github, variables)?,
            details,
            cluster_name,
            dry_run,
            exit_code,
            exit_zero,
            write_status,
            output,
            repeat,
            deadline,
            max_writes,
            since,
            no_cross_namespace_refs,
            repository_allow,
        })
    }

    /// Everything that is read from files, folders and stdin.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.declarations.paths().iter().chain(self.objects.paths())
    }
}
