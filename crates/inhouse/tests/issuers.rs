//! Issuers whose keys are fetched: by the address that they tell, now and then and for a key that is not known, and what holds while
//! they can not be reached, or lie.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
#![allow(unreachable_pub, missing_docs, dead_code, reason = "shared between test files")]

mod support;
#[path = "jwt/issuer.rs"]
mod issuer;
#[path = "jwt/site.rs"]
mod site;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use issuer::{AUDIENCE, Signer, jwks, with};
use serde_json::{Value, json};
use site::{Page, Site};
use support::http::{Response, headers, request};
use support::{Launch, Server, rpc, scratch, wait};

const BOUNDS: &str = "jwks_retry_ms = 100\njwks_fetch_ms_max = 500\njwks_bytes_max = 2048\n";

/// An issuer on this machine, and a folder with the configuration that trusts it.
struct House {
    folder: PathBuf,
    site: Site,
    address: SocketAddr,
}

impl House {
    fn new() -> Self {
        let (site, address) = Site::start();
        Self { folder: scratch("issuers"), site, address }
    }

    fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Has the issuer tell of these keys.
    fn put(&self, signers: &[&Signer]) {
        self.site.tell(&self.issuer(), &format!("{}/keys", self.issuer()));
        self.site.text("/keys", &jwks(signers));
    }

    fn launch(&self, bounds: &str, more: &str) -> Launch {
        let issuer = self.issuer();
        let config = format!(
            "[limits]\nfailures_per_minute_max = 100000\n{bounds}[[jwt]]\nname = \"corp\"\nissuer = \"{issuer}\"\naudience = \"{AUDIENCE}\"\n\
             {more}\n[agents.cat]\ncommand = [\"cat\"]\ninput = \"stdin\"\n"
        );
        fs::write(self.folder.join("inhouse.toml"), config).unwrap();
        Launch::new(&["serve"]).directory(&self.folder)
    }

    fn claims(&self) -> Value {
        with(json!({"iss": self.issuer()}))
    }

    fn token(&self, key: &Signer) -> String {
        key.token(&self.claims())
    }

    fn status(&self, server: &Server, key: &Signer) -> u16 {
        answer(server, &self.token(key)).status
    }

    fn comes_in(&self, server: &Server, key: &Signer) {
        wait("the key to be known", || (self.status(server, key) == 200).then_some(()));
    }
}

fn answer(server: &Server, token: &str) -> Response {
    let headers = headers(&[("Authorization", &format!("Bearer {token}")), ("Content-Type", "application/json")]);
    request(server.address, "POST", "/a2a", &headers, &rpc("ListTasks", json!({})))
}

#[test]
fn an_issuer_tells_where_its_keys_are_and_a_new_one_is_known_when_it_is_used() {
    let house = House::new();
    let [old, new] = [Signer::p256("old"), Signer::ed25519("new")];
    house.put(&[&old]);
    let server = house.launch(BOUNDS, "").start();
    house.comes_in(&server, &old);
    let card = server.get("/.well-known/agent-card.json").json();
    let scheme = &card["securitySchemes"]["openid-corp"];
    let url = format!("{}/.well-known/openid-configuration", house.issuer());
    assert_eq!(scheme["openIdConnectSecurityScheme"], json!({"openIdConnectUrl": url}), "{card}");
    assert_eq!((&scheme["type"], &scheme["openIdConnectUrl"]), (&json!("openIdConnect"), &json!(url)));
    assert_eq!(card["security"], json!([{"bearer": []}, {"openid-corp": []}]));
    // With an hour until the next refresh.
    house.put(&[&new]);
    assert_eq!(house.status(&server, &old), 200);
    house.comes_in(&server, &new);
    wait("the end of the old one", || (house.status(&server, &old) == 401).then_some(()));
}

#[test]
fn unknown_keys_do_not_make_the_server_ask_more_than_it_may() {
    let house = House::new();
    let [key, other] = [Signer::p256("k"), Signer::p256("other")];
    house.put(&[&key]);
    let server = house.launch("jwks_retry_ms = 3_600_000\n", "").start();
    house.comes_in(&server, &key);
    let before = house.site.asked();
    for _ in 0..200 {
        assert_eq!(house.status(&server, &other), 401);
    }
    assert_eq!(house.site.asked(), before);
    assert_eq!(house.status(&server, &key), 200);
}

#[test]
fn a_token_has_its_own_issuer_asked_and_no_other() {
    let house = House::new();
    let [key, new, newer] = ["k", "new", "newer"].map(Signer::p256);
    house.put(&[&key]);
    let (other, address) = Site::start();
    other.text("/keys", &jwks(&[&key]));
    let more = format!(
        "[[jwt]]\nname = \"other\"\nissuer = \"http://{address}\"\naudience = \"{AUDIENCE}\"\njwks_url = \"http://{address}/keys\""
    );
    let server = house.launch(BOUNDS, &more).start();
    house.comes_in(&server, &key);
    wait("the other one", || (other.asked() == 1).then_some(()));
    for key in [&new, &newer] {
        house.put(&[key]);
        house.comes_in(&server, key);
    }
    assert_eq!(other.asked(), 1, "whose tokens name no unknown key");
}

