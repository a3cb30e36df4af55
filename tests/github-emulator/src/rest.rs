//! REST: what each operation answers.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::access::{Access, Caller, CallerKind, Callers, Installation, Level};
use crate::answer::{Answer, DOCUMENTATION, Refusal};
use crate::clock::{http_date, iso};
use crate::fields::{Fields, missing};
use crate::operation::{Address, Operation, OperationKind};
use crate::render::{self, Links};
use crate::repository::{GitObject, Repository};
use crate::state::{Deployment, NewDeployment, NewStatus, Outcome, World};

/// States that REST takes.
const STATES: [&str; 7] = [
    "error",
    "failure",
    "inactive",
    "in_progress",
    "queued",
    "pending",
    "success",
];

/// Most repositories that a token can be limited to.
const MAX_REPOSITORIES: usize = 500;

/// A REST request with everything its answer depends on.
pub struct Request<'a> {
    /// What is asked.
    pub operation: &'a Operation,
    /// Who asks.
    pub caller: &'a Caller,
    /// Decoded query parameters.
    pub query: BTreeMap<String, String>,
    /// The query as sent.
    pub raw_query: &'a str,
    /// The body as sent.
    pub body: &'a [u8],
    /// Addresses for links in the answer.
    pub links: &'a Links,
    /// `X-GitHub-Api-Version`.
    pub version: &'a str,
    /// The present moment.
    pub now: Timestamp,
}

/// Answers a request.
pub fn handle(world: &mut World, callers: &mut Callers, request: &Request<'_>) -> Result<Answer, Refusal> {
    let operation = request.operation;
    if operation.kind.is_for_apps() && request.caller.kind != CallerKind::App {
        return Err(Refusal::new(
            401,
            "UNAUTHORIZED",
            "A JSON web token could not be decoded",
        ));
    }
    match operation.kind {
        OperationKind::GetRateLimit => Ok(rate_limit(callers, request)),
        OperationKind::GetApp => Ok(Answer::json(
            200,
            render::app(request.links, &callers.app, &iso(request.now)),
        )),
        OperationKind::GetOrganizationInstallation | OperationKind::GetUserInstallation => {
            let found = callers
                .installation_of(&operation.name)
                .filter(|found| !(found.is_user && operation.kind == OperationKind::GetOrganizationInstallation));
            installation(callers, request, found)
        }
        OperationKind::GetMeta => Ok(Answer::json(200, render::meta(request.links))),
        OperationKind::GetInstallation => {
            let mut known = callers.installations.iter();
            let found = known.find(|found| found.id == operation.id).cloned();
            installation(callers, request, found)
        }
        OperationKind::CreateAccessToken => access_token(world, callers, request),
        OperationKind::Unknown | OperationKind::GraphQlQuery | OperationKind::GraphQlMutation => {
            Err(Refusal::not_found())
        }
        _ => of_repository(world, callers, request),
    }
}

fn of_repository(world: &mut World, callers: &mut Callers, request: &Request<'_>) -> Result<Answer, Refusal> {
    let id = match &request.operation.repository {
        Some(Address::Number(id)) => *id,
        Some(Address::Name(owner, name)) => {
            if world.habits.create_repositories && world.find(owner, name).is_none() {
                world.add_repository(owner, name, request.now);
            }
            let repository = world.find(owner, name).ok_or_else(Refusal::not_found)?;
            request.caller.must_see(repository)?;
            if !repository.full_name().eq_ignore_ascii_case(&format!("{owner}/{name}")) {
                return Ok(moved(request, repository.id));
            }
            repository.id
        }
        None => return Err(Refusal::not_found()),
    };
    let repository = world.get(id).ok_or_else(Refusal::not_found)?;
    request.caller.must_see(repository)?;
    match request.operation.kind {
        OperationKind::CreateDeployment => return create_deployment(world, request, id),
        OperationKind::CreateStatus => return create_status(world, request, id),
        OperationKind::DeleteDeployment => {
            request.caller.must_deploy(repository)?;
            world.delete_deployment(id, request.operation.id)?;
            return Ok(Answer::empty());
        }
        OperationKind::DeleteEnvironment => {
            request.caller.must_have(
                request.caller.access.administration,
                Level::Write,
                "administration=write",
            )?;
            let found = world.get_mut(id).ok_or_else(Refusal::not_found)?;
            let removed = found.environments.remove(&request.operation.name.to_lowercase());
            return removed.map(|_| Answer::empty()).ok_or_else(Refusal::not_found);
        }
        OperationKind::GetRepositoryInstallation => {
            let found = callers.installation_of(&repository.owner);
            return installation(callers, request, found);
        }
        _ => {}
    }
    read(world, repository, request)
}

