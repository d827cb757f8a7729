//! The paths of the server, and what stands behind each: agents' endpoints, their cards, health, the console.

mod console;
mod public;
mod report;

use std::borrow::Cow;
use std::pin::Pin;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Method, Response, StatusCode};
use inhouse_proto::v1::AgentCard;
use inhouse_proto::via::TraceParent;
use inhouse_trust::{AgentName, Caller, Record, sees};
use tokio::sync::watch;

pub use self::console::CONSOLE;
use crate::bindings::extensions::{self, Extension};
use crate::bindings::grpc::{self, CHECK, GRPC, Services};
use crate::bindings::operation::Kind;
use crate::bindings::parameters::trace;
use crate::bindings::rest::{self, Target};
use crate::bindings::{Answer, Audited, Call, Endpoint, jsonrpc};
use crate::card::{self, CardInfo, CardOptions, Site};
use crate::{Admin, AdminFacts, AuditLog, Body, BodyReader, ErrorForm, Metrics, Refusal, Request, Service};

/// The default agent's card.
pub const CARD: &str = "/.well-known/agent-card.json";
/// The default agent's endpoint.
pub const ENDPOINT: &str = "/a2a";

/// An agent on this server.
pub struct Route {
    /// Where its calls go.
    pub endpoint: Endpoint,
    /// What its card says.
    pub card: CardInfo,
}

/// The server's paths. The first agent is the one at `/a2a`; each has `/agents/NAME/a2a` as well.
pub struct Routes {
    /// The agents; at least one.
    agents: Vec<Route>,
    /// The address that callers use, without a slash at the end; without one, the Host of the request is believed.
    public_url: Option<String>,
    cards: CardOptions,
    /// Since when the cards say what they say.
    since: SystemTime,
    audit: AuditLog,
    metrics: Metrics,
    services: Services,
    console: bool,
    admin: Option<(Admin, AdminFacts)>,
}

/// What stands at a path that needs a token.
enum Binding {
    Rpc,
    Rest(Target),
    Grpc(grpc::Target),
}

impl Binding {
    /// The operation that a method of HTTP means, where it tells; else the methods that mean something here.
    fn operation(&self, method: &Method) -> Result<Option<Kind>, &'static str> {
        match self {
            Self::Rpc | Self::Grpc(_) if *method == Method::POST => Ok(None),
            Self::Rpc | Self::Grpc(_) => Err("POST"),
            Self::Rest(target) => target.resource.operation(method).map(Some),
        }
    }
}

impl Routes {
    /// The paths for these agents, the default one first. They say that they want no more work once `draining` turns `true`.
    pub fn new(
        agents: Vec<Route>,
        public_url: Option<String>,
        cards: CardOptions,
        audit: AuditLog,
        metrics: Metrics,
        draining: watch::Receiver<bool>,
    ) -> Self {
        let services = Services::new(draining);
        Self {
            agents,
            public_url,
            cards,
            since: SystemTime::now(),
            audit,
            metrics,
            services,
            console: false,
            admin: None,
        }
    }

    /// The same, which have the console or not.
    pub fn with_console(mut self, console: bool) -> Self {
        self.console = console;
        self
    }

    /// The same, which tell those who run the server how it stands.
    pub fn with_admin(mut self, admin: Admin, facts: AdminFacts) -> Self {
        self.admin = Some((admin, facts));
        self
    }

