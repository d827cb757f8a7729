//! A fuzz target for lines whose meaning the operator says.

use proptest::prelude::*;

use super::parse::Parser;
use super::{Mapping, Meaning, Pointer};
use crate::exits::Exits;
use crate::fuzz::{cases, changed, however_cut};

const MAPPED: [&[u8]; 2] = [
    b"{\"t\":\"piece\",\"d\":[\"hi\"]}\n{\"t\":\"tool\",\"name\":\"x\"}\n{\"t\":\"end\",\"all\":\"hi\",\"id\":\"s-1\",\"in\":3,\"cost\":0.1}\n",
    b"{\"t\":\"bad\",\"why\":\"no\"}\n{\"t\":\"ask\",\"q\":\"which?\"}\nno json\n",
];

fn mapping() -> Mapping {
    let pointer = |text: &str| Pointer::new(text);
    let of = |kind: &str, meaning: Meaning| Meaning {
        when: vec![(Pointer::new("/t").unwrap(), kind.to_owned())],
        ..meaning
    };
    let lines = vec![
        of("piece", Meaning { text: pointer("/d/0"), ..Meaning::default() }),
        of("tool", Meaning { tool: pointer("/name"), ..Meaning::default() }),
        of("ask", Meaning { question: pointer("/q"), ..Meaning::default() }),
        of("bad", Meaning { error: pointer("/why"), ..Meaning::default() }),
        of(
            "end",
            Meaning {
                answer: pointer("/all"),
                session: pointer("/id"),
                input_tokens: pointer("/in"),
                cost_usd: pointer("/cost"),
                done: true,
                ..Meaning::default()
            },
        ),
    ];
    Mapping { lines, resume: vec!["--resume".to_owned(), "{session}".to_owned()] }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn fuzz_mapped(stream in changed(&MAPPED), piece in 1..300_usize) {
        let (mapping, exits) = (mapping(), Exits::default());
        however_cut(|| Parser::new(&mapping, &exits, None), &stream, piece);
    }
}
