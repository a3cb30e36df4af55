//! TYPE/NAME: kubectl's names for the built-in kinds, without asking a cluster.

use super::{Failure, exit::Exit};
use crate::{
    crd::{GitHubDeploymentSpec, SourceRef},
    source::{BUILT_IN_KINDS, ObjectReference},
};

/// A TYPE/NAME that names no object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypeNameError {
    /// Not two parts.
    #[error("{text:?} is not of the form TYPE/NAME; write for example deployment/app")]
    Form {
        /// What was typed.
        text: String,
    },
    /// Not a built-in kind, and too little to find a custom one.
    #[error(
        "{kind:?} is not a built-in kind; write a custom kind with its version and group as KIND.VERSION.GROUP/NAME, \
         for example Rollout.v1alpha1.argoproj.io/app"
    )]
    Kind {
        /// The part before the slash.
        kind: String,
    },
}

/// Reads TYPE/NAME: singular, plural or short name of a built-in kind in any case, with or without its group
/// (`deployments.apps`) or version and group (`deployments.v1.apps`); or KIND.VERSION.GROUP of any kind.
///
/// # Errors
/// When the text has another form, or the kind is not known.
pub fn parse(text: &str) -> Result<SourceRef, TypeNameError> {
    let form = || TypeNameError::Form { text: text.to_owned() };
    let (kind, name) = text.split_once('/').ok_or_else(form)?;
    if kind.is_empty() || name.is_empty() || name.contains('/') {
        return Err(form());
    }
    let (api_version, kind) = resolve(kind).ok_or_else(|| TypeNameError::Kind { kind: kind.to_owned() })?;
    Ok(SourceRef {
        api_version: Some(api_version),
        kind,
        name: name.to_owned(),
        namespace: None,
    })
}

/// The object that was typed, in a namespace.
///
/// # Errors
/// When it may not be read, as a Secret.
pub(super) fn reference(source_ref: SourceRef, namespace: &str) -> Result<ObjectReference, Failure> {
    let spec = GitHubDeploymentSpec {
        source_ref,
        ..GitHubDeploymentSpec::default()
    };
    ObjectReference::of(&spec, namespace).map_err(|error| Failure {
        exit: Exit::SomeFailed,
        error: error.into(),
    })
}

fn resolve(typed: &str) -> Option<(String, String)> {
    let (word, rest) = typed.split_once('.').unwrap_or((typed, ""));
    let lower = word.to_ascii_lowercase();
    let built_in = BUILT_IN_KINDS.iter().find(|known| {
        let (group, version) = known.api_version.split_once('/').unwrap_or(("", known.api_version));
        let here = rest.is_empty() || rest == group || rest == format!("{version}.{group}");
        let named = known.kind.to_ascii_lowercase() == lower || known.plural == lower || known.short == lower;
        here && named && !lower.is_empty()
    });
    if let Some(known) = built_in {
        return Some((known.api_version.to_owned(), known.kind.to_owned()));
    }
    let (version, group) = rest.split_once('.')?;
    let is_version = version.starts_with('v') && version[1..].starts_with(|c: char| c.is_ascii_digit());
    let is_kind = word.starts_with(|c: char| c.is_ascii_uppercase());
    (is_version && is_kind && !group.is_empty()).then(|| (format!("{group}/{version}"), word.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_built_in_and_custom_kinds() {
        for (typed, expected) in [
            ("deployment/app", "apps/v1 Deployment app"),
            ("deployments/app", "apps/v1 Deployment app"),
            ("deploy/app", "apps/v1 Deployment app"),
            ("Deployment/app", "apps/v1 Deployment app"),
            ("deployments.apps/app", "apps/v1 Deployment app"),
            ("deployment.v1.apps/app", "apps/v1 Deployment app"),
            ("sts/db", "apps/v1 StatefulSet db"),
            ("po/one", "v1 Pod one"),
            ("pod.v1./one", "v1 Pod one"),
            ("ing/web", "networking.k8s.io/v1 Ingress web"),
            ("ingresses.networking.k8s.io/web", "networking.k8s.io/v1 Ingress web"),
            ("netpol/deny", "networking.k8s.io/v1 NetworkPolicy deny"),
            ("cj/nightly", "batch/v1 CronJob nightly"),
            (
                "crd/rollouts.argoproj.io",
                "apiextensions.k8s.io/v1 CustomResourceDefinition rollouts.argoproj.io",
            ),
            ("secret/token", "v1 Secret token"),
            ("Rollout.v1alpha1.argoproj.io/app", "argoproj.io/v1alpha1 Rollout app"),
            (
                "Deployment.v1beta1.example.com/app",
                "example.com/v1beta1 Deployment app",
            ),
        ] {
            let found = parse(typed).map(|s| format!("{} {} {}", s.api_version.unwrap_or_default(), s.kind, s.name));
            assert_eq!(found.as_deref(), Ok(expected), "{typed}");
        }
    }

    #[test]
    fn what_names_nothing() {
        for typed in ["deployment", "", "/app", "deployment/", "deployment/app/x"] {
            assert!(matches!(parse(typed), Err(TypeNameError::Form { .. })), "{typed}");
        }
        for typed in [
            "rollout/app",
            "rollout.argoproj.io/app",
            "deployment.extensions/app",
            "rollout.v1.x.io/app",
            "Rollout.v.x.io/app",
        ] {
            assert!(matches!(parse(typed), Err(TypeNameError::Kind { .. })), "{typed}");
        }
    }
}
