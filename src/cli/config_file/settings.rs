//! What a configuration file may say. The keys are the names of flags, and what they mean is told there.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    cli::args::{self, Details, LogFormat, TimeoutState},
    crd::GitHubDeploymentSpec,
    report::Format,
};

/// Defaults of flags, and GitHubDeployments.
///
/// Flags and environment variables come before the file. Paths are meant from the folder of the file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
#[schemars(title = "kube-status-to-github")]
#[expect(
    dead_code,
    reason = "it is read to check the file: what counts are the texts that clap is given"
)]
pub struct Settings {
    /// GitHubDeployments, which are reported where neither TYPE/NAME, -f, -n, -A nor -l is given.
    #[schemars(with = "Option<Vec<Deployment>>")]
    deployments: Option<Vec<Value>>,
    /// --repo, and repository of deployments that name none: OWNER/NAME, or NAME with the owner from githubOrg.
    repo: Option<String>,
    /// --environment, and environment of deployments that name none.
    environment: Option<String>,
    /// --task, and task of deployments that name none.
    task: Option<String>,
    /// --production, likewise.
    production: Option<bool>,
    /// --transient, likewise.
    transient: Option<bool>,
    /// --environment-url, likewise: with {ref} {sha} {namespace} {name} {environment}.
    environment_url: Option<String>,
    /// --log-url, likewise.
    log_url: Option<String>,
    /// --container, and rule of deployments that have none: the ref is the tag of this container's image.
    container: Option<String>,
    /// --json-path: or the ref is the value at this JSONPath.
    json_path: Option<String>,
    /// --regexp: cut the ref out of it, one capture group, or the one named ref.
    regexp: Option<String>,
    /// --template: wrap the ref, {} is replaced by it.
    template: Option<String>,
    /// --namespace, of everything that names none.
    namespace: Option<String>,
    /// --cluster-name: in the payload, for environments that several clusters share.
    cluster_name: Option<String>,
    /// --output of sync and close.
    output: Option<Format>,
    /// --log-format
    log_format: Option<LogFormat>,
    /// --details: how much is told to GitHub.
    details: Option<Details>,
    /// --wait of sync: repeat until every rollout is final. Not with --dry-run or --interval.
    wait: Option<bool>,
    /// --timeout of sync, with wait.
    timeout: Option<Length>,
    /// --timeout-state of sync, with wait: what is posted on what is not final when the time is over.
    timeout_state: Option<TimeoutState>,
    /// --fail-fast of sync, with wait: fail at once where the cause does not go by itself.
    fail_fast: Option<bool>,
    /// --deadline: a pass never takes longer.
    deadline: Option<Length>,
    /// --max-writes: at most this many writes to GitHub a pass.
    max_writes: Option<usize>,
    /// --since: leave successes alone that are older than this and that GitHub does not know.
    since: Option<Length>,
    /// --exit-zero: exit 0 where only single objects failed.
    exit_zero: Option<bool>,
    /// --write-status: the status and events of GitHubDeployment objects in the cluster.
    write_status: Option<bool>,
    /// --no-cross-namespace-refs: a source must be in the namespace of its GitHubDeployment.
    no_cross_namespace_refs: Option<bool>,
    /// --repository-allow. Only in a file that --config names.
    repository_allow: Option<Vec<String>>,
    /// --github-org: owner of repositories that are named without one.
    github_org: Option<String>,
    /// --github-api. Only in a file that --config names.
    github_api: Option<String>,
    /// --github-app-id. Only in a file that --config names.
    github_app_id: Option<Id>,
    /// --github-app-installation-id. Only in a file that --config names.
    github_app_installation_id: Option<Id>,
    /// --github-app-private-key-file. Only in a file that --config names.
    github_app_private_key_file: Option<PathBuf>,
    /// --kubeconfig. Only in a file that --config names.
    kubeconfig: Option<PathBuf>,
    /// --context. Only in a file that --config names.
    context: Option<String>,
}

/// A length of time, such as 60s, 5m or 1h30m.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline)]
struct Length(#[expect(dead_code, reason = "only its form is checked")] String);

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        args::duration(&text).map_err(|problem| format!("{text:?}: {problem}"))?;
        Ok(Self(text))
    }
}

/// A number that need not be written as text.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a number")]
#[schemars(inline)]
#[expect(dead_code, reason = "only its form is checked")]
enum Id {
    Number(u64),
    Text(String),
}

/// A GitHubDeployment.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "for the schema: it is read as other GitHubDeployments are")]
struct Deployment {
    /// `github.decathlon.com/v1beta1`, which need not be written.
    api_version: Option<String>,
    /// `GitHubDeployment`, which need not be written.
    kind: Option<String>,
    /// Its name, by which GitHub's deployments know it again.
    metadata: Metadata,
    /// What to look at, which ref it runs, and where on GitHub to report it.
    spec: GitHubDeploymentSpec,
}

/// Name and namespace.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "for the schema")]
struct Metadata {
    /// Name.
    name: String,
    /// Default: namespace of the file, else that of the kubeconfig's context.
    namespace: Option<String>,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One text.
    Text,
    /// Yes or no.
    Flag,
    /// A number.
    Number,
    /// Texts.
    List,
    /// A path, meant from the folder of the file.
    Path,
}

