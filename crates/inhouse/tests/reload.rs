//! A configuration that changes while the server runs: what a hangup takes over, what it names for the next start, and what it refuses.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::http::{Response, headers, raw, request};
use support::{Launch, Server, message, rpc, scratch, wait};

const AGENTS: &str = "[agents.cat]\ncommand = [\"cat\"]\ninput = \"stdin\"\n[agents.demo]\n";

/// A folder with a configuration that changes.
struct House(PathBuf);

impl House {
    fn start(text: &str) -> (Self, Server) {
        let house = Self(scratch("reload"));
        house.write(text);
        let launch = Launch::new(&["serve"]).without("API_TOKEN").without("RATE_LIMIT_RPM");
        let server = launch.env("HOME", &house.0).directory(&house.0).start();
        (house, server)
    }

    fn write(&self, text: &str) {
        fs::write(self.0.join("inhouse.toml"), text).unwrap();
    }

    /// Another configuration, of which the server then says this.
    fn renew(&self, server: &Server, text: &str, said: &str) {
        self.write(text);
        let times = || server.stderr().matches(said).count();
        let before = times();
        server.signal("HUP");
        wait(said, || (times() > before).then_some(()));
    }
}

fn token(name: &str) -> String {
    format!("the-token-of-{name}-which-nobody-guesses")
}

fn caller(name: &str) -> String {
    let digest: String = Sha256::digest(token(name)).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("[[callers]]\nname = \"{name}\"\ntoken_sha256 = \"{digest}\"\n")
}

fn status(server: &Server, name: &str, path: &str) -> u16 {
    let bearer = format!("Bearer {}", token(name));
    let headers = headers(&[("Authorization", &bearer), ("Content-Type", "application/json")]);
    request(server.address, "POST", path, &headers, &rpc("ListTasks", json!({}))).status
}

/// What `ann` gets for a call of JSON-RPC.
fn call(server: &Server, path: &str, method: &str, params: Value, more: &[(&str, &str)]) -> Response {
    let bearer = format!("Bearer {}", token("ann"));
    let mut all = headers(&[("Authorization", &bearer), ("Content-Type", "application/json")]);
    all.extend(headers(more));
    request(server.address, "POST", path, &all, &rpc(method, params))
}

/// The answer of an agent to a text.
fn answer(server: &Server, agent: &str, text: &str) -> String {
    let task = call(server, &format!("/agents/{agent}/a2a"), "SendMessage", message(text), &[]).json();
    let text = &task["result"]["task"]["artifacts"][0]["parts"][0]["text"];
    text.as_str().unwrap_or_else(|| panic!("{task}")).trim().to_owned()
}

fn card(server: &Server) -> Value {
    server.get("/.well-known/agent-card.json").json()
}

fn description(server: &Server) -> String {
    card(server)["description"].as_str().unwrap().to_owned()
}

#[test]
fn a_hangup_takes_over_who_comes_in_and_what_cards_say() {
    let (house, server) = House::start(&format!("{}{AGENTS}", caller("ann")));
    assert_eq!((status(&server, "ann", "/a2a"), status(&server, "bob", "/a2a")), (200, 401));
    let agents = AGENTS.replace("input", "description = \"says it again\"\ncallers = [\"bob\"]\ninput");
    let changed = format!("[limits]\nfinished_s_max = 77\n{}{}{agents}", caller("bob"), caller("cid"));
    house.renew(&server, &changed, "in force from the next start on: limits.finished_s_max\n");
    assert_eq!((status(&server, "ann", "/a2a"), status(&server, "bob", "/a2a")), (401, 200));
    // The first agent is bob's alone now, and has no public card any more.
    assert_eq!((status(&server, "cid", "/a2a"), status(&server, "cid", "/agents/demo/a2a")), (404, 200));
    assert_eq!(server.get("/.well-known/agent-card.json").status, 404);
    house.renew(&server, &changed.replace("callers = [\"bob\"]\n", ""), "the configuration is read again and in force");
    assert_eq!((status(&server, "cid", "/a2a"), description(&server).as_str()), (200, "says it again"));
}

#[test]
fn a_configuration_that_can_not_be_used_changes_nothing_and_is_told() {
    let first = format!("{}{AGENTS}", caller("ann"));
    let (house, server) = House::start(&first);
    for (wrong, said) in [
        (format!("{first}\nhardend = true\n"), "inhouse.toml:"),
        ("garbage".to_owned(), "inhouse.toml:1"),
        (AGENTS.to_owned(), "no caller is left"),
        (format!("{}{first}", caller("ann").replace("\"ann\"", "\"eve\"")), "have the same token"),
    ] {
        house.renew(&server, &wrong, "the configuration of before stays in force: ");
        assert!(server.stderr().contains(said), "{said}: {}", server.stderr());
        assert_eq!((status(&server, "ann", "/a2a"), status(&server, "eve", "/a2a")), (200, 401), "{said}");
    }
    fs::remove_file(house.0.join("inhouse.toml")).unwrap();
    server.signal("HUP");
    wait("a word of it", || (server.stderr().matches("stays in force").count() > 4).then_some(()));
    assert_eq!(status(&server, "ann", "/a2a"), 200);
}