    /// The agent that a path names, and the path's rest as it is for the default agent.
    fn agent<'p>(&self, path: &'p str) -> (Option<usize>, &'p str) {
        match path.strip_prefix("/agents/").and_then(|rest| rest.split_once('/')) {
            Some((name, rest)) => (self.named(name), &path[path.len() - rest.len() - 1..]),
            None => (Some(0), path),
        }
    }

    /// The binding at this path, and the agent that it leads to.
    fn binding(&self, path: &str) -> Option<(usize, Binding)> {
        let (agent, rest) = self.agent(path);
        let agent = agent?;
        if is_rpc(rest) {
            return Some((agent, Binding::Rpc));
        }
        let target = Target::parse(rest)?;
        let agent = match &target.tenant {
            // Below an agent's own address only its own name makes sense.
            Some(tenant) => self.named(tenant).filter(|named| agent == 0 || *named == agent)?,
            None => agent,
        };
        Some((agent, Binding::Rest(target)))
    }

    fn named(&self, name: &str) -> Option<usize> {
        self.agents.iter().position(|route| route.endpoint.agent.as_str() == name)
    }

    /// The address of an agent, as whoever asks sees the server.
    fn site(&self, agent: usize, headers: &HeaderMap) -> Site {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let scheme = if self.cards.is_tls { "https" } else { "http" };
        let base = self.public_url.clone().unwrap_or_else(|| format!("{scheme}://{host}"));
        let tenant = self.agents[agent].endpoint.agent.to_string();
        let path = if agent == 0 { String::new() } else { format!("/agents/{tenant}") };
        let authority = base.split_once("://").map_or(base.as_str(), |(_, authority)| authority);
        let grpc = match self.cards.grpc_port {
            Some(port) => format!("{}:{port}", without_port(authority)),
            None => authority.to_owned(),
        };
        Site { base, path, tenant, grpc }
    }

    /// The card, signed if the address in it is known to be ours: nobody gets our signature under the address that he names.
    fn card(&self, agent: usize, request: &Request, extended: bool) -> AgentCard {
        let Route { endpoint, card } = &self.agents[agent];
        let (site, grpc) = (self.site(agent, &request.headers), extended || self.cards.grpc);
        let card = card::v1(card, endpoint, &site, grpc, &self.cards.schemes);
        let signer = self.cards.signer.as_ref().filter(|_| self.public_url.is_some() || request.is_own_host());
        signer.into_iter().fold(card, |card, signer| signer.sign(card))
    }

    async fn service(&self, request: &Request, body: BodyReader) -> Response<Body> {
        match (self.services.answer(request.path(), &request.headers, body).await, &request.caller) {
            (Ok(response), None) => response,
            (Ok(response), Some(caller)) => {
                self.write_down(request, caller, None, &Audited::default(), response.status());
                response
            }
            (Err(refusal), None) => self.refusal(request, &refusal),
            (Err(refusal), Some(caller)) => self.refused(request, caller, None, refusal.code, &refusal),
        }
    }

    /// An answer for a caller. An agent that is reserved for others is answered like one that does not exist.
    async fn private(&self, request: &Request, caller: &Caller, body: BodyReader) -> Response<Body> {
        let binding = match grpc::is_grpc(&request.headers) {
            true => grpc::Target::parse(request.path()).map(|target| (0, Binding::Grpc(target))),
            false => self.binding(request.path()),
        };
        let Some((agent, binding)) = binding else {
            let refusal = if grpc::is_grpc(&request.headers) { no_such_call() } else { nothing_there() };
            return self.refused(request, caller, None, refusal.code, &refusal);
        };
        let Endpoint { agent: name, policy, .. } = &self.agents[agent].endpoint;
        if !sees(caller, name, policy) {
            return self.refused(request, caller, Some(agent), "denied", &nothing_there());
        }
        match binding.operation(&request.method) {
            Ok(kind) => self.call(agent, &binding, kind, request, caller, body).await,
            Err(allowed) => {
                let (refusal, response) = self.method_not_allowed(allowed, request);
                self.refused(request, caller, Some(agent), refusal.code, &refusal);
                response
            }
        }
    }

    async fn call(
        &self,
        agent: usize,
        binding: &Binding,
        kind: Option<Kind>,
        request: &Request,
        caller: &Caller,
        body: BodyReader,
    ) -> Response<Body> {
        let endpoint = &self.agents[agent].endpoint;
        let tenants = |name: &str| self.named(name).map(|agent| &self.agents[agent].endpoint);
        let card = |name: &AgentName| self.card(self.named(name.as_str()).unwrap_or(agent), request, true);
        let (headers, query) = (&request.headers, request.query());
        let is_named = matches!(binding, Binding::Rest(Target { tenant: Some(_), .. }));
        let audit = &self.audit;
        let call = Call { endpoint, tenants: &tenants, card: &card, caller, headers, query, is_named, audit };
        let body = match body.read().await {
            Ok(body) => body,
            Err(refusal) => return self.refused(request, caller, Some(agent), refusal.code, &refusal),
        };
        // Boxed, so that a call needs room for one binding, not for the largest: what a call has touched stays resident.
        let answer: Pin<Box<dyn Future<Output = Answer> + Send>> = match (binding, kind) {
            (Binding::Rest(target), Some(kind)) => Box::pin(rest::answer(&call, target, kind, &body)),
            (Binding::Grpc(target), _) => Box::pin(grpc::answer(&call, *target, &body)),
            _ => Box::pin(jsonrpc::answer(&call, &body)),
        };
        let answer = answer.await;
        self.write_down(request, caller, Some(agent), &answer.audited, answer.status);
        response(answer, &endpoint.extensions)
    }

    fn refused(
        &self,
        request: &Request,
        caller: &Caller,
        agent: Option<usize>,
        outcome: &'static str,
        refusal: &Refusal,
    ) -> Response<Body> {
        let audited = Audited { refusal: Some(outcome), ..Audited::default() };
        self.write_down(request, caller, agent, &audited, refusal.status);
        self.refusal(request, refusal)
    }

    fn refusal(&self, request: &Request, refusal: &Refusal) -> Response<Body> {
        refusal.response_to(&request.headers, self.error_form(request.path()))
    }

    fn method_not_allowed(&self, allowed: &'static str, request: &Request) -> (Refusal, Response<Body>) {
        let message = format!("this path takes {allowed}");
        let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message);
        let mut response = self.refusal(request, &refusal);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        (refusal, response)
    }

    fn write_down(
        &self,
        request: &Request,
        caller: &Caller,
        agent: Option<usize>,
        audited: &Audited,
        status: StatusCode,
    ) {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let number = |value: u128| u64::try_from(value).unwrap_or(u64::MAX);
        let outcome = audited.refusal.unwrap_or("ok");
        let counted = if audited.method.is_empty() { "other" } else { audited.method };
        self.metrics.answered(counted, outcome, request.started.elapsed());
        let operation = match audited.method {
            "" => Cow::Owned(format!("{} {}", request.method, request.path())),
            method => Cow::Borrowed(method),
        };
        let trace = trace(&request.headers);
        let record = Record {
            time_ms: number(since_epoch.as_millis()),
            who: Some(caller.principal()),
            source: request.source,
            operation: &operation,
            agent: audited.agent.as_ref().or(agent.map(|agent| &self.agents[agent].endpoint.agent)),
            task: audited.task.as_deref(),
            context: audited.context.as_deref(),
            trace: trace.as_ref().map(TraceParent::trace_id),
            outcome,
            state: audited.state,
            status: status.as_u16(),
            duration_us: number(request.started.elapsed().as_micros()),
        };
        if audited.is_change { self.audit.record(&record.line()) } else { self.audit.mention(&record.line()) }
    }
}

