//! What a person sees: the program on a pseudo-terminal, its screen as text, and the same in a pipe.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on ends")]

#[path = "../support/mod.rs"]
mod support;
mod terminal;

use std::{fmt::Write as _, process::Stdio};

use support::{
    GitHub, OWNER, Run, eventually,
    laptop::{Laptop, Progress, deployment},
};
use terminal::Terminal;

const GROUP: &str = "terminal";

/// A service from flags whose object is in a file.
const SYNC: &str =
    "sync deployment/web -n shop --repo web --environment staging --container web --objects objects.yaml";

/// A machine on which the service is on its way, or further.
fn laptop(progress: Progress) -> Laptop {
    let laptop = Laptop::new(GitHub::with_everything());
    say(&laptop, progress);
    laptop
}

fn say(laptop: &Laptop, progress: Progress) {
    laptop.write("new.yaml", deployment("web", "registry.example.com/web:v1", progress));
    // A file that is written while it is read would be half a file.
    std::fs::rename(laptop.folder().join("new.yaml"), laptop.folder().join("objects.yaml")).unwrap();
}

fn states(laptop: &Laptop) -> Vec<Vec<String>> {
    laptop.github.states(&format!("{OWNER}/web"), "staging")
}

fn start(laptop: &Laptop, arguments: &str, columns: u16) -> Terminal {
    let mut command = laptop.program();
    command.args(arguments.split_whitespace());
    Terminal::start(command, columns)
}

/// What differs from run to run: times, and the address of GitHub. As wide as before, for what stands beside it.
#[track_caller]
fn assert_screen(laptop: &Laptop, name: &str, text: &str) {
    let [(_, url), ..] = laptop.github.environment();
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\b\d+s\b", "Ts");
    settings.bind(|| {
        support::laptop::assert_snapshot(GROUP, name, &text.replace(&url, "http://127.0.0.1:PORT"));
    });
}

#[test]
fn a_wait_is_a_table_that_ends_with_a_sentence() {
    for columns in [120, 80, 40] {
        let laptop = laptop(Progress::Rolling);
        let terminal = start(&laptop, &format!("{SYNC} --wait --timeout 600s"), columns);
        // The last that is written of a table.
        let moving = terminal.until("Available: 0/1");
        assert_screen(&laptop, &format!("waiting_{columns}"), &moving);
        eventually("GitHub is told", || {
            (states(&laptop) == [["in_progress"]]).then_some(())
        });
        say(&laptop, Progress::Complete);
        let (code, screen) = terminal.end();
        assert_eq!(code, Some(0), "{screen}");
        assert_screen(&laptop, &format!("waited_{columns}"), &screen);
        assert_eq!(states(&laptop), [["in_progress", "success"]]);
    }
}

#[test]
fn the_table_follows_time_and_the_width_of_the_window() {
    let laptop = laptop(Progress::Rolling);
    let terminal = start(&laptop, &format!("{SYNC} --wait --timeout 600s"), 120);
    let seconds = |screen: &str| -> Option<u64> {
        let (_, time) = screen.split_once("in_progress  0/1    ")?;
        time.split_once('s')?.0.parse().ok()
    };
    let first = terminal.until_found("a time", seconds);
    terminal.until_found("a later time", |screen| seconds(screen).filter(|time| *time > first));
    terminal.resize(40);
    let narrow = terminal.until("\n  Available: 0/1");
    assert!(narrow.lines().all(|line| line.chars().count() <= 40), "{narrow}");
    say(&laptop, Progress::Complete);
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn a_failure_and_the_end_of_the_time_are_told() {
    for (name, progress, arguments, expected, told) in [
        ("failed", Progress::Failed, "", 4, "failure"),
        ("timed_out", Progress::Rolling, " --timeout 1s", 5, "in_progress"),
        (
            "timed_out_as_error",
            Progress::Rolling,
            " --timeout 1s --timeout-state error",
            5,
            "error",
        ),
    ] {
        let laptop = laptop(progress);
        let (code, screen) = start(&laptop, &format!("{SYNC} --wait{arguments}"), 80).end();
        assert_eq!(code, Some(expected), "{screen}");
        assert_screen(&laptop, name, &screen);
        assert_eq!(states(&laptop)[0].last().unwrap(), told, "{name}");
    }
}

#[test]
fn ctrl_c_ends_a_wait() {
    let laptop = laptop(Progress::Rolling);
    let terminal = start(&laptop, &format!("{SYNC} --wait"), 80);
    eventually("GitHub is told", || {
        (states(&laptop) == [["in_progress"]]).then_some(())
    });
    terminal.interrupt();
    let (code, screen) = terminal.end();
    assert_eq!(code, Some(130), "{screen}");
    // Where the terminal writes ^C is its own affair.
    assert!(screen.contains("\ndeployment/web: stopped after "), "{screen}");
    assert_eq!(states(&laptop), [["in_progress"]]);
}

#[test]
fn a_result_in_a_pipe_leaves_the_table_to_the_terminal() {
    let laptop = laptop(Progress::Rolling);
    let mut command = laptop.program();
    command.args(format!("{SYNC} --wait -o json").split_whitespace());
    let terminal = Terminal::start_with_pipe(command, 80);
    terminal.until("in_progress");
    say(&laptop, Progress::Complete);
    let (code, screen, stdout) = terminal.end_with_pipe();
    assert_eq!(code, Some(0), "{screen}");
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["results"][0]["state"], "success");
    assert!(screen.starts_with("deployment/web: success after "), "{screen}");
}

