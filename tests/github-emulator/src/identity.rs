//! Identifiers as GitHub makes them: commits of 40 hex digits, opaque node ids, hashes of tokens for the journal.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// What a node id stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A repository, by its number.
    Repository(u64),
    /// A deployment of a repository.
    Deployment(u64, u64),
    /// A status of a deployment of a repository: the repository and the status.
    Status(u64, u64),
    /// An environment of a repository.
    Environment(u64, u64),
    /// A branch or tag of a repository by its full name.
    Ref(u64, String),
    /// A commit of a repository.
    Commit(u64, String),
    /// An annotated tag object of a repository.
    Tag(u64, String),
}

/// First bytes of what GitHub encodes: a list, and the number of the repository in four bytes.
const HEAD: [u8; 3] = [0x93, 0x00, 0xce];

impl Node {
    /// The id that clients see; to them it has no meaning.
    pub fn encode(&self) -> String {
        let (prefix, repository, rest) = match self {
            Self::Repository(id) => ("R", *id, Vec::new()),
            Self::Deployment(repository, id) => ("DE", *repository, id.to_be_bytes().to_vec()),
            Self::Status(repository, id) => ("DES", *repository, id.to_be_bytes().to_vec()),
            Self::Environment(repository, id) => ("EN", *repository, id.to_be_bytes().to_vec()),
            Self::Ref(repository, name) => ("REF", *repository, name.clone().into_bytes()),
            Self::Commit(repository, sha) => ("C", *repository, sha.clone().into_bytes()),
            Self::Tag(repository, sha) => ("TA", *repository, sha.clone().into_bytes()),
        };
        let number = u32::try_from(repository).unwrap_or(u32::MAX);
        let bytes = [HEAD.as_slice(), &number.to_be_bytes(), &rest].concat();
        format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What an id stands for; `None` for anything that [`Node::encode`] has not made.
    pub fn decode(id: &str) -> Option<Self> {
        let (prefix, text) = id.split_once('_')?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let bytes = bytes.strip_prefix(&HEAD)?;
        let (number, rest) = bytes.split_first_chunk::<4>()?;
        let repository = u64::from(u32::from_be_bytes(*number));
        let id = || Some(u64::from_be_bytes(rest.try_into().ok()?));
        let name = || String::from_utf8(rest.to_vec()).ok();
        Some(match prefix {
            "R" => Self::Repository(repository),
            "DE" => Self::Deployment(repository, id()?),
            "DES" => Self::Status(repository, id()?),
            "EN" => Self::Environment(repository, id()?),
            "REF" => Self::Ref(repository, name()?),
            "C" => Self::Commit(repository, name()?),
            "TA" => Self::Tag(repository, name()?),
            _ => return None,
        })
    }
}

/// Hex digits of the SHA-256 of `text`.
pub fn digest(text: impl AsRef<[u8]>) -> String {
    Sha256::digest(text.as_ref())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A commit that belongs to `name` for ever: equal names give equal commits.
pub fn commit_of(name: &str) -> String {
    digest(name).chars().take(40).collect()
}

/// The commit that an abbreviation stands for where every commit exists.
pub fn commit_beginning_with(abbreviation: &str) -> String {
    let rest = commit_of(abbreviation);
    abbreviation
        .chars()
        .chain(rest.chars())
        .take(40)
        .collect::<String>()
        .to_ascii_lowercase()
}

/// Whether `name` can be a commit or the beginning of one.
pub fn is_hex(name: &str) -> bool {
    (7..=40).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}
