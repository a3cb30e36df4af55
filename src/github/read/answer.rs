//! The answers: what GitHub says to each question of a request, `data` and `errors` together.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::{
    ResolvedRef,
    query::{Piece, aliases},
};
use crate::{
    github::{
        GitHub,
        answer::{GraphQl, GraphQlError},
        error::{GitHubError, quoted},
        marker,
        recent::Status,
    },
    plan::{DEFAULT_TASK, Deployment, Environment, GitRef, LatestStatus, Marker, Repository},
};

/// The answer to a piece.
pub(super) enum Found {
    Window(Window),
    Ref(ResolvedRef),
}

pub(super) struct Window {
    pub(super) deployments: Vec<Deployment>,
    pub(super) created: Vec<Timestamp>,
    pub(super) more: bool,
    pub(super) cursor: Option<String>,
    pub(super) read_at: Instant,
    pub(super) facts: Facts,
}

/// What an answer says about a piece.
pub(super) enum Outcome {
    Done(Found),
    Failed(GitHubError),
    /// Nothing usable: to be asked again.
    Again,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Facts {
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) is_private: bool,
    #[serde(default)]
    pub(super) is_archived: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    nodes: Vec<Node>,
    page_info: PageInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

/// A deployment as the query asks for it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::github) struct Node {
    pub(in crate::github) id: String,
    task: Option<String>,
    #[serde(default)]
    payload: Value,
    commit_oid: String,
    pub(in crate::github) created_at: Timestamp,
    environment: Option<String>,
    latest_environment: Option<String>,
    #[serde(rename = "ref")]
    git_ref: Option<Name>,
    latest_status: Option<StatusNode>,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::github) struct StatusNode {
    id: String,
    state: String,
    created_at: Timestamp,
}

impl GitHub {
    pub(super) fn outcomes(&self, pieces: &[Piece], answer: &GraphQl, read_at: Instant) -> Vec<Outcome> {
        let repositories = aliases(pieces);
        let outcome = |(index, piece): (usize, &Piece)| {
            let Some(alias) = repositories.get(piece.repository()) else {
                return Outcome::Again;
            };
            let repository = answer.data.get(alias).filter(|value| !value.is_null());
            let Some(repository) = repository else {
                return self.repository_missing(piece.repository(), alias, answer);
            };
            match piece {
                Piece::Window { environment, .. } => {
                    self.window(environment, [alias, &format!("e{index}")], repository, answer, read_at)
                }
                Piece::Ref { name, .. } => resolve(name, alias, index, repository, answer),
            }
        };
        pieces.iter().enumerate().map(outcome).collect()
    }

    /// Null is "not found" only where GitHub says so.
    fn repository_missing(&self, repository: &Repository, alias: &str, answer: &GraphQl) -> Outcome {
        if answer.errors.iter().any(|error| error.is_about_missing(repository)) {
            return Outcome::Failed(self.inner.client.not_found(repository, &answer.remarks));
        }
        let mut errors = answer.errors.iter().filter(|error| error.is_within(&[alias]));
        let Some(error) = errors.clone().find(|error| error.is_at(&[alias])) else {
            // By GitHub's schema its deployments are never null: where they may not be seen, all of it is null.
            return match errors.find(|error| error.is_permission()) {
                Some(error) => Outcome::Failed(self.forbidden(repository, "deployments: read", error, answer)),
                None => Outcome::Again,
            };
        };
        if error.is("NOT_FOUND") {
            return Outcome::Failed(self.inner.client.not_found(repository, &answer.remarks));
        }
        if error.is_permission() {
            return Outcome::Failed(self.forbidden(repository, "deployments: write", error, answer));
        }
        Outcome::Again
    }

    fn window(
        &self,
        environment: &Environment,
        path: [&str; 2],
        repository: &Value,
        answer: &GraphQl,
        read_at: Instant,
    ) -> Outcome {
        let mut errors = answer.errors.iter().filter(|error| error.is_within(&path));
        if let Some(error) = errors.clone().find(|error| error.is_at(&path) && error.is_permission()) {
            let error = self.forbidden(&environment.repository, "deployments: read", error, answer);
            return Outcome::Failed(error);
        }
        // Whoever may not read contents may not read the ref of a deployment; everything else has to be there.
        if errors.any(|error| !(error.is_permission() && error.field() == Some("ref"))) {
            return Outcome::Again;
        }
        let connection = repository
            .get(path[1])
            .cloned()
            .map(serde_json::from_value::<Connection>);
        let facts = serde_json::from_value::<Facts>(repository.clone());
        let (Some(Ok(connection)), Ok(facts)) = (connection, facts) else {
            return Outcome::Again;
        };
        let (deployments, created) = connection
            .nodes
            .into_iter()
            .filter(|node| node.is_of(environment))
            .map(|node| {
                let created_at = node.created_at;
                (self.deployment(node), created_at)
            })
            .unzip();
        Outcome::Done(Found::Window(Window {
            deployments,
            created,
            more: connection.page_info.has_next_page,
            cursor: connection.page_info.end_cursor,
            read_at,
            facts,
        }))
    }

