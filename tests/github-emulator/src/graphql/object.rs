//! Every object of the schema with its fields.

use apollo_compiler::resolvers::{ExecutionError, ObjectValue, ResolveInfo, ResolvedValue};
use serde_json::{Value, json};

use super::connection::Connection;
use super::{SEPARATOR, Session, mutation};
use crate::access::{CallerKind, Level, account};
use crate::answer::Refusal;
use crate::clock::iso;
use crate::identity::Node;
use crate::repository::{GitObject, Repository};
use crate::state::{Account, Deployment, Status};

/// A value that is resolved; objects of the world by their numbers.
#[derive(Debug, Clone)]
pub enum Object {
    /// The root of queries.
    Query,
    /// The root of mutations.
    Mutation,
    /// A repository.
    Repository(u64),
    /// A deployment of a repository.
    Deployment(u64, u64),
    /// A status of a deployment of a repository.
    Status(u64, u64, u64),
    /// A branch or tag of a repository by its full name.
    Ref(u64, String),
    /// A commit of a repository.
    Commit(u64, String),
    /// A tag object of a repository.
    Tag(u64, String),
    /// An account.
    Account(Account),
    /// A page of a list.
    Connection(Box<Connection>),
    /// One place on a page.
    Edge(&'static str, String, Box<Object>),
    /// What a mutation gives back: its type, the client's id, and its fields.
    Payload(&'static str, Value, Vec<(&'static str, Option<Object>)>),
    /// An object without arguments or further objects: its type and its fields.
    Plain(&'static str, Value),
    /// A value that is no object.
    Leaf(Value),
    /// A list.
    List(Vec<Result<Object, Refusal>>),
}

/// An object together with what its fields are resolved from.
pub struct Resolver<'s, 'w> {
    session: &'s Session<'w>,
    object: Object,
}

impl<'s, 'w> Resolver<'s, 'w> {
    /// A resolver for `object`.
    pub fn new(session: &'s Session<'w>, object: Object) -> Self {
        Self { session, object }
    }

