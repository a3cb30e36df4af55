//! What the command line and the environment mean: complete, checked, and made before anything is asked over a
//! network. Each struct of arguments is taken apart field by field, so that a forgotten flag does not compile.

use std::{path::PathBuf, time::Duration};

mod close;
mod doctor;
mod error;
mod extract;
mod github;
mod source;
mod status;
mod sync;

pub use close::CloseConfig;
pub use doctor::DoctorConfig;
pub use error::ConfigError;
pub use extract::ExtractConfig;
pub use github::{GitHubConfig, GitHubParts};
pub use status::{StatusConfig, Subject};
pub use sync::{Repeat, SyncConfig};

use super::{config_file::Listed, kinds::Typed};
use crate::{
    crd::{GitHubDeploymentSpec, LONGEST_ENVIRONMENT},
    plan::Repository,
    source::is_namespace,
};

/// The time after which `--wait` gives up where `--timeout` is not given. Longer than the 600 seconds that
/// `progressDeadlineSeconds` of a Deployment is by default: with less, or as much, a rollout that fails would never be
/// seen to fail, and the answer would be that nobody knows yet.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// The environment of the process, as a function so that a test can give its own.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where the declarations come from.
#[derive(Debug)]
pub enum Declarations {
    /// GitHubDeployment objects of the cluster.
    Cluster {
        /// True for all namespaces, else [`SyncConfig::namespace`].
        all_namespaces: bool,
        /// Labels.
        selector: Option<String>,
    },
    /// GitHubDeployment objects in files, folders, or `-` for stdin.
    Files(Vec<PathBuf>),
    /// GitHubDeployment objects of the configuration file.
    Listed(Listed),
    /// Sources from flags.
    Flags {
        /// The objects.
        typed: Typed,
        /// In all namespaces; else in [`SyncConfig::namespace`].
        all_namespaces: bool,
        /// What the GitHubDeployment of each would say, but for its `sourceRef`.
        spec: Box<GitHubDeploymentSpec>,
        /// `--ref`
        git_ref: Option<String>,
        /// `--generation`
        generation: Option<i64>,
    },
}

/// Where the observed objects come from.
#[derive(Debug, PartialEq, Eq)]
pub enum Objects {
    /// The cluster.
    Cluster,
    /// Files, folders, or `-` for stdin.
    Files(Vec<PathBuf>),
}

/// How the cluster is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterConfig {
    /// `--kubeconfig`
    pub kubeconfig: Option<PathBuf>,
    /// `--context`
    pub context: Option<String>,
}

impl Declarations {
    /// The paths of files; none for everything else.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        match self {
            Self::Files(paths) => paths,
            Self::Cluster { .. } | Self::Listed(_) | Self::Flags { .. } => &[],
        }
    }

    /// True if objects of all namespaces are looked at.
    #[must_use]
    pub fn are_everywhere(&self) -> bool {
        match self {
            Self::Cluster { all_namespaces, .. } | Self::Flags { all_namespaces, .. } => *all_namespaces,
            Self::Files(_) | Self::Listed(_) => false,
        }
    }
}

impl Objects {
    /// The paths; none for the cluster.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        match self {
            Self::Cluster => &[],
            Self::Files(paths) => paths,
        }
    }
}

fn repository(typed: &str, owner: Option<&str>) -> Result<Repository, ConfigError> {
    Repository::parse(typed, owner).map_err(|error| ConfigError::Repository { error })
}

/// Pipelines set variables that do not apply to an empty text.
fn not_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// Refuses an empty text.
fn text(flag: &'static str, value: &str) -> Result<(), ConfigError> {
    if value.trim().is_empty() {
        return Err(ConfigError::Text {
            flag,
            problem: "empty; write a name, or leave the flag out",
        });
    }
    Ok(())
}

/// Refuses what can't be the name of an environment on GitHub.
fn environment(value: &str) -> Result<(), ConfigError> {
    text("--environment", value)?;
    if value.chars().count() > LONGEST_ENVIRONMENT {
        return Err(ConfigError::EnvironmentTooLong);
    }
    Ok(())
}

/// `--namespace`. What is no name would be a part of another address at the API server, which knows nothing there.
fn namespace_name(namespace: Option<&str>) -> Result<(), ConfigError> {
    let Some(namespace) = namespace else { return Ok(()) };
    text("--namespace", namespace)?;
    if is_namespace(namespace) {
        return Ok(());
    }
    Err(ConfigError::Text {
        flag: "--namespace",
        problem: "not the name of a namespace; write at most 63 lower-case letters, digits and -",
    })
}

fn stdin_count(paths: &[PathBuf]) -> usize {
    paths.iter().filter(|path| path.as_os_str() == "-").count()
}

#[cfg(test)]
mod tests;
