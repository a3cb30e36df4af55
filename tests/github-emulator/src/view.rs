//! What tests and the page look at: the world as plain data.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::iso;
use crate::identity::Node;
use crate::repository::Repository;
use crate::state::Deployment;

/// A repository to look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryView {
    /// `owner/name`.
    pub name: String,
    /// Only visible to those who may.
    pub private: bool,
    /// Read-only.
    pub archived: bool,
    /// Names of the environments.
    pub environments: Vec<String>,
    /// Deployments, oldest first.
    pub deployments: Vec<DeploymentView>,
}

/// A deployment to look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentView {
    /// Number.
    pub id: u64,
    /// Node id.
    pub node_id: String,
    /// Ref as sent.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// Commit.
    pub sha: String,
    /// Task.
    pub task: String,
    /// Environment now.
    pub environment: String,
    /// Environment at creation.
    pub original_environment: String,
    /// Payload as sent; null when left out.
    pub payload: Value,
    /// Description.
    pub description: Option<String>,
    /// The environment will go away.
    pub transient: bool,
    /// End users see the environment.
    pub production: bool,
    /// Login of who made it.
    pub creator: String,
    /// When.
    pub created_at: String,
    /// What GraphQL shows as state.
    pub state: String,
    /// Statuses, oldest first.
    pub statuses: Vec<StatusView>,
}

/// A status to look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusView {
    /// Number.
    pub id: u64,
    /// State in REST's words.
    pub state: String,
    /// Description.
    pub description: String,
    /// Environment.
    pub environment: String,
    /// Address of the environment.
    pub environment_url: String,
    /// Address of the log.
    pub log_url: String,
    /// When.
    pub created_at: String,
}

impl DeploymentView {
    /// The deployments of a repository, oldest first.
    pub(crate) fn of(repository: &Repository, now: Timestamp) -> Vec<Self> {
        let view = |deployment: &Deployment| Self {
            id: deployment.id,
            node_id: Node::Deployment(repository.id, deployment.id).encode(),
            git_ref: deployment.git_ref.clone(),
            sha: deployment.sha.clone(),
            task: deployment.task.clone(),
            environment: deployment.environment.clone(),
            original_environment: deployment.original_environment.clone(),
            payload: deployment.payload.clone().unwrap_or_default(),
            description: deployment.description.clone(),
            transient: deployment.transient,
            production: deployment.production,
            creator: deployment.creator.login.clone(),
            created_at: iso(deployment.created_at),
            state: deployment.shown_state(now),
            statuses: deployment
                .statuses
                .iter()
                .map(|status| StatusView {
                    id: status.id,
                    state: status.state.clone(),
                    description: status.description.clone(),
                    environment: status.environment.clone(),
                    environment_url: status.environment_url.clone(),
                    log_url: status.log_url.clone(),
                    created_at: iso(status.created_at),
                })
                .collect(),
        };
        repository.deployments.iter().map(view).collect()
    }

    /// The states it went through, oldest first.
    pub fn states(&self) -> Vec<&str> {
        self.statuses.iter().map(|status| status.state.as_str()).collect()
    }
}
