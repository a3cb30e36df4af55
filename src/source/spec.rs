//! From an object to a checked spec: the rules that the API server applies, for objects that it never saw too.

use std::sync::LazyLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use serde_json::Value;

use super::{DeclarationError, ObjectReference, discovery, error::nearest};
use crate::{
    crd::{self, Extract, GitHubDeploymentSpec, LONGEST_ENVIRONMENT, LONGEST_EXPRESSION, RepositorySpec, SourceRef},
    plan::Repository,
};

/// What to do about fields that do not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnknownFields {
    /// The object comes from a user: a misspelt field would be lost in silence.
    Refused,
    /// The object comes from an API server, which keeps none that its own version of the resource does not have.
    Ignored,
}

/// Reads and checks the spec of a GitHubDeployment.
pub(super) fn read(object: &Value, unknown: UnknownFields) -> Result<GitHubDeploymentSpec, DeclarationError> {
    if unknown == UnknownFields::Refused
        && let Some(schema) = &*SCHEMA
    {
        refuse_unknown_fields(object, schema, "")?;
    }
    let spec = without_nulls(object.get("spec").unwrap_or(&Value::Null));
    if spec.is_null() {
        return Err(DeclarationError::InvalidField {
            path: "spec".to_owned(),
            problem: "missing: write spec.sourceRef, spec.extract and spec.repository".to_owned(),
        });
    }
    let spec = serde_path_to_error::deserialize(&spec).map_err(|error| {
        let path = match error.path().to_string().as_str() {
            "." => "spec".to_owned(),
            path => format!("spec.{path}"),
        };
        DeclarationError::InvalidField {
            path,
            problem: value_problem(error.inner()),
        }
    })?;
    check(&spec)?;
    Ok(spec)
}

/// What is wrong with a value, in words for who wrote it.
#[must_use]
pub fn value_problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    // What a number below zero, or one with a fraction, is called where neither can be.
    if text == "invalid number" || text.ends_with(", expected usize") {
        return format!("{}, expected a whole number", text.trim_end_matches(", expected usize"));
    }
    // What YAML takes unquoted 12 and yes for.
    let looks_like_text = text.starts_with("invalid type: number") || text.starts_with("invalid type: boolean");
    match text.strip_suffix(", expected a string") {
        Some(_) if looks_like_text => format!("{text}: put it in quotes"),
        _ => text,
    }
}

/// Checks everything that can be said without the observed object, except whether expressions parse.
///
/// # Errors
/// The first rule that is broken.
pub fn check(spec: &GitHubDeploymentSpec) -> Result<(), DeclarationError> {
    reference(&spec.source_ref, "default")?;
    check_extract(&spec.extract)?;
    check_repository(&spec.repository)
}

/// Checks that something is extracted, and that no expression is longer than [`LONGEST_EXPRESSION`].
///
/// # Errors
/// The first rule that is broken.
fn check_extract(extract: &Extract) -> Result<(), DeclarationError> {
    let set = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    if !set(&extract.container_name) && !set(&extract.json_path) {
        return Err(DeclarationError::ExtractMissing);
    }
    check_lengths(&[
        ("spec.extract.containerName", &extract.container_name),
        ("spec.extract.jsonPath", &extract.json_path),
        ("spec.extract.regexp", &extract.regexp),
        ("spec.extract.template", &extract.template),
    ])
}

/// Checks the form of the repository's name, and the lengths of everything else.
///
/// # Errors
/// The first rule that is broken.
fn check_repository(repository: &RepositorySpec) -> Result<(), DeclarationError> {
    // The owner that comes from elsewhere is not what is checked here.
    if Repository::parse(&repository.name, Some("owner")).is_err() {
        return Err(DeclarationError::RepositoryInvalid {
            name: repository.name.clone(),
        });
    }
    match repository.environment.chars().count() {
        0 => return Err(DeclarationError::EnvironmentEmpty),
        characters if characters > LONGEST_ENVIRONMENT => {
            return Err(DeclarationError::EnvironmentTooLong { characters });
        }
        _ => {}
    }
    check_lengths(&[
        ("spec.repository.task", &repository.task),
        ("spec.repository.environmentUrl", &repository.environment_url),
        ("spec.repository.logUrl", &repository.log_url),
    ])
}

