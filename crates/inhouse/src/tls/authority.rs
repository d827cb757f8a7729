//! An authority of the server's own (`tls = "auto"`): made once and kept, it signs certificates that are good for a short time.
//!
//! Its name follows from its key, so the key alone is what must not be lost: the certificate can be made again, and who trusts an
//! earlier one trusts this one.

use std::fmt::Display;
use std::fs::DirBuilder;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use inhouse_serve::{ClientAuth, TlsKeys, pem};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};

use crate::config::Tls;
use crate::{reread, whole};

/// How far a client's clock may be behind ours.
const CLOCK_SLACK: Duration = Duration::from_secs(3_600);

/// The authority.
pub(super) struct Authority(Issuer<'static, KeyPair>);

impl Authority {
    /// Makes what is not there yet of its key and its certificate. Who does so at the same time gets the same key.
    ///
    /// # Errors
    /// One line that names the file.
    pub(super) fn make(folder: &Path) -> Result<(), String> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| at(folder, error))?;
        let (certificate, key) = files(folder);
        if !key.exists() {
            let made = KeyPair::generate().map_err(|error| at(&key, error))?;
            keep(&key, 0o600, &pem("PRIVATE KEY", made.serialized_der())).map_err(|error| at(&key, error))?;
        }
        let pair = pair(&key, &read(&key)?)?;
        if !certificate.exists() {
            let signed = params(&pair).self_signed(&pair).map_err(|error| at(&key, error))?;
            keep(&certificate, 0o644, &pem("CERTIFICATE", signed.der())).map_err(|error| at(&certificate, error))?;
        }
        Ok(())
    }

    /// The one that is kept there.
    ///
    /// # Errors
    /// One line that names the file.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let (certificate, key) = files(folder);
        let secret = read(&key)?;
        let pair = pair(&key, &secret)?;
        TlsKeys::new(&read(&certificate)?, &secret, None).map_err(|error| {
            format!("{}: {error}; once it is removed, the next start makes it again", certificate.display())
        })?;
        Ok(Self(Issuer::new(params(&pair), pair)))
    }

    /// A new key, and a certificate for these names and addresses that is good for so many seconds from now on.
    ///
    /// # Errors
    /// One line.
    pub(super) fn keys(&self, names: &[String], life_s: u64, clients: Option<&ClientAuth>) -> Result<TlsKeys, String> {
        let failed = |error: rcgen::Error| format!("a certificate can not be made: {error}");
        let mut leaf = CertificateParams::default();
        // A name that no certificate can hold is none by which a client would look for the server.
        leaf.subject_alt_names = names.iter().filter_map(|name| alternative(name)).collect();
        leaf.distinguished_name = named("inhouse server");
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let now = SystemTime::now();
        (leaf.not_before, leaf.not_after) = ((now - CLOCK_SLACK).into(), (now + Duration::from_secs(life_s)).into());
        let key = KeyPair::generate().map_err(failed)?;
        let signed = leaf.signed_by(&key, &self.0).map_err(failed)?;
        let (certificate, key) = (pem("CERTIFICATE", signed.der()), pem("PRIVATE KEY", key.serialized_der()));
        TlsKeys::new(certificate.as_bytes(), key.as_bytes(), clients).map_err(|error| error.to_string())
    }
}

fn at(path: &Path, error: impl Display) -> String {
    format!("{}: {error}", path.display())
}

/// Its certificate and its key.
fn files(folder: &Path) -> (PathBuf, PathBuf) {
    let tls = Tls::Auto(folder.to_path_buf());
    (tls.authority().unwrap_or_default(), tls.secret())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    reread::read(path).map_err(|error| at(path, error))
}

fn pair(key: &Path, text: &[u8]) -> Result<KeyPair, String> {
    let der = PrivateKeyDer::from_pem_slice(text).map_err(|error| at(key, error))?;
    KeyPair::try_from(&der).map_err(|error| at(key, error))
}

/// Writes a file, unless another start has made it meanwhile.
fn keep(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    match whole::put(path, mode, text) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        put => put,
    }
}

fn params(key: &KeyPair) -> CertificateParams {
    let digest = Sha256::digest(key.public_key_raw());
    let digits: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&format!("inhouse authority {digits}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    (params.not_before, params.not_after) = (date_time_ymd(2025, 1, 1), date_time_ymd(2125, 1, 1));
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}

fn alternative(name: &str) -> Option<SanType> {
    match name.parse::<IpAddr>() {
        Ok(ip) => Some(SanType::IpAddress(ip)),
        Err(_) => name.to_ascii_lowercase().try_into().ok().map(SanType::DnsName),
    }
}
