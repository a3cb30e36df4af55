//! What a pass shows in the cluster: the status of each GitHubDeployment, and an event where something happened.
//!
//! Both are for people and for `kubectl wait`; nothing here is ever read back for a decision. What is to be shown is
//! computed by [`desired`], without a client and without a clock, and only what differs is sent by [`write()`]: what lasts
//! for many passes is written and told once.

mod steady;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, ObjectMeta, Time},
};
use kube::{Api, Client, Resource, api::PostParams};
use serde_json::json;

use super::{
    document::{Action, DeploymentResult, SourceObject, SourceResult},
    text::{clean, shorten_bytes},
};
use crate::{
    crd::{GitHubDeployment, GitHubDeploymentStatus},
    plan::State,
    source::{self, Patience},
};

/// Field manager of the status, and reporting controller of the events.
pub const MANAGER: &str = "kube-status-to-github";

/// Type of the condition.
pub const READY: &str = "Ready";

/// Reason of the condition where all is well. It must not tell what the pass did: the next one finds nothing to do,
/// and has to come to the same status.
const REPORTED: &str = "Reported";

/// Reason of what a rate limit of GitHub deferred.
const LIMITED: &str = "RateLimited";

/// Longest note of an event (events.k8s.io/v1), in bytes.
const NOTE_LENGTH: usize = 1024;

/// Conditions may hold more, but nobody reads more.
const MESSAGE_LENGTH: usize = 1024;

/// Requests under way at once.
const CONCURRENCY: usize = 8;

/// What is to be written for one GitHubDeployment of the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusWrite {
    /// Namespace of the GitHubDeployment.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid: one that was deleted and created again meanwhile is left alone.
    pub uid: Option<String>,
    /// The whole new status.
    pub status: GitHubDeploymentStatus,
    /// What happened, where it is worth an event.
    pub event: Option<Note>,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// `Warning` rather than `Normal`.
    pub warning: bool,
    /// One word in CamelCase: why.
    pub reason: String,
    /// One word in CamelCase: what was done.
    pub action: &'static str,
    /// A sentence.
    pub note: String,
}

/// What became of the writes of a pass. Objects that vanished meanwhile are in none of the counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Statuses that were written.
    pub statuses: usize,
    /// Events that were written.
    pub events: usize,
    /// What the user should know: each says what is missing, and is told once a pass.
    pub warnings: Vec<String>,
}

/// Computes the status that `result` calls for; none if it is what the object shows already.
///
/// `source_generation` is that of the observed object, `generation` that of the GitHubDeployment, `previous` what it
/// shows. `now` becomes the condition's transition time where the condition turns.
///
/// A deployment's number is known right after its creation only, so it stays as long as the deployment is the same.
/// What this pass could not see is left out, but for a skipped object, which keeps what was seen last.
#[must_use]
pub fn desired(
    result: &SourceResult,
    source_generation: Option<i64>,
    generation: Option<i64>,
    previous: Option<&GitHubDeploymentStatus>,
    now: Timestamp,
) -> Option<GitHubDeploymentStatus> {
    let none = GitHubDeploymentStatus::default();
    let before = previous.unwrap_or(&none);
    let not_looked_at = result.action == Action::Skip && result.health.is_none();
    let seen = if not_looked_at {
        before.clone()
    } else {
        GitHubDeploymentStatus {
            git_ref: result.git_ref.clone(),
            source: result.source.as_ref().map(source_path),
            source_generation,
            status: result.health.as_ref().map(|health| health.status.to_string()),
            state: result.state.map(|state| state.to_string()),
            ..GitHubDeploymentStatus::default()
        }
    };
    let (deployment_id, deployment_node_id, deployment_url) = deployment(result, before);
    let status = GitHubDeploymentStatus {
        deployment_id,
        deployment_node_id,
        deployment_url,
        observed_generation: generation,
        conditions: Some(vec![ready(result, generation, condition(before), now)]),
        ..seen
    };
    (!shows(before, &status)).then_some(status)
}

/// True if `before` shows what `status` does, be it in words that are other ones each time.
fn shows(before: &GitHubDeploymentStatus, status: &GitHubDeploymentStatus) -> bool {
    let mut shown = GitHubDeploymentStatus {
        conditions: condition(before).map(|ready| vec![ready.clone()]),
        ..before.clone()
    };
    if let (Some(shown), Some(ready)) = (shown.conditions.iter_mut().flatten().next(), condition(status))
        && steady::is_same(&shown.message, &ready.message)
    {
        shown.message.clone_from(&ready.message);
    }
    shown == *status
}

