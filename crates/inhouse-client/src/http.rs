//! One HTTP/1.1 request on its own connection, with a limit on every wait and every buffer.
//!
//! A connection serves one call: nothing of one call can reach another, and no stale connection has to be told from a
//! dead server. On the networks that this client is for, a connection costs a fraction of a millisecond.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::HeaderMap;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::address::Address;
use crate::error::ClientError;
use crate::tls::Trust;

/// Status line, headers and field names of an answer.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// The head of an answer, and its body while the connection lives.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
}

/// The rest of an answer. Dropping it closes the connection.
pub(crate) struct Body {
    incoming: Incoming,
    address: String,
    _connection: Connection,
}

/// The task that drives a connection; it ends with its owner.
struct Connection(AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Connects, sends `request` and returns when the head of its answer is there.
pub(crate) async fn call(
    address: &Address,
    trust: &Trust,
    request: Request<Full<Bytes>>,
    connect_ms: u64,
    first_byte_ms: u64,
) -> Result<Answer, ClientError> {
    let unreachable = |why: String| ClientError::Unreachable { address: address.origin(), why };
    let socket = timeout(Duration::from_millis(connect_ms), connect(address, trust))
        .await
        .map_err(|_| unreachable(format!("no connection within {connect_ms} ms")))?
        .map_err(unreachable)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_header_size(HEAD_BYTES_MAX)
        .handshake(TokioIo::new(socket))
        .await
        .map_err(|error| unreachable(error.to_string()))?;
    // Its errors come out of the request or the body as well.
    let connection = Connection(tokio::spawn(connection).abort_handle());
    let response = timeout(Duration::from_millis(first_byte_ms), sender.send_request(request))
        .await
        .map_err(|_| ClientError::Timeout { address: address.origin(), waited_ms: first_byte_ms })?
        .map_err(|error| unreachable(reason(&error)))?;
    let (head, incoming) = response.into_parts();
    let body = Body { incoming, address: address.origin(), _connection: connection };
    Ok(Answer { status: head.status, headers: head.headers, body })
}

/// What a request and its answer go over.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

async fn connect(address: &Address, trust: &Trust) -> Result<Box<dyn Wire>, String> {
    let socket = TcpStream::connect((address.host(), address.port())).await.map_err(|error| error.to_string())?;
    // Without it a small request may wait 40 ms for an acknowledgement.
    socket.set_nodelay(true).map_err(|error| error.to_string())?;
    if !address.is_tls() {
        return Ok(Box::new(socket));
    }
    Ok(Box::new(trust.connect(address.host(), socket).await?))
}

impl Body {
    /// The next bytes; none at the end. Cancel safe.
    ///
    /// # Errors
    /// Unreachable when the connection breaks, timeout when nothing comes for `idle_ms`.
    pub(crate) async fn next(&mut self, idle_ms: u64) -> Result<Option<Bytes>, ClientError> {
        loop {
            let frame = timeout(Duration::from_millis(idle_ms), self.incoming.frame())
                .await
                .map_err(|_| ClientError::Timeout { address: self.address.clone(), waited_ms: idle_ms })?;
            match frame {
                None => return Ok(None),
                Some(Err(error)) => {
                    return Err(ClientError::Unreachable { address: self.address.clone(), why: reason(&error) });
                }
                // Trailers are not used.
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// The whole body.
    pub(crate) async fn collect(mut self, idle_ms: u64, bytes_max: usize) -> Result<Vec<u8>, ClientError> {
        let mut whole = Vec::new();
        while let Some(bytes) = self.next(idle_ms).await? {
            if whole.len() + bytes.len() > bytes_max {
                return Err(ClientError::TooLarge { bytes_max });
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(whole)
    }
}

/// hyper's own words and what lies below them: "connection closed before message completed", "… : connection reset".
fn reason(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
