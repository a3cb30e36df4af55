//! The pods of `manifests/`: how the program is called there, and with which limits.
//!
//! That the API server takes them, and that their permissions are enough, is for the cluster tests.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

mod support;

use std::{fs, time::Duration};

use clap::Parser;
use kube_status_to_github::cli::args::{Arguments, Command, LogFormat, SyncArguments};
use serde_json::{Value, json};
use support::repository_file;

/// A manifest of one document.
fn manifest(path: &str) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(repository_file("manifests").join(path)).unwrap()).unwrap()
}

/// The arguments of a pod's only container, as the program understands them.
fn sync(pod: &Value) -> SyncArguments {
    let arguments = pod["containers"][0]["args"].as_array().unwrap();
    let arguments = arguments.iter().map(|argument| argument.as_str().unwrap());
    let arguments = Arguments::try_parse_from(["kube-status-to-github"].into_iter().chain(arguments)).unwrap();
    assert_eq!(arguments.log.log_format, LogFormat::Json);
    let Command::Sync(sync) = arguments.command else {
        panic!("not sync")
    };
    *sync
}

/// What the pod may do on its node.
fn is_confined(pod: &Value) {
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let [container] = pod["containers"].as_array().unwrap().as_slice() else {
        panic!("{pod:#}")
    };
    let expected = json!({
        "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
    });
    assert_eq!(container["securityContext"], expected);
    for kind in ["requests", "limits"] {
        for resource in ["cpu", "memory"] {
            assert!(container["resources"][kind][resource].is_string(), "{kind} {resource}");
        }
    }
    let image = container["image"].as_str().unwrap();
    assert!(image.ends_with(concat!(":v", env!("CARGO_PKG_VERSION"))), "{image}");
}

#[test]
fn the_cron_job_runs_one_pass_a_minute_and_never_two() {
    let spec = &manifest("base/cronjob.yaml")["spec"];
    assert_eq!(spec["schedule"], "* * * * *");
    assert_eq!(spec["concurrencyPolicy"], "Forbid");
    let job = &spec["jobTemplate"]["spec"];
    assert_eq!(job["backoffLimit"], 0);
    let pod = &job["template"]["spec"];
    assert_eq!(pod["restartPolicy"], "Never");
    is_confined(pod);

    let sync = sync(pod);
    assert!(sync.output.exit_zero && !sync.output.dry_run);
    let seconds = job["activeDeadlineSeconds"].as_u64().unwrap();
    assert!(sync.limits.deadline < Duration::from_secs(60) && sync.limits.deadline < Duration::from_secs(seconds));
    // GitHub takes 500 writes an hour, and a process knows only of its own.
    assert!(
        sync.limits.max_writes * 60 <= 500,
        "{} a minute",
        sync.limits.max_writes
    );
}

#[test]
fn the_deployment_runs_one_pod_that_repeats() {
    let spec = &manifest("interval/deployment.yaml")["spec"];
    assert_eq!(
        (&spec["replicas"], &spec["strategy"]["type"]),
        (&json!(1), &json!("Recreate"))
    );
    let pod = &spec["template"]["spec"];
    is_confined(pod);
    let sync = sync(pod);
    let interval = sync.limits.interval.unwrap();
    assert!(sync.limits.deadline < interval);
    assert!(sync.source.all_namespaces && !sync.output.dry_run);
}

#[test]
fn the_secret_holds_variables_that_are_read() {
    let secret = manifest("secret.example.yaml");
    let cron_job = manifest("base/cronjob.yaml");
    let container = &cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["envFrom"][0]["secretRef"]["name"], secret["metadata"]["name"]);
    let readme = support::readme::table("GitHub").concat().concat();
    for variable in secret["stringData"].as_object().unwrap().keys() {
        assert!(readme.contains(&format!("`{variable}`")), "{variable}");
    }
}
