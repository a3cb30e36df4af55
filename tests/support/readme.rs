//! README.md, taken apart: its commands, its blocks and its tables.

use std::{fs, iter};

use super::repository_file;

/// The text.
pub fn text() -> String {
    fs::read_to_string(repository_file("README.md")).expect("README.md")
}

/// The fenced blocks of a language.
pub fn blocks(language: &str) -> Vec<String> {
    let text = text();
    let mut lines = text.lines();
    let fence = format!("```{language}");
    iter::from_fn(|| {
        lines.by_ref().find(|line| *line == fence)?;
        Some(
            lines
                .by_ref()
                .take_while(|line| *line != "```")
                .map(|line| format!("{line}\n"))
                .collect(),
        )
    })
    .collect()
}

/// Everything that a reader can type: the lines of `sh` blocks, those after a prompt, and those in the text.
pub fn commands() -> Vec<String> {
    let shell = blocks("sh").concat();
    let console = blocks("console").concat();
    let typed = console.lines().filter_map(|line| line.strip_prefix("$ "));
    let inline = inline_code();
    let in_text = inline.iter().filter(|code| {
        let program = code.split_once(' ').map(|(program, _)| program);
        matches!(program, Some("make" | "kubectl" | "kube-status-to-github"))
    });
    shell
        .lines()
        .chain(typed)
        .chain(in_text.map(String::as_str))
        .map(str::to_owned)
        .collect()
}

/// True if a command needs a cluster: kubectl, and the program where not all is in files.
pub fn needs_cluster(command: &str) -> bool {
    let program = ["sync", "status", "doctor"].map(|name| format!("kube-status-to-github {name} "));
    let reads_cluster = program.iter().any(|start| command.starts_with(start)) && !command.contains(" --objects ");
    reads_cluster || command.starts_with("kubectl ")
}

/// The rows of the table under a heading: the cells of each, without the table's own head.
pub fn table(heading: &str) -> Vec<Vec<String>> {
    let text = text();
    let rows = text
        .lines()
        .skip_while(|line| *line != format!("## {heading}"))
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.starts_with('|'))
        .skip(2);
    rows.map(|row| {
        row.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    })
    .collect()
}

/// What is between backquotes, line by line, outside fenced blocks.
pub fn inline_code() -> Vec<String> {
    let text = text();
    let outside = text.split("```").step_by(2);
    outside
        .flat_map(|part| part.split('`').skip(1).step_by(2))
        .map(|code| code.replace('\n', " "))
        .collect()
}
