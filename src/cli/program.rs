//! What the program is called: by its own name, or as a plugin of kubectl.

use std::{ffi::OsStr, path::Path};

use clap::{Command, CommandFactory};

use super::args::Arguments;

/// The name of the program in examples.
const NAME: &str = "kube-status-to-github";

/// Under which name the program was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalledAs {
    /// As itself, or by any other name.
    Program,
    /// `kubectl-ghd`, which kubectl starts for `kubectl ghd`.
    Plugin,
    /// `kubectl_complete-ghd`, which kubectl starts when `kubectl ghd …` is to be completed.
    PluginCompletion,
}

impl CalledAs {
    /// What the first word of a command line says.
    #[must_use]
    pub fn of(first_word: Option<&OsStr>) -> Self {
        let name = first_word.and_then(|word| Path::new(word).file_stem()?.to_str());
        match name {
            Some("kubectl-ghd") => Self::Plugin,
            Some("kubectl_complete-ghd") => Self::PluginCompletion,
            _ => Self::Program,
        }
    }

    /// The command line as it is understood, with examples that can be typed.
    #[must_use]
    pub fn command(self) -> Command {
        match self {
            Self::Program => Arguments::command(),
            Self::Plugin | Self::PluginCompletion => as_plugin(Arguments::command()).bin_name(PLUGIN),
        }
    }
}

/// What a user of the plugin types.
const PLUGIN: &str = "kubectl ghd";

fn as_plugin(mut command: Command) -> Command {
    if let Some(examples) = command.get_after_help() {
        let examples = examples.to_string().replace(NAME, PLUGIN);
        command = command.after_help(examples);
    }
    let names: Vec<String> = command
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    names
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, as_plugin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_tells() {
        for (word, expected) in [
            (Some("kube-status-to-github"), CalledAs::Program),
            (Some("/usr/local/bin/kubectl-ghd"), CalledAs::Plugin),
            (Some("kubectl-ghd"), CalledAs::Plugin),
            (Some("kubectl_complete-ghd"), CalledAs::PluginCompletion),
            (Some("./x"), CalledAs::Program),
            (Some(""), CalledAs::Program),
            (None, CalledAs::Program),
        ] {
            assert_eq!(CalledAs::of(word.map(OsStr::new)), expected, "{word:?}");
        }
    }
}
