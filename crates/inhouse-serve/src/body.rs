//! The one response body: nothing, bytes, several shared pieces of bytes, or a stream that hyper asks for more.
//!
//! There is no channel in it: whatever writes a stream is polled when the socket has room, and dropped with it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

/// A response body.
pub struct Body(Kind);

enum Kind {
    Full(Bytes),
    Chunks(std::vec::IntoIter<Bytes>),
    WithTrailers(std::vec::IntoIter<Bytes>, Option<Box<HeaderMap>>),
    Stream(Pin<Box<dyn HttpBody<Data = Bytes, Error = Infallible> + Send>>),
}

impl Body {
    /// These bytes.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self(Kind::Full(bytes.into()))
    }

    /// These bytes one after the other, without copying them together.
    pub fn chunks(chunks: Vec<Bytes>) -> Self {
        Self(Kind::Chunks(chunks.into_iter()))
    }

    /// The same with trailers behind them.
    pub(crate) fn with_trailers(chunks: Vec<Bytes>, trailers: HeaderMap) -> Self {
        Self(Kind::WithTrailers(chunks.into_iter(), Some(Box::new(trailers))))
    }

    /// What `stream` gives, as it gives it.
    pub fn stream(stream: impl HttpBody<Data = Bytes, Error = Infallible> + Send + 'static) -> Self {
        Self(Kind::Stream(Box::pin(stream)))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Kind::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Chunks(chunks) => Poll::Ready(chunks.next().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::WithTrailers(chunks, trailers) => {
                let frame = chunks.next().map(Frame::data);
                Poll::Ready(frame.or_else(|| trailers.take().map(|trailers| Frame::trailers(*trailers))).map(Ok))
            }
            Kind::Stream(stream) => stream.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Full(bytes) => bytes.is_empty(),
            Kind::Chunks(chunks) => chunks.as_slice().is_empty(),
            Kind::WithTrailers(_, trailers) => trailers.is_none(),
            Kind::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Chunks(chunks) => {
                SizeHint::with_exact(chunks.as_slice().iter().map(|bytes| bytes.len() as u64).sum())
            }
            Kind::WithTrailers(..) => SizeHint::default(),
            Kind::Stream(stream) => stream.size_hint(),
        }
    }
}
