//! What the command line and the environment mean: complete, checked, and made before anything is asked over a
//! network. Each struct of arguments is taken apart field by field, so that a forgotten flag does not compile.

use std::{path::PathBuf, time::Duration};

use globset::{GlobBuilder, GlobMatcher};

use super::{
    actions::Step,
    args::{
        CloseArguments, Details, DoctorArguments, ExtractArguments, FlagSourceArguments, GitHubArguments,
        KubernetesArguments, LimitArguments, SourceArguments, StatusArguments, SyncArguments, SyncOutputArguments,
    },
    credentials::{self, CredentialsError},
    kinds::{self, TypeNameError},
};
use crate::{
    crd::{Extract, GitHubDeploymentSpec, RepositorySpec, SourceRef},
    extract::is_legal_ref,
    github::{Address, AddressError, Credentials},
    plan::{Repository, RepositoryError},
    report::{CheckFormat, Format, HealthFormat, RefFormat},
};

/// The time after which `--wait` gives up where `--timeout` is not given.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// GitHub's limit for the name of an environment, in characters.
const ENVIRONMENT_LENGTH: usize = 255;

/// The environment of the process, as a function so that a test can give its own.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Everything a `sync` needs.
#[derive(Debug)]
pub struct SyncConfig {
    /// Where the declarations come from.
    pub declarations: Declarations,
    /// Where the observed objects come from.
    pub objects: Objects,
    /// How the cluster is reached; none if everything comes from files.
    pub cluster: Option<ClusterConfig>,
    /// Namespace of documents in files, and of a source from flags; none: that of the context, else `default`.
    pub namespace: Option<String>,
    /// GitHub.
    pub github: GitHubConfig,
    /// `--details`
    pub details: Details,
    /// `--cluster-name`
    pub cluster_name: Option<String>,
    /// Write nothing anywhere.
    pub dry_run: bool,
    /// Exit 6 where a dry run would write.
    pub exit_code: bool,
    /// Exit 0 where only single objects failed.
    pub exit_zero: bool,
    /// Write status and events of GitHubDeployment objects in the cluster.
    pub write_status: bool,
    /// Form of the result.
    pub output: Format,
    /// Once, at an interval, or until all is final.
    pub repeat: Repeat,
    /// The longest that one pass may take.
    pub deadline: Duration,
    /// The most writes to GitHub in a pass.
    pub max_writes: usize,
    /// Successes that are older, and that GitHub does not know, are left alone.
    pub since: Option<Duration>,
    /// A source must be in the namespace of its GitHubDeployment.
    pub no_cross_namespace_refs: bool,
    /// Repositories that may be written to; empty: all.
    pub repository_allow: Vec<RepositoryAllow>,
}

/// Everything a `status` needs.
#[derive(Debug)]
pub struct StatusConfig {
    /// What is looked at.
    pub subject: Subject,
    /// Where the objects come from.
    pub objects: Objects,
    /// How the cluster is reached; none if everything comes from files.
    pub cluster: Option<ClusterConfig>,
    /// As [`SyncConfig::namespace`].
    pub namespace: Option<String>,
    /// Form of the result.
    pub output: HealthFormat,
    /// Say how each health was found.
    pub explain: bool,
    /// Look again until every object is final, at most this long.
    pub wait: Option<Duration>,
}

/// Everything a `doctor` needs. What is wrong with GitHub's part is a finding, not bad usage.
#[derive(Debug)]
pub struct DoctorConfig {
    /// Where the declarations come from; none if only repositories are looked at.
    pub declarations: Option<Declarations>,
    /// Where the observed objects come from.
    pub objects: Objects,
    /// How the cluster is reached; none if it is not looked at.
    pub cluster: Option<ClusterConfig>,
    /// As [`SyncConfig::namespace`].
    pub namespace: Option<String>,
    /// Repositories that are looked at whatever is declared.
    pub repositories: Vec<Repository>,
    /// GitHub.
    pub github: GitHubParts,
    /// The id of a GitHub App is set.
    pub app_is_set: bool,
    /// Form of the result.
    pub output: CheckFormat,
}

