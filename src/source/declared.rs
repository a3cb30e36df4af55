//! GitHubDeployments from a cluster.

use std::collections::BTreeSet;

use kube::Client;
use serde_json::Value;

use super::{
    Complete, Declaration, Declared, GitHubDeploymentMeta, Scope, SourceError,
    access::installed_versions,
    api::{self, ApiFailure, Selector},
    error::{DeclarationError, Permission},
    spec::{self, UnknownFields},
};
use crate::crd::{GROUP, PLURAL, VERSION};

/// Reads the GitHubDeployments of a namespace or of all, those that `selector` (as `kubectl -l` takes it) matches if
/// one is given.
///
/// # Errors
/// When there is no complete list: not permitted, the resource is not installed, the API server does not answer.
/// A single object that cannot be understood is no error here, but has one.
pub async fn declared_in_cluster(
    client: &Client,
    scope: &Scope,
    selector: Option<&str>,
) -> Result<Declared, SourceError> {
    let collection = collection(scope);
    let labels = selector.map(|labels| Selector::Labels(labels.to_owned()));
    let declarations = api::list(client, &collection, labels.as_ref(), |all: &mut Vec<_>, item| {
        all.push(declaration(&item))
    })
    .await;
    let declarations = match declarations {
        Ok(declarations) => declarations,
        Err(ApiFailure::Answer { code: 404, .. }) => return Err(not_served(client).await),
        Err(failure) if failure.is_forbidden() => {
            let permission = Box::new(Permission::in_scope(scope, "list", GROUP, PLURAL, &["list"]));
            return Err(SourceError::Forbidden { permission });
        }
        Err(failure) => return Err(SourceError::ListFailed { failure }),
    };
    // An item without a name may be any: nothing follows from what is not there.
    let complete = if selector.is_some() || declarations.iter().any(|one| one.github_deployment.is_none()) {
        Complete::Nothing
    } else {
        match scope {
            Scope::Namespace(namespace) => Complete::Namespaces(BTreeSet::from([namespace.clone()])),
            Scope::All => Complete::Everything,
        }
    };
    Ok(Declared { declarations, complete })
}

/// What one GitHubDeployment of a cluster is now, by a list, since reading one is no permission that is asked for. None
/// where there is none of that name.
///
/// # Errors
/// When the API server does not tell.
pub async fn meta_in_cluster(
    client: &Client,
    (namespace, name): (&str, &str),
) -> Result<Option<GitHubDeploymentMeta>, ApiFailure> {
    let one = Selector::Fields(format!("metadata.name={name}"));
    let collection = collection(&Scope::Namespace(namespace.to_owned()));
    let found = api::list(client, &collection, Some(&one), |found: &mut Vec<_>, item| {
        found.extend(meta(&item, namespace, true));
    });
    Ok(found.await?.into_iter().find(|meta| meta.name == name))
}

/// Path of the GitHubDeployments there.
#[must_use]
pub fn collection(scope: &Scope) -> String {
    match scope {
        Scope::Namespace(namespace) => format!("/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}"),
        Scope::All => format!("/apis/{GROUP}/{VERSION}/{PLURAL}"),
    }
}

/// Why a list of GitHubDeployments has no address.
async fn not_served(client: &Client) -> SourceError {
    match installed_versions(client).await {
        Ok(served) if !served.is_empty() && !served.iter().any(|version| version == VERSION) => {
            SourceError::OtherVersions { served }
        }
        // Whatever else it says now, it said that there is no such resource.
        _ => SourceError::NotInstalled,
    }
}

fn declaration(object: &Value) -> Declaration {
    let namespace = text(object, "/metadata/namespace").unwrap_or_default();
    match meta(object, &namespace, true) {
        Some(meta) => Declaration {
            described: format!("GitHubDeployment {namespace}/{}", meta.name),
            spec: spec::read(object, UnknownFields::Ignored),
            github_deployment: Some(meta),
        },
        None => Declaration {
            github_deployment: None,
            described: "a GitHubDeployment without a name".to_owned(),
            spec: Err(DeclarationError::NameMissing),
        },
    }
}

