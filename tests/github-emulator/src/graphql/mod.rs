//! GraphQL: a document is validated and executed by `apollo-compiler` over the schema beside this file.

mod connection;
mod mutation;
mod object;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use apollo_compiler::executable::{OperationType, Selection, SelectionSet};
use apollo_compiler::resolvers::Execution;
use apollo_compiler::response::JsonMap;
use apollo_compiler::validation::{Valid, WithErrors};
use apollo_compiler::{ExecutableDocument, Schema};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::access::{Caller, Limit};
use crate::answer::{Answer, Refusal};
use crate::render::Links;
use crate::state::World;

pub use object::Object;

/// The served part of GitHub's schema.
pub const SCHEMA: &str = include_str!("schema.graphql");

/// Stands before the kind of an error and before its message on the way through the executor, which knows messages
/// only and puts words of its own in front.
const SEPARATOR: char = '\u{1f}';

/// Nodes that one request may ask for.
const MAX_NODES: u64 = 500_000;

/// The schema, parsed once.
///
/// # Panics
/// If the schema of this crate is not valid, which its tests would show.
pub fn schema() -> &'static Valid<Schema> {
    static PARSED: OnceLock<Valid<Schema>> = OnceLock::new();
    PARSED.get_or_init(|| Schema::parse_and_validate(SCHEMA, "schema.graphql").expect("the schema is valid"))
}

/// Documents that are kept once they are validated: clients send the same few again and again.
const KEPT_DOCUMENTS: usize = 256;

/// A valid document.
fn document(query: &str) -> Result<Arc<Valid<ExecutableDocument>>, Box<WithErrors<ExecutableDocument>>> {
    static KEPT: Mutex<Option<HashMap<String, Arc<Valid<ExecutableDocument>>>>> = Mutex::new(None);
    let kept = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(document) = kept().as_ref().and_then(|kept| kept.get(query)) {
        return Ok(Arc::clone(document));
    }
    let document = Arc::new(ExecutableDocument::parse_and_validate(schema(), query, "query").map_err(Box::new)?);
    let mut kept = kept();
    let documents = kept.get_or_insert_default();
    if documents.len() >= KEPT_DOCUMENTS {
        documents.clear();
    }
    documents.insert(query.to_owned(), Arc::clone(&document));
    Ok(document)
}

/// A GraphQL request as it was sent.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The document.
    pub query: String,
    /// The variables.
    pub variables: JsonMap,
    /// Which operation of the document; needed when there are several.
    pub operation_name: Option<String>,
}

impl Request {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let parsed: Value =
            serde_json::from_slice(body).map_err(|_| Refusal::new(400, "UNPROCESSABLE", "Problems parsing JSON"))?;
        let query = parsed["query"].as_str().ok_or_else(|| {
            Refusal::new(
                400,
                "UNPROCESSABLE",
                "A query attribute must be specified and must be a string.",
            )
        })?;
        let variables = serde_json::from_value(parsed["variables"].clone()).unwrap_or_default();
        let operation_name = parsed["operationName"].as_str().map(str::to_owned);
        Ok(Self {
            query: query.to_owned(),
            variables,
            operation_name,
        })
    }

    /// Whether the operation is a mutation; `false` where the document cannot be read.
    pub fn is_mutation(&self) -> bool {
        let mutates = |document: &ExecutableDocument| {
            let operation = document.operations.get(self.operation_name.as_deref());
            operation.is_ok_and(|operation| operation.operation_type == OperationType::Mutation)
        };
        match document(&self.query) {
            Ok(document) => mutates(&document),
            Err(invalid) => mutates(&invalid.partial),
        }
    }
}

/// What resolvers work on.
pub struct Session<'w> {
    /// The world.
    pub world: RefCell<&'w mut World>,
    /// Who asks.
    pub caller: &'w Caller,
    /// Addresses for links.
    pub links: &'w Links,
    /// The present moment.
    pub now: Timestamp,
    /// The limit as it is after this request.
    pub limit: Limit,
    /// Points and nodes of this request.
    pub weight: Weight,
}

/// What a request costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// Points.
    pub cost: u64,
    /// Nodes it asks for at most.
    pub nodes: u64,
}

