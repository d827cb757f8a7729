//! The card in its forms, and what it costs to ask for it again.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use serde_json::{Value, json};
use support::http::{self, Response};
use support::{Launch, Server, TOKEN};

const CARD: &str = "/.well-known/agent-card.json";

fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Response {
    http::request(server.address, "GET", path, &http::headers(headers), b"")
}

#[test]
fn one_address_serves_clients_of_both_generations_and_purists() {
    let server = Server::with_agent("cat");
    let base = format!("http://{}", server.address);
    let hybrid = get(&server, CARD, &[]).json();
    let rpc = format!("{base}/a2a");
    let interfaces = hybrid["supportedInterfaces"].as_array().unwrap();
    let told: Vec<_> =
        interfaces.iter().map(|one| [&one["protocolBinding"], &one["protocolVersion"], &one["url"]]).collect();
    assert_eq!(
        json!(told),
        json!([
            ["JSONRPC", "1.0", rpc],
            ["HTTP+JSON", "1.0", base],
            ["JSONRPC", "0.3", rpc],
            ["HTTP+JSON", "0.3", base]
        ])
    );
    assert_eq!((&hybrid["url"], &hybrid["preferredTransport"]), (&json!(rpc), &json!("JSONRPC")));
    assert_eq!((&hybrid["protocolVersion"], &hybrid["security"]), (&json!("0.3.0"), &json!([{"bearer": []}])));
    let scheme = &hybrid["securitySchemes"]["bearer"];
    assert_eq!((&scheme["type"], &scheme["httpAuthSecurityScheme"]["scheme"]), (&json!("http"), &json!("Bearer")));
    let skill = &hybrid["skills"][0];
    assert!(["tags", "inputModes", "outputModes"].iter().all(|member| skill[*member].is_array()), "{skill}");
    let pure = get(&server, CARD, &[("A2A-Version", "1.0")]).json();
    let known = [
        "name",
        "description",
        "supportedInterfaces",
        "provider",
        "version",
        "documentationUrl",
        "capabilities",
        "securitySchemes",
        "securityRequirements",
        "defaultInputModes",
        "defaultOutputModes",
        "skills",
        "signatures",
        "iconUrl",
    ];
    assert!(pure.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{pure}");
    let oldest = get(&server, "/.well-known/agent.json", &[]).json();
    assert_eq!((&oldest["url"], &oldest["authentication"]["schemes"]), (&json!(rpc), &json!(["Bearer"])));
}

#[test]
fn a_card_that_is_known_costs_its_tag_only() {
    let server = Server::with_agent("cat");
    let first = get(&server, CARD, &[]);
    let tag = first.header("etag").unwrap().to_owned();
    assert!(first.header("cache-control").unwrap().starts_with("public, max-age="));
    for named in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let again = get(&server, CARD, &[("If-None-Match", &named)]);
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(tag.as_str())), "{named}");
    }
    for headers in [[("If-None-Match", "\"other\"")], [("A2A-Version", "1.0")]] {
        let other = get(&server, CARD, &headers);
        assert_eq!(other.status, 200, "{headers:?}");
    }
    assert_ne!(get(&server, CARD, &[("A2A-Version", "1.0")]).header("etag"), Some(tag.as_str()));
}

#[test]
fn a_known_caller_is_shown_where_grpc_is_and_a_stranger_is_not() {
    let server = Server::with_agent("cat");
    let is_grpc = |card: &Value| {
        let interfaces = card["supportedInterfaces"].as_array().unwrap();
        interfaces.iter().any(|one| one["protocolBinding"] == "GRPC" && one["url"] == server.address.to_string())
    };
    assert!(!is_grpc(&get(&server, CARD, &[]).json()));
    assert_eq!(get(&server, "/extendedAgentCard", &[]).status, 401);
    let bearer = format!("Bearer {TOKEN}");
    let known = get(&server, "/extendedAgentCard", &[("Authorization", &bearer)]);
    assert_eq!(known.status, 200);
    assert!(is_grpc(&known.json()));
    assert!(is_grpc(&server.result("GetExtendedAgentCard", json!({}))));
    let older = server.result("agent/getAuthenticatedExtendedCard", json!({}));
    assert!(is_grpc(&older) && older["protocolVersion"] == "0.3.0", "{older}");
}

#[test]
fn an_agent_is_reached_by_its_path_and_by_its_name() {
    let folder = support::scratch("config");
    let text = "[agents.one]\ncommand = [\"echo\", \"I am one\"]\ninput = \"stdin\"\n\
        [agents.two]\ncommand = [\"echo\", \"I am two\"]\ninput = \"stdin\"\n";
    std::fs::write(folder.join("inhouse.toml"), text).unwrap();
    let server = Launch::new(&["serve"]).directory(&folder).start();
    let card = get(&server, "/agents/two/.well-known/agent-card.json", &[]).json();
    let base = format!("http://{}/agents/two", server.address);
    assert_eq!(card["supportedInterfaces"][1]["url"], base);
    assert_eq!(card["url"], format!("{base}/a2a"));
    let bearer = format!("Bearer {TOKEN}");
    let headers = http::headers(&[("Authorization", &bearer), ("Content-Type", "application/json")]);
    let body = support::message("who?").to_string();
    for (path, said) in [
        ("/message:send", "I am one\n"),
        ("/two/message:send", "I am two\n"),
        ("/agents/two/message:send", "I am two\n"),
        ("/agents/two/two/message:send", "I am two\n"),
    ] {
        let answer = http::request(server.address, "POST", path, &headers, body.as_bytes());
        assert_eq!(support::text_of(&answer.json()["task"]), said, "{path}");
    }
    let mut named = support::message("who?");
    named["tenant"] = "two".into();
    assert_eq!(support::text_of(&server.result("SendMessage", named)["task"]), "I am two\n");
    for path in ["/nobody/message:send", "/agents/two/one/message:send", "/agents/nobody/message:send"] {
        let answer = http::request(server.address, "POST", path, &headers, body.as_bytes());
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, &error["status"]), (404, &json!("NOT_FOUND")), "{path}");
        assert_eq!(error["details"][0]["@type"], "type.googleapis.com/google.rpc.ErrorInfo");
    }
}
