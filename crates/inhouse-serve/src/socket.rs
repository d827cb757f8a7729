//! A connection as hyper wants it: it tells the connection's pulse what it reads and writes, and gives the stream back
//! when hyper is done, so that the goodbye is ours.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::StatusCode;
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::Refusal;
use crate::pulse::Pulse;
use crate::tls::Wire;

/// Bytes of one read. They stand on the stack for the length of the call.
const READ_BYTES: usize = 8 << 10;
/// The head of an answer that is nothing but a status is shorter.
const BARE_BYTES_MAX: usize = 256;

pub(crate) struct Socket {
    wire: Option<Wire>,
    pulse: Arc<Pulse>,
}

impl Socket {
    pub(crate) fn new(wire: Wire, pulse: Arc<Pulse>) -> Self {
        Self { wire: Some(wire), pulse }
    }

    /// Which version of HTTP was agreed on, if anybody has asked.
    pub(crate) fn is_two(&self) -> Option<bool> {
        self.wire.as_ref()?.is_two()
    }

    /// Looks at the first bytes that come, and leaves them to be read.
    pub(crate) fn poll_peek(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        self.wire()?.poll_peek(cx, bytes)
    }

    fn wire(&mut self) -> io::Result<Pin<&mut Wire>> {
        self.wire.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn wrote<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.pulse.wrote(result.is_pending());
        result
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(wire) = self.wire.take() {
            self.pulse.give_back(wire);
        }
    }
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut space = [const { MaybeUninit::uninit() }; READ_BYTES];
        let room = cursor.remaining().min(READ_BYTES);
        let mut buffer = ReadBuf::uninit(&mut space[..room]);
        ready!(self.wire()?.poll_read(cx, &mut buffer))?;
        self.pulse.read(buffer.filled());
        cursor.put_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }
}

/// What hyper itself answers to a request that it can not read is a status alone: it gets the body that all our errors have.
fn bare_refusal(bytes: &[u8]) -> Option<String> {
    if !bytes.starts_with(b"HTTP/1.1 4") || bytes.len() > BARE_BYTES_MAX {
        return None;
    }
    let head = std::str::from_utf8(bytes).ok()?.strip_suffix("\r\n\r\n")?;
    // All of ours tell the type of their body.
    if head.contains("content-type:") || !head.contains("content-length: 0") {
        return None;
    }
    let refusal = match head.split(' ').nth(1)? {
        "400" => Refusal::new(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", "this is no request of HTTP"),
        "431" => {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            Refusal::new(status, "HEADERS_TOO_LARGE", "the request's headers are too large, or too many")
        }
        _ => return None,
    };
    Some(refusal.last_words())
}

impl Write for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = match bare_refusal(bytes) {
            // The connection ends with it, and it fits where it stands: nothing else waits to be sent.
            Some(words) => self.wire()?.poll_write(cx, words.as_bytes()).map_ok(|_| bytes.len()),
            None => self.wire()?.poll_write(cx, bytes),
        };
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [piece] = pieces {
            return self.poll_write(cx, piece);
        }
        let result = self.wire()?.poll_write_vectored(cx, pieces);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire()?.poll_shutdown(cx)
    }
}
