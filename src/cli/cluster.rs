//! The Kubernetes client: from a kubeconfig as kubectl finds it, or from the service account of the pod.

mod credentials;
mod kubeconfig;
mod plugin;

use std::{net::IpAddr, time::Duration};

use ::kube::{
    Client, Config,
    config::{InClusterError, KubeConfigOptions, KubeconfigError},
};
use http::{HeaderValue, Uri, header::USER_AGENT};
use percent_encoding::percent_decode_str;

pub use self::credentials::CredentialsError;
use self::kubeconfig::{Read, context_name, correct, read, unusable};
use super::config::ClusterConfig;
use crate::github::Proxies;

/// What API server and GitHub see of us.
pub const AGENT: &str = concat!("kube-status-to-github/", env!("CARGO_PKG_VERSION"));

/// Long enough for a slow network, short enough to be noticed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The API server gives up on a list after 60 seconds itself.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(65);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No kubeconfig anywhere.
    #[error(
        "no cluster: KUBECONFIG is not set, {path} does not exist, and this is not a pod; give --kubeconfig, or \
         -f and --objects to work without a cluster"
    )]
    NoConfig {
        /// Where kubectl's default is.
        path: String,
    },
    /// No kubeconfig, but a context.
    #[error("--context {context:?} needs a kubeconfig: KUBECONFIG is not set, and {path} does not exist")]
    ContextWithoutConfig {
        /// `--context`
        context: String,
        /// Where kubectl's default is.
        path: String,
    },
    /// A kubeconfig that is not YAML, or not a kubeconfig. What is in it is not shown: it holds secrets.
    #[error("the kubeconfig ({origin}) cannot be read as YAML{place}")]
    Malformed {
        /// Which one.
        origin: String,
        /// Where in it, such as ` at line 3, column 7`.
        place: String,
    },
    /// A kubeconfig that makes no sense, such as one without the context.
    #[error("the kubeconfig ({origin}) cannot be used")]
    Unusable {
        /// Which one.
        origin: String,
        /// Why.
        source: KubeconfigError,
    },
    /// A kubeconfig without contexts, such as an empty file.
    #[error("the kubeconfig ({origin}) has no contexts: see whether it is the right file")]
    NoContexts {
        /// Which one.
        origin: String,
    },
    /// A kubeconfig in which no context is chosen.
    #[error("the kubeconfig ({origin}) has no current-context: give --context with one of {known}")]
    NoCurrentContext {
        /// Which one.
        origin: String,
        /// Those that it has.
        known: String,
    },
    /// A context that the kubeconfig does not have.
    #[error("the kubeconfig ({origin}) has no context {context:?}: give --context with one of {known}")]
    UnknownContext {
        /// Which one.
        origin: String,
        /// The context.
        context: String,
        /// Those that it has.
        known: String,
    },
    /// A certificate authority that is none.
    #[error("the certificate authority of the kubeconfig ({origin}) holds no certificate in PEM form")]
    NoAuthority {
        /// Which one.
        origin: String,
    },
    /// A token that no request can carry.
    #[error("the token in the kubeconfig ({origin}) holds line breaks or other characters of no token")]
    TokenIllegal {
        /// Which one.
        origin: String,
    },
    /// A proxy that is none of HTTP.
    #[error(
        "the cluster at {address} is to be reached through a SOCKS proxy, which is not supported: name an HTTP proxy \
             in proxy-url of the kubeconfig, or give the address of a tunnel"
    )]
    SocksProxy {
        /// The API server.
        address: String,
    },
    /// The files of the service account.
    #[error("the service account of this pod cannot be used; is automountServiceAccountToken off?")]
    ServiceAccount {
        /// Why.
        source: InClusterError,
    },
    /// No credentials, where they come from a plugin or a file.
    #[error("no credentials for the cluster at {address}")]
    Credentials {
        /// The API server.
        address: String,
        /// Why.
        source: CredentialsError,
    },
    /// Credentials or TLS.
    #[error("no client for the cluster at {address}")]
    Client {
        /// The API server.
        address: String,
        /// Why.
        source: Box<::kube::Error>,
    },
}

