//! What the server starts, it ends, however it is stopped itself: through the real binary, by marks that only the agent's processes carry.
//! How turns end is shown by `zoo.rs`.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::too_many_lines, reason = "tests")]

mod support;

use std::time::Duration;

use serde_json::json;
use support::{Launch, Server, processes_with, script, state_of, text_of, wait, wait_within};

const GONE: Duration = Duration::from_secs(2);

/// A tree with everything that is hard to end: a child that ignores TERM, one in its own session that holds stdout, one
/// that was forked twice, one that has stopped itself. Each carries the mark in its command line. Its root is the
/// agent: it ends at TERM, unless it is told `ignore`.
fn zoo(mark: &str) -> String {
    let source = format!(
        "import os,signal,subprocess,sys,time\n\
         said=sys.stdin.read().strip()\n\
         if said=='ignore': signal.signal(signal.SIGTERM,signal.SIG_IGN)\n\
         keep=[sys.executable,'-c','import signal,time\\nsignal.signal(signal.SIGTERM,signal.SIG_IGN)\\ntime.sleep(600)','{mark}']\n\
         subprocess.Popen(keep)\n\
         subprocess.Popen(keep,start_new_session=True)\n\
         if os.fork()==0:\n\
         \x20   os.setsid()\n\
         \x20   if os.fork()==0:\n\
         \x20       os.execv(keep[0],keep)\n\
         \x20   os._exit(0)\n\
         subprocess.Popen([sys.executable,'-c','import os,signal\\nos.kill(os.getpid(),signal.SIGSTOP)','{mark}'])\n\
         while len([p for p in os.listdir('/proc') if p.isdigit() and b'{mark}' in (lambda f: open(f,'rb').read() if os.path.exists(f) else b'')('/proc/'+p+'/cmdline')])<4: time.sleep(0.01)\n\
         print('ready',flush=True)\n\
         time.sleep(600)\n"
    );
    script("python3", &source)
}

fn mark() -> String {
    format!("mark-{}", uuid::Uuid::new_v4().simple())
}

fn all_gone(mark: &str) {
    wait_within(GONE, "the whole tree to end", || processes_with(mark).is_empty().then_some(()));
}

fn told(text: &str, server: &Server, mark: &str) {
    let id = server.start_task(text);
    server.wait_for(&id, |task| text_of(task) == "ready\n");
    assert!(processes_with(mark).len() >= 4);
}

#[test]
fn a_stop_ends_running_turns_within_the_grace_and_the_server_ends_with_0() {
    let mark = mark();
    let mut server = Launch::new(&["serve"]).env("AGENT_CMD", zoo(&mark)).env("AGENT_INPUT", "stdin").start();
    told("stay", &server, &mark);
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    all_gone(&mark);
}

#[test]
fn a_second_signal_ends_the_server_now() {
    let mark = mark();
    let mut server = Server::with_agent(&zoo(&mark));
    told("ignore", &server, &mark);
    server.signal("INT");
    // Two that come at once are one, to any process: the second counts from when the first was heard.
    wait("the server to begin its end", || server.stderr().contains("stopping: ").then_some(()));
    server.signal("INT");
    assert_eq!(server.wait(), Some(130));
    all_gone(&mark);
}

#[test]
fn an_agent_that_kills_its_supervisor_is_ended_and_the_server_goes_on() {
    let mark = mark();
    let agent = script(
        "python3",
        &format!(
            "import os,signal,subprocess,sys,time\n\
             subprocess.Popen([sys.executable,'-c','import time\\ntime.sleep(600)','{mark}'],start_new_session=True)\n\
             if sys.stdin.read()=='attack': os.kill(os.getppid(),signal.SIGKILL)\n\
             time.sleep(0 if os.getppid()!=1 else 600)\nprint('ok')"
        ),
    );
    let launch = Launch::new(&["serve", "--containment", "reaper"]);
    let server = launch.env("AGENT_CMD", agent).env("AGENT_INPUT", "stdin").start();
    assert_eq!(state_of(&server.send("attack")), "FAILED");
    all_gone(&mark);
    assert_eq!(text_of(&server.send("behave")), "ok\n");
    all_gone(&mark);
}

#[test]
fn the_agent_sees_none_of_the_servers_secrets_and_no_open_files_of_its() {
    let agent = script("sh", "env; ls -l /proc/self/fd | tail -n +2 | awk '{print \"fd\", $9}'");
    let launch = Launch::new(&["serve"]).env("AGENT_CMD", &agent).env("AGENT_INPUT", "stdin");
    let server = launch
        .env("CANARY_SECRET", "canary-1")
        .env("INHOUSE_TOKEN", "canary-2")
        .env("AWS_SECRET_ACCESS_KEY", "canary-3")
        .start();
    let seen = text_of(&server.send("go"));
    assert!(!seen.contains("canary") && !seen.contains(support::TOKEN), "{seen}");
    let files: Vec<_> = seen.lines().filter_map(|line| line.strip_prefix("fd ")).collect();
    assert!(files.len() <= 4, "stdin, stdout, stderr and ls's own: {files:?}");
}

#[test]
fn an_agent_keeps_the_limit_on_open_files_that_the_server_was_started_with() {
    let agent = script("sh", "ulimit -Sn");
    let serve = format!("ulimit -Sn 512; exec '{}' serve", env!("CARGO_BIN_EXE_inhouse"));
    let server = Launch::through("sh", &["-c", &serve]).env("AGENT_CMD", &agent).env("AGENT_INPUT", "stdin").start();
    assert_eq!(text_of(&server.send("go")), "512\n");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<_> = files.split_whitespace().filter_map(|word| word.parse::<u64>().ok()).collect();
    assert_eq!(numbers[0], numbers[1], "the server itself uses all that it may");
}

#[test]
fn a_stop_ends_streams_that_only_wait() {
    let agent = script("sh", "echo '{\"status\":\"input-required\",\"text\":\"well?\"}'");
    let mut server = Server::with_native(&agent);
    let id = server.send("hi")["id"].as_str().unwrap().to_owned();
    let mut stream = server.stream("SubscribeToTask", json!({"id": id}), &[]);
    assert_eq!(state_of(&stream.next().unwrap().result()["task"]), "INPUT_REQUIRED");
    server.signal("TERM");
    assert!(stream.next().is_none(), "the stream ends, and does not wait for its grace");
    assert_eq!(server.wait(), Some(0));
}
