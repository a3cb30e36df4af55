//! The world: repositories with their refs, deployments and statuses, and the rules that change them.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::answer::Refusal;
use crate::repository::Repository;

/// Deployments a person left pending for so long are shown as abandoned.
const ABANDONED_AFTER: SignedDuration = SignedDuration::from_mins(30);

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Number of the account.
    pub id: u64,
    /// Login; Apps have `[bot]` at its end in REST answers.
    pub login: String,
    /// `User`, `Bot` or `Organization`.
    pub kind: &'static str,
}

/// One deployment.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Number, beyond 32 bits.
    pub id: u64,
    /// Ref as sent.
    pub git_ref: String,
    /// Commit it stood for.
    pub sha: String,
    /// Task.
    pub task: String,
    /// Environment now.
    pub environment: String,
    /// Environment at creation.
    pub original_environment: String,
    /// Payload as sent; `None` when left out.
    pub payload: Option<Value>,
    /// Description as sent.
    pub description: Option<String>,
    /// The environment will go away.
    pub transient: bool,
    /// End users see the environment.
    pub production: bool,
    /// Who made it.
    pub creator: Account,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its last status came.
    pub updated_at: Timestamp,
    /// Statuses, oldest first.
    pub statuses: Vec<Status>,
}

/// One status.
#[derive(Debug, Clone)]
pub struct Status {
    /// Number, beyond 32 bits.
    pub id: u64,
    /// State in REST's words.
    pub state: String,
    /// Description, empty when left out.
    pub description: String,
    /// Environment of the deployment from this status on.
    pub environment: String,
    /// Address of the environment, empty when left out.
    pub environment_url: String,
    /// Address of the log, empty when left out.
    pub log_url: String,
    /// Who posted it.
    pub creator: Account,
    /// When.
    pub created_at: Timestamp,
}

/// A deployment that is asked for; defaults are filled in by the interface it comes from.
#[derive(Debug, Clone)]
pub struct NewDeployment {
    /// Branch, tag or commit.
    pub git_ref: String,
    /// Task.
    pub task: String,
    /// Environment.
    pub environment: String,
    /// Payload.
    pub payload: Option<Value>,
    /// Description.
    pub description: Option<String>,
    /// Merge the default branch into the ref if the ref is behind.
    pub auto_merge: bool,
    /// Checks that have to be successful; `None`: all there are.
    pub required_contexts: Option<Vec<String>>,
    /// The environment will go away.
    pub transient: bool,
    /// End users see the environment.
    pub production: bool,
}

/// A status that is asked for.
#[derive(Debug, Clone)]
pub struct NewStatus {
    /// State in REST's words.
    pub state: String,
    /// Description.
    pub description: String,
    /// Other environment for the deployment.
    pub environment: Option<String>,
    /// Address of the environment.
    pub environment_url: String,
    /// Address of the log.
    pub log_url: String,
    /// A success closes earlier deployments.
    pub auto_inactive: bool,
}

/// What came of a request for a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The deployment of this number was made.
    Created(u64),
    /// The default branch was merged instead.
    Merged(String),
}

/// Closings that are still on their way.
#[derive(Debug, Clone)]
struct Closing {
    due: Timestamp,
    repository: u64,
    deployment: u64,
    creator: Account,
}

/// Behaviour that can be one way or another.
#[derive(Debug, Clone, Default)]
pub struct Habits {
    /// Largest number of statuses of a deployment.
    pub max_statuses: Option<usize>,
    /// How late a success closes earlier deployments.
    pub late_inactive: Option<Duration>,
    /// How old a deployment or status is before lists show it.
    pub list_delay: Duration,
    /// Repositories come into being when they are first used.
    pub create_repositories: bool,
    /// Refs nobody made exist too.
    pub any_ref: bool,
}

impl Habits {
    /// Whether lists show already what was made at `created_at`.
    pub fn lists(&self, created_at: Timestamp, now: Timestamp) -> bool {
        now.duration_since(created_at) >= SignedDuration::try_from(self.list_delay).unwrap_or_default()
    }
}

/// Everything the emulator knows, except for callers.
#[derive(Debug, Default)]
pub struct World {
    repositories: BTreeMap<u64, Repository>,
    last_repository: u64,
    last_deployment: u64,
    last_status: u64,
    last_environment: u64,
    closings: Vec<Closing>,
    /// Behaviour that can be one way or another.
    pub habits: Habits,
}

/// Beyond 2^32, as real numbers are, so that narrow integers show.
const FIRST_NUMBER: u64 = 6_456_216_525;