/// Everything an `extract` needs.
#[derive(Debug)]
pub struct ExtractConfig {
    /// The object; none: every object of `files`.
    pub object: Option<SourceRef>,
    /// Files, folders, or `-` for stdin.
    pub files: Vec<PathBuf>,
    /// How the cluster is reached.
    pub cluster: ClusterConfig,
    /// As [`SyncConfig::namespace`]; of objects in files only those of it, if it is given.
    pub namespace: Option<String>,
    /// How the ref is found.
    pub rule: Extract,
    /// Form of the result.
    pub output: RefFormat,
}

/// Everything a `close` needs.
#[derive(Debug)]
pub struct CloseConfig {
    /// The repository.
    pub repository: Repository,
    /// The environment.
    pub environment: String,
    /// Only this task; none: all.
    pub task: Option<String>,
    /// Write nothing.
    pub dry_run: bool,
    /// Form of the result.
    pub output: Format,
    /// GitHub.
    pub github: GitHubConfig,
    /// The longest that it may take.
    pub deadline: Duration,
    /// The most writes to GitHub.
    pub max_writes: usize,
}

/// What `status` looks at.
#[derive(Debug)]
pub enum Subject {
    /// The objects that declarations name.
    Declared(Declarations),
    /// One object.
    Object(SourceRef),
    /// Every object of `--objects`.
    Objects,
    /// What the GitHubDeployments of files name, and every object of another kind there.
    Files(Vec<PathBuf>),
}

/// Where the declarations come from.
#[derive(Debug)]
pub enum Declarations {
    /// GitHubDeployment objects of the cluster.
    Cluster {
        /// True for all namespaces, else [`SyncConfig::namespace`].
        all_namespaces: bool,
        /// Labels.
        selector: Option<String>,
    },
    /// GitHubDeployment objects in files, folders, or `-` for stdin.
    Files(Vec<PathBuf>),
    /// One source from flags.
    Flags {
        /// What a GitHubDeployment would say.
        spec: Box<GitHubDeploymentSpec>,
        /// `--ref`
        git_ref: Option<String>,
    },
}

/// Where the observed objects come from.
#[derive(Debug, PartialEq, Eq)]
pub enum Objects {
    /// The cluster.
    Cluster,
    /// Files, folders, or `-` for stdin.
    Files(Vec<PathBuf>),
}

/// How the cluster is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterConfig {
    /// `--kubeconfig`
    pub kubeconfig: Option<PathBuf>,
    /// `--context`
    pub context: Option<String>,
}

/// How often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// One pass.
    Once,
    /// A pass every so often, until a signal.
    Every(Duration),
    /// Passes until every source is final, at most this long.
    UntilFinal(Duration),
}

/// How GitHub is reached.
#[derive(Debug)]
pub struct GitHubConfig {
    /// Address of the REST API, without credentials, query or fragment.
    pub api: url::Url,
    /// Who we are.
    pub credentials: Credentials,
    /// The variable that holds the token.
    pub token_variable: &'static str,
    /// The program runs in a workflow of GitHub Actions.
    pub in_workflow: bool,
    /// Owner of repositories that are named without one.
    pub owner: Option<String>,
}

/// How GitHub is reached, each part for itself.
#[derive(Debug)]
pub struct GitHubParts {
    /// As [`GitHubConfig::api`].
    pub api: Result<url::Url, ConfigError>,
    /// As [`GitHubConfig::credentials`], and where they come from.
    pub credentials: Result<credentials::Found, ConfigError>,
    /// As [`GitHubConfig::in_workflow`].
    pub in_workflow: bool,
    /// As [`GitHubConfig::owner`].
    pub owner: Option<String>,
}

