//! What the passes of one process share. A pass in another process does as well without.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use tokio::sync::OnceCell;

use crate::{
    plan::{Identity, is_other_rollout},
    source::{self, Facts, ObjectReference, SourceError},
};

/// What is not asked again, and what a ref that a user gave belongs to.
#[derive(Debug, Default)]
pub(super) struct Memory {
    cluster: OnceCell<String>,
    /// Of each object the rollout that was found first: a given ref is that one's only.
    rollouts: Mutex<BTreeMap<ObjectReference, Identity>>,
}

impl Memory {
    /// The uid of the cluster; none where it may not be read.
    pub async fn cluster_uid(&self, client: &kube::Client) -> Result<Option<String>, SourceError> {
        if let Some(known) = self.cluster.get() {
            return Ok(Some(known.clone()));
        }
        let uid = source::cluster_uid(client).await?;
        if let Some(uid) = &uid {
            // Somebody else may have been quicker, with the same answer.
            _ = self.cluster.set(uid.clone());
        }
        Ok(uid)
    }

    /// True if the object shows another rollout than the first time.
    pub fn is_superseded_by(&self, object: &ObjectReference, facts: &Facts) -> bool {
        let now = Identity {
            uid: facts.uid.clone(),
            rollout: facts.rollout.clone(),
            ..Identity::default()
        };
        let mut rollouts = self.rollouts.lock().unwrap_or_else(PoisonError::into_inner);
        let first = rollouts.entry(object.clone()).or_insert_with(|| now.clone());
        is_other_rollout(first, &now)
    }
}
