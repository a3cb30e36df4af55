//! Checks requests and answers against GitHub's own descriptions.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use apollo_compiler::ExecutableDocument;
use apollo_compiler::executable::{Selection, SelectionSet};
use apollo_compiler::schema::{ExtendedType, Type};
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::descriptions::Descriptions;
use crate::graphql;
use crate::operation::OperationKind;

/// What is wrong, with the servers by whose descriptions it is.
type Findings = BTreeMap<String, Vec<&'static str>>;

/// Answers that real servers give differently from the description; each with what was seen.
const SERVED_DIFFERENTLY: &[(OperationKind, &str)] = &[
    // Version 2026-03-10 of the interface has no `rate` any more, the description of it still asks for it.
    (OperationKind::GetRateLimit, "\"rate\" is a required property"),
];

/// The checks.
pub struct Contract {
    descriptions: &'static Descriptions,
    /// By server, and by what is checked.
    validators: Mutex<HashMap<(&'static str, String), Arc<Validator>>>,
}

/// One of the servers that GitHub describes.
#[derive(Clone, Copy)]
struct Server {
    name: &'static str,
    whole: &'static Value,
}

fn told(findings: Findings) -> Vec<String> {
    let told =
        |(wrong, servers): (String, Vec<&str>)| format!("{wrong} (by the description of {})", servers.join(", "));
    findings.into_iter().map(told).collect()
}

impl Contract {
    /// Checks against these descriptions.
    pub fn new(descriptions: &'static Descriptions) -> Self {
        Self {
            descriptions,
            validators: Mutex::default(),
        }
    }

    /// The descriptions that have an operation: name of the server, all of the description, the operation.
    fn described(&self, operation: OperationKind) -> impl Iterator<Item = (Server, &'static Value)> {
        let place = operation.described();
        let servers = self.descriptions.rest.iter();
        servers.filter_map(move |(name, whole)| {
            let (method, path) = place?;
            let described = whole["paths"].get(path)?.get(method)?;
            Some((Server { name, whole }, described))
        })
    }

    /// What is wrong with a REST request: its operation, query parameters or body.
    pub fn check_request(
        &self,
        operation: OperationKind,
        query: &[(String, String)],
        body: Option<&Value>,
    ) -> Vec<String> {
        if operation.described().is_none() {
            return Vec::new();
        }
        let mut findings = Findings::new();
        for (server, described) in self.described(operation) {
            for wrong in self.check_request_by(server, described, operation, query, body) {
                findings.entry(wrong).or_default().push(server.name);
            }
        }
        if self.described(operation).next().is_none() {
            return vec![format!("{operation}: GitHub's descriptions have no such operation")];
        }
        told(findings)
    }

