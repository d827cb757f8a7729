//! Fuzz targets for what servers answer a client: events, and keys of cards.

#[path = "../../inhouse-proto/tests/fuzz/mutation.rs"]
mod mutation;

use std::collections::VecDeque;

use mutation::{cases, changed};
use proptest::prelude::*;

use crate::keys::CardKeys;
use crate::sse::SseParser;

const STREAMS: [&[u8]; 3] = [
    b"id: 1\ndata: {\"result\":{}}\n\n: keep alive\n\nevent: error\ndata: a\ndata: b\n\n",
    b"\xef\xbb\xbfdata:x\r\n\r\ndata\r\rretry: 7\n\n",
    b"id: \0\ndata: \xff\n\n",
];
const KEYS: [&[u8]; 2] = [
    br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    br#"{"keys":[{"kty":"EC","crv":"P-256","kid":"k","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#,
];

proptest! {
    #![proptest_config(cases())]

    /// The events do not depend on the cuts, and none is larger than its bound.
    #[test]
    fn fuzz_events(stream in changed(&STREAMS), piece in 1..40_usize) {
        let read = |piece: usize| {
            let (mut parser, mut events) = (SseParser::new(64), VecDeque::new());
            let end = stream.chunks(piece).try_for_each(|piece| parser.feed(piece, &mut events));
            (events, end)
        };
        let whole = read(stream.len().max(1));
        prop_assert!(whole.0.iter().all(|event| event.data.len() <= 64));
        prop_assert_eq!(read(piece), whole);
    }

    #[test]
    fn fuzz_keys(text in changed(&KEYS)) {
        let _ = serde_json::from_slice::<CardKeys>(&text);
    }
}
