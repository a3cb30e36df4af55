//! The marker: what a deployment's payload says about the source it was made for.

use serde_json::{Map, Value};

use crate::plan::{MARKER_KEY as KEY, Marker};

/// GitHub does not document how large a payload may be; this much is known to be accepted.
const MAX_PAYLOAD_BYTES: usize = 60_000;

/// GraphQL encodes an object payload twice. Deeper nesting is not made by anyone.
const MAX_ENCODINGS: usize = 8;

/// The payload of a new deployment: the annotations as they are, and the marker.
///
/// Annotations that would make the payload too large for GitHub are left out, the last ones by name first.
#[must_use]
pub fn write(marker: &Marker, annotations: &Map<String, Value>) -> Value {
    let marker = serde_json::to_value(marker).unwrap_or_default();
    let mut size = encoded_size(KEY, &marker);
    let mut payload = Map::new();
    let mut sorted: Vec<_> = annotations.iter().filter(|(key, _)| *key != KEY).collect();
    sorted.sort_by_key(|(key, _)| *key);
    for (key, value) in sorted {
        size += encoded_size(key, value);
        if size > MAX_PAYLOAD_BYTES {
            tracing::warn!(annotation = %key, "annotation left out: the deployment's payload would be too large for GitHub");
            break;
        }
        payload.insert(key.clone(), value.clone());
    }
    payload.insert(KEY.to_owned(), marker);
    Value::Object(payload)
}

/// The marker in a payload, as REST (an object or a string) or GraphQL (encoded twice) shows it.
///
/// A payload without a marker, or with one that cannot be read, is someone else's: none. Fields that a later
/// version adds are ignored, those that are known count.
#[must_use]
pub fn read(payload: &Value) -> Option<Marker> {
    let payload = decode(payload.clone())?;
    let marker = decode(payload.get(KEY)?.clone())?;
    serde_json::from_value(marker).ok()
}

/// Takes off every layer of JSON in a string.
fn decode(mut value: Value) -> Option<Value> {
    for _ in 0..MAX_ENCODINGS {
        match value {
            Value::String(text) => value = serde_json::from_str(&text).ok()?,
            other => return Some(other),
        }
    }
    None
}

fn encoded_size(key: &str, value: &Value) -> usize {
    // Both as JSON, and a colon and a comma.
    Value::from(key).to_string().len() + value.to_string().len() + 2
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::{By, GitRef, Hash, Identity, MARKER_VERSION};

    fn marker() -> Marker {
        Marker {
            v: MARKER_VERSION,
            git_ref: GitRef::new("v1.2.3"),
            transient: false,
            production: true,
            identity: Identity {
                by: Some(By::new("shop", "app")),
                cluster: Some(Hash::of(&["one"])),
                object: Some(Hash::of(&["one", "Deployment", "shop", "app"])),
                uid: Some("0b8f".to_owned()),
                rollout: None,
            },
            source: Some("Deployment shop/app".to_owned()),
        }
    }

    #[test]
    fn what_was_written_is_read_in_every_encoding() {
        let annotations = json!({ "team": "blue", "count": 7, KEY: "not ours to set" });
        let payload = write(&marker(), annotations.as_object().unwrap());
        assert_eq!(payload["team"], "blue");
        assert_eq!(payload["count"], 7);

        let once = Value::String(payload.to_string());
        let twice = Value::String(once.to_string());
        for (name, payload) in [("object", payload), ("string", once), ("encoded twice", twice)] {
            assert_eq!(read(&payload), Some(marker()), "{name}");
        }
    }

    #[test]
    fn only_a_marker_counts() {
        let rows = [
            ("null", json!(null), false),
            ("empty string", json!(""), false),
            ("free text", json!("deployed by hand"), false),
            ("array", json!([1]), false),
            ("object of others", json!({ "user": "atmos" }), false),
            ("marker of a wrong type", json!({ KEY: 3 }), false),
            ("marker without a ref", json!({ KEY: { "v": 1 } }), false),
            ("smallest marker", json!({ KEY: { "v": 1, "ref": "main" } }), true),
            (
                "later version",
                json!({ KEY: { "v": 2, "ref": "main", "shard": 3, "more": { "x": [1.5] }, "by": ["a", "b"] } }),
                true,
            ),
            (
                "unknown fields as null",
                json!({ KEY: { "v": 1, "ref": "main", "by": null, "uid": null } }),
                true,
            ),
            ("marker in a string", json!({ KEY: r#"{"v": 1, "ref": "main"}"# }), true),
        ];
        for (name, payload, found) in rows {
            assert_eq!(read(&payload).is_some(), found, "{name}");
        }
    }

    #[test]
    fn a_payload_stays_small_enough() {
        let annotations: Map<String, Value> = (0..100)
            .map(|i| (format!("a{i:03}"), Value::String("x".repeat(1_000))))
            .collect();
        let payload = write(&marker(), &annotations);
        assert!(payload.to_string().len() <= MAX_PAYLOAD_BYTES);
        assert_eq!(read(&payload), Some(marker()));
        assert!(payload.get("a000").is_some() && payload.get("a099").is_none());
    }
}
