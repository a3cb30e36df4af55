//! What requests go through: the network with TLS and proxies, or any tower service.

use std::{error::Error, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::{
        legacy::{
            Client as HyperClient,
            connect::{HttpConnector, proxy::Tunnel},
        },
        proxy::matcher::Matcher,
    },
    rt::{TokioExecutor, TokioTimer},
};
use octocrab::OctoBody;
use tower::{BoxError, Service, ServiceExt, util::BoxService};

use super::{
    address::Address,
    answer::CallError,
    error::{Cause, GitHubError},
};

/// An answer may be this large: 500 deployments with payloads as large as they get.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What a request goes through.
pub(super) type Transport = BoxService<Request<OctoBody>, Response<Full<Bytes>>, BoxError>;

/// Any tower service as transport. Answers are read here, to their end and not beyond [`MAX_BODY_BYTES`].
pub(super) fn of_service<S, B>(service: S) -> Transport
where
    S: Service<Request<OctoBody>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    BoxService::new(service.map_err(Into::into).and_then(|response: Response<B>| async {
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_BODY_BYTES).collect().await?.to_bytes();
        Ok(Response::from_parts(parts, Full::new(body)))
    }))
}

/// The network as transport: TLS by rustls with the root certificates of this machine (`SSL_CERT_FILE` first), and
/// through a proxy where `HTTPS_PROXY` and `NO_PROXY` say so.
pub(super) fn network(address: &Address) -> Result<Transport, GitHubError> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let mut builder = HyperClient::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new());

    let Ok(uri) = address.rest().parse::<http::Uri>() else {
        return Err(super::AddressError::Invalid {
            text: address.rest().to_owned(),
        }
        .into());
    };
    if uri.scheme_str() == Some("http") {
        return Ok(of_service(builder.build::<_, OctoBody>(http)));
    }
    let tls = || {
        HttpsConnectorBuilder::new()
            .with_native_roots()
            .map(HttpsConnectorBuilder::https_or_http)
            .map_err(|source| GitHubError::Certificates {
                source: Arc::new(source),
            })
    };
    let Some(proxy) = Matcher::from_env().intercept(&uri) else {
        let https = tls()?.enable_all_versions().wrap_connector(http);
        return Ok(of_service(builder.build::<_, OctoBody>(https)));
    };
    if !matches!(proxy.uri().scheme_str(), Some("http" | "https")) {
        return Err(GitHubError::Proxy {
            // Not the whole address, which may hold a password.
            proxy: format!(
                "{}://{}",
                proxy.uri().scheme_str().unwrap_or_default(),
                proxy.uri().host().unwrap_or_default()
            ),
        });
    }
    let mut tunnel = Tunnel::new(proxy.uri().clone(), tls()?.enable_http1().wrap_connector(http));
    if let Some(basic) = proxy.basic_auth() {
        tunnel = tunnel.with_auth(basic.clone());
    }
    let https = tls()?.enable_all_versions().wrap_connector(tunnel);
    Ok(of_service(builder.build::<_, OctoBody>(https)))
}

pub(super) fn transport_error(error: octocrab::Error) -> CallError {
    let cause: Cause = match error {
        octocrab::Error::Service { source, .. } => Arc::from(source),
        other => Arc::new(other),
    };
    let mut link: Option<&(dyn Error + 'static)> = Some(&*cause);
    while let Some(error) = link {
        let hyper = error.downcast_ref::<hyper_util::client::legacy::Error>();
        let io = error.downcast_ref::<std::io::Error>();
        if hyper.is_some_and(hyper_util::client::legacy::Error::is_connect)
            || io.is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
        {
            return CallError::NotSent(cause);
        }
        if error.is::<LengthLimitError>() {
            return CallError::Lost { cause, heavy: true };
        }
        link = error.source();
    }
    CallError::Lost { cause, heavy: false }
}
