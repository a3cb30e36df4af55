//! Bounds of an expression that hold before it is parsed.
//!
//! The parser descends by recursion, so depth costs stack. It reads a filter within a filter twice at each level, and
//! what is parsed costs as well: `..` visits every value below every value found so far, several selectors in one
//! bracket multiply, and `$` with a wildcard inside a filter walks the whole object for each value. Each is bounded far
//! above what a ref needs and far below what hurts.

use super::FIELD;
use crate::extract::{ExtractError, limits::MAX_DEPTH};

/// Filters within one another.
const MAX_NESTED_FILTERS: usize = 2;
/// `..` in the whole expression.
const MAX_DESCENTS: usize = 2;
/// How many times a value can be visited because brackets hold several selectors: the product over all brackets.
const MAX_SELECTIONS: usize = 9;

#[derive(Default)]
struct Bracket {
    is_filter: bool,
    is_square: bool,
    commas: usize,
}

/// Checks the text that the parser will see; `expression` is what the user wrote.
pub(super) fn check(expression: &str, text: &str) -> Result<(), ExtractError> {
    let too_complex = |what, limit| ExtractError::JsonPathTooComplex {
        expression: expression.to_owned(),
        what,
        limit,
    };

    let mut open: Vec<Bracket> = Vec::new();
    let mut selections = 1_usize;
    let mut descents = 0;
    let mut spreads_in_filter = false;
    let mut starts_again_in_filter = false;
    let code = without_texts(text);
    let mut characters = code.chars().peekable();
    while let Some(character) = characters.next() {
        let in_filter = open.iter().any(|bracket| bracket.is_filter);
        match character {
            '[' | '(' | '{' => open.push(Bracket {
                is_square: character == '[',
                ..Bracket::default()
            }),
            ']' | ')' | '}' => {
                open.pop();
            }
            '?' => {
                if let Some(bracket) = open.last_mut() {
                    bracket.is_filter = true;
                }
            }
            ',' => {
                if let Some(bracket) = open.last_mut().filter(|bracket| bracket.is_square) {
                    bracket.commas += 1;
                    selections = selections / bracket.commas * (bracket.commas + 1);
                }
            }
            '.' if characters.next_if_eq(&'.').is_some() => {
                descents += 1;
                spreads_in_filter |= in_filter;
            }
            '*' | ':' => spreads_in_filter |= in_filter,
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
            return Err(too_complex("filters within one another", Some(MAX_NESTED_FILTERS)));
        }
        if selections > MAX_SELECTIONS {
            return Err(too_complex("combinations of selectors", Some(MAX_SELECTIONS)));
        }
    }
    if descents > MAX_DESCENTS {
        return Err(too_complex("descents (..)", Some(MAX_DESCENTS)));
    }
    if spreads_in_filter && starts_again_in_filter {
        return Err(too_complex("*, : or .. beside $ inside a filter", None));
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
