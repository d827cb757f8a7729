//! The paths of the server, and what stands behind each: agents' endpoints, their cards, health.

use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Method, Response, StatusCode};
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::jsonrpc::Id;
use inhouse_trust::{Caller, Record};

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

/// What a path means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Health,
    Card(usize),
    FirstCard(usize),
    Endpoint(usize),
}

impl Routes {
    /// The paths for these agents, the default one first.
    pub fn new(agents: Vec<Route>, public_url: Option<String>, audit: AuditLog) -> Self {
        Self { agents, public_url, audit }
    }

    fn target(&self, path: &str) -> Option<Target> {
        if path == HEALTH {
            return Some(Target::Health);
        }
        let (agent, rest) = match path.strip_prefix("/agents/").and_then(|rest| rest.split_once('/')) {
            Some((name, rest)) => {
                let agent = self.agents.iter().position(|route| route.endpoint.agent.as_str() == name)?;
                (agent, &path[path.len() - rest.len() - 1..])
            }
            None => (0, path),
        };
        match rest {
            CARD => Some(Target::Card(agent)),
            FIRST_CARD => Some(Target::FirstCard(agent)),
            // Clients join a slash to what they are given, or call the address itself.
            "/" | ENDPOINT | "/a2a/" => Some(Target::Endpoint(agent)),
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

    async fn call(&self, agent: usize, request: &Request, caller: &Caller, body: BodyReader) -> Response<Body> {
        let call = Call { endpoint: &self.agents[agent].endpoint, caller, headers: &request.headers };
        let answer = if is_json(&request.headers) {
            match body.read().await {
                Ok(body) => jsonrpc::answer(&call, &body).await,
                Err(refusal) => return self.refused(request, caller, agent, &refusal),
            }
        } else {
            let error = A2aError::new(ErrorKind::ContentTypeNotSupported).with("supported", "application/json");
            let refused = jsonrpc::refusal(&Id::NULL, Generation::V1, &error, Audited::default());
            Answer { status: StatusCode::BAD_REQUEST, ..refused }
        };
        self.write_down(request, caller, agent, &answer.audited, answer.status);
        response(answer)
    }

    fn refused(&self, request: &Request, caller: &Caller, agent: usize, refusal: &Refusal) -> Response<Body> {
        let audited = Audited { refusal: Some(refusal.code), ..Audited::default() };
        self.write_down(request, caller, agent, &audited, refusal.status);
        refusal.response()
    }

    fn write_down(&self, request: &Request, caller: &Caller, agent: usize, audited: &Audited, status: StatusCode) {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let number = |value: u128| u64::try_from(value).unwrap_or(u64::MAX);
        let record = Record {
            time_ms: number(since_epoch.as_millis()),
            who: Some(caller.principal()),
            source: request.source,
            operation: if audited.method.is_empty() { "POST" } else { audited.method },
            agent: Some(&self.agents[agent].endpoint.agent),
            task: audited.task.as_deref(),
            context: audited.context.as_deref(),
            outcome: audited.refusal.unwrap_or("ok"),
            status: status.as_u16(),
            duration_us: number(request.started.elapsed().as_micros()),
        };
        self.audit.record(&record.line());
    }
}

#[async_trait]
impl Service for Routes {
    fn is_public(&self, _method: &Method, path: &str) -> bool {
        matches!(self.target(path), Some(Target::Health | Target::Card(_) | Target::FirstCard(_)))
    }

    async fn handle(&self, request: Request, body: BodyReader) -> Response<Body> {
        let Some(target) = self.target(request.path()) else {
            return Refusal::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is nothing at this path").response();
        };
        let is_read = matches!(request.method, Method::GET | Method::HEAD);
        match (target, &request.caller) {
            (Target::Endpoint(agent), Some(caller)) if request.method == Method::POST => {
                self.call(agent, &request, caller, body).await
            }
            (Target::Endpoint(_), _) => method_not_allowed("POST"),
            _ if !is_read => method_not_allowed("GET, HEAD"),
            (Target::Health, _) => public(b"{\"status\":\"ok\"}".to_vec()),
            (Target::Card(agent), _) => public(card::v1(&self.agents[agent].card, &self.url(agent, &request.headers))),
            (Target::FirstCard(agent), _) => {
                public(card::first(&self.agents[agent].card, &self.url(agent, &request.headers)))
            }
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

fn method_not_allowed(allowed: &'static str) -> Response<Body> {
    let message = format!("this path takes {allowed}");
    let mut response = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message).response();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}