fn moved(request: &Request<'_>, id: u64) -> Answer {
    let query = if request.raw_query.is_empty() {
        String::new()
    } else {
        format!("?{}", request.raw_query)
    };
    let url = format!(
        "{}/repositories/{id}{}{query}",
        request.links.api, request.operation.rest
    );
    let reads = request
        .operation
        .kind
        .described()
        .is_some_and(|(method, _)| method == "get");
    let body = json!({"message": "Moved Permanently", "url": url, "documentation_url": DOCUMENTATION});
    Answer::json(if reads { 301 } else { 307 }, body).with("location", &url)
}

/// Answers what changes nothing.
fn read(world: &World, repository: &Repository, request: &Request<'_>) -> Result<Answer, Refusal> {
    let links = request.links;
    let access = &request.caller.access;
    let name = &request.operation.name;
    match request.operation.kind {
        OperationKind::GetRepository => {
            return Ok(Answer::json(200, render::repository(links, repository, access)));
        }
        OperationKind::GetCommit | OperationKind::GetRef | OperationKind::ListBranches | OperationKind::ListTags => {
            request
                .caller
                .must_have(access.contents, Level::Read, "contents=read")?;
        }
        _ => request
            .caller
            .must_have(access.deployments, Level::Read, "deployments=read")?,
    }
    Ok(match request.operation.kind {
        OperationKind::ListDeployments => {
            let filter = |name: &str, value: &str| request.query.get(name).is_none_or(|wanted| wanted == value);
            let selected: Vec<Value> = repository
                .deployments
                .iter()
                .rev()
                .filter(|found| {
                    let wanted = request.query.get("environment");
                    world.habits.lists(found.created_at, request.now)
                        && filter("sha", &found.sha)
                        && filter("ref", &found.git_ref)
                        && filter("task", &found.task)
                        && wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(&found.environment))
                })
                .map(|found| render::deployment(links, repository, found))
                .collect();
            page(request, repository, selected, Value::Array)
        }
        OperationKind::GetDeployment => {
            let found = deployment(repository, request)?;
            Answer::json(200, render::deployment(links, repository, found))
                .with("last-modified", &http_date(found.updated_at))
        }
        OperationKind::ListStatuses => {
            let found = deployment(repository, request)?;
            let statuses = found.statuses.iter().rev();
            let rendered = statuses
                .map(|status| render::status(links, repository, found, status))
                .collect();
            page(request, repository, rendered, Value::Array)
        }
        OperationKind::GetStatus => {
            let found = deployment(repository, request)?;
            let status = found
                .statuses
                .iter()
                .find(|status| status.id == request.operation.status);
            let status = status.ok_or_else(Refusal::not_found)?;
            Answer::json(200, render::status(links, repository, found, status))
        }
        OperationKind::ListEnvironments => {
            let rendered: Vec<Value> = repository
                .environments
                .values()
                .map(|found| render::environment(links, repository, found))
                .collect();
            let total = rendered.len();
            page(
                request,
                repository,
                rendered,
                |page| json!({"total_count": total, "environments": page}),
            )
        }
        OperationKind::GetEnvironment => {
            let found = repository
                .environments
                .get(&name.to_lowercase())
                .ok_or_else(Refusal::not_found)?;
            Answer::json(200, render::environment(links, repository, found))
        }
        OperationKind::GetCommit => {
            let missing = || Refusal::new(422, "UNPROCESSABLE", format!("No commit found for SHA: {name}"));
            let sha = repository.resolve_commit(name).ok_or_else(missing)?;
            Answer::json(200, render::commit(links, repository, &sha))
        }
        OperationKind::GetRef => {
            let full = format!("refs/{name}");
            let object = repository.full_ref(&full).ok_or_else(Refusal::not_found)?;
            let (kind, plural, sha) = match object {
                GitObject::Commit(sha) => ("commit", "commits", sha),
                GitObject::Tag(sha) => ("tag", "tags", sha),
            };
            let git = format!("{}/git", links.repository(repository));
            Answer::json(
                200,
                json!({
                    "ref": full,
                    "node_id": crate::identity::Node::Ref(repository.id, full.clone()).encode(),
                    "url": format!("{git}/{full}"),
                    "object": {"sha": sha, "type": kind, "url": format!("{git}/{plural}/{sha}")},
                }),
            )
        }
        OperationKind::ListBranches => {
            let commits = format!("{}/commits", links.repository(repository));
            let branches = repository.branches.iter().map(|(name, sha)| {
                json!({"name": name, "commit": {"sha": sha, "url": format!("{commits}/{sha}")}, "protected": false})
            });
            page(request, repository, branches.collect(), Value::Array)
        }
        OperationKind::ListTags => {
            let url = links.repository(repository);
            let tags = repository.tags.iter().map(|(name, tag)| {
                json!({
                    "name": name,
                    "zipball_url": format!("{url}/zipball/refs/tags/{name}"),
                    "tarball_url": format!("{url}/tarball/refs/tags/{name}"),
                    "commit": {"sha": tag.commit, "url": format!("{url}/commits/{}", tag.commit)},
                    "node_id": crate::identity::Node::Ref(repository.id, format!("refs/tags/{name}")).encode(),
                })
            });
            page(request, repository, tags.collect(), Value::Array)
        }
        _ => return Err(Refusal::not_found()),
    })
}

