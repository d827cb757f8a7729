//! What the front door tells and to whom: agents that are reserved, headers of the protocol, the audit, and large answers.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::too_many_lines, reason = "tests")]

mod support;

use serde_json::{Value, json};
use support::http::{Response, Stream, headers, request, stream};
use support::{Launch, Server, TOKEN, message, rpc, scratch, script, state_of, text_of, wait};

const EVE: &str = "eve-token-0123456789abcdef-0123456789";

fn authorized(token: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut all = headers(&[("Authorization", &format!("Bearer {token}")), ("Content-Type", "application/json")]);
    all.extend(headers(more));
    all
}

fn call(server: &Server, path: &str, more: &[(&str, &str)], body: &[u8]) -> Response {
    request(server.address, "POST", path, &authorized(TOKEN, more), body)
}

/// The audit's lines about one operation, once there is one.
fn audited(server: &Server, operation: &str) -> Vec<Value> {
    wait("the audit", || {
        let lines = server.stderr();
        let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines: Vec<Value> = lines.filter(|line| line["operation"] == operation).collect();
        (!lines.is_empty()).then_some(lines)
    })
}

/// Ann may use the default agent and `inner`; Eve the default agent only.
fn with_reserved_agent() -> Server {
    let config = scratch("config").join("inhouse.toml");
    let file = "[[callers]]\nname = \"ann\"\ntoken_env = \"ANN\"\n[[callers]]\nname = \"eve\"\ntoken_env = \"EVE\"\n\
        [agents.open]\ncommand = [\"cat\"]\ninput = \"stdin\"\n\
        [agents.inner]\ncommand = [\"cat\"]\ninput = \"stdin\"\ncallers = [\"ann\"]\n";
    std::fs::write(&config, file).unwrap();
    let launch = Launch::new(&["serve", "--config", config.to_str().unwrap(), "--agent", "open"]).without("API_TOKEN");
    launch.env("ANN", TOKEN).env("EVE", EVE).start()
}

#[test]
fn an_agent_that_is_reserved_for_others_looks_like_one_that_does_not_exist() {
    let server = with_reserved_agent();
    let body = rpc("SendMessage", message("hi"));
    let whole = |response: Response| {
        let head = response
            .headers
            .into_iter()
            .filter(|(name, _)| !["date", "retry-after"].contains(&&*name.to_ascii_lowercase()));
        let head: Vec<_> = head.collect();
        (response.status, head, response.body)
    };
    for path in ["a2a", "a2a/", "", ".well-known/agent-card.json", ".well-known/agent.json", "other"] {
        for method in ["POST", "GET", "PUT", "OPTIONS"] {
            for token in [Some(EVE), None, Some("wrong")] {
                let ask = |agent: &str| {
                    let head = token.map_or_else(Vec::new, |token| authorized(token, &[]));
                    whole(request(server.address, method, &format!("/agents/{agent}/{path}"), &head, &body))
                };
                let (reserved, missing) = (ask("inner"), ask("never"));
                assert_eq!(reserved, missing, "{method} {path} {token:?}");
                let expected: &[u16] =
                    if token == Some(EVE) || path.starts_with(".well-known") { &[404] } else { &[401, 429] };
                assert!(expected.contains(&reserved.0), "{method} {path} {token:?}: {}", reserved.0);
            }
        }
    }
    let denied = audited(&server, "POST /agents/inner/a2a");
    let denied = denied.iter().find(|line| line["who"] == "eve").unwrap();
    assert_eq!(
        (&denied["outcome"], &denied["status"], &denied["agent"]),
        (&json!("denied"), &json!(404), &json!("inner"))
    );
    let missing = audited(&server, "POST /agents/never/a2a");
    let missing = missing.iter().find(|line| line["who"] == "eve").unwrap();
    assert_eq!((&missing["outcome"], &missing["status"]), (&json!("NOT_FOUND"), &json!(404)));
    assert_eq!(call(&server, "/agents/inner/a2a", &[], &body).status, 200, "who may use it can");
    assert_eq!(server.get("/agents/open/.well-known/agent-card.json").status, 200);
}

