//! Writing: deployments and their statuses, each write at most once.
//!
//! A write whose answer is lost may have been done. What it would have left is looked for; only a status, of which
//! the look shows that it is not there, is sent a second time.

mod status_by_rest;

use std::{sync::atomic::Ordering, time::Duration};

use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{
    GitHub,
    answer::{Answer, CallError, GraphQl, GraphQlError},
    error::{Cause, GitHubError, NoAnswer, WriteError, quoted},
    limits::Api,
    marker,
    read::{DEPLOYMENT, Node, StatusNode},
    recent::{Dated, Status},
};
use crate::plan::{Deployment, Environment, GitRef, LatestStatus, Marker, Repository, State};

/// How long GitHub is given to finish what it may still be doing before it is asked what it did.
const SETTLE: Duration = Duration::from_secs(2);

/// How long a look may wait for the end of a limit.
const LOOK_PATIENCE: Duration = Duration::from_secs(60);

/// A deployment whose answer was lost is among so many of the newest ones, if it is there.
const LOOK: usize = 30;

/// A deployment to be created.
#[derive(Clone, Debug)]
pub struct NewDeployment {
    /// Where.
    pub repository: Repository,
    /// The environment's name.
    pub environment: String,
    /// GitHub's task.
    pub task: String,
    /// The ref to send.
    pub git_ref: GitRef,
    /// The annotations. The marker comes in beside them.
    pub payload: Map<String, Value>,
    /// The marker; also says whether the environment is transient or for production.
    pub marker: Marker,
    /// For people, at most 140 characters, see [`super::describe`].
    pub description: String,
    /// Node id of the newest deployment of the last reading: only what is newer can be this one.
    pub known: Option<String>,
}

/// A status to be posted.
#[derive(Clone, Debug)]
pub struct NewStatus {
    /// Where the deployment is.
    pub repository: Repository,
    /// Node id of the deployment.
    pub deployment: String,
    /// What to show.
    pub state: State,
    /// For people, at most 140 characters, see [`super::describe`].
    pub description: String,
    /// Where the environment can be seen.
    pub environment_url: Option<String>,
    /// Where the log of the rollout can be seen.
    pub log_url: Option<String>,
    /// GitHub is to close the other deployments of the environment.
    pub auto_inactive: bool,
}

/// A deployment that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Node id.
    pub node_id: String,
    /// The number in addresses; not known where the answer was lost and the deployment was found by its marker.
    pub id: Option<u64>,
}

/// A deployment as REST shows it.
#[derive(Deserialize)]
struct RestDeployment {
    id: u64,
    node_id: String,
    sha: String,
    created_at: Option<Timestamp>,
}

impl GitHub {
    /// Creates a deployment, without a status. Waits for its turn first, since GitHub limits writes.
    ///
    /// # Errors
    /// [`WriteError::Lost`] if it is not known whether the deployment was created; it must not be created again
    /// before the environment is read. After any other error it was not created.
    pub async fn create_deployment(&self, new: &NewDeployment) -> Result<Created, WriteError> {
        let client = &self.inner.client;
        client.expect(&new.repository);
        let Repository { owner, name } = &new.repository;
        // A deployment says nothing before it has a status, and that takes the other interface.
        if let Some(silence) = client.limits().until(&client.budget(Api::GraphQl, owner)) {
            return Err(GitHubError::limited(silence));
        }
        let budget = client.budget(Api::Rest, owner);
        client
            .limits()
            .write(&budget, self.deadline)
            .await
            .map_err(GitHubError::limited)?;
        let url = client.address().endpoint(&["repos", owner, name, "deployments"]);
        let body = json!({
            "ref": new.git_ref,
            "task": new.task,
            "auto_merge": false,
            "required_contexts": [],
            "payload": marker::write(&new.marker, &new.payload),
            "environment": new.environment,
            "description": new.description,
            "transient_environment": new.marker.transient,
            "production_environment": new.marker.production,
        });
        let answer = match client.send(owner, Method::POST, url, Some(&body)).await {
            Ok(answer) => answer,
            Err(error) => return self.find_created(new, error).await,
        };
        if !answer.status.is_success() {
            let error = self.refusal(&answer, &new.repository, Some(&new.git_ref), &new.action());
            return self.find_created(new, error).await;
        }
        match new.answered(&answer) {
            Ok(answered) => Ok(self.remember(
                new,
                answered.node_id,
                Some(answered.id),
                answered.sha,
                answered.created_at,
            )),
            Err(error) => self.find_created(new, error).await,
        }
    }

