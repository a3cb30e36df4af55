//! Names that can be typed: objects, namespaces, contexts.

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use clap::{ArgMatches, Command};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use crate::{
    cli::{cluster, config::ClusterConfig, kinds::Type},
    source::{BUILT_IN_KINDS, Cluster, KindName, Objects, Scope, names_of_kind},
};

/// Nobody waits longer for a candidate.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Types that are offered where nothing is typed yet.
const OFFERED: [&str; 7] = [
    "deployment",
    "statefulset",
    "daemonset",
    "job",
    "cronjob",
    "pod",
    "githubdeployment",
];

/// What was typed before the word that is to be completed.
#[derive(Debug, Default)]
pub(super) struct Context {
    cluster: ClusterConfig,
    namespace: Option<String>,
    all_namespaces: bool,
    /// Words that name objects.
    objects: Vec<String>,
    /// The objects are in files, which are not read for this.
    in_files: bool,
}

impl Context {
    /// What `words`, the program's name first, say.
    pub(super) fn new(command: &Command, words: &[OsString]) -> Self {
        let matches = command.clone().ignore_errors(true).try_get_matches_from(words);
        let Some((_, typed)) = matches.as_ref().ok().and_then(ArgMatches::subcommand) else {
            return Self::default();
        };
        let text = |id: &str| typed.try_get_one::<String>(id).ok().flatten().cloned();
        let path = |id: &str| typed.try_get_one::<PathBuf>(id).ok().flatten().cloned();
        let objects = typed.try_get_many::<String>("object").ok().flatten();
        Self {
            cluster: ClusterConfig {
                kubeconfig: path("kubeconfig"),
                context: text("context"),
            },
            namespace: text("namespace"),
            all_namespaces: typed.try_get_one::<bool>("all_namespaces").ok().flatten() == Some(&true),
            objects: objects.into_iter().flatten().cloned().collect(),
            in_files: typed.try_contains_id("objects").unwrap_or(false),
        }
    }
}

/// The command line, with what completes its names. Flags are offered to who begins one with `current`, and where there
/// is nothing else.
pub(super) fn attach(command: Command, context: Context, current: Option<&OsString>) -> Command {
    let offers_flags = current.is_some_and(|word| word.to_string_lossy().starts_with('-'));
    // The word after `--wait` is no value of it: that stands behind an equals sign.
    let holds_value = current.is_some_and(|word| word.to_string_lossy().contains('='));
    let nothing = ArgValueCompleter::new(|_: &OsStr| Vec::new());
    let context = Arc::new(context);
    let completer = |names: fn(&Context, &str) -> Vec<String>| {
        let context = Arc::clone(&context);
        ArgValueCompleter::new(move |typed: &OsStr| {
            let typed = typed.to_str().unwrap_or_default();
            let names = names(&context, typed)
                .into_iter()
                .filter(|name| name.starts_with(typed));
            names.map(CompletionCandidate::new).collect::<Vec<_>>()
        })
    };
    let completers = [
        ("object", completer(objects)),
        ("namespace", completer(|context, _| namespaces(context))),
        ("context", completer(|context, _| cluster::contexts(&context.cluster))),
    ];
    let commands: Vec<String> = command
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    commands.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |command| {
            let hide = |arg: clap::Arg| {
                if offers_flags || arg.is_positional() {
                    arg
                } else {
                    arg.hide(true)
                }
            };
            let command = command.mut_args(hide).mut_args(|arg| {
                if arg.is_require_equals_set() && !holds_value {
                    arg.add(nothing.clone())
                } else {
                    arg
                }
            });
            completers.iter().fold(command, |command, (id, completer)| {
                if command.get_arguments().any(|arg| arg.get_id() == id) {
                    command.mut_arg(id, |arg| arg.add(completer.clone()))
                } else {
                    command
                }
            })
        })
    })
}

/// Objects as they can be typed after what was typed before: names after a type, else types and TYPE/NAME.
fn objects(context: &Context, typed: &str) -> Vec<String> {
    if let Some((kind, _)) = typed.split_once('/') {
        return names(context, kind)
            .into_iter()
            .map(|name| format!("{kind}/{name}"))
            .collect();
    }
    match context.objects.first() {
        Some(types) if !types.contains('/') => types
            .split(',')
            .flat_map(|kind| names(context, kind))
            .filter(|name| !context.objects[1..].contains(name))
            .collect(),
        _ => types(typed),
    }
}

fn types(typed: &str) -> Vec<String> {
    if typed.is_empty() {
        return OFFERED.iter().map(|kind| format!("{kind}/")).collect();
    }
    // A Secret is never read.
    let built_in = BUILT_IN_KINDS.iter().filter(|kind| kind.kind != "Secret");
    let mut types: Vec<String> = built_in
        .flat_map(|kind| {
            let short = (kind.short == typed).then(|| kind.short.to_owned());
            [Some(kind.kind.to_ascii_lowercase()), short]
        })
        .flatten()
        .chain(["githubdeployment".to_owned(), "ghd".to_owned()])
        .map(|kind| format!("{kind}/"))
        .collect();
    types.sort_unstable();
    types.dedup();
    types
}

fn names(context: &Context, kind: &str) -> Vec<String> {
    let Some(kind) = Type::parse(kind).filter(|_| !context.in_files) else {
        return Vec::new();
    };
    let (namespace, everywhere) = (context.namespace.clone(), context.all_namespaces);
    ask(context, move |client| async move {
        let scope = if everywhere {
            Scope::All
        } else {
            Scope::Namespace(namespace.unwrap_or_else(|| client.default_namespace().to_owned()))
        };
        let objects = Objects::Cluster(Cluster::new(client.clone()));
        let kind = kind.resolve(&objects).await.ok()?;
        // Not even the names of Secrets are asked for.
        if kind.kind == "Secret" {
            return None;
        }
        names_of_kind(&Cluster::new(client), &kind, &scope).await.ok()
    })
}

fn namespaces(context: &Context) -> Vec<String> {
    let kind = KindName {
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
    };
    ask(context, |client| async move {
        names_of_kind(&Cluster::new(client), &kind, &Scope::All).await.ok()
    })
}

/// What a cluster answers within [`PATIENCE`]; nothing where it does not. The work is done on a thread of its own, which
/// ends with the process: a program that a kubeconfig names for credentials may take any time.
fn ask<F>(context: &Context, question: impl FnOnce(kube::Client) -> F + Send + 'static) -> Vec<String>
where
    F: Future<Output = Option<Vec<String>>>,
{
    let (sender, answer) = mpsc::channel();
    let config = context.cluster.clone();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .ok()?;
        let names = runtime.block_on(async {
            let client = cluster::connect(&config).await.ok()?;
            question(client).await
        });
        sender.send(names.unwrap_or_default()).ok()
    });
    let mut names = answer.recv_timeout(PATIENCE).unwrap_or_default();
    // A name is what a shell would run, were it not one.
    names.retain(|name| {
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':'))
    });
    names.sort_unstable();
    names
}
