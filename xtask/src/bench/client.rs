//! A lean HTTP/1.1 client for all targets alike: one connection, one request at a time, bodies by length or in chunks.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::error::{During, Result, wrong};

const READ_BYTES: usize = 64 << 10;

/// How much of the body of an answer is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Length(usize),
    /// In chunks: what is left of this one.
    Chunk(usize),
    Nothing,
}

/// A connection that is kept for the next request.
pub(super) struct Connection {
    stream: TcpStream,
    input: Vec<u8>,
    /// Up to here the input has been used.
    used: usize,
    rest: Rest,
}

impl Connection {
    /// Connects.
    pub(super) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.during(format!("connect to {address}"))?;
        stream.set_nodelay(true).during("set TCP_NODELAY")?;
        Ok(Self { stream, input: Vec::new(), used: 0, rest: Rest::Nothing })
    }

    /// Sends a request and reads the whole answer into `body`. Any status but 200 is a wrong answer.
    pub(super) async fn exchange(&mut self, request: &[u8], body: &mut Vec<u8>) -> Result<()> {
        body.clear();
        self.begin(request).await?;
        while self.piece(body).await? {}
        Ok(())
    }

    /// Sends a request and reads the head of the answer.
    pub(super) async fn begin(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await.during("send a request")?;
        let end = loop {
            if let Some(at) = find(self.unused(), b"\r\n\r\n") {
                break at;
            }
            self.fill().await?;
        };
        let head = self.input[self.used..self.used + end].to_ascii_lowercase();
        self.used += end + 4;
        self.rest = rest(&head);
        if head.starts_with(b"http/1.1 200") {
            return Ok(());
        }
        let mut answer = head;
        while self.piece(&mut answer).await? {}
        Err(wrong("status 200", &answer))
    }

    /// Appends what has come of the body, waiting for at least one byte; false at its end.
    pub(super) async fn piece(&mut self, body: &mut Vec<u8>) -> Result<bool> {
        loop {
            match self.rest {
                Rest::Nothing | Rest::Length(0) => {
                    self.rest = Rest::Nothing;
                    return Ok(false);
                }
                Rest::Chunk(0) => self.next_chunk().await?,
                Rest::Length(left) | Rest::Chunk(left) => {
                    if self.unused().is_empty() {
                        self.fill().await?;
                    }
                    let size = left.min(self.unused().len());
                    body.extend_from_slice(&self.unused()[..size]);
                    self.used += size;
                    match &mut self.rest {
                        Rest::Length(left) => *left -= size,
                        Rest::Chunk(left) if *left > size => *left -= size,
                        _ => self.end_chunk().await?,
                    }
                    // More that has come already belongs to the same piece.
                    if self.unused().is_empty() || self.rest == Rest::Nothing {
                        return Ok(true);
                    }
                }
            }
        }
    }

    async fn next_chunk(&mut self) -> Result<()> {
        let end = loop {
            if let Some(at) = find(self.unused(), b"\r\n") {
                break at;
            }
            self.fill().await?;
        };
        let line = String::from_utf8_lossy(&self.unused()[..end]).into_owned();
        self.used += end + 2;
        let size = usize::from_str_radix(line.trim(), 16).map_err(|_| wrong("the size of a chunk", line.as_bytes()))?;
        self.rest = Rest::Chunk(size);
        if size == 0 {
            self.end_chunk().await?;
            self.rest = Rest::Nothing;
        }
        Ok(())
    }

    async fn end_chunk(&mut self) -> Result<()> {
        while self.unused().len() < 2 {
            self.fill().await?;
        }
        self.used += 2;
        self.rest = Rest::Chunk(0);
        Ok(())
    }

    fn unused(&self) -> &[u8] {
        &self.input[self.used..]
    }

    async fn fill(&mut self) -> Result<()> {
        if self.used > 0 {
            self.input.drain(..self.used);
            self.used = 0;
        }
        self.input.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.input).await.during("read an answer")? {
            0 => Err(wrong("the whole answer before the connection ends", &self.input)),
            _ => Ok(()),
        }
    }
}

fn rest(head: &[u8]) -> Rest {
    let value = |name: &[u8]| {
        let at = find(head, name)? + name.len();
        let line = &head[at..];
        Some(String::from_utf8_lossy(&line[..find(line, b"\r\n").unwrap_or(line.len())]).trim().to_owned())
    };
    if value(b"\r\ntransfer-encoding:").is_some_and(|encoding| encoding == "chunked") {
        return Rest::Chunk(0);
    }
    value(b"\r\ncontent-length:").and_then(|length| length.parse().ok()).map_or(Rest::Nothing, Rest::Length)
}

/// Where `needle` begins.
pub(super) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + haystack[from..].iter().position(|byte| *byte == needle[0])?;
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;

    use super::*;

    /// Answers one request with these bytes, which arrive in pieces of so many.
    async fn answered(answer: &'static [u8], piece: usize) -> Result<Vec<u8>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            for bytes in answer.chunks(piece) {
                stream.write_all(bytes).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let client = async {
            let mut body = Vec::new();
            Connection::open(address).await?.exchange(b"GET / HTTP/1.1\r\n\r\n", &mut body).await?;
            Ok(body)
        };
        tokio::join!(server, client).1
    }

    #[tokio::test]
    async fn bodies_are_the_same_however_they_are_framed_and_cut() {
        let length: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nabcdefg";
        let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";
        for answer in [length, chunks] {
            for piece in [1, 2, 5, 100] {
                assert_eq!(answered(answer, piece).await.unwrap(), b"abcdefg");
            }
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_cut_or_refused_is_an_error() {
        let cut = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
        let refused = b"HTTP/1.1 429 Too Many\r\nContent-Length: 4\r\n\r\nwait";
        assert!(answered(cut, 100).await.is_err());
        assert!(answered(refused, 100).await.unwrap_err().to_string().contains("wait"));
    }
}
