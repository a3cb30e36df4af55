//! The table of settings in docs/github.md is what the command line has.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

use std::{fs, path::Path};

use clap::{Arg, CommandFactory};
use kube_status_to_github::cli::args::Arguments;

const BEGIN: &str = "<!-- settings: made by UPDATE=1 cargo test --test settings -->\n";
const END: &str = "<!-- end of settings -->\n";

/// Commands without settings.
const WITHOUT: [&str; 4] = ["crd", "completions", "man", "help"];

/// A row: what one flag means, for the commands where it means that.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    flag: String,
    variable: String,
    default: String,
    meaning: String,
    commands: Vec<String>,
}

impl Row {
    fn of(argument: &Arg, command: &str) -> Self {
        let code = |text: String| format!("`{text}`");
        let long = argument.get_long().map(|long| format!("--{long}"));
        let names = argument
            .get_short()
            .map(|short| format!("-{short}"))
            .into_iter()
            .chain(long);
        let names: Vec<String> = names.map(code).collect();
        let help = argument.get_help().unwrap().to_string();
        let (meaning, told) = match help.split_once(" [default: ") {
            Some((meaning, default)) => (meaning.to_owned(), Some(default.trim_end_matches(']').to_owned())),
            None => (help.clone(), None),
        };
        let values: Vec<String> = argument
            .get_default_values()
            .iter()
            .map(|value| code(value.to_str().unwrap().to_owned()))
            .collect();
        let takes_value = argument.get_action().takes_values();
        Self {
            flag: match names.is_empty() {
                true => code(argument.get_value_names().unwrap()[0].to_string()),
                false => names.join(", "),
            },
            variable: argument
                .get_env()
                .map(|name| code(name.to_str().unwrap().to_owned()))
                .unwrap_or_default(),
            default: told.unwrap_or_else(|| if takes_value { values.join(", ") } else { String::new() }),
            meaning: meaning.replace('|', "\\|").replace('\n', " "),
            commands: vec![command.to_owned()],
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        let key = |row: &Self| {
            (
                row.flag.clone(),
                row.variable.clone(),
                row.default.clone(),
                row.meaning.clone(),
            )
        };
        key(self) == key(other)
    }
}

fn table() -> String {
    let mut program = Arguments::command();
    program.build();
    let mut rows: Vec<Row> = Vec::new();
    let with_settings: Vec<&clap::Command> = program
        .get_subcommands()
        .filter(|command| !WITHOUT.contains(&command.get_name()))
        .collect();
    let commands: Vec<&str> = with_settings.iter().map(|command| command.get_name()).collect();
    for command in with_settings {
        for argument in command.get_arguments().filter(|argument| argument.get_id() != "help") {
            let mut row = Row::of(argument, command.get_name());
            match rows.iter_mut().find(|known| known.is_same(&row)) {
                Some(known) => known.commands.append(&mut row.commands),
                None => rows.push(row),
            }
        }
    }
    let mut text = "| flag | variable | default | meaning | of |\n|---|---|---|---|---|\n".to_owned();
    for row in rows {
        let of = if row.commands == commands {
            "all".to_owned()
        } else {
            row.commands.join(", ")
        };
        text += &format!(
            "| {} | {} | {} | {} | {of} |\n",
            row.flag, row.variable, row.default, row.meaning
        );
    }
    text
}

#[test]
fn settings_are_those_of_the_command_line() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/github.md");
    let text = fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once(BEGIN).expect("where the table begins");
    let (committed, tail) = rest.split_once(END).expect("where the table ends");
    let table = table();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, format!("{head}{BEGIN}{table}{END}{tail}")).unwrap();
        return;
    }
    assert!(
        committed == table,
        "the table of docs/github.md is not what src/cli/args.rs says; write it anew with\n\
         \n    UPDATE=1 cargo test --test settings\n\n{table}"
    );
}

/// Every variable that a flag has is in the table, and every flag of the table in the help.
#[test]
fn the_table_has_every_flag_and_variable() {
    let table = table();
    let program = Arguments::command();
    let arguments = program.get_subcommands().flat_map(|command| command.get_arguments());
    let mut seen = 0;
    for argument in arguments {
        for name in [
            argument.get_long().map(|long| format!("`--{long}`")),
            argument.get_env().map(|name| format!("`{}`", name.display())),
        ]
        .into_iter()
        .flatten()
        {
            assert!(table.contains(&name), "{name}");
            seen += 1;
        }
    }
    assert!(seen > 60, "{seen}");
}
