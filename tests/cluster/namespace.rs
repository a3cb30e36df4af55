//! A namespace with everything that a test needs: a user of its own, so that the audit log tells whose requests
//! are whose, and a GitHub of its own.

use std::{ffi::OsStr, path::PathBuf, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    control_plane::{ControlPlane, RUNNERS, Request, control_plane},
    support::{self, GitHub, Run, eventually},
};

/// Makes pods misbehave, see `hack/control-plane/README.md`.
pub const BEHAVIOUR: &str = "demo.kube-status-to-github/behaviour";

pub struct Namespace {
    pub name: String,
    pub cluster: &'static ControlPlane,
    pub github: GitHub,
    /// Home of the program, with the kubeconfig of its user.
    pub home: TempDir,
    /// The user that the program runs as.
    pub user: String,
}

/// A run of the program, with what the API server and GitHub got from it.
pub struct Pass {
    pub run: Run,
    pub github: Vec<github_emulator::Entry>,
    pub kubernetes: Vec<Request>,
}

impl Namespace {
    /// Makes a namespace, and a user who may do everything; None where there is no control plane.
    pub fn create(name: &str) -> Option<Self> {
        let namespace = Self::without_permissions(name)?;
        let account = format!("--serviceaccount={RUNNERS}:{name}");
        namespace.cluster.kubectl([
            "create",
            "clusterrolebinding",
            &format!("{RUNNERS}-{name}"),
            "--clusterrole=cluster-admin",
            &account,
        ]);
        Some(namespace)
    }

    /// Makes a namespace, and a user who may do nothing; None where there is no control plane.
    pub fn without_permissions(name: &str) -> Option<Self> {
        let cluster = control_plane()?;
        cluster.kubectl(["create", "namespace", name]);
        cluster.kubectl(["create", "serviceaccount", "-n", RUNNERS, name]);
        Self::reported_by(cluster, name, RUNNERS, name)
    }

    /// A namespace that is there, and a user who is there.
    pub fn reported_by(
        cluster: &'static ControlPlane,
        name: &str,
        namespace_of_account: &str,
        account: &str,
    ) -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        cluster.kubeconfig_of(namespace_of_account, account, name, &home.path().join("kubeconfig"));
        Some(Self {
            name: name.to_owned(),
            cluster,
            github: GitHub::with_everything(),
            home,
            user: format!("system:serviceaccount:{namespace_of_account}:{account}"),
        })
    }

    /// kubectl in this namespace, as administrator.
    pub fn kubectl<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> String {
        self.cluster.kubectl(self.with_namespace(arguments))
    }

    /// The same, not run yet.
    pub fn kubectl_command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        self.cluster.kubectl_command(self.with_namespace(arguments))
    }

    fn with_namespace<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Vec<std::ffi::OsString> {
        let namespace = ["--namespace".into(), self.name.clone().into()];
        namespace
            .into_iter()
            .chain(arguments.into_iter().map(|argument| argument.as_ref().to_owned()))
            .collect()
    }

    /// Applies YAML to this namespace.
    pub fn apply(&self, yaml: &str) {
        let mut command = self.kubectl_command(["apply", "-f", "-"]);
        crate::control_plane::succeeded(&crate::control_plane::with_input(&mut command, yaml), &command);
    }

    /// An object as JSON.
    pub fn get(&self, object: &str) -> Value {
        serde_json::from_str(&self.kubectl(["get", object, "-o", "json"])).unwrap()
    }

    /// The condition `Ready` of a GitHubDeployment: status and reason.
    pub fn ready(&self, name: &str) -> (String, String) {
        let object = self.get(&format!("ghd/{name}"));
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
        let ready = ready.unwrap_or_else(|| panic!("{name} has no condition Ready: {object:#}"));
        let text = |field: &str| ready[field].as_str().unwrap_or_default().to_owned();
        (text("status"), text("reason"))
    }

    /// Reasons and messages of the events about a GitHubDeployment.
    pub fn events(&self, name: &str) -> Vec<String> {
        let list: Value = serde_json::from_str(&self.kubectl(["get", "events.events.k8s.io", "-o", "json"])).unwrap();
        let about =
            |event: &&Value| event["regarding"]["kind"] == "GitHubDeployment" && event["regarding"]["name"] == name;
        let items = list["items"].as_array().unwrap();
        items
            .iter()
            .filter(about)
            .map(|event| {
                format!(
                    "{}: {}",
                    event["reason"].as_str().unwrap(),
                    event["note"].as_str().unwrap()
                )
            })
            .collect()
    }

    /// Waits until a rollout is complete.
    pub fn rolled_out(&self, workload: &str) {
        self.kubectl(["rollout", "status", workload, "--timeout=60s"]);
    }

    /// Waits until there are pods `app=NAME`, and all of them run.
    pub fn pods_run(&self, name: &str) {
        eventually(&format!("the pods of {name} run"), || {
            let phases = self.kubectl([
                "get",
                "pods",
                "-l",
                &format!("app={name}"),
                "-o",
                "jsonpath={.items[*].status.phase}",
            ]);
            (!phases.is_empty() && phases.split(' ').all(|phase| phase == "Running")).then_some(())
        });
    }

    /// Lets the pods `app=NAME` behave well from now on.
    pub fn heal(&self, name: &str) {
        self.pods_run(name);
        self.kubectl([
            "annotate",
            "pod",
            "-l",
            &format!("app={name}"),
            &format!("{BEHAVIOUR}-"),
        ]);
    }

    /// The program as the user of this namespace, with an environment of its own.
    pub fn program(&self) -> Command {
        let mut command = support::program(self.home.path());
        command
            .env("KUBECONFIG", self.kubeconfig())
            .envs(self.github.environment());
        command
    }

    /// The kubeconfig of this namespace's user.
    pub fn kubeconfig(&self) -> PathBuf {
        self.home.path().join("kubeconfig")
    }

    /// Runs `sync -o json` with further arguments.
    pub fn sync(&self, arguments: &[&str]) -> Run {
        Run::of(self.program().args(["sync", "-o", "json"]).args(arguments))
    }

    /// The same, with what GitHub and the API server got from it.
    pub fn audited_sync(&self, arguments: &[&str]) -> Pass {
        let from = self.cluster.audit_mark();
        let seen = self.github.journal().len();
        let run = self.sync(arguments);
        let github = self.github.journal().split_off(seen);
        let kubernetes = self.cluster.requests(&self.user, from, self.cluster.audit_mark());
        Pass {
            run,
            github,
            kubernetes,
        }
    }
}

