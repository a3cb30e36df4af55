//! Where objects can come from: files, folders, lists, standard input, and every file of `examples/`.

use std::fs;

use serde_json::Value;

use crate::{
    DECLARED, GROUP, ROLLED_OUT, ROLLING_OUT, declared, laptop,
    support::{
        Run,
        laptop::{Progress, assert_snapshot, deployment},
        repository_file,
    },
    two_services, valid,
};

#[test]
fn standard_input_and_lists() {
    let laptop = two_services();
    let item = |name: &str| {
        format!(
            "- {}",
            declared(name)
                .trim_start_matches("---\n")
                .trim_end()
                .replace('\n', "\n  ")
        )
    };
    let list = format!("apiVersion: v1\nkind: List\nitems:\n{}\n{}\n", item("api"), item("web"));
    let document = laptop
        .run_with_input("sync -f - --objects objects.yaml -o json", &list)
        .expect(0)
        .document();
    assert_eq!(document["summary"]["create"], 2, "{document:#}");
    let list: Value = serde_saphyr::from_str(&list).unwrap();
    let again = laptop
        .run_with_input("sync -f - --objects objects.yaml -o json", &list.to_string())
        .expect(0);
    assert_eq!(again.document()["summary"]["unchanged"], 2);
}

/// Such as bash's `<(…)`, and the objects of a kind that has to be looked for in them.
#[test]
fn what_can_be_read_once_is_there_for_every_pass() {
    let laptop = two_services();
    laptop.write("objects.yaml", deployment("web", "registry/x:v1", Progress::Rolling));
    let waiting = "sync -f /dev/stdin --objects objects.yaml --wait --timeout 3s -o json";
    let run = laptop.run_with_input(waiting, &declared("web")).expect(5);
    assert_eq!(run.document()["results"][0]["state"], "in_progress");
    assert!(!run.stderr.contains("looking again"), "{}", run.stderr);

    let rollout = deployment("web", "registry/x:v2", Progress::Complete)
        .replace("apps/v1", "example.com/v1")
        .replace("kind: Deployment", "kind: Widget");
    let from_flags =
        "sync widget/web -n shop --objects /dev/stdin --repo web --environment staging --container web -o json";
    let document = laptop.run_with_input(from_flags, &rollout).expect(0).document();
    assert_eq!(document["results"][0]["ref"], "v2", "{document:#}");
}

#[test]
fn health_alone_needs_no_github() {
    let laptop = laptop();
    for (name, arguments) in [
        ("health_of_objects", "status --objects examples/objects.yaml".to_owned()),
        (
            "health_of_one_object",
            "status deployment/worker -n shop --objects examples/objects.yaml".to_owned(),
        ),
        (
            "health_of_what_is_declared",
            format!("status -f {DECLARED} --objects {ROLLING_OUT}"),
        ),
    ] {
        let mut command = laptop.program();
        command.env_remove("GITHUB_TOKEN").current_dir(repository_file(""));
        let run = Run::of(command.args(arguments.split(' '))).expect(0);
        assert_snapshot(GROUP, name, &laptop.transcript(&arguments, &run));
    }
    assert_eq!(laptop.github.journal(), []);
}

/// The Deployment that upstream's example looks at.
fn of_upstream() -> String {
    deployment(
        "podinfo-primary",
        "ghcr.io/stefanprodan/podinfo:main-20260420-6.9.1",
        Progress::Complete,
    )
    .replace("namespace: shop", "namespace: test")
    .replace("{name: podinfo-primary, image", "{name: podinfod, image")
}

#[test]
fn every_example_is_reported() {
    let laptop = laptop();
    laptop.write("upstream.yaml", of_upstream());
    let objects = format!(
        "--objects examples/objects.yaml --objects {ROLLED_OUT} --objects {}",
        laptop.folder().join("upstream.yaml").display()
    );
    let mut examples = Vec::new();
    let mut folders = vec![repository_file("examples")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read_to_string(&path).unwrap().contains("kind: GitHubDeployment") {
                examples.push(path);
            }
        }
    }
    assert!(examples.len() >= 11, "{examples:?}");
    for example in examples {
        let run = laptop.run_in_repository(&format!("sync -f {} {objects} --dry-run -o json", example.display()));
        let document = run.expect(0).document();
        valid(&document);
        let summary = &document["summary"];
        assert_eq!(
            summary["create"],
            summary["sources"],
            "{}: {document:#}",
            example.display()
        );
    }
    assert_eq!(laptop.writes(), Vec::<String>::new());
}

#[test]
fn examples_for_other_tools_find_the_ref() {
    let laptop = laptop();
    for (example, expected) in [
        ("argo-rollouts", vec![("checkout", "v3.0.1")]),
        (
            "flux",
            vec![
                ("shop", "0c3b1e5f7a9d2b4c6e8f0a1b3c5d7e9f0a2b4c6d"),
                ("search", "search-2.4.0"),
            ],
        ),
    ] {
        let arguments = format!("sync -f examples/{example}.yaml --objects examples/objects.yaml --dry-run -o json");
        let document = laptop.run_in_repository(&arguments).expect(0).document();
        let found: Vec<(&str, &str)> = document["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| {
                assert_eq!(result["state"], "success", "{result:#}");
                (
                    result["source"]["name"].as_str().unwrap(),
                    result["ref"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(found, expected, "{example}");
    }
}
