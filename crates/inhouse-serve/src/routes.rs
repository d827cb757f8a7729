//! The paths of the server, and what stands behind each: agents' endpoints, their cards, health.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Method, Response, StatusCode};
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::jsonrpc::Id;
use inhouse_trust::{Caller, Operation, Record, grants};

use crate::bindings::jsonrpc::{self, Generation};
use crate::bindings::{Answer, Audited, Call, Endpoint};
use crate::card::{self, CardInfo};
use crate::{AuditLog, Body, BodyReader, Refusal, Request, Service};

/// The default agent's card.
pub const CARD: &str = "/.well-known/agent-card.json";
const FIRST_CARD: &str = "/.well-known/agent.json";
const HEALTH: &str = "/health";
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
    audit: AuditLog,
}

/// What stands at a path that needs no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Health,
    Card(usize),
    FirstCard(usize),
}

impl Routes {
    /// The paths for these agents, the default one first.
    pub fn new(agents: Vec<Route>, public_url: Option<String>, audit: AuditLog) -> Self {
        Self { agents, public_url, audit }
    }

    /// The agent that a path names, and the path's rest as it is for the default agent.
    fn agent<'p>(&self, path: &'p str) -> (Option<usize>, &'p str) {
        match path.strip_prefix("/agents/").and_then(|rest| rest.split_once('/')) {
            Some((name, rest)) => {
                let agent = self.agents.iter().position(|route| route.endpoint.agent.as_str() == name);
                (agent, &path[path.len() - rest.len() - 1..])
            }
            None => (Some(0), path),
        }
    }

    /// The card of a reserved agent is not shown: who asks for a card has no name.
    fn page(&self, path: &str) -> Option<Page> {
        if path == HEALTH {
            return Some(Page::Health);
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

    /// The agent whose endpoint is at this path.
    fn endpoint(&self, path: &str) -> Option<usize> {
        match self.agent(path) {
            // Clients join a slash to what they are given, or call the address itself.
            (agent, "/" | ENDPOINT | "/a2a/") => agent,
            _ => None,
        }
    }

    fn url(&self, agent: usize, headers: &HeaderMap) -> String {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let base = self.public_url.clone().unwrap_or_else(|| format!("http://{host}"));
        match agent {
            0 => format!("{base}{ENDPOINT}"),
            _ => format!("{base}/agents/{}{ENDPOINT}", self.agents[agent].endpoint.agent),
        }
    }

    /// An answer for someone whom we do not know.
    fn public(&self, request: &Request) -> Response<Body> {
        let Some(page) = self.page(request.path()) else { return nothing_there().response() };
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return method_not_allowed("GET, HEAD").1;
        }
        match page {
            Page::Health => public(b"{\"status\":\"ok\"}".to_vec()),
            Page::Card(agent) => public(card::v1(&self.agents[agent].card, &self.url(agent, &request.headers))),
            Page::FirstCard(agent) => public(card::first(&self.agents[agent].card, &self.url(agent, &request.headers))),
        }
    }

    /// An answer for a caller. An agent that is reserved for others is answered like one that does not exist.
    async fn private(&self, request: &Request, caller: &Caller, body: BodyReader) -> Response<Body> {
        let Some(agent) = self.endpoint(request.path()) else {
            let refusal = nothing_there();
            return self.refused(request, caller, None, refusal.code, &refusal);
        };
        let Endpoint { agent: name, policy, .. } = &self.agents[agent].endpoint;
        // Which operation does not matter to the policy, and is only known once the body is read.
        if grants(caller, Operation::Get, name, policy).is_err() {
            return self.refused(request, caller, Some(agent), "denied", &nothing_there());
        }
        if request.method != Method::POST {
            let (refusal, response) = method_not_allowed("POST");
            self.refused(request, caller, Some(agent), refusal.code, &refusal);
            return response;
        }
        self.call(agent, request, caller, body).await
    }

    async fn call(&self, agent: usize, request: &Request, caller: &Caller, body: BodyReader) -> Response<Body> {
        let endpoint = &self.agents[agent].endpoint;
        let call = Call { endpoint, caller, headers: &request.headers, query: request.query() };
        let answer = if is_json(&request.headers) {
            match body.read().await {
                Ok(body) => jsonrpc::answer(&call, &body).await,
                Err(refusal) => return self.refused(request, caller, Some(agent), refusal.code, &refusal),
            }
        } else {
            let error = A2aError::new(ErrorKind::ContentTypeNotSupported).with("supported", "application/json");
            let refused = jsonrpc::refusal(&Id::NULL, Generation::V1, &error, Audited::default());
            Answer { status: StatusCode::BAD_REQUEST, ..refused }
        };
        self.write_down(request, caller, Some(agent), &answer.audited, answer.status);
        response(answer)
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
        refusal.response()
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
        let operation = match audited.method {
            "" => Cow::Owned(format!("{} {}", request.method, request.path())),
            method => Cow::Borrowed(method),
        };
        let record = Record {
            time_ms: number(since_epoch.as_millis()),
            who: Some(caller.principal()),
            source: request.source,
            operation: &operation,
            agent: agent.map(|agent| &self.agents[agent].endpoint.agent),
            task: audited.task.as_deref(),
            context: audited.context.as_deref(),
            outcome: audited.refusal.unwrap_or("ok"),
            state: audited.state,
            status: status.as_u16(),
            duration_us: number(request.started.elapsed().as_micros()),
        };
        self.audit.record(&record.line());
    }
}

#[async_trait]
impl Service for Routes {
    /// Health, and wherever a card could be: whether there is an agent must not show in what a stranger is asked for.
    fn is_public(&self, _method: &Method, path: &str) -> bool {
        path == HEALTH || matches!(self.agent(path).1, CARD | FIRST_CARD)
    }

    async fn handle(&self, request: Request, body: BodyReader) -> Response<Body> {
        match &request.caller {
            None => self.public(&request),
            Some(caller) => self.private(&request, caller, body).await,
        }
    }
}

/// `application/json`, or A2A's own media type (spec 14.1.1); parameters do not matter.
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    ["application/json", "application/a2a+json"].iter().any(|known| media_type.eq_ignore_ascii_case(known))
}

fn response(answer: Answer) -> Response<Body> {
    let mut response = Response::new(answer.body);
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    if answer.is_stream {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        // A proxy that gathers events before it passes them on would break the stream.
        headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    } else {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = answer.retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn public(json: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::full(json));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn nothing_there() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is nothing at this path")
}

fn method_not_allowed(allowed: &'static str) -> (Refusal, Response<Body>) {
    let message = format!("this path takes {allowed}");
    let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message);
    let mut response = refusal.response();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    (refusal, response)
}
