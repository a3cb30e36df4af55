//! Which objects are meant, and what flags say about them.

use super::{
    ClusterConfig, ConfigError, Declarations, Objects, namespace_name, not_empty, repository, stdin_count, text,
};
use crate::{
    cli::{
        actions::Step,
        args::{FlagSourceArguments, KubernetesArguments, SourceArguments},
        kinds::Typed,
    },
    crd::{Extract, GitHubDeploymentSpec, RepositorySpec},
    extract::{self, is_legal_ref},
};

/// The arguments that `sync` and `status` share, taken apart.
pub(super) struct Source {
    pub subject: TypedSubject,
    pub objects: Objects,
    pub cluster: Option<ClusterConfig>,
    pub namespace: Option<String>,
    /// Of objects that stand in files, only those of this namespace were asked for.
    pub only_in: Option<String>,
}

pub(super) enum TypedSubject {
    Declared(Declarations),
    Typed { typed: Typed, all_namespaces: bool },
}

impl Source {
    pub(super) fn new(source: SourceArguments, kubernetes: KubernetesArguments) -> Result<Self, ConfigError> {
        let SourceArguments {
            object,
            filename,
            objects,
            namespace,
            namespace_is_default,
            all_namespaces,
            selector,
            listed,
        } = source;
        let KubernetesArguments { kubeconfig, context } = kubernetes;
        if stdin_count(&filename) + stdin_count(&objects) > 1 {
            return Err(ConfigError::StdinTwice);
        }
        namespace_name(namespace.as_deref())?;
        let objects = match objects {
            paths if paths.is_empty() => Objects::Cluster,
            paths => Objects::Files(paths),
        };
        let selector = not_empty(selector);
        let subject = if !object.is_empty() {
            let typed = Typed::parse(&object, selector.as_deref())?;
            if all_namespaces && matches!(typed, Typed::Named(_)) {
                return Err(ConfigError::NamesEverywhere);
            }
            TypedSubject::Typed { typed, all_namespaces }
        } else if !filename.is_empty() {
            TypedSubject::Declared(Declarations::Files(filename))
        } else if let Some(listed) = listed {
            TypedSubject::Declared(Declarations::Listed(listed))
        } else {
            TypedSubject::Declared(Declarations::Cluster {
                all_namespaces,
                selector,
            })
        };
        let from_cluster = matches!(subject, TypedSubject::Declared(Declarations::Cluster { .. }));
        Ok(Self {
            cluster: (from_cluster || objects == Objects::Cluster).then_some(ClusterConfig { kubeconfig, context }),
            subject,
            objects,
            only_in: namespace.clone().filter(|_| !namespace_is_default),
            namespace,
        })
    }
}

pub(super) fn from_flags(
    typed: Typed,
    all_namespaces: bool,
    repo: Option<String>,
    flags: FlagSourceArguments,
    owner: Option<&str>,
    step: Option<&Step>,
) -> Result<Declarations, ConfigError> {
    let FlagSourceArguments {
        environment,
        container,
        json_path,
        regexp,
        template,
        git_ref,
        generation,
        task,
        production,
        transient,
        environment_url,
        log_url,
    } = flags;
    let missing = |missing| ConfigError::FlagMissing {
        object: typed.described(),
        missing,
    };
    // A step of a workflow most often reports what its own run has deployed.
    let repo = repo.or_else(|| step?.repository().map(ToOwned::to_owned));
    let repo = repo.ok_or_else(|| missing("--repo"))?;
    let environment = environment.ok_or_else(|| missing("--environment"))?;
    let container_name = not_empty(container);
    let json_path = not_empty(json_path);
    let regexp = not_empty(regexp);
    let template = not_empty(template);
    let extracts = container_name.is_some() || json_path.is_some() || regexp.is_some() || template.is_some();
    let git_ref = match (git_ref, step) {
        (None, Some(step)) if !extracts => step.commit()?,
        (git_ref, _) => git_ref,
    };
    if container_name.is_none() && json_path.is_none() && git_ref.is_none() {
        return Err(missing("one of --container, --json-path and --ref"));
    }
    if generation.is_some() && !matches!(&typed, Typed::Named(objects) if objects.len() == 1) {
        return Err(ConfigError::GenerationOfSeveral);
    }
    super::environment(&environment)?;
    for (flag, value) in [("--task", &task), ("--ref", &git_ref)] {
        if let Some(value) = value {
            text(flag, value)?;
        }
    }
    if git_ref.as_deref().is_some_and(|git_ref| !is_legal_ref(git_ref)) {
        return Err(ConfigError::Text {
            flag: "--ref",
            problem: "not a name that git takes for a branch or tag, nor a commit",
        });
    }
    let rule = Extract {
        container_name,
        json_path,
        regexp,
        template,
    };
    if extracts {
        extract::check(&rule)?;
    }
    let spec = GitHubDeploymentSpec {
        extract: rule,
        repository: RepositorySpec {
            name: repository(&repo, owner)?.to_string(),
            environment,
            task,
            production,
            transient,
            environment_url: not_empty(environment_url),
            log_url: not_empty(log_url).or_else(|| step?.address()),
            auto_inactive: None,
            recover: None,
        },
        ..GitHubDeploymentSpec::default()
    };
    Ok(Declarations::Flags {
        typed,
        all_namespaces,
        spec: Box::new(spec),
        git_ref,
        generation,
    })
}