/// Repositories that may be written to.
#[derive(Clone, Debug)]
pub struct RepositoryAllow {
    /// Namespace of the GitHubDeployment; none: any.
    pub namespace: Option<String>,
    /// Matches `owner/name`, without case, as GitHub compares.
    pub repositories: GlobMatcher,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// TYPE/NAME.
    #[error(transparent)]
    TypeName(#[from] TypeNameError),
    /// A flag is missing beside TYPE/NAME.
    #[error(
        "{object} needs {missing}; write for example: sync {object} --repo shop/app --environment staging --container app"
    )]
    FlagMissing {
        /// TYPE/NAME.
        object: String,
        /// The flags.
        missing: &'static str,
    },
    /// A repository.
    #[error("--repo: {error}; write OWNER/NAME, or give the owner with --github-org or GITHUB_ORG")]
    Repository {
        /// What is wrong with it.
        error: RepositoryError,
    },
    /// The event of a pull request.
    #[error(
        "cannot read the head commit of the pull request from the event in {path:?} ({problem}); give it with --ref"
    )]
    Event {
        /// What `GITHUB_EVENT_PATH` names.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A text that must not be empty, or is too long.
    #[error("{flag} is {problem}")]
    Text {
        /// The flag.
        flag: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// stdin can be read once.
    #[error("only one of -f and --objects can be -, and only once: stdin can be read once")]
    StdinTwice,
    /// A glob.
    #[error("--repository-allow {text:?}: {problem}")]
    RepositoryAllow {
        /// What was typed.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Address or id of an App.
    #[error("{flag} {text:?} {problem}")]
    GitHub {
        /// The flag.
        flag: &'static str,
        /// What was typed.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Not the address of an API.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Nothing wrong with the command line; the credentials are missing.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl SyncConfig {
    /// The meaning of `sync`'s arguments.
    ///
    /// # Errors
    /// Bad usage, or no credentials.
    pub fn new(arguments: SyncArguments, variables: Variables<'_>) -> Result<Self, ConfigError> {
        let SyncArguments {
            source,
            repo,
            flags,
            output:
                SyncOutputArguments {
                    dry_run,
                    output,
                    exit_code,
                    exit_zero,
                    write_status,
                },
            github,
            details,
            kubernetes,
            cluster_name,
            limits:
                LimitArguments {
                    interval,
                    wait,
                    timeout,
                    deadline,
                    max_writes,
                    since,
                    no_cross_namespace_refs,
                    repository_allow,
                },
        } = arguments;
        let owner = not_empty(github.github_org.clone());
        let Source {
            subject,
            objects,
            cluster,
            namespace,
        } = Source::new(source, kubernetes)?;
        let declarations = match subject {
            TypedSubject::Declared(declarations) => declarations,
            TypedSubject::Object { typed, source_ref } => from_flags(
                typed,
                source_ref,
                repo,
                flags,
                owner.as_deref(),
                Step::read(variables).as_ref(),
            )?,
        };
        if let Some(name) = &cluster_name {
            text("--cluster-name", name, usize::MAX)?;
        }
        let repository_allow = repository_allow
            .iter()
            .map(|allow| RepositoryAllow::new(allow))
            .collect::<Result<_, _>>()?;
        let repeat = match (interval, wait) {
            (Some(interval), _) => Repeat::Every(interval),
            (None, true) => Repeat::UntilFinal(timeout.unwrap_or(DEFAULT_TIMEOUT)),
            (None, false) => Repeat::Once,
        };
        Ok(Self {
            declarations,
            objects,
            cluster,
            namespace,
            github: GitHubConfig::new(github, variables)?,
            details,
            cluster_name,
            dry_run,
            exit_code,
            exit_zero,
            write_status,
            output,
            repeat,
            deadline,
            max_writes,
            since,
            no_cross_namespace_refs,
            repository_allow,
        })
    }

    /// True if something is read from stdin.
    #[must_use]
    pub fn reads_stdin(&self) -> bool {
        stdin_count(self.declarations.paths()) + stdin_count(self.objects.paths()) > 0
    }
}

impl StatusConfig {
    /// The meaning of `status`'s arguments.
    ///
    /// # Errors
    /// Bad usage.
    pub fn new(arguments: StatusArguments) -> Result<Self, ConfigError> {
        let StatusArguments {
            source,
            output,
            explain,
            wait,
            timeout,
            kubernetes,
        } = arguments;
        let only_objects = source.object.is_none()
            && source.filename.is_empty()
            && !source.all_namespaces
            && source.selector.is_none()
            && !source.objects.is_empty();
        let Source {
            subject,
            objects,
            cluster,
            namespace,
        } = Source::new(source, kubernetes)?;
        let (subject, cluster) = match subject {
            TypedSubject::Declared(_) if only_objects => (Subject::Objects, None),
            TypedSubject::Declared(Declarations::Files(paths)) => (Subject::Files(paths), cluster),
            TypedSubject::Declared(declarations) => (Subject::Declared(declarations), cluster),
            TypedSubject::Object { source_ref, .. } => (Subject::Object(source_ref), cluster),
        };
        Ok(Self {
            subject,
            objects,
            cluster,
            namespace,
            output,
            explain,
            wait: wait.then_some(timeout.unwrap_or(DEFAULT_TIMEOUT)),
        })
    }
}

impl DoctorConfig {
    /// The meaning of `doctor`'s arguments.
    ///
    /// # Errors
    /// Bad usage.
    pub fn new(arguments: DoctorArguments, variables: Variables<'_>) -> Result<Self, ConfigError> {
        let DoctorArguments {
            source,
            mut repo,
            flags,
            output,
            github,
            kubernetes,
        } = arguments;
        let only_repositories = !repo.is_empty()
            && source.object.is_none()
            && source.filename.is_empty()
            && source.objects.is_empty()
            && source.namespace.is_none()
            && !source.all_namespaces
            && source.selector.is_none()
            && kubernetes.kubeconfig.is_none()
            && kubernetes.context.is_none();
        let owner = not_empty(github.github_org.clone());
        let Source {
            subject,
            objects,
            cluster,
            namespace,
        } = Source::new(source, kubernetes)?;
        let declarations = match subject {
            TypedSubject::Declared(_) if only_repositories => None,
            TypedSubject::Declared(declarations) => Some(declarations),
            TypedSubject::Object { typed, source_ref } => {
                let first = (!repo.is_empty()).then(|| repo.remove(0));
                Some(from_flags(
                    typed,
                    source_ref,
                    first,
                    flags,
                    owner.as_deref(),
                    Step::read(variables).as_ref(),
                )?)
            }
        };
        Ok(Self {
            cluster: cluster.filter(|_| declarations.is_some()),
            declarations,
            objects,
            namespace,
            repositories: repo
                .iter()
                .map(|typed| repository(typed, owner.as_deref()))
                .collect::<Result<_, _>>()?,
            app_is_set: not_empty(github.github_app_id.clone()).is_some(),
            github: GitHubParts::new(github, variables),
            output,
        })
    }

    /// True if something is read from stdin.
    #[must_use]
    pub fn reads_stdin(&self) -> bool {
        let declarations = self.declarations.as_ref().map_or(&[][..], Declarations::paths);
        stdin_count(declarations) + stdin_count(self.objects.paths()) > 0
    }
}

impl ExtractConfig {
    /// The meaning of `extract`'s arguments.
    ///
    /// # Errors
    /// Bad usage.
    pub fn new(arguments: ExtractArguments) -> Result<Self, ConfigError> {
        let ExtractArguments {
            object,
            filename,
            namespace,
            container,
            json_path,
            regexp,
            template,
            output,
            kubernetes: KubernetesArguments { kubeconfig, context },
        } = arguments;
        if stdin_count(&filename) > 1 {
            return Err(ConfigError::StdinTwice);
        }
        if let Some(namespace) = &namespace {
            text("--namespace", namespace, usize::MAX)?;
        }
        Ok(Self {
            object: object.as_deref().map(kinds::parse).transpose()?,
            files: filename,
            cluster: ClusterConfig { kubeconfig, context },
            namespace,
            rule: Extract {
                container_name: not_empty(container),
                json_path: not_empty(json_path),
                regexp: not_empty(regexp),
                template: not_empty(template),
            },
            output,
        })
    }
}

impl CloseConfig {
    /// The meaning of `close`'s arguments.
    ///
    /// # Errors
    /// Bad usage, or no credentials.
    pub fn new(arguments: CloseArguments, variables: Variables<'_>) -> Result<Self, ConfigError> {
        let CloseArguments {
            repo,
            environment,
            task,
            dry_run,
            output,
            github,
            deadline,
            max_writes,
        } = arguments;
        let owner = not_empty(github.github_org.clone());
        text("--environment", &environment, ENVIRONMENT_LENGTH)?;
        if let Some(task) = &task {
            text("--task", task, usize::MAX)?;
        }
        Ok(Self {
            repository: repository(&repo, owner.as_deref())?,
            environment,
            task,
            dry_run,
            output,
            github: GitHubConfig::new(github, variables)?,
            deadline,
            max_writes,
        })
    }
}

impl Declarations {
    /// The paths; none for the cluster and for flags.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        match self {
            Self::Files(paths) => paths,
            Self::Cluster { .. } | Self::Flags { .. } => &[],
        }
    }
}

impl Objects {
    /// The paths; none for the cluster.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        match self {
            Self::Cluster => &[],
            Self::Files(paths) => paths,
        }
    }
}