#[test]
fn a_caller_of_the_configuration_looks_at_the_server_where_it_says_so() {
    let config = scratch("config").join("inhouse.toml");
    let file = "[[callers]]\nname = \"ann\"\ntoken_env = \"ANN\"\nadmin = true\n[[callers]]\nname = \"eve\"\ntoken_env = \"EVE\"\n\
        [agents.inner]\ncommand = [\"cat\"]\ninput = \"stdin\"\ncallers = [\"ann\"]\n";
    std::fs::write(&config, file).unwrap();
    let launch = Launch::new(&["serve", "--config", config.to_str().unwrap()])
        .env("ANN", "a-token-of-ann-0123456789")
        .env("EVE", EVE);
    let server = launch.start();
    let page = |token: &str| request(server.address, "GET", "/metrics", &authorized(token, &[]), b"");
    let refused = page(EVE);
    assert!(refused.status == 403 && !refused.json().to_string().contains("inner"), "to her there is no such agent");
    assert_eq!(["a-token-of-ann-0123456789", TOKEN].map(|token| page(token).status), [200, 200]);
}

#[test]
fn the_public_pages_say_no_more_than_they_must() {
    let server = Server::with_agent("cat --show-nonprinting");
    for page in ["/health", "/livez", "/readyz"] {
        assert_eq!(server.get(page).json(), json!({"status": "ok"}), "{page}");
    }
    for card in ["/.well-known/agent-card.json", "/.well-known/agent.json"] {
        let card = String::from_utf8(server.get(card).body).unwrap();
        for secret in ["--show-nonprinting", "/bin/", "/tmp", "owner", TOKEN] {
            assert!(!card.contains(secret), "{card}");
        }
    }
}

#[test]
fn what_a_caller_asks_of_a_wrong_path_or_with_a_wrong_method_is_written_down() {
    let server = Server::with_agent("cat");
    let answer = request(server.address, "GET", "/a2a", &authorized(TOKEN, &[]), b"");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    assert_eq!(call(&server, "/nowhere", &[], b"").status, 404);
    let line = &audited(&server, "GET /a2a")[0];
    assert_eq!((&line["outcome"], &line["status"]), (&json!("METHOD_NOT_ALLOWED"), &json!(405)));
    let line = &audited(&server, "POST /nowhere")[0];
    assert_eq!((&line["outcome"], &line["status"]), (&json!("NOT_FOUND"), &json!(404)));
}

#[test]
fn the_audit_has_the_state_of_the_task_in_the_answer() {
    let server = Server::with_agent(&script("sh", "cat; exit 3"));
    let task = server.send("hi");
    assert_eq!(state_of(&task), "FAILED");
    let line = &audited(&server, "SendMessage")[0];
    assert_eq!((&line["outcome"], &line["state"], &line["task"]), (&json!("ok"), &json!("failed"), &task["id"]));
    server.task(task["id"].as_str().unwrap());
    assert_eq!(audited(&server, "GetTask")[0]["state"], "failed");
    server.start_task("hi");
    wait("the audit", || (audited(&server, "SendMessage").len() == 2).then_some(()));
    assert_eq!(audited(&server, "SendMessage")[1].get("state"), None, "not settled when it was answered");
    server.result("ListTasks", json!({}));
    assert_eq!(audited(&server, "ListTasks")[0].get("state"), None);
}

#[test]
fn extensions_that_we_do_not_know_are_not_activated_and_a_list_that_is_too_long_is_refused() {
    let server = Server::with_agent("cat");
    let ask = |values: &[&str]| {
        let more: Vec<_> = values.iter().map(|value| ("A2A-Extensions", *value)).collect();
        call(&server, "/a2a", &more, &rpc("ListTasks", json!({})))
    };
    let long = format!("https://example.com/{}", "x".repeat(236));
    let most = vec!["urn:x:1"; 32].join(",");
    for good in [
        &["https://example.com/ext/v1, urn:a:b"][..],
        &["urn:a", " , urn:b,"],
        &[""],
        &[&most],
        &[&long],
        // What is no name of an extension is one that we do not know.
        &["ext"],
        &["urn:a b", "/ext"],
    ] {
        let answer = ask(good);
        assert!(answer.json()["result"].is_object(), "{good:?} {}", answer.json());
        assert_eq!(answer.header("A2A-Extensions"), None);
    }
    for bad in [&[format!("{most},urn:x").as_str()][..], &[&most, "urn:x"]] {
        let answer = ask(bad).json();
        assert_eq!(answer["error"]["code"], -32602, "{bad:?}");
        assert_eq!(answer["error"]["data"][1]["fieldViolations"][0]["field"], "A2A-Extensions", "{answer}");
    }
    let old = rpc("tasks/get", json!({"id": "x"}));
    assert_eq!(call(&server, "/a2a", &[("A2A-Extensions", "ext")], &old).json()["error"]["code"], -32001);
}

