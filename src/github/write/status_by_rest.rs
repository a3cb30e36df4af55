//! Posting a status by REST, for servers without the mutation `createDeploymentStatus`.
//!
//! GitHub Enterprise Server has it since 3.14; before, it is a preview that has to be asked for by a header (GitHub's
//! documentation, `src/graphql/data/ghes-3.13/schema.json` and `ghes-3.14/schema.json`). REST goes by a number, where
//! everything else here goes by the node id.

use http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{GitHub, NewStatus, garbled};
use crate::{
    github::{answer::CallError, error::GitHubError, limits::Api, recent::Status},
    plan::{LatestStatus, Repository},
};

/// Deployments on a page of REST, and pages that are looked through.
const PAGE: usize = 100;
const PAGES: usize = 10;

impl GitHub {
    /// Posts a status by REST.
    pub(super) async fn post_status_by_rest(&self, new: &NewStatus) -> Result<(), CallError> {
        #[derive(Deserialize)]
        #[serde(expecting = "a deployment status")]
        struct Posted {
            node_id: String,
            state: String,
            created_at: Timestamp,
        }
        let client = &self.inner.client;
        // Whatever goes wrong before the status is sent leaves nothing behind.
        let number = self.number(new).await.map_err(CallError::before_sending)?;
        let budget = client.budget(Api::Rest, &new.repository.owner);
        client
            .limits()
            .write(&budget, self.deadline)
            .await
            .map_err(GitHubError::limited)?;
        let mut body = json!({
            "state": new.state.as_str(),
            "description": new.description,
            "auto_inactive": new.auto_inactive,
        });
        for (name, url) in [("environment_url", &new.environment_url), ("log_url", &new.log_url)] {
            if let Some(url) = url {
                body[name] = Value::from(url.as_str());
            }
        }
        let Repository { owner, name } = &new.repository;
        let url = client
            .address()
            .endpoint(&["repos", owner, name, "deployments", &number.to_string(), "statuses"]);
        let answer = client.send(owner, Method::POST, url, Some(&body)).await?;
        if !answer.status.is_success() {
            return Err(self.refusal(&answer, &new.repository, None, &new.action()));
        }
        let posted: Posted = answer.json()?;
        let status = Status {
            id: posted.node_id,
            state: LatestStatus::parse(&posted.state),
            created_at: posted.created_at,
        };
        self.inner.recent.posted(&new.deployment, status);
        Ok(())
    }

    /// The number of a deployment: known since it was created here, or by GraphQL as long as it has no more than 32
    /// bits, or else in the list of deployments of its commit.
    async fn number(&self, new: &NewStatus) -> Result<u64, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Shown {
            database_id: Option<u64>,
            commit_oid: String,
        }
        if let Some(number) = self.inner.recent.number(&new.deployment) {
            return Ok(number);
        }
        let query = "query($id: ID!) {\n  node(id: $id) { ... on Deployment { databaseId commitOid } }\n}\n";
        let owner = &new.repository.owner;
        let answer = self
            .inner
            .client
            .query(owner, query, json!({ "id": new.deployment }))
            .await?;
        let shown = answer.data.get("node").cloned().unwrap_or_default();
        let shown: Shown = serde_json::from_value(shown).map_err(garbled)?;
        match shown.database_id {
            Some(number) => Ok(number),
            None => self.listed_number(new, &shown.commit_oid).await,
        }
    }

    async fn listed_number(&self, new: &NewStatus, commit: &str) -> Result<u64, CallError> {
        #[derive(Deserialize)]
        struct Listed {
            id: u64,
            node_id: String,
        }
        let client = &self.inner.client;
        let Repository { owner, name } = &new.repository;
        let list = client.address().endpoint(&["repos", owner, name, "deployments"]);
        for page in 1..=PAGES {
            let url = format!("{list}?sha={commit}&per_page={PAGE}&page={page}");
            let answer = client.send(owner, Method::GET, url, None).await?;
            if !answer.status.is_success() {
                return Err(self.refusal(&answer, &new.repository, None, &new.action()));
            }
            let deployments: Vec<Listed> = answer.json()?;
            if let Some(found) = deployments.iter().find(|listed| listed.node_id == new.deployment) {
                return Ok(found.id);
            }
            if deployments.len() < PAGE {
                break;
            }
        }
        Err(GitHubError::NoNumber {
            repository: new.repository.clone(),
            deployment: new.deployment.clone(),
        }
        .into())
    }
}
