//! What a pass would work with: the repositories and refs that its sources name, and the objects it reads for them.

use std::collections::{BTreeMap, BTreeSet};

use kube::Client;
use serde_json::Value;

use super::{Finding, Subject};
use crate::{
    crd::{DeletionPolicy, GitHubDeploymentSpec},
    extract::Rule,
    plan::Repository,
    report::with_causes,
    source::{
        self, Chosen, Cluster, Declaration, ObjectReference, Objects, Observation, SourceError, observe_with_templates,
    },
    sync::{DeclaredIn, ObjectsIn},
};

/// What is needed on both sides.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// Sources that are not suspended.
    pub sources: usize,
    /// Sources of which no repository or no ref is known.
    pub unusable: usize,
    /// What each repository has to have.
    pub repositories: BTreeMap<Repository, RepositoryNeeds>,
    /// The objects.
    pub objects: Vec<ObjectReference>,
    /// A GitHubDeployment takes a finalizer.
    pub closes: bool,
}

/// What one repository has to have.
#[derive(Debug, Default)]
pub(super) struct RepositoryNeeds {
    /// The refs that sources run.
    pub refs: BTreeSet<String>,
    /// Sources whose declaration is in order.
    pub sources: usize,
    /// Their environments as written, by the name in lower case.
    pub environments: BTreeMap<String, String>,
}

/// A source whose declaration is in order.
struct Usable {
    object: ObjectReference,
    repository: Repository,
    spec: GitHubDeploymentSpec,
}

impl Needs {
    /// Only what was named on the command line.
    pub fn of(repositories: &[Repository]) -> Self {
        Self {
            repositories: repositories
                .iter()
                .map(|repository| (repository.clone(), RepositoryNeeds::default()))
                .collect(),
            ..Self::default()
        }
    }

    /// How many environments there are.
    pub fn environments(&self) -> usize {
        self.repositories.values().map(|needs| needs.environments.len()).sum()
    }
}

/// Reads the declarations, and the objects for their refs.
///
/// # Errors
/// When the declarations, or files of objects, cannot be read at all.
pub(super) async fn read(subject: &Subject, client: Option<&Client>) -> Result<Needs, Finding> {
    let mut needs = Needs::of(&subject.repositories);
    let Some(declared_in) = &subject.declared_in else {
        return Ok(needs);
    };
    let finding = |error: SourceError| Finding {
        reason: error.reason(),
        message: with_causes(&error).join(": "),
    };
    let declared = declare(declared_in, client, subject).await.map_err(finding)?;
    let given = match declared_in {
        DeclaredIn::Flags { git_ref, .. } => git_ref.clone(),
        DeclaredIn::Cluster { .. } | DeclaredIn::Files { .. } | DeclaredIn::Listed { .. } => None,
    };
    let mut usable = Vec::new();
    for declaration in &declared {
        let spec = declaration.spec.as_ref().ok();
        if spec.is_some_and(|spec| spec.suspend) {
            continue;
        }
        needs.sources += 1;
        let Some(source) = usable_source(declaration, subject.default_owner.as_deref()) else {
            needs.unusable += 1;
            continue;
        };
        needs.closes |= source.spec.deletion_policy == DeletionPolicy::Close;
        let environment = &source.spec.repository.environment;
        let here = needs.repositories.entry(source.repository.clone()).or_default();
        here.sources += 1;
        here.environments
            .entry(environment.to_lowercase())
            .or_insert_with(|| environment.clone());
        usable.push(source);
    }
    needs.objects = usable.iter().map(|source| source.object.clone()).collect();
    let objects = match (&subject.objects_in, client) {
        (ObjectsIn::Files(paths), _) => {
            Objects::Files(source::objects_from_files(paths, &subject.kept).map_err(finding)?)
        }
        (ObjectsIn::Cluster, Some(client)) => Objects::Cluster(Cluster::new(client.clone())),
        (ObjectsIn::Cluster, None) => return Ok(needs),
    };
    let refs = refs(&objects, &usable, &needs.objects, given).await;
    for (source, git_ref) in usable.iter().zip(refs) {
        match (git_ref, needs.repositories.get_mut(&source.repository)) {
            (Some(git_ref), Some(here)) => drop(here.refs.insert(git_ref)),
            _ => needs.unusable += 1,
        }
    }
    Ok(needs)
}

async fn declare(
    declared_in: &DeclaredIn,
    client: Option<&Client>,
    subject: &Subject,
) -> Result<Vec<Declaration>, SourceError> {
    let declared = match (declared_in, client) {
        (DeclaredIn::Cluster { scope, selector }, Some(client)) => {
            source::declared_in_cluster(client, scope, selector.as_deref()).await?
        }
        (DeclaredIn::Files { paths, namespace }, _) => source::declared_in_files(paths, namespace, &subject.kept)?,
        (
            DeclaredIn::Listed {
                file,
                objects,
                namespace,
            },
            _,
        ) => source::declared_in_list(file, objects, namespace),
        (DeclaredIn::Flags { chosen, spec, .. }, client) => {
            let objects = match (&subject.objects_in, client) {
                (ObjectsIn::Cluster, Some(client)) => Objects::Cluster(Cluster::new(client.clone())),
                (ObjectsIn::Files(paths), _) if matches!(chosen, Chosen::Labelled { .. }) => {
                    Objects::Files(source::objects_from_files(paths, &subject.kept)?)
                }
                _ => Objects::Files(Vec::new()),
            };
            source::declared_by_choice(&objects, chosen, spec).await?
        }
        (DeclaredIn::Cluster { .. }, None) => return Ok(Vec::new()),
    };
    Ok(declared.declarations)
}

fn usable_source(declaration: &Declaration, default_owner: Option<&str>) -> Option<Usable> {
    let spec = declaration.spec.as_ref().ok()?;
    let namespace = declaration
        .github_deployment
        .as_ref()
        .map(|meta| meta.namespace.as_str());
    Some(Usable {
        object: ObjectReference::of(spec, namespace.unwrap_or("default")).ok()?,
        repository: Repository::parse(&spec.repository.name, default_owner).ok()?,
        spec: spec.clone(),
    })
}

/// The ref of each source, as far as its object gives one.
async fn refs(
    objects: &Objects,
    usable: &[Usable],
    references: &[ObjectReference],
    given: Option<String>,
) -> Vec<Option<String>> {
    if given.is_some() {
        return usable.iter().map(|_| given.clone()).collect();
    }
    let rules: Vec<_> = usable.iter().map(|source| Rule::new(&source.spec.extract)).collect();
    let extract = |place: usize, object: &Value| {
        let rule = rules.get(place)?.as_ref().ok()?;
        Some(rule.extract(object).ok()?.git_ref)
    };
    let observed = observe_with_templates(objects, references, extract).await;
    observed
        .into_iter()
        .map(|observation| match observation {
            Observation::Found(git_ref) => git_ref,
            Observation::Gone | Observation::Unreadable(_) => None,
        })
        .collect()
}
