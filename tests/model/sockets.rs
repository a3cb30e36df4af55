//! The same runs with the binary: its requests come over sockets, and it is killed as the kernel kills.

use std::{
    future::Future,
    io,
    process::{Output, Stdio},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use kube_status_to_github::{
    crd::GitHubDeploymentSpec,
    sync::{DeclaredIn, Settings},
};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    process::Command,
    task::{AbortHandle, JoinSet},
};
use tower::{Service, ServiceExt};

use crate::{
    objects::NAMESPACE,
    wire::Wire,
    world::{Ended, TOKEN},
};

/// One run of the binary.
pub async fn run(wire: &Wire, cluster: usize, settings: &Settings) -> Ended {
    let home = TempDir::new().unwrap();
    let (kubernetes, _kubernetes) = serve(wire.kubernetes(cluster)).await;
    let (github, _github) = serve(wire.github()).await;
    let kubeconfig = home.path().join("kubeconfig");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "model",
        "clusters": [{"name": "model", "cluster": {"server": kubernetes}}],
        "users": [{"name": "model", "user": {"token": "of-the-model"}}],
        "contexts": [{"name": "model", "context": {"cluster": "model", "user": "model", "namespace": NAMESPACE}}],
    });
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_kube-status-to-github"))
        .args(arguments(settings))
        .env_clear()
        .env("HOME", home.path())
        .env("KUBECONFIG", kubeconfig)
        .env("GITHUB_API", &github)
        .env("GITHUB_TOKEN", TOKEN)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    tokio::select! {
        biased;
        () = wire.killed.notified() => Ended::Killed,
        output = child.wait_with_output() => ended(&output.unwrap(), &github),
    }
}

fn ended(output: &Output, github: &str) -> Ended {
    // Each run has a port of its own, and links have it too.
    let stdout = String::from_utf8_lossy(&output.stdout).replace(github, "http://github");
    match serde_json::from_str(&stdout) {
        Ok(document) => Ended::Done(Box::new(document)),
        Err(_) => Ended::Failed(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// The command line of these settings.
fn arguments(settings: &Settings) -> Vec<String> {
    let mut line = vec!["sync".to_owned()];
    match &settings.declared_in {
        DeclaredIn::Flags { spec, git_ref, .. } => line.extend(flags(spec, git_ref.as_deref())),
        DeclaredIn::Cluster { selector, .. } => {
            line.extend(selector.iter().map(|labels| format!("--selector={labels}")))
        }
        DeclaredIn::Files { .. } | DeclaredIn::Listed { .. } => unreachable!("the model declares nothing in files"),
    }
    line.extend(
        settings
            .cluster_name
            .iter()
            .map(|name| format!("--cluster-name={name}")),
    );
    line.extend(
        settings
            .deadline
            .iter()
            .map(|deadline| format!("--deadline={}s", deadline.as_secs())),
    );
    line.push(format!("--max-writes={}", settings.max_writes));
    line.push(format!("--write-status={}", settings.write_status));
    line.extend(settings.dry_run.then(|| "--dry-run".to_owned()));
    line.push("--output=json".to_owned());
    line
}

/// The flags of a pipeline.
fn flags(spec: &GitHubDeploymentSpec, git_ref: Option<&str>) -> Vec<String> {
    let mut flags = vec![
        format!("{}/{}", spec.source_ref.kind, spec.source_ref.name),
        format!("--repo={}", spec.repository.name),
        format!("--environment={}", spec.repository.environment),
    ];
    let further = [
        ("task", spec.repository.task.as_deref()),
        ("container", spec.extract.container_name.as_deref()),
        ("json-path", spec.extract.json_path.as_deref()),
        ("ref", git_ref),
    ];
    let given = further
        .into_iter()
        .filter_map(|(flag, value)| Some(format!("--{flag}={}", value?)));
    flags.extend(given);
    flags
}

/// Ends what it holds when it goes.
struct Serving(AbortHandle);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Serves a free port.
async fn serve<S, Body, Answer>(service: S) -> (String, Serving)
where
    S: Service<Request<Body>, Response = Response<Answer>, Error = io::Error> + Clone + Send + 'static,
    S::Future: Future<Output = io::Result<Response<Answer>>> + Send + 'static,
    Body: From<Vec<u8>> + Send + 'static,
    Answer: http_body::Body<Data = Bytes> + Send + 'static,
    Answer::Error: Into<tower::BoxError>,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        // Connections end with it.
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            let service = tower::service_fn(move |request: Request<Incoming>| {
                let service = service.clone();
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
                    service
                        .oneshot(Request::from_parts(head, Body::from(body.into())))
                        .await
                }
            });
            connections.spawn(async move {
                let service = TowerToHyperService::new(service);
                // Errors are clients that were killed, or answers that are lost on purpose.
                let _ = Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    (address, Serving(serving.abort_handle()))
}
