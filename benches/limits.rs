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
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use github_emulator::{Fault, FaultKind};
use serde::Serialize;
use serde_json::json;
use support::{
    GitHub,
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

    health_of_a_dump(home.path());

    let laptop = laptop();
    // Environment by environment, so that no pass has more to write than what goes without pause.
    let before = children_time();
    let first: Vec<Measured> = (0..ENVIRONMENTS).map(|index| pass(&laptop, &one(index))).collect();
    let creating = (children_time() - before) / ENVIRONMENTS as u32;
    let before = children_time();
    let second: Vec<Measured> = (0..RUNS).map(|index| pass(&laptop, &one(index))).collect();
    let unchanged = (children_time() - before) / RUNS as u32;
    limited("one object, new: memory", most_memory(&first), 20.0, "MiB");
    limited("one object, new: CPU", milliseconds(creating), 20.0, "ms");
    limited("one object, unchanged: memory", most_memory(&second), 20.0, "MiB");
    limited("one object, unchanged: CPU", milliseconds(unchanged), 20.0, "ms");

    laptop.github.clear_journal();
    let before = children_time();
    let all = pass(&laptop, "sync -f declared --objects objects.yaml");
    let cpu = children_time() - before;
    let requests = laptop.github.journal().len();
    limited("120 environments, unchanged: requests", requests as f64, 3.0, "");
    told("120 environments, unchanged: writes", laptop.writes().len() as f64, "");
    told("120 environments, unchanged: memory", all.memory, "MiB");
    told("120 environments, unchanged: CPU", milliseconds(cpu), "ms");
    told("120 environments, unchanged: time", milliseconds(all.time), "ms");

    far_away();
}

/// A pass without changes over 1,000 environments in 100 repositories, and a GitHub that takes 100 ms for each answer.
fn far_away() {
    const GROUPS: usize = 200;
    const IN_GROUP: usize = 5;
    let laptop = Laptop::new(GitHub::with_everything());
    for group in 0..GROUPS {
        let mut objects = String::new();
        let mut declared = String::new();
        for index in group * IN_GROUP..(group + 1) * IN_GROUP {
            let name = format!("web-{index}");
            objects += &deployment(&name, "registry/web:v1", Progress::Complete);
            declared += &github_deployment(
                &name,
                &format!("{{kind: Deployment, name: {name}}}"),
                &format!("{{containerName: {name}}}"),
                &format!("{{name: repository-{}, environment: stage-{}}}", index / 10, index % 10),
            );
        }
        laptop.write(&format!("objects/{group}.yaml"), objects);
        laptop.write(&format!("declared/{group}.yaml"), declared);
    }
    for group in 0..GROUPS {
        // A deployment and a status for each: what goes without pause.
        pass(
            &laptop,
            &format!("sync -f declared/{group}.yaml --objects objects/{group}.yaml"),
        );
    }
    let all = "sync -f declared --objects objects";
    let near = pass(&laptop, all);
    let answer = FaultKind::Delay { milliseconds: 100 };
    laptop.github.inject(Fault::new(answer).always());
    laptop.github.clear_journal();
    let before = children_time();
    let far = pass(&laptop, all);
    let cpu = children_time() - before;
    let requests = laptop.github.journal().len();
    limited("1,000 environments, 100 ms: requests", requests as f64, 20.0, "");
    limited(
        "1,000 environments, 100 ms: time",
        milliseconds(far.time),
        2_000.0,
        "ms",
    );
    told("1,000 environments, 100 ms: CPU", milliseconds(cpu), "ms");
    told("1,000 environments, 100 ms: memory", far.memory, "MiB");
    told("1,000 environments, without the 100 ms", milliseconds(near.time), "ms");
}