    fn resolved<'a>(session: &'s Session<'w>, object: Option<Object>) -> ResolvedValue<'a>
    where
        's: 'a,
        'w: 'a,
    {
        match object {
            None => ResolvedValue::null(),
            Some(Object::Leaf(value)) => ResolvedValue::leaf(value),
            Some(Object::List(items)) => ResolvedValue::List(Box::new(items.into_iter().map(move |item| match item {
                Ok(object) => Ok(Self::resolved(session, Some(object))),
                Err(refusal) => Err(error(&refusal)),
            }))),
            Some(object) => ResolvedValue::object(Resolver { session, object }),
        }
    }
}

impl ObjectValue for Resolver<'_, '_> {
    fn type_name(&self) -> &str {
        match &self.object {
            Object::Query => "Query",
            Object::Mutation => "Mutation",
            Object::Repository(_) => "Repository",
            Object::Deployment(..) => "Deployment",
            Object::Status(..) => "DeploymentStatus",
            Object::Ref(..) => "Ref",
            Object::Commit(..) => "Commit",
            Object::Tag(..) => "Tag",
            Object::Account(account) => account.kind,
            Object::Connection(connection) if connection.item == "Deployment" => "DeploymentConnection",
            Object::Connection(_) => "DeploymentStatusConnection",
            Object::Edge(name, ..) | Object::Payload(name, ..) | Object::Plain(name, _) => name,
            Object::Leaf(_) | Object::List(_) => "",
        }
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Result<ResolvedValue<'a>, ExecutionError> {
        let arguments = serde_json::to_value(info.arguments()).unwrap_or_default();
        let field = info.field_name();
        match self.session.field(&self.object, field, &arguments) {
            Ok(object) => Ok(Self::resolved(self.session, object)),
            Err(refusal) => Err(error(&refusal)),
        }
    }
}

/// An error as the executor takes it.
fn error(refusal: &Refusal) -> ExecutionError {
    ExecutionError {
        message: format!("{SEPARATOR}{}{SEPARATOR}{}", refusal.kind, refusal.sentence()),
    }
}

type Field = Result<Option<Object>, Refusal>;

fn leaf(value: impl Into<Value>) -> Field {
    Ok(Some(Object::Leaf(value.into())))
}

/// Unset strings are null here, where REST has empty ones.
fn unless_empty(text: &str) -> Field {
    if text.is_empty() { Ok(None) } else { leaf(text) }
}

/// GraphQL's `Int` has 32 bits; what does not fit is not told.
fn database_id(id: u64) -> Field {
    Ok(i32::try_from(id).ok().map(|id| Object::Leaf(json!(id))))
}

fn unknown(field: &str) -> Field {
    Err(Refusal::new(
        500,
        "INTERNAL",
        format!("the field {field} is in the schema but not served"),
    ))
}

impl Session<'_> {
    fn field(&self, object: &Object, field: &str, arguments: &Value) -> Field {
        match object {
            Object::Query => self.query(field, arguments),
            Object::Mutation => mutation::run(self, field, &arguments["input"]).map(Some),
            Object::Repository(id) => self.with(*id, |repository| self.repository(repository, field, arguments)),
            Object::Deployment(repository, id) => self.with(*repository, |repository| {
                let found = repository.deployment(*id).ok_or_else(Refusal::not_found)?;
                self.deployment(repository, found, field, arguments)
            }),
            Object::Status(repository, deployment, id) => self.with(*repository, |repository| {
                let deployment = repository.deployment(*deployment).ok_or_else(Refusal::not_found)?;
                let found = deployment
                    .statuses
                    .iter()
                    .find(|status| status.id == *id)
                    .ok_or_else(Refusal::not_found)?;
                self.status(repository, deployment, found, field)
            }),
            Object::Ref(repository, name) => self.with(*repository, |repository| self.git_ref(repository, name, field)),
            Object::Commit(repository, sha) | Object::Tag(repository, sha) => self.with(*repository, |repository| {
                self.git_object(repository, object, sha, field)
            }),
            Object::Account(account) => self.account(account, field),
            Object::Connection(connection) => Self::connection(connection, field),
            Object::Edge(_, cursor, node) => match field {
                "cursor" => leaf(cursor.as_str()),
                _ => Ok(Some((**node).clone())),
            },
            Object::Payload(_, mutation_id, fields) => match fields.iter().find(|(name, _)| *name == field) {
                Some((_, value)) => Ok(value.clone()),
                None => leaf(mutation_id.clone()),
            },
            Object::Plain(_, fields) => leaf(fields[field].clone()),
            Object::Leaf(_) | Object::List(_) => unknown(field),
        }
    }

    fn with(&self, repository: u64, resolve: impl FnOnce(&Repository) -> Field) -> Field {
        let world = self.world.borrow();
        resolve(world.get(repository).ok_or_else(Refusal::not_found)?)
    }

    fn query(&self, field: &str, arguments: &Value) -> Field {
        match field {
            "repository" => self.find_repository(arguments).map(Some),
            "viewer" if self.caller.kind == CallerKind::Installation => Err(Refusal::forbidden(true, "metadata=read")),
            "viewer" => Ok(Some(Object::Account(self.caller.account.clone()))),
            "node" => self.node(arguments["id"].as_str().unwrap_or_default()).map(Some),
            "nodes" => {
                let ids = arguments["ids"].as_array().map(Vec::as_slice).unwrap_or_default();
                let found = ids.iter().map(|id| self.node(id.as_str().unwrap_or_default()));
                Ok(Some(Object::List(found.collect())))
            }
            "rateLimit" => {
                let reset = jiff::Timestamp::from_second(self.limit.reset).unwrap_or(self.now);
                Ok(Some(Object::Plain(
                    "RateLimit",
                    json!({
                        "cost": self.weight.cost, "nodeCount": self.weight.nodes, "limit": self.limit.limit,
                        "remaining": self.limit.remaining, "used": self.limit.used, "resetAt": iso(reset),
                    }),
                )))
            }
            _ => unknown(field),
        }
    }