#[test]
fn the_version_may_stand_in_the_target_and_the_header_goes_before_it() {
    let server = Server::with_agent("cat");
    let code = |target: &str, more: &[(&str, &str)]| {
        call(&server, target, more, &rpc("ListTasks", json!({}))).json()["error"]["code"].clone()
    };
    for (target, more, expected) in [
        ("/a2a?A2A-Version=1.0", &[][..], Value::Null),
        ("/a2a?x=y&A2A-Version=9.9", &[], json!(-32009)),
        ("/a2a?A2A-Version=9.9", &[("A2A-Version", "1.0")], Value::Null),
        ("/a2a?A2A-Version=1.0", &[("A2A-Version", "9.9")], json!(-32009)),
        ("/a2a?A2A-Version=", &[("A2A-Version", "")], Value::Null),
        ("/a2a?A2A-Version=1.0&A2A-Version=1.0", &[], json!(-32602)),
    ] {
        assert_eq!(code(target, more), expected, "{target} {more:?}");
    }
}

#[test]
fn a_header_that_may_stand_once_is_refused_by_its_name_when_it_stands_twice() {
    let server = Server::with_agent("cat");
    let id = server.send("hi")["id"].clone();
    for (name, value, method, params) in [
        ("A2A-Version", "1.0", "ListTasks", json!({})),
        ("Idempotency-Key", "key", "SendMessage", message("hi")),
        ("Last-Event-ID", "1", "SubscribeToTask", json!({"id": id})),
    ] {
        let answer = call(&server, "/a2a", &[(name, value), (name, value)], &rpc(method, params)).json();
        assert_eq!(answer["error"]["code"], -32602, "{name}");
        assert_eq!(answer["error"]["data"][1]["fieldViolations"][0]["field"], name, "{answer}");
    }
}

fn resubscribe(server: &Server, id: &str, seen: u64) -> Stream {
    let more = [("Last-Event-ID", seen.to_string())];
    let more: Vec<_> = more.iter().map(|(name, value)| (*name, value.as_str())).collect();
    stream(server.address, "/a2a", &authorized(TOKEN, &more), &rpc("tasks/resubscribe", json!({"id": id})))
}

#[test]
fn an_old_client_that_comes_back_gets_the_whole_answer_at_the_end_and_the_same_indices() {
    let agent = r#"
import json, sys
def say(**event): print(json.dumps(event), flush=True)
sys.stdin.readline()
say(text="one ")
say(artifact={"artifactId": "side", "parts": [{"text": "aside"}]})
say(text="two")
"#;
    let server = Server::with_native(&script("python3", agent));
    let params = json!({"id": "t1", "message": {"role": "user", "parts": [{"type": "text", "text": "go"}]}});
    let all: Vec<_> = server.stream("tasks/sendSubscribe", params, &[]).collect();
    let whole: Vec<_> = resubscribe(&server, "t1", 0).collect();
    let last = whole.last().unwrap();
    assert_eq!(last.result()["final"], true, "{all:?}");
    let indices: Vec<_> = whole.iter().filter_map(|event| event.result()["artifact"]["index"].as_u64()).collect();
    assert!(indices.contains(&0) && indices.contains(&1), "{indices:?}");
    assert_eq!(all.last().unwrap().result()["status"]["message"], last.result()["status"]["message"]);
    for seen in 1..last.id.unwrap() {
        let rest: Vec<_> = resubscribe(&server, "t1", seen).collect();
        let expected: Vec<_> =
            whole.iter().filter(|event| event.id.unwrap() > seen).map(|event| event.json.clone()).collect();
        assert_eq!(rest.into_iter().map(|event| event.json).collect::<Vec<_>>(), expected, "after {seen}");
    }
}