    fn check_request_by(
        &self,
        server: Server,
        described: &'static Value,
        operation: OperationKind,
        query: &[(String, String)],
        body: Option<&Value>,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let parameters = described["parameters"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let known: Vec<&str> = parameters
            .iter()
            .map(|parameter| server.referenced(parameter))
            .filter(|parameter| parameter["in"] == "query")
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        for (name, _) in query {
            if !known.contains(&name.as_str()) {
                wrong.push(format!(
                    "{operation} request: query parameter {name} is not known, but {known:?}"
                ));
            }
        }
        let content = &described["requestBody"]["content"]["application/json"]["schema"];
        match body {
            Some(body) if content.is_object() => {
                wrong.extend(self.validate(server, &format!("{operation} request"), content, body));
                for name in body.as_object().into_iter().flat_map(|members| members.keys()) {
                    if content["properties"].is_object() && content["properties"].get(name).is_none() {
                        wrong.push(format!("{operation} request: the member {name} is not known"));
                    }
                }
            }
            Some(_) => wrong.push(format!("{operation} request: a body where none is described")),
            None if described["requestBody"]["required"] == json!(true) => {
                wrong.push(format!("{operation} request: no body"));
            }
            None => {}
        }
        wrong
    }

    /// What is wrong with a REST answer. Statuses that every operation can have are of the general error form.
    pub fn check_answer(&self, operation: OperationKind, status: u16, body: Option<&Value>) -> Vec<String> {
        let mut findings = Findings::new();
        for (server, described) in self.described(operation) {
            for wrong in self.check_answer_by(server, described, operation, status, body) {
                findings.entry(wrong).or_default().push(server.name);
            }
        }
        told(findings)
    }

    fn check_answer_by(
        &self,
        server: Server,
        described: &'static Value,
        operation: OperationKind,
        status: u16,
        body: Option<&Value>,
    ) -> Vec<String> {
        let name = format!("{operation} answer {status}");
        let error = json!({"$ref": "#/components/schemas/basic-error"});
        let response = server.referenced(&described["responses"][status.to_string()]);
        let content = response["content"]
            .as_object()
            .and_then(|content| content.values().next());
        let schema = match content.map(|content| &content["schema"]) {
            Some(schema) => schema,
            None if status == 204 || status == 304 => {
                return body.map(|_| format!("{name}: a body")).into_iter().collect();
            }
            None if status >= 300 => &error,
            None => return vec![format!("{name}: the status is not described")],
        };
        let Some(body) = body else {
            return vec![format!("{name}: no body")];
        };
        let wrong = self.validate(server, &name, schema, body);
        let known = |text: &String| {
            SERVED_DIFFERENTLY
                .iter()
                .any(|(kind, part)| *kind == operation && text.contains(part))
        };
        wrong.into_iter().filter(|text| !known(text)).collect()
    }

    fn validate(&self, server: Server, name: &str, schema: &Value, body: &Value) -> Vec<String> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (server.name, name.to_owned());
        let validator = match validators.get(&key) {
            Some(validator) => Arc::clone(validator),
            None => match server.compile(schema) {
                Ok(validator) => {
                    let validator = Arc::new(validator);
                    validators.insert(key, Arc::clone(&validator));
                    validator
                }
                Err(error) => return vec![format!("{name}: the description cannot be used: {error}")],
            },
        };
        drop(validators);
        validator
            .iter_errors(body)
            .map(|error| format!("{name}: {error} at {}", error.instance_path()))
            .collect()
    }
}

impl Server {
    fn referenced(self, value: &'static Value) -> &'static Value {
        match value["$ref"].as_str() {
            Some(reference) => self.whole.pointer(reference.trim_start_matches('#')).unwrap_or(value),
            None => value,
        }
    }

    /// A validator for a schema of the description, with the components that it reaches beside it.
    fn compile(self, schema: &Value) -> Result<Validator, String> {
        let mut root = to_json_schema(schema);
        let mut components = serde_json::Map::new();
        let mut waiting = references(schema);
        while let Some(reference) = waiting.pop() {
            let name = reference.trim_start_matches("#/components/schemas/").to_owned();
            if components.contains_key(&name) {
                continue;
            }
            let component = &self.whole["components"]["schemas"][&name];
            waiting.extend(references(component));
            components.insert(name, to_json_schema(component));
        }
        root["components"] = json!({"schemas": components});
        jsonschema::options()
            .with_draft(jsonschema::Draft::Draft7)
            .should_validate_formats(true)
            // Unset addresses are empty in real answers, although they are described as addresses.
            .with_format("uri", |text| text.is_empty() || url::Url::parse(text).is_ok())
            .should_ignore_unknown_formats(true)
            .build(&root)
            .map_err(|error| error.to_string())
    }
}

impl Contract {
    /// What is wrong with a GraphQL request or its answer.
    pub fn check_graphql(&self, request: &graphql::Request, answer: &Value) -> Vec<String> {
        let schema = &self.descriptions.graphql;
        let document = match ExecutableDocument::parse_and_validate(schema, &request.query, "query") {
            Ok(document) => document,
            Err(invalid) => {
                let errors = invalid.errors.iter();
                return errors
                    .map(|error| format!("GraphQL request: {}", error.error))
                    .collect();
            }
        };
        let Ok(operation) = document.operations.get(request.operation_name.as_deref()) else {
            return vec!["GraphQL request: it does not say which operation".to_owned()];
        };
        if let Err(error) = apollo_compiler::request::coerce_variable_values(schema, operation, &request.variables) {
            return vec![format!("GraphQL request: {}", error.message())];
        }
        let mut wrong = Vec::new();
        for name in request.variables.keys() {
            if !operation
                .variables
                .iter()
                .any(|variable| variable.name.as_str() == name.as_str())
            {
                wrong.push(format!(
                    "GraphQL request: the variable {} is not declared",
                    name.as_str()
                ));
            }
        }
        if answer["data"].is_object() {
            self.check_selection(&document, &operation.selection_set, &answer["data"], "data", &mut wrong);
        }
        wrong
    }

