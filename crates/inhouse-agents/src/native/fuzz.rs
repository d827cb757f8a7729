//! A fuzz target for what programs of the native contract write.

use proptest::prelude::*;

use super::parse::Parser;
use crate::fuzz::{cases, changed, however_cut};

const NATIVE: [&[u8]; 3] = [
    b"{\"text\":\"hi\"}\nplain text\n{\"status\":\"input-required\",\"text\":\"which?\",\"data\":{\"a\":[1]}}\n",
    b"{\"artifact\":{\"artifactId\":\"a\",\"parts\":[{\"text\":\"x\"},{\"raw\":\"AAEC\"}],\"append\":true}}\n{\"usage\":{\"inputTokens\":3,\"costUsd\":0.5}}\n",
    b"{\"message\":{\"parts\":[{\"text\":\"\\u001b[31mred\"}]}}\n{\"status\":\"failed\"}\n",
];

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn fuzz_native(stream in changed(&NATIVE), piece in 1..300_usize) {
        however_cut(Parser::default, &stream, piece);
    }
}
