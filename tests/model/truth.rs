//! What is true of the clusters, whatever a pass could read of it.

use std::{
    collections::BTreeMap,
    sync::{LazyLock, Mutex},
};

use kube_status_to_github::plan::{By, Hash, State};
use serde_json::{Value, json};

use crate::{
    objects::{self, NAMESPACE, Rollout, merge},
    steps::{COMMIT, ENVIRONMENTS, Object, Progress, RefRule, Slot, Spec, TAGS, TASKS, Unreadable},
    world::REPOSITORY,
};

/// Both clusters.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    pub clusters: [ClusterTruth; 2],
}

/// One cluster.
#[derive(Clone, Debug, Default)]
pub struct ClusterTruth {
    pub objects: [Option<Workload>; 2],
    pub declared: [Option<Declared>; 3],
    pub refused: Vec<Unreadable>,
    /// Objects and GitHubDeployments that were ever created, for their uids.
    created: u32,
}

/// One Deployment.
#[derive(Clone, Debug)]
pub struct Workload {
    pub uid: String,
    pub template: Template,
    before: Vec<Template>,
    pub channel: usize,
    pub progress: Progress,
    pub terminating: bool,
    /// RFC 3339
    pub changed: String,
}

/// What makes a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Template {
    pub tag: usize,
    pub restarts: u32,
}

/// One GitHubDeployment.
#[derive(Clone, Debug)]
pub struct Declared {
    pub uid: String,
    pub renamed: bool,
    pub spec: Spec,
    pub suspended: bool,
    pub deleting: bool,
}

/// One object seen through one GitHubDeployment, or through the flags of a pipeline.
#[derive(Clone, Debug)]
pub struct Source {
    /// None for a pipeline.
    pub slot: Option<Slot>,
    pub name: String,
    pub by: Option<By>,
    pub object: Object,
    /// In lower case.
    pub environment: String,
    pub task: String,
    pub recover: bool,
    pub standing: Standing,
}

/// What is true of a source.
#[derive(Clone, Debug)]
pub enum Standing {
    Living(Version, State),
    /// The object is gone or going, or the GitHubDeployment is.
    Off,
    /// Suspended, or not to be read.
    Unknown,
}

/// What one deployment is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub uid: String,
    pub rollout: Option<Hash>,
    pub git_ref: String,
}

impl Workload {
    pub fn new(uid: String, tag: usize, progress: Progress, changed: String) -> Self {
        Self {
            uid,
            template: Template { tag, restarts: 0 },
            before: Vec::new(),
            channel: 0,
            progress,
            terminating: false,
            changed,
        }
    }

    pub fn apply_template(&mut self, template: Template) {
        self.before.push(std::mem::replace(&mut self.template, template));
        self.progress = Progress::UnderWay;
    }

    pub fn undo(&mut self) -> bool {
        let Some(template) = self.before.pop() else {
            return false;
        };
        self.template = template;
        self.progress = Progress::UnderWay;
        true
    }

    /// As the API server has it.
    pub fn manifest(&self, number: usize) -> Value {
        let rollout = match self.progress {
            Progress::UnderWay | Progress::Unclear => Rollout::UnderWay,
            Progress::Done => Rollout::Done,
            Progress::Failed => Rollout::Failed,
        };
        let mut object = objects::deployment(object_name(number), TAGS[self.template.tag], rollout);
        let further = json!({
            "metadata": {
                "uid": self.uid,
                "labels": {"channel": TAGS[self.channel]},
                "managedFields": [{"manager": "kubectl", "operation": "Update", "time": self.changed}],
            },
            "spec": {"template": {"metadata": {"annotations": {"restarts": self.template.restarts.to_string()}}}},
        });
        merge(&mut object, further);
        if self.terminating {
            object["metadata"]["deletionTimestamp"] = json!(self.changed);
        }
        if self.progress == Progress::Unclear {
            object["status"]["observedGeneration"] = json!("5f79b78d7f");
        }
        object
    }

    /// The ref in its one form; none where the repository has no such ref.
    fn git_ref(&self, rule: RefRule) -> Option<String> {
        git_ref(match rule {
            RefRule::Image => self.template.tag,
            RefRule::Channel => self.channel,
        })
    }
}

/// The ref that a tag stands for, in its one form; none where the repository has no such ref.
pub fn git_ref(tag: usize) -> Option<String> {
    match TAGS[tag] {
        "unknown" => None,
        "c0ffee1" => Some(COMMIT.to_owned()),
        tag => Some(tag.to_owned()),
    }
}

pub fn object_name(number: usize) -> &'static str {
    ["a", "b"][number]
}

/// The names that GitHubDeployments have, two for each slot, with their hashes.
pub static NAMES: LazyLock<Vec<(String, By)>> = LazyLock::new(|| {
    let names = (0..3).flat_map(|slot| ["", "-renamed"].map(|end| format!("g{slot}{end}")));
    names
        .map(|name| {
            let by = By::new(NAMESPACE, &name);
            (name, by)
        })
        .collect()
});

