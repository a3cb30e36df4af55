//! The emulator on a socket.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::emulator::Emulator;
use crate::service::Service;

/// An emulator that serves a socket of this machine until it is dropped.
pub struct Running {
    /// The emulator, to look into.
    pub emulator: Emulator,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Running {
    /// `http://127.0.0.1:port`, the base address of REST.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Emulator {
    /// Serves connections until the future is dropped.
    pub async fn serve(&self, listener: TcpListener) {
        loop {
            // A connection that ended before it was accepted is no reason to stop.
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            let Ok((stream, socket)) = twice(stream) else {
                continue;
            };
            let service = TowerToHyperService::new(Service::new(self.clone(), Some(Arc::new(socket))));
            tokio::spawn(async move {
                // Errors are clients that went away, or answers that are lost on purpose.
                let _ = Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }

    /// Serves a free port of the loopback interface.
    ///
    /// # Errors
    /// If no port can be had.
    pub async fn spawn(self) -> io::Result<Running> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let emulator = self.clone();
        let task = tokio::spawn(async move { self.serve(listener).await });
        Ok(Running {
            emulator,
            address,
            task,
        })
    }
}

/// A second handle of a connection, for what concerns all of it.
fn twice(stream: TcpStream) -> io::Result<(TcpStream, std::net::TcpStream)> {
    let stream = stream.into_std()?;
    let again = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, again))
}
