//! kstatus itself, in a process of its own.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::LazyLock,
    thread,
};

use serde_json::Value;

use crate::{built, cases::Answer};

/// A process that answers a line with a line. It ends with its standard input.
pub struct Oracle {
    folder: &'static Path,
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    /// None where kstatus can't be built.
    pub fn start() -> Option<Self> {
        static FOLDER: LazyLock<Option<PathBuf>> = LazyLock::new(|| built::folder("hack/kstatus/build", "kstatus"));

        let folder = FOLDER.as_deref()?;
        let mut process = Command::new(folder.join("kstatus"))
            .arg("compute")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start kstatus");
        Some(Self {
            folder,
            questions: process.stdin.take(),
            answers: BufReader::new(process.stdout.take().unwrap()),
            process,
        })
    }

    /// The objects of the library's own tests.
    pub fn examples(&self) -> Vec<Value> {
        let lines = fs::read_to_string(self.folder.join("examples.jsonl")).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What kstatus says to each object.
    pub fn ask(&mut self, objects: &[Value]) -> Vec<Answer> {
        let Self { questions, answers, .. } = self;
        let mut questions = questions.as_ref().unwrap();
        let mut lines = String::new();
        for object in objects {
            lines.push_str(&object.to_string());
            lines.push('\n');
        }
        // Both pipes are short: who only writes waits for the other side, which waits as well.
        thread::scope(|scope| {
            scope.spawn(move || questions.write_all(lines.as_bytes()).expect("ask kstatus"));
            let mut line = String::new();
            objects
                .iter()
                .map(|object| {
                    line.clear();
                    answers.read_line(&mut line).expect("hear kstatus");
                    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?} to {object}"))
                })
                .collect()
        })
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        drop(self.questions.take());
        let _ = self.process.wait();
    }
}
