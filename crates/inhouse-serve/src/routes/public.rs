//! What stands at the paths that need no token: health, cards, the keys that sign them, the console's files.

use hyper::{Method, Response};

use super::console::{self, File};
use super::{CARD, Routes, nothing_there};
use crate::bindings::Endpoint;
use crate::bindings::parameters::versions;
use crate::card;
use crate::pages::{self, Kept};
use crate::routes::Route;
use crate::{Body, Request};

const FIRST_CARD: &str = "/.well-known/agent.json";
const HEALTH: &str = "/health";
/// For probes: whether the server answers at all, and whether it wants more work.
const LIVE: &str = "/livez";
const READY: &str = "/readyz";
const JWKS: &str = "/.well-known/jwks.json";
const OPENAPI: &str = "/openapi.json";

/// What HTTP+JSON is like, for tools; made by `cargo xtask codegen`.
const OPENAPI_JSON: &str = include_str!("../openapi.json");

/// What stands at a path that needs no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Health,
    Ready,
    Card(usize),
    FirstCard(usize),
    Jwks,
    Console(&'static File),
    ToConsole,
    OpenApi,
}

impl Routes {
    /// Wherever a card could be: whether there is an agent must not show in what a stranger is asked for.
    pub(super) fn has_page(&self, path: &str) -> bool {
        let is_card = matches!(self.agent(path).1, CARD | FIRST_CARD);
        matches!(path, HEALTH | LIVE | READY | JWKS | OPENAPI) || is_card || self.console_page(path).is_some()
    }

    fn console_page(&self, path: &str) -> Option<Page> {
        let page = console::file(path).map(Page::Console);
        page.or(console::lacks_slash(path).then_some(Page::ToConsole)).filter(|_| self.console)
    }

    /// The card of a reserved agent is not shown: who asks for a card has no name.
    fn page(&self, path: &str) -> Option<Page> {
        match path {
            HEALTH | LIVE => return Some(Page::Health),
            READY => return Some(Page::Ready),
            OPENAPI => return Some(Page::OpenApi),
            JWKS => return self.cards.signer.as_ref().map(|_| Page::Jwks),
            _ => {}
        }
        if let Some(page) = self.console_page(path) {
            return Some(page);
        }
        let (agent, rest) = self.agent(path);
        let shown = |agent: &usize| {
            let Endpoint { policy, agent, .. } = &self.agents[*agent].endpoint;
            !policy.is_reserved(agent)
        };
        let agent = agent.filter(shown)?;
        match rest {
            CARD => Some(Page::Card(agent)),
            FIRST_CARD => Some(Page::FirstCard(agent)),
            _ => None,
        }
    }

    /// An answer for someone whom we do not know.
    pub(super) fn public(&self, request: &Request) -> Response<Body> {
        let Some(page) = self.page(request.path()) else { return self.refusal(request, &nothing_there()) };
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return self.method_not_allowed("GET, HEAD", request).1;
        }
        let kept = Kept { max_age_s: self.cards.max_age_s, since: self.since };
        match page {
            Page::Health => pages::health(),
            Page::Ready => pages::readiness(!self.services.is_draining()),
            Page::Card(agent) => {
                let card = self.card(agent, request, false);
                let header = request.headers.get("a2a-version").and_then(|version| version.to_str().ok());
                let version = header.or_else(|| versions(request.query()).next());
                let pure = !self.cards.legacy || version.is_some_and(|version| version.starts_with("1."));
                if pure {
                    pages::card(&card, kept, &request.headers)
                } else {
                    pages::card(&card::hybrid(&card), kept, &request.headers)
                }
            }
            Page::FirstCard(agent) => {
                let site = self.site(agent, &request.headers);
                let Route { endpoint, card } = &self.agents[agent];
                pages::card(&card::first(card, endpoint, &site, &self.cards.schemes), kept, &request.headers)
            }
            Page::Console(file) => console::answer(file, &request.headers),
            Page::ToConsole => console::redirection(),
            Page::OpenApi => pages::document(OPENAPI_JSON.into(), kept, &request.headers),
            Page::Jwks => {
                let keys = self.cards.signer.as_ref().map(|signer| signer.jwks());
                pages::card(&keys, kept, &request.headers)
            }
        }
    }
}
