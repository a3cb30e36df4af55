//! What may be done in a cluster, asked without doing it.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIGroup;
use kube::Client;
use serde_json::{Value, json};

use super::{
    Cluster, ObjectReference, ObservationError, SourceError,
    api::{self, ApiFailure},
    error::Permission,
};
use crate::crd::GROUP;

/// Whether something may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// It may.
    Yes,
    /// It may not.
    No,
    /// The API server does not tell.
    Unknown,
}

/// A kind of objects, where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedKind {
    /// To read one object.
    pub get: Permission,
    /// To read them all at once.
    pub list: Permission,
    /// Path of the list.
    pub path: String,
}

/// What the API server calls its version, such as `v1.33.1`.
///
/// # Errors
/// When it does not answer.
pub async fn server_version(client: &Client) -> Result<String, ApiFailure> {
    let version: Value = api::get(client, "/version").await?;
    Ok(version["gitVersion"]
        .as_str()
        .unwrap_or("of an unknown version")
        .to_owned())
}

/// The versions in which the cluster serves GitHubDeployments.
///
/// # Errors
/// When the resource is not installed, or the API server does not tell.
pub async fn installed_versions(client: &Client) -> Result<Vec<String>, SourceError> {
    match api::get::<APIGroup>(client, &format!("/apis/{GROUP}")).await {
        Ok(group) => Ok(group.versions.into_iter().map(|served| served.version).collect()),
        Err(ApiFailure::Answer { code: 404, .. }) => Err(SourceError::NotInstalled),
        Err(failure) => Err(SourceError::ListFailed { failure }),
    }
}

/// Asks whether something may be done, by a SelfSubjectAccessReview. Where those are refused, and `path` is that of a
/// list, one object of it is asked for.
///
/// # Errors
/// When the API server does not answer.
pub async fn may(client: &Client, permission: &Permission, path: Option<&str>) -> Result<Allowed, ApiFailure> {
    const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let (resource, subresource) = permission
        .resource
        .split_once('/')
        .unwrap_or((&permission.resource, ""));
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {
            "verb": permission.verb,
            "group": permission.group,
            "resource": resource,
            "subresource": subresource,
            "namespace": permission.namespace.as_deref().unwrap_or_default(),
            "name": permission.name.unwrap_or_default(),
        }},
    });
    match api::ask::<Value>(client, REVIEWS, &review).await {
        Ok(answer) => Ok(match answer["status"]["allowed"].as_bool() {
            Some(true) => Allowed::Yes,
            Some(false) => Allowed::No,
            None => Allowed::Unknown,
        }),
        Err(ApiFailure::Answer { code: 403 | 404, .. }) => match path.filter(|_| permission.verb == "list") {
            Some(path) => match api::get::<Value>(client, &format!("{path}?limit=1")).await {
                Ok(_) => Ok(Allowed::Yes),
                Err(failure) if failure.is_forbidden() => Ok(Allowed::No),
                Err(failure) => Err(failure),
            },
            None => Ok(Allowed::Unknown),
        },
        Err(failure) => Err(failure),
    }
}

/// The kinds of objects, each in each of its namespaces; and why a kind is not known, each reason once.
pub async fn observed_kinds(
    cluster: &Cluster,
    references: &[ObjectReference],
) -> (Vec<ObservedKind>, Vec<ObservationError>) {
    let mut kinds = BTreeMap::new();
    let mut unknown = Vec::new();
    let mut refused = BTreeSet::new();
    for reference in references {
        match cluster.resource(reference).await {
            Ok(resource) => {
                let namespace = reference.namespace.as_deref();
                let path = resource.path(namespace);
                kinds.entry(path.clone()).or_insert_with(|| ObservedKind {
                    get: resource.permission("get", namespace),
                    list: resource.permission("list", namespace),
                    path,
                });
            }
            Err(error) => {
                if refused.insert((reference.api_version.clone(), reference.kind.clone())) {
                    unknown.push(error);
                }
            }
        }
    }
    (kinds.into_values().collect(), unknown)
}

#[cfg(test)]
mod tests {
    use super::{super::mock, *};

    const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

    fn list() -> Permission {
        Permission {
            verb: "list",
            group: "apps".to_owned(),
            resource: "deployments".to_owned(),
            name: None,
            namespace: Some("shop".to_owned()),
            everywhere: false,
            needed: &["get", "list"],
        }
    }

    #[tokio::test]
    async fn a_review_is_asked_for_and_where_it_is_refused_the_list() {
        let path = "/apis/apps/v1/namespaces/shop/deployments";
        let allowed = |allowed: bool| json!({"status": {"allowed": allowed}});
        let refused = json!({"kind": "Status", "code": 403});
        let rows = [
            ("allowed", (201, allowed(true)), None, Allowed::Yes),
            ("not allowed", (201, allowed(false)), None, Allowed::No),
            ("not said", (201, json!({})), None, Allowed::Unknown),
            ("listed", (403, refused.clone()), Some(200), Allowed::Yes),
            ("not listed", (403, refused.clone()), Some(403), Allowed::No),
            ("no reviews at all", (404, json!({})), Some(403), Allowed::No),
        ];
        for (name, review, listed, expected) in rows {
            let (client, requests) = mock::server(move |path| match path {
                REVIEWS => review.clone(),
                _ => (listed.unwrap_or(500), json!({"items": []})),
            });
            assert_eq!(may(&client, &list(), Some(path)).await, Ok(expected), "{name}");
            let asked = if listed.is_some() { 2 } else { 1 };
            assert_eq!(requests.all().len(), asked, "{name}");
        }
        let (client, _) = mock::server(|_| (403, json!({})));
        let get = Permission { verb: "get", ..list() };
        assert_eq!(may(&client, &get, Some(path)).await, Ok(Allowed::Unknown));
    }
}
