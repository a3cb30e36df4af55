//! What is known about an observed object beside its health and its ref.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::declared::text;
use crate::{
    extract::pod_template,
    plan::{Hash, MARKER_KEY},
};

/// Annotations that begin with this go, without it, into the payload of the deployment on GitHub.
const ANNOTATION_PREFIX: &str = "github.decathlon.com/";

/// The annotation, without prefix, that is the address of the environment.
const URL: &str = "url";

/// What is known about an observed object beside its health and its ref.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// uid of the object; none for one from a file that is no dump of a cluster.
    pub uid: Option<String>,
    /// Generation of its spec.
    pub generation: Option<i64>,
    /// Version of the object as it was read.
    pub resource_version: Option<String>,
    /// It is being deleted.
    pub terminating: bool,
    /// A short hash of the pod template; none for kinds without one.
    pub rollout: Option<Hash>,
    /// The annotations that go into the payload, by their names without prefix, the one of the address included.
    pub annotations: BTreeMap<String, String>,
    /// The address of the environment, as the annotation has it: not yet checked.
    pub url: Option<String>,
    /// The newest change that was not one of a subresource, such as a status; else the creation.
    pub last_change: Option<Timestamp>,
}

/// Takes the facts from an object. What has the wrong type counts as not there.
#[must_use]
pub fn facts(object: &Value) -> Facts {
    let annotations = annotations(object);
    Facts {
        uid: text(object, "/metadata/uid"),
        generation: object.pointer("/metadata/generation").and_then(Value::as_i64),
        resource_version: text(object, "/metadata/resourceVersion"),
        terminating: text(object, "/metadata/deletionTimestamp").is_some(),
        rollout: pod_template(object).map(|template| {
            let mut canonical = String::new();
            write_canonical(template, &mut canonical);
            Hash::of(&[&canonical])
        }),
        url: annotations.get(URL).cloned(),
        annotations,
        last_change: last_change(object),
    }
}

fn annotations(object: &Value) -> BTreeMap<String, String> {
    let all = object.pointer("/metadata/annotations").and_then(Value::as_object);
    all.into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.strip_prefix(ANNOTATION_PREFIX)?, value.as_str()?)))
        .filter(|(name, _)| *name != MARKER_KEY)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn last_change(object: &Value) -> Option<Timestamp> {
    let changes = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    changes
        .into_iter()
        .flatten()
        .filter(|change| text(change, "/subresource").is_none_or(|name| name.is_empty()))
        .filter_map(|change| text(change, "/time")?.parse().ok())
        .max()
        .or_else(|| text(object, "/metadata/creationTimestamp")?.parse().ok())
}

/// Writes JSON with sorted keys and without fields that are null: servers differ in whether they write those.
fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().filter(|(_, value)| !value.is_null()).collect();
            fields.sort_by_key(|(name, _)| *name);
            text.push('{');
            for (name, value) in fields {
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write_canonical(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write_canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_deployment() {
        let object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "uid": "u", "generation": 4, "creationTimestamp": "2024-01-01T00:00:00Z",
                "annotations": {
                    "github.decathlon.com/url": "https://shop.example.com",
                    "github.decathlon.com/team": "blue",
                    "github.decathlon.com/kubeStatusToGithub": "{}",
                    "example.com/team": "red",
                },
                "managedFields": [
                    {"time": "2024-02-01T00:00:00Z"},
                    {"time": "2024-03-01T00:00:00Z"},
                    {"time": "2024-04-01T00:00:00Z", "subresource": "status"},
                    {"time": "?"},
                ],
            },
            "spec": {"template": {"spec": {}}},
        });
        let facts = facts(&object);
        assert_eq!(
            (facts.uid.as_deref(), facts.generation, facts.terminating),
            (Some("u"), Some(4), false)
        );
        let annotations: Vec<_> = facts
            .annotations
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(annotations, [("team", "blue"), ("url", "https://shop.example.com")]);
        assert_eq!(facts.url.as_deref(), Some("https://shop.example.com"));
        assert_eq!(facts.last_change, "2024-03-01T00:00:00Z".parse().ok());
        assert!(facts.rollout.is_some());
    }

    #[test]
    fn of_anything() {
        let rows = [
            ("null", json!(null)),
            ("a text", json!("x")),
            (
                "wrong types",
                json!({"metadata": {"uid": 1, "generation": "1", "annotations": [], "managedFields": {}}}),
            ),
        ];
        for (name, object) in rows {
            assert_eq!(facts(&object), Facts::default(), "{name}");
        }
        let young = json!({"metadata": {"creationTimestamp": "2024-01-01T00:00:00Z", "deletionTimestamp": "x"}});
        assert_eq!(facts(&young).last_change, "2024-01-01T00:00:00Z".parse().ok());
        assert!(facts(&young).terminating);
    }

    #[test]
    fn rollout_is_what_the_template_means() {
        let rollout = |template: &str| {
            let template: Value = serde_json::from_str(template).expect("JSON");
            facts(&json!({"spec": {"template": template}})).rollout
        };
        let template =
            rollout(r#"{"metadata": {"labels": {"a": "b", "c": "d"}}, "spec": {"containers": [{"image": "x:1"}]}}"#);
        let rows = [
            (
                "order of keys",
                true,
                r#"{"spec": {"containers": [{"image": "x:1"}]}, "metadata": {"labels": {"c": "d", "a": "b"}}}"#,
            ),
            (
                "null",
                true,
                r#"{"metadata": {"creationTimestamp": null, "labels": {"a": "b", "c": "d"}}, "spec": {"containers": [{"image": "x:1"}]}}"#,
            ),
            (
                "another image",
                false,
                r#"{"metadata": {"labels": {"a": "b", "c": "d"}}, "spec": {"containers": [{"image": "x:2"}]}}"#,
            ),
            (
                "a restart",
                false,
                r#"{"metadata": {"annotations": {"x": "y"}, "labels": {"a": "b", "c": "d"}}, "spec": {"containers": [{"image": "x:1"}]}}"#,
            ),
        ];
        for (name, equal, other) in rows {
            assert_eq!(rollout(other) == template, equal, "{name}");
        }
    }
}
