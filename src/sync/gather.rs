//! The near side: what is declared, and what the named objects show.

use std::{collections::BTreeMap, sync::Arc};

use tokio::time::Instant;

use crate::{
    crd::{DeletionPolicy, GitHubDeploymentSpec},
    extract::{ExtractError, Extracted, Rule},
    github::GitHubError,
    kstatus::{self, Health, Replicas, Status, Workload},
    plan::{By, DEFAULT_TASK, Environment, Hash, Identity, Knowledge, Named, ReadNamespaces, Repository, State},
    report::with_causes,
    source::{
        self, Cluster, Complete, Declaration, DeclarationError, Declared, Facts, ObjectReference, Objects, Observation,
        SourceError,
    },
};

use super::{DeclaredIn, ObjectsIn, RunError, SUPERSEDED, Settings, World, bound::Bound, wait::Overdue};

/// Sources by the index that they have in the pass.
pub(super) type Sources = BTreeMap<usize, Source>;

/// Everything that was read of the near side.
pub(super) struct Gathered {
    pub sources: Sources,
    pub observer: Observer,
}

/// What it takes to look at objects again, and what is known about the near side as a whole.
pub(super) struct Observer {
    pub knowledge: Arc<Knowledge>,
    /// The cluster of this pass, if known.
    cluster: Option<String>,
    pub(super) objects: Objects,
    bound: Arc<Bound>,
    /// What becomes of a source that is not final: the time to wait for it is over.
    pub overdue: Option<Overdue>,
}

/// One declaration, and what its object shows.
pub(super) struct Source {
    pub declaration: Declaration,
    pub object: Option<ObjectReference>,
    pub environment: Option<Environment>,
    /// How its ref is found; none for a source whose ref is given.
    rule: Result<Rule, ExtractError>,
    /// True if nothing about the declaration speaks against reading the object.
    admitted: bool,
    pub standing: Standing,
    /// When its object was asked for.
    pub observed_at: Instant,
}

/// What this pass knows about a source.
pub(super) enum Standing {
    /// The object was read.
    Seen(Box<Seen>),
    /// The object was read, and it is not yet the one that is to be reported (`--generation`).
    Behind(Box<Seen>),
    /// The object does not exist.
    Gone,
    /// Left alone on purpose.
    Skipped(Reason),
    /// Something is wrong with the declaration, or the object could not be read.
    Failed(Reason),
}

/// The object, reduced to what a pass needs of it.
pub(super) struct Seen {
    pub health: Health,
    pub facts: Facts,
    pub replicas: Option<Replicas>,
    pub extracted: Result<Extracted, ExtractError>,
    /// The state that takes the place of the health's, for want of time.
    overdue: Option<State>,
}

impl Seen {
    /// What GitHub is to show.
    pub fn state(&self) -> Option<State> {
        self.overdue.or(self.health.status.state())
    }

    /// True if the time to wait for it is over.
    pub fn is_overdue(&self) -> bool {
        self.overdue.is_some()
    }

    /// Gives the source up where it is not final.
    fn give_up(&mut self, overdue: &Overdue) {
        if matches!(self.health.status, Status::InProgress | Status::Unknown) {
            self.overdue = Some(overdue.state);
            self.health = self.health.clone().because(&overdue.cause());
        }
    }

    /// How the ref was come by, for whoever asks with `-v`.
    fn log_steps(&self, source: &str) {
        for step in self.extracted.iter().flat_map(|extracted| &extracted.steps) {
            tracing::info!(source, "{step}");
        }
    }
}

/// A stable word, and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    pub reason: &'static str,
    pub message: String,
}

impl From<&GitHubError> for Reason {
    fn from(error: &GitHubError) -> Self {
        Self::new(error.reason(), with_causes(error).join(": "))
    }
}

