//! From the words of a command line and the file to arguments: the file's values become clap's defaults, and so come
//! after flags and variables without anybody having to compare them.

use std::{ffi::OsString, path::Path};

use clap::{ArgMatches, Command, FromArgMatches, parser::ValueSource};

use super::{ConfigFile, ConfigFileError, KEYS, Key, Kind, Listed, NAME, find};
use crate::cli::{
    args::{self, Arguments},
    config::Variables,
};

/// Commands that have something to be configured.
const COMMANDS: [&str; 5] = ["sync", "status", "extract", "close", "doctor"];

/// The rule by which a ref is found is a whole: who types a part of it gets nothing of the file's.
const RULE: [&str; 4] = ["container", "json_path", "regexp", "template"];

/// Flags that ask for something that waiting does not go with.
const INSTEAD_OF_WAITING: [&str; 3] = ["interval", "dry_run", "exit_code"];

/// Words that say which GitHubDeployments or objects are meant, so that those of the file are not.
const SUBJECTS: [&str; 5] = ["object", "filename", "namespace", "all_namespaces", "selector"];

/// A command line that was understood.
#[derive(Debug)]
pub struct Parsed {
    /// What was typed, with the file's defaults.
    pub arguments: Arguments,
    /// The file that they are of.
    pub file: Option<ConfigFile>,
    /// The file's GitHubDeployments are not used, because of this.
    pub unused: Option<&'static str>,
    /// Where each setting comes from, in the order of [`KEYS`].
    pub settings: Vec<Setting>,
}

/// A setting, as it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key in a file.
    pub name: &'static str,
    /// What its value looks like.
    pub kind: Kind,
    /// The texts that could have been typed.
    pub texts: Vec<String>,
    /// A flag, a variable, file and line, or `default`.
    pub origin: String,
}

/// Why there are no arguments.
#[derive(Debug)]
pub enum ParseError {
    /// The command line makes no sense; or it asks for help, which is no error but comes this way.
    Usage(clap::Error),
    /// The file makes no sense.
    File(ConfigFileError),
}

/// Understands a command line. `command` is the program with all its commands; `folder` is where a file is looked for,
/// up to `home`.
///
/// # Errors
/// As [`ParseError`] says.
pub fn parse(
    command: Command,
    words: &[OsString],
    folder: Option<&Path>,
    home: Option<&Path>,
    variables: Variables<'_>,
) -> Result<Parsed, ParseError> {
    let (glance, strict) = match command.clone().try_get_matches_from(words) {
        Ok(matches) => (matches.clone(), Ok(matches)),
        Err(error) if !error.use_stderr() => return Err(ParseError::Usage(error)),
        // What is missing may stand in the file.
        Err(error) => {
            let glance = command.clone().ignore_errors(true).try_get_matches_from(words);
            (glance.map_err(ParseError::Usage)?, Err(error))
        }
    };
    let name = glance.subcommand_name().unwrap_or_default().to_owned();
    let file = if COMMANDS.contains(&name.as_str()) {
        file(&glance, folder, home).map_err(ParseError::File)?
    } else {
        None
    };
    let (Some(file), Some((_, typed))) = (file, glance.subcommand()) else {
        let matches = strict.map_err(ParseError::Usage)?;
        let settings = settings(&name, &matches, |_| None);
        return Ok(Parsed {
            arguments: Arguments::from_arg_matches(&matches).map_err(ParseError::Usage)?,
            file: None,
            unused: None,
            settings,
        });
    };

    let command = with_defaults(command, &name, typed, &file, variables);
    let matches = command.try_get_matches_from(words).map_err(ParseError::Usage)?;
    let mut arguments = Arguments::from_arg_matches(&matches).map_err(ParseError::Usage)?;
    let namespace_is_default = !is_typed(typed, "namespace");
    match &mut arguments.command {
        args::Command::Status(status) => status.source.namespace_is_default = namespace_is_default,
        args::Command::Extract(extract) => extract.namespace_is_default = namespace_is_default,
        _ => {}
    }
    let deployments = file.deployments();
    let instead = SUBJECTS.iter().copied().find(|id| is_typed(typed, id));
    let unused = instead.filter(|_| !deployments.is_empty());
    if instead.is_none() && !deployments.is_empty() {
        let listed = Listed {
            file: file.shown.clone(),
            objects: deployments.into(),
        };
        match &mut arguments.command {
            args::Command::Sync(sync) => sync.source.listed = Some(listed),
            args::Command::Status(status) => status.source.listed = Some(listed),
            args::Command::Doctor(doctor) if doctor.repo.is_empty() => doctor.source.listed = Some(listed),
            _ => {}
        }
    }
    Ok(Parsed {
        settings: settings(&name, &matches, |key| {
            let given = applies(key, &name, typed, &file, variables) && file.texts(key).is_some();
            given.then(|| file.place(key.name))
        }),
        arguments,
        file: Some(file),
        unused,
    })
}

