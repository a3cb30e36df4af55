//! Which resource of the API server holds the objects of a kind: known by heart for the built-in kinds, asked of the
//! API server for all others. Never guessed: the plural of Ingress is not `ingresss`, and that of Endpoints itself.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIResource, APIResourceList};
use kube::Client;

use super::{
    ObjectReference, ObservationError,
    api::{self, ApiFailure},
    error::{Permission, nearest},
};

/// A built-in kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Such as `apps/v1`.
    pub api_version: &'static str,
    /// Such as `Deployment`.
    pub kind: &'static str,
    /// Such as `deployments`.
    pub plural: &'static str,
    /// Such as `deploy`; there is at most one.
    pub short: &'static str,
    /// False for cluster-scoped kinds.
    pub namespaced: bool,
}

const fn namespaced(api_version: &'static str, kind: &'static str, plural: &'static str, short: &'static str) -> Kind {
    Kind {
        api_version,
        kind,
        plural,
        short,
        namespaced: true,
    }
}

const fn cluster_scoped(
    api_version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static str,
) -> Kind {
    Kind {
        api_version,
        kind,
        plural,
        short,
        namespaced: false,
    }
}

/// The kinds that every cluster serves, in their stable versions; where there are two, the preferred one comes
/// first. A Secret has a name here, so that it can be refused by it.
pub const BUILT_IN_KINDS: &[Kind] = &[
    namespaced("apps/v1", "Deployment", "deployments", "deploy"),
    namespaced("apps/v1", "StatefulSet", "statefulsets", "sts"),
    namespaced("apps/v1", "DaemonSet", "daemonsets", "ds"),
    namespaced("apps/v1", "ReplicaSet", "replicasets", "rs"),
    namespaced("apps/v1", "ControllerRevision", "controllerrevisions", ""),
    namespaced("batch/v1", "Job", "jobs", ""),
    namespaced("batch/v1", "CronJob", "cronjobs", "cj"),
    namespaced("v1", "Pod", "pods", "po"),
    namespaced("v1", "Service", "services", "svc"),
    namespaced("v1", "Endpoints", "endpoints", "ep"),
    namespaced("v1", "ConfigMap", "configmaps", "cm"),
    namespaced("v1", "PersistentVolumeClaim", "persistentvolumeclaims", "pvc"),
    namespaced("v1", "ReplicationController", "replicationcontrollers", "rc"),
    namespaced("v1", "PodTemplate", "podtemplates", ""),
    namespaced("v1", "ServiceAccount", "serviceaccounts", "sa"),
    namespaced("v1", "Event", "events", "ev"),
    namespaced("v1", "Secret", "secrets", ""),
    namespaced("v1", "ResourceQuota", "resourcequotas", "quota"),
    namespaced("v1", "LimitRange", "limitranges", "limits"),
    cluster_scoped("v1", "Namespace", "namespaces", "ns"),
    cluster_scoped("v1", "Node", "nodes", "no"),
    cluster_scoped("v1", "PersistentVolume", "persistentvolumes", "pv"),
    namespaced("networking.k8s.io/v1", "Ingress", "ingresses", "ing"),
    namespaced("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", "netpol"),
    cluster_scoped("networking.k8s.io/v1", "IngressClass", "ingressclasses", ""),
    namespaced(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        "hpa",
    ),
    namespaced(
        "autoscaling/v1",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        "",
    ),
    namespaced("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", "pdb"),
    namespaced("coordination.k8s.io/v1", "Lease", "leases", ""),
    namespaced("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", ""),
    namespaced("rbac.authorization.k8s.io/v1", "Role", "roles", ""),
    namespaced("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", ""),
    cluster_scoped("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", ""),
    cluster_scoped(
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "clusterrolebindings",
        "",
    ),
    cluster_scoped(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        "crd",
    ),
    cluster_scoped("apiregistration.k8s.io/v1", "APIService", "apiservices", ""),
    cluster_scoped("storage.k8s.io/v1", "StorageClass", "storageclasses", "sc"),
    cluster_scoped("storage.k8s.io/v1", "VolumeAttachment", "volumeattachments", ""),
    cluster_scoped("storage.k8s.io/v1", "CSIDriver", "csidrivers", ""),
    cluster_scoped("storage.k8s.io/v1", "CSINode", "csinodes", ""),
    namespaced("storage.k8s.io/v1", "CSIStorageCapacity", "csistoragecapacities", ""),
    cluster_scoped("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", "pc"),
    cluster_scoped("node.k8s.io/v1", "RuntimeClass", "runtimeclasses", ""),
    cluster_scoped(
        "certificates.k8s.io/v1",
        "CertificateSigningRequest",
        "certificatesigningrequests",
        "csr",
    ),
];

