//! A schedule as data: what happens to the world, one step after the other.

mod display;
mod random;

use github_emulator::{Effect, FaultKind, OperationKind};

pub use random::{schedules, without_waiting};

/// The refs that images are tagged with: three tags that stay, one that moves, the beginning of a commit's id, and one
/// that the repository does not have.
pub const TAGS: [&str; 6] = ["v1", "v2", "v3", MOVING_TAG, "c0ffee1", "unknown"];

/// The tag that moves.
pub const MOVING_TAG: &str = "edge";

/// The full id behind `c0ffee1`.
pub const COMMIT: &str = "c0ffee1000000000000000000000000000000000";

/// Names of environments; the second is the first in another spelling.
pub const ENVIRONMENTS: [&str; 3] = ["staging", "Staging", "production"];

/// GitHub's tasks.
pub const TASKS: [&str; 2] = ["deploy", "migrate"];

/// Where a schedule takes place, and what happens there.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    pub setting: Setting,
    pub steps: Vec<Step>,
}

/// What does not change during a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Seconds from a success to GitHub's own closings; none: before the answer.
    pub late_inactive: Option<u64>,
    /// Seconds before GitHub's lists show a new deployment.
    pub list_delay: u64,
    pub clusters: [Cluster; 2],
}

/// A cluster, and the CronJobs in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    pub known_by: KnownBy,
    /// CronJobs that share the GitHubDeployments by a label.
    pub shards: usize,
    pub max_writes: usize,
    /// Seconds.
    pub deadline: Option<u64>,
    /// Minutes.
    pub since: Option<u64>,
    pub write_status: bool,
}

/// What identifies a cluster in markers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    Name,
    /// Of namespace `kube-system`.
    Uid,
    /// `kube-system` may not be read.
    Nothing,
}

/// A Deployment `a` or `b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    pub cluster: usize,
    pub number: usize,
}

/// A place for a GitHubDeployment: `g0`, `g1` or `g2`, or what that was renamed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    pub cluster: usize,
    pub number: usize,
}

/// How a ref is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefRule {
    /// The image's tag.
    Image,
    /// The label `channel`, which changes without a rollout.
    Channel,
}

/// What a GitHubDeployment asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Number of the object in the same cluster.
    pub object: usize,
    pub environment: usize,
    pub task: usize,
    pub rule: RefRule,
    pub recover: bool,
    pub transient: bool,
    pub production: Option<bool>,
    pub auto_inactive: bool,
    pub close: bool,
}

/// How far a rollout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    UnderWay,
    Done,
    Failed,
    /// The object's status can't be understood.
    Unclear,
}

/// What can't be read of a cluster for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    Object(usize),
    Objects,
    Declarations,
    KubeSystem,
}

/// Who runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runner {
    CronJob {
        cluster: usize,
        shard: usize,
    },
    /// A step of a pipeline, with flags.
    Pipeline {
        object: Object,
        environment: usize,
        task: usize,
        git_ref: PipelineRef,
    },
}

/// How a pipeline names its ref.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipelineRef {
    Extracted(RefRule),
    /// `--ref` with the tag that it has just rolled out.
    Running,
    /// `--ref` with one of [`TAGS`].
    Other(usize),
}

/// What goes wrong during a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trouble {
    pub faults: Vec<Fault>,
    /// The run is killed at its request of this number.
    pub kill: Option<Kill>,
    /// Milliseconds before each request to GitHub, in turn.
    pub pace: Vec<u64>,
}

/// A fault of requests to GitHub.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub operation: Option<OperationKind>,
    /// How many requests go unharmed first.
    pub skip: u32,
    pub times: u32,
    pub effect: Effect,
    pub kind: FaultKind,
}

/// The end of a run, in the middle of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kill {
    /// Which request, counted from 1, of both servers.
    pub request: u32,
    /// Once the server has done what it was asked.
    pub after: bool,
}

/// What happens while a run is under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Meanwhile {
    /// Before the request of this number.
    pub request: u32,
    pub change: Change,
}

/// A change of the world.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    RollOut {
        object: Object,
        tag: usize,
    },
    Restart {
        object: Object,
    },
    Undo {
        object: Object,
    },
    Relabel {
        object: Object,
        tag: usize,
    },
    Progress {
        object: Object,
        to: Progress,
    },
    Terminate {
        object: Object,
    },
    Remove {
        object: Object,
    },
    Recreate {
        object: Object,
    },
    Declare {
        slot: Slot,
        spec: Spec,
    },
    Rename {
        slot: Slot,
    },
    Delete {
        slot: Slot,
    },
    Suspend {
        slot: Slot,
        on: bool,
    },
    Refuse {
        cluster: usize,
        what: Unreadable,
        code: u16,
    },
    Allow {
        cluster: usize,
    },
    MoveTag,
    OtherDeployment {
        environment: usize,
        task: usize,
        tag: usize,
        state: Option<&'static str>,
        auto_inactive: bool,
    },
    OtherStatus {
        newest: usize,
        state: &'static str,
    },
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Change(Change),
    Run {
        runner: Runner,
        trouble: Trouble,
        meanwhile: Option<Meanwhile>,
    },
    Overlap {
        first: (Runner, Trouble),
        second: (Runner, Trouble),
    },
    Wait {
        minutes: u64,
    },
}
