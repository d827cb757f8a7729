//! The book in `docs/` is true: each of its commands runs against a server, each configuration in it can be served, each page is in its
//! list, and each link leads somewhere.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Launch, TOKEN, scratch};

/// What the pages take the server's address for.
const ADDRESS: &str = "127.0.0.1:8080";
/// This page has a test of its own.
const OWN_TEST: &str = "new-agent.md";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The pages of the book, with their names.
fn pages() -> Vec<(String, String)> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let pages = entries.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    let named =
        pages.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap()));
    let mut pages: Vec<_> = named.collect();
    pages.sort();
    pages
}

/// The blocks of a language on a page.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let mark = format!("```{language}\n");
    page.split(&mark).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

fn program(path: &Path) {
    fs::write(path, "#!/bin/sh\ncat\n").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A folder with the programs that the pages speak of on its PATH, this one among them.
fn machine() -> (PathBuf, String) {
    let home = scratch("book");
    let bin = home.join("bin");
    fs::create_dir(&bin).unwrap();
    ["claude", "codex"].iter().for_each(|name| program(&bin.join(name)));
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_inhouse"), bin.join("inhouse")).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    (home, path)
}

#[test]
fn every_command_of_the_book_runs() {
    for (name, page) in pages().into_iter().filter(|(name, _)| name != OWN_TEST) {
        let commands = blocks(&page, "sh");
        if commands.is_empty() {
            continue;
        }
        let (home, path) = machine();
        fs::write(home.join("inhouse.toml"), "[agents.cat]\ncommand = [\"cat\"]\ninput = \"stdin\"\n").unwrap();
        let server = Launch::new(&["serve"]).env("HOME", &home).env("PATH", &path).directory(&home).start();
        let address = server.address.to_string();
        let script = format!("set -eu\n{}", commands.concat().replace(ADDRESS, &address));
        let output = Command::new("sh")
            .args(["-c", &script])
            .env_clear()
            .envs([("PATH", path.as_str()), ("API_TOKEN", TOKEN), ("INHOUSE_TOKEN", TOKEN)])
            .env("INHOUSE_URL", format!("http://{address}"))
            .env("HOME", &home)
            .current_dir(&home)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {script}\n{said}");
        assert!(!said.contains("\"error\""), "{name}: {said}");
    }
}

#[test]
fn every_configuration_of_the_book_can_be_served() {
    let mut count = 0;
    for (name, page) in pages().into_iter().filter(|(name, _)| name != OWN_TEST && name != "configuration.md") {
        for config in blocks(&page, "toml") {
            let (home, path) = machine();
            fs::write(home.join("inhouse.toml"), config).unwrap();
            let launch = Launch::new(&["config", "check"]).env("HOME", &home).env("PATH", &path).directory(&home);
            let (code, said, error) = launch.run();
            assert!(code == 0 && said.starts_with("good: "), "{name}: {config}\n{error}");
            count += 1;
        }
    }
    assert!(count >= 6, "{count}");
}

#[test]
fn every_page_is_in_the_list_and_what_pages_point_at_is_there() {
    let pages = pages();
    let list = &pages.iter().find(|(name, _)| name == "SUMMARY.md").unwrap().1;
    for (name, page) in &pages {
        assert!(name == "SUMMARY.md" || list.contains(&format!("({name})")), "{name} is not in SUMMARY.md");
        let links = page.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap());
        let includes = page.split("{{#include ").skip(1).map(|rest| rest.split("}}").next().unwrap());
        for target in links.chain(includes).filter(|target| !target.is_empty() && !target.contains("://")) {
            assert!(folder().join(target).exists(), "{name} points at {target}");
        }
    }
}
