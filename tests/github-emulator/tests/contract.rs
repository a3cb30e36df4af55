//! The checks against GitHub's own descriptions find what is wrong, and the served schema is a part of GitHub's.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    env,
    io::{self, Write},
    sync::LazyLock,
};

use apollo_compiler::Schema;
use apollo_compiler::schema::{ExtendedType, FieldDefinition, InputValueDefinition};
use github_emulator::{Checks, Descriptions, Emulator, Options, SCHEMA, Source, descriptions};
use serde_json::{Value, json};
use support::{get, post, shop};

/// GitHub's own descriptions; None, said loudly, where npm can't fetch them, except in CI.
fn described() -> Option<&'static Descriptions> {
    static FOUND: LazyLock<Option<&Descriptions>> = LazyLock::new(|| {
        let found = descriptions(Source::CacheOrNpm);
        if let Err(error) = &found {
            assert!(
                env::var_os("CI").is_none(),
                "in CI there have to be descriptions: {error}"
            );
            // The test harness keeps what `eprintln` writes to itself.
            let said = "THERE ARE NO DESCRIPTIONS OF GITHUB: NOTHING IS CHECKED AGAINST THEM";
            let _ = writeln!(io::stderr(), "\n{said}: {error}\n");
        }
        found.ok()
    });
    *FOUND
}

/// GitHub's schema says for every type, field, argument and value of ours the same.
#[test]
fn the_served_schema_is_a_part_of_githubs() {
    let Some(described) = described() else { return };
    let theirs = &described.graphql;
    let ours = Schema::parse_and_validate(SCHEMA, "ours").unwrap();
    let arguments = |place: &str, ours: &[_], theirs: &[_]| {
        for argument in ours {
            let argument: &apollo_compiler::Node<InputValueDefinition> = argument;
            let known = |other: &&apollo_compiler::Node<InputValueDefinition>| other.name == argument.name;
            let found = theirs
                .iter()
                .find(known)
                .unwrap_or_else(|| panic!("{place}({})", argument.name));
            assert_eq!(found.ty, argument.ty, "{place}({})", argument.name);
            assert_eq!(
                found.default_value, argument.default_value,
                "{place}({})",
                argument.name
            );
        }
    };
    let field = |place: &str, ours: &FieldDefinition, theirs: Option<&FieldDefinition>| {
        let theirs = theirs.unwrap_or_else(|| panic!("{place} is not GitHub's"));
        assert_eq!(theirs.ty, ours.ty, "{place}");
        arguments(place, &ours.arguments, &theirs.arguments);
    };
    let mut compared = 0;
    for (name, ty) in ours.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
        match (ty, theirs.types.get(name)) {
            (ExtendedType::Scalar(_), Some(ExtendedType::Scalar(_))) => {}
            (ExtendedType::Object(ours), Some(ExtendedType::Object(theirs))) => {
                for interface in &ours.implements_interfaces {
                    assert!(
                        theirs.implements_interfaces.contains(interface),
                        "{name} implements {interface}"
                    );
                }
                for (key, definition) in &ours.fields {
                    field(
                        &format!("{name}.{key}"),
                        definition,
                        theirs.fields.get(key).map(|found| &**found),
                    );
                    compared += 1;
                }
            }
            (ExtendedType::Interface(ours), Some(ExtendedType::Interface(theirs))) => {
                for (key, definition) in &ours.fields {
                    field(
                        &format!("{name}.{key}"),
                        definition,
                        theirs.fields.get(key).map(|found| &**found),
                    );
                    compared += 1;
                }
            }
            (ExtendedType::Enum(ours), Some(ExtendedType::Enum(theirs))) => {
                assert!(ours.values.keys().eq(theirs.values.keys()), "{name}");
            }
            (ExtendedType::InputObject(ours), Some(ExtendedType::InputObject(theirs))) => {
                for (key, definition) in &ours.fields {
                    let found = theirs.fields.get(key).unwrap_or_else(|| panic!("{name}.{key}"));
                    assert_eq!(
                        (&found.ty, &found.default_value),
                        (&definition.ty, &definition.default_value),
                        "{name}.{key}"
                    );
                }
                assert_eq!(ours.fields.len(), theirs.fields.len(), "{name}: inputs are complete");
            }
            (_, found) => panic!("{name} is {:?} on GitHub", found.map(ExtendedType::name)),
        }
    }
    assert!(compared > 100, "only {compared} fields were compared");
}

fn lenient() -> Option<Emulator> {
    described()?;
    let emulator = Emulator::new(Options {
        strict: false,
        checks: Checks::Required,
        ..Options::default()
    });
    emulator.add_repository("octo/shop");
    Some(emulator)
}

