//! Who may come in while the server runs: by a token that is configured, by one that is issued, or by one that an issuer has signed.
//! Each kind is renewed by itself, and what can not be used leaves in force what was.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use inhouse_serve::{CertificateRules, Issuer, Issuers, JwtKeys};
use inhouse_trust::{Credential, Tokens};
use tokio::sync::{Notify, watch};

use crate::access::Access;
use crate::config::{Config, JwtConfig};
use crate::exit::Failure;
use crate::issuers::Keys;
use crate::tokens::Keyring;

/// All of them.
pub(crate) struct Entrants {
    file: Option<PathBuf>,
    keys: Keys,
    // Held for a change and its announcement, never across an await.
    known: Mutex<Known>,
    tokens: watch::Sender<Arc<Tokens>>,
}

/// An issuer whose signed tokens are believed.
#[derive(Debug)]
pub(crate) struct Trusted {
    pub(crate) config: JwtConfig,
    /// Told when a token names a key that is not known.
    pub(crate) wanted: Arc<Notify>,
}

/// Issuers with their keys, in the order of the configuration.
pub(crate) type Believed = Vec<(Arc<Trusted>, Arc<JwtKeys>)>;

/// What they are known by.
struct Known {
    configured: Vec<Credential>,
    certified: CertificateRules,
    issued: Vec<Credential>,
    issuers: Believed,
}

impl Known {
    fn tokens(&self) -> Arc<Tokens> {
        let both = self.configured.iter().chain(&self.issued).cloned();
        let issuer = |(one, keys): &(Arc<Trusted>, Arc<JwtKeys>)| {
            Issuer::new(Arc::clone(&one.config.rules), Arc::clone(keys), Arc::clone(&one.wanted))
        };
        let issuers = self.issuers.iter().map(issuer);
        Arc::new(Tokens::new(both).vouched_by(Arc::new(Issuers::new(issuers, self.certified.clone()))))
    }
}

/// The tokens that are issued, for callers that no issuer vouches for.
///
/// # Errors
/// One line.
pub(crate) fn issued<'a>(
    keyring: &Keyring,
    issuers: impl Iterator<Item = &'a JwtConfig> + Clone,
) -> Result<Vec<Credential>, String> {
    let issued = keyring.credentials()?;
    let collision = |one: &Credential| issuers.clone().find_map(|issuer| issuer.collision(&one.principal));
    issued.iter().find_map(collision).map_or(Ok(issued), |why| Err(format!("the tokens file: {why}")))
}

impl Entrants {
    /// Those of a configuration, whose tokens are known.
    ///
    /// # Errors
    /// What is wrong with a token that was issued, or with the keys of an issuer.
    pub(crate) fn new(config: &Config, access: &Access) -> Result<Self, Failure> {
        let hint = "inhouse token revoke NAME, or give the issuer another name".to_owned();
        let issued = issued(&config.issued, config.jwt.iter()).map_err(|why| Failure::usage(why, Some(hint)))?;
        let keys = Keys::new(&config.limits);
        let issuers = believed(&config.jwt, &[], &keys)?;
        let (configured, certified) = (access.configured.clone(), access.certified.clone());
        let known = Known { configured, certified, issued, issuers };
        let tokens = watch::Sender::new(known.tokens());
        let file = config.server.tokens_file.value.clone();
        Ok(Self { file, keys, known: Mutex::new(known), tokens })
    }

    /// What is in force, now and later.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Tokens>> {
        self.tokens.subscribe()
    }

    /// The files of issued tokens.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.file.iter().cloned().collect()
    }

    /// The issuers, in the order of the configuration.
    pub(crate) fn issuers(&self) -> Vec<Arc<Trusted>> {
        self.known().issuers.iter().map(|(issuer, _)| Arc::clone(issuer)).collect()
    }

    /// How their keys are got.
    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The issuers of another configuration; of those that are as they were, the keys are known.
    ///
    /// # Errors
    /// What is wrong with the keys of one.
    pub(crate) fn believed(&self, issuers: &[JwtConfig]) -> Result<Believed, Failure> {
        let before = self.known().issuers.clone();
        believed(issuers, &before, &self.keys)
    }

    /// Takes over others that are configured, where there are some, and the issuers, beside the tokens that are issued: these are read
    /// again by themselves.
    pub(crate) fn configure(&self, access: Option<Access>, issuers: Believed) {
        self.change(|known| {
            if let Some(access) = access {
                (known.configured, known.certified) = (access.configured, access.certified);
            }
            known.issuers = issuers;
        });
    }

    /// Reads the issued tokens again. A file that is gone revokes none: it may be on its way to another place, or its disk away.
    pub(crate) fn renew(&self) {
        let issuers = self.issuers();
        let read = || {
            let Some(file) = &self.file else { return Ok(Vec::new()) };
            match Keyring::find(file).map_err(|error| error.to_string())? {
                Some(keyring) => issued(&keyring, issuers.iter().map(|issuer| &issuer.config)),
                None if self.known().issued.is_empty() => Ok(Vec::new()),
                None => Err(format!(
                    "the tokens file {} is gone (inhouse token revoke NAME takes tokens back)",
                    file.display()
                )),
            }
        };
        match read() {
            Ok(issued) => {
                tracing::info!(tokens = issued.len(), "the tokens file is read again and in force");
                self.change(|known| known.issued = issued);
            }
            Err(why) => tracing::error!("{why}: the tokens of before stay in force"),
        }
    }

    /// Takes over keys of an issuer, if they can be used and it is still believed. Streams of callers for whom a key has vouched that is
    /// gone end.
    pub(crate) fn renew_issuer(&self, issuer: &Arc<Trusted>, got: Result<Arc<JwtKeys>, String>) {
        match got {
            Ok(keys) => {
                tracing::info!("issuer {}: its keys are read and in force", issuer.config.rules.name);
                self.change(|known| {
                    if let Some((_, now)) = known.issuers.iter_mut().find(|(known, _)| Arc::ptr_eq(known, issuer)) {
                        *now = keys;
                    }
                });
            }
            Err(why) => tracing::error!("{why}: the keys of before stay in force"),
        }
    }

    /// A change is never half done, and announced before the next one.
    fn change(&self, change: impl FnOnce(&mut Known)) {
        let mut known = self.known();
        change(&mut known);
        self.tokens.send_replace(known.tokens());
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn believed(issuers: &[JwtConfig], before: &[(Arc<Trusted>, Arc<JwtKeys>)], keys: &Keys) -> Result<Believed, Failure> {
    let is_same = |one: &JwtConfig, other: &JwtConfig| one.rules == other.rules && one.keys == other.keys;
    let one = |config: &JwtConfig| match before.iter().find(|(known, _)| is_same(&known.config, config)) {
        Some(known) => Ok(known.clone()),
        None => {
            let keys = keys.open(config)?;
            Ok((Arc::new(Trusted { config: config.clone(), wanted: Arc::default() }), keys))
        }
    };
    issuers.iter().map(one).collect()
}
