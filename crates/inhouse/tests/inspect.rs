//! `inhouse inspect` and `inhouse push` against the real server, and against one that is wrong.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::receiver::Receiver;
use support::{Launch, Server, TOKEN, scratch};

fn inhouse(url: &str, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inhouse"));
    command.args(args).env_clear().env("HOME", scratch("home")).current_dir(scratch("elsewhere"));
    let output = command.env("INHOUSE_URL", url).env("INHOUSE_TOKEN", TOKEN).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn configured(config: &str) -> Server {
    let folder = scratch("config");
    let agent = "[agents.echo]\ncommand = [\"cat\"]\ninput = \"stdin\"\n";
    std::fs::write(folder.join("inhouse.toml"), format!("{config}{agent}")).unwrap();
    Launch::new(&["serve"]).directory(&folder).start()
}

fn url(server: &Server) -> String {
    format!("http://{}", server.address)
}

/// Check and verdict of each finding.
fn findings(stdout: &str) -> Vec<(String, String)> {
    let word = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let lines = stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| (word(&line, "check"), word(&line, "verdict"))).collect()
}

#[test]
fn the_server_is_as_the_specification_has_it() {
    let hook = Receiver::new();
    let server = configured(&format!("[push]\nallow = [\"{}\"]\n", hook.address));
    let (code, stdout, stderr) = inhouse(&url(&server), &["inspect", "--json", "--webhook", &hook.url()]);
    let wrong: Vec<_> = stdout.lines().filter(|line| !line.contains("\"verdict\":\"ok\"")).collect();
    assert!(code == 0 && wrong.is_empty(), "{wrong:?} {stderr}");
    assert!(findings(&stdout).len() > 20, "{stdout}");
    let (code, stdout, _) = inhouse("http://127.0.0.1:1", &["inspect", &url(&server)]);
    let create = stdout.lines().find(|line| line.starts_with("CreateTaskPushNotificationConfig")).unwrap();
    let words = create.split_whitespace().skip(1).collect::<Vec<_>>().join(" ");
    assert_eq!((code, words.as_str()), (0, "3.1.7 not tried not tried name a webhook with --webhook"), "{stdout}");
    assert!(stdout.starts_with("CHECK") && stdout.lines().next().unwrap().contains("JSONRPC    HTTP+JSON"), "{stdout}");
    let (code, stdout, _) = inhouse(&url(&server), &["inspect", "--json", "--binding", "http+json"]);
    assert!(code == 0 && !stdout.contains("JSONRPC"), "{stdout}");
}

#[test]
fn what_a_card_does_not_offer_is_judged_by_its_refusal() {
    let server = configured("[card]\nstreaming = false\nextended = false\n");
    let (code, stdout, stderr) = inhouse(&url(&server), &["inspect", "--json"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    for check in ["SendStreamingMessage", "SubscribeToTask", "GetExtendedAgentCard"] {
        assert!(findings(&stdout).contains(&(check.to_owned(), "not offered".to_owned())), "{check}: {stdout}");
    }
}

#[test]
fn a_wrong_server_is_told_so_check_by_check() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Ends with the test's process.
    std::thread::spawn(move || listener.incoming().flatten().for_each(|socket| answer_wrongly(socket, address.port())));
    let url = format!("http://{address}");
    let (code, stdout, stderr) = inhouse(&url, &["inspect", "--json"]);
    let all = findings(&stdout);
    for check in
        ["agent card", "SendMessage", "GetTask, unknown task", "SendStreamingMessage", "no JSON", "unknown method"]
    {
        assert!(all.contains(&(check.to_owned(), "wrong".to_owned())), "{check}: {stdout}");
    }
    assert!(code == 1 && stderr.contains(&format!("checks say that {url} is wrong")), "{code} {stderr}");
    assert_eq!(inhouse("http://127.0.0.1:1", &["inspect"]).0, 5, "and one that is not there is not judged");
}

/// A card that lacks much, and to every call the same empty task.
fn answer_wrongly(socket: TcpStream, port: u16) {
    let mut reader = BufReader::new(socket);
    let (mut head, mut length) = (String::new(), 0);
    while reader.read_line(&mut head).unwrap() > 2 {
        let line = head.lines().last().unwrap().to_ascii_lowercase();
        length = line.strip_prefix("content-length: ").map_or(length, |length| length.parse().unwrap());
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    let interface =
        json!({"url": format!("http://127.0.0.1:{port}/"), "protocolBinding": "JSONRPC", "protocolVersion": "1.0"});
    let body = match head.starts_with("GET") {
        true => json!({"name": "wrong", "supportedInterfaces": [interface], "capabilities": {"streaming": true}}),
        false => json!({"jsonrpc": "2.0", "id": 1, "result": {"task": {"id": ""}}}),
    };
    let (body, socket) = (body.to_string(), reader.get_mut());
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    socket.write_all((head + &body).as_bytes()).unwrap();
}

#[test]
fn webhooks_of_a_task_are_named_shown_listed_and_forgotten() {
    let hook = Receiver::new();
    let server = configured(&format!("[push]\nallow = [\"{}\"]\n", hook.address));
    let task = server.send("hi")["id"].as_str().unwrap().to_owned();
    let run = |args: &[&str]| inhouse(&url(&server), &[&["push"], args].concat());
    let (code, made, stderr) = run(&["create", &task, &hook.url(), "--id", "one", "--scheme", "Bearer"]);
    assert_eq!((code, made.as_str()), (0, "one\n"), "{stderr}");
    let (_, listed, _) = run(&["list", &task]);
    assert_eq!(listed, format!("ID   AUTHENTICATION  WEBHOOK\none  Bearer          {}\n", hook.url()));
    assert_eq!(run(&["get", &task, "one"]).1, listed);
    let json: Value = serde_json::from_str(&run(&["list", &task, "--json"]).1).unwrap();
    assert_eq!((&json["id"], &json["taskId"]), (&json!("one"), &json!(task)));
    assert_eq!(run(&["delete", &task, "one"]), (0, String::new(), String::new()));
    assert_eq!(run(&["list", &task]).1, "no webhooks\n");
    let (code, _, stderr) = run(&["create", &task, "http://10.0.0.1/"]);
    assert!(code == 1 && stderr.contains("hint: url "), "{stderr}");
}
