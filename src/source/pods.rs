//! Asking the pods of workloads that have not arrived for the cause.
//!
//! It is an addition: without the permission, or where the API server does not answer, the health stands without it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::Client;
use serde_json::Value;

use super::{
    Objects,
    api::{self, ApiFailure, Selector},
};
use crate::kstatus::{Health, ReplicaSet, Trouble, Workload, cause, controller, lasting, trouble};

/// Workloads that are asked at once.
const AT_ONCE: usize = 4;

const REPLICA_SETS: &str = "/apis/apps/v1/namespaces/{namespace}/replicasets";
const PODS: &str = "/api/v1/namespaces/{namespace}/pods";

/// What autoscalers say of the pods for which they bring a node.
const SCALE_UPS: [&str; 2] = [
    // https://github.com/kubernetes/autoscaler/tree/master/cluster-autoscaler
    "TriggeredScaleUp",
    // https://karpenter.sh
    "Nominated",
];
const EVENTS: &str = "/api/v1/namespaces/{namespace}/events";

/// Puts the cause into each health whose workload is given beside it, where its pods know one. With `fail_fast`, the
/// time, a cause that does not go by itself makes the health a failure, see [`lasting`].
///
/// In a cluster that takes a list of pods for each workload, and for a Deployment one of its ReplicaSets; with
/// `fail_fast` also two of events, for pods without a node.
pub async fn add_causes<'a>(
    objects: &Objects,
    unfinished: impl Iterator<Item = (&'a mut Health, Workload)>,
    fail_fast: Option<Timestamp>,
) {
    let (mut healths, workloads): (Vec<_>, Vec<_>) = unfinished.unzip();
    let causes = match objects {
        Objects::Cluster(cluster) => causes_in_cluster(cluster.client(), &workloads, fail_fast).await,
        Objects::Files(objects) => causes_in_files(objects, &workloads, fail_fast),
    };
    for (health, cause) in healths.iter_mut().zip(causes) {
        let known = health.clone();
        **health = match cause {
            Some(Cause::Lasting(cause)) => known.failed_because(&cause),
            Some(Cause::Passing(cause)) => known.because(&cause),
            None => known,
        };
    }
}

/// Why a rollout has not arrived.
enum Cause {
    /// It may arrive all the same.
    Passing(String),
    /// It will not.
    Lasting(String),
}

/// Everything that the workload, its ReplicaSet and its pods tell.
#[derive(Default)]
struct Troubles {
    /// Of the workload itself, or of its ReplicaSet.
    own: Option<Trouble>,
    /// True if `own` is of the rollout under way, not of an earlier one: a Deployment repeats what any of its
    /// ReplicaSets says.
    own_is_present: bool,
    pods: Vec<Trouble>,
}

impl Troubles {
    fn told(self, scale_ups: Option<&BTreeSet<String>>, fail_fast: Option<Timestamp>) -> Option<Cause> {
        let lasting = fail_fast.and_then(|now| {
            let present = self.own.iter().filter(|_| self.own_is_present);
            let all: Vec<Trouble> = present.chain(&self.pods).cloned().collect();
            lasting(&all, scale_ups, now)
        });
        match (lasting, self.own) {
            (Some(text), _) => Some(Cause::Lasting(text)),
            (None, Some(own)) => Some(Cause::Passing(own.text().to_owned())),
            (None, None) => cause(&self.pods).map(Cause::Passing),
        }
    }
}

fn causes_in_files(objects: &[Value], workloads: &[Workload], fail_fast: Option<Timestamp>) -> Vec<Option<Cause>> {
    let mut by_controller: HashMap<&str, Vec<&Value>> = HashMap::new();
    if !workloads.is_empty() {
        for object in objects {
            if let Some(controller) = controller(object) {
                by_controller.entry(controller).or_default().push(object);
            }
        }
    }
    let of = |uid: &str| by_controller.get(uid).into_iter().flatten().copied();
    let cause_of = |workload: &Workload| {
        let replica_set = of(workload.uid()).find_map(|object| workload.replica_set(object));
        let owner = workload.owner(replica_set.as_ref()).unwrap_or_default();
        let pods = of(owner).filter(|pod| workload.has(replica_set.as_ref(), pod));
        let troubles = Troubles {
            own: workload.own_trouble().cloned(),
            own_is_present: is_present(workload, replica_set.as_ref()),
            pods: pods.filter_map(trouble).collect(),
        };
        troubles.told(None, fail_fast)
    };
    workloads.iter().map(cause_of).collect()
}