impl Reason {
    pub fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

/// Reads declarations and objects.
pub(super) async fn gather(world: &World, settings: &Settings, bound: &Arc<Bound>) -> Result<Gathered, RunError> {
    world.progress.stage("reading GitHubDeployments", None);
    let (declared, objects) = match &settings.declared_in {
        DeclaredIn::Flags { chosen, spec, .. } => {
            let objects = objects(world, settings)?;
            (
                source::declared_by_choice(&objects, chosen, spec)
                    .await
                    .map_err(SourceError::from)?,
                objects,
            )
        }
        _ => (declare(world, settings).await?, objects(world, settings)?),
    };
    let cluster = match (&settings.cluster_name, &settings.objects_in) {
        (Some(name), _) => Some(name.clone()),
        (None, ObjectsIn::Files(_)) => Some("files".to_owned()),
        (None, ObjectsIn::Cluster) => source::cluster_uid(kubernetes(world)?).await?,
    };
    let sources: Vec<Source> = declared
        .declarations
        .into_iter()
        .map(|declaration| Source::new(declaration, settings))
        .collect();
    let knowledge = knowledge(&sources, &declared.complete, cluster.as_deref());
    let observer = Observer {
        knowledge: Arc::new(knowledge),
        cluster,
        objects,
        bound: Arc::clone(bound),
        overdue: None,
    };
    let mut sources: Sources = sources.into_iter().enumerate().collect();
    observer.observe(world, settings, &mut sources).await;
    Ok(Gathered { sources, observer })
}

fn objects(world: &World, settings: &Settings) -> Result<Objects, RunError> {
    Ok(match &settings.objects_in {
        ObjectsIn::Cluster => Objects::Cluster(Cluster::new(kubernetes(world)?.clone())),
        ObjectsIn::Files(paths) => Objects::Files(source::objects_from_files(paths, &world.stdin[..])?),
    })
}

fn kubernetes(world: &World) -> Result<&kube::Client, RunError> {
    world.kubernetes.as_ref().ok_or(RunError::NoCluster)
}

async fn declare(world: &World, settings: &Settings) -> Result<Declared, RunError> {
    Ok(match &settings.declared_in {
        DeclaredIn::Cluster { scope, selector } => {
            source::declared_in_cluster(kubernetes(world)?, scope, selector.as_deref()).await?
        }
        DeclaredIn::Files { paths, namespace } => source::declared_in_files(paths, namespace, &world.stdin[..])?,
        DeclaredIn::Listed {
            file,
            objects,
            namespace,
        } => source::declared_in_list(file, objects, namespace),
        DeclaredIn::Flags { .. } => Declared {
            declarations: Vec::new(),
            complete: Complete::Nothing,
        },
    })
}

/// What the decision may conclude from a GitHubDeployment that is not there.
fn knowledge(sources: &[Source], complete: &Complete, cluster: Option<&str>) -> Knowledge {
    let name = |source: &Source| Named {
        object: source.object_hash(cluster),
        environment: source.environment.clone().filter(|_| source.admitted),
    };
    let named: BTreeMap<By, Named> = sources
        .iter()
        .filter_map(|source| Some((source.by()?, name(source))))
        .collect();
    let complete = match complete {
        Complete::Nothing => ReadNamespaces::default(),
        Complete::Namespaces(namespaces) => {
            ReadNamespaces::Only(namespaces.iter().map(|namespace| Hash::of(&[namespace])).collect())
        }
        Complete::Everything => ReadNamespaces::Every,
    };
    Knowledge {
        cluster: cluster.map(|cluster| Hash::of(&[cluster])),
        complete,
        named,
    }
}

impl Gathered {
    /// Gives up what is not final, now and wherever it is read again.
    pub fn give_up(&mut self, overdue: Overdue) {
        for source in self.sources.values_mut() {
            if let Standing::Seen(seen) = &mut source.standing {
                seen.give_up(&overdue);
            }
        }
        self.observer.overdue = Some(overdue);
    }
}

impl Observer {
    /// Reads the objects of these sources, and replaces what was known about them.
    pub async fn observe(&self, world: &World, settings: &Settings, sources: &mut Sources) {
        let asked_at = Instant::now();
        let now = (world.now)();
        let (given, generation) = match &settings.declared_in {
            DeclaredIn::Flags {
                git_ref, generation, ..
            } => (git_ref.as_deref(), *generation),
            _ => (None, None),
        };
        let fail_fast = settings.fail_fast.then_some(now);
        let readable: Vec<&mut Source> = sources.values_mut().filter(|source| source.admitted).collect();
        let references: Vec<ObjectReference> = readable.iter().filter_map(|source| source.object.clone()).collect();
        world.progress.stage("reading objects", None);
        let mut observations = source::observe_with_templates(&self.objects, &references, |position, object| {
            let extracted = match given {
                Some(git_ref) => Ok(Extracted {
                    git_ref: git_ref.to_owned(),
                    warnings: Vec::new(),
                    steps: Vec::new(),
                }),
                None => match &readable[position].rule {
                    Ok(rule) => rule.extract(object),
                    Err(error) => Err(error.clone()),
                },
            };
            let facts = source::facts(object);
            let health = match generation {
                Some(wanted) if facts.generation < generation => Health::waiting_for_generation(wanted),
                _ => kstatus::compute(object, now),
            };
            let health = match fail_fast.and_then(|now| kstatus::lasting_of_pod(object, &health, now)) {
                Some(cause) => health.failed_because(&cause),
                None => health,
            };
            // The pods of an object that is waited for are those of an earlier rollout.
            let is_present = facts.generation >= generation;
            let workload = Workload::of(object, &health).filter(|_| is_present);
            let seen = Seen {
                health,
                facts,
                replicas: kstatus::replicas(object),
                extracted,
                overdue: None,
            };
            (seen, workload)
        })
        .await;
        let unfinished = observations.iter_mut().filter_map(|observation| match observation {
            Observation::Found((seen, workload)) => Some((&mut seen.health, workload.take()?)),
            Observation::Gone | Observation::Unreadable(_) => None,
        });
        source::add_causes(&self.objects, unfinished, fail_fast).await;
        for (source, observation) in readable.into_iter().zip(observations) {
            source.standing = match observation {
                Observation::Found((seen, _)) if generation.is_some() && seen.facts.generation.is_none() => {
                    let source = &source.declaration.described;
                    Standing::Failed(Reason::new(
                        "GenerationMissing",
                        format!("{source} has no metadata.generation to wait for: leave --generation out"),
                    ))
                }
                Observation::Found((seen, _)) if seen.facts.generation < generation => Standing::Behind(Box::new(seen)),
                Observation::Found((seen, _)) if given.is_some() && self.is_superseded(source, &seen.facts) => {
                    Standing::Skipped(Reason::new(
                        SUPERSEDED,
                        "another rollout took the place of the one that the given ref belongs to",
                    ))
                }
                Observation::Found((mut seen, _)) => {
                    seen.log_steps(&source.declaration.described);
                    if let Some(overdue) = &self.overdue {
                        seen.give_up(overdue);
                    }
                    Standing::Seen(Box::new(seen))
                }
                Observation::Gone => Standing::Gone,
                Observation::Unreadable(error) => Standing::Failed(Reason::new(error.reason(), error.to_string())),
            };
        }
        for source in sources.values_mut() {
            source.observed_at = asked_at;
        }
    }

