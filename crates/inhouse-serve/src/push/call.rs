//! One call of a webhook: exactly what its host was found to stand for is connected to. No proxy of the environment, no
//! redirect, nothing of the answer but its status.

use std::io;
use std::sync::{Arc, OnceLock};

use hyper::client::conn::http1;
use hyper::header::HeaderMap;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::lookup::NoDial;
use super::webhook::{Dial, Webhook, WebhookError};
use crate::Body;

/// Status line and headers of an answer.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Why a webhook was not told.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unheard {
    /// It may not be called.
    #[error("{0}")]
    NoDial(#[from] NoDial),
    /// It does not take the connection, or breaks it.
    #[error("{0}")]
    Connection(#[from] io::Error),
    /// It does not speak HTTP.
    #[error("{}{}", .0, cause(.0))]
    Http(#[from] hyper::Error),
    /// It took too long.
    #[error("no answer within {0} ms")]
    Late(u64),
    /// It says no.
    #[error("the answer is {0}")]
    Status(StatusCode),
}

/// hyper's own words say little of what lies below them.
fn cause(error: &hyper::Error) -> String {
    std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default()
}

/// Posts `body` to a webhook; whatever is no success is an error.
pub(super) async fn post(dial: &Dial, webhook: &Webhook, headers: HeaderMap, body: Body) -> Result<(), Unheard> {
    let socket = TcpStream::connect(dial.addresses()).await?;
    socket.set_nodelay(true)?;
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = webhook.target().parse().map_err(|_| NoDial::from(WebhookError::Malformed))?;
    *request.headers_mut() = headers;
    let status = if webhook.is_tls() {
        let name = ServerName::try_from(webhook.host()).map_err(|_| NoDial::from(WebhookError::Malformed))?;
        exchange(TlsConnector::from(tls()?).connect(name, socket).await?, request).await?
    } else {
        exchange(socket, request).await?
    };
    if status.is_success() { Ok(()) } else { Err(Unheard::Status(status)) }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: Request<Body>,
) -> Result<StatusCode, hyper::Error> {
    let builder = http1::Builder::new().max_header_size(HEAD_BYTES_MAX).clone();
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let answer = sender.send_request(request);
    tokio::pin!(answer);
    // Both end here: nothing drives the connection once the answer is there. However the connection ends, the answer knows
    // whether it came before.
    let answer = tokio::select! {
        answer = &mut answer => answer,
        _ = connection => answer.await,
    };
    answer.map(|answer| answer.status())
}

/// The certificates that this machine trusts; read when the first webhook is called by https.
fn tls() -> io::Result<Arc<ClientConfig>> {
    static TLS: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = TLS.get() {
        return Ok(Arc::clone(config));
    }
    let found = rustls_native_certs::load_native_certs();
    found.errors.iter().for_each(|error| tracing::warn!(%error, "a trusted certificate can not be read"));
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let none =
            "this machine trusts no certificate authority: install ca-certificates, or name a file in SSL_CERT_FILE";
        return Err(io::Error::new(io::ErrorKind::NotFound, none));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(io::Error::other)?.with_root_certificates(roots).with_no_client_auth();
    Ok(Arc::clone(TLS.get_or_init(|| Arc::new(config))))
}
