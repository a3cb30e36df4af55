//! From a name that kubectl takes, such as `rollouts.argoproj.io`, to the kind that a cluster means by it.

use futures::{StreamExt, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIGroup, APIGroupList, APIResource, APIResourceList};
use kube::core::discovery::v2::APIGroupDiscoveryList;
use serde_json::Value;

use super::{
    KindName, Objects, Scope,
    api::{self, ApiFailure},
    declared::text,
    discovery::group_and_version,
    error::{did_you_mean, nearest},
    objects::Cluster,
};

/// Everything that an API server has in one answer, where it can do that; else only its groups.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                          application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// Groups that are asked for at once, of an API server that does not tell everything in one answer.
const GROUPS_AT_ONCE: usize = 8;

/// Why a name stands for no kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KindError {
    /// The cluster has none of that name.
    #[error(
        "this cluster has no kind {typed:?}{}",
        if nearest.is_some() { did_you_mean(nearest.as_deref()) } else { "; see `kubectl api-resources`".to_owned() }
    )]
    NotServed {
        /// As it was typed.
        typed: String,
        /// The name that is most similar.
        nearest: Option<String>,
    },
    /// The files have no object of it.
    #[error(
        "{typed:?} is not a built-in kind, and --objects has no object of it; write a custom kind as \
         KIND.VERSION.GROUP/NAME, for example Rollout.v1alpha1.argoproj.io/app"
    )]
    NotInFiles {
        /// As it was typed.
        typed: String,
    },
    /// The cluster could not be asked.
    #[error("which kind {typed:?} is could not be asked: {failure}")]
    Failed {
        /// As it was typed.
        typed: String,
        /// What the API server did.
        failure: ApiFailure,
    },
}

/// The kind that `typed` names: a singular, plural or short name, or a kind in any case, alone or with `.GROUP` or
/// `.VERSION.GROUP` behind it. Of several the one that the API server puts first, in its preferred version.
///
/// `typed` is made of letters, digits, dots and hyphens. For built-in kinds there is no need to ask.
///
/// # Errors
/// When there is no such kind, or the API server does not say.
pub async fn kind_named(objects: &Objects, typed: &str) -> Result<KindName, KindError> {
    let wanted = Wanted::new(typed);
    match objects {
        Objects::Files(objects) => wanted.in_files(objects).ok_or_else(|| KindError::NotInFiles {
            typed: typed.to_owned(),
        }),
        Objects::Cluster(cluster) => {
            let mut known = Vec::new();
            let found = match &wanted.group {
                Some(group) => wanted.in_group(cluster, group, &mut known).await,
                None => wanted.anywhere(cluster, &mut known).await,
            };
            let found = found.map_err(|failure| KindError::Failed {
                typed: typed.to_owned(),
                failure,
            })?;
            found.ok_or_else(|| KindError::NotServed {
                typed: typed.to_owned(),
                nearest: nearest(&wanted.name, known.iter().map(String::as_str)),
            })
        }
    }
}

/// Names of the objects of a kind, for whoever is about to type one: those of the first page only.
///
/// # Errors
/// When they cannot be listed.
pub async fn names_of_kind(cluster: &Cluster, kind: &KindName, scope: &Scope) -> Result<Vec<String>, ApiFailure> {
    let any = super::ObjectReference {
        api_version: kind.api_version.clone(),
        kind: kind.kind.clone(),
        namespace: None,
        name: String::new(),
    };
    let garbled = |path: &str, problem: String| ApiFailure::Garbled {
        path: path.to_owned(),
        problem,
    };
    let resource = cluster.resource(&any).await;
    let resource = resource.map_err(|error| garbled(&kind.api_version, error.to_string()))?;
    let page = api::first_page_of_metadata(cluster.client(), &resource.path(scope.namespace())).await?;
    Ok(page.iter().filter_map(|item| text(item, "/metadata/name")).collect())
}

/// A name, taken apart.
struct Wanted {
    /// In lower case, since names of resources are.
    name: String,
    version: Option<String>,
    group: Option<String>,
}

impl Wanted {
    fn new(typed: &str) -> Self {
        let typed = typed.to_ascii_lowercase();
        let (name, rest) = typed.split_once('.').unwrap_or((&typed, ""));
        let (version, group) = match rest.split_once('.') {
            Some((version, group)) if is_version(version) => (Some(version), group),
            _ => (None, rest),
        };
        Self {
            name: name.to_owned(),
            version: version.map(ToOwned::to_owned),
            group: (!group.is_empty()).then(|| group.to_owned()),
        }
    }

    fn is_of_version(&self, version: &str) -> bool {
        self.version.as_deref().is_none_or(|wanted| wanted == version)
    }

    fn is_named(&self, resource: &Names) -> bool {
        self.name == resource.plural
            || self.name == resource.singular
            || self.name == resource.kind.to_ascii_lowercase()
            || resource.short.contains(&self.name)
    }

