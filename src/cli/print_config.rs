//! `--print-config`: what a run would work with. Secrets have no flag and no key in the file, so none is among it.

use std::{collections::BTreeMap, io};

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{
    Failure, cluster,
    config::{ClusterConfig, ConfigError, Declarations, Objects, SyncConfig},
    config_file::{Kind, Setting},
    exit::Exit,
    kinds::Typed,
    print,
    sync::{namespace_without_connecting, scope},
};
use crate::{
    crd::{GitHubDeployment, GitHubDeploymentSpec, SourceRef},
    report::clean,
    source::{self, Cluster},
    text::is_unsafe,
};

/// Prints the GitHubDeployments that stand for sources from flags; else the settings, as a file that says the same.
/// `actions`: GitHub Actions reads along, see [`clean`].
pub(super) async fn run(config: SyncConfig, settings: &[Setting], actions: bool) -> Result<Exit, Failure> {
    let SyncConfig {
        declarations,
        objects,
        cluster,
        namespace,
        ..
    } = config;
    let text = match declarations {
        Declarations::Flags {
            git_ref: Some(git_ref), ..
        } => return Err(ConfigError::RefInPrintConfig { git_ref }.into()),
        Declarations::Flags {
            typed,
            all_namespaces,
            spec,
            git_ref: None,
            ..
        } => {
            let namespace = namespace_without_connecting(namespace, cluster.as_ref()).await;
            let objects = objects_to_ask(&typed, &objects, cluster.as_ref()).await?;
            let chosen = typed
                .resolve(&objects, scope(all_namespaces, namespace.clone()))
                .await?;
            let sources = source::choose(&objects, &chosen).await?;
            github_deployments(&sources, &spec, &namespace)
        }
        Declarations::Listed(listed) => with_deployments(settings, &listed.objects, &listed.file),
        Declarations::Cluster { .. } | Declarations::Files(_) => with_deployments(settings, &[], ""),
    };
    let lines = text?
        .lines()
        .map(|line| format!("{}\n", clean(line, actions)))
        .collect::<String>();
    print(lines.as_bytes())
}

/// What has to be read to know which objects are meant: nothing for names of kinds that are known.
async fn objects_to_ask(
    typed: &Typed,
    objects: &Objects,
    cluster: Option<&ClusterConfig>,
) -> Result<source::Objects, Failure> {
    let is_told = typed.is_known() && matches!(typed, Typed::Named(_));
    Ok(match (objects, cluster) {
        (Objects::Files(paths), _) if !is_told => {
            let read = source::objects_from_files(paths, io::stdin());
            source::Objects::Files(read.map_err(Failure::cannot_run)?)
        }
        (Objects::Cluster, Some(cluster)) if !is_told => {
            source::Objects::Cluster(Cluster::new(cluster::connect(cluster).await?))
        }
        _ => source::Objects::Files(Vec::new()),
    })
}

/// A document for each source. Its name is that of the object, with the kind where that is not enough.
fn github_deployments(
    sources: &[SourceRef],
    spec: &GitHubDeploymentSpec,
    default_namespace: &str,
) -> Result<String, Failure> {
    let mut namesakes = BTreeMap::<_, usize>::new();
    for source in sources {
        *namesakes.entry((&source.namespace, &source.name)).or_default() += 1;
    }
    let mut documents = Vec::new();
    for source in sources {
        let mut source_ref = source.clone();
        let namespace = source_ref
            .namespace
            .take()
            .unwrap_or_else(|| default_namespace.to_owned());
        let spec = GitHubDeploymentSpec {
            source_ref,
            ..spec.clone()
        };
        source::check(&spec).map_err(|error| Failure {
            exit: Exit::SomeFailed,
            error: anyhow::anyhow!("{}/{}: {error}", source.kind, source.name),
        })?;
        // Names of some kinds have characters that a GitHubDeployment's can't have.
        let name = source
            .name
            .replace(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.', "-");
        let name = match namesakes.get(&(&source.namespace, &source.name)) {
            Some(1) => name,
            _ => format!("{}-{name}", source.kind.to_ascii_lowercase()),
        };
        let mut object = GitHubDeployment::new(&name, spec);
        object.metadata.namespace = Some(namespace);
        documents.push(serde_saphyr::to_string(&object).map_err(Failure::cannot_run)?);
    }
    Ok(documents.join("---\n"))
}

/// The settings, each with the place that it comes from as a comment.
fn with_deployments(settings: &[Setting], deployments: &[Value], file: &str) -> Result<String, Failure> {
    let mut text = String::new();
    for setting in settings {
        let value = match (setting.kind, setting.texts.as_slice()) {
            (Kind::List, texts) => texts.into(),
            (Kind::Flag, [text]) => (text == "true").into(),
            (Kind::Number, [text]) => text.parse::<u64>().map_or_else(|_| text.as_str().into(), Value::from),
            (_, [text]) => text.as_str().into(),
            (_, texts) => texts.into(),
        };
        text.push_str(&entry(setting.name, value, &setting.origin)?);
    }
    if !deployments.is_empty() {
        text.push_str(&entry("deployments", deployments.into(), file)?);
    }
    Ok(text)
}

fn entry(name: &str, value: Value, origin: &str) -> Result<String, Failure> {
    let value = BTreeMap::from([(name, Plain(&value))]);
    let text = serde_saphyr::to_string(&value).map_err(Failure::cannot_run)?;
    let origin = origin.replace(is_unsafe, " ");
    Ok(match text.trim_end().split_once('\n') {
        None => format!("{} # {origin}\n", text.trim_end()),
        Some((first, rest)) => format!("# {origin}\n{first}\n{rest}\n"),
    })
}

/// A value whose numbers are numbers for every serializer: with all their digits, only that of JSON knows them.
struct Plain<'a>(&'a Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), ..) => serializer.serialize_u64(number),
                (None, Some(number), _) => serializer.serialize_i64(number),
                (None, None, Some(number)) => serializer.serialize_f64(number),
                (None, None, None) => serializer.serialize_str(&number.to_string()),
            },
            Value::Array(values) => serializer.collect_seq(values.iter().map(Plain)),
            Value::Object(fields) => serializer.collect_map(fields.iter().map(|(name, value)| (name, Plain(value)))),
            value => value.serialize(serializer),
        }
    }
}
