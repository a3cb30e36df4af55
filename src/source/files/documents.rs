//! The documents of files, folders and standard input, one after the other.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::{
    super::error::FileError,
    Streams,
    json::{self, Input, Problem},
    yaml,
};

/// Standard input, as a path and in messages.
pub(super) const STDIN: (&str, &str) = ("-", "standard input");

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// An object, and where it stands.
pub(super) struct Document {
    /// `app.yaml document 2`
    pub place: String,
    pub object: Value,
}

/// What a key that stands twice in one mapping means. JSON is read piece by piece, and there the last one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepeatedKeys {
    /// Somebody wrote it by hand, and which one was meant cannot be told.
    Refused,
    /// The last one counts, as for kubectl, and the log says so: what it stands in need not have been written by whoever
    /// looks at it.
    LastCounts,
}

/// What takes documents, and what is in the way of one.
pub(super) type Give<'a> = dyn FnMut(Result<Document, FileError>) + 'a;

/// Gives every document of every file away as soon as it is read. Lists are taken apart.
pub(super) fn each_document(
    paths: &[PathBuf],
    streams: &mut impl Streams,
    repeated: RepeatedKeys,
    give: &mut Give<'_>,
) {
    for path in paths {
        match files(path) {
            Ok(files) => {
                for file in files {
                    if let Err(error) = read(&file, streams, repeated, give) {
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

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> FileError {
    FileError::Unreadable {
        file: shown(path),
        problem: error.to_string(),
    }
}

fn read(path: &Path, streams: &mut impl Streams, repeated: RepeatedKeys, give: &mut Give<'_>) -> Result<(), FileError> {
    if let Some(stream) = streams.open(path) {
        read_from(path, stream, repeated, give)
    } else {
        let file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
        read_from(path, file, repeated, give)
    }
}

/// What begins like JSON is read as JSON, for dumps may be large and only JSON is read piece by piece. It may be YAML
/// all the same: as long as nothing was given away, it can be read as that; and documents in YAML may follow.
fn read_from(path: &Path, source: impl Read, repeated: RepeatedKeys, give: &mut Give<'_>) -> Result<(), FileError> {
    let unreadable = |error| unreadable(path, &error);
    let mut input = Input::new(source);
    input.skip(BYTE_ORDER_MARK).map_err(unreadable)?;
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    let mut before = 0;
    if is_json || input.peek().map_err(unreadable)? == Some(b'{') {
        match json::each_document(&shown(path), &mut input, give) {
            Ok(0) => return Err(FileError::Empty { file: shown(path) }),
            Ok(_) if input.peek().map_err(unreadable)?.is_none() => return Ok(()),
            Ok(count) => before = count,
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
    let (bytes, gone) = match before {
        0 => (input.into_everything().map_err(unreadable)?, 0),
        _ => input.into_rest().map_err(unreadable)?,
    };
    let documents = yaml::parse(path, as_text(path, &bytes, gone)?, repeated)?;
    if documents.is_empty() && before == 0 {
        return Err(FileError::Empty { file: shown(path) });
    }
    let several = before + documents.len() > 1;
    for (index, document) in documents.into_iter().enumerate() {
        give_objects(place(&shown(path), before + index, several), document, give);
    }
    Ok(())
}

/// The one value of a YAML or JSON file that holds no objects; null where it holds nothing.
pub(super) fn only_value(path: &Path, called: &Path) -> Result<Value, FileError> {
    let bytes = std::fs::read(path).map_err(|error| unreadable(called, &error))?;
    let mut values = yaml::parse(called, as_text(called, &bytes, 0)?, RepeatedKeys::Refused)?;
    if values.len() > 1 {
        return Err(FileError::SeveralDocuments { file: shown(called) });
    }
    Ok(values.pop().unwrap_or_default())
}

/// `gone` bytes of the file came before these.
fn as_text<'a>(path: &Path, bytes: &'a [u8], gone: usize) -> Result<&'a str, FileError> {
    let text = std::str::from_utf8(bytes).map_err(|error| FileError::NotText {
        file: shown(path),
        position: gone + error.valid_up_to() + 1,
        advice: match bytes {
            // As PowerShell writes what is redirected.
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("it looks like UTF-16, save it as UTF-8"),
            [0x1f, 0x8b, ..] => Some("it looks like gzip, unpack it first"),
            _ => None,
        },
    })?;
    Ok(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text))
}

/// Takes lists apart, also lists of lists, and refuses what is no object.
pub(super) fn give_objects(place: String, value: Value, give: &mut Give<'_>) {
    match list_items(value) {
        Ok(items) => {
            for (index, item) in items.into_iter().enumerate() {
                give_objects(format!("{place} item {}", index + 1), item, give);
            }
        }
        Err(value) => give(object(place, value)),
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
        // Other kinds may be called like a list.
        None if list_of.kind.is_empty() => Vec::new(),
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
    let wrong = |name: &str| match object.get(name) {
        None | Some(Value::Null) => Some(format!("{name} is missing")),
        Some(Value::String(text)) if text.is_empty() => Some(format!("{name} is empty")),
        Some(Value::String(_)) => None,
        Some(value) => Some(format!("{name} is {}, no text", called(value))),
    };
    let problem = match &object {
        Value::Object(_) => match wrong("apiVersion").or_else(|| wrong("kind")) {
            None => return Ok(Document { place, object }),
            Some(problem) => problem,
        },
        value => format!("this is {}", called(value)),
    };
    Err(FileError::NotAnObject {
        document: place,
        problem,
    })
}

/// What a value is, in words.
fn called(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "plain text",
        Value::Array(_) => "an array",
        Value::Object(_) => "a mapping",
    }
}