/// The file that was named, else the one that is found.
fn file(
    glance: &ArgMatches,
    folder: Option<&Path>,
    home: Option<&Path>,
) -> Result<Option<ConfigFile>, ConfigFileError> {
    let (_, typed) = glance.subcommand().unzip();
    let named = typed.unwrap_or(glance).try_get_one::<std::path::PathBuf>("config");
    if let Some(named) = named.ok().flatten() {
        return ConfigFile::read(named, named.display().to_string(), false).map(Some);
    }
    let Some((folder, path)) = folder.and_then(|folder| Some((folder, find(folder, home)?))) else {
        return Ok(None);
    };
    let shown = if path.parent() == Some(folder) {
        NAME.to_owned()
    } else {
        path.display().to_string()
    };
    ConfigFile::read(&path, shown, true).map(Some)
}

fn with_defaults(
    command: Command,
    name: &str,
    typed: &ArgMatches,
    file: &ConfigFile,
    variables: Variables<'_>,
) -> Command {
    let keys = KEYS.iter().filter(|key| key.commands.contains(&name));
    let defaults: Vec<(&Key, Vec<String>)> = keys
        .filter(|key| applies(key, name, typed, file, variables))
        .filter_map(|key| Some((key, file.texts(key)?)))
        .collect();
    // Arguments of every command stand at the program.
    let is_global = |key: &Key| key.argument == "log_format";
    let (global, own): (Vec<_>, Vec<_>) = defaults.into_iter().partition(|(key, _)| is_global(key));
    let command = global.into_iter().fold(command, |command, (key, texts)| {
        with_default(command, key, texts, variables)
    });
    command.mut_subcommand(name, |command| {
        own.into_iter().fold(command, |command, (key, texts)| {
            with_default(command, key, texts, variables)
        })
    })
}

fn with_default(command: Command, key: &Key, texts: Vec<String>, variables: Variables<'_>) -> Command {
    command.mut_arg(key.argument, |arg| {
        let arg = arg.required(false).default_values(texts);
        // Pipelines set variables that do not apply to an empty text.
        let is_blank = |variable| variables(variable).is_some_and(|value| value.trim().is_empty());
        if key.variable.is_some_and(is_blank) {
            arg.env(None::<&'static str>)
        } else {
            arg
        }
    })
}

/// False for what does not go with what was typed: a default must not be in the way.
fn applies(key: &Key, name: &str, typed: &ArgMatches, file: &ConfigFile, variables: Variables<'_>) -> bool {
    let any_typed = |ids: &[&str]| ids.iter().any(|id| is_typed(typed, id));
    // What `doctor --repo` is asked for is that repository, and no cluster.
    let only_repositories = name == "doctor" && any_typed(&["repo"]) && !any_typed(&SUBJECTS);
    match key.argument {
        "repo" if name == "doctor" => any_typed(&["object"]),
        "namespace" | "kubeconfig" | "context" if only_repositories => false,
        argument if RULE.contains(&argument) => !any_typed(&RULE) && !any_typed(&["git_ref"]),
        "wait" => !any_typed(&INSTEAD_OF_WAITING),
        "timeout" | "timeout_state" | "fail_fast" => {
            let wait = KEYS.iter().find(|key| key.argument == "wait");
            let waits_by_file = wait.is_some_and(|wait| {
                file.texts(wait).is_some_and(|texts| texts == ["true"]) && applies(wait, name, typed, file, variables)
            });
            typed_switch(typed, "wait").unwrap_or(waits_by_file)
        }
        // A context belongs to its kubeconfig.
        "kubeconfig" | "context" => {
            !any_typed(&["kubeconfig"]) && variables("KUBECONFIG").is_none_or(|value| value.trim().is_empty())
        }
        _ => true,
    }
}

fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    let exists = matches.try_contains_id(id).is_ok();
    exists && matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// None if it was not typed.
fn typed_switch(matches: &ArgMatches, id: &str) -> Option<bool> {
    let switch = matches.try_get_one::<bool>(id).ok().flatten();
    switch.copied().filter(|_| is_typed(matches, id))
}

fn settings(name: &str, matches: &ArgMatches, place: impl Fn(&Key) -> Option<String>) -> Vec<Setting> {
    let Some((_, matches)) = matches.subcommand() else {
        return Vec::new();
    };
    let keys = KEYS.iter().filter(|key| key.commands.contains(&name));
    keys.filter_map(|key| {
        let texts = matches.get_raw(key.argument)?;
        let origin = match matches.value_source(key.argument)? {
            ValueSource::CommandLine => key.flag(),
            ValueSource::EnvVariable => key.variable.unwrap_or("environment").to_owned(),
            _ => place(key).unwrap_or_else(|| "default".to_owned()),
        };
        Some(Setting {
            name: key.name,
            kind: key.kind,
            texts: texts.map(|text| text.to_string_lossy().into_owned()).collect(),
            origin,
        })
    })
    .collect()
}
