//! `deletionPolicy: Close`: a finalizer keeps a deleted GitHubDeployment until its deployments are inactive.

use kube::{
    Api, Resource,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{
    crd::{DeletionPolicy, GitHubDeployment},
    plan::Repository,
    report::{ChangeAction, Outcome, status::brief},
    source::{GitHubDeploymentMeta, Permission},
};

use super::{
    World,
    apply::Pass,
    environments::EnvironmentWork,
    gather::{Gathered, Reason, Source, Standing},
};

/// The finalizer of `deletionPolicy: Close`.
const FINALIZER: &str = "github.decathlon.com/close";

/// Puts the finalizer on GitHubDeployments that ask for it, before anything is reported for them.
pub(super) async fn hold(world: &World, gathered: &mut Gathered) {
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
        let mut finalizers = meta.finalizers.clone();
        finalizers.push(FINALIZER.to_owned());
        let obstacle = match set(world, meta, &finalizers).await {
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
        let finalizers: Vec<String> = meta
            .finalizers
            .iter()
            .filter(|finalizer| *finalizer != FINALIZER)
            .cloned()
            .collect();
        if let Err(error) = set(pass.world, meta, &finalizers).await {
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
    let never = matches!(
        reason.reason,
        "RepositoryNotFound" | "RepositoryArchived" | "GitHubForbidden" | "AppNotInstalled"
    );
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

fn is_held(meta: &GitHubDeploymentMeta) -> bool {
    meta.finalizers.iter().any(|finalizer| finalizer == FINALIZER)
}

/// What the API server says, or the permission that is missing.
fn problem(meta: &GitHubDeploymentMeta, error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.code == 403 => Permission {
            verb: "patch",
            group: GitHubDeployment::group(&()).into_owned(),
            resource: GitHubDeployment::plural(&()).into_owned(),
            name: None,
            namespace: Some(meta.namespace.clone()),
            everywhere: false,
            needed: &["list", "patch"],
        }
        .to_string(),
        error => brief(error),
    }
}

/// Replaces the finalizers, if nobody changed the object since it was read. False if it is not there any more.
async fn set(world: &World, meta: &GitHubDeploymentMeta, finalizers: &[String]) -> Result<bool, kube::Error> {
    let Some(client) = &world.kubernetes else {
        return Ok(false);
    };
    let api: Api<GitHubDeployment> = Api::namespaced(client.clone(), &meta.namespace);
    let patch = json!({"metadata": {"finalizers": finalizers, "resourceVersion": meta.resource_version}});
    match api
        .patch_metadata(&meta.name, &PatchParams::default(), &Patch::Merge(patch))
        .await
    {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error),
        Ok(_) => Ok(true),
    }
}
