//! The `GitHubDeployment` resource: what users write, and what is shown back to them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{CustomResource, CustomResourceExt, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// API group of [`GitHubDeployment`].
pub const GROUP: &str = "github.decathlon.com";

/// The version that is stored, and that this program reads.
pub const VERSION: &str = "v1beta1";

/// An older version that is served too, with the same schema: objects move between the two unchanged.
pub const OLD_VERSION: &str = "v1alpha1";

/// Plural name of the resource.
pub const PLURAL: &str = "githubdeployments";

/// Longest environment name that GitHub takes, in characters.
pub const LONGEST_ENVIRONMENT: usize = 255;

/// Longest expression, in characters: parsers of JSONPath and regular expressions are recursive, and the API
/// server charges CEL rules by the longest text that may come.
pub const LONGEST_EXPRESSION: usize = 512;

/// What to look at, which ref it runs, and where on GitHub to report it.
// The API server refuses rules of unbounded cost, so every text under a rule has a length.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "github.decathlon.com",
    version = "v1beta1",
    kind = "GitHubDeployment",
    plural = "githubdeployments",
    shortname = "ghd",
    namespaced,
    status = "GitHubDeploymentStatus",
    doc = "Reports the rollout of a Kubernetes object to GitHub Deployments.",
    printcolumn(name = "DEPLOYMENTID", type_ = "integer", json_path = ".status.deploymentId"),
    printcolumn(name = "REF", type_ = "string", json_path = ".status.ref"),
    printcolumn(name = "SOURCE", type_ = "string", json_path = ".status.source"),
    printcolumn(
        name = "SOURCEGENERATION",
        type_ = "integer",
        json_path = ".status.sourceGeneration"
    ),
    printcolumn(name = "STATUS", type_ = "string", json_path = ".status.status"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Environment",
        type_ = "string",
        json_path = ".spec.repository.environment"
    ),
    printcolumn(
        name = "URL",
        type_ = "string",
        json_path = ".status.deploymentUrl",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    // Objects without a spec could be stored before this rule was there, and must stay writable: their
    // metadata, their finalizers and their status.
    validation = Rule::new("has(self.spec) || oldSelf.hasValue() && !has(oldSelf.value().spec)")
        .message("spec is missing: write spec.sourceRef, spec.extract and spec.repository")
        .field_path(".spec")
        .optional_old_self(true)
)]
#[serde(rename_all = "camelCase", expecting = "an object")]
#[x_kube(validation = Rule::new(
    "has(self.extract) && (has(self.extract.containerName) && self.extract.containerName != '' \
     || has(self.extract.jsonPath) && self.extract.jsonPath != '')")
    .message("write spec.extract.containerName, to take the tag of that container's image, \
              or spec.extract.jsonPath, to take a value of the object"))]
pub struct GitHubDeploymentSpec {
    /// The Kubernetes object to look at.
    pub source_ref: SourceRef,
    /// How to find the git ref in it.
    #[serde(default, skip_serializing_if = "Extract::is_empty")]
    pub extract: Extract,
    /// Where to report.
    pub repository: RepositorySpec,
    /// What happens on GitHub when this GitHubDeployment is deleted.
    #[serde(default, skip_serializing_if = "DeletionPolicy::is_default")]
    pub deletion_policy: DeletionPolicy,
    /// Skip this GitHubDeployment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
}

/// A reference to the object whose rollout is reported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
#[x_kube(validation = Rule::new(
    "self.kind != 'Secret' || has(self.apiVersion) && self.apiVersion.contains('/')")
    .message("a Secret is never read: write the kind of the workload that uses it"))]
pub struct SourceRef {
    /// Default: `apps/v1` for the workload kinds, `batch/v1` for jobs, `v1` for Pod; required for every other kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 317))]
    pub api_version: Option<String>,
    /// Kind of the object.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Default: the namespace of the GitHubDeployment. Meaningless for cluster-scoped kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub namespace: Option<String>,
}

/// How to find the git ref. An empty string counts as unset in all four fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct Extract {
    /// Take the tag of this container's image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LONGEST_EXPRESSION))]
    pub container_name: Option<String>,
    /// Or take the value at this JSONPath.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LONGEST_EXPRESSION))]
    pub json_path: Option<String>,
    /// Cut a piece out of it: one capture group, or the one named `ref`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LONGEST_EXPRESSION))]
    pub regexp: Option<String>,
    /// Wrap it: `{}` is replaced by the piece; without `{}` the template is a prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LONGEST_EXPRESSION))]
    pub template: Option<String>,
}

