//! The JSON Schema of the file for editors, committed as `docs/config.schema.json`.

use schemars::{Schema, transform::transform_subschemas};
use serde_json::Value;

use super::Settings;

/// The schema of [`Settings`], made from its types.
///
/// Unknown fields are refused in a GitHubDeployment too, but not in its `metadata`, which is any API server's own.
#[must_use]
pub fn schema() -> Schema {
    let mut schema = schemars::schema_for!(Settings);
    for_editors(&mut schema);
    // What the file gives as default need not be in a GitHubDeployment.
    let spec = schema.pointer_mut("/$defs/Deployment/properties/spec");
    if let Some(spec) = spec.and_then(Value::as_object_mut) {
        spec.insert("required".to_owned(), Value::from(["sourceRef"].as_slice()));
        if let Some(repository) = spec["properties"]["repository"].as_object_mut() {
            repository.remove("required");
        }
    }
    if let Some(metadata) = schema.pointer_mut("/$defs/Metadata").and_then(Value::as_object_mut) {
        metadata.remove("additionalProperties");
    }
    schema
}

/// Leaves out what only an API server understands, and lets nothing through that the program refuses.
fn for_editors(schema: &mut Schema) {
    schema.remove("x-kubernetes-validations");
    if schema.get("properties").is_some() {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
    transform_subschemas(&mut for_editors, schema);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{
        super::{ConfigFile, KEYS, settings},
        *,
    };

    fn generated() -> String {
        let mut text = serde_json::to_string_pretty(&schema()).expect("a schema is JSON");
        text.push('\n');
        text
    }

    fn repository_file(path: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
    }

    #[test]
    fn committed_schema_is_what_the_types_say() {
        let path = repository_file("docs/config.schema.json");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, generated()).expect("the schema can be written");
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == generated(),
            "docs/config.schema.json is not what the types of src/cli/config_file/settings.rs say; write it anew with\n\
             \n    UPDATE=1 cargo test --lib config_file::schema\n"
        );
    }

    #[test]
    fn the_schema_has_every_key() {
        let schema = schema();
        let properties = schema.get("properties").and_then(Value::as_object).expect("properties");
        let mut of_schema: Vec<&str> = properties.keys().map(String::as_str).collect();
        let mut known: Vec<&str> = settings::names().collect();
        of_schema.sort_unstable();
        known.sort_unstable();
        assert_eq!(of_schema, known);
    }

    #[test]
    fn example_and_schema_agree() {
        let validator = jsonschema::validator_for(schema().as_value()).expect("the schema is one");
        let example = repository_file("examples/config/.kube-status-to-github.yaml");
        let text = std::fs::read_to_string(&example).expect("the example");
        let value: Value = serde_saphyr::from_str(&text).expect("YAML");
        let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        ConfigFile::read(&example, "example".to_owned(), true).expect("it may be found");

        for key in KEYS {
            let mut wrong = value.clone();
            wrong[key.name] = serde_json::json!({"a": 1});
            assert!(!validator.is_valid(&wrong), "{}", key.name);
        }
        let mut wrong = value.clone();
        wrong["deployments"][0]["spec"]["repository"]["enviroment"] = "x".into();
        assert!(!validator.is_valid(&wrong), "a misspelt field");
    }
}
