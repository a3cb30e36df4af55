//! `action.yml`, and steps run as a runner does: one after the other, expressions replaced in their environment.

use std::{collections::BTreeMap, fs, process::Command};

use serde_json::Value;

use crate::{
    runner::{Runner, outputs},
    support::{Run, repository_file},
};

/// Names and values.
pub type Map = BTreeMap<String, String>;

/// A file of YAML.
pub fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(repository_file(path)).unwrap()).unwrap()
}

/// Text of a scalar, as an expression has it.
pub fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A map of scalars; none where there is no map.
pub fn map(value: &Value) -> Map {
    let entries = value.as_object().into_iter().flatten();
    entries.map(|(name, value)| (name.clone(), scalar(value))).collect()
}

/// Replaces every `${{ … }}` by what `context` says.
pub fn evaluated(text: &str, context: &dyn Fn(&str) -> String) -> String {
    let mut parts = text.split("${{");
    let mut result = parts.next().unwrap().to_owned();
    for part in parts {
        let (expression, rest) = part.split_once("}}").expect("an expression ends");
        result.push_str(&context(expression.trim()));
        result.push_str(rest);
    }
    result
}

/// The action, called.
pub struct Call<'a> {
    pub runner: &'a Runner,
    pub inputs: Map,
    /// What the job has in its environment.
    pub environment: Map,
    /// `github.server_url`
    pub server: String,
}

/// How a call ended.
#[derive(Debug)]
pub struct Called {
    /// Of the last step that ran.
    pub last: Run,
    /// How many steps ran.
    pub steps: usize,
    /// Of the action.
    pub outputs: Map,
}

impl<'a> Call<'a> {
    /// With the program that is tested in place of a release, and the objects of the examples in place of a cluster.
    pub fn new(runner: &'a Runner, inputs: &[(&str, &str)]) -> Self {
        let objects = repository_file("examples/objects.yaml");
        let mut all = Map::from([
            ("args".to_owned(), format!("--objects\n  {}\n", objects.display())),
            (
                "binary".to_owned(),
                env!("CARGO_BIN_EXE_kube-status-to-github").to_owned(),
            ),
        ]);
        all.extend(
            inputs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        Self {
            runner,
            inputs: all,
            environment: Map::new(),
            server: "https://github.example".to_owned(),
        }
    }

    /// Runs the steps up to the first one that fails.
    pub fn run(&self) -> Called {
        let action = yaml("action.yml");
        let declared = action["inputs"].as_object().unwrap();
        for name in self.inputs.keys() {
            assert!(declared.contains_key(name), "action.yml has no input {name}");
        }
        let mut of_steps: BTreeMap<String, Map> = BTreeMap::new();
        let steps = action["runs"]["steps"].as_array().unwrap();
        let mut called = None;
        for (number, step) in steps.iter().enumerate() {
            let context = |expression: &str| self.context(expression, declared, &of_steps);
            let environment = map(&step["env"])
                .into_iter()
                .map(|(name, value)| (name, evaluated(&value, &context)))
                .collect();
            let (run, outputs) = self.step(step["run"].as_str().unwrap(), environment);
            of_steps.insert(scalar(&step["id"]), outputs);
            let failed = run.code != 0;
            called = Some((run, number + 1));
            if failed {
                break;
            }
        }
        let context = |expression: &str| self.context(expression, declared, &of_steps);
        let outputs = action["outputs"].as_object().unwrap().iter();
        let outputs = outputs
            .map(|(name, output)| (name.clone(), evaluated(output["value"].as_str().unwrap(), &context)))
            .collect();
        let (last, steps) = called.expect("a step");
        Called { last, steps, outputs }
    }

    /// The value of an expression of `action.yml`.
    fn context(
        &self,
        expression: &str,
        declared: &serde_json::Map<String, Value>,
        steps: &BTreeMap<String, Map>,
    ) -> String {
        let path: Vec<&str> = expression.split('.').collect();
        match path.as_slice() {
            ["inputs", name] => {
                let input = declared.get(*name).unwrap_or_else(|| panic!("no input {name}"));
                let default = || input.get("default").map(scalar).unwrap_or_default();
                self.inputs.get(*name).cloned().unwrap_or_else(default)
            }
            ["github", "token"] => "token_of_the_run".to_owned(),
            ["github", "server_url"] => self.server.clone(),
            ["github", "action_repository"] => "octo-org/kube-status-to-github".to_owned(),
            ["steps", id, "outputs", name] => {
                let outputs = steps.get(*id);
                outputs
                    .and_then(|outputs| outputs.get(*name))
                    .cloned()
                    .unwrap_or_default()
            }
            _ => panic!("nothing is known of {expression}"),
        }
    }

    /// Runs a script as `shell: bash` does, with a file of its own for outputs.
    pub fn step(&self, script: &str, environment: Map) -> (Run, Map) {
        assert!(!script.contains("${{"), "an expression in a script: {script}");
        let output = self.runner.path("output_of_step");
        fs::write(&output, "").unwrap();
        self.runner.laptop.write("step.sh", script);
        fs::create_dir_all(self.runner.path("temp")).unwrap();
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc", "-e", "-o", "pipefail"])
            .arg(self.runner.path("step.sh"))
            .current_dir(self.runner.laptop.folder())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.runner.laptop.folder())
            .envs(self.runner.variables())
            .envs(&self.environment)
            .env("GITHUB_ACTION_PATH", repository_file(""))
            .env("GITHUB_OUTPUT", &output)
            .env("RUNNER_TEMP", self.runner.path("temp"))
            .envs(environment);
        let run = Run::of(&mut command);
        (run, outputs(&fs::read_to_string(&output).unwrap()))
    }
}
