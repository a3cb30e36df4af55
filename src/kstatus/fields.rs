//! Reading the fields of an object that may hold anything.

use std::cell::RefCell;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Field;

/// A field that does not hold what the API says it holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// The whole is not a JSON object.
    #[error("not a Kubernetes object: {found} instead of fields")]
    NotAnObject { found: &'static str },
    /// A field without which nothing can be said.
    #[error("not a Kubernetes object: {field} is missing")]
    Missing { field: &'static str },
    /// The wrong type.
    #[error("{field} is {found} instead of {expected}")]
    WrongType {
        field: String,
        found: &'static str,
        expected: &'static str,
    },
    /// A number beyond what Kubernetes' integers hold.
    #[error("{field} does not fit into 64 bits")]
    TooLarge { field: String },
    /// A value that the kind does not have.
    #[error("unknown {field} {value}")]
    UnknownValue { field: &'static str, value: String },
}

/// A Kubernetes object, of which nothing is certain.
#[derive(Clone, Copy)]
pub(super) struct Object<'a> {
    root: &'a Value,
    /// What was looked at so far, where someone wants to know.
    seen: Option<&'a RefCell<Vec<Field>>>,
}

/// A condition, as far as most kinds agree on its form. What is missing is empty.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Condition<'a> {
    pub kind: &'a str,
    pub status: &'a str,
    pub reason: &'a str,
    pub message: &'a str,
}

impl Condition<'_> {
    pub fn is(&self, kind: &str, status: &str) -> bool {
        self.kind == kind && self.status == status
    }

    /// `True (MinimumReplicasAvailable)`
    fn in_short(&self) -> String {
        match self.reason {
            "" => self.status.to_owned(),
            reason => format!("{} ({reason})", self.status),
        }
    }

    /// Reason and message, as far as there are any.
    pub fn reason_and_message(&self) -> String {
        match (self.reason, self.message) {
            (reason, "") => reason.to_owned(),
            ("", message) => message.to_owned(),
            (reason, message) => format!("{reason}: {message}"),
        }
    }
}

impl<'a> Object<'a> {
    pub fn new(root: &'a Value) -> Self {
        Self { root, seen: None }
    }

    /// The same, and what is looked at is put down in `seen`.
    pub fn recorded(root: &'a Value, seen: &'a RefCell<Vec<Field>>) -> Self {
        Self { root, seen: Some(seen) }
    }

    fn record(self, path: impl FnOnce() -> String, value: impl FnOnce() -> Value) {
        if let Some(seen) = self.seen {
            let (path, mut seen) = (path(), seen.borrow_mut());
            if seen.iter().all(|field| field.path != path) {
                let value = value();
                seen.push(Field { path, value });
            }
        }
    }

