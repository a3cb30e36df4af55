//! What was typed: the command line as it stands, before anything is concluded from it.

mod shared;

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, ArgGroup, Args, ColorChoice, Parser, Subcommand, ValueEnum, ValueHint};
use schemars::JsonSchema;
use serde::Deserialize;

use self::shared::OnOrOff as _;
pub use self::shared::{FileArguments, FlagSourceArguments, GitHubArguments, KubernetesArguments, SourceArguments};
use crate::{
    report::{CheckFormat, Format, HealthFormat, RefFormat},
    sync::DEFAULT_MAX_WRITES,
};

/// Brings the rollout status of Kubernetes objects to GitHub Deployments.
#[derive(Debug, Parser)]
#[command(
    name = "kube-status-to-github",
    version,
    max_term_width = 120,
    disable_help_flag = true
)]
#[command(after_help = "\
Examples:
  # What would be written for the GitHubDeployment objects of a namespace
  kube-status-to-github sync -n shop --dry-run

  # After a deploy step in CI: report one object until its rollout is final
  kube-status-to-github sync deployment/app --repo shop/app --environment staging \\
    --container app --wait")]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to log.
    #[command(flatten)]
    pub log: LogArguments,
    /// Print help
    #[arg(short, long, global = true, action = ArgAction::HelpShort)]
    pub help: Option<bool>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring GitHub up to date, once (or every --interval)
    #[command(after_help = "\
Examples:
  # Show what would be written, and write nothing
  kube-status-to-github sync -n shop --dry-run

  # All namespaces, again and again
  kube-status-to-github sync -A --interval 60s

  # GitHubDeployment objects from a file; no CustomResourceDefinition needed in the cluster
  kube-status-to-github sync -f deployments.yaml

  # One object, from flags, until its rollout is final
  kube-status-to-github sync deployment/app --repo shop/app --environment staging \\
    --container app --wait --timeout 15m --fail-fast

  # Several, each a source of its own; and the same as a file
  kube-status-to-github sync rollouts.argoproj.io -l app=shop --repo shop/app \\
    --environment staging --json-path '{.metadata.labels.version}' --wait
  kube-status-to-github sync deployment web api --repo shop/app --environment staging \\
    --container app --print-config > deployments.yaml

Credentials come from the environment: GITHUB_TOKEN (or GH_TOKEN); or a GitHub App with
GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY (or GITHUB_APP_PRIVATE_KEY_FILE). A token wins over an App.

Exit codes:
  0 done                   3 could not run at all    5 timed out (--wait, --deadline)
  1 some objects failed    4 a rollout failed or     6 something would be written
  2 bad usage                was superseded (--wait)   (--dry-run --exit-code)
  130 stopped by Ctrl-C    143 stopped by SIGTERM")]
    Sync(Box<SyncArguments>),
    /// Health of the objects, without GitHub
    #[command(after_help = "\
Examples:
  # The objects that the GitHubDeployment objects of a namespace name
  kube-status-to-github status -n shop

  # Some objects, and why they are what they are
  kube-status-to-github status deployment/app statefulset/db --explain
  kube-status-to-github status deployment -l app=shop --explain

  # Until its rollout is final
  kube-status-to-github status deployment/app --wait --timeout 5m

  # Everything that a cluster has, without asking it again
  kubectl get deployments -A -o json | kube-status-to-github status -f -

Exit codes:
  0 done: a failed rollout is a result as well   4 a rollout failed (--wait)
  1 an object is missing or unreadable           5 timed out (--wait)
  2 bad usage
  3 could not run at all")]
    #[command(mut_arg("filename", |arg| arg.help(
        "Look at the objects of a file, a folder, or - (stdin), as they stand there; of GitHubDeployment objects at those \
         that they name, in the cluster or in --objects"
    )))]
    Status(StatusArguments),
    /// Try how a ref is found in an object, without GitHub
    #[command(after_help = "\
