//! What the program says about itself.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

mod support;

use std::{fs, process::Command};

use support::{
    Run,
    laptop::{assert_snapshot, transcript},
    program, repository_file, tool,
};

const COMMANDS: [&str; 8] = [
    "sync",
    "status",
    "extract",
    "close",
    "doctor",
    "crd",
    "completions",
    "man",
];

fn run(arguments: &[&str]) -> Run {
    let home = tempfile::tempdir().unwrap();
    Run::of(program(home.path()).args(arguments))
}

#[test]
fn help_of_the_program_and_of_each_command() {
    let help = run(&["--help"]).expect(0);
    assert_snapshot("help", "program", &transcript("--help", &help));
    for command in COMMANDS {
        assert!(
            help.stdout.contains(&format!("\n  {command} ")),
            "{command} is not in the list"
        );
        let help = run(&[command, "--help"]).expect(0);
        assert_snapshot("help", command, &transcript(&format!("{command} --help"), &help));
        assert_eq!(run(&[command, "-h"]).expect(0).stdout, help.stdout, "{command} -h");
        assert!(
            run(&["help", command])
                .expect(0)
                .stdout
                .contains(&format!("Usage: kube-status-to-github {command}"))
        );
    }
}

#[test]
fn the_reference_is_the_help() {
    let mut text = "# Reference\n\nWhat `--help` says, made from it by `UPDATE=1 cargo test --test help`. [github.md](github.md) has all settings in one\ntable.\n".to_owned();
    for line in [""].iter().chain(&COMMANDS) {
        let name = format!("kube-status-to-github {line}");
        let arguments: Vec<&str> = line.split_whitespace().chain(["--help"]).collect();
        let help = run(&arguments).expect(0).stdout;
        text += &format!("\n## {}\n\n```text\n{}\n```\n", name.trim_end(), help.trim_end());
    }
    let file = repository_file("docs/reference.md");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == text,
        "docs/reference.md is not what --help says; write it anew with\n  UPDATE=1 cargo test --test help"
    );
}

#[test]
fn no_line_is_too_long() {
    let pages = COMMANDS.map(|command| run(&[command, "--help"]).stdout).concat();
    let long: Vec<&str> = pages.lines().filter(|line| line.chars().count() > 120).collect();
    assert_eq!(long, Vec::<&str>::new());
}

#[test]
fn version() {
    let expected = format!("kube-status-to-github {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["--version"]).expect(0).stdout, expected);
    assert_eq!(run(&["-V"]).expect(0).stdout, expected);
}

#[test]
fn the_definition_is_that_of_the_manifests() {
    let printed = run(&["crd"]).expect(0);
    let committed = fs::read_to_string(repository_file("manifests/crd.yaml")).unwrap();
    assert!(
        printed.stdout == committed,
        "to write it anew: cargo run -- crd > manifests/crd.yaml"
    );
    assert_eq!(printed.stderr, "");
}

#[test]
fn a_completion_script_for_every_shell() {
    let shells = run(&["completions", "unknown"]).expect(2).stderr;
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(shells.contains(shell), "{shell} is offered: {shells}");
        let script = run(&["completions", shell]).expect(0).stdout;
        assert!(script.contains("kube-status-to-github"), "{shell}: {script}");
        // Only bash and zsh can read a script without running it.
        if ["bash", "zsh"].contains(&shell) && tool(shell) {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("script");
            fs::write(&file, &script).unwrap();
            let read = Command::new(shell).arg("-n").arg(&file).output().unwrap();
            assert!(
                read.status.success(),
                "{shell}: {}",
                String::from_utf8_lossy(&read.stderr)
            );
        }
    }
}

/// A release sets the day in the changelog and that of the manual pages; before the first one there is only the latter.
#[test]
fn manual_pages_have_the_day_of_the_release() {
    let page = run(&["man"]).expect(0).stdout;
    let head = page.lines().find(|line| line.starts_with(".TH ")).unwrap();
    let day: jiff::civil::Date = head.split_whitespace().nth(3).unwrap().parse().unwrap();
    let changelog = fs::read_to_string(repository_file("CHANGELOG.md")).unwrap();
    let newest = changelog
        .lines()
        .find_map(|line| line.strip_prefix("## [")?.split_once("] - "));
    if let Some((version, released)) = newest {
        assert_eq!(version, env!("CARGO_PKG_VERSION"), "the newest release of CHANGELOG.md");
        assert_eq!(
            released,
            day.to_string(),
            "DATE in src/cli/pages.rs is that of CHANGELOG.md"
        );
    }
}

#[test]
fn manual_pages_are_well_formed() {
    let of_commands = COMMANDS.map(|command| vec![command]);
    for page in [vec![]].iter().chain(&of_commands) {
        let text = run(&[&["man"], &page[..]].concat()).expect(0).stdout;
        let name = [&["kube-status-to-github"], &page[..]].concat().join("-");
        assert!(text.contains(&format!(".TH {name} 1")), "{name}: {text}");
        assert!(text.contains(".SH DESCRIPTION"), "{name}: {text}");
        if tool("mandoc") {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join(format!("{name}.1"));
            fs::write(&file, &text).unwrap();
            // Its remarks on style, such as lines of source beyond 80 bytes, are the generator's business.
            let lint = Command::new("mandoc")
                .args(["-Tlint", "-Wwarning"])
                .arg(&file)
                .output()
                .unwrap();
            assert!(
                lint.status.success(),
                "{name}: {}",
                String::from_utf8_lossy(&lint.stdout)
            );
        }
    }
}
