//! A runner, as far as a step sees it: variables, files, and the reading of what the step leaves behind.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::Value;

use crate::support::{GitHub, built::say, laptop::Laptop, program};

/// The commit that the run works on.
pub const SHA: &str = "1111111111111111111111111111111111111111";

/// The page of the run.
pub const RUN: &str = "https://github.example/octo-org/web/actions/runs/42";

/// A machine on which a run of `octo-org/web` is under way, for a push.
pub struct Runner {
    pub laptop: Laptop,
    event: (&'static str, Value),
}

impl Runner {
    /// A runner that reports to a GitHub with everything.
    pub fn new() -> Self {
        Self::with(GitHub::with_everything())
    }

    pub fn with(github: GitHub) -> Self {
        Self {
            laptop: Laptop::new(github),
            event: ("push", Value::Null),
        }
    }

    /// The same for another event.
    pub fn on(mut self, name: &'static str, event: Value) -> Self {
        self.event = (name, event);
        self
    }

    /// A file or folder on this machine.
    pub fn path(&self, name: &str) -> PathBuf {
        self.laptop.folder().join(name)
    }

    /// The variables that every step has, credentials not among them.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let (event, content) = &self.event;
        self.laptop.write("event.json", content.to_string());
        let file = |name: &str| self.path(name).display().to_string();
        let [(_, api), ..] = self.laptop.github.environment();
        let variables = [
            ("CI", "true".to_owned()),
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_API_URL", api),
            ("GITHUB_EVENT_NAME", (*event).to_owned()),
            ("GITHUB_EVENT_PATH", file("event.json")),
            ("GITHUB_OUTPUT", file("output")),
            ("GITHUB_REPOSITORY", "octo-org/web".to_owned()),
            ("GITHUB_RUN_ID", "42".to_owned()),
            ("GITHUB_SERVER_URL", "https://github.example".to_owned()),
            ("GITHUB_SHA", SHA.to_owned()),
            ("GITHUB_STEP_SUMMARY", file("summary.md")),
        ];
        variables.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// The program in a `run:` step, with the run's own token.
    pub fn program(&self) -> Command {
        let mut command = program(self.laptop.folder());
        command
            .current_dir(self.laptop.folder())
            .envs(self.variables())
            .env("GITHUB_TOKEN", "token_of_the_run");
        command
    }

    /// The outputs of the step.
    pub fn outputs(&self) -> BTreeMap<String, String> {
        outputs(&fs::read_to_string(self.path("output")).unwrap_or_default())
    }

    /// The job summary, as a reader sees it.
    pub fn summary(&self) -> Page {
        Page::of(&fs::read_to_string(self.path("summary.md")).unwrap_or_default())
    }
}

/// Reads a file of outputs as the runner does: `name=value`, or `name<<delimiter`, lines, `delimiter`.
pub fn outputs(text: &str) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    let mut lines = text.split('\n');
    while let Some(line) = lines.next() {
        let (equals, heredoc) = (line.find('='), line.find("<<"));
        match (equals, heredoc) {
            (Some(equals), heredoc) if heredoc.is_none_or(|heredoc| equals < heredoc) => {
                outputs.insert(line[..equals].to_owned(), line[equals + 1..].to_owned());
            }
            (_, Some(heredoc)) => {
                let delimiter = &line[heredoc + 2..];
                let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
                outputs.insert(line[..heredoc].to_owned(), value.join("\n"));
            }
            (None, _) => assert_eq!(line, "", "no output: {text}"),
            (Some(_), None) => unreachable!("told above"),
        }
    }
    outputs
}

/// True if a script of a test can call this program; said loudly where it can't, which in CI fails.
pub fn have(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    assert!(
        found || std::env::var_os("CI").is_none(),
        "in CI there has to be {program}"
    );
    if !found {
        say(&format!("\nTHERE IS NO {program}: WHAT CALLS IT IS NOT TESTED\n"));
    }
    found
}

/// A command of ours: level, title and message.
pub type Annotation = (String, String, String);

/// The commands in what a step printed, as the runner reads them.
pub fn annotations(printed: &str) -> Vec<Annotation> {
    let commands = printed.lines().filter_map(|line| line.trim_start().strip_prefix("::"));
    commands
        .map(|command| {
            let (head, message) = command.split_once("::").expect("a command");
            let (level, properties) = head.split_once(' ').unwrap_or((head, ""));
            let title = properties
                .split(',')
                .find_map(|property| property.trim().strip_prefix("title="))
                .unwrap_or_default();
            let title = title.replace("%3A", ":").replace("%2C", ",");
            (level.to_owned(), unescaped(&title), unescaped(message))
        })
        .collect()
}

fn unescaped(text: &str) -> String {
    text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
}

/// Markdown as a reader sees it.
#[derive(Debug, Default)]
pub struct Page {
    /// The cells of all tables, row by row, heads included.
    pub rows: Vec<Vec<String>>,
    pub links: Vec<String>,
    /// HTML, code, images, footnotes: all that a summary has none of.
    pub strange: Vec<String>,
}

impl Page {
    fn of(markdown: &str) -> Self {
        let mut page = Self::default();
        let options = Options::all().difference(Options::ENABLE_SMART_PUNCTUATION);
        for event in Parser::new_ext(markdown, options) {
            match event {
                Event::Start(Tag::TableHead | Tag::TableRow) => page.rows.push(Vec::new()),
                Event::Start(Tag::TableCell) => page.rows.last_mut().unwrap().push(String::new()),
                Event::Start(Tag::Link { dest_url, .. }) => page.links.push(dest_url.into_string()),
                Event::Text(text) => {
                    if let Some(cell) = page.rows.last_mut().and_then(|row| row.last_mut()) {
                        cell.push_str(&text);
                    }
                }
                Event::Start(Tag::Heading { .. } | Tag::Paragraph | Tag::Table(_)) | Event::End(_) => {}
                strange => page.strange.push(format!("{strange:?}")),
            }
        }
        page
    }
}
