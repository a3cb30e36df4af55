//! What can go wrong with files, GitHubDeployments and observed objects: each error says what to do about it.

use std::fmt;

use thiserror::Error;

use super::{ObjectReference, Scope, api::ApiFailure};
use crate::crd::{LONGEST_ENVIRONMENT, LONGEST_EXPRESSION};

/// Nothing could be read at all.
#[derive(Debug, Error)]
pub enum SourceError {
    /// No file gave anything, or one of those that must be whole is not.
    #[error(transparent)]
    File(#[from] FileError),
    /// The files are fine, but there is no GitHubDeployment in them.
    #[error("{files}: no GitHubDeployment there; found {}", in_words(found))]
    NothingDeclared {
        /// Files and folders as they were given.
        files: String,
        /// The kinds that there are.
        found: Vec<String>,
    },
    /// The cluster does not know GitHubDeployments.
    #[error(
        "this cluster does not know the resource githubdeployments.github.decathlon.com: install it with \
         `kube-status-to-github crd | kubectl apply --server-side -f -`, or read GitHubDeployments from files with -f"
    )]
    NotInstalled,
    /// The cluster knows GitHubDeployments of other versions only.
    #[error(
        "githubdeployments.github.decathlon.com is served as {}, and v1beta1 is needed: install it with \
         `kube-status-to-github crd | kubectl apply --server-side --force-conflicts -f -`",
        served.join(", ")
    )]
    OtherVersions {
        /// Such as `v1alpha1`.
        served: Vec<String>,
    },
    /// GitHubDeployments may not be listed.
    #[error("{permission}{}", if permission.everywhere { "; or name one namespace with -n" } else { "" })]
    Forbidden {
        /// What is missing.
        permission: Box<Permission>,
    },
    /// GitHubDeployments could not be listed.
    #[error("GitHubDeployments could not be listed: {failure}")]
    ListFailed {
        /// What the API server did.
        failure: ApiFailure,
    },
    /// What a user chose by label is not there, or could not be listed.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// Which cluster this is could not be read.
    #[error("the uid of namespace kube-system, by which the cluster is known, could not be read: {failure}")]
    ClusterUnknown {
        /// What the API server did.
        failure: ApiFailure,
    },
}

impl SourceError {
    /// One word in CamelCase, stable.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::File(error) => error.reason(),
            Self::NothingDeclared { .. } => "NothingDeclared",
            Self::NotInstalled | Self::OtherVersions { .. } => "NotInstalled",
            Self::Forbidden { .. } => "Forbidden",
            Self::ListFailed { failure } | Self::ClusterUnknown { failure } => failure.reason(),
            Self::Choice(error) => error.reason(),
        }
    }
}

/// Objects that were chosen by label cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChoiceError {
    /// No object has the labels.
    #[error("no {kinds} with the labels {selector} {place}; see `kubectl get {kinds} --show-labels`")]
    Nothing {
        /// The kinds, with commas.
        kinds: String,
        /// As it was typed.
        selector: String,
        /// Such as `in namespace shop`.
        place: String,
    },
    /// Not a label selector.
    #[error("-l {selector:?} {problem}: write for example app=shop, or 'tier in (web,api),!canary'")]
    Selector {
        /// As it was typed.
        selector: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A kind whose objects are never read, or none that has any.
    #[error("{kind}: {error}")]
    Refused {
        /// The kind.
        kind: String,
        /// Why.
        error: DeclarationError,
    },
    /// The kind is not served, or its objects may not be listed.
    #[error(transparent)]
    Unreadable(Box<ObservationError>),
    /// They could not be listed.
    #[error("the objects of kind {kind} could not be listed: {failure}")]
    Failed {
        /// The kind.
        kind: String,
        /// What the API server did.
        failure: ApiFailure,
    },
    /// They may not be listed.
    #[error("objects of kind {kind}: {permission}")]
    Forbidden {
        /// The kind.
        kind: String,
        /// What is missing.
        permission: Box<Permission>,
    },
}

impl ChoiceError {
    /// One word in CamelCase, stable.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Nothing { .. } => "NothingSelected",
            Self::Selector { .. } => "SelectorInvalid",
            Self::Refused { error, .. } => error.reason(),
            Self::Unreadable(error) => error.reason(),
            Self::Failed { failure, .. } => failure.reason(),
            Self::Forbidden { .. } => "Forbidden",
        }
    }
}

