//! What the arguments of `extract` mean.

use std::path::PathBuf;

use super::{ClusterConfig, ConfigError, namespace_name, not_empty, stdin_count};
use crate::{
    cli::{
        args::{ExtractArguments, KubernetesArguments},
        kinds::Typed,
    },
    crd::Extract,
    report::RefFormat,
};

/// Everything an `extract` needs.
#[derive(Debug)]
pub struct ExtractConfig {
    /// The objects; none: every object of `files`.
    pub typed: Option<Typed>,
    /// In all namespaces; else in `namespace`.
    pub all_namespaces: bool,
    /// Files, folders, or `-` for stdin.
    pub files: Vec<PathBuf>,
    /// How the cluster is reached.
    pub cluster: ClusterConfig,
    /// As [`super::SyncConfig::namespace`].
    pub namespace: Option<String>,
    /// As [`super::StatusConfig::only_in`].
    pub only_in: Option<String>,
    /// How the ref is found.
    pub rule: Extract,
    /// Form of the result.
    pub output: RefFormat,
}

impl ExtractConfig {
    /// The meaning of `extract`'s arguments.
    ///
    /// # Errors
    /// Bad usage.
    pub fn new(arguments: ExtractArguments) -> Result<Self, ConfigError> {
        let ExtractArguments {
            file: _,
            object,
            filename,
            namespace,
            namespace_is_default,
            all_namespaces,
            selector,
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
        namespace_name(namespace.as_deref())?;
        let typed = match object.as_slice() {
            [] => None,
            words => Some(Typed::parse(words, not_empty(selector).as_deref())?),
        };
        if all_namespaces && !matches!(typed, Some(Typed::Labelled { .. })) {
            return Err(ConfigError::NamesEverywhere);
        }
        Ok(Self {
            typed,
            all_namespaces,
            files: filename,
            cluster: ClusterConfig { kubeconfig, context },
            only_in: namespace.clone().filter(|_| !namespace_is_default),
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
