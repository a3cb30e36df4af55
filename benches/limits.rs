//! Prints what a start and a pass cost, beside the limits that the project sets itself: `cargo bench`.
//!
//! GitHub is emulated on loopback. Time and memory are those of the program's own process, as Linux tells them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program that prints measurements, and ends where it cannot measure"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use support::{
    GitHub, Run,
    laptop::{Laptop, Progress, deployment, github_deployment},
    program,
};

/// Runs of what is measured many times.
const RUNS: usize = 50;

/// Environments of the large pass, in three repositories.
const ENVIRONMENTS: usize = 120;

const MEBIBYTE: f64 = 1024.0 * 1024.0;

fn main() {
    let size = fs::metadata(env!("CARGO_BIN_EXE_kube-status-to-github"))
        .expect("the program")
        .len();
    limited("size of the binary", size as f64 / 1e6, 12.0, "MB");

    let home = tempfile::tempdir().expect("a folder");
    let starts: Vec<Duration> = (0..RUNS).map(|_| time(program(home.path()).arg("--help"))).collect();
    limited("start to --help, median", milliseconds(median(starts)), 5.0, "ms");

    let laptop = laptop();
    // Environment by environment, so that no pass has more to write than what goes without pause.
    let before = children_time();
    let first: Vec<Measured> = (0..ENVIRONMENTS).map(|index| measure(&laptop, &one(index))).collect();
    let creating = (children_time() - before) / ENVIRONMENTS as u32;
    let before = children_time();
    let second: Vec<Measured> = (0..RUNS).map(|index| measure(&laptop, &one(index))).collect();
    let unchanged = (children_time() - before) / RUNS as u32;
    limited("one object, new: memory", most_memory(&first), 20.0, "MiB");
    limited("one object, new: CPU", milliseconds(creating), 20.0, "ms");
    limited("one object, unchanged: memory", most_memory(&second), 20.0, "MiB");
    limited("one object, unchanged: CPU", milliseconds(unchanged), 20.0, "ms");

    laptop.github.clear_journal();
    let before = children_time();
    let all = measure(&laptop, "sync -f declared --objects objects.yaml");
    let cpu = children_time() - before;
    let requests = laptop.github.journal().len();
    limited("120 environments, unchanged: requests", requests as f64, 3.0, "");
    told("120 environments, unchanged: writes", laptop.writes().len() as f64, "");
    told("120 environments, unchanged: memory", all.memory, "MiB");
    told("120 environments, unchanged: CPU", milliseconds(cpu), "ms");
    told("120 environments, unchanged: time", milliseconds(all.time), "ms");
}

/// A GitHub, and on the machine a file for each environment.
fn laptop() -> Laptop {
    let laptop = Laptop::new(GitHub::with_everything());
    laptop.write(
        "objects.yaml",
        deployment("web", "registry.example.com/web:v1", Progress::Complete),
    );
    for index in 0..ENVIRONMENTS {
        let repository = format!("{{name: octo-org/web-{}, environment: environment-{index}}}", index % 3);
        let name = format!("web-{index}");
        let object = github_deployment(
            &name,
            "{kind: Deployment, name: web}",
            "{containerName: web}",
            &repository,
        );
        laptop.write(&format!("declared/{index}.yaml"), object);
    }
    laptop
}

/// Arguments for one environment.
fn one(index: usize) -> String {
    format!("sync -f declared/{index}.yaml --objects objects.yaml")
}

/// What one run took.
struct Measured {
    /// The most that was resident, in MiB.
    memory: f64,
    time: Duration,
}

/// Runs the program and looks at it all the time.
fn measure(laptop: &Laptop, arguments: &str) -> Measured {
    let mut command = laptop.program();
    command
        .args(arguments.split(' '))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let begin = Instant::now();
    let mut child = command.spawn().expect("start the program");
    let memory = peak(&mut child);
    let time = begin.elapsed();
    Run::from(child.wait_with_output().expect("the program ends")).expect(0);
    Measured { memory, time }
}

/// The most memory that a process had before it ended. The kernel keeps the maximum; the last look before the end
/// has it.
fn peak(child: &mut Child) -> f64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0_f64;
    while child.try_wait().expect("look at the program").is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        peak = peak.max(kibibytes.unwrap_or_default() * 1024.0 / MEBIBYTE);
        std::thread::sleep(Duration::from_micros(200));
    }
    peak
}

/// The CPU time, user and system, of all processes that were started here and have ended.
fn children_time() -> Duration {
    /// Linux counts in hundredths of a second for every program.
    const TICK: Duration = Duration::from_millis(10);

    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold spaces; cutime and cstime are the 14th and 15th field behind it.
    let fields = text.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
    let ticks = fields
        .split_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|field| field.parse::<u32>().ok());
    TICK * ticks.sum::<u32>()
}

/// How long a command takes from its start to its end.
fn time(command: &mut Command) -> Duration {
    let begin = Instant::now();
    let output = command.output().expect("start the program");
    let time = begin.elapsed();
    assert!(output.status.success(), "{output:?}");
    time
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn most_memory(runs: &[Measured]) -> f64 {
    runs.iter().map(|run| run.memory).fold(0.0, f64::max)
}

/// A measurement with a limit that it should not go beyond.
fn limited(what: &str, value: f64, limit: f64, unit: &str) {
    let verdict = if value <= limit { "reached" } else { "NOT REACHED" };
    println!("{what:<42} {value:>8.2} {unit:<3}  limit {limit} {unit}: {verdict}");
}

/// A measurement without a limit of its own.
fn told(what: &str, value: f64, unit: &str) {
    println!("{what:<42} {value:>8.2} {unit}");
}
