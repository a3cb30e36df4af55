//! A connection to a server: straight, or through a tunnel that a proxy makes.

use std::sync::Arc;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{HttpConnector, proxy::Tunnel};
use rustls::ClientConfig;
use tower::{BoxError, Service, ServiceExt, service_fn};

use super::{
    proxy::{Proxies, Proxy},
    trouble::Trouble,
};
use crate::github::error::GitHubError;

/// To the proxy, in TLS if it wants that.
type ProxyConnector = HttpsConnector<HttpConnector>;
type TunnelError = <Tunnel<ProxyConnector> as Service<Uri>>::Error;

/// A connector to servers, which chooses the proxy for each of them: a redirect may lead to another one.
pub(super) fn connector(
    http: HttpConnector,
    tls: ClientConfig,
    proxies: Proxies,
) -> impl Service<Uri, Response = <ProxyConnector as Service<Uri>>::Response, Error = BoxError, Future: Send + 'static>
+ Clone
+ Send
+ Sync
+ 'static {
    // CONNECT is HTTP/1.1.
    let to_proxy = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(http.clone());
    let proxies = Arc::new(proxies);
    service_fn(move |server: Uri| {
        let (http, to_proxy, proxies) = (http.clone(), to_proxy.clone(), proxies.clone());
        async move {
            match proxies.for_server(&server)? {
                None => Ok(MaybeHttpsStream::Http(http.oneshot(server).await?)),
                Some(proxy) => tunnel(&proxy, to_proxy, server).await,
            }
        }
    })
}

async fn tunnel(
    proxy: &Proxy,
    connector: ProxyConnector,
    server: Uri,
) -> Result<<ProxyConnector as Service<Uri>>::Response, BoxError> {
    let mut tunnel = Tunnel::new(proxy.uri.clone(), connector);
    if let Some(authorization) = &proxy.authorization {
        tunnel = tunnel.with_auth(authorization.clone());
    }
    let host = server.host().unwrap_or_default().to_owned();
    let failed = |source: Option<BoxError>| Trouble::Proxy {
        proxy: proxy.name(),
        source,
    };
    tunnel.oneshot(server).await.map_err(|error| match error {
        TunnelError::ProxyAuthRequired => GitHubError::ProxyCredentials {
            proxy: proxy.name(),
            variable: proxy.variable,
            given: proxy.authorization.is_some(),
        }
        .into(),
        TunnelError::ConnectFailed(source) => failed(Some(source)).into(),
        TunnelError::Io(source) => failed(Some(source.into())).into(),
        TunnelError::TunnelUnexpectedEof
        | TunnelError::TunnelUnsuccessful
        | TunnelError::ProxyHeadersTooLong
        | TunnelError::MissingHost => Trouble::NoTunnel {
            proxy: proxy.name(),
            host,
        }
        .into(),
    })
}
