//! A configuration that changes while the server runs: what a hangup takes over, what it names for the next start, and what it refuses.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use support::http::{headers, request};
use support::{Launch, Server, rpc, scratch, wait};

const AGENTS: &str = "[agents.cat]\ncommand = [\"cat\"]\ninput = \"stdin\"\n[agents.demo]\n";

/// A folder with a configuration that changes.
struct House(PathBuf);

impl House {
    fn start(text: &str) -> (Self, Server) {
        let house = Self(scratch("reload"));
        house.write(text);
        let server = Launch::new(&["serve"]).without("API_TOKEN").directory(&house.0).start();
        (house, server)
    }

    fn write(&self, text: &str) {
        fs::write(self.0.join("inhouse.toml"), text).unwrap();
    }

    /// Another configuration, of which the server then says this.
    fn renew(&self, server: &Server, text: &str, said: &str) {
        self.write(text);
        let times = || server.stderr().matches(said).count();
        let before = times();
        server.signal("HUP");
        wait(said, || (times() > before).then_some(()));
    }
}

fn token(name: &str) -> String {
    format!("the-token-of-{name}-which-nobody-guesses")
}

fn caller(name: &str) -> String {
    let digest: String = Sha256::digest(token(name)).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("[[callers]]\nname = \"{name}\"\ntoken_sha256 = \"{digest}\"\n")
}

fn status(server: &Server, name: &str, path: &str) -> u16 {
    let bearer = format!("Bearer {}", token(name));
    let headers = headers(&[("Authorization", &bearer), ("Content-Type", "application/json")]);
    request(server.address, "POST", path, &headers, &rpc("ListTasks", json!({}))).status
}

fn description(server: &Server) -> String {
    server.get("/.well-known/agent-card.json").json()["description"].as_str().unwrap().to_owned()
}

#[test]
fn a_hangup_takes_over_who_comes_in_and_what_cards_say() {
    let (house, server) = House::start(&format!("{}{AGENTS}", caller("ann")));
    assert_eq!((status(&server, "ann", "/a2a"), status(&server, "bob", "/a2a")), (200, 401));
    let agents = AGENTS.replace("input", "description = \"says it again\"\ncallers = [\"bob\"]\ninput");
    let changed = format!("[limits]\nfinished_s_max = 77\n{}{}{agents}", caller("bob"), caller("cid"));
    house.renew(&server, &changed, "in force from the next start on: limits.finished_s_max\n");
    assert_eq!((status(&server, "ann", "/a2a"), status(&server, "bob", "/a2a")), (401, 200));
    // The first agent is bob's alone now, and has no public card any more.
    assert_eq!((status(&server, "cid", "/a2a"), status(&server, "cid", "/agents/demo/a2a")), (404, 200));
    assert_eq!(server.get("/.well-known/agent-card.json").status, 404);
    house.renew(&server, &changed.replace("callers = [\"bob\"]\n", ""), "the configuration is read again and in force");
    assert_eq!((status(&server, "cid", "/a2a"), description(&server).as_str()), (200, "says it again"));
}

#[test]
fn a_configuration_that_can_not_be_used_changes_nothing_and_is_told() {
    let first = format!("{}{AGENTS}", caller("ann"));
    let (house, server) = House::start(&first);
    for (wrong, said) in [
        (format!("{first}\nhardend = true\n"), "inhouse.toml:"),
        ("garbage".to_owned(), "inhouse.toml:1"),
        (AGENTS.to_owned(), "no caller is left"),
        (format!("{}{first}", caller("ann").replace("\"ann\"", "\"eve\"")), "have the same token"),
    ] {
        house.renew(&server, &wrong, "the configuration of before stays in force: ");
        assert!(server.stderr().contains(said), "{said}: {}", server.stderr());
        assert_eq!((status(&server, "ann", "/a2a"), status(&server, "eve", "/a2a")), (200, 401), "{said}");
    }
    fs::remove_file(house.0.join("inhouse.toml")).unwrap();
    server.signal("HUP");
    wait("a word of it", || (server.stderr().matches("stays in force").count() > 4).then_some(()));
    assert_eq!(status(&server, "ann", "/a2a"), 200);
}
