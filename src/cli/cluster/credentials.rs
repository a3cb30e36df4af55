//! Credentials that do not last as long as the process: of a plugin, or of a file that others write anew, such as the
//! token of a pod's service account.

use std::{io, mem, path::PathBuf, process::ExitStatus, sync::Arc, time::Duration};

use ::kube::{
    Client, Config,
    client::{Body, ClientBuilder},
    config::ExecConfig,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::Mutex, time::Instant};
use tower::{BoxError, service_fn};

use super::{ClusterError, plugin};
use crate::report::with_causes;

/// A file is read again after this time, as kubectl does.
const FILE_LASTS: Duration = Duration::from_secs(60);

/// Credentials that expire in less are not used any more: a request takes time.
const MARGIN: SignedDuration = SignedDuration::from_secs(10);

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A plugin without a name.
    #[error("users[].user.exec of the kubeconfig has no command")]
    NoCommand,
    /// A plugin that is not there, and where to get it.
    #[error("the credential plugin {command} of the kubeconfig is not installed: {hint}")]
    NotInstalled {
        /// The plugin.
        command: String,
        /// What the kubeconfig says about it.
        hint: String,
    },
    /// A plugin that cannot be started.
    #[error("the credential plugin {command} of the kubeconfig cannot be run")]
    NotStarted {
        /// The plugin.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// A plugin that needs somebody who answers.
    #[error(
        "the credential plugin {command} of the kubeconfig has to ask questions (interactiveMode: Always), and standard \
         input is no terminal"
    )]
    NoTerminal {
        /// The plugin.
        command: String,
    },
    /// A plugin that did not succeed.
    #[error(
        "the credential plugin {command} of the kubeconfig failed ({status}){}",
        after_colon(said)
    )]
    Failed {
        /// The plugin.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote on standard error.
        said: String,
    },
    /// A plugin that printed something else.
    #[error(
        "the credential plugin {command} of the kubeconfig printed no ExecCredential; run it by hand (what it prints is \
         secret)"
    )]
    NotUnderstood {
        /// The plugin.
        command: String,
    },
    /// A plugin that printed neither a token nor a certificate.
    #[error("the credential plugin {command} of the kubeconfig gave neither a token nor a certificate with its key")]
    Empty {
        /// The plugin.
        command: String,
    },
    /// A file that cannot be read.
    #[error("the token file {} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A token that no request can carry.
    #[error("{origin} gave a token that holds spaces, line breaks or other characters of no token")]
    TokenIllegal {
        /// The plugin or the file.
        origin: String,
    },
    /// Certificate or key of a plugin.
    #[error(transparent)]
    Client(Box<ClusterError>),
}

fn after_colon(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}

/// What proves to an API server who asks.
#[derive(Debug)]
pub(super) struct Credentials {
    pub token: Option<SecretString>,
    /// A certificate in PEM form, and its key.
    pub identity: Option<(String, SecretString)>,
    pub expires: Option<Timestamp>,
}

/// Where credentials come from, again and again.
enum Source {
    Plugin(Box<ExecConfig>),
    File(PathBuf),
}

impl Source {
    /// Takes it out of a configuration. None where what the configuration holds lasts, or counts for more.
    fn take(config: &mut Config) -> Option<Self> {
        let known = &mut config.auth_info;
        let has_other = known.auth_provider.is_some() || known.username.is_some() && known.password.is_some();
        if has_other {
            return None;
        }
        if let Some(path) = known.token_file.take().filter(|path| !path.is_empty()) {
            // It is the newer one of the two.
            known.token = None;
            return Some(Self::File(path.into()));
        }
        if known.token.is_some() {
            return None;
        }
        known.exec.take().map(|plugin| Self::Plugin(Box::new(plugin)))
    }

    async fn read(&self) -> Result<Credentials, CredentialsError> {
        let credentials = match self {
            Self::Plugin(plugin) => plugin::run(plugin).await?,
            Self::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|source| CredentialsError::File {
                    path: path.clone(),
                    source,
                })?;
                Credentials {
                    token: Some(text.trim().to_owned().into()),
                    identity: None,
                    expires: None,
                }
            }
        };
        let token = credentials.token.as_ref().map(ExposeSecret::expose_secret);
        if token.is_some_and(|token| token.is_empty() || HeaderValue::from_str(token).is_err()) {
            return Err(CredentialsError::TokenIllegal { origin: self.name() });
        }
        Ok(credentials)
    }

    fn name(&self) -> String {
        match self {
            Self::Plugin(plugin) => {
                let command = plugin.command.as_deref().unwrap_or_default();
                format!("the credential plugin {command} of the kubeconfig")
            }
            Self::File(path) => format!("the token file {}", path.display()),
        }
    }
}

