//! Reading the fields of an object that may hold anything.

use serde_json::{Map, Value};

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
}

impl<'a> Object<'a> {
    pub fn new(root: &'a Value) -> Self {
        Self { root }
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

    pub fn boolean(self, path: &str) -> Result<Option<bool>, Unreadable> {
        match self.get(path)? {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(other) => Err(wrong_type(path, other, "a boolean")),
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
        let mut conditions = Vec::new();
        for (index, item) in self.list(PATH)?.iter().enumerate() {
            let condition = match item {
                Value::Null => continue,
                Value::Object(_) => Object::new(item),
                other => return Err(wrong_type(&format!("{PATH}[{index}]"), other, "an object")),
            };
            let text = |field| match condition.text(field) {
                Ok(text) => Ok(text.unwrap_or_default()),
                Err(error) => Err(error.below(&format!("{PATH}[{index}]"))),
            };
            conditions.push(Condition {
                kind: text("type")?,
                status: text("status")?,
                reason: text("reason")?,
                message: text("message")?,
            });
        }
        Ok(conditions)
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