    /// The API group; empty for the core group.
    pub fn group(self) -> Result<&'a str, Unreadable> {
        let api_version = self.required("apiVersion")?;
        match api_version.split_once('/') {
            None => Ok(""),
            Some((group, version)) if !version.contains('/') => Ok(group),
            Some(_) => Err(Unreadable::UnknownValue {
                field: "apiVersion",
                value: api_version.to_owned(),
            }),
        }
    }

    pub fn kind(self) -> Result<&'a str, Unreadable> {
        self.required("kind")
    }

    fn required(self, field: &'static str) -> Result<&'a str, Unreadable> {
        if !self.root.is_object() {
            return Err(Unreadable::NotAnObject {
                found: type_of(self.root),
            });
        }
        match self.text(field)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(Unreadable::Missing { field }),
        }
    }

    /// The value at a dotted path; `None` where it, or anything on the way to it, is missing or null.
    pub fn get(self, path: &str) -> Result<Option<&'a Value>, Unreadable> {
        let found = self.find(path);
        self.record(
            || path.to_owned(),
            || found.as_ref().ok().copied().flatten().cloned().unwrap_or_default(),
        );
        found
    }

    fn find(self, path: &str) -> Result<Option<&'a Value>, Unreadable> {
        let mut value = self.root;
        let mut end = 0;
        for key in path.split('.') {
            let fields = match value {
                Value::Object(fields) => fields,
                other => {
                    let parent = path.get(..end).unwrap_or(path).trim_end_matches('.');
                    return Err(wrong_type(parent, other, "an object"));
                }
            };
            value = match present(fields, key) {
                Some(value) => value,
                None => return Ok(None),
            };
            end += key.len() + 1;
        }
        Ok(Some(value))
    }

    pub fn text(self, path: &str) -> Result<Option<&'a str>, Unreadable> {
        self.get(path)?.map(|value| as_text(path, value)).transpose()
    }

    pub fn integer(self, path: &str) -> Result<Option<i64>, Unreadable> {
        self.get(path)?.map(|value| as_integer(path, value)).transpose()
    }

    /// Whether there is an object at the path, be it empty.
    pub fn has(self, path: &str) -> Result<bool, Unreadable> {
        match self.get(path)? {
            None => Ok(false),
            Some(Value::Object(_)) => Ok(true),
            Some(other) => Err(wrong_type(path, other, "an object")),
        }
    }

    pub fn boolean(self, path: &str) -> Result<Option<bool>, Unreadable> {
        self.get(path)?
            .map(|value| value.as_bool().ok_or_else(|| wrong_type(path, value, "a boolean")))
            .transpose()
    }

    pub fn time(self, path: &str) -> Result<Option<Timestamp>, Unreadable> {
        self.get(path)?
            .map(|value| {
                let parsed = as_text(path, value)?.parse();
                parsed.map_err(|_| wrong_type(path, value, "a time"))
            })
            .transpose()
    }

    /// The annotation of this name, which a dotted path cannot hold.
    pub fn annotation(self, name: &str) -> Result<Option<&'a str>, Unreadable> {
        const PATH: &str = "metadata.annotations";
        match self.get(PATH)? {
            None => Ok(None),
            Some(Value::Object(fields)) => present(fields, name)
                .map(|value| as_text(&format!("{PATH}.{name}"), value))
                .transpose(),
            Some(other) => Err(wrong_type(PATH, other, "an object")),
        }
    }

    pub fn list(self, path: &str) -> Result<&'a [Value], Unreadable> {
        match self.get(path)? {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(wrong_type(path, other, "a list")),
        }
    }

    pub fn conditions(self) -> Result<Vec<Condition<'a>>, Unreadable> {
        const PATH: &str = "status.conditions";
        let items = match self.find(PATH)? {
            None => &[],
            Some(Value::Array(items)) => items.as_slice(),
            Some(other) => return Err(wrong_type(PATH, other, "a list")),
        };
        let mut conditions = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let condition = match item {
                Value::Null => continue,
                Value::Object(_) => Object::new(item),
                other => return Err(wrong_type(&format!("{PATH}[{index}]"), other, "an object")),
            };
            let text = |field| match condition.text(field) {
                Ok(text) => Ok(text.unwrap_or_default()),
                Err(error) => Err(error.below(&format!("{PATH}[{index}]"))),
            };
            let condition = Condition {
                kind: text("type")?,
                status: text("status")?,
                reason: text("reason")?,
                message: text("message")?,
            };
            self.record(|| format!("{PATH}[{}]", condition.kind), || condition.in_short().into());
            conditions.push(condition);
        }
        Ok(conditions)
    }

    /// The generation that the first condition of this type speaks of. Few kinds tell it, and only their rules ask,
    /// so that a strange value harms no other kind.
    pub fn condition_generation(self, kind: &str) -> Result<Option<i64>, Unreadable> {
        const PATH: &str = "status.conditions";
        for (index, item) in self.list(PATH)?.iter().enumerate() {
            if item.get("type").and_then(Value::as_str) == Some(kind) {
                let generation = Object::new(item).integer("observedGeneration");
                return generation.map_err(|error| error.below(&format!("{PATH}[{index}]")));
            }
        }
        Ok(None)
    }
}

impl Unreadable {
    /// The same, said of the object that holds the field at `parent`.
    pub fn below(self, parent: &str) -> Self {
        match self {
            Self::WrongType { field, found, expected } => Self::WrongType {
                field: format!("{parent}.{field}"),
                found,
                expected,
            },
            Self::TooLarge { field } => Self::TooLarge {
                field: format!("{parent}.{field}"),
            },
            other => other,
        }
    }
}

fn present<'a>(fields: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    fields.get(key).filter(|value| !value.is_null())
}

fn as_text<'a>(field: &str, value: &'a Value) -> Result<&'a str, Unreadable> {
    value.as_str().ok_or_else(|| wrong_type(field, value, "a text"))
}

fn as_integer(field: &str, value: &Value) -> Result<i64, Unreadable> {
    let not_an_integer = || wrong_type(field, value, "an integer");
    let written = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return Err(not_an_integer()),
    };
    let whole = match written.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && fraction.bytes().all(|digit| digit == b'0') => whole,
        Some(_) => return Err(not_an_integer()),
        None => &written,
    };
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(not_an_integer());
    }
    whole.parse().map_err(|_| Unreadable::TooLarge {
        field: field.to_owned(),
    })
}

/// The message of the object, or where it has none, one of ours.
pub(super) fn or<'a>(message: &'a str, instead: &'a str) -> &'a str {
    if message.is_empty() { instead } else { message }
}

pub(super) fn wrong_type(field: &str, found: &Value, expected: &'static str) -> Unreadable {
    Unreadable::WrongType {
        field: field.to_owned(),
        found: type_of(found),
        expected,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