fn deployment<'w>(repository: &'w Repository, request: &Request<'_>) -> Result<&'w Deployment, Refusal> {
    repository
        .deployment(request.operation.id)
        .ok_or_else(Refusal::not_found)
}

/// One page of a list, with links to the others where there are some.
fn page(
    request: &Request<'_>,
    repository: &Repository,
    items: Vec<Value>,
    wrap: impl FnOnce(Vec<Value>) -> Value,
) -> Answer {
    let number = |name: &str, default: usize| {
        request
            .query
            .get(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let size = number("per_page", 30).clamp(1, 100);
    let current = number("page", 1).max(1);
    let last = items.len().div_ceil(size).max(1);
    let link = |page: usize, relation: &str| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(request.query.iter().filter(|(name, _)| *name != "page"));
        query.append_pair("page", &page.to_string());
        let base = format!(
            "{}/repositories/{}{}",
            request.links.api, repository.id, request.operation.rest
        );
        format!("<{base}?{}>; rel=\"{relation}\"", query.finish())
    };
    let mut links = Vec::new();
    if current > 1 {
        links.push(link((current - 1).min(last), "prev"));
    }
    if current < last {
        links.extend([link(current + 1, "next"), link(last, "last")]);
    }
    if current > 1 {
        links.push(link(1, "first"));
    }
    let shown = items.into_iter().skip((current - 1) * size).take(size).collect();
    let answer = Answer::json(200, wrap(shown));
    if links.is_empty() {
        answer
    } else {
        answer.with("link", &links.join(", "))
    }
}

fn create_deployment(world: &mut World, request: &Request<'_>, id: u64) -> Result<Answer, Refusal> {
    request
        .caller
        .must_deploy(world.get(id).ok_or_else(Refusal::not_found)?)?;
    let body = Fields::parse(request.body)?;
    let new = NewDeployment {
        git_ref: body.text("ref")?.ok_or_else(|| missing("ref"))?,
        task: body.text("task")?.unwrap_or_else(|| "deploy".to_owned()),
        environment: body.text("environment")?.unwrap_or_else(|| "production".to_owned()),
        payload: body.payload()?,
        description: body.text("description")?,
        auto_merge: body.flag("auto_merge")?.unwrap_or(true),
        required_contexts: body.names("required_contexts")?,
        transient: body.flag("transient_environment")?.unwrap_or(false),
        production: body.flag("production_environment")?.unwrap_or(false),
    };
    let outcome = world.create_deployment(id, new, request.caller.account.clone(), request.now)?;
    let number = match outcome {
        Outcome::Merged(message) => return Ok(Answer::json(202, json!({"message": message}))),
        Outcome::Created(number) => number,
    };
    let repository = world.get(id).ok_or_else(Refusal::not_found)?;
    let created = repository.deployment(number).ok_or_else(Refusal::not_found)?;
    let answer = Answer::json(201, render::deployment(request.links, repository, created));
    let answer = answer.with("last-modified", &http_date(created.updated_at));
    Ok(answer.with("location", &request.links.deployment(repository, created)))
}

fn create_status(world: &mut World, request: &Request<'_>, id: u64) -> Result<Answer, Refusal> {
    request
        .caller
        .must_deploy(world.get(id).ok_or_else(Refusal::not_found)?)?;
    let body = Fields::parse(request.body)?;
    let state = body.text("state")?.ok_or_else(|| missing("state"))?;
    if !STATES.contains(&state.as_str()) {
        let message = "state is not included in the list";
        return Err(Refusal::invalid("DeploymentStatus", "state", "custom", message));
    }
    let log_url = match body.text("log_url")? {
        Some(url) => url,
        None => body.text("target_url")?.unwrap_or_default(),
    };
    let new = NewStatus {
        state,
        description: body.text("description")?.unwrap_or_default(),
        environment: body.text("environment")?,
        environment_url: body.text("environment_url")?.unwrap_or_default(),
        log_url,
        auto_inactive: body.flag("auto_inactive")?.unwrap_or(true),
    };
    let caller = request.caller.account.clone();
    let number = world.create_status(id, request.operation.id, new, caller, request.now)?;
    let repository = world.get(id).ok_or_else(Refusal::not_found)?;
    let target = deployment(repository, request)?;
    let status = target
        .statuses
        .iter()
        .find(|status| status.id == number)
        .ok_or_else(Refusal::not_found)?;
    let rendered = render::status(request.links, repository, target, status);
    let location = rendered["url"].as_str().unwrap_or_default().to_owned();
    Ok(Answer::json(201, rendered).with("location", &location))
}

fn rate_limit(callers: &Callers, request: &Request<'_>) -> Answer {
    let core = callers.limit(request.caller, "core", request.now);
    let graphql = callers.limit(request.caller, "graphql", request.now);
    let mut body = json!({"resources": {"core": core, "search": core, "graphql": graphql}});
    if request.version != "2026-03-10" {
        body["rate"] = json!(core);
    }
    Answer::json(200, body)
}

fn installation(callers: &Callers, request: &Request<'_>, found: Option<Installation>) -> Result<Answer, Refusal> {
    let found = found.ok_or_else(Refusal::not_found)?;
    let body = render::installation(request.links, &callers.app, &found, &iso(request.now));
    Ok(Answer::json(200, body))
}

fn access_token(world: &mut World, callers: &mut Callers, request: &Request<'_>) -> Result<Answer, Refusal> {
    let known = |callers: &Callers| {
        callers
            .installations
            .iter()
            .find(|found| found.id == request.operation.id)
            .cloned()
    };
    let installation: Installation = known(callers).ok_or_else(Refusal::not_found)?;
    if installation.suspended {
        return Err(Refusal::new(403, "FORBIDDEN", "This installation has been suspended"));
    }
    let body = if request.body.is_empty() {
        Fields(Map::new())
    } else {
        Fields::parse(request.body)?
    };
    let mut access = Access {
        owner: Some(installation.account.clone()),
        ..installation.access.clone()
    };
    let mut repositories = Vec::new();
    if let Some(names) = body.names("repositories")? {
        if names.len() > MAX_REPOSITORIES {
            let message = format!("You can list up to {MAX_REPOSITORIES} repositories.");
            return Err(Refusal::new(422, "UNPROCESSABLE", message));
        }
        for name in names {
            if world.habits.create_repositories {
                world.add_repository(&installation.account, &name, request.now);
            }
            let found = world
                .find(&installation.account, &name)
                .filter(|found| installation.access.includes(found));
            let found = found.ok_or_else(|| {
                let message = "There is at least one repository that does not exist or is not accessible to the parent installation.";
                Refusal::new(422, "UNPROCESSABLE", message)
            })?;
            repositories.push((found.full_name(), render::repository(request.links, found, &access)));
        }
        access.repositories = Some(repositories.iter().map(|(name, _)| name.clone()).collect());
    }
    if let Some(Value::Object(wanted)) = body.0.get("permissions") {
        narrow(&mut access, wanted)?;
    }
    let token = callers.issue(&installation, access.clone(), request.now);
    let expires = request
        .now
        .saturating_add(SignedDuration::from_hours(1))
        .unwrap_or(request.now);
    let mut answer = json!({
        "token": token,
        "expires_at": iso(expires),
        "permissions": render::permissions(&access),
        "repository_selection": render::selection(&access),
    });
    if !repositories.is_empty() {
        answer["repositories"] = repositories.into_iter().map(|(_, repository)| repository).collect();
    }
    Ok(Answer::json(201, answer))
}

/// Limits a token to the permissions that were asked for, which the installation has to have.
fn narrow(access: &mut Access, wanted: &Map<String, Value>) -> Result<(), Refusal> {
    let level = |name: &str| match wanted.get(name).and_then(Value::as_str) {
        Some("write") => Level::Write,
        Some("read") => Level::Read,
        _ => Level::None,
    };
    let (contents, deployments) = (level("contents"), level("deployments"));
    if contents > access.contents || deployments > access.deployments {
        let message = "The permissions requested are not granted to this installation.";
        return Err(Refusal::new(422, "UNPROCESSABLE", message));
    }
    (access.contents, access.deployments, access.administration) = (contents, deployments, level("administration"));
    Ok(())
}
