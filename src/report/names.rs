//! What objects are called.

/// `Deployment shop/app`, and of a cluster-scoped kind `Node one`.
pub(super) fn described(kind: &str, namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    }
}

/// `deployment.apps/app`, as `kubectl get -o name` has it.
pub(super) fn kubectl_name(api_version: &str, kind: &str, name: &str) -> String {
    let kind = kind.to_lowercase();
    match api_version.split_once('/') {
        Some((group, _)) => format!("{kind}.{group}/{name}"),
        None => format!("{kind}/{name}"),
    }
}
