//! A source in a pass: what is declared, what its object shows, and what stands against reporting it.

use tokio::time::Instant;

use crate::{
    crd::{DeletionPolicy, GitHubDeploymentSpec},
    extract::{ExtractError, Extracted, Rule},
    github::GitHubError,
    kstatus::{Health, Replicas, Status},
    plan::{By, DEFAULT_TASK, Environment, Hash, Repository, State},
    report::with_causes,
    source::{Declaration, DeclarationError, Facts, ObjectReference, ObservationError},
};

use super::{Settings, wait::Overdue};

/// One declaration, and what its object shows.
pub(super) struct Source {
    pub declaration: Declaration,
    pub object: Option<ObjectReference>,
    pub environment: Option<Environment>,
    /// How its ref is found. Not asked where the ref is given.
    pub rule: Result<Rule, ExtractError>,
    /// True if nothing about the declaration speaks against reading the object.
    pub admitted: bool,
    pub standing: Standing,
    /// When its object was asked for.
    pub observed_at: Instant,
}

/// What this pass knows about a source.
pub(super) enum Standing {
    /// The object was read.
    Seen(Box<Seen>),
    /// The object was read, and it is not yet the one that is to be reported (`--generation`).
    Behind(Box<Seen>),
    /// The object does not exist.
    Gone,
    /// Left alone on purpose.
    Skipped(Reason),
    /// Something is wrong with the declaration, or the object could not be read.
    Failed(Reason),
}

/// The object, reduced to what a pass needs of it.
pub(super) struct Seen {
    pub health: Health,
    pub facts: Facts,
    pub replicas: Option<Replicas>,
    pub extracted: Result<Extracted, ExtractError>,
    /// The state that takes the place of the health's, for want of time.
    pub overdue: Option<State>,
}

impl Seen {
    /// What GitHub is to show.
    pub fn state(&self) -> Option<State> {
        self.overdue.or(self.health.status.state())
    }

    /// True if the time to wait for it is over.
    pub fn is_overdue(&self) -> bool {
        self.overdue.is_some()
    }

    /// Gives the source up where it is not final.
    pub fn give_up(&mut self, overdue: &Overdue) {
        if matches!(self.health.status, Status::InProgress | Status::Unknown) {
            self.overdue = Some(overdue.state);
            self.health = self.health.clone().because(&overdue.cause());
        }
    }

    /// How the ref was come by, for whoever asks with `-v`.
    pub fn log_steps(&self, source: &str) {
        for step in self.extracted.iter().flat_map(|extracted| &extracted.steps) {
            tracing::info!(source, "{step}");
        }
    }
}

/// A stable word, and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    pub reason: &'static str,
    pub message: String,
    pub outlook: Outlook,
}

/// What later passes may expect where this one met trouble.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Outlook {
    /// The same, until somebody mends it.
    #[default]
    Lasting,
    /// The next one may not meet it again.
    Passing,
    /// None of them can write there either.
    Hopeless,
}

impl From<&GitHubError> for Reason {
    fn from(error: &GitHubError) -> Self {
        let outlook = match error {
            _ if error.is_passing() => Outlook::Passing,
            _ if error.is_hopeless() => Outlook::Hopeless,
            _ => Outlook::Lasting,
        };
        Self {
            outlook,
            ..Self::new(error.reason(), with_causes(error).join(": "))
        }
    }
}

impl From<&ObservationError> for Reason {
    fn from(error: &ObservationError) -> Self {
        let reason = Self::new(error.reason(), error.to_string());
        if error.is_passing() { reason.passing() } else { reason }
    }
}

impl Reason {
    pub fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            outlook: Outlook::default(),
        }
    }

    /// The same, of trouble that the next pass may not meet again.
    pub fn passing(self) -> Self {
        Self {
            outlook: Outlook::Passing,
            ..self
        }
    }
}

impl Source {
    pub fn new(declaration: Declaration, settings: &Settings) -> Self {
        let mut source = Self {
            declaration,
            object: None,
            environment: None,
            rule: Err(ExtractError::ExtractMissing),
            admitted: true,
            standing: Standing::Failed(Reason::new("NotRead", "its object was not read")),
            observed_at: Instant::now(),
        };
        if let Err(standing) = source.admit(settings) {
            source.admitted = false;
            source.standing = standing;
        }
        source
    }

