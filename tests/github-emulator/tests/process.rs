//! The emulator on sockets: in a task of the test, and as a process of its own.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::{env, fs};

use github_emulator::{Emulator, Fault, FaultKind, OperationKind, Options};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One request on a connection of its own; everything that came back before the connection ended.
async fn exchange(url: &str, method: &str, path: &str, body: Option<Value>) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: test\r\nauthorization: Bearer t\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that breaks gives what was there before.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

fn body(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or_default()
}

#[tokio::test]
async fn connections_break_when_answers_are_lost() {
    let running = Emulator::new(Options::any()).spawn().await.unwrap();
    let url = running.url();
    let create = || {
        exchange(
            &url,
            "POST",
            "/repos/octo/shop/deployments",
            Some(json!({"ref": "main"})),
        )
    };
    let made = create().await;
    assert!(made.starts_with("HTTP/1.1 201"), "{made}");
    assert!(
        body(&made)["url"].as_str().unwrap().starts_with(&url),
        "links lead back here"
    );
    running
        .emulator
        .inject(Fault::on(OperationKind::CreateDeployment, FaultKind::LostAnswer).after());
    assert_eq!(create().await, "");
    running
        .emulator
        .inject(Fault::on(OperationKind::CreateDeployment, FaultKind::CutBody).after());
    let cut = create().await;
    assert!(cut.starts_with("HTTP/1.1 201") && body(&cut) == Value::Null, "{cut}");
    assert_eq!(running.emulator.all_deployments("octo/shop").len(), 3);
}

#[tokio::test]
async fn a_process_is_set_up_and_looked_into_over_http() {
    let folder = env::temp_dir().join(format!("github-emulator-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let seed = folder.join("seed.json");
    let world = json!({"repositories": [{"name": "octo/shop", "tags": {"1.0": ""}, "annotated": ["1.0"]}]});
    fs::File::create(&seed)
        .unwrap()
        .write_all(world.to_string().as_bytes())
        .unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_github-emulator"))
        .args(["--port", "0", "--seed"])
        .arg(&seed)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let url = line.trim_end().strip_prefix("listening on ").unwrap().to_owned();
    let ask = |method, path, body| exchange(&url, method, path, body);
    let other = json!({"name": "octo/other", "private": true, "branches": {"topic": ""}});
    assert!(
        ask("POST", "/_emulator/repositories", Some(other))
            .await
            .starts_with("HTTP/1.1 201")
    );
    let wrong = ask("POST", "/_emulator/repositories", Some(json!({"nam": "octo/other"}))).await;
    assert!(
        wrong.starts_with("HTTP/1.1 422") && wrong.contains("unknown field `nam`"),
        "{wrong}"
    );
    for (path, git_ref) in [
        ("/repos/octo/shop/deployments", "1.0"),
        ("/repos/octo/other/deployments", "topic"),
    ] {
        assert!(
            ask("POST", path, Some(json!({"ref": git_ref})))
                .await
                .starts_with("HTTP/1.1 201")
        );
    }
    let fault = json!({"matcher": {"operation": "GetRepository"}, "kind": {"status": {"code": 503}}});
    assert!(
        ask("POST", "/_emulator/faults", Some(fault))
            .await
            .starts_with("HTTP/1.1 201")
    );
    assert!(ask("GET", "/repos/octo/shop", None).await.starts_with("HTTP/1.1 503"));
    let state = body(&ask("GET", "/_emulator/state", None).await);
    assert_eq!(state["repositories"][0]["deployments"][0]["ref"], "1.0");
    assert_eq!(state["repositories"][1]["private"], true);
    let journal = body(&ask("GET", "/_emulator/journal", None).await);
    let operations: Vec<&str> = journal
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["operation"].as_str().unwrap())
        .collect();
    assert_eq!(operations, ["CreateDeployment", "CreateDeployment", "GetRepository"]);
    assert!(
        ask("DELETE", "/_emulator/journal", None)
            .await
            .starts_with("HTTP/1.1 204")
    );
    assert_eq!(body(&ask("GET", "/_emulator/journal", None).await), json!([]));
    assert_eq!(body(&ask("GET", "/_emulator/violations", None).await), json!([]));
    let page = ask("GET", "/", None).await;
    assert!(page.contains("<title>GitHub emulator</title>"), "{page}");
    process.kill().unwrap();
    process.wait().unwrap();
    fs::remove_dir_all(folder).unwrap();
}
