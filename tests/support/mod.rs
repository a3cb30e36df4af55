//! What the integration tests share: the program as a user starts it, a GitHub on loopback, and waiting.
#![allow(dead_code, reason = "no test target uses all of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

pub mod api_server;
pub mod built;
pub mod laptop;
pub mod readme;
pub mod shells;

use std::{
    ops::Deref,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use github_emulator::{Emulator, Options, Running};
use serde_json::Value;
use tokio::runtime::{self, Runtime};

/// Owner of the repositories that a test names without one.
pub const OWNER: &str = "octo-org";

/// A file of this repository.
pub fn repository_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The program, with nothing of this process's environment, and `home` as its home.
pub fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kube-status-to-github"));
    command.env_clear().env("HOME", home);
    command
}

/// Whether there is a program of this name; said loudly where there is none. The workflow of this repository installs
/// all of them, so that there each has to be.
pub fn tool(name: &str) -> bool {
    let started = Command::new(name)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if started.is_err() {
        assert!(
            std::env::var_os("GITHUB_ACTIONS").is_none(),
            "in GitHub Actions there has to be {name}"
        );
        built::say(&format!(
            "\nTHERE IS NO {}: ITS TESTS ARE SKIPPED\n",
            name.to_uppercase()
        ));
    }
    started.is_ok()
}

/// What the program said.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        Self::from(command.output().expect("start the program"))
    }

    /// Fails unless this is the exit code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "exit code\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// The document that `-o json` prints.
    #[track_caller]
    pub fn document(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr))
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("the program was killed"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
        }
    }
}

/// Asks again and again until there is an answer, for a minute.
#[track_caller]
pub fn eventually<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A GitHub on loopback. When it goes, no request may have been one that GitHub's own descriptions do not allow.
pub struct GitHub {
    running: Running,
    /// Serves the requests.
    _runtime: Runtime,
}

impl GitHub {
    /// A GitHub on which every repository and every ref exists.
    pub fn with_everything() -> Self {
        Self::start(Options::any())
    }

    /// A GitHub on which nothing exists but what a test adds.
    pub fn empty() -> Self {
        Self::start(Options::default())
    }

    /// A GitHub.
    pub fn start(options: Options) -> Self {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let running = runtime
            .block_on(Emulator::new(options).spawn())
            .expect("serve on loopback");
        Self {
            running,
            _runtime: runtime,
        }
    }

    /// What the program needs in its environment to find it.
    pub fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("GITHUB_API", self.running.url()),
            ("GITHUB_TOKEN", "github_pat_of_the_tests".to_owned()),
            ("GITHUB_ORG", OWNER.to_owned()),
        ]
    }

    /// The states that each deployment of an environment went through, oldest first.
    pub fn states(&self, repository: &str, environment: &str) -> Vec<Vec<String>> {
        let deployments = self.deployments(repository, environment);
        deployments
            .iter()
            .map(|deployment| deployment.states().into_iter().map(str::to_owned).collect())
            .collect()
    }

    /// The ref of each deployment of an environment, oldest first.
    pub fn refs(&self, repository: &str, environment: &str) -> Vec<String> {
        self.deployments(repository, environment)
            .into_iter()
            .map(|deployment| deployment.git_ref)
            .collect()
    }
}

impl Deref for GitHub {
    type Target = Emulator;

    fn deref(&self) -> &Emulator {
        &self.running.emulator
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        if !thread::panicking() {
            assert_eq!(self.violations(), Vec::<String>::new());
        }
    }
}
