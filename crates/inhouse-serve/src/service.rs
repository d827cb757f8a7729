//! The seam between the front door and what stands behind it: a request that has passed the checks, and who answers it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use hyper::header::HOST;
use hyper::{HeaderMap, Method, Response, Uri};
use inhouse_trust::{Caller, HostRule};
use tokio::sync::watch;

use crate::refusal::ErrorForm;
use crate::{Body, BodyReader};

/// The names and ports under which the server is asked.
#[derive(Debug)]
pub(crate) struct OwnNames {
    pub(crate) hosts: HostRule,
    /// The ports that are listened on.
    pub(crate) ports: Vec<u16>,
}

/// A request that has passed the front door, without its body.
#[derive(Debug)]
pub struct Request {
    /// The method; never `CONNECT`.
    pub method: Method,
    /// The target. Its authority, if any, is one of ours.
    pub uri: Uri,
    /// The headers, with exactly one valid `Host`.
    pub headers: HeaderMap,
    pub(crate) own_names: Arc<OwnNames>,
    /// Where it came from.
    pub source: IpAddr,
    /// Who asks; `None` on public paths only.
    pub caller: Option<Caller>,
    /// When its headers were complete.
    pub started: Instant,
}

impl Request {
    /// The path of the target, as it was sent.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The query of the target, as it was sent.
    pub fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    /// Whether its `Host` is this server's own beyond doubt, and not one that anybody may write.
    pub(crate) fn is_own_host(&self) -> bool {
        let OwnNames { hosts, ports } = &*self.own_names;
        let host = self.headers.get(HOST).and_then(|host| host.to_str().ok());
        host.is_some_and(|host| hosts.is_own(host, ports))
    }
}

/// Answers requests.
#[async_trait]
pub trait Service: Send + Sync + 'static {
    /// Whether requests to this path need no token. They pass all other checks, and have no caller.
    fn is_public(&self, method: &Method, path: &str) -> bool;

    /// In which form the callers of this path read what the door itself refuses.
    fn error_form(&self, _path: &str) -> ErrorForm {
        ErrorForm::default()
    }

    /// Answers one request. It may leave the body unread; the connection is then closed after the answer.
    ///
    /// The future is dropped when the connection is lost to a time limit or to the end of the server.
    async fn handle(&self, request: Request, body: BodyReader) -> Response<Body>;
}

/// The latest of services that replace each other: each question goes to the one that there is when it is asked, and a request stays with
/// the one that has begun to answer it.
pub struct Latest<S>(watch::Receiver<Arc<S>>);

impl<S> Latest<S> {
    /// Whatever is sent there last.
    pub fn new(services: watch::Receiver<Arc<S>>) -> Self {
        Self(services)
    }

    fn now(&self) -> Arc<S> {
        Arc::clone(&self.0.borrow())
    }
}

#[async_trait]
impl<S: Service> Service for Latest<S> {
    fn is_public(&self, method: &Method, path: &str) -> bool {
        self.now().is_public(method, path)
    }

    fn error_form(&self, path: &str) -> ErrorForm {
        self.now().error_form(path)
    }

    async fn handle(&self, request: Request, body: BodyReader) -> Response<Body> {
        self.now().handle(request, body).await
    }
}
