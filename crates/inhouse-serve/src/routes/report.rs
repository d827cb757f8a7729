//! What the server tells a caller of itself: the agents that he may use; and whoever may look at all of it, what is counted, how it
//! stands, and what was written down last.

use hyper::{Response, StatusCode};
use inhouse_trust::{Caller, administers, sees};

use super::{Route, Routes, nothing_there};
use crate::admin;
use crate::bindings::{Audited, Endpoint};
use crate::card;
use crate::pages;
use crate::{Admin, Body, Refusal, Request};

/// The agents that a caller may use.
const AGENTS: &str = "/agents";
/// What the server counts.
const METRICS: &str = "/metrics";
/// How it stands.
const STATUS: &str = "/admin/status";
/// The last lines of the audit.
const AUDIT: &str = "/admin/audit";

/// Reads the configuration again.
const RELOAD: &str = "/admin/reload";

/// Whether one of these is at this path.
pub(super) fn is_at(path: &str) -> bool {
    matches!(path, AGENTS | METRICS | STATUS | AUDIT | RELOAD)
}

impl Routes {
    /// An answer to a caller about the server itself.
    pub(super) async fn report(&self, request: &Request, caller: &Caller) -> Response<Body> {
        let (allowed, is_change) = if request.path() == RELOAD { ("POST", true) } else { ("GET, HEAD", false) };
        if !allowed.split(", ").any(|method| request.method == method) {
            let (refusal, response) = self.method_not_allowed(allowed, request);
            self.refused(request, caller, None, refusal.code, &refusal);
            return response;
        }
        let answer = match request.path() {
            AGENTS => Ok(self.listing(request, caller)),
            _ => self.for_operators(request, caller).await,
        };
        let refusal = answer.as_ref().err().map(|refusal| refusal.code);
        let status = answer.as_ref().map_or_else(|refusal| refusal.status, Response::status);
        // What was refused has changed nothing: while the audit can not be written, nobody fills the memory with it.
        let audited = Audited { refusal, is_change: is_change && refusal.is_none(), ..Audited::default() };
        self.write_down(request, caller, None, &audited, status);
        answer.unwrap_or_else(|refusal| self.refusal(request, &refusal))
    }

    /// The agents that a caller may use, the default one first.
    fn listing(&self, request: &Request, caller: &Caller) -> Response<Body> {
        let granted = |endpoint: &Endpoint| sees(caller, &endpoint.agent, &endpoint.policy);
        let entry = |(at, route): (usize, &Route)| {
            granted(&route.endpoint).then(|| card::entry(&route.card, &self.site(at, &request.headers), at == 0))
        };
        pages::listing(self.agents.iter().enumerate().filter_map(entry).collect())
    }

    /// What tells of all agents and all callers, for whoever may look at all of it.
    async fn for_operators(&self, request: &Request, caller: &Caller) -> Result<Response<Body>, Refusal> {
        administers(caller)
            .map_err(|denied| Refusal::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", denied.to_string()))?;
        let endpoint = self.agents.first().map(|route| &route.endpoint).ok_or_else(nothing_there)?;
        match (request.path(), &self.admin) {
            (METRICS, _) => Ok(self.metrics.page(&endpoint.engine)),
            (STATUS, Some((admin, facts))) => {
                Ok(pages::json_page(&admin.status(facts, endpoint, &self.metrics, &self.audit).await))
            }
            (AUDIT, Some(_)) => match admin::audit(&self.audit, request.query()) {
                Ok(page) => Ok(pages::json_page(&page)),
                Err(why) => Err(Refusal::new(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", why)),
            },
            (RELOAD, Some((admin, _))) => self.reload(admin).await,
            _ => Err(nothing_there()),
        }
    }

    /// Has the configuration read again, if it would be written down that somebody did.
    async fn reload(&self, admin: &Admin) -> Result<Response<Body>, Refusal> {
        if !self.audit.admits().await {
            let why = "the audit can not be written, and nothing is changed until it can";
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "AUDIT_UNAVAILABLE", why));
        }
        match admin.reload().await {
            Some(Ok(changes)) => Ok(pages::json_page(&changes)),
            Some(Err(why)) => Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "CONFIGURATION_REFUSED", why)),
            None => {
                let why = "the configuration is not read now";
                Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", why))
            }
        }
    }
}
