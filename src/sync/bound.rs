//! A ref that a user gave is the ref of one rollout of each object only.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::{
    plan::Hash,
    source::{Facts, ObjectReference},
};

/// The rollouts that a given ref belongs to: of each object the first one that is found, for as long as the process
/// repeats its passes.
#[derive(Debug, Default)]
pub(super) struct Bound(Mutex<BTreeMap<ObjectReference, Rollout>>);

#[derive(Debug)]
struct Rollout {
    uid: Option<String>,
    template: Option<Hash>,
}

impl Bound {
    /// True if the object shows another rollout than the first time. What one of the two does not know counts as equal.
    pub fn is_superseded_by(&self, object: &ObjectReference, facts: &Facts) -> bool {
        let mut rollouts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = rollouts.entry(object.clone()).or_insert_with(|| Rollout {
            uid: facts.uid.clone(),
            template: facts.rollout.clone(),
        });
        differ(first.uid.as_ref(), facts.uid.as_ref()) || differ(first.template.as_ref(), facts.rollout.as_ref())
    }
}

fn differ<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a != b)
}
