//! Completion as a user meets it: in bash, zsh and fish, and through kubectl.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{Run, api_server, program, shells};
use tempfile::TempDir;

/// A machine whose cluster has Deployments, namespaces and a custom kind.
struct Machine {
    folder: TempDir,
    /// Method and path of every request.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let journal = Arc::clone(&requests);
        let address = api_server::serve(move |method, path| {
            journal.lock().unwrap().push(format!("{method} {path}"));
            match path.split('?').next().unwrap() {
                "/apis/apps/v1/namespaces/shop/deployments" => names(&["web", "web-admin", "api"]),
                "/apis/apps/v1/namespaces/test/deployments" => names(&["of-test"]),
                "/api/v1/namespaces" => names(&["shop", "test"]),
                "/apis/argoproj.io" => {
                    let version = json!({"groupVersion": "argoproj.io/v1alpha1", "version": "v1alpha1"});
                    api_server::found(
                        &json!({"name": "argoproj.io", "versions": [version], "preferredVersion": version}),
                    )
                }
                "/apis/argoproj.io/v1alpha1" => api_server::found(&json!({
                    "groupVersion": "argoproj.io/v1alpha1",
                    "resources": [{"name": "rollouts", "singularName": "rollout", "namespaced": true, "kind": "Rollout", "verbs": []}],
                })),
                "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts" => names(&["canary"]),
                "/apis/github.decathlon.com" => {
                    let version = json!({"groupVersion": "github.decathlon.com/v1beta1", "version": "v1beta1"});
                    api_server::found(
                        &json!({"name": "github.decathlon.com", "versions": [version], "preferredVersion": version}),
                    )
                }
                _ => api_server::not_found(),
            }
        });
        write_kubeconfig(&folder.path().join(".kube/config"), &format!("http://{address}"));
        fs::create_dir(folder.path().join("bin")).unwrap();
        for name in ["kube-status-to-github", "kubectl-ghd", "kubectl_complete-ghd"] {
            let link = folder.path().join("bin").join(name);
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kube-status-to-github"), link).unwrap();
        }
        Self { folder, requests }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("bin")
    }

    /// A command with nothing in its environment but the home of this machine and its programs.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.path().display());
        command.env_clear().env("HOME", self.folder.path()).env("PATH", path);
        command.current_dir(self.folder.path());
        command
    }

    /// What kubectl is answered after these words, the last of which is being typed.
    fn kubectl(&self, words: &[&str]) -> Vec<String> {
        let program = self.path().join("kubectl_complete-ghd");
        let run = Run::of(self.command(program.to_str().unwrap()).args(words)).expect(0);
        assert_eq!(run.stderr, "", "{words:?}");
        run.stdout.lines().map(str::to_owned).collect()
    }
}

fn names(names: &[&str]) -> api_server::Answer {
    let item = |name: &&str| json!({"metadata": {"name": name}});
    let items: Vec<Value> = names.iter().map(item).collect();
    api_server::found(&json!({"kind": "PartialObjectMetadataList", "metadata": {}, "items": items}))
}

/// A kubeconfig of three contexts: this cluster, the same with another namespace, and one that does not answer.
fn write_kubeconfig(file: &Path, server: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let context = |name: &str, cluster: &str, namespace: &str| json!({"name": name, "context": {"cluster": cluster, "user": "me", "namespace": namespace}});
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [
            {"name": "here", "cluster": {"server": server}},
            {"name": "silent", "cluster": {"server": format!("http://{}", silent_address())}},
        ],
        "users": [{"name": "me", "user": {"token": "token-of-the-tests"}}],
        "contexts": [context("here", "here", "shop"), context("here-test", "here", "test"), context("silent", "silent", "shop")],
    });
    fs::write(file, config.to_string()).unwrap();
}

/// Where connections are taken, and never answered.
fn silent_address() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let connections: Vec<_> = listener.incoming().collect();
        drop(connections);
    });
    address
}