    /// A deployment as it is, or, if this process posted on it since, as it will be shown.
    pub(in crate::github) fn deployment(&self, node: Node) -> Deployment {
        let task = node.task().to_owned();
        let status = self
            .inner
            .recent
            .latest_status(&node.id, node.latest_status.map(Status::from));
        Deployment {
            id: None,
            task,
            ref_name: node.git_ref.map(|git_ref| GitRef::new(&git_ref.name)),
            commit: node.commit_oid,
            status,
            marker: marker::read(&node.payload),
            node_id: node.id,
        }
    }

    fn forbidden(
        &self,
        repository: &Repository,
        permission: &'static str,
        error: &GraphQlError,
        answer: &GraphQl,
    ) -> GitHubError {
        self.inner.client.forbidden(
            Some(repository),
            permission,
            quoted(&error.message),
            &error.remarks(answer),
        )
    }
}

impl Node {
    pub(in crate::github) fn task(&self) -> &str {
        let given = self.task.as_deref().filter(|task| !task.is_empty());
        given.unwrap_or(DEFAULT_TASK)
    }

    pub(in crate::github) fn marker(&self) -> Option<Marker> {
        marker::read(&self.payload)
    }

    /// GitHub's filter may go by the environment that a deployment was created for, and by case.
    pub(in crate::github) fn is_of(&self, environment: &Environment) -> bool {
        let name = self.latest_environment.as_ref().or(self.environment.as_ref());
        name.is_none_or(|name| name.to_lowercase() == environment.name.to_lowercase())
    }
}

impl From<StatusNode> for Status {
    fn from(node: StatusNode) -> Self {
        Self {
            id: node.id,
            state: LatestStatus::parse(&node.state),
            created_at: node.created_at,
        }
    }
}

impl GraphQlError {
    /// True if the credentials may not do or see this.
    pub(in crate::github) fn is_permission(&self) -> bool {
        self.is("FORBIDDEN") || self.is("INSUFFICIENT_SCOPES")
    }
}

/// What a ref is, by the answers to its three questions: what git makes of the text, and whether a branch or a tag
/// has the name.
fn resolve(name: &str, alias: &str, index: usize, repository: &Value, answer: &GraphQl) -> Outcome {
    let git_ref = GitRef::new(name);
    let fields = ["o", "b", "t"].map(|letter| format!("{letter}{index}"));
    let is_ours = |error: &&GraphQlError| fields.iter().any(|field| error.is_within(&[alias, field]));
    let mut errors = answer.errors.iter().filter(is_ours).peekable();
    if errors.peek().is_some() {
        return if errors.all(GraphQlError::is_permission) {
            Outcome::Done(Found::Ref(ResolvedRef::NotReadable { git_ref }))
        } else {
            Outcome::Again
        };
    }
    let [object, branch, tag] = fields.map(|field| repository.get(field).cloned());
    let (Some(object), Some(branch), Some(tag)) = (object, branch, tag) else {
        return Outcome::Again;
    };
    let resolved = resolved(name, git_ref, commit(&object), [&tag, &branch]);
    Outcome::Done(Found::Ref(resolved))
}

fn resolved(name: &str, git_ref: GitRef, object: Option<String>, named: [&Value; 2]) -> ResolvedRef {
    let movable = named.iter().any(|value| !value.is_null());
    if movable {
        // Where hex digits are a name, git may still take them for a commit: then the name says which one it is.
        let by_name = || named.iter().find_map(|value| commit(value.get("target")?));
        let commit = if git_ref.looks_like_commit() && git_ref.as_str() == name {
            by_name()
        } else {
            object
        };
        return match commit {
            Some(commit) => ResolvedRef::Found {
                git_ref,
                commit: Some(commit),
                movable,
            },
            None => ResolvedRef::NotFound,
        };
    }
    match object {
        Some(id) if git_ref.looks_like_commit() && id.starts_with(&git_ref.as_str().to_ascii_lowercase()) => {
            ResolvedRef::Found {
                git_ref: GitRef::new(&id),
                commit: Some(id),
                movable,
            }
        }
        // Such as `refs/pull/1/merge`. Everything else that git understands, such as `git describe` prints, is a way to
        // find a commit but no ref: GitHub would refuse it.
        Some(id) if name.starts_with("refs/") => ResolvedRef::Found {
            git_ref,
            commit: Some(id),
            movable,
        },
        _ => ResolvedRef::NotFound,
    }
}

/// The id of a commit, or of the commit that a tag stands for.
fn commit(object: &Value) -> Option<String> {
    let mut object = object;
    loop {
        match object.get("__typename")?.as_str()? {
            "Commit" => return object.get("oid")?.as_str().map(str::to_ascii_lowercase),
            "Tag" => object = object.get("target")?,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests;
