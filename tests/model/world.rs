//! The world of one schedule: an emulated GitHub, two clusters in memory, virtual time, and runs of the real pass.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use github_emulator::{Checks, Emulator, Fault as GitHubFault, Matcher, Options};
use http::Request;
use http_body_util::BodyExt;
use kube_status_to_github::{
    crd::GitHubDeploymentSpec,
    plan::State,
    report::{Document, Outcome},
    source::{Chosen, Scope},
    sync::{DeclaredIn, Details, ObjectsIn, Settings},
};
use serde_json::{Value, json};
use tokio::time::sleep;
use tower::ServiceExt;

use crate::{
    api_server::ApiServer,
    ledger::{ALL, Author, Ledger},
    objects::{NAMESPACE, deployment_path, github_deployment_path, merge},
    sockets,
    steps::{
        COMMIT, Change, ENVIRONMENTS, KnownBy, MOVING_TAG, Meanwhile, Object, PipelineRef, Progress as Rolled, Runner,
        Setting, Slot, Step, TAGS, TASKS, Trouble, Unreadable,
    },
    truth::{Declared, Source, Standing, Template, Truth, Workload, extract, git_ref, object_name, object_uid},
    wire::Wire,
};

pub const REPOSITORY: &str = "octo-org/app";

pub const TOKEN: &str = "github_pat_of_the_model";

/// How the runs of a schedule reach their servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By calls, while time is virtual.
    Calls,
    /// As processes of the binary, over sockets. Time is real, and what would be long is skipped by the emulator's
    /// clock.
    Sockets,
}

/// Everything; clones are the same world.
#[derive(Clone)]
pub struct World {
    pub setting: Arc<Setting>,
    way: Way,
    pub github: Emulator,
    pub apis: [ApiServer; 2],
    pub shared: Arc<Mutex<Shared>>,
}

/// What is known about the world beside what its servers hold.
pub struct Shared {
    pub truth: Truth,
    pub ledger: Ledger,
    moves: u32,
}

/// How a run ended.
pub enum Ended {
    Killed,
    Failed(String),
    Done(Box<Document>),
}

