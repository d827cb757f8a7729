//! Server-sent events (WHATWG HTML 9.2.6), parsed as the bytes come, wherever they are cut. Pure: bytes in, events out.

use std::collections::VecDeque;

/// One event with data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SseEvent {
    /// The event's own `id`. One from an event before it is not repeated here, as a browser would.
    pub id: Option<String>,
    /// The `event` field; empty for an ordinary message.
    pub name: String,
    /// The `data` lines, joined by line feeds, as the server sent them.
    pub data: Vec<u8>,
}

/// An event or a line is larger than the parser keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event has more than {event_bytes_max} bytes")]
pub struct EventTooLarge {
    /// The bound.
    pub event_bytes_max: usize,
}

/// The state between two pieces of a stream. An event that the stream ends in the middle of is never given out.
#[derive(Debug)]
pub struct SseParser {
    event_bytes_max: usize,
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    name: String,
    id: Option<String>,
    /// The last piece ended with a carriage return: a line feed at the start of the next belongs to it.
    after_return: bool,
    at_start: bool,
}

impl SseParser {
    /// A parser for one response. A line and the data before it may have `event_bytes_max` bytes together.
    pub fn new(event_bytes_max: usize) -> Self {
        Self {
            event_bytes_max,
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            name: String::new(),
            id: None,
            after_return: false,
            at_start: true,
        }
    }

    /// Reads the next piece of the stream and appends the events that it completes to `events`.
    ///
    /// # Errors
    /// An event over the bound; the parser is of no further use then.
    pub fn feed(&mut self, mut piece: &[u8], events: &mut VecDeque<SseEvent>) -> Result<(), EventTooLarge> {
        if self.after_return && !piece.is_empty() {
            self.after_return = false;
            piece = piece.strip_prefix(b"\n").unwrap_or(piece);
        }
        while let Some(at) = piece.iter().position(|&byte| byte == b'\n' || byte == b'\r') {
            self.keep(&piece[..at])?;
            let line = std::mem::take(&mut self.line);
            self.take_line(&line, events);
            // The buffer serves the next line, but the room of one huge line is given back.
            if line.capacity() <= 64 << 10 {
                self.line = line;
                self.line.clear();
            }
            let after_return = piece[at] == b'\r';
            piece = &piece[at + 1..];
            if after_return {
                self.after_return = piece.is_empty();
                piece = piece.strip_prefix(b"\n").unwrap_or(piece);
            }
        }
        self.keep(piece)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), EventTooLarge> {
        if self.line.len() + self.data.len() + bytes.len() > self.event_bytes_max {
            return Err(EventTooLarge { event_bytes_max: self.event_bytes_max });
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn take_line(&mut self, line: &[u8], events: &mut VecDeque<SseEvent>) {
        let mut line = line;
        if std::mem::take(&mut self.at_start) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            return self.dispatch(events);
        }
        let (field, value) = match line.iter().position(|&byte| byte == b':') {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
            }
            b"id" if !value.contains(&0) => self.id = Some(String::from_utf8_lossy(value).into_owned()),
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            // A comment (empty field), `retry` (our own back-off is used), or a field of the future.
            _ => {}
        }
    }

    fn dispatch(&mut self, events: &mut VecDeque<SseEvent>) {
        let (id, name) = (self.id.take(), std::mem::take(&mut self.name));
        let data = std::mem::take(&mut self.data);
        if std::mem::take(&mut self.has_data) {
            events.push_back(SseEvent { id, name, data });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: Option<&str>, name: &str, data: &str) -> SseEvent {
        SseEvent { id: id.map(str::to_owned), name: name.to_owned(), data: data.as_bytes().to_vec() }
    }

    fn cases() -> Vec<(&'static str, Vec<SseEvent>)> {
        vec![
            ("", vec![]),
            ("data: a\n\n", vec![event(None, "", "a")]),
            ("data:a\n\ndata:  b\n\n", vec![event(None, "", "a"), event(None, "", " b")]),
            (
                "id: 1\r\ndata: a\r\n\r\nid: 2\r\ndata: b\r\n\r\n",
                vec![event(Some("1"), "", "a"), event(Some("2"), "", "b")],
            ),
            ("data: a\rdata: b\r\rdata: c\r\r", vec![event(None, "", "a\nb"), event(None, "", "c")]),
            ("data: one\ndata\ndata: three\n\n", vec![event(None, "", "one\n\nthree")]),
            (": keep-alive\n\n: again\n\ndata: a\n\n", vec![event(None, "", "a")]),
            ("event: ping\ndata: a\n\ndata: b\n\n", vec![event(None, "ping", "a"), event(None, "", "b")]),
            ("id: 7\n\nid: 8\ndata: a\n\ndata: b\n\n", vec![event(Some("8"), "", "a"), event(None, "", "b")]),
            ("id: 7\0\ndata: a\n\n", vec![event(None, "", "a")]),
            ("retry: 10\nfuture: x\ndata: a\n\n", vec![event(None, "", "a")]),
            ("\u{feff}data: a\n\n", vec![event(None, "", "a")]),
            ("data: käse \u{1f980}\n\n", vec![event(None, "", "käse \u{1f980}")]),
            ("data: whole\n\ndata: cut", vec![event(None, "", "whole")]),
            ("data: whole\n\ndata: cut\n", vec![event(None, "", "whole")]),
            ("\n\n\ndata:\n\n", vec![event(None, "", "")]),
        ]
    }

    #[test]
    fn events_are_the_same_wherever_the_stream_is_cut() {
        for (stream, expected) in cases() {
            let bytes = stream.as_bytes();
            for first in 0..=bytes.len() {
                for second in first..=bytes.len() {
                    let mut parser = SseParser::new(1024);
                    let mut events = VecDeque::new();
                    for piece in [&bytes[..first], &bytes[first..second], &bytes[second..]] {
                        parser.feed(piece, &mut events).unwrap();
                    }
                    assert_eq!(Vec::from(events), expected, "{stream:?} cut at {first} and {second}");
                }
            }
        }
    }

    #[test]
    fn an_event_is_bounded_by_line_and_by_data() {
        let bound = 16;
        for (stream, fits) in [
            ("data: 0123456789\n\n", true),
            ("data: 01234567890\n\n", false),
            (": 01234567890123456789\n", false),
            ("data: 01234\ndata: 56789\n\n", true),
            ("data: 012345\ndata: 56789\n\n", false),
            ("data: 0123456789\n\ndata: 0123456789\n\n", true),
        ] {
            let mut parser = SseParser::new(bound);
            let outcome = stream.as_bytes().chunks(3).try_for_each(|piece| parser.feed(piece, &mut VecDeque::new()));
            assert_eq!(outcome.is_ok(), fits, "{stream:?}");
        }
    }
}
