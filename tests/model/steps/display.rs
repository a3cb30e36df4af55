//! Schedules as people read them.

use std::fmt;

use super::{
    Change, ENVIRONMENTS, Fault, Kill, MOVING_TAG, Meanwhile, Object, PipelineRef, Runner, Schedule, Setting, Slot,
    Spec, Step, TAGS, TASKS, Trouble,
};
use crate::api_server::SILENCE;

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
