//! The end of a schedule: the world is quiet, every CronJob runs as often as it takes, and the rest of the invariants
//! have to hold.

use kube_status_to_github::plan::State;

use crate::{
    ledger::{Author, Cause, Deployment, Ledger},
    steps::{KnownBy, Runner, Setting, Trouble},
    truth::{Source, Standing, Truth, Version, object_of},
    world::{Ended, World, is_clean},
};

/// How often every CronJob runs before the world has to be as it should be. One clean pass of each is enough where
/// nothing is deferred; two writes a pass are the fewest that a schedule allows.
const ROUNDS: usize = 25;

/// Seconds; longer than GitHub takes for its own closings, its lists, and its limits.
const PERIOD: u64 = 2 * 3_600;

/// Lets the world settle, and checks.
pub async fn settle_and_check(world: &World) {
    world.calm();
    world.wait(PERIOD).await;
    for runner in world.cron_jobs() {
        check_same_output(world, runner).await;
    }
    let mut quiet = false;
    for _ in 0..ROUNDS {
        let before = world.shared().ledger.writes;
        for runner in world.cron_jobs() {
            let earlier = world.shared().ledger.writes;
            let clean = pass(world, runner).await;
            world.wait(PERIOD).await;
            if clean && world.shared().ledger.writes > earlier {
                check_second_pass(world, runner).await;
            }
        }
        if world.shared().ledger.writes == before {
            quiet = true;
            break;
        }
    }
    let shared = &mut *world.shared();
    if !quiet {
        shared
            .ledger
            .violations
            .push(format!("2: still writing after {ROUNDS} passes of each CronJob"));
        return;
    }
    check_states(&mut shared.ledger, &shared.truth, &world.setting);
    check_unfinished(&mut shared.ledger, &shared.truth, &world.setting);
}

/// True if the pass did everything that it wanted to do.
async fn pass(world: &World, runner: Runner) -> bool {
    match world.run(runner, &Trouble::default(), None).await {
        Ended::Done(document) => is_clean(&document),
        Ended::Failed(_) | Ended::Killed => false,
    }
}

/// Invariant 1: a second pass over an unchanged world writes nothing.
async fn check_second_pass(world: &World, runner: Runner) {
    let before = world.shared().ledger.writes;
    pass(world, runner).await;
    let mut shared = world.shared();
    if shared.ledger.writes != before {
        shared
            .ledger
            .violations
            .push(format!("1: a second pass of {runner} wrote"));
    }
}

/// Invariant 7: the same input gives the same output.
async fn check_same_output(world: &World, runner: Runner) {
    let mut outputs = Vec::new();
    for _ in 0..2 {
        let output = match world.run_with(runner, &Trouble::default(), None, true).await {
            Ended::Done(document) => serde_json::to_string(&document).unwrap(),
            Ended::Failed(error) => error,
            Ended::Killed => unreachable!("nobody kills it"),
        };
        outputs.push(output);
    }
    if outputs[0] != outputs[1] {
        let text = format!("7: two dry runs of {runner} differ:\n{}\n{}", outputs[0], outputs[1]);
        world.shared().ledger.violations.push(text);
    }
}

/// Invariant 4: each living source's ref has a deployment that shows its state.
fn check_states(ledger: &mut Ledger, truth: &Truth, setting: &Setting) {
    let (mut exempt, mut violations) = (Vec::new(), Vec::new());
    let sources = truth.sources();
    for source in &sources {
        let Standing::Living(version, state) = &source.standing else {
            continue;
        };
        let of_ref = |deployment: &&Deployment| deployment.is_for(version);
        if ledger
            .track(source)
            .filter(of_ref)
            .any(|deployment| deployment.latest() == Some(state.as_str()))
        {
            continue;
        }
        let newest = ledger.newest(source, &sources).filter(|newest| newest.is_for(version));
        let by_others = ledger
            .track(source)
            .filter(of_ref)
            .any(|deployment| deployment.marker.is_none());
        match newest.and_then(|newest| why_not_shown(newest, source, version, *state)) {
            Some(reason) => exempt.push(reason),
            None if by_others => exempt.push("4: someone else speaks for the ref"),
            // A run that reads a part of the GitHubDeployments does not see that one was renamed.
            None if newest.is_none_or(|newest| !newest.lists(source) && setting.is_sharded(source))
                && is_old(source, *state, setting) =>
            {
                exempt.push("4: its last change is older than --since");
            }
            None if setting.clusters[source.object.cluster].known_by == KnownBy::Nothing => {
                exempt.push("4: its cluster has no name");
            }
            None => violations.push(format!(
                "4: {} wants {state} for {} in {}, task {}, and {}",
                source.name,
                version.git_ref,
                source.environment,
                source.task,
                newest.map_or("there is no deployment".to_owned(), |newest| format!(
                    "deployment {} shows {}",
                    newest.id,
                    newest.latest().unwrap_or("nothing")
                )),
            )),
        }
    }
    exempt.into_iter().for_each(|reason| ledger.tally.exempt(reason));
    ledger.violations.extend(violations);
}

