//! Writing to GitHubDeployments of the cluster: their status for people, and their finalizers.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use kube::{
    Client,
    api::{Patch, PatchParams, Resource as _},
    core::{Request, Status},
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::api;
use crate::crd::GitHubDeployment;

/// How often one write is sent again to an API server that has no time for it.
const RETRIES: u32 = 3;

/// How often all writes of a pass together are: after that the next pass is the better repetition.
const RETRIES_OF_ALL: u32 = 20;

/// How often writes may still be repeated.
#[derive(Debug)]
pub struct Patience(AtomicU32);

impl Default for Patience {
    fn default() -> Self {
        Self(AtomicU32::new(RETRIES_OF_ALL))
    }
}

impl Patience {
    fn is_left(&self) -> bool {
        let fewer = |left: u32| left.checked_sub(1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_ok()
    }
}

/// Applies the status of a GitHubDeployment, whoever owned its fields before.
///
/// What the API server gives back is not looked at: an object that was stored under another schema need not be one of
/// this schema. An API server that has no time is asked again.
///
/// # Errors
/// When the API server refuses.
pub async fn apply_status(
    client: &Client,
    (namespace, name): (&str, &str),
    manager: &str,
    object: &Value,
    patience: &Patience,
) -> kube::Result<()> {
    let parameters = PatchParams::apply(manager).force();
    let request = || collection(namespace).patch_subresource("status", name, &parameters, &Patch::Apply(object));
    send(client, request, patience).await
}

/// Changes fields of a GitHubDeployment's metadata, as [`apply_status`].
///
/// # Errors
/// When the API server refuses.
pub async fn merge_metadata(
    client: &Client,
    (namespace, name): (&str, &str),
    metadata: &Value,
    patience: &Patience,
) -> kube::Result<()> {
    let patch = json!({ "metadata": metadata });
    let request = || collection(namespace).patch(name, &PatchParams::default(), &Patch::Merge(&patch));
    send(client, request, patience).await
}

fn collection(namespace: &str) -> Request {
    Request::new(GitHubDeployment::url_path(&(), Some(namespace)))
}

/// Sends a request that may come twice.
async fn send(
    client: &Client,
    request: impl Fn() -> Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    patience: &Patience,
) -> kube::Result<()> {
    let mut attempt = 0;
    loop {
        let request = request().map_err(kube::Error::BuildRequest)?;
        match client.request::<IgnoredAny>(request).await {
            Ok(IgnoredAny) => return Ok(()),
            Err(kube::Error::Api(status)) if is_passing(&status) && attempt < RETRIES && patience.is_left() => {
                let asked = status.details.as_ref().map(|details| details.retry_after_seconds);
                let asked = asked.filter(|seconds| *seconds > 0);
                let asked = asked.map(|seconds| Duration::from_secs(seconds.into()));
                tokio::time::sleep(api::pause(attempt, asked)).await;
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// True where the API server says that it has no time now. Other errors of its own may last, such as that of a schema
/// which lacks a field.
fn is_passing(status: &Status) -> bool {
    matches!(status.code, 429 | 503 | 504)
}

/// True if a permission is missing. Admission webhooks and policies refuse a write with the same code, and say in their
/// own words why.
#[must_use]
pub fn is_not_permitted(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403 && !status.message.contains("denied request")
        && !status.message.contains("denied the request"))
}

/// True if somebody else changed the object meanwhile, or it is another one by now.
#[must_use]
pub fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

/// What went wrong, in the words of the API server if they are its own: kube repeats its answer as debug output.
#[must_use]
pub fn in_words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        kube::Error::Api(status) => format!("the API server answered {}", status.code),
        error => api::in_words(error),
    }
}
