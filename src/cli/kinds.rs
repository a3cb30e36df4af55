//! Objects as kubectl takes them: `TYPE/NAME …`, `TYPE NAME …` and `TYPE -l LABELS`. Built-in kinds are known without
//! asking a cluster.

use super::{Failure, exit::Exit};
use crate::{
    crd::SourceRef,
    source::{self, BUILT_IN_KINDS, ChoiceError, Chosen, KindName, ObjectReference, Objects, Scope},
};

/// Words that name no object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypeNameError {
    /// Not two parts.
    #[error("{text:?} is not of the form TYPE/NAME; write for example deployment/app")]
    Form {
        /// What was typed.
        text: String,
    },
    /// A type, and no name or label.
    #[error("{text:?} is a type without a name; write for example {text}/app, {text} app, or {text} -l app=shop")]
    NameMissing {
        /// What was typed.
        text: String,
    },
    /// Two ways to say which objects.
    #[error("-l selects among all objects of a type; write {types} -l {selector} without a name, or leave -l out")]
    NameAndSelector {
        /// The types.
        types: String,
        /// The labels.
        selector: String,
    },
}

/// Objects as they were typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// Type and name of each.
    Named(Vec<(Type, String)>),
    /// All of these types that have the labels.
    Labelled {
        /// The types.
        types: Vec<Type>,
        /// As `kubectl -l` takes it.
        selector: String,
    },
}

/// The name of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// As it was typed.
    pub typed: String,
    /// The kind; none where only a cluster knows it.
    pub known: Option<KindName>,
}

impl Typed {
    /// Reads the words beside a command, of which there is at least one, and the value of `-l`.
    ///
    /// A type is the singular, plural or short name of a kind in any case, with or without its group
    /// (`deployments.apps`) or version and group (`deployments.v1.apps`). Several have commas between them.
    ///
    /// # Errors
    /// When the words have another form.
    pub fn parse(words: &[String], selector: Option<&str>) -> Result<Self, TypeNameError> {
        let with_slash = words.iter().any(|word| word.contains('/'));
        if let Some(selector) = selector {
            return match words {
                [types] if !with_slash => Ok(Self::Labelled {
                    types: Type::parse_all(types)?,
                    selector: selector.to_owned(),
                }),
                _ => Err(TypeNameError::NameAndSelector {
                    types: words
                        .first()
                        .and_then(|word| word.split('/').next())
                        .unwrap_or_default()
                        .to_owned(),
                    selector: selector.to_owned(),
                }),
            };
        }
        if with_slash {
            let pair = |word: &String| {
                let form = || TypeNameError::Form { text: word.clone() };
                let (kind, name) = word.split_once('/').ok_or_else(form)?;
                if name.is_empty() || name.contains('/') {
                    return Err(form());
                }
                Ok((Type::parse(kind).ok_or_else(form)?, name.to_owned()))
            };
            return Ok(Self::Named(words.iter().map(pair).collect::<Result<_, _>>()?));
        }
        let Some((types, names)) = words.split_first() else {
            return Ok(Self::Named(Vec::new()));
        };
        let types_of_all = Type::parse_all(types)?;
        if names.is_empty() {
            return Err(TypeNameError::NameMissing { text: types.clone() });
        }
        if let Some(empty) = names.iter().find(|name| name.is_empty()) {
            return Err(TypeNameError::Form { text: empty.clone() });
        }
        let pairs = types_of_all
            .iter()
            .flat_map(|kind| names.iter().map(|name| (kind.clone(), name.clone())));
        Ok(Self::Named(pairs.collect()))
    }

    /// What it is called in messages, as it could be typed.
    #[must_use]
    pub fn described(&self) -> String {
        match self {
            Self::Named(pairs) => {
                let pairs = pairs.iter().map(|(kind, name)| format!("{}/{name}", kind.typed));
                pairs.collect::<Vec<_>>().join(" ")
            }
            Self::Labelled { types, selector } => {
                let types: Vec<_> = types.iter().map(|kind| kind.typed.as_str()).collect();
                format!("{} -l {selector}", types.join(","))
            }
        }
    }

