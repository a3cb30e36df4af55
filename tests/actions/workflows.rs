//! The pipelines of `examples/`, run: each job's steps one after the other, with programs in the place of kubectl and
//! docker, files in the place of a cluster, and a GitHub on loopback.

use std::{collections::BTreeMap, fs, process::Command};

use serde_json::{Value, json};

use crate::{
    action::make_executable,
    definition::{Call, Map, evaluated, map, scalar, yaml},
    runner::{Runner, SHA, annotations, have},
    server::Server,
    support::{GitHub, Run, laptop, repository_file},
};

const HEAD: &str = "2222222222222222222222222222222222222222";

/// What `secrets.DEPLOYMENTS_APP_PRIVATE_KEY` holds.
const KEY: &str = include_str!("../../src/github/testing_key.pem");

/// One job of a workflow.
struct Job<'a> {
    runner: &'a Runner,
    workflow: Value,
    name: &'static str,
    /// One combination of its matrix.
    matrix: Map,
    /// Beyond what every run knows.
    known: Map,
    /// Files with the objects of the cluster.
    objects: Vec<String>,
}

impl<'a> Job<'a> {
    fn new(runner: &'a Runner, file: &str, name: &'static str) -> Self {
        // What kubectl and docker would do; what they are called with is written down.
        let log = runner.path("log").display().to_string();
        runner.laptop.write(
            "bin/kubectl",
            format!("#!/bin/sh\necho \"kubectl $*\" >>{log}\ncase $* in *'-f -') cat >/dev/null ;; esac\n"),
        );
        let [(_, api), ..] = runner.laptop.github.environment();
        let program = env!("CARGO_BIN_EXE_kube-status-to-github");
        let docker = format!(
            "#!/bin/sh\n[ \"$1 $2 $3 $4\" = 'run --rm --env GITHUB_TOKEN' ] || exit 99\nshift 5\n\
             exec env -i GITHUB_TOKEN=\"$GITHUB_TOKEN\" GITHUB_API={api} {program} \"$@\"\n"
        );
        runner.laptop.write("bin/docker", docker);
        for name in ["bin/kubectl", "bin/docker"] {
            make_executable(runner, name);
        }
        Self {
            runner,
            workflow: yaml(&format!("examples/github-actions/{file}")),
            name,
            matrix: Map::new(),
            known: Map::new(),
            objects: vec![repository_file("examples/objects.yaml").display().to_string()],
        }
    }

    fn definition(&self) -> &Value {
        &self.workflow["jobs"][self.name]
    }

    fn value(&self, expression: &str, environment: &Map, steps: &BTreeMap<String, Map>) -> String {
        let path: Vec<&str> = expression.split('.').collect();
        match path.as_slice() {
            ["secrets", "KUBECONFIG"] => "a kubeconfig".to_owned(),
            ["secrets", "DEPLOYMENTS_APP_PRIVATE_KEY"] => KEY.to_owned(),
            ["vars", "DEPLOYMENTS_APP_ID"] => "51".to_owned(),
            ["github", "token"] => "token_of_the_run".to_owned(),
            ["env", name] => environment[*name].clone(),
            ["matrix", name] => self.matrix[*name].clone(),
            ["steps", id, "outputs", name] => steps[*id][*name].clone(),
            _ => self
                .known
                .get(expression)
                .cloned()
                .unwrap_or_else(|| panic!("nothing is known of {expression}")),
        }
    }

    /// Runs the steps, all of which succeed, and returns what they printed.
    #[track_caller]
    fn run(&self) -> String {
        let mut steps: BTreeMap<String, Map> = BTreeMap::new();
        let mut environment = Map::new();
        let path = format!(
            "{}:{}",
            self.runner.path("bin").display(),
            std::env::var("PATH").unwrap()
        );
        for scope in [&self.workflow["env"], &self.definition()["env"]] {
            environment.extend(self.environment(scope, &environment, &steps));
        }
        environment.extend([
            ("PATH".to_owned(), path),
            ("NO_PROXY".to_owned(), "127.0.0.1".to_owned()),
        ]);
        let mut printed = String::new();
        for step in self.definition()["steps"].as_array().unwrap() {
            let mut of_step = environment.clone();
            of_step.extend(self.environment(&step["env"], &environment, &steps));
            let (run, outputs) = match step["uses"].as_str() {
                Some(uses) => {
                    let version = env!("CARGO_PKG_VERSION");
                    assert_eq!(uses, format!("kube-status-to-github/kube-status-to-github@v{version}"));
                    self.action(&step["with"], of_step, &steps)
                }
                None => Call::new(self.runner, &[]).step(step["run"].as_str().unwrap(), of_step),
            };
            assert_eq!(run.code, 0, "{step:#}: {run:?}");
            steps.insert(scalar(&step["id"]), outputs);
            printed.push_str(&run.stdout);
        }
        printed
    }

    fn environment(&self, scope: &Value, environment: &Map, steps: &BTreeMap<String, Map>) -> Map {
        let entries = map(scope).into_iter();
        let temporary = format!("{}/", self.runner.path("temp").display());
        entries
            .map(|(name, value)| {
                let value = evaluated(&value, &|expression| self.value(expression, environment, steps));
                (name, value.replace("/tmp/", &temporary))
            })
            .collect()
    }

