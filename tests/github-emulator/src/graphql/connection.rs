//! Pages of GraphQL: `first`, `last`, `after`, `before`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Object;
use crate::answer::Refusal;

/// One page of a list of objects that have numbers.
#[derive(Debug, Clone)]
pub struct Connection {
    /// `Deployment` or `DeploymentStatus`.
    pub item: &'static str,
    /// What is on the page, with its cursors.
    pub items: Vec<(String, Object)>,
    /// How many there are on all pages.
    pub total: usize,
    /// `pageInfo`.
    pub info: Value,
}

/// The place of a number in a list, opaque to clients. It stays where it is when the list grows.
fn cursor(number: u64) -> String {
    STANDARD.encode(format!("cursor:v2:{number}"))
}

fn number(cursor: &str) -> Option<u64> {
    let bytes = STANDARD.decode(cursor).ok()?;
    String::from_utf8(bytes).ok()?.strip_prefix("cursor:v2:")?.parse().ok()
}

impl Connection {
    /// Cuts the page that `arguments` ask for out of `all`, which is in the order to be shown.
    pub fn new(
        item: &'static str,
        name: &str,
        all: Vec<(u64, Object)>,
        arguments: &Value,
        required: bool,
    ) -> Result<Self, Refusal> {
        let size = |argument: &str| -> Result<Option<usize>, Refusal> {
            match arguments[argument].as_i64() {
                None => Ok(None),
                Some(size @ 0..=100) => Ok(usize::try_from(size).ok()),
                Some(size) => Err(Refusal::new(
                    200,
                    "EXCESSIVE_PAGINATION",
                    format!(
                        "Requesting {size} records on the `{name}` connection exceeds the `{argument}` limit of 100 records."
                    ),
                )),
            }
        };
        let (first, last) = (size("first")?, size("last")?);
        if required && first.is_none() && last.is_none() {
            let message =
                format!("You must provide a `first` or `last` value to properly paginate the `{name}` connection.");
            return Err(Refusal::new(200, "MISSING_PAGINATION_BOUNDARIES", message));
        }
        let total = all.len();
        let place = |argument: &str| -> Result<Option<usize>, Refusal> {
            let Some(text) = arguments[argument].as_str() else {
                return Ok(None);
            };
            let place = number(text).and_then(|number| all.iter().position(|(other, _)| *other == number));
            let invalid = || {
                let message = format!("`{text}` does not appear to be a valid cursor.");
                Refusal::new(200, "INVALID_CURSOR_ARGUMENTS", message)
            };
            place.map(Some).ok_or_else(invalid)
        };
        let mut start = place("after")?.map_or(0, |place| place + 1);
        let mut end = place("before")?.unwrap_or(total).max(start);
        if let Some(first) = first {
            end = end.min(start + first);
        }
        if let Some(last) = last {
            start = start.max(end.saturating_sub(last));
        }
        let items: Vec<_> = all
            .into_iter()
            .skip(start)
            .take(end - start)
            .map(|(number, object)| (cursor(number), object))
            .collect();
        let info = json!({
            "startCursor": items.first().map(|(cursor, _)| cursor),
            "endCursor": items.last().map(|(cursor, _)| cursor),
            "hasNextPage": end < total,
            "hasPreviousPage": start > 0,
        });
        Ok(Self {
            item,
            items,
            total,
            info,
        })
    }
}
