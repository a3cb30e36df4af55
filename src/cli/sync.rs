//! `sync`: from the configuration to passes, and from passes to output and exit code.

use std::{cell::RefCell, sync::Arc, time::Duration};

use jiff::Timestamp;
use kube::Client;
use tokio::time::{MissedTickBehavior, interval};

use super::{
    Failure, Surroundings,
    args::{self, LogFormat},
    cluster,
    config::{ClusterConfig, Declarations, GitHubConfig, Objects, Repeat, SyncConfig},
    config_file::Listed,
    exit::Exit,
    print, signals,
};
use crate::{
    github::{self, GitHub},
    report::{self, Document, Ended, Format, Live, SourceResult, Style},
    source::{self, Cluster, Kept, Scope, SourceError},
    sync::{self, DeclaredIn, Details, ObjectsIn, Pass, RunError, Settings, Waiting, World},
};

/// Runs `sync` until it is done, or the user ends it.
pub(super) async fn run(config: SyncConfig, surroundings: Surroundings) -> Result<Exit, Failure> {
    let kubernetes = match &config.cluster {
        Some(cluster) => Some(cluster::connect(cluster).await?),
        None => None,
    };
    let all_namespaces = config.declarations.are_everywhere();
    // Before signals are listened for: nothing notices them while a terminal is read.
    let kept = Kept::read(config.paths()).map_err(Failure::cannot_run)?;
    let (stop, first_signal, second_signal) = signals::listen().map_err(Failure::cannot_run)?;
    let world = World {
        github: connect(&config.github)?,
        now: Arc::new(Timestamp::now),
        stop,
        kept,
        progress: surroundings.progress.clone(),
        kubernetes,
    };
    let surroundings = Surroundings {
        style: Style {
            all_namespaces,
            ..surroundings.style
        },
        ..surroundings
    };
    let printer = Printer {
        output: config.output,
        exit_zero: config.exit_zero,
        exit_code: config.exit_code,
        first_signal,
        surroundings,
    };
    let repeat = config.repeat;
    let work = async {
        let settings = settings(config, &world, printer.surroundings.verbose > 0).await?;
        passes(&world, &settings, repeat, &printer).await
    };
    tokio::select! {
        exit = work => exit,
        exit = second_signal => Ok(exit),
    }
}

/// A client for GitHub.
pub(super) fn connect(config: &GitHubConfig) -> Result<GitHub, Failure> {
    let settings = github::Settings {
        token_variable: config.token_variable,
        in_workflow: config.in_workflow,
        ..github::Settings::new(config.api.clone(), config.credentials.clone())
    };
    GitHub::new(&settings).map_err(Failure::cannot_run)
}

async fn passes(world: &World, settings: &Settings, repeat: Repeat, printer: &Printer) -> Result<Exit, Failure> {
    match repeat {
        Repeat::Once => {
            let pass = sync::run_once(world, settings).await?;
            let exit = printer.print(&pass)?;
            printer.tell_actions(&pass.document, false);
            Ok(exit)
        }
        Repeat::Every(interval) => {
            let tell = |pass: Result<Pass, RunError>| {
                let ended = pass.map_err(Failure::from).and_then(|pass| printer.print(&pass));
                ended.unwrap_or_else(|failure| {
                    tracing::error!("{}", failure.messages(printer.surroundings.style.actions).join(": "));
                    failure.exit
                })
            };
            Ok(sync::repeat(world, settings, interval, tell).await)
        }
        Repeat::UntilFinal(waiting) => wait(world, settings, &waiting, printer).await,
    }
}

/// Shows how far the rollouts are until they are final, then prints the last pass and how each of them ended.
async fn wait(world: &World, settings: &Settings, waiting: &Waiting, printer: &Printer) -> Result<Exit, Failure> {
    let Surroundings {
        style,
        progress,
        messages,
        log_format,
        ..
    } = &printer.surroundings;
    let messages = Style {
        all_namespaces: style.all_namespaces,
        ..*messages
    };
    let live = RefCell::new(Live::new(progress.clone(), "STATE", messages));
    let waiting = sync::wait(world, settings, waiting, |rows| {
        for line in live.borrow_mut().update(rows) {
            if *log_format == LogFormat::Text {
                super::complain(&line);
            }
        }
    });
    let redraw = async {
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            seconds.tick().await;
            live.borrow().draw();
        }
    };
    let waited = tokio::select! {
        waited = waiting => waited,
        never = redraw => never,
    };
    let elapsed = live.borrow().elapsed();
    progress.finish();
    let waited = waited?;
    let exit = printer.print(&waited.pass)?;
    printer.tell_actions(&waited.pass.document, true);
    if *log_format == LogFormat::Text {
        for line in report::sentences(&waited.pass.document, waited.ended, elapsed, messages) {
            super::complain(&line);
        }
    }
    Ok(match (exit, waited.ended) {
        (Exit::Done, Ended::Stopped) => printer.first_signal.exit().unwrap_or(Exit::Interrupted),
        (Exit::Done, Ended::TimedOut) => Exit::TimedOut,
        (Exit::Done, Ended::Final) if waited.pass.document.results.iter().any(SourceResult::has_failed) => {
            Exit::RolloutFailed
        }
        (exit, _) => exit,
    })
}

