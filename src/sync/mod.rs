//! The pass: read what is wanted, read what exists, decide, write the difference, tell.

mod apply;
mod close;
mod content;
mod environments;
mod finalizer;
mod gather;
mod links;
mod memory;
mod outcome;
mod renamed;
mod repeat;
mod settings;
mod standing;
mod status;
mod wait;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

pub use close::{CloseSettings, Closed, close};
pub use repeat::repeat;
pub use settings::{
    AllowedRepositories, AllowedRepositoriesError, DEFAULT_MAX_WRITES, DeclaredIn, Details, ObjectsIn, Settings,
};
pub use wait::{Waited, Waiting, wait};

use gather::Gathered;
use memory::Memory;

use crate::{
    github::{GitHub, GitHubError},
    report::{Document, Progress, SUPERSEDED},
    source::{Kept, SourceError},
};

/// What the cluster is told after the deadline takes no longer: what ended the pass is worth a moment.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What a pass works with: the two servers, the clock, and the wish to stop.
#[derive(Clone)]
pub struct World {
    /// None where everything comes from files.
    pub kubernetes: Option<kube::Client>,
    /// GitHub.
    pub github: GitHub,
    /// Wall clock, for windows of time in Kubernetes objects.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// True once the user wants the pass to end: writes under way are finished, everything else is deferred.
    pub stop: watch::Receiver<bool>,
    /// What stdin and pipes hold: they can be read only once.
    pub kept: Kept,
    /// Told how far the pass is.
    pub progress: Progress,
}

/// Why a pass could not run at all. What goes wrong with single objects is in the [`Document`] instead.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The GitHubDeployments or the objects could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// GitHub answered for none of the environments.
    #[error(transparent)]
    GitHub(#[from] GitHubError),
    /// The cluster is needed, and there is no client for it.
    #[error("a cluster is needed: give --kubeconfig or --context, or read files with --filename and --objects")]
    NoCluster,
    /// Reading took all the time there was.
    #[error("--deadline passed before everything was read; nothing was written, so give more time")]
    DeadlineExceeded,
}

/// What a pass found and did.
#[derive(Debug)]
pub struct Pass {
    /// For the user.
    pub document: Document,
    /// True if `--deadline` ended it early.
    pub timed_out: bool,
}

/// One pass.
///
/// - reads the GitHubDeployments, then the objects that they name: health and ref of each;
/// - reads the environments of GitHub that they speak for;
/// - decides, environment by environment;
/// - writes the difference, unless this is a dry run, and tells the objects about it.
///
/// # Errors
/// Only where nothing could be done at all: no cluster, no GitHub.
pub async fn run_once(world: &World, settings: &Settings) -> Result<Pass, RunError> {
    run(world, settings, &Arc::default()).await
}

/// One of several passes, which share a memory.
async fn run(world: &World, settings: &Settings, memory: &Arc<Memory>) -> Result<Pass, RunError> {
    let deadline = deadline(settings);
    let gathered = before(deadline, gather::gather(world, settings, memory)).await?;
    report(world, settings, deadline, gathered).await
}

/// The second half of a pass, which GitHub is asked for and told.
async fn report(
    world: &World,
    settings: &Settings,
    deadline: Option<Instant>,
    mut gathered: Gathered,
) -> Result<Pass, RunError> {
    let world = &World {
        github: world.github.for_pass(deadline),
        ..world.clone()
    };
    if !settings.dry_run {
        let held = async {
            finalizer::hold(world, &mut gathered).await;
            Ok(())
        };
        before(deadline, held).await?;
    }
    // An owner or an environment of which GitHub says nothing leaves time for all others.
    let reader = World {
        github: world.github.with_read_deadline(deadline.map(halfway)),
        ..world.clone()
    };
    let reading = async { Ok(environments::read(&reader, settings, &mut gathered).await) };
    let (environments, outage) = before(deadline, reading).await?;
    let mut pass = apply::Pass::new(world, settings, deadline, gathered, environments);
    if let Some(error) = outage {
        // What the objects show would be taken for the present.
        let (pass, sources) = pass.finish();
        if settings.write_status && !settings.dry_run {
            at_last(
                end_of_last_words(deadline),
                status::write(world, &pass.document, &sources),
            )
            .await;
        }
        return Err(error.into());
    }
    if settings.dry_run {
        pass.plan_only();
        return Ok(pass.finish().0);
    }
    pass.apply().await;
    let end = end_of_last_words(deadline);
    at_last(end, finalizer::release(&pass)).await;
    let (pass, sources) = pass.finish();
    if settings.write_status {
        at_last(end, status::write(world, &pass.document, &sources)).await;
    }
    Ok(pass)
}

/// When a pass that begins now has to be over.
fn deadline(settings: &Settings) -> Option<Instant> {
    settings.deadline.map(|deadline| Instant::now() + deadline)
}

/// The middle of the time that is left.
fn halfway(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / 2
}

/// What is read, unless the deadline comes first.
async fn before<T>(
    deadline: Option<Instant>,
    reading: impl Future<Output = Result<T, RunError>>,
) -> Result<T, RunError> {
    match deadline {
        Some(deadline) => timeout_at(deadline, reading)
            .await
            .unwrap_or(Err(RunError::DeadlineExceeded)),
        None => reading.await,
    }
}

/// When the cluster has to be told everything; never before it had a moment.
fn end_of_last_words(deadline: Option<Instant>) -> Option<Instant> {
    deadline.map(|deadline| deadline.max(Instant::now() + LAST_WORDS))
}

/// What the cluster is told at the end of a pass, also where the deadline was reached before.
async fn at_last(end: Option<Instant>, telling: impl Future<Output = ()>) {
    let Some(end) = end else {
        return telling.await;
    };
    if timeout_at(end, telling).await.is_err() {
        tracing::warn!("the cluster took too long to be told the result; the next pass tells what is missing");
    }
}
