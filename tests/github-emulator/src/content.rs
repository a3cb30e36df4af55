//! GitHub's limits on what is created: 80 a minute and 500 an hour, of a user or of an App with all its installations.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::answer::Refusal;

/// Most writes in any stretch of so many seconds; the longest comes last.
const LIMITS: [(usize, i64); 2] = [(80, 60), (500, 3_600)];

/// What each account wrote in the last hour.
#[derive(Debug, Default)]
pub struct ContentLimits {
    /// By number of the account; oldest first.
    writes: BTreeMap<u64, VecDeque<Timestamp>>,
}

impl ContentLimits {
    /// Counts a write, or refuses it. GitHub does not say how long that lasts.
    pub fn admit(&mut self, account: u64, now: Timestamp) -> Result<(), Refusal> {
        let writes = self.writes.entry(account).or_default();
        let since = |write: &Timestamp| now.duration_since(*write);
        let [.., (_, longest)] = LIMITS;
        while writes
            .front()
            .is_some_and(|first| since(first) >= SignedDuration::from_secs(longest))
        {
            writes.pop_front();
        }
        for (most, seconds) in LIMITS {
            let stretch = SignedDuration::from_secs(seconds);
            if writes.iter().rev().take_while(|write| since(write) < stretch).count() >= most {
                let message = "You have exceeded a secondary rate limit and have been temporarily blocked from \
                               content creation. Please retry your request again later.";
                return Err(Refusal::new(403, "FORBIDDEN", message));
            }
        }
        writes.push_back(now);
        Ok(())
    }
}
