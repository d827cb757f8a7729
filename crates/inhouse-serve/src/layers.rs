//! The checks that every request passes, in their order, from the headers alone. Nothing of the body is read before the
//! last of them has passed, and every binding stands behind the same chain.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, HOST, HeaderName, HeaderValue, ORIGIN, TRANSFER_ENCODING,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode, Version};
use inhouse_proto::via::TraceParent;
use inhouse_trust::{AuthError, Caller, HostError, Record};
use tokio::sync::watch;

use crate::bindings::grpc::is_grpc;
use crate::bindings::parameters::trace;
use crate::certificate::Certificate;
use crate::failures::FailureLimit;
use crate::lapse::{Lapse, LiveTokens, lapse, now_s, trailers};
use crate::metrics::Open;
use crate::pulse::{Answering, Pulse};
use crate::reader::too_large;
use crate::rules::{LiveRules, Rules};
use crate::tls::LiveTlsKeys;
use crate::{AuditLog, Body, BodyReader, Metrics, Refusal, Request, Service};

/// When a token may be good whose issuer's keys are still to come, in seconds.
const UNREADY_RETRY_S: u64 = 1;

/// What all connections share.
pub(crate) struct Door {
    pub(crate) rules: LiveRules,
    pub(crate) tokens: LiveTokens,
    /// Without them it speaks plain HTTP.
    pub(crate) tls: Option<LiveTlsKeys>,
    pub(crate) failures: Mutex<FailureLimit>,
    pub(crate) audit: AuditLog,
    pub(crate) metrics: Metrics,
    pub(crate) closing: watch::Sender<bool>,
    pub(crate) service: Arc<dyn Service>,
    pub(crate) opened: Instant,
}

/// The answer to come.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Response<Answered>, Infallible>> + Send>>;

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) source: IpAddr,
    /// What he has proved himself with when it began.
    pub(crate) certificate: Option<Arc<Certificate>>,
}

/// Answers one request. Boxed, so that an open stream does not keep the room that its request has needed.
pub(crate) fn answer(door: Arc<Door>, peer: Peer, pulse: Arc<Pulse>, request: hyper::Request<Incoming>) -> Answer {
    Box::pin(async move {
        let (mut parts, incoming) = request.into_parts();
        let (answering, names_length) = pulse.begin(!incoming.is_end_stream());
        let rules = door.rules.now();
        let source = rules.proxies.source(peer.source, &parts.headers);
        let arrival = Arrival { started: Instant::now(), source, certificate: peer.certificate, names_length };
        let is_two = parts.version == Version::HTTP_2;
        if is_two {
            name_host(&mut parts);
        }
        // RFC 9112 section 6.1 ends a connection after a request with both lengths. They can not be told in a request that came
        // together with the one before, so what is behind any chunked request is never read as another.
        let is_chunked = parts.headers.contains_key(TRANSFER_ENCODING);
        let body = BodyReader::new(incoming, Arc::clone(&rules.limits), Arc::clone(&pulse));
        let (mut response, caller) = match door.admit(&rules, &arrival, &parts, &body).await {
            Ok(caller) => (door.service.handle(arrival.request(&rules, parts, caller.clone()), body).await, caller),
            Err(refusal) => {
                door.metrics.answered("door", refusal.code, arrival.started.elapsed());
                (refusal.response_to(&parts.headers, door.service.error_form(parts.uri.path())), None)
            }
        };
        if !is_two && (is_chunked || pulse.has_unread_body()) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        // With HTTP/1.1 the connection itself waits for the end of the server.
        let stopping = is_two.then(|| stopping(&door));
        let is_stream = response.body().size_hint().exact().is_none();
        let lapse = caller.filter(|_| is_stream).map(|caller| lapse(door.tokens.clone(), caller));
        let is_grpc = is_grpc(response.headers());
        let open = is_stream.then(|| door.metrics.stream());
        Ok(response.map(|body| Answered { body, stopping, lapse, is_grpc, _open: open, _answering: answering }))
    })
}

/// HTTP/2 has the host in the target (RFC 9113 section 8.3.1); from here on it stands where HTTP/1.1 has it.
fn name_host(parts: &mut Parts) {
    let authority = parts.uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    if let Some(authority) = authority
        && !parts.headers.contains_key(HOST)
    {
        parts.headers.insert(HOST, authority);
    }
}

