//! What the server speaks TLS with: files, or an authority of its own.

use std::path::{Path, PathBuf};

use super::choices::{ClientAuthChoice, TlsChoice};
use super::error::ConfigError;
use super::model::{CallerToken, Callers};
use super::origin::Setting;

/// Where the keys of TLS come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tls {
    /// From these files.
    Files(TlsFiles),
    /// From an authority of the server's own, in this folder.
    Auto(PathBuf),
}

/// The files of TLS, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The certificates, the server's own first.
    pub(crate) cert: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

/// Whose certificates clients may show, or have to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clients {
    /// The file with the authorities above them, in PEM.
    pub(crate) ca: PathBuf,
    /// Whether there is no connection without one.
    pub(crate) required: bool,
}

impl Tls {
    /// The certificate that clients have to trust, where it is the server's own authority's.
    pub(crate) fn authority(&self) -> Option<PathBuf> {
        match self {
            Self::Files(_) => None,
            Self::Auto(folder) => Some(folder.join("authority.pem")),
        }
    }

    /// The private key that lies on the disk.
    pub(crate) fn secret(&self) -> PathBuf {
        match self {
            Self::Files(files) => files.key.clone(),
            Self::Auto(folder) => folder.join("authority-key.pem"),
        }
    }
}

/// What was said of it.
pub(super) struct Words {
    pub(super) choice: Option<Setting<TlsChoice>>,
    pub(super) cert: Option<Setting<PathBuf>>,
    pub(super) key: Option<Setting<PathBuf>>,
}

/// Decides. What an authority needs is kept below `state`.
///
/// # Errors
/// [`ConfigError::Conflict`] for a certificate without its key or a key without its certificate, for files beside an authority, and for an
/// authority that has no place.
pub(super) fn tls(words: Words, state: Option<&Path>) -> Result<Option<Setting<Tls>>, ConfigError> {
    let lonely = |origin, there: &str, missing: &str| ConfigError::Conflict {
        origin,
        problem: format!("{there} needs {missing} beside it"),
        hint: format!("name the file in {missing} of [server], or with --{}", missing.replace('_', "-")),
    };
    match words {
        Words { choice: Some(Setting { value: TlsChoice::Auto, origin }), cert: None, key: None } => {
            let Some(state) = state else {
                return Err(ConfigError::Conflict {
                    origin,
                    problem: "an authority needs a folder, and the environment has no HOME".into(),
                    hint: "set XDG_STATE_HOME, or name files: tls_cert and tls_key".into(),
                });
            };
            Ok(Some(Setting { value: Tls::Auto(state.join("tls")), origin }))
        }
        Words { choice: Some(Setting { origin, .. }), .. } => Err(ConfigError::Conflict {
            origin,
            problem: "tls = \"auto\" makes its own keys, and tls_cert or tls_key names others".into(),
            hint: "leave one of them out".into(),
        }),
        Words { cert: Some(cert), key: Some(key), .. } => {
            let files = TlsFiles { cert: cert.value, key: key.value };
            Ok(Some(Setting { value: Tls::Files(files), origin: cert.origin }))
        }
        Words { cert: Some(cert), key: None, .. } => Err(lonely(cert.origin, "tls_cert", "tls_key")),
        Words { cert: None, key: Some(key), .. } => Err(lonely(key.origin, "tls_key", "tls_cert")),
        Words { cert: None, key: None, .. } => Ok(None),
    }
}

/// What clients show, which they can by TLS alone.
///
/// # Errors
/// [`ConfigError::Conflict`] for words that need one another and do not stand together.
pub(super) fn clients(
    ca: Option<Setting<PathBuf>>,
    auth: Option<Setting<ClientAuthChoice>>,
    is_tls: bool,
    callers: &Callers,
) -> Result<Option<Setting<Clients>>, ConfigError> {
    let conflict = |origin, problem: &str, hint: &str| {
        Err(ConfigError::Conflict { origin, problem: problem.into(), hint: hint.into() })
    };
    let list = if let Callers::Configured(list) = callers { list.as_slice() } else { &[] };
    let certified = list.iter().find(|caller| matches!(caller.token, CallerToken::Certificate(_)));
    match (ca, auth, certified) {
        (Some(ca), ..) if !is_tls => conflict(
            ca.origin,
            "client_ca checks certificates, and there is no TLS",
            "tls = \"auto\", or tls_cert and tls_key",
        ),
        (Some(ca), auth, _) => {
            let required = auth.is_some_and(|auth| auth.value == ClientAuthChoice::Required);
            Ok(Some(Setting { value: Clients { ca: ca.value, required }, origin: ca.origin }))
        }
        (None, Some(auth), _) => {
            conflict(auth.origin, "client_auth needs the authorities of clients", "client_ca = \"clients.pem\"")
        }
        (None, None, Some(caller)) => conflict(
            caller.origin.clone(),
            &format!("caller {} has a certificate, and its authority is not known", caller.name),
            "client_ca = \"clients.pem\" in [server]",
        ),
        (None, None, None) => Ok(None),
    }
}
