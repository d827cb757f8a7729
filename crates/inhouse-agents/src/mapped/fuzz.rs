//! A fuzz target for lines whose meaning the operator says.

use proptest::prelude::*;

use super::parse::Parser;
use super::parse::tests::mapping;
use crate::exits::Exits;
use crate::fuzz::{cases, changed, however_cut};

const MAPPED: [&[u8]; 2] = [
    b"{\"t\":\"piece\",\"d\":[\"hi\"]}\n{\"t\":\"tool\",\"name\":\"x\"}\n{\"t\":\"end\",\"all\":\"hi\",\"id\":\"s-1\",\"in\":3,\"cost\":0.1}\n",
    b"{\"t\":\"bad\",\"why\":\"no\"}\n{\"t\":\"ask\",\"q\":\"which?\"}\nno json\n",
];

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn fuzz_mapped(stream in changed(&MAPPED), piece in 1..300_usize) {
        let (mapping, exits) = (mapping(), Exits::default());
        however_cut(|| Parser::new(&mapping, &exits, None), &stream, piece);
    }
}
