//! What the library reads in a filter but evaluates otherwise than RFC 9535 says.

use super::{Refused, bounds::without_texts};

pub(super) fn check(text: &str) -> Result<(), Refused> {
    match index_from_end(&without_texts(text)) {
        None => Ok(()),
        Some(offset) => Err(Refused {
            offset,
            problem: "an index from the end is not supported inside a filter".to_owned(),
        }),
    }
}

/// The place of `[-1]` inside a filter, where the library finds nothing.
pub(super) fn index_from_end(code: &str) -> Option<usize> {
    let mut filters = Vec::new();
    for (offset, character) in code.char_indices() {
        match character {
            '[' => {
                let is_index = code
                    .get(offset + 1..)
                    .and_then(|rest| rest.trim_start().strip_prefix('-'))
                    .is_some_and(|rest| {
                        rest.trim_start_matches(|c: char| c.is_ascii_digit())
                            .trim_start()
                            .starts_with(']')
                    });
                if is_index && filters.contains(&true) {
                    return Some(offset);
                }
                filters.push(false);
            }
            ']' => {
                filters.pop();
            }
            '?' => {
                if let Some(is_filter) = filters.last_mut() {
                    *is_filter = true;
                }
            }
            _ => {}
        }
    }
    None
}
