//! Schedules that broke an invariant once, made small: played by the same machinery as the random ones.

use crate::{
    play,
    steps::{
        Change, Cluster, KnownBy, Object, PipelineRef, RefRule, Runner, Schedule, Setting, Slot, Spec, Step, Trouble,
    },
    world::Way,
};

const A: Object = Object { cluster: 0, number: 0 };
const G0: Slot = Slot { cluster: 0, number: 0 };
const G1: Slot = Slot { cluster: 0, number: 1 };

/// Deployment `a` to staging, by the tag of its image.
const SPEC: Spec = Spec {
    object: 0,
    environment: 0,
    task: 0,
    rule: RefRule::Image,
    recover: false,
    transient: false,
    production: None,
    auto_inactive: true,
    close: false,
};

const CLUSTER: Cluster = Cluster {
    known_by: KnownBy::Uid,
    shards: 1,
    max_writes: 80,
    deadline: None,
    since: None,
    write_status: false,
};

const SETTING: Setting = Setting {
    late_inactive: None,
    list_delay: 0,
    clusters: [CLUSTER, CLUSTER],
};

/// Plays a schedule; no invariant may be broken.
#[track_caller]
fn holds(setting: Setting, steps: Vec<Step>) {
    let schedule = Schedule { setting, steps };
    let played = play(&schedule, Way::Calls);
    assert_eq!(
        played.violations,
        Vec::<String>::new(),
        "\n{schedule}\n{}",
        played.journal
    );
}

fn declare(slot: Slot, spec: Spec) -> Step {
    Step::Change(Change::Declare { slot, spec })
}

fn restart() -> Step {
    Step::Change(Change::Restart { object: A })
}

fn run(runner: Runner) -> Step {
    Step::Run {
        runner,
        trouble: Trouble::default(),
        meanwhile: None,
    }
}

/// The CronJob of the first cluster.
fn cron_job() -> Step {
    run(Runner::CronJob { cluster: 0, shard: 0 })
}

/// A pipeline that has just rolled out Deployment `a`.
fn pipeline(task: usize) -> Step {
    run(Runner::Pipeline {
        object: A,
        environment: 0,
        task,
        git_ref: PipelineRef::Running,
    })
}

#[test]
fn a_pipeline_leaves_two_git_hub_deployments_of_one_object_alone() {
    holds(
        SETTING,
        vec![declare(G0, SPEC), declare(G1, SPEC), cron_job(), pipeline(0)],
    );
}

#[test]
fn a_pipeline_leaves_what_another_one_reports_for_another_task_alone() {
    holds(SETTING, vec![declare(G0, SPEC), restart(), pipeline(0), pipeline(1)]);
}

#[test]
fn a_git_hub_deployment_of_another_environment_now_leaves_nothing_unfinished() {
    let of_b = Spec { object: 1, ..SPEC };
    let elsewhere = Spec { environment: 2, ..SPEC };
    holds(
        SETTING,
        vec![
            declare(G0, SPEC),
            declare(G1, of_b),
            restart(),
            cron_job(),
            declare(G0, elsewhere),
        ],
    );
}
