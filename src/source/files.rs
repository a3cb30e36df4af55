//! Objects from files: YAML or JSON, several documents, lists.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    Complete, Declaration, Declared, SourceError,
    declared::{meta, text},
    discovery::group_and_version,
    error::{DeclarationError, FileError},
    spec::{self, UnknownFields},
};
use crate::crd::{GROUP, OLD_VERSION, VERSION};

const KIND: &str = "GitHubDeployment";

/// Standard input, as a path and in messages.
const STDIN: (&str, &str) = ("-", "standard input");

/// Reads the GitHubDeployments of files, folders and, for `-`, of `stdin`. Objects without a namespace get
/// `default_namespace`. Objects of other kinds are left alone: they often lie beside.
///
/// # Errors
/// When no file gives anything. A file or a document that cannot be read beside others is no error here, but has one.
pub fn declared_in_files(
    paths: &[PathBuf],
    default_namespace: &str,
    mut stdin: impl Read,
) -> Result<Declared, SourceError> {
    let mut declarations = Vec::new();
    let mut faults = Vec::new();
    let mut found = BTreeSet::new();
    for document in documents(paths, &mut stdin) {
        match document {
            Ok(document) if is_meant(&document.object) => declarations.push(document.declaration(default_namespace)),
            Ok(document) => {
                tracing::debug!(
                    document = document.place,
                    kind = document.kind(),
                    "not a GitHubDeployment: left alone"
                );
                found.insert(document.kind().to_owned());
            }
            Err(fault) => faults.push(fault),
        }
    }
    if declarations.is_empty() {
        return Err(match faults.into_iter().next() {
            Some(fault) => fault.into(),
            None => SourceError::NothingDeclared {
                files: paths.iter().map(|path| shown(path)).collect::<Vec<_>>().join(", "),
                found: found.into_iter().collect(),
            },
        });
    }
    refuse_duplicates(&mut declarations);
    let mut declarations: Vec<_> = declarations.into_iter().map(|(_, declaration)| declaration).collect();
    declarations.extend(faults.into_iter().map(|fault| Declaration {
        github_deployment: None,
        described: fault.place().to_owned(),
        spec: Err(fault.into()),
    }));
    Ok(Declared {
        declarations,
        complete: Complete::Nothing,
    })
}

/// Reads all objects of files, folders and, for `-`, of `stdin`, to be observed in the place of a cluster's.
///
/// # Errors
/// When a file or a document cannot be read: what is missing counts as gone, so that nothing may be missed.
pub fn objects_from_files(paths: &[PathBuf], mut stdin: impl Read) -> Result<Vec<Value>, SourceError> {
    documents(paths, &mut stdin)
        .into_iter()
        .map(|document| Ok(document?.object))
        .collect()
}

/// An object, and where it stands.
struct Document {
    /// `app.yaml document 2`
    place: String,
    object: Value,
}

impl Document {
    fn kind(&self) -> &str {
        self.object.get("kind").and_then(Value::as_str).unwrap_or_default()
    }

    /// Beside it, where it stands.
    fn declaration(self, default_namespace: &str) -> (String, Declaration) {
        let Self { place, object } = self;
        let namespace = text(&object, "/metadata/namespace").filter(|namespace| !namespace.is_empty());
        let meta = meta(&object, namespace.as_deref().unwrap_or(default_namespace), false);
        let declaration = Declaration {
            described: match &meta {
                Some(meta) => format!("{KIND} {}/{}", meta.namespace, meta.name),
                None => place.clone(),
            },
            spec: match &meta {
                Some(_) => read_spec(&object),
                None => Err(DeclarationError::NameMissing),
            },
            github_deployment: meta,
        };
        (place, declaration)
    }
}

/// True for a GitHubDeployment, and for what looks like a misspelt one.
fn is_meant(object: &Value) -> bool {
    let (api_version, kind) = kind(object);
    group_and_version(api_version).0 == GROUP || kind.eq_ignore_ascii_case(KIND)
}

