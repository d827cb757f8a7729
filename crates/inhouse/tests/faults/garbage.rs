//! Garbage in the files that a running server reads again: what was in force stays, the log says so, and nothing else happens.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::House;
use crate::dice::Dice;
use crate::status;
use crate::support::{Server, wait};

const CONFIG: &str = "[server]\ntokens_file = \"keys/tokens.json\"\n[limits]\nfiles_reload_ms = 100\n\
    [agents.cat]\ncommand = [\"cat\"]\ninput = \"stdin\"\n";
const ROUNDS: usize = 40;
const KINDS: [&str; 9] = ["cut", "a bit", "noise", "zeros", "deep", "twice", "a folder", "a pipe", "a device"];

/// What may stand in the place of the configuration, and in that of the tokens, by its place in `KINDS`. Who puts a pipe in the place of
/// the configuration and then asks for it waits for it; and tokens are read unasked, so their place is never empty.
const MAY_BE: [&[usize]; 2] = [&[0, 1, 2, 3, 4, 5, 6], &[0, 1, 2, 3, 4, 5, 7, 8]];

/// Puts something else in a file's place, in one step where that can be: what it is.
fn spoil(path: &Path, good: &[u8], kind: usize, dice: &mut Dice) -> String {
    let (mut bytes, at, beside) = (good.to_vec(), dice.below(good.len()), path.with_extension("beside"));
    match kind {
        0 => bytes.truncate(at),
        1 => bytes[at] ^= 1 << dice.below(8),
        2 => bytes = (0..dice.below(4_000)).map(|_| dice.below(256) as u8).collect(),
        3 => bytes = vec![0; at],
        4 => bytes = vec![b'['; 100_000],
        5 => drop(bytes.splice(at..at, good.iter().copied())),
        6 => {
            fs::remove_file(path).unwrap();
            fs::create_dir(&beside).unwrap();
        }
        7 => assert!(Command::new("mkfifo").arg(&beside).status().unwrap().success()),
        _ => std::os::unix::fs::symlink("/dev/zero", &beside).unwrap(),
    }
    if kind < 6 {
        fs::write(&beside, bytes).unwrap();
    }
    fs::rename(&beside, path).unwrap();
    format!("{}: {}", path.display(), KINDS[kind])
}

fn restore(path: &Path, good: &[u8]) {
    let _ = fs::remove_dir(path);
    let beside = path.with_extension("beside");
    fs::write(&beside, good).unwrap();
    fs::rename(&beside, path).unwrap();
}

const GOOD: [&str; 3] = [
    "the configuration is read again and in force",
    "in force from the next start on",
    "the tokens file is read again",
];
const BAD: [&str; 2] = ["the configuration of before stays in force", "the tokens of before stay in force"];

/// Reads all again, and waits until the log has told of the configuration and of the tokens: whether both were good.
fn reread(server: &Server) -> bool {
    let count = |good: bool| {
        let said = if good { &GOOD[..] } else { &BAD };
        said.iter().map(|words| crate::said(server, words)).sum::<usize>()
    };
    let (good, bad) = (count(true), count(false));
    server.signal("HUP");
    wait("both to be told", || (count(true) + count(false) >= good + bad + 2).then_some(()));
    count(false) == bad
}

#[test]
fn garbage_at_a_reload_changes_nothing_and_is_told() {
    let mut dice = Dice::new("garbage");
    let house = House::new(CONFIG);
    let token = house.launch(&["token", "new", "ann"]).run().1.trim().to_owned();
    let files = [house.path("inhouse.toml"), house.path("keys/tokens.json")];
    let good = files.each_ref().map(|file| fs::read(file).unwrap());
    let server = house.launch(&["serve"]).start();
    let mut told = 0;
    for round in 0..ROUNDS {
        let which = dice.below(2);
        let kind = *dice.one(MAY_BE[which]);
        let what = spoil(&files[which], &good[which], kind, &mut dice);
        let was_good = reread(&server);
        told += usize::from(!was_good);
        assert_eq!(server.get("/health").status, 200, "{round}: {what}");
        if !was_good {
            assert_eq!(status(&server, &token), 200, "{round}: {what}: {}", server.stderr());
        }
        restore(&files[which], &good[which]);
        wait("all to be good again", || reread(&server).then_some(()));
        assert_eq!(status(&server, &token), 200, "{round}: {what}: {}", server.stderr());
    }
    assert!(told > ROUNDS / 2, "most of it is no configuration and no tokens: {told}");
}