/// Where on GitHub to report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct RepositorySpec {
    /// `owner/repository`, or `repository` alone, with the owner from `GITHUB_ORG`.
    #[schemars(length(max = 255))]
    #[x_kube(validation = Rule::new(r"self.matches('^([A-Za-z0-9_.-]+/)?[A-Za-z0-9_.-]+$')")
        .message("write owner/repository, or repository alone, whose owner then comes from GITHUB_ORG"))]
    pub name: String,
    /// GitHub environment, at most 255 characters. GitHub compares it without case.
    #[schemars(length(max = LONGEST_ENVIRONMENT))]
    #[x_kube(validation = Rule::new("self != ''")
        .message("write the name of a GitHub environment, such as staging: 1 to 255 characters"))]
    pub environment: String,
    /// GitHub's task, default `deploy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LONGEST_EXPRESSION))]
    pub task: Option<String>,
    /// Default: true if the environment is called `production`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub production: Option<bool>,
    /// A transient environment becomes inactive when its source goes. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transient: Option<bool>,
    /// Template of the "View deployment" link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LONGEST_EXPRESSION))]
    pub environment_url: Option<String>,
    /// Template of the log link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LONGEST_EXPRESSION))]
    pub log_url: Option<String>,
    /// False: never let GitHub close other deployments of the environment. Default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_inactive: Option<bool>,
    /// True: a failed rollout that later becomes Current turns `failure` into `success`. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover: Option<bool>,
}

/// What happens on GitHub when the GitHubDeployment is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Nothing.
    #[default]
    Leave,
    /// Its deployments become inactive first; a finalizer waits for it.
    Close,
}

/// What the last pass that changed something saw. Written for people, never read back for a decision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitHubDeploymentStatus {
    /// Number of the deployment on GitHub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<i64>,
    /// The ref, as extracted.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "ref")]
    pub git_ref: Option<String>,
    /// The observed object, such as `apps/v1/Deployment/shop/app`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Generation of the observed object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_generation: Option<i64>,
    /// Health of the observed object.
    // `finalState` and `pascalCase` mean nothing; they were in this list by accident when objects were stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["InProgress", "Current", "Failed", "Terminating", "Unknown", "finalState", "pascalCase"]))]
    pub status: Option<String>,
    /// The rollout in the words of GitHub; `Ready` says whether GitHub was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Node id of the deployment on GitHub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_node_id: Option<String>,
    /// Address of the deployment for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_url: Option<String>,
    /// Generation of this object that the status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, with a reason for every skip and failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition>>,
}

impl Extract {
    /// True if nothing is set at all.
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl DeletionPolicy {
    /// True for `Leave`.
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The CustomResourceDefinition: [`VERSION`] is stored, [`OLD_VERSION`] served with the same schema.
#[must_use]
pub fn crd() -> CustomResourceDefinition {
    let mut definition = GitHubDeployment::crd();
    for version in &mut definition.spec.versions {
        if let Some(root) = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut())
        {
            // A rule says so instead: see the type.
            root.required = None;
        }
    }
    let old = definition.spec.versions.iter().map(|stored| {
        let mut old = stored.clone();
        old.name = OLD_VERSION.to_owned();
        old.storage = false;
        old
    });
    definition.spec.versions = old.chain(definition.spec.versions.clone()).collect();
    definition
}

/// [`crd`] as YAML: what the subcommand `crd` prints, and the exact text of `manifests/crd.yaml`.
///
/// # Errors
/// Only if the serializer fails, which nothing in the definition makes it do.
pub fn yaml() -> Result<String, serde_saphyr::ser::Error> {
    serde_saphyr::to_string(&crd())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifest_is_what_the_types_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests/crd.yaml");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        let generated = yaml().expect("the definition serializes");
        assert!(
            committed == generated,
            "manifests/crd.yaml is not what the types of src/crd.rs say; write it anew with\n\
             \n    cargo run -- crd > manifests/crd.yaml\n"
        );
    }

    #[test]
    fn constants_are_what_the_derive_says() {
        let definition = crd();
        assert_eq!(definition.spec.group, GROUP);
        assert_eq!(definition.spec.names.plural, PLURAL);
        let versions: Vec<_> = definition
            .spec
            .versions
            .iter()
            .map(|version| (version.name.as_str(), version.served, version.storage))
            .collect();
        assert_eq!(versions, [(OLD_VERSION, true, false), (VERSION, true, true)]);
    }

    /// What objects of both versions could hold before this program, and must go on to hold.
    #[test]
    fn fields_of_stored_objects_keep_name_and_type() {
        let fields = [
            ("spec.sourceRef.apiVersion", "string"),
            ("spec.sourceRef.kind", "string"),
            ("spec.sourceRef.name", "string"),
            ("spec.sourceRef.namespace", "string"),
            ("spec.extract.containerName", "string"),
            ("spec.extract.jsonPath", "string"),
            ("spec.extract.regexp", "string"),
            ("spec.extract.template", "string"),
            ("spec.repository.name", "string"),
            ("spec.repository.environment", "string"),
            ("status.deploymentId", "integer"),
            ("status.ref", "string"),
            ("status.source", "string"),
            ("status.sourceGeneration", "integer"),
            ("status.status", "string"),
        ];
        for version in crd().spec.versions {
            let root = version
                .schema
                .and_then(|schema| schema.open_api_v3_schema)
                .expect("a schema");
            assert_eq!(root.required, None, "objects without spec are stored");
            for (path, kind) in fields {
                let field = path.split('.').try_fold(&root, |schema, name| {
                    schema.properties.as_ref().and_then(|fields| fields.get(name))
                });
                assert_eq!(
                    field.and_then(|field| field.type_.as_deref()),
                    Some(kind),
                    "{path} of {}",
                    version.name
                );
            }
        }
    }
}
