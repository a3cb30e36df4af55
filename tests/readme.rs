//! What README.md promises: its commands run, its YAML is accepted, and its tables are those of the code.
//!
//! The commands that need a cluster are run by the cluster tests.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use clap::CommandFactory;
use kube_status_to_github::cli::{args::Arguments, exit::Exit};
use serde_json::Value;
use support::{
    GitHub, Run,
    laptop::Laptop,
    readme::{blocks, commands, inline_code, needs_cluster, table},
    repository_file,
};

#[test]
fn commands_of_make_are_targets() {
    let makefile = fs::read_to_string(repository_file("Makefile")).unwrap();
    let of_make: Vec<String> = commands()
        .iter()
        .filter_map(|line| Some(line.strip_prefix("make ")?.to_owned()))
        .collect();
    assert!(of_make.len() >= 3, "{of_make:?}");
    for target in of_make {
        assert!(
            makefile.lines().any(|line| line.starts_with(&format!("{target}: "))),
            "{target} is no target"
        );
    }
}

#[test]
fn commands_that_need_no_cluster_work() {
    let laptop = Laptop::new(GitHub::with_everything());
    let mut variables = Vec::new();
    let mut run = 0;
    for line in commands() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("export") => {
                let (name, value) = words.next().unwrap().split_once('=').unwrap();
                // The reader puts a token in place of the dots.
                assert_eq!(value, "…", "{line}");
                variables.push((name.to_owned(), "github_pat_of_the_reader"));
            }
            Some("kube-status-to-github") if !needs_cluster(&line) => {
                let mut command = laptop.program();
                command
                    .envs(variables.iter().map(|(name, value)| (name, value)))
                    .current_dir(repository_file(""));
                Run::of(command.args(words)).expect(0);
                run += 1;
            }
            Some("make" | "kubectl" | "kube-status-to-github") => {}
            _ => panic!("nothing runs {line}"),
        }
    }
    assert_eq!(variables.len(), 1);
    assert!(run >= 3, "only {run} commands");
    assert_eq!(laptop.writes(), Vec::<String>::new(), "the first look changes nothing");
}

#[test]
fn the_github_deployment_is_reported() {
    let [block] = blocks("yaml").try_into().expect("one block of YAML");
    let laptop = Laptop::new(GitHub::with_everything());
    laptop.write("readme.yaml", &block);
    let objects = repository_file("examples/quickstart/rolled-out.yaml");
    let arguments = format!("sync -f readme.yaml --objects {} -o json", objects.display());
    let document = laptop.run(&arguments).expect(0).document();
    assert_eq!(document["results"][0]["action"], "create", "{document:#}");
    assert_eq!(document["results"][0]["warnings"], Value::Null, "{document:#}");

    let example = fs::read_to_string(repository_file("examples/quickstart/githubdeployment.yaml")).unwrap();
    let read = |text: &str| serde_saphyr::from_str::<Value>(text).unwrap();
    assert_eq!(read(&block), read(&example));
}

#[test]
fn exit_codes_are_those_of_the_program() {
    let promised = [
        Exit::Done,
        Exit::SomeFailed,
        Exit::Usage,
        Exit::CannotRun,
        Exit::RolloutFailed,
        Exit::TimedOut,
        Exit::WouldWrite,
        Exit::Interrupted,
        Exit::Terminated,
    ];
    let rows = table("Exit codes");
    let codes: Vec<String> = rows.iter().map(|row| row[0].clone()).collect();
    assert_eq!(codes, promised.map(|exit| (exit as u8).to_string()));

    let help = Arguments::command()
        .find_subcommand("sync")
        .unwrap()
        .get_after_help()
        .unwrap()
        .to_string();
    let (_, of_help) = help.split_once("Exit codes:").unwrap();
    for code in codes {
        let listed = of_help.lines().any(|line| {
            line.split("  ")
                .any(|cell| cell.trim().starts_with(&format!("{code} ")))
        });
        assert!(listed, "{code} is not in the help of sync");
    }
    // Flags that a row names are flags of the program.
    let flags: BTreeSet<String> = flags_of_the_program();
    for row in rows {
        for flag in row[1].split('`').skip(1).step_by(2).flat_map(|code| code.split(' ')) {
            assert!(flags.contains(flag), "{flag} is no flag");
        }
    }
}

/// Every long flag of every command, with its dashes.
fn flags_of_the_program() -> BTreeSet<String> {
    let program = Arguments::command();
    let commands = program.get_subcommands().chain([&program]);
    let flags = commands.flat_map(|command| command.get_arguments().filter_map(|argument| argument.get_long()));
    flags.map(|flag| format!("--{flag}")).collect()
}

