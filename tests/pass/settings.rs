//! What a pass of the tests is asked to do.

use kube_status_to_github::{
    source::Scope,
    sync::{DeclaredIn, Details, ObjectsIn, Settings},
};

use crate::objects::NAMESPACE;

/// All GitHubDeployments of the namespace, and no limits.
pub fn settings() -> Settings {
    Settings {
        declared_in: DeclaredIn::Cluster {
            scope: Scope::Namespace(NAMESPACE.to_owned()),
            selector: None,
        },
        objects_in: ObjectsIn::Cluster,
        default_owner: None,
        cluster_name: None,
        dry_run: false,
        since: None,
        details: Details::Auto,
        cross_namespace_refs: true,
        repository_allow: Vec::new(),
        max_writes: 80,
        write_status: true,
        fail_fast: false,
        situations: false,
        deadline: None,
    }
}
