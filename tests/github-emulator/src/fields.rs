//! Bodies of REST requests, field by field.

use serde_json::{Map, Value};

use crate::answer::Refusal;

/// Members of a JSON body, each of the type it has to have.
pub struct Fields(pub Map<String, Value>);

impl Fields {
    /// Reads a body, which has to be an object.
    pub fn parse(body: &[u8]) -> Result<Self, Refusal> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(Refusal::new(400, "UNPROCESSABLE", "Body should be a JSON object")),
            Err(_) => Err(Refusal::new(400, "UNPROCESSABLE", "Problems parsing JSON")),
        }
    }

    fn get<'f, T>(
        &'f self,
        name: &str,
        kind: &str,
        read: impl Fn(&'f Value) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match read(value) {
                Some(value) => Ok(Some(value)),
                None => Err(unacceptable(&format!(
                    "For 'properties/{name}', {value} is not {kind}."
                ))),
            },
        }
    }

    /// A string.
    pub fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        Ok(self.get(name, "a string", Value::as_str)?.map(str::to_owned))
    }

    /// A boolean.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        self.get(name, "a boolean", Value::as_bool)
    }

    /// A list of strings.
    pub fn names(&self, name: &str) -> Result<Option<Vec<String>>, Refusal> {
        self.get(name, "an array of strings", |value| {
            value
                .as_array()?
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect()
        })
    }

    /// An object or a string, as payloads are.
    pub fn payload(&self) -> Result<Option<Value>, Refusal> {
        self.get("payload", "an object or a string", |value| {
            (value.is_object() || value.is_string()).then(|| value.clone())
        })
    }
}

/// The refusal of a request that lacks a field.
pub fn missing(field: &str) -> Refusal {
    unacceptable(&format!("\"{field}\" wasn't supplied."))
}

fn unacceptable(detail: &str) -> Refusal {
    Refusal::new(422, "UNPROCESSABLE", format!("Invalid request.\n\n{detail}"))
}