/// What is written in front of the configuration, what the log says to it, and what shows that it holds.
type Row = (&'static str, &'static str, fn(&Server));

/// One of each kind of key that is taken over.
const TAKEN: &[Row] = &[
    ("[limits]\nbody_bytes_max = 600\n", "changed: limits.body_bytes_max\n", |server| {
        let large = message(&"x".repeat(700));
        assert_eq!(call(server, "/a2a", "SendMessage", large, &[]).status, 413);
    }),
    ("[limits]\nheaders_max = 8\n", "changed: limits.headers_max\n", |server| {
        let many: Vec<_> = (0..9).map(|n| (format!("x-{n}"), "1".to_owned())).collect();
        assert_eq!(request(server.address, "GET", "/livez", &many, b"").status, 431);
    }),
    ("[limits]\nrate_limit_rpm = 1\n", "changed: limits.rate_limit_rpm\n", |server| {
        assert_eq!(answer(server, "cat", "one"), "one");
        let second = call(server, "/a2a", "SendMessage", message("two"), &[]);
        assert!(second.json()["error"].to_string().contains("startsMax"), "{}", second.json());
    }),
    ("[limits]\nqueued_per_caller_max = 7\n", "changed: limits.queued_per_caller_max\n", |_| {}),
    (
        "[limits]\nrequest_timeout_ms = 80\n",
        "changed: agents.cat.timeout_ms, agents.late.timeout_ms, limits.request_timeout_ms\n",
        |server| {
            let late = call(server, "/agents/late/a2a", "SendMessage", message("x"), &[]).json();
            assert_eq!(late["result"]["task"]["status"]["state"], "TASK_STATE_FAILED", "{late}");
        },
    ),
    ("[server]\nallowed_hosts = [\"shop.example\"]\n", "changed: server.allowed_hosts\n", |server| {
        let asked = |host: &str| {
            raw(server.address, format!("GET /livez HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
        };
        assert!(
            asked("shop.example").starts_with("HTTP/1.1 200 ") && asked("other.example").starts_with("HTTP/1.1 421 ")
        );
    }),
    ("[server]\nallowed_origins = [\"https://shop.example\"]\n", "changed: server.allowed_origins\n", |server| {
        let asked = |origin| call(server, "/a2a", "ListTasks", json!({}), &[("Origin", origin)]).status;
        assert_eq!((asked("https://shop.example"), asked("https://other.example")), (200, 403));
    }),
    ("[server]\ntrusted_proxies = [\"127.0.0.1\"]\n", "changed: server.trusted_proxies\n", |server| {
        call(server, "/a2a", "ListTasks", json!({}), &[("X-Forwarded-For", "192.0.2.77")]);
        wait("the audit line", || server.stderr().contains("\"source\":\"192.0.2.77\"").then_some(()));
    }),
    ("[server]\npublic_url = \"https://agents.example\"\n", "changed: server.public_url\n", |server| {
        assert_eq!(card(server)["supportedInterfaces"][0]["url"], "https://agents.example/a2a");
    }),
    ("[server]\nconsole = false\n", "changed: server.console\n", |server| {
        assert_eq!(server.get("/console/").status, 401);
    }),
    ("[push]\nenabled = false\n", "changed: push.enabled\n", |server| {
        assert_eq!(card(server)["capabilities"]["pushNotifications"], false);
    }),
    ("[agents.new]\ncommand = [\"cat\"]\ninput = \"stdin\"\n", "changed: agents.cat.default, agents.new\n", |server| {
        assert_eq!(answer(server, "new", "hello"), "hello");
    }),
];

/// Agents of which one takes its time.
const LATE: &str = "[agents.cat]\ncommand = [\"cat\"]\ninput = \"stdin\"\n[agents.late]\ncommand = [\"sleep\", \"5\"]\ninput = \"stdin\"\n";

#[test]
fn each_kind_of_key_is_taken_over_while_the_server_runs() {
    let first = format!("{}{LATE}", caller("ann"));
    let (house, server) = House::start(&first);
    for (lines, said, holds) in TAKEN {
        house.renew(&server, &format!("{lines}{first}"), said);
        holds(&server);
        // And back again.
        house.renew(&server, &first, said.trim_end_matches('\n'));
    }
    assert_eq!(call(&server, "/agents/new/a2a", "ListTasks", json!({}), &[]).status, 404, "it is gone");
    assert!(!server.stderr().contains("from the next start on"), "{}", server.stderr());
}

#[test]
fn what_needs_a_new_start_is_named_and_stays_as_it_is() {
    let first = format!("{}{LATE}", caller("ann"));
    let (house, server) = House::start(&first);
    for (lines, named) in [
        ("[server]\nhardened = true\n", "server.hardened, server.require_sandbox"),
        ("[server]\ncontainment = \"reaper\"\n", "server.containment"),
        ("[server]\nprotect = []\n", "server.protect"),
        ("[server]\nworkspaces_dir = \"rooms\"\n", "server.workspaces_dir"),
        ("[server]\ntokens_file = \"t.json\"\n", "server.tokens_file"),
        ("[server]\ngrpc_port = 9\ntls = \"auto\"\n", "server.grpc_port, server.tls"),
        ("[limits]\nfinished_s_max = 77\nhops_max = 3\n", "limits.finished_s_max"),
        ("[audit]\nsync = true\nto = \"file\"\nfile = \"a.jsonl\"\n", "audit.file, audit.sync, audit.to"),
    ] {
        house.renew(&server, &format!("{lines}{first}"), &format!("in force from the next start on: {named}\n"));
    }
    assert_eq!(answer(&server, "cat", "still there"), "still there");
    assert!(!house.0.join("a.jsonl").exists());
}

#[test]
fn a_change_of_an_agent_is_for_new_turns_and_running_ones_go_on() {
    let config = |limit: &str, word: &str| {
        let script = format!("echo begun; while [ ! -e go ]; do sleep 0.02; done; echo {word} $SHOP");
        format!(
            "{}[limits]\nrunning_per_agent_max = {limit}\n[agents.slow]\ncommand = [\"sh\", \"-c\", {script:?}]\ninput = \"stdin\"\n\
             env_set = {{ SHOP = \"{word}-shop\" }}\n",
            caller("ann")
        )
    };
    let (house, server) = House::start(&config("1", "old"));
    let start = |text: &str| {
        let mut params = message(text);
        params["configuration"] = json!({"returnImmediately": true});
        let task = call(&server, "/a2a", "SendMessage", params, &[]).json();
        task["result"]["task"]["id"].as_str().unwrap().to_owned()
    };
    let task = |id: &str| call(&server, "/a2a", "GetTask", json!({"id": id}), &[]).json()["result"].clone();
    let begun = |id: &str| wait("its first words", || task(id).to_string().contains("begun").then_some(()));
    let first = start("one");
    begun(&first);
    let second = start("two");
    assert_eq!(task(&second)["status"]["state"], "TASK_STATE_SUBMITTED");
    house.renew(
        &server,
        &config("3", "new"),
        "changed: agents.slow.command, limits.running_per_agent_max, agents.slow.env_set\n",
    );
    // There is room for it now; it was sent to the agent of before.
    begun(&second);
    let third = start("three");
    begun(&third);
    fs::write(house.0.join("go"), "").unwrap();
    for (id, words) in [(&first, "old old-shop"), (&second, "old old-shop"), (&third, "new new-shop")] {
        let ended = wait("its end", || Some(task(id)).filter(|task| task["status"]["state"] == "TASK_STATE_COMPLETED"));
        assert!(ended["artifacts"].to_string().contains(words), "{words}: {ended}");
    }
}

#[test]
fn an_agent_that_has_not_changed_keeps_its_processes_and_budgets_and_levels_follow() {
    let script = "echo noise >&2; cat > /dev/null; echo '{\"usage\":{\"inputTokens\":7}}'; echo '{\"text\":\"x\"}'";
    let config = |log: &str, budget: &str| {
        format!(
            "[server]\nlog = \"{log}\"\n{}[agents.bot]\ncommand = [\"sh\", \"-c\", {script:?}]\ninput = \"json\"\n{budget}",
            caller("ann")
        )
    };
    let (house, server) = House::start(&config("info", ""));
    let send = || call(&server, "/a2a", "SendMessage", message("x"), &[]).json();
    let noise = || server.stderr().matches("noise").count();
    assert!(send()["error"].is_null());
    wait("what the agent says to its operator", || (noise() == 1).then_some(()));
    house.renew(&server, &config("warn", ""), "changed: server.log\n");
    assert!(send()["error"].is_null());
    house.write(&config("info", "tokens_per_day_max = 5\n"));
    server.signal("HUP");
    let refused = wait("the budget", || Some(send()).filter(|answer| !answer["error"].is_null()));
    assert!(refused.to_string().contains("tokens_per_day_max"), "what was spent before counts: {refused}");
    assert_eq!(noise(), 1, "{}", server.stderr());
}
