//! Runs in which something fails, and servers that say what they should not.

use std::{
    sync::{Arc, Mutex},
    thread,
};

use github_emulator::{Fault, FaultKind, OperationKind};
use serde_json::json;

use crate::{
    canaries::{KUBERNETES_TOKEN, Machine, PASSWORD, TOKEN, key},
    support::{
        api_server::{response, serve_whole, write_kubeconfig_with},
        laptop::closed_port,
    },
};

const SYNC: &str = "sync -f good.yaml --objects objects.yaml -vvv";
const CLOSE: &str = "close --repo octo-org/web --environment staging -vvv";

#[test]
fn credentials_that_are_none() {
    let mut machine = Machine::new();
    let middle = key().lines().nth(5).unwrap().to_owned();
    let cut = key().lines().take(9).collect::<Vec<_>>().join("\n");
    let wrong_type = key()
        .replace("RSA PRIVATE KEY", "EC PRIVATE KEY")
        .replace("BEGIN PRIVATE", "BEGIN EC PRIVATE");
    let tokens = [
        format!("{TOKEN}\nmore"),
        format!("\u{7}{TOKEN}\u{1b}[31m"),
        format!("{TOKEN} ü"),
    ];
    for token in &tokens {
        for name in ["GITHUB_TOKEN", "GH_TOKEN"] {
            let run = machine.run(SYNC, &[("GITHUB_TOKEN", ""), (name, token)]).expect(3);
            assert!(run.stderr.contains(name), "{}", run.stderr);
        }
    }
    for key in [&middle, &cut, &wrong_type] {
        let app = [
            ("GITHUB_TOKEN", ""),
            ("GITHUB_APP_ID", "7"),
            ("GITHUB_APP_PRIVATE_KEY", key),
        ];
        machine.run(SYNC, &app).expect(3);
        machine.run(CLOSE, &app).expect(3);
        machine.laptop.write("bad.pem", key);
        machine.keep_own_files();
        let app = [
            ("GITHUB_TOKEN", ""),
            ("GITHUB_APP_ID", "7"),
            ("GITHUB_APP_PRIVATE_KEY_FILE", "bad.pem"),
        ];
        machine.run(SYNC, &app).expect(3);
    }
    // The key in place of its file, its id or the token.
    for name in ["GITHUB_APP_PRIVATE_KEY_FILE", "GITHUB_TOKEN"] {
        machine.run(SYNC, &[("GITHUB_TOKEN", ""), ("GITHUB_APP_ID", "7"), (name, &key())]);
    }
    machine.finish(15);
}

#[test]
fn passwords_in_addresses() {
    let machine = Machine::new();
    let port = closed_port();
    for address in [
        format!("https://me:{PASSWORD}@ghes.example"),
        format!("http://me:{PASSWORD}@127.0.0.1:{port}"),
        format!("me:{PASSWORD}@ghes.example"),
        format!("https://me:{PASSWORD}@ghes.example:99999"),
        format!("ftp://me:{PASSWORD}@ghes.example"),
        format!("https://{PASSWORD}@ghes.example"),
        format!("https://ghes.example/?token={PASSWORD}"),
    ] {
        for variable in ["GITHUB_API", "GITHUB_API_URL"] {
            machine.run(SYNC, &[("GITHUB_API", ""), (variable, &address)]).expect(2);
        }
        machine.run(&format!("{SYNC} --github-api {address}"), &[]).expect(2);
    }
    for proxy in [
        format!("http://me:{PASSWORD}@127.0.0.1:{port}"),
        format!("me:{PASSWORD}@127.0.0.1:{port}"),
        format!("https://me:{PASSWORD}@127.0.0.1:{port}"),
        format!("socks5://me:{PASSWORD}@127.0.0.1:{port}"),
        format!("socks9://me:{PASSWORD}@127.0.0.1:{port}"),
        format!("http://me:{PASSWORD}@127.0.0.1:99999"),
    ] {
        // Each takes as long as GitHub is given to come back.
        let machine = &machine;
        thread::scope(|scope| {
            for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
                let proxy = proxy.clone();
                // Where the proxy is ignored, nothing is at this address either.
                let api = format!("https://127.0.0.1:{port}");
                scope.spawn(move || machine.run(SYNC, &[("GITHUB_API", &api), (variable, &proxy)]).expect(3));
            }
        });
    }
    machine.finish(35);
}

