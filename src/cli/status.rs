//! `status`: the health of objects, without GitHub.

use std::{
    collections::BTreeSet,
    io::{self, BufWriter, StdoutLock},
    time::Duration,
};

use jiff::Timestamp;
use kube::Client;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::{
    Failure, Surroundings,
    args::LogFormat,
    cluster,
    config::{self, Declarations, StatusConfig, Subject},
    exit::Exit,
    sync::{namespace_or_default, namespace_without_connecting, scope},
};
use crate::{
    kstatus::{self, Explanation, Status, Workload},
    report::{HealthExplanation, HealthRow, HealthWriter, Live, RolloutRow, Style},
    source::{self, Cluster, Declaration, ObjectReference, Objects, Observation},
};

/// Between two looks of `--wait`.
const POLL: Duration = Duration::from_secs(1);

const NOT_FOUND: &str = "NotFound";
const UNREADABLE: &str = "Unreadable";

/// Reads the objects, computes their health and prints it.
///
/// [`Exit::SomeFailed`] where one of them is missing or could not be read. A failed rollout is a result like others,
/// unless it was waited for.
pub(super) async fn run(config: StatusConfig, surroundings: Surroundings) -> Result<Exit, Failure> {
    let StatusConfig {
        subject,
        objects,
        cluster,
        namespace,
        only_in,
        output,
        explain,
        wait,
    } = config;
    let all_namespaces = match &subject {
        Subject::Declared(declarations) => declarations.are_everywhere(),
        Subject::Typed { all_namespaces, .. } => *all_namespaces,
        Subject::Objects | Subject::Files(_) => false,
    };
    let style = Style {
        all_namespaces,
        ..surroundings.style
    };
    let mut results = Results {
        only_in,
        writer: HealthWriter::new(output, explain, style, BufWriter::new(io::stdout().lock())),
        written: Ok(()),
        rows: 0,
        unread: false,
        failed: false,
    };
    let mut problems = Vec::new();
    let declared = match &subject {
        Subject::Declared(_) | Subject::Typed { .. } => Vec::new(),
        Subject::Objects => {
            let faults = source::each_object_from_files(objects.paths(), io::stdin(), |object| results.object(object));
            problems.extend(faults.iter().map(ToString::to_string));
            Vec::new()
        }
        Subject::Files(paths) => {
            let default = namespace_without_connecting(namespace.clone(), cluster.as_ref()).await;
            let give = |_: &str, object: &Value| results.object(object);
            source::declared_among_objects(paths, &default, io::stdin(), give).declarations
        }
    };
    if wait.is_some() && results.rows > 0 {
        let error = anyhow::anyhow!("--wait is for objects of a cluster: those in a file do not change");
        let exit = Exit::Usage;
        return Err(Failure { exit, error });
    }
    let needs_cluster = match &subject {
        Subject::Objects => false,
        Subject::Files(_) => declared.iter().any(|declaration| declaration.spec.is_ok()),
        Subject::Declared(_) | Subject::Typed { .. } => true,
    };
    let client = match &cluster {
        Some(cluster) if needs_cluster => Some(cluster::connect(cluster).await?),
        _ => None,
    };
    let namespace = namespace_or_default(namespace, client.as_ref());
    let mut read = None;
    let references = match subject {
        Subject::Typed { typed, all_namespaces } => {
            let objects = read.insert(objects_in(&objects, client.clone())?);
            typed
                .references(objects, scope(all_namespaces, namespace), &mut problems)
                .await?
        }
        Subject::Declared(declarations) => {
            let declared = declared_by(declarations, client.as_ref(), namespace).await?;
            references(&declared, &mut problems)
        }
        Subject::Objects | Subject::Files(_) => references(&declared, &mut problems),
    };
    let objects = match read {
        Some(read) => read,
        None if references.is_empty() => Objects::Files(Vec::new()),
        None => objects_in(&objects, client)?,
    };
    if let (0, true, false, Some(problem)) = (results.rows, references.is_empty(), needs_cluster, problems.first()) {
        return Err(Failure::cannot_run(anyhow::anyhow!("{problem}")));
    }

    let (observed, unfinished) = match wait {
        _ if references.is_empty() => (Vec::new(), false),
        None => (look(&objects, &references).await, false),
        Some(timeout) => look_until_final(&objects, &references, timeout, &surroundings).await,
    };
    for (reference, observation) in references.into_iter().zip(observed) {
        results.row(reference, observation);
    }
    let (unread, failed) = results.finish()?;
    for problem in &problems {
        Failure::beside(problem).tell(surroundings.log_format, style.actions);
    }
    Ok(if unread || !problems.is_empty() {
        Exit::SomeFailed
    } else if unfinished {
        Exit::TimedOut
    } else if failed && wait.is_some() {
        Exit::RolloutFailed
    } else {
        Exit::Done
    })
}

