//! A schedule as data: what happens to the world, one step after the other, and how random ones are made.

use std::fmt;

use github_emulator::{Effect, FaultKind, OperationKind};
use proptest::{
    collection::vec,
    option::{self, weighted},
    prelude::*,
    sample::select,
};

use crate::api_server::SILENCE;

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

/// All schedules.
pub fn schedules() -> impl Strategy<Value = Schedule> {
    (setting(), vec(declare(), 1..4), vec(step(), 3..26)).prop_map(|(setting, declared, steps)| {
        let declared = declared.into_iter().map(Step::Change);
        Schedule {
            setting,
            steps: declared.chain(steps).collect(),
        }
    })
}

/// The same without what makes a run wait for minutes: for real time.
pub fn without_waiting(mut schedule: Schedule) -> Schedule {
    for cluster in &mut schedule.setting.clusters {
        // Times in the cluster are virtual, the binary's clock is not.
        cluster.since = None;
    }
    for step in &mut schedule.steps {
        match step {
            Step::Run { trouble, .. } => trouble.shorten(),
            Step::Overlap { first, second } => {
                first.1.shorten();
                second.1.shorten();
            }
            Step::Change(Change::Refuse { code, .. }) if *code == SILENCE => *code = 500,
            Step::Change(_) | Step::Wait { .. } => {}
        }
    }
    schedule
}

impl Trouble {
    fn shorten(&mut self) {
        self.pace.clear();
        self.faults.retain(|fault| {
            !matches!(
                fault.kind,
                FaultKind::Delay { .. } | FaultKind::RateLimitPrimary | FaultKind::RateLimitSecondary { .. }
            )
        });
        for fault in &mut self.faults {
            fault.times = fault.times.min(2);
        }
    }
}

fn setting() -> impl Strategy<Value = Setting> {
    let cluster = || {
        (
            prop_oneof![4 => Just(KnownBy::Uid), 2 => Just(KnownBy::Name), 1 => Just(KnownBy::Nothing)],
            prop_oneof![3 => Just(1_usize), 1 => Just(2)],
            prop_oneof![3 => Just(80_usize), 1 => Just(2), 1 => Just(3)],
            weighted(0.2, prop_oneof![Just(5_u64), Just(20), Just(60)]),
            weighted(0.15, prop_oneof![Just(30_u64), Just(600)]),
            prop::bool::weighted(0.2),
        )
            .prop_map(
                |(known_by, shards, max_writes, deadline, since, write_status)| Cluster {
                    known_by,
                    shards,
                    max_writes,
                    deadline,
                    since,
                    write_status,
                },
            )
    };
    (
        prop_oneof![2 => Just(None), 1 => Just(Some(5_u64)), 1 => Just(Some(90))],
        prop_oneof![3 => Just(0_u64), 1 => Just(5), 1 => Just(20)],
        cluster(),
        cluster(),
    )
        .prop_map(|(late_inactive, list_delay, a, b)| Setting {
            late_inactive,
            list_delay,
            clusters: [a, b],
        })
}

/// Most happens in the first cluster, so that much happens to the same objects.
fn cluster() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(0_usize), 1 => Just(1)]
}

fn object() -> impl Strategy<Value = Object> {
    (cluster(), prop_oneof![3 => Just(0_usize), 1 => Just(1)]).prop_map(|(cluster, number)| Object { cluster, number })
}

fn slot() -> impl Strategy<Value = Slot> {
    (cluster(), prop_oneof![3 => Just(0_usize), 2 => Just(1), 1 => Just(2)])
        .prop_map(|(cluster, number)| Slot { cluster, number })
}

fn environment() -> impl Strategy<Value = usize> {
    prop_oneof![5 => Just(0_usize), 1 => Just(1), 2 => Just(2)]
}

fn task() -> impl Strategy<Value = usize> {
    prop_oneof![5 => Just(0_usize), 1 => Just(1)]
}

