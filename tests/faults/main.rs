//! Every fault of GitHub at every request of a pass: what the pass says, what it does all the same, and that the
//! passes after it bring GitHub to where it would be without the fault.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

#[path = "../pass/api_server.rs"]
#[allow(dead_code, reason = "the tests of single passes use more of it")]
mod api_server;
mod expected;
#[path = "../pass/objects.rs"]
#[allow(dead_code, reason = "the tests of single passes use more of it")]
mod objects;
#[path = "../pass/settings.rs"]
mod settings;
mod world;

use std::{
    fmt,
    io::Write as _,
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use expected::{Effects, cause, effects, expected};
use github_emulator::{Effect, Fault, FaultKind, Matcher, OperationKind};
use kube_status_to_github::report::{Action, SourceResult};
use world::{Ended, REPOSITORIES, World};

/// One combination.
#[derive(Clone, Debug)]
struct Case {
    /// Is it the pass that finds nothing on GitHub, or the one after a new version was rolled out?
    later: bool,
    /// The request that meets the fault, as the pass sends it without faults.
    request: Request,
    kind: FaultKind,
    effect: Effect,
    /// All other requests of this operation meet it too.
    persists: bool,
}

/// A request of a pass.
#[derive(Clone, Debug)]
struct Request {
    /// Its place among all requests, and among those of its operation.
    place: u32,
    place_of_operation: u32,
    operation: OperationKind,
    /// Indexes of the repositories that it is about.
    concerned: Vec<usize>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pass = if self.later { "later" } else { "first" };
        let Request { place, operation, .. } = &self.request;
        let times = if self.persists { "from" } else { "at" };
        write!(
            f,
            "{pass} pass, {:?} {:?} {times} request {place} ({operation})",
            self.effect, self.kind
        )
    }
}

/// Plays in virtual time.
fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(work)
}

/// A world at the moment before the pass that is looked at.
async fn world_before(later: bool) -> World {
    let world = World::new();
    world.roll_out("v1");
    if later {
        let ended = world.pass_with_token().await;
        assert_eq!(ended.exit(), 0, "{ended:?}");
        world.roll_out("v2");
    }
    world.github.clear_journal();
    world
}

/// The requests of a pass without faults, and what GitHub has after it.
fn without_faults(later: bool) -> (Vec<Request>, Vec<String>) {
    in_virtual_time(async {
        let world = world_before(later).await;
        let ended = world.pass().await;
        assert_eq!(ended.exit(), 0, "{ended:?}");
        let mut requests: Vec<Request> = Vec::new();
        for (entry, place) in world.github.journal().iter().zip(1..) {
            let before = requests.iter().filter(|request| request.operation == entry.operation);
            requests.push(Request {
                place,
                place_of_operation: u32::try_from(before.count()).unwrap() + 1,
                operation: entry.operation,
                concerned: world.concerned(entry),
            });
        }
        (requests, world.history())
    })
}

fn cases(later: bool, requests: &[Request]) -> Vec<Case> {
    let mut cases = Vec::new();
    for request in requests {
        for kind in FaultKind::each() {
            for effect in match effects(&kind, request.operation) {
                Effects::None => &[][..],
                Effects::Before => &[Effect::Before],
                Effects::Both => &[Effect::Before, Effect::After],
            } {
                // From the first request of an operation on, all later ones meet it too.
                let persists = &[false, true][..if request.place_of_operation == 1 { 2 } else { 1 }];
                cases.extend(persists.iter().map(|persists| Case {
                    later,
                    request: request.clone(),
                    kind: kind.clone(),
                    effect: *effect,
                    persists: *persists,
                }));
            }
        }
    }
    cases
}

/// What is wrong with a combination.
fn play(case: &Case, without: &[String]) -> Vec<String> {
    let played = panic::catch_unwind(AssertUnwindSafe(|| in_virtual_time(try_to_play(case, without))));
    played.unwrap_or_else(|cause| {
        let text = cause.downcast_ref::<String>().cloned();
        let text = text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        vec![format!("panic: {}", text.unwrap_or_default())]
    })
}

async fn try_to_play(case: &Case, without: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    let world = world_before(case.later).await;
    let matcher = match case.persists {
        true => Matcher {
            operation: Some(case.request.operation),
            skip: case.request.place_of_operation - 1,
            ..Matcher::default()
        },
        false => Matcher {
            skip: case.request.place - 1,
            ..Matcher::default()
        },
    };
    world.github.inject(Fault {
        matcher,
        times: (!case.persists).then_some(1),
        effect: case.effect,
        kind: case.kind.clone(),
    });
    let ended = world.pass().await;
    if !case.persists && !world.github.remaining_faults().is_empty() {
        wrong.push("the fault was not met".to_owned());
    }
    world.github.clear_faults();
    judge(case, &world, &ended, &mut wrong);
    for expected in ["make it good", "write nothing"] {
        tokio::time::sleep(std::time::Duration::from_secs(120)).await;
        world.github.clear_journal();
        let clean = world.pass_with_token().await;
        if clean.exit() != 0 {
            wrong.push(format!(
                "the pass that has to {expected} ends with {}: {clean:?}",
                clean.exit()
            ));
        }
        if world.history() != without {
            wrong.push(format!("GitHub has {:#?}\ninstead of {without:#?}", world.history()));
        }
    }
    if world.github.journal().iter().any(github_emulator::Entry::is_write) {
        wrong.push("the writing does not end".to_owned());
    }
    wrong
}