async fn declared_by(
    declarations: Declarations,
    client: Option<&Client>,
    namespace: String,
) -> Result<Vec<Declaration>, Failure> {
    match (declarations, client) {
        (
            Declarations::Cluster {
                all_namespaces,
                selector,
            },
            Some(client),
        ) => {
            let scope = scope(all_namespaces, namespace);
            let declared = source::declared_in_cluster(client, &scope, selector.as_deref()).await;
            Ok(declared.map_err(Failure::cannot_run)?.declarations)
        }
        (Declarations::Listed(listed), _) => {
            Ok(source::declared_in_list(&listed.file, &listed.objects, &namespace).declarations)
        }
        // Those of files are told as they are read, and flags are for `sync`.
        _ => Ok(Vec::new()),
    }
}

/// The rows of objects, which are written as they come.
struct Results {
    /// Objects that stand in files are told of this namespace only, if there is one.
    only_in: Option<String>,
    writer: HealthWriter<BufWriter<StdoutLock<'static>>>,
    /// Whether writing works; once it failed nothing more is tried.
    written: io::Result<()>,
    rows: usize,
    /// An object is missing or could not be read.
    unread: bool,
    /// A rollout failed.
    failed: bool,
}

impl Results {
    /// Tells an object as it stands in a file.
    fn object(&mut self, object: &Value) {
        let reference = ObjectReference::to(object);
        if self.only_in.is_none() || reference.namespace == self.only_in {
            let explanation = kstatus::explain(object, Timestamp::now());
            self.row(reference, Observation::Found(explanation));
        }
    }

    fn row(&mut self, reference: ObjectReference, observation: Observation<Explanation>) {
        let (status, message, explanation) = match observation {
            Observation::Found(Explanation { health, rule, fields }) => {
                self.failed |= health.status == Status::Failed;
                let explanation = HealthExplanation { rule, fields };
                (health.status.as_str(), health.message, Some(explanation))
            }
            Observation::Gone => {
                let place = reference
                    .namespace
                    .as_ref()
                    .map(|namespace| format!(" in namespace {namespace}"));
                let message = format!("there is no such object{}", place.unwrap_or_default());
                (NOT_FOUND, message, None)
            }
            Observation::Unreadable(error) => (UNREADABLE, error.to_string(), None),
        };
        self.unread |= explanation.is_none();
        self.rows += 1;
        let row = HealthRow {
            namespace: reference.namespace,
            api_version: reference.api_version,
            kind: reference.kind,
            name: reference.name,
            status: status.to_owned(),
            message,
            explanation,
        };
        if self.written.is_ok() {
            self.written = self.writer.row(row);
        }
    }

    /// Writes the rest. A reader that has seen enough (`| head`) is no failure.
    fn finish(self) -> Result<(bool, bool), Failure> {
        super::written(self.written.and_then(|()| self.writer.finish()))?;
        Ok((self.unread, self.failed))
    }
}

