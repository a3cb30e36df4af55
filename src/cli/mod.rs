//! The command line: what was typed ([`args`]), what it means ([`config`]), and the way from there to an exit code.
//!
//! The environment is read here and nowhere else.

mod actions;
pub mod args;
mod close;
mod cluster;
mod completion;
mod config;
mod config_file;
mod credentials;
mod doctor;
pub mod exit;
mod extract;
mod kinds;
mod logging;
mod pages;
mod print_config;
mod program;
mod signals;
mod status;
mod sync;

use std::{
    ffi::OsString,
    io::{self, IsTerminal, Write},
    path::Path,
    process::ExitCode,
};

use self::{
    actions::{Step, annotate},
    args::{Command, LogFormat},
    config::{CloseConfig, ConfigError, DoctorConfig, ExtractConfig, StatusConfig, SyncConfig},
    config_file::{ConfigFileError, ParseError, Setting},
    exit::Exit,
    program::CalledAs,
};
use crate::report::{
    Progress, Style,
    actions::{Annotation, Level},
    clean, with_causes,
};

/// What the process is surrounded by, read once.
#[derive(Clone, Debug)]
struct Surroundings {
    /// How results are printed.
    style: Style,
    /// The line on a terminal that shows how far a pass is.
    progress: Progress,
    /// How text is printed on stderr: results go to stdout.
    messages: Style,
    /// How often `-v` was given.
    verbose: u8,
    /// Form of the log.
    log_format: LogFormat,
    /// The step of a workflow in GitHub Actions.
    step: Option<Step>,
}

/// Why the program ends without a result.
#[derive(Debug)]
pub struct Failure {
    /// The code to end with.
    pub exit: Exit,
    /// What to tell.
    pub error: anyhow::Error,
}

/// Does what the arguments say, and prints what there is to tell.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = arguments.into_iter().collect();
    let called_as = CalledAs::of(words.first().map(OsString::as_os_str));
    let command = called_as.command();
    let completed = match called_as {
        CalledAs::PluginCompletion => Some(completion::answer_to_kubectl(&command, &words).into_bytes()),
        CalledAs::Program | CalledAs::Plugin => completion::answer(&command, &words, &variable),
    };
    if let Some(completed) = completed {
        // A shell that went away needs no candidates.
        let _ = print(&completed);
        return Exit::Done.into();
    }
    let step = Step::read(&variable);
    let actions = step.is_some();
    let (folder, home) = (std::env::current_dir().ok(), std::env::home_dir());
    let parsed = match config_file::parse(command, &words, folder.as_deref(), home.as_deref(), &variable) {
        Ok(parsed) => parsed,
        Err(ParseError::Usage(error)) => {
            // Help and version come this way too, with code 0 and for stdout. Nobody is left to tell of a broken pipe.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done }.into();
        }
        Err(ParseError::File(error)) => {
            complain(&Failure::from(error).text(actions));
            return Exit::Usage.into();
        }
    };
    let arguments = parsed.arguments;
    match arguments.log.color {
        clap::ColorChoice::Auto => anstream::ColorChoice::Auto,
        clap::ColorChoice::Always => anstream::ColorChoice::Always,
        clap::ColorChoice::Never => anstream::ColorChoice::Never,
    }
    .write_global();
    let messages = Style {
        colours: anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never,
        actions,
        ..Style::default()
    };
    let surroundings = Surroundings {
        style: Style {
            width: io::stdout()
                .is_terminal()
                .then(terminal_size::terminal_size)
                .flatten()
                .map(|(width, _)| usize::from(width.0)),
            colours: anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
            actions,
            ..Style::default()
        },
        progress: Progress::new(arguments.log.verbose == 0 && Progress::has_terminal()),
        messages,
        verbose: arguments.log.verbose,
        log_format: arguments.log.log_format,
        step,
    };
    logging::start(&arguments.log, messages, &surroundings.progress);
    if let Some(file) = parsed.file {
        tracing::info!(file = file.shown, "defaults come from a configuration file");
        if let Some(instead) = parsed.unused {
            let instead = instead.replace('_', "-");
            tracing::info!(
                file = file.shown,
                instead,
                "its deployments are not used: others were asked for"
            );
        }
    }
    let request = Request {
        command: arguments.command,
        settings: parsed.settings,
        called_as,
        program: words.first().cloned().unwrap_or_default(),
    };
    match dispatch(request, surroundings) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.tell(arguments.log.log_format, actions);
            failure.exit.into()
        }
    }
}

/// What was asked for, and how.
struct Request {
    command: Command,
    settings: Vec<Setting>,
    called_as: CalledAs,
    program: OsString,
}

