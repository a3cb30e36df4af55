//! The overlay in `examples/kustomize`, applied as it says.

use std::{fs, time::Duration};

use clap::Parser;
use kube_status_to_github::cli::args::{Arguments, Command};
use serde_json::Value;

use crate::{
    control_plane::{ControlPlane, succeeded},
    support::repository_file,
};

#[test]
fn the_overlay_installs_its_cron_job_in_a_fresh_cluster() {
    let Some(cluster) = ControlPlane::start() else { return };
    let file = fs::read_to_string(repository_file("examples/kustomize/kustomization.yaml")).unwrap();
    let (_, command) = file.lines().next().unwrap().split_once(": kubectl ").unwrap();
    let mut apply = cluster.kubectl_command(command.split_whitespace());
    succeeded(&apply.current_dir(repository_file("")).output().unwrap(), &apply);

    let get = |object: &str| -> Value {
        let found = cluster.kubectl(["get", "-n", "kube-status-to-github", "-o", "json", object]);
        serde_json::from_str(&found).unwrap()
    };
    let spec = &get("cronjob/kube-status-to-github")["spec"];
    assert_eq!(spec["schedule"], "*/2 * * * *");
    let container = &spec["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    let arguments = container["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|argument| argument.as_str().unwrap());
    let arguments = Arguments::try_parse_from(["kube-status-to-github"].into_iter().chain(arguments)).unwrap();
    let Command::Sync(sync) = arguments.command else {
        panic!("not sync")
    };
    assert!(sync.source.all_namespaces, "what manifests/ say stays");
    assert_eq!(sync.cluster_name.as_deref(), Some("europe"));
    assert_eq!(sync.limits.repository_allow, ["octo-org/*"]);
    assert!(sync.limits.deadline < Duration::from_secs(120));

    let role = get("clusterrole/kube-status-to-github");
    let rules = role["rules"].as_array().unwrap();
    assert_eq!(rules.last().unwrap()["resources"], serde_json::json!(["rollouts"]));
    cluster.kubectl([
        "wait",
        "--for=condition=Established",
        "crd/githubdeployments.github.decathlon.com",
        "--timeout=60s",
    ]);
}