/// The objects that are named, each once; and what is wrong with declarations that name none.
fn references(declared: &[Declaration], problems: &mut Vec<String>) -> Vec<ObjectReference> {
    let mut references = BTreeSet::new();
    for declaration in declared {
        let namespace = declaration
            .github_deployment
            .as_ref()
            .map_or("default", |meta| &meta.namespace);
        match &declaration.spec {
            Ok(spec) => match ObjectReference::of(spec, namespace) {
                Ok(reference) => {
                    references.insert(reference);
                }
                Err(error) => problems.push(format!("{}: {error}", declaration.described)),
            },
            // The errors of files name their place themselves.
            Err(source::DeclarationError::File(error)) => problems.push(error.to_string()),
            Err(error) => problems.push(format!("{}: {error}", declaration.described)),
        }
    }
    references.into_iter().collect()
}

/// Where the named objects are.
fn objects_in(objects: &config::Objects, client: Option<Client>) -> Result<Objects, Failure> {
    Ok(match (objects, client) {
        (config::Objects::Files(paths), _) => {
            Objects::Files(source::objects_from_files(paths, io::stdin()).map_err(Failure::cannot_run)?)
        }
        (config::Objects::Cluster, Some(client)) => Objects::Cluster(Cluster::new(client)),
        (config::Objects::Cluster, None) => Objects::Files(Vec::new()),
    })
}

/// The health of the objects now, with its cause.
async fn look(objects: &Objects, references: &[ObjectReference]) -> Vec<Observation<Explanation>> {
    let now = Timestamp::now();
    let mut observed = source::observe(objects, references, |_, object| {
        let explanation = kstatus::explain(object, now);
        let workload = Workload::of(object, &explanation.health);
        (explanation, workload)
    })
    .await;
    let unfinished = observed.iter_mut().filter_map(|observation| match observation {
        Observation::Found((explanation, workload)) => Some((&mut explanation.health, workload.take()?)),
        Observation::Gone | Observation::Unreadable(_) => None,
    });
    source::add_causes(objects, unfinished, None).await;
    observed
        .into_iter()
        .map(|observation| match observation {
            Observation::Found((explanation, _)) => Observation::Found(explanation),
            Observation::Gone => Observation::Gone,
            Observation::Unreadable(error) => Observation::Unreadable(error),
        })
        .collect()
}

/// Looks until every object is final, or `timeout` goes by, and tells on stderr what changes. True beside the last
/// look: some are not final.
async fn look_until_final(
    objects: &Objects,
    references: &[ObjectReference],
    timeout: Duration,
    Surroundings {
        progress,
        messages,
        log_format,
        ..
    }: &Surroundings,
) -> (Vec<Observation<Explanation>>, bool) {
    let end = Instant::now() + timeout;
    let mut live = Live::new(progress.clone(), "STATUS", *messages);
    let mut looked_before = false;
    loop {
        let observed = look(objects, references).await;
        let rows: Vec<RolloutRow> = references
            .iter()
            .zip(&observed)
            .filter_map(|(reference, observation)| row(reference, observation))
            .collect();
        for line in live.update(&rows) {
            if *log_format == LogFormat::Text {
                super::complain(&line);
            }
        }
        let is_final = |observation: &&Observation<Explanation>| match observation {
            Observation::Found(explanation) => {
                matches!(explanation.health.status, Status::Current | Status::Failed)
            }
            Observation::Gone => true,
            // A server that answered before is given the time to come back.
            Observation::Unreadable(error) => !looked_before || !error.is_passing(),
        };
        let done = observed.iter().filter(is_final).count();
        looked_before = true;
        let next = Instant::now() + POLL;
        if done == references.len() || next >= end {
            live.finish();
            return (observed, done < references.len());
        }
        sleep_until(next).await;
    }
}

/// None for an object that is not there or could not be read: the result says so.
fn row(reference: &ObjectReference, observation: &Observation<Explanation>) -> Option<RolloutRow> {
    let Observation::Found(Explanation { health, .. }) = observation else {
        return None;
    };
    Some(RolloutRow {
        namespace: reference.namespace.clone(),
        kind: reference.kind.clone(),
        name: reference.name.clone(),
        word: health.status.as_str(),
        replicas: None,
        message: health.message.clone(),
        is_final: matches!(health.status, Status::Current | Status::Failed),
    })
}