fn named(slot: usize, renamed: bool) -> &'static (String, By) {
    &NAMES[2 * slot + usize::from(renamed)]
}

/// The hash of what the API server has as pod template.
fn rollout(workload: &Workload, number: usize) -> Option<Hash> {
    static KNOWN: Mutex<BTreeMap<Template, Option<Hash>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap();
    let of = || kube_status_to_github::source::facts(&workload.manifest(number)).rollout;
    known.entry(workload.template).or_insert_with(of).clone()
}

impl Declared {
    pub fn name(&self, number: usize) -> String {
        named(number, self.renamed).0.clone()
    }

    /// As the API server has it.
    pub fn manifest(&self, number: usize) -> Value {
        let Spec {
            object,
            environment,
            task,
            rule,
            recover,
            transient,
            production,
            auto_inactive,
            close,
        } = self.spec;
        let further = json!({
            "task": TASKS[task], "recover": recover, "transient": transient, "production": production,
            "autoInactive": auto_inactive,
        });
        let name = self.name(number);
        let mut declared = objects::github_deployment(&name, REPOSITORY, ENVIRONMENTS[environment], further);
        declared["metadata"]["uid"] = json!(self.uid);
        declared["metadata"]["labels"] = json!({"shard": shard_of(number).to_string()});
        declared["spec"]["sourceRef"]["name"] = json!(object_name(object));
        declared["spec"]["extract"] = extract(rule);
        declared["spec"]["suspend"] = json!(self.suspended);
        declared["spec"]["deletionPolicy"] = json!(if close { "Close" } else { "Leave" });
        declared
    }
}

/// The CronJob, of two, that a GitHubDeployment belongs to.
pub fn shard_of(slot: usize) -> usize {
    slot % 2
}

pub fn extract(rule: RefRule) -> Value {
    match rule {
        RefRule::Image => json!({"containerName": "app"}),
        RefRule::Channel => json!({"jsonPath": "$.metadata.labels.channel"}),
    }
}

impl ClusterTruth {
    pub fn new_uid(&mut self, cluster: usize) -> u32 {
        self.created += 1;
        self.created + 100 * u32::try_from(cluster).unwrap()
    }

    fn is_refused(&self, object: usize) -> bool {
        self.refused.contains(&Unreadable::Object(object)) || self.refused.contains(&Unreadable::Objects)
    }

    pub fn standing(&self, object: usize, rule: RefRule) -> Standing {
        if self.is_refused(object) {
            return Standing::Unknown;
        }
        let Some(workload) = &self.objects[object] else {
            return Standing::Off;
        };
        if workload.terminating {
            return Standing::Off;
        }
        self.living(object, workload.git_ref(rule))
    }

    /// A source whose object is there, and which has this ref.
    pub fn living(&self, object: usize, git_ref: Option<String>) -> Standing {
        let (Some(workload), Some(git_ref)) = (&self.objects[object], git_ref) else {
            return Standing::Unknown;
        };
        let state = match workload.progress {
            Progress::UnderWay => State::InProgress,
            Progress::Done => State::Success,
            Progress::Failed => State::Failure,
            Progress::Unclear => State::Pending,
        };
        let rollout = rollout(workload, object);
        let uid = workload.uid.clone();
        Standing::Living(Version { uid, rollout, git_ref }, state)
    }
}

impl Truth {
    /// Every GitHubDeployment's source.
    pub fn sources(&self) -> Vec<Source> {
        let mut sources = Vec::new();
        for (cluster, truth) in self.clusters.iter().enumerate() {
            for (number, declared) in truth.declared.iter().enumerate() {
                let Some(declared) = declared else { continue };
                let spec = declared.spec;
                let standing = if declared.deleting {
                    Standing::Off
                } else if declared.suspended || truth.refused.contains(&Unreadable::Declarations) {
                    Standing::Unknown
                } else {
                    truth.standing(spec.object, spec.rule)
                };
                let (name, by) = named(number, declared.renamed);
                sources.push(Source {
                    slot: Some(Slot { cluster, number }),
                    by: Some(by.clone()),
                    name: name.clone(),
                    object: Object {
                        cluster,
                        number: spec.object,
                    },
                    environment: ENVIRONMENTS[spec.environment].to_lowercase(),
                    task: TASKS[spec.task].to_owned(),
                    recover: spec.recover,
                    standing,
                });
            }
        }
        sources
    }
}

/// The uid of an object, from which its cluster and its name can be told.
pub fn object_uid(object: Object, created: u32) -> String {
    format!("uid-{}-{}-{created}", object.cluster, object_name(object.number))
}

/// The object that has or had this uid.
pub fn object_of(uid: &str) -> Object {
    let mut parts = uid.split('-').skip(1);
    let cluster = parts.next().unwrap().parse().unwrap();
    let number = usize::from(parts.next().unwrap() == "b");
    Object { cluster, number }
}
