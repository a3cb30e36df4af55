//! What every test begins with: one repository, one cluster, and passes that remember nothing of each other.

use std::{sync::Arc, thread};

use github_emulator::{Access, DeploymentView, Emulator, Options};
use kube_status_to_github::{
    crd::{Extract, GitHubDeploymentSpec, RepositorySpec, SourceRef},
    github::{self, Credentials, GitHub},
    report::{Document, Progress, SourceResult},
    source::{Chosen, Kept, Scope},
    sync::{DeclaredIn, Pass, RunError, Settings, World, run_once},
};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    api_server::ApiServer,
    objects::{NAMESPACE, Rollout, deployment, github_deployment, github_deployment_path},
    settings::settings,
};

pub const REPOSITORY: &str = "octo-org/app";
pub const ENVIRONMENT: &str = "staging";

/// A GitHub and a cluster. At the end no request may have been one that GitHub's descriptions do not allow.
pub struct Test {
    pub github: Emulator,
    pub cluster: ApiServer,
    pub settings: Settings,
    pub stop: watch::Sender<bool>,
}

impl Test {
    /// A private repository with the tags v1 to v9, and an empty cluster.
    pub fn new() -> Self {
        Self::on(Options::default())
    }

    /// The same on a GitHub of another kind.
    pub fn on(options: Options) -> Self {
        let github = Emulator::new(options);
        let mut repository = github.add_repository(REPOSITORY).private();
        for version in 1..=9 {
            repository = repository.tag(&format!("v{version}"));
        }
        let cluster = ApiServer::default();
        cluster.apply(json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "kube-system", "uid": "uid-of-the-cluster"},
        }));
        Self {
            github,
            cluster,
            settings: settings(),
            stop: watch::Sender::new(false),
        }
    }

    /// As [`Test::new`], with one Deployment and its GitHubDeployment, both called `app`.
    pub fn with_app(tag: &str, rollout: Rollout) -> Self {
        let test = Self::new();
        test.roll_out(tag, rollout);
        test.declare(json!({}));
        test
    }

    /// Applies Deployment `app`.
    pub fn roll_out(&self, tag: &str, rollout: Rollout) {
        self.cluster.apply(deployment("app", tag, rollout));
    }

    /// Applies GitHubDeployment `app`, with further fields of `spec.repository`.
    pub fn declare(&self, further: Value) {
        let object = github_deployment("app", REPOSITORY, ENVIRONMENT, further);
        self.cluster.apply(object);
    }

    /// Applies Deployment and GitHubDeployment of this name in an environment.
    pub fn add(&self, name: &str, environment: &str, tag: &str, rollout: Rollout) {
        self.cluster.apply(deployment(name, tag, rollout));
        self.cluster
            .apply(github_deployment(name, REPOSITORY, environment, json!({})));
    }

    /// Four rollouts under way, `a-1` to `a-4`, each in an environment of its own that is written before that of
    /// `app`: as many as are written at once.
    pub fn add_before_app(&self) {
        for name in ["a-1", "a-2", "a-3", "a-4"] {
            self.add(name, name, "v1", Rollout::UnderWay);
        }
    }

    /// A pass of a process of its own.
    pub async fn try_pass(&self) -> Result<Pass, RunError> {
        run_once(&self.world(), &self.settings).await
    }

    /// A pass of a process of its own, which can run.
    pub async fn pass(&self) -> Document {
        self.try_pass().await.expect("a pass that can run").document
    }

    /// A pass that writes nothing, neither to GitHub nor to the cluster.
    pub async fn quiet_pass(&self) -> Document {
        self.github.clear_journal();
        self.cluster.take_writes();
        let document = self.pass().await;
        assert_eq!(self.github_writes(), Vec::<String>::new(), "{document:#?}");
        assert_eq!(self.cluster.take_writes(), Vec::<String>::new(), "{document:#?}");
        document
    }

    /// What a new process works with.
    pub fn world(&self) -> World {
        let credentials = Credentials::Token("github_pat_of_the_tests".to_owned().into());
        let settings = github::Settings::new("https://api.github.com".parse().unwrap(), credentials);
        let emulator = self.github.clone();
        World {
            kubernetes: Some(self.cluster.client()),
            github: GitHub::with_service(self.github.service(), &settings).unwrap(),
            now: Arc::new(move || emulator.now()),
            stop: self.stop.subscribe(),
            kept: Kept::default(),
            progress: Progress::new(false),
        }
    }

    /// Operations that may have changed GitHub since the journal was cleared.
    pub fn github_writes(&self) -> Vec<String> {
        let journal = self.github.journal();
        let writes = journal.iter().filter(|entry| entry.is_write());
        writes.map(|entry| entry.operation.to_string()).collect()
    }

    /// Ref and states of each deployment of an environment, oldest first: `v1: in_progress success`.
    pub fn history_of(&self, environment: &str) -> Vec<String> {
        let all = self.github.deployments(REPOSITORY, environment);
        all.iter()
            .map(|one| format!("{}: {}", one.git_ref, one.states().join(" ")))
            .collect()
    }

    /// The same of the usual environment.
    pub fn history(&self) -> Vec<String> {
        self.history_of(ENVIRONMENT)
    }

    /// The newest deployment of the usual environment.
    pub fn newest(&self) -> DeploymentView {
        self.github
            .deployments(REPOSITORY, ENVIRONMENT)
            .pop()
            .expect("a deployment")
    }

    /// The `status` that GitHubDeployment `app` shows.
    pub fn shown(&self) -> Value {
        self.cluster.get(&github_deployment_path("app")).unwrap()["status"].clone()
    }

    /// Later passes are for Deployment `app` alone, as flags ask: with a given ref, or with that of its image.
    pub fn ask_by_flags(&mut self, given: Option<&str>) {
        self.ask_by_flags_for(&["app"], given);
    }

    /// The same for several Deployments.
    pub fn ask_by_flags_for(&mut self, names: &[&str], given: Option<&str>) {
        let source = |name: &&str| SourceRef {
            kind: "Deployment".to_owned(),
            name: (*name).to_owned(),
            namespace: Some(NAMESPACE.to_owned()),
            ..SourceRef::default()
        };
        self.ask_by_flags_what(Chosen::Named(names.iter().map(source).collect()), given);
    }

    /// The same for whatever is chosen.
    pub fn ask_by_flags_what(&mut self, chosen: Chosen, given: Option<&str>) {
        let spec = GitHubDeploymentSpec {
            extract: Extract {
                container_name: given.is_none().then(|| "app".to_owned()),
                ..Extract::default()
            },
            repository: RepositorySpec {
                name: REPOSITORY.to_owned(),
                environment: ENVIRONMENT.to_owned(),
                ..RepositorySpec::default()
            },
            ..GitHubDeploymentSpec::default()
        };
        self.settings.declared_in = DeclaredIn::Flags {
            chosen,
            spec: Box::new(spec),
            git_ref: given.map(str::to_owned),
            generation: None,
        };
    }

    /// Later passes see the GitHubDeployments with this label only, or all of them.
    pub fn select(&mut self, label: Option<&str>) {
        self.settings.declared_in = DeclaredIn::Cluster {
            scope: Scope::Namespace(NAMESPACE.to_owned()),
            selector: label.map(str::to_owned),
        };
    }

    /// From now on the token sees other repositories only.
    pub fn hide_repository(&self) {
        let access = Access {
            repositories: Some(["octo-org/other".to_owned()].into()),
            ..Access::default()
        };
        self.github.allow_token("github_pat_of_the_tests", access);
    }
}

impl Drop for Test {
    fn drop(&mut self) {
        if !thread::panicking() {
            assert_eq!(self.github.violations(), Vec::<String>::new());
        }
    }
}

/// What a document says about a source, in one line: `app create v1 success`, or with the reason `app fail Forbidden`.
pub fn said(result: &SourceResult) -> String {
    let name = result.github_deployment.as_ref().map_or("-", |name| &name.name);
    let action = format!("{:?}", result.action).to_lowercase();
    match (&result.reason, &result.git_ref, result.state) {
        (Some(reason), ..) => format!("{name} {action} {reason}"),
        (None, Some(git_ref), Some(state)) => format!("{name} {action} {git_ref} {state}"),
        _ => format!("{name} {action}"),
    }
}

/// [`said`] of every source.
pub fn all_said(document: &Document) -> Vec<String> {
    document.results.iter().map(said).collect()
}

/// What a document says about each write: `create v1 success done`.
pub fn all_done(document: &Document) -> Vec<String> {
    let one = |change: &kube_status_to_github::report::ChangeResult| {
        format!(
            "{:?} {} {} {:?}",
            change.action, change.git_ref, change.state, change.outcome
        )
        .to_lowercase()
    };
    document.changes.iter().map(one).collect()
}
