//! The patterns of `match` and `search`.
//!
//! The library compiles a pattern anew for each value that a filter looks at. So patterns have to be cheap: written out
//! in the expression, not taken from the object, small when compiled, and applied to few values.

use regex::RegexBuilder;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::{Refused, bounds::without_texts};
use crate::extract::regexp::Classes;

/// Bytes that a compiled pattern may take, so that compiling takes less than half a millisecond. `\w`, which is
/// every letter of Unicode, fits in.
const MAX_COMPILED: usize = 64 << 10;
/// How many values all patterns together may be applied to: a long list of containers, each with several patterns.
const MAX_SEARCHED: usize = 250;
/// Bytes of text that all patterns together may read.
const MAX_TEXT: usize = 128 << 10;

/// Why the patterns of an expression are refused.
pub(super) enum Problem {
    Refused(Refused),
    /// With the bytes that are allowed.
    TooLarge(usize),
}

/// Which values the patterns are applied to.
#[derive(Clone, Debug)]
pub(super) struct Searches {
    patterns: usize,
    /// They are children of what this finds,
    below: JsonPath,
    /// or anywhere below.
    is_deep: bool,
}

enum Open {
    Square(usize),
    Call,
    Other,
}

/// Checks every pattern of a text that was parsed.
pub(super) fn of(text: &str) -> Result<Option<Searches>, Problem> {
    let code = without_texts(text);
    let mut open = Vec::new();
    let mut patterns = 0;
    let mut first = None;
    let mut is_deep = false;
    for (offset, character) in code.char_indices() {
        match character {
            '(' => {
                let before = code.get(..offset).unwrap_or_default();
                let is_call = before.ends_with("match") || before.ends_with("search");
                open.push(if is_call { Open::Call } else { Open::Other });
            }
            '[' => open.push(Open::Square(offset)),
            ')' | ']' => {
                open.pop();
            }
            ',' if matches!(open.last(), Some(Open::Call)) => {
                let pattern = quoted_text(text, &code, offset + 1).ok_or_else(|| {
                    let problem = "the pattern of match and search has to be a quoted text".to_owned();
                    Problem::Refused(Refused { offset, problem })
                })?;
                if is_too_large(&pattern) {
                    return Err(Problem::TooLarge(MAX_COMPILED));
                }
                patterns += 1;
                let mut brackets = open.iter().filter_map(|open| match open {
                    Open::Square(offset) => Some(*offset),
                    _ => None,
                });
                let outermost = brackets.next().unwrap_or_default();
                is_deep |= brackets.next().is_some() || *first.get_or_insert(outermost) != outermost;
            }
            _ => {}
        }
    }
    let Some(first) = first else {
        return Ok(None);
    };
    let before = text.get(..first).unwrap_or_default().trim_end();
    let path = before.strip_suffix("..");
    let (below, is_deep) = match JsonPath::parse(path.unwrap_or(before)) {
        Ok(below) => (below, is_deep || path.is_some()),
        Err(_) => (JsonPath::default(), true),
    };
    Ok(Some(Searches {
        patterns,
        below,
        is_deep,
    }))
}

impl Searches {
    /// What there is too much of in the object, and the limit of it.
    pub fn exceeded_by(&self, object: &Value) -> Option<(&'static str, usize)> {
        let mut searched = 0_usize;
        let mut text = 0_usize;
        let mut left = self.below.query(object).all();
        let mut tops = left.len();
        while let Some(value) = left.pop() {
            let others = left.len();
            match value {
                Value::Array(items) => left.extend(items),
                Value::Object(fields) => left.extend(fields.values()),
                Value::String(found) => text += found.len(),
                _ => {}
            }
            // Those at the top are popped last to first, each with what is below it.
            let is_top = others < tops;
            tops = tops.min(others);
            if is_top || self.is_deep {
                searched += left.len() - others;
            }
            if searched.saturating_mul(self.patterns) > MAX_SEARCHED {
                return Some(("values to compare with patterns", MAX_SEARCHED));
            }
            if text.saturating_mul(self.patterns) > MAX_TEXT {
                return Some(("bytes of text to compare with patterns", MAX_TEXT));
            }
        }
        None
    }
}

/// What the quoted text after `offset` stands for. RFC 9535 escapes as JSON does, and either kind of quotes.
fn quoted_text(text: &str, code: &str, offset: usize) -> Option<String> {
    let rest = code.get(offset..)?;
    let start = offset + rest.len() - rest.trim_start().len();
    let quote = code.get(start..)?.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let end = start + 1 + code.get(start + 1..)?.find(quote)?;

    let mut json = String::from('"');
    let mut characters = text.get(start + 1..end)?.chars();
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

/// In what the library puts around it: `a)|(b` is legal only there.
fn is_too_large(pattern: &str) -> bool {
    let wrapped = format!("(?R)^({pattern})$");
    Classes::of(&wrapped).are_folded_one_by_one()
        || matches!(
            RegexBuilder::new(&wrapped).size_limit(MAX_COMPILED).build(),
            Err(regex::Error::CompiledTooBig(_))
        )
}
