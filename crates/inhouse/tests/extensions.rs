//! The extension that numbers events, over each binding of 1.0.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
#![allow(unreachable_pub, missing_docs, dead_code, reason = "shared between test files")]

mod support;
#[path = "golden/doors.rs"]
mod doors;
#[path = "golden/grpc.rs"]
mod grpc;

use serde_json::Value;
use support::http;
use support::{Server, message, rpc};

const URI: &str = "urn:inhouse:a2a:generation:v1";

/// The numbers that the events carry.
fn numbers(events: &[Value]) -> Vec<u64> {
    let number = |event: &Value| {
        let (kind, inside) = event.as_object().unwrap().iter().next().unwrap();
        let number = inside["metadata"][URI]["generation"].as_u64();
        number.unwrap_or_else(|| panic!("{kind} has no number: {event}"))
    };
    events.iter().map(number).collect()
}

fn assert_dense(numbers: &[u64]) {
    assert!(numbers.len() > 1 && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
}

#[test]
fn whoever_asks_for_it_finds_the_number_of_each_event_in_its_metadata() {
    let server = Server::with_agent("seq 3");
    let asked = [("A2A-Extensions", "https://example.com/other/v1, urn:inhouse:a2a:generation:v1")];
    let stream = server.stream("SendStreamingMessage", message("hi"), &asked);
    let (ids, events): (Vec<_>, Vec<_>) = stream.map(|event| (event.id.unwrap(), event.result().clone())).unzip();
    assert_eq!(numbers(&events), ids, "the same as the ids");
    assert_dense(&ids);
    let body = message("hi").to_string();
    let rest = http::stream(server.address, "/message:stream", &doors::headers(&asked), body.as_bytes());
    assert_dense(&numbers(&rest.map(|event| event.json).collect::<Vec<_>>()));
    let request = grpc::encoded("SendStreamingMessage", &message("hi"));
    let path = "/lf.a2a.v1.A2AService/SendStreamingMessage";
    let (messages, _) = grpc::Grpc::new().exchange(&server, path, &request, &asked);
    let events: Vec<Value> = messages.iter().map(|one| grpc::decoded("SendStreamingMessage", one)).collect();
    assert_dense(&numbers(&events));
}

#[test]
fn what_is_active_is_echoed_and_nothing_else() {
    let server = Server::with_agent("cat");
    let echoed = |asked: &[(&str, &str)], path: &str, body: &[u8]| {
        let answer = http::request(server.address, "POST", path, &doors::headers(asked), body);
        assert_eq!(answer.status, 200);
        answer.header("a2a-extensions").map(str::to_owned)
    };
    let call = rpc("SendMessage", message("hi"));
    let plain = message("hi").to_string();
    for (path, body) in [("/a2a", call.as_slice()), ("/message:send", plain.as_bytes())] {
        assert_eq!(echoed(&[("A2A-Extensions", URI)], path, body).as_deref(), Some(URI));
        assert_eq!(echoed(&[("A2A-Extensions", "https://example.com/x")], path, body), None);
        assert_eq!(echoed(&[], path, body), None);
    }
    let card = server.get("/.well-known/agent-card.json").json();
    assert_eq!(card["capabilities"]["extensions"][0]["uri"], URI);
    let without = server.stream("SendStreamingMessage", message("hi"), &[]);
    assert!(without.into_iter().all(|event| !event.json.to_string().contains("generation")));
}

const ACTIVITY: &str = "urn:inhouse:a2a:activity:v1";

/// Tells a plan, and uses a tool.
const BUSY: &str = r#"
    read -r first; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentCapabilities":{}}}'
    read -r open; echo '{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}'; read -r prompt
    update() { echo '{"jsonrpc":"2.0","method":"session/update","params":{"update":'"$1"'}}'; }
    update '{"sessionUpdate":"plan","entries":[{"content":"list","status":"in_progress"}]}'
    update '{"sessionUpdate":"tool_call","kind":"execute","title":"ls","rawInput":{"command":"ls secret"}}'
    update '{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"done"}}'
    echo '{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn"}}'"#;

#[test]
fn what_an_agent_does_is_a_sentence_and_typed_metadata_of_its_working_status() {
    let folder = support::scratch("activity");
    let command: Vec<String> = support::script("/bin/sh", BUSY).split(' ').map(str::to_owned).collect();
    let agent = format!("[agents.busy]\ncommand = {command:?}\nprotocol = \"acp\"\n");
    std::fs::write(folder.join("inhouse.toml"), agent).unwrap();
    let server = support::Launch::new(&["serve"]).directory(&folder).start();
    let stream = server.stream("SendStreamingMessage", message("hi"), &[]);
    let told: Vec<Value> = stream.map(|event| event.result()["statusUpdate"]["status"]["message"].clone()).collect();
    let told: Vec<_> = told.iter().filter(|message| message["extensions"] == serde_json::json!([ACTIVITY])).collect();
    let activity = told.iter().map(|message| &message["metadata"][ACTIVITY]).collect::<Vec<_>>();
    let plan = serde_json::json!({"plan": {"steps": [{"text": "list", "state": "inProgress"}]}});
    assert_eq!(activity, [&plan, &serde_json::json!({"tool": {"name": "execute"}})]);
    assert_eq!(told[1]["parts"], serde_json::json!([{"text": "the agent uses the tool execute"}]));
    let card = server.get("/.well-known/agent-card.json").json();
    assert_eq!(card["capabilities"]["extensions"][1]["uri"], ACTIVITY);
    let body = rpc("SendMessage", message("hi"));
    let asked = [("A2A-Extensions", ACTIVITY)];
    let answer = http::request(server.address, "POST", "/a2a", &doors::headers(&asked), &body);
    assert_eq!(answer.header("a2a-extensions"), Some(ACTIVITY));
}

const TICKETS: &str = "https://example.com/tickets/v1";

fn with_card(table: &str) -> Server {
    let folder = support::scratch("extensions");
    std::fs::write(folder.join("inhouse.toml"), format!("[card]\n{table}")).unwrap();
    support::Launch::new(&["serve"]).env("AGENT_CMD", "cat").env("AGENT_INPUT", "stdin").directory(&folder).start()
}

/// The error's reason, if there is one, and what the answer echoes.
fn sent(server: &Server, path: &str, body: &[u8], headers: &[(&str, &str)]) -> (Option<String>, Option<String>) {
    let answer = http::request(server.address, "POST", path, &doors::headers(headers), body);
    let json = answer.json();
    let details = json.pointer("/error/data").or(json.pointer("/error/details"));
    let reason = details.map(|details| details[0]["reason"].as_str().unwrap().to_owned());
    (reason, answer.header("a2a-extensions").map(str::to_owned))
}

#[test]
fn what_the_operator_declares_is_on_the_card_and_echoed_by_every_door() {
    let server = with_card(&format!("[[card.extensions]]\nuri = \"{TICKETS}\"\ndescription = \"Tickets\"\n"));
    let card = server.get("/.well-known/agent-card.json").json();
    let declared = &card["capabilities"]["extensions"][2];
    assert_eq!((&declared["uri"], &declared["description"]), (&TICKETS.into(), &"Tickets".into()));
    let body = message("hi");
    for (path, body) in [("/a2a", rpc("SendMessage", body.clone())), ("/message:send", body.to_string().into_bytes())] {
        for header in ["A2A-Extensions", "X-A2A-Extensions"] {
            assert_eq!(sent(&server, path, &body, &[(header, TICKETS)]), (None, Some(TICKETS.into())), "{path}");
        }
        assert_eq!(sent(&server, path, &body, &[]), (None, None), "{path}");
    }
    let mut named = message("hi");
    named["message"]["extensions"] = serde_json::json!([TICKETS, URI]);
    let both = format!("{URI}, {TICKETS}");
    assert_eq!(sent(&server, "/a2a", &rpc("SendMessage", named), &[]), (None, Some(both)));
}

#[test]
fn a_message_without_a_required_extension_is_refused_by_every_door() {
    let server = with_card(&format!("[[card.extensions]]\nuri = \"{TICKETS}\"\nrequired = true\n"));
    assert_eq!(
        server.get("/.well-known/agent-card.json").json()["capabilities"]["extensions"][2]["required"],
        Value::Bool(true)
    );
    let body = message("hi");
    let older =
        serde_json::json!({"message": {"messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "hi"}]}});
    let refused = (Some("EXTENSION_SUPPORT_REQUIRED".to_owned()), None);
    for (path, body) in [
        ("/a2a", rpc("SendMessage", body.clone())),
        ("/message:send", body.to_string().into_bytes()),
        ("/a2a", rpc("message/send", older)),
    ] {
        assert_eq!(sent(&server, path, &body, &[]), refused, "{path}");
        assert_eq!(sent(&server, path, &body, &[("X-A2A-Extensions", TICKETS)]).0, None, "{path}");
    }
    let request = grpc::encoded("SendMessage", &body);
    let exchange = |more: &[(&str, &str)]| {
        let (_, trailers) = grpc::Grpc::new().exchange(&server, "/lf.a2a.v1.A2AService/SendMessage", &request, more);
        trailers["grpc-status"].to_str().unwrap().to_owned()
    };
    assert_eq!(exchange(&[]), "9", "failed precondition");
    assert_eq!(exchange(&[("a2a-extensions", TICKETS)]), "0");
    assert_eq!(server.result("ListTasks", serde_json::json!({}))["totalSize"], 2, "whatever sends nothing needs none");
}

#[test]
fn what_is_switched_off_is_off_the_card_and_refused() {
    let server = with_card("streaming = false\nextended = false\n");
    for path in ["/.well-known/agent-card.json", "/.well-known/agent.json"] {
        assert_eq!(server.get(path).json()["capabilities"]["streaming"], Value::Bool(false), "{path}");
    }
    let card = server.get("/.well-known/agent-card.json").json();
    assert_eq!(
        (&card["capabilities"]["extendedAgentCard"], &card["supportsAuthenticatedExtendedCard"]),
        (&false.into(), &false.into())
    );
    let id = server.send("hi")["id"].clone();
    let unsupported = (Some("UNSUPPORTED_OPERATION".to_owned()), None);
    for body in [
        rpc("SendStreamingMessage", message("hi")),
        rpc("SubscribeToTask", serde_json::json!({"id": id})),
        rpc("GetExtendedAgentCard", serde_json::json!({})),
        // Before anything of the request is looked at.
        rpc("SendStreamingMessage", serde_json::json!({})),
    ] {
        assert_eq!(sent(&server, "/a2a", &body, &[]), unsupported, "{}", String::from_utf8_lossy(&body));
    }
    let bearer = format!("Bearer {}", support::TOKEN);
    let card = |path: &str| {
        let head = support::http::headers(&[("Authorization", &bearer)]);
        support::http::request(server.address, "GET", path, &head, b"").status
    };
    assert_eq!((card("/v1/card"), card("/extendedAgentCard")), (200, 400), "the service of 0.3 has a card in any case");
    let older = rpc("agent/getAuthenticatedExtendedCard", serde_json::json!({}));
    assert_eq!(sent(&server, "/a2a", &older, &[]).0.as_deref(), Some("EXTENDED_AGENT_CARD_NOT_CONFIGURED"));
    assert_eq!(sent(&server, "/message:stream", message("hi").to_string().as_bytes(), &[]), unsupported);
    assert_eq!(server.result("ListTasks", serde_json::json!({}))["totalSize"], 1, "nothing was begun");
}
