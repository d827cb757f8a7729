//! `/metrics` of a running server: who may read it, and what it tells of what has just been done; and the line of each turn in the
//! audit.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::http::{self, Response, headers, request};
use support::{Launch, Server, TOKEN, issue, message, rpc, scratch, wait};

const AGENTS: &str = "[agents.cat]\ncommand = [\"cat\"]\ninput = \"stdin\"\ndefault = true\n\
    [agents.slow]\ncommand = [\"sh\", \"-c\", \"echo begun; sleep 300\"]\ninput = \"stdin\"\n\
    [agents.broken]\ncommand = [\"sh\", \"-c\", \"exit 7\"]\ninput = \"stdin\"\n[limits]\nfiles_reload_ms = 100\nrunning_per_caller_max = 1\nkeep_alive_ms = 100\n";

fn server(home: &Path) -> Server {
    fs::write(home.join("inhouse.toml"), AGENTS).unwrap();
    Launch::new(&["serve"]).env("HOME", home).directory(home).start()
}

fn asked(server: &Server, method: &str, token: &str) -> Response {
    let headers = headers(&[("Authorization", &format!("Bearer {token}"))]);
    request(server.address, method, "/metrics", &headers, b"")
}

fn page(server: &Server) -> String {
    let response = asked(server, "GET", TOKEN);
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    String::from_utf8(response.body).unwrap()
}

/// The value behind a name with its labels, as the page has it.
fn value(page: &str, name: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{page}")).parse().unwrap()
}

#[test]
fn the_page_counts_what_was_done() {
    let server = server(&scratch("metrics"));
    server.send("one");
    server.send("two");
    let path = "/agents/broken/a2a";
    let all = headers(&[("Authorization", &format!("Bearer {TOKEN}")), ("Content-Type", "application/json")]);
    assert_eq!(request(server.address, "POST", path, &all, &rpc("SendMessage", message("x"))).status, 200);
    assert_eq!(asked(&server, "GET", "wrong").status, 401);
    let page = page(&server);
    for (name, count) in [
        ("inhouse_requests_total{operation=\"SendMessage\",outcome=\"ok\"}", 3.0),
        ("inhouse_requests_total{operation=\"door\",outcome=\"UNAUTHENTICATED\"}", 1.0),
        ("inhouse_request_duration_seconds_count{operation=\"SendMessage\"}", 3.0),
        ("inhouse_turns_begun_total{agent=\"cat\"}", 2.0),
        ("inhouse_turns_ended_total{agent=\"cat\",outcome=\"completed\"}", 2.0),
        ("inhouse_turns_ended_total{agent=\"broken\",outcome=\"agent_failed\"}", 1.0),
        ("inhouse_turn_duration_seconds_count{agent=\"cat\"}", 2.0),
        ("inhouse_turn_wait_seconds_count{agent=\"cat\"}", 2.0),
        ("inhouse_tasks_kept", 3.0),
        ("inhouse_limit{limit=\"running_per_caller_max\"}", 1.0),
    ] {
        assert_eq!(value(&page, name), count, "{name}");
    }
    assert!(value(&page, "inhouse_tasks_kept_bytes") > 0.0 && value(&page, "inhouse_process_resident_bytes") > 1e6);
    assert!(value(&page, "inhouse_process_open_fds") > 3.0 && page.contains("inhouse_process_cpu_seconds "));
    assert!(page.contains("inhouse_build_info{version=\"0.") && page.ends_with("# EOF\n"), "{page}");
}

#[test]
fn the_page_shows_what_runs_waits_and_is_open_now() {
    let server = server(&scratch("metrics"));
    let all = headers(&[("Authorization", &format!("Bearer {TOKEN}")), ("Content-Type", "application/json")]);
    let stream =
        |text| http::stream(server.address, "/agents/slow/a2a", &all, &rpc("SendStreamingMessage", message(text)));
    let mut first = stream("one");
    wait("its first words", || first.next().filter(|event| event.result().to_string().contains("begun")));
    let mut second = stream("two");
    wait("its place in the queue", || second.next());
    let shown = page(&server);
    for (name, count) in [
        ("inhouse_turns{agent=\"slow\",state=\"running\"}", 1.0),
        ("inhouse_turns{agent=\"slow\",state=\"waiting\"}", 1.0),
        ("inhouse_turns{agent=\"cat\",state=\"running\"}", 0.0),
        ("inhouse_streams", 2.0),
        ("inhouse_connections", 3.0),
    ] {
        assert_eq!(value(&shown, name), count, "{name}");
    }
    drop((first, second));
    wait("the streams to end", || (value(&page(&server), "inhouse_streams") == 0.0).then_some(()));
}

#[test]
fn it_is_for_a_token_that_may_look_at_the_server() {
    let home = scratch("metrics");
    let server = server(&home);
    let tokens = [
        issue(&home, &["caller"]),
        issue(&home, &["one-agent", "--scope", "admin", "--agent", "cat"]),
        issue(&home, &["prometheus", "--scope", "admin"]),
    ];
    wait("the tokens to be known", || (asked(&server, "GET", &tokens[2]).status == 200).then_some(()));
    let refused = asked(&server, "GET", &tokens[0]);
    assert_eq!(refused.status, 403);
    assert!(refused.json().to_string().contains("it has not the scope admin"), "a token is not good for it by default");
    assert_eq!(asked(&server, "GET", &tokens[1]).status, 403, "it tells of all agents");
    assert_eq!(asked(&server, "POST", &tokens[2]).status, 405);
    assert_eq!(asked(&server, "HEAD", &tokens[2]).status, 200);
    assert_eq!(request(server.address, "GET", "/metrics", &[], b"").status, 401);
    let listing = headers(&[("Authorization", &format!("Bearer {}", tokens[2])), ("Content-Type", "application/json")]);
    let read = request(server.address, "POST", "/a2a", &listing, &rpc("ListTasks", json!({})));
    assert_eq!(read.status, 403, "and good for nothing else");
}

#[test]
fn each_turn_that_ends_has_a_line_in_the_audit() {
    let server = server(&scratch("metrics"));
    let id = server.send("one")["id"].clone();
    let line = wait("the line", || {
        let stderr = server.stderr();
        let mut lines = stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["operation"] == "turn")
    });
    assert_eq!((&line["task"], &line["agent"], &line["outcome"]), (&id, &json!("cat"), &json!("completed")));
    assert!(line["took_ms"].is_u64() && line["waited_ms"].is_u64() && line["who"].is_string(), "{line}");
}
