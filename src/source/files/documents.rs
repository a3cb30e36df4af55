//! The documents of files, folders and standard input, one after the other.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::{
    super::error::FileError,
    json::{self, Input, Problem},
};

/// Standard input, as a path and in messages.
const STDIN: (&str, &str) = ("-", "standard input");

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// An object, and where it stands.
pub(super) struct Document {
    /// `app.yaml document 2`
    pub place: String,
    pub object: Value,
}

/// What takes documents, and what is in the way of one.
pub(super) type Give<'a> = dyn FnMut(Result<Document, FileError>) + 'a;

/// Gives every document of every file away as soon as it is read. Lists are taken apart.
pub(super) fn each_document(paths: &[PathBuf], stdin: &mut impl Read, give: &mut Give<'_>) {
    for path in paths {
        match files(path) {
            Ok(files) => {
                for file in files {
                    if let Err(error) = read(&file, stdin, give) {
                        give(Err(error));
                    }
                }
            }
            Err(error) => give(Err(error)),
        }
    }
}

pub(super) fn shown(path: &Path) -> String {
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
    let unreadable = |error| unreadable(path, &error);
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

fn unreadable(path: &Path, error: &std::io::Error) -> FileError {
    FileError::Unreadable {
        file: shown(path),
        problem: error.to_string(),
    }
}

fn read(path: &Path, stdin: &mut impl Read, give: &mut Give<'_>) -> Result<(), FileError> {
    if path == Path::new(STDIN.0) {
        read_from(path, stdin, give)
    } else {
        let file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
        read_from(path, file, give)
    }
}

/// What begins like JSON is read as JSON, for dumps may be large and only JSON is read piece by piece. It may be YAML
/// all the same: as long as nothing was given away, it can be read as that.
fn read_from(path: &Path, source: impl Read, give: &mut Give<'_>) -> Result<(), FileError> {
    let unreadable = |error| unreadable(path, &error);
    let mut input = Input::new(source);
    input.skip(BYTE_ORDER_MARK).map_err(unreadable)?;
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    if is_json || input.peek().map_err(unreadable)? == Some(b'{') {
        match json::each_document(&shown(path), &mut input, give) {
            Ok(0) => return Err(FileError::Empty { file: shown(path) }),
            Ok(_) => return Ok(()),
            Err(Problem::Io(error)) => return Err(unreadable(error)),
            Err(Problem::Syntax { line, column, problem }) if is_json || input.forgets() => {
                return Err(FileError::Syntax {
                    file: shown(path),
                    line,
                    column,
                    problem,
                });
            }
            Err(Problem::Syntax { .. }) => {}
        }
    }
    let bytes = input.into_everything().map_err(unreadable)?;
    let documents = parse_yaml(path, as_text(path, &bytes)?)?;
    if documents.is_empty() {
        return Err(FileError::Empty { file: shown(path) });
    }
    flatten(&shown(path), documents, give);
    Ok(())
}

/// The one value of a YAML or JSON file that holds no objects; null where it holds nothing.
pub(super) fn only_value(path: &Path, called: &Path) -> Result<Value, FileError> {
    let bytes = std::fs::read(path).map_err(|error| unreadable(called, &error))?;
    let mut values = parse_yaml(called, as_text(called, &bytes)?)?;
    if values.len() > 1 {
        return Err(FileError::SeveralDocuments { file: shown(called) });
    }
    Ok(values.pop().unwrap_or_default())
}

fn as_text<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, FileError> {
    let text = std::str::from_utf8(bytes).map_err(|error| FileError::NotText {
        file: shown(path),
        position: error.valid_up_to() + 1,
    })?;
    Ok(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text))
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
fn flatten(file: &str, values: Vec<Value>, give: &mut Give<'_>) {
    let several = values.len() > 1;
    for (index, value) in values.into_iter().enumerate() {
        let place = place(file, index, several);
        match list_items(value) {
            Ok(items) => {
                for (index, item) in items.into_iter().enumerate() {
                    give(object(format!("{place} item {}", index + 1), item));
                }
            }
            Err(value) => give(object(place, value)),
        }
    }
}

/// What a document is called. A file is seldom more than one.
pub(super) fn place(file: &str, index: usize, several: bool) -> String {
    if several {
        format!("{file} document {}", index + 1)
    } else {
        file.to_owned()
    }
}

/// The items of a `List`, or of a list of one kind such as `DeploymentList`, whose items need not say what they are.
/// Gives back what is no list.
pub(super) fn list_items(mut value: Value) -> Result<Vec<Value>, Value> {
    let Some(list_of) = value.as_object().and_then(ListOf::read) else {
        return Err(value);
    };
    let mut items = match value.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        Some(Value::Null) => Vec::new(),
        _ => return Err(value),
    };
    for item in &mut items {
        list_of.complete(item);
    }
    Ok(items)
}

/// What the items of a list are, where they do not say it themselves.
pub(super) struct ListOf {
    api_version: String,
    /// Empty for a `List`, whose items may be of any kind.
    kind: String,
}

impl ListOf {
    /// None where the object of these fields is no list.
    pub fn read(fields: &Map<String, Value>) -> Option<Self> {
        let field = |name| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        Some(Self {
            api_version: field("apiVersion").to_owned(),
            kind: field("kind").strip_suffix("List")?.to_owned(),
        })
    }

    pub fn complete(&self, item: &mut Value) {
        if let Some(fields) = item.as_object_mut().filter(|_| !self.kind.is_empty()) {
            for (name, text) in [("apiVersion", &self.api_version), ("kind", &self.kind)] {
                fields.entry(name).or_insert_with(|| text.as_str().into());
            }
        }
    }
}

/// A value as an object, or what it is instead.
pub(super) fn object(place: String, object: Value) -> Result<Document, FileError> {
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