/// Everything but the spec; none for an object without a name. What has the wrong type counts as not there.
pub(super) fn meta(object: &Value, namespace: &str, in_cluster: bool) -> Option<GitHubDeploymentMeta> {
    Some(GitHubDeploymentMeta {
        namespace: namespace.to_owned(),
        name: text(object, "/metadata/name").filter(|name| !name.is_empty())?,
        uid: text(object, "/metadata/uid"),
        generation: object.pointer("/metadata/generation").and_then(Value::as_i64),
        resource_version: text(object, "/metadata/resourceVersion"),
        // Items of a list may come without.
        api_version: text(object, "/apiVersion").unwrap_or_else(|| format!("{GROUP}/{VERSION}")),
        deleting: text(object, "/metadata/deletionTimestamp").is_some(),
        finalizers: object
            .pointer("/metadata/finalizers")
            .and_then(Value::as_array)
            .map(|all| all.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect())
            .unwrap_or_default(),
        status: object
            .get("status")
            .and_then(|status| serde_json::from_value(status.clone()).ok()),
        in_cluster,
    })
}

pub(super) fn text(object: &Value, pointer: &str) -> Option<String> {
    object.pointer(pointer)?.as_str().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::mock, *};

    fn item(name: &str) -> Value {
        json!({
            "apiVersion": "github.decathlon.com/v1beta1", "kind": "GitHubDeployment",
            "metadata": {"namespace": "shop", "name": name, "uid": "u", "generation": 3, "resourceVersion": "7",
                         "finalizers": ["example.com/x"]},
            "spec": {"sourceRef": {"kind": "Deployment", "name": name}, "extract": {"containerName": "c"},
                     "repository": {"name": "r", "environment": "e"}},
            "status": {"status": "Current", "deploymentId": 4_294_967_299_u64},
        })
    }

    fn shop() -> Scope {
        Scope::Namespace("shop".to_owned())
    }

    #[tokio::test]
    async fn one_bad_object_does_not_stop_the_others() {
        let (client, requests) = mock::server(|path| {
            if path.contains("continue=") {
                return (200, json!({"metadata": {}, "items": [item("c")]}));
            }
            let mut bad = item("b");
            bad["spec"]["repository"] = json!({"name": "r"});
            bad["status"] = json!("?");
            (
                200,
                json!({"metadata": {"continue": "more/="}, "items": [item("a"), bad]}),
            )
        });
        let declared = declared_in_cluster(&client, &shop(), None).await.expect("a list");
        let found: Vec<_> = declared
            .declarations
            .iter()
            .map(|one| {
                (
                    one.described.as_str(),
                    one.spec.as_ref().map(|spec| spec.source_ref.name.as_str()),
                )
            })
            .collect();
        let error = DeclarationError::InvalidField {
            path: "spec.repository".to_owned(),
            problem: "missing field `environment`".to_owned(),
        };
        assert_eq!(
            found,
            [
                ("GitHubDeployment shop/a", Ok("a")),
                ("GitHubDeployment shop/b", Err(&error)),
                ("GitHubDeployment shop/c", Ok("c")),
            ]
        );
        assert_eq!(
            declared.complete,
            Complete::Namespaces(BTreeSet::from(["shop".to_owned()]))
        );
        let list = "/apis/github.decathlon.com/v1beta1/namespaces/shop/githubdeployments?limit=500";
        assert_eq!(requests.all(), [list.to_owned(), format!("{list}&continue=more%2F%3D")]);

        let meta = declared.declarations[0].github_deployment.as_ref().expect("a name");
        assert_eq!(
            (meta.uid.as_deref(), meta.generation, meta.deleting),
            (Some("u"), Some(3), false)
        );
        assert_eq!(meta.finalizers, ["example.com/x"]);
        let status = meta.status.as_ref().expect("a status");
        assert_eq!(status.deployment_id, Some(4_294_967_299));
        let meta = declared.declarations[1].github_deployment.as_ref().expect("a name");
        assert_eq!(meta.status, None, "what cannot be read is written anew");
    }

    #[tokio::test]
    async fn what_follows_from_absence() {
        let rows = [
            (shop(), Some("app=a"), item("a"), Complete::Nothing),
            (Scope::All, Some("app=a"), item("a"), Complete::Nothing),
            (Scope::All, None, item("a"), Complete::Everything),
            (Scope::All, None, json!({}), Complete::Nothing),
        ];
        for (scope, selector, item, complete) in rows {
            let (client, requests) = mock::server(move |_| (200, json!({"items": [item]})));
            let declared = declared_in_cluster(&client, &scope, selector).await.expect("a list");
            assert_eq!(declared.complete, complete, "{scope:?} {selector:?}");
            let selects = requests.all()[0].ends_with("?limit=500&labelSelector=app%3Da");
            assert_eq!(selects, selector.is_some());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_list_is_an_error_that_says_what_to_do() {
        let rows = [
            (
                404,
                shop(),
                "NotInstalled",
                "this cluster does not know the resource githubdeployments.github.decathlon.com: install it with \
                 `kube-status-to-github crd | kubectl apply --server-side -f -`, or read GitHubDeployments from files \
                 with -f",
            ),
            (
                403,
                shop(),
                "Forbidden",
                "may not list githubdeployments.github.decathlon.com in namespace shop: add to a Role there the rule \
                 {apiGroups: [\"github.decathlon.com\"], resources: [\"githubdeployments\"], verbs: [\"list\"]}",
            ),
            (
                403,
                Scope::All,
                "Forbidden",
                "may not list githubdeployments.github.decathlon.com in all namespaces: add to a ClusterRole the rule \
                 {apiGroups: [\"github.decathlon.com\"], resources: [\"githubdeployments\"], verbs: [\"list\"]}; or \
                 name one namespace with -n",
            ),
            (
                401,
                shop(),
                "Unauthorized",
                "GitHubDeployments could not be listed: the API server answered 401 (check the credentials of the \
                 kubeconfig or the service account): no",
            ),
            (
                500,
                shop(),
                "ApiServerError",
                "GitHubDeployments could not be listed: the API server answered 500 (try again later): no",
            ),
            (
                200,
                shop(),
                "ApiServerGarbled",
                "GitHubDeployments could not be listed: the API server's answer to \
                 /apis/github.decathlon.com/v1beta1/namespaces/shop/githubdeployments is not readable: missing field \
                 `items` at line 1 column 16; see by `kubectl get --raw` of that path whether an API server answers, \
                 or a proxy in front of it",
            ),
        ];
        for (code, scope, reason, message) in rows {
            let (client, _) = mock::server(move |_| (code, json!({"message": "no"})));
            let error = declared_in_cluster(&client, &scope, None).await.expect_err(message);
            assert_eq!((error.reason(), error.to_string().as_str()), (reason, message));
        }
    }

    #[tokio::test]
    async fn a_cluster_with_another_version_is_told_so() {
        let other = "githubdeployments.github.decathlon.com is served as v1alpha1, and v1beta1 is needed: install it \
                     with `kube-status-to-github crd | kubectl apply --server-side --force-conflicts -f -`";
        let group = |version: &str| {
            let version = json!({"groupVersion": format!("{GROUP}/{version}"), "version": version});
            json!({"name": GROUP, "versions": [version]})
        };
        for (answer, expected) in [
            ((200, group("v1alpha1")), other.to_owned()),
            ((200, group("v1beta1")), SourceError::NotInstalled.to_string()),
            ((403, json!({})), SourceError::NotInstalled.to_string()),
        ] {
            let (client, _) = mock::server(move |path| match path {
                "/apis/github.decathlon.com" => answer.clone(),
                _ => (404, json!({})),
            });
            let error = declared_in_cluster(&client, &shop(), None).await.expect_err("no list");
            assert_eq!((error.reason(), error.to_string()), ("NotInstalled", expected));
        }
    }
}
