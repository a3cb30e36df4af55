//! The secrets, a machine that has them, and the search for them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{Engine as _, engine::general_purpose};
use github_emulator::OperationKind;

use crate::support::{
    GitHub, Run,
    laptop::{Laptop, Progress, deployment, github_deployment},
    repository_file,
};

pub const TOKEN: &str = "ghp_canary0token0of0a0person0123456789AB";
pub const KUBERNETES_TOKEN: &str = "canary-token-of-kubernetes-0123456789";
pub const PASSWORD: &str = "canary-password-0123456789";

/// The App's key. It is that of the library's own tests, and known to the world.
pub fn key() -> String {
    fs::read_to_string(repository_file("src/github/testing_key.pem")).unwrap()
}

/// A machine whose home has nothing but what a test puts there.
pub struct Machine {
    pub laptop: Laptop,
    /// Files that the test wrote.
    own: BTreeSet<PathBuf>,
    /// What other servers than the emulator were sent, their credentials left out.
    pub sent: Arc<Mutex<Vec<String>>>,
    /// Tokens that came from elsewhere than the constants above.
    pub further: Arc<Mutex<Vec<String>>>,
    runs: AtomicUsize,
}

impl Machine {
    /// With the files of one Deployment and its GitHubDeployment, in full and without a container of that name.
    pub fn new() -> Self {
        let laptop = Laptop::new(GitHub::with_everything());
        let source = "{kind: Deployment, name: web}";
        let repository = "{name: octo-org/web, environment: staging}";
        laptop.write(
            "good.yaml",
            github_deployment("web", source, "{containerName: web}", repository),
        );
        laptop.write(
            "bad.yaml",
            github_deployment("bad", source, "{containerName: absent}", repository),
        );
        laptop.write("objects.yaml", deployment("web", "registry/web:v1", Progress::Complete));
        laptop.write("key.pem", key());
        laptop.write("tmp/.keep", "");
        let mut machine = Self {
            laptop,
            own: BTreeSet::new(),
            sent: Arc::default(),
            further: Arc::default(),
            runs: AtomicUsize::new(0),
        };
        machine.keep_own_files();
        machine
    }

    /// What is in the folder now was put there by the test.
    pub fn keep_own_files(&mut self) {
        self.own = files(self.laptop.folder()).into_iter().collect();
    }

    /// Runs the program with everything on that could make it say more than it should.
    #[track_caller]
    pub fn run(&self, arguments: &str, variables: &[(&str, &str)]) -> Run {
        let mut command = self.laptop.program();
        command
            .env("GITHUB_TOKEN", TOKEN)
            .env("RUST_BACKTRACE", "1")
            .env("RUST_LOG", "trace")
            .env("TMPDIR", self.laptop.folder().join("tmp"));
        for (name, value) in variables {
            if value.is_empty() {
                command.env_remove(name);
            } else {
                command.env(name, value);
            }
        }
        let run = Run::of(command.args(arguments.split_whitespace()));
        self.runs.fetch_add(1, Ordering::Relaxed);
        let what = format!(
            "{arguments} {:?}",
            variables.iter().map(|(name, _)| name).collect::<Vec<_>>()
        );
        assert!(run.code < 100, "{what} was killed, or panicked: {}", run.stderr);
        self.search(&format!("stdout of {what}"), &run.stdout);
        self.search(&format!("stderr of {what}"), &run.stderr);
        run
    }

    /// Fails if a secret is in the text.
    #[track_caller]
    pub fn search(&self, what: &str, text: &str) {
        for secret in self.secrets() {
            for form in [
                secret.clone(),
                general_purpose::STANDARD.encode(&secret),
                general_purpose::STANDARD_NO_PAD.encode(&secret),
                general_purpose::URL_SAFE_NO_PAD.encode(&secret),
                general_purpose::STANDARD_NO_PAD.encode(format!("me:{secret}")),
            ] {
                assert!(!text.contains(&form), "{what} has {form}\n{text}");
            }
        }
    }

    /// Everything that must be nowhere.
    fn secrets(&self) -> Vec<String> {
        let mut secrets: Vec<String> = [TOKEN, KUBERNETES_TOKEN, PASSWORD].map(str::to_owned).into();
        // A line of the key is as secret as the whole of it.
        secrets.extend(
            key()
                .lines()
                .filter(|line| !line.starts_with("-----"))
                .map(str::to_owned),
        );
        let created = OperationKind::CreateAccessToken;
        let issued = self
            .laptop
            .github
            .journal()
            .into_iter()
            .filter(|entry| entry.operation == created);
        secrets.extend(issued.filter_map(|entry| Some(entry.response_body?["token"].as_str()?.to_owned())));
        for token in self.further.lock().unwrap().iter() {
            // The signature of a JSON web token alone is enough of it.
            secrets.extend(token.rsplit('.').next().map(str::to_owned));
            secrets.push(token.clone());
        }
        secrets
    }

    /// Searches what the runs left behind: files, requests, and deployments. Fails where there were fewer runs.
    pub fn finish(self, least: usize) {
        let runs = self.runs.load(Ordering::Relaxed);
        assert!(runs >= least, "{runs} runs");
        for file in files(self.laptop.folder()) {
            if !self.own.contains(&file) {
                let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
                self.search(&file.display().to_string(), &text);
            }
        }
        for request in self.sent.lock().unwrap().iter() {
            self.search("a request", request);
        }
        for entry in self.laptop.github.journal() {
            let body = entry.request_body.unwrap_or_default();
            self.search(
                "a request to GitHub",
                &format!("{} {body} {:?}", entry.path, entry.user_agent),
            );
        }
        let deployments = serde_json::to_string(&self.laptop.github.snapshot()).unwrap();
        self.search("GitHub", &deployments);
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(self::files(&path)),
            false => files.push(path),
        }
    }
    files
}
