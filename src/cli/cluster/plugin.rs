//! Credential plugins: programs that a kubeconfig names under `exec`, which print credentials.

use std::{
    io::{self, IsTerminal as _},
    process::Stdio,
};

use ::kube::config::{ExecConfig, ExecInteractiveMode};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use tokio::process::Command;

use super::credentials::{Credentials, CredentialsError};
use crate::report::clean;

/// The version of the protocol, where the kubeconfig names none.
const VERSION: &str = "client.authentication.k8s.io/v1";

/// So many characters of what a plugin said are shown.
const SAID: usize = 500;

/// What a plugin prints. Everything else in it is of no use here.
#[derive(Deserialize)]
struct ExecCredential {
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<Timestamp>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

/// Runs the plugin once.
///
/// It may use the terminal, if there is one and the kubeconfig does not forbid it. What it prints is never shown, not
/// even where it makes no sense: it may be a part of the credentials.
pub(super) async fn run(plugin: &ExecConfig) -> Result<Credentials, CredentialsError> {
    let Some(command) = plugin.command.clone().filter(|command| !command.is_empty()) else {
        return Err(CredentialsError::NoCommand);
    };
    let has_terminal = io::stdin().is_terminal();
    let mode = plugin.interactive_mode.as_ref();
    if !has_terminal && mode == Some(&ExecInteractiveMode::Always) {
        return Err(CredentialsError::NoTerminal { command });
    }
    let interactive = has_terminal && mode != Some(&ExecInteractiveMode::Never);
    let mut process = Command::new(&command);
    process
        .args(plugin.args.iter().flatten())
        .env("KUBERNETES_EXEC_INFO", question(plugin, interactive).to_string())
        .stdin(if interactive { Stdio::inherit() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(if interactive { Stdio::inherit() } else { Stdio::piped() })
        .kill_on_drop(true);
    for variable in plugin.env.iter().flatten() {
        if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
            process.env(name, value);
        }
    }
    let output = match process.spawn() {
        Ok(started) => started.wait_with_output().await,
        Err(error) => Err(error),
    };
    let output = output.map_err(|source| match &plugin.install_hint {
        Some(hint) if source.kind() == io::ErrorKind::NotFound => CredentialsError::NotInstalled {
            command: command.clone(),
            hint: clean(hint, false).into_owned(),
        },
        _ => CredentialsError::NotStarted {
            command: command.clone(),
            source,
        },
    })?;
    if !output.status.success() {
        let said: String = String::from_utf8_lossy(&output.stderr)
            .trim()
            .chars()
            .take(SAID)
            .collect();
        return Err(CredentialsError::Failed {
            command,
            status: output.status,
            said: clean(&said, false).into_owned(),
        });
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    let credentials = serde_saphyr::from_str::<ExecCredential>(&printed).ok();
    let Some(Status {
        expiration_timestamp,
        token,
        client_certificate_data,
        client_key_data,
    }) = credentials.and_then(|credentials| credentials.status)
    else {
        return Err(CredentialsError::NotUnderstood { command });
    };
    let token = token.map(SecretString::from);
    let identity = client_certificate_data.zip(client_key_data.map(SecretString::from));
    if token.is_none() && identity.is_none() {
        return Err(CredentialsError::Empty { command });
    }
    Ok(Credentials {
        token,
        identity,
        expires: expiration_timestamp,
    })
}

/// What a plugin is told.
fn question(plugin: &ExecConfig, interactive: bool) -> serde_json::Value {
    let mut spec = json!({"interactive": interactive});
    if let Some(cluster) = plugin.cluster.as_ref().filter(|_| plugin.provide_cluster_info) {
        spec["cluster"] = json!(cluster);
    }
    let version = plugin.api_version.as_deref().unwrap_or(VERSION);
    json!({"kind": "ExecCredential", "apiVersion": version, "spec": spec})
}
