//! A ref that a user gave is the ref of one rollout only.

use std::sync::OnceLock;

use crate::{plan::Hash, source::Facts};

/// The rollout that a given ref belongs to: the first one that is found, for as long as the process repeats its passes.
#[derive(Debug, Default)]
pub(super) struct Bound(OnceLock<Rollout>);

#[derive(Debug)]
struct Rollout {
    uid: Option<String>,
    template: Option<Hash>,
}

impl Bound {
    /// True if the object shows another rollout than the first time. What one of the two does not know counts as equal.
    pub fn is_superseded_by(&self, facts: &Facts) -> bool {
        let first = self.0.get_or_init(|| Rollout {
            uid: facts.uid.clone(),
            template: facts.rollout.clone(),
        });
        differ(first.uid.as_ref(), facts.uid.as_ref()) || differ(first.template.as_ref(), facts.rollout.as_ref())
    }
}

fn differ<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a != b)
}
