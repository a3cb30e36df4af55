//! Brings the rollout status of Kubernetes objects to GitHub Deployments.

use std::process::ExitCode;

fn main() -> ExitCode {
    kube_status_to_github::cli::run(std::env::args_os())
}
