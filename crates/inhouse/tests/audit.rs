//! The audit over the real binary: whatever is done to it is found, wherever it is written, over restarts and crashes.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::{Launch, Server, TOKEN, http, message, rpc, scratch, wait};

/// A folder with a configuration whose audit is a file.
struct House(PathBuf);

impl House {
    fn new(limits: &str) -> Self {
        let house = Self(scratch("audit"));
        let config = format!(
            "[audit]\nto = \"file\"\nfile = \"audit.jsonl\"\nkey = \"key.pem\"\n[limits]\n{limits}\n[agents.cat]\ncommand = [\"cat\"]\n"
        );
        fs::write(house.0.join("inhouse.toml"), config).unwrap();
        house
    }

    fn launch(&self, args: &[&str]) -> Launch {
        Launch::new(args).directory(&self.0)
    }

    /// A server that takes so many messages and is stopped in order.
    fn serve(&self, messages: usize) {
        let server = self.launch(&["serve"]).start();
        (0..messages).for_each(|number| drop(server.send(&number.to_string())));
        stop(server);
    }

    fn file(&self) -> PathBuf {
        self.0.join("audit.jsonl")
    }

    fn lines(&self) -> Vec<String> {
        fs::read_to_string(self.file()).unwrap().lines().map(str::to_owned).collect()
    }

    fn write(&self, lines: &[String]) {
        fs::write(self.file(), lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    }

    fn verify(&self, more: &[&str]) -> (i32, String) {
        let (code, out, err) = self.launch(&[&["audit", "verify"], more].concat()).run();
        (code, out + &err)
    }

    fn report(&self) -> Value {
        let (code, out) = self.verify(&["--json"]);
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &report["broken"]), (0, &Value::Null), "{report}");
        report
    }
}

fn stop(mut server: Server) {
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0), "{}", server.stderr());
}

#[test]
fn an_audit_that_nobody_touched_holds_over_restarts_and_full_files() {
    let house = House::new("audit_file_bytes_max = 2_048\naudit_head_lines = 3");
    for messages in [5, 0, 6] {
        house.serve(messages);
    }
    assert!(house.0.join("audit.jsonl.2").exists());
    let report = house.report();
    assert_eq!((&report["chains"], &report["beginsAt"], &report["bare"]), (&1.into(), &Value::Null, &0.into()));
    assert!(report["lines"].as_u64() > Some(14) && report["heads"].as_u64() > Some(4), "{report}");
    let mode = |name: &str| fs::metadata(house.0.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode("audit.jsonl"), mode("audit.jsonl.1"), mode("key.pem")], [0o600; 3]);
    let key = report["key"].as_str().unwrap();
    assert!(fs::read_to_string(house.0.join("audit.jsonl.2")).unwrap().contains(key), "a start names the key");
    assert_eq!(house.verify(&["--key", key, "--whole"]).0, 0);
    assert_eq!(house.verify(&["--print-key"]), (0, format!("{key}\n")));
    let (code, said) = house.verify(&["--key", "another"]);
    assert!(code == 1 && said.contains("which is another one"), "{said}");
    let (code, said) = house.verify(&["--key", "-a-key-that-begins-with-a-dash"]);
    assert!(code == 1 && said.contains("which is another one"), "{said}");
    let words = house.verify(&[]).1;
    assert!(words.contains("lines hold, in 1 chain\n") && words.contains("heads are signed by"), "{words}");
    // Without the oldest file the rest still holds, and says that it is a rest.
    let oldest =
        (1..).map(|n| house.0.join(format!("audit.jsonl.{n}"))).take_while(|path| path.exists()).last().unwrap();
    fs::remove_file(oldest).unwrap();
    assert!(house.report()["beginsAt"].as_u64() > Some(1));
    assert_eq!((house.verify(&[]).0, house.verify(&["--whole"]).0), (0, 1));
}