async fn causes_in_cluster(
    client: &Client,
    workloads: &[Workload],
    fail_fast: Option<Timestamp>,
) -> Vec<Option<Cause>> {
    let forbidden = Forbidden::default();
    stream::iter(workloads)
        .map(|workload| cause_in_cluster(client, workload, &forbidden, fail_fast))
        .buffered(AT_ONCE)
        .collect()
        .await
}

async fn cause_in_cluster(
    client: &Client,
    workload: &Workload,
    forbidden: &Forbidden,
    fail_fast: Option<Timestamp>,
) -> Option<Cause> {
    let own = workload.own_trouble().cloned();
    if own.is_some() && fail_fast.is_none() {
        return Troubles {
            own,
            ..Troubles::default()
        }
        .told(None, None);
    }
    let replica_set = match workload.replica_sets() {
        None => None,
        Some(selector) => {
            let find = |found: &mut Option<ReplicaSet>, item: Value| {
                if found.is_none() {
                    *found = workload.replica_set(&item);
                }
            };
            // Without it, pods of this rollout cannot be told from those of an earlier one.
            let found = forbidden
                .list(client, REPLICA_SETS, workload, &labels(selector), find)
                .await;
            found.flatten()
        }
    };
    let mut troubles = Troubles {
        own_is_present: is_present(workload, replica_set.as_ref()),
        own,
        pods: Vec::new(),
    };
    if workload.owner(replica_set.as_ref()).is_some() {
        let pods = labels(&workload.pods(replica_set.as_ref()));
        let ask = |troubles: &mut Vec<Trouble>, pod: Value| {
            if workload.has(replica_set.as_ref(), &pod) {
                troubles.extend(trouble(&pod));
            }
        };
        troubles.pods = forbidden
            .list(client, PODS, workload, &pods, ask)
            .await
            .unwrap_or_default();
    }
    let wants_node = troubles.pods.iter().any(|trouble| trouble.pod_without_node().is_some());
    let scale_ups = match fail_fast {
        Some(_) if wants_node => scale_ups(client, workload, forbidden).await,
        _ => None,
    };
    troubles.told(scale_ups.as_ref(), fail_fast)
}

/// Whether what the workload says itself is of the rollout under way. Where its ReplicaSets may not be read, nothing
/// says otherwise.
fn is_present(workload: &Workload, replica_set: Option<&ReplicaSet>) -> bool {
    match (workload.replica_sets(), replica_set) {
        (Some(_), Some(replica_set)) => replica_set.own_trouble().is_some(),
        _ => true,
    }
}

/// uids of the pods of this namespace for which an autoscaler brings a node; none where events may not be read.
async fn scale_ups(client: &Client, workload: &Workload, forbidden: &Forbidden) -> Option<BTreeSet<String>> {
    let mut pods = BTreeSet::new();
    for reason in SCALE_UPS {
        let about = |pods: &mut BTreeSet<String>, event: Value| {
            let pod = event.pointer("/involvedObject/uid").and_then(Value::as_str);
            pods.extend(pod.map(ToOwned::to_owned));
        };
        let selector = Selector::Fields(format!("reason={reason}"));
        pods.extend(forbidden.list(client, EVENTS, workload, &selector, about).await?);
    }
    Some(pods)
}

fn labels(selector: &str) -> Selector {
    Selector::Labels(selector.to_owned())
}

/// The collections that may not be listed, so that each is tried but once.
#[derive(Default)]
struct Forbidden(Mutex<BTreeSet<String>>);

impl Forbidden {
    async fn list<A: Default>(
        &self,
        client: &Client,
        collection: &str,
        workload: &Workload,
        selector: &Selector,
        fold: impl FnMut(&mut A, Value),
    ) -> Option<A> {
        let path = collection.replace("{namespace}", workload.namespace());
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known().contains(&path) {
            return None;
        }
        let listed = api::list(client, &path, Some(selector), fold).await;
        let note = |failure: &ApiFailure| {
            tracing::debug!(path, %failure, "the cause of an unfinished rollout is not known");
            if failure.is_forbidden() {
                known().insert(path.clone());
            }
        };
        listed.inspect_err(note).ok()
    }
}
