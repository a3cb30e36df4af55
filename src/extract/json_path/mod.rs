//! The value at a JSONPath, as text.
//!
//! An expression is read as [RFC 9535](https://www.rfc-editor.org/rfc/rfc9535.html) says. Only what that refuses is
//! tried as one of the forms that people know from `kubectl -o jsonpath` and from Jayway JsonPath: see [`dialect`].

mod bounds;
mod dialect;
mod filters;
mod hint;
mod patterns;

use serde_json::Value;
use serde_json_path::JsonPath;

use self::{dialect::Rewritten, patterns::Searches};
use super::{ExtractError, limits};

/// What errors call the expression.
const FIELD: &str = "jsonPath";

/// A JSONPath that was read.
#[derive(Clone, Debug)]
pub(super) struct Path {
    expression: String,
    path: JsonPath,
    /// What it matches with patterns, if anything.
    searches: Option<Searches>,
}

/// Why an expression is refused.
struct Refused {
    /// Bytes before the place.
    offset: usize,
    problem: String,
}

impl Path {
    pub fn parse(expression: &str) -> Result<Self, ExtractError> {
        limits::length(FIELD, expression)?;
        bounds::check(expression, expression)?;
        let (read, path) = match rfc_9535(expression) {
            Ok(path) => (Rewritten::unchanged(expression), path),
            Err(_) => in_dialect(expression)?,
        };
        let refused = |refused| invalid(expression, read.in_original(refused));
        filters::check(&read.text).map_err(refused)?;
        let searches = match patterns::of(&read.text) {
            Ok(searches) => searches,
            Err(patterns::Problem::Refused(problem)) => return Err(refused(problem)),
            Err(patterns::Problem::TooLarge(limit)) => {
                return Err(ExtractError::JsonPathTooComplex {
                    expression: expression.to_owned(),
                    what: "bytes in a compiled pattern",
                    limit: Some(limit),
                });
            }
        };
        Ok(Self {
            expression: expression.to_owned(),
            path,
            searches,
        })
    }

    /// As the user wrote it.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The one text that the path finds in the object.
    pub fn text(&self, object: &Value) -> Result<String, ExtractError> {
        let expression = || self.expression.clone();
        if let Some((what, limit)) = self.searches.as_ref().and_then(|searches| searches.exceeded_by(object)) {
            return Err(ExtractError::JsonPathTooComplex {
                expression: expression(),
                what,
                limit: Some(limit),
            });
        }
        let mut first: Option<String> = None;
        for value in self.path.query(object).all() {
            let text = match value {
                Value::String(text) if text.len() > limits::MAX_VALUE => {
                    return Err(ExtractError::JsonPathTooLong {
                        expression: expression(),
                        length: text.len(),
                        limit: limits::MAX_VALUE,
                    });
                }
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

fn rfc_9535(text: &str) -> Result<JsonPath, Refused> {
    JsonPath::parse(&readable_escapes(text)?).map_err(|error| Refused {
        offset: error.position(),
        problem: match error.message() {
            // The library's words for "none of the alternatives fits here".
            message if message.ends_with("parser error") => "this is not JSONPath".to_owned(),
            message => message.trim_start_matches("in long-hand segment, ").to_owned(),
        },
    })
}

/// The library panics on an expression that ends within `\u0000`, and reads hex digits in upper case only.
fn readable_escapes(text: &str) -> Result<String, Refused> {
    let mut readable = String::with_capacity(text.len());
    let mut characters = text.char_indices();
    while let Some((offset, character)) = characters.next() {
        readable.push(character);
        if character != '\\' {
            continue;
        }
        let Some((_, escaped)) = characters.next() else {
            break;
        };
        readable.push(escaped);
        if escaped != 'u' {
            continue;
        }
        for _ in 0..4 {
            match characters.next() {
                Some((_, digit)) if digit.is_ascii_hexdigit() => readable.push(digit.to_ascii_uppercase()),
                _ => {
                    return Err(Refused {
                        offset,
                        problem: "\\u is not followed by four hex digits".to_owned(),
                    });
                }
            }
        }
    }
    Ok(readable)
}

fn in_dialect(expression: &str) -> Result<(Rewritten, JsonPath), ExtractError> {
    let rewritten = dialect::rewrite(expression).map_err(|refused| invalid(expression, refused))?;
    // Until it is rewritten, a quote in a name hides from the bounds what follows it.
    bounds::check(expression, &rewritten.text)?;
    match rfc_9535(&rewritten.text) {
        Ok(path) => Ok((rewritten, path)),
        Err(refused) => Err(invalid(expression, rewritten.in_original(refused))),
    }
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
