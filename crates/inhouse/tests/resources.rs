//! Agents that use more than they may: the task fails and says why, and the server goes on.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs;

use support::{Launch, Server, reason_of, scratch, script, state_of, text_of, untested};

/// Does what the text says, and no more of it than is bounded here.
const AGENT: &str = "read -r wish
case $wish in
forks) i=0; while [ $i -lt 200 ]; do setsid sleep 300 & i=$((i+1)); done; wait ;;
hoards) head -c 200M /dev/zero | tail | sleep 300 ;;
*) echo \"$wish\" ;;
esac";

/// Both tiers that have supervisors; where the firmer one can not be had, the test says that it has shown nothing of it.
fn servers() -> Vec<Server> {
    let folder = scratch("resources");
    let words: Vec<_> = script("sh", AGENT).split(' ').map(|word| format!("{word:?}")).collect();
    let agent = format!(
        "[agents.bomb]\ncommand = [{}]\nmemory_bytes_max = 67_108_864\nprocesses_max = 50\ntimeout_ms = 20_000\n",
        words.join(", ")
    );
    fs::write(folder.join("inhouse.toml"), agent).unwrap();
    let launch = |args: &[&str]| Launch::new(args).directory(&folder).start();
    let firmest = launch(&["serve"]);
    let tier = firmest.banner.iter().find_map(|line| line.strip_prefix("contained ")).unwrap().to_owned();
    if !tier.starts_with("namespace") {
        untested(&format!("bounds in the namespace tier, which is not there: {tier}"));
    }
    vec![firmest, launch(&["serve", "--containment", "reaper"])]
}

#[test]
fn a_task_whose_agent_uses_too_much_fails_and_the_server_goes_on() {
    for server in servers() {
        for (wish, key) in [("forks", "processes_max"), ("hoards", "memory_bytes_max")] {
            let task = server.send(wish);
            assert_eq!((state_of(&task), reason_of(&task)), ("FAILED", "resource_limit"), "{task}");
            let said = task["status"]["message"]["parts"][0]["text"].as_str().unwrap();
            assert!(said.contains(key), "{said}");
            assert_eq!(text_of(&server.send("well")), "well\n");
        }
    }
}