/// A file that gives no objects.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FileError {
    /// It cannot be opened or read.
    #[error("{file} cannot be read: {problem}")]
    Unreadable {
        /// As it was given; `standard input` for `-`.
        file: String,
        /// What the operating system says.
        problem: String,
    },
    /// There is nothing in it.
    #[error("{file} is empty: it should hold objects as YAML or JSON")]
    Empty {
        /// As above.
        file: String,
    },
    /// A folder without files of objects.
    #[error("{folder} has no file *.yaml, *.yml or *.json; folders in it are not looked into")]
    EmptyFolder {
        /// As it was given.
        folder: String,
    },
    /// It is not text.
    #[error(
        "{file} is not text in UTF-8: byte {position} does not belong there{}",
        advice.map(|advice| format!("; {advice}")).unwrap_or_default()
    )]
    NotText {
        /// As above.
        file: String,
        /// Of the first byte that is not, counted from 1.
        position: usize,
        /// What to do, where it is plain what it is instead.
        advice: Option<&'static str>,
    },
    /// It is text, but neither YAML nor JSON.
    #[error("{file}:{line}:{column}: {problem}")]
    Syntax {
        /// As above.
        file: String,
        /// Counted from 1.
        line: u64,
        /// Counted from 1.
        column: u64,
        /// What the parser says.
        problem: String,
    },
    /// More than one document where one is meant.
    #[error("{file} has several documents: write one, without --- between")]
    SeveralDocuments {
        /// As above.
        file: String,
    },
    /// A document that is not a Kubernetes object.
    #[error("{document}: {problem}; every document needs apiVersion, kind and metadata.name")]
    NotAnObject {
        /// File and number of the document.
        document: String,
        /// What is there instead.
        problem: String,
    },
}

impl FileError {
    /// The file, folder or document.
    #[must_use]
    pub fn place(&self) -> &str {
        match self {
            Self::Unreadable { file, .. }
            | Self::Empty { file }
            | Self::NotText { file, .. }
            | Self::SeveralDocuments { file }
            | Self::Syntax { file, .. } => file,
            Self::EmptyFolder { folder } => folder,
            Self::NotAnObject { document, .. } => document,
        }
    }

    /// One word in CamelCase, stable.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "FileUnreadable",
            Self::Empty { .. } | Self::EmptyFolder { .. } => "FileEmpty",
            Self::NotText { .. } | Self::SeveralDocuments { .. } | Self::Syntax { .. } => "FileInvalid",
            Self::NotAnObject { .. } => "NotAnObject",
        }
    }
}

