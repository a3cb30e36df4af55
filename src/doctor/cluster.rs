//! The cluster: whether it is there, knows GitHubDeployments, and lets us read and write what a pass does.

use std::collections::BTreeSet;

use kube::Client;

use super::{
    Checks, Finding, Subject,
    needs::{self, Needs},
};
use crate::{
    crd::{GROUP, PLURAL, VERSION},
    report::CheckName,
    source::{self, Allowed, ApiFailure, Cluster, Permission, Scope, SourceError},
    sync::{DeclaredIn, ObjectsIn},
};

/// How much a permission is missed.
#[derive(Clone, Copy)]
enum Need {
    /// Nothing works without it.
    Required,
    /// A part of the program does not.
    Advised(&'static str),
    /// It is an addition.
    Optional(&'static str),
}

/// Makes the checks of the cluster, and reads what is needed. True if the API server answered.
pub(super) async fn examine(subject: &Subject, checks: &mut Checks) -> (Needs, bool) {
    let client = match &subject.cluster {
        None => None,
        Some(Ok(client)) => Some(client),
        Some(Err(finding)) => {
            checks.failed(CheckName::ApiServer, finding.clone());
            return (without_cluster(subject, checks).await, false);
        }
    };
    let Some(client) = client else {
        return (needed_by(subject, None, checks).await, false);
    };
    match source::server_version(client).await {
        Ok(version) => checks.ok(CheckName::ApiServer, format!("Kubernetes {version} answers")),
        // Whoever is refused has been answered.
        Err(ApiFailure::Answer { code: 403, .. }) => checks.ok(CheckName::ApiServer, "it answers"),
        Err(failure) => {
            let answered = matches!(failure, ApiFailure::Answer { .. });
            checks.failed(CheckName::ApiServer, Finding::new(failure.reason(), &failure));
            return (without_cluster(subject, checks).await, answered);
        }
    }
    let mut asking = Asking {
        client,
        asked: BTreeSet::new(),
    };
    if let Some(DeclaredIn::Cluster { scope, .. }) = &subject.declared_in {
        if !asking.custom_resource(checks).await {
            return (Needs::of(&subject.repositories), true);
        }
        asking.github_deployments(scope, checks).await;
    }
    let needs = needed_by(subject, Some(client), checks).await;
    if let Some(DeclaredIn::Cluster { scope, .. }) = &subject.declared_in {
        asking.writes(scope, needs.closes, checks).await;
    }
    if matches!(subject.objects_in, ObjectsIn::Cluster) {
        asking.objects(&needs, checks).await;
    }
    (needs, true)
}

/// What can be told where the cluster is out of reach: what files and flags say.
async fn without_cluster(subject: &Subject, checks: &mut Checks) -> Needs {
    match &subject.declared_in {
        Some(DeclaredIn::Files { .. } | DeclaredIn::Listed { .. } | DeclaredIn::Flags { .. }) => {
            needed_by(subject, None, checks).await
        }
        Some(DeclaredIn::Cluster { .. }) | None => Needs::of(&subject.repositories),
    }
}

async fn needed_by(subject: &Subject, client: Option<&Client>, checks: &mut Checks) -> Needs {
    let needs = match needs::read(subject, client).await {
        Ok(needs) => needs,
        Err(finding) => {
            // The permission to list them is a check of its own.
            if finding.reason != "Forbidden" {
                checks.failed(CheckName::Sources, finding);
            }
            return Needs::of(&subject.repositories);
        }
    };
    let Needs { sources, unusable, .. } = needs;
    match (&subject.declared_in, sources, unusable) {
        (None, ..) => {}
        (Some(_), 0, _) => checks.info(CheckName::Sources, "there is no GitHubDeployment to report"),
        (Some(_), _, 0) => checks.ok(
            CheckName::Sources,
            format!(
                "{}, {}, {}",
                counted(sources, "source", "sources"),
                counted(needs.environments(), "environment", "environments"),
                counted(needs.repositories.len(), "repository", "repositories")
            ),
        ),
        (Some(_), ..) => checks.warning(
            CheckName::Sources,
            "SourcesIncomplete",
            format!("{unusable} of {sources} give no repository or no ref: `sync --dry-run` says why"),
        ),
    }
    needs
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The API server, to be asked about each permission once.
struct Asking<'a> {
    client: &'a Client,
    asked: BTreeSet<String>,
}

impl Asking<'_> {
    /// True if GitHubDeployments are there to be read.
    async fn custom_resource(&self, checks: &mut Checks) -> bool {
        let versions = match source::installed_versions(self.client).await {
            Ok(versions) => versions,
            Err(error) => {
                checks.failed(CheckName::CustomResource, Finding::new(error.reason(), &error));
                return false;
            }
        };
        if versions.iter().any(|version| version == VERSION) {
            let list = versions.join(", ");
            checks.ok(
                CheckName::CustomResource,
                format!("{PLURAL}.{GROUP} is served as {list}"),
            );
            return true;
        }
        let error = SourceError::OtherVersions { served: versions };
        checks.failed(CheckName::CustomResource, Finding::new(error.reason(), &error));
        false
    }

    async fn github_deployments(&mut self, scope: &Scope, checks: &mut Checks) {
        let list = Permission::in_scope(scope, "list", GROUP, PLURAL, &["list"]);
        let path = source::collection(scope);
        self.ask(&list, Some(&path), Need::Required, checks).await;
    }

    async fn writes(&mut self, scope: &Scope, closes: bool, checks: &mut Checks) {
        let status = Permission::in_scope(scope, "patch", GROUP, "githubdeployments/status", &["patch"]);
        let shows = Need::Advised("without it `kubectl get ghd` shows no result, or use --write-status=false");
        let events = Permission::in_scope(scope, "create", "events.k8s.io", "events", &["create"]);
        let finalizer = Permission::in_scope(scope, "patch", GROUP, PLURAL, &["patch"]);
        let finalizes = if closes {
            Need::Required
        } else {
            Need::Optional("only deletionPolicy: Close needs it")
        };
        for (permission, need) in [
            (status, shows),
            (events, Need::Optional("only events of GitHubDeployments need it")),
            (finalizer, finalizes),
        ] {
            self.ask(&permission, None, need, checks).await;
        }
    }

    async fn objects(&mut self, needs: &Needs, checks: &mut Checks) {
        let cluster = Cluster::new(self.client.clone());
        let (kinds, unknown) = source::observed_kinds(&cluster, &needs.objects).await;
        for error in unknown {
            checks.failed(CheckName::Sources, Finding::new(error.reason(), &error));
        }
        let mut namespaces = BTreeSet::new();
        for kind in kinds {
            self.ask(&kind.get, None, Need::Required, checks).await;
            let many = Need::Advised("without it many objects are read one by one");
            self.ask(&kind.list, Some(&kind.path), many, checks).await;
            namespaces.extend(kind.get.namespace);
        }
        for namespace in namespaces {
            let causes = Need::Optional("only the cause of a rollout that has not arrived needs it");
            let here = Scope::Namespace(namespace);
            for (group, resource) in [("", "pods"), ("apps", "replicasets")] {
                let list = Permission::in_scope(&here, "list", group, resource, &["list"]);
                self.ask(&list, None, causes, checks).await;
            }
        }
        let kube_system = Permission {
            name: Some("kube-system"),
            everywhere: false,
            ..Permission::in_scope(&Scope::All, "get", "", "namespaces", &["get"])
        };
        let shared = Need::Optional("only environments that several clusters share need it, or --cluster-name");
        self.ask(&kube_system, None, shared, checks).await;
    }

    async fn ask(&mut self, permission: &Permission, path: Option<&str>, need: Need, checks: &mut Checks) {
        let what = permission.what();
        let granted = format!("may {what}");
        if !self.asked.insert(what) {
            return;
        }
        let finding = match source::may(self.client, permission, path).await {
            Ok(Allowed::Yes) => return checks.ok(CheckName::Permission, granted),
            Ok(Allowed::No) => Finding {
                reason: "Forbidden",
                message: permission.to_string(),
            },
            Ok(Allowed::Unknown) => {
                return checks.info(
                    CheckName::Permission,
                    format!("whether it {granted} is not told: this API server refuses a SelfSubjectAccessReview"),
                );
            }
            Err(failure) => {
                return checks.failed(CheckName::Permission, Finding::new(failure.reason(), &failure));
            }
        };
        match need {
            Need::Required => checks.failed(CheckName::Permission, finding),
            Need::Advised(why) => {
                let Finding { reason, message } = finding;
                checks.warning(CheckName::Permission, reason, format!("{message}; {why}"));
            }
            Need::Optional(why) => checks.info(CheckName::Permission, format!("{}; {why}", finding.message)),
        }
    }
}
