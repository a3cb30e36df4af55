//! SIGINT and SIGTERM: the first asks for an end after the write that is under way, the second ends at once.

use std::{
    io,
    sync::{Arc, OnceLock},
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use super::exit::Exit;

/// The first signal, once it came, as the code to end with.
#[derive(Clone, Debug, Default)]
pub struct First(Arc<OnceLock<Exit>>);

impl First {
    /// None before.
    pub fn exit(&self) -> Option<Exit> {
        self.0.get().copied()
    }
}

/// Listens from now on. The receiver turns true at the first signal; the future is ready at the second, with the
/// code to end with. It must be polled beside the work, for nothing is noticed otherwise.
///
/// # Errors
/// When the operating system refuses.
pub fn listen() -> io::Result<(watch::Receiver<bool>, First, impl Future<Output = Exit>)> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (cancel, cancelled) = watch::channel(false);
    let first_exit = First::default();
    let known = first_exit.clone();
    let second = async move {
        let first = either(&mut interrupt, &mut terminate).await;
        tracing::info!(signal = ?first, "ending after the write that is under way; a second signal ends at once");
        known.0.get_or_init(|| first);
        cancel.send_replace(true);
        either(&mut interrupt, &mut terminate).await
    };
    Ok((cancelled, first_exit, second))
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) -> Exit {
    tokio::select! {
        _ = interrupt.recv() => Exit::Interrupted,
        _ = terminate.recv() => Exit::Terminated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn send(signal: &str) {
        let process = std::process::id().to_string();
        let sent = Command::new("kill").args([signal, &process]).status();
        assert!(sent.expect("kill exists").success());
    }

    #[tokio::test]
    async fn the_first_asks_and_the_second_ends() {
        let (mut cancelled, first, second) = listen().expect("signals");
        assert!(!*cancelled.borrow());
        assert_eq!(first.exit(), None);
        let work = async {
            send("-INT");
            cancelled.changed().await.expect("the first signal");
            assert!(*cancelled.borrow());
            assert_eq!(first.exit(), Some(Exit::Interrupted));
            send("-TERM");
            std::future::pending::<()>().await;
        };
        let code = tokio::select! {
            code = second => code,
            () = work => unreachable!(),
        };
        assert_eq!(code, Exit::Terminated);
    }
}
