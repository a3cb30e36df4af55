//! Flags that several commands have.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Args, ValueHint};

use crate::cli::config_file::Listed;

pub(super) trait OnOrOff {
    /// A switch that takes `=false` too, so that what the configuration file turns on can be turned off.
    fn on_or_off(self) -> Self;
}

impl OnOrOff for Arg {
    fn on_or_off(self) -> Self {
        self.value_name("BOOL")
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .hide_possible_values(true)
    }
}

/// The configuration file.
#[derive(Debug, Args)]
pub struct FileArguments {
    /// File with defaults of flags and with GitHubDeployments [default: the nearest .kube-status-to-github.yaml]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Source")]
    pub config: Option<PathBuf>,
}

/// Where to look.
#[derive(Debug, Args)]
#[command(next_help_heading = "Source")]
pub struct SourceArguments {
    /// Objects, as kubectl takes them: deployment/app statefulset/db, or deployment app web, or deployment -l app=shop
    #[arg(value_name = "TYPE/NAME", help_heading = None::<&str>, conflicts_with = "filename")]
    pub object: Vec<String>,
    /// Read GitHubDeployment objects from a file, a folder, or - (stdin), not from the cluster
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::AnyPath, conflicts_with_all = ["all_namespaces", "selector"])]
    pub filename: Vec<PathBuf>,
    /// Read the observed objects from a file, a folder, or - (stdin), not from the cluster
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub objects: Vec<PathBuf>,
    /// Namespace [default: that of the kubeconfig's context]
    #[arg(short, long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Nobody typed the namespace, it is the configuration file's: no choice among objects that stand in files.
    #[arg(skip)]
    pub namespace_is_default: bool,
    /// GitHubDeployment objects of all namespaces; with TYPE -l, objects of all namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// GitHubDeployment objects with these labels, such as team=shop; with a TYPE, its objects with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// The GitHubDeployments of the configuration file, where nothing else was asked for.
    #[arg(skip)]
    pub listed: Option<Listed>,
}

/// Sources from flags, for TYPE/NAME: the fields of a GitHubDeployment, but for the repository.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sources from flags (with TYPE/NAME)")]
pub struct FlagSourceArguments {
    /// Environment on GitHub
    #[arg(long, value_name = "NAME", requires = "object")]
    pub environment: Option<String>,
    /// The ref is the tag of this container's image
    #[arg(long, value_name = "NAME", requires = "object")]
    pub container: Option<String>,
    /// The ref is the value at this JSONPath
    #[arg(long, value_name = "PATH", requires = "object")]
    pub json_path: Option<String>,
    /// Cut the ref out of it: one capture group, or the one named ref
    #[arg(long, value_name = "REGEXP", requires = "object")]
    pub regexp: Option<String>,
    /// Wrap the ref: {} is replaced by it
    #[arg(long, value_name = "TEMPLATE", requires = "object")]
    pub template: Option<String>,
    /// The ref itself: a branch, a tag or a commit [default in GitHub Actions, without the flags above: the run's commit,
    /// of a pull request its head]
    #[arg(
        long = "ref", value_name = "REF", requires = "object",
        conflicts_with_all = ["container", "json_path", "regexp", "template"]
    )]
    pub git_ref: Option<String>,
    /// Conclude nothing from the object before it has this metadata.generation, such as the one that kubectl apply
    /// printed
    #[arg(long, value_name = "N", requires = "object", value_parser = clap::value_parser!(i64).range(1..))]
    pub generation: Option<i64>,
    /// GitHub's task [default: deploy]
    #[arg(long, value_name = "NAME", requires = "object")]
    pub task: Option<String>,
    /// This is a production environment [default: true if it is called production]
    #[arg(long, on_or_off(), requires = "object")]
    pub production: Option<bool>,
    /// The environment ends with the object [default: false]
    #[arg(long, on_or_off(), requires = "object")]
    pub transient: Option<bool>,
    /// Link to the environment, with {ref} {sha} {namespace} {name} {environment}
    #[arg(long, value_name = "TEMPLATE", requires = "object")]
    pub environment_url: Option<String>,
    /// Link to a log, likewise [default in GitHub Actions: the run]
    #[arg(long, value_name = "TEMPLATE", requires = "object")]
    pub log_url: Option<String>,
}

/// How GitHub is reached. What is secret comes from the environment only.
#[derive(Debug, Args)]
#[command(next_help_heading = "GitHub")]
pub struct GitHubArguments {
    /// Address of GitHub's API [default: GITHUB_API_URL, else api.github.com]
    #[arg(long, value_name = "URL", env = "GITHUB_API", hide_env_values = true)]
    pub github_api: Option<String>,
    /// Owner of repositories that are named without one
    #[arg(long, value_name = "OWNER", env = "GITHUB_ORG", hide_env_values = true)]
    pub github_org: Option<String>,
    /// Id of a GitHub App
    #[arg(long, value_name = "ID", env = "GITHUB_APP_ID", hide_env_values = true)]
    pub github_app_id: Option<String>,
    /// Id of the App's installation [default: found for each owner]
    #[arg(long, value_name = "ID", env = "GITHUB_APP_INSTALLATION_ID", hide_env_values = true)]
    pub github_app_installation_id: Option<String>,
    /// File with the App's private key, where GITHUB_APP_PRIVATE_KEY does not hold it
    #[arg(
        long,
        value_name = "FILE",
        env = "GITHUB_APP_PRIVATE_KEY_FILE",
        hide_env_values = true
    )]
    pub github_app_private_key_file: Option<PathBuf>,
}

/// How the cluster is reached.
#[derive(Debug, Args)]
#[command(next_help_heading = "Kubernetes")]
pub struct KubernetesArguments {
    /// The kubeconfig [default: KUBECONFIG, else ~/.kube/config, else the service account of the pod]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
}