Examples:
  # The tag of an image, without its v
  kube-status-to-github extract deployment/app --container app --regexp '^v(.+)$'

  # A label, of objects in a file
  kubectl get deployments -o yaml | kube-status-to-github extract -f - --json-path '{.metadata.labels.version}'

Exit codes:
  0 every object has a ref      2 bad usage
  1 an object has no ref        3 could not run at all")]
    Extract(ExtractArguments),
    /// Post inactive on the deployments of this program in an environment
    #[command(after_help = "\
Examples:
  # The preview of a closed pull request
  kube-status-to-github close --repo shop/app --environment pr-12")]
    Close(CloseArguments),
    /// Check everything that sync needs, and write nothing
    #[command(after_help = "\
Examples:
  # What sync would work with in a namespace
  kube-status-to-github doctor -n shop

  # Two repositories, without a cluster
  kube-status-to-github doctor --repo shop/app --repo shop/api

Exit codes:
  0 all is right: warnings do not count   2 bad usage
  1 a check failed                        3 nothing could be checked: no server answered")]
    Doctor(Box<DoctorArguments>),
    /// Print the CustomResourceDefinition of GitHubDeployment
    #[command(after_help = "\
Examples:
  kube-status-to-github crd | kubectl apply -f -")]
    Crd,
    /// Print a completion script
    #[command(after_help = "\
Examples:
  source <(kube-status-to-github completions bash)")]
    Completions {
        /// The shell that is to complete
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(after_help = "\
Examples:
  kube-status-to-github man sync | man -l -")]
    Man {
        /// The command whose page is printed; the program's own without it
        command: Option<String>,
    },
}

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct LogArguments {
    /// Form of the log on stderr
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// Use colours; auto: where the output is a terminal, and NO_COLOR, CLICOLOR and CLICOLOR_FORCE do not say
    /// otherwise
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    pub color: ColorChoice,
    /// Log what is done; -vv also how
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// Flags of `sync`.
#[derive(Debug, Args)]
pub struct SyncArguments {
    /// The configuration file.
    #[command(flatten)]
    pub file: FileArguments,
    /// Where to look.
    #[command(flatten)]
    pub source: SourceArguments,
    /// Repository, as OWNER/NAME (or NAME, with the owner from --github-org) [default in GitHub Actions: the
    /// workflow's]
    #[arg(
        long,
        value_name = "REPOSITORY",
        requires = "object",
        help_heading = "Sources from flags (with TYPE/NAME)"
    )]
    pub repo: Option<String>,
    /// Sources without a GitHubDeployment.
    #[command(flatten)]
    pub flags: FlagSourceArguments,
    /// What is printed and shown.
    #[command(flatten)]
    pub output: SyncOutputArguments,
    /// GitHub.
    #[command(flatten)]
    pub github: GitHubArguments,
    /// How much is told to GitHub
    #[arg(long, value_enum, default_value_t = Details::Auto, value_name = "LEVEL", help_heading = "GitHub")]
    pub details: Details,
    /// Kubernetes.
    #[command(flatten)]
    pub kubernetes: KubernetesArguments,
    /// Name of the cluster in the payload, for environments that several clusters share [default: the uid of
    /// namespace kube-system]
    #[arg(long, value_name = "NAME", help_heading = "Kubernetes")]
    pub cluster_name: Option<String>,
    /// Repetition and limits.
    #[command(flatten)]
    pub limits: LimitArguments,
}

/// Flags of `status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// The configuration file.
    #[command(flatten)]
    pub file: FileArguments,
    /// Where to look.
    #[command(flatten)]
    pub source: SourceArguments,
    /// Form of the result
    #[arg(short, long, value_enum, default_value_t = HealthFormat::Table, value_name = "FORMAT", help_heading = "Output")]
    pub output: HealthFormat,
    /// Say which rule decided, and what it looked at
    #[arg(long, help_heading = "Output")]
    pub explain: bool,
    /// Look again until every object is Current or Failed; exit 4 if one failed, 5 on time-out
    #[arg(long, help_heading = "Limits", conflicts_with = "objects")]
    pub wait: bool,
    /// With --wait: give up after this time [default: 15m]
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "wait", help_heading = "Limits")]
    pub timeout: Option<Duration>,
    /// Kubernetes.
    #[command(flatten)]
    pub kubernetes: KubernetesArguments,
}

