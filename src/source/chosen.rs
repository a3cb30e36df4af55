//! Objects that a user names beside a command, without a GitHubDeployment.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    ChoiceError, Cluster, Complete, Declaration, Declared, ObjectReference, Objects, ObservationError, Scope,
    api::{self, ApiFailure, Selector},
    declared::text,
    discovery::group_and_version,
    labels,
};
use crate::crd::{GitHubDeploymentSpec, SourceRef};

/// A kind, with the version in which its objects are read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KindName {
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
}

/// The objects that a user chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// By name, in the order in which they were typed.
    Named(Vec<SourceRef>),
    /// All of these kinds that have the labels. They may be others the next time.
    Labelled {
        /// The kinds.
        kinds: Vec<KindName>,
        /// As `kubectl -l` takes it.
        selector: String,
        /// Where.
        scope: Scope,
    },
}

/// Which objects those are now, each once. Named ones need not exist.
///
/// # Errors
/// When no object has the labels, or it cannot be told which do: what is not known must not count as nothing.
pub async fn choose(objects: &Objects, chosen: &Chosen) -> Result<Vec<SourceRef>, ChoiceError> {
    let (kinds, selector, scope) = match chosen {
        Chosen::Named(named) => {
            let mut seen = BTreeSet::new();
            let name = |source: &SourceRef| {
                let SourceRef {
                    api_version,
                    kind,
                    name,
                    namespace,
                } = source.clone();
                (api_version, kind, name, namespace)
            };
            return Ok(named
                .iter()
                .filter(|source| seen.insert(name(source)))
                .cloned()
                .collect());
        }
        Chosen::Labelled { kinds, selector, scope } => (kinds, selector, scope),
    };
    let parsed = labels::parse(selector).map_err(|problem| ChoiceError::Selector {
        selector: selector.clone(),
        problem,
    })?;
    let mut found = BTreeSet::new();
    for kind in kinds {
        let any = kind.any_object(scope)?;
        match objects {
            Objects::Cluster(cluster) => found.extend(listed(cluster, &any, selector, scope).await?),
            Objects::Files(objects) => {
                let is_chosen = |object: &&Value| any.is_of_kind(object) && labels::matches(&parsed, object);
                let names = objects.iter().filter(is_chosen).filter_map(name_of);
                let is_here = |namespace: &Option<String>| match (scope, namespace) {
                    (Scope::Namespace(wanted), Some(namespace)) => wanted == namespace,
                    (Scope::Namespace(_) | Scope::All, _) => true,
                };
                found.extend(
                    names
                        .filter(|(namespace, _)| is_here(namespace))
                        .map(|name| any.with_name(name)),
                );
            }
        }
    }
    if found.is_empty() {
        let kinds: Vec<_> = kinds.iter().map(|kind| kind.kind.as_str()).collect();
        return Err(ChoiceError::Nothing {
            kinds: kinds.join(","),
            selector: selector.clone(),
            place: match scope {
                Scope::Namespace(namespace) => format!("in namespace {namespace}"),
                Scope::All => "in any namespace".to_owned(),
            },
        });
    }
    Ok(found.into_iter().map(SourceRef::from).collect())
}

/// A declaration for each object that was chosen, as its GitHubDeployment would be; `spec` is that of all, whatever its
/// `sourceRef` says.
///
/// # Errors
/// As [`choose`].
pub async fn declared_by_choice(
    objects: &Objects,
    chosen: &Chosen,
    spec: &GitHubDeploymentSpec,
) -> Result<Declared, ChoiceError> {
    let declaration = |source_ref: SourceRef| Declaration {
        github_deployment: None,
        described: format!("{}/{}", source_ref.kind, source_ref.name),
        spec: Ok(GitHubDeploymentSpec {
            source_ref,
            ..spec.clone()
        }),
    };
    Ok(Declared {
        declarations: choose(objects, chosen).await?.into_iter().map(declaration).collect(),
        complete: Complete::Nothing,
    })
}

