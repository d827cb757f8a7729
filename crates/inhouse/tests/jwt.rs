//! Tokens that an issuer has signed: whom they let in, what they are good for and until when, and that nobody else's do.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
#![allow(unreachable_pub, missing_docs, dead_code, reason = "shared between test files")]

mod support;
#[path = "jwt/forgeries.rs"]
mod forgeries;
#[path = "jwt/issuer.rs"]
mod issuer;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use issuer::{AUDIENCE, ISSUER, Signer, claims, jwks, now_s, with};
use serde_json::{Value, json};
use support::http::{self, headers, request};
use support::{Launch, Server, TOKEN, message, rpc, scratch, state_of, wait};

const AGENTS: &str = "[agents.cat]\ncommand = [\"cat\"]\ninput = \"stdin\"\ndefault = true\n\
    [agents.slow]\ncommand = [\"sh\", \"-c\", \"echo begun; sleep 300\"]\ninput = \"stdin\"\n";

/// A folder with the configuration of one issuer and its keys.
struct House(PathBuf);

impl House {
    fn new(signers: &[&Signer]) -> Self {
        let house = Self(scratch("jwt"));
        house.put(&jwks(signers).to_string());
        house
    }

    fn put(&self, keys: &str) {
        fs::write(self.0.join("jwks.json"), keys).unwrap();
        fs::set_permissions(self.0.join("jwks.json"), fs::Permissions::from_mode(0o644)).unwrap();
    }

    /// With more lines for the issuer, and a known token beside it.
    fn launch(&self, issuer: &str, more: &str) -> Launch {
        let config = format!(
            "[limits]\nfiles_reload_ms = 100\nfailures_per_minute_max = 1000\n[[jwt]]\nname = \"corp\"\nissuer = \"{ISSUER}\"\n\
             audience = \"{AUDIENCE}\"\njwks_file = \"jwks.json\"\n{issuer}\n{AGENTS}{more}"
        );
        fs::write(self.0.join("inhouse.toml"), config).unwrap();
        Launch::new(&["serve"]).directory(&self.0)
    }

    fn server(&self, issuer: &str, more: &str) -> Server {
        self.launch(issuer, more).start()
    }
}

fn call(server: &Server, token: &str, path: &str, method: &str, params: Value) -> (u16, Value) {
    let bearer = format!("Bearer {token}");
    let headers = headers(&[("Authorization", &bearer), ("Content-Type", "application/json")]);
    let response = request(server.address, "POST", path, &headers, &rpc(method, params));
    (response.status, serde_json::from_slice(&response.body).unwrap_or(Value::Null))
}

fn status(server: &Server, token: &str) -> u16 {
    call(server, token, "/a2a", "ListTasks", json!({})).0
}

#[test]
fn no_forged_token_lets_anybody_in_and_honest_ones_do() {
    let issuer = forgeries::Issuer::new();
    let house = House::new(&[]);
    house.put(&issuer.jwks().to_string());
    let server = house.server("algorithms = [\"RS256\", \"PS256\", \"ES256\", \"EdDSA\"]", "");
    let honest = issuer.honest();
    for (name, token) in &honest {
        assert_eq!(status(&server, token), 200, "{name}");
    }
    let forged = issuer.forged();
    assert!(forged.len() >= 40, "{}", forged.len());
    for (name, token) in &forged {
        let (status, answer) = call(&server, token, "/a2a", "ListTasks", json!({}));
        assert_eq!(status, 401, "{name}: {answer}");
        assert!(answer.to_string().contains("token is not valid"), "{name}: {answer}");
    }
    for (name, token) in &honest {
        assert_eq!(status(&server, token), 200, "{name}");
    }
}

