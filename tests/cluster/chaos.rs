//! Random rollouts, failures and rollbacks of many applications, while `sync` is started again and again and most of
//! its runs are killed.
//!
//! `CHAOS_APPLICATIONS` and `CHAOS_SECONDS` make it larger, `CHAOS_SEED` repeats the choices of a run, though not its
//! timing.

use std::{
    collections::BTreeMap,
    env, fmt,
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    io::Read,
    process::Stdio,
    str::FromStr,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use github_emulator::{DeploymentView, Fault, FaultKind, OperationKind, Options};
use proptest::{
    prelude::RngExt,
    test_runner::{RngAlgorithm, TestRng},
};
use serde_json::{Value, json};

use crate::{
    namespace::{BEHAVIOUR, Namespace, github_deployment},
    support::{GitHub, OWNER, built::say, eventually},
};

const APPLICATIONS: usize = 20;
const SECONDS: u64 = 20;

/// Clean passes, at most, until there is nothing left to write.
const PASSES: usize = 10;

/// What pods do whose rollout fails: the first two heal when they are told to.
const BEHAVIOURS: [&str; 3] = ["never-ready", "crash-loop", "image-pull-backoff"];

#[test]
fn killed_runs_lose_nothing_and_double_nothing() {
    let Some(mut test) = Namespace::create("chaos") else {
        return;
    };
    test.github = GitHub::start(Options {
        late_inactive: Some(Duration::from_millis(500)),
        ..Options::any()
    });
    let seed = setting("CHAOS_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    let applications = setting("CHAOS_APPLICATIONS").unwrap_or(APPLICATIONS);
    let seconds = setting("CHAOS_SECONDS").unwrap_or(SECONDS);
    say(&format!(
        "chaos: CHAOS_APPLICATIONS={applications} CHAOS_SECONDS={seconds} CHAOS_SEED={seed}"
    ));

    let mut chaos = Chaos::new(&test, seed, applications);
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        chaos.turn();
    }
    chaos.calm_down();
    say(&format!("chaos: {}", chaos.summary));

    let health = chaos.health();
    let problems: Vec<String> = chaos
        .applications
        .iter()
        .flat_map(|application| chaos.problems_of(application, &health))
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    test.audited_sync(&["--details", "full"]).expect_silence(10);
}

/// A number from the environment.
fn setting<T: FromStr>(variable: &str) -> Option<T> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is no number")),
    )
}

/// What a rollout rolls out: two that are equal have the same pod template.
#[derive(Clone, Debug, PartialEq)]
struct Template {
    tag: usize,
    /// Differs between restarts of a tag.
    restart: usize,
    behaviour: Option<&'static str>,
}

/// A Deployment of one pod and its GitHubDeployment.
#[derive(Debug)]
struct Application {
    name: String,
    repository: String,
    environment: String,
    task: Option<String>,
    transient: bool,
    recover: bool,
    /// Every template that it had; the last one is the present one.
    templates: Vec<Template>,
    exists: bool,
    /// How often its uid or its template changed, the beginning included.
    changes: usize,
}

#[derive(Default)]
struct Summary {
    applications: usize,
    changes: usize,
    faults: usize,
    runs: usize,
    killed: usize,
    clean_passes: usize,
    deployments: usize,
    statuses: usize,
    last_states: BTreeMap<String, usize>,
}

struct Chaos<'a> {
    test: &'a Namespace,
    random: TestRng,
    applications: Vec<Application>,
    summary: Summary,
}

impl Application {
    /// Some share an environment, one in four has its own.
    fn new(number: usize) -> Self {
        let name = format!("app-{number}");
        let shared = ["staging", "production", "preview"][number / 4 % 3];
        let environment = if number.is_multiple_of(4) {
            format!("own-{number}")
        } else {
            shared.to_owned()
        };
        Self {
            task: number.is_multiple_of(5).then(|| format!("deploy:{name}")),
            repository: format!("{OWNER}/shop-{}", number % 2),
            transient: environment == "preview",
            environment,
            recover: number.is_multiple_of(3),
            templates: vec![Template {
                tag: 1,
                restart: 0,
                behaviour: None,
            }],
            exists: true,
            changes: 1,
            name,
        }
    }

    fn template(&self) -> &Template {
        self.templates.last().expect("a first template")
    }

    fn tag(&self) -> String {
        format!("v{}", self.template().tag)
    }

    fn declaration(&self) -> String {
        let Self {
            name,
            repository,
            environment,
            transient,
            recover,
            ..
        } = self;
        let task = self
            .task
            .as_ref()
            .map(|task| format!(", task: '{task}'"))
            .unwrap_or_default();
        github_deployment(
            name,
            &format!("{{kind: Deployment, name: {name}}}"),
            "{containerName: app}",
            &format!(
                "{{name: {repository}, environment: {environment}, transient: {transient}, recover: {recover}{task}}}"
            ),
        )
    }

