//! The client's verbs against the real server: what is printed where, and the exit codes.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::too_many_lines, reason = "tests")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use support::terminal::Terminal;
use support::{Server, TOKEN, scratch, script};

fn inhouse(server: &Server, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inhouse"));
    command.args(args).env_clear().env("HOME", scratch("home")).current_dir(scratch("elsewhere"));
    command.env("INHOUSE_URL", format!("http://{}", server.address)).env("INHOUSE_TOKEN", TOKEN).stdin(Stdio::null());
    command
}

fn run(server: &Server, args: &[&str]) -> (i32, String, String) {
    told(&inhouse(server, args).output().unwrap())
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_piped_answer_is_exact_to_the_byte() {
    let server = Server::with_agent("cat");
    for text in ["hello käse", "--looks-like-a-flag", " spaces  and\ttabs "] {
        let (code, stdout, stderr) = run(&server, &["send", "--", text]);
        assert_eq!((code, stdout.as_str()), (0, text), "{stderr}");
        let (code, stdout, _) = run(&server, &["send", "--stream", "--", text]);
        assert_eq!((code, stdout.as_str()), (0, text));
    }
}

#[test]
fn a_text_comes_from_stdin_as_well() {
    let server = Server::with_agent("wc -c");
    let mut child = inhouse(&server, &["send", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all("ü".repeat(50_000).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "100000");
}

#[test]
fn files_and_values_reach_the_agent_with_the_text() {
    let parts = "import json, sys; print(json.dumps(json.load(sys.stdin)['message']['parts']))";
    let server = Server::with_native(&script("python3", parts));
    let folder = scratch("files");
    std::fs::write(folder.join("shot.png"), b"PNG\xff").unwrap();
    std::fs::write(folder.join("order.json"), "{\"order\": 9007199254740993}").unwrap();
    let send = |args: &[&str]| {
        let args = [&["send", "--file", "shot.png", "--data", "@order.json"], args].concat();
        told(&inhouse(&server, &args).current_dir(&folder).output().unwrap())
    };
    let (code, stdout, stderr) = send(&["look", "at it"]);
    let parts: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{code} {stdout} {stderr}"));
    assert_eq!((&parts[0]["text"], parts.as_array().unwrap().len()), (&"look at it".into(), 3), "{parts}");
    assert_eq!((&parts[1]["filename"], &parts[1]["mediaType"]), (&"shot.png".into(), &"image/png".into()), "{parts}");
    assert!(stdout.contains("9007199254740993"), "{stdout}");
    let (code, stdout, _) = send(&[]);
    assert!(code == 0 && !stdout.contains("\"text\""), "{stdout}");
    let (code, _, stderr) = send(&["--file", "none.txt", "look"]);
    assert!(code == 2 && stderr.contains("can not read none.txt"), "{code} {stderr}");
}

#[test]
fn a_terminal_shows_that_it_waits_and_then_the_answer_alone() {
    let gate = scratch("gate").join("open");
    let source = format!("until [ -e {0} ]; do sleep 0.02; done; echo done", gate.display());
    let server = Server::with_agent(&script("sh", &source));
    let terminal = Terminal::start(inhouse(&server, &["send", "go"]));
    terminal.shows("working, 1 s");
    std::fs::write(gate, "").unwrap();
    assert!(terminal.shows("done\r\n").ends_with("\r\u{1b}[Kdone\r\n"));
    assert_eq!(terminal.end(), 0);
}

#[test]
fn exit_codes_tell_how_it_ended() {
    let failing = Server::with_agent(&script("sh", "echo oops >&2; exit 3"));
    let (code, _, stderr) = run(&failing, &["send", "hi"]);
    assert_eq!(code, 1);
    assert!(stderr.contains("agent_failed"), "{stderr}");
    let asking = Server::with_native(&script("sh", "echo '{\"status\":\"input-required\",\"text\":\"your name?\"}'"));
    let (code, _, stderr) = run(&asking, &["send", "hi"]);
    assert_eq!(code, 3);
    assert!(stderr.contains("your name?") && stderr.contains("inhouse send --task "), "{stderr}");
    let (code, stdout, stderr) = run(&asking, &["send", "--token", "wrong", "hi"]);
    assert_eq!((code, stdout.as_str()), (4, ""));
    assert!(!stderr.contains(TOKEN));
    let (code, _, stderr) = run(&asking, &["send", "--url", "http://127.0.0.1:1", "hi"]);
    assert_eq!(code, 5);
    assert!(stderr.contains("inhouse serve"), "{stderr}");
    assert_eq!(run(&asking, &["send", "--no-such-flag"]).0, 2);
    assert_eq!(run(&asking, &["task", "get", "nowhere"]).0, 1);
}

#[test]
fn programs_get_the_protocols_own_json() {
    let server = Server::with_agent("cat");
    let (code, stdout, _) = run(&server, &["send", "--json", "hello"]);
    let sent: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, support::text_of(&sent["task"]).as_str()), (0, "hello"));
    let id = sent["task"]["id"].as_str().unwrap();
    let (_, stdout, _) = run(&server, &["task", "get", id, "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap()["id"], id);
    let (_, stdout, _) = run(&server, &["task", "list", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(stdout.lines().next().unwrap()).unwrap()["id"], id);
    let (_, stdout, _) = run(&server, &["card", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap()["supportedInterfaces"][0]["protocolBinding"], "JSONRPC");
    let (_, stdout, _) = run(&server, &["task", "watch", id, "--from", "1", "--json"]);
    let last: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["statusUpdate"]["status"]["state"], "TASK_STATE_COMPLETED");
}

#[test]
fn the_other_binding_says_the_same() {
    let agent = script(
        "sh",
        "[ $A2A_TURN = 1 ] && echo '{\"status\":\"input-required\",\"text\":\"name?\"}' || echo '{\"text\":\"hi\"}'",
    );
    let server = Server::with_native(&agent);
    let rest = |args: &[&str]| run(&server, &[args, &["--binding", "http+json"]].concat());
    let (code, _, stderr) = rest(&["send", "--stream", "hello"]);
    let again = stderr.lines().find_map(|line| line.split("inhouse send --task ").nth(1)).expect("how to answer");
    assert!(code == 3 && again.ends_with("--binding http+json"), "{stderr}");
    let id = again.split(' ').next().unwrap();
    assert_eq!(rest(&["send", "--task", id, "Ann"]), (0, "hi".to_owned(), String::new()));
    for args in [&["task", "get", id][..], &["task", "list"], &["task", "watch", id, "--from", "1"]] {
        let (code, stdout, stderr) = rest(args);
        let by_rest = (code, stdout, stderr.replace(" --binding http+json", ""));
        assert_eq!((&by_rest, code), (&run(&server, args), 0), "{args:?}");
    }
    for args in [&["task", "get", "nowhere"][..], &["task", "cancel", id], &["push", "get", id, "none"]] {
        let (code, _, stderr) = rest(args);
        assert!(code == 1 && stderr.starts_with(run(&server, args).2.lines().next().unwrap()), "{args:?}: {stderr}");
    }
}

#[test]
fn an_interrupted_send_leaves_the_task_running_and_says_how_to_cancel_it() {
    let server = Server::with_agent(&script("sh", "echo begun; sleep 600"));
    let mut child =
        inhouse(&server, &["send", "--stream", "go"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first, "begun\n");
    assert!(Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap().success());
    let (code, _, stderr) = told(&child.wait_with_output().unwrap());
    assert_eq!(code, 130);
    let cancel = stderr.lines().find_map(|line| line.split("inhouse task cancel ").nth(1)).expect("how to cancel");
    let (code, _, stderr) = run(&server, &["task", "cancel", cancel.trim()]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(support::state_of(&server.task(cancel.trim())), "CANCELED");
}

#[test]
fn the_first_output_ends_with_a_command_that_works_as_it_stands() {
    let launch =
        support::Launch::new(&["serve"]).without("API_TOKEN").env("AGENT_CMD", "cat").env("AGENT_INPUT", "stdin");
    let server = launch.start();
    assert!(server.banner.len() <= 8, "{:?}", server.banner);
    let command = server.banner.last().unwrap();
    let output = Command::new("sh").args(["-c", command]).env_clear().output().unwrap();
    assert_eq!(told(&output), (0, "hello".to_owned(), told(&output).2));
    let token = command.split("INHOUSE_TOKEN_FILE=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(token).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let secret = std::fs::read_to_string(token).unwrap();
    assert!(!server.stderr().contains(secret.trim()) && !server.banner.concat().contains(secret.trim()));
}
