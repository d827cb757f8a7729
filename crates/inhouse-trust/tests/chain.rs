//! The chain of the audit: whatever is done to its lines is found.

#![allow(clippy::unwrap_used, reason = "tests")]

use inhouse_trust::{Broken, Chain};
use proptest::prelude::*;

fn sealed(count: usize) -> Vec<String> {
    let mut chain = Chain::default();
    (0..count).map(|number| chain.seal(&format!(r#"{{"time_ms":{number},"operation":"Send{number}"}}"#))).collect()
}

/// The number of the line at which it breaks.
fn broken<T: AsRef<str>>(lines: &[T]) -> Option<(usize, Broken)> {
    let mut chain = Chain::default();
    lines.iter().enumerate().find_map(|(at, line)| Some((at, chain.check(line.as_ref()).err()?)))
}

#[test]
fn a_chain_that_nobody_touched_holds_and_its_lines_are_json() {
    let lines = sealed(50);
    assert_eq!(broken(&lines), None);
    let value: serde_json::Value = serde_json::from_str(&lines[7]).unwrap();
    assert_eq!((&value["operation"], &value["seq"]), (&"Send7".into(), &7.into()));
    let mut later = Chain::after(&lines[9]).unwrap();
    assert!(lines[10..].iter().all(|line| later.check(line).is_ok()));
    assert_eq!(later.head().0, 50);
}

#[test]
fn every_changed_byte_is_found() {
    let lines = sealed(3);
    for at in 0..lines[1].len() {
        for flip in [1, 0x20, 0x80] {
            let mut bytes = lines[1].clone().into_bytes();
            bytes[at] ^= flip;
            let changed = String::from_utf8_lossy(&bytes).into_owned();
            let touched = [lines[0].clone(), changed.clone(), lines[2].clone()];
            assert!(broken(&touched).is_some_and(|(at, _)| at == 1), "byte {at}: {changed}");
        }
    }
}

#[test]
fn every_line_that_is_missing_moved_or_put_in_is_found() {
    let lines = sealed(6);
    for one in 0..6 {
        let mut fewer = lines.clone();
        fewer.remove(one);
        // Of the last one nobody knows that it was there but a signed head.
        assert_eq!(broken(&fewer).map(|(at, _)| at), (one < 5).then_some(one));
        for other in 0..6 {
            let (mut moved, mut more) = (lines.clone(), lines.clone());
            moved.swap(one, other);
            assert_eq!(broken(&moved).map(|(at, _)| at), (one != other).then_some(one.min(other)));
            more.insert(one, lines[other].clone());
            assert!(broken(&more).is_some(), "{other} before {one}");
        }
        let mut forged = lines.clone();
        forged.insert(one, Chain::after(&lines[one]).unwrap().seal(r#"{"operation":"forged"}"#));
        assert!(broken(&forged).is_some());
    }
    for line in ["", "{}", r#"{"seq":0}"#, r#"{"a":1,"seq":+0,"hash":"00"}"#] {
        assert_eq!(broken(&[line]), Some((0, Broken::Unsealed)), "{line}");
    }
}

proptest! {
    #[test]
    fn a_later_line_can_not_be_made_to_fit(at in 0_usize..20, text in "[ -~]{0,40}") {
        let mut lines = sealed(20);
        let mut chain = if at == 0 { Chain::default() } else { Chain::after(&lines[at - 1]).unwrap() };
        let forged = chain.seal(&format!(r#"{{"operation":{}}}"#, serde_json::Value::from(text)));
        prop_assume!(forged != lines[at]);
        lines[at] = forged;
        // Whoever changes a line and seals it again has to seal all that follow, and every head among them.
        prop_assert_eq!(broken(&lines).map(|(at, _)| at), (at < 19).then_some(at + 1));
    }
}