    /// When the next write would have its turn, if it had to wait for that longer than `longest`.
    ///
    /// Whoever writes what a reading led to waits before the reading, not after it.
    #[must_use]
    pub fn far_turn(&self, longest: Duration) -> Option<Instant> {
        self.inner.client.limits().far_turn(longest)
    }

    /// Posts a status. Waits for its turn first, since GitHub limits writes.
    ///
    /// # Errors
    /// [`WriteError::Lost`] if it is not known whether the status was posted. After any other error it was not.
    pub async fn create_status(&self, new: &NewStatus) -> Result<(), WriteError> {
        self.inner.client.expect(&new.repository);
        let mut second = false;
        loop {
            let cause = match self.post_status(new).await {
                Ok(()) => return Ok(()),
                Err(error) => self.doubt(error)?,
            };
            self.settle(&new.repository.owner).await;
            let latest = self.latest_status(new).await.map_err(|_| new.lost(cause.clone()))?;
            if let Some(status) = latest.filter(|status| status.shows(new.state)) {
                self.inner.recent.posted(&new.deployment, status);
                return Ok(());
            }
            if second {
                return Err(new.lost(cause));
            }
            second = true;
        }
    }

    /// Posts a status by the mutation, or by REST where this GitHub does not offer the mutation.
    async fn post_status(&self, new: &NewStatus) -> Result<(), CallError> {
        if !self.inner.statuses_by_rest.load(Ordering::Relaxed) {
            match self.post_status_by_graphql(new).await {
                Err(CallError::NotOffered { message, .. }) => {
                    tracing::debug!(message, "this GitHub has no mutation for statuses: by REST from now on");
                    self.inner.statuses_by_rest.store(true, Ordering::Relaxed);
                }
                done => return done,
            }
        }
        self.post_status_by_rest(new).await
    }