/// The objects of a kind that the API server selects.
async fn listed(
    cluster: &Cluster,
    any: &ObjectReference,
    selector: &str,
    scope: &Scope,
) -> Result<Vec<ObjectReference>, ChoiceError> {
    let resource = cluster.resource(any).await;
    let resource = resource.map_err(|error| match error {
        ObservationError::Failed { failure, .. } => ChoiceError::Failed {
            kind: any.kind.clone(),
            failure,
        },
        error => ChoiceError::Unreadable(Box::new(error)),
    })?;
    let namespace = scope.namespace();
    let path = resource.path(namespace);
    let selector = Selector::Labels(selector.to_owned());
    let names = api::list_metadata(cluster.client(), &path, Some(&selector), |names: &mut Vec<_>, item| {
        names.push(name_of(&item));
    });
    let names: Option<Vec<_>> = names
        .await
        .map_err(|failure| {
            let kind = any.kind.clone();
            if failure.is_forbidden() {
                let permission = Box::new(resource.permission("list", namespace));
                ChoiceError::Forbidden { kind, permission }
            } else {
                ChoiceError::Failed { kind, failure }
            }
        })?
        .into_iter()
        .collect();
    let names = names.ok_or_else(|| ChoiceError::Failed {
        kind: any.kind.clone(),
        failure: ApiFailure::Garbled {
            path,
            problem: "an item has no metadata.name".to_owned(),
        },
    })?;
    Ok(names.into_iter().map(|name| any.with_name(name)).collect())
}

/// Namespace and name of an object; none where it has no name.
fn name_of(object: &Value) -> Option<(Option<String>, String)> {
    Some((text(object, "/metadata/namespace"), text(object, "/metadata/name")?))
}

impl KindName {
    /// A reference to an object of the kind, to which only the name is to be added.
    fn any_object(&self, scope: &Scope) -> Result<ObjectReference, ChoiceError> {
        let namespace = scope.namespace().unwrap_or("default");
        let source = SourceRef {
            api_version: Some(self.api_version.clone()),
            kind: self.kind.clone(),
            name: "any".to_owned(),
            namespace: None,
        };
        ObjectReference::named(&source, namespace).map_err(|error| ChoiceError::Refused {
            kind: self.kind.clone(),
            error,
        })
    }
}

impl ObjectReference {
    fn with_name(&self, (namespace, name): (Option<String>, String)) -> Self {
        Self {
            namespace: namespace.or_else(|| self.namespace.clone()),
            name,
            ..self.clone()
        }
    }

    /// True if `object` is of the same kind, in whatever version.
    fn is_of_kind(&self, object: &Value) -> bool {
        let group = |version: &str| group_and_version(version).0.to_owned();
        text(object, "/kind").as_deref() == Some(self.kind.as_str())
            && text(object, "/apiVersion").is_some_and(|version| group(&version) == group(&self.api_version))
    }
}

