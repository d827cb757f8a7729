//! The calls of A2A v1.0 (spec 3.1), and how the endpoint is found.

mod raw;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use inhouse_proto::v1;
use inhouse_proto::via::{self, Via};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::sync::OnceCell;

use crate::address::{Address, Target};
use crate::error::{ClientError, RpcError};
use crate::http::{self, Answer, Body};
use crate::keys::CardKeys;
use crate::options::{Binding, ClientOptions};
use crate::rpc::Failure;
use crate::stream::EventStream;
use crate::tls::Trust;
use crate::{rest, rpc};

/// What is read of an answer that refuses a token.
const REFUSAL_BYTES_MAX: usize = 64 << 10;
const JSON: &str = "application/json";
const EVENT_STREAM: &str = "text/event-stream";

/// A client of one agent. Clones are cheap and share what they learned from its card.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    options: ClientOptions,
    target: Target,
    trust: Arc<Trust>,
    authorization: Option<HeaderValue>,
    endpoint: OnceCell<Endpoint>,
}

/// Where calls go.
struct Endpoint {
    address: Address,
    /// Repeated in every call, when the card says so (spec 4.4.6).
    tenant: String,
    binding: Binding,
}

/// A result, read and as the server wrote it.
#[derive(Debug, Clone)]
pub struct Reply<T> {
    /// What it says.
    pub value: T,
    /// The same as JSON, byte for byte.
    pub json: Box<RawValue>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("options", &self.0.options).finish_non_exhaustive()
    }
}

