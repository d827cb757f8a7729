//! No space on the disk: on a small file system of the test's own, in namespaces that need no privilege, or else by a bound on the size
//! of files, which is no lack of space but fails the same writes.

use std::fs;
use std::process::Command;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::House;
use crate::raise;
use crate::support::{Launch, Server, message, reason_of, rpc, state_of, text_of, untested, wait};

const BIN: &str = env!("CARGO_BIN_EXE_inhouse");
/// Takes all blocks and all files that there are.
const FILL: &str =
    "dd if=/dev/zero of=disk/fill bs=4k 2>/dev/null; i=0; while (: > disk/x$i) 2>/dev/null; do i=$((i+1)); done";

/// Whether a file system can be mounted here; where it can not, a test says what it has not shown.
fn can_mount() -> bool {
    let there = Command::new("unshare").args(["-Urm", "mount", "-t", "tmpfs", "none", "/mnt"]).status();
    let there = there.is_ok_and(|there| there.success());
    match there {
        true => eprintln!("no space: on a tmpfs in a user and a mount namespace"),
        false => untested("a full disk, since nothing can be mounted here"),
    }
    there
}

/// A house with a disk of half a MiB, on which are the workspaces, the callers' files and the audit. `go` answers, `fill` fills the disk
/// until the flag is there.
fn house(audit: &str) -> House {
    let house = House::new("");
    let script = format!(
        "cd {0}; read said; echo begun; if [ \"$said\" = fill ]; then {FILL}; echo filled; \
         while [ ! -e flag ]; do sleep 0.05; done; rm disk/fill disk/x*; echo freed; fi\n",
        house.0.display()
    );
    house.write("agent.sh", script);
    let config = format!(
        "[server]\nworkspaces_dir = \"disk/spaces\"\n[audit]\n{audit}\n[limits]\naudit_wait_ms_max = 50\n\
         [agents.disk]\ncommand = [\"sh\", \"{0}/agent.sh\"]\ninput = \"stdin\"\n\
         [agents.room]\ncommand = [\"sh\", \"{0}/agent.sh\"]\ninput = \"stdin\"\nworkspace = \"temporary\"\n",
        house.0.display()
    );
    house.write("inhouse.toml", config);
    fs::create_dir(house.path("disk")).unwrap();
    house
}

/// Runs words of a shell where the disk is mounted.
fn on_disk(house: &House, words: &str) -> Launch {
    let mount = "mount -t tmpfs -o size=512k,nr_inodes=300 none disk && mkdir disk/tmp && export TMPDIR=$PWD/disk/tmp";
    house.through("unshare", &["-Urm", "sh", "-c", &format!("{mount} && {words}")])
}

/// Fills the disk by an agent that then waits: its task.
fn filled(server: &Server) -> String {
    let id = server.start_task("fill\n");
    server.wait_for(&id, |task| text_of(task).contains("filled"));
    id
}

#[test]
fn with_a_full_disk_reads_go_on_and_with_space_again_all_does_and_the_audit_holds() {
    if !can_mount() {
        return;
    }
    let house = house("to = \"file\"\nfile = \"disk/audit.jsonl\"\nkey = \"key.pem\"");
    // The shell outlives the server, to save what it wrote.
    let serve = format!("setpriv --pdeathsig KILL '{BIN}' serve; code=$?; cp disk/audit.jsonl saved.jsonl; exit $code");
    let mut server = on_disk(&house, &serve).start();
    let id = filled(&server);
    wait("the audit to fail", || (server.post(&rpc("SendMessage", message("go\n"))).status == 503).then_some(()));
    for _ in 0..20 {
        assert_eq!(state_of(&server.task(&id)), "WORKING");
        assert_eq!(server.post(&rpc("CancelTask", json!({"id": id}))).status, 503);
    }
    raise(&house.path("flag"));
    let ended = server.wait_for(&id, |task| state_of(task) == "COMPLETED");
    assert!(text_of(&ended).ends_with("freed\n"), "{ended}");
    wait("work", || (server.post(&rpc("SendMessage", message("go\n"))).status == 200).then_some(()));
    let below = fs::read_to_string(format!("/proc/{0}/task/{0}/children", server.pid())).unwrap();
    assert!(Command::new("kill").arg(below.trim()).status().unwrap().success());
    assert_eq!(server.wait(), Some(0), "{}", server.stderr());
    fs::rename(house.path("saved.jsonl"), house.path("disk/audit.jsonl")).unwrap();
    house.holds();
}