    fn deployment(&self) -> Value {
        let template = self.template();
        let mut annotations = json!({"restart": template.restart.to_string()});
        if let Some(behaviour) = template.behaviour {
            annotations[BEHAVIOUR] = behaviour.into();
        }
        let labels = json!({"app": self.name});
        let image = format!("registry.example.com/app:{}", self.tag());
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": self.name},
            "spec": {
                // What is to succeed does so on a slow machine too.
                "progressDeadlineSeconds": if template.behaviour.is_some() { 1 } else { 600 },
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels, "annotations": annotations},
                    "spec": {"containers": [{"name": "app", "image": image}]},
                },
            },
        })
    }

    fn roll_out(&mut self, template: Template) {
        if template != *self.template() {
            self.changes += 1;
            self.templates.push(template);
        }
    }

    /// A tag that it never had.
    fn next_tag(&self) -> usize {
        self.templates
            .iter()
            .map(|template| template.tag)
            .max()
            .unwrap_or_default()
            + 1
    }

    /// True if a pass may have met a failure that GitHub goes on to show, whatever became of the pods.
    ///
    /// After a step back a Deployment shows the failure of the rollout before, for a moment, as that of the present
    /// one.
    fn may_have_failed(&self) -> bool {
        let Some((present, earlier)) = self.templates.split_last() else {
            return false;
        };
        let fails = |template: &Template| template.behaviour.is_some();
        fails(present) || (earlier.last().is_some_and(fails) && earlier.contains(present))
    }

    /// The template to go back to: the last one before this that works.
    fn before(&self) -> Option<Template> {
        let earlier = self.templates.iter().rev().skip(1);
        earlier
            .into_iter()
            .find(|template| template.behaviour.is_none())
            .cloned()
    }
}

impl<'a> Chaos<'a> {
    fn new(test: &'a Namespace, seed: u64, applications: usize) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let applications: Vec<_> = (0..applications).map(Application::new).collect();
        test.apply(&applications.iter().map(Application::declaration).collect::<String>());
        let chaos = Self {
            test,
            random: TestRng::from_seed(RngAlgorithm::ChaCha, &bytes),
            applications,
            summary: Summary::default(),
        };
        chaos.apply(&(0..chaos.applications.len()).collect::<Vec<_>>());
        chaos
    }

    /// Applies the Deployments of these numbers.
    fn apply(&self, numbers: &[usize]) {
        let items: Vec<Value> = numbers
            .iter()
            .map(|number| self.applications[*number].deployment())
            .collect();
        if !items.is_empty() {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
            self.test.apply(&list.to_string());
        }
    }

    /// Some changes, and a run.
    fn turn(&mut self) {
        if self.random.random_bool(0.2) {
            let fault = self.fault();
            self.test.github.inject(fault);
            self.summary.faults += 1;
        }
        let most = 3 + self.applications.len() / 30;
        let changes = self.random.random_range(0..=most);
        // Of what changes while a run reads, it may see one half.
        let during = if self.random.random_bool(0.3) { changes } else { 0 };
        self.change(changes - during);
        // A run with something to write takes most of a second, or many where it has to wait for its turns.
        let longest = if self.random.random_bool(0.8) {
            800
        } else {
            5_000 + 100 * self.applications.len() as u64
        };
        let patience = Duration::from_millis(self.random.random_range(0..longest));
        let ended = self.run(patience, |chaos| chaos.change(during));
        self.summary.runs += 1;
        self.summary.killed += usize::from(!ended);
    }

    /// What may go wrong with a request to GitHub that is sent next.
    fn fault(&mut self) -> Fault {
        let (create, status) = (OperationKind::CreateDeployment, OperationKind::GraphQlMutation);
        let milliseconds = 1_000;
        let faults = [
            Fault::on(create, FaultKind::Html).after(),
            Fault::on(create, FaultKind::LostAnswer),
            Fault::on(create, FaultKind::Delay { milliseconds }),
            Fault::on(status, FaultKind::CutBody).after(),
            Fault::on(status, FaultKind::LostAnswer),
            Fault::on(status, FaultKind::Delay { milliseconds }),
            Fault::on(OperationKind::GraphQlQuery, FaultKind::LostAnswer),
        ];
        faults[self.random.random_range(0..faults.len())].clone()
    }

