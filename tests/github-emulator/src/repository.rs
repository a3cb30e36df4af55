//! One repository: its refs as git resolves them, checks on commits, environments and deployments.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::json;

use crate::answer::Refusal;
use crate::identity::{commit_beginning_with, commit_of, is_hex};
use crate::state::Deployment;

/// How a ref stands to the default branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// It lacks commits that can be merged.
    Mergeable,
    /// It lacks commits that cannot be merged.
    Conflicting,
}

/// A tag: of a commit, or of a tag object that stands for a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// The commit.
    pub commit: String,
    /// The tag object of an annotated tag.
    pub object: Option<String>,
}

/// A place where deployments go.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Number.
    pub id: u64,
    /// Name as first written.
    pub name: String,
    /// First deployment.
    pub created_at: Timestamp,
    /// Last deployment or status.
    pub updated_at: Timestamp,
}

/// What an expression like `v1.0^{commit}` stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitObject {
    /// A commit.
    Commit(String),
    /// An annotated tag's object.
    Tag(String),
}

/// A repository.
#[derive(Debug)]
pub struct Repository {
    /// Number.
    pub id: u64,
    /// Owner.
    pub owner: String,
    /// Name without owner.
    pub name: String,
    /// Former `owner/name`s.
    pub former: BTreeSet<String>,
    /// Only visible to those who may.
    pub private: bool,
    /// Read-only.
    pub archived: bool,
    /// Locked by GitHub.
    pub disabled: bool,
    /// Name of the default branch.
    pub default_branch: String,
    /// Branches and their commits.
    pub branches: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, Tag>,
    /// Commits, those of branches and tags included.
    pub commits: BTreeSet<String>,
    /// Statuses and check runs of commits: context and state.
    pub contexts: BTreeMap<String, Vec<(String, String)>>,
    /// Refs and commits that lack something of the default branch.
    pub behind: BTreeMap<String, Behind>,
    /// Environments by name in lower case.
    pub environments: BTreeMap<String, Environment>,
    /// Deployments, oldest first.
    pub deployments: Vec<Deployment>,
    /// When it was made.
    pub created_at: Timestamp,
    any_ref: bool,
}

impl Repository {
    /// A public repository with a branch `main`.
    pub fn new(id: u64, owner: &str, name: &str, any_ref: bool, now: Timestamp) -> Self {
        let mut repository = Self {
            id,
            owner: owner.to_owned(),
            name: name.to_owned(),
            former: BTreeSet::new(),
            private: false,
            archived: false,
            disabled: false,
            default_branch: "main".to_owned(),
            branches: BTreeMap::new(),
            tags: BTreeMap::new(),
            commits: BTreeSet::new(),
            contexts: BTreeMap::new(),
            behind: BTreeMap::new(),
            environments: BTreeMap::new(),
            deployments: Vec::new(),
            created_at: now,
            any_ref,
        };
        repository.set_branch("main", None);
        repository
    }

    /// `owner/name`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// Makes or moves a branch; without a commit to one that follows from its name.
    pub fn set_branch(&mut self, name: &str, commit: Option<&str>) {
        let commit = commit.map_or_else(|| self.commit_for(name), str::to_owned);
        self.commits.insert(commit.clone());
        self.branches.insert(name.to_owned(), commit);
    }

    /// Makes or moves a tag.
    pub fn set_tag(&mut self, name: &str, commit: Option<&str>, annotated: bool) {
        let commit = commit.map_or_else(|| self.commit_for(name), str::to_owned);
        let object = annotated.then(|| commit_of(&format!("tag {} {name} {commit}", self.id)));
        self.commits.insert(commit.clone());
        self.tags.insert(name.to_owned(), Tag { commit, object });
    }

    fn commit_for(&self, name: &str) -> String {
        commit_of(&format!("{}/{} {name}", self.owner, self.name).to_ascii_lowercase())
    }

    /// The commit of a branch.
    pub fn branch(&self, name: &str) -> Option<String> {
        self.branches.get(name).cloned()
    }

    /// A tag; where any ref exists, every name that is neither a branch nor looks like a commit is a tag.
    pub fn tag(&self, name: &str) -> Option<Tag> {
        self.tags.get(name).cloned().or_else(|| {
            let free = !name.is_empty() && !is_hex(name) && !self.branches.contains_key(name);
            let imagined = self.any_ref && free && !name.starts_with("refs/") && name != "HEAD";
            imagined.then(|| Tag {
                commit: self.commit_for(name),
                object: None,
            })
        })
    }

    /// What a full ref name points at.
    pub fn full_ref(&self, name: &str) -> Option<GitObject> {
        if let Some(branch) = name.strip_prefix("refs/heads/") {
            return self.branch(branch).map(GitObject::Commit);
        }
        let tag = self.tag(name.strip_prefix("refs/tags/")?)?;
        Some(tag.object.map_or(GitObject::Commit(tag.commit), GitObject::Tag))
    }

