//! What the fuzz targets of the drivers share, and the one of plain text: agents write what was recorded, with changes. Nothing panics,
//! what is written back is JSON, and neither what a caller reads nor how the turn ends depends on where the bytes were cut.

#[path = "../../inhouse-proto/tests/fuzz/mutation.rs"]
mod mutation;

use std::fs;
use std::path::Path;

use inhouse_engine::agent::{AgentEvent, End};
use inhouse_run::Exit;
pub(crate) use mutation::{cases, changed};
use proptest::prelude::*;
use serde_json::Value;

use crate::by_line::{ByLine, LineProtocol};
use crate::dialogue::{Dialogue as _, Ending, Said};
use crate::text::{TextStream, without_escapes};

/// The longest line: short, so that some are too long.
const LINE_BYTES_MAX: usize = 4_000;

/// What an agent wrote in a recorded run.
fn recorded(name: &str) -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let mut written = Vec::new();
    for line in fs::read_to_string(file).unwrap().lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        if value["dir"].is_null() || value["dir"] == "out" {
            let message = if value["dir"].is_null() { &value } else { &value["msg"] };
            written.extend(format!("{message}\n").into_bytes());
        }
    }
    written
}

/// What a caller has read at the end, and how the turn ended.
fn heard<P: LineProtocol>(protocol: P, stream: &[u8], piece_bytes: usize) -> (String, End) {
    let mut parser = ByLine::new(LINE_BYTES_MAX, protocol);
    let (mut text, mut end) = (String::new(), None);
    let mut hear = |said: Said| {
        for reply in said.replies {
            let lines = std::str::from_utf8(&reply).unwrap().lines();
            lines.for_each(|line| drop(serde_json::from_str::<Value>(line).unwrap()));
        }
        for event in said.events {
            match event {
                AgentEvent::Text(piece) => text.push_str(&piece),
                AgentEvent::Withdraw => text.clear(),
                _ => {}
            }
        }
        end = end.take().or(said.end);
    };
    for piece in stream.chunks(piece_bytes) {
        let mut said = Said::default();
        parser.read(piece, &mut said);
        hear(said);
    }
    let mut said = Said::default();
    parser.finish(&mut said);
    hear(said);
    let exit = Exit { code: Some(0), ..Exit::default() };
    let end = end.unwrap_or_else(|| parser.ended(&Ending { exit, last_error: None }));
    (text, end)
}

/// The same, however it is cut.
pub(crate) fn however_cut<P: LineProtocol>(protocol: impl Fn() -> P, stream: &[u8], piece_bytes: usize) {
    let whole = heard(protocol(), stream, stream.len().max(1));
    assert_eq!(heard(protocol(), stream, piece_bytes), whole);
}

/// The same but for the order, where messages may come in turn: they are put apart when one of them is whole, which may never be.
pub(crate) fn however_cut_and_mixed<P: LineProtocol>(protocol: impl Fn() -> P, stream: &[u8], piece_bytes: usize) {
    let sorted = |(text, end): (String, End)| {
        let mut letters: Vec<_> = text.chars().filter(|c| !c.is_whitespace()).collect();
        letters.sort_unstable();
        (letters, end)
    };
    let whole = sorted(heard(protocol(), stream, stream.len().max(1)));
    assert_eq!(sorted(heard(protocol(), stream, piece_bytes)), whole);
}

/// Recorded output with changes.
pub(crate) fn recordings(folder: &str, names: &[&str]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let seeds: Vec<_> = names.iter().map(|name| recorded(&format!("{folder}/{name}"))).collect();
    changed(&seeds.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

const TEXTS: [&[u8]; 3] =
    [b"plain \xc3\xa4 text\n", b"\x1b[31mred\x1b]52;c;ZXZpbA==\x07b\x1b[0m\n", b"\xc2\x9b1mC1\x1bPq\x1b\\\n"];

proptest! {
    #![proptest_config(cases())]

    /// No escape of a terminal is left, and what is left does not depend on the cuts.
    #[test]
    fn fuzz_text(stream in changed(&TEXTS), piece in 1..20_usize) {
        let read = |piece: usize| {
            let mut text = TextStream::default();
            let mut read: String = stream.chunks(piece).map(|piece| text.push(piece)).collect();
            read.push_str(&text.finish());
            read
        };
        let whole = read(stream.len().max(1));
        prop_assert_eq!(&read(piece), &whole);
        // A line's end in some encodings stays.
        let escapes = |c: char| c == '\u{1b}' || (('\u{80}'..'\u{a0}').contains(&c) && c != '\u{85}');
        prop_assert!(!whole.contains(escapes), "{:?}", whole);
        prop_assert_eq!(without_escapes(whole.clone()), whole);
    }
}
