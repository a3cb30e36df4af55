//! Which pods belong to the rollout of a workload that is under way.
//!
//! | kind | its pods | those of the rollout under way |
//! |---|---|---|
//! | Deployment | controlled by one of its ReplicaSets | of the ReplicaSet with the Deployment's `deployment.kubernetes.io/revision` |
//! | StatefulSet | controlled by it | with `status.updateRevision` as label `controller-revision-hash` |
//! | DaemonSet | controlled by it | with its `deprecated.daemonset.template.generation` as label `pod-template-generation` |
//! | Job | controlled by it | all |

use std::fmt::Write;

use serde_json::Value;

use super::{
    Health,
    cause::{self, Trouble, text},
};

/// Where the controllers count the rollouts of a Deployment, in it and in its ReplicaSets.
const REVISION: &str = "/metadata/annotations/deployment.kubernetes.io~1revision";

/// The label by which pods of one ReplicaSet differ from those of another.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// A workload whose pods may know why its rollout has not arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    namespace: String,
    uid: String,
    /// `spec.selector`, in the form of a query.
    selector: String,
    pods: Pods,
    /// What keeps it from having pods at all.
    own_trouble: Option<Trouble>,
}

/// How its pods are found.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pods {
    /// By the ReplicaSet of this revision.
    OfReplicaSet { revision: String },
    /// By a label.
    Labelled { label: &'static str, value: String },
    /// Every one is of the only rollout that there is.
    All,
}

/// The ReplicaSet of the rollout under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaSet {
    uid: String,
    template_hash: Option<String>,
    own_trouble: Option<Trouble>,
}

impl ReplicaSet {
    /// What it knows itself of the cause. Its Deployment repeats that, and what earlier ReplicaSets say.
    #[must_use]
    pub fn own_trouble(&self) -> Option<&Trouble> {
        self.own_trouble.as_ref()
    }
}

impl Workload {
    /// `object` as a workload, if its health leaves something to ask: it is in progress or failed, and its controller
    /// has seen the present generation. Nothing else has pods of its own that could be told from older ones.
    #[must_use]
    pub fn of(object: &Value, health: &Health) -> Option<Self> {
        let group = text(object, "/apiVersion")?.split_once('/').map(|(group, _)| group);
        let pods = match (group?, text(object, "/kind")?) {
            ("apps", "Deployment") => Pods::OfReplicaSet {
                revision: text(object, REVISION)?.to_owned(),
            },
            ("apps", "StatefulSet") => labelled("controller-revision-hash", text(object, "/status/updateRevision")),
            ("apps", "DaemonSet") => labelled(
                "pod-template-generation",
                text(object, "/metadata/annotations/deprecated.daemonset.template.generation"),
            ),
            ("batch", "Job") => Pods::All,
            _ => return None,
        };
        let observed = object.pointer("/status/observedGeneration");
        let is_observed = observed.is_none_or(|observed| object.pointer("/metadata/generation") == Some(observed));
        if !health.wants_cause() || !is_observed {
            return None;
        }
        Some(Self {
            namespace: text(object, "/metadata/namespace")?.to_owned(),
            uid: text(object, "/metadata/uid")?.to_owned(),
            selector: selector(object.pointer("/spec/selector")?)?,
            pods,
            own_trouble: cause::of_workload(object),
        })
    }

    /// What the workload itself knows of the cause, before any pod is asked.
    #[must_use]
    pub fn own_trouble(&self) -> Option<&Trouble> {
        self.own_trouble.as_ref()
    }

    /// uid of the workload.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Namespace of the workload and of its pods.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The query for its ReplicaSets, if the pods are theirs.
    #[must_use]
    pub fn replica_sets(&self) -> Option<&str> {
        matches!(self.pods, Pods::OfReplicaSet { .. }).then_some(self.selector.as_str())
    }

    /// `object` as the ReplicaSet of the rollout under way, if it is that one.
    #[must_use]
    pub fn replica_set(&self, object: &Value) -> Option<ReplicaSet> {
        let Pods::OfReplicaSet { revision } = &self.pods else {
            return None;
        };
        if controller(object)? != self.uid || text(object, REVISION)? != revision {
            return None;
        }
        Some(ReplicaSet {
            uid: text(object, "/metadata/uid")?.to_owned(),
            template_hash: text(object, "/metadata/labels/pod-template-hash").map(ToOwned::to_owned),
            own_trouble: cause::of_workload(object),
        })
    }

