//! Bounds of an expression that hold before it is parsed.
//!
//! The parser descends by recursion, so depth costs stack. It reads a filter within a filter twice at each level, and
//! what is parsed costs as well: `..` visits every value below every value found so far, and several selectors in one
//! bracket multiply, and `$..` inside a filter walks the whole object for each value. Each is bounded far above what a ref needs and far below what hurts.

use crate::extract::{
    ExtractError,
    limits::{self, MAX_DEPTH},
};

/// Filters within one another.
const MAX_NESTED_FILTERS: usize = 2;
/// `..` in the whole expression.
const MAX_DESCENTS: usize = 2;
/// Commas between selectors in the whole expression.
const MAX_COMMAS: usize = 8;

struct Bracket {
    is_filter: bool,
    is_square: bool,
}

pub(super) fn check(expression: &str) -> Result<(), ExtractError> {
    const FIELD: &str = "jsonPath";
    limits::length(FIELD, expression)?;
    let too_complex = |what, limit| ExtractError::JsonPathTooComplex {
        expression: expression.to_owned(),
        what,
        limit,
    };

    let mut open: Vec<Bracket> = Vec::new();
    let mut commas = 0;
    let mut descents = 0;
    let mut descends_in_filter = false;
    let mut starts_again_in_filter = false;
    let code = without_texts(expression);
    let mut characters = code.chars().peekable();
    while let Some(character) = characters.next() {
        let in_filter = open.iter().any(|bracket| bracket.is_filter);
        match character {
            '[' | '(' | '{' => open.push(Bracket {
                is_filter: false,
                is_square: character == '[',
            }),
            ']' | ')' | '}' => {
                open.pop();
            }
            '?' => {
                if let Some(bracket) = open.last_mut() {
                    bracket.is_filter = true;
                }
            }
            ',' if open.last().is_some_and(|bracket| bracket.is_square) => commas += 1,
            '.' if characters.next_if_eq(&'.').is_some() => {
                descents += 1;
                descends_in_filter |= in_filter;
            }
            '$' => starts_again_in_filter |= in_filter,
            _ => {}
        }
        if open.len() > MAX_DEPTH {
            return Err(ExtractError::ExpressionTooDeep {
                field: FIELD,
                limit: MAX_DEPTH,
            });
        }
        if open.iter().filter(|bracket| bracket.is_filter).count() > MAX_NESTED_FILTERS {
            return Err(too_complex("filters within one another", MAX_NESTED_FILTERS));
        }
    }
    if descents > MAX_DESCENTS {
        return Err(too_complex("descents (..)", MAX_DESCENTS));
    }
    if descends_in_filter && starts_again_in_filter {
        return Err(too_complex("descents (..) from $ inside a filter", 0));
    }
    if commas > MAX_COMMAS {
        return Err(too_complex("commas between selectors", MAX_COMMAS));
    }
    Ok(())
}

/// The expression with every character of its quoted texts, quotes excepted, replaced by spaces; offsets stay.
pub(super) fn without_texts(expression: &str) -> String {
    let mut code = String::with_capacity(expression.len());
    let mut quote = None;
    let mut characters = expression.chars().peekable();
    while let Some(character) = characters.next() {
        match quote {
            None => {
                if matches!(character, '\'' | '"') {
                    quote = Some(character);
                }
                code.push(character);
            }
            Some(end) if character == end => {
                quote = None;
                code.push(character);
            }
            Some(_) => {
                let escaped = characters.next_if(|_| character == '\\');
                for _ in 0..character.len_utf8() + escaped.map_or(0, char::len_utf8) {
                    code.push(' ');
                }
            }
        }
    }
    code
}
