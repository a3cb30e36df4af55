//! The real pass under random schedules: whatever happens to clusters, GitHub and the runs themselves, the invariants
//! of the decision rule hold.
//!
//! `MODEL_SCHEDULES` says how many schedules are tried, `MODEL_SEED` which ones: those of a seed follow each other, so
//! that a failure is repeated by its own seed and one schedule.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

#[path = "../pass/api_server.rs"]
#[allow(dead_code, reason = "the tests of single passes use more of it")]
mod api_server;
mod cases;
mod checks;
mod ledger;
#[path = "../pass/objects.rs"]
#[allow(dead_code, reason = "the tests of single passes use more of it")]
mod objects;
mod sockets;
mod steps;
mod tally;
mod truth;
mod wire;
mod world;

use std::{
    env,
    fmt::Write as _,
    io::Write as _,
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use steps::Schedule;
use tally::Tally;
use world::{Way, World};

/// What one schedule came to.
struct Played {
    violations: Vec<String>,
    journal: String,
    tally: Tally,
}

/// Plays a schedule from its beginning to the checks at its end.
fn play(schedule: &Schedule, way: Way) -> Played {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(way == Way::Calls)
        .build()
        .unwrap();
    runtime.block_on(async {
        let world = World::new(&schedule.setting, way);
        for step in &schedule.steps {
            world.step(step).await;
        }
        checks::settle_and_check(&world).await;
        let journal = world.github.journal();
        let mut shared = world.shared();
        let ledger = &mut shared.ledger;
        let mut tally = std::mem::take(&mut ledger.tally);
        tally.schedules = 1;
        tally.writes = ledger.writes;
        for fault in journal.iter().filter_map(|entry| entry.fault.as_ref()) {
            *tally.faults.entry(fault.clone()).or_default() += 1;
        }
        Played {
            violations: std::mem::take(&mut ledger.violations),
            journal: ledger.journal(),
            tally,
        }
    })
}

/// As [`play`], where a panic is a violation like any other.
fn try_to_play(schedule: &Schedule, way: Way) -> Played {
    panic::catch_unwind(AssertUnwindSafe(|| play(schedule, way))).unwrap_or_else(|cause| {
        let text = cause.downcast_ref::<String>().cloned();
        let text = text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Played {
            violations: vec![format!("panic: {}", text.unwrap_or_default())],
            journal: String::new(),
            tally: Tally::default(),
        }
    })
}

/// The schedule of a seed.
fn schedule_of(seed: u64, way: Way) -> Box<dyn ValueTree<Value = Schedule>> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    match way {
        Way::Calls => Box::new(steps::schedules().new_tree(&mut runner).unwrap()),
        Way::Sockets => Box::new(
            steps::schedules()
                .prop_map(steps::without_waiting)
                .new_tree(&mut runner)
                .unwrap(),
        ),
    }
}

/// The smallest schedule on the way from this one that breaks the same invariant.
fn shrink(tree: &mut dyn ValueTree<Value = Schedule>, broken: &str, way: Way) -> Schedule {
    let invariant = |played: &Played| {
        played
            .violations
            .first()
            .and_then(|text| text.split(':').next().map(str::to_owned))
    };
    let breaks = |schedule: &Schedule| invariant(&try_to_play(schedule, way)).as_deref() == Some(broken);
    let mut smallest = tree.current();
    let end = Instant::now() + Duration::from_secs(120);
    let mut tries = 0;
    if !tree.simplify() {
        return smallest;
    }
    while Instant::now() < end && tries < 20_000 {
        tries += 1;
        let current = tree.current();
        let go_on = if breaks(&current) {
            smallest = current;
            tree.simplify()
        } else {
            tree.complicate()
        };
        if !go_on {
            break;
        }
    }
    smallest
}

/// Plays the schedules of these seeds. Stops at the first that breaks an invariant, and tells about it.
fn search(seeds: impl Iterator<Item = u64>, way: Way, failed: &AtomicU64) -> Result<Tally, String> {
    let mut total = Tally::default();
    for seed in seeds {
        if failed.load(Ordering::Relaxed) != 0 {
            break;
        }
        let mut tree = schedule_of(seed, way);
        let begin = Instant::now();
        let mut played = try_to_play(&tree.current(), way);
        total.add(std::mem::take(&mut played.tally));
        total.slowest((begin.elapsed(), format!("MODEL_SEED={seed}")));
        let violations = played.violations.clone();
        if let Some(first) = violations.first() {
            failed.fetch_add(1, Ordering::Relaxed);
            let broken = first.split(':').next().unwrap_or_default().to_owned();
            let smallest = match way {
                Way::Calls => shrink(&mut *tree, &broken, way),
                // Too slow, and never twice the same.
                Way::Sockets => tree.current(),
            };
            return Err(report(
                seed,
                &smallest,
                &try_to_play(&smallest, way),
                &played.violations,
            ));
        }
    }
    Ok(total)
}

fn report(seed: u64, schedule: &Schedule, played: &Played, first: &[String]) -> String {
    let mut text = format!("MODEL_SEED={seed} MODEL_SCHEDULES=1 breaks\n");
    for violation in if played.violations.is_empty() {
        first
    } else {
        &played.violations
    } {
        let _ = writeln!(text, "  {violation}");
    }
    let _ = write!(
        text,
        "\nthe smallest schedule that was found:\n{schedule}\n{}\n{schedule:?}",
        played.journal
    );
    text
}

/// The first schedule of every test run; `make soak` begins elsewhere each time.
const SEED: u64 = 1;

fn number(name: &str) -> Option<u64> {
    env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

/// Plays schedules that follow each other on so many threads. Fails where one breaks an invariant.
fn play_all(schedules: u64, threads: u64, way: Way) {
    let seed = number("MODEL_SEED").unwrap_or(SEED);
    // The test harness would keep it to itself.
    let _ = writeln!(std::io::stderr(), "MODEL_SEED={seed}, {schedules} schedules, {way:?}");
    panic::set_hook(Box::new(|_| ()));
    let failed = AtomicU64::new(0);
    let results: Vec<Result<Tally, String>> = thread::scope(|scope| {
        let share = |thread: u64| {
            (thread..schedules)
                .step_by(usize::try_from(threads).unwrap())
                .map(move |n| seed.wrapping_add(n))
        };
        let failed = &failed;
        let running: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || search(share(thread), way, failed)))
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let _ = panic::take_hook();
    let mut total = Tally::default();
    let mut failures = Vec::new();
    for result in results {
        match result {
            Ok(tally) => total.add(tally),
            Err(report) => failures.push(report),
        }
    }
    let _ = writeln!(std::io::stderr(), "{total}violations{:>52}", failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn random_schedules_keep_the_invariants() {
    let schedules = number("MODEL_SCHEDULES").unwrap_or(2_000);
    play_all(schedules, number("MODEL_THREADS").unwrap_or(1), Way::Calls);
}

#[test]
fn the_binary_keeps_them_too() {
    let schedules = number("MODEL_SCHEDULES").unwrap_or(200).min(200);
    // A run waits for pauses and processes, not for this processor.
    play_all(schedules, 16, Way::Sockets);
}
