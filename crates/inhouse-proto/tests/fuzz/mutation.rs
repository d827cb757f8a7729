//! Inputs for fuzzing on a stable toolchain: what clients send, changed in a few random places.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// How many inputs each target gets: some thousand in the tests, as many as `FUZZ_CASES` says with `cargo xtask fuzz`.
pub(crate) fn cases() -> ProptestConfig {
    let cases = std::env::var("FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2_000);
    // What fails is printed whole; a file of it would be no part of the sources.
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 2_000, ..ProptestConfig::default() }
}

/// Pieces that parsers trip over.
const PIECES: [&[u8]; 28] = [
    b"null",
    b"[]",
    b"{}",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b"\\ud800",
    b"\\u0000",
    b"\xff",
    b"\xef\xbb\xbf",
    b"1e999",
    b"-0",
    b"9007199254740993",
    b"18446744073709551616",
    b",",
    b":",
    b"%",
    b"%00",
    b"&",
    b"=",
    b"\r\n",
    b"\0",
    b"true",
    b"[[[[[[[[[[[[[[[[",
    b"\"\":",
];

#[derive(Debug, Clone)]
enum Change {
    Byte(Index, u8),
    Insert(Index, &'static [u8]),
    Remove(Index, usize),
    Repeat(Index, usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let at = self.place().index(bytes.len());
        match self {
            Self::Byte(_, byte) => bytes[at] = *byte,
            Self::Insert(_, piece) => drop(bytes.splice(at..at, piece.iter().copied())),
            Self::Remove(_, count) => drop(bytes.drain(at..(at + count).min(bytes.len()))),
            Self::Repeat(_, count) => {
                let piece = bytes[at..(at + count).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }

    fn place(&self) -> &Index {
        match self {
            Self::Byte(at, _) | Self::Insert(at, _) | Self::Remove(at, _) | Self::Repeat(at, _) => at,
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (any::<Index>(), select(PIECES.to_vec())).prop_map(|(at, piece)| Change::Insert(at, piece)),
        (any::<Index>(), 1..40_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        (any::<Index>(), 1..40_usize).prop_map(|(at, count)| Change::Repeat(at, count)),
    ]
}

/// One of the seeds with up to six changes.
pub(crate) fn changed(seeds: &[&[u8]]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let seeds: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.to_vec()).collect();
    (select(seeds), vec(change(), 0..6)).prop_map(|(mut bytes, changes)| {
        changes.iter().for_each(|change| change.apply(&mut bytes));
        bytes
    })
}
