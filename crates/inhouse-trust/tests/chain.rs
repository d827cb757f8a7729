//! The chain: what fits goes on, and nothing that was done to it passes.

#![allow(clippy::unwrap_used, reason = "tests")]

use inhouse_trust::{Break, Chained, Link};
use proptest::prelude::*;

fn chain(objects: &[String]) -> Vec<String> {
    let mut link = Link::START;
    objects
        .iter()
        .map(|object| {
            let line = link.begin(object);
            link.end(line)
        })
        .collect()
}

fn check(lines: &[String]) -> Result<Link, Break> {
    lines.iter().try_fold(Link::START, |before, line| {
        let chained = Chained::read(line)?;
        chained.follows(before).map(|()| chained.link)
    })
}

#[test]
fn a_line_has_its_number_the_hash_before_it_and_its_own() {
    let lines = chain(&["{\"a\":1}".into(), "{\"a\":2}".into()]);
    let read: Vec<serde_json::Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&read[0]["seq"], &read[0]["a"], &read[0]["prev"]), (&1.into(), &1.into(), &"0".repeat(64).into()));
    assert_eq!((&read[1]["seq"], &read[1]["a"], &read[1]["prev"]), (&2.into(), &2.into(), &read[0]["hash"]));
    // printf %s '{"seq":1,"prev":"000…","a":1' | sha256sum
    assert_eq!(read[0]["hash"], "79d849221fb23cd49e2bc95431e155e121723309f579af3db1cc2677c5ec6407");
    assert_eq!(check(&lines).unwrap().seq, 2);
}

proptest! {
    #[test]
    fn nothing_that_is_done_to_the_lines_of_a_chain_passes(
        objects in proptest::collection::vec("\\{\"a\":\"[ -!#-\\[\\]-~]{0,20}\"\\}", 2..8),
        (one, other, byte, bit) in (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..7_u8),
    ) {
        let lines = chain(&objects);
        prop_assert!(check(&lines).is_ok());
        let (one, other) = (one.index(lines.len()), other.index(lines.len()));
        let mut flipped = lines.clone();
        let mut bytes = flipped[one].clone().into_bytes();
        let at = byte.index(bytes.len());
        bytes[at] ^= 1 << bit;
        flipped[one] = String::from_utf8(bytes).unwrap();
        prop_assert!(check(&flipped).is_err());
        let mut swapped = lines.clone();
        swapped.swap(one, other);
        prop_assert!(one == other || check(&swapped).is_err());
        let mut doubled = lines.clone();
        doubled.insert(other, lines[one].clone());
        prop_assert!(check(&doubled).is_err());
        let mut shorter = lines.clone();
        shorter.remove(one);
        // What is cut off at the end is for the heads to tell.
        prop_assert!(one == lines.len() - 1 || check(&shorter).is_err());
    }
}
