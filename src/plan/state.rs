//! States of a deployment on GitHub: those that this program posts, and those that anybody may have posted.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a source's deployment may show on GitHub, in the order of [`State::rank`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The health is unknown.
    Pending,
    /// The rollout is under way.
    InProgress,
    /// The rollout worked.
    Success,
    /// The rollout failed.
    Failure,
    /// The time to wait for the rollout is over (`--timeout-state error`): nobody knows how it ends.
    Error,
    /// Nothing speaks for the deployment any more.
    Inactive,
}

/// The latest status of a deployment on GitHub. Other tools may have posted anything, so the set is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LatestStatus {
    /// No status yet.
    None,
    /// `queued`
    Queued,
    /// `waiting`: for an approval in GitHub Actions.
    Waiting,
    /// `pending`
    Pending,
    /// `in_progress`
    InProgress,
    /// `success`
    Success,
    /// `failure`
    Failure,
    /// `error`
    Error,
    /// `inactive`
    Inactive,
    /// A state that this version does not know.
    Other(String),
}

impl State {
    /// The name that GitHub's REST API uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Error => "error",
            Self::Inactive => "inactive",
        }
    }

    /// failure or error.
    #[must_use]
    pub fn is_failed(self) -> bool {
        matches!(self, Self::Failure | Self::Error)
    }

    /// success, failure or error.
    #[must_use]
    pub fn is_final(self) -> bool {
        self.is_failed() || self == Self::Success
    }

    /// How far a rollout is: a status is only ever followed by one of higher rank.
    #[must_use]
    pub fn rank(self) -> u8 {
        match self {
            Self::Pending => 1,
            Self::InProgress => 2,
            Self::Success | Self::Failure | Self::Error => 3,
            Self::Inactive => 4,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl LatestStatus {
    /// Reads GitHub's name of a state in either spelling (`in_progress`, `IN_PROGRESS`).
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "queued" => Self::Queued,
            "waiting" => Self::Waiting,
            "pending" => Self::Pending,
            "in_progress" => Self::InProgress,
            "success" => Self::Success,
            "failure" => Self::Failure,
            "error" => Self::Error,
            "inactive" => Self::Inactive,
            other => Self::Other(other.to_owned()),
        }
    }

    /// See [`State::rank`]. A state of which nothing is known counts as unfinished, not as final.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::Queued | Self::Waiting | Self::Pending | Self::Other(_) => 1,
            Self::InProgress => 2,
            Self::Success | Self::Failure | Self::Error => 3,
            Self::Inactive => 4,
        }
    }

    /// The name that GitHub's REST API uses; `none` where there is no status.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::None => "none",
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Error => "error",
            Self::Inactive => "inactive",
            Self::Other(name) => name,
        }
    }

    /// success, failure or error.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Success | Self::Failure | Self::Error)
    }

    /// failure or error.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        matches!(self, Self::Failure | Self::Error)
    }

    /// True if this is what posting `state` leaves.
    #[must_use]
    pub fn shows(&self, state: State) -> bool {
        *self == Self::from(state)
    }
}

impl From<State> for LatestStatus {
    fn from(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::InProgress => Self::InProgress,
            State::Success => Self::Success,
            State::Failure => Self::Failure,
            State::Error => Self::Error,
            State::Inactive => Self::Inactive,
        }
    }
}