    /// Starts `sync`, does something, and kills it if it takes longer than `patience` after that. True if it came to
    /// its end.
    fn run(&mut self, patience: Duration, meanwhile: impl FnOnce(&mut Self)) -> bool {
        let log = self.test.home.path().join("stderr");
        let mut child = self
            .test
            .program()
            .args([
                "sync",
                "-o",
                "json",
                "--details",
                "full",
                "--exit-zero",
                "--max-writes",
                "20",
            ])
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let (at_end, end) = mpsc::channel();
        thread::spawn(move || {
            let mut document = String::new();
            // The text of a run that is killed may end anywhere.
            let _ = stdout.read_to_string(&mut document);
            let _ = at_end.send(document);
        });
        meanwhile(self);
        let document = end.recv_timeout(patience);
        if document.is_err() {
            child.kill().unwrap();
        }
        let status = child.wait().unwrap();
        let Some(code) = status.code() else { return false };
        assert_eq!(code, 0, "{document:?}\n{}", fs::read_to_string(&log).unwrap());
        true
    }

    /// Changes so many applications.
    fn change(&mut self, changes: usize) {
        let mut to_apply = Vec::new();
        for _ in 0..changes {
            let number = self.random.random_range(0..self.applications.len());
            if to_apply.contains(&number) {
                continue;
            }
            let behaviour = BEHAVIOURS[self.random.random_range(0..BEHAVIOURS.len())];
            let kind = self.random.random_range(0..100);
            let application = &mut self.applications[number];
            let name = application.name.clone();
            let present = application.template().clone();
            let next = Template {
                tag: application.next_tag(),
                restart: 0,
                behaviour: None,
            };
            let restart = Template {
                restart: application.templates.len(),
                ..present.clone()
            };
            let failing = Some(behaviour);
            match kind {
                _ if !application.exists => {
                    application.exists = true;
                    application.changes += 1;
                }
                0..35 => application.roll_out(next),
                35..60 => application.roll_out(Template {
                    behaviour: failing,
                    ..next
                }),
                60..75 => {
                    let back = application.before().unwrap_or(next);
                    application.roll_out(back);
                }
                75..82 => application.roll_out(Template {
                    behaviour: None,
                    ..restart
                }),
                82..87 => application.roll_out(Template {
                    behaviour: failing,
                    ..restart
                }),
                87..94 => {
                    if present.behaviour.is_some() {
                        self.heal(&name);
                    }
                    continue;
                }
                _ => {
                    application.exists = false;
                    self.test.kubectl(["delete", "deployment", &name, "--wait=false"]);
                    continue;
                }
            }
            to_apply.push(number);
        }
        self.apply(&to_apply);
    }

    /// Lets the pods of an application behave from now on, if there are any.
    fn heal(&self, name: &str) {
        let label = format!("app={name}");
        let annotation = format!("{BEHAVIOUR}-");
        let mut command = self
            .test
            .kubectl_command(["annotate", "pod", "-l", &label, &annotation]);
        command.output().unwrap();
    }

    /// Half of what fails heals, every rollout ends, and passes come to their end until there is nothing left to write.
    fn calm_down(&mut self) {
        self.test.github.clear_faults();
        self.rollouts_end();
        let failing = |application: &&Application| application.exists && application.template().behaviour.is_some();
        for application in self.applications.iter().filter(failing).step_by(2) {
            self.heal(&application.name);
        }
        self.rollouts_end();
        loop {
            self.summary.clean_passes += 1;
            assert!(self.summary.clean_passes <= PASSES, "passes go on writing");
            let run = self.test.sync(&["--details", "full", "--exit-zero"]).expect(0);
            if run.document()["changes"] == json!([]) {
                break;
            }
        }
        self.count();
    }

    /// Counts what there was, and what GitHub shows now.
    fn count(&mut self) {
        let shown: Vec<DeploymentView> = self
            .applications
            .iter()
            .flat_map(|application| self.shown(application))
            .collect();
        let summary = &mut self.summary;
        summary.applications = self.applications.len();
        summary.changes = self.applications.iter().map(|application| application.changes).sum();
        summary.deployments = shown.len();
        summary.statuses = shown.iter().map(|deployment| deployment.statuses.len()).sum();
        for deployment in &shown {
            *summary
                .last_states
                .entry(last_state(deployment).to_owned())
                .or_default() += 1;
        }
    }

    /// Waits until every rollout is complete or has failed.
    fn rollouts_end(&self) {
        let number = self
            .applications
            .iter()
            .filter(|application| application.exists)
            .count();
        eventually("every rollout ends", || {
            let health = self.health();
            (health.len() == number && health.values().all(Option::is_some)).then_some(())
        });
    }

