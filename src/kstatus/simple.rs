//! Kinds whose health is one field or condition, or a matter of course.

use super::{
    Health,
    fields::{Condition, Object, Unreadable},
};

/// Kinds that are what they are as soon as they are stored.
pub(super) fn always_ready() -> Health {
    Health::current("Resource is always ready")
}

/// Whoever comes here has passed the check of the observed generation, and nothing else is told.
pub(super) fn pod_disruption_budget() -> Health {
    Health::current("AllowedDisruptions has been computed.")
}

pub(super) fn persistent_volume_claim(object: Object<'_>) -> Result<Health, Unreadable> {
    Ok(match object.text("status.phase")?.unwrap_or("unknown") {
        "Bound" => Health::current("PVC is Bound"),
        phase => Health::in_progress(format!("PVC is not Bound. phase: {phase}")),
    })
}

pub(super) fn service(object: Object<'_>) -> Result<Health, Unreadable> {
    let is_load_balancer = object.text("spec.type")? == Some("LoadBalancer");
    let has_cluster_ip = object.text("spec.clusterIP")?.is_some_and(|ip| !ip.is_empty());
    Ok(if is_load_balancer && !has_cluster_ip {
        Health::in_progress("ClusterIP not set. Service type: LoadBalancer")
    } else {
        Health::current("Service is ready")
    })
}

pub(super) fn custom_resource_definition(conditions: &[Condition<'_>]) -> Health {
    for condition in conditions {
        match (condition.kind, condition.status) {
            ("NamesAccepted", "False") => return Health::failed(condition.message),
            ("Established", "False") if condition.reason != "Installing" => {
                return Health::failed(condition.message);
            }
            ("Established", "True") => return Health::current("CRD is established"),
            _ => {}
        }
    }
    Health::in_progress("Install in progress")
}
