//! The public keys of issuers, on their way from a file or over the network; the latter are fetched again now and then, and when a token
//! names one that is not known.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use inhouse_client::Fetcher;
use inhouse_serve::JwtKeys;
use serde::Deserialize;
use tokio::signal::unix::Signal;
use tokio::time::sleep;

use crate::assemble::size;
use crate::config::{JwtConfig, KeysAt, Limits};
use crate::entrants::{Entrants, Trusted};
use crate::exit::Failure;
use crate::reread;

/// What is asked of an issuer's openid-configuration.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// Gets keys, within bounds.
#[derive(Debug)]
pub(crate) struct Keys {
    fetcher: Fetcher,
    bytes_max: usize,
    refresh: Duration,
    retry: Duration,
}

impl Keys {
    /// Within the bounds of a configuration.
    pub(crate) fn new(limits: &Limits) -> Self {
        let bytes_max = size(&limits.jwks_bytes_max);
        Self {
            fetcher: Fetcher::new(limits.jwks_fetch_ms_max.value, bytes_max),
            bytes_max,
            refresh: Duration::from_millis(limits.jwks_refresh_ms.value),
            retry: Duration::from_millis(limits.jwks_retry_ms.value),
        }
    }

    /// The keys of an issuer at a start: those of a file; others come later.
    ///
    /// # Errors
    /// [`Failure`] with exit code 2 when they can not be used.
    pub(crate) fn open(&self, issuer: &JwtConfig) -> Result<Arc<JwtKeys>, Failure> {
        let hint = "jwks_file is the issuer's JSON Web Key Set, which no other user may change; without it the issuer is asked";
        match issuer.file() {
            Some(file) => self.read(issuer, file).map_err(|why| Failure::usage(why, Some(hint.to_owned()))),
            None => Ok(Arc::default()),
        }
    }

    /// Reads or fetches the keys of an issuer.
    ///
    /// # Errors
    /// One line that names the issuer and where its keys are, and what is wrong there.
    pub(crate) async fn get(&self, issuer: &JwtConfig) -> Result<Arc<JwtKeys>, String> {
        let url = match &issuer.keys {
            KeysAt::File(file) => return self.read(issuer, file),
            KeysAt::Url(url) => url.clone(),
            KeysAt::Issuer(url) => self.told(issuer, url).await?,
        };
        let text = self.fetch(issuer, &url).await?;
        usable(issuer, &url, &text)
    }

    /// Reads the keys of an issuer from a file.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn read(&self, issuer: &JwtConfig, file: &Path) -> Result<Arc<JwtKeys>, String> {
        let (name, place) = (&issuer.rules.name, file.display().to_string());
        let failed = |error| format!("issuer {name}: {place}: {error}");
        match reread::guarded(file, self.bytes_max as u64).map_err(failed)? {
            Some(text) => usable(issuer, &place, &text),
            None => Err(format!("issuer {name}: {place} can be changed by others")),
        }
    }

    /// Where an issuer says that its keys are; another issuer's word does not count (OpenID Connect Discovery, section 4.3).
    async fn told(&self, issuer: &JwtConfig, url: &str) -> Result<String, String> {
        let (name, text) = (&issuer.rules.name, self.fetch(issuer, url).await?);
        let told: Discovery = serde_json::from_slice(&text)
            .map_err(|error| format!("issuer {name}: {url} is no openid-configuration: {error}"))?;
        match told.issuer == issuer.rules.issuer {
            true => Ok(told.jwks_uri),
            false => Err(format!("issuer {name}: {url} is of another issuer: {:?}", told.issuer)),
        }
    }

    async fn fetch(&self, issuer: &JwtConfig, url: &str) -> Result<Vec<u8>, String> {
        self.fetcher.get(url).await.map_err(|error| format!("issuer {}: {error}", issuer.rules.name))
    }
}

fn usable(issuer: &JwtConfig, place: &str, text: &[u8]) -> Result<Arc<JwtKeys>, String> {
    let keys = JwtKeys::read(text, &issuer.rules.algorithms);
    keys.map(Arc::new).map_err(|error| format!("issuer {}: {place} {error}", issuer.rules.name))
}

/// Fetches the keys of an issuer, for as long as it is believed. What comes, or goes wrong, in the
/// same way again is told once.
pub(crate) async fn refresh(entrants: Arc<Entrants>, issuer: Arc<Trusted>, mut hangup: Signal) {
    let keys = entrants.keys();
    let mut known = None;
    loop {
        let got = keys.get(&issuer.config).await;
        let pause = if got.is_ok() { keys.refresh } else { keys.retry };
        if known.as_ref() != Some(&got) {
            entrants.renew_issuer(&issuer, got.clone());
            known = Some(got);
        }
        sleep(keys.retry).await;
        tokio::select! {
            () = sleep(pause.saturating_sub(keys.retry)) => {}
            () = issuer.wanted.notified() => {}
            _ = hangup.recv() => {}
        }
    }
}
