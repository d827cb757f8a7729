//! A recorded audit is whole, and whatever is done to it is found.

use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use inhouse_serve::{AuditBounds, AuditLog, AuditSeal, AuditStart, AuditTail, HeadEvery};

use super::*;

const DEADLINE: Duration = Duration::from_secs(30);

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a server with this key writes from its start to its orderly stop.
fn recorded(pem: &str, records: usize) -> Vec<u8> {
    let (sink, key) = (Sink::default(), AuditKey::new(pem).unwrap());
    let public = key.public();
    let every = HeadEvery { lines: 3, time: DEADLINE };
    let log = AuditLog::sealed(
        AuditBounds::default(),
        sink.clone(),
        AuditSeal::new(Link::START, Some(key), every),
        AuditTail::new(0),
    )
    .unwrap();
    let start =
        AuditStart { containment: "reaper", shortfall: None, cgroup: None, key: Some(&public), torn_sha256: None };
    log.started(&start);
    (0..records).for_each(|n| log.record(&format!("{{\"time_ms\":{n},\"operation\":\"Get \\u000a\u{fffd}\"}}")));
    assert!(log.end(DEADLINE));
    sink.0.lock().unwrap().clone()
}

fn new_key() -> String {
    AuditKey::generate().unwrap()
}

fn public(pem: &str) -> String {
    AuditKey::new(pem).unwrap().public()
}

fn read(bytes: &[u8], is_mixed: bool, pinned: Option<&str>) -> Report {
    verify(vec![Part::of("audit", is_mixed, Cursor::new(bytes.to_vec()))], pinned).unwrap()
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

#[test]
fn what_was_recorded_is_whole() {
    let pem = new_key();
    let report = read(&recorded(&pem, 4), false, Some(&public(&pem)));
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.lines, report.chains, report.heads, report.bare, report.unclean), (7, 1, 2, 0, 0));
}

#[test]
fn every_flip_of_a_bit_is_found() {
    let bytes = recorded(&new_key(), 3);
    for (at, bit) in (0..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << bit;
        let report = read(&flipped, false, None);
        assert!(report.broken.is_some(), "bit {bit} of byte {at}: {report:?}");
        assert!(!read(&flipped, true, None).is_whole(), "bit {bit} of byte {at}, on stderr");
    }
}

#[test]
fn every_line_that_is_taken_out_added_or_moved_is_found() {
    let all = lines(&recorded(&new_key(), 6));
    let foreign = lines(&recorded(&new_key(), 6));
    let is_found = |lines: &[Vec<u8>]| !read(&lines.concat(), false, None).is_whole();
    let is_seen = |lines: &[Vec<u8>]| !read(&lines.concat(), true, None).is_whole();
    assert!(!is_found(&all) && !is_seen(&all));
    for one in 0..all.len() {
        for end in one + 1..=all.len() {
            let mut shorter = all.clone();
            shorter.drain(one..end);
            assert!(is_found(&shorter) && is_seen(&shorter), "without {one} to {end}");
        }
        for other in 0..all.len() {
            let mut changed = all.clone();
            changed.swap(one, other);
            assert!(one == other || is_found(&changed) && is_seen(&changed), "{one} and {other} swapped");
            for from in [&all, &foreign] {
                let mut longer = all.clone();
                longer.insert(other, from[one].clone());
                assert!(is_found(&longer), "{one} added before {other}");
            }
            let mut exchanged = all.clone();
            exchanged[other].clone_from(&foreign[one]);
            assert!(is_found(&exchanged), "{one} in the place of {other}");
        }
    }
}

#[test]
fn a_break_is_told_where_it_is() {
    let all = lines(&recorded(&new_key(), 6));
    let mut shorter = all.clone();
    shorter.remove(4);
    let broken = read(&shorter.concat(), false, None).broken.unwrap();
    assert_eq!((broken.file.as_str(), broken.line, broken.seq), ("audit", 5, 5));
    assert!(broken.why.contains("number 6 in the place of 5"), "{broken:?}");
    let cut = read(&all[..5].concat(), false, None);
    assert!(cut.broken.is_none() && !cut.is_whole());
    assert_eq!((cut.lines, cut.bare), (5, 1));
    let late = read(&all[1..].concat(), false, None);
    assert_eq!((late.begins_at, late.is_whole()), (Some(2), false));
}

#[test]
fn an_audit_that_somebody_else_has_made_anew_has_another_key() {
    let (own, foreign) = (new_key(), new_key());
    let pinned = public(&own);
    assert!(read(&recorded(&own, 2), false, Some(&pinned)).is_whole());
    let report = read(&recorded(&foreign, 2), false, Some(&pinned));
    assert!(report.broken.unwrap().why.contains("which is another one"));
    // The same with the own key named: its signatures are missing.
    let (mut link, mut forged) = (Link::START, String::new());
    for line in String::from_utf8(recorded(&foreign, 2)).unwrap().lines() {
        let members = Chained::read(line).unwrap().hashed.splitn(3, ',').nth(2).unwrap().to_owned();
        let line = link.begin(&format!("{{{}}}", members.replace(&public(&foreign), &pinned)));
        forged += &(link.end(line) + "\n");
    }
    let report = read(forged.as_bytes(), false, Some(&pinned));
    assert!(report.broken.unwrap().why.contains("signature of this head is not good"));
}

#[test]
fn on_stderr_other_lines_are_passed_over_and_each_start_begins_a_chain() {
    let pem = new_key();
    let mut mixed = b"a line of the log\n".to_vec();
    for start in 0..2 {
        for line in lines(&recorded(&pem, 2)) {
            mixed.extend([line, b"{\"other\":1}\n".to_vec()].concat());
        }
        mixed.extend(format!("{{\"seq\":9,\"torn at start {start}\n").into_bytes());
    }
    mixed.extend(recorded(&pem, 0));
    let report = read(&mixed, true, None);
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.chains, report.torn, report.unclean), (3, 2, 0));
    assert!(read(&mixed, false, None).broken.is_some());
}