/// Prints passes.
struct Printer {
    output: Format,
    exit_zero: bool,
    exit_code: bool,
    first_signal: signals::First,
    surroundings: Surroundings,
}

impl Printer {
    /// Prints the document, and says what the pass alone deserves.
    fn print(&self, pass: &Pass) -> Result<Exit, Failure> {
        self.surroundings.progress.finish();
        let mut text = Vec::new();
        report::render(&pass.document, self.output, &mut text, self.surroundings.style).map_err(Failure::cannot_run)?;
        print(&text)?;
        Ok(if pass.timed_out {
            Exit::TimedOut
        } else {
            Exit::of(&pass.document, self.exit_zero, self.exit_code)
        })
    }

    /// Tells GitHub Actions about the last pass of a run. A loop has none: its summaries would only grow.
    fn tell_actions(&self, document: &Document, waited: bool) {
        if let Some(step) = &self.surroundings.step {
            step.tell(document, waited, self.surroundings.log_format);
            step.put_outputs(document);
        }
    }
}

/// What was configured, in the words of a pass.
async fn settings(config: SyncConfig, world: &World, situations: bool) -> Result<Settings, Failure> {
    let SyncConfig {
        declarations,
        objects,
        cluster: _,
        namespace,
        github,
        details,
        cluster_name,
        dry_run,
        exit_code: _,
        exit_zero: _,
        write_status,
        output: _,
        repeat,
        deadline,
        max_writes,
        since,
        no_cross_namespace_refs,
        repository_allow,
    } = config;
    let namespace = namespace_or_default(namespace, world.kubernetes.as_ref());
    Ok(Settings {
        declared_in: declared_in(
            declarations,
            namespace,
            &objects,
            world.kubernetes.as_ref(),
            &world.kept,
        )
        .await?,
        objects_in: match objects {
            Objects::Cluster => ObjectsIn::Cluster,
            Objects::Files(paths) => ObjectsIn::Files(paths),
        },
        default_owner: github.owner,
        cluster_name,
        dry_run,
        since,
        details: match details {
            args::Details::Auto => Details::Auto,
            args::Details::Full => Details::Full,
            args::Details::Minimal => Details::Minimal,
        },
        cross_namespace_refs: !no_cross_namespace_refs,
        repository_allow,
        max_writes,
        write_status,
        fail_fast: matches!(repeat, Repeat::UntilFinal(Waiting { fail_fast: true, .. })),
        situations,
        deadline: Some(deadline),
    })
}

/// Where the sources are declared, after kinds that are not known were asked for.
pub(super) async fn declared_in(
    declarations: Declarations,
    namespace: String,
    objects: &Objects,
    kubernetes: Option<&Client>,
    kept: &Kept,
) -> Result<DeclaredIn, Failure> {
    Ok(match declarations {
        Declarations::Cluster {
            all_namespaces,
            selector,
        } => DeclaredIn::Cluster {
            scope: scope(all_namespaces, namespace),
            selector,
        },
        Declarations::Files(paths) => DeclaredIn::Files { paths, namespace },
        Declarations::Listed(Listed { file, objects }) => DeclaredIn::Listed {
            file,
            objects,
            namespace,
        },
        Declarations::Flags {
            typed,
            all_namespaces,
            spec,
            git_ref,
            generation,
        } => {
            let known = match (objects, kubernetes) {
                (Objects::Cluster, Some(client)) => source::Objects::Cluster(Cluster::new(client.clone())),
                (Objects::Files(paths), _) if !typed.is_known() => {
                    source::Objects::Files(source::objects_from_files(paths, kept).map_err(Failure::cannot_run)?)
                }
                _ => source::Objects::Files(Vec::new()),
            };
            DeclaredIn::Flags {
                chosen: typed.resolve(&known, scope(all_namespaces, namespace)).await?,
                spec,
                git_ref,
                generation,
            }
        }
    })
}

/// One namespace or all.
pub(super) fn scope(all_namespaces: bool, namespace: String) -> Scope {
    if all_namespaces {
        Scope::All
    } else {
        Scope::Namespace(namespace)
    }
}

/// As kubectl: the flag, else the namespace of the context, else `default`.
pub(super) fn namespace_or_default(namespace: Option<String>, kubernetes: Option<&Client>) -> String {
    namespace.unwrap_or_else(|| kubernetes.map_or("default", Client::default_namespace).to_owned())
}

/// [`namespace_or_default`], from the files that a client would be made of.
pub(super) async fn namespace_without_connecting(namespace: Option<String>, cluster: Option<&ClusterConfig>) -> String {
    match (namespace, cluster) {
        (Some(namespace), _) => namespace,
        (None, Some(cluster)) => cluster::default_namespace(cluster).await,
        (None, None) => "default".to_owned(),
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Source(SourceError::Choice(error)) => error.into(),
            RunError::DeadlineExceeded => Self {
                exit: Exit::TimedOut,
                error: error.into(),
            },
            error => Self::cannot_run(error),
        }
    }
}
