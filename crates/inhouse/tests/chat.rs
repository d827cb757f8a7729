//! `inhouse chat` against the real server: on a pseudo-terminal, and without one.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;
use support::terminal::Terminal;
use support::{Server, TOKEN, scratch, script, state_of, wait};

/// Answers with the number of the context's words so far, or asks for leave.
const AGENT: &str = "import json, sys, time\nt = json.load(sys.stdin)\nw = ''.join(p.get('text', '') for p in t['message']['parts'])\n\
    say = lambda **o: print(json.dumps(o), flush=True)\n\
    if t['turn'] > 1: say(text='you said ' + w)\n\
    elif w == 'ask': say(status='input-required', text='which colour?')\n\
    elif w == 'fail': say(status='failed', text='no such luck')\n\
    elif w == 'hang': say(text='hanging'); time.sleep(600)\n\
    elif w == 'status': say(status='completed', text='all in the status')\n\
    else: say(status='working', text='reading'); say(text='context ' + t['contextId'] + ': ' + w)";

fn agent() -> Server {
    Server::with_native(&script("python3", AGENT))
}

fn inhouse(server: &Server, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inhouse"));
    command.arg("chat").args(args).env_clear().env("HOME", scratch("home")).current_dir(scratch("elsewhere"));
    command.env("INHOUSE_URL", format!("http://{}", server.address)).env("INHOUSE_TOKEN", TOKEN);
    command
}

/// Exit code, stdout and stderr of a chat with these lines on stdin.
fn piped(server: &Server, lines: &str, args: &[&str]) -> (i32, String, String) {
    let mut command = inhouse(server, args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn lines_of_a_pipe_are_messages_of_one_context_and_stdout_has_the_answers() {
    let server = agent();
    let (code, stdout, stderr) = piped(&server, "one\n\ntwo\nask\nblue\nstatus\n", &["--context", "c-1"]);
    let answers = "context c-1: one\ncontext c-1: two\nyou said blue\nall in the status\n";
    assert_eq!((code, stdout.as_str()), (0, answers), "{stderr}");
    assert_eq!(stderr, "which colour?\n", "no prompt, no greeting");
    let (_, stdout, _) = piped(&server, "one\ntwo", &[]);
    let contexts: Vec<_> = stdout.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert!(contexts.len() == 2 && contexts[0] == contexts[1], "{stdout}");
}

#[test]
fn without_a_terminal_the_first_failure_ends_it_and_an_open_question_is_told() {
    let server = agent();
    let (code, stdout, stderr) = piped(&server, "fail\none\n", &[]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (1, "", "error: failed: no such luck\n"));
    let (code, _, stderr) = piped(&server, "ask\n", &[]);
    assert!(code == 3 && stderr.contains("hint: answer with: inhouse send --task "), "{code} {stderr}");
    assert_eq!(piped(&server, "one\n", &["--url", "http://127.0.0.1:1"]).0, 5);
    assert_eq!(piped(&server, "one\n", &["--token", "wrong"]).0, 4);
    assert_eq!(piped(&server, "", &[]), (0, String::new(), String::new()));
}

#[test]
fn on_a_terminal_a_person_talks_answers_and_goes() {
    let server = agent();
    let mut terminal = Terminal::start(inhouse(&server, &[]));
    terminal.shows("Ctrl-D ends the chat.\r\n> ");
    terminal.types("hello\n");
    terminal.shows("(reading)\r\n");
    assert!(terminal.shows(": hello\r\n> ").starts_with("context "));
    terminal.types("ask\n");
    terminal.shows("which colour?\r\nanswer> ");
    terminal.types("blue\n");
    terminal.shows("you said blue\r\n> ");
    terminal.types("fail\n");
    terminal.shows("error: failed: no such luck\r\n> ");
    terminal.types("\u{4}");
    terminal.shows("go on with: inhouse chat --context ");
    assert_eq!(terminal.end(), 1, "the code of the last message");
}

#[test]
fn ctrl_c_cancels_the_task_and_the_chat_goes_on() {
    let server = agent();
    let mut terminal = Terminal::start(inhouse(&server, &[]));
    terminal.shows("> ");
    terminal.types("hang\n");
    terminal.shows("hanging");
    terminal.interrupt();
    terminal.shows("error: canceled\r\n> ");
    let task = server.result("ListTasks", json!({}))["tasks"][0].clone();
    assert_eq!(state_of(&task), "CANCELED");
    terminal.types("again\n");
    terminal.shows(": again\r\n> ");
    terminal.interrupt();
    assert_eq!(terminal.end(), 0);
}

#[test]
fn what_was_typed_before_a_question_is_not_its_answer() {
    let gate = scratch("gate").join("open");
    let source = format!(
        "import json, os, sys, time\nt = json.load(sys.stdin)\n\
         if t['turn'] > 1: print(json.dumps({{'text': 'given'}})); sys.exit()\n\
         while not os.path.exists({:?}): time.sleep(0.02)\n\
         print(json.dumps({{'status': 'input-required', 'text': 'may I?'}}))",
        gate.display().to_string()
    );
    let server = Server::with_native(&script("python3", &source));
    let mut terminal = Terminal::start(inhouse(&server, &[]));
    terminal.shows("> ");
    terminal.types("go\n");
    terminal.shows("go\r\n");
    terminal.types("yes\n");
    terminal.shows("yes\r\n");
    // What is typed is echoed first and read then.
    wait("the task", || server.result("ListTasks", json!({}))["tasks"].get(0).cloned());
    std::fs::write(gate, "").unwrap();
    terminal.shows("may I?\r\n");
    terminal.shows("is left out\r\nanswer> ");
    terminal.types("yes\n");
    terminal.shows("given\r\n> ");
}