impl World {
    /// Adds a repository or gives the one there is.
    pub fn add_repository(&mut self, owner: &str, name: &str, now: Timestamp) -> &mut Repository {
        let id = match self.find(owner, name) {
            Some(repository) => repository.id,
            None => {
                self.last_repository += 1;
                900_100_000 + self.last_repository
            }
        };
        let any_ref = self.habits.any_ref;
        self.repositories
            .entry(id)
            .or_insert_with(|| Repository::new(id, owner, name, any_ref, now))
    }

    /// The repository of this name, present or former, without regard to case.
    pub fn find(&self, owner: &str, name: &str) -> Option<&Repository> {
        let wanted = format!("{owner}/{name}");
        self.repositories
            .values()
            .find(|repository| repository.full_name().eq_ignore_ascii_case(&wanted))
            .or_else(|| {
                let former =
                    |repository: &&Repository| repository.former.iter().any(|old| old.eq_ignore_ascii_case(&wanted));
                self.repositories.values().find(former)
            })
    }

    /// The repository of this number.
    pub fn get(&self, id: u64) -> Option<&Repository> {
        self.repositories.get(&id)
    }

    /// The repository of this number, to be changed.
    pub fn get_mut(&mut self, id: u64) -> Option<&mut Repository> {
        self.repositories.get_mut(&id)
    }

    /// All repositories, oldest first.
    pub fn repositories(&self) -> impl Iterator<Item = &Repository> {
        self.repositories.values()
    }

    /// Makes a deployment, or says why not. Never looks whether there is one already, as GitHub does not.
    pub fn create_deployment(
        &mut self,
        repository: u64,
        new: NewDeployment,
        creator: Account,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        check_environment("Deployment", &new.environment)?;
        let last = self.last_deployment.max(FIRST_NUMBER);
        let found = self.repositories.get_mut(&repository).ok_or_else(Refusal::not_found)?;
        let sha = found
            .resolve_commit(&new.git_ref)
            .ok_or_else(|| Refusal::new(422, "UNPROCESSABLE", format!("No ref found for: {}", new.git_ref)))?;
        if new.auto_merge
            && let Some(message) = found.merge_default_branch(&new.git_ref, &sha)?
        {
            return Ok(Outcome::Merged(message));
        }
        found.check_contexts(&new.git_ref, &sha, new.required_contexts.as_deref())?;
        let id = last + 1;
        found.touch_environment(&new.environment, &mut self.last_environment, now);
        found.deployments.push(Deployment {
            id,
            git_ref: new.git_ref,
            sha,
            task: new.task,
            original_environment: new.environment.clone(),
            environment: new.environment,
            payload: new.payload,
            description: new.description,
            transient: new.transient,
            production: new.production,
            creator,
            created_at: now,
            updated_at: now,
            statuses: Vec::new(),
        });
        self.last_deployment = id;
        Ok(Outcome::Created(id))
    }

    /// Adds a status, or says why not. Any state may follow any state, and equal ones make two records.
    pub fn create_status(
        &mut self,
        repository: u64,
        deployment: u64,
        new: NewStatus,
        creator: Account,
        now: Timestamp,
    ) -> Result<u64, Refusal> {
        check_status(&new)?;
        let maximum = self.habits.max_statuses;
        let found = self.repositories.get_mut(&repository).ok_or_else(Refusal::not_found)?;
        let target = found.deployment_mut(deployment).ok_or_else(Refusal::not_found)?;
        if maximum.is_some_and(|maximum| target.statuses.len() >= maximum) {
            let message = "the maximum number of statuses for this deployment is reached";
            return Err(Refusal::invalid("DeploymentStatus", "deployment_id", "custom", message));
        }
        // The earlier deployments are those of the environment that the deployment had before this status.
        let environment = target.environment.clone();
        let succeeded = new.state == "success" && new.auto_inactive;
        self.last_status = self.last_status.max(2 * FIRST_NUMBER) + 1;
        let id = self.last_status;
        target.push_status(id, new, creator.clone(), now);
        let current = target.environment.clone();
        found.touch_environment(&current, &mut self.last_environment, now);
        if succeeded {
            let due = self.habits.late_inactive.map_or(now, |late| {
                now.saturating_add(SignedDuration::try_from(late).unwrap_or_default())
                    .unwrap_or(now)
            });
            let earlier = found.deployments.iter().filter(|earlier| {
                earlier.id < deployment
                    && earlier.environment.eq_ignore_ascii_case(&environment)
                    && !earlier.transient
                    && !earlier.production
                    && earlier.latest_state() == Some("success")
            });
            let closing = |earlier: &Deployment| Closing {
                due,
                repository,
                deployment: earlier.id,
                creator: creator.clone(),
            };
            self.closings.extend(earlier.map(closing).collect::<Vec<_>>());
            self.settle(now);
        }
        Ok(id)
    }