#[test]
fn a_proxy_that_repeats_its_password() {
    let machine = Machine::new();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let connects = asked.clone();
    let proxy = serve_whole(move |request| {
        let given = request.header("proxy-authorization").unwrap_or_default().to_owned();
        connects.lock().unwrap().push(format!("{} {given}", request.method));
        let body = format!("{given} me:{PASSWORD}");
        response(407, &[("proxy-authenticate", &given), ("x-error", &body)], &body)
    });
    let proxy = format!("http://me:{PASSWORD}@{proxy}");
    let run = machine.run(SYNC, &[("GITHUB_API", "https://ghes.example"), ("HTTPS_PROXY", &proxy)]);
    run.expect(3);
    let asked = asked.lock().unwrap().clone();
    assert!(
        asked.iter().any(|request| request.starts_with("CONNECT Basic ")),
        "{asked:?}"
    );
    machine.finish(1);
}

/// What a GitHub answers that repeats what it is sent, and at which request: it looks up the installation, gives a
/// token, or is asked for something else.
#[derive(Clone, Copy)]
struct Repeats {
    at: &'static str,
    form: usize,
    /// Afterwards it only refuses.
    answered: bool,
}

const FORMS: usize = 8;

#[test]
fn a_github_that_repeats_what_it_is_sent() {
    let machine = Machine::new();
    let repeats = Arc::new(Mutex::new(None::<Repeats>));
    let own_address = Arc::new(Mutex::new(String::new()));
    let (now, heard, here) = (repeats.clone(), machine.further.clone(), own_address.clone());
    let address = serve_whole(move |request| {
        let given = request.header("authorization").unwrap_or_default();
        let token = given.strip_prefix("Bearer ").unwrap_or_default();
        let mut heard = heard.lock().unwrap();
        if !token.is_empty() && token != TOKEN && !heard.iter().any(|known| known == token) {
            heard.push(token.to_owned());
        }
        let message = format!("{given} is wrong, {token} too, and {:?}", request.headers);
        let body = json!({"message": message, "documentation_url": token, "errors": [message, {"message": token}]});
        let headers = [("x-github-request-id", token), ("x-accepted-github-permissions", token)];
        let mut repeats = now.lock().unwrap();
        let repeats = repeats.as_mut().unwrap();
        if !request.path.contains(repeats.at) && request.path.ends_with("/installation") {
            return response(200, &[], r#"{"id": 7}"#);
        }
        if !request.path.contains(repeats.at) && request.path.ends_with("/access_tokens") {
            return response(201, &[], r#"{"token": "ghs_canary0of0an0installation0123456789"}"#);
        }
        if std::mem::replace(&mut repeats.answered, true) {
            return response(422, &headers, &body.to_string());
        }
        let elsewhere = format!("{}/x?access_token={token}", here.lock().unwrap());
        match repeats.form {
            0 => response(401, &headers, &body.to_string()),
            1 => response(403, &headers, &body.to_string()),
            2 => response(422, &headers, &body.to_string()),
            3 => response(500, &headers, &body.to_string()),
            4 => response(
                200,
                &headers,
                &json!({"data": null, "errors": [{"message": token}]}).to_string(),
            ),
            5 => response(
                200,
                &headers,
                &json!({"data": token, "errors": token, "id": token}).to_string(),
            ),
            6 => response(307, &[("location", &elsewhere)], token),
            _ => response(404, &headers, &format!("<html>{message}</html>")),
        }
    });
    *own_address.lock().unwrap() = format!("http://{address}");
    let api = own_address.lock().unwrap().clone();
    let key = key();
    let github = ("GITHUB_API", api.as_str());
    let app = [
        github,
        ("GITHUB_TOKEN", ""),
        ("GITHUB_APP_ID", "7"),
        ("GITHUB_APP_PRIVATE_KEY", &key),
    ];
    let mut masked = 0;
    for form in 0..FORMS {
        for (at, arguments, variables) in [
            ("/", SYNC, &[github][..]),
            ("/", CLOSE, &[github]),
            ("/installation", SYNC, &app),
            ("/access_tokens", SYNC, &app),
            ("/graphql", SYNC, &app),
        ] {
            *repeats.lock().unwrap() = Some(Repeats {
                at,
                form,
                answered: false,
            });
            let run = machine.run(arguments, variables);
            masked += usize::from(run.stderr.contains("***") || run.stdout.contains("***"));
        }
    }
    assert!(masked > 20, "what is repeated is shown without the token: {masked}");
    let heard = machine.further.lock().unwrap().clone();
    for start in ["eyJ", "ghs_canary"] {
        assert!(heard.iter().any(|token| token.starts_with(start)), "{heard:?}");
    }
    machine.finish(FORMS * 5);
}

#[test]
fn every_fault_of_github() {
    let machine = Machine::new();
    let key = key();
    let app = [
        ("GITHUB_TOKEN", ""),
        ("GITHUB_APP_ID", "7"),
        ("GITHUB_APP_PRIVATE_KEY", key.as_str()),
    ];
    // In virtual time those that take long are tried too.
    let slow = |kind: &FaultKind| {
        matches!(
            kind,
            FaultKind::Delay { .. } | FaultKind::SlowDrip { .. } | FaultKind::RateLimitSecondary { .. }
        )
    };
    for kind in FaultKind::each().into_iter().filter(|kind| !slow(kind)) {
        machine
            .laptop
            .github
            .inject(Fault::on(OperationKind::GraphQlQuery, kind));
        machine.run(SYNC, &app);
        machine.laptop.github.clear_faults();
    }
    machine
        .laptop
        .github
        .inject(Fault::on(OperationKind::CreateDeployment, FaultKind::Html).after());
    machine.run(&format!("{SYNC} --cluster-name another"), &app).expect(0);
    machine.finish(30);
}

#[test]
fn a_cluster_that_is_not_there() {
    let mut machine = Machine::new();
    let port = closed_port();
    let kubeconfig = machine.laptop.folder().join("kubeconfig");
    for server in [
        format!("http://127.0.0.1:{port}"),
        format!("http://me:{PASSWORD}@127.0.0.1:{port}"),
        format!("https://me:{PASSWORD}@127.0.0.1:{port}"),
        format!("me:{PASSWORD}@127.0.0.1"),
        format!("https://me:{PASSWORD}@127.0.0.1:99999"),
    ] {
        write_kubeconfig_with(&kubeconfig, &server, KUBERNETES_TOKEN);
        machine.keep_own_files();
        for (arguments, code) in [("sync", 3), ("status deployment/web", 1), ("sync -f good.yaml", 3)] {
            let run = machine.run(&format!("{arguments} --kubeconfig kubeconfig -vvv"), &[]);
            assert!(run.code == code || run.code == 3, "{run:?}");
        }
    }
    for text in [
        format!("users: [{{name: me, user: {{token: {KUBERNETES_TOKEN}"),
        format!("users: {{{KUBERNETES_TOKEN}: ["),
        format!("{{current-context: {KUBERNETES_TOKEN}}}: x"),
        format!("users: [{{name: me, user: {KUBERNETES_TOKEN}}}]"),
        format!("users: [{{name: me, user: {{tokenFile: 5, token: {KUBERNETES_TOKEN}}}}}]"),
    ] {
        machine.laptop.write("kubeconfig", text);
        machine.keep_own_files();
        machine.run("sync --kubeconfig kubeconfig -vvv", &[]).expect(3);
    }
    machine.finish(20);
}