#[test]
fn in_a_pipe_every_change_is_a_line() {
    let laptop = laptop(Progress::Rolling);
    let arguments = format!("{SYNC} --wait --timeout 600s");
    let child = laptop
        .program()
        .args(arguments.split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("GitHub is told", || {
        (states(&laptop) == [["in_progress"]]).then_some(())
    });
    say(&laptop, Progress::Complete);
    let run = Run::from(child.wait_with_output().unwrap()).expect(0);
    assert_screen(&laptop, "piped", &laptop.transcript(&arguments, &run));
}

#[test]
fn a_terminal_that_cannot_replace_lines_gets_them_one_by_one() {
    let laptop = laptop(Progress::Complete);
    let mut command = laptop.program();
    command
        .args(format!("{SYNC} --wait").split_whitespace())
        .env("TERM", "dumb");
    let (code, screen) = Terminal::start(command, 80).end();
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.starts_with("Deployment shop/web is success: "), "{screen}");
}

#[test]
fn who_reads_the_log_as_json_gets_nothing_else() {
    let laptop = laptop(Progress::Complete);
    let run = laptop.run(&format!("{SYNC} --wait --log-format json")).expect(0);
    assert_eq!(run.stderr, "");
}

#[test]
fn a_dry_run_is_a_difference() {
    let laptop = laptop(Progress::Complete);
    laptop.run(SYNC).expect(0);
    laptop.write(
        "objects.yaml",
        deployment(
            "web",
            "registry.example.com/web:v2-with-a-rather-long-name",
            Progress::Rolling,
        ),
    );
    for columns in [80, 40] {
        let (code, screen) = start(&laptop, &format!("{SYNC} --dry-run"), columns).end();
        assert_eq!(code, Some(0), "{screen}");
        assert_screen(&laptop, &format!("dry_run_{columns}"), &screen);
    }
    let run = laptop.run(&format!("{SYNC} --dry-run --exit-code")).expect(6);
    assert!(
        run.stdout
            .contains("\n+ v2-with-a-rather-long-name in_progress (create)\n"),
        "{}",
        run.stdout
    );
}

#[test]
fn colours_are_where_they_are_wanted() {
    let laptop = laptop(Progress::Complete);
    let rows = [
        (true, "", "", true),
        (true, "NO_COLOR=1", "", false),
        (true, "NO_COLOR=", "", true),
        (true, "CLICOLOR=0", "", false),
        (true, "TERM=dumb", "", false),
        (true, "", " --color never", false),
        (true, "NO_COLOR=1", " --color always", true),
        (false, "", "", false),
        (false, "CLICOLOR=1", "", false),
        (false, "CLICOLOR_FORCE=1", "", true),
        (false, "CLICOLOR_FORCE=1 NO_COLOR=1", "", false),
        (false, "CLICOLOR_FORCE=1", " --color never", false),
        (false, "", " --color always", true),
    ];
    for (on_terminal, variables, arguments, expected) in rows {
        for command_line in [
            format!("{SYNC} --dry-run{arguments}"),
            format!("{SYNC} --wait{arguments}"),
        ] {
            let mut command = laptop.program();
            command.args(command_line.split_whitespace());
            for variable in variables.split_whitespace() {
                let (name, value) = variable.split_once('=').unwrap();
                command.env(name, value);
            }
            let output = if on_terminal {
                Terminal::start(command, 80).end_with_output()
            } else {
                Run::of(&mut command).expect(0).stdout
            };
            let mut what = String::new();
            write!(what, "{variables} {command_line}, terminal {on_terminal}: {output:?}").unwrap();
            // 1 is bold, 3x the colour of a letter.
            let is_coloured = output.contains("\u{1b}[1m") || output.contains("\u{1b}[3");
            assert_eq!(is_coloured, expected, "{what}");
        }
    }
}