impl Credentials {
    /// The client that asks with them.
    fn client(&self, config: &Config) -> Result<Client, ClusterError> {
        let mut config = config.clone();
        let known = &mut config.auth_info;
        if self.token.is_some() {
            known.token.clone_from(&self.token);
        }
        if let Some((certificate, key)) = &self.identity {
            known.client_certificate_data = Some(BASE64_STANDARD.encode(certificate));
            known.client_key_data = Some(BASE64_STANDARD.encode(key.expose_secret()).into());
        }
        super::client_of(config)
    }

    fn are_the_same_as(&self, other: &Self) -> bool {
        fn shown(credentials: &Credentials) -> (Option<&str>, Option<(&str, &str)>) {
            let Credentials { token, identity, .. } = credentials;
            (
                token.as_ref().map(ExposeSecret::expose_secret),
                identity
                    .as_ref()
                    .map(|(certificate, key)| (certificate.as_str(), key.expose_secret())),
            )
        }
        shown(self) == shown(other)
    }
}

/// A client whose credentials are renewed when their time is over, or when the API server refuses them.
///
/// # Errors
/// When there are none.
pub(super) async fn client(mut config: Config) -> Result<Client, ClusterError> {
    let Some(source) = Source::take(&mut config) else {
        return super::client_of(config);
    };
    let namespace = config.default_namespace.clone();
    let address = config.cluster_url.to_string();
    let credentials = source
        .read()
        .await
        .map_err(|source| ClusterError::Credentials { address, source })?;
    let current = Current {
        client: credentials.client(&config)?,
        credentials,
        read_at: Instant::now(),
        number: 0,
    };
    let renewed = Arc::new(Renewed {
        config,
        source,
        current: Mutex::new(current),
    });
    let service = service_fn(move |request| {
        let renewed = Arc::clone(&renewed);
        async move { renewed.send(request).await }
    });
    Ok(ClientBuilder::new(service, namespace).build())
}

struct Renewed {
    /// Without credentials.
    config: Config,
    source: Source,
    current: Mutex<Current>,
}

struct Current {
    client: Client,
    credentials: Credentials,
    read_at: Instant,
    /// How often they have changed.
    number: u64,
}

impl Current {
    fn are_over(&self, source: &Source) -> bool {
        match source {
            Source::File(_) => self.read_at.elapsed() >= FILE_LASTS,
            Source::Plugin(_) => {
                let expires = self.credentials.expires;
                expires.is_some_and(|expires| expires <= Timestamp::now() + MARGIN)
            }
        }
    }
}

impl Renewed {
    /// Sends a request, and once more where the credentials are refused and there are others by now.
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let request = || Request::from_parts(head.clone(), Body::from(body.to_vec()));
        let (client, number) = self.client().await?;
        let answer = client.send(request()).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        match self.other_than(number).await {
            Ok(Some(client)) => Ok(client.send(request()).await?),
            Ok(None) => Ok(answer),
            Err(error) => {
                tracing::warn!("{}", with_causes(&error).join(": "));
                Ok(answer)
            }
        }
    }

    async fn client(&self) -> Result<(Client, u64), CredentialsError> {
        let mut current = self.current.lock().await;
        if current.are_over(&self.source) {
            match (self.renew(&mut current).await, &self.source) {
                // A file may be taken away once it was read, so that nobody else reads it.
                (Ok(()), _) | (Err(_), Source::File(_)) => {}
                (Err(error), Source::Plugin(_)) => return Err(error),
            }
        }
        Ok((current.client.clone(), current.number))
    }

    /// A client with other credentials than those of this number; none where there are no others.
    async fn other_than(&self, number: u64) -> Result<Option<Client>, CredentialsError> {
        let mut current = self.current.lock().await;
        if current.number == number {
            self.renew(&mut current).await?;
        }
        Ok((current.number != number).then(|| current.client.clone()))
    }

    async fn renew(&self, current: &mut Current) -> Result<(), CredentialsError> {
        current.read_at = Instant::now();
        let read = self.source.read().await?;
        let before = mem::replace(&mut current.credentials, read);
        if !current.credentials.are_the_same_as(&before) {
            let client = current.credentials.client(&self.config);
            current.client = client.map_err(|error| CredentialsError::Client(Box::new(error)))?;
            current.number += 1;
        }
        Ok(())
    }
}