/// Flags of `extract`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("place").args(["container", "json_path"]).multiple(true).required(true))]
#[command(group = ArgGroup::new("subject").args(["object", "filename"]).required(true))]
pub struct ExtractArguments {
    /// The configuration file.
    #[command(flatten)]
    pub file: FileArguments,
    /// Objects, such as deployment/app, as with status
    #[arg(value_name = "TYPE/NAME", help_heading = None::<&str>)]
    pub object: Vec<String>,
    /// Every object of a file, a folder, or - (stdin), without a cluster
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::AnyPath, help_heading = "Source")]
    pub filename: Vec<PathBuf>,
    /// Namespace [default: that of the kubeconfig's context]
    #[arg(short, long, value_name = "NAMESPACE", help_heading = "Source")]
    pub namespace: Option<String>,
    /// As [`SourceArguments::namespace_is_default`].
    #[arg(skip)]
    pub namespace_is_default: bool,
    /// All namespaces, with TYPE -l
    #[arg(short = 'A', long, conflicts_with_all = ["namespace", "filename"], help_heading = "Source")]
    pub all_namespaces: bool,
    /// With a TYPE alone: its objects with these labels, such as app=shop
    #[arg(
        short = 'l',
        long,
        value_name = "SELECTOR",
        requires = "object",
        help_heading = "Source"
    )]
    pub selector: Option<String>,
    /// The ref is the tag of this container's image
    #[arg(long, value_name = "NAME", help_heading = "Rule")]
    pub container: Option<String>,
    /// The ref is the value at this JSONPath
    #[arg(long, value_name = "PATH", help_heading = "Rule")]
    pub json_path: Option<String>,
    /// Cut the ref out of it: one capture group, or the one named ref
    #[arg(long, value_name = "REGEXP", help_heading = "Rule")]
    pub regexp: Option<String>,
    /// Wrap the ref: {} is replaced by it
    #[arg(long, value_name = "TEMPLATE", help_heading = "Rule")]
    pub template: Option<String>,
    /// Form of the result
    #[arg(short, long, value_enum, default_value_t = RefFormat::Steps, value_name = "FORMAT", help_heading = "Output")]
    pub output: RefFormat,
    /// Kubernetes.
    #[command(flatten)]
    pub kubernetes: KubernetesArguments,
}

/// Flags of `close`.
#[derive(Debug, Args)]
pub struct CloseArguments {
    /// The configuration file.
    #[command(flatten)]
    pub file: FileArguments,
    /// Repository, as OWNER/NAME (or NAME, with the owner from --github-org)
    #[arg(long, value_name = "REPOSITORY", help_heading = "Source")]
    pub repo: String,
    /// Environment on GitHub
    #[arg(long, value_name = "NAME", help_heading = "Source")]
    pub environment: String,
    /// Only deployments of this task [default: all]
    #[arg(long, value_name = "NAME", help_heading = "Source")]
    pub task: Option<String>,
    /// Print what would be written, and write nothing
    #[arg(long, help_heading = "Output")]
    pub dry_run: bool,
    /// Form of the result
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT", help_heading = "Output")]
    pub output: Format,
    /// GitHub.
    #[command(flatten)]
    pub github: GitHubArguments,
    /// Give up after this time
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "5m", help_heading = "Limits")]
    pub deadline: Duration,
    /// At most this many writes to GitHub
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_WRITES, help_heading = "Limits")]
    pub max_writes: usize,
}

