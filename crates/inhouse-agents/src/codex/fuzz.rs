//! A fuzz target for what Codex's app-server writes.

use proptest::prelude::*;
use serde_json::json;

use super::opening::{Opening, Start};
use super::parse::Parser;
use crate::fuzz::{cases, however_cut_and_mixed, recordings};

const RECORDED: [&str; 3] = ["exec_accept.wire.jsonl", "plain.wire.jsonl", "patch_accept.wire.jsonl"];

fn parser() -> Parser {
    let items = vec![json!({"type": "text", "text": "hi"})];
    Parser::new(Opening::new(Start { items, directory: "/project".to_owned(), ..Start::default() }).0)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn fuzz_codex(stream in recordings("codex", &RECORDED), piece in 1..3_000_usize) {
        however_cut_and_mixed(parser, &stream, piece);
    }
}
