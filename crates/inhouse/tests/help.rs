//! What `--help` says, command by command, as people see it: `tests/fixtures/help.txt`. A change of it is seen in the change itself;
//! `INHOUSE_HELP=write cargo test -p inhouse --test help` takes it over.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs;
use std::path::Path;

use support::{Launch, commands, scratch};

/// The help of a command, and of all below it.
fn gather(words: &[String], home: &Path, told: &mut String) {
    let args: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
    let (code, help, error) = Launch::new(&args).directory(home).env("HOME", home).run();
    assert_eq!((code, error.as_str()), (0, ""), "{args:?}");
    let name = ["inhouse"].into_iter().chain(words.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
    told.push_str(&format!("==== {name} ====\n{help}\n"));
    for word in commands(&help) {
        gather(&[words, &[word]].concat(), home, told);
    }
}

#[test]
fn every_help_text_is_as_it_was_last_looked_at() {
    let mut told = String::new();
    gather(&[], &scratch("help"), &mut told);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/help.txt");
    if std::env::var_os("INHOUSE_HELP").is_some_and(|wish| wish == "write") {
        fs::write(&file, &told).unwrap();
    }
    let known = fs::read_to_string(&file).unwrap_or_default();
    let differs = told.lines().zip(known.lines().chain(std::iter::repeat(""))).find(|(now, known)| now != known);
    assert!(
        told == known,
        "it says {:?} where it said {:?}; if that is meant: INHOUSE_HELP=write cargo test -p inhouse --test help",
        differs.map(|(now, _)| now),
        differs.map(|(_, known)| known)
    );
}
