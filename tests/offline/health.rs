//! `status` and `extract` where there is no cluster and no GitHub.

use serde_json::{Value, json};

use crate::{
    GROUP, declared, laptop,
    support::{
        Run,
        laptop::{Laptop, Progress, assert_snapshot, deployment},
        repository_file,
    },
};

/// Runs without anything in the environment that leads to GitHub, and compares everything that was printed.
#[track_caller]
fn printed(laptop: &Laptop, name: &str, arguments: &str, code: i32) {
    let mut command = laptop.program();
    command.env_remove("GITHUB_TOKEN").args(arguments.split(' '));
    let run = Run::of(&mut command).expect(code);
    assert_snapshot(GROUP, name, &laptop.transcript(arguments, &run));
    assert_eq!(laptop.github.journal(), [], "GitHub is not asked");
}

fn dump() -> Laptop {
    let laptop = laptop();
    for file in ["objects.yaml", "quickstart/rolling-out.yaml"] {
        laptop.write(
            file.rsplit('/').next().unwrap(),
            std::fs::read(repository_file("examples").join(file)).unwrap(),
        );
    }
    laptop
}

#[test]
fn every_form_of_health() {
    let laptop = dump();
    for (name, arguments) in [
        ("health_of_a_dump", "status -f objects.yaml"),
        ("health_of_one_namespace", "status -f objects.yaml -n preview-42"),
        ("health_wide", "status -f objects.yaml -o wide"),
        ("health_json", "status -f objects.yaml -o json"),
        ("health_name", "status -f objects.yaml -o name"),
        ("health_explained", "status -f rolling-out.yaml --explain"),
    ] {
        printed(&laptop, name, arguments, 0);
    }
}

#[test]
fn health_of_what_is_declared_and_of_what_stands_beside_it() {
    let laptop = laptop();
    laptop.write(
        "declared.yaml",
        declared("web") + &deployment("api", "r/api:v1", Progress::Failed),
    );
    laptop.write("objects.yaml", deployment("web", "r/web:v1", Progress::Rolling));
    printed(
        &laptop,
        "health_of_both",
        "status -f declared.yaml --objects objects.yaml",
        0,
    );
}

