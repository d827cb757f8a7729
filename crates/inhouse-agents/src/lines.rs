//! Cuts a stream of bytes into lines, of which each may have a given length and not more: a line without end costs no memory.

use std::collections::VecDeque;

use serde_json::Value;

/// The longest line of an agent's protocol, in bytes without its line feed.
pub const LINE_BYTES_MAX: usize = 16 << 20;

/// One line of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// All its bytes, with the line feed if it had one.
    Whole(Vec<u8>),
    /// It was longer than allowed, and is gone.
    TooLong,
}

impl Line {
    /// Its bytes, unless it was too long.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        match self {
            Self::Whole(bytes) => Some(bytes),
            Self::TooLong => None,
        }
    }
}

/// Collects bytes and hands out lines.
#[derive(Debug)]
pub(crate) struct Lines {
    line_bytes_max: usize,
    ready: VecDeque<Line>,
    /// The line that has not ended.
    begun: Vec<u8>,
    /// The rest of a line that was too long is left out.
    skipping: bool,
}

impl Lines {
    /// Lines of up to `line_bytes_max` bytes.
    pub(crate) fn new(line_bytes_max: usize) -> Self {
        Self { line_bytes_max, ready: VecDeque::new(), begun: Vec::new(), skipping: false }
    }

    /// The same, from the middle of a line on, which is left out.
    pub(crate) fn after_the_next_feed(mut self, is_mid_line: bool) -> Self {
        self.skipping = is_mid_line;
        self
    }

    /// Whether a line has begun and not ended.
    pub(crate) fn is_mid_line(&self) -> bool {
        self.skipping || !self.begun.is_empty()
    }

    /// Takes the next bytes of the stream. Take the lines out with [`Lines::next_line`] before the next piece.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            let ends = piece.ends_with(b"\n");
            if self.skipping {
                self.skipping = !ends;
            } else if self.begun.len() + piece.len() - usize::from(ends) > self.line_bytes_max {
                self.begun = Vec::new();
                self.skipping = !ends;
                self.ready.push_back(Line::TooLong);
            } else {
                self.begun.extend_from_slice(piece);
                if ends {
                    self.ready.push_back(Line::Whole(std::mem::take(&mut self.begun)));
                }
            }
        }
    }

    /// The next line that has ended.
    pub(crate) fn next_line(&mut self) -> Option<Line> {
        self.ready.pop_front()
    }

    /// The end of the stream: the last line, if it has no line feed.
    pub(crate) fn finish(&mut self) -> Option<Line> {
        let last = std::mem::take(&mut self.begun);
        (!last.is_empty()).then_some(Line::Whole(last))
    }
}

/// A value as one line.
pub(crate) fn line_of(value: &Value) -> Vec<u8> {
    let mut line = value.to_string().into_bytes();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(stream: &[u8], at: usize, line_bytes_max: usize) -> Vec<Line> {
        let mut lines = Lines::new(line_bytes_max);
        let mut all = Vec::new();
        for piece in [&stream[..at], &stream[at..]] {
            lines.push(piece);
            while let Some(line) = lines.next_line() {
                all.push(line);
            }
        }
        all.extend(lines.finish());
        all
    }

    fn whole(line: &str) -> Line {
        Line::Whole(line.as_bytes().to_vec())
    }

    #[test]
    fn lines_keep_their_bytes_wherever_the_stream_is_cut() {
        for (stream, expected) in [
            ("", vec![]),
            ("a\nbc\r\n\nd", vec![whole("a\n"), whole("bc\r\n"), whole("\n"), whole("d")]),
            ("12345\n123456\nx\n1234567", vec![whole("12345\n"), Line::TooLong, whole("x\n"), Line::TooLong]),
            ("1234567890\n\n", vec![Line::TooLong, whole("\n")]),
        ] {
            for at in 0..=stream.len() {
                assert_eq!(cut(stream.as_bytes(), at, 5), expected, "{stream:?} cut at {at}");
            }
        }
    }

    #[test]
    fn a_line_without_end_is_reported_once_and_costs_no_memory() {
        let mut lines = Lines::new(1000);
        for _ in 0..10_000 {
            lines.push(&[b'x'; 100]);
        }
        assert_eq!(lines.next_line(), Some(Line::TooLong));
        assert_eq!(lines.next_line(), None);
        assert!(lines.begun.capacity() <= 2000);
        lines.push(b"\nnext\n");
        assert_eq!(lines.next_line(), Some(whole("next\n")));
    }
}
