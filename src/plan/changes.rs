//! What [`super::plan`] answers: verdicts for the sources, and the writes in their order.

use serde::{Deserialize, Serialize};

use super::{
    state::{LatestStatus, State},
    words::GitRef,
};

/// The row of the rule that decided. The names appear in `-o json` and in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// No line, success, and the object's last change is older than `--since`.
    Old,
    /// No line.
    New,
    /// Two ways to name the ref of one rollout.
    Conflict,
    /// Another ref, or a moving ref that another rollout took further.
    Moved,
    /// A new rollout of a ref whose last one ended otherwise.
    Redeployed,
    /// A failed rollout healed, and recovery is on.
    Recovered,
    /// Already final.
    Final,
    /// Already inactive.
    Closed,
    /// The rollout is further than GitHub shows.
    Advance,
    /// GitHub shows it.
    Same,
    /// Unfinished, and its source has left it.
    Abandoned,
    /// A success that is to end with its source.
    Ended,
    /// A success whose source shows success elsewhere.
    Superseded,
}

/// What happens for one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// [`super::words::Wanted::index`].
    pub index: usize,
    /// The row.
    pub rule: Rule,
    /// Node id of the deployment that speaks for the source; none before a create, and for `old`.
    pub deployment: Option<String>,
}

/// One write to GitHub, or a create with its first status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Change {
    /// Create a deployment for the source of this index and post its state.
    Create {
        /// [`super::words::Wanted::index`].
        index: usize,
        /// The row.
        rule: Rule,
        /// GitHub's task.
        task: String,
        /// The ref to send.
        git_ref: GitRef,
        /// Its first state.
        state: State,
        /// What its first status says about GitHub's own closing.
        auto_inactive: bool,
    },
    /// Post a state on a deployment that exists.
    Status {
        /// The sources that it speaks for, in the order of their names.
        indexes: Vec<usize>,
        /// The row.
        rule: Rule,
        /// GitHub's task.
        task: String,
        /// The deployment's ref.
        git_ref: GitRef,
        /// Node id.
        deployment: String,
        /// What GitHub shows now.
        before: LatestStatus,
        /// The state to post.
        state: State,
        /// What the status says about GitHub's own closing.
        auto_inactive: bool,
    },
    /// Post inactive on a deployment whose source has left it.
    Close {
        /// The sources, among those of this pass, that the deployment lists.
        indexes: Vec<usize>,
        /// The row.
        rule: Rule,
        /// GitHub's task.
        task: String,
        /// The deployment's ref.
        git_ref: GitRef,
        /// Node id.
        deployment: String,
        /// What GitHub shows now.
        before: LatestStatus,
    },
}

/// Everything decided for one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// One for each wanted source, in the order of their indexes.
    pub verdicts: Vec<Verdict>,
    /// Creates, then other states, then closings; closings only if all before them succeeded.
    pub changes: Vec<Change>,
}

impl Rule {
    /// Every row, in the order of the two tables.
    pub const ALL: [Self; 13] = [
        Self::Old,
        Self::New,
        Self::Conflict,
        Self::Moved,
        Self::Redeployed,
        Self::Recovered,
        Self::Final,
        Self::Closed,
        Self::Advance,
        Self::Same,
        Self::Abandoned,
        Self::Ended,
        Self::Superseded,
    ];

    /// The row's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
            Self::Conflict => "conflict",
            Self::Moved => "moved",
            Self::Redeployed => "redeployed",
            Self::Recovered => "recovered",
            Self::Final => "final",
            Self::Closed => "closed",
            Self::Advance => "advance",
            Self::Same => "same",
            Self::Abandoned => "abandoned",
            Self::Ended => "ended",
            Self::Superseded => "superseded",
        }
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Change {
    /// The row that ordered it.
    #[must_use]
    pub fn rule(&self) -> Rule {
        match self {
            Self::Create { rule, .. } | Self::Status { rule, .. } | Self::Close { rule, .. } => *rule,
        }
    }

    /// The state that GitHub shows afterwards.
    #[must_use]
    pub fn state(&self) -> State {
        match self {
            Self::Create { state, .. } | Self::Status { state, .. } => *state,
            Self::Close { .. } => State::Inactive,
        }
    }
}
