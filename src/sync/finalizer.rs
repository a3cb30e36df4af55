//! `deletionPolicy: Close`: a finalizer keeps a deleted GitHubDeployment until its deployments are inactive.

use std::borrow::Cow;

use serde_json::json;

use crate::{
    crd::{DeletionPolicy, GROUP, PLURAL},
    plan::Repository,
    report::{ChangeAction, Outcome, status::brief},
    source::{self, GitHubDeploymentMeta, Patience, Permission},
};

use super::{
    World,
    apply::Pass,
    environments::EnvironmentWork,
    gather::Gathered,
    standing::{Outlook, Reason, Source, Standing},
};

/// The finalizer of `deletionPolicy: Close`.
const FINALIZER: &str = "github.decathlon.com/close";

/// How often an object is read again that somebody else changed before its finalizers were written.
const CONFLICTS: u32 = 3;

/// Puts the finalizer on GitHubDeployments that ask for it, before anything is reported for them.
pub(super) async fn hold(world: &World, gathered: &mut Gathered) {
    let patience = Patience::default();
    for source in gathered.sources.values_mut() {
        let asks = source
            .spec()
            .is_some_and(|spec| spec.deletion_policy == DeletionPolicy::Close);
        if !asks || source.is_deleting() {
            continue;
        }
        let Some(meta) = in_cluster(source).filter(|meta| !is_held(meta)) else {
            continue;
        };
        let obstacle = match set(world, meta, true, &patience).await {
            Ok(true) => continue,
            // Nothing would ever close what was reported for it.
            Ok(false) => Standing::Skipped(Reason::new("Deleted", "the GitHubDeployment was deleted meanwhile")),
            Err(error) => Standing::Failed(Reason::new(
                "FinalizerNotSet",
                format!("could not set the finalizer {FINALIZER}: {}", problem(meta, &error)),
            )),
        };
        source.refuse(obstacle);
    }
}

/// Takes the finalizer off deleted GitHubDeployments of which nothing is left to close.
///
/// A repository that is gone or may not be written never holds one back.
pub(super) async fn release(pass: &Pass<'_>) {
    let patience = Patience::default();
    for (index, source, work) in pass.sources() {
        let Some(meta) = in_cluster(source).filter(|meta| meta.deleting && is_held(meta)) else {
            continue;
        };
        if !may_go(index, source, work) {
            continue;
        }
        if source.spec().is_none() {
            tracing::warn!(
                namespace = meta.namespace,
                name = meta.name,
                "the finalizer goes although the spec cannot be read, so that nothing was closed"
            );
        }
        if let Err(error) = set(pass.world, meta, false, &patience).await {
            let error = problem(meta, &error);
            tracing::warn!(
                namespace = meta.namespace,
                name = meta.name,
                error,
                "could not remove the finalizer"
            );
        }
    }
}

/// True unless a closing that the rule orders for the source is left or failed.
fn may_go(index: usize, source: &Source, work: Option<&EnvironmentWork>) -> bool {
    if !source.closes() {
        return true;
    }
    let Some(work) = work else {
        return true;
    };
    if let Some(error) = &work.error {
        return is_out_of_reach(work.repository(), &Reason::from(error));
    }
    work.record.fates.get(&index).is_none_or(|fate| {
        let released = fate
            .reason
            .as_ref()
            .is_some_and(|reason| is_out_of_reach(work.repository(), reason));
        fate.action != ChangeAction::Close || fate.outcome == Outcome::Done || released
    })
}

/// True if no later pass could close anything there either.
fn is_out_of_reach(repository: &Repository, reason: &Reason) -> bool {
    let never = reason.outlook == Outlook::Hopeless;
    if never {
        tracing::warn!(%repository, reason = reason.message, "the finalizer goes although nothing could be closed");
    }
    never
}

fn in_cluster(source: &Source) -> Option<&GitHubDeploymentMeta> {
    source
        .declaration
        .github_deployment
        .as_ref()
        .filter(|meta| meta.in_cluster)
}

/// True if the finalizer is on it.
pub(super) fn is_held(meta: &GitHubDeploymentMeta) -> bool {
    meta.finalizers.iter().any(|finalizer| finalizer == FINALIZER)
}

/// Puts the finalizer on or takes it off, whatever else somebody changes at the same time. False if the object is not
/// there any more.
async fn set(world: &World, meta: &GitHubDeploymentMeta, held: bool, patience: &Patience) -> Result<bool, kube::Error> {
    let Some(client) = &world.kubernetes else {
        return Ok(false);
    };
    let mut meta = Cow::Borrowed(meta);
    let mut attempt = 0;
    loop {
        let mut finalizers = meta.finalizers.clone();
        finalizers.retain(|finalizer| finalizer != FINALIZER);
        if held {
            finalizers.push(FINALIZER.to_owned());
        }
        // With the version, so that a finalizer which somebody else puts there now is not lost.
        let metadata = json!({"finalizers": finalizers, "resourceVersion": meta.resource_version});
        let place = (meta.namespace.as_str(), meta.name.as_str());
        match source::merge_metadata(client, place, &metadata, patience).await {
            Ok(()) => return Ok(true),
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(false),
            Err(error) if attempt == CONFLICTS || !source::is_conflict(&error) => return Err(error),
            Err(conflict) => {
                let Ok(now) = source::meta_in_cluster(client, place).await else {
                    return Err(conflict);
                };
                let Some(now) = now.filter(|now| now.uid == meta.uid && (now.deleting != held)) else {
                    return Ok(false);
                };
                if is_held(&now) == held {
                    return Ok(true);
                }
                meta = Cow::Owned(now);
                attempt += 1;
            }
        }
    }
}

/// Why the finalizer could not be changed, and what to do.
fn problem(meta: &GitHubDeploymentMeta, error: &kube::Error) -> String {
    if source::is_not_permitted(error) {
        return Permission {
            verb: "patch",
            group: GROUP.to_owned(),
            resource: PLURAL.to_owned(),
            name: None,
            namespace: Some(meta.namespace.clone()),
            everywhere: false,
            needed: &["list", "patch"],
        }
        .to_string();
    }
    brief(error)
}
