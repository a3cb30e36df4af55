//! Looking at the observed objects: in as few requests as possible, and never keeping one longer than it takes to
//! reduce it to what the caller wants.

use std::collections::{BTreeMap, HashMap};

use futures::{StreamExt, stream};
use kube::Client;
use serde_json::Value;

use super::{
    ObjectReference, ObservationError,
    api::{self, ApiFailure},
    discovery::{Discovery, Resource, group_and_version},
};

/// From how many objects of one kind and namespace on a list costs less than reading each by itself.
const LIST_FROM: usize = 9;

/// Single objects that are read at once.
const GETS_AT_ONCE: usize = 8;

/// Lists that are read at once. A page is some megabytes, and taking it apart is work for a core.
const LISTS_AT_ONCE: usize = 2;

/// Where the observed objects are.
#[derive(Debug)]
pub enum Objects {
    /// In a cluster.
    Cluster(Cluster),
    /// In files, as [`super::objects_from_files`] read them.
    Files(Vec<Value>),
}

/// A cluster, and what it said about its kinds: to be made anew for every pass, since kinds come and go.
pub struct Cluster {
    client: Client,
    discovery: Discovery,
}

impl Cluster {
    /// Asks nothing yet.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            discovery: Discovery::default(),
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The resource that holds the objects of a reference's kind.
    pub(super) async fn resource(&self, reference: &ObjectReference) -> Result<Resource, ObservationError> {
        self.discovery.resource(&self.client, reference).await
    }

    /// Where the API server has the objects of this kind and namespace.
    pub(super) async fn collection(&self, reference: &ObjectReference) -> Result<String, ObservationError> {
        let resource = self.resource(reference).await?;
        let namespace = reference.namespace.as_deref().filter(|_| resource.namespaced);
        Ok(resource.path(namespace))
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").finish_non_exhaustive()
    }
}

/// What became of the look at one object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "what callers keep of an object is of the same size"
)]
pub enum Observation<T> {
    /// It is there.
    Found(T),
    /// It does not exist: the API server said so of this very object, or it is missing in a complete list, or in the
    /// files.
    Gone,
    /// Neither is known.
    Unreadable(ObservationError),
}

/// Looks at the objects of `references` and answers in their order. `reduce` gets the place of the reference and the
/// object; what it returns is kept, the object is not. References may name the same object.
///
/// Objects of one kind and namespace are listed where they are many, otherwise read one by one; also where listing is
/// not permitted, since reading each may be.
pub async fn observe<T>(
    objects: &Objects,
    references: &[ObjectReference],
    reduce: impl Fn(usize, &Value) -> T,
) -> Vec<Observation<T>> {
    match objects {
        Objects::Cluster(cluster) => observe_cluster(cluster, references, &reduce).await,
        Objects::Files(objects) => observe_files(objects, references, &reduce),
    }
}

fn observe_files<T>(
    objects: &[Value],
    references: &[ObjectReference],
    reduce: &impl Fn(usize, &Value) -> T,
) -> Vec<Observation<T>> {
    fn field<'a>(object: &'a Value, pointer: &str) -> &'a str {
        object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
    let mut named: HashMap<_, Vec<&Value>> = HashMap::new();
    for object in objects {
        let (group, _) = group_and_version(field(object, "/apiVersion"));
        let key = (group, field(object, "/kind"), field(object, "/metadata/name"));
        named.entry(key).or_default().push(object);
    }
    // The last of several is what applying the files in their order would leave. An object that is written without a
    // namespace stands in any; and each version of a group shows the same objects.
    let find = |reference: &ObjectReference| {
        let (group, _) = group_and_version(&reference.api_version);
        let namesakes = named.get(&(group, reference.kind.as_str(), reference.name.as_str()))?;
        let wanted = reference.namespace.as_deref();
        let in_namespace =
            |object: &&&Value| wanted.is_none_or(|wanted| field(object, "/metadata/namespace") == wanted);
        let anywhere = |object: &&&Value| field(object, "/metadata/namespace").is_empty();
        let of_version = |object: &&&Value| field(object, "/apiVersion") == reference.api_version;
        let last = namesakes.iter().rev();
        last.clone()
            .find(|object| in_namespace(object) && of_version(object))
            .or_else(|| last.clone().find(in_namespace))
            .or_else(|| last.clone().find(anywhere))
            .copied()
    };
    references
        .iter()
        .enumerate()
        .map(|(index, reference)| match find(reference) {
            Some(object) => Observation::Found(reduce(index, object)),
            None => Observation::Gone,
        })
        .collect()
}

/// References to objects of one kind and namespace: their places, by name.
type Places<'a> = BTreeMap<&'a str, Vec<usize>>;

/// The objects of one kind in one namespace, or of one cluster-scoped kind.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Group<'a> {
    resource: Resource,
    namespace: Option<&'a str>,
}

