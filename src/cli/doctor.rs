//! `doctor`: from the configuration to checks, and from checks to output and exit code.

use jiff::Timestamp;

use super::{
    Failure, Surroundings, cluster,
    config::{ConfigError, DoctorConfig, GitHubParts, Objects},
    credentials::CredentialsError,
    exit::Exit,
    print,
    sync::{declared_in, namespace_or_default},
};
use crate::{
    doctor::{self, CredentialsFound, Finding, Subject},
    github::Credentials,
    report::{CheckDocument, render_checks},
    source::Kept,
    sync::ObjectsIn,
};

/// Makes the checks and prints them.
pub(super) async fn run(config: DoctorConfig, surroundings: Surroundings) -> Result<Exit, Failure> {
    let kept = Kept::read(config.paths()).map_err(Failure::cannot_run)?;
    surroundings.progress.stage("checking", None);
    let output = config.output;
    let subject = subject(config, kept).await?;
    let examination = doctor::examine(&subject).await;
    surroundings.progress.finish();
    let document = CheckDocument::new(examination.checks);
    let mut text = Vec::new();
    render_checks(&document, output, &mut text, surroundings.style).map_err(Failure::cannot_run)?;
    print(&text)?;
    Ok(if document.summary.failed == 0 {
        Exit::Done
    } else if examination.answered {
        Exit::SomeFailed
    } else {
        Exit::CannotRun
    })
}

/// What was configured, in the words of an examination.
async fn subject(config: DoctorConfig, kept: Kept) -> Result<Subject, Failure> {
    let DoctorConfig {
        declarations,
        objects,
        cluster,
        namespace,
        repositories,
        github:
            GitHubParts {
                api,
                credentials,
                in_workflow,
                owner,
            },
        app_is_set,
        output: _,
    } = config;
    let client = match &cluster {
        Some(cluster) => Some(cluster::connect(cluster).await),
        None => None,
    };
    let reached = client.as_ref().and_then(|client| client.as_ref().ok());
    let namespace = namespace_or_default(namespace, reached);
    let declared_in = match declarations {
        None => None,
        Some(declarations) => Some(declared_in(declarations, namespace, &objects, reached, &kept).await?),
    };
    Ok(Subject {
        api: api.map_err(|error| finding(&error)),
        credentials: credentials
            .map(|found| CredentialsFound {
                app_ignored: app_is_set && matches!(found.credentials, Credentials::Token(_)),
                credentials: found.credentials,
                token_variable: found.token_variable,
                in_workflow,
            })
            .map_err(|error| finding(&error)),
        cluster: client.map(|client| client.map_err(|error| Finding::new("NoCluster", &error))),
        declared_in,
        objects_in: match objects {
            Objects::Cluster => ObjectsIn::Cluster,
            Objects::Files(paths) => ObjectsIn::Files(paths),
        },
        repositories,
        default_owner: owner,
        kept,
        now: Timestamp::now(),
    })
}

fn finding(error: &ConfigError) -> Finding {
    let reason = match error {
        ConfigError::Address(_) => "GitHubAddressInvalid",
        ConfigError::Credentials(CredentialsError::Missing) => "CredentialsMissing",
        _ => "CredentialsMalformed",
    };
    Finding::new(reason, error)
}
