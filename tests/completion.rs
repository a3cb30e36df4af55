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
use support::{Run, api_server, program, tool};
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

/// What a shell offers after `kube-status-to-github sync deployment/web-` and TAB, and after `-n t`.
fn completes(shell: &str, script: impl Fn(&Machine) -> Command) {
    if !tool(shell) {
        return;
    }
    let machine = Machine::new();
    let registered = Run::of(machine.command("kube-status-to-github").args(["completions", shell]))
        .expect(0)
        .stdout;
    fs::write(machine.folder.path().join("registered"), registered).unwrap();
    let run = Run::of(&mut script(&machine));
    assert_eq!(
        run.stdout, "deployment/web-admin\ntest\nsync\n",
        "{shell}: {}",
        run.stderr
    );
}

#[test]
fn bash_completes() {
    completes("bash", |machine| {
        let mut bash = machine.command("bash");
        // What bash does on TAB: the words, the one that is meant, and the function that is registered for the first.
        bash.args([
            "--norc",
            "-c",
            r#"
            source registered
            spec=($(complete -p kube-status-to-github))
            while [[ ${spec[0]} != -F ]]; do spec=("${spec[@]:1}"); done
            offer() {
              COMP_WORDS=(kube-status-to-github "$@") COMP_CWORD=$# COMP_TYPE=9
              COMP_LINE="${COMP_WORDS[*]}" COMP_POINT=${#COMP_LINE} COMPREPLY=()
              "${spec[1]}" kube-status-to-github "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
              printf '%s\n' "${COMPREPLY[@]}"
            }
            offer sync deployment/web-
            offer sync -n t
            offer sy
            "#,
        ]);
        bash
    });
}

#[test]
fn fish_completes() {
    completes("fish", |machine| {
        let mut fish = machine.command("fish");
        fish.args([
            "--no-config",
            "-c",
            "source registered
             for line in 'sync deployment/web-' 'sync -n t' 'sy'
               complete --do-complete \"kube-status-to-github $line\" | string split --fields 1 \\t
             end",
        ]);
        fish
    });
}

#[test]
fn zsh_completes() {
    completes("zsh", |machine| {
        let mut zsh = machine.command("zsh");
        // A terminal of its own, in which TAB is pressed, and the line that is left is printed.
        zsh.args([
            "-f",
            "-c",
            r#"
            zmodload zsh/zpty
            zpty shell 'zsh -f -i'
            until-it-says() { local text all; while zpty -r shell text; do all+=$text; [[ $all == *$1* ]] && break; done }
            say() { zpty -w shell "$1" }
            say 'PS1=; unsetopt zle_bracketed_paste; autoload -Uz compinit && compinit -u -D; source registered'
            say 'show() { print -r -- "<<$BUFFER>>"; BUFFER=; zle accept-line }; zle -N show; bindkey "^X" show; print REA""DY'
            until-it-says READY
            for line in 'sync deployment/web-' 'sync -n t' 'sy'; do
              zpty -w -n shell "kube-status-to-github $line"$'\t\C-x'
              local all= text=
              while zpty -r shell text; do all+=$text; [[ $all == *'>>'* ]] && break; done
              all=${${all##*<<}%%>>*}
              print -r -- ${${=all}[-1]}
            done
            zpty -d shell
            "#,
        ]);
        zsh
    });
}
