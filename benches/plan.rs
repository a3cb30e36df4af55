//! Prints what the decision costs for many tracks, beside the limit that the project sets itself: `cargo bench`.
#![allow(clippy::print_stdout, reason = "a program that prints measurements")]

use std::time::{Duration, Instant};

use kube_status_to_github::plan::{
    By, Deployment, Environment, Existing, GitRef, Hash, Identity, Knowledge, LatestStatus, MARKER_VERSION, Marker,
    Named, ReadNamespaces, Repository, Situation, State, Wanted, plan,
};

/// Deployments that each track has.
const DEPLOYMENTS: usize = 10;

/// Runs of each size; the quickest counts.
const RUNS: usize = 5;

fn main() {
    let mut before: Option<f64> = None;
    for tracks in [1_000, 10_000, 100_000] {
        let situations: Vec<Situation> = (0..tracks).map(situation).collect();
        let time = (0..RUNS).map(|_| time(&situations)).min().unwrap_or_default();
        let each = time.as_secs_f64() * 1e9 / situations.len() as f64;
        let milliseconds = time.as_secs_f64() * 1e3;
        let ratio = before.map_or(String::new(), |before| {
            format!(", {:.2} times the time of each before", each / before)
        });
        let verdict = match tracks {
            10_000 if milliseconds <= 50.0 => ", limit 50 ms: reached",
            10_000 => ", limit 50 ms: NOT REACHED",
            _ => "",
        };
        println!(
            "{tracks:>7} tracks of {DEPLOYMENTS} deployments: {milliseconds:>8.2} ms, {each:>5.0} ns each{ratio}{verdict}"
        );
        before = Some(each);
    }
}

fn time(situations: &[Situation]) -> Duration {
    let begin = Instant::now();
    let changes: usize = situations.iter().map(|situation| plan(situation).changes.len()).sum();
    let time = begin.elapsed();
    assert!(changes > 0, "a third of the tracks has something to do");
    time
}

/// A track whose source shows what GitHub has, has gone further, or has the next ref.
fn situation(index: usize) -> Situation {
    let name = format!("web-{index}");
    let identity = |rollout: usize| Identity {
        by: Some(By::new("shop", &name)),
        cluster: Some(Hash::of(&["cluster"])),
        object: Some(Hash::of(&["cluster", "Deployment", "shop", &name])),
        uid: Some(format!("3b0f4a52-5f2d-4a0e-8a43-{index:012}")),
        rollout: Some(Hash::of(&[&rollout.to_string()])),
    };
    let deployment = |version: usize| Deployment {
        node_id: format!("DE_kwDOAB{index:08}{version:04}"),
        id: None,
        task: "deploy".to_owned(),
        ref_name: Some(GitRef::new(&format!("v{version}"))),
        commit: format!("{version:040x}"),
        status: match version {
            DEPLOYMENTS => LatestStatus::InProgress,
            _ => LatestStatus::Inactive,
        },
        marker: Some(Marker {
            v: MARKER_VERSION,
            git_ref: GitRef::new(&format!("v{version}")),
            transient: false,
            production: false,
            identity: identity(version),
            source: Some(format!("Deployment shop/{name}")),
        }),
    };
    let (version, state) = match index % 3 {
        0 => (DEPLOYMENTS, State::InProgress),
        1 => (DEPLOYMENTS, State::Success),
        _ => (DEPLOYMENTS + 1, State::InProgress),
    };
    let repository = Repository {
        owner: "octo-org".to_owned(),
        name: format!("app-{}", index % 100),
    };
    let environment = Environment {
        repository,
        name: format!("environment-{index}"),
    };
    Situation {
        environment: environment.clone(),
        wanted: vec![Wanted {
            index: 0,
            sort_name: format!("shop/{name}"),
            identity: identity(version),
            task: "deploy".to_owned(),
            git_ref: GitRef::new(&format!("v{version}")),
            commit: Some(format!("{version:040x}")),
            movable: true,
            state,
            recover: false,
            auto_inactive: true,
            transient: false,
            production: false,
            given_ref: false,
            older_than_since: false,
        }],
        off: Vec::new(),
        unknown: Vec::new(),
        knowledge: std::sync::Arc::new(Knowledge {
            cluster: Some(Hash::of(&["cluster"])),
            complete: ReadNamespaces::Every,
            named: [(
                By::new("shop", &name),
                Named {
                    object: Some(Hash::of(&["cluster", "Deployment", "shop", &name])),
                    environment: Some(environment.clone()),
                },
            )]
            .into(),
        }),
        existing: Existing {
            deployments: (1..=DEPLOYMENTS).rev().map(deployment).collect(),
            complete: true,
        },
    }
}