    /// True if every kind is known without asking.
    #[must_use]
    pub fn is_known(&self) -> bool {
        match self {
            Self::Named(pairs) => pairs.iter().all(|(kind, _)| kind.known.is_some()),
            Self::Labelled { types, .. } => types.iter().all(|kind| kind.known.is_some()),
        }
    }

    /// The objects, after the kinds that are not known were asked for, each once.
    pub(super) async fn resolve(&self, objects: &Objects, scope: Scope) -> Result<Chosen, Failure> {
        let namespace = scope.namespace().map(ToOwned::to_owned);
        let mut kinds: Vec<(&Type, KindName)> = Vec::new();
        let types: Vec<&Type> = match self {
            Self::Named(pairs) => pairs.iter().map(|(kind, _)| kind).collect(),
            Self::Labelled { types, .. } => types.iter().collect(),
        };
        for kind in types {
            if !kinds.iter().any(|(resolved, _)| *resolved == kind) {
                kinds.push((kind, kind.resolve(objects).await?));
            }
        }
        Ok(match self {
            Self::Named(pairs) => {
                let source = |(kind, name): &(Type, String)| {
                    let (_, resolved) = kinds.iter().find(|(resolved, _)| *resolved == kind)?;
                    Some(SourceRef {
                        api_version: Some(resolved.api_version.clone()),
                        kind: resolved.kind.clone(),
                        name: name.clone(),
                        namespace: namespace.clone(),
                    })
                };
                Chosen::Named(pairs.iter().filter_map(source).collect())
            }
            Self::Labelled { selector, .. } => Chosen::Labelled {
                kinds: kinds.into_iter().map(|(_, resolved)| resolved).collect(),
                selector: selector.clone(),
                scope,
            },
        })
    }

    /// References to the objects that those are now. What may not be read is none, but a problem.
    pub(super) async fn references(
        &self,
        objects: &Objects,
        scope: Scope,
        problems: &mut Vec<String>,
    ) -> Result<Vec<ObjectReference>, Failure> {
        let chosen = self.resolve(objects, scope).await?;
        let mut references = Vec::new();
        for source in source::choose(objects, &chosen).await? {
            match ObjectReference::named(&source, "default") {
                Ok(reference) => references.push(reference),
                Err(error) => problems.push(format!("{}/{}: {error}", source.kind, source.name)),
            }
        }
        Ok(references)
    }
}

impl Type {
    /// None where no kind can be called so.
    pub(super) fn parse(typed: &str) -> Option<Self> {
        let is_label =
            |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        // The core group has no name: `pods.v1.`
        let typed_labels = typed.strip_suffix('.').unwrap_or(typed);
        typed_labels.split('.').all(is_label).then(|| Self {
            typed: typed.to_owned(),
            known: built_in(typed).or_else(|| in_full(typed)),
        })
    }

    fn parse_all(typed: &str) -> Result<Vec<Self>, TypeNameError> {
        let form = || TypeNameError::Form { text: typed.to_owned() };
        typed
            .split(',')
            .map(|typed| Self::parse(typed).ok_or_else(form))
            .collect()
    }

    pub(super) async fn resolve(&self, objects: &Objects) -> Result<KindName, Failure> {
        if let Some(known) = &self.known {
            return Ok(known.clone());
        }
        source::kind_named(objects, &self.typed).await.map_err(|error| Failure {
            // Nothing but another command line helps, unless the cluster only did not answer.
            exit: match error {
                source::KindError::Failed { .. } => Exit::CannotRun,
                source::KindError::NotServed { .. } | source::KindError::NotInFiles { .. } => Exit::Usage,
            },
            error: error.into(),
        })
    }
}

impl From<ChoiceError> for Failure {
    fn from(error: ChoiceError) -> Self {
        Self {
            exit: match error {
                ChoiceError::Refused { .. } => Exit::SomeFailed,
                ChoiceError::Selector { .. } => Exit::Usage,
                _ => Exit::CannotRun,
            },
            error: error.into(),
        }
    }
}

