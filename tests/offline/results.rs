//! What is printed, in every form.

use serde_json::Value;

use crate::{
    GROUP, ROLLED_OUT, ROLLING_OUT, laptop, quickstart,
    support::{
        laptop::{Progress, assert_snapshot, deployment, github_deployment},
        repository_file,
    },
    valid,
};

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let laptop = laptop();
    for command in [
        "crd".to_owned(),
        "completions bash".to_owned(),
        "man".to_owned(),
        format!("status -f {ROLLED_OUT}"),
        format!("status -f {ROLLED_OUT} -o json"),
        format!("extract -f {ROLLED_OUT} --container podinfo"),
        quickstart(ROLLED_OUT, " --dry-run"),
    ] {
        let full = std::fs::File::create("/dev/full").expect("a full disk");
        let output = laptop
            .program()
            .current_dir(repository_file(""))
            .args(command.split(' '))
            .stdout(full)
            .output()
            .expect("the program");
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            "error: the result cannot be written to standard output\n  cause: No space left on device (os error 28)\n",
            "{command}"
        );
        assert_eq!(output.status.code(), Some(3), "{command}");
    }
}

#[test]
fn a_dry_run_shows_what_a_run_does() {
    let laptop = laptop();
    let all = "sync -f examples/services.yaml -f examples/extract -f examples/preview.yaml \
               --objects examples/objects.yaml --max-writes 4 -o json";
    let planned = laptop
        .run_in_repository(&format!("{all} --dry-run"))
        .expect(0)
        .document();
    assert_eq!(planned["dryRun"], true);
    assert_eq!(laptop.writes(), Vec::<String>::new());
    assert!(
        laptop
            .github
            .snapshot()
            .iter()
            .all(|repository| repository.deployments.is_empty())
    );

    let done = laptop.run_in_repository(all).expect(0).document();
    assert_eq!(done["dryRun"], false);
    assert!(planned["changes"].as_array().unwrap().len() > 5, "{planned:#}");
    assert_eq!(changes(&planned), changes(&done));
    let outcomes = |document: &Value| -> Vec<Value> {
        document["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|change| change["outcome"].clone())
            .collect()
    };
    assert!(
        outcomes(&planned).iter().all(|outcome| outcome == "planned"),
        "{planned:#}"
    );
    assert!(
        outcomes(&done)
            .iter()
            .all(|outcome| outcome == "done" || outcome == "deferred"),
        "{done:#}"
    );
}

/// The changes, without what only a run can know.
fn changes(document: &Value) -> Vec<Value> {
    let mut changes = document["changes"].as_array().unwrap().clone();
    for change in &mut changes {
        let change = change.as_object_mut().unwrap();
        change.retain(|field, _| !["outcome", "deployment"].contains(&field.as_str()));
    }
    changes
}

#[test]
fn every_form_of_the_result() {
    let laptop = laptop();
    laptop.run_in_repository(&quickstart(ROLLING_OUT, "")).expect(0);
    for form in ["table", "wide", "name", "json", "yaml"] {
        let arguments = quickstart(ROLLED_OUT, &format!(" --dry-run -o {form}"));
        let run = laptop.run_in_repository(&arguments).expect(0);
        assert_snapshot(GROUP, &format!("form_{form}"), &laptop.transcript(&arguments, &run));
    }
    let json = laptop
        .run_in_repository(&quickstart(ROLLED_OUT, " -o json"))
        .expect(0)
        .document();
    valid(&json);
    let yaml = laptop.run_in_repository(&quickstart(ROLLED_OUT, " -o yaml")).expect(0);
    let yaml: Value = serde_saphyr::from_str(&yaml.stdout).unwrap();
    valid(&yaml);
    assert_eq!(json["results"][0]["action"], "update");
    assert_eq!(yaml["results"][0]["action"], "unchanged");
}

#[test]
fn failures_are_documents_too() {
    let laptop = laptop();
    laptop.write(
        "bad.yaml",
        github_deployment("bad", "{kind: Deployment}", "{}", "{name: a/b, environment: e}"),
    );
    laptop.write("objects.yaml", deployment("web", "web:v1", Progress::Complete));
    let document = laptop
        .run("sync -f bad.yaml --objects objects.yaml -o json")
        .expect(1)
        .document();
    valid(&document);
    assert_eq!(document["results"][0]["action"], "fail", "{document:#}");
    let run = laptop
        .run("sync -f bad.yaml --objects objects.yaml -o json --exit-zero")
        .expect(0);
    assert_eq!(run.document(), document);
}

#[test]
fn exit_code_of_a_dry_run() {
    let laptop = laptop();
    let asked = quickstart(ROLLED_OUT, " --dry-run --exit-code");
    laptop.run_in_repository(&asked).expect(6);
    laptop.run_in_repository(&quickstart(ROLLED_OUT, "")).expect(0);
    laptop.run_in_repository(&asked).expect(0);
}
