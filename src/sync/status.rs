//! The GitHubDeployments' own status, written for people.

use crate::report::{
    Document,
    status::{self, StatusWrite},
};

use super::{World, standing::Source};

/// Writes what changed. `sources` are in the order of the document's results.
pub(super) async fn write(world: &World, document: &Document, sources: &[Source]) {
    let Some(client) = &world.kubernetes else { return };
    let now = (world.now)();
    let changed = document.results.iter().zip(sources).filter_map(|(result, source)| {
        let meta = source
            .declaration
            .github_deployment
            .as_ref()
            .filter(|meta| meta.in_cluster && !meta.deleting)?;
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
