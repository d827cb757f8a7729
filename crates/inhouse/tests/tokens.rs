//! Tokens that are issued, narrowed, renewed and revoked with `inhouse token` while a server runs.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
#![allow(unreachable_pub, missing_docs, dead_code, reason = "shared between test files")]

mod support;
#[path = "golden/doors.rs"]
mod doors;
#[path = "golden/grpc.rs"]
mod grpc;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use grpc::Grpc;
use inhouse_proto::v1;
use prost::Message as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::http::{self, headers, request};
use support::{Launch, Server, TOKEN, message, rpc, scratch, state_of, wait};

/// A home whose tokens file commands and servers share.
struct Home(PathBuf);

impl Home {
    fn new() -> Self {
        Self(scratch("tokens"))
    }

    fn launch(&self, args: &[&str]) -> Launch {
        Launch::new(args).env("HOME", &self.0).without("API_TOKEN")
    }

    fn run(&self, args: &[&str]) -> (i32, String, String) {
        self.launch(&[&["token"], args].concat()).directory(&self.0).run()
    }

    /// Issues a token and returns it.
    fn issue(&self, args: &[&str]) -> String {
        let (code, out, err) = self.run(&[&["new"], args].concat());
        assert_eq!(code, 0, "{err}");
        assert!(err.contains("it is shown this once") && !err.contains(out.trim()), "{err}");
        out.trim().to_owned()
    }

    fn file(&self) -> PathBuf {
        self.0.join(".local/state/inhouse/tokens.json")
    }

    fn server(&self, config: &str) -> Server {
        fs::write(self.0.join("inhouse.toml"), config).unwrap();
        self.launch(&["serve"]).directory(&self.0).start()
    }
}

const TWO_AGENTS: &str = "[limits]\nfiles_reload_ms = 100\n[agents.cat]\ncommand = [\"cat\"]\ninput = \"stdin\"\ndefault = true\n\
    [agents.slow]\ncommand = [\"sh\", \"-c\", \"echo begun; sleep 300\"]\ninput = \"stdin\"\n";

fn call(server: &Server, token: &str, path: &str, method: &str, params: Value) -> (u16, Value) {
    let bearer = format!("Bearer {token}");
    let headers = headers(&[("Authorization", &bearer), ("Content-Type", "application/json")]);
    let response = request(server.address, "POST", path, &headers, &rpc(method, params));
    (response.status, serde_json::from_slice(&response.body).unwrap_or(Value::Null))
}

fn comes_in(server: &Server, token: &str) -> bool {
    call(server, token, "/a2a", "ListTasks", json!({})).0 == 200
}

/// Waits until the server has seen a change.
fn settles(server: &Server, token: &str, expected: bool) {
    wait("the server to see the change", || (comes_in(server, token) == expected).then_some(()));
}

#[test]
fn a_token_comes_and_goes_while_the_server_runs_and_its_streams_end() {
    let home = Home::new();
    let first = home.issue(&["ann"]);
    let server = home.server(TWO_AGENTS);
    assert!(comes_in(&server, &first) && !comes_in(&server, "another"));
    let second = home.issue(&["ann-laptop", "--caller", "ann"]);
    settles(&server, &second, true);
    let (_, sent) = call(&server, &first, "/a2a", "SendMessage", message("hi"));
    let id = sent["result"]["task"]["id"].clone();
    assert_eq!(call(&server, &second, "/a2a", "GetTask", json!({"id": id})).1["result"]["id"], id, "the same caller");

    let bearer = format!("Bearer {second}");
    let stream_headers = headers(&[("Authorization", &bearer), ("Content-Type", "application/json")]);
    let body = rpc("SendStreamingMessage", message("hi"));
    let mut stream = http::stream(server.address, "/agents/slow/a2a", &stream_headers, &body);
    wait("the first words", || stream.next().filter(|event| event.result().to_string().contains("begun")));
    let (code, _, said) = home.run(&["revoke", "ann-laptop"]);
    assert_eq!((code, said.trim()), (0, "token ann-laptop is revoked"));
    while stream.next().is_some() {}
    settles(&server, &second, false);
    assert!(comes_in(&server, &first), "the caller's other token goes on");
    let (_, listed) = call(&server, &first, "/agents/slow/a2a", "ListTasks", json!({}));
    assert_eq!(state_of(&listed["result"]["tasks"][0]), "WORKING", "the turn goes on, as after any other hang-up");
}

