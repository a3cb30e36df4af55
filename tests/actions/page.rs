//! What `docs/ci.md` promises, and README.md about pipelines.

use std::fs;

use clap::Parser;
use kube_status_to_github::cli::args::Arguments;
use serde_json::Value;

use crate::{
    definition::yaml,
    support::{readme, repository_file},
};

fn text() -> String {
    fs::read_to_string(repository_file("docs/ci.md")).unwrap()
}

/// The fenced blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let text = text();
    let fence = format!("```{language}\n");
    let blocks = text.split(&fence).skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect()
}

/// The jobs that the page shows, as a workflow.
pub fn workflow() -> String {
    let jobs = blocks("yaml")
        .into_iter()
        .find(|block| block.starts_with("jobs:"))
        .expect("jobs");
    format!("on: push\n{jobs}")
}

/// Every step that calls the action, wherever it stands.
fn calls(value: &Value, into: &mut Vec<Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| calls(item, into)),
        Value::Object(fields) if fields.contains_key("uses") => into.push(value.clone()),
        Value::Object(fields) => fields.values().for_each(|field| calls(field, into)),
        _ => {}
    }
}

#[test]
fn steps_call_the_action_with_inputs_that_it_has() {
    let inputs = yaml("action.yml")["inputs"].as_object().unwrap().clone();
    let mut steps = Vec::new();
    for block in blocks("yaml").into_iter().chain(readme::blocks("yml")) {
        calls(&serde_saphyr::from_str(&block).unwrap(), &mut steps);
    }
    assert!(steps.len() >= 4, "{steps:#?}");
    for step in steps {
        let uses = concat!(
            "kube-status-to-github/kube-status-to-github@v",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(step["uses"], uses);
        for name in step["with"].as_object().unwrap().keys() {
            assert!(inputs.contains_key(name), "action.yml has no input {name}");
        }
    }
}

#[test]
fn commands_are_commands_of_the_program() {
    let commands = blocks("sh").concat();
    assert!(commands.lines().count() >= 2);
    for command in commands.lines() {
        let words = command.split_whitespace().map(|word| word.trim_matches('"'));
        Arguments::try_parse_from(words).unwrap_or_else(|error| panic!("{command}: {error}"));
    }
}

#[test]
fn outputs_are_those_of_the_action() {
    let text = text();
    for (name, _) in yaml("action.yml")["outputs"].as_object().unwrap() {
        assert!(text.contains(&format!("| `{name}` |")), "{name} is not told");
    }
}

#[test]
fn links_lead_somewhere() {
    let text = text();
    let links: Vec<&str> = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .collect();
    assert!(links.len() > 5);
    for link in links {
        let path = link.split('#').next().unwrap();
        assert!(repository_file("docs").join(path).exists(), "{link}");
    }
}