impl RepositoryAllow {
    fn new(typed: &str) -> Result<Self, ConfigError> {
        let error = |problem: String| ConfigError::RepositoryAllow {
            text: typed.to_owned(),
            problem,
        };
        let (namespace, glob) = match typed.split_once('=') {
            Some((namespace, glob)) => (Some(namespace), glob),
            None => (None, typed),
        };
        if namespace.is_some_and(str::is_empty) {
            return Err(error("the namespace before = is empty".to_owned()));
        }
        // A glob without a slash would match no repository at all, since * does not match one.
        if !glob.contains('/') {
            return Err(error("write OWNER/NAME, such as shop/* or */*".to_owned()));
        }
        let repositories = GlobBuilder::new(glob)
            .case_insensitive(true)
            .literal_separator(true)
            .build()
            .map_err(|cause| error(cause.kind().to_string()))?
            .compile_matcher();
        Ok(Self {
            namespace: namespace.map(ToOwned::to_owned),
            repositories,
        })
    }

    /// True if a GitHubDeployment of `namespace` may write to `repository`.
    #[must_use]
    pub fn allows(&self, namespace: Option<&str>, repository: &Repository) -> bool {
        self.namespace.as_deref().is_none_or(|only| namespace == Some(only))
            && self.repositories.is_match(repository.to_string())
    }
}

