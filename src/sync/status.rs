//! The GitHubDeployments' own status, written for people.

use crate::{
    report::{
        Action, Document, SourceResult,
        status::{self, StatusWrite},
    },
    source::GitHubDeploymentMeta,
};

use super::{World, finalizer::is_held, standing::Source};

/// Writes what changed. `sources` are in the order of the document's results.
///
/// What is being deleted is told nothing, unless our finalizer keeps it: then it says why it is still there.
pub(super) async fn write(world: &World, document: &Document, sources: &[Source]) {
    let Some(client) = &world.kubernetes else { return };
    let now = (world.now)();
    let changed = document.results.iter().zip(sources).filter_map(|(result, source)| {
        let meta = source
            .declaration
            .github_deployment
            .as_ref()
            .filter(|meta| meta.in_cluster && (!meta.deleting || is_kept(meta, result)))?;
        let source_generation = source.seen().and_then(|seen| seen.facts.generation);
        let status = status::desired(result, source_generation, meta.generation, meta.status.as_ref(), now)?;
        Some(StatusWrite {
            namespace: meta.namespace.clone(),
            name: meta.name.clone(),
            uid: meta.uid.clone(),
            event: status::note(result, &status, meta.status.as_ref()),
            status,
        })
    });
    for warning in status::write(client, changed.collect(), now).await.warnings {
        tracing::warn!("{warning}");
    }
}

/// True for a deleted GitHubDeployment of which something is left to close.
fn is_kept(meta: &GitHubDeploymentMeta, result: &SourceResult) -> bool {
    is_held(meta) && matches!(result.action, Action::Fail | Action::Defer)
}