/// What an event would say about the way from `previous` to `status`; none if only details changed.
#[must_use]
pub fn note(
    result: &SourceResult,
    status: &GitHubDeploymentStatus,
    previous: Option<&GitHubDeploymentStatus>,
) -> Option<Note> {
    let ready = condition(status)?;
    let happened = |status: &GitHubDeploymentStatus| {
        let ready = condition(status).map(|ready| (ready.status.clone(), ready.reason.clone()));
        (ready, status.git_ref.clone(), status.state.clone())
    };
    if previous.map(happened).as_ref() == Some(&happened(status)) {
        return None;
    }
    let well = ready.reason == REPORTED;
    let what = match (&status.git_ref, &status.state) {
        (Some(git_ref), Some(state)) if well => format!("{git_ref} is {state}: {}", ready.message),
        _ => ready.message.clone(),
    };
    Some(Note {
        warning: result.action == Action::Fail || result.state.is_some_and(State::is_failed),
        reason: ready.reason.clone(),
        action: match result.action {
            Action::Create => "CreateDeployment",
            Action::Update => "UpdateDeployment",
            Action::Close => "CloseDeployment",
            Action::Unchanged => "Compare",
            Action::Skip => "Skip",
            Action::Defer => "Defer",
            Action::Fail => "Report",
        },
        note: shorten_bytes(&clean(&what, false), NOTE_LENGTH),
    })
}

/// Writes statuses by server-side apply, and events, at most 8 requests at once.
///
/// An object that vanished, or was replaced by another of its name, is no error. Without permission for events the
/// statuses are written all the same.
pub async fn write(client: &Client, writes: Vec<StatusWrite>, now: Timestamp) -> Written {
    let patience = &Patience::default();
    let outcomes = stream::iter(writes)
        .map(|write| async move {
            let status = apply(client, &write, patience).await;
            let event = match (&write.event, &status) {
                (Some(note), Ok(true)) => Some(create_event(client, &write, note, now).await),
                _ => None,
            };
            (write, status, event)
        })
        .buffer_unordered(CONCURRENCY)
        .collect::<Vec<_>>()
        .await;
    let mut written = Written::default();
    for (write, status, event) in outcomes {
        match status {
            Ok(true) => written.statuses += 1,
            Ok(false) => {}
            Err(error) => written.warn(status_problem(&write, &error)),
        }
        match event {
            Some(Ok(true)) => written.events += 1,
            Some(Err(error)) => written.warn(event_problem(&write, &error)),
            Some(Ok(false)) | None => {}
        }
    }
    written.warnings.sort();
    written
}

