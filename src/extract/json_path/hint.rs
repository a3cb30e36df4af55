//! What to write instead of what neither RFC 9535 nor the dialect reads.

use super::{bounds::without_texts, filters};

/// Words that Jayway JsonPath knows as operators of a filter.
const OPERATORS: [&str; 8] = ["in", "nin", "subsetof", "anyof", "noneof", "contains", "size", "empty"];

/// Advice for an expression that was refused.
#[derive(Clone, Copy)]
pub(super) struct Hint {
    /// What to write.
    pub advice: &'static str,
    /// The operator that RFC 9535 does not have, and the bytes before it.
    pub operator: Option<(usize, &'static str)>,
}

/// A hint, where the intention is plain.
pub(super) fn of(expression: &str) -> Option<Hint> {
    let code = without_texts(expression);
    if let Some(offset) = code.find("=~") {
        return Some(Hint {
            advice: "RFC 9535 matches with functions: [?search(@.name, 'pattern')], or match(...) for the whole text",
            operator: Some((offset, "=~")),
        });
    }
    if let Some(operator) = operator(&code) {
        return Some(Hint {
            advice: "RFC 9535 compares one by one: [?@.name == 'a' || @.name == 'b']",
            operator: Some(operator),
        });
    }
    advice(expression, &code).map(|advice| Hint { advice, operator: None })
}

fn advice(expression: &str, code: &str) -> Option<&'static str> {
    let filter = code.split_once('?').map_or("", |(_, filter)| filter);
    if calls_method(code) {
        Some(
            "RFC 9535 has functions in front of their values and inside filters only, \
             such as [?length(@.name) > 3] or [?count(@.*) > 1]",
        )
    } else if code.contains("{range") || code.contains("{end}") {
        Some("range is not supported: give one path, such as {.spec.containers[0].image}")
    } else if code.contains(['{', '}']) && !(expression.starts_with('{') && expression.ends_with('}')) {
        Some("give the path alone, and put text around its value with template")
    } else if !expression.starts_with(['$', '.', '[', '{']) {
        Some("begin with $. as in $.metadata.labels.version")
    } else if code.contains(".[") && !code.contains("..[") {
        Some("leave out the dot before the bracket: $.metadata['name']")
    } else if names_in_brackets(code) {
        Some("a name in brackets needs quotes: $.metadata['name']")
    } else if hyphenated(filter) {
        Some("inside a filter a name with a hyphen needs quotes: @['my-name']")
    } else if has_single_equals(filter) {
        Some("compare with ==")
    } else if filters::index_from_end(code).is_some() {
        Some("take a slice of one: [?value(@.list[-1:]) == 'x']")
    } else if filter.contains('\\') {
        Some("inside a filter a name with dots needs quotes: @.labels['example.com/name']")
    } else if has_single_backslash(expression) {
        Some(r"inside quotes a backslash is written twice: [?search(@.name, '^v\\d')]")
    } else {
        None
    }
}

/// One of Jayway's words inside a filter, standing alone.
fn operator(code: &str) -> Option<(usize, &'static str)> {
    let filter = code.find('?')?;
    OPERATORS.into_iter().find_map(|word| {
        code.match_indices(word)
            .map(|(offset, _)| offset)
            .filter(|offset| *offset > filter)
            .find(|offset| {
                let before = code.get(..*offset).unwrap_or_default();
                let after = code.get(offset + word.len()..).unwrap_or_default();
                before.ends_with([' ', ')']) && after.starts_with([' ', '[', '('])
            })
            .map(|offset| (offset, word))
    })
}

/// `.name(` anywhere.
fn calls_method(code: &str) -> bool {
    code.match_indices('(').any(|(parenthesis, _)| {
        let before = code.get(..parenthesis).unwrap_or_default();
        let name_start = before.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
        name_start.len() < before.len() && name_start.ends_with('.')
    })
}

/// `[name`, where a name stands without quotes.
fn names_in_brackets(code: &str) -> bool {
    code.split('[')
        .skip(1)
        .any(|inside| inside.starts_with(char::is_alphabetic))
}

fn hyphenated(filter: &str) -> bool {
    filter
        .split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.' | '@' | '$'))
        .any(|word| word.starts_with(['@', '$']) && word.contains('-'))
}

fn has_single_equals(filter: &str) -> bool {
    let mut rest = filter.to_owned();
    for operator in ["==", "!=", "<=", ">="] {
        rest = rest.replace(operator, " ");
    }
    rest.contains('=')
}

/// An escape that JSON does not have.
fn has_single_backslash(expression: &str) -> bool {
    let mut characters = expression.chars();
    while let Some(character) = characters.next() {
        if character == '\\'
            && characters
                .next()
                .is_some_and(|escaped| !r#"bfnrtu/\'""#.contains(escaped))
        {
            return true;
        }
    }
    false
}