/// A setting that is the default of a flag.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// What it is called in the file.
    pub name: &'static str,
    /// The argument's id in clap.
    pub argument: &'static str,
    /// Commands whose flag it is the default of.
    pub commands: &'static [&'static str],
    /// What its value looks like.
    pub kind: Kind,
    /// True if a file may hold it that nobody named: it cannot lead credentials elsewhere.
    pub may_be_found: bool,
    /// The field of a GitHubDeployment that it is the default of: `extract` or `repository`, and the field there.
    pub field: Option<(&'static str, &'static str)>,
    /// The variable that comes before it.
    pub variable: Option<&'static str>,
}

const SYNC: &[&str] = &["sync"];
const SYNC_AND_CLOSE: &[&str] = &["sync", "close"];
const SYNC_AND_DOCTOR: &[&str] = &["sync", "doctor"];
const WITH_CLUSTER: &[&str] = &["sync", "status", "extract", "doctor"];
const WITH_GITHUB: &[&str] = &["sync", "close", "doctor"];
const ALL: &[&str] = &["sync", "status", "extract", "close", "doctor"];

const fn key(name: &'static str, argument: &'static str, commands: &'static [&'static str], kind: Kind) -> Key {
    Key {
        name,
        argument,
        commands,
        kind,
        may_be_found: true,
        field: None,
        variable: None,
    }
}

impl Key {
    const fn field(self, section: &'static str, field: &'static str) -> Self {
        Self {
            field: Some((section, field)),
            ..self
        }
    }

    const fn variable(self, variable: &'static str) -> Self {
        Self {
            variable: Some(variable),
            ..self
        }
    }

    const fn only_if_named(self) -> Self {
        Self {
            may_be_found: false,
            ..self
        }
    }

    /// The flag.
    #[must_use]
    pub fn flag(&self) -> String {
        format!("--{}", self.argument.replace('_', "-"))
    }

    /// How to say the same without a file.
    pub(super) fn instead(&self) -> String {
        match self.variable {
            Some(variable) => format!("{} or {variable}", self.flag()),
            None => self.flag(),
        }
    }
}

/// All of them, in the order in which they are printed.
pub const KEYS: &[Key] = &[
    key("output", "output", SYNC_AND_CLOSE, Kind::Text),
    key("logFormat", "log_format", ALL, Kind::Text),
    key("details", "details", SYNC, Kind::Text),
    key("wait", "wait", SYNC, Kind::Flag),
    key("timeout", "timeout", SYNC, Kind::Text),
    key("timeoutState", "timeout_state", SYNC, Kind::Text),
    key("failFast", "fail_fast", SYNC, Kind::Flag),
    key("deadline", "deadline", SYNC_AND_CLOSE, Kind::Text),
    key("maxWrites", "max_writes", SYNC_AND_CLOSE, Kind::Number),
    key("since", "since", SYNC, Kind::Text),
    key("exitZero", "exit_zero", SYNC, Kind::Flag),
    key("writeStatus", "write_status", SYNC, Kind::Flag),
    key("noCrossNamespaceRefs", "no_cross_namespace_refs", SYNC, Kind::Flag),
    key("repositoryAllow", "repository_allow", SYNC, Kind::List).only_if_named(),
    key("githubApi", "github_api", WITH_GITHUB, Kind::Text)
        .variable("GITHUB_API")
        .only_if_named(),
    key("githubOrg", "github_org", WITH_GITHUB, Kind::Text).variable("GITHUB_ORG"),
    key("githubAppId", "github_app_id", WITH_GITHUB, Kind::Text)
        .variable("GITHUB_APP_ID")
        .only_if_named(),
    key(
        "githubAppInstallationId",
        "github_app_installation_id",
        WITH_GITHUB,
        Kind::Text,
    )
    .variable("GITHUB_APP_INSTALLATION_ID")
    .only_if_named(),
    key(
        "githubAppPrivateKeyFile",
        "github_app_private_key_file",
        WITH_GITHUB,
        Kind::Path,
    )
    .variable("GITHUB_APP_PRIVATE_KEY_FILE")
    .only_if_named(),
    key("kubeconfig", "kubeconfig", WITH_CLUSTER, Kind::Path)
        .variable("KUBECONFIG")
        .only_if_named(),
    key("context", "context", WITH_CLUSTER, Kind::Text).only_if_named(),
    key("clusterName", "cluster_name", SYNC, Kind::Text),
    key("namespace", "namespace", WITH_CLUSTER, Kind::Text),
    key("repo", "repo", WITH_GITHUB, Kind::Text).field("repository", "name"),
    key("environment", "environment", SYNC_AND_DOCTOR, Kind::Text).field("repository", "environment"),
    key("task", "task", SYNC_AND_DOCTOR, Kind::Text).field("repository", "task"),
    key("production", "production", SYNC_AND_DOCTOR, Kind::Flag).field("repository", "production"),
    key("transient", "transient", SYNC_AND_DOCTOR, Kind::Flag).field("repository", "transient"),
    key("environmentUrl", "environment_url", SYNC_AND_DOCTOR, Kind::Text).field("repository", "environmentUrl"),
    key("logUrl", "log_url", SYNC_AND_DOCTOR, Kind::Text).field("repository", "logUrl"),
    key("container", "container", SYNC_AND_DOCTOR, Kind::Text).field("extract", "containerName"),
    key("jsonPath", "json_path", SYNC_AND_DOCTOR, Kind::Text).field("extract", "jsonPath"),
    key("regexp", "regexp", SYNC_AND_DOCTOR, Kind::Text).field("extract", "regexp"),
    key("template", "template", SYNC_AND_DOCTOR, Kind::Text).field("extract", "template"),
];

/// Every key that a file may have.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.name).chain(["deployments"])
}