    fn find_repository(&self, arguments: &Value) -> Result<Object, Refusal> {
        let part = |name: &str| arguments[name].as_str().unwrap_or_default();
        let (owner, name) = (part("owner"), part("name"));
        let missing = || {
            let message = format!("Could not resolve to a Repository with the name '{owner}/{name}'.");
            Refusal::new(200, "NOT_FOUND", message)
        };
        let mut world = self.world.borrow_mut();
        if world.habits.create_repositories && world.find(owner, name).is_none() {
            world.add_repository(owner, name, self.now);
        }
        let found = world.find(owner, name).ok_or_else(missing)?;
        self.caller.must_see(found).map_err(|_| missing())?;
        let renamed = !found.full_name().eq_ignore_ascii_case(&format!("{owner}/{name}"));
        if renamed && arguments["followRenames"] == json!(false) {
            return Err(missing());
        }
        Ok(Object::Repository(found.id))
    }

    fn node(&self, id: &str) -> Result<Object, Refusal> {
        let missing = || {
            Refusal::new(
                200,
                "NOT_FOUND",
                format!("Could not resolve to a node with the global id of '{id}'"),
            )
        };
        let node = Node::decode(id).ok_or_else(missing)?;
        let (Node::Repository(number)
        | Node::Deployment(number, _)
        | Node::Status(number, _)
        | Node::Environment(number, _)
        | Node::Ref(number, _)
        | Node::Commit(number, _)
        | Node::Tag(number, _)) = &node;
        let world = self.world.borrow();
        let repository = world.get(*number).ok_or_else(missing)?;
        self.caller.must_see(repository).map_err(|_| missing())?;
        let found = match node {
            Node::Repository(id) => Some(Object::Repository(id)),
            Node::Deployment(_, id) => repository
                .deployment(id)
                .map(|found| Object::Deployment(repository.id, found.id)),
            Node::Status(_, id) => repository.deployments.iter().find_map(|deployment| {
                let status = deployment.statuses.iter().find(|status| status.id == id)?;
                Some(Object::Status(repository.id, deployment.id, status.id))
            }),
            Node::Environment(..) => None,
            Node::Ref(_, name) => repository.full_ref(&name).map(|_| Object::Ref(repository.id, name)),
            Node::Commit(_, sha) => repository.commit(&sha).map(|sha| Object::Commit(repository.id, sha)),
            Node::Tag(_, sha) => Some(Object::Tag(repository.id, sha)),
        };
        found.ok_or_else(missing)
    }

    fn repository(&self, repository: &Repository, field: &str, arguments: &Value) -> Field {
        let id = repository.id;
        let access = &self.caller.access;
        match field {
            "id" => leaf(Node::Repository(id).encode()),
            "databaseId" => database_id(id),
            "name" => leaf(repository.name.as_str()),
            "nameWithOwner" => leaf(repository.full_name()),
            "owner" => Ok(Some(Object::Account(account(&repository.owner, "Organization")))),
            "createdAt" => leaf(iso(repository.created_at)),
            "isArchived" => leaf(repository.archived),
            "isDisabled" => leaf(repository.disabled),
            "isLocked" => leaf(false),
            "isPrivate" => leaf(repository.private),
            "visibility" => leaf(if repository.private { "PRIVATE" } else { "PUBLIC" }),
            "url" => leaf(self.links.page(repository)),
            "resourcePath" => leaf(format!("/{}", repository.full_name())),
            // Tokens of installations have no role in a repository.
            "viewerPermission" if self.caller.kind == CallerKind::Installation => Ok(None),
            "viewerPermission" => leaf(if access.deployments == Level::Write {
                "WRITE"
            } else {
                "READ"
            }),
            "deployments" => {
                self.caller
                    .must_have(access.deployments, Level::Read, "deployments=read")?;
                let habits = self.world.borrow().habits.clone();
                deployments(repository, arguments, |found| habits.lists(found.created_at, self.now))
            }
            "object" | "ref" | "defaultBranchRef" => {
                self.caller.must_have(access.contents, Level::Read, "contents=read")?;
                Ok(reference(repository, field, arguments))
            }
            _ => unknown(field),
        }
    }

