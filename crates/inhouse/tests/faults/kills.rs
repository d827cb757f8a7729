//! SIGKILL of the server at random points of running turns: nothing that it has started is left, the next server starts on what it
//! kept, the audit tells at most of a torn last line, tokens are as good as before, and no message is run again.

use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::dice::Dice;
use crate::support::http::connect;
use crate::support::{Launch, Server, message, processes_with, rpc, wait_within};
use crate::{House, status};

/// So many in the tests; the long run has INHOUSE_FAULTS_KILLS=200.
const KILLS: usize = 20;
/// After so long nothing may be left of a killed server's turns.
const GONE: Duration = Duration::from_secs(2);
/// What agents do until the server is killed: scripts for a shell.
const SHAPES: [&str; 9] = [
    "sleep 300",
    "trap '' TERM; sleep 300 & sleep 300",
    "sh -c 'kill -STOP $$; sleep 300' & sleep 300",
    "setsid -f sleep 300; sleep 300",
    "(setsid sh -c 'sleep 300 & exit' &); sleep 300",
    "(setsid sleep 300 </dev/null >/dev/null 2>&1 &); sleep 300",
    "setsid -f sh -c 'trap \"\" TERM; kill -STOP $$; sleep 300'; sleep 300",
    "for i in $(seq 20); do setsid -f sleep 300; done; sleep 300",
    "yes",
];

/// A house whose agents run the scripts that they are told, and carry this mark.
fn house(mark: &str) -> House {
    let house = House::new("");
    fs::create_dir(house.path("tmp")).unwrap();
    // What is told of a message's files stands behind the script.
    house.write("agent.sh", "read -r script; eval \"$script\"\n");
    let config = format!(
        "[server]\ntokens_file = \"keys/tokens.json\"\nworkspaces_dir = \"spaces\"\n\
         [audit]\nto = \"file\"\nfile = \"audit.jsonl\"\nkey = \"keys/audit.pem\"\n\
         [agents.zoo]\ncommand = [\"sh\", \"{}\"]\ninput = \"stdin\"\nenv_set = {{ MARK = \"{mark}\" }}\n\
         workspace = \"temporary\"\nreport_changes = false\n",
        house.path("agent.sh").display()
    );
    house.write("inhouse.toml", config);
    house
}

fn launch(house: &House, args: &[&str]) -> Launch {
    house.launch(args).without("API_TOKEN").env("TMPDIR", house.path("tmp"))
}

/// Another token, which is good from then on.
fn issue(house: &House, name: &str) -> String {
    let (code, out, err) = launch(house, &["token", "new", name, "--caller", "ann"]).run();
    assert_eq!(code, 0, "{err}");
    out.trim().to_owned()
}

/// A message with a file.
fn with_file(text: &str) -> Value {
    let mut params = message(&format!("{text}\n"));
    params["message"]["parts"].as_array_mut().unwrap().push(json!({"raw": "c2VjcmV0"}));
    params
}

/// What is left of files that callers have sent.
fn files_left(house: &House) -> usize {
    let rooms = fs::read_dir(house.path("tmp")).unwrap().map(|room| room.unwrap().path());
    rooms.map(|room| fs::read_dir(room).map_or(0, Iterator::count)).sum()
}

/// Sends a message and waits for nothing. Whoever kills the server meanwhile is not the client's matter.
fn send(server: &Server, token: &str, text: &str) {
    let body = rpc("SendStreamingMessage", with_file(text));
    let head = format!(
        "POST /a2a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut socket = connect(server.address);
    thread::spawn(move || {
        let _ = socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(&body));
        let _ = std::io::copy(&mut socket, &mut std::io::sink());
    });
}

/// The audit holds, but for a last line that the kill has torn.
fn audit_holds(house: &House) {
    let (_, report) = house.verified();
    if report["broken"].is_null() {
        return;
    }
    let text = fs::read(house.path("audit.jsonl")).unwrap();
    let whole = text.iter().filter(|byte| **byte == b'\n').count();
    assert!(!text.ends_with(b"\n"), "the last line is torn, or it is none of ours: {report}");
    assert_eq!(report["broken"]["line"].as_u64(), Some(whole as u64 + 1), "{report}");
}

/// A command that changes the file of tokens is killed somewhere: the file is that of before or that of after.
fn kill_a_token_command(house: &House, name: &str, dice: &mut Dice) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_inhouse"))
        .args(["token", "new", name, "--caller", "bob"])
        .env_clear()
        .env("HOME", &house.0)
        .current_dir(&house.0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_micros(dice.below(12_000) as u64));
    let _ = child.kill();
    child.wait().unwrap();
    let (code, out, err) = launch(house, &["token", "list", "--json"]).run();
    assert_eq!(code, 0, "{out}{err}");
}

#[test]
fn a_server_that_is_killed_leaves_nothing_running_and_starts_again_on_what_it_kept() {
    let kills = std::env::var("INHOUSE_FAULTS_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"));
    let mut dice = Dice::new("kills");
    let mark = format!("mark-{}", uuid::Uuid::new_v4().simple());
    let house = house(&mark);
    let mut tokens = vec![issue(&house, "first")];
    let mut stood = 0;
    for round in 0..kills {
        let tier = *dice.one(&["auto", "reaper"]);
        let mut server = launch(&house, &["serve", "--containment", tier]).start();
        assert!(tokens.iter().all(|token| status(&server, token) == 200), "round {round}: {}", server.stderr());
        for turn in 0..1 + dice.below(3) {
            let ran = house.path("ran");
            let script = format!("echo {round}.{turn} >> {}; {}", ran.display(), dice.one(&SHAPES));
            send(&server, dice.one(&tokens).as_str(), &script);
        }
        if dice.below(2) == 0 {
            wait_within(Duration::from_secs(20), "a turn", || (!processes_with(&mark).is_empty()).then_some(()));
        }
        thread::sleep(Duration::from_micros(dice.below(150_000) as u64));
        stood += usize::from(!processes_with(&mark).is_empty());
        server.signal("KILL");
        server.wait();
        let left = || processes_with(&mark);
        wait_within(GONE, &format!("the end of all, in round {round} ({tier})"), || left().is_empty().then_some(()));
        audit_holds(&house);
        kill_a_token_command(&house, &format!("killed-{round}"), &mut dice);
        if round % 5 == 0 {
            tokens.push(issue(&house, &format!("more-{round}")));
        }
    }
    assert!(stood > 0, "turns ran when the server was killed");
    let mut server = launch(&house, &["serve"]).start();
    assert!(tokens.iter().all(|token| status(&server, token) == 200));
    let left = files_left(&house);
    send(&server, &tokens[0], "true");
    wait_within(Duration::from_secs(20), "the files of before to be removed", || {
        (files_left(&house) == 0).then_some(())
    });
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    let (code, report) = house.verified();
    assert_eq!((code, &report["broken"], &report["chains"]), (0, &Value::Null, &1.into()), "{report}");
    let ran = fs::read_to_string(house.path("ran")).unwrap();
    assert_eq!(ran.lines().collect::<HashSet<_>>().len(), ran.lines().count(), "each ran once: {ran}");
    eprintln!("{kills} kills, {stood} in running turns, {left} folders of files left; {report}");
}
