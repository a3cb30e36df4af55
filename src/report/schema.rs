//! The JSON Schemas of the documents, committed as `docs/report.schema.json` and `docs/doctor.schema.json`.

use super::{checks::CheckDocument, document::Document};

/// The schema of [`Document`], made from its types.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Document)
}

/// The schema of [`CheckDocument`], made from its types.
#[must_use]
pub fn check_schema() -> schemars::Schema {
    schemars::schema_for!(CheckDocument)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Area, Check, CheckName, CheckResult, Format, Style, fixtures, render};
    use serde_json::Value;

    fn generated(schema: &schemars::Schema) -> String {
        let mut text = serde_json::to_string_pretty(schema).expect("a schema is JSON");
        text.push('\n');
        text
    }

    fn validator() -> jsonschema::Validator {
        let schema = serde_json::to_value(schema()).expect("a schema is JSON");
        jsonschema::validator_for(&schema).expect("the schema is one")
    }

    #[test]
    fn committed_schemas_are_what_the_types_say() {
        for (name, schema) in [("report", schema()), ("doctor", check_schema())] {
            let path = format!("{}/docs/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
            if std::env::var_os("UPDATE").is_some() {
                std::fs::write(&path, generated(&schema)).expect("the schema can be written");
            }
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                committed == generated(&schema),
                "docs/{name}.schema.json is not what the types of src/report say; write it anew with\n\
                 \n    UPDATE=1 cargo test --lib report::schema\n"
            );
        }
    }

    #[test]
    fn what_doctor_prints_is_valid() {
        let schema = serde_json::to_value(check_schema()).expect("JSON");
        let validator = jsonschema::validator_for(&schema).expect("the schema is one");
        let check = |result| Check {
            area: Area::Repository,
            subject: Some("shop/app".to_owned()),
            check: CheckName::Refs,
            result,
            reason: None,
            message: "known".to_owned(),
        };
        let mut document = serde_json::to_value(CheckDocument::new(vec![
            check(CheckResult::Ok),
            check(CheckResult::Failed),
        ]))
        .expect("JSON");
        assert!(validator.is_valid(&document), "{document:#}");
        assert_eq!(document["checks"][1]["result"], "failed");
        document["checks"][1]["check"] = "guess".into();
        assert!(!validator.is_valid(&document));
    }

    #[test]
    fn what_is_printed_is_valid() {
        let validator = validator();
        for document in [
            fixtures::document(),
            fixtures::dry_run(),
            fixtures::from_flags(),
            fixtures::empty(),
        ] {
            let mut json = Vec::new();
            render(&document, Format::Json, &mut json, Style::default()).expect("memory can be written");
            let read: Value = serde_json::from_slice(&json).expect("JSON");
            let errors: Vec<_> = validator.iter_errors(&read).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{errors:?}");

            let mut yaml = Vec::new();
            render(&document, Format::Yaml, &mut yaml, Style::default()).expect("memory can be written");
            let from_yaml: crate::report::Document =
                serde_saphyr::from_str(std::str::from_utf8(&yaml).expect("UTF-8")).expect("YAML");
            let from_json: crate::report::Document = serde_json::from_value(read).expect("the document again");
            assert_eq!(from_json, document);
            assert_eq!(from_yaml.summary, document.summary);
            assert_eq!(from_yaml.changes, document.changes);
        }
    }

    #[test]
    fn the_schema_refuses_what_is_not_a_document() {
        let validator = validator();
        let mut wrong = serde_json::to_value(fixtures::document()).expect("JSON");
        assert!(validator.is_valid(&wrong));
        wrong["results"][0]["action"] = "destroy".into();
        assert!(!validator.is_valid(&wrong));
    }
}
