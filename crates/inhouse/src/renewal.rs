//! The configuration on SIGHUP, or when an operator asks: read again whole, and taken over where that needs no new start. The rest is named, and holds from the
//! next start on. First all is made that can fail, and then all is put in force: a configuration that can not be used changes nothing.

use std::env;
use std::net::SocketAddr;
use std::sync::Arc;

use inhouse_run::Runner;
use inhouse_serve::{DoorRules, ReloadWish, Reloaded, Routes};
use inhouse_trust::HostEnv;
use tokio::sync::{mpsc, watch};

use crate::access::{self, Access};
use crate::assemble::{self, Behind};
use crate::config::{Callers, Config};
use crate::containment;
use crate::entrants::{self, Believed, Entrants};
use crate::exit::Failure;
use crate::log;
use crate::reload::Reload;
use crate::serve::nothing_left;
use crate::signals::{Asked, Signals};
use crate::workspaces;

/// What a renewed configuration is made of and goes to.
pub(crate) struct Renewal<'a, L> {
    /// Reads it, as it was read at start.
    pub(crate) load: L,
    pub(crate) address: SocketAddr,
    pub(crate) host: &'a HostEnv,
    pub(crate) runner: &'a Runner,
    pub(crate) behind: &'a Behind,
    pub(crate) routes: &'a watch::Sender<Arc<Routes>>,
    pub(crate) rules: DoorRules,
    pub(crate) entrants: &'a Arc<Entrants>,
    pub(crate) reload: Reload,
}

/// All that can fail, done.
struct Made {
    config: Config,
    changes: Reloaded,
    /// Those who may come in by it, where these are others than the one whose token was made at start.
    access: Option<Access>,
    issuers: Believed,
    for_agents: HostEnv,
}

impl<L: Fn() -> Result<Config, Failure>> Renewal<'_, L> {
    /// Takes it over whenever that is asked for, by a signal or by a request, until the server is asked to stop.
    pub(crate) async fn until_stopped(
        mut self,
        config: &mut Config,
        signals: &mut Signals,
        mut wishes: mpsc::Receiver<ReloadWish>,
    ) {
        loop {
            let wish = tokio::select! {
                asked = signals.next() => match asked {
                    Asked::ToReload => None,
                    Asked::ToStop => return,
                },
                Some(wish) = wishes.recv() => Some(wish),
            };
            let came = self.take(config).await;
            if let Some(wish) = wish {
                // Whoever asked may be gone.
                let _ = wish.send(came.map_err(|why| why.lines()));
            }
        }
    }

    /// Takes it over into the one that is in force, and says in the log what came of it.
    ///
    /// # Errors
    /// Why it can not be used; then nothing has changed.
    async fn take(&mut self, config: &mut Config) -> Result<Reloaded, Failure> {
        let made = self.make(config).await;
        let made = made.inspect_err(|why| tracing::error!("the configuration of before stays in force: {why}"))?;
        let changes = self.put_in_force(config, made);
        tracing::info!("the configuration is read again and in force");
        if !changes.taken.is_empty() {
            tracing::info!("changed: {}", changes.taken.join(", "));
        }
        if !changes.later.is_empty() {
            tracing::warn!("in force from the next start on: {}", changes.later.join(", "));
        }
        // Last, so that the lines above are said by the level of before.
        log::renew(config.log.value);
        Ok(changes)
    }

    async fn make(&self, now: &Config) -> Result<Made, Failure> {
        let (mut config, changes) = now.renewed((self.load)()?);
        let access = match (&now.callers, &config.callers) {
            (Callers::Generated(_), Callers::Generated(_)) => None,
            (Callers::Configured(_), Callers::Generated(_)) => {
                let hint = "name one in [[callers]], or issue a token: inhouse token new NAME".to_owned();
                return Err(Failure::usage("no caller is left", Some(hint)));
            }
            (_, Callers::Configured(_)) => Some(Access::new(&config.callers)?),
        };
        entrants::issued(&config.issued, config.jwt.iter()).map_err(|why| Failure::usage(why, None))?;
        if let Some(warning) =
            access.as_ref().and_then(|access| access.weak.check(&config.server, self.address).transpose())
        {
            tracing::warn!("{}", warning?);
        }
        let issuers = self.entrants.believed(&config.jwt)?;
        containment::strict(&config, self.runner)?;
        let for_agents = access::without_tokens(env::vars_os(), &config.callers);
        workspaces::open(&mut config, self.runner, &for_agents).await?;
        Ok(Made { config, changes, access, issuers, for_agents })
    }

    fn put_in_force(&mut self, config: &mut Config, made: Made) -> Reloaded {
        let Made { config: new, changes, access, issuers, for_agents } = made;
        *config = new;
        self.runner
            .renew(containment::hidden(config, self.host, &containment::places(config)), containment::guarded(config));
        self.entrants.configure(access, issuers);
        self.behind.renew(config, self.runner, &for_agents);
        let Config { server, limits, .. } = &*config;
        let (hosts, origins) = (assemble::host_rule(server), assemble::origin_rule(server));
        self.rules.renew(assemble::door_limits(limits), hosts, origins, assemble::proxies(server));
        self.routes.send_replace(Arc::new(assemble::routes(config, self.behind)));
        if let Err(error) = self.reload.issuers(self.entrants) {
            tracing::error!("the keys of issuers are not followed any more: {}", nothing_left(error));
        }
        changes
    }
}