impl World {
    pub fn new(setting: &Setting, way: Way) -> Self {
        let github = Emulator::new(Options {
            late_inactive: setting.late_inactive.map(Duration::from_secs),
            list_delay: Duration::from_secs(setting.list_delay),
            hourly_limit: u64::MAX / 2,
            start: Some("2026-01-31T00:00:00Z".parse().unwrap()),
            // Every other test checks them, and they take most of the time.
            checks: Checks::Off,
            ..Options::default()
        });
        let mut repository = github.add_repository(REPOSITORY).private().commit(COMMIT);
        for tag in ["v1", "v2", "v3", MOVING_TAG] {
            repository = repository.tag(tag);
        }
        let shared = Shared {
            truth: Truth::default(),
            ledger: Ledger::new(github.clone()),
            moves: 0,
        };
        let world = Self {
            setting: Arc::new(setting.clone()),
            way,
            github,
            apis: Default::default(),
            shared: Arc::new(Mutex::new(shared)),
        };
        for cluster in 0..2 {
            world.apis[cluster].apply(json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": "kube-system", "uid": format!("uid-of-cluster-{cluster}")},
            }));
            world.allow(cluster);
            for number in 0..2 {
                world.create(Object { cluster, number }, 0, Rolled::Done);
            }
        }
        world
    }

    pub fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    /// The CronJobs.
    pub fn cron_jobs(&self) -> Vec<Runner> {
        let of = |cluster: usize| {
            (0..self.setting.clusters[cluster].shards).map(move |shard| Runner::CronJob { cluster, shard })
        };
        (0..2).flat_map(of).collect()
    }

    /// One step of a schedule.
    pub async fn step(&self, step: &Step) {
        match step {
            Step::Change(change) => self.change(change).await,
            Step::Run {
                runner,
                trouble,
                meanwhile,
            } => {
                self.inject(trouble);
                self.run(*runner, trouble, meanwhile.clone()).await;
                self.github.clear_faults();
                self.wait(60).await;
            }
            Step::Overlap { first, second } => {
                tokio::join!(self.run(first.0, &first.1, None), self.run(second.0, &second.1, None));
                self.wait(60).await;
            }
            Step::Wait { minutes } => self.wait(60 * minutes).await,
        }
    }

    /// Lets so many seconds pass.
    pub async fn wait(&self, seconds: u64) {
        match self.way {
            Way::Calls => sleep(Duration::from_secs(seconds)).await,
            Way::Sockets => self.github.advance(i64::try_from(seconds).unwrap()),
        }
    }

    fn inject(&self, trouble: &Trouble) {
        for fault in &trouble.faults {
            self.github.inject(GitHubFault {
                matcher: Matcher {
                    operation: fault.operation,
                    skip: fault.skip,
                    ..Matcher::default()
                },
                times: Some(fault.times),
                effect: fault.effect,
                kind: fault.kind.clone(),
            });
        }
    }

    /// Applies a change, if the world is such that it can happen.
    pub async fn change(&self, change: &Change) {
        match *change {
            Change::RollOut { object, tag } => self.change_workload(object, |workload| {
                let restarts = workload.template.restarts;
                workload.apply_template(Template { tag, restarts });
            }),
            Change::Restart { object } => self.change_workload(object, |workload| {
                let Template { tag, restarts } = workload.template;
                workload.apply_template(Template {
                    tag,
                    restarts: restarts + 1,
                });
            }),
            Change::Undo { object } => self.change_workload(object, |workload| {
                workload.undo();
            }),
            Change::Relabel { object, tag } => self.change_workload(object, |workload| workload.channel = tag),
            Change::Progress { object, to } => self.change_workload(object, |workload| workload.progress = to),
            Change::Terminate { object } => self.change_workload(object, |workload| workload.terminating = true),
            Change::Remove { object } => self.remove(object),
            Change::Recreate { object } => {
                let before = self.shared().truth.clusters[object.cluster].objects[object.number].clone();
                let tag = before.map_or(0, |before| before.template.tag);
                self.create(object, tag, Rolled::UnderWay);
            }
            Change::Declare { slot, spec } => self.declare(slot, |declared| declared.spec = spec, Some(spec)),
            Change::Suspend { slot, on } => self.declare(slot, |declared| declared.suspended = on, None),
            Change::Rename { slot } => self.rename(slot),
            Change::Delete { slot } => self.delete(slot),
            Change::Refuse { cluster, what, code } => self.refuse(cluster, what, code),
            Change::Allow { cluster } => self.allow(cluster),
            Change::MoveTag => {
                let moves = {
                    let mut shared = self.shared();
                    shared.moves += 1;
                    shared.moves
                };
                self.github
                    .add_repository(REPOSITORY)
                    .tag_at(MOVING_TAG, &format!("{moves:040x}"));
            }
            Change::OtherDeployment {
                environment,
                task,
                tag,
                state,
                auto_inactive,
            } => {
                self.deploy_by_another_tool(environment, task, tag, state, auto_inactive)
                    .await;
            }
            Change::OtherStatus { newest, state } => {
                let id = {
                    let shared = self.shared();
                    shared
                        .ledger
                        .deployments
                        .iter()
                        .rev()
                        .nth(newest)
                        .map(|deployment| deployment.id)
                };
                if let Some(id) = id {
                    self.post_by_another_tool(id, state, false).await;
                }
            }
        }
    }

    fn create(&self, object: Object, tag: usize, progress: Rolled) {
        let changed = self.github.now().to_string();
        let mut shared = self.shared();
        let cluster = &mut shared.truth.clusters[object.cluster];
        let created = cluster.new_uid(object.cluster);
        cluster.objects[object.number] = Some(Workload::new(object_uid(object, created), tag, progress, changed));
        self.show(&shared, object);
    }

    fn change_workload(&self, object: Object, change: impl FnOnce(&mut Workload)) {
        let changed = self.github.now().to_string();
        let mut shared = self.shared();
        let Some(workload) = &mut shared.truth.clusters[object.cluster].objects[object.number] else {
            return;
        };
        let before = workload.template;
        change(workload);
        if workload.template != before {
            workload.changed = changed;
        }
        self.show(&shared, object);
    }

    fn show(&self, shared: &Shared, object: Object) {
        if let Some(workload) = &shared.truth.clusters[object.cluster].objects[object.number] {
            self.apis[object.cluster].apply(workload.manifest(object.number));
        }
    }

    fn remove(&self, object: Object) {
        if self.shared().truth.clusters[object.cluster].objects[object.number]
            .take()
            .is_some()
        {
            self.apis[object.cluster].remove(&deployment_path(object_name(object.number)));
        }
    }

    /// Changes a GitHubDeployment; without one, creates it from `spec` if that is given.
    fn declare(&self, slot: Slot, change: impl FnOnce(&mut Declared), spec: Option<crate::steps::Spec>) {
        let mut shared = self.shared();
        let cluster = &mut shared.truth.clusters[slot.cluster];
        if cluster.declared[slot.number].is_none() {
            let Some(spec) = spec else { return };
            let uid = format!("uid-of-ghd-{}", cluster.new_uid(slot.cluster));
            cluster.declared[slot.number] = Some(Declared {
                uid,
                renamed: false,
                spec,
                suspended: false,
                deleting: false,
            });
        }
        let Some(declared) = &mut cluster.declared[slot.number] else {
            return;
        };
        if declared.deleting {
            return;
        }
        change(declared);
        self.apis[slot.cluster].apply(declared.manifest(slot.number));
    }

    fn rename(&self, slot: Slot) {
        let before = self.shared().truth.clusters[slot.cluster].declared[slot.number].clone();
        let Some(before) = before.filter(|before| !before.deleting) else {
            return;
        };
        self.delete(slot);
        let mut shared = self.shared();
        let cluster = &mut shared.truth.clusters[slot.cluster];
        if cluster.declared[slot.number].is_some() {
            // Held by its finalizer.
            return;
        }
        let uid = format!("uid-of-ghd-{}", cluster.new_uid(slot.cluster));
        let renamed = Declared {
            uid,
            renamed: !before.renamed,
            ..before
        };
        self.apis[slot.cluster].apply(renamed.manifest(slot.number));
        cluster.declared[slot.number] = Some(renamed);
    }

    fn delete(&self, slot: Slot) {
        let mut shared = self.shared();
        let Some(declared) = &mut shared.truth.clusters[slot.cluster].declared[slot.number] else {
            return;
        };
        if declared.deleting {
            return;
        }
        declared.deleting = true;
        self.apis[slot.cluster].delete(&github_deployment_path(&declared.name(slot.number)));
        self.forget_deleted(&mut shared);
    }

    /// GitHubDeployments go once nothing holds them.
    fn forget_deleted(&self, shared: &mut Shared) {
        for (cluster, api) in self.apis.iter().enumerate() {
            for number in 0..3 {
                let declared = &mut shared.truth.clusters[cluster].declared[number];
                let path = declared.as_ref().filter(|declared| declared.deleting);
                let path = path.map(|declared| github_deployment_path(&declared.name(number)));
                if path.is_some_and(|path| api.get(&path).is_none()) {
                    *declared = None;
                }
            }
        }
    }

    fn refuse(&self, cluster: usize, what: Unreadable, code: u16) {
        let part = match what {
            Unreadable::Object(number) => deployment_path(object_name(number)),
            Unreadable::Objects => "/apis/apps/v1/".to_owned(),
            Unreadable::Declarations => "/githubdeployments".to_owned(),
            // What may not be read is not known: a setting of the cluster.
            Unreadable::KubeSystem if code == 403 => return,
            Unreadable::KubeSystem => "/namespaces/kube-system".to_owned(),
        };
        self.apis[cluster].refuse(&part, code);
        self.shared().truth.clusters[cluster].refused.push(what);
    }

    fn allow(&self, cluster: usize) {
        self.apis[cluster].refuse_nothing();
        self.shared().truth.clusters[cluster].refused.clear();
        if self.setting.clusters[cluster].known_by == KnownBy::Nothing {
            self.apis[cluster].refuse("/namespaces/kube-system", 403);
        }
    }

    /// Everything can be read, whatever was refused.
    pub fn calm(&self) {
        self.github.clear_faults();
        (0..2).for_each(|cluster| self.allow(cluster));
    }

    async fn deploy_by_another_tool(
        &self,
        environment: usize,
        task: usize,
        tag: usize,
        state: Option<&'static str>,
        auto_inactive: bool,
    ) {
        let body = json!({
            "ref": TAGS[tag], "environment": ENVIRONMENTS[environment], "task": TASKS[task],
            "auto_merge": false, "required_contexts": [], "production_environment": false,
        });
        let answer = self.ask("deployments", body).await;
        self.sync(Author::Tool, false);
        if let (Some(id), Some(state)) = (answer["id"].as_u64(), state) {
            self.post_by_another_tool(id, state, auto_inactive).await;
        }
    }

    async fn post_by_another_tool(&self, id: u64, state: &str, auto_inactive: bool) {
        let body = json!({"state": state, "description": "by another tool", "auto_inactive": auto_inactive});
        self.ask(&format!("deployments/{id}/statuses"), body).await;
        self.sync(Author::Tool, auto_inactive);
    }

    async fn ask(&self, path: &str, body: Value) -> Value {
        // What GitHub did by itself until now, another tool did not do.
        self.sync(Author::Tool, false);
        let faults = self.github.remaining_faults();
        self.github.clear_faults();
        let request = Request::post(format!("https://api.github.com/repos/{REPOSITORY}/{path}"))
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("user-agent", "another-tool")
            .body(body.to_string())
            .unwrap();
        let answer = self.github.service().oneshot(request).await.unwrap();
        faults.into_iter().for_each(|fault| self.github.inject(fault));
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap()
    }

    pub fn sync(&self, author: Author, auto_inactive: bool) {
        let Shared { truth, ledger, .. } = &mut *self.shared();
        ledger.sync(author, auto_inactive, truth);
    }

    /// The runner with the ref that it is given now, whatever runs later.
    fn with_ref(&self, mut runner: Runner) -> Runner {
        if let Runner::Pipeline { object, git_ref, .. } = &mut runner
            && *git_ref == PipelineRef::Running
        {
            let running = &self.shared().truth.clusters[object.cluster].objects[object.number];
            *git_ref = PipelineRef::Other(running.as_ref().map_or(0, |workload| workload.template.tag));
        }
        runner
    }

    /// The source of a pipeline's flags.
    pub fn flags_of(&self, runner: Runner) -> Option<(Source, GitHubDeploymentSpec, Option<String>)> {
        let Runner::Pipeline {
            object,
            environment,
            task,
            git_ref: named,
        } = runner
        else {
            return None;
        };
        let shared = self.shared();
        let truth = &shared.truth.clusters[object.cluster];
        let (rule, tag) = match named {
            PipelineRef::Extracted(rule) => (Some(rule), None),
            PipelineRef::Other(tag) => (None, Some(tag)),
            PipelineRef::Running => unreachable!("the ref is known when the pipeline begins"),
        };
        let mut spec = json!({
            "sourceRef": {"kind": "Deployment", "name": object_name(object.number), "namespace": NAMESPACE},
            "extract": {},
            "repository": {"name": REPOSITORY, "environment": ENVIRONMENTS[environment], "task": TASKS[task]},
        });
        if let Some(rule) = rule {
            merge(&mut spec["extract"], extract(rule));
        }
        let standing = match (rule, tag) {
            (Some(rule), _) => truth.standing(object.number, rule),
            (None, Some(tag)) => match truth.standing(object.number, crate::steps::RefRule::Image) {
                Standing::Off => Standing::Off,
                _ => truth.living(object.number, git_ref(tag)),
            },
            (None, None) => Standing::Unknown,
        };
        let source = Source {
            slot: None,
            name: "the pipeline".to_owned(),
            by: None,
            object,
            environment: ENVIRONMENTS[environment].to_lowercase(),
            task: TASKS[task].to_owned(),
            recover: false,
            standing,
        };
        Some((
            source,
            serde_json::from_value(spec).unwrap(),
            tag.map(|tag| TAGS[tag].to_owned()),
        ))
    }

    /// One run of the program, as a process of its own.
    pub async fn run(&self, runner: Runner, trouble: &Trouble, meanwhile: Option<Meanwhile>) -> Ended {
        self.run_with(runner, trouble, meanwhile, false).await
    }

    /// One run, or a dry one.
    pub async fn run_with(
        &self,
        runner: Runner,
        trouble: &Trouble,
        meanwhile: Option<Meanwhile>,
        dry_run: bool,
    ) -> Ended {
        self.sync(Author::Tool, false);
        let runner = self.with_ref(runner);
        let flags = self.flags_of(runner);
        let (cluster, runner) = match runner {
            Runner::CronJob { cluster, .. } if self.setting.clusters[cluster].shards == 1 => {
                (cluster, Runner::CronJob { cluster, shard: ALL })
            }
            Runner::CronJob { cluster, .. } => (cluster, runner),
            Runner::Pipeline { object, .. } => (object.cluster, runner),
        };
        let settings = self.settings(cluster, runner, flags.as_ref(), dry_run);
        let number = {
            let shared = &mut *self.shared();
            let mut sources = shared.truth.sources();
            sources.extend(flags.map(|(source, ..)| source));
            shared.ledger.start(runner, sources)
        };
        let wire = Wire {
            world: self.clone(),
            run: number,
            runner,
            trouble: Arc::new(trouble.clone()),
            meanwhile,
            requests: Arc::default(),
            killed: Arc::default(),
        };
        let ended = match self.way {
            Way::Calls => wire.call(cluster, &settings).await,
            Way::Sockets => sockets::run(&wire, cluster, &settings).await,
        };
        self.sync(Author::Tool, false);
        let mut shared = self.shared();
        let outcome = match &ended {
            Ended::Killed => "killed".to_owned(),
            Ended::Failed(error) => format!("failed: {error}"),
            Ended::Done(_) if dry_run => String::new(),
            Ended::Done(document) => {
                tally(&mut shared, document);
                said(document)
            }
        };
        shared.ledger.end(number, outcome);
        self.forget_deleted(&mut shared);
        ended
    }

    fn settings(
        &self,
        cluster: usize,
        runner: Runner,
        flags: Option<&(Source, GitHubDeploymentSpec, Option<String>)>,
        dry_run: bool,
    ) -> Settings {
        let setting = &self.setting.clusters[cluster];
        let declared_in = match (runner, flags) {
            (_, Some((_, spec, git_ref))) => DeclaredIn::Flags {
                chosen: Chosen::Named(vec![spec.source_ref.clone()]),
                spec: Box::new(spec.clone()),
                git_ref: git_ref.clone(),
                generation: None,
            },
            (Runner::CronJob { shard, .. }, None) => DeclaredIn::Cluster {
                scope: Scope::Namespace(NAMESPACE.to_owned()),
                selector: (shard != ALL).then(|| format!("shard={shard}")),
            },
            (Runner::Pipeline { .. }, None) => unreachable!("a pipeline has flags"),
        };
        let is_cron_job = flags.is_none();
        Settings {
            declared_in,
            objects_in: ObjectsIn::Cluster,
            default_owner: None,
            cluster_name: (setting.known_by == KnownBy::Name).then(|| format!("cluster-{cluster}")),
            dry_run,
            since: setting
                .since
                .filter(|_| is_cron_job)
                .map(|minutes| Duration::from_secs(60 * minutes)),
            details: Details::Auto,
            cross_namespace_refs: true,
            repository_allow: Vec::new(),
            max_writes: if is_cron_job { setting.max_writes } else { 80 },
            write_status: setting.write_status,
            fail_fast: false,
            situations: false,
            deadline: setting.deadline.filter(|_| is_cron_job).map(Duration::from_secs),
        }
    }
}

