//! How random schedules are made.

use github_emulator::{Effect, FaultKind, OperationKind};
use proptest::{
    collection::vec,
    option::{self, weighted},
    prelude::*,
    sample::select,
};

use super::{
    Change, Cluster, Fault, Kill, KnownBy, Meanwhile, Object, PipelineRef, Progress, RefRule, Runner, Schedule,
    Setting, Slot, Spec, Step, TAGS, Trouble, Unreadable,
};
use crate::api_server::SILENCE;

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
