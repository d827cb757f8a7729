//! From a program's bytes to text for a caller: incremental UTF-8 that never damages a character cut in two, and a filter
//! that takes terminal escapes out. Text without escapes passes exactly as it is.

use std::borrow::Cow;

/// Decodes UTF-8 that arrives in pieces. Bytes that are no UTF-8 become U+FFFD.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// The beginning of a character whose rest has not come yet; at most 3 bytes.
    held: Vec<u8>,
}

impl Decoder {
    /// Takes the next bytes and returns all text that is complete with them.
    pub(crate) fn push<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, str> {
        let tail = incomplete_bytes(bytes);
        if self.held.is_empty() {
            let (whole, cut) = bytes.split_at(bytes.len() - tail);
            self.held.extend_from_slice(cut);
            return String::from_utf8_lossy(whole);
        }
        let mut joined = std::mem::take(&mut self.held);
        joined.extend_from_slice(bytes);
        let cut = joined.split_off(joined.len() - incomplete_bytes(&joined));
        self.held = cut;
        Cow::Owned(String::from_utf8_lossy(&joined).into_owned())
    }

    /// The end of the input: what is left of a character becomes U+FFFD.
    pub(crate) fn finish(&mut self) -> &'static str {
        let cut = !self.held.is_empty();
        self.held.clear();
        if cut { "\u{fffd}" } else { "" }
    }
}

/// How many bytes at the end begin a character that more bytes could complete.
fn incomplete_bytes(bytes: &[u8]) -> usize {
    for length in 1..=bytes.len().min(3) {
        let tail = &bytes[bytes.len() - length..];
        if tail[0] & 0b1100_0000 == 0b1000_0000 {
            continue;
        }
        let incomplete = std::str::from_utf8(tail).is_err_and(|error| error.error_len().is_none());
        return if incomplete { length } else { 0 };
    }
    0
}

/// Where the filter stands in an escape sequence (ECMA-48).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// In plain text.
    #[default]
    Ground,
    /// After ESC.
    Escape,
    /// After ESC and intermediate characters.
    Intermediate,
    /// In a control sequence.
    Csi,
    /// In a string: an operating system command, a device control string or their like.
    Text,
}

/// Takes terminal escapes out of text that arrives in pieces: control sequences, command strings (the clipboard's OSC 52 among
/// them), short escapes, and the C1 controls. A sequence may be cut anywhere. All other characters stay.
#[derive(Debug, Default)]
pub(crate) struct EscapeFilter {
    state: State,
}

impl EscapeFilter {
    /// Takes the next piece and returns what is left of it.
    pub(crate) fn push<'a>(&mut self, text: Cow<'a, str>) -> Cow<'a, str> {
        if self.state == State::Ground && find_start(&text).is_none() {
            return text;
        }
        let mut kept = String::with_capacity(text.len());
        let mut rest = text.as_ref();
        while !rest.is_empty() {
            if self.state == State::Ground {
                let plain = find_start(rest).unwrap_or(rest.len());
                kept.push_str(&rest[..plain]);
                rest = &rest[plain..];
            }
            let Some(c) = rest.chars().next() else { break };
            if self.consumes(c) {
                rest = &rest[c.len_utf8()..];
            }
        }
        Cow::Owned(kept)
    }

    /// One step outside plain text, or at the start of a sequence. False when `c` belongs to the text after it.
    fn consumes(&mut self, c: char) -> bool {
        let (next, consumed) = match (self.state, c) {
            (_, '\u{1b}') => (State::Escape, true),
            (State::Text, '\u{7}' | '\u{9c}' | '\u{18}' | '\u{1a}') => (State::Ground, true),
            // No string has lines: without this, one stray opener would swallow the rest of an answer.
            (State::Text, '\n' | '\r') => (State::Ground, false),
            (State::Text, _) => (State::Text, true),
            (_, '\u{9b}') | (State::Escape, '[') => (State::Csi, true),
            (_, '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}')
            | (State::Escape, ']' | 'P' | 'X' | '^' | '_') => (State::Text, true),
            (_, c) if is_c1(c) => (State::Ground, true),
            (State::Escape | State::Intermediate, ' '..='/') => (State::Intermediate, true),
            (State::Escape | State::Intermediate, '0'..='~') => (State::Ground, true),
            (State::Csi, ' '..='?') => (State::Csi, true),
            (State::Csi, '@'..='~') => (State::Ground, true),
            _ => (State::Ground, false),
        };
        self.state = next;
        consumed
    }
}

