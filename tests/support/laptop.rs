//! A machine without a cluster: a folder with files, and a GitHub on loopback.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;
use tokio::net::TcpSocket;

use super::{GitHub, Run, program, repository_file};

/// Where the program runs, and what it finds there.
pub struct Laptop {
    pub github: GitHub,
    folder: TempDir,
}

impl Laptop {
    /// A machine that reports to this GitHub.
    pub fn new(github: GitHub) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { github, folder }
    }

    /// Home of the program, and the folder in which it runs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.folder().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("make a folder");
        fs::write(path, content).expect("write a file");
    }

    /// The program with nothing in its environment but what leads to this GitHub.
    pub fn program(&self) -> Command {
        let mut command = program(self.folder());
        command.current_dir(self.folder()).envs(self.github.environment());
        command
    }

    /// Runs the program with these arguments, separated by spaces.
    pub fn run(&self, arguments: &str) -> Run {
        Run::of(self.program().args(arguments.split_whitespace()))
    }

    /// The same in the root of this repository, where the examples are.
    pub fn run_in_repository(&self, arguments: &str) -> Run {
        Run::of(
            self.program()
                .current_dir(repository_file(""))
                .args(arguments.split_whitespace()),
        )
    }

    /// The same with text on its standard input.
    pub fn run_with_input(&self, arguments: &str, input: &str) -> Run {
        let mut command = self.program();
        command.args(arguments.split_whitespace());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start the program");
        // A program that does not read to the end says why.
        let _ = child
            .stdin
            .take()
            .expect("its standard input")
            .write_all(input.as_bytes());
        child.wait_with_output().expect("the program ends").into()
    }

    /// What a user sees of a run, without what differs from run to run.
    pub fn transcript(&self, arguments: &str, run: &Run) -> String {
        let [(_, url), ..] = self.github.environment();
        transcript(arguments, run)
            .replace(&url, "http://127.0.0.1:PORT")
            .replace(&self.folder().display().to_string(), "HOME")
    }

    /// Requests that may have changed something on GitHub, such as `CreateDeployment`.
    pub fn writes(&self) -> Vec<String> {
        let journal = self.github.journal();
        journal
            .iter()
            .filter(|entry| entry.is_write())
            .map(|entry| entry.operation.to_string())
            .collect()
    }
}

/// Everything that a run printed, under its command line and with its exit code.
pub fn transcript(arguments: &str, run: &Run) -> String {
    let Run { code, stdout, stderr } = run;
    format!("$ kube-status-to-github {arguments}\n{stdout}--- stderr\n{stderr}--- exit code {code}\n")
}

/// Compares with `tests/snapshots/GROUP/NAME.snap`.
#[track_caller]
pub fn assert_snapshot(group: &str, name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(repository_file("tests/snapshots").join(group));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    // How long something took differs from run to run.
    settings.add_filter(r"after \d+ s\b", "after T s");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// A port of this machine at which nobody answers, for as long as the tests run: a socket holds it, and does not listen.
pub fn closed_port() -> u16 {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let port = socket.local_addr().expect("an address").port();
    std::mem::forget(socket);
    port
}

/// A GitHubDeployment `name` in the namespace `shop`. `source`, `extract` and `repository` are YAML.
pub fn github_deployment(name: &str, source: &str, extract: &str, repository: &str) -> String {
    format!(
        "---\n\
         apiVersion: github.decathlon.com/v1beta1\n\
         kind: GitHubDeployment\n\
         metadata: {{name: {name}, namespace: shop}}\n\
         spec:\n  \
           sourceRef: {source}\n  \
           extract: {extract}\n  \
           repository: {repository}\n"
    )
}

/// How far a Deployment has come.
#[derive(Clone, Copy)]
pub enum Progress {
    /// The new pod is not available yet.
    Rolling,
    /// All pods are of the newest template, and available.
    Complete,
    /// The deadline has passed.
    Failed,
}

/// A Deployment `name` in the namespace `shop`, of one pod with one container of the same name and this image.
pub fn deployment(name: &str, image: &str, progress: Progress) -> String {
    let (available, reason, progressing) = match progress {
        Progress::Rolling => (0, "ReplicaSetUpdated", true),
        Progress::Complete => (1, "NewReplicaSetAvailable", true),
        Progress::Failed => (0, "ProgressDeadlineExceeded", false),
    };
    let condition = |kind: &str, holds: bool, reason: &str| {
        let status = if holds { "True" } else { "False" };
        format!("{{type: {kind}, status: '{status}', reason: {reason}, message: 'as {reason} says'}}")
    };
    format!(
        "---\n\
         apiVersion: apps/v1\n\
         kind: Deployment\n\
         metadata: {{name: {name}, namespace: shop, uid: uid-of-{name}, generation: 1}}\n\
         spec:\n  \
           replicas: 1\n  \
           progressDeadlineSeconds: 600\n  \
           template: {{spec: {{containers: [{{name: {name}, image: '{image}'}}]}}}}\n\
         status:\n  \
           observedGeneration: 1\n  \
           replicas: 1\n  \
           updatedReplicas: 1\n  \
           readyReplicas: {available}\n  \
           availableReplicas: {available}\n  \
           conditions:\n  \
           - {}\n  \
           - {}\n",
        condition("Available", available == 1, "MinimumReplicas"),
        condition("Progressing", progressing, reason),
    )
}
