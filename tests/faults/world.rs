//! Three repositories of two owners, and passes of a GitHub App.

use std::{sync::Arc, time::Duration};

use github_emulator::{Checks, Emulator, Entry, OperationKind, Options};
use kube_status_to_github::{
    cli::{Failure, exit::Exit},
    github::{self, Credentials, GitHub},
    report::{Action, Document, Progress, with_causes},
    source::Kept,
    sync::{self, run_once},
};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    api_server::ApiServer,
    expected::Outcome,
    objects::{Rollout, deployment, github_deployment},
    settings::settings,
};

const KEY: &str = include_str!("../../src/github/testing_key.pem");

/// Characters of a node's id that are the same for all of a repository.
const NODE_OF_REPOSITORY: usize = 13;

/// A repository with the one environment of its GitHubDeployment.
pub struct Repository {
    pub name: &'static str,
    source: &'static str,
    environment: &'static str,
    /// GitHub closes nothing that is transient or for production, so the pass does.
    flag: &'static str,
}

/// In the order in which they are read.
pub const REPOSITORIES: [Repository; 3] = [
    Repository {
        name: "acme/tool",
        source: "tool",
        environment: "preview",
        flag: "transient",
    },
    Repository {
        name: "octo-org/api",
        source: "api",
        environment: "staging",
        flag: "autoInactive",
    },
    Repository {
        name: "octo-org/web",
        source: "web",
        environment: "live",
        flag: "production",
    },
];

/// A GitHub and a cluster.
pub struct World {
    pub github: Emulator,
    cluster: ApiServer,
}

/// How a pass ended, as the program tells it.
#[derive(Debug)]
pub enum Ended {
    Failed { exit: u8, messages: Vec<String> },
    Done { document: Box<Document>, timed_out: bool },
}

impl Ended {
    /// The code that the program ends with.
    pub fn exit(&self) -> u8 {
        match self {
            Self::Failed { exit, .. } => *exit,
            Self::Done { timed_out: true, .. } => Exit::TimedOut as u8,
            Self::Done { document, .. } => Exit::of(document, false, false) as u8,
        }
    }

    /// What became of these repositories.
    pub fn outcome(&self, concerned: &[usize]) -> Outcome {
        let Self::Done { document, .. } = self else {
            return Outcome::CannotRun;
        };
        let names: Vec<&str> = concerned.iter().map(|index| REPOSITORIES[*index].name).collect();
        let mut outcomes = document
            .results
            .iter()
            .filter(|result| names.contains(&result.repository.as_deref().unwrap_or_default()))
            .map(|result| match result.action {
                Action::Fail => Outcome::Fail(result.reason.clone().unwrap_or_default()),
                Action::Defer => Outcome::Defer,
                _ => Outcome::Done,
            });
        let first = outcomes.next().expect("a repository that is concerned");
        if outcomes.all(|outcome| outcome == first) {
            first
        } else {
            Outcome::Mixed
        }
    }
}