    /// The query for its pods; `replica_set` is theirs, where they have one.
    #[must_use]
    pub fn pods(&self, replica_set: Option<&ReplicaSet>) -> String {
        let narrowed = match &self.pods {
            Pods::Labelled { label, value } => Some((*label, value)),
            Pods::OfReplicaSet { .. } => replica_set.and_then(|set| Some((TEMPLATE_HASH, set.template_hash.as_ref()?))),
            Pods::All => None,
        };
        match narrowed {
            Some((label, value)) => format!("{},{label}={value}", self.selector),
            None => self.selector.clone(),
        }
    }

    /// True if `pod` belongs to the rollout under way.
    #[must_use]
    pub fn has(&self, replica_set: Option<&ReplicaSet>, pod: &Value) -> bool {
        let is_of_rollout = match &self.pods {
            Pods::Labelled { label, value } => {
                let labels = pod.pointer("/metadata/labels");
                labels.and_then(|labels| labels.get(label)?.as_str()) == Some(value)
            }
            Pods::OfReplicaSet { .. } | Pods::All => true,
        };
        let owner = self.owner(replica_set);
        owner.is_some() && controller(pod) == owner && is_of_rollout
    }

    /// uid of what its pods belong to.
    #[must_use]
    pub fn owner<'a>(&'a self, replica_set: Option<&'a ReplicaSet>) -> Option<&'a str> {
        match &self.pods {
            Pods::OfReplicaSet { .. } => replica_set.map(|set| set.uid.as_str()),
            Pods::Labelled { .. } | Pods::All => Some(&self.uid),
        }
    }
}

fn labelled(label: &'static str, value: Option<&str>) -> Pods {
    match value {
        Some(value) => Pods::Labelled {
            label,
            value: value.to_owned(),
        },
        None => Pods::All,
    }
}

/// uid of the object that manages `object`, as a ReplicaSet does with its pods.
#[must_use]
pub fn controller(object: &Value) -> Option<&str> {
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    let controller = owners
        .iter()
        .find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))?;
    text(controller, "/uid")
}