    /// The full name of a ref that may be written in a short form, in git's order of looking.
    pub fn ref_name(&self, name: &str) -> Option<String> {
        let forms = [
            name.to_owned(),
            format!("refs/{name}"),
            format!("refs/tags/{name}"),
            format!("refs/heads/{name}"),
        ];
        forms.into_iter().find(|full| self.full_ref(full).is_some())
    }

    /// The commit with this full or unambiguous short id.
    pub fn commit(&self, id: &str) -> Option<String> {
        if !is_hex(id) {
            return None;
        }
        let id = id.to_ascii_lowercase();
        let mut matching = self.commits.iter().filter(|commit| commit.starts_with(&id));
        match (matching.next(), matching.next()) {
            (Some(commit), None) => Some(commit.clone()),
            (None, _) if self.any_ref => Some(commit_beginning_with(&id)),
            _ => None,
        }
    }

    /// `git rev-parse` for what clients send: names, ids, `HEAD`, and a suffix that peels tags.
    pub fn resolve(&self, expression: &str) -> Option<GitObject> {
        for peel in ["^{commit}", "^{}", "^0", "~0"] {
            if let Some(inner) = expression.strip_suffix(peel) {
                return self
                    .resolve(inner)
                    .and_then(|object| self.peel(&object))
                    .map(GitObject::Commit);
            }
        }
        if expression == "HEAD" {
            return self.branch(&self.default_branch).map(GitObject::Commit);
        }
        let object = |id: &str| {
            self.tags
                .values()
                .find(|tag| tag.object.as_deref() == Some(id))
                .map(|_| id.to_owned())
        };
        if expression.len() == 40
            && let Some(found) = object(expression)
                .map(GitObject::Tag)
                .or_else(|| self.commit(expression).map(GitObject::Commit))
        {
            return Some(found);
        }
        let named = self.ref_name(expression).and_then(|name| self.full_ref(&name));
        named.or_else(|| self.commit(expression).map(GitObject::Commit))
    }

    /// The commit that an object stands for.
    pub fn peel(&self, object: &GitObject) -> Option<String> {
        match object {
            GitObject::Commit(commit) => Some(commit.clone()),
            GitObject::Tag(id) => {
                let tag = self
                    .tags
                    .values()
                    .find(|tag| tag.object.as_deref() == Some(id.as_str()));
                tag.map(|tag| tag.commit.clone())
            }
        }
    }

    /// The commit that a name, full name or id stands for.
    pub fn resolve_commit(&self, name: &str) -> Option<String> {
        self.resolve(name).and_then(|object| self.peel(&object))
    }

    /// What `auto_merge` does to a ref: nothing, a merge with its message, or a conflict.
    pub fn merge_default_branch(&self, git_ref: &str, sha: &str) -> Result<Option<String>, Refusal> {
        match self.behind.get(git_ref).or_else(|| self.behind.get(sha)) {
            None => Ok(None),
            Some(Behind::Mergeable) => Ok(Some(format!(
                "Auto-merged {} into {git_ref} on deployment.",
                self.default_branch
            ))),
            Some(Behind::Conflicting) => {
                let message = format!("Conflict merging {} into {git_ref}.", self.default_branch);
                Err(Refusal::new(409, "UNPROCESSABLE", message))
            }
        }
    }

    /// Refuses unless the required contexts of the commit, by default all of them, are successful.
    pub fn check_contexts(&self, git_ref: &str, sha: &str, required: Option<&[String]>) -> Result<(), Refusal> {
        let known = self.contexts.get(sha).map(Vec::as_slice).unwrap_or_default();
        let mut checked: Vec<(String, String)> = match required {
            None => known.to_vec(),
            Some(names) => names
                .iter()
                .map(|name| {
                    let found = known.iter().find(|(context, _)| context == name);
                    (
                        name.clone(),
                        found.map_or("pending", |(_, state)| state.as_str()).to_owned(),
                    )
                })
                .collect(),
        };
        if checked.iter().all(|(_, state)| state == "success") {
            return Ok(());
        }
        let contexts: Vec<_> = checked
            .drain(..)
            .map(|(context, state)| json!({"context": context, "state": state}))
            .collect();
        let errors = json!([{
            "contexts": contexts, "resource": "Deployment", "field": "required_contexts", "code": "invalid",
        }]);
        let message = format!("Conflict: Commit status checks failed for {git_ref}.");
        Err(Refusal {
            errors: Some(Box::new(errors)),
            ..Refusal::new(409, "UNPROCESSABLE", message)
        })
    }

    /// Notes that something happened in an environment, which makes it if need be.
    pub fn touch_environment(&mut self, name: &str, last: &mut u64, now: Timestamp) {
        let environment = self.environments.entry(name.to_lowercase()).or_insert_with(|| {
            *last += 1;
            Environment {
                id: 7_000_000_000 + *last,
                name: name.to_owned(),
                created_at: now,
                updated_at: now,
            }
        });
        environment.updated_at = now;
    }

    /// The deployment of this number.
    pub fn deployment(&self, id: u64) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.id == id)
    }

    /// The deployment of this number, to be changed.
    pub fn deployment_mut(&mut self, id: u64) -> Option<&mut Deployment> {
        self.deployments.iter_mut().find(|deployment| deployment.id == id)
    }
}
