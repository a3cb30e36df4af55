//! Label selectors as `kubectl -l` takes them, for objects of files: those of a cluster are selected by its API server.

use std::collections::{BTreeMap, BTreeSet};

use kube::core::{Expression, Selector, SelectorExt};
use serde_json::Value;

/// Reads the [grammar](https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#list-and-watch-filtering)
/// of selectors: requirements with commas between them, all of which have to hold.
///
/// # Errors
/// What is wrong, to be said after the selector.
pub(super) fn parse(text: &str) -> Result<Selector, String> {
    requirements(text).into_iter().map(requirement).collect()
}

/// True if the labels of `object` are those.
pub(super) fn matches(selector: &Selector, object: &Value) -> bool {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let labels: BTreeMap<String, String> = labels
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect();
    selector.matches(&labels)
}

/// Cuts at commas, but not at those within parentheses.
fn requirements(text: &str) -> Vec<&str> {
    let mut within = false;
    text.split(|c| {
        match c {
            '(' => within = true,
            ')' => within = false,
            _ => {}
        }
        c == ',' && !within
    })
    .collect()
}

fn requirement(text: &str) -> Result<Expression, String> {
    let text = text.trim();
    if let Some(key) = text.strip_prefix('!') {
        return Ok(Expression::DoesNotExist(label(key)?));
    }
    // Two characters before one: `a!=b` and `a==b` hold a `=` too.
    for (operator, is_equal) in [("!=", false), ("==", true), ("=", true)] {
        if let Some((key, value)) = text.split_once(operator) {
            let (key, value) = (label(key)?, value_of(value)?);
            return Ok(if is_equal {
                Expression::Equal(key, value)
            } else {
                Expression::NotEqual(key, value)
            });
        }
    }
    let Some((key, set)) = text.split_once(char::is_whitespace) else {
        return Ok(Expression::Exists(label(text)?));
    };
    let set = set.trim();
    let (operator, set) = set.split_once('(').unwrap_or((set, ""));
    let values = set.strip_suffix(')').ok_or_else(|| not_understood(text))?;
    let values: BTreeSet<String> = values.split(',').map(value_of).collect::<Result<_, _>>()?;
    match operator.trim() {
        "in" => Ok(Expression::In(label(key)?, values)),
        "notin" => Ok(Expression::NotIn(label(key)?, values)),
        _ => Err(not_understood(text)),
    }
}

/// A key: perhaps with the prefix that a label may have.
fn label(text: &str) -> Result<String, String> {
    let text = text.trim();
    let name = text.split_once('/').map_or(text, |(_, name)| name);
    if name.is_empty() || !text.chars().all(|c| is_plain(c) || c == '/') {
        return Err(not_understood(text));
    }
    Ok(text.to_owned())
}

/// A value, which may be empty.
fn value_of(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.chars().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err(not_understood(text))
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn not_understood(part: &str) -> String {
    format!("is not a label selector at {part:?}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_matches() {
        let object = json!({"metadata": {"labels": {"app": "shop", "tier": "web", "example.com/canary": "", "n": 5}}});
        for (selector, expected) in [
            ("app=shop", true),
            ("app==shop", true),
            (" app = shop , tier=web", true),
            ("app=shop,tier=api", false),
            ("app!=shop", false),
            ("absent!=shop", true),
            ("app", true),
            ("absent", false),
            ("!absent", true),
            ("!app", false),
            ("tier in (web,api)", true),
            ("tier in (api)", false),
            ("tier notin (api, db)", true),
            ("absent notin (api)", true),
            ("tier in(web),app", true),
            ("tier in (web,api),app=shop,!absent", true),
            ("example.com/canary", true),
            ("example.com/canary=", true),
            ("n=5", false),
        ] {
            let parsed = parse(selector).unwrap_or_else(|error| panic!("{selector}: {error}"));
            assert_eq!(matches(&parsed, &object), expected, "{selector}");
        }
        assert!(!matches(&parse("app=shop").expect("a selector"), &json!({})));
    }

    #[test]
    fn what_is_none() {
        for selector in [
            "",
            "a,",
            "=b",
            "a=b=c",
            "a in b",
            "a in (b",
            "a near (b)",
            "a b",
            "a;b",
            "a=b c",
            "x/=1",
        ] {
            let found = parse(selector);
            assert!(found.is_err(), "{selector}: {found:?}");
        }
    }
}
