//! Why a command line makes no sense, and what to write instead.

use std::path::PathBuf;

use crate::{
    cli::{credentials::CredentialsError, kinds::TypeNameError},
    crd::LONGEST_ENVIRONMENT,
    extract::ExtractError,
    github::AddressError,
    plan::RepositoryError,
    sync::AllowedRepositoriesError,
};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// TYPE/NAME.
    #[error(transparent)]
    TypeName(#[from] TypeNameError),
    /// A flag is missing beside TYPE/NAME.
    #[error(
        "{object} needs {missing}; write for example: sync {object} --repo shop/app --environment staging --container app"
    )]
    FlagMissing {
        /// TYPE/NAME.
        object: String,
        /// The flags.
        missing: &'static str,
    },
    /// A repository.
    #[error("--repo: {error}; write OWNER/NAME, or give the owner with --github-org or GITHUB_ORG")]
    Repository {
        /// What is wrong with it.
        error: RepositoryError,
    },
    /// The event of a pull request.
    #[error(
        "cannot read the head commit of the pull request from the event in {path:?} ({problem}); give it with --ref"
    )]
    Event {
        /// What `GITHUB_EVENT_PATH` names.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// `-A` beside names.
    #[error(
        "-A cannot be used with names: an object is in one namespace, which -n names; with -A write TYPE -l LABELS"
    )]
    NamesEverywhere,
    /// `--interval` beside `--wait`.
    #[error(
        "--interval cannot be used with --wait: one goes on until a signal, the other until every rollout is final"
    )]
    IntervalAndWait,
    /// `--timeout` without `--wait`.
    #[error("--timeout is for --wait; give both, or --deadline for a single pass")]
    TimeoutWithoutWait,
    /// What only a wait has a use for.
    #[error("{flag} is for --wait; give both")]
    WaitMissing {
        /// The flag.
        flag: &'static str,
    },
    /// `--generation` beside several objects.
    #[error("--generation is the metadata.generation of one object; name one, as TYPE/NAME")]
    GenerationOfSeveral,
    /// A ref that no GitHubDeployment can hold.
    #[error(
        "--print-config cannot write --ref {git_ref}: a GitHubDeployment has no field for a ref, it finds it in the object; \
         give --container or --json-path instead"
    )]
    RefInPrintConfig {
        /// The ref.
        git_ref: String,
    },
    /// The name of an environment.
    #[error("--environment is too long; GitHub takes at most {LONGEST_ENVIRONMENT} characters")]
    EnvironmentTooLong,
    /// A text that must not be empty.
    #[error("{flag} is {problem}")]
    Text {
        /// The flag.
        flag: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// stdin can be read once.
    #[error("only one of -f and --objects can be -, and only once: stdin can be read once")]
    StdinTwice,
    /// A rule for repositories.
    #[error("--repository-allow {0}")]
    RepositoryAllow(AllowedRepositoriesError),
    /// How the ref is found.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// Address or id of an App.
    #[error("{flag} {text:?} {problem}")]
    GitHub {
        /// The flag.
        flag: &'static str,
        /// What was typed.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Not the address of an API.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Nothing wrong with the command line; the credentials are missing.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}
