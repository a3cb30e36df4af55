//! What this process wrote in the last minutes: GitHub's lists may lag behind its writes, so it counts as existing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::plan::{Deployment, Environment, LatestStatus, State};

/// GitHub shows a write after this time at the latest.
const MEMORY: Duration = Duration::from_secs(5 * 60);

/// The own writes of one process.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Writes>);

#[derive(Debug, Default)]
struct Writes {
    /// Oldest first.
    deployments: Vec<(Instant, Environment, Dated)>,
    /// By node id of the deployment; oldest first.
    statuses: BTreeMap<String, Vec<Posted>>,
}

#[derive(Debug)]
struct Posted {
    at: Instant,
    status: Status,
}

/// A deployment, and when GitHub says that it was created.
#[derive(Clone, Debug)]
pub(super) struct Dated {
    pub(super) deployment: Deployment,
    pub(super) created_at: Timestamp,
}

/// One status as GitHub has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    /// Node id.
    pub(super) id: String,
    pub(super) state: LatestStatus,
    pub(super) created_at: Timestamp,
}

impl Recent {
    pub(super) fn created(&self, environment: Environment, deployment: Dated) {
        self.writes()
            .deployments
            .push((Instant::now(), environment, deployment));
    }

    pub(super) fn posted(&self, deployment: &str, status: Status) {
        let at = Instant::now();
        self.writes()
            .statuses
            .entry(deployment.to_owned())
            .or_default()
            .push(Posted { at, status });
    }

    /// Node ids of the deployments that were created here.
    pub(super) fn own(&self) -> BTreeSet<String> {
        let own = |(_, _, dated): &(_, _, Dated)| dated.deployment.node_id.clone();
        self.writes().deployments.iter().map(own).collect()
    }

    /// The number of a deployment that was created here.
    pub(super) fn number(&self, deployment: &str) -> Option<u64> {
        let writes = self.writes();
        let own = writes.deployments.iter().map(|(_, _, dated)| &dated.deployment);
        own.filter(|own| own.node_id == deployment).find_map(|own| own.id)
    }

    /// The latest status of a deployment, of which GitHub shows `shown`.
    ///
    /// What was posted here counts if GitHub shows something older: nothing, an earlier status of ours, or one of
    /// an earlier time. Anything else was posted after ours.
    pub(super) fn latest_status(&self, deployment: &str, shown: Option<Status>) -> LatestStatus {
        let writes = self.writes();
        let own = writes.statuses.get(deployment).map_or(&[][..], Vec::as_slice);
        let Some((newest, earlier)) = own.split_last() else {
            return shown.map_or(LatestStatus::None, |status| status.state);
        };
        match shown {
            Some(shown) if shown.id == newest.status.id => shown.state,
            Some(shown)
                if shown.created_at >= newest.status.created_at
                    && !earlier.iter().any(|posted| posted.status.id == shown.id) =>
            {
                shown.state
            }
            _ => newest.status.state.clone(),
        }
    }

    /// Adds what was created here and is missing, where it belongs by time.
    ///
    /// Where the reading ends before that time, it is left out: a later page has it.
    pub(super) fn add_missing(
        &self,
        environment: &Environment,
        deployments: &mut Vec<Deployment>,
        created: &mut Vec<Timestamp>,
        complete: bool,
    ) {
        let writes = self.writes();
        for (_, _, own) in writes.deployments.iter().filter(|(_, of, _)| of == environment) {
            if deployments.iter().any(|shown| shown.node_id == own.deployment.node_id) {
                continue;
            }
            let place = match created.iter().position(|shown| *shown <= own.created_at) {
                Some(place) => place,
                None if complete => created.len(),
                None => continue,
            };
            let mut deployment = own.deployment.clone();
            if let Some(posted) = writes.statuses.get(&deployment.node_id).and_then(|own| own.last()) {
                deployment.status = posted.status.state.clone();
            }
            deployments.insert(place, deployment);
            created.insert(place, own.created_at);
        }
    }

    /// The writes that are not too old to matter.
    fn writes(&self) -> MutexGuard<'_, Writes> {
        let mut writes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writes.deployments.retain(|(at, ..)| at.elapsed() < MEMORY);
        writes.statuses.retain(|_, posted| {
            posted.retain(|posted| posted.at.elapsed() < MEMORY);
            !posted.is_empty()
        });
        writes
    }
}