#[async_trait]
impl Service for Routes {
    fn is_public(&self, _method: &Method, path: &str) -> bool {
        path == CHECK || self.has_page(path)
    }

    fn error_form(&self, path: &str) -> ErrorForm {
        match self.agent(path).1 {
            rest if is_rpc(rest) => ErrorForm::Rpc,
            rest if Target::is_0_3(rest) => ErrorForm::Status03,
            _ => ErrorForm::Status,
        }
    }

    async fn handle(&self, request: Request, body: BodyReader) -> Response<Body> {
        match &request.caller {
            _ if Services::are_at(request.path()) => self.service(&request, body).await,
            None => self.public(&request),
            Some(caller) if report::is_at(request.path()) => self.report(&request, caller).await,
            Some(caller) => self.private(&request, caller, body).await,
        }
    }
}

fn response(answer: Answer, extensions: &[Extension]) -> Response<Body> {
    let mut response = Response::new(answer.body);
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    if answer.is_stream && answer.media_type != GRPC {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        // A proxy that gathers events before it passes them on would break the stream.
        headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    } else {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.media_type));
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(answer.trailers_only.map(|trailers| *trailers).unwrap_or_default());
    if let Some(extensions) = answer.extensions.header(extensions) {
        headers.insert(extensions::HEADER, extensions);
    }
    if let Some(seconds) = answer.retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// `host` for `host:port`; an address of IPv6 keeps its brackets.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Clients join a slash to what they are given, or call the address itself.
fn is_rpc(path: &str) -> bool {
    matches!(path, "/" | ENDPOINT | "/a2a/")
}

fn nothing_there() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is nothing at this path")
}

fn no_such_call() -> Refusal {
    Refusal::new(StatusCode::NOT_IMPLEMENTED, "UNIMPLEMENTED", "there is no such method")
}