/// The built-in kind of that version and name.
pub(super) fn built_in(api_version: &str, kind: &str) -> Option<&'static Kind> {
    BUILT_IN_KINDS
        .iter()
        .find(|known| known.api_version == api_version && known.kind == kind)
}

/// The built-in kind of that name, in its preferred version.
pub(super) fn built_in_named(kind: &str) -> Option<&'static Kind> {
    BUILT_IN_KINDS.iter().find(|known| known.kind == kind)
}

/// The version of kinds whose version need not be written: workloads, jobs and pods.
pub(super) fn default_api_version(kind: &str) -> Option<&'static str> {
    match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => Some("apps/v1"),
        "Job" | "CronJob" => Some("batch/v1"),
        "Pod" => Some("v1"),
        _ => None,
    }
}

/// `apps/v1` is group `apps`, version `v1`; `v1` is the core group, whose name is empty.
pub(super) fn group_and_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// Where the API server keeps the objects of a kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Resource {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) plural: String,
    pub(super) namespaced: bool,
}

impl Resource {
    /// Path of the collection; `namespace` is ignored where there is none.
    pub(super) fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.api_version.contains('/') {
            "/apis"
        } else {
            "/api"
        };
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{root}/{}/namespaces/{namespace}/{}", self.api_version, self.plural),
            None => format!("{root}/{}/{}", self.api_version, self.plural),
        }
    }

    pub(super) fn permission(&self, verb: &'static str, namespace: Option<&str>) -> Permission {
        Permission {
            verb,
            group: group_and_version(&self.api_version).0.to_owned(),
            resource: self.plural.clone(),
            name: None,
            namespace: namespace.filter(|_| self.namespaced).map(ToOwned::to_owned),
            everywhere: false,
            needed: &["get", "list"],
        }
    }
}

/// What the API server said about the kinds of a version.
type Kinds = Result<Arc<[APIResource]>, ApiFailure>;

/// What the API server said about its kinds, by `apiVersion`, failures included: each version is asked for once.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    known: Mutex<BTreeMap<String, Kinds>>,
}

impl Discovery {
    /// The resource of an object's kind. Built-in kinds need no request.
    pub(super) async fn resource(
        &self,
        client: &Client,
        object: &ObjectReference,
    ) -> Result<Resource, ObservationError> {
        if let Some(kind) = built_in(&object.api_version, &object.kind) {
            return Ok(Resource {
                api_version: kind.api_version.to_owned(),
                kind: kind.kind.to_owned(),
                plural: kind.plural.to_owned(),
                namespaced: kind.namespaced,
            });
        }
        let object = object.clone();
        let resources = match self.resources(client, &object.api_version).await {
            Ok(resources) => resources,
            Err(ApiFailure::Answer { code: 404, .. }) => return Err(ObservationError::VersionNotServed { object }),
            Err(failure) => return Err(ObservationError::Failed { object, failure }),
        };
        // Subresources are listed too, as `widgets/status`.
        let mut kinds = resources.iter().filter(|resource| !resource.name.contains('/'));
        match kinds.clone().find(|resource| resource.kind == object.kind) {
            Some(resource) => Ok(Resource {
                api_version: object.api_version,
                kind: object.kind,
                plural: resource.name.clone(),
                namespaced: resource.namespaced,
            }),
            None => Err(ObservationError::KindNotServed {
                nearest: nearest(&object.kind, kinds.by_ref().map(|resource| resource.kind.as_str())),
                object,
            }),
        }
    }

    async fn resources(&self, client: &Client, api_version: &str) -> Kinds {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(resources) = known().get(api_version) {
            return resources.clone();
        }
        let root = if api_version.contains('/') { "/apis" } else { "/api" };
        let resources = api::get::<APIResourceList>(client, &format!("{root}/{api_version}"))
            .await
            .map(|list| list.resources.into());
        known().insert(api_version.to_owned(), resources.clone());
        resources
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_collections() {
        let rows = [
            ("v1", "Pod", Some("shop"), "/api/v1/namespaces/shop/pods"),
            ("v1", "Node", Some("shop"), "/api/v1/nodes"),
            (
                "networking.k8s.io/v1",
                "NetworkPolicy",
                Some("shop"),
                "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies",
            ),
        ];
        for (api_version, kind, namespace, path) in rows {
            let known = built_in(api_version, kind).expect("a built-in kind");
            let resource = Resource {
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
                plural: known.plural.to_owned(),
                namespaced: known.namespaced,
            };
            assert_eq!(resource.path(namespace), path, "{kind}");
        }
    }
}
