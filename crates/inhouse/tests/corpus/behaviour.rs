//! Agents that behave badly: each turn ends as it has to, nothing of it is left, and the next one is like the first.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::sent;
use crate::support::{Launch, Server, processes_with, reason_of, scratch, state_of, text_of, wait_within};

/// So long after a turn's end nothing of it may be left.
const GONE: Duration = Duration::from_secs(2);

/// What an agent does, how it is read, and how its turn ends: state, reason, and what its text begins with.
const TABLE: [(&str, &str, &str, [&str; 3]); 12] = [
    ("a child holds stdout", "text", "echo done; sleep 300 & exit 0", ["COMPLETED", "", "done\n"]),
    (
        "a session of its own holds stdout",
        "text",
        "echo done; setsid -f sleep 300; exit 0",
        ["COMPLETED", "", "done\n"],
    ),
    (
        "ten gigabytes",
        "text",
        "yes xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx | head -c 10000000000",
        ["FAILED", "output_limit", "xxx"],
    ),
    ("one line of a gigabyte", "text", "head -c 1000000000 /dev/zero | tr '\\0' x", ["FAILED", "output_limit", "xxx"]),
    (
        "one line of a gigabyte",
        "json",
        "printf '{\"text\":\"'; head -c 1000000000 /dev/zero | tr '\\0' x",
        ["FAILED", "agent_protocol", ""],
    ),
    (
        "half a line, then a crash",
        "json",
        "echo '{\"text\":\"a\"}'; printf '{\"text\":\"b'; kill -9 $$",
        ["FAILED", "agent_failed", "a"],
    ),
    ("half a character, then a crash", "text", "printf 'a\\303'; kill -9 $$", ["FAILED", "agent_failed", "a"]),
    ("stdout closed", "text", "exec 1>&-; sleep 0.1", ["COMPLETED", "", ""]),
    ("all closed", "text", "exec 0<&- 1>&- 2>&-; exit 4", ["FAILED", "agent_failed", ""]),
    (
        "a flood on stderr",
        "text",
        "yes words | head -c 3000000 >&2; head -c 200000000 /dev/zero | tr '\\0' y >&2; echo done",
        ["COMPLETED", "", "done\n"],
    ),
    ("no JSON at all", "json", "head -c 100000 /dev/urandom", ["COMPLETED", "", ""]),
    ("kills its group", "text", "echo a; kill -9 0", ["FAILED", "agent_failed", "a\n"]),
];

/// A server of all of them.
fn house() -> (Server, String) {
    let (folder, mark) = (scratch("behaviour"), format!("mark-{}", uuid::Uuid::new_v4().simple()));
    let mut config = String::from("[limits]\noutput_bytes_max = 4_000_000\nline_bytes_max = 1_000_000\n");
    for (number, (_, protocol, does, _)) in TABLE.iter().enumerate() {
        let path = folder.join(format!("{number}.sh"));
        fs::write(&path, does).unwrap();
        let input = if *protocol == "json" { "json" } else { "stdin" };
        config += &format!(
            "[agents.a{number}]\ncommand = [\"sh\", \"{}\"]\ninput = \"{input}\"\nenv_set = {{ MARK = \"{mark}\" }}\n",
            path.display()
        );
    }
    fs::write(folder.join("inhouse.toml"), config).unwrap();
    (Launch::new(&["serve"]).directory(&folder).start(), mark)
}

#[test]
fn each_turn_ends_as_it_has_to_and_leaves_nothing() {
    let (server, mark) = house();
    for (number, (name, protocol, _, [state, reason, text])) in TABLE.iter().enumerate() {
        let task = sent(&server, &format!("a{number}"), "go");
        let got = (state_of(&task), reason_of(&task));
        assert_eq!(got, (*state, *reason), "{name} ({protocol}): {}", task["status"]);
        assert!(text_of(&task).starts_with(text), "{name} ({protocol})");
        wait_within(GONE, name, || processes_with(&mark).is_empty().then_some(()));
        assert_eq!(server.get("/health").status, 200);
    }
    // 200 MB on stderr are not 200 MB in the log.
    assert!(server.stderr().len() < 1 << 20, "{}", server.stderr().len());
}

/// A program that can be taken away.
fn program() -> (PathBuf, Server) {
    let folder = scratch("program");
    let program = folder.join("agent");
    put(&program, "#!/bin/sh\ncat\n");
    let config = format!("[agents.own]\ncommand = [\"{}\"]\ninput = \"stdin\"\n", program.display());
    fs::write(folder.join("inhouse.toml"), config).unwrap();
    (program, Launch::new(&["serve"]).directory(&folder).start())
}

fn put(program: &PathBuf, text: &str) {
    let beside = program.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(beside, program).unwrap();
}

#[test]
fn a_program_that_is_gone_or_another_one_fails_its_turns_alone() {
    let (program, server) = program();
    assert_eq!(text_of(&server.send("one")), "one");
    let fails = |what: &str| {
        let task = server.send("x");
        assert_eq!((state_of(&task), reason_of(&task)), ("FAILED", "start_failed"), "{what}: {}", task["status"]);
        assert!(!task.to_string().contains(program.to_str().unwrap()), "no path is told: {task}");
    };
    fs::remove_file(&program).unwrap();
    fails("missing");
    fs::write(&program, "#!/bin/sh\ncat\n").unwrap();
    fails("not executable");
    put(&program, "#!/nowhere/interpreter\n");
    fails("no interpreter");
    put(&program, "\x7fELF that is none");
    fails("no program");
    fs::remove_file(&program).unwrap();
    fs::create_dir(&program).unwrap();
    fails("a folder");
    fs::remove_dir(&program).unwrap();
    put(&program, "#!/bin/sh\necho another\n");
    assert_eq!(text_of(&server.send("x")), "another\n");
}

/// Calls its server, with all that it has been given.
const CALLER: &str = r#"
import json, os, sys, urllib.request, urllib.error
port = sys.stdin.read().strip()
tokens = [''] + [value for value in os.environ.values()]
answers = set()
for token in tokens:
    for path in ['/a2a', '/agents', '/message:send']:
        ask = urllib.request.Request('http://127.0.0.1:' + port + path, data=b'{}')
        ask.add_header('Content-Type', 'application/json')
        ask.add_header('Authorization', 'Bearer ' + ''.join(c for c in token if c.isprintable() and ord(c) < 128))
        try: answers.add(urllib.request.urlopen(ask).status)
        except urllib.error.HTTPError as error: answers.add(error.code)
print(sorted(answers))
"#;

#[test]
fn an_agent_that_calls_its_server_is_a_stranger_there() {
    let folder = scratch("caller");
    fs::write(folder.join("caller.py"), CALLER).unwrap();
    let config =
        format!("[agents.calls]\ncommand = [\"python3\", \"{}/caller.py\"]\ninput = \"stdin\"\n", folder.display());
    fs::write(folder.join("inhouse.toml"), config).unwrap();
    let server = Launch::new(&["serve"]).directory(&folder).env("NO_PROXY", "*").start();
    let said = text_of(&server.send(&server.address.port().to_string()));
    assert!(["[401]\n", "[401, 429]\n"].contains(&said.as_str()), "{said}");
    assert_eq!(server.result("ListTasks", json!({}))["totalSize"], 1, "it has started nothing");
}