/// Why a source's own deployment may show something else for good.
fn why_not_shown(newest: &Deployment, source: &Source, version: &Version, state: State) -> Option<&'static str> {
    let last = newest.statuses.last()?;
    let same_rollout = newest.is_rollout(version);
    match last.state.as_str() {
        "inactive" => match last.author {
            Author::Tool | Author::GitHub(Cause::Tool) => Some("4: someone else closed it"),
            // That its source had left it then is what invariant 6 says.
            Author::Run(_) | Author::GitHub(Cause::Run(_)) if same_rollout => {
                Some("4: closed while its source was away, which is back with the same rollout")
            }
            Author::Run(_) | Author::GitHub(Cause::Run(_)) => None,
        },
        "failure" | "error" if state == State::Success && source.recover => None,
        "success" | "failure" | "error" if same_rollout => Some("4: final before for this rollout"),
        "success" if state != State::Failure => Some("4: a restart of what was a success, not failed"),
        // Posted by another tool on ours.
        "queued" | "waiting" if state == State::Pending => Some("4: queued and waiting count as pending"),
        "in_progress" if state == State::Pending => Some("4: nothing goes from in_progress back to pending"),
        _ => None,
    }
}

impl Setting {
    fn is_sharded(&self, source: &Source) -> bool {
        self.clusters[source.object.cluster].shards > 1
    }
}

fn is_old(source: &Source, state: State, setting: &Setting) -> bool {
    state == State::Success && setting.clusters[source.object.cluster].since.is_some()
}

/// Invariant 5: nothing of ours stays unfinished once its source has left it.
fn check_unfinished(ledger: &mut Ledger, truth: &Truth, setting: &Setting) {
    let sources = truth.sources();
    let (mut exempt, mut violations) = (Vec::new(), Vec::new());
    for deployment in &ledger.deployments {
        let Some(uid) = deployment.uid() else { continue };
        if matches!(deployment.latest(), Some("success" | "failure" | "error" | "inactive")) {
            continue;
        }
        let here: Vec<&Source> = sources
            .iter()
            .filter(|source| source.environment == deployment.environment)
            .collect();
        let holds = |source: &&&Source| match &source.standing {
            Standing::Living(version, _) => {
                deployment.is_for(version)
                    && ledger
                        .newest(source, &sources)
                        .is_some_and(|newest| newest.id == deployment.id)
            }
            Standing::Off => false,
            Standing::Unknown => deployment.lists(source),
        };
        if here.iter().any(|source| holds(&source)) {
            continue;
        }
        let by = deployment
            .marker
            .as_ref()
            .and_then(|marker| marker.identity.by.as_ref());
        let is_its = |source: &&Source| by.is_some() && source.by.as_ref() == by;
        if sources
            .iter()
            .find(is_its)
            .is_some_and(|source| matches!(source.standing, Standing::Unknown))
        {
            exempt.push("5: its GitHubDeployment is suspended or can't be read");
            continue;
        }
        match why_unfinished(deployment, object_of(uid).cluster, ledger, &here, setting) {
            Some(reason) => exempt.push(reason),
            None => violations.push(format!(
                "5: deployment {} of {} stays {}, although its source has left it",
                deployment.id,
                deployment.git_ref,
                deployment.latest().unwrap_or("without a status")
            )),
        }
    }
    exempt.into_iter().for_each(|reason| ledger.tally.exempt(reason));
    ledger.violations.extend(violations);
}

/// Why a deployment may stay unfinished for good. `here` are the sources of its environment.
fn why_unfinished(
    deployment: &Deployment,
    cluster: usize,
    ledger: &Ledger,
    here: &[&Source],
    setting: &Setting,
) -> Option<&'static str> {
    let own: Vec<&&Source> = here.iter().filter(|source| source.object.cluster == cluster).collect();
    let listed = own.iter().any(|source| deployment.lists(source));
    let newer = ledger
        .deployments
        .iter()
        .filter(|other| other.environment == deployment.environment && other.id > deployment.id);
    if own.iter().all(|source| matches!(source.standing, Standing::Unknown)) {
        return Some("5: no GitHubDeployment of the cluster wants the environment");
    }
    if deployment
        .marker
        .as_ref()
        .is_some_and(|marker| marker.identity.by.is_none())
        && !listed
    {
        return Some("5: made by a pipeline, and no GitHubDeployment speaks for its object");
    }
    if setting.clusters[cluster].shards > 1 && !listed {
        return Some("5: its GitHubDeployment is gone, and no CronJob reads all of them");
    }
    if setting.clusters[cluster].known_by == KnownBy::Nothing {
        return Some("5: its cluster has no name");
    }
    (newer.count() >= 10).then_some("5: ten newer deployments hide it")
}

impl Deployment {
    fn is_for(&self, version: &Version) -> bool {
        // Another tool may name a commit by its first digits.
        let is_commit = version.git_ref.len() == 40 && self.git_ref.len() >= 7;
        self.git_ref == version.git_ref || (is_commit && version.git_ref.starts_with(&self.git_ref))
    }

    fn is_rollout(&self, version: &Version) -> bool {
        let Some(marker) = &self.marker else { return false };
        self.uid() == Some(version.uid.as_str()) && marker.identity.rollout == version.rollout
    }
}
