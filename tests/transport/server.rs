//! A server on loopback, with TLS or without, that remembers what came.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use github_emulator::Emulator;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use tokio::{
    net::TcpListener,
    runtime::{self, Runtime},
};
use tokio_rustls::TlsAcceptor;
use tower::{ServiceExt as _, service_fn};

pub const HTTP_1: &[u8] = b"http/1.1";
pub const HTTP_2: &[u8] = b"h2";

pub type Answer = Response<Full<Bytes>>;

/// What came to a server.
#[derive(Debug, Default)]
pub struct Seen {
    /// Connections on which TLS, if there is any, was agreed on.
    pub connections: usize,
    pub requests: Vec<Arrived>,
}

#[derive(Debug)]
pub struct Arrived {
    pub version: Version,
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    seen: Arc<Mutex<Seen>>,
    _runtime: Runtime,
}

impl Server {
    /// Serves the emulator.
    pub fn of_emulator(tls: Option<ServerConfig>, emulator: &Emulator) -> Self {
        let emulator = emulator.clone();
        Self::new(tls, move |request| Box::pin(emulated(emulator.clone(), request)))
    }

    /// Serves what `answer` says.
    pub fn new<F>(tls: Option<ServerConfig>, answer: F) -> Self
    where
        F: Fn(Request<Bytes>) -> BoxFuture<'static, Answer> + Send + Sync + 'static,
    {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let seen = Arc::default();
        runtime.spawn(serve(
            listener,
            tls.map(|config| TlsAcceptor::from(Arc::new(config))),
            Arc::new(answer),
            Arc::clone(&seen),
        ));
        Self {
            address,
            scheme,
            seen,
            _runtime: runtime,
        }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Its address by the name `localhost`.
    pub fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.port())
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }
}

async fn serve<F>(listener: TcpListener, tls: Option<TlsAcceptor>, answer: Arc<F>, seen: Arc<Mutex<Seen>>)
where
    F: Fn(Request<Bytes>) -> BoxFuture<'static, Answer> + Send + Sync + 'static,
{
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let (tls, answer, seen) = (tls.clone(), Arc::clone(&answer), Arc::clone(&seen));
        tokio::spawn(async move {
            let count = Arc::clone(&seen);
            let service = TowerToHyperService::new(service_fn(move |request: Request<hyper::body::Incoming>| {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                async move {
                    let (head, body) = request.into_parts();
                    let body = body
                        .collect()
                        .await
                        .map(http_body_util::Collected::to_bytes)
                        .unwrap_or_default();
                    seen.lock().unwrap().requests.push(Arrived {
                        version: head.version,
                        method: head.method.to_string(),
                        path: head.uri.path().to_owned(),
                        headers: head.headers.clone(),
                        body: body.clone(),
                    });
                    Ok::<_, Infallible>(answer(Request::from_parts(head, body)).await)
                }
            }));
            let builder = Builder::new(TokioExecutor::new());
            // A client that goes away is no fault of the server; the tests look at the client.
            match tls {
                None => {
                    count.lock().unwrap().connections += 1;
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                }
                Some(tls) => {
                    let Ok(stream) = tls.accept(stream).await else { return };
                    count.lock().unwrap().connections += 1;
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                }
            }
        });
    }
}

/// The emulator's answer.
pub async fn emulated(emulator: Emulator, request: Request<Bytes>) -> Answer {
    let answer = emulator.service().oneshot(request.map(Full::new)).await.unwrap();
    let (head, body) = answer.into_parts();
    Response::from_parts(head, Full::new(body.collect().await.unwrap().to_bytes()))
}

/// An answer in JSON.
pub fn json(status: u16, body: &serde_json::Value) -> Answer {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("x-github-request-id", "C0DE:1")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap()
}
