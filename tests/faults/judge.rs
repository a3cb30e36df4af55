//! Whether a pass that met a fault did and told what it has to.

use std::time::Duration;

use kube_status_to_github::report::{Action, Document, SourceResult};

use crate::{
    case::{Case, Extent},
    expected::{Outcome, cause, expected},
    lasting::{LONGEST_PASS, is_outage, outcome, spreads_to},
    world::{Ended, REPOSITORIES, World},
};

/// What is wrong with the pass, which took this time.
pub fn judge(case: &Case, world: &World, ended: &Ended, took: Duration) -> Vec<String> {
    let mut wrong = Vec::new();
    if took > case.deadline.unwrap_or(LONGEST_PASS) {
        wrong.push(format!("it took {took:?}"));
    }
    if case.extent == Extent::Once {
        let (expected, found) = (expected(case), ended.outcome(&case.concerned));
        if expected != found {
            wrong.push(format!("{expected:?} was expected, but it is {found:?}"));
        }
    }
    let is_cut = case.deadline.is_some() && ended.exit() == 5;
    match ended {
        Ended::Failed { messages, .. } => {
            let is_expected = match (case.extent, is_cut) {
                (Extent::Once, _) => ended.exit() == 3,
                (_, true) => (0..REPOSITORIES.len()).all(|index| suffers(case, index)),
                (_, false) => ended.exit() == 3 && is_outage(case),
            };
            if !is_expected {
                wrong.push(format!("exit code {} and {messages:?}", ended.exit()));
            }
            let about_github = |message: &String| message.contains("GitHub");
            let is_told = names_cause(case, messages) && messages.first().is_some_and(about_github);
            if !is_cut && !is_told {
                wrong.push(format!("no cause in {messages:?}"));
            }
            if (0..REPOSITORIES.len()).any(|index| world.is_reported(index, tag(case))) {
                wrong.push("it says that it could not run, and wrote".to_owned());
            }
        }
        Ended::Done { document, .. } => {
            if case.extent != Extent::Once && case.deadline.is_none() && is_outage(case) {
                wrong.push("it says that it could run".to_owned());
            }
            let failed = |result: &&SourceResult| result.action == Action::Fail;
            let failed = document.results.iter().filter(failed).count();
            if !is_cut && ended.exit() != u8::from(failed > 0) {
                wrong.push(format!("exit code {} with {failed} failures", ended.exit()));
            }
            wrong.extend(
                (0..REPOSITORIES.len()).flat_map(|index| judge_repository(case, world, ended, document, index)),
            );
        }
    }
    wrong
}

fn judge_repository(case: &Case, world: &World, ended: &Ended, document: &Document, index: usize) -> Vec<String> {
    let name = REPOSITORIES[index].name;
    let is_of = |result: &&SourceResult| result.repository.as_deref() == Some(name);
    let results: Vec<&SourceResult> = document.results.iter().filter(is_of).collect();
    let [result] = results[..] else {
        return vec![format!("{} results for {name}", results.len())];
    };
    let mut wrong = Vec::new();
    let found = ended.outcome(&[index]);
    if !is_allowed(case, index, &found) {
        wrong.push(format!("{name} is {found:?}: {:?}", result.message));
    }
    match result.action {
        Action::Fail | Action::Defer => wrong.extend(judge_message(case, result)),
        _ if !world.is_reported(index, tag(case)) => {
            wrong.push(format!("{:?} of {name}, but nothing is there", result.action));
        }
        _ => {}
    }
    wrong
}

/// True if a repository may end so.
fn is_allowed(case: &Case, index: usize, found: &Outcome) -> bool {
    let is_concerned = case.concerned.contains(&index);
    match case.extent {
        // Of those that are concerned all is known.
        Extent::Once => is_concerned || *found == Outcome::Done || case.is_limit() && *found == Outcome::Defer,
        // For those the time may have been too short.
        _ if case.deadline.is_some() && suffers(case, index) => true,
        _ if is_concerned => *found == outcome(case),
        _ => *found == Outcome::Done || spreads_to(case, index) && *found == outcome(case),
    }
}

fn suffers(case: &Case, index: usize) -> bool {
    case.concerned.contains(&index) || spreads_to(case, index)
}

fn judge_message(case: &Case, result: &SourceResult) -> Vec<String> {
    let mut wrong = Vec::new();
    if result.github_deployment.is_none() || result.reason.is_none() {
        wrong.push(format!("it does not name its object: {result:?}"));
    }
    let waits = ["EarlierWriteMissing", "MaxWrites", "DeadlineExceeded"];
    if waits.contains(&result.reason.as_deref().unwrap_or_default()) {
        return wrong;
    }
    let message = result.message.clone().unwrap_or_default();
    if !names_cause(case, std::slice::from_ref(&message)) {
        wrong.push(format!("no cause in {message:?}"));
    }
    // Whoever reads only the message has to know what was asked: of GitHub, of an owner, of a repository.
    if !["GitHub", "repository "].iter().any(|object| message.contains(object)) {
        wrong.push(format!("no object in {message:?}"));
    }
    if case.is_limit() != (result.action == Action::Defer) {
        wrong.push(format!("{:?} because of {:?}", result.action, case.kind));
    }
    wrong
}

fn names_cause(case: &Case, messages: &[String]) -> bool {
    cause(&case.kind, case.request.operation)
        .iter()
        .any(|cause| messages.iter().any(|message| message.contains(cause)))
}

/// What the pass has to report.
fn tag(case: &Case) -> &'static str {
    if case.later { "v2" } else { "v1" }
}