impl GitHubConfig {
    fn new(arguments: GitHubArguments, variables: Variables<'_>) -> Result<Self, ConfigError> {
        let GitHubParts {
            api,
            credentials,
            in_workflow,
            owner,
        } = GitHubParts::new(arguments, variables);
        let api = api?;
        let found = credentials?;
        Ok(Self {
            api,
            credentials: found.credentials,
            token_variable: found.token_variable,
            in_workflow,
            owner,
        })
    }
}

impl GitHubParts {
    fn new(arguments: GitHubArguments, variables: Variables<'_>) -> Self {
        let GitHubArguments {
            github_api,
            github_org,
            github_app_id,
            github_app_installation_id,
            github_app_private_key_file,
        } = arguments;
        let api = not_empty(github_api)
            .or_else(|| not_empty(variables("GITHUB_API_URL")))
            .unwrap_or_else(|| "https://api.github.com".to_owned());
        let app_id = not_empty(github_app_id).map(|id| id.trim().to_owned());
        let key_file = github_app_private_key_file.filter(|path| !path.as_os_str().is_empty());
        let credentials = number("--github-app-installation-id", github_app_installation_id)
            .and_then(|installation| Ok(credentials::read(app_id, installation, key_file.as_deref(), variables)?));
        Self {
            api: api_address(&api),
            credentials,
            in_workflow: Step::read(variables).is_some(),
            owner: not_empty(github_org),
        }
    }
}

/// The arguments that `sync` and `status` share, taken apart.
struct Source {
    subject: TypedSubject,
    objects: Objects,
    cluster: Option<ClusterConfig>,
    namespace: Option<String>,
}

