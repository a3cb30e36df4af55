//! The Kubernetes client: from a kubeconfig as kubectl finds it, or from the service account of the pod.

use std::{ffi::OsStr, net::IpAddr, path::PathBuf, time::Duration};

use ::kube::{
    Client, Config,
    config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use http::{HeaderValue, Uri, header::USER_AGENT};
use percent_encoding::percent_decode_str;

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
    /// The files of the service account.
    #[error("the service account of this pod cannot be used; is automountServiceAccountToken off?")]
    ServiceAccount {
        /// Why.
        source: InClusterError,
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
    let address = config.cluster_url.to_string();
    Client::try_from(config).map_err(|source| ClusterError::Client {
        address,
        source: Box::new(source),
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

/// What there is of kubeconfigs.
enum Read {
    /// Where it is from, and what is in it.
    Kubeconfig(String, Box<Kubeconfig>),
    /// The path at which there would be one.
    Nothing(String),
}

fn read(wanted: &ClusterConfig) -> Result<Read, ClusterError> {
    let (origin, read) = match &wanted.kubeconfig {
        Some(path) => (path.display().to_string(), Kubeconfig::read_from(path).map(Some)),
        None => (
            "KUBECONFIG".to_owned(),
            listed(std::env::var_os("KUBECONFIG").as_deref()),
        ),
    };
    if let Some(kubeconfig) = read.map_err(|source| unusable(&origin, source))? {
        return Ok(Read::Kubeconfig(origin, Box::new(kubeconfig)));
    }
    let path = std::env::home_dir()
        .unwrap_or_else(|| PathBuf::from("~"))
        .join(".kube/config");
    let origin = path.display().to_string();
    if !path.exists() {
        return Ok(Read::Nothing(origin));
    }
    let read = Kubeconfig::read_from(&path).map_err(|source| unusable(&origin, source))?;
    Ok(Read::Kubeconfig(origin, Box::new(read)))
}

/// The files that `KUBECONFIG` lists, as one: what comes first wins. As with kubectl some may be missing, but not all of
/// them. None where nothing is listed.
fn listed(variable: Option<&OsStr>) -> Result<Option<Kubeconfig>, KubeconfigError> {
    let all: Vec<_> = std::env::split_paths(variable.unwrap_or_default())
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    let there: Vec<_> = all.iter().filter(|path| path.exists()).collect();
    let files = if there.is_empty() { all.iter().collect() } else { there };
    files.into_iter().try_fold(None, |merged: Option<Kubeconfig>, file| {
        let next = Kubeconfig::read_from(file)?;
        merged.unwrap_or_default().merge(next).map(Some)
    })
}

async fn load(wanted: &ClusterConfig) -> Result<Config, ClusterError> {
    let (origin, kubeconfig) = match read(wanted)? {
        Read::Kubeconfig(origin, kubeconfig) => (origin, *kubeconfig),
        Read::Nothing(path) => return in_cluster(wanted, &path),
    };
    let options = KubeConfigOptions {
        context: wanted.context.clone(),
        ..KubeConfigOptions::default()
    };
    Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|source| unusable(&origin, source))
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

fn unusable(origin: &str, source: KubeconfigError) -> ClusterError {
    let origin = origin.to_owned();
    match source {
        KubeconfigError::Parse(error) => ClusterError::Malformed {
            origin,
            place: error
                .location()
                .map(|place| format!(" at line {}, column {}", place.line(), place.column()))
                .unwrap_or_default(),
        },
        source => ClusterError::Unusable { origin, source },
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
    fn of_several_kubeconfigs_some_may_be_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("one"), KUBECONFIG).expect("a kubeconfig");
        fs::write(path("two"), "contexts: [{name: other, context: {cluster: two}}]").expect("a kubeconfig");
        let listed = |names: &[&str]| {
            let paths = names.iter().map(|name| match *name {
                "" => PathBuf::new(),
                name => path(name),
            });
            let variable = std::env::join_paths(paths).expect("no separator in a name");
            let contexts = |kubeconfig: Kubeconfig| -> Vec<String> {
                kubeconfig.contexts.into_iter().map(|context| context.name).collect()
            };
            super::listed(Some(&variable)).map(|found| found.map(contexts))
        };
        for (names, expected) in [
            (&[][..], None),
            (&["", ""], None),
            (&["one"], Some(&["plain", "shop"][..])),
            (&["two", "one", ""], Some(&["other", "plain", "shop"])),
            (&["absent", "two"], Some(&["other"])),
            (&["two", "absent"], Some(&["other"])),
        ] {
            let found = listed(names).expect("what is there can be read");
            let expected = expected.map(|names| names.iter().map(ToString::to_string).collect());
            assert_eq!(found, expected, "{names:?}");
        }
        assert!(super::listed(None).expect("nothing").is_none());
        let error = listed(&["absent", "absent too"])
            .expect_err("none is there")
            .to_string();
        assert!(error.contains("absent"), "{error}");
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
            ("", None, "cannot be used"),
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
