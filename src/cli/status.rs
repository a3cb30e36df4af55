//! `status`: the health of objects, without GitHub.

use std::{collections::BTreeSet, io};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Failure, Surroundings, cluster,
    config::{Declarations, Objects, StatusConfig, Subject},
    exit::Exit,
};
use crate::{
    crd::GitHubDeploymentSpec,
    kstatus::{self, Health},
    report::{HealthDocument, HealthRow, Style, clean, render_health},
    source::{self, Cluster, ObjectReference, Observation, Scope},
};

/// Reads the objects, computes their health and prints it.
///
/// [`Exit::SomeFailed`] where one of them is missing or could not be read. A failed rollout is a result like others.
pub(super) async fn run(config: StatusConfig, surroundings: Surroundings) -> Result<Exit, Failure> {
    let StatusConfig {
        subject,
        objects,
        cluster,
        namespace,
        output,
    } = config;
    let client = match &cluster {
        Some(cluster) => Some(cluster::connect(cluster).await?),
        None => None,
    };
    let style = Style {
        all_namespaces: matches!(
            &subject,
            Subject::Declared(Declarations::Cluster {
                all_namespaces: true,
                ..
            })
        ),
        ..surroundings.style
    };
    let (mut results, problems) = match subject {
        Subject::Objects => {
            let objects = source::objects_from_files(objects.paths(), io::stdin()).map_err(Failure::cannot_run)?;
            (health_of(&objects, namespace.as_deref(), Timestamp::now()), Vec::new())
        }
        subject => {
            let context = client.as_ref().map(|client| client.default_namespace().to_owned());
            let namespace = namespace.or(context).unwrap_or_else(|| "default".to_owned());
            let (references, problems) = references(subject, client.as_ref(), &namespace).await?;
            let objects = match (objects, client) {
                (Objects::Files(paths), _) => {
                    let objects = source::objects_from_files(&paths, io::stdin()).map_err(Failure::cannot_run)?;
                    source::Objects::Files(objects)
                }
                (Objects::Cluster, Some(client)) => source::Objects::Cluster(Cluster::new(client)),
                (Objects::Cluster, None) => source::Objects::Files(Vec::new()),
            };
            let references: Vec<_> = references.into_iter().collect();
            let now = Timestamp::now();
            let observations = source::observe(&objects, &references, |_, object| kstatus::compute(object, now)).await;
            (references.into_iter().zip(observations).map(row).collect(), problems)
        }
    };
    results.sort();
    let unread = results
        .iter()
        .any(|row| matches!(row.status.as_str(), NOT_FOUND | UNREADABLE));
    let failed = unread || !problems.is_empty();
    let mut text = Vec::new();
    render_health(&HealthDocument { results }, output, &mut text, style).map_err(Failure::cannot_run)?;
    super::print(&text)?;
    for problem in problems {
        super::complain(&format!("error: {}", clean(&problem, style.actions)));
    }
    Ok(if failed { Exit::SomeFailed } else { Exit::Done })
}

const NOT_FOUND: &str = "NotFound";
const UNREADABLE: &str = "Unreadable";

/// The objects that are asked for, each once, and what is wrong with declarations that name none.
async fn references(
    subject: Subject,
    client: Option<&kube::Client>,
    namespace: &str,
) -> Result<(BTreeSet<ObjectReference>, Vec<String>), Failure> {
    let declared = match (subject, client) {
        (Subject::Object(source_ref), _) => {
            let spec = GitHubDeploymentSpec {
                source_ref,
                ..GitHubDeploymentSpec::default()
            };
            let reference = ObjectReference::of(&spec, namespace).map_err(|error| Failure {
                exit: Exit::SomeFailed,
                error: error.into(),
            })?;
            return Ok((BTreeSet::from([reference]), Vec::new()));
        }
        (Subject::Declared(Declarations::Files(paths)), _) => {
            source::declared_in_files(&paths, namespace, io::stdin()).map_err(Failure::cannot_run)?
        }
        (
            Subject::Declared(Declarations::Cluster {
                all_namespaces,
                selector,
            }),
            Some(client),
        ) => {
            let scope = if all_namespaces {
                Scope::All
            } else {
                Scope::Namespace(namespace.to_owned())
            };
            let declared = source::declared_in_cluster(client, &scope, selector.as_deref()).await;
            declared.map_err(Failure::cannot_run)?
        }
        // The rest is not made: declarations of a cluster come with a client, those from flags are no status.
        (Subject::Declared(_) | Subject::Objects, _) => return Ok(Default::default()),
    };
    let mut references = BTreeSet::new();
    let mut problems = Vec::new();
    for declaration in declared.declarations {
        let meta = declaration.github_deployment.as_ref();
        let namespace = meta.map_or(namespace, |meta| meta.namespace.as_str());
        match declaration.spec.and_then(|spec| ObjectReference::of(&spec, namespace)) {
            Ok(reference) => {
                references.insert(reference);
            }
            Err(error) => problems.push(format!("{}: {error}", declaration.described)),
        }
    }
    Ok((references, problems))
}

fn row((reference, observation): (ObjectReference, Observation<Health>)) -> HealthRow {
    let (status, message) = match observation {
        Observation::Found(Health { status, message }) => (status.to_string(), message),
        Observation::Gone => (NOT_FOUND.to_owned(), "there is no such object".to_owned()),
        Observation::Unreadable(error) => (UNREADABLE.to_owned(), error.to_string()),
    };
    HealthRow {
        namespace: reference.namespace,
        api_version: reference.api_version,
        kind: reference.kind,
        name: reference.name,
        status,
        message,
    }
}

/// The health of every object, of `namespace` only if there is one.
fn health_of(objects: &[Value], namespace: Option<&str>, now: Timestamp) -> Vec<HealthRow> {
    let text = |object: &Value, path: &str| object.pointer(path).and_then(Value::as_str).map(ToOwned::to_owned);
    let rows = objects.iter().map(|object| {
        let Health { status, message } = kstatus::compute(object, now);
        HealthRow {
            namespace: text(object, "/metadata/namespace"),
            api_version: text(object, "/apiVersion").unwrap_or_default(),
            kind: text(object, "/kind").unwrap_or_default(),
            name: text(object, "/metadata/name").unwrap_or_default(),
            status: status.to_string(),
            message,
        }
    });
    rows.filter(|row| namespace.is_none() || row.namespace.as_deref() == namespace)
        .collect()
}
