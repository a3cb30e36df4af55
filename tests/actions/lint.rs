//! Workflows by actionlint: those of this repository, of the examples and of the documentation.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    page,
    support::{Run, built, repository_file},
};

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(repository_file(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
    files.sort();
    files
}

#[test]
fn workflows_are_well_formed() {
    let Some(folder) = built::folder("hack/actionlint/build", "actionlint") else {
        return;
    };
    let documented = tempfile::tempdir().unwrap();
    let path = documented.path().join("ci.yml");
    fs::write(&path, page::workflow()).unwrap();
    let workflows = [files(".github/workflows"), files("examples/github-actions"), vec![path]].concat();
    assert!(workflows.len() >= 8, "{workflows:?}");
    let mut actionlint = Command::new(folder.join("actionlint"));
    let run = Run::of(actionlint.current_dir(repository_file("")).args(workflows));
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    assert_eq!(run.code, 0);
}