#[test]
fn names_come_from_the_cluster() {
    let machine = Machine::new();
    for (words, expected) in [
        (
            &["sync", "deployment/"][..],
            &["deployment/api", "deployment/web", "deployment/web-admin", ":4"][..],
        ),
        (&["sync", "deploy/web-"], &["deploy/web-admin", ":4"]),
        (&["sync", "deploy", "w"], &["web", "web-admin", ":4"]),
        (&["sync", "deploy", "web", "w"], &["web-admin", ":4"]),
        (
            &["sync", "deploy/api", "deployments.apps/w"],
            &["deployments.apps/web", "deployments.apps/web-admin", ":4"],
        ),
        (&["status", "-n", "test", "deploy/"], &["deploy/of-test", ":4"]),
        (
            &["status", "--context", "here-test", "deploy/"],
            &["deploy/of-test", ":4"],
        ),
        (&["extract", "--namespace=test", "deploy/"], &["deploy/of-test", ":4"]),
        (
            &["sync", "rollouts.argoproj.io/"],
            &["rollouts.argoproj.io/canary", ":4"],
        ),
        (&["sync", "-n", ""], &["shop", "test", ":4"]),
        (&["sync", "--namespace", "t"], &["test", ":4"]),
        (&["status", "--context", ""], &["here", "here-test", "silent", ":4"]),
        (&["sync", "--kubeconfig", "absent", "deploy/"], &[":4"]),
        (&["sync", "--objects", "objects.yaml", "deploy/"], &[":4"]),
        (&["sync", "secret/"], &[":4"]),
        (&["sync", "daemonset/"], &[":4"]),
        (&["sync", "sts"], &["sts/", ":6"]),
        (&["sync", "nonsense/"], &[":4"]),
        (&["sync", "../x/"], &[":4"]),
    ] {
        assert_eq!(machine.kubectl(words), expected, "{words:?}");
    }
    let requests = machine.requests.lock().unwrap().clone();
    assert!(
        requests.iter().all(|request| request.starts_with("GET ")),
        "{requests:?}"
    );
    assert!(
        !requests.iter().any(|request| request.contains("secrets")),
        "{requests:?}"
    );
}

#[test]
fn commands_flags_and_values() {
    let machine = Machine::new();
    let values = |words: &[&str]| -> Vec<String> {
        let lines = machine.kubectl(words);
        lines
            .iter()
            .map(|line| line.split('\t').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(values(&["sy"]), ["sync", ":4"]);
    assert_eq!(values(&["sync", "-o", "w"]), ["wide", ":4"]);
    assert_eq!(values(&["sync", "--dry"]), ["--dry-run", ":4"]);
    assert_eq!(values(&["sync", "--wait="]), ["--wait=true", "--wait=false", ":4"]);
    for words in [
        &["sync", "--wait", "t"][..],
        &["sync", "deploy/app", "--production", "t"],
    ] {
        assert_eq!(values(words), [":4"], "{words:?}: the word after it is no value of it");
    }
    let offered = values(&["sync", ""]);
    assert!(
        offered.contains(&"deployment/".to_owned()) && !offered.contains(&"--dry-run".to_owned()),
        "{offered:?}"
    );
    fs::write(machine.folder.path().join("deployments.yaml"), "").unwrap();
    assert_eq!(values(&["sync", "-f", "dep"]), ["deployments.yaml", ":4"]);
    assert!(values(&[]).contains(&"sync".to_owned()));
    assert_eq!(machine.requests.lock().unwrap().len(), 0);
}

#[test]
fn nobody_waits_for_a_cluster_that_is_silent() {
    let machine = Machine::new();
    let started = Instant::now();
    assert_eq!(machine.kubectl(&["sync", "--context", "silent", "deploy/"]), [":4"]);
    let took = started.elapsed();
    assert!(took >= Duration::from_secs(2), "it was asked: {took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn the_plugin_shows_how_it_is_called() {
    let machine = Machine::new();
    let plugin = machine.path().join("kubectl-ghd");
    let plugin = plugin.to_str().unwrap();
    let help = Run::of(machine.command(plugin).arg("--help")).expect(0).stdout;
    assert!(help.contains("Usage: kubectl ghd [OPTIONS] <COMMAND>"), "{help}");
    assert!(help.contains("  kubectl ghd sync -n shop --dry-run"), "{help}");
    for command in ["sync", "status", "extract", "close", "crd", "completions", "man"] {
        let help = Run::of(machine.command(plugin).args([command, "--help"]))
            .expect(0)
            .stdout;
        assert!(help.contains(&format!("Usage: kubectl ghd {command}")), "{help}");
        assert!(!help.contains("kube-status-to-github "), "{help}");
    }
    let error = Run::of(machine.command(plugin).args(["sync", "--dryrun"]))
        .expect(2)
        .stderr;
    assert!(error.contains("kubectl ghd sync"), "{error}");
}

#[test]
fn a_variable_of_that_name_alone_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    for shell in ["bash", "unknown", ""] {
        let mut command = program(home.path());
        command.env("KUBE_STATUS_TO_GITHUB_COMPLETE", shell).arg("--version");
        let version = Run::of(&mut command).expect(0).stdout;
        assert!(version.starts_with("kube-status-to-github "), "{shell}: {version}");
    }
}

#[test]
fn shells_complete() {
    let lines = ["sync deployment/web-", "sync -n t", "sy"].map(|line| format!("kube-status-to-github {line}"));
    let lines = lines.each_ref().map(String::as_str);
    for shell in shells::SHELLS {
        let machine = Machine::new();
        if let Some(offered) = shells::offers(shell, &lines, |name| machine.command(name)) {
            assert_eq!(offered, "deployment/web-admin\ntest\nsync\n", "{shell}");
        }
    }
}