    async fn post_status_by_graphql(&self, new: &NewStatus) -> Result<(), CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", expecting = "an object with the deployment status")]
        struct Posted {
            deployment_status: StatusNode,
        }
        let client = &self.inner.client;
        let budget = client.budget(Api::GraphQl, &new.repository.owner);
        client
            .limits()
            .write(&budget, self.deadline)
            .await
            .map_err(GitHubError::limited)?;
        let mut input = json!({
            "deploymentId": new.deployment,
            "state": new.state.as_str().to_ascii_uppercase(),
            "description": new.description,
            "autoInactive": new.auto_inactive,
        });
        for (name, url) in [("environmentUrl", &new.environment_url), ("logUrl", &new.log_url)] {
            if let Some(url) = url {
                input[name] = Value::from(url.as_str());
            }
        }
        let query = "mutation($input: CreateDeploymentStatusInput!) {\n  \
                     createDeploymentStatus(input: $input) { deploymentStatus { id state createdAt } }\n}\n";
        let answer = client
            .graphql(&new.repository.owner, query, json!({ "input": input }), &new.action())
            .await
            .map_err(|error| new.named(error))?;
        let posted = answer.data.get("createDeploymentStatus").cloned().unwrap_or_default();
        let posted = match (serde_json::from_value::<Posted>(posted), answer.errors.first()) {
            // A status that is there was posted, whatever the errors beside it say.
            (Ok(posted), _) => posted,
            (Err(_), Some(error)) => return Err(self.refused_status(new, error, &answer)),
            (Err(error), None) => return Err(garbled(error)),
        };
        self.inner
            .recent
            .posted(&new.deployment, Status::from(posted.deployment_status));
        Ok(())
    }

    /// After a write that failed: why nobody knows whether it was done all the same.
    ///
    /// # Errors
    /// Where it is known that it was not.
    fn doubt(&self, error: CallError) -> Result<Cause, WriteError> {
        match error {
            CallError::Lost { cause, .. } => Ok(cause),
            CallError::Heavy { message } => Ok(std::sync::Arc::new(NoAnswer::Garbled { message })),
            CallError::Known(_)
            | CallError::NoCredentials(_)
            | CallError::NotSent(_)
            | CallError::NotOffered { .. } => Err(self.inner.client.unread(error)),
        }
    }

    /// Waits before a look: for what GitHub may still be doing, and for the end of a limit if that is near.
    async fn settle(&self, owner: &str) {
        tokio::time::sleep(SETTLE).await;
        let client = &self.inner.client;
        let budget = client.budget(Api::GraphQl, owner);
        // A look into a limit that lasts longer is refused before it is sent.
        let _ = client.limits().read(&budget, Instant::now() + LOOK_PATIENCE).await;
    }

    /// What GitHub shows for a deployment now.
    async fn latest_status(&self, new: &NewStatus) -> Result<Option<Status>, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Shown {
            latest_status: Option<StatusNode>,
        }
        let query = "query($id: ID!) {\n  \
                     node(id: $id) { ... on Deployment { latestStatus { id state createdAt } } }\n}\n";
        let answer = self
            .inner
            .client
            .query(&new.repository.owner, query, json!({ "id": new.deployment }))
            .await?;
        let shown = answer.data.get("node").cloned().unwrap_or_default();
        let shown: Shown = serde_json::from_value(shown).map_err(garbled)?;
        Ok(shown.latest_status.map(Status::from))
    }

    /// After a create that failed: whether it was done all the same.
    async fn find_created(&self, new: &NewDeployment, error: CallError) -> Result<Created, WriteError> {
        let cause = self.doubt(error)?;
        tracing::debug!(repository = %new.repository, environment = %new.environment, %cause, "looking for a deployment whose answer was lost");
        self.settle(&new.repository.owner).await;
        match self.look_for(new).await {
            Ok(Some(node)) => {
                let created_at = Some(node.created_at);
                let deployment = self.deployment(node);
                Ok(self.remember(new, deployment.node_id, None, deployment.commit, created_at))
            }
            Ok(None) | Err(_) => Err(new.lost(cause)),
        }
    }

    /// A deployment with our marker that is newer than what was known, and not one that this process knows of.
    async fn look_for(&self, new: &NewDeployment) -> Result<Option<Node>, CallError> {
        let query = format!(
            "query($owner: String!, $name: String!, $environments: [String!]) {{\n  \
             repository(owner: $owner, name: $name) {{ deployments(environments: $environments, first: {LOOK}, \
             orderBy: {{field: CREATED_AT, direction: DESC}}) {{ nodes {{ ...deployment }} }} }}\n}}\n{DEPLOYMENT}"
        );
        let variables = json!({
            "owner": new.repository.owner,
            "name": new.repository.name,
            "environments": [new.environment],
        });
        let answer = self
            .inner
            .client
            .query(&new.repository.owner, &query, variables)
            .await?;
        let nodes = answer.data.pointer("/repository/deployments/nodes").cloned();
        let nodes: Vec<Node> = serde_json::from_value(nodes.unwrap_or_default()).map_err(garbled)?;
        let own = self.inner.recent.own();
        let environment = new.environment();
        let end = match &new.known {
            None => nodes.len(),
            // If what was known is not shown, nothing tells what is newer.
            Some(known) => nodes.iter().position(|node| node.id == *known).unwrap_or(0),
        };
        Ok(nodes
            .into_iter()
            .take(end)
            .filter(|node| node.is_of(&environment) && node.task() == new.task && !own.contains(&node.id))
            .find(|node| node.marker().is_some_and(|marker| new.is_marked(&marker))))
    }

    /// What was created counts as existing from now on, whatever GitHub's lists show.
    fn remember(
        &self,
        new: &NewDeployment,
        node_id: String,
        id: Option<u64>,
        commit: String,
        created_at: Option<Timestamp>,
    ) -> Created {
        let deployment = Deployment {
            node_id: node_id.clone(),
            id,
            task: new.task.clone(),
            ref_name: Some(new.git_ref.clone()),
            commit,
            status: LatestStatus::None,
            marker: Some(new.marker.clone()),
        };
        let created_at = created_at.unwrap_or_else(Timestamp::now);
        self.inner
            .recent
            .created(new.environment(), Dated { deployment, created_at });
        Created { node_id, id }
    }

    /// What a refusal by REST means.
    fn refusal(&self, answer: &Answer, repository: &Repository, git_ref: Option<&GitRef>, action: &str) -> CallError {
        let error = self.inner.client.trouble(answer, action);
        let CallError::Known(GitHubError::Refused { message, .. }) = &error else {
            return error;
        };
        let client = &self.inner.client;
        let remarks = answer.remarks();
        if answer.status == StatusCode::NOT_FOUND {
            return client.not_found(repository, &remarks).into();
        }
        let repository = repository.clone();
        match (answer.status, git_ref) {
            (StatusCode::FORBIDDEN, _) if is_archived(message) => GitHubError::Archived { repository }.into(),
            (StatusCode::FORBIDDEN, _) => client
                .forbidden(Some(&repository), "deployments: write", message.clone(), &remarks)
                .into(),
            (StatusCode::UNPROCESSABLE_ENTITY, Some(git_ref)) if message.contains("No ref found for") => {
                GitHubError::RefNotFound {
                    repository,
                    git_ref: git_ref.clone(),
                }
                .into()
            }
            _ => error,
        }
    }

    /// What a refusal by GraphQL means.
    fn refused_status(&self, new: &NewStatus, error: &GraphQlError, answer: &GraphQl) -> CallError {
        let repository = new.repository.clone();
        if is_archived(&error.message) {
            return GitHubError::Archived { repository }.into();
        }
        if error.is_permission() {
            let client = &self.inner.client;
            return client
                .forbidden(
                    Some(&repository),
                    "deployments: write",
                    quoted(&error.message),
                    &error.remarks(answer),
                )
                .into();
        }
        if error.is_too_heavy() {
            return garbled(&error.message);
        }
        GitHubError::Refused {
            action: new.action(),
            status: StatusCode::OK.as_u16(),
            message: quoted(&error.message),
            request_id: answer.remarks.request_id.clone(),
        }
        .into()
    }
}

