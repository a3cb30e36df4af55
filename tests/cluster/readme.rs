//! The commands of README.md that need a cluster, as a reader types them.

use std::process::Command;

use crate::{
    control_plane::succeeded,
    namespace::{Namespace, deployment},
    support::{Run, readme, repository_file},
};

/// The namespace of the manifests.
const NAMESPACE: &str = "kube-status-to-github";

#[test]
fn commands_of_the_readme_work() {
    let Some(test) = Namespace::create("readme") else {
        return;
    };
    let present = test
        .cluster
        .kubectl_command(["create", "namespace", NAMESPACE])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&present.stderr);
    assert!(present.status.success() || error.contains("AlreadyExists"), "{error}");

    let (waiting, commands): (Vec<String>, Vec<String>) = readme::commands()
        .into_iter()
        .filter(|line| readme::needs_cluster(line))
        .partition(|line| line.contains(" --wait"));
    assert!(commands.len() >= 5, "{commands:?}");
    for line in commands {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("kubectl") => {
                let command = &mut test.cluster.kubectl_command(words);
                // Another test installs the manifests and takes their permissions away one by one: the API server
                // checks everything here, and keeps nothing.
                if !line.contains(" get ") {
                    command.arg("--dry-run=server");
                }
                succeeded(&in_repository(command).output().unwrap(), command);
            }
            Some("kube-status-to-github") => {
                let mut command = test.program();
                command.args(words);
                if line.contains(" -A") {
                    // What other tests declare in this cluster is bad on purpose.
                    command.args(["--selector", "test=readme"]);
                }
                Run::of(in_repository(&mut command)).expect(0);
            }
            _ => panic!("nothing runs {line}"),
        }
    }
    assert!(
        test.github.journal().iter().all(|entry| !entry.is_write()),
        "the first look changes nothing"
    );

    test.apply(&deployment("app", "v1", None));
    for line in &waiting {
        let words = line.split_whitespace().skip(1);
        Run::of(in_repository(test.program().args(words))).expect(0);
    }
    let states = test.github.states("shop/app", "staging");
    assert_eq!(states.len(), waiting.len(), "{waiting:?}: {states:?}");
    assert!(
        states
            .iter()
            .all(|states| states.last().is_some_and(|last| last == "success")),
        "{states:?}"
    );
}

fn in_repository(command: &mut Command) -> &mut Command {
    command.current_dir(repository_file(""))
}
