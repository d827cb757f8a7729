//! HTTP/1.1 over a plain socket, one request a connection: what is sent and what comes back is all visible.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::DEADLINE;

pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {:?}", self.status, String::from_utf8_lossy(&self.body)))
    }
}

pub fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// One request, to the end of its answer.
pub fn request(address: SocketAddr, method: &str, path: &str, headers: &[(String, String)], body: &[u8]) -> Response {
    let mut reader = send(address, method, path, headers, body);
    let (status, headers) = head(&mut reader);
    let mut body = Vec::new();
    if is_chunked(&headers) {
        while let Some(chunk) = chunk(&mut reader) {
            body.extend(chunk);
        }
    } else {
        let _ = reader.read_to_end(&mut body);
    }
    Response { status, headers, body }
}

/// Writes raw bytes and reads until the server closes, or nothing comes for the deadline.
pub fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = connect(address);
    let _ = socket.write_all(bytes);
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

/// An open event stream.
pub struct Stream {
    reader: BufReader<TcpStream>,
    buffer: Vec<u8>,
    pub status: u16,
}

/// One Server-Sent Event.
#[derive(Debug, Clone)]
pub struct Event {
    pub id: Option<u64>,
    pub json: Value,
}

impl Event {
    pub fn result(&self) -> &Value {
        &self.json["result"]
    }
}

pub fn stream(address: SocketAddr, path: &str, headers: &[(String, String)], body: &[u8]) -> Stream {
    exchange(address, "POST", path, headers, body)
}

/// A request of any method that may be answered by a stream; another answer is its one event.
pub fn exchange(address: SocketAddr, method: &str, path: &str, headers: &[(String, String)], body: &[u8]) -> Stream {
    let mut reader = send(address, method, path, headers, body);
    let (status, headers) = head(&mut reader);
    if !is_chunked(&headers) {
        let mut buffer = b"data: ".to_vec();
        let _ = reader.read_to_end(&mut buffer);
        buffer.extend_from_slice(b"\n\n");
        return Stream { reader, buffer, status };
    }
    assert!(
        headers
            .iter()
            .any(|(name, value)| name.eq_ignore_ascii_case("content-type") && value.starts_with("text/event-stream"))
    );
    Stream { reader, buffer: Vec::new(), status }
}

impl Iterator for Stream {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|window| window == b"\n\n") {
                let frame: Vec<u8> = self.buffer.drain(..end + 2).collect();
                if let Some(event) = event(std::str::from_utf8(&frame).unwrap()) {
                    return Some(event);
                }
                continue;
            }
            let more = chunk(&mut self.reader)?;
            self.buffer.extend(more);
        }
    }
}

fn event(frame: &str) -> Option<Event> {
    let mut id = None;
    let mut data = Vec::new();
    for line in frame.lines() {
        if let Some(number) = line.strip_prefix("id: ") {
            id = number.parse().ok();
        } else if let Some(line) = line.strip_prefix("data: ") {
            data.push(line);
        }
    }
    assert!(data.len() <= 1, "one data line an event");
    data.first().map(|json| Event { id, json: serde_json::from_str(json).unwrap() })
}

fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> BufReader<TcpStream> {
    let mut socket = connect(address);
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let _ = socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(body));
    BufReader::new(socket)
}

fn head(reader: &mut BufReader<TcpStream>) -> (u16, Vec<(String, String)>) {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
            None => return (status, headers),
        }
    }
}

fn is_chunked(headers: &[(String, String)]) -> bool {
    headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("transfer-encoding") && value == "chunked")
}

fn chunk(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let size = usize::from_str_radix(line.trim(), 16).ok()?;
    let mut data = vec![0; size + 2];
    reader.read_exact(&mut data).ok()?;
    data.truncate(size);
    (size > 0).then_some(data)
}