    /// Two small requests: the versions of the group, and the kinds of the preferred one.
    async fn in_group(
        &self,
        cluster: &Cluster,
        group: &str,
        known: &mut Vec<String>,
    ) -> Result<Option<KindName>, ApiFailure> {
        let group = match api::get::<APIGroup>(cluster.client(), &format!("/apis/{group}")).await {
            Err(ApiFailure::Answer { code: 404, .. }) => return Ok(None),
            answer => answer?,
        };
        let preferred = group.preferred_version.as_ref();
        let others = group.versions.iter().filter(|version| Some(*version) != preferred);
        for version in preferred.into_iter().chain(others) {
            if self.is_of_version(&version.version) {
                let kinds = kinds_of_version(cluster, &version.group_version).await?;
                if let Some(found) = self.among(&version.group_version, kinds, known) {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// One large request, which tells everything.
    async fn anywhere(&self, cluster: &Cluster, known: &mut Vec<String>) -> Result<Option<KindName>, ApiFailure> {
        let answer: Value = api::get_as(cluster.client(), "/apis", AGGREGATED).await?;
        let garbled = |error: serde_json::Error| ApiFailure::Garbled {
            path: "/apis".to_owned(),
            problem: error.to_string(),
        };
        if text(&answer, "/kind").as_deref() == Some("APIGroupDiscoveryList") {
            let all: APIGroupDiscoveryList = serde_json::from_value(answer).map_err(garbled)?;
            return Ok(self.among_all(all, known));
        }
        let groups: APIGroupList = serde_json::from_value(answer).map_err(garbled)?;
        let versions = groups.groups.into_iter().filter_map(|group| {
            let first = group.versions.into_iter().next();
            Some(group.preferred_version.or(first)?.group_version)
        });
        let mut answers = stream::iter(versions)
            .map(|version| async move {
                let kinds = kinds_of_version(cluster, &version).await;
                (version, kinds)
            })
            .buffered(GROUPS_AT_ONCE);
        let mut failed = None;
        while let Some((version, kinds)) = answers.next().await {
            match kinds {
                Ok(kinds) => {
                    if let Some(found) = self.among(&version, kinds, known) {
                        return Ok(Some(found));
                    }
                }
                // A group whose own server is down must not hide the others.
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    fn among_all(&self, all: APIGroupDiscoveryList, known: &mut Vec<String>) -> Option<KindName> {
        for group in all.items {
            let group_name = group.metadata.and_then(|metadata| metadata.name).unwrap_or_default();
            for version in group.versions {
                let api_version = format!("{group_name}/{}", version.version.unwrap_or_default());
                let names = version.resources.into_iter().map(|resource| Names {
                    plural: resource.resource.unwrap_or_default(),
                    singular: resource.singular_resource.unwrap_or_default(),
                    short: resource.short_names,
                    kind: resource.response_kind.and_then(|kind| kind.kind).unwrap_or_default(),
                });
                if let Some(found) = self.find(&api_version, names, known) {
                    return Some(found);
                }
            }
        }
        None
    }

    fn among(&self, api_version: &str, kinds: Vec<APIResource>, known: &mut Vec<String>) -> Option<KindName> {
        // Subresources are listed too, as `widgets/status`.
        let kinds = kinds.into_iter().filter(|resource| !resource.name.contains('/'));
        let names = kinds.map(|resource| Names {
            plural: resource.name,
            singular: resource.singular_name,
            short: resource.short_names.unwrap_or_default(),
            kind: resource.kind,
        });
        self.find(api_version, names, known)
    }

    fn find(&self, api_version: &str, names: impl Iterator<Item = Names>, known: &mut Vec<String>) -> Option<KindName> {
        for names in names {
            if self.is_named(&names) && !names.kind.is_empty() {
                return Some(KindName {
                    api_version: api_version.to_owned(),
                    kind: names.kind,
                });
            }
            known.push(names.kind.to_ascii_lowercase());
            known.push(names.plural);
        }
        None
    }

    /// Without a cluster nobody knows the plural of a kind: it is formed as the API machinery forms the plural of a
    /// kind that it knows nothing about.
    fn in_files(&self, objects: &[Value]) -> Option<KindName> {
        objects.iter().find_map(|object| {
            let (api_version, kind) = (text(object, "/apiVersion")?, text(object, "/kind")?);
            let (group, version) = group_and_version(&api_version);
            let singular = kind.to_ascii_lowercase();
            let is_named = self.name == singular || self.name == plural(&singular);
            let is_of_group = self.group.as_deref().is_none_or(|wanted| wanted == group);
            (is_named && is_of_group && self.is_of_version(version)).then_some(KindName { api_version, kind })
        })
    }
}

/// What a kind is called.
struct Names {
    plural: String,
    singular: String,
    short: Vec<String>,
    kind: String,
}

async fn kinds_of_version(cluster: &Cluster, api_version: &str) -> Result<Vec<APIResource>, ApiFailure> {
    let path = format!("/apis/{api_version}");
    Ok(api::get::<APIResourceList>(cluster.client(), &path).await?.resources)
}

/// `v1`, `v1alpha1`, `v2beta3`
pub(super) fn is_version(text: &str) -> bool {
    text.strip_prefix('v')
        .is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
}

fn plural(singular: &str) -> String {
    match singular.strip_suffix('y') {
        _ if singular.ends_with('s') => format!("{singular}es"),
        Some(stem) => format!("{stem}ies"),
        None => format!("{singular}s"),
    }
}

#[cfg(test)]
mod tests;
