//! No more processes and threads: turns fail and say why, the server goes on. The limit on processes does not bind root, so root runs
//! the server as another user here.

use std::fs;
use std::os::unix::fs::chown;
use std::process::Command;

use crate::is_root;
use crate::support::{Launch, Server, message, reason_of, scratch, state_of, text_of, untested};

/// A user that owns nothing.
const NOBODY: u32 = 54_321;
const NOBODY_BY: [&str; 3] = ["--reuid=54321", "--regid=54321", "--clear-groups"];
const BIN: &str = env!("CARGO_BIN_EXE_inhouse");

fn as_nobody() -> Command {
    let mut command = Command::new("setpriv");
    command.args(NOBODY_BY);
    command
}

/// Sets how many processes the user of these may have: root may not everywhere set it for others.
fn limit_all(pids: &[u32], nproc: &str) {
    for pid in pids {
        let mut command = if is_root() { as_nobody() } else { Command::new("env") };
        let set = command.args(["prlimit", "--pid", &pid.to_string(), &format!("--nproc={nproc}:")]).status().unwrap();
        assert!(set.success(), "{pid} {nproc}");
    }
}

/// A server of a user for whom the limit counts; nothing, where there is none.
fn server() -> Option<Server> {
    let (home, config) = (scratch("home"), "[agents.cat]\ncommand = [\"cat\"]\ninput = \"stdin\"\n");
    fs::write(home.join("inhouse.toml"), config).unwrap();
    if !is_root() {
        return Some(Launch::new(&["serve"]).directory(&home).env("HOME", &home).start());
    }
    chown(&home, Some(NOBODY), Some(NOBODY)).unwrap();
    let can = as_nobody().args(["test", "-x", BIN, "-a", "-w"]).arg(&home).status();
    if !can.is_ok_and(|can| can.success()) {
        untested(&format!("a lack of processes, since another user can not reach {BIN}"));
        return None;
    }
    let args = [&NOBODY_BY[..], &[BIN, "serve"]].concat();
    Some(Launch::through("setpriv", &args).directory(&home).env("HOME", &home).start())
}

/// The server and the supervisors that it has.
fn all(server: &Server) -> Vec<u32> {
    let mut found = vec![server.pid()];
    let mut at = 0;
    while at < found.len() {
        let text = fs::read_to_string(format!("/proc/{0}/task/{0}/children", found[at])).unwrap_or_default();
        found.extend(text.split_whitespace().map(|pid| pid.parse::<u32>().unwrap()));
        at += 1;
    }
    found
}

#[test]
fn without_processes_turns_fail_and_the_server_goes_on() {
    let Some(mut server) = server() else { return };
    assert_eq!(text_of(&server.send("before")), "before");
    limit_all(&all(&server), "1");
    for _ in 0..5 {
        let failed = server.send("during");
        assert_eq!((state_of(&failed), reason_of(&failed)), ("FAILED", "start_failed"), "{failed}");
    }
    // Several at once need supervisors that are not there.
    let ids: Vec<_> = (0..8).map(|_| server.start_task("during")).collect();
    ids.iter().for_each(|id| drop(server.wait_for(id, |task| state_of(task) == "FAILED")));
    assert_eq!(server.get("/health").status, 200);
    limit_all(&all(&server), "1000");
    assert_eq!(text_of(&server.send("after")), "after", "{}", server.stderr());
    assert!(server.result("SendMessage", message("x"))["task"].is_object());
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    assert!(!server.stderr().contains("panicked"), "{}", server.stderr());
}