#[test]
fn what_an_issuer_answers_wrongly_leaves_the_keys_of_before_and_is_told() {
    let house = House::new();
    let [key, other] = [Signer::p256("k"), Signer::p256("other")];
    house.put(&[&key]);
    let server = house.launch(BOUNDS, "").start();
    house.comes_in(&server, &key);
    let good = format!("{}/keys", house.issuer());
    let configuration = "/.well-known/openid-configuration";
    let elsewhere = format!("HTTP/1.1 302 Found\r\nLocation: {good}\r\nContent-Length: 0\r\n\r\n");
    let endless = format!("HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n{}", " ".repeat(4_096));
    let lies = [
        (configuration, Page::Head("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n".into()), "answers HTTP 500"),
        (configuration, Page::Head(elsewhere), "answers HTTP 302"),
        (configuration, Page::Text("{}".into()), "is no openid-configuration"),
        (
            configuration,
            Page::Text(json!({"issuer": "https://login.example.com", "jwks_uri": good}).to_string()),
            "is of another issuer",
        ),
        (
            configuration,
            Page::Text(json!({"issuer": house.issuer(), "jwks_uri": "http://10.255.255.1/keys"}).to_string()),
            "is not https",
        ),
        ("/keys", Page::Head(endless), "more than 2048 bytes"),
        ("/keys", Page::Silence, "said nothing for 500 ms"),
        ("/keys", Page::Text("[]".into()), "is no set of keys"),
        ("/keys", Page::Text("{\"keys\":[]}".into()), "has no key that signs by"),
        ("/keys", Page::Head(String::new()), "can not reach"),
    ];
    for (path, page, said) in lies {
        house.put(&[&other]);
        house.site.put(path, page);
        server.signal("HUP");
        wait(said, || {
            server.stderr().lines().any(|line| line.contains("issuer corp: ") && line.contains(said)).then_some(())
        });
        assert!(server.stderr().contains("the keys of before stay in force"));
        assert_eq!((house.status(&server, &key), house.status(&server, &other)), (200, 401), "{said}");
        house.put(&[&key]);
        let times = || server.stderr().matches("issuer corp: its keys are read and in force").count();
        let before = times();
        wait("good keys", || (times() > before).then_some(()));
    }
}

#[test]
fn a_server_starts_without_its_issuer_and_waits_for_it() {
    let house = House::new();
    let key = Signer::p256("k");
    let server = house.launch(BOUNDS, "").start();
    wait("a word of it", || server.stderr().contains("answers HTTP 404").then_some(()));
    let unready = answer(&server, &house.token(&key));
    assert_eq!((unready.status, unready.header("retry-after")), (503, Some("1")), "nobody can say whether it is good");
    let strange = json!({"iss": "https://login.example.com"});
    for token in [key.token(&with(strange)), key.raw("{\"alg\":\"HS256\"}", house.claims().to_string())] {
        assert_eq!(answer(&server, &token).status, 401, "it is no token of the issuer's, whatever its keys are");
    }
    house.put(&[&key]);
    house.comes_in(&server, &key);
    assert_eq!(house.status(&server, &Signer::p256("other")), 401);
    let told = server.stderr().matches("answers HTTP 404").count();
    assert_eq!(told, 1, "the same is told once");
}

#[test]
fn the_address_of_the_keys_may_be_fixed_and_has_to_be_safe() {
    let house = House::new();
    let key = Signer::rsa("k");
    house.site.text("/fixed", &jwks(&[&key]));
    let url = |url: &str| format!("jwks_url = \"{url}\"");
    let server = house.launch(BOUNDS, &url(&format!("{}/fixed", house.issuer()))).start();
    house.comes_in(&server, &key);
    let (_, shown, _) = Launch::new(&["config", "show"]).directory(&house.folder).run();
    assert!(shown.contains(&url(&format!("{}/fixed", house.issuer()))), "{shown}");
    for (wrong, said) in [
        (
            url("http://login.example.com/keys"),
            "jwks_url must be an https:// address, or an http:// one of this machine",
        ),
        (url("keys.json"), "jwks_url must be an https:// address"),
        (
            "\n[[jwt]]\nname = \"x\"\nissuer = \"x\"\naudience = \"y\"".into(),
            "an issuer without jwks_file and jwks_url must be",
        ),
    ] {
        let (code, _, err) = house.launch(BOUNDS, &wrong).run();
        assert!(code == 2 && err.contains(said), "{err}");
    }
}

#[test]
fn an_issuer_is_believed_from_the_reload_on_that_names_it_and_no_longer_than_the_one_that_does_not() {
    let house = House::new();
    let key = Signer::p256("k");
    house.put(&[&key]);
    let file = house.folder.join("inhouse.toml");
    let launch = house.launch(BOUNDS, "");
    let with_issuer = fs::read_to_string(&file).unwrap();
    let (limits, rest) = with_issuer.split_once("[[jwt]]").unwrap();
    let without = format!("{limits}[agents{}", rest.split_once("[agents").unwrap().1);
    fs::write(&file, &without).unwrap();
    let server = launch.start();
    assert_eq!(house.status(&server, &key), 401);
    let renew = |text: &str| {
        fs::write(&file, text).unwrap();
        server.signal("HUP");
    };
    renew(&with_issuer);
    house.comes_in(&server, &key);
    assert!(server.get("/.well-known/agent-card.json").json()["securitySchemes"]["openid-corp"].is_object());
    renew(&without);
    wait("it to be gone", || (house.status(&server, &key) == 401).then_some(()));
    let asked = house.site.asked();
    for _ in 0..20 {
        assert_eq!(house.status(&server, &key), 401);
    }
    assert_eq!(house.site.asked(), asked, "nobody asks it any more");
}