#[test]
fn forged_tokens_are_limited_per_source_and_honest_ones_are_not() {
    let (key, other) = (Signer::p256("k"), Signer::p256("k"));
    let house = House::new(&[&key]);
    house.launch("", "");
    let config = fs::read_to_string(house.0.join("inhouse.toml")).unwrap().replace("max = 1000", "max = 3");
    fs::write(house.0.join("inhouse.toml"), config).unwrap();
    let server = Launch::new(&["serve"]).directory(&house.0).start();
    let forged: Vec<_> = (0..5).map(|_| status(&server, &other.token(&claims("ann")))).collect();
    assert_eq!(forged, [401, 401, 401, 429, 429]);
    assert_eq!(status(&server, &key.token(&claims("ann"))), 200);
}

#[test]
fn a_principal_is_the_issuers_and_nobody_elses() {
    let key = Signer::ed25519("k");
    let house = House::new(&[&key]);
    let callers = "[agents.own]\ncommand = [\"cat\"]\ninput = \"stdin\"\ncallers = [\"corp:ann\"]\n";
    let server = house.server("", callers);
    let [ann, bob, owner] = ["ann", "bob", "owner"].map(|name| key.token(&claims(name)));
    let (code, sent) = call(&server, &ann, "/a2a", "SendMessage", message("hi"));
    let id = sent["result"]["task"]["id"].clone();
    assert_eq!((code, state_of(&sent["result"]["task"])), (200, "COMPLETED"), "{sent}");
    let again = key.token(&with(json!({"jti": "another"})));
    assert_eq!(call(&server, &again, "/a2a", "GetTask", json!({"id": id})).1["result"]["id"], id);
    for stranger in [&bob, &owner, TOKEN] {
        let answer = call(&server, stranger, "/a2a", "GetTask", json!({"id": id})).1;
        assert_eq!(answer["error"]["code"], json!(-32001), "{answer}");
    }
    let own = |token: &str| call(&server, token, "/agents/own/a2a", "ListTasks", json!({})).0;
    assert_eq!([&ann, &bob, &owner].map(|token| own(token)), [200, 404, 404]);
    let metrics = |token: &str| {
        let headers = headers(&[("Authorization", &format!("Bearer {token}"))]);
        request(server.address, "GET", "/metrics", &headers, b"").status
    };
    assert_eq!([metrics(&ann), metrics(TOKEN)], [403, 200], "the server itself is for its operator to look at");
    wait("the audit", || server.stderr().contains("\"who\":\"corp:ann\"").then_some(()));
}

#[test]
fn claims_decide_what_a_token_is_good_for() {
    let key = Signer::p256("k");
    let house = House::new(&[&key]);
    let scopes = "scopes = { \"tasks.read\" = \"read\", \"tasks.all\" = \"send read cancel push approve\" }\n";
    let server = house.server(&format!("{scopes}agents_claim = \"agents\"\nprincipal_claim = \"email\""), "");
    let may = |more: Value| {
        let token = key.token(&with(more));
        let answer = |path: &str, method, params| call(&server, &token, path, method, params).0;
        [
            answer("/a2a", "ListTasks", json!({})),
            answer("/a2a", "SendMessage", message("hi")),
            answer("/agents/slow/a2a", "ListTasks", json!({})),
        ]
    };
    let ann = |more: Value| {
        let mut all = json!({"sub": null, "email": "ann@example.com", "agents": ["cat"]});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        may(all)
    };
    assert_eq!(ann(json!({"scope": "openid tasks.read"})), [200, 403, 404]);
    assert_eq!(ann(json!({"scope": "tasks.all"})), [200, 200, 404]);
    assert_eq!(ann(json!({"scp": ["tasks.all"], "agents": "cat slow"})), [200, 200, 200]);
    for nothing in [json!({}), json!({"scope": "read send"}), json!({"scope": 1}), json!({"scp": {"tasks.all": true}})]
    {
        assert_eq!(ann(nothing), [403, 403, 404]);
    }
    assert_eq!(ann(json!({"scope": "tasks.all", "agents": ["A", 1]})), [404, 404, 404]);
    assert_eq!(may(json!({"scope": "tasks.all"})), [401; 3], "without the claim that names the principal");
}