    /// Everything that can be said before the object is read.
    fn admit(&mut self, settings: &Settings) -> Result<(), Standing> {
        let failed = |reason, message: String| Standing::Failed(Reason::new(reason, message));
        let spec = match &self.declaration.spec {
            Ok(spec) => spec,
            Err(error) => {
                // What has no name is known by its place; only the errors of files tell it themselves.
                let message = match (&self.declaration.github_deployment, error) {
                    (Some(_), _) | (None, DeclarationError::File(_)) => error.to_string(),
                    (None, _) => format!("{}: {error}", self.declaration.described),
                };
                return Err(failed(error.reason(), message));
            }
        };
        let namespace = self
            .declaration
            .github_deployment
            .as_ref()
            .map(|meta| meta.namespace.as_str());
        let object = ObjectReference::of(spec, namespace.unwrap_or("default")).map_err(|error| {
            let message = match namespace {
                Some(_) => error.to_string(),
                None => format!("{}: {error}", self.declaration.described),
            };
            failed(error.reason(), message)
        })?;
        self.object = Some(object.clone());
        self.rule = Rule::new(&spec.extract);

        let repository =
            Repository::parse(&spec.repository.name, settings.default_owner.as_deref()).map_err(|error| {
                let what_to_do = if spec.repository.name.contains('/') {
                    "write spec.repository.name as owner/name"
                } else {
                    "write spec.repository.name as owner/name, or set GITHUB_ORG"
                };
                failed("RepositoryNameInvalid", format!("{error}: {what_to_do}"))
            })?;
        let name = spec.repository.environment.clone();
        self.environment = Some(Environment {
            repository: repository.clone(),
            name,
        });

        if spec.suspend && !self.is_deleting() {
            return Err(Standing::Skipped(Reason::new("Suspended", "spec.suspend is true")));
        }
        if !settings.allows(namespace, &repository) {
            let message = format!("--repository-allow does not allow {repository} here");
            return Err(Standing::Skipped(Reason::new("RepositoryNotAllowed", message)));
        }
        let elsewhere = object
            .namespace
            .as_deref()
            .is_some_and(|other| namespace.is_some_and(|own| own != other));
        if elsewhere && !settings.cross_namespace_refs {
            let message = format!("{object} is in another namespace, which --no-cross-namespace-refs does not allow");
            return Err(failed("CrossNamespaceRef", message));
        }
        Ok(())
    }

    /// Nothing more is done for it in this pass.
    pub fn refuse(&mut self, standing: Standing) {
        self.admitted = false;
        self.standing = standing;
    }

    /// The hashes of its GitHubDeployment.
    pub fn by(&self) -> Option<By> {
        let meta = self.declaration.github_deployment.as_ref()?;
        Some(By::new(&meta.namespace, &meta.name))
    }

    pub fn object_hash(&self, cluster: Option<&str>) -> Option<Hash> {
        let object = self.object.as_ref()?;
        Some(Hash::of(&[
            cluster?,
            &object.kind,
            object.namespace.as_deref().unwrap_or_default(),
            &object.name,
        ]))
    }

    /// Its GitHubDeployment is being deleted.
    pub fn is_deleting(&self) -> bool {
        self.declaration
            .github_deployment
            .as_ref()
            .is_some_and(|meta| meta.deleting)
    }

    /// Its GitHubDeployment is being deleted, and its deployments are to end with it.
    pub fn closes(&self) -> bool {
        self.is_deleting()
            && self
                .spec()
                .is_some_and(|spec| spec.deletion_policy == DeletionPolicy::Close)
    }

    /// Nothing is wanted of GitHub for it any more. What may not be reported may not be closed either.
    pub fn is_off(&self) -> bool {
        self.admitted && (self.has_left() || self.is_deleting())
    }

    /// The object is on its way out, or gone.
    pub fn has_left(&self) -> bool {
        match &self.standing {
            Standing::Gone => true,
            Standing::Seen(seen) => seen.facts.terminating || seen.health.status == Status::Terminating,
            Standing::Behind(_) | Standing::Skipped(_) | Standing::Failed(_) => false,
        }
    }

    /// The specification, where it could be read.
    pub fn spec(&self) -> Option<&GitHubDeploymentSpec> {
        self.declaration.spec.as_ref().ok()
    }

    /// What its changes are sorted by: the GitHubDeployment's name, or the object's for a source from flags.
    pub fn sort_name(&self) -> String {
        match (&self.declaration.github_deployment, &self.object) {
            (Some(meta), _) => format!("{}/{}", meta.namespace, meta.name),
            (None, Some(object)) => object.to_string(),
            (None, None) => self.declaration.described.clone(),
        }
    }

    /// GitHub's task.
    pub fn task(&self) -> &str {
        let task = self.spec().and_then(|spec| spec.repository.task.as_deref());
        task.filter(|task| !task.is_empty()).unwrap_or(DEFAULT_TASK)
    }

    /// What was read of the object, be it the one that is to be reported or not yet.
    pub fn shown(&self) -> Option<&Seen> {
        match &self.standing {
            Standing::Seen(seen) | Standing::Behind(seen) => Some(seen),
            Standing::Gone | Standing::Skipped(_) | Standing::Failed(_) => None,
        }
    }

    /// What was read of the object that is to be reported.
    pub fn seen(&self) -> Option<&Seen> {
        match &self.standing {
            Standing::Seen(seen) => Some(seen),
            _ => None,
        }
    }
}