    /// True if the object shows another rollout than the one that the given ref belongs to.
    fn is_superseded(&self, source: &Source, facts: &Facts) -> bool {
        let object = source.object.as_ref();
        object.is_some_and(|object| self.bound.is_superseded_by(object, facts))
    }

    /// Who the source is, in the form of the marker.
    pub fn identity(&self, source: &Source) -> Identity {
        let cluster = self
            .cluster
            .as_deref()
            .or_else(|| source.declaration.github_deployment.as_ref()?.uid.as_deref());
        let facts = source.seen().map(|seen| &seen.facts);
        Identity {
            by: source.by(),
            cluster: cluster.map(|cluster| Hash::of(&[cluster])),
            object: source.object_hash(cluster),
            uid: facts.and_then(|facts| facts.uid.clone()),
            rollout: facts.and_then(|facts| facts.rollout.clone()),
        }
    }
}

impl Source {
    fn new(declaration: Declaration, settings: &Settings) -> Self {
        let mut source = Self {
            declaration,
            object: None,
            environment: None,
            rule: Err(ExtractError::ExtractMissing),
            admitted: true,
            standing: Standing::Gone,
            observed_at: Instant::now(),
        };
        if let Err(standing) = source.admit(settings) {
            source.admitted = false;
            source.standing = standing;
        }
        source
    }