impl Written {
    fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

/// True if the status was written, false if the object is not there any more.
async fn apply(client: &Client, write: &StatusWrite, patience: &Patience) -> Result<bool, kube::Error> {
    let patch = json!({
        "apiVersion": GitHubDeployment::api_version(&()),
        "kind": GitHubDeployment::kind(&()),
        "metadata": ObjectMeta {
            name: Some(write.name.clone()),
            namespace: Some(write.namespace.clone()),
            uid: write.uid.clone(),
            ..ObjectMeta::default()
        },
        "status": write.status,
    });
    match source::apply_status(client, (&write.namespace, &write.name), MANAGER, &patch, patience).await {
        Ok(()) => Ok(true),
        // 409 is what another uid gets.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn create_event(client: &Client, write: &StatusWrite, note: &Note, now: Timestamp) -> Result<bool, kube::Error> {
    let events: Api<Event> = Api::namespaced(client.clone(), &write.namespace);
    let event = Event {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", write.name)),
            namespace: Some(write.namespace.clone()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(now)),
        type_: Some(if note.warning { "Warning" } else { "Normal" }.to_owned()),
        reason: Some(note.reason.clone()),
        action: Some(note.action.to_owned()),
        note: Some(note.note.clone()),
        reporting_controller: Some(MANAGER.to_owned()),
        reporting_instance: Some(MANAGER.to_owned()),
        regarding: Some(ObjectReference {
            api_version: Some(GitHubDeployment::api_version(&()).into_owned()),
            kind: Some(GitHubDeployment::kind(&()).into_owned()),
            namespace: Some(write.namespace.clone()),
            name: Some(write.name.clone()),
            uid: write.uid.clone(),
            ..ObjectReference::default()
        }),
        ..Event::default()
    };
    match events.create(&PostParams::default(), &event).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 404 || namespace_is_going(&status) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A namespace that is being deleted takes nothing new, and says so with the code of a missing permission.
fn namespace_is_going(status: &kube::core::Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
}

fn status_problem(write: &StatusWrite, error: &kube::Error) -> String {
    match error {
        error if source::is_not_permitted(error) => format!(
            "may not patch githubdeployments/status in namespace {}; add to the role: apiGroups: \
             [\"github.decathlon.com\"], resources: [\"githubdeployments/status\"], verbs: [\"patch\"], or give \
             --write-status=false",
            write.namespace
        ),
        // It names one of the fields, another one each time.
        kube::Error::Api(status) if status.message.contains("field not declared in schema") => {
            "no status was written: the CustomResourceDefinition of GitHubDeployments in this cluster is another one, \
             without the fields of this program; replace it with `kube-status-to-github crd | kubectl apply \
             --server-side --force-conflicts -f -`, or give --write-status=false"
                .to_owned()
        }
        error => format!(
            "the status of GitHubDeployment {}/{} was not written: {}",
            write.namespace,
            write.name,
            brief(error)
        ),
    }
}

/// Names no object, so that a whole pass without the permission gives one warning.
fn event_problem(write: &StatusWrite, error: &kube::Error) -> String {
    if source::is_not_permitted(error) {
        return "may not create events, so there are none; add to the role: apiGroups: [\"events.k8s.io\"], resources: \
                [\"events\"], verbs: [\"create\"]"
            .to_owned();
    }
    format!(
        "the event of GitHubDeployment {}/{} was not written: {}",
        write.namespace,
        write.name,
        brief(error)
    )
}

/// What went wrong with a request.
pub(crate) fn brief(error: &kube::Error) -> String {
    clean(&source::in_words(error), false).into_owned()
}

fn condition(status: &GitHubDeploymentStatus) -> Option<&Condition> {
    status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == READY)
}

fn ready(result: &SourceResult, generation: Option<i64>, before: Option<&Condition>, now: Timestamp) -> Condition {
    // A closing with a reason is of a source that cannot be reported any more.
    let well = match result.action {
        Action::Create | Action::Update | Action::Unchanged => true,
        Action::Close => result.reason.is_none(),
        Action::Skip | Action::Defer | Action::Fail => false,
    };
    let status = if well { "True" } else { "False" };
    let (reason, message) = match (&result.error, well) {
        (Some(error), _) => (error.reason.clone(), error.message.clone()),
        (None, true) => (REPORTED.to_owned(), place(result)),
        (None, false) => {
            let reason = result.reason.clone().unwrap_or_else(|| "NotReported".to_owned());
            let message = match reason.as_str() {
                // The report says for how long, which is read here long after the pass.
                LIMITED => "GitHub's rate limit is reached: a later pass goes on".to_owned(),
                _ => result.message.clone().unwrap_or_default(),
            };
            (reason, message)
        }
    };
    let last_transition_time = before
        .filter(|before| before.status == status)
        .map_or(Time(now), |before| before.last_transition_time.clone());
    Condition {
        type_: READY.to_owned(),
        status: status.to_owned(),
        reason,
        message: shorten_bytes(&clean(&message, false), MESSAGE_LENGTH),
        observed_generation: generation,
        last_transition_time,
    }
}

/// Where the deployment is: the same in every pass.
fn place(result: &SourceResult) -> String {
    match (&result.repository, &result.environment) {
        (Some(repository), Some(environment)) => format!("reported to {repository}, environment {environment}"),
        _ => "reported".to_owned(),
    }
}

/// `apps/v1/Deployment/shop/app`
fn source_path(source: &SourceObject) -> String {
    let SourceObject {
        api_version,
        kind,
        namespace,
        name,
        uid: _,
    } = source;
    match namespace {
        Some(namespace) => format!("{api_version}/{kind}/{namespace}/{name}"),
        None => format!("{api_version}/{kind}/{name}"),
    }
}

/// Number, node id and address of the deployment that speaks for the source.
fn deployment(result: &SourceResult, before: &GitHubDeploymentStatus) -> (Option<i64>, Option<String>, Option<String>) {
    match &result.deployment {
        Some(DeploymentResult { node_id, id, url }) => {
            let same = before.deployment_node_id.as_ref() == Some(node_id);
            let kept = before.deployment_id.filter(|_| same);
            let kept_url = before.deployment_url.clone().filter(|_| same);
            (
                id.and_then(|id| i64::try_from(id).ok()).or(kept),
                Some(node_id.clone()),
                url.clone().or(kept_url),
            )
        }
        // The pass did not come as far as GitHub. The last deployment stays unless it is known to be another's.
        None if result.git_ref.is_none() || result.git_ref == before.git_ref => (
            before.deployment_id,
            before.deployment_node_id.clone(),
            before.deployment_url.clone(),
        ),
        None => (None, None, None),
    }
}

#[cfg(test)]
mod tests;
