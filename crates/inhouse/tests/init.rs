//! `inhouse init` as a newcomer runs it: on a terminal, without one, and where there is a file already.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use support::terminal::Terminal;
use support::{Launch, scratch};

/// A folder with programs of these names on its PATH.
fn machine(programs: &[&str]) -> PathBuf {
    let folder = scratch("init");
    fs::create_dir(folder.join("bin")).unwrap();
    for program in programs {
        let path = folder.join("bin").join(program);
        fs::write(&path, "#!/bin/sh\ncat\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

fn launch(folder: &Path, args: &[&str]) -> Launch {
    Launch::new(args).directory(folder).env("PATH", format!("{}:/usr/bin:/bin", folder.join("bin").display()))
}

fn checked(folder: &Path) -> String {
    let (code, out, err) = launch(folder, &["config", "check"]).run();
    assert_eq!(code, 0, "{err}");
    out
}

#[test]
fn without_a_terminal_it_asks_nothing_and_writes_what_is_there() {
    let folder = machine(&["codex", "claude"]);
    let (code, out, err) = launch(&folder, &["init"]).run();
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(
        out,
        "wrote inhouse.toml: claude, codex; the first one answers by default\nnext: inhouse doctor, then inhouse serve\n"
    );
    assert_eq!(checked(&folder), "good: serves claude (by default), codex at 127.0.0.1, port 0\n");
    let text = fs::read_to_string(folder.join("inhouse.toml")).unwrap();
    assert!(
        text.contains("# rate_limit_rpm = 30") && text.contains("\n[limits]\n"),
        "all that can be said stands there"
    );
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "and nothing else is left");
    fs::write(folder.join("inhouse.toml"), "mine").unwrap();
    let (code, _, err) = launch(&folder, &["init"]).run();
    assert_eq!(code, 2);
    assert!(err.starts_with("error: inhouse.toml is there already, and stays as it is\nhint: "), "{err}");
    assert_eq!(fs::read_to_string(folder.join("inhouse.toml")).unwrap(), "mine");
    let (code, _, err) = launch(&folder, &["config", "check"]).run();
    assert!(code == 2 && err.starts_with("error: inhouse.toml:1"), "{err}");
}

#[test]
fn an_agent_that_is_not_there_is_refused_with_the_way_to_get_it_and_nothing_is_written() {
    let folder = machine(&["codex"]);
    let (code, _, err) = launch(&folder, &["init", "--agent", "qwen"]).run();
    assert_eq!(code, 2);
    assert!(err.starts_with("error: qwen is not on PATH\nhint: npm install"), "{err}");
    assert!(!folder.join("inhouse.toml").exists());
    let (code, out, _) = launch(&machine(&[]), &["init"]).run();
    assert!(code == 0 && out.contains("the demo repeats what it is told"), "{out}");
}

#[test]
fn on_a_terminal_it_asks_who_answers_and_who_may_come() {
    let folder = machine(&["codex", "claude"]);
    let mut terminal = Terminal::start(launch(&folder, &["init"]));
    terminal.shows("Which agent answers by default? claude, codex [claude] ");
    terminal.types("clod\n");
    terminal.shows("Which agent answers by default? claude, codex [claude] ");
    terminal.types("codex\n");
    terminal.shows("by TLS? y or n [n] ");
    terminal.types("y\n");
    terminal.shows("next: inhouse doctor, then inhouse token new NAME, then inhouse serve");
    assert_eq!(terminal.end(), 0);
    let text = fs::read_to_string(folder.join("inhouse.toml")).unwrap();
    assert!(text.contains("\nhost = \"0.0.0.0\"\n") && text.contains("\ntls = \"auto\"\n"));
    assert!(text.contains("\n[agents.codex]\ndefault = true\n"), "{text}");
}

#[test]
fn a_terminal_that_is_closed_is_answered_with_the_defaults() {
    let folder = machine(&["codex", "claude"]);
    let mut terminal = Terminal::start(launch(&folder, &["init"]));
    terminal.shows("[claude] ");
    terminal.types("\u{4}");
    terminal.shows("[n] ");
    terminal.types("\u{4}");
    assert_eq!(terminal.end(), 0);
    assert!(checked(&folder).starts_with("good: serves claude (by default), codex at 127.0.0.1"));
}
