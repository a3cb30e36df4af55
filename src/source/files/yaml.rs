//! Documents in YAML.

use std::path::Path;

use serde_json::Value;
use serde_saphyr::{DuplicateKeyPolicy, Error};

use super::{
    super::error::FileError,
    documents::{RepeatedKeys, shown},
};

/// The documents of a text, without those that hold nothing.
pub(super) fn parse(path: &Path, text: &str, repeated: RepeatedKeys) -> Result<Vec<Value>, FileError> {
    parse_with(text, DuplicateKeyPolicy::Error)
        .or_else(|error| match (repeated, innermost(&error)) {
            (RepeatedKeys::LastCounts, Error::DuplicateMappingKey { .. }) => {
                tracing::warn!("{}; the last one counts", fault(path, &error));
                parse_with(text, DuplicateKeyPolicy::LastWins)
            }
            _ => Err(error),
        })
        .map_err(|error| fault(path, &error))
}

fn parse_with(text: &str, duplicate_keys: DuplicateKeyPolicy) -> Result<Vec<Value>, Error> {
    // The limits are there for aliases that multiply. A text is allowed as many parts as it has characters, and as
    // much beyond that as the parser's own limits allow.
    let more = text.len();
    let limits = serde_saphyr::Budget::default();
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: limits.max_events + more,
            max_nodes: limits.max_nodes + more,
            max_documents: limits.max_documents + more,
            max_total_scalar_bytes: limits.max_total_scalar_bytes + more,
        },
        duplicate_keys: duplicate_keys,
        // As kubectl reads 0644, which is YAML 1.1.
        legacy_octal_numbers: true,
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options(text, options)
}

fn fault(path: &Path, error: &Error) -> FileError {
    let (line, column) = error
        .location()
        .map_or((1, 1), |location| (location.line(), location.column()));
    FileError::Syntax {
        file: shown(path),
        line,
        column,
        problem: problem(error),
    }
}

/// What is wrong. The parser's own words, unless they are for who programs with it.
fn problem(error: &Error) -> String {
    match innermost(error) {
        Error::Budget { .. } => "this grows too large once aliases stand for what they name".to_owned(),
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("the key {key} stands here a second time"),
        Error::DuplicateMappingKey { key: None, .. } => "a key stands here a second time".to_owned(),
        Error::NullIntoString { .. } => "a key cannot be null: put it in quotes".to_owned(),
        Error::NonFiniteFloat { value, .. } => format!("{value} is no number that JSON has: put it in quotes"),
        Error::Unexpected {
            expected: "string scalar",
            ..
        } => "a key has to be text; a template such as {{ .Values.x }} has to be filled in first".to_owned(),
        _ => {
            let text = error.to_string();
            let at = error
                .location()
                .map(|location| format!(" at line {}, column {}", location.line(), location.column()));
            let bare = at.and_then(|at| text.strip_suffix(&at).map(ToOwned::to_owned));
            bare.unwrap_or(text)
        }
    }
}

/// An error in what an alias names is wrapped.
fn innermost(error: &Error) -> &Error {
    match error {
        Error::AliasError { error, .. } => innermost(error),
        error => error,
    }
}
