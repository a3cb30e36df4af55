//! What a write says: the deployment and the statuses as they are sent.

use crate::{
    github::{self, NewDeployment, NewStatus},
    plan::{MARKER_VERSION, Marker, Rule, State, Wanted},
};

use super::{
    Details,
    environments::EnvironmentWork,
    links::{Values, link},
    standing::Source,
};

/// A deployment for a source.
pub(super) fn deployment(work: &EnvironmentWork, source: &Source, wanted: &Wanted, details: Details) -> NewDeployment {
    let shown = source
        .object
        .as_ref()
        .filter(|_| !work.is_minimal(details))
        .map(ToString::to_string);
    let annotations = source.seen().map(|seen| seen.facts.annotations.clone());
    let newest = work
        .situation
        .as_ref()
        .and_then(|situation| situation.existing.deployments.first());
    NewDeployment {
        repository: work.environment.repository.clone(),
        environment: work.environment.name.clone(),
        task: wanted.task.clone(),
        git_ref: wanted.git_ref.clone(),
        payload: annotations
            .unwrap_or_default()
            .into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect(),
        marker: Marker {
            v: MARKER_VERSION,
            git_ref: wanted.git_ref.clone(),
            transient: wanted.transient,
            production: wanted.production,
            identity: wanted.identity.clone(),
            source: shown.clone(),
        },
        description: github::describe(&shown.unwrap_or_default()),
        known: newest.map(|newest| newest.node_id.clone()),
    }
}

/// The status that shows `state`, in the words of the source that is in this state. It leaves other deployments alone.
pub(super) fn status(
    work: &EnvironmentWork,
    deployment: String,
    state: State,
    sources: &[&Source],
    details: Details,
) -> NewStatus {
    let shows = |source: &&&Source| source.seen().is_some_and(|seen| seen.state() == Some(state));
    let source = sources.iter().find(shows).or(sources.first()).copied();
    let message = source
        .and_then(Source::seen)
        .map(|seen| seen.health.message.as_str())
        .filter(|message| !message.is_empty() && !work.is_minimal(details));
    let links = source.map(|source| links(work, source)).unwrap_or_default();
    NewStatus {
        repository: work.environment.repository.clone(),
        deployment,
        state,
        description: github::describe(message.unwrap_or(github::minimal_description(state))),
        environment_url: links.environment_url,
        log_url: links.log_url,
        auto_inactive: false,
    }
}

/// The status that closes a deployment.
pub(super) fn closing(work: &EnvironmentWork, deployment: String, rule: Rule) -> NewStatus {
    let sentence = match rule {
        Rule::Superseded => "Superseded by a newer deployment",
        Rule::Ended => "The environment has ended",
        _ => "The rollout was abandoned",
    };
    NewStatus::inactive(work.environment.repository.clone(), deployment, sentence)
}

/// The addresses of a source's deployment, and what is wrong with them.
#[derive(Default)]
pub(super) struct Links {
    pub environment_url: Option<String>,
    pub log_url: Option<String>,
    pub warnings: Vec<String>,
}

/// The addresses that a source asks for.
pub(super) fn links(work: &EnvironmentWork, source: &Source) -> Links {
    let (Some(spec), Some(seen), Some(object)) = (source.spec(), source.seen(), &source.object) else {
        return Links::default();
    };
    let Ok(extracted) = &seen.extracted else {
        return Links::default();
    };
    let values = Values {
        git_ref: &extracted.git_ref,
        sha: work.commit(&extracted.git_ref).unwrap_or_default(),
        namespace: object.namespace.as_deref().unwrap_or_default(),
        name: &object.name,
        environment: &work.environment.name,
    };
    let mut warnings = Vec::new();
    let mut fill = |field, template: Option<&str>| {
        link(field, template?, &values)
            .map_err(|error| warnings.push(error.to_string()))
            .ok()
    };
    fn set(template: Option<&String>) -> Option<&str> {
        template.map(String::as_str).filter(|template| !template.is_empty())
    }
    let environment_url = match set(spec.repository.environment_url.as_ref()) {
        Some(template) => fill("spec.repository.environmentUrl", Some(template)),
        None => fill("annotation github.decathlon.com/url", set(seen.facts.url.as_ref())),
    };
    let log_url = fill("spec.repository.logUrl", set(spec.repository.log_url.as_ref()));
    Links {
        environment_url,
        log_url,
        warnings,
    }
}
