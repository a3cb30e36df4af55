//! Every fault of GitHub at every request of a pass: what the pass says, what it does all the same, and that the
//! passes after it bring GitHub to where it would be without the fault.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

#[path = "../pass/api_server.rs"]
#[allow(dead_code, reason = "the tests of single passes use more of it")]
mod api_server;
mod case;
mod expected;
mod judge;
mod lasting;
#[path = "../pass/objects.rs"]
#[allow(dead_code, reason = "the tests of single passes use more of it")]
mod objects;
#[path = "../pass/settings.rs"]
mod settings;
mod world;

use std::{
    io::Write as _,
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use case::{Case, Extent, Request};
use github_emulator::FaultKind;
use judge::judge;
use lasting::storms;
use tokio::time::Instant;
use world::World;

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

/// A pass without faults.
struct Without {
    requests: Vec<Request>,
    /// What GitHub has after it.
    history: Vec<String>,
}

impl Without {
    fn play(later: bool) -> Self {
        in_virtual_time(async {
            let world = world_before(later).await;
            let ended = world.pass(None).await;
            assert_eq!(ended.exit(), 0, "{ended:?}");
            Self {
                requests: Request::all(&world, &world.github.journal()),
                history: world.history(),
            }
        })
    }
}

/// What is wrong with a combination.
fn play(case: &Case, without: &Without) -> Vec<String> {
    let played = panic::catch_unwind(AssertUnwindSafe(|| in_virtual_time(try_to_play(case, without))));
    played.unwrap_or_else(|cause| {
        let text = cause.downcast_ref::<String>().cloned();
        let text = text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        vec![format!("panic: {}", text.unwrap_or_default())]
    })
}

async fn try_to_play(case: &Case, without: &Without) -> Vec<String> {
    let world = world_before(case.later).await;
    world.github.inject(case.fault());
    let begin = Instant::now();
    let ended = world.pass(case.deadline).await;
    let mut wrong = judge(case, &world, &ended, begin.elapsed());
    let journal = world.github.journal();
    // What comes late enough is no entry any more.
    let is_noted = !matches!(case.kind, FaultKind::Delay { .. });
    let is_met = match case.extent {
        Extent::Once => world.github.remaining_faults().is_empty(),
        _ => !is_noted || journal.iter().any(|entry| entry.fault.is_some()),
    };
    if !is_met {
        wrong.push("the fault was not met".to_owned());
    }
    wrong.extend(storms(case, &without.requests, &journal));
    world.github.clear_faults();
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
        if world.history() != without.history {
            let found = world.history();
            wrong.push(format!("GitHub has {found:#?}\ninstead of {:#?}", without.history));
        }
    }
    if world.github.journal().iter().any(github_emulator::Entry::is_write) {
        wrong.push("the writing does not end".to_owned());
    }
    wrong
}

#[test]
fn every_fault_at_every_request_is_told_and_made_good() {
    let started = std::time::Instant::now();
    let mut all = Vec::new();
    let worlds = [false, true].map(|later| {
        let without = Without::play(later);
        assert!(without.requests.len() >= 12, "{:?}", without.requests);
        all.extend(Case::all(later, &without.requests));
        without
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