/// A message with a file of so many bytes.
fn with_file(bytes: usize) -> Value {
    let mut params = message("go\n");
    let raw = base64::engine::general_purpose::STANDARD.encode(vec![b'x'; bytes]);
    params["message"]["parts"].as_array_mut().unwrap().push(json!({"raw": raw, "filename": "x"}));
    params
}

/// Sends to an agent: its task, however it ended.
fn sent(server: &Server, agent: &str, params: Value) -> Value {
    let authorization = format!("Bearer {}", crate::support::TOKEN);
    let head =
        crate::support::http::headers(&[("Authorization", &authorization), ("Content-Type", "application/json")]);
    let path = format!("/agents/{agent}/a2a");
    let answer =
        crate::support::http::request(server.address, "POST", &path, &head, &rpc("SendMessage", params)).json();
    answer["result"]["task"].clone()
}

#[test]
fn a_turn_for_which_there_is_no_room_fails_and_says_so_and_the_next_one_does_not() {
    if !can_mount() {
        return;
    }
    let house = house("to = \"stderr\"");
    let server = on_disk(&house, &format!("exec '{BIN}' serve")).start();
    for params in [message("go\n"), with_file(1_000)] {
        assert_eq!(state_of(&sent(&server, "room", params)), "COMPLETED", "{}", server.stderr());
    }
    let id = filled(&server);
    assert_eq!(text_of(&server.send("go\n")), "begun\n", "what needs no room goes on");
    for (agent, params, why) in [("room", message("go\n"), "start_failed"), ("disk", with_file(1_000), "internal")] {
        let task = sent(&server, agent, params);
        assert_eq!((state_of(&task), reason_of(&task)), ("FAILED", why), "{agent} {task}");
    }
    raise(&house.path("flag"));
    server.wait_for(&id, |task| state_of(task) == "COMPLETED");
    for params in [message("go\n"), with_file(1_000)] {
        assert_eq!(state_of(&sent(&server, "room", params)), "COMPLETED", "{}", server.stderr());
    }
}

#[test]
fn on_a_full_disk_the_tokens_stay_as_they_were() {
    if !can_mount() {
        return;
    }
    let house = House::new("[server]\ntokens_file = \"disk/keys/tokens.json\"\n");
    fs::create_dir(house.path("disk")).unwrap();
    let words = format!(
        "{BIN} token new one > first && {BIN} token list > before && {{ {FILL}; }}; {BIN} token new two; echo code $?; \
         {BIN} token revoke one; echo code $?; {BIN} token list > during; rm disk/fill disk/x*; \
         {BIN} token new two > second && {BIN} token list > after; echo code $?"
    );
    let (_, out, err) = on_disk(&house, &words).run();
    assert_eq!(out, "code 2\ncode 2\ncode 0\n", "{err}");
    assert!(err.contains("tokens.json") && err.contains("No space left on device"), "{err}");
    let read = |name: &str| fs::read_to_string(house.path(name)).unwrap();
    assert_eq!(read("before"), read("during"));
    assert!(read("after").contains("two"));
}

#[test]
fn an_audit_that_may_not_grow_takes_no_work_and_ends_nothing() {
    let house = house("to = \"file\"\nfile = \"disk/audit.jsonl\"\nkey = \"key.pem\"");
    // In blocks of 512 bytes.
    let mut server = house.through("sh", &["-c", &format!("ulimit -S -f 8; exec '{BIN}' serve")]).start();
    wait("the audit to fail", || (server.post(&rpc("SendMessage", message("go\n"))).status == 503).then_some(()));
    for _ in 0..3 {
        assert_eq!(server.post(&rpc("ListTasks", json!({}))).status, 200);
    }
    crate::limit(server.pid(), "--fsize=unlimited:");
    wait("work", || (server.post(&rpc("SendMessage", message("go\n"))).status == 200).then_some(()));
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0), "{}", server.stderr());
    house.holds();
}