fn kind(object: &Value) -> (&str, &str) {
    let field = |name| object.get(name).and_then(Value::as_str).unwrap_or_default();
    (field("apiVersion"), field("kind"))
}

fn read_spec(object: &Value) -> Result<crate::crd::GitHubDeploymentSpec, DeclarationError> {
    let (api_version, kind) = kind(object);
    let (group, version) = group_and_version(api_version);
    if group != GROUP || ![VERSION, OLD_VERSION].contains(&version) || kind != KIND {
        return Err(DeclarationError::UnknownKind {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
        });
    }
    spec::read(object, UnknownFields::Refused)
}

/// Which of two was meant cannot be told, so neither is done.
fn refuse_duplicates(declarations: &mut [(String, Declaration)]) {
    let mut places: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (index, (_, declaration)) in declarations.iter().enumerate() {
        if let Some(meta) = &declaration.github_deployment {
            let name = (meta.namespace.clone(), meta.name.clone());
            places.entry(name).or_default().push(index);
        }
    }
    for indexes in places.into_values().filter(|indexes| indexes.len() > 1) {
        let all: Vec<_> = indexes.iter().map(|&index| declarations[index].0.as_str()).collect();
        let places = all.join(" and ");
        for index in indexes {
            declarations[index].1.spec = Err(DeclarationError::Duplicate { places: places.clone() });
        }
    }
}

/// Every document of every file, or what is in the way of it.
fn documents(paths: &[PathBuf], stdin: &mut impl Read) -> Vec<Result<Document, FileError>> {
    let mut all = Vec::new();
    for path in paths {
        match files(path) {
            Ok(files) => {
                for file in files {
                    match read(&file, stdin).and_then(|text| parse(&file, &text)) {
                        Ok(values) => all.extend(flatten(&shown(&file), values)),
                        Err(error) => all.push(Err(error)),
                    }
                }
            }
            Err(error) => all.push(Err(error)),
        }
    }
    all
}

fn shown(path: &Path) -> String {
    if path == Path::new(STDIN.0) {
        STDIN.1.to_owned()
    } else {
        path.display().to_string()
    }
}

/// The path itself, or the files of objects that a folder has, sorted.
fn files(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    if path == Path::new(STDIN.0) || !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error: std::io::Error| FileError::Unreadable {
        file: shown(path),
        problem: error.to_string(),
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let holds_objects = matches!(
            file.extension().and_then(|extension| extension.to_str()),
            Some("yaml" | "yml" | "json")
        );
        if holds_objects && !file.is_dir() {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(FileError::EmptyFolder { folder: shown(path) });
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path, stdin: &mut impl Read) -> Result<String, FileError> {
    let unreadable = |error: std::io::Error| FileError::Unreadable {
        file: shown(path),
        problem: error.to_string(),
    };
    let bytes = if path == Path::new(STDIN.0) {
        let mut bytes = Vec::new();
        stdin.read_to_end(&mut bytes).map_err(unreadable)?;
        bytes
    } else {
        std::fs::read(path).map_err(unreadable)?
    };
    let text = String::from_utf8(bytes).map_err(|error| FileError::NotText {
        file: shown(path),
        position: error.utf8_error().valid_up_to() + 1,
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_owned(),
        None => text,
    })
}

/// The documents of a text that are not empty. What begins like JSON is read as JSON, since dumps may be large, but
/// may be YAML all the same.
fn parse(path: &Path, text: &str) -> Result<Vec<Value>, FileError> {
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    let documents = if is_json || text.trim_start().starts_with('{') {
        match parse_json(text) {
            Err(error) if is_json => Err(FileError::Syntax {
                file: shown(path),
                line: error.line() as u64,
                column: error.column() as u64,
                problem: {
                    let problem = error.to_string();
                    let at = format!(" at line {} column {}", error.line(), error.column());
                    problem.strip_suffix(&at).unwrap_or(&problem).to_owned()
                },
            }),
            Err(_) => parse_yaml(path, text),
            Ok(values) => Ok(values),
        }
    } else {
        parse_yaml(path, text)
    }?;
    if documents.is_empty() {
        return Err(FileError::Empty { file: shown(path) });
    }
    Ok(documents)
}

fn parse_json(text: &str) -> Result<Vec<Value>, serde_json::Error> {
    serde_json::Deserializer::from_str(text).into_iter().collect()
}

fn parse_yaml(path: &Path, text: &str) -> Result<Vec<Value>, FileError> {
    // The limits are there for aliases that multiply. A text is allowed as many parts as it has characters, and as
    // much beyond that as the parser's own limits allow.
    let more = text.len();
    let limits = serde_saphyr::Budget::default();
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: limits.max_events + more,
            max_nodes: limits.max_nodes + more,
            max_documents: limits.max_documents + more,
            max_total_scalar_bytes: limits.max_total_scalar_bytes + more,
        },
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
        let (line, column) = error
            .location()
            .map_or((1, 1), |location| (location.line(), location.column()));
        let problem = if grows_too_large(&error) {
            "this grows too large once aliases stand for what they name".to_owned()
        } else {
            error.to_string()
        };
        let at = format!(" at line {line}, column {column}");
        FileError::Syntax {
            file: shown(path),
            line,
            column,
            problem: problem.strip_suffix(&at).unwrap_or(&problem).to_owned(),
        }
    })
}

