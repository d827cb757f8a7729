//! `/admin` of a running server: who may look, how the server says it stands, and the last lines of its audit.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::http::{self, Response, headers, request};
use support::{Launch, Server, TOKEN, issue, message, rpc, scratch, wait};

const CONFIG: &str = "[agents.cat]\ncommand = [\"cat\", \"--show-ends\"]\ninput = \"stdin\"\ndefault = true\ntokens_per_day_max = 9\n\
    [agents.cat.env_set]\nSHOP_KEY = \"never-to-be-shown\"\n\
    [agents.slow]\ncommand = [\"sh\", \"-c\", \"echo begun; sleep 300\", \"the-secret-of-the-shop\"]\ninput = \"stdin\"\n\
    [limits]\nfiles_reload_ms = 100\nrunning_per_caller_max = 1\nkeep_alive_ms = 100\naudit_shown_max = 40\n";

fn server(home: &Path) -> Server {
    fs::write(home.join("inhouse.toml"), CONFIG).unwrap();
    Launch::new(&["serve"]).env("HOME", home).env("SHOP_SECRET", "the-secret-of-the-shop").directory(home).start()
}

fn asked(server: &Server, method: &str, path: &str, token: &str) -> Response {
    let headers = headers(&[("Authorization", &format!("Bearer {token}"))]);
    request(server.address, method, path, &headers, b"")
}

fn status(server: &Server) -> Value {
    let response = asked(server, "GET", "/admin/status", TOKEN);
    assert_eq!((response.status, response.header("cache-control")), (200, Some("no-store")));
    response.json()
}

/// The lines after a number, and the number to go on with.
fn audit(server: &Server, query: &str) -> Value {
    asked(server, "GET", &format!("/admin/audit{query}"), TOKEN).json()
}

fn limit(status: &Value, name: &str) -> Value {
    status["limits"].as_array().unwrap().iter().find(|limit| limit["name"] == name).unwrap().clone()
}

#[test]
fn the_status_tells_how_the_server_stands() {
    let server = server(&scratch("admin"));
    server.send("one");
    let all = headers(&[("Authorization", &format!("Bearer {TOKEN}")), ("Content-Type", "application/json")]);
    let stream =
        |text| http::stream(server.address, "/agents/slow/a2a", &all, &rpc("SendStreamingMessage", message(text)));
    let mut first = stream("one");
    wait("its first words", || first.next().filter(|event| event.result().to_string().contains("begun")));
    let mut second = stream("two");
    wait("its place in the queue", || second.next());
    let shown = wait("the first connection to be gone", || Some(status(&server)).filter(|now| now["connections"] == 3));
    assert_eq!(shown["version"], env!("CARGO_PKG_VERSION"));
    assert!(shown["started"].as_str().unwrap().ends_with('Z') && shown["uptime_s"].is_u64(), "{shown}");
    assert!(shown["containment"]["tier"].is_string() && shown["tls"] == false, "{shown}");
    assert_eq!(shown["listening"], json!([server.address.to_string()]));
    let [cat, slow] = &shown["agents"].as_array().unwrap()[..] else { panic!("{shown}") };
    let today = json!({"tokens": 0, "usd": 0.0, "budgets": {"tokens_per_day_max": 9.0}});
    assert_eq!((&cat["name"], &cat["driver"], &cat["today"]), (&json!("cat"), &json!("text"), &today));
    assert_eq!((&slow["running"], &slow["waiting"], &slow["running_max"]), (&json!(1), &json!(1), &json!(16)));
    let states = json!({"TASK_STATE_COMPLETED": 1, "TASK_STATE_WORKING": 1, "TASK_STATE_SUBMITTED": 1});
    assert_eq!((&shown["tasks"]["states"], &shown["tasks"]["kept"]), (&states, &json!(1)));
    assert_eq!((&shown["readers"], &shown["push"]), (&json!(2), &json!({"following": 0, "behind": 0})));
    assert_eq!(limit(&shown, "connections_max"), json!({"name": "connections_max", "value": 10_000, "used": 3}));
    assert_eq!(limit(&shown, "running_per_caller_max")["value"], 1);
}

