//! The near side: what is declared, and what the named objects show.

use std::{collections::BTreeMap, sync::Arc};

use tokio::time::Instant;

use crate::{
    extract::Extracted,
    kstatus::{self, Health, Workload},
    plan::{By, Hash, Identity, Knowledge, Named, ReadNamespaces},
    source::{self, Cluster, Complete, Declared, Facts, ObjectReference, Objects, Observation, SourceError},
};

use super::{
    DeclaredIn, ObjectsIn, RunError, SUPERSEDED, Settings, World,
    memory::Memory,
    standing::{Reason, Seen, Source, Standing},
    wait::Overdue,
};

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
    memory: Arc<Memory>,
    /// What becomes of a source that is not final: the time to wait for it is over.
    pub overdue: Option<Overdue>,
}

/// Reads declarations and objects.
pub(super) async fn gather(world: &World, settings: &Settings, memory: &Arc<Memory>) -> Result<Gathered, RunError> {
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
        (None, ObjectsIn::Cluster) => memory.cluster_uid(kubernetes(world)?).await?,
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
        memory: Arc::clone(memory),
        overdue: None,
    };
    let mut sources: Sources = sources.into_iter().enumerate().collect();
    observer.observe(world, settings, &mut sources).await;
    Ok(Gathered { sources, observer })
}

fn objects(world: &World, settings: &Settings) -> Result<Objects, RunError> {
    Ok(match &settings.objects_in {
        ObjectsIn::Cluster => Objects::Cluster(Cluster::new(kubernetes(world)?.clone())),
        ObjectsIn::Files(paths) => Objects::Files(source::objects_from_files(paths, &world.kept)?),
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
        DeclaredIn::Files { paths, namespace } => source::declared_in_files(paths, namespace, &world.kept)?,
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
        // What has no generation is behind every one: none is less.
        let is_behind = |facts: &Facts| facts.generation < generation;
        let fail_fast = settings.fail_fast.then_some(now);
        let admitted = sources.values_mut().filter(|source| source.admitted);
        let (readable, references): (Vec<&mut Source>, Vec<ObjectReference>) = admitted
            .filter_map(|source| {
                let object = source.object.clone()?;
                Some((source, object))
            })
            .unzip();
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
                Some(wanted) if is_behind(&facts) => Health::waiting_for_generation(wanted),
                _ => kstatus::compute(object, now),
            };
            let health = match fail_fast.and_then(|now| kstatus::lasting_of_pod(object, &health, now)) {
                Some(cause) => health.failed_because(&cause),
                None => health,
            };
            // The pods of an object that is waited for are those of an earlier rollout.
            let workload = Workload::of(object, &health).filter(|_| !is_behind(&facts));
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
                Observation::Found((seen, _)) if is_behind(&seen.facts) => Standing::Behind(Box::new(seen)),
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
                Observation::Unreadable(error) => Standing::Failed(Reason::from(&error)),
            };
        }
        for source in sources.values_mut() {
            source.observed_at = asked_at;
        }
    }

    /// True if the object shows another rollout than the one that the given ref belongs to.
    fn is_superseded(&self, source: &Source, facts: &Facts) -> bool {
        let object = source.object.as_ref();
        object.is_some_and(|object| self.memory.is_superseded_by(object, facts))
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
