//! A fuzz target for what Claude Code writes.

use proptest::prelude::*;

use super::parse::Parser;
use crate::fuzz::{cases, however_cut_and_mixed, recordings};

const RECORDED: [&str; 5] =
    ["stream.jsonl", "si_perm_allow.wire.jsonl", "plan.jsonl", "si_ask_user.wire.jsonl", "think.jsonl"];

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn fuzz_claude(stream in recordings("claude", &RECORDED), piece in 1..3_000_usize) {
        however_cut_and_mixed(|| Parser::new(None), &stream, piece);
    }
}
