//! GitHub's own descriptions of its interfaces: the OpenAPI descriptions of REST and the schema of GraphQL.
//!
//! REST is described for github.com, for GHE.com and for each GitHub Enterprise Server; GraphQL for github.com only.
//! They are data for checks, taken from the npm packages `@octokit/openapi` and `@octokit/graphql-schema` into the
//! user's cache folder when they are first needed, and never part of this repository.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs, io, process};

use apollo_compiler::Schema;
use apollo_compiler::validation::Valid;
use serde_json::{Value, json};

use crate::contract::references;
use crate::identity::digest;
use crate::operation::OperationKind;

/// Version of `@octokit/graphql-schema`.
pub const GRAPHQL_SCHEMA_VERSION: &str = "15.26.1";
/// Version of `@octokit/openapi`.
pub const OPENAPI_VERSION: &str = "23.0.2";

/// The files of `@octokit/openapi` that are used: github.com, GHE.com, and the newest GitHub Enterprise Server.
pub const SERVERS: [&str; 3] = ["api.github.com", "ghec", "ghes-3.19"];

/// Whether the descriptions may be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Only what is in the cache.
    Cache,
    /// The cache, else npm.
    CacheOrNpm,
}

/// The descriptions, ready to check with.
#[derive(Debug)]
pub struct Descriptions {
    /// The OpenAPI description of each of [`SERVERS`], of the operations that the emulator serves.
    pub rest: Vec<(&'static str, Value)>,
    /// The whole GraphQL schema.
    pub graphql: Valid<Schema>,
}

/// The descriptions, read once per process, or why there are none.
///
/// # Errors
/// Text that says which step failed: finding the cache folder, running npm or tar, or reading a file.
pub fn descriptions(source: Source) -> Result<&'static Descriptions, String> {
    static CACHED: OnceLock<Result<Descriptions, String>> = OnceLock::new();
    static FETCHED: OnceLock<Result<Descriptions, String>> = OnceLock::new();
    let cached = CACHED.get_or_init(|| Descriptions::read(&folder()?));
    let result = match (cached, source) {
        (Err(_), Source::CacheOrNpm) => FETCHED.get_or_init(|| {
            let folder = folder()?;
            fetch(&folder)?;
            Descriptions::read(&folder)
        }),
        (cached, _) => cached,
    };
    result.as_ref().map_err(Clone::clone)
}

impl Descriptions {
    fn read(folder: &Path) -> Result<Self, String> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))
        };
        let description = |server: &'static str| {
            let text = read(&format!("{server}.json"))?;
            let description = serde_json::from_str(&text);
            let description = description.map_err(|error| format!("the description of {server} is not JSON: {error}"));
            Ok::<_, String>((server, description?))
        };
        let rest = SERVERS.into_iter().map(description).collect::<Result<_, _>>()?;
        // GitHub's schema declares some fields twice, which a strict reader calls invalid. The first one counts.
        let graphql = match Schema::parse_and_validate(read("schema.graphql")?, "schema.graphql") {
            Ok(schema) => schema,
            Err(invalid) => Valid::assume_valid(invalid.partial),
        };
        if graphql.get_object("Query").is_none() {
            return Err("the GraphQL schema has no Query".to_owned());
        }
        Ok(Self { rest, graphql })
    }
}

fn folder() -> Result<PathBuf, String> {
    let cache = env::var_os("XDG_CACHE_HOME")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    let cache = cache.or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    let cache = cache.ok_or("neither XDG_CACHE_HOME nor HOME is set")?;
    // What is kept depends on these too.
    let kept = digest(format!(
        "{SERVERS:?} {:?}",
        OperationKind::DESCRIBED.map(OperationKind::described)
    ));
    let kept = kept.get(..8).unwrap_or_default();
    let versions = format!("graphql-schema-{GRAPHQL_SCHEMA_VERSION}-openapi-{OPENAPI_VERSION}-{kept}");
    Ok(cache.join("kube-status-to-github").join("descriptions").join(versions))
}

