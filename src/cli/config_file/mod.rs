//! The configuration file: defaults of flags, and GitHubDeployments, so that a repository needs one file and one
//! command.
//!
//! | file | may hold |
//! |---|---|
//! | named with `--config` | everything of [`Settings`] |
//! | found in the working folder or above | what cannot send credentials elsewhere: see [`Key::may_be_found`] |
//!
//! A flag comes before the environment, that before the file, and that before the default.

mod apply;
#[cfg(test)]
mod schema;
mod settings;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;

pub use apply::{ParseError, Setting, parse};
pub use settings::{KEYS, Key, Kind, Settings};

use crate::source::{self, FileError};

/// What the file is called.
pub const NAME: &str = ".kube-status-to-github.yaml";

/// The GitHubDeployments of a configuration file.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The file, as it is called in messages.
    pub file: String,
    /// The objects, with the file's defaults.
    pub objects: Arc<[Value]>,
}

/// A configuration file that was read.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// As it is called in messages.
    pub shown: String,
    /// False for one that was named with `--config`.
    pub found: bool,
    folder: PathBuf,
    text: String,
    values: serde_json::Map<String, Value>,
}

/// Why a configuration file is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigFileError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It holds something else.
    #[error("{file}: this is {what}; write settings such as output: wide, and a list of deployments")]
    NotSettings {
        /// The file.
        file: String,
        /// What it is instead.
        what: &'static str,
    },
    /// A key that does not exist.
    #[error("{place}: unknown setting {key:?}{}", hint(nearest.as_deref()))]
    UnknownKey {
        /// File and line.
        place: String,
        /// As it is written.
        key: String,
        /// The key that is most similar.
        nearest: Option<String>,
    },
    /// A value of another form.
    #[error("{place}: {path}: {problem}")]
    Value {
        /// File and line.
        place: String,
        /// The key, and the way into its value.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A key that only a file may hold that was named.
    #[error(
        "{place}: {key} is not taken from a file that was only found: whoever can change the working folder could lead \
         credentials elsewhere; give {instead}, or name the file with --config"
    )]
    NotFromFound {
        /// File and line.
        place: String,
        /// The key.
        key: &'static str,
        /// The flag, and the variable where there is one.
        instead: String,
    },
}

fn hint(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!(", did you mean `{nearest}`?"),
        None => format!("; there are {}", settings::names().collect::<Vec<_>>().join(", ")),
    }
}

/// The file in `start` or the nearest folder above it, up to that of a git repository or `home`. Outside of both only
/// in `start`: a folder above it may be anyone's, as `/tmp` is.
#[must_use]
pub fn find(start: &Path, home: Option<&Path>) -> Option<PathBuf> {
    let is_last = |folder: &Path| Some(folder) == home || folder.join(".git").exists();
    let last = start.ancestors().position(is_last).unwrap_or(0);
    let mut files = start.ancestors().take(last + 1).map(|folder| folder.join(NAME));
    files.find(|file| file.is_file())
}

impl ConfigFile {
    /// Reads and checks a file. `found`: nobody named it. `shown` is what it is called in messages.
    ///
    /// # Errors
    /// When it cannot be read or makes no sense, or holds what a file that was found must not.
    pub fn read(path: &Path, shown: String, found: bool) -> Result<Self, ConfigFileError> {
        let what = match source::settings_from_file(path, &shown)? {
            Value::Null => Ok(serde_json::Map::new()),
            Value::Object(values) if values.contains_key("apiVersion") && values.contains_key("kind") => {
                Err("a Kubernetes object, which -f reads")
            }
            Value::Object(values) => Ok(values),
            Value::Array(_) => Err("an array"),
            _ => Err("plain text"),
        };
        let values = match what {
            Ok(values) => values,
            Err(what) => return Err(ConfigFileError::NotSettings { file: shown, what }),
        };
        let file = Self {
            shown,
            found,
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
            // It was read as text before.
            text: std::fs::read_to_string(path).unwrap_or_default(),
            // What is null is not there, as in an object.
            values: values.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        };
        file.check()?;
        Ok(file)
    }

    fn check(&self) -> Result<(), ConfigFileError> {
        for (name, value) in &self.values {
            if !settings::names().any(|known| known == name) {
                return Err(ConfigFileError::UnknownKey {
                    place: self.place(name),
                    key: name.clone(),
                    nearest: source::nearest(name, settings::names()),
                });
            }
            let alone = Value::Object([(name.clone(), value.clone())].into_iter().collect());
            serde_path_to_error::deserialize::<_, Settings>(&alone).map_err(|error| ConfigFileError::Value {
                place: self.place(name),
                path: error.path().to_string(),
                problem: source::value_problem(error.inner()),
            })?;
        }
        for key in KEYS.iter().filter(|key| self.found && !key.may_be_found) {
            if self.values.contains_key(key.name) {
                return Err(ConfigFileError::NotFromFound {
                    place: self.place(key.name),
                    key: key.name,
                    instead: key.instead(),
                });
            }
        }
        Ok(())
    }

    /// File and line of a key; only the file where the line is not easily told.
    #[must_use]
    pub fn place(&self, name: &str) -> String {
        let stands = |line: &str| {
            let line = line.trim_start_matches(['"', '\'']);
            let rest = line
                .strip_prefix(name)
                .map(|rest| rest.trim_start_matches(['"', '\'']).trim_start());
            rest.is_some_and(|rest| rest.starts_with(':'))
        };
        match self.text.lines().position(stands) {
            Some(index) => format!("{}:{}", self.shown, index + 1),
            None => self.shown.clone(),
        }
    }

    /// What the file says about a flag: the texts that could have been typed.
    #[must_use]
    pub fn texts(&self, key: &Key) -> Option<Vec<String>> {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        let texts = match self.values.get(key.name)? {
            Value::Array(values) => values.iter().map(text).collect(),
            value => vec![text(value)],
        };
        // A path is meant from where the file is.
        let path = |text: String| self.folder.join(text).display().to_string();
        Some(match key.kind {
            Kind::Path => texts.into_iter().map(path).collect(),
            Kind::Text | Kind::Flag | Kind::Number | Kind::List => texts,
        })
    }

    /// The GitHubDeployments, with the file's defaults in what they leave open.
    #[must_use]
    pub fn deployments(&self) -> Vec<Value> {
        let deployments = self.values.get("deployments").and_then(Value::as_array);
        let mut deployments = deployments.cloned().unwrap_or_default();
        for deployment in &mut deployments {
            if let Some(spec) = deployment.get_mut("spec").and_then(Value::as_object_mut) {
                self.complete(spec);
            }
        }
        deployments
    }

    fn complete(&self, spec: &mut serde_json::Map<String, Value>) {
        let is_set = |value: &Value| !value.is_null() && value != "";
        for section in ["extract", "repository"] {
            let defaults = KEYS.iter().filter_map(|key| {
                let (of, field) = key.field?;
                Some((field, self.values.get(key.name).filter(|_| of == section)?))
            });
            let defaults: Vec<_> = defaults.collect();
            if defaults.is_empty() {
                continue;
            }
            let fields = spec
                .entry(section)
                .or_insert_with(|| Value::Object(serde_json::Map::new()));
            let Some(fields) = fields.as_object_mut() else {
                continue;
            };
            // A rule is a whole: half of one does not go with half of another.
            if section == "extract" && fields.values().any(is_set) {
                continue;
            }
            for (field, value) in defaults {
                if !fields.get(field).is_some_and(is_set) {
                    fields.insert(field.to_owned(), value.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