/// The C1 controls. U+0085, a line's end in some encodings, is harmless and stays.
fn is_c1(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{9f}') && c != '\u{85}'
}

/// The first character that starts a sequence.
fn find_start(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut from = 0;
    loop {
        // C1 controls are 0xC2 followed by 0x80 to 0x9F.
        let at = from + bytes[from..].iter().position(|b| matches!(b, 0x1b | 0xc2))?;
        if bytes[at] == 0x1b || matches!(bytes[at + 1], 0x80..=0x84 | 0x86..=0x9f) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// Decoder and filter in one: a program's bytes in, a caller's text out.
#[derive(Debug, Default)]
pub(crate) struct TextStream {
    decoder: Decoder,
    filter: EscapeFilter,
}

impl TextStream {
    /// Takes the next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        let text = self.decoder.push(bytes);
        self.filter.push(text).into_owned()
    }

    /// The end of the input.
    pub(crate) fn finish(&mut self) -> String {
        let text = self.decoder.finish();
        self.filter.push(text.into()).into_owned()
    }
}

/// Text that is whole, without terminal escapes.
pub(crate) fn without_escapes(text: String) -> String {
    match EscapeFilter::default().push(Cow::Borrowed(&text)) {
        Cow::Borrowed(_) => text,
        Cow::Owned(kept) => kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way to cut the bytes into two and into three pieces, and one byte at a time, gives the same text.
    fn assert_every_cut(bytes: &[u8], expected: &str) {
        let decode = |pieces: &[&[u8]]| {
            let mut stream = TextStream::default();
            let mut text: String = pieces.iter().map(|piece| stream.push(piece)).collect();
            text.push_str(&stream.finish());
            assert_eq!(text, expected, "{pieces:?}");
        };
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                decode(&[&bytes[..first], &bytes[first..second], &bytes[second..]]);
            }
        }
        decode(&bytes.chunks(1).collect::<Vec<_>>());
    }

    #[test]
    fn text_without_escapes_passes_exactly() {
        for text in [
            "",
            "plain\r\n\ttext\n\n",
            "é 日本語 🦀 Ω\u{a0}°",
            "e\u{301} \u{202e}bidi\u{2066} \u{feff}bom",
            "progress 1\rprogress 2\0\u{7}\u{8}\u{7f}",
            "next\u{85}line [31m ]52;c;x \\",
        ] {
            assert_every_cut(text.as_bytes(), text);
        }
    }

    #[test]
    fn bytes_that_are_no_utf8_become_replacement_characters() {
        for (bytes, expected) in [
            (&b"a\xffb"[..], "a\u{fffd}b"),
            (b"\xe6\x97", "\u{fffd}"),
            (b"\xe6\x97x", "\u{fffd}x"),
            (b"\xf0\x9f\xa6\x80\xf0\x9f\xa6", "🦀\u{fffd}"),
            (b"\xc3\xc3\xa9", "\u{fffd}é"),
            (b"\x80\x9b31m", "\u{fffd}\u{fffd}31m"),
            (b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}"),
            (b"\xf5\x80\x80\x80", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
        ] {
            assert_every_cut(bytes, expected);
        }
    }

    #[test]
    fn terminal_escapes_are_taken_out_wherever_they_are_cut() {
        for (text, expected) in [
            ("\u{1b}[1;31mred\u{1b}[0m\n", "red\n"),
            ("a\u{1b}[?25l\u{1b}[2K\u{1b}[1Gb", "ab"),
            ("\u{9b}31mré", "ré"),
            ("x\u{1b}]52;c;ZXZpbA==\u{7}y", "xy"),
            ("\u{1b}]8;;http://é\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{9d}0;title\u{9c}x", "x"),
            ("\u{1b}Pq#0\u{1b}\\x\u{90}q\u{9c}y", "xy"),
            ("\u{1b}(Bx\u{1b}7y\u{1b}cz\u{1b} F", "xyz"),
            ("\u{1b}\u{1b}[31mx", "x"),
            ("\u{1b}[31\nx", "\nx"),
            ("\u{1b}]never\r\nends", "\r\nends"),
            ("\u{1b}]0;a\u{1b}]0;b\u{7}c", "c"),
            ("\u{84}\u{88}x\u{1b}é", "xé"),
            ("ends\u{1b}", "ends"),
            ("ends\u{1b}[3", "ends"),
        ] {
            assert_every_cut(text.as_bytes(), expected);
            assert_eq!(without_escapes(text.to_owned()), expected);
        }
    }
}
