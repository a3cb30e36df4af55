//! A real forward proxy between the program and GitHub.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, LazyLock, Mutex},
    thread,
};

use crate::{
    authority::{Authority, Identity},
    laptop, refused, reported,
    server::{HTTP_1, HTTP_2, Server},
    support::{
        api_server, built, eventually,
        laptop::{Laptop, closed_port},
        repository_file,
    },
    sync,
};

const USER: &str = "robot";
const PASSWORD: &str = "p@ss:w/rd";
const ENCODED: &str = "p%40ss%3Aw%2Frd";

/// A proxy, until it is dropped.
struct Proxy {
    process: Child,
    port: u16,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts one that wants [`USER`] and [`PASSWORD`], with TLS if it gets a certificate; None where none can be fetched.
    fn start(tls: Option<&Identity>, folder: &Path) -> Option<Self> {
        static FOLDER: LazyLock<Option<PathBuf>> = LazyLock::new(|| built::folder("hack/proxy/build", "forward proxy"));

        let modules = FOLDER.as_deref()?.join("node_modules");
        let mut command = Command::new("node");
        command
            .arg(repository_file("hack/proxy/proxy.js"))
            .env("NODE_PATH", modules)
            .envs([("PROXY_USER", USER), ("PROXY_PASSWORD", PASSWORD)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some(identity) = tls {
            for (variable, name, text) in [
                ("PROXY_CERTIFICATE", "proxy.pem", &identity.certificate),
                ("PROXY_KEY", "proxy.key", &identity.key),
            ] {
                std::fs::write(folder.join(name), text).unwrap();
                command.env(variable, folder.join(name));
            }
        }
        let mut process = command.spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = output.next().unwrap().unwrap().parse().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        thread::spawn(move || {
            output
                .map_while(Result::ok)
                .for_each(|line| kept.lock().unwrap().push(line))
        });
        Some(Self { process, port, lines })
    }

    /// Its address with user and password.
    fn address(&self, scheme: &str, password: &str) -> String {
        format!("{scheme}://{USER}:{password}@localhost:{}", self.port)
    }

    /// What it was asked, once that is something.
    fn asked(&self) -> Vec<String> {
        eventually("a request at the proxy", || {
            let lines = self.lines.lock().unwrap().clone();
            (!lines.is_empty()).then_some(lines)
        })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// GitHub with TLS, and the variable that makes it trusted.
fn github(laptop: &Laptop, authority: &Authority) -> (Server, String) {
    let tls = authority.identity(&["localhost"]).config(&[HTTP_2, HTTP_1]);
    let server = Server::of_emulator(Some(tls), &laptop.github);
    (server, authority.file().display().to_string())
}

#[test]
fn requests_go_through_a_tunnel() {
    let authority = Authority::new();
    for (variable, scheme) in [("HTTPS_PROXY", "http"), ("https_proxy", "https"), ("ALL_PROXY", "http")] {
        let laptop = laptop();
        let (server, file) = github(&laptop, &authority);
        let identity = (scheme == "https").then(|| authority.identity(&["localhost"]));
        let Some(proxy) = Proxy::start(identity.as_ref(), laptop.folder()) else {
            return;
        };
        let address = proxy.address(scheme, ENCODED);
        let variables = [("SSL_CERT_FILE", file.as_str()), (variable, &address)];
        reported(&laptop, sync(&laptop, &server.url(), &variables));
        let tunnel = format!("CONNECT localhost:{}", server.port());
        assert_eq!(proxy.asked(), [tunnel], "{variable}: one tunnel for all requests");
        assert_eq!(server.seen().requests[0].version, http::Version::HTTP_2);
    }
}

#[test]
fn a_proxy_that_refuses_is_explained_without_the_password() {
    let authority = Authority::new();
    for (name, user) in [
        ("proxy_password_wrong", Some("robot:hunter2")),
        ("proxy_password_missing", None),
    ] {
        let laptop = laptop();
        let (server, file) = github(&laptop, &authority);
        let Some(proxy) = Proxy::start(None, laptop.folder()) else {
            return;
        };
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let address = format!("http://{user}localhost:{}", proxy.port);
        let run = sync(
            &laptop,
            &server.url(),
            &[("SSL_CERT_FILE", &file), ("HTTPS_PROXY", &address)],
        );
        for text in [&run.stdout, &run.stderr] {
            assert!(!text.contains("hunter2"), "{text}");
        }
        let run = crate::Run {
            stderr: run.stderr.replace(&proxy.port.to_string(), "PROXY"),
            ..run
        };
        refused(name, &laptop, &server, run);
        if !user.is_empty() {
            assert_eq!(proxy.asked(), [format!("REFUSED localhost:{}", server.port())]);
        }
        assert_eq!(server.seen().connections, 0);
    }
}

#[test]
fn exceptions_need_no_proxy() {
    let authority = Authority::new();
    let laptop = laptop();
    let (server, file) = github(&laptop, &authority);
    let proxy = format!("http://localhost:{}", closed_port());
    let with_port = format!("localhost:{}", server.port());
    for exception in ["localhost", "*", &with_port, "example.com, .localhost"] {
        let variables = [
            ("SSL_CERT_FILE", file.as_str()),
            ("HTTPS_PROXY", &proxy),
            ("NO_PROXY", exception),
        ];
        sync(&laptop, &server.url(), &variables).expect(0);
    }
    assert_eq!(laptop.github.states("octo-org/web", "staging"), [["success"]]);
    assert_eq!(server.seen().connections, 4);
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let authority = Authority::new();
    let laptop = laptop();
    let (server, file) = github(&laptop, &authority);
    let port = closed_port();
    let rows = [
        ("proxy_absent", format!("http://robot:hunter2@localhost:{port}")),
        ("proxy_by_socks", format!("socks5://robot:hunter2@localhost:{port}")),
        ("proxy_malformed", "http://robot:hunter#2@localhost:port".to_owned()),
    ];
    for (name, proxy) in rows {
        let run = sync(
            &laptop,
            &server.url(),
            &[("SSL_CERT_FILE", &file), ("HTTPS_PROXY", &proxy)],
        );
        let run = crate::Run {
            stderr: run.stderr.replace(&port.to_string(), "PROXY"),
            ..run
        };
        assert!(!run.stderr.contains("hunter"), "{}", run.stderr);
        refused(name, &laptop, &server, run);
    }
}

#[test]
fn a_proxy_whose_certificate_is_not_trusted_is_named() {
    let authority = Authority::new();
    let laptop = laptop();
    let (server, file) = github(&laptop, &authority);
    let identity = Authority::new().identity(&["localhost"]);
    let Some(proxy) = Proxy::start(Some(&identity), laptop.folder()) else {
        return;
    };
    let address = proxy.address("https", ENCODED);
    let run = sync(
        &laptop,
        &server.url(),
        &[("SSL_CERT_FILE", &file), ("HTTPS_PROXY", &address)],
    );
    let run = crate::Run {
        stderr: run.stderr.replace(&proxy.port.to_string(), "PROXY"),
        ..run
    };
    refused("proxy_not_trusted", &laptop, &server, run);
}

#[test]
fn the_cluster_of_this_machine_needs_no_proxy() {
    let laptop = laptop();
    let address = api_server::serve(|_, _| api_server::not_found());
    api_server::write_kubeconfig(&laptop.folder().join("kubeconfig"), &format!("http://{address}"));
    let proxy = format!("http://localhost:{}", closed_port());
    let mut command = laptop.program();
    command.env("HTTPS_PROXY", &proxy).env("KUBECONFIG", "kubeconfig");
    let run = crate::Run::of(command.args(["sync", "--dry-run"])).expect(3);
    assert!(
        run.stderr.contains("this cluster does not know the resource"),
        "what the API server says: {}",
        run.stderr
    );
}