/// `status -f -` over a dump of many Deployments, beside what it costs merely to parse the same bytes.
fn health_of_a_dump(home: &Path) {
    const TRIES: usize = 7;
    let [small, large] = [1_000, 10_000].map(|count| {
        let file = home.join(format!("{count}.json"));
        fs::write(&file, dump(count)).expect("write a dump");
        file
    });
    let status = |file: &Path| {
        let mut command = program(home);
        command
            .args(["status", "-f", "-", "-o", "json"])
            .stdin(fs::File::open(file).expect("the dump"));
        measure(command)
    };
    let bytes = fs::read(&large).expect("the dump");
    let parse = || {
        let begin = Instant::now();
        let value: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
        let time = begin.elapsed();
        drop(value);
        time
    };
    let parsing = median((0..TRIES).map(|_| parse()).collect());
    let runs: Vec<Measured> = (0..TRIES).map(|_| status(&large)).collect();
    let telling = median(runs.iter().map(|run| run.time).collect());
    told("health of 10,000 Deployments: dump", bytes.len() as f64 / 1e6, "MB");
    told("health of 10,000 Deployments: time", milliseconds(telling), "ms");
    told("health of 10,000 Deployments: parsing", milliseconds(parsing), "ms");
    let ratio = telling.as_secs_f64() / parsing.as_secs_f64();
    limited("health of 10,000 Deployments: ratio", ratio, 2.0, "");
    let grown = most_memory(&runs) - status(&small).memory;
    told("health of 10,000 Deployments: memory", most_memory(&runs), "MiB");
    limited("... more than for 1,000", grown, 1.0, "MiB");
}

/// What `kubectl get deployments -A -o json` prints.
fn dump(count: usize) -> String {
    let deployment = |index: usize| {
        let name = format!("web-{index}");
        let labels = json!({"app.kubernetes.io/name": name, "app.kubernetes.io/version": "1.2.3"});
        let environment: Vec<_> = (0..8)
            .map(|number| json!({"name": format!("SETTING_{number}"), "value": format!("value of {number}")}))
            .collect();
        let condition = |kind: &str, reason: &str| {
            json!({
                "lastTransitionTime": "2026-04-20T13:41:02Z", "lastUpdateTime": "2026-04-20T13:41:02Z",
                "message": format!("ReplicaSet \"{name}-7c5ddbdf54\" has successfully progressed."),
                "reason": reason, "status": "True", "type": kind,
            })
        };
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "annotations": {"deployment.kubernetes.io/revision": "4", "example.com/team": "shop"},
                "creationTimestamp": "2026-03-02T09:14:05Z", "generation": 4, "labels": labels, "name": name,
                "namespace": format!("team-{}", index % 50), "resourceVersion": "184501",
                "uid": "3b0f4a52-5f2d-4a0e-8a43-6b8f2c6c0a11",
            },
            "spec": {
                "progressDeadlineSeconds": 600, "replicas": 2, "revisionHistoryLimit": 10,
                "selector": {"matchLabels": labels},
                "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}, "type": "RollingUpdate"},
                "template": {"metadata": {"labels": labels}, "spec": {
                    "containers": [{
                        "env": environment, "image": "registry.example.com/shop/web:v1.2.3", "imagePullPolicy": "Always",
                        "name": "web", "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 5},
                        "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
                    }],
                    "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
                }},
            },
            "status": {
                "availableReplicas": 2, "observedGeneration": 4, "readyReplicas": 2, "replicas": 2, "updatedReplicas": 2,
                "conditions": [
                    condition("Available", "MinimumReplicasAvailable"), condition("Progressing", "NewReplicaSetAvailable"),
                ],
            },
        })
    };
    let items: Vec<_> = (0..count).map(deployment).collect();
    let list = json!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}});
    // Indented by four, as kubectl does.
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    list.serialize(&mut serializer).expect("JSON");
    String::from_utf8(text).expect("UTF-8")
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

/// Runs the program on a laptop.
fn pass(laptop: &Laptop, arguments: &str) -> Measured {
    let mut command = laptop.program();
    command.args(arguments.split(' '));
    measure(command)
}

/// Runs the program and looks at it all the time. Its results go nowhere, so that they never make it wait.
fn measure(mut command: Command) -> Measured {
    command.stdout(Stdio::null());
    let begin = Instant::now();
    let mut child = command.spawn().expect("start the program");
    let memory = peak(&mut child);
    let time = begin.elapsed();
    assert!(child.wait().expect("the program ends").success(), "{command:?}");
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
