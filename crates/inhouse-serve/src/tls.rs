//! TLS of the server: its keys, the handshake with its own time, and a connection's bytes with TLS or without.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::Refusal;
use crate::certificate::Certificate;

/// The first byte of a client that begins with TLS: a record of its handshake (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;
/// What is spoken over TLS, the better one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why keys can not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsKeysError {
    /// There is no certificate in the file, or none that can be read.
    #[error("the certificates can not be read: {0}")]
    Certificates(String),
    /// There is no private key in the file, or none that can be read.
    #[error("the private key can not be read: {0}")]
    Key(String),
    /// They do not belong together, or are of no kind that is known.
    #[error("the private key does not fit the certificate: {0}")]
    Pair(String),
}

/// Whose certificates clients may show, or have to.
#[derive(Debug, Clone)]
pub struct ClientAuth(Arc<dyn ClientCertVerifier>);

impl ClientAuth {
    /// Those below these authorities, in PEM; with `required` there is no connection without one.
    ///
    /// # Errors
    /// [`TlsKeysError::Certificates`].
    pub fn new(authorities: &[u8], required: bool) -> Result<Self, TlsKeysError> {
        let mut roots = RootCertStore::empty();
        for authority in chain(authorities)? {
            roots.add(authority).map_err(|error| TlsKeysError::Certificates(error.to_string()))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let builder = if required { builder } else { builder.allow_unauthenticated() };
        builder.build().map(Self).map_err(|error| TlsKeysError::Certificates(error.to_string()))
    }
}

/// All certificates of a text in PEM; at least one.
fn chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsKeysError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|error| TlsKeysError::Certificates(error.to_string()))?;
    if chain.is_empty() { Err(TlsKeysError::Certificates("there is none".to_owned())) } else { Ok(chain) }
}

/// A certificate with its chain and its private key: what a server proves itself with.
#[derive(Debug, Clone)]
pub struct TlsKeys(Arc<ServerConfig>);

/// The keys that are in force, and news of them. Connections that are open keep what they began with.
pub type LiveTlsKeys = watch::Receiver<TlsKeys>;

impl TlsKeys {
    /// Reads PEM: the certificates, the server's own first, and its private key. Without `clients` nobody is asked for a certificate.
    ///
    /// # Errors
    /// [`TlsKeysError`].
    pub fn new(certificates: &[u8], key: &[u8], clients: Option<&ClientAuth>) -> Result<Self, TlsKeysError> {
        let chain = chain(certificates)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsKeysError::Key(error.to_string()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let pair = |error: rustls::Error| TlsKeysError::Pair(error.to_string());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let verifier = clients.map_or_else(WebPkiClientVerifier::no_client_auth, |clients| Arc::clone(&clients.0));
        let config = config.map_err(pair)?.with_client_cert_verifier(verifier);
        let mut config = config.with_single_cert(chain, key).map_err(pair)?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Self(Arc::new(config)))
    }
}

/// A PEM text with this label (RFC 7468).
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The bytes of one connection.
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// Which version of HTTP was agreed on; over plain TCP nobody has asked.
    pub(crate) fn is_two(&self) -> Option<bool> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => Some(stream.get_ref().1.alpn_protocol() == Some(PROTOCOLS[0])),
        }
    }

    /// Looks at the first bytes that come over plain TCP, and leaves them to be read.
    pub(crate) fn poll_peek(&self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => stream.poll_peek(cx, &mut ReadBuf::new(bytes)),
            Self::Tls(_) => Poll::Ready(Ok(0)),
        }
    }

    /// What the client's certificate says, if it has shown one.
    pub(crate) fn certificate(&self) -> Option<Arc<Certificate>> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => Certificate::read(stream.get_ref().1.peer_certificates()?.first()?).map(Arc::new),
        }
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

/// Agrees on TLS with whoever has connected. A client that speaks plain HTTP is told so.
pub(crate) async fn accept(mut stream: TcpStream, keys: TlsKeys, ms_max: u64) -> Option<Wire> {
    let agreed = timeout(Duration::from_millis(ms_max), async {
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first[0] != HANDSHAKE {
            let plain = Refusal::new(StatusCode::BAD_REQUEST, "TLS_REQUIRED", "this port speaks TLS: use https");
            stream.write_all(plain.last_words().as_bytes()).await?;
            return Err(io::ErrorKind::InvalidData.into());
        }
        TlsAcceptor::from(keys.0).accept(stream).await
    });
    match agreed.await {
        Ok(Ok(stream)) => Some(Wire::Tls(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::debug!(%error, "no TLS was agreed on");
            None
        }
        Err(_) => {
            tracing::debug!("no TLS was agreed on in time");
            None
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
