//! The App, and the GitHub that knows its key.

use github_emulator::{App, Emulator, OperationKind, Options};
use kube_status_to_github::{
    github::{
        Created, Credentials, EnvironmentQuery, EnvironmentReading, GitHub, GitHubError, NewDeployment, Settings,
    },
    plan::{By, Environment, GitRef, Identity, MARKER_VERSION, Marker, Repository},
};
use serde_json::{Map, Value};

pub const KEY: &str = include_str!("../../src/github/testing_key.pem");
pub const OTHER_KEY: &str = include_str!("../../src/github/testing_key_other.pem");
const PUBLIC_KEY: &str = include_str!("../../src/github/testing_key_public.pem");

pub struct World {
    pub emulator: Emulator,
    pub github: GitHub,
}

impl World {
    pub fn new() -> Self {
        Self::with("7", KEY, None, "https://api.github.com")
    }

    /// With another id, key or installation of the App, or another address of GitHub.
    pub fn with(id: &str, key: &str, installation: Option<u64>, api: &str) -> Self {
        let emulator = Emulator::new(Options {
            install_everywhere: false,
            ..Options::default()
        });
        emulator.register_app(App {
            id: 7,
            client_id: "Iv23liSeven".to_owned(),
            slug: "rollouts".to_owned(),
            public_key: Some(PUBLIC_KEY.to_owned()),
            ..App::default()
        });
        let credentials = Credentials::App {
            id: id.to_owned(),
            key: key.to_owned().into(),
            installation,
        };
        let settings = Settings::new(api.parse().unwrap(), credentials);
        let github = GitHub::with_service(emulator.service(), &settings).unwrap();
        Self { emulator, github }
    }

    /// The readings of these repositories, or the reasons why there are none.
    pub async fn read(&self, repositories: &[&str]) -> Vec<Result<EnvironmentReading, GitHubError>> {
        let queries: Vec<_> = repositories.iter().map(|name| query(name)).collect();
        self.github.read(&queries).await
    }

    /// The same in words: `ok`, or the message.
    pub async fn tell(&self, repositories: &[&str]) -> Vec<String> {
        let told = |reading: Result<EnvironmentReading, GitHubError>| match reading {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.to_string(),
        };
        self.read(repositories).await.into_iter().map(told).collect()
    }

    pub async fn create(&self, name: &str) -> Result<Created, GitHubError> {
        let git_ref = GitRef::new("main");
        let new = NewDeployment {
            repository: repository(name),
            environment: "production".to_owned(),
            task: "deploy".to_owned(),
            git_ref: git_ref.clone(),
            payload: Map::new(),
            marker: Marker {
                v: MARKER_VERSION,
                git_ref,
                transient: false,
                production: true,
                identity: Identity {
                    by: Some(By::new("shop", "app")),
                    ..Identity::default()
                },
                source: None,
            },
            description: String::new(),
            known: None,
        };
        self.github.create_deployment(&new).await
    }

    /// Everything that was asked since the last call, in order: the operation, and the status of its answer.
    pub fn asked(&self) -> Vec<String> {
        let journal = self.emulator.journal();
        self.emulator.clear_journal();
        let one =
            |entry: &github_emulator::Entry| format!("{} {}", entry.operation, entry.response_status.unwrap_or(0));
        journal.iter().map(one).collect()
    }

    /// What tokens were asked for since the journal was cleared: the bodies of the requests.
    pub fn token_requests(&self) -> Vec<Value> {
        let journal = self.emulator.journal();
        let of_tokens = journal
            .iter()
            .filter(|entry| entry.operation == OperationKind::CreateAccessToken);
        of_tokens
            .map(|entry| entry.request_body.clone().unwrap_or_default())
            .collect()
    }
}

/// No test ends with a request that GitHub's descriptions do not allow.
impl Drop for World {
    fn drop(&mut self) {
        let violations = self.emulator.violations();
        assert!(std::thread::panicking() || violations.is_empty(), "{violations:#?}");
    }
}

fn repository(name: &str) -> Repository {
    Repository::parse(name, None).unwrap()
}

fn query(name: &str) -> EnvironmentQuery {
    EnvironmentQuery {
        environment: Environment {
            repository: repository(name),
            name: "production".to_owned(),
        },
        refs: vec!["main".to_owned()],
        sources: 1,
    }
}