impl Status {
    /// True if this is what posting `state` leaves.
    pub(super) fn shows(&self, state: State) -> bool {
        self.state.shows(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Repository;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn status(id: &str, state: State, second: i64) -> Status {
        Status {
            id: id.to_owned(),
            state: state.into(),
            created_at: at(second),
        }
    }

    fn dated(id: &str, second: i64) -> Dated {
        Dated {
            deployment: Deployment {
                node_id: id.to_owned(),
                id: None,
                task: "deploy".to_owned(),
                ref_name: None,
                commit: "a".repeat(40),
                status: LatestStatus::None,
                marker: None,
            },
            created_at: at(second),
        }
    }

    fn environment(name: &str) -> Environment {
        Environment {
            repository: Repository::parse("shop/app", None).unwrap(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn the_newest_status_counts_whoever_posted_it() {
        let recent = Recent::default();
        recent.posted("D", status("S1", State::InProgress, 10));
        recent.posted("D", status("S2", State::Success, 10));
        let rows = [
            ("nothing shown yet", "D", None, LatestStatus::Success),
            (
                "our earlier one, of the same second",
                "D",
                Some(status("S1", State::InProgress, 10)),
                LatestStatus::Success,
            ),
            (
                "ours",
                "D",
                Some(status("S2", State::Success, 10)),
                LatestStatus::Success,
            ),
            (
                "an older one of others",
                "D",
                Some(status("X", State::Pending, 9)),
                LatestStatus::Success,
            ),
            (
                "a newer one of others",
                "D",
                Some(status("X", State::Inactive, 11)),
                LatestStatus::Inactive,
            ),
            (
                "another deployment",
                "E",
                Some(status("X", State::Pending, 1)),
                LatestStatus::Pending,
            ),
            ("another deployment without", "E", None, LatestStatus::None),
        ];
        for (name, deployment, shown, expected) in rows {
            assert_eq!(recent.latest_status(deployment, shown), expected, "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_missing_is_put_in_its_place() {
        let recent = Recent::default();
        recent.created(environment("production"), dated("OWN", 20));
        recent.posted("OWN", status("S", State::Pending, 21));
        type Row = (
            &'static str,
            &'static str,
            &'static [(&'static str, i64)],
            bool,
            &'static [&'static str],
        );
        let rows: [Row; 7] = [
            ("empty", "production", &[], true, &["OWN"]),
            ("newest", "Production", &[("A", 10)], false, &["OWN", "A"]),
            (
                "between",
                "production",
                &[("B", 30), ("A", 10)],
                true,
                &["B", "OWN", "A"],
            ),
            ("shown", "production", &[("OWN", 20), ("A", 10)], true, &["OWN", "A"]),
            (
                "beyond the page",
                "production",
                &[("C", 40), ("B", 30)],
                false,
                &["C", "B"],
            ),
            ("the oldest", "production", &[("B", 30)], true, &["B", "OWN"]),
            ("elsewhere", "staging", &[("A", 10)], true, &["A"]),
        ];
        for (name, environment_name, shown, complete, expected) in rows {
            let mut deployments: Vec<_> = shown.iter().map(|(id, second)| dated(id, *second).deployment).collect();
            let mut created: Vec<_> = shown.iter().map(|(_, second)| at(*second)).collect();
            recent.add_missing(&environment(environment_name), &mut deployments, &mut created, complete);
            let ids: Vec<_> = deployments
                .iter()
                .map(|deployment| deployment.node_id.as_str())
                .collect();
            assert_eq!(ids, expected, "{name}");
            assert_eq!(created.len(), deployments.len(), "{name}");
        }

        let mut deployments = Vec::new();
        recent.add_missing(&environment("production"), &mut deployments, &mut Vec::new(), true);
        assert_eq!(deployments[0].status, LatestStatus::Pending);
        tokio::time::advance(MEMORY).await;
        let mut deployments = Vec::new();
        recent.add_missing(&environment("production"), &mut deployments, &mut Vec::new(), true);
        assert!(deployments.is_empty(), "GitHub's word counts again after a while");
    }
}