#[test]
fn an_old_stream_ends_when_the_task_waits_for_its_caller() {
    let agent = "import json, sys\nsys.stdin.readline()\nprint(json.dumps({\"status\": \"input-required\", \"text\": \"which?\"}))";
    let server = Server::with_native(&script("python3", agent));
    let params = json!({"id": "t1", "message": {"role": "user", "parts": [{"type": "text", "text": "go"}]}});
    let all: Vec<_> = server.stream("tasks/sendSubscribe", params, &[]).collect();
    assert_eq!(all.last().unwrap().result()["status"]["state"], "input-required", "{all:?}");
    for last in [
        resubscribe(&server, "t1", 1).last().unwrap(),
        server.stream("tasks/resubscribe", json!({"id": "t1"}), &[]).last().unwrap(),
    ] {
        assert_eq!(
            (&last.result()["final"], &last.result()["status"]["state"]),
            (&json!(true), &json!("input-required"))
        );
    }
}

#[test]
fn a_list_of_large_tasks_comes_in_pages_of_bounded_size_and_misses_none() {
    let server =
        Server::with_agent(&script("python3", "import sys\nsys.stdin.read()\nsys.stdout.write('x' * (3 << 20))"));
    let mut sent: Vec<String> = (0..5).map(|_| server.send("go")["id"].as_str().unwrap().to_owned()).collect();
    let (mut seen, mut pages, mut token) = (Vec::new(), 0, String::new());
    loop {
        let params = json!({"includeArtifacts": true, "pageSize": 5, "pageToken": token});
        let answer = server.post(&rpc("ListTasks", params));
        // A page ends with the task that reaches 8 MiB.
        assert!(answer.body.len() < 12 << 20, "{}", answer.body.len());
        assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
        let page = answer.json()["result"].clone();
        assert_eq!(page["totalSize"], 5);
        for task in page["tasks"].as_array().unwrap() {
            assert_eq!(text_of(task).len(), 3 << 20);
            seen.push(task["id"].as_str().unwrap().to_owned());
        }
        pages += 1;
        token = page["nextPageToken"].as_str().unwrap().to_owned();
        if token.is_empty() {
            break;
        }
    }
    sent.sort();
    seen.sort();
    assert_eq!((seen, pages), (sent, 2));
}

#[test]
fn a_source_is_a_listed_proxys_word_and_nobody_elses() {
    let source_of = |config: &str| {
        let folder = scratch("proxies");
        std::fs::write(folder.join("inhouse.toml"), config).unwrap();
        let server = Launch::new(&["serve", "--agent", "demo"]).directory(&folder).start();
        let sent = [("Authorization", &*format!("Bearer {TOKEN}")), ("X-Forwarded-For", "1.2.3.4, 198.51.100.7")];
        assert_eq!(request(server.address, "GET", "/agents", &headers(&sent), b"").status, 200);
        wait("the line", || {
            let stderr = server.stderr();
            let line = stderr.lines().find(|line| line.contains("GET /agents"))?;
            Some(serde_json::from_str::<Value>(line).unwrap()["source"].as_str().unwrap().to_owned())
        })
    };
    assert_eq!(source_of(""), "127.0.0.1");
    assert_eq!(source_of("[server]\ntrusted_proxies = [\"127.0.0.1\"]\n"), "198.51.100.7");
    assert_eq!(source_of("[server]\ntrusted_proxies = [\"10.0.0.0/8\"]\n"), "127.0.0.1");
    let folder = scratch("proxies");
    std::fs::write(folder.join("inhouse.toml"), "[server]\ntrusted_proxies = [\"proxy.lan\"]\n").unwrap();
    let (code, _, err) = Launch::new(&["serve"]).directory(&folder).run();
    assert!(code == 2 && err.contains("inhouse.toml:2: trusted_proxies must be addresses"), "{err}");
}
