//! What the front door goes by: its bounds, the names that it is called by, the pages and the proxies that it knows. They can change
//! while the server runs: a connection keeps the bounds that it began with, each request is judged by the rules of its time.

use std::sync::{Arc, PoisonError};

use inhouse_trust::{HostRule, OriginRule};
use tokio::sync::watch;

use crate::failures::FailureLimit;
use crate::layers::Door;
use crate::service::OwnNames;
use crate::{Limits, Proxies};

/// The rules of one time.
pub(crate) struct Rules {
    pub(crate) limits: Arc<Limits>,
    pub(crate) own_names: Arc<OwnNames>,
    pub(crate) origins: OriginRule,
    pub(crate) proxies: Proxies,
}

/// The rules that hold now.
pub(crate) struct LiveRules(watch::Sender<Arc<Rules>>);

impl LiveRules {
    pub(crate) fn new(rules: Rules) -> Self {
        Self(watch::Sender::new(Arc::new(rules)))
    }

    pub(crate) fn now(&self) -> Arc<Rules> {
        Arc::clone(&self.0.borrow())
    }
}

/// Changes the rules of a [`crate::Server`] while it runs.
#[derive(Clone)]
pub struct DoorRules(pub(crate) Arc<Door>);

impl DoorRules {
    /// These hold from now on.
    pub fn renew(&self, limits: Limits, hosts: HostRule, origins: OriginRule, proxies: Proxies) {
        let door = &self.0;
        let before = door.rules.now();
        if limits.failures_per_minute_max != before.limits.failures_per_minute_max {
            let mut failures = door.failures.lock().unwrap_or_else(PoisonError::into_inner);
            *failures = FailureLimit::new(limits.failures_per_minute_max);
        }
        let own_names = Arc::new(OwnNames { hosts, ports: before.own_names.ports.clone() });
        door.rules.0.send_replace(Arc::new(Rules { limits: Arc::new(limits), own_names, origins, proxies }));
    }
}
