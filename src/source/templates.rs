//! Pod templates that an object borrows from another one.
//!
//! A Rollout of Argo Rollouts may name the workload that has its pod template, in
//! [`spec.workloadRef`](https://argo-rollouts.readthedocs.io/en/stable/features/specification/): a Deployment,
//! ReplicaSet or PodTemplate of its namespace. The template is put where a Rollout of its own would have it, so that
//! everything that looks at the object finds the containers, and a new image is a new rollout.

use serde_json::Value;

use super::{ObjectReference, Objects, Observation, ObservationError, observe};
use crate::extract::pod_template;

/// The kinds that a Rollout may borrow from.
const LENDERS: [(&str, &str); 3] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("v1", "PodTemplate"),
];

/// What was seen of an object.
enum Look<T> {
    /// All there is to see.
    Reduced(T),
    /// The object, and from whom it borrows its pod template.
    Borrows(Box<(Value, Result<ObjectReference, ObservationError>)>),
}

/// Looks at the objects as [`observe`] does, but `reduce` finds a borrowed pod template in `spec.template`. Where it
/// can't be had, the object is unreadable: what runs is not known.
pub async fn observe_with_templates<T>(
    objects: &Objects,
    references: &[ObjectReference],
    reduce: impl Fn(usize, &Value) -> T,
) -> Vec<Observation<T>> {
    let looked_at = observe(objects, references, |place, object| {
        match lender(object, &references[place]) {
            None => Look::Reduced(reduce(place, object)),
            Some(lender) => Look::Borrows(Box::new((object.clone(), lender))),
        }
    })
    .await;
    let (mut borrowers, mut lenders) = (Vec::new(), Vec::new());
    let sort = |(place, observation): (usize, Observation<Look<T>>)| match observation {
        Observation::Found(Look::Reduced(reduced)) => Observation::Found(reduced),
        Observation::Found(Look::Borrows(borrower)) => match *borrower {
            (object, Ok(lender)) => {
                borrowers.push((place, object));
                lenders.push(lender);
                // To be replaced below.
                Observation::Gone
            }
            (_, Err(error)) => Observation::Unreadable(error),
        },
        Observation::Gone => Observation::Gone,
        Observation::Unreadable(error) => Observation::Unreadable(error),
    };
    let mut observations: Vec<Observation<T>> = looked_at.into_iter().enumerate().map(sort).collect();

    let templates = observe(objects, &lenders, |_, lender| pod_template(lender).cloned()).await;
    for (((place, mut object), lender), template) in borrowers.into_iter().zip(lenders).zip(templates) {
        let borrower = references[place].clone();
        observations[place] = match template {
            Observation::Found(Some(template)) => {
                if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
                    spec.insert("template".to_owned(), template);
                }
                Observation::Found(reduce(place, &object))
            }
            Observation::Found(None) | Observation::Gone => {
                Observation::Unreadable(ObservationError::LenderGone { borrower, lender })
            }
            Observation::Unreadable(error) => Observation::Unreadable(ObservationError::LenderUnreadable {
                borrower,
                error: Box::new(error),
            }),
        };
    }
    observations
}

