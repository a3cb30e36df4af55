//! What kubectl makes of the overlay in `examples/kustomize`.

use std::time::Duration;

use clap::Parser;
use kube_status_to_github::cli::args::{Arguments, Command};
use serde_json::Value;

use crate::{control_plane::succeeded, namespace::Namespace, support::repository_file};

#[test]
fn the_overlay_changes_the_cron_job() {
    let Some(test) = Namespace::create("overlay") else {
        return;
    };
    let mut kustomize = test.cluster.kubectl_command(["kustomize", "examples/kustomize"]);
    let output = kustomize.current_dir(repository_file("")).output().unwrap();
    succeeded(&output, &kustomize);
    let documents: Vec<Value> = serde_saphyr::from_multiple(std::str::from_utf8(&output.stdout).unwrap()).unwrap();
    let of_kind = |kind: &str| {
        let found = documents.iter().find(|document| document["kind"] == kind);
        found.unwrap_or_else(|| panic!("no {kind}"))
    };

    let spec = &of_kind("CronJob")["spec"];
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

    let rules = of_kind("ClusterRole")["rules"].as_array().unwrap();
    assert_eq!(rules.last().unwrap()["resources"], serde_json::json!(["rollouts"]));
    assert_eq!(of_kind("GitHubDeployment")["metadata"]["namespace"], "shop");
}