/// Makes the client. Its default namespace is the context's. Nothing is asked over the network yet.
///
/// # Errors
/// When there is no usable configuration; the message names what was tried.
pub async fn connect(config: &ClusterConfig) -> Result<Client, ClusterError> {
    let mut config = load(config).await?;
    move_user(&mut config);
    leave_out_proxy(&mut config, &Proxies::from_environment());
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(REQUEST_TIMEOUT);
    config.write_timeout = Some(REQUEST_TIMEOUT);
    config.reset_reader_on_write = true;
    // It would repeat for minutes, on top of the reader's own repetitions.
    config.default_retry = false;
    config.headers.push((USER_AGENT, HeaderValue::from_static(AGENT)));
    credentials::client(config).await
}

/// Makes a client of a configuration that asks nothing of others any more.
fn client_of(config: Config) -> Result<Client, ClusterError> {
    let address = config.cluster_url.to_string();
    Client::try_from(config).map_err(|source| match source {
        ::kube::Error::ProxyProtocolDisabled { .. } => ClusterError::SocksProxy { address },
        source => ClusterError::Client {
            address,
            source: Box::new(source),
        },
    })
}

/// The namespace of the kubeconfig's context, or of the pod; `default` where there is neither. Makes no client.
pub async fn default_namespace(config: &ClusterConfig) -> String {
    load(config)
        .await
        .map_or_else(|_| "default".to_owned(), |config| config.default_namespace)
}

/// The contexts of the kubeconfig; none where there is none that can be read.
#[must_use]
pub fn contexts(config: &ClusterConfig) -> Vec<String> {
    match read(config) {
        Ok(Read::Kubeconfig(_, kubeconfig)) => kubeconfig.contexts.into_iter().map(|context| context.name).collect(),
        Ok(Read::Nothing(_)) | Err(_) => Vec::new(),
    }
}

async fn load(wanted: &ClusterConfig) -> Result<Config, ClusterError> {
    let (origin, mut kubeconfig) = match read(wanted)? {
        Read::Kubeconfig(origin, kubeconfig) => (origin, *kubeconfig),
        Read::Nothing(path) => return in_cluster(wanted, &path),
    };
    let context = context_name(&origin, &kubeconfig, wanted.context.as_deref())?;
    correct(&origin, &mut kubeconfig, &context)?;
    let options = KubeConfigOptions {
        context: Some(context),
        ..KubeConfigOptions::default()
    };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|source| unusable(&origin, source))?;
    if config.root_cert.as_ref().is_some_and(Vec::is_empty) {
        return Err(ClusterError::NoAuthority { origin });
    }
    Ok(config)
}

/// Takes the proxy of the environment away where kubectl would not use it: for plain HTTP, for this machine, and for
/// what `NO_PROXY` lists. The proxy that a kubeconfig names stays. In a pod there is none.
fn leave_out_proxy(config: &mut Config, proxies: &Proxies) {
    let server = &config.cluster_url;
    let host = server.host().unwrap_or_default();
    let address: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
    let is_here = host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback());
    let is_unwanted = server.scheme_str() != Some("https") || is_here || proxies.is_exception(server);
    config.proxy_url.take_if(|proxy| is_unwanted && proxies.is_named(proxy));
}

fn in_cluster(wanted: &ClusterConfig, path: &str) -> Result<Config, ClusterError> {
    if let Some(context) = &wanted.context {
        return Err(ClusterError::ContextWithoutConfig {
            context: context.clone(),
            path: path.to_owned(),
        });
    }
    Config::incluster().map_err(|source| match source {
        InClusterError::ReadEnvironmentVariable(_) => ClusterError::NoConfig { path: path.to_owned() },
        source => ClusterError::ServiceAccount { source },
    })
}