impl World {
    pub fn new() -> Self {
        let github = Emulator::new(Options {
            // Every other test checks them, and they take most of the time.
            checks: Checks::Off,
            ..Options::default()
        });
        let cluster = ApiServer::default();
        cluster.apply(json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "kube-system", "uid": "uid-of-the-cluster"},
        }));
        for repository in REPOSITORIES {
            github.add_repository(repository.name).private().tag("v1").tag("v2");
            let further = json!({repository.flag: true});
            cluster.apply(github_deployment(
                repository.source,
                repository.name,
                repository.environment,
                further,
            ));
        }
        Self { github, cluster }
    }

    /// Every Deployment runs this tag.
    pub fn roll_out(&self, tag: &str) {
        for repository in REPOSITORIES {
            self.cluster.apply(deployment(repository.source, tag, Rollout::Done));
        }
    }

    /// A pass of a process of its own, as the App.
    pub async fn pass(&self, deadline: Option<Duration>) -> Ended {
        let app = Credentials::App {
            id: "7".to_owned(),
            key: KEY.to_owned().into(),
            installation: None,
        };
        self.pass_as(app, deadline).await
    }

    /// The same with a token, which takes less time.
    pub async fn pass_with_token(&self) -> Ended {
        self.pass_as(Credentials::Token("github_pat_of_the_tests".to_owned().into()), None)
            .await
    }

    async fn pass_as(&self, credentials: Credentials, deadline: Option<Duration>) -> Ended {
        let github = github::Settings::new("https://api.github.com".parse().unwrap(), credentials);
        let emulator = self.github.clone();
        let (_stop, stopped) = watch::channel(false);
        let world = sync::World {
            kubernetes: Some(self.cluster.client()),
            github: GitHub::with_service(self.github.service(), &github).unwrap(),
            now: Arc::new(move || emulator.now()),
            stop: stopped,
            kept: Kept::default(),
            progress: Progress::new(false),
        };
        let settings = sync::Settings { deadline, ..settings() };
        match run_once(&world, &settings).await {
            Ok(pass) => Ended::Done {
                document: Box::new(pass.document),
                timed_out: pass.timed_out,
            },
            Err(error) => {
                let messages = with_causes(&error);
                let exit = Failure::from(error).exit as u8;
                Ended::Failed { exit, messages }
            }
        }
    }

    /// The repositories that a request is about: one for a write, else all of the owner.
    pub fn concerned(&self, entry: &Entry) -> Vec<usize> {
        let is_concerned = |repository: &Repository| match entry.operation {
            OperationKind::CreateDeployment => entry.path.contains(repository.name),
            OperationKind::GraphQlMutation => {
                let id = &entry.variables.as_ref().unwrap()["input"]["deploymentId"];
                let deployments = self.github.all_deployments(repository.name);
                deployments.iter().any(|deployment| *id == deployment.node_id)
            }
            OperationKind::CreateAccessToken => owner(repository) == self.owner_of_installation(&entry.path),
            OperationKind::GraphQlQuery => {
                let asked = entry.variables.as_ref().unwrap().as_object().unwrap();
                asked.values().any(|value| value.as_str() == Some(owner(repository)))
            }
            _ => entry.path.contains(owner(repository)),
        };
        let concerned = REPOSITORIES.iter().enumerate();
        let concerned: Vec<usize> = concerned
            .filter(|(_, repository)| is_concerned(repository))
            .map(|(index, _)| index)
            .collect();
        assert!(!concerned.is_empty(), "{entry:?}");
        concerned
    }

    /// What the path and the body of requests hold that are about the same as this one: the same owner or, for a
    /// write, the same repository.
    pub fn subject(entry: &Entry) -> (Option<String>, Option<String>) {
        let variables = entry.variables.as_ref();
        match entry.operation {
            OperationKind::GraphQlMutation => {
                let id = variables.unwrap()["input"]["deploymentId"].as_str().unwrap();
                // The id of a node begins with the number of its repository.
                (None, Some(id[..NODE_OF_REPOSITORY].to_owned()))
            }
            OperationKind::GraphQlQuery => {
                let values: Vec<&Value> = variables.unwrap().as_object().unwrap().values().collect();
                let owner = REPOSITORIES
                    .iter()
                    .map(owner)
                    .find(|owner| values.contains(&&json!(owner)));
                (None, Some(format!("\"{}\"", owner.unwrap())))
            }
            _ => (Some(entry.path.clone()), None),
        }
    }

    /// The owner whose installation was asked for before a token of it.
    fn owner_of_installation(&self, path: &str) -> &'static str {
        let journal = self.github.journal();
        let asked = journal.iter().find(|entry| {
            let id = entry.response_body.as_ref().map(|body| body["id"].to_string());
            entry.path.ends_with("/installation") && id.is_some_and(|id| path.contains(&format!("/{id}/")))
        });
        let asked = asked.expect("the installation was looked up").path.clone();
        REPOSITORIES
            .iter()
            .map(owner)
            .find(|owner| asked.contains(owner))
            .expect("an owner of the tests")
    }

    /// Every deployment on GitHub, with all its states.
    pub fn history(&self) -> Vec<String> {
        let mut history = Vec::new();
        for repository in REPOSITORIES {
            for one in self.github.all_deployments(repository.name) {
                let (environment, task, git_ref) = (&one.environment, &one.task, &one.git_ref);
                let states = one.states().join(" ");
                history.push(format!("{} {environment} {task} {git_ref}: {states}", repository.name));
            }
        }
        history
    }

    /// True if the newest deployment of the repository is of this tag, and a success.
    pub fn is_reported(&self, index: usize, tag: &str) -> bool {
        let newest = self.github.all_deployments(REPOSITORIES[index].name).pop();
        newest.is_some_and(|newest| newest.git_ref == tag && newest.states().last() == Some(&"success"))
    }
}

pub fn owner(repository: &Repository) -> &'static str {
    repository.name.split_once('/').unwrap().0
}