/// What is known of a request besides its headers.
struct Arrival {
    started: Instant,
    source: IpAddr,
    certificate: Option<Arc<Certificate>>,
    names_length: bool,
}

impl Arrival {
    fn request(self, rules: &Rules, parts: Parts, caller: Option<Caller>) -> Request {
        let Parts { method, uri, headers, .. } = parts;
        let own_names = Arc::clone(&rules.own_names);
        Request { method, uri, headers, own_names, source: self.source, caller, started: self.started }
    }
}

impl Door {
    /// The chain. `Ok(None)`: a public path, which needs no caller.
    async fn admit(
        &self,
        rules: &Rules,
        arrival: &Arrival,
        parts: &Parts,
        body: &BodyReader,
    ) -> Result<Option<Caller>, Refusal> {
        let is_public = self.service.is_public(&parts.method, parts.uri.path());
        let checked = rules
            .framing(arrival, parts)
            .and_then(|()| rules.host(parts))
            .and_then(|()| rules.origin(parts))
            .and_then(|()| if is_public { Ok(None) } else { self.caller(arrival, &parts.headers).map(Some) });
        let caller = checked.map_err(|refusal| self.refused(arrival, parts, refusal))?;
        coding(&parts.headers).and_then(|()| rules.size(body)).map_err(|refusal| match &caller {
            Some(_) => self.told(arrival, parts, caller.as_ref(), refusal),
            None => self.refused(arrival, parts, refusal),
        })?;
        Ok(caller)
    }

    /// A token counts before a certificate: who shows one wants to be its owner, for this request.
    fn caller(&self, arrival: &Arrival, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let tokens = Arc::clone(&self.tokens.borrow());
        let unauthenticated = |why: String| Refusal::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", why);
        match &arrival.certificate {
            Some(certificate) if !headers.contains_key(AUTHORIZATION) => tokens
                .certified(&certificate.names, certificate.until_s, now_s())
                .ok_or_else(|| unauthenticated("client certificate is no caller's".to_owned())),
            _ => with_values(headers, &AUTHORIZATION, |values| tokens.caller(values, now_s())).map_err(|error| {
                match error {
                    // Whether the token is good is not known, and another one would do no better (RFC 6750 section 3.1).
                    AuthError::Unready => Refusal {
                        retry_after_s: Some(UNREADY_RETRY_S),
                        ..Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", error.to_string())
                    },
                    _ => unauthenticated(error.to_string()),
                }
            }),
        }
    }

    /// Counts a refusal of a stranger. Beyond the limit of his source it is not written down, and a wrong token gets 429.
    /// A valid token never comes here.
    fn refused(&self, arrival: &Arrival, parts: &Parts, refusal: Refusal) -> Refusal {
        let now_ms = self.opened.elapsed().as_millis() as u64;
        let counted =
            self.failures.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).failed(arrival.source, now_ms);
        match counted {
            Ok(()) => self.told(arrival, parts, None, refusal),
            Err(limit) if refusal.status == StatusCode::UNAUTHORIZED => Refusal {
                retry_after_s: Some(limit.seconds),
                ..Refusal::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "TOO_MANY_FAILURES",
                    "too many failed requests of this source",
                )
            },
            Err(_) => refusal,
        }
    }

    fn told(&self, arrival: &Arrival, parts: &Parts, caller: Option<&Caller>, refusal: Refusal) -> Refusal {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let trace = trace(&parts.headers);
        let record = Record {
            time_ms: since_epoch.as_millis() as u64,
            who: caller.map(Caller::principal),
            source: arrival.source,
            operation: &format!("{} {}", parts.method, parts.uri.path()),
            agent: None,
            task: None,
            context: None,
            trace: trace.as_ref().map(TraceParent::trace_id),
            outcome: refusal.code,
            state: None,
            status: refusal.status.as_u16(),
            duration_us: arrival.started.elapsed().as_micros() as u64,
        };
        self.audit.mention(&record.line());
        refusal
    }
}