/// A label selector in the form of a query; none where it would select everything, or has a form that is not known.
fn selector(selector: &Value) -> Option<String> {
    let mut query = String::new();
    let mut add = |requirement: std::fmt::Arguments<'_>| {
        let comma = if query.is_empty() { "" } else { "," };
        write!(query, "{comma}{requirement}").ok()
    };
    for (key, value) in selector
        .get("matchLabels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        add(format_args!("{key}={}", value.as_str()?))?;
    }
    for expression in selector
        .get("matchExpressions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let key = text(expression, "/key")?;
        let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
        let values = values.map(Value::as_str).collect::<Option<Vec<_>>>()?.join(",");
        match text(expression, "/operator")? {
            "In" => add(format_args!("{key} in ({values})"))?,
            "NotIn" => add(format_args!("{key} notin ({values})"))?,
            "Exists" => add(format_args!("{key}"))?,
            "DoesNotExist" => add(format_args!("!{key}"))?,
            _ => return None,
        }
    }
    Some(query).filter(|query| !query.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kstatus::Status;

    fn health(status: Status) -> Health {
        Health::new(status, "")
    }

    fn workload(api_version: &str, kind: &str, more: &Value) -> Value {
        let mut object = json!({
            "apiVersion": api_version, "kind": kind,
            "metadata": {
                "namespace": "shop", "name": "app", "uid": "u", "generation": 2,
                "annotations": {
                    "deployment.kubernetes.io/revision": "3",
                    "deprecated.daemonset.template.generation": "4",
                },
            },
            "spec": {"selector": {"matchLabels": {"app": "web"}}},
            "status": {"observedGeneration": 2, "updateRevision": "app-5"},
        });
        for (pointer, value) in more.as_object().unwrap() {
            *object.pointer_mut(pointer).unwrap() = value.clone();
        }
        object
    }

    fn owned(by: &str, labels: &Value, more: &Value) -> Value {
        let mut object = json!({"metadata": {
            "uid": "r", "labels": labels, "ownerReferences": [{"uid": "x"}, {"uid": by, "controller": true}],
        }});
        object["metadata"]["annotations"] = more.clone();
        object
    }

    #[test]
    fn only_unfinished_workloads_of_the_present_generation_are_asked() {
        let none = json!({});
        for (name, object, status, asked) in [
            (
                "in progress",
                workload("apps/v1", "Deployment", &none),
                Status::InProgress,
                true,
            ),
            (
                "failed",
                workload("apps/v1", "StatefulSet", &none),
                Status::Failed,
                true,
            ),
            (
                "a DaemonSet",
                workload("apps/v1", "DaemonSet", &none),
                Status::InProgress,
                true,
            ),
            ("a Job", workload("batch/v1", "Job", &none), Status::Failed, true),
            (
                "current",
                workload("apps/v1", "Deployment", &none),
                Status::Current,
                false,
            ),
            (
                "unknown",
                workload("apps/v1", "Deployment", &none),
                Status::Unknown,
                false,
            ),
            (
                "going",
                workload("apps/v1", "Deployment", &none),
                Status::Terminating,
                false,
            ),
            (
                "not observed",
                workload("apps/v1", "Deployment", &json!({"/status/observedGeneration": 1})),
                Status::InProgress,
                false,
            ),
            (
                "a selector of everything",
                workload("apps/v1", "Deployment", &json!({"/spec/selector": {}})),
                Status::InProgress,
                false,
            ),
            (
                "a custom kind",
                workload("example.com/v1", "Deployment", &none),
                Status::Failed,
                false,
            ),
            (
                "a CronJob",
                workload("batch/v1", "CronJob", &none),
                Status::Failed,
                false,
            ),
            ("no object", json!(null), Status::Failed, false),
        ] {
            assert_eq!(Workload::of(&object, &health(status)).is_some(), asked, "{name}");
        }
    }

    #[test]
    fn pods_of_earlier_rollouts_are_left_alone() {
        let replica_set = |uid: &str, revision: &str| {
            owned(
                uid,
                &json!({"pod-template-hash": "7d9f8c"}),
                &json!({"deployment.kubernetes.io/revision": revision}),
            )
        };
        let deployment = Workload::of(&workload("apps/v1", "Deployment", &json!({})), &health(Status::Failed)).unwrap();
        assert_eq!(deployment.replica_sets(), Some("app=web"));
        assert_eq!(deployment.replica_set(&replica_set("u", "2")), None, "an earlier one");
        assert_eq!(
            deployment.replica_set(&replica_set("other", "3")),
            None,
            "of another Deployment"
        );
        let newest = deployment.replica_set(&replica_set("u", "3"));
        assert_eq!(deployment.pods(newest.as_ref()), "app=web,pod-template-hash=7d9f8c");
        let pod = |owner: &str, labels: Value| owned(owner, &labels, &json!({}));
        assert!(deployment.has(newest.as_ref(), &pod("r", json!({}))));
        assert!(!deployment.has(newest.as_ref(), &pod("older", json!({}))));
        assert!(!deployment.has(None, &pod("u", json!({}))));

        for (kind, query, label, value) in [
            (
                "StatefulSet",
                "app=web,controller-revision-hash=app-5",
                "controller-revision-hash",
                "app-5",
            ),
            (
                "DaemonSet",
                "app=web,pod-template-generation=4",
                "pod-template-generation",
                "4",
            ),
        ] {
            let found = Workload::of(&workload("apps/v1", kind, &json!({})), &health(Status::Failed)).unwrap();
            assert_eq!(
                (found.replica_sets(), found.pods(None)),
                (None, query.to_owned()),
                "{kind}"
            );
            assert!(found.has(None, &pod("u", json!({label: value}))), "{kind}");
            assert!(!found.has(None, &pod("u", json!({label: "older"}))), "{kind}");
            assert!(!found.has(None, &pod("other", json!({label: value}))), "{kind}");
        }
        let job = Workload::of(&workload("batch/v1", "Job", &json!({})), &health(Status::Failed)).unwrap();
        assert_eq!(job.pods(None), "app=web");
        assert!(job.has(None, &pod("u", json!({}))));
    }

    #[test]
    fn selectors_as_queries() {
        for (selector_of, expected) in [
            (json!({"matchLabels": {"a": "1", "b": "2"}}), Some("a=1,b=2")),
            (
                json!({"matchLabels": {"a": "1"}, "matchExpressions": [
                    {"key": "t", "operator": "In", "values": ["x", "y"]}, {"key": "u", "operator": "NotIn", "values": ["z"]},
                    {"key": "v", "operator": "Exists"}, {"key": "w", "operator": "DoesNotExist"},
                ]}),
                Some("a=1,t in (x,y),u notin (z),v,!w"),
            ),
            (json!({}), None),
            (json!({"matchLabels": {"a": 1}}), None),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "Like", "values": ["x"]}]}),
                None,
            ),
            (json!("everything"), None),
        ] {
            assert_eq!(selector(&selector_of).as_deref(), expected, "{selector_of}");
        }
    }
}
