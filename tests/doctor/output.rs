//! Forms of the result, and bad usage.

use kube_status_to_github::report::check_schema;
use serde_json::json;

use crate::{WEB, laptop, printed, run};

#[test]
fn json_and_yaml_are_the_same_and_of_the_schema() {
    let laptop = laptop();
    laptop.github.add_repository("octo-org/old").archived();
    // What is left of the hour is less each time.
    laptop.github.without_limits();
    let json = run(&laptop, &format!("{WEB} --repo octo-org/old -o json"), &[])
        .expect(1)
        .document();
    let schema = serde_json::to_value(check_schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new(), "{json:#}");
    assert_eq!(json["summary"]["failed"], 1);
    let failed = json["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["result"] == "failed");
    let failed = failed.unwrap();
    assert_eq!(
        (&failed["subject"], &failed["reason"]),
        (&json!("octo-org/old"), &json!("RepositoryArchived"))
    );

    let yaml = run(&laptop, &format!("{WEB} --repo octo-org/old -o yaml"), &[])
        .expect(1)
        .stdout;
    let yaml: serde_json::Value = serde_saphyr::from_str(yaml.trim_start_matches("---\n")).unwrap();
    assert_eq!(yaml, json);
}

#[test]
fn bad_usage() {
    let laptop = laptop();
    for (name, arguments) in [
        ("usage_environment_alone", "doctor --environment staging"),
        ("usage_object_without_repository", "doctor deployment/web"),
        ("usage_repository", "doctor --repo https://github.com/octo-org/web"),
    ] {
        printed(name, &laptop, arguments, &[], 2);
    }
    assert_eq!(laptop.github.journal(), []);
}

/// A pass asks GitHub in GraphQL, and reads; an App's token is had by a request that is no write either.
#[test]
fn every_request_reads() {
    let laptop = laptop();
    run(&laptop, WEB, &[]).expect(0);
    let asked: Vec<String> = laptop
        .github
        .journal()
        .iter()
        .map(|entry| entry.operation.to_string())
        .collect();
    assert_eq!(asked, ["GetMeta", "GetRateLimit", "GetRepository", "GraphQlQuery"]);
}