#[test]
fn a_renewed_token_has_two_secrets_for_a_while() {
    let home = Home::new();
    let secrets = [home.issue(&["ci"]), home.run(&["rotate", "ci"]).1, home.run(&["rotate", "ci"]).1];
    let server = home.server(TWO_AGENTS);
    let good = |secrets: &[&str]| secrets.iter().map(|secret| comes_in(&server, secret.trim())).collect::<Vec<_>>();
    let [one, two, three] = secrets.each_ref().map(String::as_str);
    assert_eq!(good(&[one, two, three]), [false, true, true], "never more than two");
    let (_, four, _) = home.run(&["rotate", "ci", "--keep", "0s"]);
    settles(&server, four.trim(), true);
    assert_eq!(good(&[two, three]), [false, false]);
    let text = fs::read_to_string(home.file()).unwrap();
    for secret in [one, two, three, &four] {
        assert!(!text.contains(secret.trim()), "no secret is kept");
    }
    assert_eq!(fs::metadata(home.file()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_token_is_good_for_its_scopes_agents_and_limits_alone() {
    let home = Home::new();
    let reader = home.issue(&["reader", "--caller", "ann", "--scope", "read"]);
    let sender = home.issue(&["sender", "--caller", "ann", "--scope", "send", "--agent", "cat"]);
    let busy = home.issue(&["busy", "--starts-per-minute", "2"]);
    let server = home.server(TWO_AGENTS);
    let (status, refused) = call(&server, &reader, "/a2a", "SendMessage", message("hi"));
    assert_eq!((status, &refused["error"]["code"]), (403, &json!(-31403)), "{refused}");
    assert!(refused.to_string().contains("it has not the scope send"), "{refused}");
    let (_, sent) = call(&server, &sender, "/a2a", "SendMessage", message("hi"));
    let task = &sent["result"]["task"];
    assert_eq!(state_of(task), "COMPLETED");
    for method in ["GetTask", "CancelTask", "SubscribeToTask"] {
        // What is not his to ask is refused before anybody looks whether there is such a task.
        let [own, missing] = [task["id"].as_str().unwrap(), "no-such-task"]
            .map(|id| call(&server, &sender, "/a2a", method, json!({"id": id})).1["error"].clone());
        assert_eq!((&own["code"], &own), (&json!(-31403), &missing), "{method}");
    }
    assert_eq!(call(&server, &reader, "/a2a", "GetTask", json!({"id": task["id"]})).0, 200);
    let elsewhere = |token: &str, agent: &str| {
        let path = format!("/agents/{agent}/a2a");
        let (status, answer) = call(&server, token, &path, "SendMessage", message("hi"));
        (status, answer.to_string().replace(agent, "NAME"))
    };
    assert_eq!(elsewhere(&sender, "slow"), elsewhere(&sender, "none"), "an agent that is not for it does not exist");
    assert_eq!(elsewhere(&sender, "slow").0, 404);
    let starts = (0..4).map(|_| call(&server, &busy, "/a2a", "SendMessage", message("hi")).0);
    assert_eq!(starts.collect::<Vec<_>>(), [200, 200, 429, 429]);
}

#[test]
fn an_expired_token_is_none_and_its_stream_ends_with_it() {
    let home = Home::new();
    let short = home.issue(&["short", "--expires", "2s"]);
    let server = home.server(TWO_AGENTS);
    let bearer = format!("Bearer {short}");
    let stream_headers = headers(&[("Authorization", &bearer), ("Content-Type", "application/json")]);
    let body = rpc("SendStreamingMessage", message("hi"));
    let mut stream = http::stream(server.address, "/agents/slow/a2a", &stream_headers, &body);
    while stream.next().is_some() {}
    assert!(!comes_in(&server, &short));
}

#[test]
fn wrong_commands_say_what_to_do_and_change_nothing() {
    let home = Home::new();
    home.issue(&["ci"]);
    let before = fs::read_to_string(home.file()).unwrap();
    for (args, message, hint) in [
        (&["new", "ci"][..], "there is a token ci already", "inhouse token rotate ci"),
        (&["new", "x", "--scope", "sned"], "there is no scope \"sned\"", "scopes: send, read, cancel, push, approve"),
        (&["new", "two words"], "principal \"two words\" is not", ""),
        (&["new", "x", "--agent", "A"], "agent name \"A\" is not", ""),
        (&["new", "x", "--expires", "soon"], "a time is a number and s, m, h, d or w", ""),
        (&["revoke", "c"], "there is no token \"c\"", "there are ci"),
        (&["rotate", "c"], "there is no token \"c\"", "there are ci"),
    ] {
        let (code, out, err) = home.run(args);
        assert!(code == 2 && out.is_empty() && err.contains(message) && err.contains(hint), "{args:?}: {err}");
        assert_eq!(fs::read_to_string(home.file()).unwrap(), before, "{args:?}");
    }
    let (_, listed, _) = home.run(&["list"]);
    let words: Vec<_> = listed.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(words, ["ci", "ci", "send,read,cancel,push,approve", "all", "revoked", "1"]);
    let (_, listed, _) = home.run(&["list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&listed["name"], &listed["secrets"], &listed["until"]), (&json!("ci"), &json!(1), &Value::Null));
}

#[test]
fn a_file_that_can_not_be_used_stops_a_start_and_changes_nothing_of_a_running_server() {
    let home = Home::new();
    let token = home.issue(&["ann"]);
    let server = home.server(TWO_AGENTS);
    let whole = fs::read_to_string(home.file()).unwrap();
    let unknown = whole.replace("\"send\"", "\"sned\"");
    for (number, (text, mode, message)) in [
        ("{", 0o600, "can not be read"),
        (unknown.as_str(), 0o600, "there is no scope \"sned\""),
        (whole.as_str(), 0o666, "can be changed by others"),
    ]
    .into_iter()
    .enumerate()
    {
        fs::write(home.file(), text).unwrap();
        fs::set_permissions(home.file(), fs::Permissions::from_mode(mode)).unwrap();
        // Another look, whatever the clock of the file system can tell apart.
        fs::File::open(home.file())
            .unwrap()
            .set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(10 + number as u64))
            .unwrap();
        wait("a word in the log", || server.stderr().contains(message).then_some(()));
        assert!(server.stderr().contains("the tokens of before stay in force") && comes_in(&server, &token));
        let (code, _, err) = home.launch(&["serve"]).directory(&home.0).run();
        assert!(code == 2 && err.contains(message) && err.contains("hint: "), "{err}");
    }
}

#[test]
fn a_file_that_is_gone_revokes_nothing_and_the_last_token_can_be_revoked() {
    let home = Home::new();
    let server = home.server(TWO_AGENTS);
    let token = home.issue(&["ann"]);
    settles(&server, &token, true);
    let aside = home.file().with_extension("aside");
    fs::rename(home.file(), &aside).unwrap();
    wait("a word in the log", || server.stderr().contains("is gone").then_some(()));
    assert!(server.stderr().contains("the tokens of before stay in force") && comes_in(&server, &token));
    fs::rename(&aside, home.file()).unwrap();
    assert_eq!(home.run(&["revoke", "ann"]).0, 0);
    settles(&server, &token, false);
    // With none in force it may go.
    let times = || server.stderr().matches("the tokens file is read again").count();
    let before = times();
    fs::remove_file(home.file()).unwrap();
    wait("another look", || (times() > before).then_some(()));
}

#[test]
fn rules_of_agents_know_the_callers_of_issued_tokens() {
    let home = Home::new();
    home.issue(&["ann-laptop", "--caller", "ann"]);
    let config = |callers: &str| format!("{TWO_AGENTS}callers = {callers}\n");
    fs::write(home.0.join("inhouse.toml"), config("[\"bob\"]")).unwrap();
    let (code, _, err) = home.launch(&["serve"]).directory(&home.0).run();
    assert!(code == 2 && err.contains("no caller is called \"bob\""), "{err}");
    home.server(&config("[\"ann\"]"));
}

#[test]
fn a_stream_of_grpc_says_why_it_ends() {
    let home = Home::new();
    let issued = home.issue(&["ann"]);
    // The token of all tests in the place of the one that was made.
    let digest = |token: &str| hex(&Sha256::digest(token));
    let text = fs::read_to_string(home.file()).unwrap().replace(&digest(&issued), &digest(TOKEN));
    fs::write(home.file(), text).unwrap();
    let server = home.server(TWO_AGENTS);
    let part = v1::Part { content: Some(v1::part::Content::Text("hi".into())), ..Default::default() };
    let message =
        v1::Message { message_id: "m".into(), role: v1::Role::User.into(), parts: vec![part], ..Default::default() };
    let send = v1::SendMessageRequest { message: Some(message), tenant: "slow".into(), ..Default::default() };
    std::thread::scope(|scope| {
        let stream = scope.spawn(|| {
            let path = "/lf.a2a.v1.A2AService/SendStreamingMessage";
            Grpc::new().exchange(&server, path, &send.encode_to_vec(), &[("a2a-version", "1.0")])
        });
        wait("the task", || {
            let (_, listed) = call(&server, TOKEN, "/agents/slow/a2a", "ListTasks", json!({}));
            listed["result"]["tasks"].as_array().filter(|tasks| !tasks.is_empty()).map(drop)
        });
        home.run(&["revoke", "ann"]);
        let (messages, trailers) = stream.join().unwrap();
        assert!(!messages.is_empty() && trailers["grpc-status"] == "16", "{trailers:?}");
    });
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