    fn check_selection(
        &self,
        document: &ExecutableDocument,
        selections: &SelectionSet,
        value: &Value,
        path: &str,
        wrong: &mut Vec<String>,
    ) {
        for selection in &selections.selections {
            match selection {
                Selection::Field(field) => {
                    let key = field.response_name().as_str();
                    let path = format!("{path}.{key}");
                    match value.get(key) {
                        None => wrong.push(format!("GraphQL answer: {path} is missing")),
                        Some(value) => {
                            self.check_value(document, field.ty(), field.selection_set.as_ref(), value, &path, wrong);
                        }
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.type_condition.as_ref();
                    if condition.is_none_or(|name| self.applies(name, &fragment.selection_set, value)) {
                        self.check_selection(document, &fragment.selection_set, value, path, wrong);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = spread.fragment_def(document)
                        && self.applies(fragment.type_condition(), &fragment.selection_set, value)
                    {
                        self.check_selection(document, &fragment.selection_set, value, path, wrong);
                    }
                }
            }
        }
    }

    /// Whether a fragment on `condition` concerns the object `value`: by its `__typename`, if that was asked for, else
    /// by whether anything of the fragment is there.
    fn applies(&self, condition: &str, selections: &SelectionSet, value: &Value) -> bool {
        match value["__typename"].as_str() {
            Some(name) => name == condition || self.descriptions.graphql.is_subtype(condition, name),
            None => selections.selections.iter().any(|selection| match selection {
                Selection::Field(field) => value.get(field.response_name().as_str()).is_some(),
                Selection::InlineFragment(_) | Selection::FragmentSpread(_) => true,
            }),
        }
    }

    fn check_value(
        &self,
        document: &ExecutableDocument,
        ty: &Type,
        selections: Option<&SelectionSet>,
        value: &Value,
        path: &str,
        wrong: &mut Vec<String>,
    ) {
        if value.is_null() {
            if ty.is_non_null() {
                wrong.push(format!("GraphQL answer: {path} is null, its type is {ty}"));
            }
            return;
        }
        if ty.is_list() {
            let Some(items) = value.as_array() else {
                wrong.push(format!("GraphQL answer: {path} is no list, its type is {ty}"));
                return;
            };
            for (index, item) in items.iter().enumerate() {
                self.check_value(
                    document,
                    ty.item_type(),
                    selections,
                    item,
                    &format!("{path}[{index}]"),
                    wrong,
                );
            }
            return;
        }
        let name = ty.inner_named_type().as_str();
        let fits = match self.descriptions.graphql.types.get(name) {
            Some(ExtendedType::Enum(definition)) => value
                .as_str()
                .is_some_and(|text| definition.values.keys().any(|known| known.as_str() == text)),
            Some(ExtendedType::Scalar(_)) => match name {
                "Int" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
                "Float" => value.is_number(),
                "Boolean" => value.is_boolean(),
                "DateTime" => value
                    .as_str()
                    .is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
                "URI" => value
                    .as_str()
                    .is_some_and(|text| text.starts_with('/') || url::Url::parse(text).is_ok()),
                "GitObjectID" => value.as_str().is_some_and(|text| text.len() == 40),
                _ => value.is_string(),
            },
            Some(_) => value.is_object(),
            None => false,
        };
        if !fits {
            wrong.push(format!("GraphQL answer: {path} is {value}, its type is {ty}"));
        } else if let Some(selections) = selections {
            self.check_selection(document, selections, value, path, wrong);
        }
    }
}

/// The components that a schema refers to.
pub(crate) fn references(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match value {
                Value::String(reference) if name == "$ref" => vec![reference.clone()],
                // Examples may look like anything.
                _ if name == "example" || name == "examples" => Vec::new(),
                other => references(other),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// OpenAPI 3.0 marks what may be null with a keyword that JSON Schema does not have.
fn to_json_schema(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let converted: serde_json::Map<String, Value> = members
                .iter()
                .filter(|(name, _)| !["example", "examples", "nullable", "discriminator"].contains(&name.as_str()))
                .map(|(name, value)| (name.clone(), to_json_schema(value)))
                .collect();
            match members.get("nullable") {
                Some(Value::Bool(true)) => json!({"anyOf": [{"type": "null"}, converted]}),
                // A property that is called so.
                Some(property @ Value::Object(_)) => {
                    let mut converted = converted;
                    converted.insert("nullable".to_owned(), to_json_schema(property));
                    Value::Object(converted)
                }
                _ => Value::Object(converted),
            }
        }
        Value::Array(items) => items.iter().map(to_json_schema).collect(),
        other => other.clone(),
    }
}