/// What one GitHubDeployment asks for cannot be told, or must not be done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeclarationError {
    /// The file it would be in.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its kind or version is none that is known.
    #[error(
        "{api_version} {kind} is not known: write apiVersion: github.decathlon.com/v1beta1 and kind: GitHubDeployment"
    )]
    UnknownKind {
        /// As it is written.
        api_version: String,
        /// As it is written.
        kind: String,
    },
    /// It has no name.
    #[error("metadata.name is missing")]
    NameMissing,
    /// Its name is not text.
    #[error("metadata.name is {name}, which is no text: put it in quotes")]
    NameNotText {
        /// What it is.
        name: String,
    },
    /// Another one has its namespace and name.
    #[error("{places} have the same namespace and name: remove all but one, or name them apart")]
    Duplicate {
        /// The documents.
        places: String,
    },
    /// A field that does not exist.
    #[error("{path}: unknown field{}", did_you_mean(nearest.as_deref()))]
    UnknownField {
        /// From the object's root.
        path: String,
        /// The known field with the most similar name.
        nearest: Option<String>,
    },
    /// A value of the wrong type, or a field that is missing.
    #[error("{path}: {problem}")]
    InvalidField {
        /// From the object's root.
        path: String,
        /// What is expected.
        problem: String,
    },
    /// Nothing says where the ref is.
    #[error(
        "spec.extract: write containerName, to take the tag of that container's image, or jsonPath, to take a value \
         of the object"
    )]
    ExtractMissing,
    /// An expression beyond what the parsers are given.
    #[error("{path} has {characters} characters: write an expression of at most {LONGEST_EXPRESSION}")]
    ExpressionTooLong {
        /// From the object's root.
        path: &'static str,
        /// How many it has.
        characters: usize,
    },
    /// The environment has no name.
    #[error(
        "spec.repository.environment is empty: write the name of a GitHub environment, such as staging, of 1 to \
         {LONGEST_ENVIRONMENT} characters"
    )]
    EnvironmentEmpty,
    /// The environment's name is too long for GitHub.
    #[error(
        "spec.repository.environment has {characters} characters: write the name of a GitHub environment of 1 to \
         {LONGEST_ENVIRONMENT} characters"
    )]
    EnvironmentTooLong {
        /// How many it has.
        characters: usize,
    },
    /// The repository is not of a form that GitHub knows.
    #[error(
        "spec.repository.name {name:?} is no repository: write owner/repository, or repository alone, whose owner \
         then comes from GITHUB_ORG"
    )]
    RepositoryInvalid {
        /// As it is written.
        name: String,
    },
    /// Secrets are never read, so that nothing of them can be published.
    #[error("spec.sourceRef: a Secret is never read; name the workload that uses it")]
    SecretRefused,
    /// The kind is not one whose version is obvious.
    #[error(
        "spec.sourceRef.apiVersion is missing: it is needed for kind {kind}{}",
        suggestion.map(|version| format!("; write {version}")).unwrap_or_default()
    )]
    ApiVersionMissing {
        /// As it is written.
        kind: String,
        /// The version of the built-in kind of that name.
        suggestion: Option<&'static str>,
    },
    /// A part of the reference that cannot be part of an address.
    #[error("{path} {text:?} is not valid: write {expected}")]
    ReferenceInvalid {
        /// From the object's root.
        path: &'static str,
        /// As it is written.
        text: String,
        /// What is allowed there.
        expected: &'static str,
    },
}

impl DeclarationError {
    /// One word in CamelCase, stable.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::File(error) => error.reason(),
            Self::UnknownKind { .. } => "UnknownKind",
            Self::NameMissing => "NameMissing",
            Self::NameNotText { .. } => "NameInvalid",
            Self::Duplicate { .. } => "Duplicate",
            Self::UnknownField { .. } => "UnknownField",
            Self::InvalidField { .. } => "InvalidField",
            Self::ExtractMissing => "ExtractMissing",
            Self::ExpressionTooLong { .. } => "ExpressionTooLong",
            Self::EnvironmentEmpty | Self::EnvironmentTooLong { .. } => "EnvironmentInvalid",
            Self::RepositoryInvalid { .. } => "RepositoryInvalid",
            Self::SecretRefused => "SecretRefused",
            Self::ApiVersionMissing { .. } => "ApiVersionMissing",
            Self::ReferenceInvalid { .. } => "SourceRefInvalid",
        }
    }
}

/// Of one object it is not known what state it is in, nor whether it exists.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ObservationError {
    /// It may not be read.
    #[error("{object}: {permission}")]
    Forbidden {
        /// The object.
        object: ObjectReference,
        /// What is missing.
        permission: Permission,
    },
    /// The cluster does not serve the version.
    #[error(
        "{object}: this cluster does not serve {}; see `kubectl api-versions`, and install the \
         CustomResourceDefinition if it is one", object.api_version
    )]
    VersionNotServed {
        /// The object.
        object: ObjectReference,
    },
    /// The version has no such kind.
    #[error(
        "{object}: {} of this cluster has no kind {}{}",
        object.api_version,
        object.kind,
        if nearest.is_some() { did_you_mean(nearest.as_deref()) } else { "; see `kubectl api-resources`".to_owned() }
    )]
    KindNotServed {
        /// The object.
        object: ObjectReference,
        /// The kind with the most similar name.
        nearest: Option<String>,
    },
    /// The API server cannot be asked, or does not answer as it should.
    #[error("{object} could not be read: {failure}")]
    Failed {
        /// The object.
        object: ObjectReference,
        /// What the API server did.
        failure: ApiFailure,
    },
    /// It borrows its pod template from what lends none.
    #[error("{borrower}: spec.workloadRef has to name a Deployment or ReplicaSet of apps/v1, or a PodTemplate of v1")]
    LenderInvalid {
        /// The object.
        borrower: ObjectReference,
    },
    /// The workload that has its pod template does not exist.
    #[error(
        "{borrower} takes its pods from {lender}, which does not exist or has no pod template: correct spec.workloadRef"
    )]
    LenderGone {
        /// The object.
        borrower: ObjectReference,
        /// The workload.
        lender: ObjectReference,
    },
    /// The workload that has its pod template cannot be read.
    #[error("{borrower} takes its pods from another workload: {error}")]
    LenderUnreadable {
        /// The object.
        borrower: ObjectReference,
        /// What keeps the workload from being read.
        error: Box<ObservationError>,
    },
}