    fn action(&self, with: &Value, environment: Map, steps: &BTreeMap<String, Map>) -> (Run, Map) {
        let inputs: Vec<(String, String)> = map(with)
            .into_iter()
            .map(|(name, value)| {
                let value = evaluated(&value, &|expression| self.value(expression, &environment, steps));
                (name, value)
            })
            .collect();
        let inputs: Vec<(&str, &str)> = inputs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let mut call = Call::new(self.runner, &inputs);
        let objects: Vec<String> = self.objects.iter().map(|path| format!("--objects={path}")).collect();
        call.inputs.insert("args".to_owned(), objects.join("\n"));
        call.environment = environment;
        let called = call.run();
        (called.last, called.outputs)
    }

    /// What kubectl was called with.
    fn log(&self) -> String {
        fs::read_to_string(self.runner.path("log")).unwrap_or_default()
    }
}

/// A GitHub on which the App is installed.
fn with_app() -> GitHub {
    let github = GitHub::with_everything();
    github.install("octo-org", github_emulator::Access::default());
    github
}

#[test]
fn deploy() {
    let runner = Runner::with(with_app());
    let job = Job::new(&runner, "deploy.yml", "staging");
    let printed = job.run();
    assert!(
        printed.ends_with("\n") && printed.contains("success, see http"),
        "{printed}"
    );
    assert_eq!(
        job.log(),
        format!("kubectl -n shop set image deployment/web web=ghcr.io/octo-org/web:{SHA}\n")
    );
    let deployments = runner.laptop.github.deployments("octo-org/web", "staging");
    assert_eq!(deployments[0].git_ref, SHA);
    assert_eq!(
        deployments[0].statuses[0].environment_url,
        "https://staging.example.com/"
    );
    // By the App: what the run's token writes would start nothing.
    assert_ne!(deployments[0].creator, "github-actions[bot]");
    let tokens: Vec<_> = runner
        .laptop
        .github
        .journal()
        .iter()
        .map(|entry| entry.operation.to_string())
        .collect();
    assert!(tokens.iter().any(|operation| operation.contains("Token")), "{tokens:?}");
}

#[test]
fn preview_from_its_begin_to_its_end() {
    let event = json!({"number": 7, "pull_request": {"head": {"sha": HEAD}}});
    let runner = Runner::with(with_app()).on("pull_request", event);
    let web = laptop::deployment("web", "ghcr.io/octo-org/web:x", laptop::Progress::Complete);
    runner
        .laptop
        .write("objects.yaml", web.replace("namespace: shop", "namespace: pr-7"));
    let known = [
        ("github.event.number", "7"),
        ("github.event.pull_request.head.sha", HEAD),
    ];
    let known: Map = known.map(|(name, value)| (name.to_owned(), value.to_owned())).into();

    let mut open = Job::new(&runner, "preview.yml", "open");
    open.known = known.clone();
    open.objects = vec![runner.path("objects.yaml").display().to_string()];
    open.run();
    assert!(
        open.log().contains(&format!("--image ghcr.io/octo-org/web:{HEAD}")),
        "{}",
        open.log()
    );
    let deployments = runner.laptop.github.deployments("octo-org/web", "pr-7");
    let [deployment] = deployments.as_slice() else {
        panic!("{deployments:#?}")
    };
    assert!(deployment.transient && deployment.git_ref == HEAD, "{deployment:#?}");
    assert_eq!(deployment.statuses[0].environment_url, "https://pr-7.example.com/");

    let mut close = Job::new(&runner, "preview.yml", "close");
    close.known = known;
    close.run();
    assert!(
        close
            .log()
            .ends_with("kubectl delete namespace pr-7 --ignore-not-found\n"),
        "{}",
        close.log()
    );
    assert_eq!(
        runner.laptop.github.states("octo-org/web", "pr-7"),
        [["success", "inactive"]]
    );
}

#[test]
fn test_of_a_preview() {
    if !have("curl") {
        return;
    }
    let page = |text: &str| Server::with(BTreeMap::from([("/".to_owned(), text.as_bytes().to_vec())]));
    for (text, address, code) in [
        ("<h1>Hello World</h1>", "", 0),
        ("<h1>Good bye</h1>", "", 1),
        ("Hello World", "/absent", 22),
        ("Hello World", "/`touch witness`$(touch witness)", 3),
    ] {
        let server = page(text);
        let runner = Runner::new();
        let mut job = Job::new(&runner, "test-pr.yml", "test-pr");
        let address = format!("{}{address}", server.url());
        job.known.insert(
            "github.event.deployment_status.environment_url".to_owned(),
            address.clone(),
        );
        let step = &job.definition()["steps"][0];
        let mut environment = job.environment(&step["env"], &Map::new(), &BTreeMap::new());
        environment.insert("NO_PROXY".to_owned(), "127.0.0.1".to_owned());
        let (run, _) = Call::new(&runner, &[]).step(step["run"].as_str().unwrap(), environment);
        assert_eq!(run.code, code, "{text} at {address}: {run:?}");
        assert!(!runner.path("witness").exists());
    }
}

