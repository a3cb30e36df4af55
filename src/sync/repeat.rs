//! Passes again and again, at an interval, until the user stops them.

use std::{future::pending, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::{Pass, RunError, Settings, World, run};

/// Runs a pass every `interval` until the user stops; a pass that fails does not end the loop.
///
/// Every pass, or the reason why it could not run, is given to `tell`; what that answers for the last one is
/// returned.
pub async fn repeat<T>(
    world: &World,
    settings: &Settings,
    interval: Duration,
    mut tell: impl FnMut(Result<Pass, RunError>) -> T,
) -> T {
    let memory = Arc::default();
    loop {
        let started = Instant::now();
        let told = tell(run(world, settings, &memory).await);
        tokio::select! {
            // First: a pass that took longer than the interval must not be followed by another one then.
            biased;
            () = stopped(world) => return told,
            () = sleep_until(started + interval) => {}
        }
    }
}

/// Ready once the user wants an end; never where nobody can say so any more.
pub(super) async fn stopped(world: &World) {
    let mut stop = world.stop.clone();
    if stop.wait_for(|stop| *stop).await.is_err() {
        pending().await
    }
}
