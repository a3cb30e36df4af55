//! One GitHubDeployment that is bad.

use crate::{
    BESIDE, EXTRACT, GROUP, REPOSITORY, SOURCE, laptop, only_good_is_written, printed,
    support::{
        Run,
        laptop::{assert_snapshot, github_deployment},
    },
};

/// Reads what is bad alone.
const ALONE: &str = "sync -f bad.yaml --objects objects.yaml";

#[test]
fn one_bad_object_beside_a_good_one() {
    let nested = format!("$[?{}@.a{}]", "(".repeat(5000), ")".repeat(5000));
    let long_path = format!("{{jsonPath: '{nested}'}}");
    let long_regexp = format!(
        "{{containerName: web, regexp: '{}{}'}}",
        "(".repeat(5000),
        ")".repeat(5000)
    );
    let deep_path = format!("{{jsonPath: '$[?{}@.a{}]'}}", "(".repeat(200), ")".repeat(200));
    let long_environment = format!("{{name: octo-org/web, environment: {}}}", "é".repeat(256));
    let rows = [
        (
            "unknown_field",
            SOURCE,
            EXTRACT,
            "{name: octo-org/web, environment: bad, enviromentUrl: 'https://x.io'}",
        ),
        (
            "unknown_field_without_similar",
            SOURCE,
            "{containerName: web, colour: red}",
            REPOSITORY,
        ),
        (
            "wrong_type",
            SOURCE,
            EXTRACT,
            "{name: octo-org/web, environment: bad, transient: often}",
        ),
        ("wrong_type_of_a_part", "web", EXTRACT, REPOSITORY),
        ("missing_field", "{name: web}", EXTRACT, REPOSITORY),
        ("neither_container_nor_path", SOURCE, "{regexp: '(.*)'}", REPOSITORY),
        (
            "empty_container_and_path",
            SOURCE,
            "{containerName: '', jsonPath: ''}",
            REPOSITORY,
        ),
        (
            "kind_without_api_version",
            "{kind: Gadget, name: web}",
            EXTRACT,
            REPOSITORY,
        ),
        (
            "object_not_found",
            "{kind: Deployment, name: absent}",
            EXTRACT,
            REPOSITORY,
        ),
        (
            "object_not_found_of_custom_kind",
            "{apiVersion: example.com/v1, kind: Gadget, name: web}",
            EXTRACT,
            REPOSITORY,
        ),
        (
            "secret",
            "{apiVersion: v1, kind: Secret, name: web}",
            EXTRACT,
            REPOSITORY,
        ),
        (
            "name_that_is_a_path",
            "{kind: Deployment, name: ../secrets/web}",
            EXTRACT,
            REPOSITORY,
        ),
        ("container_not_found", SOURCE, "{containerName: wbe}", REPOSITORY),
        (
            "image_without_tag",
            "{kind: Deployment, name: untagged}",
            "{containerName: untagged}",
            REPOSITORY,
        ),
        (
            "image_with_digest_only",
            "{kind: Deployment, name: digest}",
            "{containerName: digest}",
            REPOSITORY,
        ),
        ("json_path_invalid", SOURCE, "{jsonPath: '$.spec.['}", REPOSITORY),
        ("json_path_no_match", SOURCE, "{jsonPath: $.spec.absent}", REPOSITORY),
        ("json_path_of_an_object", SOURCE, "{jsonPath: $.spec}", REPOSITORY),
        ("json_path_of_5000_parentheses", SOURCE, &long_path, REPOSITORY),
        ("json_path_too_deep", SOURCE, &deep_path, REPOSITORY),
        ("regexp_of_5000_parentheses", SOURCE, &long_regexp, REPOSITORY),
        (
            "regexp_invalid",
            SOURCE,
            "{containerName: web, regexp: 'x('}",
            REPOSITORY,
        ),
        (
            "regexp_with_look_around",
            SOURCE,
            "{containerName: web, regexp: '(?=v)(.*)'}",
            REPOSITORY,
        ),
        (
            "regexp_without_group",
            SOURCE,
            "{containerName: web, regexp: 'v1'}",
            REPOSITORY,
        ),
        (
            "regexp_no_match",
            SOURCE,
            "{containerName: web, regexp: 'x(.*)'}",
            REPOSITORY,
        ),
        (
            "ref_not_legal",
            SOURCE,
            "{containerName: web, template: 'a..{}'}",
            REPOSITORY,
        ),
        (
            "ref_not_in_the_repository",
            "{kind: Deployment, name: unpushed}",
            "{containerName: unpushed}",
            REPOSITORY,
        ),
        (
            "repository_not_found",
            SOURCE,
            EXTRACT,
            "{name: octo-org/absent, environment: bad}",
        ),
        (
            "repository_archived",
            SOURCE,
            EXTRACT,
            "{name: octo-org/old, environment: bad}",
        ),
        (
            "repository_that_is_an_address",
            SOURCE,
            EXTRACT,
            "{name: 'https://github.com/octo-org/web', environment: bad}",
        ),
        (
            "environment_empty",
            SOURCE,
            EXTRACT,
            "{name: octo-org/web, environment: ''}",
        ),
        ("environment_too_long", SOURCE, EXTRACT, &long_environment),
    ];
    for (name, source, extract, repository) in rows {
        let laptop = laptop();
        laptop.write("bad.yaml", github_deployment("bad", source, extract, repository));
        printed(name, &laptop, BESIDE, 1);
        only_good_is_written(name, &laptop);
    }
}

#[test]
fn container_and_path_work_with_a_warning() {
    let laptop = laptop();
    let both = github_deployment(
        "both",
        SOURCE,
        "{containerName: web, jsonPath: $.metadata.name}",
        REPOSITORY,
    );
    laptop.write("bad.yaml", both);
    printed("container_and_path", &laptop, ALONE, 0);
    assert_eq!(laptop.github.refs("octo-org/web", "bad"), ["v1"], "the container wins");
}

#[test]
fn a_repository_without_owner() {
    let laptop = laptop();
    let bad = github_deployment("bad", SOURCE, EXTRACT, "{name: web, environment: bad}");
    laptop.write("bad.yaml", bad);
    let run = Run::of(laptop.program().env_remove("GITHUB_ORG").args(BESIDE.split(' '))).expect(1);
    assert_snapshot(GROUP, "repository_without_owner", &laptop.transcript(BESIDE, &run));
    only_good_is_written("no owner", &laptop);
}

#[test]
fn a_secret_from_flags() {
    let laptop = laptop();
    let arguments = "sync secret/web --objects objects.yaml --repo web --environment bad --json-path $.data.x";
    printed("secret_from_flags", &laptop, arguments, 1);
    assert_eq!(laptop.writes(), Vec::<String>::new());
}