fn tag() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(0_usize), 4 => Just(1), 2 => Just(2), 3 => Just(3), 1 => Just(4), 1 => Just(5)]
}

fn rule() -> impl Strategy<Value = RefRule> {
    prop_oneof![5 => Just(RefRule::Image), 1 => Just(RefRule::Channel)]
}

fn spec() -> impl Strategy<Value = Spec> {
    (
        (
            prop_oneof![3 => Just(0_usize), 1 => Just(1)],
            environment(),
            task(),
            rule(),
        ),
        prop::bool::weighted(0.25),
        prop::bool::weighted(0.2),
        weighted(0.2, any::<bool>()),
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.25),
    )
        .prop_map(
            |((object, environment, task, rule), recover, transient, production, auto_inactive, close)| Spec {
                object,
                environment,
                task,
                rule,
                recover,
                transient,
                production,
                auto_inactive,
                close,
            },
        )
}

fn declare() -> impl Strategy<Value = Change> {
    (slot(), spec()).prop_map(|(slot, spec)| Change::Declare { slot, spec })
}

fn progress() -> impl Strategy<Value = Progress> {
    prop_oneof![
        6 => Just(Progress::Done),
        3 => Just(Progress::Failed),
        2 => Just(Progress::UnderWay),
        1 => Just(Progress::Unclear),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let unreadable = prop_oneof![
        3 => (0..2_usize).prop_map(Unreadable::Object),
        1 => Just(Unreadable::Objects),
        1 => Just(Unreadable::Declarations),
        1 => Just(Unreadable::KubeSystem),
    ];
    let final_or_not = || {
        select(vec![
            "queued",
            "pending",
            "in_progress",
            "success",
            "failure",
            "error",
            "inactive",
        ])
    };
    prop_oneof![
        8 => (object(), tag()).prop_map(|(object, tag)| Change::RollOut { object, tag }),
        3 => object().prop_map(|object| Change::Restart { object }),
        3 => object().prop_map(|object| Change::Undo { object }),
        1 => (object(), tag()).prop_map(|(object, tag)| Change::Relabel { object, tag }),
        14 => (object(), progress()).prop_map(|(object, to)| Change::Progress { object, to }),
        2 => object().prop_map(|object| Change::Terminate { object }),
        1 => object().prop_map(|object| Change::Remove { object }),
        3 => object().prop_map(|object| Change::Recreate { object }),
        4 => declare(),
        2 => slot().prop_map(|slot| Change::Rename { slot }),
        2 => slot().prop_map(|slot| Change::Delete { slot }),
        2 => (slot(), any::<bool>()).prop_map(|(slot, on)| Change::Suspend { slot, on }),
        2 => (cluster(), unreadable, select(vec![403_u16, 500, 0]))
            .prop_map(|(cluster, what, code)| Change::Refuse { cluster, what, code }),
        2 => cluster().prop_map(|cluster| Change::Allow { cluster }),
        2 => Just(Change::MoveTag),
        1 => (environment(), task(), tag(), option::of(final_or_not()), any::<bool>()).prop_map(
            |(environment, task, tag, state, auto_inactive)| Change::OtherDeployment {
                environment, task, tag, state, auto_inactive,
            }
        ),
        1 => (0..4_usize, final_or_not()).prop_map(|(newest, state)| Change::OtherStatus { newest, state }),
    ]
}

fn runner() -> impl Strategy<Value = Runner> {
    let git_ref = prop_oneof![
        3 => rule().prop_map(PipelineRef::Extracted),
        3 => Just(PipelineRef::Running),
        1 => (0..TAGS.len()).prop_map(PipelineRef::Other),
    ];
    prop_oneof![
        6 => (cluster(), 0..2_usize).prop_map(|(cluster, shard)| Runner::CronJob { cluster, shard }),
        1 => (object(), environment(), task(), git_ref)
            .prop_map(|(object, environment, task, git_ref)| Runner::Pipeline { object, environment, task, git_ref }),
    ]
}

fn trouble() -> impl Strategy<Value = Trouble> {
    let operation = prop_oneof![
        2 => Just(Some(OperationKind::CreateDeployment)),
        2 => Just(Some(OperationKind::GraphQlMutation)),
        1 => Just(Some(OperationKind::GraphQlQuery)),
        1 => Just(None),
    ];
    let fault = (
        operation,
        0..3_u32,
        prop_oneof![3 => Just(1_u32), 1 => Just(2), 1 => Just(9)],
        select(vec![Effect::Before, Effect::After]),
        select(FaultKind::each()),
    )
        .prop_map(|(operation, skip, times, effect, kind)| Fault {
            operation,
            skip,
            times,
            effect,
            kind,
        });
    let kill = (1..16_u32, any::<bool>()).prop_map(|(request, after)| Kill { request, after });
    (
        weighted(0.45, vec(fault, 1..3)),
        weighted(0.12, kill),
        weighted(0.2, vec(pace(), 1..5)),
    )
        .prop_map(|(faults, kill, pace)| Trouble {
            faults: faults.unwrap_or_default(),
            kill,
            pace: pace.unwrap_or_default(),
        })
}

/// Beyond ten seconds both sides are read again before a write.
fn pace() -> impl Strategy<Value = u64> {
    select(vec![0_u64, 100, 2_000, 6_000, 12_000])
}

fn step() -> impl Strategy<Value = Step> {
    let meanwhile = (1..12_u32, change()).prop_map(|(request, change)| Meanwhile { request, change });
    let paced = || {
        (runner(), vec(pace(), 1..5)).prop_map(|(runner, pace)| {
            (
                runner,
                Trouble {
                    pace,
                    ..Trouble::default()
                },
            )
        })
    };
    prop_oneof![
        11 => change().prop_map(Step::Change),
        8 => (runner(), trouble(), weighted(0.15, meanwhile))
            .prop_map(|(runner, trouble, meanwhile)| Step::Run { runner, trouble, meanwhile }),
        1 => (paced(), paced()).prop_map(|(first, second)| Step::Overlap { first, second }),
        1 => (1..90_u64).prop_map(|minutes| Step::Wait { minutes }),
    ]
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Setting {
            late_inactive,
            list_delay,
            clusters,
        } = &self.setting;
        match late_inactive {
            Some(seconds) => writeln!(f, "GitHub's own closings come {seconds} s late")?,
            None => writeln!(f, "GitHub's own closings come at once")?,
        }
        if *list_delay > 0 {
            writeln!(f, "GitHub's lists show a deployment after {list_delay} s")?;
        }
        for (number, cluster) in clusters.iter().enumerate() {
            writeln!(f, "cluster {number}: {cluster:?}")?;
        }
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(f, "{:>3}. {step}", number + 1)?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Change(change) => write!(f, "{change}"),
            Self::Run {
                runner,
                trouble,
                meanwhile,
            } => {
                write!(f, "{runner} runs{trouble}")?;
                match meanwhile {
                    Some(Meanwhile { request, change }) => write!(f, "; before its request {request}: {change}"),
                    None => Ok(()),
                }
            }
            Self::Overlap { first, second } => {
                write!(
                    f,
                    "{} runs{}, and at the same time {} runs{}",
                    first.0, first.1, second.0, second.1
                )
            }
            Self::Wait { minutes } => write!(f, "{minutes} minutes pass"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RollOut { object, tag } => write!(f, "{object} rolls out {}", TAGS[*tag]),
            Self::Restart { object } => write!(f, "{object} is restarted"),
            Self::Undo { object } => write!(f, "the last rollout of {object} is undone"),
            Self::Relabel { object, tag } => write!(f, "the label channel of {object} becomes {}", TAGS[*tag]),
            Self::Progress { object, to } => write!(f, "the rollout of {object} is {to:?}"),
            Self::Terminate { object } => write!(f, "{object} is being deleted"),
            Self::Remove { object } => write!(f, "{object} is gone"),
            Self::Recreate { object } => write!(f, "{object} is created again"),
            Self::Declare { slot, spec } => write!(f, "{slot} is applied: {spec}"),
            Self::Rename { slot } => write!(f, "{slot} gets another name"),
            Self::Delete { slot } => write!(f, "{slot} is deleted"),
            Self::Suspend { slot, on: true } => write!(f, "{slot} is suspended"),
            Self::Suspend { slot, on: false } => write!(f, "{slot} is not suspended any more"),
            Self::Refuse {
                cluster,
                what,
                code: SILENCE,
            } => {
                write!(f, "{what:?} of cluster {cluster}: no answer from now on")
            }
            Self::Refuse { cluster, what, code } => write!(f, "{what:?} of cluster {cluster}: {code} from now on"),
            Self::Allow { cluster } => write!(f, "everything of cluster {cluster} can be read"),
            Self::MoveTag => write!(f, "the tag {MOVING_TAG} moves"),
            Self::OtherDeployment {
                environment,
                task,
                tag,
                state,
                auto_inactive,
            } => write!(
                f,
                "another tool deploys {} to {} with task {} and says {}{}",
                TAGS[*tag],
                ENVIRONMENTS[*environment],
                TASKS[*task],
                state.unwrap_or("nothing"),
                if *auto_inactive { ", auto_inactive" } else { "" }
            ),
            Self::OtherStatus { newest, state } => {
                write!(
                    f,
                    "another tool posts {state} on deployment {newest}, counted from the newest"
                )
            }
        }
    }
}