fn check_lengths(fields: &[(&'static str, &Option<String>)]) -> Result<(), DeclarationError> {
    for (path, text) in fields {
        let characters = text.as_deref().unwrap_or_default().chars().count();
        if characters > LONGEST_EXPRESSION {
            return Err(DeclarationError::ExpressionTooLong { path, characters });
        }
    }
    Ok(())
}

/// See [`ObjectReference::of`].
pub(super) fn reference(source: &SourceRef, default_namespace: &str) -> Result<ObjectReference, DeclarationError> {
    let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let api_version = set(&source.api_version);
    let in_core_group = api_version.as_ref().is_none_or(|version| !version.contains('/'));
    if source.kind == "Secret" && in_core_group {
        return Err(DeclarationError::SecretRefused);
    }
    // All four become part of an address at the API server, where `..` or `/` would lead to another object.
    let invalid = |path, text: &str, expected| DeclarationError::ReferenceInvalid {
        path,
        text: text.to_owned(),
        expected,
    };
    if source.kind.is_empty() || !source.kind.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let expected = "a kind, such as Deployment";
        return Err(invalid("spec.sourceRef.kind", &source.kind, expected));
    }
    let name_is_legal = !matches!(source.name.as_str(), "" | "." | "..")
        && !source.name.contains(['/', '%'])
        && !source.name.contains(char::is_control);
    if !name_is_legal {
        let expected = "the name of the object";
        return Err(invalid("spec.sourceRef.name", &source.name, expected));
    }
    let namespace = set(&source.namespace).unwrap_or_else(|| default_namespace.to_owned());
    if !is_namespace(&namespace) {
        let expected = "the name of a namespace";
        return Err(invalid("spec.sourceRef.namespace", &namespace, expected));
    }
    let api_version = match api_version {
        Some(version) if is_api_version(&version) => version,
        Some(version) => {
            let expected = "group/version, such as apps/v1, or v1";
            return Err(invalid("spec.sourceRef.apiVersion", &version, expected));
        }
        None => discovery::default_api_version(&source.kind)
            .ok_or_else(|| DeclarationError::ApiVersionMissing {
                kind: source.kind.clone(),
                suggestion: discovery::built_in_named(&source.kind).map(|kind| kind.api_version),
            })?
            .to_owned(),
    };
    let namespaced = discovery::built_in(&api_version, &source.kind).is_none_or(|kind| kind.namespaced);
    Ok(ObjectReference {
        api_version,
        kind: source.kind.clone(),
        namespace: namespaced.then_some(namespace),
        name: source.name.clone(),
    })
}

fn is_api_version(text: &str) -> bool {
    match text.split_once('/') {
        Some((group, version)) => is_dns_name(group) && is_dns_name(version) && !version.contains('.'),
        None => is_dns_name(text) && !text.contains('.'),
    }
}

/// True if a namespace may be called so: a label of RFC 1123, of at most 63 characters.
#[must_use]
pub fn is_namespace(text: &str) -> bool {
    is_dns_name(text) && !text.contains('.') && text.len() <= 63
}

fn is_dns_name(text: &str) -> bool {
    text.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    })
}

/// An API server drops fields that are null before it looks at an object.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), without_nulls(value)))
            .collect(),
        value => value.clone(),
    }
}

/// The schema of the whole object. Its `metadata` has no fields: those are any API server's own.
static SCHEMA: LazyLock<Option<JSONSchemaProps>> = LazyLock::new(|| {
    let version = crd::crd().spec.versions.into_iter().find(|version| version.storage)?;
    let mut root = version.schema?.open_api_v3_schema?;
    let fields = root.properties.get_or_insert_default();
    for name in ["apiVersion", "kind", "metadata"] {
        fields.entry(name.to_owned()).or_default();
    }
    Some(root)
});