fn tally(shared: &mut Shared, document: &Document) {
    let rows = document.results.iter().filter_map(|result| result.rule);
    let closings = document
        .changes
        .iter()
        .filter(|change| change.state == State::Inactive)
        .map(|change| change.rule);
    for rule in rows.chain(closings) {
        shared.ledger.tally.row(rule);
    }
}

/// What a pass did, in one line.
fn said(document: &Document) -> String {
    let results = document.results.iter().map(|result| {
        let name = result.github_deployment.as_ref().map_or("-", |name| &name.name);
        let rule = result.rule.map_or("", |rule| rule.as_str());
        let reason = result.reason.as_deref().unwrap_or_default();
        format!("{name} {:?} {rule} {reason}", result.action)
    });
    let changes = document.changes.iter().map(|change| {
        let id = change
            .deployment
            .as_ref()
            .map(|deployment| deployment.node_id.clone())
            .unwrap_or_default();
        format!(
            "{:?} {} {} {} {:?} {id}",
            change.action, change.git_ref, change.state, change.rule, change.outcome
        )
    });
    let (results, changes): (Vec<_>, Vec<_>) = (results.collect(), changes.collect());
    format!("[{}] [{}]", results.join(", "), changes.join(", "))
}

/// True if a pass left nothing to a later one.
pub fn is_clean(document: &Document) -> bool {
    document.changes.iter().all(|change| change.outcome == Outcome::Done)
}