enum TypedSubject {
    Declared(Declarations),
    Object { typed: String, source_ref: SourceRef },
}

impl Source {
    fn new(source: SourceArguments, kubernetes: KubernetesArguments) -> Result<Self, ConfigError> {
        let SourceArguments {
            object,
            filename,
            objects,
            namespace,
            all_namespaces,
            selector,
        } = source;
        let KubernetesArguments { kubeconfig, context } = kubernetes;
        if stdin_count(&filename) + stdin_count(&objects) > 1 {
            return Err(ConfigError::StdinTwice);
        }
        if let Some(namespace) = &namespace {
            text("--namespace", namespace, usize::MAX)?;
        }
        let objects = match objects {
            paths if paths.is_empty() => Objects::Cluster,
            paths => Objects::Files(paths),
        };
        let subject = match object {
            Some(typed) => TypedSubject::Object {
                source_ref: kinds::parse(&typed)?,
                typed,
            },
            None if !filename.is_empty() => TypedSubject::Declared(Declarations::Files(filename)),
            None => TypedSubject::Declared(Declarations::Cluster {
                all_namespaces,
                selector: not_empty(selector),
            }),
        };
        let from_cluster = matches!(subject, TypedSubject::Declared(Declarations::Cluster { .. }));
        Ok(Self {
            cluster: (from_cluster || objects == Objects::Cluster).then_some(ClusterConfig { kubeconfig, context }),
            subject,
            objects,
            namespace,
        })
    }
}

fn from_flags(
    typed: String,
    source_ref: SourceRef,
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
        task,
        production,
        transient,
        environment_url,
        log_url,
    } = flags;
    let missing = |missing| ConfigError::FlagMissing {
        object: typed.clone(),
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
    text("--environment", &environment, ENVIRONMENT_LENGTH)?;
    for (flag, value) in [("--task", &task), ("--ref", &git_ref)] {
        if let Some(value) = value {
            text(flag, value, usize::MAX)?;
        }
    }
    if git_ref.as_deref().is_some_and(|git_ref| !is_legal_ref(git_ref)) {
        return Err(ConfigError::Text {
            flag: "--ref",
            problem: "not a name that git takes for a branch or tag, nor a commit",
        });
    }
    let spec = GitHubDeploymentSpec {
        source_ref,
        extract: Extract {
            container_name,
            json_path,
            regexp,
            template,
        },
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
        spec: Box::new(spec),
        git_ref,
    })
}

fn repository(typed: &str, owner: Option<&str>) -> Result<Repository, ConfigError> {
    Repository::parse(typed, owner).map_err(|error| ConfigError::Repository { error })
}

/// Pipelines set variables that do not apply to an empty text.
fn not_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

fn text(flag: &'static str, value: &str, longest: usize) -> Result<(), ConfigError> {
    if value.trim().is_empty() {
        return Err(ConfigError::Text {
            flag,
            problem: "empty; write a name, or leave the flag out",
        });
    }
    if value.chars().count() > longest {
        return Err(ConfigError::Text {
            flag,
            problem: "too long; GitHub takes at most 255 characters",
        });
    }
    Ok(())
}

fn number(flag: &'static str, typed: Option<String>) -> Result<Option<u64>, ConfigError> {
    not_empty(typed)
        .map(|text| {
            text.trim().parse().map_err(|_| ConfigError::GitHub {
                flag,
                text,
                problem: "is not a number; it ends the address of the installation's settings page",
            })
        })
        .transpose()
}

fn stdin_count(paths: &[PathBuf]) -> usize {
    paths.iter().filter(|path| path.as_os_str() == "-").count()
}

/// The address in the one form that [`crate::github::Settings`] takes.
fn api_address(typed: &str) -> Result<url::Url, ConfigError> {
    let address = Address::parse(typed)?;
    url::Url::parse(address.rest()).map_err(|_| AddressError::Invalid { text: typed.to_owned() }.into())
}

#[cfg(test)]
mod tests;