/// kubectl sorts the fields, so that it says only at the end what the list is.
#[test]
fn a_list_as_kubectl_prints_it() {
    let laptop = laptop();
    let item = |kind: &str, name: &str| {
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"}}).to_string()
    };
    let items = [item("ConfigMap", "a"), item("Widget", "b")].join(", ");
    let expected = json!([["ConfigMap", "a"], ["Widget", "b"]]);
    let nameless = r#"{"metadata": {"name": "a"}}"#;
    for (name, text, expected) in [
        (
            "the kind last",
            format!(r#"{{"apiVersion": "v1", "items": [{items}], "kind": "List"}}"#),
            expected.clone(),
        ),
        (
            "the kind first",
            format!(r#"{{"kind": "List", "apiVersion": "v1", "items": [{items}]}}"#),
            expected.clone(),
        ),
        ("one after the other", items.replace(", {", "\n{"), expected),
        (
            "of one kind, which comes first",
            format!(r#"{{"kind": "PodList", "apiVersion": "v1", "items": [{nameless}]}}"#),
            json!([["Pod", "a"]]),
        ),
        (
            "of one kind, which comes last",
            format!(r#"{{"items": [{nameless}], "apiVersion": "v1", "kind": "PodList"}}"#),
            json!([["Pod", "a"]]),
        ),
        (
            "null",
            r#"{"items": null, "apiVersion": "v1", "kind": "PodList"}"#.to_owned(),
            json!([]),
        ),
        (
            "an object that has items itself",
            r#"{"apiVersion": "v1", "items": [{"a": 1}, 2], "kind": "Menu", "metadata": {"name": "m"}}"#.to_owned(),
            json!([["Menu", "m"]]),
        ),
        (
            "an object that has something else of that name",
            r#"{"apiVersion": "v1", "items": 7, "kind": "Menu", "metadata": {"name": "m"}}"#.to_owned(),
            json!([["Menu", "m"]]),
        ),
        (
            "YAML that begins like JSON",
            "{apiVersion: v1, kind: Menu, metadata: {name: m}}".to_owned(),
            json!([["Menu", "m"]]),
        ),
    ] {
        for input in [text.clone(), format!("\u{feff}\n {text}\n")] {
            let run = laptop.run_with_input("status -f - -o json", &input);
            assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{name}");
            let document = run.document();
            let results: Vec<_> = document["results"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| json!([row["kind"], row["name"]]))
                .collect();
            assert_eq!(Value::Array(results), expected, "{name}");
        }
    }
}

#[test]
fn a_dump_that_breaks_off() {
    let laptop = laptop();
    let good = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}).to_string();
    for (name, text) in [
        (
            "dump_that_breaks_off",
            format!(r#"{{"apiVersion": "v1", "items": [{good}, {{"apiVersion": "#),
        ),
        (
            "dump_with_a_stranger",
            format!(r#"{{"apiVersion": "v1", "items": [{good}, 7], "kind": "List"}}"#),
        ),
        (
            "dump_that_is_no_list",
            format!(r#"{{"apiVersion": "v1", "items": [{good}], "kind": "Menu"}}"#),
        ),
    ] {
        let arguments = "status -f - -o name";
        let run = laptop.run_with_input(arguments, &text).expect(1);
        assert_snapshot(GROUP, name, &laptop.transcript(arguments, &run));
    }
    let run = laptop.run_with_input("status -f -", "[1, 2]").expect(3);
    assert!(
        run.stderr.contains("this is an array") || run.stderr.contains("apiVersion is missing"),
        "{}",
        run.stderr
    );
}

#[test]
fn files_do_not_change_so_nothing_is_waited_for() {
    let laptop = dump();
    printed(&laptop, "wait_for_files", "status -f objects.yaml --wait", 2);
}

#[test]
fn the_cause_is_in_the_dump_as_well() {
    let laptop = laptop();
    let rolling = deployment("web", "r/web:v2", Progress::Rolling)
        .replace(
            "metadata: {",
            "metadata: {annotations: {deployment.kubernetes.io/revision: '2'}, ",
        )
        .replace("spec:\n", "spec:\n  selector: {matchLabels: {app: web}}\n");
    let owned = |kind: &str, name: &str, owner: &str, more: &str| {
        format!(
            "---\n{{apiVersion: {}, kind: {kind}, metadata: {{name: {name}, namespace: shop, uid: uid-of-{name}, \
             ownerReferences: [{{uid: uid-of-{owner}, controller: true}}]{more}}}\n",
            if kind == "Pod" { "v1" } else { "apps/v1" }
        )
    };
    let revision = |revision: u8| format!(", annotations: {{deployment.kubernetes.io/revision: '{revision}'}}}}");
    let waiting = |reason: &str| {
        format!(
            "}}, status: {{containerStatuses: [{{name: web, image: 'r/web:v2', state: {{waiting: {{reason: {reason}, \
             message: not found}}}}}}]}}"
        )
    };
    laptop.write(
        "objects.yaml",
        [
            rolling,
            owned("ReplicaSet", "old", "web", &revision(1)),
            owned("ReplicaSet", "new", "web", &revision(2)),
            owned("Pod", "old-1", "old", &waiting("CreateContainerError")),
            owned("Pod", "new-1", "new", &waiting("ErrImagePull")),
        ]
        .concat(),
    );
    printed(
        &laptop,
        "health_with_its_cause",
        "status deployment/web -n shop --objects objects.yaml",
        0,
    );
}

#[test]
fn the_way_to_a_ref() {
    let laptop = dump();
    for (name, arguments, code) in [
        (
            "extract_steps",
            "extract -f rolling-out.yaml --container podinfo --regexp ^([0-9]+)[.] --template release-{}",
            0,
        ),
        ("extract_of_several", "extract -f objects.yaml --container web", 1),
        (
            "extract_json",
            "extract -f objects.yaml -n preview-42 --container web --json-path $.metadata.name -o json",
            0,
        ),
        (
            "extract_that_does_not_match",
            "extract -f rolling-out.yaml --container podinfo --regexp ^v(.+)$ -o yaml",
            1,
        ),
        (
            "extract_of_a_path_that_is_none",
            "extract -f objects.yaml --json-path {.metadata.labels['version']",
            2,
        ),
        ("extract_without_rule", "extract -f objects.yaml", 2),
        ("extract_without_subject", "extract --container web", 2),
        ("extract_of_no_file", "extract -f absent.yaml --container web", 3),
    ] {
        printed(&laptop, name, arguments, code);
    }
}