#[test]
fn a_stream_ends_with_its_token() {
    let key = Signer::p256("k");
    let server = House::new(&[&key]).server("leeway_s = 1", "");
    let token = key.token(&with(json!({"exp": now_s() + 2})));
    let bearer = format!("Bearer {token}");
    let stream_headers = headers(&[("Authorization", &bearer), ("Content-Type", "application/json")]);
    let body = rpc("SendStreamingMessage", message("hi"));
    let mut stream = http::stream(server.address, "/agents/slow/a2a", &stream_headers, &body);
    assert!(stream.next().is_some());
    while stream.next().is_some() {}
    assert_eq!(status(&server, &token), 401);
}

#[test]
fn keys_come_and_go_while_the_server_runs_and_their_streams_end() {
    let (old, new) = (Signer::p256("old"), Signer::ed25519("new"));
    let house = House::new(&[&old]);
    let server = house.server("", "");
    let [by_old, by_new] = [&old, &new].map(|key| key.token(&claims("ann")));
    assert_eq!([status(&server, &by_old), status(&server, &by_new)], [200, 401]);
    let bearer = format!("Bearer {by_old}");
    let stream_headers = headers(&[("Authorization", &bearer), ("Content-Type", "application/json")]);
    let body = rpc("SendStreamingMessage", message("hi"));
    let mut stream = http::stream(server.address, "/agents/slow/a2a", &stream_headers, &body);
    assert!(stream.next().is_some());
    house.put(&jwks(&[&old, &new]).to_string());
    wait("the new key", || (status(&server, &by_new) == 200).then_some(()));
    assert_eq!(status(&server, &by_old), 200);
    house.put(&jwks(&[&new]).to_string());
    while stream.next().is_some() {}
    wait("the end of the old key", || (status(&server, &by_old) == 401).then_some(()));
    assert_eq!(status(&server, &by_new), 200);
}

#[test]
fn keys_that_can_not_be_used_stop_a_start_and_change_nothing_of_a_running_server() {
    let key = Signer::p256("k");
    let house = House::new(&[&key]);
    let server = house.server("", "");
    let token = key.token(&claims("ann"));
    let weak = json!({"keys": [{"kty": "RSA", "kid": "w", "n": issuer::base64([0xff; 128]), "e": "AQAB"}]}).to_string();
    let short = json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "s", "x": "AA", "y": "AA"}]}).to_string();
    let secret = json!({"keys": [{"kty": "oct", "kid": "o", "k": "c2VjcmV0"}]}).to_string();
    let twice = jwks(&[&key, &key]).to_string();
    for (keys, mode, said) in [
        ("{", 0o644, "is no set of keys"),
        ("{\"keys\":[]}", 0o644, "has no key that signs by RS256, ES256, EdDSA"),
        (&secret, 0o644, "has no key that signs by"),
        (&weak, 0o644, "the key \"w\" has 1024 bits, and RSA needs 2048 to 8192"),
        (&short, 0o644, "the key \"s\" is no point of its curve"),
        (&twice, 0o644, "the key \"k\" stands there twice"),
        (&jwks(&[&key]).to_string(), 0o666, "can be changed by others"),
    ] {
        house.put(keys);
        fs::set_permissions(house.0.join("jwks.json"), fs::Permissions::from_mode(mode)).unwrap();
        server.signal("HUP");
        wait("a word in the log", || server.stderr().contains(said).then_some(()));
        assert!(
            server.stderr().contains("the keys of before stay in force") && status(&server, &token) == 200,
            "{said}"
        );
        let (code, _, err) = house.launch("", "").run();
        assert!(code == 2 && err.contains("issuer corp: ") && err.contains(said) && err.contains("hint: "), "{err}");
    }
}

