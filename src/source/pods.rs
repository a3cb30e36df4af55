//! Asking the pods of workloads that have not arrived for the cause.
//!
//! It is an addition: without the permission, or where the API server does not answer, the health stands without it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use futures::{StreamExt, stream};
use kube::Client;
use serde_json::Value;

use super::{
    Objects,
    api::{self, ApiFailure},
};
use crate::kstatus::{Health, ReplicaSet, Trouble, Workload, cause, controller, trouble};

/// Workloads that are asked at once.
const AT_ONCE: usize = 4;

const REPLICA_SETS: &str = "/apis/apps/v1/namespaces/{namespace}/replicasets";
const PODS: &str = "/api/v1/namespaces/{namespace}/pods";

/// Puts the cause into each health whose workload is given beside it, where its pods know one.
///
/// In a cluster that takes a list of pods for each workload, and for a Deployment one of its ReplicaSets.
pub async fn add_causes<'a>(objects: &Objects, unfinished: impl Iterator<Item = (&'a mut Health, Workload)>) {
    let (mut healths, workloads): (Vec<_>, Vec<_>) = unfinished.unzip();
    let causes = match objects {
        Objects::Cluster(cluster) => causes_in_cluster(cluster.client(), &workloads).await,
        Objects::Files(objects) => causes_in_files(objects, &workloads),
    };
    for (health, cause) in healths.iter_mut().zip(causes) {
        if let Some(cause) = cause {
            **health = health.clone().because(&cause);
        }
    }
}

fn causes_in_files(objects: &[Value], workloads: &[Workload]) -> Vec<Option<String>> {
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
        let pods = of(workload.owner(replica_set.as_ref())?).filter(|pod| workload.has(replica_set.as_ref(), pod));
        cause(pods.filter_map(trouble))
    };
    let own_or_of_pods = |workload: &Workload| match workload.own_cause() {
        Some(cause) => Some(cause.to_owned()),
        None => cause_of(workload),
    };
    workloads.iter().map(own_or_of_pods).collect()
}

async fn causes_in_cluster(client: &Client, workloads: &[Workload]) -> Vec<Option<String>> {
    let forbidden = Forbidden::default();
    stream::iter(workloads)
        .map(|workload| cause_in_cluster(client, workload, &forbidden))
        .buffered(AT_ONCE)
        .collect()
        .await
}

async fn cause_in_cluster(client: &Client, workload: &Workload, forbidden: &Forbidden) -> Option<String> {
    if let Some(cause) = workload.own_cause() {
        return Some(cause.to_owned());
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
            Some(forbidden.list(client, REPLICA_SETS, workload, selector, find).await??)
        }
    };
    let pods = workload.pods(replica_set.as_ref());
    let ask = |troubles: &mut Vec<Trouble>, pod: Value| {
        if workload.has(replica_set.as_ref(), &pod) {
            troubles.extend(trouble(&pod));
        }
    };
    cause(forbidden.list(client, PODS, workload, &pods, ask).await?)
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
        selector: &str,
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