impl NewDeployment {
    fn environment(&self) -> Environment {
        Environment {
            repository: self.repository.clone(),
            name: self.environment.clone(),
        }
    }

    /// For messages.
    fn action(&self) -> String {
        format!("create a deployment of {} to {}", self.git_ref, self.environment())
    }

    fn lost(&self, source: Cause) -> GitHubError {
        GitHubError::Lost {
            action: self.action(),
            source,
        }
    }

    /// True if a deployment with this marker is the one to be created: the same ref for the same source.
    fn is_marked(&self, marker: &Marker) -> bool {
        marker.git_ref.same(&self.git_ref) && marker.identity == self.marker.identity
    }

    /// The deployment in an answer that is a success. JSON without an id, as with 202, says that there is none.
    fn answered(&self, answer: &Answer) -> Result<RestDeployment, CallError> {
        let body: Value = answer.json()?;
        if answer.status == StatusCode::ACCEPTED || body.get("id").is_none() {
            return Err(GitHubError::Refused {
                action: self.action(),
                status: answer.status.as_u16(),
                message: answer.complaint().message,
                request_id: answer.request_id(),
            }
            .into());
        }
        serde_json::from_value(body).map_err(garbled)
    }
}

impl NewStatus {
    /// The status that closes a deployment, and no other one.
    #[must_use]
    pub fn inactive(repository: Repository, deployment: String, description: &str) -> Self {
        Self {
            repository,
            deployment,
            state: State::Inactive,
            description: description.to_owned(),
            environment_url: None,
            log_url: None,
            auto_inactive: false,
        }
    }

    /// For messages.
    fn action(&self) -> String {
        format!(
            "post {} on deployment {} of {}",
            self.state, self.deployment, self.repository
        )
    }

    /// A 403 of the whole request is about the one repository that was asked.
    fn named(&self, mut error: CallError) -> CallError {
        if let CallError::Known(GitHubError::Forbidden { repository, .. }) = &mut error {
            repository.get_or_insert_with(|| self.repository.clone());
        }
        error
    }

    fn lost(&self, source: Cause) -> GitHubError {
        GitHubError::Lost {
            action: self.action(),
            source,
        }
    }
}

/// An answer of the right status that does not hold what it should.
fn garbled(message: impl std::fmt::Display) -> CallError {
    CallError::Lost {
        cause: std::sync::Arc::new(NoAnswer::Garbled {
            message: quoted(&message.to_string()),
        }),
        heavy: false,
    }
}

/// GitHub has no type for it, only words: `Repository was archived so is read-only.`
fn is_archived(message: &str) -> bool {
    message.to_ascii_lowercase().contains("archived")
}

#[cfg(test)]
mod tests;
