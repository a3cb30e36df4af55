//! The object of upstream's README, as it stands there.

use crate::{
    namespace::{BEHAVIOUR, Namespace},
    support::{OWNER, Run, repository_file},
};

/// What `kubectl rollout` would be about: one pod that does not get ready.
fn podinfo() -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: podinfo-primary
spec:
  selector:
    matchLabels: {{app: podinfo}}
  template:
    metadata:
      labels: {{app: podinfo}}
      annotations: {{{BEHAVIOUR}: never-ready}}
    spec:
      containers:
      - name: podinfod
        image: podinfo:main-20230405-1234567a
"
    )
}

#[test]
fn the_object_of_the_readme_is_reported_during_and_after_the_rollout() {
    // The namespace that the object names.
    let Some(test) = Namespace::create("test") else { return };
    let repository = format!("{OWNER}/my-repo");
    test.apply(&podinfo());
    let mut apply = test.kubectl_command(["apply", "-f"]);
    Run::of(apply.arg(repository_file("examples/upstream.yaml"))).expect(0);

    let document = test.sync(&[]).expect(0).document();
    assert_eq!(document["results"][0]["action"], "create", "{document:#}");
    let deployments = test.github.deployments(&repository, "staging");
    let [deployment] = deployments.as_slice() else {
        panic!("{deployments:#?}")
    };
    assert!(deployment.sha.starts_with("1234567a"), "{deployment:#?}");
    assert_eq!(deployment.git_ref, deployment.sha, "a commit is sent in full");
    assert_eq!(deployment.task, "deploy");
    assert_eq!(test.github.states(&repository, "staging"), [["in_progress"]]);
    assert_eq!(
        row(&test)[1..5],
        [
            &deployment.id.to_string(),
            "1234567a",
            "apps/v1/Deployment/test/podinfo-primary",
            "1"
        ]
    );
    assert_eq!(row(&test)[5..8], ["InProgress", "True", "staging"]);

    test.audited_sync(&[]).expect_silence(1);

    test.heal("podinfo");
    test.rolled_out("deployment/podinfo-primary");
    let document = test.sync(&[]).expect(0).document();
    assert_eq!(document["results"][0]["action"], "update", "{document:#}");
    assert_eq!(test.github.states(&repository, "staging"), [["in_progress", "success"]]);
    assert_eq!(row(&test)[5..8], ["Current", "True", "staging"]);

    let pass = test.audited_sync(&[]);
    pass.expect_silence(1);
    let document = pass.run.expect(0).document();
    assert_eq!(document["results"][0]["action"], "unchanged", "{document:#}");
    assert_eq!(test.github.states(&repository, "staging"), [["in_progress", "success"]]);
}

/// What `kubectl get ghd` prints about the object.
fn row(test: &Namespace) -> Vec<String> {
    let table = test.kubectl(["get", "ghd"]);
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    let [header, row] = lines.as_slice() else {
        panic!("{table}")
    };
    let columns = [
        "NAME",
        "DEPLOYMENTID",
        "REF",
        "SOURCE",
        "SOURCEGENERATION",
        "STATUS",
        "READY",
        "ENVIRONMENT",
        "AGE",
    ];
    assert_eq!(header.as_slice(), columns);
    row.iter().map(|cell| (*cell).to_owned()).collect()
}
