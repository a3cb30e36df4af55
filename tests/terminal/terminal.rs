//! A pseudo-terminal, and what its screen shows.

use std::{
    io::{Read as _, Write as _},
    num::NonZero,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use pty_process::{Size, blocking};

use crate::support::eventually;

/// Enough for every screen of the tests.
const ROWS: u16 = 40;

pub struct Terminal {
    pty: Arc<blocking::Pty>,
    seen: Arc<Mutex<Seen>>,
    reader: JoinHandle<()>,
    child: Child,
}

struct Seen {
    screen: vt100::Parser,
    output: Vec<u8>,
}

impl Seen {
    /// Line by line as the eye sees them, wherever the program did without a line break.
    fn text(&self) -> String {
        let screen = self.screen.screen();
        let (_, columns) = screen.size();
        let rows: Vec<String> = screen
            .rows(0, columns.get())
            .map(|row| row.trim_end().to_owned())
            .collect();
        rows.join("\n").trim_end().to_owned()
    }
}

impl Terminal {
    /// Starts a program on a terminal of so many columns.
    pub fn start(mut command: Command, columns: u16) -> Self {
        if command.get_envs().all(|(name, _)| name != "TERM") {
            command.env("TERM", "xterm-256color");
        }
        Self::spawn(command.into(), columns)
    }

    /// The same, but for its standard output.
    pub fn start_with_pipe(mut command: Command, columns: u16) -> Self {
        command.env("TERM", "xterm-256color");
        Self::spawn(blocking::Command::from(command).stdout(Stdio::piped()), columns)
    }

    fn spawn(command: blocking::Command, columns: u16) -> Self {
        let (pty, pts) = blocking::open().expect("a pseudo-terminal");
        pty.resize(Size::new(ROWS, columns)).expect("a size");
        let child = command.spawn(pts).expect("start the program");
        let pty = Arc::new(pty);
        let seen = Arc::new(Mutex::new(Seen {
            screen: vt100::Parser::new(positive(ROWS), positive(columns), 0),
            output: Vec::new(),
        }));
        let (source, sink) = (Arc::clone(&pty), Arc::clone(&seen));
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Linux says that nobody is left on the other side with an error.
            while let Ok(length @ 1..) = (&*source).read(&mut buffer) {
                let mut seen = sink.lock().unwrap();
                seen.screen.process(&buffer[..length]);
                seen.output.extend(&buffer[..length]);
            }
        });
        Self {
            pty,
            seen,
            reader,
            child,
        }
    }

    /// The screen, once it shows this.
    #[track_caller]
    pub fn until(&self, text: &str) -> String {
        self.until_found(text, |screen| screen.contains(text).then(|| screen.to_owned()))
    }

    /// What is found on the screen, once it is there.
    #[track_caller]
    pub fn until_found<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        eventually(&format!("the terminal shows {what:?}"), || find(&self.screen()))
    }

    /// The screen as text.
    fn screen(&self) -> String {
        self.seen.lock().unwrap().text()
    }

    /// Makes the window so many columns wide.
    pub fn resize(&self, columns: u16) {
        self.pty.resize(Size::new(ROWS, columns)).expect("a size");
        self.seen
            .lock()
            .unwrap()
            .screen
            .screen_mut()
            .set_size(positive(ROWS), positive(columns));
    }

    /// Presses Ctrl-C.
    pub fn interrupt(&self) {
        (&*self.pty).write_all(b"\x03").expect("write to the terminal");
    }

    /// Waits for the end of the program: its exit code and the screen.
    pub fn end(self) -> (Option<i32>, String) {
        let (code, screen, _) = self.end_with_pipe();
        (code, screen)
    }

    /// The same, and what went into the pipe.
    pub fn end_with_pipe(mut self) -> (Option<i32>, String, String) {
        let mut piped = String::new();
        if let Some(mut stdout) = self.child.stdout.take() {
            stdout.read_to_string(&mut piped).expect("UTF-8 in the pipe");
        }
        let code = self.child.wait().expect("the program ends").code();
        self.reader.join().expect("the terminal was read");
        // Lines as they were written: where they wrap depends on how long a number is.
        let screen = self.seen.lock().unwrap().screen.screen().contents();
        (code, screen, piped)
    }

    /// Everything that the program wrote, with what steers the terminal.
    pub fn end_with_output(mut self) -> String {
        self.child.wait().expect("the program ends");
        self.reader.join().expect("the terminal was read");
        let output = &self.seen.lock().unwrap().output;
        String::from_utf8_lossy(output).into_owned()
    }
}

fn positive(number: u16) -> NonZero<u16> {
    NonZero::new(number).expect("a size above zero")
}