/// True if the limits of [`parse_yaml`] are reached.
fn grows_too_large(error: &serde_saphyr::Error) -> bool {
    match error {
        serde_saphyr::Error::Budget { .. } => true,
        serde_saphyr::Error::AliasError { error, .. } => grows_too_large(error),
        _ => false,
    }
}

/// Takes lists apart, and refuses what is no object.
fn flatten(file: &str, values: Vec<Value>) -> Vec<Result<Document, FileError>> {
    let several = values.len() > 1;
    let mut all = Vec::new();
    for (index, value) in values.into_iter().enumerate() {
        let place = if several {
            format!("{file} document {}", index + 1)
        } else {
            file.to_owned()
        };
        match list_items(value) {
            Ok(items) => {
                let items = items.into_iter().enumerate();
                all.extend(items.map(|(index, item)| object(format!("{place} item {}", index + 1), item)));
            }
            Err(value) => all.push(object(place, value)),
        }
    }
    all
}

/// The items of a `List`, or of a list of one kind such as `DeploymentList`, whose items need not say what they are.
/// Gives back what is no list.
fn list_items(mut value: Value) -> Result<Vec<Value>, Value> {
    let (api_version, list_kind) = kind(&value);
    let Some(item_kind) = list_kind.strip_suffix("List") else {
        return Err(value);
    };
    let defaults = [("apiVersion", api_version.to_owned()), ("kind", item_kind.to_owned())];
    let mut items = match value.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        Some(Value::Null) => Vec::new(),
        _ => return Err(value),
    };
    if !defaults[1].1.is_empty() {
        for fields in items.iter_mut().filter_map(Value::as_object_mut) {
            for (name, text) in &defaults {
                fields.entry(*name).or_insert_with(|| text.as_str().into());
            }
        }
    }
    Ok(items)
}

fn object(place: String, object: Value) -> Result<Document, FileError> {
    let missing = |name: &str| object.get(name).and_then(Value::as_str).is_none_or(str::is_empty);
    let problem = match &object {
        Value::Object(_) if missing("apiVersion") => "apiVersion is missing",
        Value::Object(_) if missing("kind") => "kind is missing",
        Value::Object(_) => return Ok(Document { place, object }),
        Value::Array(_) => "this is an array",
        _ => "this is plain text",
    };
    Err(FileError::NotAnObject {
        document: place,
        problem: problem.to_owned(),
    })
}

#[cfg(test)]
mod tests;
