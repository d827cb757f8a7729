//! The services that stand beside the protocol's own: health for probes, reflection for tools. Both are tonic's.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming};
use hyper::{HeaderMap, Method, Request, Response};
use tokio::sync::watch;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tower_service::Service;

use crate::{Body, BodyReader, Refusal};

/// The one call that a probe makes without a token.
pub(crate) const CHECK: &str = "/grpc.health.v1.Health/Check";
const WATCH: &str = "/grpc.health.v1.Health/Watch";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const REFLECTION_ALPHA: &str = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

/// The longest question about health, which strangers may ask, in bytes.
const HEALTH_BYTES_MAX: usize = 1 << 10;
/// The longest question about the services, in bytes.
const REFLECTION_BYTES_MAX: usize = 64 << 10;

type Answering = Pin<Box<dyn Future<Output = Response<tonic::body::Body>> + Send>>;
type Reflection = Arc<dyn Fn(Request<Incoming>) -> Answering + Send + Sync>;

/// Health and reflection.
pub(crate) struct Services {
    reporter: HealthReporter,
    health: HealthServer<HealthService>,
    reflection: Option<Reflection>,
    reflection_alpha: Option<Reflection>,
    draining: watch::Receiver<bool>,
}

impl Services {
    /// Serving until `draining`.
    pub(crate) fn new(draining: watch::Receiver<bool>) -> Self {
        let reporter = HealthReporter::new();
        let health = HealthServer::new(HealthService::from_health_reporter(reporter.clone()));
        let builder = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(inhouse_proto::DESCRIPTORS)
        };
        // Both fail for descriptors that do not decode only; then tools get "unimplemented".
        let reflection = builder().build_v1().ok();
        let reflection = reflection.map(|service| shared(service.max_decoding_message_size(REFLECTION_BYTES_MAX)));
        let reflection_alpha = builder().build_v1alpha().ok();
        let reflection_alpha =
            reflection_alpha.map(|service| shared(service.max_decoding_message_size(REFLECTION_BYTES_MAX)));
        Self { reporter, health, reflection, reflection_alpha, draining }
    }

    /// Whether the server wants no more work.
    pub(crate) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Whether one of them is at this path.
    pub(crate) fn are_at(path: &str) -> bool {
        matches!(path, CHECK | WATCH | REFLECTION | REFLECTION_ALPHA)
    }

    /// Answers one call.
    ///
    /// # Errors
    /// The [`Refusal`] of a question about health that is too long or too slow: as of any other body, no connection is held by one.
    pub(crate) async fn answer(
        &self,
        path: &str,
        headers: &HeaderMap,
        body: BodyReader,
    ) -> Result<Response<Body>, Refusal> {
        let response = match path {
            REFLECTION => call(self.reflection.as_ref(), request(path, headers, body.into_incoming())).await,
            REFLECTION_ALPHA => {
                call(self.reflection_alpha.as_ref(), request(path, headers, body.into_incoming())).await
            }
            _ => self.health(request(path, headers, Body::full(body.at_most(HEALTH_BYTES_MAX).read().await?))).await,
        };
        Ok(response.map(|body| Body::stream(Foreign(body))))
    }

    async fn health(&self, request: Request<Body>) -> Response<tonic::body::Body> {
        if self.is_draining() {
            self.reporter.set_service_status("", ServingStatus::NotServing).await;
        }
        self.health.clone().call(request).await.unwrap_or_else(|never| match never {})
    }
}

fn request<B>(path: &str, headers: &HeaderMap, body: B) -> Request<B> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    request.headers_mut().clone_from(headers);
    // Each of these is a valid path.
    *request.uri_mut() = path.parse().unwrap_or_default();
    request
}

async fn call(service: Option<&Reflection>, request: Request<Incoming>) -> Response<tonic::body::Body> {
    match service {
        Some(service) => service(request).await,
        None => tonic::Status::unimplemented("there is no reflection").into_http(),
    }
}

/// A service whose type has no name.
fn shared<S>(service: S) -> Reflection
where
    S: Service<Request<Incoming>, Response = Response<tonic::body::Body>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    Arc::new(move |request| {
        let answer = service.clone().call(request);
        Box::pin(async move { answer.await.unwrap_or_else(|never| match never {}) })
    })
}

/// A body of tonic's, whose errors are in its trailers already.
struct Foreign(tonic::body::Body);

impl HttpBody for Foreign {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.0).poll_frame(cx).map(|frame| frame.and_then(|frame| frame.ok().map(Ok)))
    }
}
