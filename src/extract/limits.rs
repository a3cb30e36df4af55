//! Bounds that hold before a parser sees an expression, since parsers that descend by recursion overflow the stack, and
//! before a regexp sees a text.

use super::ExtractError;

/// Characters of an expression.
pub(super) const MAX_CHARACTERS: usize = 512;
/// Brackets inside one another.
pub(super) const MAX_DEPTH: usize = 32;
/// Bytes of a value that holds a ref: more than most objects have as a whole, for a ref may be cut out of an annotation
/// that holds one. The time of a regexp grows with its own size times that of the text.
pub(super) const MAX_VALUE: usize = 16 << 10;

pub(super) fn length(field: &'static str, expression: &str) -> Result<(), ExtractError> {
    let length = expression.chars().count();
    if length > MAX_CHARACTERS {
        return Err(ExtractError::ExpressionTooLong {
            field,
            length,
            limit: MAX_CHARACTERS,
        });
    }
    Ok(())
}

/// Length and depth of a regexp; escaped brackets do not count, nor do parentheses in a class.
pub(super) fn regexp(expression: &str) -> Result<(), ExtractError> {
    const FIELD: &str = "regexp";
    length(FIELD, expression)?;
    let mut open: Vec<char> = Vec::new();
    let mut characters = expression.chars();
    while let Some(character) = characters.next() {
        let in_class = open.last() == Some(&'[');
        match character {
            '\\' => {
                characters.next();
            }
            '[' => open.push('['),
            ']' if in_class => {
                open.pop();
            }
            '(' if !in_class => open.push('('),
            ')' if !in_class => {
                open.pop();
            }
            _ => {}
        }
        if open.len() > MAX_DEPTH {
            return Err(ExtractError::ExpressionTooDeep {
                field: FIELD,
                limit: MAX_DEPTH,
            });
        }
    }
    Ok(())
}
