//! What proves to the API server who asks: tokens of kubeconfigs, of files, and of plugins.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use crate::{
    laptop,
    support::{
        Run,
        api_server::{response, serve_whole},
        laptop::Laptop,
    },
};

/// An API server with one Deployment for whoever has the right token.
struct Server {
    address: SocketAddr,
    /// What each request had.
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `refused` is told of each token that is not `token`.
    fn that_takes(token: &str, refused: impl Fn(&str) + Send + 'static) -> Self {
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let (journal, token) = (Arc::clone(&seen), format!("Bearer {token}"));
        let address = serve_whole(move |request| {
            let given = request.header("authorization").unwrap_or_default();
            journal.lock().unwrap().push(given.to_owned());
            let json = [("content-type", "application/json")];
            if given != token {
                refused(given);
                let status =
                    json!({"kind": "Status", "code": 401, "message": "Unauthorized", "reason": "Unauthorized"});
                return response(401, &json, &status.to_string());
            }
            let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {}});
            response(200, &json, &web.to_string())
        });
        Self { address, seen }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// Looks at the Deployment as the user of a kubeconfig.
fn look(laptop: &Laptop, server: &Server, user: &Value) -> Run {
    let config = json!({
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": format!("http://{}", server.address)}}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    });
    laptop.write("kubeconfig", config.to_string());
    let mut command = laptop.program();
    Run::of(command.args(["status", "deployment/web", "--kubeconfig", "kubeconfig"]))
}

/// A plugin that runs these lines of shell, as the kubeconfig names it.
fn plugin(laptop: &Laptop, lines: &str) -> Value {
    laptop.write("plugin", format!("#!/bin/sh\necho run >>runs\n{lines}\n"));
    let path = laptop.folder().join("plugin");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let exec =
        json!({"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "interactiveMode": "Never"});
    json!({ "exec": exec })
}

/// How often the plugin was run.
fn runs(laptop: &Laptop) -> usize {
    let runs = fs::read_to_string(laptop.folder().join("runs"));
    runs.unwrap_or_default().lines().count()
}

fn credential(token: &str) -> String {
    let credential = json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
                            "status": {"token": token}});
    format!("echo '{credential}'")
}

#[test]
fn a_token_may_end_with_a_line_break() {
    let laptop = laptop();
    laptop.write("token", "hunter2\n");
    for user in [
        json!({"token": "hunter2\n"}),
        json!({"tokenFile": "token"}),
        json!({"tokenFile": "token", "token": "of-yesterday"}),
    ] {
        let server = Server::that_takes("hunter2", |_| {});
        look(&laptop, &server, &user).expect(0);
        assert_eq!(server.seen(), ["Bearer hunter2"], "{user}");
    }
}

#[test]
fn a_file_is_read_again_when_its_token_is_refused() {
    let laptop = laptop();
    laptop.write("token", "of-yesterday");
    let file: PathBuf = laptop.folder().join("token");
    let server = Server::that_takes("of-today", move |_| fs::write(&file, "of-today").unwrap());
    look(&laptop, &server, &json!({"tokenFile": "token"})).expect(0);
    assert_eq!(server.seen(), ["Bearer of-yesterday", "Bearer of-today"]);
}

#[test]
fn a_plugin_is_run_once() {
    let laptop = laptop();
    let server = Server::that_takes("hunter2", |_| {});
    look(&laptop, &server, &plugin(&laptop, &credential("hunter2"))).expect(0);
    assert_eq!(server.seen(), ["Bearer hunter2"]);
    assert_eq!(runs(&laptop), 1);
}

#[test]
fn a_plugin_is_asked_again_when_its_token_is_refused() {
    let laptop = laptop();
    let server = Server::that_takes("2", |_| {});
    let counts = credential("'$(wc -l <runs)'");
    look(&laptop, &server, &plugin(&laptop, &counts)).expect(0);
    assert_eq!(server.seen(), ["Bearer 1", "Bearer 2"]);

    let server = Server::that_takes("another", |_| {});
    let run = look(&laptop, &server, &plugin(&laptop, &credential("the-same"))).expect(1);
    assert!(run.stdout.contains("the API server answered 401"), "{}", run.stdout);
    assert_eq!(server.seen(), ["Bearer the-same"], "the same once more is of no use");
}

#[test]
fn a_plugin_that_does_not_help_is_named_and_what_it_prints_is_not_shown() {
    let laptop = laptop();
    let server = Server::that_takes("hunter2", |_| {});
    for (lines, expected) in [
        (
            "echo '{\"status\": {\"token\": \"hunter2\"}}'; echo 'log in first' >&2; exit 3",
            "failed (exit status: 3): log in first",
        ),
        (
            "echo '{\"status\": {\"token\": \"hunter2\"'",
            "printed no ExecCredential; run it by hand (what it prints is secret)",
        ),
        (
            "true",
            "printed no ExecCredential; run it by hand (what it prints is secret)",
        ),
        (
            "echo '{\"status\": {}}'",
            "gave neither a token nor a certificate with its key",
        ),
    ] {
        let run = look(&laptop, &server, &plugin(&laptop, lines)).expect(3);
        let expected = format!("cause: the credential plugin ./plugin of the kubeconfig {expected}\n");
        assert!(run.stderr.ends_with(&expected), "{lines}: {}", run.stderr);
        assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    }
    let absent = json!({"exec": {"command": "no-such-plugin", "installHint": "install it from the shop"}});
    let run = look(&laptop, &server, &absent).expect(3);
    let expected = "the credential plugin no-such-plugin of the kubeconfig is not installed: install it from the shop";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    assert_eq!(server.seen(), Vec::<String>::new());
}