async fn observe_cluster<T>(
    Cluster { client, discovery }: &Cluster,
    references: &[ObjectReference],
    reduce: &impl Fn(usize, &Value) -> T,
) -> Vec<Observation<T>> {
    // Every place gets exactly one observation, so that at the end their order is that of the references.
    let mut observations: BTreeMap<usize, Observation<T>> = BTreeMap::new();

    let mut groups: BTreeMap<Group, Places> = BTreeMap::new();
    for (place, reference) in references.iter().enumerate() {
        match discovery.resource(client, reference).await {
            Ok(resource) => {
                let namespace = reference.namespace.as_deref().filter(|_| resource.namespaced);
                let places = groups.entry(Group { resource, namespace }).or_default();
                places.entry(&reference.name).or_default().push(place);
            }
            Err(error) => {
                observations.insert(place, Observation::Unreadable(error));
            }
        }
    }

    let (many, mut few): (Vec<_>, Vec<_>) = groups.iter().partition(|(_, places)| places.len() >= LIST_FROM);
    let mut lists = stream::iter(many)
        .map(|(group, places)| async move { (group, places, read_list(client, group, places, reduce).await) })
        .buffer_unordered(LISTS_AT_ONCE);
    while let Some((group, places, result)) = lists.next().await {
        match result {
            Ok(mut found) => observations.extend(places.values().flatten().map(|&place| {
                let observation = found.remove(&place).map_or(Observation::Gone, Observation::Found);
                (place, observation)
            })),
            Err(failure) if failure.is_forbidden() => few.push((group, places)),
            Err(failure) => observations.extend(places.values().flatten().map(|&place| {
                let error = group.error("list", &references[place], &failure);
                (place, Observation::Unreadable(error))
            })),
        }
    }

    let singles = few
        .into_iter()
        .flat_map(|(group, places)| places.iter().map(move |(name, places)| (group, *name, places)));
    let mut gets = stream::iter(singles)
        .map(|(group, name, places)| async move { (group, name, places, read_object(client, group, name).await) })
        .buffer_unordered(GETS_AT_ONCE);
    while let Some((group, name, places, result)) = gets.next().await {
        observations.extend(places.iter().map(|&place| {
            let observation = match &result {
                Ok(object) => Observation::Found(reduce(place, object)),
                Err(failure) if failure.says_gone(name) => Observation::Gone,
                Err(failure) => Observation::Unreadable(group.error("get", &references[place], failure)),
            };
            (place, observation)
        }));
    }
    observations.into_values().collect()
}

impl Group<'_> {
    fn path(&self) -> String {
        self.resource.path(self.namespace)
    }

    fn error(&self, verb: &'static str, object: &ObjectReference, failure: &ApiFailure) -> ObservationError {
        let object = object.clone();
        if failure.is_forbidden() {
            ObservationError::Forbidden {
                object,
                permission: self.resource.permission(verb, self.namespace),
            }
        } else {
            ObservationError::Failed {
                object,
                failure: failure.clone(),
            }
        }
    }
}

/// Lists a group and reduces the objects that are referred to, by place.
async fn read_list<T>(
    client: &Client,
    group: &Group<'_>,
    places: &Places<'_>,
    reduce: &impl Fn(usize, &Value) -> T,
) -> Result<BTreeMap<usize, T>, ApiFailure> {
    struct Found<T> {
        reduced: BTreeMap<usize, T>,
        nameless: bool,
    }
    impl<T> Default for Found<T> {
        fn default() -> Self {
            Self {
                reduced: BTreeMap::new(),
                nameless: false,
            }
        }
    }
    let path = group.path();
    let found = api::list(client, &path, None, |found: &mut Found<T>, mut item| {
        let Some(name) = item.pointer("/metadata/name").and_then(Value::as_str) else {
            found.nameless = true;
            return;
        };
        let Some(places) = places.get(name) else { return };
        // Lists of built-in kinds name version and kind once, at the top.
        if let Some(fields) = item.as_object_mut() {
            let Resource { api_version, kind, .. } = &group.resource;
            fields
                .entry("apiVersion")
                .or_insert_with(|| api_version.as_str().into());
            fields.entry("kind").or_insert_with(|| kind.as_str().into());
        }
        for &place in places {
            found.reduced.insert(place, reduce(place, &item));
        }
    })
    .await?;
    if found.nameless {
        // It may be the very one that is missing otherwise.
        return Err(ApiFailure::Garbled {
            path,
            problem: "an item has no metadata.name".to_owned(),
        });
    }
    Ok(found.reduced)
}

async fn read_object(client: &Client, group: &Group<'_>, name: &str) -> Result<Value, ApiFailure> {
    let path = api::object_path(&group.path(), name);
    let object: Value = api::get(client, &path).await?;
    if object.pointer("/metadata/name").and_then(Value::as_str) == Some(name) {
        Ok(object)
    } else {
        Err(ApiFailure::Garbled {
            path,
            problem: "it is another object, or none".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;