/// The workload from which `object` borrows its pod template, if it does.
fn lender(object: &Value, reference: &ObjectReference) -> Option<Result<ObjectReference, ObservationError>> {
    let is_rollout = reference.kind == "Rollout" && reference.api_version.starts_with("argoproj.io/");
    let borrowed = object
        .pointer("/spec/workloadRef")
        .filter(|borrowed| borrowed.is_object());
    let borrowed = borrowed.filter(|_| is_rollout && pod_template(object).is_none())?;
    let text = |field| borrowed.get(field).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind, name) = (text("apiVersion"), text("kind"), text("name"));
    if name.is_empty() || !LENDERS.contains(&(api_version, kind)) {
        return Some(Err(ObservationError::LenderInvalid {
            borrower: reference.clone(),
        }));
    }
    Some(Ok(ObjectReference {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: reference.namespace.clone(),
        name: name.to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::{Cluster, mock},
        *,
    };

    fn rollout(name: &str, spec: &Value) -> Value {
        json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
            "metadata": {"namespace": "shop", "name": name}, "spec": spec,
        })
    }

    fn image(image: &str) -> Value {
        json!({"spec": {"containers": [{"name": "app", "image": image}]}})
    }

    #[tokio::test]
    async fn a_rollout_has_the_template_that_it_borrows() {
        let refers = |api_version: &str, kind: &str, name: &str| json!({"workloadRef": {"apiVersion": api_version, "kind": kind, "name": name}});
        let objects = Objects::Files(vec![
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "shop", "name": "app"},
                "spec": {"template": image("app:v1")},
            }),
            json!({
                "apiVersion": "v1", "kind": "PodTemplate", "metadata": {"namespace": "shop", "name": "pods"},
                "template": image("pods:v2"),
            }),
            rollout(
                "own",
                &json!({"template": image("own:v3"), "workloadRef": {"kind": "Deployment", "name": "app"}}),
            ),
            rollout("of-deployment", &refers("apps/v1", "Deployment", "app")),
            rollout("of-pod-template", &refers("v1", "PodTemplate", "pods")),
            rollout("of-nothing", &refers("apps/v1", "Deployment", "gone")),
            rollout("of-a-secret", &refers("v1", "Secret", "app")),
            rollout("of-nobody", &json!({"workloadRef": {}})),
            rollout("without", &json!({})),
        ]);
        let names = [
            "own",
            "of-deployment",
            "of-pod-template",
            "of-nothing",
            "of-a-secret",
            "of-nobody",
            "without",
            "missing",
        ];
        let references = names.map(|name| ObjectReference {
            api_version: "argoproj.io/v1alpha1".to_owned(),
            kind: "Rollout".to_owned(),
            namespace: Some("shop".to_owned()),
            name: name.to_owned(),
        });
        let images = observe_with_templates(&objects, &references, |place, object| {
            let image = object.pointer("/spec/template/spec/containers/0/image");
            (place, image.and_then(Value::as_str).unwrap_or("none").to_owned())
        })
        .await;
        let shown: Vec<String> = images
            .into_iter()
            .map(|observation| match observation {
                Observation::Found((place, image)) => format!("{} {image}", names[place]),
                Observation::Gone => "gone".to_owned(),
                Observation::Unreadable(error) => format!("{}: {error}", error.reason()),
            })
            .collect();
        assert_eq!(
            shown,
            [
                "own own:v3",
                "of-deployment app:v1",
                "of-pod-template pods:v2",
                "WorkloadRefNotFound: Rollout shop/of-nothing takes its pods from Deployment shop/gone, which does not \
                 exist or has no pod template: correct spec.workloadRef",
                "WorkloadRefInvalid: Rollout shop/of-a-secret: spec.workloadRef has to name a Deployment or ReplicaSet \
                 of apps/v1, or a PodTemplate of v1",
                "WorkloadRefInvalid: Rollout shop/of-nobody: spec.workloadRef has to name a Deployment or ReplicaSet of \
                 apps/v1, or a PodTemplate of v1",
                "without none",
                "gone",
            ]
        );
    }

    #[tokio::test]
    async fn what_an_expired_list_said_of_a_template_is_forgotten() {
        let borrows = json!({"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"}});
        let mut expired = false;
        let (client, _) = mock::server(move |path| {
            if path == "/apis/argoproj.io/v1alpha1" {
                let resource = json!({"name": "rollouts", "singularName": "rollout", "kind": "Rollout", "namespaced": true, "verbs": ["get", "list"]});
                let resources =
                    json!({"kind": "APIResourceList", "groupVersion": "argoproj.io/v1alpha1", "resources": [resource]});
                return (200, resources);
            }
            if path.contains("/deployments") {
                let lender =
                    json!({"metadata": {"namespace": "shop", "name": "app"}, "spec": {"template": image("app:v1")}});
                return (200, lender);
            }
            if !path.contains("continue=") {
                let spec = if expired {
                    json!({"template": image("own:v2")})
                } else {
                    borrows.clone()
                };
                return (
                    200,
                    json!({"metadata": {"continue": "next"}, "items": [rollout("app-0", &spec)]}),
                );
            }
            if !expired {
                expired = true;
                return (410, json!({"kind": "Status", "code": 410, "reason": "Expired"}));
            }
            (200, json!({"metadata": {}, "items": []}))
        });
        let references: Vec<ObjectReference> = (0..20)
            .map(|number| ObjectReference {
                api_version: "argoproj.io/v1alpha1".to_owned(),
                kind: "Rollout".to_owned(),
                namespace: Some("shop".to_owned()),
                name: format!("app-{number}"),
            })
            .collect();
        let objects = Objects::Cluster(Cluster::new(client));
        let images = observe_with_templates(&objects, &references, |_, object| {
            let image = object.pointer("/spec/template/spec/containers/0/image");
            image.and_then(Value::as_str).unwrap_or("none").to_owned()
        })
        .await;
        assert_eq!(images[0], Observation::Found("own:v2".to_owned()));
    }
}
