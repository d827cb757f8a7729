//! TLS on the way to a server: whom the client trusts, and how it connects.

use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A certificate with its private key, which a server may ask for.
#[derive(Debug, Clone)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
}

impl Identity {
    /// Reads PEM: the certificates, the client's own first, and its private key; nothing, when one of them is not there.
    pub fn new(certificates: &[u8], key: &[u8]) -> Option<Self> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates).collect::<Result<_, _>>().ok()?;
        let key = Arc::new(PrivateKeyDer::from_pem_slice(key).ok()?);
        (!chain.is_empty()).then_some(Self { chain, key })
    }
}

/// The authorities that are trusted: those of this machine, and perhaps one more; and what the client proves itself with.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    more: Vec<CertificateDer<'static>>,
    identity: Option<Identity>,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Trust {
    /// With the certificates of a PEM text beside this machine's own; nothing, when it has none or is none.
    pub(crate) fn with(pem: Option<&[u8]>, identity: Option<Identity>) -> Option<Self> {
        let more: Vec<_> = match pem {
            None => Vec::new(),
            Some(pem) => CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?,
        };
        (pem.is_none() || !more.is_empty()).then(|| Self { more, identity, config: OnceLock::new() })
    }

    /// Agrees on TLS with the server of this name.
    ///
    /// # Errors
    /// Why not, for people.
    pub(crate) async fn connect(&self, host: &str, socket: TcpStream) -> Result<TlsStream<TcpStream>, String> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| format!("{host} can have no certificate"))?;
        let connector = TlsConnector::from(self.config()?);
        connector.connect(name, socket).await.map_err(|error| format!("no TLS: {error}"))
    }

    /// Made when the first server is called by https: reading what a machine trusts takes a while.
    fn config(&self) -> Result<Arc<ClientConfig>, String> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let mut roots = RootCertStore::empty();
        // What can not be read shows when a server is not trusted.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots.add_parsable_certificates(self.more.iter().cloned());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| error.to_string())?.with_root_certificates(roots);
        let config = match &self.identity {
            None => config.with_no_client_auth(),
            Some(Identity { chain, key }) => config
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .map_err(|error| format!("the private key does not fit the certificate: {error}"))?,
        };
        Ok(Arc::clone(self.config.get_or_init(|| Arc::new(config))))
    }
}
