//! What the server proves itself with, on its way from the disk: keys in files, or those that an authority of its own has signed.

mod authority;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use inhouse_serve::{ClientAuth, LiveTlsKeys, TlsKeys, TlsKeysError};
use tokio::sync::watch;

use crate::config::{Clients, Config, Setting, Tls, TlsFiles};
use crate::exit::Failure;
use crate::listen;
use crate::log;
use crate::reload::Reload;
use crate::reread;
use crate::serve::nothing_left;
use authority::Authority;

/// The keys of TLS for a server that listens at this address, if it speaks TLS; they follow what they come from.
///
/// # Errors
/// [`Failure`] with exit code 2 when they can not be used.
pub(crate) fn open(config: &Config, address: SocketAddr, reload: &mut Reload) -> Result<Option<LiveTlsKeys>, Failure> {
    let Some(Setting { value: tls, .. }) = &config.server.tls else { return Ok(None) };
    let source = Source::new(tls, config, address);
    if let Tls::Auto(folder) = tls {
        Authority::make(folder)
            .map_err(|why| Failure::usage(why, Some("tls_cert and tls_key name other keys".into())))?;
    }
    let keys = watch::Sender::new(keys(tls, &source)?);
    if let Some(warning) = warning(&tls.secret()) {
        log::say(&format!("warning: {warning}"));
    }
    let live = keys.subscribe();
    reload.tls(source, keys).map_err(nothing_left)?;
    Ok(Some(live))
}

/// The same for somebody who only looks: what the operator should know of it, if anything. Nothing is made.
///
/// # Errors
/// [`Failure`] with exit code 2 when they can not be used.
pub(crate) fn look(config: &Config, address: SocketAddr) -> Result<Option<String>, Failure> {
    let Some(Setting { value: tls, .. }) = &config.server.tls else { return Ok(None) };
    if matches!(tls, Tls::Auto(_)) && !tls.secret().exists() {
        return Ok(None);
    }
    keys(tls, &Source::new(tls, config, address))?;
    Ok(warning(&tls.secret()))
}

fn keys(tls: &Tls, source: &Source) -> Result<TlsKeys, Failure> {
    source.keys().map_err(|why| {
        let hint = match tls {
            _ if source.clients.as_ref().is_some_and(|clients| clients.read().is_err()) => {
                "client_ca holds the authorities of clients in PEM, and no other user may change it".to_owned()
            }
            Tls::Files(_) => {
                "both are PEM: openssl x509 -in CERT -noout -subject, openssl pkey -in KEY -noout".to_owned()
            }
            Tls::Auto(folder) => {
                format!("without {} there is another authority, which clients have to trust", folder.display())
            }
        };
        Failure::usage(why, Some(hint))
    })
}

/// Where keys come from, and what they have to be good for.
pub(crate) struct Source {
    tls: Tls,
    clients: Option<Clients>,
    /// Names and addresses by which the server is called, as they were configured.
    called: Vec<String>,
    address: SocketAddr,
    life_s: u64,
}

impl Source {
    fn new(tls: &Tls, config: &Config, address: SocketAddr) -> Self {
        let server = &config.server;
        let public = server.public_url.value.as_ref().map(|url| url.host.clone());
        let host = listen::without_brackets(&server.host.value).to_owned();
        let called = server.allowed_hosts.value.iter().cloned().chain(public).chain([host]).collect();
        let clients = server.clients.as_ref().map(|clients| clients.value.clone());
        Self { tls: tls.clone(), clients, called, address, life_s: config.limits.tls_auto_s.value }
    }

    /// The files that are looked at.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let own = match &self.tls {
            Tls::Files(TlsFiles { cert, .. }) => Some(cert.clone()),
            Tls::Auto(_) => self.tls.authority(),
        };
        own.into_iter()
            .chain([self.tls.secret()])
            .chain(self.clients.iter().map(|clients| clients.ca.clone()))
            .collect()
    }

    /// Differs from what it was when there have to be other keys, whatever the files say: half of a certificate's time is over, or the
    /// machine is called by other names.
    pub(crate) fn occasion(&self) -> (u64, Vec<String>) {
        match &self.tls {
            Tls::Files(_) => (0, Vec::new()),
            Tls::Auto(_) => {
                let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
                (now_s / (self.life_s / 2), self.names())
            }
        }
    }

    /// Reads keys, or makes them.
    ///
    /// # Errors
    /// One line that names the file, and what is wrong with it.
    pub(crate) fn keys(&self) -> Result<TlsKeys, String> {
        let clients = self.clients.as_ref().map(Clients::read).transpose()?;
        match &self.tls {
            Tls::Files(files) => from_files(files, clients.as_ref()),
            Tls::Auto(folder) => Authority::read(folder)?.keys(&self.names(), self.life_s, clients.as_ref()),
        }
    }

    /// The names that a certificate of the server's has to have.
    fn names(&self) -> Vec<String> {
        let addresses = listen::addresses(self.address.ip()).into_iter().map(|ip| ip.to_string());
        let machine = listen::machine_names().into_iter().chain(["localhost".to_owned()]);
        let mut names: Vec<_> = addresses.chain(machine).chain(self.called.iter().cloned()).collect();
        names.sort();
        names.dedup();
        names
    }
}

impl Clients {
    /// Reads the authorities above the certificates of clients.
    ///
    /// # Errors
    /// One line that names the file, and what is wrong with it.
    fn read(&self) -> Result<ClientAuth, String> {
        let place = self.ca.display();
        let text = reread::guarded(&self.ca, reread::FILE_BYTES_MAX).map_err(|error| format!("{place}: {error}"))?;
        let text = text.ok_or_else(|| format!("{place} can be changed by others"))?;
        ClientAuth::new(&text, self.required).map_err(|error| format!("{place}: {error}"))
    }
}

fn from_files(files: &TlsFiles, clients: Option<&ClientAuth>) -> Result<TlsKeys, String> {
    let read = |path: &Path| reread::read(path).map_err(|error| format!("{}: {error}", path.display()));
    let (cert, key) = (read(&files.cert)?, read(&files.key)?);
    TlsKeys::new(&cert, &key, clients).map_err(|error| {
        let file = if matches!(error, TlsKeysError::Certificates(_)) { &files.cert } else { &files.key };
        format!("{}: {error}", file.display())
    })
}

/// What the operator should know of the private key, if anything.
fn warning(key: &Path) -> Option<String> {
    let mode = fs::metadata(key).ok()?.permissions().mode();
    let key = key.display();
    (mode & 0o077 != 0).then(|| format!("{key} can be read by other users of this machine: chmod 600 {key}"))
}
