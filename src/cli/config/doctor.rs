//! What the arguments of `doctor` mean.

use std::path::PathBuf;

use super::{
    ClusterConfig, ConfigError, Declarations, GitHubParts, Objects, Variables, not_empty, repository,
    source::{Source, TypedSubject, from_flags},
};
use crate::{
    cli::{actions::Step, args::DoctorArguments},
    plan::Repository,
    report::CheckFormat,
};

/// Everything a `doctor` needs. What is wrong with GitHub's part is a finding, not bad usage.
#[derive(Debug)]
pub struct DoctorConfig {
    /// Where the declarations come from; none if only repositories are looked at.
    pub declarations: Option<Declarations>,
    /// Where the observed objects come from.
    pub objects: Objects,
    /// How the cluster is reached; none if it is not looked at.
    pub cluster: Option<ClusterConfig>,
    /// As [`super::SyncConfig::namespace`].
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

impl DoctorConfig {
    /// The meaning of `doctor`'s arguments.
    ///
    /// # Errors
    /// Bad usage.
    pub fn new(arguments: DoctorArguments, variables: Variables<'_>) -> Result<Self, ConfigError> {
        let DoctorArguments {
            file: _,
            source,
            mut repo,
            flags,
            output,
            github,
            kubernetes,
        } = arguments;
        let only_repositories = !repo.is_empty()
            && source.object.is_empty()
            && source.filename.is_empty()
            && source.objects.is_empty()
            && source.listed.is_none()
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
            only_in: _,
        } = Source::new(source, kubernetes)?;
        let declarations = match subject {
            TypedSubject::Declared(_) if only_repositories => None,
            TypedSubject::Declared(declarations) => Some(declarations),
            TypedSubject::Typed { typed, all_namespaces } => {
                let first = (!repo.is_empty()).then(|| repo.remove(0));
                Some(from_flags(
                    typed,
                    all_namespaces,
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

    /// Everything that is read from files, folders and stdin.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let declarations = self.declarations.as_ref().map_or(&[][..], Declarations::paths);
        declarations.iter().chain(self.objects.paths())
    }
}
