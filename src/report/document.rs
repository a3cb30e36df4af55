//! The document of a pass: what `-o json` prints, and what every other form is rendered from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    kstatus::Health,
    plan::{LatestStatus, Rule, Situation, State},
};

/// `apiVersion` of the document.
pub const API_VERSION: &str = "kube-status-to-github/v1";

/// `reason` of a source whose given ref belongs to a rollout that another one took the place of.
pub const SUPERSEDED: &str = "Superseded";

/// Everything that one pass found and did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// Form of this document.
    #[schemars(extend("const" = API_VERSION))]
    pub api_version: String,
    /// True if nothing was written because `--dry-run` was given.
    pub dry_run: bool,
    /// How many results there are of each action.
    pub summary: Summary,
    /// One for each source, sorted by namespace and name.
    pub results: Vec<SourceResult>,
    /// Every write in its order, closings included.
    pub changes: Vec<ChangeResult>,
    /// What GitHub has in each environment that was read, for the difference that a dry run shows people. Programs
    /// have [`ChangeResult::before`].
    #[serde(skip)]
    #[schemars(skip)]
    pub existing: Vec<ExistingEnvironment>,
    /// With `-v`: what the decision for each environment depended on, to be replayed. Its form may change with any
    /// version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<serde_json::Value>")]
    pub situations: Vec<Situation>,
}

/// What GitHub has in an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistingEnvironment {
    /// `owner/name`
    pub repository: String,
    /// Environment.
    pub environment: String,
    /// Its deployments, newest first.
    pub deployments: Vec<ExistingDeployment>,
}

/// A deployment that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistingDeployment {
    /// Node id.
    pub node_id: String,
    /// GitHub's task.
    pub task: String,
    /// Its ref, or the beginning of its commit.
    pub git_ref: String,
    /// What it shows.
    pub status: LatestStatus,
}

/// How many results there are of each action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// All results.
    pub sources: usize,
    /// A deployment was created.
    pub create: usize,
    /// A status was posted.
    pub update: usize,
    /// A deployment became inactive.
    pub close: usize,
    /// GitHub shows it already.
    pub unchanged: usize,
    /// Left alone on purpose.
    pub skip: usize,
    /// Left to a later pass.
    pub defer: usize,
    /// Could not be reported.
    pub fail: usize,
}

/// Name of a GitHubDeployment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct ObjectName {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// The observed object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceObject {
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// None for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// None where the object was not found or has none.
    pub uid: Option<String>,
}

/// What happened for a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A deployment was created.
    Create,
    /// A status was posted.
    Update,
    /// A deployment became inactive.
    Close,
    /// GitHub shows it already.
    Unchanged,
    /// Left alone on purpose; `reason` says why.
    Skip,
    /// Left to a later pass; `reason` says why.
    Defer,
    /// Could not be reported; `error` says why.
    Fail,
}

impl From<ChangeAction> for Action {
    /// What a source is said to have come to by such a write.
    fn from(action: ChangeAction) -> Self {
        match action {
            ChangeAction::Create => Self::Create,
            ChangeAction::Status => Self::Update,
            ChangeAction::Close => Self::Close,
        }
    }
}

/// The deployment that speaks for a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentResult {
    /// Node id.
    pub node_id: String,
    /// Number, where GitHub told it.
    pub id: Option<u64>,
    /// Address for people, where it is known.
    pub url: Option<String>,
}

/// Why a source could not be reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorResult {
    /// One word in CamelCase, stable.
    pub reason: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// What was found and done for one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceResult {
    /// None for a source from flags.
    pub github_deployment: Option<ObjectName>,
    /// The observed object, where the declaration could be read so far.
    pub source: Option<SourceObject>,
    /// `owner/name`
    pub repository: Option<String>,
    /// Environment.
    pub environment: Option<String>,
    /// GitHub's task.
    pub task: Option<String>,
    /// The ref as extracted.
    #[serde(rename = "ref")]
    pub git_ref: Option<String>,
    /// The commit, where GitHub resolved it.
    pub commit: Option<String>,
    /// Health, where the object could be read.
    pub health: Option<Health>,
    /// What GitHub is to show.
    pub state: Option<State>,
    /// The link to the environment that GitHub is to show.
    pub environment_url: Option<String>,
    /// The link to a log, likewise.
    pub log_url: Option<String>,
    /// What happened.
    pub action: Action,
    /// The row of the rule that decided.
    pub rule: Option<Rule>,
    /// One word in CamelCase for skip, defer and fail, and for close where the source cannot be reported any more.
    pub reason: Option<String>,
    /// A sentence for people.
    pub message: Option<String>,
    /// The deployment that speaks for the source.
    pub deployment: Option<DeploymentResult>,
    /// Why it could not be reported.
    pub error: Option<ErrorResult>,
    /// True for a failure that the next pass may not meet again. Programs have `reason`.
    #[serde(skip)]
    #[schemars(skip)]
    pub passing: bool,
    /// What the user should know although it worked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl SourceResult {
    /// True if its rollout failed, or another one took its place.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.state.is_some_and(State::is_failed) || self.reason.as_deref() == Some(SUPERSEDED)
    }
}

/// Kind of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeAction {
    /// A deployment with its first status.
    Create,
    /// A status.
    Status,
    /// Status inactive on a deployment whose source has left it.
    Close,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A dry run stops here.
    Planned,
    /// GitHub has it.
    Done,
    /// Left to a later pass.
    Deferred,
    /// GitHub refused it, or its answer was lost.
    Failed,
}

/// One write to GitHub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeResult {
    /// Kind.
    pub action: ChangeAction,
    /// `owner/name`
    pub repository: String,
    /// Environment.
    pub environment: String,
    /// GitHub's task.
    pub task: String,
    /// The ref in the form in which it is sent.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// The state that is posted.
    pub state: State,
    /// The row of the rule that ordered it.
    pub rule: Rule,
    /// The deployment; none before it is created.
    pub deployment: Option<DeploymentResult>,
    /// What became of it.
    pub outcome: Outcome,
    /// What GitHub showed before; none for a create.
    pub before: Option<LatestStatus>,
}
