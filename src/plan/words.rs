//! The words of the decision: what a source wants, what GitHub has, and how the two name the same thing.
//!
//! Everything here is data. Both sides are brought to one form before they are compared: environments and
//! repositories without case, refs by [`GitRef`], identities as short hashes by [`Identity`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::state::{LatestStatus, State};

/// A GitHub repository. GitHub compares owner and name without case, and so does this type.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Repository {
    /// User or organisation.
    pub owner: String,
    /// Name without the owner.
    pub name: String,
}

/// An environment of a repository: what GitHub's own `auto_inactive` works on. Compared without case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Environment {
    /// Where it is.
    pub repository: Repository,
    /// Its name, as first written by the user.
    pub name: String,
}

/// A ref in the one form in which it is sent, kept in the marker and compared: a name without
/// `refs/heads/` and `refs/tags/`, or the full id of a commit where the repository could be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GitRef(String);

/// Who a source is, in the form of the marker: hashes of 12 hex digits, and the object's own uid and rollout.
///
/// `None` is "not known", and unknown never equals unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Namespace and name of the GitHubDeployment; none for a source from flags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
    /// The cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Hash>,
    /// Cluster, kind, namespace and name of the object together; not known where the cluster is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Hash>,
    /// uid of the object; not known for an object that is gone or that comes from a file without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// A short hash of the pod template; none for kinds without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Hash>,
}

/// Namespace and name of a GitHubDeployment, each hashed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct By(pub Hash, pub Hash);

/// 12 hex digits of a SHA-256: enough to compare by, too little to read a name from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hash(String);

/// What a deployment's payload says about the source it was made for. Written once, at creation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Version of the marker's form.
    pub v: u32,
    /// The ref as it was sent.
    #[serde(rename = "ref")]
    pub git_ref: GitRef,
    /// GraphQL does not tell `transient_environment`, so the marker does.
    #[serde(default)]
    pub transient: bool,
    /// Likewise `production_environment`.
    #[serde(default)]
    pub production: bool,
    /// The source.
    #[serde(flatten)]
    pub identity: Identity,
    /// The source for people, such as `Deployment shop/app`; left out with `--details minimal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// One deployment as GitHub shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Node id, opaque.
    pub node_id: String,
    /// Number in addresses, where GitHub told it: GraphQL's `databaseId` is too narrow for today's ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// GitHub's task.
    pub task: String,
    /// The recorded ref name, where GitHub still knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ref_name: Option<GitRef>,
    /// The commit the ref was when the deployment was created.
    pub commit: String,
    /// Latest status.
    pub status: LatestStatus,
    /// Ours if there is one, otherwise someone else's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<Marker>,
}

/// A source that has something to say: its object was read, and a ref found in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Its place in the caller's list: changes and verdicts refer to it.
    pub index: usize,
    /// Namespace/name of the GitHubDeployment, or of the object for a source from flags: for the order only.
    pub sort_name: String,
    /// Who it is.
    pub identity: Identity,
    /// GitHub's task.
    pub task: String,
    /// The ref, in its one form.
    pub git_ref: GitRef,
    /// What the ref resolves to now; not known where the credentials may not read contents.
    #[serde(default)]
    pub commit: Option<String>,
    /// True if a branch or tag has the ref's name: such a ref can move.
    #[serde(default)]
    pub movable: bool,
    /// What GitHub is to show. Never [`State::Inactive`].
    pub state: State,
    /// `spec.repository.recover`
    #[serde(default)]
    pub recover: bool,
    /// `spec.repository.autoInactive`, default true.
    pub auto_inactive: bool,
    /// `transient_environment` of what is created.
    #[serde(default)]
    pub transient: bool,
    /// `production_environment` of what is created.
    #[serde(default)]
    pub production: bool,
    /// A source from flags whose ref was given with `--ref`.
    #[serde(default)]
    pub given_ref: bool,
    /// `--since` is given and the object's last change is older.
    #[serde(default)]
    pub older_than_since: bool,
}

/// A source whose object is terminating or gone, or whose GitHubDeployment is being deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Off {
    /// Its place in the caller's list.
    pub index: usize,
    /// Who it is.
    pub identity: Identity,
    /// GitHub's task.
    pub task: String,
    /// `deletionPolicy: Close` of a GitHubDeployment that is being deleted.
    #[serde(default)]
    pub close: bool,
}

/// A source of which this pass knows too little: suspended, unreadable, or without a readable ref.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// Its place in the caller's list.
    pub index: usize,
    /// Who it is, as far as known.
    pub identity: Identity,
    /// GitHub's task.
    pub task: String,
}