#[test]
fn the_status_shows_the_configuration_with_its_origins_and_no_secret() {
    let server = server(&scratch("admin"));
    let shown = status(&server);
    let setting = |table: &str, key: &str| {
        let table = shown["config"].as_array().unwrap().iter().find(|one| one["table"] == table).unwrap();
        table["settings"].as_array().unwrap().iter().find(|one| one["key"] == key).unwrap().clone()
    };
    let own = setting("limits", "running_per_caller_max");
    assert_eq!((&own["value"], &own["origin"]), (&json!(1), &json!("inhouse.toml:13")), "{own}");
    assert_eq!(setting("limits", "running_per_agent_max")["origin"], "default");
    assert_eq!(setting("agents.slow", "command")["value"][3], "[redacted]");
    for secret in ["never-to-be-shown", "the-secret-of-the-shop", TOKEN] {
        assert!(!shown.to_string().contains(secret), "{secret}");
    }
}

#[test]
fn the_audit_is_shown_line_by_line_as_it_is_written() {
    let server = server(&scratch("admin"));
    server.send("one");
    let first = wait("the lines of the call and of its turn", || {
        let page = audit(&server, "?after=0");
        let is_there =
            |operation: &str| page["lines"].as_array().unwrap().iter().any(|line| line["operation"] == operation);
        (is_there("turn") && is_there("SendMessage")).then_some(page)
    });
    for line in first["lines"].as_array().unwrap() {
        let written =
            server.stderr().lines().any(|text| serde_json::from_str::<Value>(text).is_ok_and(|one| one == *line));
        assert!(written, "{line}");
    }
    let next = first["next"].as_u64().unwrap();
    let later = wait("the line of that look", || {
        let page = audit(&server, &format!("?after={next}&limit=1"));
        page["lines"][0].is_object().then_some(page)
    });
    assert_eq!((&later["lines"][0]["operation"], &later["next"]), (&json!("GET /admin/audit"), &json!(next + 1)));
    let last = wait("more lines than are kept", || {
        let page = audit(&server, "?after=0");
        (page["skipped"].as_u64() > Some(0)).then_some(page)
    });
    assert_eq!(last["lines"].as_array().unwrap().len(), 40);
    for (query, said) in [("?limit=0", "limit must be 1 to 1000, not 0"), ("?after=x", "after must be a whole number")]
    {
        let refused = asked(&server, "GET", &format!("/admin/audit{query}"), TOKEN);
        assert_eq!(refused.status, 400, "{query}");
        assert!(refused.json().to_string().contains(said), "{query}");
    }
}

#[test]
fn both_are_for_a_token_that_may_look_at_the_server() {
    let home = scratch("admin");
    let server = server(&home);
    let tokens = [
        issue(&home, &["caller"]),
        issue(&home, &["one", "--scope", "admin", "--agent", "cat"]),
        issue(&home, &["op", "--scope", "admin"]),
    ];
    wait("the tokens to be known", || (asked(&server, "GET", "/metrics", &tokens[2]).status == 200).then_some(()));
    for path in ["/admin/status", "/admin/audit"] {
        let refused = asked(&server, "GET", path, &tokens[0]);
        assert_eq!(refused.status, 403, "{path}");
        assert!(refused.json().to_string().contains("it has not the scope admin"), "{path}");
        assert_eq!(asked(&server, "GET", path, &tokens[1]).status, 403, "it tells of all agents");
        assert_eq!(asked(&server, "POST", path, &tokens[2]).status, 405, "{path}");
        assert_eq!(asked(&server, "HEAD", path, &tokens[2]).status, 200, "{path}");
        assert_eq!(request(server.address, "GET", path, &[], b"").status, 401, "{path}");
        let line = format!("\"operation\":\"GET {path}\"");
        wait("a line of it", || server.stderr().contains(&line).then_some(()));
    }
    assert_eq!(asked(&server, "GET", "/admin/other", &tokens[2]).status, 404);
}