fn dispatch(request: Request, surroundings: Surroundings) -> Result<Exit, Failure> {
    match request.command {
        Command::Sync(arguments) if arguments.output.print_config => {
            // Who we would be on GitHub is not printed, and need not be known.
            let token = |name: &str| match name {
                "GITHUB_TOKEN" => Some("unused".to_owned()),
                name => variable(name),
            };
            let config = SyncConfig::new(*arguments, &token)?;
            block_on(print_config::run(config, &request.settings, surroundings.style.actions))?
        }
        Command::Sync(arguments) => {
            let config = SyncConfig::new(*arguments, &variable)?;
            block_on(sync::run(config, surroundings))?
        }
        Command::Status(arguments) => {
            let config = StatusConfig::new(arguments)?;
            block_on(status::run(config, surroundings))?
        }
        Command::Extract(arguments) => {
            let config = ExtractConfig::new(arguments)?;
            block_on(extract::run(config, surroundings))?
        }
        Command::Close(arguments) => {
            let config = CloseConfig::new(arguments, &variable)?;
            block_on(close::run(config, surroundings))?
        }
        Command::Doctor(arguments) => {
            let config = DoctorConfig::new(*arguments, &variable)?;
            block_on(doctor::run(config, surroundings))?
        }
        Command::Crd => print(pages::crd().map_err(Failure::cannot_run)?.as_bytes()),
        Command::Completions { shell } => {
            let (command, program) = (request.called_as.command(), Path::new(&request.program));
            print(&completion::registration(shell, &command, program).map_err(Failure::cannot_run)?)
        }
        Command::Man { command } => {
            let page = pages::manual(command.as_deref()).map_err(|error| Failure {
                exit: Exit::Usage,
                error: error.into(),
            })?;
            print(&page)
        }
    }
}

/// One thread is enough for a program that waits for servers, and starts faster than two.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::cannot_run)?;
    Ok(runtime.block_on(work))
}

/// Writes a result. A reader that has seen enough (`| head`) is no failure.
///
/// # Errors
/// When stdout cannot be written for another reason, such as a full disk.
fn print(bytes: &[u8]) -> Result<Exit, Failure> {
    let mut stdout = io::stdout().lock();
    written(stdout.write_all(bytes).and_then(|()| stdout.flush())).map(|()| Exit::Done)
}

/// What became of writing a result to stdout: a broken pipe is no failure.
fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::cannot_run(
            anyhow::Error::new(error).context("the result cannot be written to standard output"),
        )),
        _ => Ok(()),
    }
}

/// Writes to stderr. Where that is closed, nobody is left to tell.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// A variable of the environment. One that is set but is no text is not taken for unset: whoever reads it finds the
/// replacement character, and refuses that by name.
fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

impl Failure {
    /// Ends with [`Exit::CannotRun`].
    pub fn cannot_run(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::CannotRun,
            error: error.into(),
        }
    }

    /// What is told beside a result that there is all the same.
    fn beside(problem: &str) -> Self {
        Self::cannot_run(anyhow::anyhow!("{problem}"))
    }

    /// Tells it on stderr.
    fn tell(&self, log_format: LogFormat, actions: bool) {
        match log_format {
            LogFormat::Text if actions => annotate(&self.annotation()),
            LogFormat::Text => complain(&self.text(actions)),
            // Whoever reads JSON reads every line as JSON.
            LogFormat::Json => tracing::error!("{}", self.messages(actions).join(": ")),
        }
    }

    /// The error and its causes, harmless.
    fn messages(&self, actions: bool) -> Vec<String> {
        with_causes(self.error.as_ref())
            .iter()
            .map(|message| clean(message, actions).into_owned())
            .collect()
    }

    /// The error and its causes for GitHub Actions, which shows it with the run and in the log.
    fn annotation(&self) -> Annotation {
        Annotation {
            level: Level::Error,
            title: "kube-status-to-github".to_owned(),
            message: self.messages(true).join("\ncause: "),
        }
    }

    /// [`Failure::messages`], a line each.
    fn text(&self, actions: bool) -> String {
        let mut text = format!("error: {}", self.messages(actions).join("\n  cause: "));
        if self.exit == Exit::Usage {
            text.push_str("\n\nFor more information, try '--help'.");
        }
        text
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        match error {
            // Not the command line's fault: the same one works where the variables are set.
            ConfigError::Credentials(error) => Self::cannot_run(error),
            error => Self {
                exit: Exit::Usage,
                error: error.into(),
            },
        }
    }
}

impl From<ConfigFileError> for Failure {
    fn from(error: ConfigFileError) -> Self {
        Self {
            exit: Exit::Usage,
            error: error.into(),
        }
    }
}

impl From<cluster::ClusterError> for Failure {
    fn from(error: cluster::ClusterError) -> Self {
        Self::cannot_run(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{message}")]
    struct Layer {
        message: &'static str,
        source: Option<Box<Layer>>,
    }

    fn chain(messages: &[&'static str]) -> Option<Box<Layer>> {
        let (&message, rest) = messages.split_first()?;
        Some(Box::new(Layer {
            message,
            source: chain(rest),
        }))
    }

    #[test]
    fn each_cause_is_told_once() {
        for (messages, actions, expected) in [
            (&["top"][..], false, "error: top"),
            (
                &["top", "middle", "bottom"],
                false,
                "error: top\n  cause: middle\n  cause: bottom",
            ),
            (&["top: bottom", "bottom"], false, "error: top: bottom"),
            (
                &["top", "middle: bottom", "bottom"],
                false,
                "error: top\n  cause: middle: bottom",
            ),
            (&["a\n\u{1b}b", "::c"], true, "error: a \u{fffd}b\n  cause: : :c"),
        ] {
            let failure = Failure::cannot_run(*chain(messages).expect("a message"));
            assert_eq!(failure.text(actions), expected, "{messages:?}");
        }
    }
}
