//! The value at a JSONPath, as text.
//!
//! An expression is read as [RFC 9535](https://www.rfc-editor.org/rfc/rfc9535.html) says. Only what that refuses is
//! tried as one of the forms that people know from `kubectl -o jsonpath` and from Jayway JsonPath: see [`dialect`].

mod bounds;
mod dialect;
mod hint;
mod patterns;

use serde_json::Value;
use serde_json_path::JsonPath;

use super::ExtractError;

/// A JSONPath that was read.
#[derive(Clone, Debug)]
pub(super) struct Path {
    expression: String,
    path: JsonPath,
}

/// Why an expression is refused.
struct Refused {
    /// Bytes before the place.
    offset: usize,
    problem: String,
}

impl Path {
    pub fn parse(expression: &str) -> Result<Self, ExtractError> {
        bounds::check(expression)?;
        let path = match rfc_9535(expression) {
            Ok(path) => path,
            Err(_) => in_dialect(expression).map_err(|refused| invalid(expression, refused))?,
        };
        patterns::check(expression)?;
        Ok(Self {
            expression: expression.to_owned(),
            path,
        })
    }

    /// As the user wrote it.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The one text that the path finds in the object.
    pub fn text(&self, object: &Value) -> Result<String, ExtractError> {
        let expression = || self.expression.clone();
        let mut first: Option<String> = None;
        for value in self.path.query(object).all() {
            let text = match value {
                Value::String(text) => text.clone(),
                // As JSON prints them: with `arbitrary_precision` a number keeps every digit it was written with.
                Value::Number(number) => number.to_string(),
                Value::Bool(truth) => truth.to_string(),
                Value::Null => {
                    return Err(ExtractError::JsonPathNull {
                        expression: expression(),
                    });
                }
                Value::Object(_) => {
                    return Err(ExtractError::JsonPathObject {
                        expression: expression(),
                    });
                }
                Value::Array(_) => {
                    return Err(ExtractError::JsonPathArray {
                        expression: expression(),
                    });
                }
            };
            match &first {
                None => first = Some(text),
                Some(first) if *first == text => {}
                Some(first) => {
                    return Err(ExtractError::JsonPathAmbiguous {
                        expression: expression(),
                        first: first.clone(),
                        other: text,
                    });
                }
            }
        }
        match first {
            None => Err(ExtractError::JsonPathNoMatch {
                expression: expression(),
            }),
            Some(text) if text.is_empty() => Err(ExtractError::JsonPathEmpty {
                expression: expression(),
            }),
            Some(text) => Ok(text),
        }
    }
}

fn rfc_9535(expression: &str) -> Result<JsonPath, Refused> {
    complete_unicode_escapes(expression)?;
    JsonPath::parse(expression).map_err(|error| Refused {
        offset: error.position(),
        problem: match error.message() {
            // The library's words for "none of the alternatives fits here".
            message if message.ends_with("parser error") => "this is not JSONPath".to_owned(),
            message => message.trim_start_matches("in long-hand segment, ").to_owned(),
        },
    })
}

/// The library panics on an expression that ends within `\u0000`.
fn complete_unicode_escapes(expression: &str) -> Result<(), Refused> {
    let mut characters = expression.char_indices();
    while let Some((offset, character)) = characters.next() {
        if character != '\\' || !matches!(characters.next(), Some((_, 'u'))) {
            continue;
        }
        let is_complete = expression
            .get(offset + 2..offset + 6)
            .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if !is_complete {
            return Err(Refused {
                offset,
                problem: "\\u is not followed by four hex digits".to_owned(),
            });
        }
    }
    Ok(())
}

fn in_dialect(expression: &str) -> Result<JsonPath, Refused> {
    let rewritten = dialect::rewrite(expression)?;
    rfc_9535(&rewritten.text).map_err(|refused| Refused {
        offset: rewritten.original_offset(refused.offset),
        ..refused
    })
}

fn invalid(expression: &str, refused: Refused) -> ExtractError {
    let hint = hint::of(expression);
    // The parser stops where the alternatives begin to differ, which may be long before the operator at fault.
    let (offset, problem) = match hint.and_then(|hint| hint.operator) {
        Some((offset, operator)) => (offset, format!("there is no operator {operator}")),
        None => (refused.offset, refused.problem),
    };
    ExtractError::JsonPathInvalid {
        expression: expression.to_owned(),
        position: position(expression, offset),
        problem,
        hint: hint.map(|hint| hint.advice),
    }
}

/// The place for people: characters, the first one is 1.
fn position(expression: &str, offset: usize) -> usize {
    expression
        .char_indices()
        .take_while(|(start, _)| *start < offset)
        .count()
        + 1
}
