//! What a pass is asked to do.

use std::{path::PathBuf, sync::Arc, time::Duration};

use globset::{GlobBuilder, GlobMatcher};
use serde_json::Value;

use crate::{
    crd::GitHubDeploymentSpec,
    plan::Repository,
    source::{Chosen, Scope},
};

/// At most so many writes to GitHub a pass where nothing else is said: as many as GitHub takes in a minute.
pub const DEFAULT_MAX_WRITES: usize = 80;

/// Where the sources are declared.
#[derive(Clone, Debug)]
pub enum DeclaredIn {
    /// GitHubDeployment objects of the cluster.
    Cluster {
        /// One namespace or all.
        scope: Scope,
        /// Label selector.
        selector: Option<String>,
    },
    /// GitHubDeployment objects of files.
    Files {
        /// Files, folders, or `-`.
        paths: Vec<PathBuf>,
        /// Namespace of those that name none.
        namespace: String,
    },
    /// GitHubDeployment objects of the file with the user's settings.
    Listed {
        /// What the objects stand in, such as `.kube-status-to-github.yaml`, for messages.
        file: String,
        /// The objects.
        objects: Arc<[Value]>,
        /// Namespace of those that name none.
        namespace: String,
    },
    /// Sources from flags.
    Flags {
        /// The objects, each of which is a source.
        chosen: Chosen,
        /// As if it were the GitHubDeployment of each, whatever its `sourceRef` says.
        spec: Box<GitHubDeploymentSpec>,
        /// `--ref`: the ref of all, instead of an extraction.
        git_ref: Option<String>,
        /// `--generation`: nothing is concluded from the object before it has this `metadata.generation`.
        generation: Option<i64>,
    },
}

/// Where the observed objects are.
#[derive(Clone, Debug)]
pub enum ObjectsIn {
    /// In the cluster.
    Cluster,
    /// In files.
    Files(Vec<PathBuf>),
}

/// How much of names and messages GitHub is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Details {
    /// Minimal for public repositories, full for others.
    #[default]
    Auto,
    /// Messages of the cluster, and the object's name.
    Full,
    /// A fixed sentence for each state, and no names.
    Minimal,
}

/// Repositories that may be written to: a rule of `--repository-allow`.
#[derive(Clone, Debug)]
pub struct AllowedRepositories {
    /// Namespace of the GitHubDeployments it is for; none for all.
    namespace: Option<String>,
    /// Matches `owner/name` in any case, as GitHub compares.
    repositories: GlobMatcher,
}

/// Not a rule of the form `[NAMESPACE=]GLOB`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?}: {problem}")]
pub struct AllowedRepositoriesError {
    /// What was typed.
    pub text: String,
    /// What is wrong with it.
    pub problem: String,
}

impl AllowedRepositories {
    /// Reads `[NAMESPACE=]GLOB`, such as `shop/*` or `team-a=shop/*`. A `*` does not match a `/`.
    ///
    /// # Errors
    /// When the namespace is empty, or the glob is none or can't match `OWNER/NAME`.
    pub fn parse(text: &str) -> Result<Self, AllowedRepositoriesError> {
        let error = |problem: String| AllowedRepositoriesError {
            text: text.to_owned(),
            problem,
        };
        let (namespace, glob) = match text.split_once('=') {
            Some((namespace, glob)) => (Some(namespace), glob),
            None => (None, text),
        };
        if namespace.is_some_and(str::is_empty) {
            return Err(error("the namespace before = is empty".to_owned()));
        }
        if !glob.contains('/') {
            return Err(error("write OWNER/NAME, such as shop/* or */*".to_owned()));
        }
        let repositories = GlobBuilder::new(glob)
            .case_insensitive(true)
            .literal_separator(true)
            .build()
            .map_err(|cause| error(cause.kind().to_string()))?
            .compile_matcher();
        Ok(Self {
            namespace: namespace.map(ToOwned::to_owned),
            repositories,
        })
    }

    /// True if a GitHubDeployment of `namespace` may report to `repository`. Sources from flags have no namespace.
    #[must_use]
    pub fn allows(&self, namespace: Option<&str>, repository: &Repository) -> bool {
        self.namespace.as_deref().is_none_or(|only| namespace == Some(only))
            && self.repositories.is_match(repository.to_string())
    }
}

/// Everything that a user can ask of a pass.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the sources are declared.
    pub declared_in: DeclaredIn,
    /// Where the observed objects are.
    pub objects_in: ObjectsIn,
    /// Owner of repositories that are given without one.
    pub default_owner: Option<String>,
    /// Name of the cluster in markers.
    pub cluster_name: Option<String>,
    /// Write nothing anywhere.
    pub dry_run: bool,
    /// Leave successes alone whose object changed last before that, and of which GitHub knows nothing.
    pub since: Option<Duration>,
    /// How much GitHub is shown.
    pub details: Details,
    /// False: a source must be in its GitHubDeployment's namespace.
    pub cross_namespace_refs: bool,
    /// Empty: every repository.
    pub repository_allow: Vec<AllowedRepositories>,
    /// At most so many writes to GitHub a pass.
    pub max_writes: usize,
    /// Write the objects' `status`, and events.
    pub write_status: bool,
    /// A cause that does not go by itself is a failure, see [`crate::kstatus::lasting`].
    pub fail_fast: bool,
    /// Put what each decision depended on into the document.
    pub situations: bool,
    /// A pass never takes longer.
    pub deadline: Option<Duration>,
}

impl Settings {
    /// True if one of the rules allows it, or there is none: see [`AllowedRepositories::allows`].
    #[must_use]
    pub fn allows(&self, namespace: Option<&str>, repository: &Repository) -> bool {
        let mut rules = self.repository_allow.iter();
        self.repository_allow.is_empty() || rules.any(|rule| rule.allows(namespace, repository))
    }
}
