//! The three mutations of the deployments API.

use serde_json::{Value, json};

use super::{Object, Session};
use crate::answer::Refusal;
use crate::identity::Node;
use crate::state::{NewDeployment, NewStatus, Outcome};

fn text(input: &Value, name: &str) -> String {
    input[name].as_str().unwrap_or_default().to_owned()
}

fn no_node(id: &str) -> Refusal {
    Refusal::new(
        200,
        "NOT_FOUND",
        format!("Could not resolve to a node with the global id of '{id}'"),
    )
}

/// Carries out one mutation and gives its payload.
pub fn run(session: &Session<'_>, name: &str, input: &Value) -> Result<Object, Refusal> {
    let id = input["clientMutationId"].clone();
    match name {
        "createDeployment" => create_deployment(session, input, id),
        "createDeploymentStatus" => create_status(session, input, id),
        _ => delete_deployment(session, input, id),
    }
}

fn create_status(session: &Session<'_>, input: &Value, mutation_id: Value) -> Result<Object, Refusal> {
    let node = text(input, "deploymentId");
    let Some(Node::Deployment(repository, deployment)) = Node::decode(&node) else {
        return Err(no_node(&node));
    };
    let mut world = session.world.borrow_mut();
    let found = world.get(repository).ok_or_else(|| no_node(&node))?;
    session.caller.must_see(found).map_err(|_| no_node(&node))?;
    found.deployment(deployment).ok_or_else(|| no_node(&node))?;
    session.caller.must_deploy(found)?;
    let state = text(input, "state").to_ascii_lowercase();
    if state == "waiting" {
        return Err(Refusal::invalid(
            "DeploymentStatus",
            "state",
            "custom",
            "state is not included in the list",
        ));
    }
    let new = NewStatus {
        state,
        description: text(input, "description"),
        environment: input["environment"].as_str().map(str::to_owned),
        environment_url: text(input, "environmentUrl"),
        log_url: text(input, "logUrl"),
        auto_inactive: input["autoInactive"].as_bool().unwrap_or(true),
    };
    let status = world.create_status(repository, deployment, new, session.caller.account.clone(), session.now)?;
    let created = Object::Status(repository, deployment, status);
    Ok(Object::Payload(
        "CreateDeploymentStatusPayload",
        mutation_id,
        vec![("deploymentStatus", Some(created))],
    ))
}

fn create_deployment(session: &Session<'_>, input: &Value, mutation_id: Value) -> Result<Object, Refusal> {
    let (repository_node, ref_node) = (text(input, "repositoryId"), text(input, "refId"));
    let Some(Node::Repository(repository)) = Node::decode(&repository_node) else {
        return Err(no_node(&repository_node));
    };
    let Some(Node::Ref(owner, git_ref)) = Node::decode(&ref_node) else {
        return Err(no_node(&ref_node));
    };
    let mut world = session.world.borrow_mut();
    let found = world.get(repository).ok_or_else(|| no_node(&repository_node))?;
    if owner != repository || found.full_ref(&git_ref).is_none() {
        return Err(no_node(&ref_node));
    }
    session.caller.must_deploy(found)?;
    let short = git_ref
        .trim_start_matches("refs/heads/")
        .trim_start_matches("refs/tags/")
        .to_owned();
    let payload = text(input, "payload");
    let payload = serde_json::from_str(&payload).unwrap_or_else(|_| json!(payload));
    let contexts = input["requiredContexts"].as_array();
    let new = NewDeployment {
        git_ref: short,
        task: text(input, "task"),
        environment: text(input, "environment"),
        payload: Some(payload).filter(|payload| *payload != json!({})),
        description: Some(text(input, "description")),
        auto_merge: input["autoMerge"].as_bool().unwrap_or(true),
        required_contexts: contexts.map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        transient: false,
        production: false,
    };
    let created = match world.create_deployment(repository, new, session.caller.account.clone(), session.now)? {
        Outcome::Created(id) => Some(Object::Deployment(repository, id)),
        Outcome::Merged(_) => None,
    };
    let merged = Object::Leaf(json!(created.is_none()));
    let fields = vec![("deployment", created), ("autoMerged", Some(merged))];
    Ok(Object::Payload("CreateDeploymentPayload", mutation_id, fields))
}

fn delete_deployment(session: &Session<'_>, input: &Value, mutation_id: Value) -> Result<Object, Refusal> {
    let node = text(input, "id");
    let Some(Node::Deployment(repository, deployment)) = Node::decode(&node) else {
        return Err(no_node(&node));
    };
    let mut world = session.world.borrow_mut();
    let found = world.get(repository).ok_or_else(|| no_node(&node))?;
    found.deployment(deployment).ok_or_else(|| no_node(&node))?;
    session.caller.must_deploy(found)?;
    world.delete_deployment(repository, deployment)?;
    Ok(Object::Payload("DeleteDeploymentPayload", mutation_id, Vec::new()))
}
