//! A fuzz target for what agents of the Agent Client Protocol write.

use proptest::prelude::*;

use super::input::Prompt;
use super::opening::Opening;
use super::parse::Parser;
use crate::fuzz::{cases, however_cut_and_mixed, recordings};

fn parser() -> Parser {
    Parser::new(Opening::new(Prompt::default(), "/project".into(), None, None, false).0)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn fuzz_gemini(stream in recordings("acp-gemini", &["perm_allow.wire.jsonl", "shell.wire.jsonl"]), piece in 1..3_000_usize) {
        however_cut_and_mixed(parser, &stream, piece);
    }

    #[test]
    fn fuzz_qwen(stream in recordings("acp-qwen", &["load.wire.jsonl", "mode_default_allow_once.wire.jsonl"]), piece in 1..3_000_usize) {
        however_cut_and_mixed(parser, &stream, piece);
    }
}