    fn deployment(&self, repository: &Repository, found: &Deployment, field: &str, arguments: &Value) -> Field {
        match field {
            "id" => leaf(Node::Deployment(repository.id, found.id).encode()),
            "databaseId" => database_id(found.id),
            "commit" => Ok(Some(Object::Commit(repository.id, found.sha.clone()))),
            "commitOid" => leaf(found.sha.as_str()),
            "createdAt" => leaf(iso(found.created_at)),
            "updatedAt" => leaf(iso(found.updated_at)),
            "creator" => Ok(Some(Object::Account(found.creator.clone()))),
            "description" => leaf(found.description.clone()),
            "environment" | "latestEnvironment" => leaf(found.environment.as_str()),
            "originalEnvironment" => leaf(found.original_environment.as_str()),
            // What was sent is JSON already, and becomes JSON once more.
            "payload" => leaf(found.payload.as_ref().map(|payload| match payload {
                Value::String(text) => json!(text).to_string(),
                object => json!(object.to_string()).to_string(),
            })),
            "ref" => Ok(repository
                .ref_name(&found.git_ref)
                .map(|name| Object::Ref(repository.id, name))),
            "repository" => Ok(Some(Object::Repository(repository.id))),
            "state" => leaf(found.shown_state(self.now)),
            "task" => leaf(found.task.as_str()),
            "latestStatus" => Ok(found
                .statuses
                .last()
                .map(|status| Object::Status(repository.id, found.id, status.id))),
            "statuses" => {
                let newest_first = found.statuses.iter().rev();
                let all = newest_first.map(|status| (status.id, Object::Status(repository.id, found.id, status.id)));
                let page = Connection::new("DeploymentStatus", field, all.collect(), arguments, true)?;
                Ok(Some(Object::Connection(Box::new(page))))
            }
            _ => unknown(field),
        }
    }

    fn status(&self, repository: &Repository, deployment: &Deployment, found: &Status, field: &str) -> Field {
        match field {
            "id" => leaf(Node::Status(repository.id, found.id).encode()),
            "createdAt" | "updatedAt" => leaf(iso(found.created_at)),
            "creator" => Ok(Some(Object::Account(found.creator.clone()))),
            "deployment" => Ok(Some(Object::Deployment(repository.id, deployment.id))),
            "description" => leaf(found.description.as_str()),
            "environment" => leaf(found.environment.as_str()),
            "environmentUrl" => unless_empty(&found.environment_url),
            "logUrl" => unless_empty(&found.log_url),
            "state" => leaf(found.state.to_ascii_uppercase()),
            _ => unknown(field),
        }
    }

    fn git_ref(&self, repository: &Repository, name: &str, field: &str) -> Field {
        let prefix = if name.starts_with("refs/tags/") {
            "refs/tags/"
        } else {
            "refs/heads/"
        };
        match field {
            "id" => leaf(Node::Ref(repository.id, name.to_owned()).encode()),
            "name" => leaf(name.trim_start_matches(prefix)),
            "prefix" => leaf(prefix),
            "repository" => Ok(Some(Object::Repository(repository.id))),
            "target" => Ok(repository.full_ref(name).map(|object| of_git(repository, object))),
            _ => unknown(field),
        }
    }

    fn git_object(&self, repository: &Repository, object: &Object, sha: &str, field: &str) -> Field {
        let page = format!("{}/commit/{sha}", self.links.page(repository));
        let is_tag = matches!(object, Object::Tag(..));
        let tag = repository
            .tags
            .iter()
            .find(|(_, tag)| tag.object.as_deref() == Some(sha));
        match field {
            "id" if is_tag => leaf(Node::Tag(repository.id, sha.to_owned()).encode()),
            "id" => leaf(Node::Commit(repository.id, sha.to_owned()).encode()),
            "oid" => leaf(sha),
            "abbreviatedOid" => leaf(&sha[..7]),
            "commitUrl" | "url" => leaf(page),
            "commitResourcePath" => leaf(format!("/{}/commit/{sha}", repository.full_name())),
            "committedDate" => leaf(iso(repository.created_at)),
            "message" | "messageHeadline" => leaf(format!("Commit {}", &sha[..7])),
            "repository" => Ok(Some(Object::Repository(repository.id))),
            "name" => leaf(tag.map(|(name, _)| name.clone())),
            "target" => Ok(tag.map(|(_, tag)| Object::Commit(repository.id, tag.commit.clone()))),
            _ => unknown(field),
        }
    }

