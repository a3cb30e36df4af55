//! The patterns of `match` and `search`.
//!
//! They are compiled once for each value that a filter looks at, so they have to be cheap: written out in the
//! expression, not taken from the object, and small when compiled.

use regex::RegexBuilder;

use super::{Refused, bounds::without_texts, invalid};
use crate::extract::ExtractError;

/// Bytes that a compiled pattern may take.
const MAX_COMPILED: usize = 256 << 10;

/// Checks every pattern of an expression that was parsed.
pub(super) fn check(expression: &str) -> Result<(), ExtractError> {
    let code = without_texts(expression);
    let mut open = Vec::new();
    for (offset, character) in code.char_indices() {
        match character {
            '(' => {
                let before = code.get(..offset).unwrap_or_default();
                open.push(before.ends_with("match") || before.ends_with("search"));
            }
            '[' | '{' => open.push(false),
            ')' | ']' | '}' => {
                open.pop();
            }
            ',' if open.last() == Some(&true) => {
                let pattern = quoted_text(expression, &code, offset + 1).ok_or_else(|| {
                    let problem = "the pattern of match and search has to be a quoted text".to_owned();
                    invalid(expression, Refused { offset, problem })
                })?;
                if is_too_large(&pattern) {
                    return Err(ExtractError::JsonPathTooComplex {
                        expression: expression.to_owned(),
                        what: "bytes in a compiled pattern",
                        limit: MAX_COMPILED,
                    });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// What the quoted text after `offset` stands for. RFC 9535 escapes as JSON does, and either kind of quotes.
fn quoted_text(expression: &str, code: &str, offset: usize) -> Option<String> {
    let rest = code.get(offset..)?;
    let start = offset + rest.len() - rest.trim_start().len();
    let quote = code.get(start..)?.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let end = start + 1 + code.get(start + 1..)?.find(quote)?;

    let mut json = String::from('"');
    let mut characters = expression.get(start + 1..end)?.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => match characters.next()? {
                '\'' => json.push('\''),
                escaped => json.extend(['\\', escaped]),
            },
            _ => json.push(character),
        }
    }
    json.push('"');
    serde_json::from_str(&json).ok()
}

fn is_too_large(pattern: &str) -> bool {
    matches!(
        RegexBuilder::new(pattern).size_limit(MAX_COMPILED).build(),
        Err(regex::Error::CompiledTooBig(_))
    )
}
