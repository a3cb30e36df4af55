//! Whatever is in a rule and in an object: an extraction ends soon, in little memory, with a ref or a named error.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]
#![allow(clippy::print_stderr, reason = "the seed has to be seen even where the process dies")]

mod hostile;
mod maker;
mod random;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use cpu_time::ThreadTime;
use kube_status_to_github::{crd::Extract, extract::check};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes that one rule and one extraction may need at once.
const MAX_MEMORY: usize = 4 << 20;
/// The stack that threads have unless they ask for more.
const STACK: usize = 2 << 20;

/// The allocator counts for the whole process: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn on_a_small_stack<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = thread::Builder::new().stack_size(STACK).spawn(run).unwrap();
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// What an extraction took. Time is the thread's own, so that other processes do not count.
struct Measured<T> {
    result: T,
    time: Duration,
    memory: usize,
}

fn measure<T>(run: impl FnOnce() -> T) -> Measured<T> {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let begin = ThreadTime::now();
    let result = run();
    Measured {
        result,
        time: begin.elapsed(),
        memory: MEMORY.peak_usage().saturating_sub(before),
    }
}

/// What a rule may take. On a quiet machine, built for release, it is about a millisecond; the checks of a debug build
/// and neighbours in the caches may treble it. On a slow machine it is ten times what a large regexp takes there.
fn limit() -> Duration {
    let large = Extract {
        regexp: Some(r"^([\w.-]{1,128})$".to_owned()),
        ..json_path("$.a")
    };
    let times = (0..5).map(|_| measure(|| check(&large)).time);
    (times.min().unwrap_or_default() * 10).max(Duration::from_millis(3))
}

fn json_path(path: &str) -> Extract {
    Extract {
        json_path: Some(path.to_owned()),
        ..Extract::default()
    }
}