/// What a pass knows about GitHubDeployments beyond those that speak for the environment at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Knowledge {
    /// The cluster this pass reads, if known.
    pub cluster: Option<Hash>,
    /// Where the absence of a GitHubDeployment means something.
    #[serde(default)]
    pub complete: ReadNamespaces,
    /// Every GitHubDeployment of this pass, and what it names now.
    #[serde(with = "named_pairs")]
    pub named: BTreeMap<By, Named>,
}

/// What a GitHubDeployment names now, as far as that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Hash>,
    /// The environment that it speaks for; not known of one that is left alone, such as a suspended one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
}

/// The namespaces of which this pass read every GitHubDeployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadNamespaces {
    /// All there are.
    Every,
    /// Those of these hashes.
    Only(BTreeSet<Hash>),
}

impl Default for ReadNamespaces {
    fn default() -> Self {
        Self::Only(BTreeSet::new())
    }
}

/// The deployments of one environment, all tasks, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Existing {
    /// Newest first.
    pub deployments: Vec<Deployment>,
    /// False if the history was too long, or could not be read, to the end that the decision needs.
    pub complete: bool,
}

/// The task of GitHub where none is given.
pub const DEFAULT_TASK: &str = "deploy";

/// The payload's key under which the marker is kept. Annotations cannot set it.
pub const MARKER_KEY: &str = "kubeStatusToGithub";

/// The version of the marker that this program writes.
pub const MARKER_VERSION: u32 = 1;

/// A repository name that is not of the form `owner/name`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("repository {text:?} is not of the form owner/name")]
pub struct RepositoryError {
    /// What was given.
    pub text: String,
}

impl Repository {
    /// Reads `owner/name`, or `name` alone where `default_owner` is given.
    ///
    /// # Errors
    /// When there is no owner, or a part has a character that GitHub does not allow in it.
    pub fn parse(text: &str, default_owner: Option<&str>) -> Result<Self, RepositoryError> {
        let error = || RepositoryError { text: text.to_owned() };
        let (owner, name) = match text.split_once('/') {
            Some((owner, name)) => (owner, name),
            None => (default_owner.ok_or_else(error)?, text),
        };
        let legal = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
                && !matches!(part, "." | "..")
        };
        if !legal(owner) || !legal(name) {
            return Err(error());
        }
        Ok(Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
        })
    }

    fn key(&self) -> (String, String) {
        (self.owner.to_ascii_lowercase(), self.name.to_ascii_lowercase())
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

impl TryFrom<String> for Repository {
    type Error = RepositoryError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text, None)
    }
}

impl From<Repository> for String {
    fn from(repository: Repository) -> Self {
        repository.to_string()
    }
}

impl Environment {
    fn key(&self) -> ((String, String), String) {
        (self.repository.key(), self.name.to_lowercase())
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} environment {}", self.repository, self.name)
    }
}

/// Equality, order and hash of both names ignore case: each goes by the type's `key`.
macro_rules! compare_by_key {
    ($name:ty) => {
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.key() == other.key()
            }
        }

        impl Eq for $name {}

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.key().cmp(&other.key())
            }
        }

        impl std::hash::Hash for $name {
            fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
                self.key().hash(hasher);
            }
        }
    };
}
compare_by_key!(Repository);
compare_by_key!(Environment);

impl GitRef {
    /// The ref of a name as it was extracted or recorded, or of a full commit id.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let short = name
            .strip_prefix("refs/heads/")
            .or_else(|| name.strip_prefix("refs/tags/"))
            .unwrap_or(name);
        Self(short.to_owned())
    }

    /// The text to send.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for 7 to 40 hex digits: what may be a commit.
    #[must_use]
    pub fn looks_like_commit(&self) -> bool {
        (7..=40).contains(&self.0.len()) && self.0.bytes().all(|b| b.is_ascii_hexdigit())
    }

    /// Equal text; or two commits of which one begins with the other, since credentials that may not read
    /// contents send the short one.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        if self.0 == other.0 {
            return true;
        }
        let (a, b) = (self.0.to_ascii_lowercase(), other.0.to_ascii_lowercase());
        self.looks_like_commit() && other.looks_like_commit() && (a.starts_with(&b) || b.starts_with(&a))
    }
}

impl fmt::Display for GitRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Hash {
    /// Hashes the parts, each kept apart from its neighbours.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part.len().to_be_bytes());
            digest.update(part.as_bytes());
        }
        let hex = digest
            .finalize()
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self(hex)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl By {
    /// The hashes of a GitHubDeployment's namespace and name.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Self {
        Self(Hash::of(&[namespace]), Hash::of(&[name]))
    }
}

/// JSON has no maps with composite keys: `named` is written as a list of pairs.
mod named_pairs {
    use super::{BTreeMap, By, Named};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(map: &BTreeMap<By, Named>, serializer: S) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<By, Named>, D::Error> {
        Ok(Vec::<(By, Named)>::deserialize(deserializer)?.into_iter().collect())
    }
}
