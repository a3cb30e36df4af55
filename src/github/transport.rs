//! What requests go through: the network with TLS and proxies, or any tower service.

mod connect;
mod proxy;
mod roots;
mod trouble;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use octocrab::OctoBody;
use rustls::{ClientConfig, crypto::aws_lc_rs};
use tower::{BoxError, Service, ServiceExt, util::BoxService};
use tower_http::decompression::Decompression;

pub use proxy::Proxies;
pub(super) use trouble::transport_error;

use super::{address::Address, error::GitHubError};

/// An answer may be this large, unpacked: 500 deployments with payloads as large as they get.
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

/// The network as transport: HTTP/2 where the server speaks it, answers packed by gzip, connections kept for the next
/// request, TLS 1.2 or 1.3, and a proxy where the environment names one.
///
/// Plain HTTP, which [`Address`] allows to this machine only, goes through no proxy.
pub(super) fn network(address: &Address) -> Result<Transport, GitHubError> {
    let mut http = HttpConnector::new();
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let mut builder = HyperClient::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new());
    if !address.is_encrypted() {
        let client = builder.build::<_, OctoBody>(http);
        return Ok(of_service(Decompression::new(client)));
    }
    http.enforce_http(false);
    let tls = tls()?;
    let connector = connect::connector(http, tls.clone(), Proxies::from_environment());
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_only()
        .enable_all_versions()
        .wrap_connector(connector);
    Ok(of_service(Decompression::new(builder.build::<_, OctoBody>(https))))
}

fn tls() -> Result<ClientConfig, GitHubError> {
    let roots = roots::load(|name| std::env::var_os(name))?;
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|source| GitHubError::Certificates {
            source: Arc::new(source),
        })?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