    fn account(&self, account: &Account, field: &str) -> Field {
        // GraphQL does not show what REST puts at the end of an App's login.
        let login = account.login.trim_end_matches("[bot]");
        match field {
            "id" => leaf(format!("U_kgDO{}", account.id)),
            "databaseId" => database_id(account.id),
            "login" => leaf(login),
            "avatarUrl" => leaf(format!("{}/avatars/{}", self.links.web, account.id)),
            "url" => leaf(format!("{}/{login}", self.links.web)),
            "resourcePath" => leaf(format!("/{login}")),
            _ => unknown(field),
        }
    }

    fn connection(connection: &Connection, field: &str) -> Field {
        let edge = if connection.item == "Deployment" {
            "DeploymentEdge"
        } else {
            "DeploymentStatusEdge"
        };
        let items = connection.items.iter();
        match field {
            "nodes" => Ok(Some(Object::List(
                items.map(|(_, object)| Ok(object.clone())).collect(),
            ))),
            "edges" => {
                let edges =
                    items.map(|(cursor, object)| Ok(Object::Edge(edge, cursor.clone(), Box::new(object.clone()))));
                Ok(Some(Object::List(edges.collect())))
            }
            "pageInfo" => Ok(Some(Object::Plain("PageInfo", connection.info.clone()))),
            "totalCount" => leaf(connection.total),
            _ => unknown(field),
        }
    }
}

fn deployments(repository: &Repository, arguments: &Value, listed: impl Fn(&Deployment) -> bool) -> Field {
    let environments = arguments["environments"].as_array();
    let wanted = |deployment: &&Deployment| {
        environments.is_none_or(|names| {
            let mut names = names.iter().filter_map(Value::as_str);
            names.any(|name| name.eq_ignore_ascii_case(&deployment.environment))
        })
    };
    let selected = repository
        .deployments
        .iter()
        .filter(|found| listed(found))
        .filter(wanted);
    let mut all: Vec<_> = selected
        .map(|found| (found.id, Object::Deployment(repository.id, found.id)))
        .collect();
    if arguments["orderBy"]["direction"] == json!("DESC") {
        all.reverse();
    }
    let page = Connection::new("Deployment", "deployments", all, arguments, true)?;
    Ok(Some(Object::Connection(Box::new(page))))
}

fn reference(repository: &Repository, field: &str, arguments: &Value) -> Option<Object> {
    let id = repository.id;
    match field {
        "defaultBranchRef" => {
            let branch = &repository.default_branch;
            repository
                .branch(branch)
                .map(|_| Object::Ref(id, format!("refs/heads/{branch}")))
        }
        "ref" => {
            let name = arguments["qualifiedName"].as_str()?;
            // Names that are not full are looked for among branches first, other than by git.
            let forms = [
                name.to_owned(),
                format!("refs/{name}"),
                format!("refs/heads/{name}"),
                format!("refs/tags/{name}"),
            ];
            forms
                .into_iter()
                .find(|full| repository.full_ref(full).is_some())
                .map(|full| Object::Ref(id, full))
        }
        _ => {
            let expression = arguments["expression"].as_str().or_else(|| arguments["oid"].as_str())?;
            repository.resolve(expression).map(|object| of_git(repository, object))
        }
    }
}

fn of_git(repository: &Repository, object: GitObject) -> Object {
    match object {
        GitObject::Commit(sha) => Object::Commit(repository.id, sha),
        GitObject::Tag(sha) => Object::Tag(repository.id, sha),
    }
}
