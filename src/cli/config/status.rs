//! What the arguments of `status` mean.

use std::{path::PathBuf, time::Duration};

use super::{
    ClusterConfig, ConfigError, DEFAULT_TIMEOUT, Declarations, Objects,
    source::{Source, TypedSubject},
};
use crate::{
    cli::{args::StatusArguments, kinds::Typed},
    report::HealthFormat,
};

/// Everything a `status` needs.
#[derive(Debug)]
pub struct StatusConfig {
    /// What is looked at.
    pub subject: Subject,
    /// Where the objects come from.
    pub objects: Objects,
    /// How the cluster is reached; none if everything comes from files.
    pub cluster: Option<ClusterConfig>,
    /// As [`super::SyncConfig::namespace`].
    pub namespace: Option<String>,
    /// Of objects that stand in files, only those of this namespace; none: all.
    pub only_in: Option<String>,
    /// Form of the result.
    pub output: HealthFormat,
    /// Say how each health was found.
    pub explain: bool,
    /// Look again until every object is final, at most this long.
    pub wait: Option<Duration>,
}

/// What `status` looks at.
#[derive(Debug)]
pub enum Subject {
    /// The objects that declarations name.
    Declared(Declarations),
    /// Objects that were typed.
    Typed {
        /// The objects.
        typed: Typed,
        /// In all namespaces; else in [`super::SyncConfig::namespace`].
        all_namespaces: bool,
    },
    /// Every object of `--objects`.
    Objects,
    /// What the GitHubDeployments of files name, and every object of another kind there.
    Files(Vec<PathBuf>),
}

impl StatusConfig {
    /// The meaning of `status`'s arguments.
    ///
    /// # Errors
    /// Bad usage.
    pub fn new(arguments: StatusArguments) -> Result<Self, ConfigError> {
        let StatusArguments {
            file: _,
            source,
            output,
            explain,
            wait,
            timeout,
            kubernetes,
        } = arguments;
        let only_objects = source.object.is_empty()
            && source.filename.is_empty()
            && !source.all_namespaces
            && source.selector.is_none()
            && !source.objects.is_empty();
        let Source {
            subject,
            objects,
            cluster,
            namespace,
            only_in,
        } = Source::new(source, kubernetes)?;
        let (subject, cluster) = match subject {
            TypedSubject::Declared(_) if only_objects => (Subject::Objects, None),
            TypedSubject::Declared(Declarations::Files(paths)) => (Subject::Files(paths), cluster),
            TypedSubject::Declared(declarations) => (Subject::Declared(declarations), cluster),
            TypedSubject::Typed { typed, all_namespaces } => (Subject::Typed { typed, all_namespaces }, cluster),
        };
        Ok(Self {
            subject,
            objects,
            cluster,
            namespace,
            only_in,
            output,
            explain,
            wait: wait.then_some(timeout.unwrap_or(DEFAULT_TIMEOUT)),
        })
    }
}
