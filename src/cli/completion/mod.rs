//! Completion in a shell: the script that registers it, and the answers while somebody types.
//!
//! The script calls the program back with [`VARIABLE`] set, so that names come from the cluster at hand. Nothing is
//! ever written, an error is no candidate, and after [`candidates::PATIENCE`] there is none.

mod candidates;

use std::{ffi::OsString, io, path::Path};

use clap::Command;
use clap_complete::{Shell, engine, env::Shells};

use super::config::Variables;
use candidates::Context;

/// Set by the registered script, to the shell. Nobody has it by accident: a run that completes does nothing else.
pub const VARIABLE: &str = "KUBE_STATUS_TO_GITHUB_COMPLETE";

/// Where the shells' scripts say which word is typed.
const INDEX: &str = "_CLAP_COMPLETE_INDEX";

/// What [cobra](https://github.com/spf13/cobra/blob/main/site/content/completions/_index.md), by which kubectl is
/// completed, is told at the end: that file names are no candidates, and that no space follows.
const NO_FILES: u8 = 4;
const NO_SPACE: u8 = 2;

/// The script that registers completion in a shell. `program` is how this program was started.
///
/// # Errors
/// None that memory does not give.
pub fn registration(shell: Shell, command: &Command, program: &Path) -> io::Result<Vec<u8>> {
    let name = command.get_name();
    // By its name it is found wherever it is installed next time.
    let completer = match std::path::absolute(program) {
        Ok(path) if program.components().count() > 1 => path.display().to_string(),
        _ => program.display().to_string(),
    };
    let mut script = Vec::new();
    if let Some(shell) = Shells::builtins().completer(&shell.to_string()) {
        shell.write_registration(VARIABLE, name, name, &completer, &mut script)?;
    }
    Ok(script)
}

/// What a registered script is answered; none if this is an ordinary run. `words` begins with the program, and with
/// `--` what was typed.
pub fn answer(command: &Command, words: &[OsString], variables: Variables<'_>) -> Option<Vec<u8>> {
    let shell = variables(VARIABLE)?;
    let shells = Shells::builtins();
    let shell = shells.completer(&shell)?;
    let typed: Vec<OsString> = words.iter().skip_while(|word| *word != "--").skip(1).cloned().collect();
    if typed.is_empty() {
        return None;
    }
    let index = variables(INDEX).and_then(|index| index.parse().ok());
    let index = index.unwrap_or(typed.len() - 1).min(typed.len());
    let context = Context::new(command, &typed[..index]);
    let mut command = candidates::attach(command.clone(), context, typed.get(index));
    let mut answer = Vec::new();
    let folder = std::env::current_dir().ok();
    // What goes wrong is that there is nothing to offer.
    let _ = shell.write_complete(&mut command, typed, folder.as_deref(), &mut answer);
    Some(answer)
}

/// What kubectl is answered: the candidates, a line each with its help, and a directive. `words` begins with the
/// program; the last one is being typed.
pub fn answer_to_kubectl(command: &Command, words: &[OsString]) -> String {
    let mut typed = words.to_vec();
    if typed.len() < 2 {
        typed.resize(2, OsString::new());
    }
    let index = typed.len() - 1;
    let context = Context::new(command, &typed[..index]);
    let mut command = candidates::attach(command.clone(), context, typed.last());
    let folder = std::env::current_dir().ok();
    let found = engine::complete(&mut command, typed, index, folder.as_deref()).unwrap_or_default();
    let mut answer = String::new();
    let mut directive = NO_FILES;
    for candidate in found {
        let value = candidate.get_value().to_string_lossy();
        if value.ends_with(['/', '=']) {
            directive |= NO_SPACE;
        }
        answer.push_str(&value);
        let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        if let Some(help) = help.lines().next() {
            answer.push('\t');
            answer.push_str(help);
        }
        answer.push('\n');
    }
    format!("{answer}:{directive}\n")
}