impl ObservationError {
    /// One word in CamelCase, stable.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Forbidden { .. } => "Forbidden",
            Self::VersionNotServed { .. } | Self::KindNotServed { .. } => "KindUnknown",
            Self::Failed { failure, .. } => failure.reason(),
            Self::LenderInvalid { .. } => "WorkloadRefInvalid",
            Self::LenderGone { .. } => "WorkloadRefNotFound",
            Self::LenderUnreadable { error, .. } => error.reason(),
        }
    }

    /// True if the next look may not meet it again.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Failed { failure, .. } => failure.is_passing(),
            Self::LenderUnreadable { error, .. } => error.is_passing(),
            Self::Forbidden { .. }
            | Self::VersionNotServed { .. }
            | Self::KindNotServed { .. }
            | Self::LenderInvalid { .. }
            | Self::LenderGone { .. } => false,
        }
    }
}

/// A permission that is missing, displayed with the rule that gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// What was tried.
    pub verb: &'static str,
    /// API group; empty for the core group.
    pub group: String,
    /// Plural name of the resource, with a subresource as in `githubdeployments/status`.
    pub resource: String,
    /// Only the object of this name.
    pub name: Option<&'static str>,
    /// Where; none for cluster-scoped resources and for all namespaces.
    pub namespace: Option<String>,
    /// All namespaces were asked for.
    pub everywhere: bool,
    /// Every verb that the program needs there.
    pub needed: &'static [&'static str],
}

impl Permission {
    /// To do `verb` with a namespaced resource, where `needed` is all that the program does with it.
    #[must_use]
    pub fn in_scope(
        scope: &Scope,
        verb: &'static str,
        group: &str,
        resource: &str,
        needed: &'static [&'static str],
    ) -> Self {
        Self {
            verb,
            group: group.to_owned(),
            resource: resource.to_owned(),
            name: None,
            namespace: scope.namespace().map(ToOwned::to_owned),
            everywhere: *scope == Scope::All,
            needed,
        }
    }

    /// What it allows, such as `list deployments.apps in namespace shop`.
    #[must_use]
    pub fn what(&self) -> String {
        let mut text = format!("{} {}", self.verb, self.resource);
        if !self.group.is_empty() {
            text = format!("{text}.{}", self.group);
        }
        if let Some(name) = self.name {
            text = format!("{text} {name}");
        }
        match &self.namespace {
            Some(namespace) => format!("{text} in namespace {namespace}"),
            None if self.everywhere => format!("{text} in all namespaces"),
            None => text,
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = if self.namespace.is_some() {
            "Role there"
        } else {
            "ClusterRole"
        };
        write!(
            f,
            "may not {}: add to a {role} the rule {{apiGroups: [{:?}], resources: [{:?}],",
            self.what(),
            self.group,
            self.resource
        )?;
        if let Some(name) = self.name {
            write!(f, " resourceNames: [{name:?}],")?;
        }
        write!(f, " verbs: {:?}}}", self.needed)
    }
}

pub(super) fn did_you_mean(nearest: Option<&str>) -> String {
    nearest
        .map(|nearest| format!(", did you mean `{nearest}`?"))
        .unwrap_or_default()
}

fn in_words(found: &[String]) -> String {
    if found.is_empty() {
        "nothing".to_owned()
    } else {
        found.join(", ")
    }
}

/// The name among `known` that is most similar to `text`, if any is similar enough to have been meant.
pub(crate) fn nearest<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let lower = text.to_lowercase();
    known
        .map(|name| (strsim::jaro_winkler(&lower, &name.to_lowercase()), name))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name.to_owned())
}