#[test]
fn flags_in_the_text_exist() {
    let flags = flags_of_the_program();
    for code in inline_code() {
        if code.starts_with("kubectl ") {
            continue;
        }
        for flag in code.split([' ', '=']).filter(|word| word.starts_with("--")) {
            assert!(flags.contains(flag), "{flag} in `{code}` is no flag");
        }
    }
}

#[test]
fn variables_are_those_that_are_read() {
    let rows = table("GitHub");
    let named: BTreeSet<String> = rows.iter().flat_map(|row| variables(&row.concat())).collect();
    let program = Arguments::command();
    let of_flags = program
        .get_subcommands()
        .flat_map(|command| command.get_arguments())
        .filter_map(|argument| Some(argument.get_env()?.to_str()?.to_owned()));
    // These have no flag: they are secrets, or set by GitHub Actions.
    let without_flag = ["GH_TOKEN", "GITHUB_API_URL", "GITHUB_APP_PRIVATE_KEY", "GITHUB_TOKEN"].map(str::to_owned);
    assert_eq!(named, of_flags.chain(without_flag).collect());
}

/// The names of variables between backquotes.
fn variables(text: &str) -> Vec<String> {
    let code = text.split('`').skip(1).step_by(2);
    let is_variable = |word: &&str| word.contains('_') && word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    code.filter(is_variable).map(str::to_owned).collect()
}

#[test]
fn variables_without_a_flag_are_read() {
    let laptop = Laptop::new(GitHub::with_everything());
    let [(_, api), ..] = laptop.github.environment();
    let example = "examples/quickstart";
    let arguments =
        format!("sync -f {example}/githubdeployment.yaml --objects {example}/rolled-out.yaml --dry-run --exit-code");
    for (token, address) in [("GITHUB_TOKEN", "GITHUB_API"), ("GH_TOKEN", "GITHUB_API_URL")] {
        let mut command = support::program(laptop.folder());
        command
            .env(token, "github_pat_of_the_tests")
            .env(address, &api)
            .current_dir(repository_file(""));
        Run::of(command.args(arguments.split(' '))).expect(6);
    }
    assert_eq!(laptop.github.journal().len(), 2);
}

#[test]
fn fields_are_those_of_the_definition() {
    let rows = table("Say what to report");
    let named: BTreeSet<String> = rows.iter().flat_map(|row| paths(&row[0])).collect();
    let definition = fs::read_to_string(repository_file("manifests/crd.yaml")).unwrap();
    let definition: Value = serde_saphyr::from_str(&definition).unwrap();
    let versions = definition["spec"]["versions"].as_array().unwrap();
    let version = versions.iter().find(|version| version["storage"] == true).unwrap();
    let spec = &version["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut fields = BTreeSet::new();
    leaves("spec", spec, &mut fields);
    assert_eq!(named, fields);
}

/// `` `spec.a.b`, `c` `` names `spec.a.b` and `spec.a.c`.
fn paths(cell: &str) -> Vec<String> {
    let mut names = cell.split('`').skip(1).step_by(2);
    let first = names.next().unwrap();
    let (parent, _) = first.rsplit_once('.').unwrap();
    let others = names.map(|name| format!("{parent}.{name}"));
    [first.to_owned()].into_iter().chain(others).collect()
}

/// The paths of all fields that hold no others.
fn leaves(path: &str, schema: &Value, into: &mut BTreeSet<String>) {
    match schema["properties"].as_object() {
        Some(properties) => properties
            .iter()
            .for_each(|(name, schema)| leaves(&format!("{path}.{name}"), schema, into)),
        None => drop(into.insert(path.to_owned())),
    }
}

#[test]
fn permissions_are_those_of_the_manifests() {
    let role = fs::read_to_string(repository_file("manifests/all-namespaces/clusterrole.yaml")).unwrap();
    let documents: Vec<Value> = serde_saphyr::from_multiple(&role).unwrap();
    let rules = documents
        .iter()
        .filter_map(|document| document["rules"].as_array())
        .flatten();
    let texts = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    };
    let mut granted = BTreeMap::<String, BTreeSet<String>>::new();
    for rule in rules {
        for resource in texts(&rule["resources"]) {
            granted.entry(resource).or_default().extend(texts(&rule["verbs"]));
        }
    }
    let mut named = BTreeMap::<String, BTreeSet<String>>::new();
    for row in table("Run it in a cluster") {
        let verbs: BTreeSet<String> = row[1].split(", ").map(str::to_owned).collect();
        match row[0].split('`').nth(1) {
            Some(resource) => named.entry(resource.to_owned()).or_default().extend(verbs),
            None => {
                assert_eq!(row[0], "the observed kinds");
                let observed = ["pods", "deployments", "jobs"];
                assert!(
                    observed.iter().all(|resource| granted[*resource] == verbs),
                    "{granted:?}"
                );
            }
        }
    }
    for (resource, verbs) in named {
        assert_eq!(granted.get(&resource), Some(&verbs), "{resource}");
    }
}
