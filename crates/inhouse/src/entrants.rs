//! Who may come in while the server runs: by a token that is configured, by one that is issued, or by one that an issuer has signed.
//! Each kind is renewed by itself, and what can not be used leaves in force what was.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use inhouse_serve::{Issuer, Issuers, JwtKeys};
use inhouse_trust::{Credential, Tokens, Vouchers};
use tokio::sync::watch;

use crate::access::Access;
use crate::config::{Config, JwtConfig};
use crate::exit::Failure;
use crate::issuers;
use crate::tokens::Keyring;

/// All of them.
pub(crate) struct Entrants {
    file: Option<PathBuf>,
    issuers: Vec<JwtConfig>,
    // Held for a change and its announcement, never across an await.
    known: Mutex<Known>,
    tokens: watch::Sender<Arc<Tokens>>,
}

/// What they are known by.
struct Known {
    configured: Vec<Credential>,
    issued: Vec<Credential>,
    /// In the order of the issuers.
    keys: Vec<Arc<JwtKeys>>,
}

impl Known {
    fn tokens(&self, issuers: &[JwtConfig]) -> Arc<Tokens> {
        let both = self.configured.iter().chain(&self.issued).cloned();
        let issuers = issuers.iter().zip(&self.keys).map(|(one, keys)| Issuer::new(one.rules.clone(), keys.clone()));
        let vouchers: Arc<dyn Vouchers> = Arc::new(Issuers::new(issuers));
        Arc::new(Tokens::new(both).vouched_by(Some(vouchers).filter(|_| !self.keys.is_empty())))
    }
}

/// The tokens that are issued, for callers that no issuer vouches for.
///
/// # Errors
/// One line.
pub(crate) fn issued(keyring: &Keyring, issuers: &[JwtConfig]) -> Result<Vec<Credential>, String> {
    let issued = keyring.credentials()?;
    let collision = |one: &Credential| issuers.iter().find_map(|issuer| issuer.collision(&one.principal));
    issued.iter().find_map(collision).map_or(Ok(issued), |why| Err(format!("the tokens file: {why}")))
}

impl Entrants {
    /// Those of a configuration, whose tokens are known.
    ///
    /// # Errors
    /// What is wrong with a token that was issued, or with the keys of an issuer.
    pub(crate) fn new(config: &Config, access: &Access) -> Result<Self, Failure> {
        let hint = "inhouse token revoke NAME, or give the issuer another name".to_owned();
        let issued = issued(&config.issued, &config.jwt).map_err(|why| Failure::usage(why, Some(hint)))?;
        let keys = config.jwt.iter().map(issuers::open).collect::<Result<_, _>>()?;
        let known = Known { configured: access.configured.clone(), issued, keys };
        let tokens = watch::Sender::new(known.tokens(&config.jwt));
        let (file, issuers) = (config.server.tokens_file.value.clone(), config.jwt.clone());
        Ok(Self { file, issuers, known: Mutex::new(known), tokens })
    }

    /// What is in force, now and later.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Tokens>> {
        self.tokens.subscribe()
    }

    /// The files of issued tokens.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.file.iter().cloned().collect()
    }

    /// How many issuers there are.
    pub(crate) fn issuers(&self) -> usize {
        self.issuers.len()
    }

    /// The files of an issuer's keys.
    pub(crate) fn issuer_files(&self, place: usize) -> Vec<PathBuf> {
        self.issuers.get(place).map(|issuer| issuer.jwks_file.clone()).into_iter().collect()
    }

    /// Takes over others that are configured, beside those that are issued.
    pub(crate) fn configure(&self, configured: Vec<Credential>) {
        self.change(|known| known.configured = configured);
        self.renew();
    }

    /// Reads the issued tokens again.
    pub(crate) fn renew(&self) {
        let read = self.file.as_deref().map_or_else(|| Ok(Keyring::default()), Keyring::read);
        match read.map_err(|error| error.to_string()).and_then(|keyring| issued(&keyring, &self.issuers)) {
            Ok(issued) => {
                tracing::info!(tokens = issued.len(), "the tokens file is read again and in force");
                self.change(|known| known.issued = issued);
            }
            Err(why) => tracing::error!("{why}: the tokens of before stay in force"),
        }
    }

    /// Reads the keys of an issuer again. Streams of callers for whom a key has vouched that is gone end.
    pub(crate) fn renew_issuer(&self, place: usize) {
        let Some(issuer) = self.issuers.get(place) else { return };
        match issuers::keys(issuer) {
            Ok(keys) => {
                tracing::info!("issuer {}: its keys are read again and in force", issuer.rules.name);
                self.change(|known| known.keys[place] = keys);
            }
            Err(why) => tracing::error!("{why}: the keys of before stay in force"),
        }
    }

    /// A change is never half done, and announced before the next one.
    fn change(&self, change: impl FnOnce(&mut Known)) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut known);
        self.tokens.send_replace(known.tokens(&self.issuers));
    }
}