fn refuse_unknown_fields(value: &Value, schema: &JSONSchemaProps, at: &str) -> Result<(), DeclarationError> {
    let (Some(fields), Some(known)) = (value.as_object(), &schema.properties) else {
        return Ok(());
    };
    for (name, value) in fields {
        let path = if at.is_empty() {
            name.clone()
        } else {
            format!("{at}.{name}")
        };
        match known.get(name) {
            // What is shown back is not the user's to write, nor to be told about.
            Some(_) if path == "status" => {}
            Some(schema) => refuse_unknown_fields(value, schema, &path)?,
            None => {
                return Err(DeclarationError::UnknownField {
                    path,
                    nearest: nearest(name, known.keys().map(String::as_str)),
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A good object, into which a row writes one value.
    fn object() -> Value {
        json!({
            "apiVersion": "github.decathlon.com/v1beta1",
            "kind": "GitHubDeployment",
            "metadata": {"name": "example", "labels": {"a": "b"}},
            "spec": {
                "sourceRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo", "namespace": "test"},
                "extract": {"containerName": "podinfod", "regexp": "main-.*-(.*)"},
                "repository": {"name": "my-repo", "environment": "staging"},
            },
        })
    }

    fn with(path: &str, value: Value) -> Value {
        let mut object = object();
        let (parent, name) = path.rsplit_once('/').expect("a path");
        object.pointer_mut(parent).expect("a parent")[name] = value;
        object
    }

    #[test]
    fn good_objects() {
        let rows = [
            ("as it is", object()),
            (
                "a repository with owner",
                with("/spec/repository/name", json!("shop/my-repo")),
            ),
            (
                "the longest environment",
                with("/spec/repository/environment", json!("é".repeat(255))),
            ),
            ("null is not there", with("/spec/extract/jsonPath", Value::Null)),
            ("an empty string is unset", with("/spec/extract/jsonPath", json!(""))),
            ("a status, whatever it is", with("/status", json!({"anything": 1}))),
            ("only jsonPath", with("/spec/extract", json!({"jsonPath": "$.x"}))),
            (
                "a Secret of another group",
                with(
                    "/spec/sourceRef",
                    json!(
                {"apiVersion": "example.com/v1", "kind": "Secret", "name": "x"}),
                ),
            ),
            (
                "all that is new",
                with(
                    "/spec/repository",
                    json!({
                "name": "r", "environment": "e", "task": "t", "production": true, "transient": false,
                "environmentUrl": "u", "logUrl": "l", "autoInactive": false, "recover": true}),
                ),
            ),
        ];
        for (name, object) in rows {
            read(&object, UnknownFields::Refused).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    #[test]
    fn broken_rules() {
        let rows = [
            (
                "/spec/extract/regex",
                json!("x"),
                "UnknownField",
                "spec.extract.regex: unknown field, did you mean `regexp`?",
            ),
            ("/spec/zzz", json!(1), "UnknownField", "spec.zzz: unknown field"),
            (
                "/specs",
                json!(1),
                "UnknownField",
                "specs: unknown field, did you mean `spec`?",
            ),
            (
                "/spec",
                Value::Null,
                "InvalidField",
                "spec: missing: write spec.sourceRef, spec.extract and spec.repository",
            ),
            ("/spec", json!({}), "InvalidField", "spec: missing field `sourceRef`"),
            (
                "/spec",
                json!("x"),
                "InvalidField",
                "spec: invalid type: string \"x\", expected an object",
            ),
            (
                "/spec/sourceRef",
                json!({"kind": "Job"}),
                "InvalidField",
                "spec.sourceRef: missing field `name`",
            ),
            (
                "/spec/suspend",
                json!("yes"),
                "InvalidField",
                "spec.suspend: invalid type: string \"yes\", expected a boolean",
            ),
            (
                "/spec/repository/environment",
                json!(true),
                "InvalidField",
                "spec.repository.environment: invalid type: boolean `true`, expected a string: put it in quotes",
            ),
            (
                "/spec/deletionPolicy",
                json!("close"),
                "InvalidField",
                "spec.deletionPolicy: unknown variant `close`, expected `Leave` or `Close`",
            ),
            (
                "/spec/extract",
                json!({}),
                "ExtractMissing",
                "spec.extract: write containerName, to take the tag of that container's image, or jsonPath, to take a \
              value of the object",
            ),
            (
                "/spec/extract",
                json!({"containerName": "", "regexp": "x"}),
                "ExtractMissing",
                "spec.extract: write containerName, to take the tag of that container's image, or jsonPath, to take a \
              value of the object",
            ),
            (
                "/spec/extract/jsonPath",
                json!("(".repeat(5000)),
                "ExpressionTooLong",
                "spec.extract.jsonPath has 5000 characters: write an expression of at most 512",
            ),
            (
                "/spec/repository/environment",
                json!(""),
                "EnvironmentInvalid",
                "spec.repository.environment is empty: write the name of a GitHub environment, such as staging, of 1 to \
              255 characters",
            ),
            (
                "/spec/repository/environment",
                json!("é".repeat(256)),
                "EnvironmentInvalid",
                "spec.repository.environment has 256 characters: write the name of a GitHub environment of 1 to 255 \
              characters",
            ),
            (
                "/spec/repository/name",
                json!("https://github.com/o/r"),
                "RepositoryInvalid",
                "spec.repository.name \"https://github.com/o/r\" is no repository: write owner/repository, or \
              repository alone, whose owner then comes from GITHUB_ORG",
            ),
            (
                "/spec/sourceRef",
                json!({"kind": "Secret", "name": "x"}),
                "SecretRefused",
                "spec.sourceRef: a Secret is never read; name the workload that uses it",
            ),
            (
                "/spec/sourceRef",
                json!({"apiVersion": "v1", "kind": "Secret", "name": "x"}),
                "SecretRefused",
                "spec.sourceRef: a Secret is never read; name the workload that uses it",
            ),
            (
                "/spec/sourceRef",
                json!({"kind": "Ingress", "name": "x"}),
                "ApiVersionMissing",
                "spec.sourceRef.apiVersion is missing: it is needed for kind Ingress; write networking.k8s.io/v1",
            ),
            (
                "/spec/sourceRef",
                json!({"kind": "Widget", "name": "x"}),
                "ApiVersionMissing",
                "spec.sourceRef.apiVersion is missing: it is needed for kind Widget",
            ),
            (
                "/spec/sourceRef/name",
                json!("../secrets/x"),
                "SourceRefInvalid",
                "spec.sourceRef.name \"../secrets/x\" is not valid: write the name of the object",
            ),
            (
                "/spec/sourceRef/namespace",
                json!("../.."),
                "SourceRefInvalid",
                "spec.sourceRef.namespace \"../..\" is not valid: write the name of a namespace",
            ),
            (
                "/spec/sourceRef/apiVersion",
                json!("apps/v1/namespaces"),
                "SourceRefInvalid",
                "spec.sourceRef.apiVersion \"apps/v1/namespaces\" is not valid: write group/version, such as apps/v1, \
              or v1",
            ),
            (
                "/spec/sourceRef/kind",
                json!(""),
                "SourceRefInvalid",
                "spec.sourceRef.kind \"\" is not valid: write a kind, such as Deployment",
            ),
        ];
        for (path, value, reason, message) in rows {
            let error = read(&with(path, value), UnknownFields::Refused).expect_err(message);
            assert_eq!(
                (error.reason(), error.to_string().as_str()),
                (reason, message),
                "{path}"
            );
        }
    }

    #[test]
    fn a_cluster_may_know_more_fields() {
        let object = with("/spec/later", json!(1));
        read(&object, UnknownFields::Ignored).expect("fields of another version do no harm");
    }

    #[test]
    fn references_get_their_defaults() {
        let rows = [
            ("Deployment", None, None, "apps/v1", Some("shop")),
            ("CronJob", Some(""), Some(""), "batch/v1", Some("shop")),
            ("Pod", None, Some("other"), "v1", Some("other")),
            ("Node", Some("v1"), Some("other"), "v1", None),
            ("Widget", Some("example.com/v1"), None, "example.com/v1", Some("shop")),
        ];
        for (kind, api_version, namespace, expected_version, expected_namespace) in rows {
            let source = SourceRef {
                api_version: api_version.map(str::to_owned),
                kind: kind.to_owned(),
                name: "x".to_owned(),
                namespace: namespace.map(str::to_owned),
            };
            let found = reference(&source, "shop").expect("a good reference");
            assert_eq!(
                (found.api_version.as_str(), found.namespace.as_deref()),
                (expected_version, expected_namespace),
                "{kind}"
            );
        }
    }
}