/// Fetches both packages into a folder of this process and moves it into place, which other processes see whole or
/// not at all. Only one process at a time fetches; the others wait for it.
fn fetch(folder: &Path) -> Result<(), String> {
    let text = |error: io::Error| format!("cannot write {}: {error}", folder.display());
    let parent = folder.parent().ok_or("the cache has no folder")?;
    fs::create_dir_all(parent).map_err(text)?;
    let lock = fs::File::create(beside(folder, "lock")).map_err(text)?;
    lock.lock().map_err(text)?;
    if folder.exists() { Ok(()) } else { unpack(folder) }
}

/// A path next to the folder; its own name has dots that are no extension.
fn beside(folder: &Path, suffix: &str) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!("{name}.{suffix}"))
}

fn unpack(folder: &Path) -> Result<(), String> {
    let scratch = beside(folder, &format!("part-{}", process::id()));
    let text = |error: io::Error| format!("cannot write {}: {error}", scratch.display());
    fs::create_dir_all(&scratch).map_err(text)?;
    let described: Vec<String> = SERVERS.map(|server| format!("package/generated/{server}.json")).into();
    let result = [
        (
            "graphql-schema",
            GRAPHQL_SCHEMA_VERSION,
            vec!["package/schema.graphql".to_owned()],
        ),
        ("openapi", OPENAPI_VERSION, described),
    ]
    .into_iter()
    .try_for_each(|(package, version, members)| {
        let archive = format!("octokit-{package}-{version}.tgz");
        let spec = format!("@octokit/{package}@{version}");
        run(Command::new("npm")
            .args(["pack", "--loglevel=error", "--ignore-scripts"])
            // What npm waits between attempts would else be more than a minute where there is no network.
            .args(["--fetch-retry-mintimeout=1000", &spec])
            .current_dir(&scratch))?;
        run(Command::new("tar")
            .args(["-xzf", &archive])
            .args(&members)
            .current_dir(&scratch))?;
        for member in &members {
            let member = scratch.join(member);
            let name = member.file_name().unwrap_or_default();
            let content = fs::read_to_string(&member).map_err(text)?;
            let kept = if member.extension().is_some_and(|extension| extension == "json") {
                let whole = serde_json::from_str(&content).map_err(|error| format!("{}: {error}", member.display()))?;
                reduced(&whole).to_string()
            } else {
                content
            };
            fs::write(scratch.join(name), kept).map_err(text)?;
        }
        fs::remove_file(scratch.join(archive)).map_err(text)
    })
    .and_then(|()| fs::remove_dir_all(scratch.join("package")).map_err(text))
    .and_then(|()| fs::rename(&scratch, folder).map_err(text));
    if result.is_err() {
        let _ = fs::remove_dir_all(&scratch);
    }
    result
}

/// The operations of a description that the emulator serves, with the components that they refer to: the whole of it
/// has more than ten megabytes, which every test would read.
fn reduced(whole: &Value) -> Value {
    let mut reduced = json!({"paths": {}, "components": {}});
    for (method, path) in OperationKind::DESCRIBED
        .into_iter()
        .filter_map(OperationKind::described)
    {
        let operation = &whole["paths"][path][method];
        if operation.is_object() {
            reduced["paths"][path][method] = operation.clone();
        }
    }
    let mut waiting = references(&reduced["paths"]);
    while let Some(reference) = waiting.pop() {
        let Some(pointer) = reference.strip_prefix('#') else {
            continue;
        };
        let mut names = pointer.split('/').skip(2);
        if let (None, Some(component), Some(section), Some(name)) = (
            reduced.pointer(pointer),
            whole.pointer(pointer),
            names.next(),
            names.next(),
        ) {
            waiting.extend(references(component));
            reduced["components"][section][name] = component.clone();
        }
    }
    reduced
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("cannot run {program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{program} failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}