fn built_in(typed: &str) -> Option<KindName> {
    let (word, rest) = typed.split_once('.').unwrap_or((typed, ""));
    let lower = word.to_ascii_lowercase();
    let known = BUILT_IN_KINDS.iter().find(|known| {
        let (group, version) = known.api_version.split_once('/').unwrap_or(("", known.api_version));
        let here = rest.is_empty() || rest == group || rest == format!("{version}.{group}");
        let named = known.kind.to_ascii_lowercase() == lower || known.plural == lower || known.short == lower;
        here && named && !lower.is_empty()
    })?;
    Some(KindName {
        api_version: known.api_version.to_owned(),
        kind: known.kind.to_owned(),
    })
}

/// KIND.VERSION.GROUP, which leaves nothing to ask for.
fn in_full(typed: &str) -> Option<KindName> {
    let (kind, rest) = typed.split_once('.')?;
    let (version, group) = rest.split_once('.')?;
    let is_version = version.starts_with('v') && version[1..].starts_with(|c: char| c.is_ascii_digit());
    let is_kind = kind.starts_with(|c: char| c.is_ascii_uppercase());
    (is_version && is_kind && !group.is_empty()).then(|| KindName {
        api_version: format!("{group}/{version}"),
        kind: kind.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every object that is typed, or what is wrong with it; of what only a cluster knows there is a question mark.
    fn parse(line: &str, selector: Option<&str>) -> Result<Vec<String>, TypeNameError> {
        let words: Vec<String> = line.split(' ').map(ToOwned::to_owned).collect();
        let kind = |kind: &Type| match &kind.known {
            Some(known) => format!("{} {}", known.api_version, known.kind),
            None => format!("? {}", kind.typed),
        };
        Ok(match Typed::parse(&words, selector)? {
            Typed::Named(pairs) => pairs.iter().map(|(of, name)| format!("{} {name}", kind(of))).collect(),
            Typed::Labelled { types, selector } => {
                types.iter().map(|of| format!("{} with {selector}", kind(of))).collect()
            }
        })
    }

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
            ("rollout/app", "? rollout app"),
            ("rollouts.argoproj.io/app", "? rollouts.argoproj.io app"),
            ("deployment.extensions/app", "? deployment.extensions app"),
            ("rollout.v1.x.io/app", "? rollout.v1.x.io app"),
            ("Rollout.v.x.io/app", "? Rollout.v.x.io app"),
        ] {
            assert_eq!(parse(typed, None), Ok(vec![expected.to_owned()]), "{typed}");
        }
    }

    #[test]
    fn several_objects() {
        for (typed, selector, expected) in [
            (
                "deploy/app sts/db",
                None,
                &["apps/v1 Deployment app", "apps/v1 StatefulSet db"][..],
            ),
            ("deploy app", None, &["apps/v1 Deployment app"]),
            (
                "deploy app web",
                None,
                &["apps/v1 Deployment app", "apps/v1 Deployment web"],
            ),
            (
                "deploy,sts app",
                None,
                &["apps/v1 Deployment app", "apps/v1 StatefulSet app"],
            ),
            ("rollout app", None, &["? rollout app"]),
            ("deploy", Some("app=x"), &["apps/v1 Deployment with app=x"]),
            (
                "deploy,rollouts.argoproj.io",
                Some("app=x"),
                &["apps/v1 Deployment with app=x", "? rollouts.argoproj.io with app=x"],
            ),
        ] {
            let expected: Vec<String> = expected.iter().map(|&text| text.to_owned()).collect();
            assert_eq!(parse(typed, selector), Ok(expected), "{typed} {selector:?}");
        }
    }

    #[test]
    fn what_names_nothing() {
        for typed in [
            "/app",
            "deployment/",
            "deployment/app/x",
            "deployment/app web",
            "web deployment/app",
            "../x/app",
            "a..b/app",
            "deploy,/app",
            "deploy,,sts app",
            "deploy app ",
            "",
        ] {
            assert!(
                matches!(parse(typed, None), Err(TypeNameError::Form { .. })),
                "{typed:?}: {:?}",
                parse(typed, None)
            );
        }
        for typed in ["deployment", "rollout", "deploy,sts"] {
            assert!(
                matches!(parse(typed, None), Err(TypeNameError::NameMissing { .. })),
                "{typed}"
            );
        }
        for typed in ["deployment/app", "deployment app", "deploy/app sts/db"] {
            assert!(
                matches!(parse(typed, Some("a=b")), Err(TypeNameError::NameAndSelector { .. })),
                "{typed}"
            );
        }
    }
}
