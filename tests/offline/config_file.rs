//! The configuration file, as a repository has it.

use std::fs;

use crate::{
    GROUP, laptop,
    support::{
        Run,
        laptop::{Laptop, Progress, assert_snapshot, deployment},
        repository_file,
    },
};

/// A repository with the example as its file, and dumps of what it names.
fn repository() -> Laptop {
    let laptop = laptop();
    let example = fs::read(repository_file("examples/config/.kube-status-to-github.yaml")).unwrap();
    laptop.write("repository/.kube-status-to-github.yaml", example);
    laptop.write("repository/.git/HEAD", "");
    laptop.write("repository/a/b/c", "");
    let web = deployment("web", "registry/web:v1", Progress::Complete).replace("name: web, image", "name: app, image");
    let database = "---\n{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: database, namespace: shop, generation: 1, \
                    labels: {app.kubernetes.io/version: v2}}, spec: {replicas: 0}, status: {observedGeneration: 1, \
                    updateRevision: r, currentRevision: r}}\n";
    laptop.write("objects.yaml", web + database);
    laptop
}

/// Runs in a folder of the repository.
fn run_in(laptop: &Laptop, folder: &str, arguments: &str) -> Run {
    let mut command = laptop.program();
    command
        .current_dir(laptop.folder().join("repository").join(folder))
        .args(arguments.split(' '));
    Run::of(&mut command)
}

fn objects(laptop: &Laptop) -> String {
    laptop.folder().join("objects.yaml").display().to_string()
}

#[test]
fn one_command_reports_a_repository() {
    let laptop = repository();
    let arguments = format!("sync --objects {}", objects(&laptop));
    let run = run_in(&laptop, "", &arguments).expect(0);
    assert_snapshot(GROUP, "config_file", &laptop.transcript(&arguments, &run));
    assert_eq!(laptop.github.refs("octo-org/shop", "staging"), ["v2", "v1"]);

    let run = run_in(&laptop, "a/b", &format!("{arguments} -o json -v")).expect(0);
    assert_eq!(run.document()["summary"]["unchanged"], 2, "also from within");
    let file = laptop.folder().join("repository/.kube-status-to-github.yaml");
    assert!(run.stderr.contains(&file.display().to_string()), "{}", run.stderr);

    let health = run_in(&laptop, "", &format!("status -f {}", objects(&laptop))).expect(0);
    assert_eq!(health.stdout.lines().count(), 3, "{}", health.stdout);
}

/// `-n` chooses among the objects of a file; the namespace of the settings is only that of what names none.
#[test]
fn the_namespace_of_the_file_hides_no_object() {
    let laptop = laptop();
    laptop.write(".kube-status-to-github.yaml", "namespace: shop\n");
    let web = deployment("web", "registry/web:v1", Progress::Complete);
    let objects = web.replace(", namespace: shop", "") + &deployment("blog", "registry/blog:v1", Progress::Complete);
    laptop.write(
        "objects.yaml",
        objects.replacen("namespace: shop", "namespace: blog", 1),
    );
    for command in [
        "status -o json -f objects.yaml",
        "status -o json --objects objects.yaml",
        "extract -o json -f objects.yaml --json-path {.metadata.name}",
    ] {
        let names = |arguments: &str| -> Vec<String> {
            let document = laptop.run(arguments).expect(0).document();
            let results = document["results"].as_array().unwrap();
            let name = |result: &serde_json::Value| result["name"].as_str().unwrap().to_owned();
            results.iter().map(name).collect()
        };
        assert_eq!(names(command), ["web", "blog"], "{command}");
        assert_eq!(names(&format!("{command} -n blog")), ["blog"], "{command}");
    }
}

#[test]
fn what_is_in_force_is_told_with_its_origin() {
    let laptop = repository();
    let arguments = "sync --print-config --max-writes 7";
    let mut command = laptop.program();
    command
        .env_remove("GITHUB_TOKEN")
        .env("GITHUB_APP_PRIVATE_KEY", "hunter2")
        .current_dir(laptop.folder().join("repository"))
        .args(arguments.split(' '));
    let run = Run::of(&mut command).expect(0);
    assert_snapshot(GROUP, "config_with_origins", &laptop.transcript(arguments, &run));
    assert!(!run.stdout.contains("hunter2"));
    assert_eq!(laptop.github.journal(), []);

    // What is printed is a file that says the same.
    laptop.write("printed.yaml", &run.stdout);
    let printed = laptop.folder().join("printed.yaml").display().to_string();
    let again = run_in(&laptop, "", &format!("sync --print-config --config {printed}")).expect(0);
    let values = |text: &str| serde_saphyr::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(values(&again.stdout), values(&run.stdout));
    let nothing = laptop.run("sync --print-config --config /dev/null").expect(0);
    assert!(nothing.stdout.contains("output: table # default"), "{}", nothing.stdout);
}

#[test]
fn what_was_asked_for_is_not_mixed_with_the_file() {
    let laptop = repository();
    laptop.write(
        "other.yaml",
        crate::declared("web").replace("containerName: web", "containerName: app"),
    );
    let other = laptop.folder().join("other.yaml").display().to_string();
    let arguments = format!("sync -f {other} --objects {} --dry-run -o json -v", objects(&laptop));
    let run = run_in(&laptop, "", &arguments).expect(0);
    assert_eq!(run.document()["summary"]["sources"], 1, "{}", run.stdout);
    assert!(run.stderr.contains("its deployments are not used"), "{}", run.stderr);

    let arguments = format!(
        "sync deploy/web --task other --objects {} --dry-run -o json",
        objects(&laptop)
    );
    let document = run_in(&laptop, "", &arguments).expect(0).document();
    let result = &document["results"][0];
    assert_eq!(document["summary"]["sources"], 1, "{document:#}");
    assert_eq!(
        (&result["repository"], &result["environment"], &result["task"]),
        (&"octo-org/shop".into(), &"staging".into(), &"other".into())
    );
}