#[test]
fn services_of_a_monorepo() {
    let runner = Runner::new();
    let services = ["web", "worker"].map(|name| laptop::deployment(name, "r/app:v1", laptop::Progress::Complete));
    runner.laptop.write("objects.yaml", services.concat());
    let mut job = Job::new(&runner, "services.yml", "production");
    job.objects = vec![runner.path("objects.yaml").display().to_string()];
    for service in job.definition()["strategy"]["matrix"]["service"]
        .as_array()
        .unwrap()
        .clone()
    {
        job.matrix = Map::from([("service".to_owned(), scalar(&service))]);
        job.run();
    }
    let deployments = runner.laptop.github.deployments("octo-org/web", "production");
    let tasks: Vec<&str> = deployments.iter().map(|deployment| deployment.task.as_str()).collect();
    assert_eq!(tasks, ["deploy:web", "deploy:worker"]);
    assert_eq!(
        runner.laptop.github.states("octo-org/web", "production"),
        [["success"], ["success"]]
    );
}

#[test]
fn clusters_one_after_the_other() {
    let runner = Runner::new().on("release", Value::Null);
    let mut job = Job::new(&runner, "clusters.yml", "production");
    // What the release is called.
    job.workflow["env"] = json!({"GITHUB_REF_NAME": "v1.2.3"});
    for cluster in job.definition()["strategy"]["matrix"]["cluster"]
        .as_array()
        .unwrap()
        .clone()
    {
        let cluster = scalar(&cluster);
        job.matrix = Map::from([("cluster".to_owned(), cluster.clone())]);
        job.run();
        let environment = format!("production-{cluster}");
        let deployments = runner.laptop.github.deployments("octo-org/web", &environment);
        let [deployment] = deployments.as_slice() else {
            panic!("{deployments:#?}")
        };
        assert!(
            deployment.production && deployment.git_ref == "v1.2.3",
            "{deployment:#?}"
        );
    }
    assert!(
        job.log()
            .contains("kubectl --context europe -n shop set image deployment/web web=ghcr.io/octo-org/web:v1.2.3")
    );
}

#[test]
fn job_of_gitlab() {
    if !have("sha256sum") {
        return;
    }
    let runner = Runner::new();
    let job = yaml("examples/gitlab-ci.yml")["staging"].clone();
    let variables = map(&job["variables"]);
    // The release: its program looks at the objects of a file, as no cluster is here.
    let (name, objects) = (&variables["NAME"], repository_file("examples/objects.yaml"));
    let program = env!("CARGO_BIN_EXE_kube-status-to-github");
    let program = format!("#!/bin/sh\nexec {program} \"$@\" --objects {}\n", objects.display());
    runner
        .laptop
        .write(&format!("release/{name}/kube-status-to-github"), program);
    make_executable(&runner, &format!("release/{name}/kube-status-to-github"));
    let pack = format!("tar -czf {name}.tar.gz {name} && sha256sum {name}.tar.gz *.tar.gz.sig >SHA256SUMS");
    runner
        .laptop
        .write(&format!("release/{name}.tar.gz.sig"), "a signature");
    let packed = Command::new("sh")
        .current_dir(runner.path("release"))
        .args(["-ec", &pack])
        .status();
    assert!(packed.unwrap().success());
    runner.laptop.write("bin/apk", "#!/bin/sh\n");
    let curl = format!(
        "#!/bin/sh\nfor address; do case $address in https://github.com/*) cp {}/\"${{address##*/}}\" . ;; esac; done\n",
        runner.path("release").display()
    );
    runner.laptop.write("bin/curl", curl);
    for name in ["bin/apk", "bin/curl"] {
        make_executable(&runner, name);
    }

    let lines = [&job["before_script"], &job["script"]];
    let lines = lines.into_iter().flat_map(|lines| lines.as_array().unwrap());
    let script: Vec<&str> = lines.map(|line| line.as_str().unwrap()).collect();
    let mut shell = Command::new("sh");
    fs::create_dir(runner.path("build")).unwrap();
    shell
        .args(["-ec", &script.join("\n")])
        .current_dir(runner.path("build"))
        .env_clear()
        .envs(runner.laptop.github.environment())
        .envs(variables)
        .env(
            "PATH",
            format!("{}:{}", runner.path("bin").display(), std::env::var("PATH").unwrap()),
        )
        .envs([
            ("GITLAB_CI", "true"),
            ("CI_COMMIT_SHA", SHA),
            ("CI_JOB_URL", "https://gitlab.example/jobs/1"),
        ]);
    let run = Run::of(&mut shell).expect(0);
    assert_eq!(annotations(&run.stderr), []);
    let deployment = runner
        .laptop
        .github
        .deployments("octo-org/web", "staging")
        .pop()
        .unwrap();
    assert_eq!(deployment.git_ref, SHA);
    assert_eq!(deployment.statuses[0].log_url, "https://gitlab.example/jobs/1");
}
