//! The card in its forms, and what it costs to ask for it again.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use inhouse_client::{CardKeys, Unverified};
use inhouse_proto::v1::AgentCard;
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
    assert_eq!((&oldest["protocolVersion"], &oldest["security"]), (&json!("0.2.6"), &json!([{"bearer": []}])));
    let by_parameter = get(&server, &format!("{CARD}?A2A-Version=1.0"), &[]).json();
    assert_eq!(by_parameter, pure, "the version may stand in the target");
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
fn a_tenant_is_named_by_whatever_can_name_it() {
    let folder = support::scratch("config");
    let text = "[agents.one]\npreset = \"demo\"\n[agents.two]\npreset = \"demo\"\n";
    std::fs::write(folder.join("inhouse.toml"), text).unwrap();
    let server = Launch::new(&["serve"]).directory(&folder).start();
    let bearer = format!("Bearer {TOKEN}");
    let headers = http::headers(&[("Authorization", &bearer), ("Content-Type", "application/json")]);
    let extended = server.result("GetExtendedAgentCard", json!({"tenant": "two"}));
    // gRPC of 0.3 can name no agent: only the default one is reached by it.
    let by_grpc = |card: &Value| {
        let all = card["supportedInterfaces"].as_array().unwrap().clone();
        let grpc = all.into_iter().filter(|interface| interface["protocolBinding"] == "GRPC");
        grpc.map(|interface| interface["protocolVersion"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(by_grpc(&extended), ["1.0"]);
    assert_eq!(by_grpc(&server.result("GetExtendedAgentCard", json!({}))), ["1.0", "0.3"]);
    let mut named = support::message("who?");
    named["tenant"] = "two".into();
    let of_two = server.result("SendMessage", named)["task"]["id"].as_str().unwrap().to_owned();
    for (method, path, body) in [
        ("GET", format!("/tasks/{of_two}?tenant=two"), ""),
        ("GET", format!("/tasks/{of_two}:subscribe?tenant=two"), ""),
        ("POST", format!("/tasks/{of_two}:subscribe"), "{\"tenant\":\"two\"}"),
        ("POST", format!("/tasks/{of_two}:cancel?tenant=two"), ""),
        ("POST", format!("/tasks/{of_two}:cancel"), "{\"tenant\":\"two\"}"),
        ("DELETE", format!("/tasks/{of_two}/pushNotificationConfigs/c?tenant=two"), ""),
    ] {
        let found = http::request(server.address, method, &path, &headers, body.as_bytes());
        assert_ne!(found.status, 404, "{method} {path}");
        let path = path.replace("?tenant=two", "");
        assert_eq!(http::request(server.address, method, &path, &headers, b"").status, 404, "{method} {path}");
    }
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
    let other = body.replacen('{', "{\"tenant\":\"one\",", 1);
    let answer = http::request(server.address, "POST", "/two/message:send", &headers, other.as_bytes());
    assert_eq!(support::text_of(&answer.json()["task"]), "I am two\n", "the path names the agent");
    let extended = server.result("GetExtendedAgentCard", json!({"tenant": "two"}));
    assert_eq!(extended["name"], "two");
    let by_query = http::request(server.address, "GET", "/extendedAgentCard?tenant=two", &headers, b"");
    assert_eq!(by_query.json()["name"], "two");
    assert_eq!(server.call("GetExtendedAgentCard", json!({"tenant": "nobody"}))["error"]["code"], -32602);
    let list = http::request(server.address, "GET", "/agents", &headers, b"");
    let entry = |name: &str, path: &str, default: bool| {
        let base = format!("http://{}{path}", server.address);
        json!({
            "name": name,
            "title": name,
            "description": "A command-line agent that takes a text and answers with a text",
            "default": default,
            "url": format!("{base}/a2a"),
            "card": format!("{base}/.well-known/agent-card.json"),
        })
    };
    assert_eq!(list.json(), json!({"agents": [entry("one", "", true), entry("two", "/agents/two", false)]}));
    assert_eq!(get(&server, "/agents", &[]).status, 401, "strangers are not told");
    assert_eq!(http::request(server.address, "POST", "/agents", &headers, b"").status, 405);
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

const KEYS: [(&str, &str); 2] = [
    ("ES256", include_str!("../../inhouse-serve/tests/keys/p256.pem")),
    ("EdDSA", include_str!("../../inhouse-serve/tests/keys/ed25519.pem")),
];

fn with_card(table: &str, key: &str) -> Server {
    with_config(&format!("[card]\n{table}"), key)
}

fn with_config(config: &str, key: &str) -> Server {
    let folder = support::scratch("card");
    std::fs::write(folder.join("inhouse.toml"), config).unwrap();
    std::fs::write(folder.join("card-key.pem"), key).unwrap();
    let launch = Launch::new(&["serve"]).env("AGENT_CMD", "cat").env("AGENT_INPUT", "stdin").directory(&folder);
    if config.contains("port =") { launch.without("PORT") } else { launch }.start()
}

/// `inhouse card verify`: exit code, stdout, stderr.
fn verify(server: &Server, more: &[&str]) -> (i32, String, String) {
    let url = format!("http://{}", server.address);
    Launch::new(&[&["card", "verify", &url][..], more].concat()).run()
}

#[test]
fn every_form_of_a_signed_card_is_what_its_key_has_signed() {
    for (algorithm, key) in KEYS {
        let server = with_card("signing_key = \"card-key.pem\"\nkey_id = \"k-1\"\n", key);
        let keys: CardKeys = serde_json::from_value(get(&server, "/.well-known/jwks.json", &[]).json()).unwrap();
        let pure = get(&server, CARD, &[("A2A-Version", "1.0")]);
        let extended = server.result("GetExtendedAgentCard", json!({}));
        let by_name = format!("localhost:{}", server.address.port());
        let elsewhere = card_for(&server, &by_name);
        assert_eq!(elsewhere["url"], format!("http://{by_name}/a2a"), "signed for the address that it shows");
        for card in [pure.json(), get(&server, CARD, &[]).json(), extended, elsewhere] {
            let card: AgentCard = serde_json::from_value(card).unwrap();
            let signed = keys.verify(&card).unwrap();
            assert_eq!((signed.key_id.as_str(), signed.algorithm), ("k-1", algorithm));
            // Each form by itself: a client that knows one of them only is served.
            for signature in &card.signatures {
                let one = AgentCard { signatures: vec![signature.clone()], ..card.clone() };
                assert!(keys.verify(&one).is_ok(), "{signature:?}");
            }
            assert!(signed.is_whole);
            let cleaned = AgentCard { signatures: card.signatures[..1].to_vec(), ..card.clone() };
            assert!(!keys.verify(&cleaned).unwrap().is_whole, "as the SDKs read it, it lacks what is empty");
            let changed = AgentCard { name: "Mallory".into(), ..card };
            assert_eq!(keys.verify(&changed), Err(Unverified::Changed("k-1".into())));
        }
        let again = get(&server, CARD, &[("A2A-Version", "1.0")]);
        assert_eq!(again.header("etag"), pure.header("etag"), "a card is not signed anew each time");
        let (code, stdout, stderr) = verify(&server, &[]);
        assert_eq!(
            (code, stdout),
            (0, format!("cat: signed by k-1 ({algorithm}), which is the server's own key\n")),
            "{stderr}"
        );
        assert!(stderr.contains("--keys"), "{stderr}");
    }
}

/// The card, asked for at this address.
fn card_for(server: &Server, host: &str) -> Value {
    let request = format!("GET {CARD} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let answer = http::raw(server.address, request.as_bytes());
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap()
}

#[test]
fn nobody_gets_a_signature_for_an_address_that_he_names() {
    let card = "[card]\nsigning_key = \"card-key.pem\"\n";
    let hosts = "[server]\nallowed_hosts = [\"agents.example\", \"192.0.2.7\"]\n";
    let server = with_config(&format!("{hosts}{card}"), KEYS[0].1);
    let port = server.address.port();
    let is_signed = |host: &str| card_for(&server, host).get("signatures").is_some();
    for host in ["127.0.0.1", "[::1]", "LOCALHOST", "agents.example", "192.0.2.7"] {
        assert!(is_signed(&format!("{host}:{port}")), "{host}");
        assert!(!is_signed(&format!("{host}:{}", port ^ 1)) && !is_signed(host), "{host} at another port");
    }
    for host in ["192.0.2.8", "[2001:db8::1]"] {
        assert!(!is_signed(&format!("{host}:{port}")), "{host}");
    }
    drop(server);
    let public = format!("http://agents.example:{port}");
    let behind = with_config(&format!("[server]\nport = {port}\npublic_url = \"{public}\"\n{card}"), KEYS[0].1);
    let card = card_for(&behind, "192.0.2.8:1");
    assert_eq!(card["url"], format!("{public}/a2a"));
    assert!(card.get("signatures").is_some(), "there the operator has said what the address is");
}

#[test]
fn a_card_is_verified_with_the_keys_that_one_trusts() {
    let server = with_card("signing_key = \"card-key.pem\"\n", KEYS[0].1);
    let folder = support::scratch("keys");
    let file = folder.join("keys.json");
    let path = file.to_str().unwrap();
    std::fs::write(&file, get(&server, "/.well-known/jwks.json", &[]).body).unwrap();
    let (code, stdout, stderr) = verify(&server, &["--keys", path]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    std::fs::write(&file, "{\"keys\": []}").unwrap();
    let (code, stdout, stderr) = verify(&server, &["--keys", path]);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.contains("none of the keys"), "{stderr}");
    std::fs::write(&file, "[]").unwrap();
    assert_eq!(verify(&server, &["--keys", path]).0, 2);
    assert_eq!(verify(&server, &["--keys", "/nowhere"]).0, 2);
    let plain = Server::with_agent("cat");
    let (code, _, stderr) = verify(&plain, &[]);
    assert_eq!(code, 1);
    assert!(stderr.contains("not signed") && stderr.contains("signing_key"), "{stderr}");
    assert_eq!(get(&plain, "/.well-known/jwks.json", &[]).status, 404, "nothing is there");
}

#[test]
fn a_card_shows_what_the_configuration_says() {
    let table =
        "legacy = false\ngrpc = true\nmax_age_s = 7\nprovider = \"Example\"\nprovider_url = \"https://example.com\"\n";
    let server = with_card(table, "");
    let response = get(&server, CARD, &[]);
    assert_eq!(response.header("cache-control"), Some("public, max-age=7"));
    let card = response.json();
    assert!(card.get("url").is_none() && card.get("protocolVersion").is_none(), "the card of 1.0 alone: {card}");
    assert_eq!(card["provider"], json!({"organization": "Example", "url": "https://example.com"}));
    assert!(card["supportedInterfaces"].as_array().unwrap().iter().any(|one| one["protocolBinding"] == "GRPC"));
}

#[test]
fn a_card_that_has_not_changed_since_is_not_sent_again() {
    let server = Server::with_agent("cat");
    let since = get(&server, CARD, &[]).header("last-modified").unwrap().to_owned();
    for (headers, status) in [
        (vec![("If-Modified-Since", since.as_str())], 304),
        (vec![("If-Modified-Since", "Tue, 31 Dec 2199 23:59:59 GMT")], 304),
        (vec![("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")], 200),
        (vec![("If-Modified-Since", "yesterday")], 200),
        (vec![("If-Modified-Since", since.as_str()), ("If-None-Match", "\"other\"")], 200),
    ] {
        assert_eq!(get(&server, CARD, &headers).status, status, "{headers:?}");
    }
}

#[test]
fn media_types_are_on_the_card_and_negotiated() {
    let folder = support::scratch("modes");
    let text =
        "[agents.cat]\ncommand = [\"cat\"]\ninput_modes = [\"text/plain\"]\noutput_modes = [\"text/markdown\"]\n";
    std::fs::write(folder.join("inhouse.toml"), text).unwrap();
    let server = Launch::new(&["serve"]).directory(&folder).start();
    let card = get(&server, CARD, &[]).json();
    assert_eq!(
        (&card["defaultInputModes"], &card["defaultOutputModes"]),
        (&json!(["text/plain"]), &json!(["text/markdown"]))
    );
    let oldest = get(&server, "/.well-known/agent.json", &[]).json();
    let modes = (&oldest["defaultInputModes"], &oldest["skills"][0]["outputModes"]);
    assert_eq!(modes, (&json!(["text", "text/plain"]), &json!(["text/markdown"])));
    let send = |part: Value, modes: Value| {
        let mut params = support::message("hi");
        params["message"]["parts"] = json!([part]);
        params["configuration"] = json!({"acceptedOutputModes": modes});
        server.call("SendMessage", params)["error"]["code"].clone()
    };
    for (part, modes, code) in [
        (json!({"text": "hi"}), json!(["text/markdown"]), Value::Null),
        (json!({"text": "hi", "mediaType": "text/plain; charset=utf-8"}), json!([]), Value::Null),
        (json!({"text": "hi", "mediaType": "text/html"}), json!([]), json!(-32005)),
        (json!({"data": {}}), json!([]), json!(-32005)),
        (json!({"raw": "YQ==", "mediaType": "text/plain"}), json!([]), Value::Null),
        (json!({"raw": "YQ==", "mediaType": "image/png"}), json!([]), json!(-32005)),
        (json!({"text": "hi"}), json!(["text/plain"]), json!(-32005)),
    ] {
        assert_eq!(send(part.clone(), modes.clone()), code, "{part} {modes}");
    }
}