impl Rules {
    /// A target that we read, and one length of the body.
    fn framing(&self, arrival: &Arrival, parts: &Parts) -> Result<(), Refusal> {
        if parts.method == Method::CONNECT {
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "this is no proxy"));
        }
        let uri_bytes = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
        if uri_bytes > self.limits.uri_bytes_max {
            let message = format!("the request target has more than {} bytes", self.limits.uri_bytes_max);
            return Err(Refusal::new(StatusCode::URI_TOO_LONG, "URI_TOO_LONG", message));
        }
        // RFC 9112 section 6.1: both lengths together are how requests are smuggled. hyper drops the first of them.
        if arrival.names_length && parts.headers.contains_key(TRANSFER_ENCODING) {
            let message = "a request has either content-length or transfer-encoding";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", message));
        }
        // HTTP/2 bounds its headers in bytes only.
        if parts.headers.len() > self.limits.headers_max {
            let message = format!("the request has more than {} headers", self.limits.headers_max);
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return Err(Refusal::new(status, "TOO_MANY_HEADERS", message));
        }
        Ok(())
    }

    /// Exactly one Host, and one of ours; the same for the authority of an absolute target (RFC 9112 section 3.2).
    fn host(&self, parts: &Parts) -> Result<(), Refusal> {
        let hosts = &self.own_names.hosts;
        let target = parts.uri.authority().map_or(Ok(()), |authority| hosts.check_authority(authority.as_str()));
        let host = with_values(&parts.headers, &HOST, |values| hosts.check(values));
        target.and(host).map_err(|error| match error {
            HostError::NotAllowed(_) => {
                Refusal::new(StatusCode::MISDIRECTED_REQUEST, "HOST_NOT_ALLOWED", error.to_string())
            }
            _ => Refusal::new(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", error.to_string()),
        })
    }

    /// Without an Origin, or with one that may call. The host has been checked before.
    fn origin(&self, parts: &Parts) -> Result<(), Refusal> {
        let host = parts.headers.get(HOST).map_or(&b""[..], HeaderValue::as_bytes);
        with_values(&parts.headers, &ORIGIN, |values| self.origins.check(values, host))
            .map_err(|error| Refusal::new(StatusCode::FORBIDDEN, "ORIGIN_NOT_ALLOWED", error.to_string()))
    }

    /// A length that is too large is refused before anything of the body comes.
    fn size(&self, body: &BodyReader) -> Result<(), Refusal> {
        let max = self.limits.body_bytes_max;
        if body.bytes_min() > max as u64 { Err(too_large(max)) } else { Ok(()) }
    }
}

/// A body that is coded, such as by gzip, is not unpacked: a few bytes could be very many.
fn coding(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    if codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    let message = "the request body must not be coded (content-encoding)";
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "CONTENT_ENCODING_NOT_SUPPORTED", message))
}

/// Passes all values of a header to `check`; more than two are as wrong as two.
fn with_values<T>(headers: &HeaderMap, name: &HeaderName, check: impl FnOnce(&[&[u8]]) -> T) -> T {
    let mut values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    match (values.next(), values.next()) {
        (Some(one), Some(two)) => check(&[one, two]),
        (Some(one), None) => check(&[one]),
        (None, _) => check(&[]),
    }
}

type Stopping = Pin<Box<dyn Future<Output = ()> + Send>>;

fn stopping(door: &Door) -> Stopping {
    let mut closing = door.closing.subscribe();
    Box::pin(async move { drop(closing.wait_for(|closing| *closing).await) })
}

/// A response body that tells the connection when it has ended.
pub(crate) struct Answered {
    body: Body,
    /// Looks at the body once more when the server stops; it has a task of its own then.
    stopping: Option<Stopping>,
    /// Ends a stream.
    lapse: Option<Lapse>,
    is_grpc: bool,
    _open: Option<Open>,
    _answering: Answering,
}

impl HttpBody for Answered {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.stopping.as_mut().is_some_and(|stopping| stopping.as_mut().poll(cx).is_ready()) {
            self.stopping = None;
        }
        if self.lapse.as_mut().is_some_and(|lapse| lapse.as_mut().poll(cx).is_ready()) {
            (self.lapse, self.body) = (None, Body::full(""));
            return Poll::Ready(self.is_grpc.then(|| Ok(Frame::trailers(trailers()))));
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