    /// Everything that can be said before the object is read.
    fn admit(&mut self, settings: &Settings) -> Result<(), Standing> {
        let failed = |reason, message: String| Standing::Failed(Reason::new(reason, message));
        let spec = match &self.declaration.spec {
            Ok(spec) => spec,
            Err(error) => {
                // What has no name is known by its place; only the errors of files tell it themselves.
                let message = match (&self.declaration.github_deployment, error) {
                    (Some(_), _) | (None, DeclarationError::File(_)) => error.to_string(),
                    (None, _) => format!("{}: {error}", self.declaration.described),
                };
                return Err(failed(error.reason(), message));
            }
        };
        let namespace = self
            .declaration
            .github_deployment
            .as_ref()
            .map(|meta| meta.namespace.as_str());
        let object = ObjectReference::of(spec, namespace.unwrap_or("default")).map_err(|error| {
            let message = match namespace {
                Some(_) => error.to_string(),
                None => format!("{}: {error}", self.declaration.described),
            };
            failed(error.reason(), message)
        })?;
        self.object = Some(object.clone());
        self.rule = Rule::new(&spec.extract);

        let repository =
            Repository::parse(&spec.repository.name, settings.default_owner.as_deref()).map_err(|error| {
                let what_to_do = if spec.repository.name.contains('/') {
                    "write spec.repository.name as owner/name"
                } else {
                    "write spec.repository.name as owner/name, or set GITHUB_ORG"
                };
                failed("RepositoryNameInvalid", format!("{error}: {what_to_do}"))
            })?;
        let name = spec.repository.environment.clone();
        self.environment = Some(Environment {
            repository: repository.clone(),
            name,
        });

        if spec.suspend && !self.is_deleting() {
            return Err(Standing::Skipped(Reason::new("Suspended", "spec.suspend is true")));
        }
        if !settings.allows(namespace, &repository) {
            let message = format!("--repository-allow does not allow {repository} here");
            return Err(Standing::Skipped(Reason::new("RepositoryNotAllowed", message)));
        }
        let elsewhere = object
            .namespace
            .as_deref()
            .is_some_and(|other| namespace.is_some_and(|own| own != other));
        if elsewhere && !settings.cross_namespace_refs {
            let message = format!("{object} is in another namespace, which --no-cross-namespace-refs does not allow");
            return Err(failed("CrossNamespaceRef", message));
        }
        Ok(())
    }

    /// Nothing more is done for it in this pass.
    pub fn refuse(&mut self, standing: Standing) {
        self.admitted = false;
        self.standing = standing;
    }

    /// The hashes of its GitHubDeployment.
    fn by(&self) -> Option<By> {
        let meta = self.declaration.github_deployment.as_ref()?;
        Some(By::new(&meta.namespace, &meta.name))
    }

    fn object_hash(&self, cluster: Option<&str>) -> Option<Hash> {
        let object = self.object.as_ref()?;
        Some(Hash::of(&[
            cluster?,
            &object.kind,
            object.namespace.as_deref().unwrap_or_default(),
            &object.name,
        ]))
    }

    /// Its GitHubDeployment is being deleted.
    pub fn is_deleting(&self) -> bool {
        self.declaration
            .github_deployment
            .as_ref()
            .is_some_and(|meta| meta.deleting)
    }

    /// Its GitHubDeployment is being deleted, and its deployments are to end with it.
    pub fn closes(&self) -> bool {
        self.is_deleting()
            && self
                .spec()
                .is_some_and(|spec| spec.deletion_policy == DeletionPolicy::Close)
    }

    /// Nothing is wanted of GitHub for it any more. What may not be reported may not be closed either.
    pub fn is_off(&self) -> bool {
        self.admitted && (self.has_left() || self.is_deleting())
    }

    /// The object is on its way out, or gone.
    pub fn has_left(&self) -> bool {
        match &self.standing {
            Standing::Gone => true,
            Standing::Seen(seen) => seen.facts.terminating || seen.health.status == Status::Terminating,
            Standing::Behind(_) | Standing::Skipped(_) | Standing::Failed(_) => false,
        }
    }

    /// The specification, where it could be read.
    pub fn spec(&self) -> Option<&GitHubDeploymentSpec> {
        self.declaration.spec.as_ref().ok()
    }

    /// What its changes are sorted by: the GitHubDeployment's name, or the object's for a source from flags.
    pub fn sort_name(&self) -> String {
        match (&self.declaration.github_deployment, &self.object) {
            (Some(meta), _) => format!("{}/{}", meta.namespace, meta.name),
            (None, Some(object)) => object.to_string(),
            (None, None) => self.declaration.described.clone(),
        }
    }

    /// GitHub's task.
    pub fn task(&self) -> &str {
        let task = self.spec().and_then(|spec| spec.repository.task.as_deref());
        task.filter(|task| !task.is_empty()).unwrap_or(DEFAULT_TASK)
    }

    /// What was read of the object, be it the one that is to be reported or not yet.
    pub fn shown(&self) -> Option<&Seen> {
        match &self.standing {
            Standing::Seen(seen) | Standing::Behind(seen) => Some(seen),
            Standing::Gone | Standing::Skipped(_) | Standing::Failed(_) => None,
        }
    }

    /// What was read of the object that is to be reported.
    pub fn seen(&self) -> Option<&Seen> {
        match &self.standing {
            Standing::Seen(seen) => Some(seen),
            _ => None,
        }
    }
}
