//! GitHubDeployments and the objects that they name, from a cluster or from files.
//!
//! Reading never stops at one bad object: what could not be read is an item of the answer like any other, with the
//! reason in it. Only where nothing at all could be read is the answer an error.

use std::{collections::BTreeSet, fmt};

use crate::crd::{GitHubDeploymentSpec, GitHubDeploymentStatus, SourceRef};

mod access;
mod api;
mod chosen;
mod declared;
mod discovery;
mod error;
mod facts;
mod files;
mod kind_names;
mod labels;
#[cfg(test)]
mod mock;
mod objects;
mod pods;
mod spec;
mod templates;
mod watch;
mod write;

pub use access::{Allowed, ObservedKind, installed_versions, may, observed_kinds, server_version};
pub use api::{ApiFailure, cluster_uid, server_time};
pub use chosen::{Chosen, KindName, choose, declared_by_choice};
pub use declared::{collection, declared_in_cluster, meta_in_cluster};
pub use discovery::{BUILT_IN_KINDS, Kind};
pub(crate) use error::nearest;
pub use error::{ChoiceError, DeclarationError, FileError, ObservationError, Permission, SourceError};
pub use facts::{Facts, facts};
pub use files::{
    Kept, Streams, declared_among_objects, declared_in_files, declared_in_list, each_object_from_files,
    objects_from_files, settings_from_file,
};
pub use kind_names::{KindError, kind_named, names_of_kind};
pub use objects::{Cluster, Objects, Observation, observe};
pub use pods::add_causes;
pub use spec::{check, is_namespace, value_problem};
pub use templates::observe_with_templates;
pub use watch::Watch;
pub use write::{Patience, apply_status, in_words, is_conflict, is_not_permitted, merge_metadata};

/// One GitHubDeployment, or what takes its place: a source from flags, or a document that should have been one.
#[derive(Debug)]
pub struct Declaration {
    /// None for a source from flags, and for a document of a file that has no name.
    pub github_deployment: Option<GitHubDeploymentMeta>,
    /// What it is called in messages: `GitHubDeployment shop/app`, or `app.yaml document 2`.
    pub described: String,
    /// What it asks for, already checked by [`check`]; or why that cannot be told.
    pub spec: Result<GitHubDeploymentSpec, DeclarationError>,
}

/// A GitHubDeployment without its spec.
#[derive(Clone, Debug, PartialEq)]
pub struct GitHubDeploymentMeta {
    /// Namespace; in a file without one, the default that the reader was given.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// None for an object from a file, unless the file is a dump of a cluster.
    pub uid: Option<String>,
    /// Generation of its spec.
    pub generation: Option<i64>,
    /// Version of the object as it was read.
    pub resource_version: Option<String>,
    /// `github.decathlon.com/v1beta1`, or what the file says.
    pub api_version: String,
    /// It has a deletion timestamp.
    pub deleting: bool,
    /// Finalizers.
    pub finalizers: Vec<String>,
    /// None as well where it does not have the form that this version knows: it is only ever written anew.
    pub status: Option<GitHubDeploymentStatus>,
    /// True if the object lives in a cluster, so that its status can be written.
    pub in_cluster: bool,
}

/// The GitHubDeployments of a pass.
#[derive(Debug)]
pub struct Declared {
    /// In the order of the cluster's list, or of the files.
    pub declarations: Vec<Declaration>,
    /// What may be concluded from a GitHubDeployment that is not among them.
    pub complete: Complete,
}

/// Of which namespaces all GitHubDeployments were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Complete {
    /// Of none: they were selected by label, or come from files.
    Nothing,
    /// Of these.
    Namespaces(BTreeSet<String>),
    /// Of every namespace.
    Everything,
}

/// Where in a cluster to look for GitHubDeployments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In one namespace.
    Namespace(String),
    /// In all.
    All,
}

impl Scope {
    /// The one namespace; none for all.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Self::Namespace(namespace) => Some(namespace),
            Self::All => None,
        }
    }
}

/// Names a Kubernetes object. Displayed as `Deployment shop/app`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectReference {
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// None for the cluster-scoped kinds among the built-in ones. What other kinds are, only the cluster knows:
    /// where they are cluster-scoped, the namespace is ignored.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl ObjectReference {
    /// What `object` calls itself; empty where it does not.
    #[must_use]
    pub fn to(object: &serde_json::Value) -> Self {
        let field = |pointer| declared::text(object, pointer);
        Self {
            api_version: field("/apiVersion").unwrap_or_default(),
            kind: field("/kind").unwrap_or_default(),
            namespace: field("/metadata/namespace"),
            name: field("/metadata/name").unwrap_or_default(),
        }
    }

    /// The object that a spec names. `default_namespace` is the namespace of the GitHubDeployment.
    ///
    /// # Errors
    /// When a part is missing or cannot be part of a name, and for every Secret of the core group.
    pub fn of(spec: &GitHubDeploymentSpec, default_namespace: &str) -> Result<Self, DeclarationError> {
        Self::named(&spec.source_ref, default_namespace)
    }

    /// The object of a `spec.sourceRef`, or of what stands in for one.
    ///
    /// # Errors
    /// As [`ObjectReference::of`].
    pub fn named(source_ref: &SourceRef, default_namespace: &str) -> Result<Self, DeclarationError> {
        spec::reference(source_ref, default_namespace)
    }
}

impl fmt::Display for ObjectReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}