#[test]
fn a_wrong_configuration_says_what_to_do() {
    let key = Signer::p256("k");
    let house = House::new(&[&key]);
    for (issuer, more, said) in [
        ("algorithms = [\"HS256\"]", "", "algorithms must be some of RS256, "),
        ("algorithms = [\"none\"]", "", "algorithms must be some of RS256, "),
        ("algorithms = []", "", "algorithms must be some of RS256, "),
        ("scopes = { x = \"raed\" }", "", "must be some of send, read, cancel, push, approve, admin, found \"raed\""),
        ("leeway_s = 601", "", "leeway_s must be a whole number from 0 to 600"),
        ("audiences = \"x\"", "", "did you mean audience?"),
        ("jwks_url = \"https://x\"", "", "an issuer has jwks_file or jwks_url, not both"),
        ("", "[[jwt]]\nname = \"x\"\nissuer = \"y\"\njwks_file = \"z\"\n", "[[jwt]] has no audience"),
        (
            "",
            "[[jwt]]\nname = \"a:b\"\nissuer = \"y\"\naudience = \"a\"\njwks_file = \"z\"\n",
            "name must be 1 to 32 of a-z",
        ),
        (
            "",
            "[[jwt]]\nname = \"corp\"\nissuer = \"y\"\naudience = \"a\"\njwks_file = \"z\"\n",
            "two [[jwt]] have the name",
        ),
        (
            "",
            "[[callers]]\nname = \"corp:ann\"\ntoken_env = \"API_TOKEN\"\n",
            "names that begin with corp: are those of [[jwt]] corp",
        ),
    ] {
        let (code, _, err) = house.launch(issuer, more).run();
        assert!(code == 2 && err.contains(said), "{said}: {err}");
    }
    let launch = house.launch("", "").env("HOME", &house.0).without("API_TOKEN");
    let issued = |args: &[&str]| Launch::new(args).env("HOME", &house.0).directory(&house.0).run();
    assert_eq!(issued(&["token", "new", "corp:ann"]).0, 0);
    let (code, _, err) = launch.run();
    assert!(code == 2 && err.contains("the tokens file: caller corp:ann: names that begin with corp:"), "{err}");
}

#[test]
fn nobody_gets_the_name_of_an_issuers_caller_until_that_issuer_is_gone() {
    let key = Signer::p256("k");
    let house = House::new(&[&key]);
    let server = house.server("", "");
    let (file, digest) = (house.0.join("inhouse.toml"), "5e".repeat(32));
    let named = format!("[[callers]]\nname = \"corp:ann\"\ntoken_sha256 = \"{digest}\"\n");
    let believed = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{believed}{named}")).unwrap();
    server.signal("HUP");
    wait("a word of it", || server.stderr().contains("the configuration of before stays in force: ").then_some(()));
    assert!(server.stderr().contains("names that begin with corp: are those of [[jwt]] corp"), "{}", server.stderr());
    fs::write(&file, format!("{AGENTS}{named}")).unwrap();
    server.signal("HUP");
    wait("the name is free", || server.stderr().contains("the configuration is read again and in force").then_some(()));
}

#[test]
fn with_an_issuer_alone_no_token_is_made_and_cards_say_what_is_needed() {
    let key = Signer::p256("k");
    let house = House::new(&[&key]);
    let server = house.launch("", "").without("API_TOKEN").start();
    assert!(!server.banner.iter().any(|line| line.contains("INHOUSE_TOKEN_FILE")), "{:?}", server.banner);
    assert_eq!(status(&server, &key.token(&claims("ann"))), 200);
    let card = server.get("/.well-known/agent-card.json").json();
    let jwt = &card["securitySchemes"]["jwt"];
    assert_eq!(jwt["httpAuthSecurityScheme"], json!({"scheme": "Bearer", "bearerFormat": "JWT"}), "{card}");
    assert_eq!((&jwt["type"], &jwt["bearerFormat"]), (&json!("http"), &json!("JWT")));
    assert_eq!(card["security"], json!([{"bearer": []}, {"jwt": []}]));
    let oldest = server.get("/.well-known/agent.json").json();
    assert_eq!(oldest["securitySchemes"]["jwt"], json!({"type": "http", "scheme": "Bearer", "bearerFormat": "JWT"}));
}