/// Judges the pass that met the fault.
fn judge(case: &Case, world: &World, ended: &Ended, wrong: &mut Vec<String>) {
    let tag = if case.later { "v2" } else { "v1" };
    let expected = (!case.persists).then(|| expected(case));
    if let Some(expected) = expected.filter(|expected| *expected != ended.outcome(&case.request.concerned)) {
        let found = ended.outcome(&case.request.concerned);
        wrong.push(format!("{expected:?} was expected, but it is {found:?}"));
    }
    let document = match ended {
        Ended::Failed { messages, .. } => {
            if ended.exit() != 3 {
                wrong.push(format!("exit code {}", ended.exit()));
            }
            if !names_cause(case, messages) {
                wrong.push(format!("no cause in {messages:?}"));
            }
            if world.is_reported(0, tag) || world.is_reported(1, tag) || world.is_reported(2, tag) {
                wrong.push("it says that it could not run, and wrote".to_owned());
            }
            return;
        }
        Ended::Done(document) => document,
    };
    let failed = document
        .results
        .iter()
        .filter(|result| result.action == Action::Fail)
        .count();
    if ended.exit() != u8::from(failed > 0) {
        wrong.push(format!("exit code {} with {failed} failures", ended.exit()));
    }
    for (index, repository) in REPOSITORIES.iter().enumerate() {
        let results: Vec<&SourceResult> = document
            .results
            .iter()
            .filter(|result| result.repository.as_deref() == Some(repository.name))
            .collect();
        let [result] = results[..] else {
            wrong.push(format!("{} results for {}", results.len(), repository.name));
            continue;
        };
        let reported = world.is_reported(index, tag);
        let message = result.message.clone().unwrap_or_default();
        match result.action {
            Action::Fail | Action::Defer => {
                if result.github_deployment.is_none() || result.reason.is_none() {
                    wrong.push(format!("it does not name its object: {result:?}"));
                }
                let waits =
                    ["EarlierWriteMissing", "MaxWrites"].contains(&result.reason.as_deref().unwrap_or_default());
                if !waits && !names_cause(case, std::slice::from_ref(&message)) {
                    wrong.push(format!("no cause in {message:?}"));
                }
                let is_limit = matches!(
                    case.kind,
                    FaultKind::RateLimitPrimary | FaultKind::RateLimitSecondary { .. }
                );
                if is_limit != (result.action == Action::Defer) {
                    wrong.push(format!("{:?} of {}", result.action, repository.name));
                }
                let concerned = case.persists || is_limit || case.request.concerned.contains(&index);
                if !concerned {
                    wrong.push(format!(
                        "{} suffers from what is not its own: {message}",
                        repository.name
                    ));
                }
            }
            _ if !reported => wrong.push(format!(
                "{:?} of {}, but nothing is there",
                result.action, repository.name
            )),
            _ => {}
        }
    }
}

fn names_cause(case: &Case, messages: &[String]) -> bool {
    cause(&case.kind, case.request.operation)
        .iter()
        .any(|cause| messages.iter().any(|message| message.contains(cause)))
}

#[test]
fn every_fault_at_every_request_is_told_and_made_good() {
    let started = Instant::now();
    let mut all = Vec::new();
    let worlds = [false, true].map(|later| {
        let (requests, history) = without_faults(later);
        assert!(requests.len() >= 12, "{requests:?}");
        all.extend(cases(later, &requests));
        history
    });
    panic::set_hook(Box::new(|_| ()));
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let failures: Vec<String> = thread::scope(|scope| {
        let work = || {
            let mut failures = Vec::new();
            while let Some(case) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                let wrong = play(case, &worlds[usize::from(case.later)]);
                if !wrong.is_empty() {
                    failures.push(format!("{case}\n  {}", wrong.join("\n  ")));
                }
            }
            failures
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let _ = panic::take_hook();
    // The test harness would keep it to itself.
    let count = all.len();
    let _ = writeln!(std::io::stderr(), "{count} combinations in {:.1?}", started.elapsed());
    let shown: Vec<_> = failures.iter().take(20).map(String::as_str).collect();
    assert!(
        failures.is_empty(),
        "{} of {count} go wrong\n{}",
        failures.len(),
        shown.join("\n")
    );
}
