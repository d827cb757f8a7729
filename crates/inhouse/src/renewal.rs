//! The configuration on SIGHUP: read again whole, and taken over where that needs no new start: who may come in, which agents callers
//! may use and who gives these leave, and what the cards say. The rest is named in the log, and holds from the next start on. A
//! configuration that can not be used changes nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use inhouse_serve::Routes;
use tokio::sync::watch;

use crate::access::Access;
use crate::assemble::{self, Behind};
use crate::config::{self, Callers, Config};
use crate::entrants::{self, Entrants};
use crate::exit::Failure;

/// What a renewed configuration is made of and goes to.
pub(crate) struct Renewal<'a, L> {
    /// Reads it, as it was read at start.
    pub(crate) load: L,
    pub(crate) address: SocketAddr,
    pub(crate) behind: &'a Behind,
    pub(crate) routes: &'a watch::Sender<Arc<Routes>>,
    pub(crate) entrants: &'a Entrants,
}

impl<L: Fn() -> Result<Config, Failure>> Renewal<'_, L> {
    /// Takes it over into the one that is in force.
    pub(crate) fn take(&self, config: &mut Config) {
        match self.read(config) {
            Ok((new, access)) => {
                if let Some(access) = access {
                    self.entrants.configure(access);
                }
                let later = config.take_over(new);
                self.routes.send_replace(Arc::new(assemble::routes(config, self.behind)));
                tracing::info!("the configuration is read again and in force");
                if !later.is_empty() {
                    tracing::warn!("in force from the next start on: {}", later.join(", "));
                }
            }
            Err(failure) => tracing::error!("the configuration of before stays in force: {failure}"),
        }
    }

    /// The new one, and those who may come in by it, where these are others than the one whose token was made at start.
    fn read(&self, now: &Config) -> Result<(Config, Option<Access>), Failure> {
        let new = (self.load)()?;
        match (&now.callers, &new.callers) {
            (Callers::Generated(_), Callers::Generated(_)) => return Ok((new, None)),
            (Callers::Configured(_), Callers::Generated(_)) => {
                let hint = "name one in [[callers]], or issue a token: inhouse token new NAME".to_owned();
                return Err(Failure::usage("no caller is left", Some(hint)));
            }
            (_, Callers::Configured(_)) => {}
        }
        // Other issuers are believed from the next start on, and those of now until then.
        config::apart(&new.callers, &now.jwt)?;
        let access = Access::new(&new.callers)?;
        entrants::issued(&new.issued, now.jwt.iter()).map_err(|why| Failure::usage(why, None))?;
        if let Some(warning) = access.weak.check(&now.server, self.address)? {
            tracing::warn!("{warning}");
        }
        Ok((new, Some(access)))
    }
}