/// A verb of the client's, with this token: its exit code, and what it says.
fn verb(server: &Server, home: &Path, args: &[&str], token: &str) -> (i32, String, String) {
    let url = format!("http://{}", server.address);
    Launch::new(args).env("HOME", home).env("INHOUSE_URL", url).env("INHOUSE_TOKEN", token).directory(home).run()
}

#[test]
fn the_verb_shows_it_to_people_and_to_programs() {
    let home = scratch("admin");
    let server = server(&home);
    server.send("one");
    let run = |args: &[&str], token: &str| verb(&server, &home, &[&["status"], args].concat(), token);
    let (code, out, err) = run(&[], TOKEN);
    assert_eq!(code, 0, "{err}");
    let lines: Vec<_> = out.lines().collect();
    assert!(lines[0].starts_with(&format!("version      {}, up ", env!("CARGO_PKG_VERSION"))), "{out}");
    assert_eq!(lines[1], format!("listening    {} (plain HTTP)", server.address));
    assert!(out.contains("tasks        1 completed; those at rest keep "), "{out}");
    assert!(
        out.contains("\nAGENT  DRIVER  RUNNING  WAITING   ASKING  TODAY\ncat    text    0 of 16  0 of 256  0\n"),
        "{out}"
    );
    let (code, out, err) = run(&["--json"], TOKEN);
    assert_eq!(code, 0, "{err}");
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["agents"][0]["name"], "cat");
    let (code, _, err) = run(&[], "wrong");
    assert!(code == 4 && err.contains("the server does not know the token from INHOUSE_TOKEN"), "{code} {err}");
    let (code, _, err) = run(&["http://127.0.0.1:9"], TOKEN);
    assert!(code == 5 && err.contains("start a server with: inhouse serve"), "{code} {err}");
}

#[test]
fn a_reload_is_asked_for_and_answered_by_what_came_of_it() {
    let home = scratch("admin");
    let server = server(&home);
    let run = |args: &[&str], token: &str| verb(&server, &home, &[&["reload"], args].concat(), token);
    let write = |text: &str| fs::write(home.join("inhouse.toml"), text).unwrap();
    assert_eq!(run(&[], TOKEN), (0, "nothing has changed\n".to_owned(), String::new()));
    write(&CONFIG.replace("running_per_caller_max = 1", "running_per_caller_max = 2\nfinished_s_max = 9"));
    let told = "in force now: limits.running_per_caller_max\nin force from the next start on: limits.finished_s_max\n";
    assert_eq!(run(&[], TOKEN), (0, told.to_owned(), String::new()));
    assert_eq!(limit(&status(&server), "running_per_caller_max")["value"], 2);
    let (_, json, _) = run(&["--json"], TOKEN);
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), json!({"taken": [], "later": ["limits.finished_s_max"]}));
    write(&CONFIG.replace("keep_alive_ms", "keep_alife_ms"));
    let (code, out, err) = run(&[], TOKEN);
    assert!(code == 2 && out.is_empty(), "{code} {out} {err}");
    let said = "error: the configuration of before stays in force: inhouse.toml:14";
    assert!(err.starts_with(said) && err.contains("\nhint: did you mean keep_alive_ms?"), "{err}");
    let refused = asked(&server, "POST", "/admin/reload", TOKEN);
    assert_eq!(refused.status, 422);
    assert!(refused.json().to_string().contains("\"reason\":\"CONFIGURATION_REFUSED\""), "{}", refused.json());
    assert_eq!(asked(&server, "GET", "/admin/reload", TOKEN).status, 405);
    let (code, _, err) = run(&[], "wrong");
    assert!(code == 4 && err.contains("does not know the token"), "{code} {err}");
    let line = "\"operation\":\"POST /admin/reload\",\"outcome\":\"CONFIGURATION_REFUSED\",\"status\":422";
    wait("a line of it", || server.stderr().contains(line).then_some(()));
}