impl fmt::Display for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CronJob {
                cluster,
                shard: usize::MAX,
            } => write!(f, "the CronJob of cluster {cluster}"),
            Self::CronJob { cluster, shard } => write!(f, "CronJob {shard} of cluster {cluster}"),
            Self::Pipeline {
                object,
                environment,
                task,
                git_ref,
            } => {
                let environment = ENVIRONMENTS[*environment];
                write!(f, "a pipeline for {object} in {environment}, task {}, ", TASKS[*task])?;
                match git_ref {
                    PipelineRef::Extracted(rule) => write!(f, "ref by {rule:?},"),
                    PipelineRef::Running => write!(f, "--ref as running,"),
                    PipelineRef::Other(tag) => write!(f, "--ref {},", TAGS[*tag]),
                }
            }
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Fault {
            operation,
            skip,
            times,
            effect,
            kind,
        } in &self.faults
        {
            let operation = operation.map_or_else(|| "request".to_owned(), |operation| operation.to_string());
            write!(
                f,
                "; {times} x {kind:?} {effect:?} the effect, from {operation} {} on",
                skip + 1
            )?;
        }
        if let Some(Kill { request, after }) = self.kill {
            write!(
                f,
                "; killed {} request {request}",
                if after { "after" } else { "before" }
            )?;
        }
        if !self.pace.is_empty() {
            write!(f, "; {:?} ms before its requests", self.pace)?;
        }
        Ok(())
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (environment, task) = (ENVIRONMENTS[self.environment], TASKS[self.task]);
        write!(
            f,
            "{}, {environment}, task {task}, ref by {:?}",
            ["a", "b"][self.object],
            self.rule
        )?;
        for (set, name) in [
            (self.recover, "recover"),
            (self.transient, "transient"),
            (!self.auto_inactive, "autoInactive: false"),
            (self.close, "deletionPolicy: Close"),
        ] {
            if set {
                write!(f, ", {name}")?;
            }
        }
        self.production
            .map_or(Ok(()), |production| write!(f, ", production: {production}"))
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deployment {}{}", ["a", "b"][self.number], in_cluster(self.cluster))
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GitHubDeployment g{}{}", self.number, in_cluster(self.cluster))
    }
}

fn in_cluster(cluster: usize) -> &'static str {
    if cluster == 0 { "" } else { " of cluster 1" }
}
