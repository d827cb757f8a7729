//! What one chunk of text costs on its way out, in each wire form: `cargo bench -p inhouse-proto`.
//!
//! The aims are at most 600 ns in JSON and 200 ns in protobuf; a test gates on neither.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use inhouse_proto::wire::{EscapedText, Event, TextHead};

/// Chunks in one measurement.
const ROUNDS: u32 = 200_000;
/// Measurements; the best one is what the code costs without its neighbours.
const TRIES: usize = 9;

fn main() {
    let head = Arc::new(TextHead::new(&"t".repeat(36), &"c".repeat(36), "answer-1"));
    let plain = "the quick brown fox jumps over the lazy dog, ".repeat(2);
    for (what, text) in [("plain", plain.clone()), ("with line breaks", plain.replace(',', "\n"))] {
        let event = Event::text(&head, EscapedText::new(&text), true, false);
        report(what, "JSON", &|out| event.write_v1(out));
        report(what, "protobuf", &|out| {
            black_box(event.write_protobuf(out).expect("a text event can always be written"));
        });
    }
}

fn report(what: &str, form: &str, write: &dyn Fn(&mut Vec<Bytes>)) {
    let mut out = Vec::with_capacity(8);
    let best = (0..TRIES).map(|_| measure(write, &mut out)).min().unwrap_or_default();
    eprintln!("{form:>8}, {what:<16} {:>5} ns a chunk", best.as_nanos() / u128::from(ROUNDS));
}

fn measure(write: &dyn Fn(&mut Vec<Bytes>), out: &mut Vec<Bytes>) -> Duration {
    let start = Instant::now();
    for _ in 0..ROUNDS {
        write(black_box(out));
        out.clear();
    }
    start.elapsed()
}