#[test]
fn whatever_is_done_to_its_lines_is_found_with_its_place() {
    let house = House::new("");
    house.serve(4);
    let lines = house.lines();
    assert!(lines.len() >= 6, "{lines:?}");
    let mut found = 0;
    let mut broken = |lines: &[String], at: usize, what: &str| {
        house.write(lines);
        let (code, said) = house.verify(&[]);
        assert!(code == 1 && said.contains(&format!("audit.jsonl:{}, where", at + 1)), "{what} {at}: {said}");
        found += 1;
    };
    for at in 0..lines.len() {
        let mut changed = lines.clone();
        changed[at] = changed[at].replacen("\"time_ms\":1", "\"time_ms\":2", 1);
        // It may be torn, as long as no other line follows.
        broken(&changed, at, "changed");
        if at == 0 {
            continue;
        }
        let mut swapped = lines.clone();
        swapped.swap(at - 1, at);
        broken(&swapped, if at == 1 { 1 } else { at - 1 }, "swapped");
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at - 1].clone());
        broken(&doubled, at, "doubled");
        if at + 1 < lines.len() {
            let mut fewer = lines.clone();
            fewer.remove(at);
            broken(&fewer, at, "removed");
        }
    }
    assert!(found > 15, "{found}");
    // A head is signed by the server's key alone: whoever seals all lines again has none.
    let mut forged = lines.clone();
    let head = forged.iter().position(|line| line.contains("\"operation\":\"head\"")).unwrap();
    let signature = forged[head].split("\"signature\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    forged[head] = forged[head].replace(&signature, &signature.chars().rev().collect::<String>());
    house.write(&forged);
    assert_eq!(house.verify(&[]).0, 1);
    house.write(&lines);
    assert_eq!(house.report()["lines"].as_u64(), Some(lines.len() as u64));
    house.write(&lines[..lines.len() - 1]);
    assert!(house.report()["bare"].as_u64() > Some(0), "what is behind the last head is told");
    let (code, said) = house.verify(&[]);
    assert!(code == 0 && said.contains("the end is no orderly stop"), "{said}");
    assert_eq!(house.verify(&["--whole"]).0, 1);
}

#[test]
fn a_crash_leaves_what_was_written_and_a_torn_line_is_told() {
    let house = House::new("");
    let server = house.launch(&["serve"]).start();
    server.send("hi");
    wait("the line", || (house.lines().iter().any(|line| line.contains("SendMessage"))).then_some(()));
    drop(server);
    OpenOptions::new().append(true).open(house.file()).unwrap().write_all(b"{\"time_ms\":17,\"oper").unwrap();
    let before = house.lines().len();
    let (code, said) = house.verify(&[]);
    assert!(code == 1 && said.contains(&format!("audit.jsonl:{before}, where")), "{said}");
    // One start is torn as well.
    let server = house.launch(&["serve"]).start();
    wait("the start", || (house.lines().len() > before).then_some(()));
    drop(server);
    let mut bytes = fs::read(house.file()).unwrap();
    bytes.truncate(bytes.len() - 10);
    fs::write(house.file(), bytes).unwrap();
    house.serve(1);
    let report = house.report();
    assert_eq!((&report["torn"], &report["unclean"], &report["chains"]), (&1.into(), &1.into(), &1.into()), "{report}");
    assert!(house.verify(&[]).1.contains("torn by a crash"));
    // What was torn is known, and the same in the middle is no crash.
    let lines = house.lines();
    let mut changed = lines.clone();
    changed[before - 1] = changed[before - 1].replacen("17", "18", 1);
    house.write(&changed);
    assert!(house.verify(&[]).1.contains(&format!("audit.jsonl:{before}, where")));
    let mut more = lines;
    more.insert(1, "{\"time_ms\":17,\"oper".into());
    house.write(&more);
    assert!(
        house.verify(&[]).1.contains("audit.jsonl:2, where number 2 belongs: it is no line"),
        "{}",
        house.verify(&[]).1
    );
}

#[test]
fn what_stderr_took_is_verified_among_other_lines() {
    let home = scratch("home");
    let log = home.join("log");
    fs::write(home.join("inhouse.toml"), "[audit]\nkey = \"key.pem\"\n").unwrap();
    let launch = || Launch::new(&["serve", "--", "cat"]).directory(&home);
    for messages in [2, 3] {
        let server = launch().start();
        (0..messages).for_each(|_| drop(server.send("hi")));
        server.signal("TERM");
        let mut server = server;
        assert_eq!(server.wait(), Some(0));
        wait("the end of stderr", || server.stderr().contains("stopping:").then_some(()));
        wait("the last head", || server.stderr().contains("\"operation\":\"head\"").then_some(()));
        OpenOptions::new().append(true).create(true).open(&log).unwrap().write_all(server.stderr().as_bytes()).unwrap();
    }
    let verify = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inhouse"));
        command.args(["audit", "verify", "-", "--json"]).stdin(Stdio::from(File::open(&log).unwrap()));
        let output = command.output().unwrap();
        (output.status.code(), serde_json::from_slice::<Value>(&output.stdout).unwrap())
    };
    let (code, report) = verify();
    assert_eq!((code, &report["chains"], &report["heads"]), (Some(0), &2.into(), &2.into()), "{report}");
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, text.replacen("\"outcome\":\"ok\"", "\"outcome\":\"no\"", 1)).unwrap();
    assert_eq!(verify().0, Some(1));
}