impl Client {
    /// Takes the options; nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Address`], [`ClientError::Token`] and [`ClientError::Certificates`] when these can not be used.
    pub fn new(options: ClientOptions) -> Result<Self, ClientError> {
        let target = Target::parse(&options.url)?;
        let authorization = options.token.as_ref().map(|token| {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| ClientError::Token)?;
            value.set_sensitive(true);
            Ok::<_, ClientError>(value)
        });
        let authorization = authorization.transpose()?;
        let trust =
            Trust::with(options.ca_pem.as_deref(), options.identity.clone()).ok_or(ClientError::Certificates)?;
        let trust = Arc::new(trust);
        Ok(Self(Arc::new(Inner { options, target, trust, authorization, endpoint: OnceCell::new() })))
    }

    /// The same client at another address, for which nothing is read again.
    pub(crate) fn at(&self, url: String) -> Result<Self, ClientError> {
        let Inner { options, trust, authorization, .. } = &*self.0;
        Ok(Self(Arc::new(Inner {
            target: Target::parse(&url)?,
            options: ClientOptions { url, ..options.clone() },
            trust: Arc::clone(trust),
            authorization: authorization.clone(),
            endpoint: OnceCell::new(),
        })))
    }

    /// The agent's public card (spec 4.4.1, 8.2).
    ///
    /// # Errors
    /// As for any call.
    pub async fn card(&self) -> Result<Reply<v1::AgentCard>, ClientError> {
        self.page(&self.0.target.card, "agent card").await
    }

    /// The keys that the server signs its cards with (spec 8.4.2).
    ///
    /// # Errors
    /// As for any call.
    pub async fn card_keys(&self) -> Result<CardKeys, ClientError> {
        Ok(self.page(&self.0.target.keys, "set of keys").await?.value)
    }

    async fn page<T: DeserializeOwned>(&self, address: &Address, what: &str) -> Result<Reply<T>, ClientError> {
        let request = self.request(Method::GET, address, JSON, None, Bytes::new())?;
        let answer = self.exchange(address, request, self.0.options.first_byte_timeout_ms).await?;
        let status = answer.status;
        let body = self.collect(answer, self.0.options.first_byte_timeout_ms).await?;
        if status != StatusCode::OK {
            return Err(ClientError::Protocol(format!("no {what} at {address}: HTTP {}", status.as_u16())));
        }
        let no_page = |error: serde_json::Error| ClientError::Protocol(format!("no {what} at {address}: {error}"));
        let json: Box<RawValue> = serde_json::from_slice(&body).map_err(no_page)?;
        let value = serde_json::from_str(json.get()).map_err(no_page)?;
        Ok(Reply { value, json })
    }

    /// Sends a message and waits for the answer: a task that ended or waits, or a message (spec 3.1.1). If the request asks
    /// to return immediately, the task as it was made.
    ///
    /// # Errors
    /// As for any call. After a lost connection the task may go on.
    pub async fn send(
        &self,
        mut request: v1::SendMessageRequest,
    ) -> Result<Reply<v1::send_message_response::Payload>, ClientError> {
        request.tenant = self.tenant(request.tenant).await?;
        let reply: Reply<v1::SendMessageResponse> =
            self.call("SendMessage", &request, self.0.options.answer_timeout_ms).await?;
        let value = reply
            .value
            .payload
            .ok_or_else(|| ClientError::Protocol("the answer has neither task nor message".to_owned()))?;
        Ok(Reply { value, json: reply.json })
    }

    /// Sends a message and follows what comes of it (spec 3.1.2).
    ///
    /// # Errors
    /// As for any call. After a lost connection the task may go on.
    pub async fn stream(&self, mut request: v1::SendMessageRequest) -> Result<EventStream, ClientError> {
        request.tenant = self.tenant(request.tenant).await?;
        let body = self.open("SendStreamingMessage", &request, None).await?;
        Ok(EventStream::opened(self.clone(), Some(body)))
    }

    /// A task as it stands, with at most `history_length` of its latest messages; all when absent (spec 3.1.3).
    ///
    /// # Errors
    /// As for any call.
    pub async fn get_task(&self, id: &str, history_length: Option<i32>) -> Result<Reply<v1::Task>, ClientError> {
        let tenant = self.tenant(String::new()).await?;
        let request = v1::GetTaskRequest { tenant, id: id.to_owned(), history_length };
        self.call("GetTask", &request, self.0.options.first_byte_timeout_ms).await
    }

    /// A page of the caller's tasks, newest first (spec 3.1.4).
    ///
    /// # Errors
    /// As for any call.
    pub async fn list_tasks(
        &self,
        mut request: v1::ListTasksRequest,
    ) -> Result<Reply<v1::ListTasksResponse>, ClientError> {
        request.tenant = self.tenant(request.tenant).await?;
        self.call("ListTasks", &request, self.0.options.first_byte_timeout_ms).await
    }

    /// Asks to cancel a task and returns it as it then stands (spec 3.1.5).
    ///
    /// # Errors
    /// As for any call.
    pub async fn cancel_task(&self, id: &str) -> Result<Reply<v1::Task>, ClientError> {
        let tenant = self.tenant(String::new()).await?;
        let request = v1::CancelTaskRequest { tenant, id: id.to_owned(), metadata: None };
        self.call("CancelTask", &request, self.0.options.first_byte_timeout_ms).await
    }

    /// Follows a task: from its state now, or from the event after `last_event_id` (spec 3.1.6). A finished task of a server
    /// that refuses to stream those comes as one snapshot.
    ///
    /// # Errors
    /// As for any call.
    pub async fn subscribe(&self, id: &str, last_event_id: Option<u64>) -> Result<EventStream, ClientError> {
        EventStream::subscribed(self.clone(), id, last_event_id).await
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        &self.0.options
    }

    pub(crate) fn target(&self) -> &Target {
        &self.0.target
    }

    pub(crate) async fn open_subscription(&self, id: &str, last_event_id: Option<u64>) -> Result<Body, ClientError> {
        let tenant = self.tenant(String::new()).await?;
        let request = v1::SubscribeToTaskRequest { tenant, id: id.to_owned() };
        self.open("SubscribeToTask", &request, last_event_id).await
    }

    async fn endpoint(&self) -> Result<&Endpoint, ClientError> {
        self.0.endpoint.get_or_try_init(|| self.find_endpoint()).await
    }

    async fn find_endpoint(&self) -> Result<Endpoint, ClientError> {
        let wish = self.0.options.binding;
        if let Some(address) = &self.0.target.endpoint {
            let binding = wish.unwrap_or(Binding::JsonRpc);
            return Ok(Endpoint { address: address.clone(), tenant: String::new(), binding });
        }
        let card = self.card().await?.value;
        let of_v1 = |version: &str| version.is_empty() || version == "1" || version.starts_with("1.");
        let spoken = [Binding::JsonRpc, Binding::HttpJson].into_iter();
        let spoken: Vec<_> = spoken.filter(|binding| wish.is_none_or(|wish| wish == *binding)).collect();
        // The card's order is its preference (spec 8.3.2).
        let found = card.supported_interfaces.into_iter().filter(|at| of_v1(&at.protocol_version)).find_map(|at| {
            let binding = spoken.iter().find(|binding| binding.name() == at.protocol_binding)?;
            Some((at, *binding))
        });
        let (interface, binding) = found.ok_or_else(|| {
            let names: Vec<_> = spoken.iter().map(|binding| binding.name()).collect();
            let names = names.join(" or ");
            ClientError::Protocol(format!("the card at {} names no {names} interface of A2A 1.0", self.0.target.card))
        })?;
        let address = self.0.target.card.with_path_of(&interface.url)?;
        Ok(Endpoint { address, tenant: interface.tenant, binding })
    }

    /// The caller's own tenant, or the one that the card asks for.
    pub(crate) async fn tenant(&self, own: String) -> Result<String, ClientError> {
        Ok(if own.is_empty() { self.endpoint().await?.tenant.clone() } else { own })
    }

    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: &impl Serialize,
        wait_ms: u64,
    ) -> Result<Reply<T>, ClientError> {
        let json = self.told(method, params, wait_ms).await?;
        Ok(Reply { value: rpc::decode(&json)?, json })
    }

    /// The result of a call as its server wrote it.
    async fn told(&self, method: &str, params: &impl Serialize, wait_ms: u64) -> Result<Box<RawValue>, ClientError> {
        let answer = self.asked(method, params, JSON, None, wait_ms).await?;
        self.result(answer, wait_ms).await
    }

    async fn open(
        &self,
        method: &str,
        params: &impl Serialize,
        last_event_id: Option<u64>,
    ) -> Result<Body, ClientError> {
        let wait_ms = self.0.options.first_byte_timeout_ms;
        let answer = self.asked(method, params, EVENT_STREAM, last_event_id, wait_ms).await?;
        let media_type = answer.headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        if answer.status == StatusCode::OK && media_type.to_ascii_lowercase().starts_with(EVENT_STREAM.as_bytes()) {
            return Ok(answer.body);
        }
        self.result(answer, wait_ms).await?;
        let address = &self.endpoint().await?.address;
        Err(ClientError::Protocol(format!("{address} answered {method} with one result, not with a stream")))
    }

    /// A call, in the words of the endpoint's binding, and the head of its answer.
    async fn asked(
        &self,
        method: &str,
        params: &impl Serialize,
        accept: &'static str,
        last_event_id: Option<u64>,
        wait_ms: u64,
    ) -> Result<Answer, ClientError> {
        let endpoint = self.endpoint().await?;
        let (verb, address, body) = match endpoint.binding {
            Binding::JsonRpc => (Method::POST, endpoint.address.clone(), rpc::call(method, params)?),
            Binding::HttpJson => {
                let call = rest::call(method, params)?;
                (call.method, endpoint.address.below(&call.path), call.body)
            }
        };
        let request = self.request(verb, &address, accept, last_event_id, body.into())?;
        self.exchange(&address, request, wait_ms).await
    }

    /// What an event of a stream holds.
    pub(crate) fn event(&self, data: &[u8]) -> Result<Box<RawValue>, ClientError> {
        match self.0.endpoint.get().map(|endpoint| endpoint.binding) {
            Some(Binding::HttpJson) => rest::result(StatusCode::OK, data),
            Some(Binding::JsonRpc) | None => rpc::result(data),
        }
    }

    pub(crate) fn request(
        &self,
        method: Method,
        address: &Address,
        accept: &'static str,
        last_event_id: Option<u64>,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut request = Request::builder()
            .method(method)
            .uri(address.path())
            .header(HOST, address.authority())
            .header(USER_AGENT, concat!("inhouse/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, accept)
            .header("A2A-Version", "1.0");
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, JSON);
        }
        if let Some(authorization) = &self.0.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let Via { hops, trace } = &self.0.options.via;
        if *hops > 0 {
            request = request.header(via::HOPS_HEADER, hops.to_string());
        }
        if let Some(trace) = trace {
            request = request.header(via::TRACE_HEADER, trace.as_str());
        }
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        request
            .body(Full::new(body))
            .map_err(|error| ClientError::Protocol(format!("no request for {address}: {error}")))
    }

    pub(crate) async fn exchange(
        &self,
        address: &Address,
        request: Request<Full<Bytes>>,
        wait_ms: u64,
    ) -> Result<Answer, ClientError> {
        let answer = http::call(address, &self.0.trust, request, self.0.options.connect_timeout_ms, wait_ms).await?;
        match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let (address, status) = (address.to_string(), answer.status.as_u16());
                // What can not be read says nothing.
                let body = answer.body.collect(wait_ms, REFUSAL_BYTES_MAX).await.unwrap_or_default();
                let said = serde_json::from_slice(&body).ok().map(|Failure { error }| RpcError::from(error).sentence());
                Err(ClientError::Unauthorized { address, status, said })
            }
            _ => Ok(answer),
        }
    }

    pub(crate) async fn collect(&self, answer: Answer, wait_ms: u64) -> Result<Vec<u8>, ClientError> {
        answer.body.collect(wait_ms, self.0.options.answer_bytes_max).await
    }

    /// JSON-RPC errors come with any HTTP status, so the body speaks first.
    async fn result(&self, answer: Answer, wait_ms: u64) -> Result<Box<RawValue>, ClientError> {
        let (status, headers) = (answer.status, answer.headers.clone());
        let body = self.collect(answer, wait_ms).await?;
        let outcome = match self.endpoint().await?.binding {
            Binding::JsonRpc => rpc::result(&body),
            Binding::HttpJson => return rpc::with_head(&headers, rest::result(status, &body)),
        };
        match rpc::with_head(&headers, outcome) {
            Err(ClientError::Protocol(why)) if status != StatusCode::OK => {
                Err(ClientError::Protocol(format!("HTTP {}: {why}", status.as_u16())))
            }
            Ok(_) if !status.is_success() => {
                Err(ClientError::Protocol(format!("HTTP {} with a result", status.as_u16())))
            }
            outcome => outcome,
        }
    }
}