/// Flags of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// The configuration file.
    #[command(flatten)]
    pub file: FileArguments,
    /// Where to look, as with `sync`.
    #[command(flatten)]
    pub source: SourceArguments,
    /// Repository, as OWNER/NAME (or NAME, with the owner from --github-org); repeatable; alone, no cluster is looked at
    #[arg(long, value_name = "REPOSITORY", help_heading = "Source")]
    pub repo: Vec<String>,
    /// Sources without a GitHubDeployment.
    #[command(flatten)]
    pub flags: FlagSourceArguments,
    /// Form of the result
    #[arg(short, long, value_enum, default_value_t = CheckFormat::Lines, value_name = "FORMAT", help_heading = "Output")]
    pub output: CheckFormat,
    /// GitHub.
    #[command(flatten)]
    pub github: GitHubArguments,
    /// Kubernetes.
    #[command(flatten)]
    pub kubernetes: KubernetesArguments,
}

/// What is printed and shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct SyncOutputArguments {
    /// Print what would be written, and write nothing anywhere
    #[arg(long)]
    pub dry_run: bool,
    /// Print sources from flags as GitHubDeployments, else every setting and where it comes from, and do nothing
    #[arg(long)]
    pub print_config: bool,
    /// Form of the result
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    pub output: Format,
    /// With --dry-run: exit 6 where something would be written
    #[arg(long, requires = "dry_run")]
    pub exit_code: bool,
    /// Exit 0 when only single objects failed
    #[arg(long, on_or_off(), default_value_t = false)]
    pub exit_zero: bool,
    /// Show the result in the status and events of the GitHubDeployment objects
    #[arg(long, on_or_off(), default_value_t = true)]
    pub write_status: bool,
}

/// Repetition and limits.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArguments {
    /// Repeat until SIGTERM; a failed pass does not end it
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "exit_code")]
    pub interval: Option<Duration>,
    /// Repeat until every rollout is final; exit 4 if one failed, 5 on time-out
    #[arg(long, on_or_off(), default_value_t = false)]
    pub wait: bool,
    /// With --wait: give up after this time [default: 15m]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// With --wait: post this state on what is not final when the time is over [default: in_progress stays]
    #[arg(long, value_enum, value_name = "STATE")]
    pub timeout_state: Option<TimeoutState>,
    /// With --wait: fail at once where the cause does not go by itself, such as an image that does not exist
    #[arg(long, on_or_off(), default_value_t = false)]
    pub fail_fast: bool,
    /// A pass never takes longer
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "5m")]
    pub deadline: Duration,
    /// At most this many writes to GitHub a pass; the rest is left to the next
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_WRITES)]
    pub max_writes: usize,
    /// Leave successes alone that are older than this and that GitHub does not know
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub since: Option<Duration>,
    /// A source must be in the namespace of its GitHubDeployment
    #[arg(long, on_or_off(), default_value_t = false)]
    pub no_cross_namespace_refs: bool,
    /// Write only to matching repositories, such as shop/* or team-a=shop/*; repeatable
    #[arg(long, value_name = "[NAMESPACE=]GLOB")]
    pub repository_allow: Vec<String>,
}

/// What is posted when the time to wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum TimeoutState {
    /// As if the rollout had failed
    Failure,
    /// Nobody knows how it ends
    Error,
}

/// How much of the cluster is told to GitHub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Details {
    /// Minimal for public repositories, full for others.
    Auto,
    /// Messages of the objects as descriptions, names in the payload.
    Full,
    /// A fixed sentence for each state, no names.
    Minimal,
}

/// A thousand years. Beyond, clocks and calendars overflow where it is added to now.
const LONGEST: Duration = Duration::from_secs(1000 * 365 * 24 * 60 * 60);

/// Reads a length of time above zero, such as `60s`, `5m` or `1h30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("it must be longer than zero".to_owned()),
        Ok(duration) if duration > LONGEST => Err("it must not be longer than a thousand years".to_owned()),
        Ok(duration) => Ok(duration),
        Err(_) => Err("write a number with its unit, such as 60s, 5m or 1h30m".to_owned()),
    }
}