#[test]
fn a_file_is_one_servers_and_a_key_has_to_be_one() {
    let house = House::new("");
    let server = house.launch(&["serve"]).start();
    let (code, _, err) = house.launch(&["serve"]).run();
    assert!(code == 2 && err.contains("another server writes the audit"), "{err}");
    stop(server);
    fs::write(house.file(), "no audit\n".repeat(10_000)).unwrap();
    let (code, _, err) = house.launch(&["serve"]).run();
    assert!(code == 2 && err.contains("its last lines are none of an audit"), "{err}");
    for make in ["ln -s elsewhere", "mkfifo"] {
        let line = format!("rm audit.jsonl; {make} audit.jsonl");
        assert!(Command::new("sh").args(["-c", &line]).current_dir(&house.0).status().unwrap().success());
        let (code, _, err) = house.launch(&["serve"]).run();
        assert!(code == 2 && err.contains("the audit "), "{make}: {err}");
    }
    fs::remove_file(house.file()).unwrap();
    fs::write(house.0.join("key.pem"), "garbage").unwrap();
    let (code, _, err) = house.launch(&["serve"]).run();
    assert!(code == 2 && err.contains("is no private key of Ed25519") && err.contains("openssl genpkey"), "{err}");
    fs::write(house.0.join("inhouse.toml"), "[audit]\nto = \"both\"\n").unwrap();
    let (code, _, err) = house.launch(&["serve"]).run();
    assert!(code == 2 && err.contains("inhouse.toml:2: the audit is to go to a file"), "{err}");
    let (code, _, err) = Launch::new(&["audit", "verify"]).run();
    assert!(code == 2 && err.contains("the audit goes to stderr alone"), "{err}");
}

#[test]
fn lines_are_found_by_what_stands_in_them() {
    let house = House::new("");
    house.serve(3);
    let query = |args: &[&str]| house.launch(&[&["audit", "query"], args].concat()).run().1.lines().count();
    assert_eq!(query(&["--operation", "SendMessage", "--who", "owner", "--agent", "cat", "--outcome", "ok"]), 3);
    assert_eq!(query(&["--operation", "start"]), 1);
    assert_eq!((query(&["--who", "ann"]), query(&["--until", "2020-01-01T00:00:00Z"])), (0, 0));
    assert_eq!(query(&["--since", "2020-01-01T00:00:00Z"]), house.lines().len());
    let (code, out, _) = house.launch(&["audit", "tail", "-n", "2"]).run();
    assert_eq!(
        (code, out.lines().map(str::to_owned).collect::<Vec<_>>()),
        (0, house.lines().split_off(house.lines().len() - 2))
    );
}

/// Reads go on, and by each binding nothing is started or changed.
fn takes_no_work(server: &Server, id: &str) {
    let refused = server.call("SendMessage", message("hi"));
    assert_eq!(
        (&refused["error"]["code"], &refused["error"]["data"][0]["reason"]),
        (&(-30503).into(), &"AUDIT_UNAVAILABLE".into())
    );
    assert_eq!(server.post(&rpc("CancelTask", json!({"id": id}))).status, 503);
    let headers = http::headers(&[("Authorization", &format!("Bearer {TOKEN}")), ("Content-Type", "application/json")]);
    let sent = http::request(server.address, "POST", "/message:send", &headers, message("hi").to_string().as_bytes());
    assert_eq!((sent.status, &sent.json()["error"]["details"][0]["reason"]), (503, &"AUDIT_UNAVAILABLE".into()));
    assert!(server.result("ListTasks", json!({}))["tasks"].is_array());
    assert_eq!(server.get("/.well-known/agent-card.json").status, 200);
}

#[test]
fn without_space_reads_go_on_and_with_space_again_work_does() {
    let limits = "audit_file_bytes_max = 8_192\naudit_files_max = 1\naudit_bytes_max = 4_096\naudit_wait_ms_max = 50";
    let house = House::new(limits);
    // There is no room for a full file.
    let blocked = house.0.join("audit.jsonl.1");
    let server = house.launch(&["serve"]).start();
    fs::create_dir_all(blocked.join("blocks")).unwrap();
    let id = server.send("hi")["id"].as_str().unwrap().to_owned();
    wait("the file to be full", || (server.post(&rpc("SendMessage", message("hi"))).status == 503).then_some(()));
    takes_no_work(&server, &id);
    (0..60).for_each(|_| assert_eq!(server.task(&id)["id"].as_str(), Some(id.as_str())));
    fs::remove_dir_all(&blocked).unwrap();
    wait("space", || (server.post(&rpc("SendMessage", message("hi"))).status == 200).then_some(()));
    stop(server);
    let report = house.report();
    assert!(report["lost"].as_u64() > Some(10), "{report}");
    assert!(house.verify(&[]).1.contains("were lost while nothing could be written"));
}

#[test]
fn with_a_full_stderr_no_work_is_taken() {
    let line = format!("exec {} serve --agent demo 2>/dev/full", env!("CARGO_BIN_EXE_inhouse"));
    let project = scratch("full");
    fs::write(project.join("inhouse.toml"), "[limits]\naudit_wait_ms_max = 50\n").unwrap();
    let server = Launch::through("sh", &["-c", &line]).directory(&project).start();
    wait("the first line to fail", || (server.post(&rpc("SendMessage", message("hi"))).status == 503).then_some(()));
    takes_no_work(&server, "none");
}