impl Pass {
    /// Requests to the API server that may have changed something, such as `patch githubdeployments/status`.
    pub fn kubernetes_writes(&self) -> Vec<String> {
        self.kubernetes
            .iter()
            .filter(|request| request.is_write())
            .map(Request::what)
            .collect()
    }

    /// Fails unless this pass read GitHub with so few requests, and wrote nothing anywhere.
    #[track_caller]
    pub fn expect_silence(&self, most_reads: usize) {
        let github: Vec<String> = self.github.iter().map(|entry| entry.operation.to_string()).collect();
        assert!(github.iter().all(|operation| operation == "GraphQlQuery"), "{github:?}");
        assert!(
            (1..=most_reads).contains(&github.len()),
            "{} requests to GitHub, at most {most_reads}",
            github.len()
        );
        assert!(!self.kubernetes.is_empty(), "nothing of the pass is in the audit log");
        assert!(
            self.kubernetes
                .iter()
                .all(|request| request.user_agent.starts_with("kube-status-to-github")),
            "{:?}",
            self.kubernetes
        );
        assert_eq!(self.kubernetes_writes(), Vec::<String>::new());
    }
}

/// A Deployment `name` of one pod with the label `app=NAME` and one container `name`, whose image has the tag.
pub fn deployment(name: &str, tag: &str, behaviour: Option<&str>) -> String {
    workload("Deployment", name, tag, behaviour)
}

/// The same of any kind of workload.
pub fn workload(kind: &str, name: &str, tag: &str, behaviour: Option<&str>) -> String {
    let annotations = behaviour
        .map(|behaviour| format!("{BEHAVIOUR}: {behaviour}"))
        .unwrap_or_default();
    let metadata = format!("labels: {{app: {name}}}, annotations: {{{annotations}}}");
    let containers = format!("containers: [{{name: {name}, image: 'registry.example.com:5000/{name}:{tag}'}}]");
    let template = format!("template: {{metadata: {{{metadata}}}, spec: {{{containers}}}}}");
    let once = format!("template: {{metadata: {{{metadata}}}, spec: {{restartPolicy: Never, {containers}}}}}");
    let own = format!("name: {name}");
    let (api_version, metadata, spec) = match kind {
        "Pod" => ("v1", format!("{own}, {metadata}"), containers),
        "Job" => ("batch/v1", own, format!("backoffLimit: 0, {once}")),
        "CronJob" => (
            "batch/v1",
            own,
            format!("schedule: '0 0 29 2 *', jobTemplate: {{spec: {{{once}}}}}"),
        ),
        _ => (
            "apps/v1",
            own,
            format!("selector: {{matchLabels: {{app: {name}}}}}, {template}"),
        ),
    };
    format!("{{apiVersion: {api_version}, kind: {kind}, metadata: {{{metadata}}}, spec: {{{spec}}}}}\n---\n")
}

/// A GitHubDeployment `name`. `source`, `extract` and `repository` are YAML.
pub fn github_deployment(name: &str, source: &str, extract: &str, repository: &str) -> String {
    format!(
        "apiVersion: github.decathlon.com/v1beta1\n\
         kind: GitHubDeployment\n\
         metadata: {{name: {name}}}\n\
         spec:\n  \
           sourceRef: {source}\n  \
           extract: {extract}\n  \
           repository: {repository}\n\
         ---\n"
    )
}

/// A GitHubDeployment of the Deployment and with the container of the same name, for the environment `staging`.
pub fn reported_deployment(name: &str) -> String {
    reported_workload("Deployment", name)
}

/// The same of any kind of workload.
pub fn reported_workload(kind: &str, name: &str) -> String {
    github_deployment(
        name,
        &format!("{{kind: {kind}, name: {name}}}"),
        &format!("{{containerName: {name}}}"),
        &format!("{{name: {name}, environment: staging}}"),
    )
}
