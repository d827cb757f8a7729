//! `inhouse service`, `inhouse completions` and `inhouse man`: what they print and write is what systemd, shells and man take.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{Launch, commands, scratch, untested};

fn launch(home: &Path, args: &[&str]) -> Launch {
    Launch::new(args).env("HOME", home).directory(home)
}

/// What a checker says; nothing where it is not installed.
fn checked(program: &str, args: &[&str], file: &Path) -> Option<String> {
    let Ok(output) = Command::new(program).args(args).arg(file).env("XDG_RUNTIME_DIR", scratch("runtime")).output()
    else {
        untested(&format!("what {program} says of what is printed: it is not here"));
        return None;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said}");
    Some(said)
}

#[test]
fn a_unit_is_written_where_systemd_looks_once_and_says_how_it_is_started() {
    let home = scratch("service");
    let install = ["service", "install", "--kind", "user"];
    let (code, _, error) = launch(&home, &install).run();
    assert!(code == 2 && error.contains("there is no ") && error.contains("hint: inhouse init"), "{error}");
    fs::write(home.join("inhouse.toml"), "[agents.demo]\n").unwrap();
    let (code, said, error) = launch(&home, &install).run();
    assert_eq!(code, 0, "{error}");
    let unit = home.join(".config/systemd/user/inhouse.service");
    let next = "next: systemctl --user daemon-reload && systemctl --user enable --now inhouse";
    assert_eq!(said, format!("wrote {}\n{next}\n", unit.display()));
    let text = fs::read_to_string(&unit).unwrap();
    assert!(text.contains(&format!("serve --config {}/inhouse.toml\n", home.display())), "{text}");
    assert_eq!(
        launch(&home, &["service", "print", "--kind", "user"]).run().1,
        text,
        "what is printed is what is written"
    );
    if let Some(said) = checked("systemd-analyze", &["verify", "--user", "--man=no"], &unit) {
        assert!(!said.contains("inhouse.service"), "{said}");
    }
    fs::write(&unit, "mine").unwrap();
    let (code, _, error) = launch(&home, &install).run();
    assert!(code == 2 && error.contains("is there already, and stays as it is"), "{error}");
    assert_eq!(fs::read_to_string(&unit).unwrap(), "mine");
}

/// Those that the help lists.
fn all(home: &Path) -> Vec<String> {
    let commands = commands(&launch(home, &["--help"]).run().1);
    assert!(commands.len() > 10, "{commands:?}");
    commands
}

#[test]
fn shells_take_the_completions_and_they_know_every_command() {
    let home = scratch("service");
    for (shell, check) in [("bash", &["-n"][..]), ("zsh", &["-n"]), ("fish", &["--no-execute"])] {
        let (code, script, error) = launch(&home, &["completions", shell]).run();
        assert_eq!((code, error.as_str()), (0, ""));
        for word in all(&home).iter().map(String::as_str).chain(["require-sandbox"]) {
            assert!(script.contains(word), "{shell}: {word}");
        }
        let file = home.join(shell);
        fs::write(&file, script).unwrap();
        checked(shell, check, &file);
    }
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let home = scratch("service");
    let (code, _, error) = launch(&home, &["man", "pages"]).run();
    assert_eq!((code, error.as_str()), (0, ""));
    for command in all(&home) {
        assert!(home.join("pages").join(format!("inhouse-{command}.1")).is_file(), "{command}");
    }
    for (page, holds) in
        [("inhouse.1", "Exit codes"), ("inhouse-serve.1", "containment"), ("inhouse-token-new.1", "scope")]
    {
        let path = home.join("pages").join(page);
        assert!(fs::read_to_string(&path).unwrap().contains(holds), "{page}");
        if let Some(said) = checked("man", &["--warnings", "-l", "-Tutf8", "-E", "UTF-8", "-P", "cat"], &path) {
            assert!(!said.contains("warning"), "{page}: {said}");
        }
    }
}
