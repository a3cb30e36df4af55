//! Hearing of changes as they come: a watch on each of a few objects.
//!
//! It only ever tells that it is time to look; whoever looks reads the objects themselves. So a watch that is not
//! permitted, not offered or interrupted costs no more than a look that comes later.

use std::{collections::BTreeSet, fmt, pin::Pin, time::Duration};

use futures::{
    Stream, StreamExt,
    stream::{self, SelectAll},
};
use kube::{
    Client,
    api::{PartialObjectMeta, WatchEvent, WatchParams},
    core::Request,
};
use tokio::time::{Instant, sleep};

use super::{ObjectReference, Objects};

/// More objects than that are not watched: each is a request that stays open.
const MOST: usize = 8;

/// After so many seconds the API server ends a watch, and another is begun: a connection that was lost is noticed so.
const TURN: u32 = 50;

/// Between two watches, where the first did not last.
const PAUSE: Duration = Duration::from_secs(2);

type Changes = Pin<Box<dyn Stream<Item = ()> + Send>>;
type Events = Pin<Box<dyn Stream<Item = kube::Result<WatchEvent<PartialObjectMeta>>> + Send>>;

/// Tells when one of a few objects changes.
#[derive(Default)]
pub struct Watch {
    followed: BTreeSet<ObjectReference>,
    changes: SelectAll<Changes>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("followed", &self.followed)
            .finish_non_exhaustive()
    }
}

impl Watch {
    /// Follows these objects too, each from the version on in which it was seen. Those of files do not change, and
    /// where there are many, none is followed.
    pub async fn follow(&mut self, objects: &Objects, seen: &[(ObjectReference, String)]) {
        let Objects::Cluster(cluster) = objects else { return };
        if seen.len() > MOST {
            return;
        }
        for (reference, version) in seen {
            if self.followed.len() >= MOST || !self.followed.insert(reference.clone()) {
                continue;
            }
            if let Ok(collection) = cluster.collection(reference).await {
                let turns = Turns {
                    client: cluster.client().clone(),
                    collection,
                    name: reference.name.clone(),
                    version: version.clone(),
                    events: None,
                    begun: Instant::now(),
                };
                self.changes.push(Box::pin(stream::unfold(turns, Turns::next)));
            }
        }
    }

    /// Ready when one of the objects has changed since it was seen; never where none is followed.
    pub async fn changed(&mut self) {
        if self.changes.next().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// One watch after the other on one object.
struct Turns {
    client: Client,
    collection: String,
    name: String,
    /// The newest that is known.
    version: String,
    events: Option<Events>,
    begun: Instant,
}

impl Turns {
    /// The next change; none where nothing can be heard of the object.
    async fn next(mut self) -> Option<((), Self)> {
        loop {
            let mut events = match self.events.take() {
                Some(events) => events,
                None => match self.begin().await {
                    Ok(events) => events,
                    Err(error) => {
                        self.recover(&error).await?;
                        continue;
                    }
                },
            };
            match events.next().await {
                Some(Ok(WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object))) => {
                    let version = object.metadata.resource_version.unwrap_or_default();
                    self.events = Some(events);
                    // A watch that begins anew tells first what is there already.
                    if version != self.version {
                        self.version = version;
                        return Some(((), self));
                    }
                }
                Some(Ok(WatchEvent::Bookmark(bookmark))) => {
                    self.version = bookmark.metadata.resource_version;
                    self.events = Some(events);
                }
                Some(Ok(WatchEvent::Error(status))) => self.recover(&kube::Error::Api(status)).await?,
                Some(Err(error)) => self.recover(&error).await?,
                None if self.begun.elapsed() < PAUSE => sleep(PAUSE).await,
                None => {}
            }
        }
    }

    async fn begin(&mut self) -> kube::Result<Events> {
        self.begun = Instant::now();
        let one = WatchParams::default()
            .fields(&format!("metadata.name={}", self.name))
            .timeout(TURN);
        let request = Request::new(&self.collection)
            .watch_metadata(&one, &self.version)
            .map_err(kube::Error::BuildRequest)?;
        let events = self.client.request_events::<PartialObjectMeta>(request).await?;
        Ok(Box::pin(events))
    }

    /// Whether another watch may do better, and once it is time for it; none where it will not.
    async fn recover(&mut self, error: &kube::Error) -> Option<()> {
        let Self { collection, name, .. } = self;
        tracing::debug!(%error, collection, name, "the watch has ended");
        match error {
            // The version is too old. The next watch begins with what is there.
            kube::Error::Api(status) if status.code == 410 => self.version.clear(),
            kube::Error::Api(status) if status.code != 429 && status.code < 500 => return None,
            kube::Error::SerdeError(_) | kube::Error::BuildRequest(_) => return None,
            _ => {}
        }
        sleep(PAUSE).await;
        Some(())
    }
}
