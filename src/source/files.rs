//! Objects from files: YAML or JSON, several documents, lists.

use std::{
    collections::{BTreeMap, BTreeSet},
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
use documents::{Document, RepeatedKeys, each_document, shown};

mod documents;
mod json;
mod streams;
mod yaml;

pub use streams::{Kept, Streams};

const KIND: &str = "GitHubDeployment";

/// Reads the GitHubDeployments of files, folders and, for `-`, of standard input, as `streams` have it. Objects without a namespace get
/// `default_namespace`. Objects of other kinds are left alone: they often lie beside.
///
/// # Errors
/// When no file gives anything. A file or a document that cannot be read beside others is no error here, but has one.
pub fn declared_in_files(
    paths: &[PathBuf],
    default_namespace: &str,
    streams: impl Streams,
) -> Result<Declared, SourceError> {
    let mut found = BTreeSet::new();
    let declared = read_declared(
        paths,
        default_namespace,
        streams,
        RepeatedKeys::Refused,
        |place, object| {
            let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
            tracing::debug!(document = place, kind, "not a GitHubDeployment: left alone");
            found.insert(kind.to_owned());
        },
    );
    let is_fault = |declaration: &Declaration| matches!(declaration.spec, Err(DeclarationError::File(_)));
    if declared.declarations.iter().all(is_fault) {
        return Err(match declared.declarations.into_iter().next() {
            Some(Declaration {
                spec: Err(DeclarationError::File(fault)),
                ..
            }) => fault.into(),
            _ => SourceError::NothingDeclared {
                files: paths.iter().map(|path| shown(path)).collect::<Vec<_>>().join(", "),
                found: found.into_iter().collect(),
            },
        });
    }
    Ok(declared)
}

/// Reads the GitHubDeployments of files as [`declared_in_files`] does, and gives every other object away as soon as it
/// is read, with its place: of a dump in JSON no more than one object is held at a time.
///
/// What could not be read is a declaration with [`DeclarationError::File`]; they come last.
pub fn declared_among_objects(
    paths: &[PathBuf],
    default_namespace: &str,
    streams: impl Streams,
    give: impl FnMut(&str, &Value),
) -> Declared {
    read_declared(paths, default_namespace, streams, RepeatedKeys::LastCounts, give)
}

fn read_declared(
    paths: &[PathBuf],
    default_namespace: &str,
    mut streams: impl Streams,
    repeated: RepeatedKeys,
    mut give: impl FnMut(&str, &Value),
) -> Declared {
    let mut declarations = Vec::new();
    let mut faults = Vec::new();
    each_document(paths, &mut streams, repeated, &mut |document| match document {
        Ok(document) if is_meant(&document.object) => declarations.push(declaration(document, default_namespace)),
        Ok(document) => give(&document.place, &document.object),
        Err(fault) => faults.push(fault),
    });
    refuse_duplicates(&mut declarations);
    let mut declarations: Vec<_> = declarations.into_iter().map(|(_, declaration)| declaration).collect();
    declarations.extend(faults.into_iter().map(|fault| Declaration {
        github_deployment: None,
        described: fault.place().to_owned(),
        spec: Err(fault.into()),
    }));
    Declared {
        declarations,
        complete: Complete::Nothing,
    }
}

/// The GitHubDeployments of a list in `file`. They need not say what they are.
#[must_use]
pub fn declared_in_list(file: &str, objects: &[Value], default_namespace: &str) -> Declared {
    let mut declarations: Vec<_> = objects
        .iter()
        .enumerate()
        .map(|(index, object)| {
            let mut object = object.clone();
            if let Some(fields) = object.as_object_mut() {
                let kind = fields.entry("kind").or_insert_with(|| KIND.into());
                if kind == KIND {
                    let version = || format!("{GROUP}/{VERSION}").into();
                    fields.entry("apiVersion").or_insert_with(version);
                }
            }
            let place = format!("{file} deployments[{index}]");
            declaration(Document { place, object }, default_namespace)
        })
        .collect();
    refuse_duplicates(&mut declarations);
    Declared {
        declarations: declarations.into_iter().map(|(_, declaration)| declaration).collect(),
        complete: Complete::Nothing,
    }
}

/// Reads all objects of files, folders and, for `-`, of standard input, as `streams` have it, to be observed in the place of a cluster's.
///
/// # Errors
/// When a file or a document cannot be read: what is missing counts as gone, so that nothing may be missed.
pub fn objects_from_files(paths: &[PathBuf], mut streams: impl Streams) -> Result<Vec<Value>, SourceError> {
    let mut objects = Ok(Vec::new());
    each_document(
        paths,
        &mut streams,
        RepeatedKeys::LastCounts,
        &mut |document| match (&mut objects, document) {
            (Ok(objects), Ok(document)) => objects.push(document.object),
            (Ok(_), Err(fault)) => objects = Err(fault.into()),
            (Err(_), _) => {}
        },
    );
    objects
}

/// Gives every object of files, folders and, for `-`, of standard input, as `streams` have it away as soon as it is read, GitHubDeployments too: of
/// a dump in JSON no more than one object is held at a time. Gives back what could not be read.
pub fn each_object_from_files(
    paths: &[PathBuf],
    mut streams: impl Streams,
    mut give: impl FnMut(&Value),
) -> Vec<FileError> {
    let mut faults = Vec::new();
    each_document(
        paths,
        &mut streams,
        RepeatedKeys::LastCounts,
        &mut |document| match document {
            Ok(document) => give(&document.object),
            Err(fault) => faults.push(fault),
        },
    );
    faults
}

/// A document that is meant as a GitHubDeployment, and the place where it stands.
fn declaration(document: Document, default_namespace: &str) -> (String, Declaration) {
    let Document { place, object } = document;
    let namespace = text(&object, "/metadata/namespace").filter(|namespace| !namespace.is_empty());
    let meta = meta(&object, namespace.as_deref().unwrap_or(default_namespace), false);
    let declaration = Declaration {
        described: match &meta {
            Some(meta) => format!("{KIND} {}/{}", meta.namespace, meta.name),
            None => place.clone(),
        },
        spec: match &meta {
            Some(_) => read_spec(&object),
            None => Err(match object.pointer("/metadata/name") {
                Some(name @ (Value::Bool(_) | Value::Number(_))) => {
                    let name = name.to_string();
                    DeclarationError::NameNotText { name }
                }
                _ => DeclarationError::NameMissing,
            }),
        },
        github_deployment: meta,
    };
    (place, declaration)
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

/// The value that a file of settings holds; null where it holds nothing. `shown` is what messages call the file.
///
/// # Errors
/// When it cannot be read, or is neither YAML nor JSON, or more than one document.
pub fn settings_from_file(path: &Path, shown: &str) -> Result<Value, FileError> {
    documents::only_value(path, Path::new(shown))
}

#[cfg(test)]
mod tests;