impl From<ObjectReference> for SourceRef {
    fn from(reference: ObjectReference) -> Self {
        Self {
            api_version: Some(reference.api_version),
            kind: reference.kind,
            name: reference.name,
            namespace: reference.namespace,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::{Cluster, mock},
        *,
    };

    fn labelled(kind: &str, selector: &str, scope: Scope) -> Chosen {
        Chosen::Labelled {
            kinds: vec![KindName {
                api_version: "apps/v1".to_owned(),
                kind: kind.to_owned(),
            }],
            selector: selector.to_owned(),
            scope,
        }
    }

    fn shop() -> Scope {
        Scope::Namespace("shop".to_owned())
    }

    fn names(chosen: &[SourceRef]) -> Vec<String> {
        let name = |source: &SourceRef| {
            let namespace = source.namespace.as_deref().unwrap_or("-");
            format!("{} {namespace}/{}", source.kind, source.name)
        };
        chosen.iter().map(name).collect()
    }

    #[tokio::test]
    async fn what_was_typed_twice_is_one_object() {
        let app = |name: &str| SourceRef {
            kind: "Deployment".to_owned(),
            name: name.to_owned(),
            ..SourceRef::default()
        };
        let chosen = Chosen::Named(vec![app("b"), app("a"), app("b")]);
        let found = choose(&Objects::Files(Vec::new()), &chosen).await.expect("names");
        assert_eq!(names(&found), ["Deployment -/b", "Deployment -/a"]);
    }

    #[tokio::test]
    async fn by_label_in_files() {
        let object = |kind: &str, namespace: &str, name: &str, app: &str| {
            json!({"apiVersion": "apps/v1", "kind": kind,
                   "metadata": {"namespace": namespace, "name": name, "labels": {"app": app}}})
        };
        let objects = Objects::Files(vec![
            object("Deployment", "shop", "web", "shop"),
            object("Deployment", "shop", "api", "shop"),
            object("Deployment", "shop", "other", "x"),
            object("StatefulSet", "shop", "db", "shop"),
            object("Deployment", "test", "web", "shop"),
        ]);
        let chosen = labelled("Deployment", "app=shop", shop());
        let found = choose(&objects, &chosen).await.expect("two");
        assert_eq!(names(&found), ["Deployment shop/api", "Deployment shop/web"]);
        let chosen = labelled("Deployment", "app=shop", Scope::All);
        let found = choose(&objects, &chosen).await.expect("three");
        assert_eq!(
            names(&found),
            ["Deployment shop/api", "Deployment shop/web", "Deployment test/web"]
        );
        for (kind, selector, expected) in [
            (
                "DaemonSet",
                "app=shop",
                "no DaemonSet with the labels app=shop in namespace shop; see `kubectl get DaemonSet --show-labels`",
            ),
            (
                "Deployment",
                "app=",
                "no Deployment with the labels app= in namespace shop; see `kubectl get Deployment --show-labels`",
            ),
            (
                "Deployment",
                "a=b=c",
                "-l \"a=b=c\" is not a label selector at \"b=c\": write for example app=shop, or 'tier in \
                 (web,api),!canary'",
            ),
        ] {
            let error = choose(&objects, &labelled(kind, selector, shop())).await;
            assert_eq!(error.expect_err(selector).to_string(), expected);
        }
    }

    #[tokio::test]
    async fn by_label_in_a_cluster_with_one_request() {
        let (client, requests) = mock::server(|_| {
            let item = json!({"metadata": {"namespace": "shop", "name": "web"}});
            (200, json!({"metadata": {}, "items": [item]}))
        });
        let objects = Objects::Cluster(Cluster::new(client));
        let found = choose(&objects, &labelled("Deployment", "app=shop", shop())).await;
        assert_eq!(names(&found.expect("one")), ["Deployment shop/web"]);
        let found = choose(&objects, &labelled("Deployment", "app=shop", Scope::All)).await;
        assert_eq!(names(&found.expect("one")), ["Deployment shop/web"]);
        assert_eq!(
            requests.all(),
            [
                "/apis/apps/v1/namespaces/shop/deployments?limit=500&labelSelector=app%3Dshop",
                "/apis/apps/v1/deployments?limit=500&labelSelector=app%3Dshop",
            ]
        );
    }

    #[tokio::test]
    async fn what_cannot_be_listed_is_an_error() {
        let refused = |code: u16| json!({"kind": "Status", "status": "Failure", "code": code, "message": "no"});
        for (code, answer, expected) in [
            (
                403,
                refused(403),
                "objects of kind Deployment: may not list deployments.apps in namespace shop: add to a Role there the rule \
                 {apiGroups: [\"apps\"], resources: [\"deployments\"], verbs: [\"get\", \"list\"]}",
            ),
            (
                400,
                refused(400),
                "the objects of kind Deployment could not be listed: the API server answered 400: no",
            ),
            (
                200,
                json!({"items": [{"metadata": {}}]}),
                "the objects of kind Deployment could not be listed: the API server's answer to \
                 /apis/apps/v1/namespaces/shop/deployments is not readable: an item has no metadata.name; see by \
                 `kubectl get --raw` of that path whether an API server answers, or a proxy in front of it",
            ),
        ] {
            let (client, _) = mock::server(move |_| (code, answer.clone()));
            let objects = Objects::Cluster(Cluster::new(client));
            let error = choose(&objects, &labelled("Deployment", "app=shop", shop())).await;
            assert_eq!(error.expect_err(expected).to_string(), expected);
        }
        let secrets = Chosen::Labelled {
            kinds: vec![KindName {
                api_version: "v1".to_owned(),
                kind: "Secret".to_owned(),
            }],
            selector: "app=shop".to_owned(),
            scope: shop(),
        };
        let (client, requests) = mock::server(|_| (500, json!({})));
        let error = choose(&Objects::Cluster(Cluster::new(client)), &secrets).await;
        assert_eq!(error.expect_err("refused").reason(), "SecretRefused");
        assert_eq!(requests.all(), Vec::<String>::new(), "nothing is asked");
    }
}