#[tokio::test]
async fn wrong_rest_requests_are_found() {
    let path = "/repos/octo/shop/deployments";
    for (body, part) in [
        (json!({"ref": "main", "auto_merge": "no"}), "is not of type \"boolean\""),
        (json!({"environment": "qa"}), "\"ref\" is a required property"),
        (
            json!({"ref": "main", "auto_inactive": true}),
            "the member auto_inactive is not known",
        ),
    ] {
        let Some(emulator) = lenient() else { return };
        post(&emulator, path, body).await;
        let found = emulator.violations();
        assert!(found.len() == 1 && found[0].contains(part), "{found:?}");
    }
    let Some(emulator) = lenient() else { return };
    get(&emulator, &format!("{path}?state=success")).await;
    assert!(emulator.violations()[0].contains("query parameter state is not known"));
}

#[tokio::test]
async fn wrong_graphql_requests_are_found() {
    for (query, variables, part) in [
        (
            "{ repository(owner: \"octo\", name: \"shop\") { colour } }",
            json!({}),
            "colour",
        ),
        ("{ repository(owner: \"octo\") { id } }", json!({}), "name"),
        ("query ($id: ID!) { node(id: $id) { id } }", json!({}), "id"),
        (
            "{ viewer { login } }",
            json!({"left": "over"}),
            "the variable left is not declared",
        ),
    ] {
        let Some(emulator) = lenient() else { return };
        post(&emulator, "/graphql", json!({"query": query, "variables": variables})).await;
        let found = emulator.violations();
        assert!(found.len() == 1 && found[0].contains(part), "{query}: {found:?}");
    }
}

#[tokio::test]
async fn what_github_has_and_the_emulator_does_not_is_no_violation_but_an_error() {
    let Some(emulator) = lenient() else { return };
    let answer = post(&emulator, "/graphql", json!({"query": "{ viewer { login name } }"}))
        .await
        .body;
    assert_eq!(emulator.violations(), Vec::<String>::new());
    assert!(
        answer["errors"][0]["message"].as_str().unwrap().contains("name"),
        "{answer}"
    );
}

/// Answers are wrong only when the emulator is, so a wrong world is made: a state that GitHub does not have.
#[tokio::test]
async fn wrong_answers_are_found() {
    let Some(emulator) = lenient() else { return };
    let deployment = post(&emulator, "/repos/octo/shop/deployments", json!({"ref": "main"}))
        .await
        .body;
    let statuses = format!("/repos/octo/shop/deployments/{}/statuses", deployment["id"]);
    post(&emulator, &statuses, json!({"state": "queued"})).await;
    emulator.add_repository("octo/shop").change(|repository| {
        repository.deployments[0].statuses[0].state = "done".to_owned();
        repository.deployments[0].sha = "short".to_owned();
    });
    get(&emulator, &statuses).await;
    let found = emulator.violations();
    assert!(
        found.len() == 1 && found[0].starts_with("ListStatuses answer 200: \"done\" is not one of"),
        "{found:?}"
    );
    let query = "query ($id: ID!) { node(id: $id) { ... on Deployment { commit { oid } } } }";
    post(
        &emulator,
        "/graphql",
        json!({"query": query, "variables": {"id": deployment["node_id"]}}),
    )
    .await;
    let found = emulator.violations();
    assert!(
        found.len() == 2 && found[1].contains("data.node.commit.oid is \"short\""),
        "{found:?}"
    );
}

#[tokio::test]
async fn strictly_a_violation_is_a_server_error() {
    if described().is_none() {
        return;
    }
    let emulator = shop();
    let reply = post(
        &emulator,
        "/repos/octo/shop/deployments",
        json!({"ref": "main", "surprise": 1}),
    )
    .await;
    assert_eq!(reply.status, 500);
    assert_eq!(
        reply.body["violations"],
        json!([
            "CreateDeployment request: the member surprise is not known (by the description of api.github.com, ghec, ghes-3.19)"
        ])
    );
    assert_eq!(emulator.violations().len(), 1);
    assert_eq!(emulator.all_deployments("octo/shop"), [], "and nothing was done");
}

#[tokio::test]
async fn without_checks_nothing_is_found() {
    let emulator = Emulator::new(Options {
        checks: Checks::Off,
        ..Options::any()
    });
    assert!(!emulator.is_checked());
    let reply = post(
        &emulator,
        "/repos/octo/shop/deployments",
        json!({"ref": "main", "surprise": 1}),
    )
    .await;
    assert_eq!((reply.status.as_u16(), &reply.body["surprise"]), (201, &Value::Null));
    assert_eq!(emulator.violations(), Vec::<String>::new());
}