/// Takes user name and password out of the API server's address, which is shown in messages. As with kubectl they count
/// unless the kubeconfig has other credentials.
fn move_user(config: &mut Config) {
    let mut address = config.cluster_url.clone().into_parts();
    let authority = address.authority.as_ref().map(ToString::to_string).unwrap_or_default();
    let Some((user, host)) = authority.rsplit_once('@') else {
        return;
    };
    address.authority = host.parse().ok();
    let Ok(address) = Uri::from_parts(address) else {
        return;
    };
    config.cluster_url = address;
    let known = &mut config.auth_info;
    if known.token.is_none() && known.token_file.is_none() && known.username.is_none() && known.exec.is_none() {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        known.username = Some(decoded(name));
        known.password = Some(decoded(password).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{error::Error, fs};

    const KUBECONFIG: &str = "
apiVersion: v1
kind: Config
clusters: [{name: one, cluster: {server: 'https://127.0.0.1:6443'}}]
users: [{name: me, user: {token: hunter2}}]
contexts:
- {name: plain, context: {cluster: one, user: me}}
- {name: shop, context: {cluster: one, user: me, namespace: shop}}
current-context: plain
";

    async fn connect_with(text: &str, context: Option<&str>) -> Result<Client, ClusterError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config");
        fs::write(&path, text).expect("a kubeconfig");
        let context = context.map(ToOwned::to_owned);
        connect(&ClusterConfig {
            kubeconfig: Some(path),
            context,
        })
        .await
    }

    #[tokio::test]
    async fn the_namespace_is_that_of_the_context() {
        for (context, expected) in [(None, "default"), (Some("plain"), "default"), (Some("shop"), "shop")] {
            let client = connect_with(KUBECONFIG, context).await.expect("a client");
            assert_eq!(client.default_namespace(), expected, "{context:?}");
        }
    }

    #[test]
    fn a_user_in_the_address_becomes_credentials() {
        use secrecy::ExposeSecret as _;
        for (server, address, user) in [
            ("https://one:6443/", "https://one:6443/", None),
            (
                "https://me:p%40ss@one:6443/k8s",
                "https://one:6443/k8s",
                Some(("me", "p@ss")),
            ),
            ("https://me@one", "https://one/", Some(("me", ""))),
            ("https://me:p@one:99999", "https://one:99999/", Some(("me", "p"))),
        ] {
            for token in [None, Some("hunter2")] {
                let mut config = Config::new(server.parse().expect(server));
                config.auth_info.token = token.map(|token| token.to_owned().into());
                move_user(&mut config);
                assert_eq!(config.cluster_url.to_string(), address);
                let known = &config.auth_info;
                let password = known.password.as_ref().map(|password| password.expose_secret());
                let found = known.username.as_deref().zip(password);
                assert_eq!(found, user.filter(|_| token.is_none()), "{server}");
            }
        }
    }

    #[tokio::test]
    async fn an_unusable_kubeconfig_is_named_and_not_shown() {
        let whole = |error: ClusterError| {
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                text = format!("{text}: {error}");
                cause = error.source();
            }
            text
        };
        for (text, context, expected) in [
            (KUBECONFIG, Some("nowhere"), "nowhere"),
            (
                "users: [{name: me, user: {token: hunter2",
                None,
                "cannot be read as YAML at line 1",
            ),
            ("users: {hunter2: [", None, "cannot be read as YAML"),
            ("", None, "has no contexts"),
            (
                "clusters: [{name: c, cluster: {server: 'https://one', certificate-authority-data: aGk=}}]
contexts: [{name: x, context: {cluster: c}}]",
                Some("x"),
                "holds no certificate in PEM form",
            ),
            (
                "clusters: [{name: c, cluster: {server: 'https://one', proxy-url: 'socks5://one:1080'}}]
contexts: [{name: x, context: {cluster: c}}]",
                Some("x"),
                "is to be reached through a SOCKS proxy, which is not supported",
            ),
        ] {
            let error = whole(connect_with(text, context).await.err().expect(text));
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let missing = ClusterConfig {
            kubeconfig: Some("/no/such/kubeconfig".into()),
            context: None,
        };
        let error = whole(connect(&missing).await.err().expect("no file"));
        assert!(
            error.contains("/no/such/kubeconfig") && error.contains("No such file"),
            "{error}"
        );
    }
}