    /// By name of each Deployment: true if its rollout is complete, false if it failed, none as long as it is under
    /// way.
    fn health(&self) -> BTreeMap<String, Option<bool>> {
        let list = self.test.get("deployments");
        let one = |object: &Value| {
            let status = &object["status"];
            let observed = status["observedGeneration"] == object["metadata"]["generation"];
            let complete = ["replicas", "updatedReplicas", "availableReplicas"].map(|count| status[count] == 1);
            let mut conditions = status["conditions"].as_array().into_iter().flatten();
            let failed = conditions.any(|condition| condition["reason"] == "ProgressDeadlineExceeded");
            let health = if failed {
                Some(false)
            } else {
                complete.iter().all(|yes| *yes).then_some(true)
            };
            let name = object["metadata"]["name"].as_str().unwrap().to_owned();
            (name, health.filter(|_| observed))
        };
        list["items"].as_array().unwrap().iter().map(one).collect()
    }

    /// What GitHub shows of an application, oldest first.
    fn shown(&self, application: &Application) -> Vec<DeploymentView> {
        let mut shown = self
            .test
            .github
            .deployments(&application.repository, &application.environment);
        shown.retain(|deployment| self.is_of(application, deployment));
        shown
    }

    fn is_of(&self, application: &Application, deployment: &DeploymentView) -> bool {
        let source = format!("Deployment {}/{}", self.test.name, application.name);
        deployment.payload["kubeStatusToGithub"]["source"] == source
    }

    /// How many deployments of an application are a success, among those of its environment that every pass reads.
    ///
    /// What is older is closed by a pass with a create or a success, since that reads all; if such a pass is killed
    /// before, it may stay.
    fn successes_in_reach(&self, application: &Application) -> usize {
        let place = |application: &Application| (application.repository.clone(), application.environment.clone());
        let neighbours = self
            .applications
            .iter()
            .filter(|other| place(other) == place(application));
        let reach = 6 + 4 * neighbours.count();
        let all = self
            .test
            .github
            .deployments(&application.repository, &application.environment);
        let in_reach = all[all.len().saturating_sub(reach)..].iter();
        in_reach
            .filter(|one| self.is_of(application, one) && last_state(one) == "success")
            .count()
    }

    /// What is wrong with what GitHub shows of an application.
    fn problems_of(&self, application: &Application, health: &BTreeMap<String, Option<bool>>) -> Vec<String> {
        let mut problems = Vec::new();
        let shown = self.shown(application);
        let of_state = |state: &str| shown.iter().filter(|one| last_state(one) == state).count();
        let settled = of_state("success") + of_state("failure") + of_state("inactive");
        if settled != shown.len() {
            problems.push("a deployment is not finished".to_owned());
        }
        if shown.len() > application.changes {
            problems.push(format!("more deployments than its {} changes", application.changes));
        }
        if shown.last().map(last_state) == Some("success") && self.successes_in_reach(application) > 1 {
            problems.push("two deployments are a success".to_owned());
        }
        if shown
            .iter()
            .any(|deployment| !is_legal(deployment, application.recover))
        {
            problems.push("a status was posted after the end".to_owned());
        }
        if application.exists {
            let complete = health.get(&application.name).copied().flatten();
            let last = shown.last();
            if last.is_none_or(|last| last.git_ref != application.tag()) {
                problems.push(format!("the last deployment is not for {}", application.tag()));
            }
            let state = last.map(last_state);
            let may_stay_failed = application.may_have_failed() && !application.recover;
            let right = match complete {
                Some(true) => state == Some("success") || (may_stay_failed && state == Some("failure")),
                _ => state == Some("failure"),
            };
            if !right {
                problems.push(format!("{state:?}, but the rollout is complete: {complete:?}"));
            }
        } else if application.transient && of_state("success") > 0 {
            problems.push("it is gone and still a success".to_owned());
        }
        let history = |one: &DeploymentView| format!("{}: {}", one.git_ref, one.states().join(" "));
        let history: Vec<String> = shown.iter().map(history).collect();
        problems
            .iter()
            .map(|problem| format!("{problem}: {application:?} {history:?}"))
            .collect()
    }
}

fn last_state(deployment: &DeploymentView) -> &str {
    deployment
        .statuses
        .last()
        .map_or("none", |status| status.state.as_str())
}

/// True unless a status came after the deployment's end: after success or failure there is nothing but inactive, or
/// success by recovery.
fn is_legal(deployment: &DeploymentView, recover: bool) -> bool {
    let states = deployment.states();
    states.windows(2).all(|pair| match pair {
        ["success" | "failure" | "inactive", "inactive"] => true,
        ["failure", "success"] => recover,
        ["success" | "failure" | "inactive", _] => false,
        _ => true,
    })
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            applications,
            changes,
            faults,
            runs,
            killed,
            clean_passes,
            deployments,
            statuses,
            last_states,
        } = self;
        write!(
            f,
            "{applications} applications, {changes} changes, {faults} faults of GitHub, {runs} runs, {killed} of them \
             killed, {clean_passes} clean passes: {deployments} deployments {last_states:?}, {statuses} statuses"
        )
    }
}