    /// Numbers of the newest deployment and the newest status.
    pub fn newest(&self) -> (u64, u64) {
        (self.last_deployment, self.last_status)
    }

    /// Carries out the closings whose time has come.
    pub fn settle(&mut self, now: Timestamp) {
        let (due, later) = std::mem::take(&mut self.closings)
            .into_iter()
            .partition(|closing: &Closing| closing.due <= now);
        self.closings = later;
        for closing in due {
            let Some(repository) = self.repositories.get_mut(&closing.repository) else {
                continue;
            };
            let Some(deployment) = repository.deployment_mut(closing.deployment) else {
                continue;
            };
            if deployment.latest_state() == Some("success") {
                self.last_status += 1;
                let new = NewStatus {
                    state: "inactive".to_owned(),
                    description: String::new(),
                    environment: None,
                    environment_url: String::new(),
                    log_url: String::new(),
                    auto_inactive: false,
                };
                deployment.push_status(self.last_status, new, closing.creator, closing.due);
            }
        }
    }

    /// Deletes a deployment that is not active, or the only one of its environment.
    pub fn delete_deployment(&mut self, repository: u64, deployment: u64) -> Result<(), Refusal> {
        let found = self.repositories.get_mut(&repository).ok_or_else(Refusal::not_found)?;
        let target = found.deployment(deployment).ok_or_else(Refusal::not_found)?;
        let only = !found
            .deployments
            .iter()
            .any(|other| other.id != target.id && other.environment.eq_ignore_ascii_case(&target.environment));
        if target.latest_state() == Some("success") && !only {
            let message =
                "We cannot delete an active deployment unless it is the only deployment in a given environment.";
            return Err(Refusal::new(422, "UNPROCESSABLE", message));
        }
        found.deployments.retain(|other| other.id != deployment);
        Ok(())
    }
}

impl Deployment {
    /// State of the newest status.
    pub fn latest_state(&self) -> Option<&str> {
        self.statuses.last().map(|status| status.state.as_str())
    }

    /// GraphQL's `DeploymentState`, which is more than the newest status.
    pub fn shown_state(&self, now: Timestamp) -> String {
        let waits_for = now.duration_since(self.updated_at);
        match self.latest_state() {
            None | Some("pending") if waits_for >= ABANDONED_AFTER => "ABANDONED".to_owned(),
            None => "PENDING".to_owned(),
            Some("success") => "ACTIVE".to_owned(),
            Some("inactive") if self.transient => "DESTROYED".to_owned(),
            Some(state) => state.to_ascii_uppercase(),
        }
    }

    fn push_status(&mut self, id: u64, new: NewStatus, creator: Account, now: Timestamp) {
        if let Some(environment) = new.environment {
            self.environment = environment;
        }
        self.updated_at = now;
        self.statuses.push(Status {
            id,
            state: new.state,
            description: new.description,
            environment: self.environment.clone(),
            environment_url: new.environment_url,
            log_url: new.log_url,
            creator,
            created_at: now,
        });
    }
}

fn check_environment(resource: &str, environment: &str) -> Result<(), Refusal> {
    if environment.chars().count() > 255 {
        let message = "environment is too long (maximum is 255 characters)";
        return Err(Refusal::invalid(resource, "environment", "custom", message));
    }
    if environment.is_empty() {
        return Err(Refusal::invalid(
            resource,
            "environment",
            "custom",
            "environment can't be blank",
        ));
    }
    Ok(())
}

fn check_status(new: &NewStatus) -> Result<(), Refusal> {
    const RESOURCE: &str = "DeploymentStatus";
    if new.description.chars().count() > 140 {
        let message = "description is too long (maximum is 140 characters)";
        return Err(Refusal::invalid(RESOURCE, "description", "custom", message));
    }
    if let Some(environment) = &new.environment {
        check_environment(RESOURCE, environment)?;
    }
    for (field, address) in [("environment_url", &new.environment_url), ("log_url", &new.log_url)] {
        let scheme = address.split(':').next().unwrap_or_default();
        if !address.is_empty() && !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
            let message = format!("{field} must use http(s) scheme");
            return Err(Refusal::invalid(RESOURCE, field, "custom", message));
        }
    }
    Ok(())
}