/// Answers a request. `spend` takes the points from the caller's limit and gives the limit after that.
pub fn handle(
    world: &mut World,
    request: &Request,
    caller: &Caller,
    links: &Links,
    now: Timestamp,
    spend: impl FnOnce(u64) -> Result<Limit, Refusal>,
) -> Answer {
    let document = match document(&request.query) {
        Ok(document) => document,
        Err(invalid) => {
            let errors: Vec<Value> = invalid
                .errors
                .iter()
                .map(|error| {
                    let location = error.line_column_range().map(|range| range.start);
                    json!({
                        "path": ["query"],
                        "extensions": {"code": "invalidDocument"},
                        "locations": location.map(|at| json!([{"line": at.line, "column": at.column}])),
                        "message": error.error.to_string(),
                    })
                })
                .collect();
            return Answer::json(200, json!({"errors": errors}));
        }
    };
    let Ok(operation) = document.operations.get(request.operation_name.as_deref()) else {
        return Answer::json(200, json!({"errors": [{"message": "An operation name is required"}]}));
    };
    let weight = weigh(&document, &operation.selection_set, request);
    let refuse = |refusal: Refusal| {
        Answer::json(
            200,
            json!({"errors": [{"type": refusal.kind, "message": refusal.message}]}),
        )
    };
    if weight.nodes > MAX_NODES {
        let message = format!(
            "This query requests up to {} possible nodes which exceeds the maximum limit of 500,000.",
            weight.nodes
        );
        return refuse(Refusal::new(200, "MAX_NODE_LIMIT_EXCEEDED", message));
    }
    let limit = match spend(weight.cost) {
        Ok(limit) => limit,
        Err(refusal) => return refuse(refusal).with("x-ratelimit-remaining", "0"),
    };
    let mutation = operation.operation_type == OperationType::Mutation;
    let session = Session {
        world: RefCell::new(world),
        caller,
        links,
        now,
        limit,
        weight,
    };
    let root = object::Resolver::new(&session, if mutation { Object::Mutation } else { Object::Query });
    let execution = Execution::new(schema(), &document)
        .operation(operation)
        .raw_variable_values(&request.variables);
    match execution.execute_sync(&root) {
        Ok(response) => Answer::json(200, finish(serde_json::to_value(response).unwrap_or_default())),
        Err(error) => {
            let error = error.to_graphql_error(&document.sources);
            Answer::json(
                200,
                json!({"errors": [{"message": error.message, "locations": error.locations}]}),
            )
        }
    }
}

/// Puts the kind of each error where GitHub has it, and `data` first.
fn finish(mut response: Value) -> Value {
    let mut answer = json!({"data": response["data"].take()});
    if let Some(errors) = response["errors"].as_array_mut() {
        for error in errors.iter_mut() {
            let text = error["message"].as_str().unwrap_or_default().to_owned();
            let mut parts = text.split(SEPARATOR).skip(1);
            let (Some(kind), Some(message)) = (parts.next(), parts.next()) else {
                continue;
            };
            error["message"] = json!(message);
            error["type"] = json!(kind);
            if kind == "FORBIDDEN" {
                error["extensions"] = json!({"saml_failure": false});
            }
        }
        answer["errors"] = response["errors"].take();
    }
    answer
}

/// Counts as GitHub documents it: every connection asked for once per parent, a hundred of them for a point.
fn weigh(document: &ExecutableDocument, selections: &SelectionSet, request: &Request) -> Weight {
    let mut requests = 0;
    let mut nodes = 0;
    count(document, selections, request, 1, &mut requests, &mut nodes);
    Weight {
        cost: ((requests + 50) / 100).max(1),
        nodes,
    }
}

fn count(
    document: &ExecutableDocument,
    selections: &SelectionSet,
    request: &Request,
    parents: u64,
    requests: &mut u64,
    nodes: &mut u64,
) {
    for selection in &selections.selections {
        match selection {
            Selection::Field(field) => {
                let connection = field.ty().inner_named_type().ends_with("Connection");
                let size = ["first", "last"].iter().find_map(|name| {
                    let value = field.specified_argument_by_name(name)?;
                    let number = value
                        .to_i32()
                        .map(i64::from)
                        .or_else(|| request.variables.get(value.as_variable()?.as_str())?.as_i64());
                    u64::try_from(number?).ok()
                });
                let within = if connection {
                    parents.saturating_mul(size.unwrap_or(1))
                } else {
                    parents
                };
                if connection {
                    *requests += parents;
                    *nodes = nodes.saturating_add(within);
                }
                if let Some(selections) = &field.selection_set {
                    count(document, selections, request, within, requests, nodes);
                }
            }
            Selection::InlineFragment(fragment) => {
                count(document, &fragment.selection_set, request, parents, requests, nodes);
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = spread.fragment_def(document) {
                    count(document, &fragment.selection_set, request, parents, requests, nodes);
                }
            }
        }
    }
}
