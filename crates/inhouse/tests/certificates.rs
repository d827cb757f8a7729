//! Callers who prove themselves with a certificate: whom it names, how long, whose certificates count, and what is refused.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use inhouse_serve::pem;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;
use support::http::connect;
use support::{Launch, Server, TOKEN, message, rpc, scratch, wait};

const DAY: Duration = Duration::from_secs(86_400);

/// A certificate with its key, in PEM.
struct Leaf {
    cert: String,
    key: String,
}

struct Authority(Issuer<'static, KeyPair>, String);

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let pem = pem("CERTIFICATE", params.self_signed(&key).unwrap().der());
        Self(Issuer::new(params, key), pem)
    }

    /// A client's certificate with this common name and these alternatives.
    fn leaf(&self, name: &str, alternatives: Vec<SanType>) -> Leaf {
        self.signed(name, alternatives, SystemTime::now() + DAY, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn signed(
        &self,
        name: &str,
        alternatives: Vec<SanType>,
        until: SystemTime,
        purpose: ExtendedKeyUsagePurpose,
    ) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names = alternatives;
        params.extended_key_usages = vec![purpose];
        (params.not_before, params.not_after) = ((SystemTime::now() - 2 * DAY).into(), until.into());
        let cert = pem("CERTIFICATE", params.signed_by(&key, &self.0).unwrap().der());
        Leaf { cert, key: pem("PRIVATE KEY", key.serialized_der()) }
    }
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

/// A folder with a server's configuration and the authority of its clients.
struct House {
    folder: PathBuf,
    clients: Authority,
}

impl House {
    fn new() -> Self {
        let house = Self { folder: scratch("certificates"), clients: Authority::new("clients") };
        house.put(&house.clients.1);
        house
    }

    fn put(&self, authorities: &str) {
        fs::write(self.folder.join("clients.pem"), authorities).unwrap();
        fs::set_permissions(self.folder.join("clients.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    }

    fn write(&self, server: &str, callers: &[(&str, &str)]) {
        let callers: String = callers
            .iter()
            .map(|(name, certificate)| format!("[[callers]]\nname = \"{name}\"\ncertificate = \"{certificate}\"\n"))
            .collect();
        let config = format!(
            "[server]\ntls = \"auto\"\n{server}\n[limits]\nfiles_reload_ms = 100\nfailures_per_minute_max = 1000\n{callers}[agents.cat]\n\
             command = [\"cat\"]\ninput = \"stdin\"\n[agents.slow]\ncommand = [\"sh\", \"-c\", \"echo begun; sleep 300\"]\ninput = \"stdin\"\n"
        );
        fs::write(self.folder.join("inhouse.toml"), config).unwrap();
    }

    fn launch(&self) -> Launch {
        Launch::new(&["serve"]).directory(&self.folder).env("HOME", &self.folder)
    }

    fn start(&self, auth: &str, callers: &[(&str, &str)]) -> Server {
        self.write(&format!("client_ca = \"clients.pem\"\nclient_auth = \"{auth}\""), callers);
        self.launch().start()
    }

    /// Agrees on TLS with a certificate or without, and posts.
    fn post(&self, server: &Server, leaf: Option<&Leaf>, path: &str, headers: &str, body: &[u8]) -> io::Result<Answer> {
        let mut roots = RootCertStore::empty();
        let authority = self.folder.join(".local/state/inhouse/tls/authority.pem");
        roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let config = match leaf {
            None => config.with_no_client_auth(),
            Some(leaf) => {
                let chain = vec![CertificateDer::from_pem_slice(leaf.cert.as_bytes()).unwrap()];
                config
                    .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap())
                    .unwrap()
            }
        };
        let tls = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
        let mut stream = StreamOwned::new(tls, connect(server.address));
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        Ok(Answer(stream))
    }

    /// The status of a list of tasks; none, where there is no connection.
    fn status(&self, server: &Server, leaf: Option<&Leaf>, headers: &str) -> Option<u16> {
        let answer = self.post(server, leaf, "/a2a", headers, &rpc("ListTasks", json!({}))).and_then(Answer::whole);
        answer.ok()?.split(' ').nth(1)?.parse().ok()
    }
}

struct Answer(StreamOwned<ClientConnection, TcpStream>);

impl Answer {
    fn whole(mut self) -> io::Result<String> {
        let mut bytes = Vec::new();
        match self.0.read_to_end(&mut bytes) {
            Err(error) if bytes.is_empty() => Err(error),
            _ => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

#[test]
fn a_certificate_is_its_callers_by_each_kind_of_name() {
    let house = House::new();
    let callers = [
        ("ci", "dns:CI.example.com"),
        ("job", "uri:spiffe://example.com/job"),
        ("ann", "email:ann@example.com"),
        ("bob", "subject:CN=bob"),
        ("bob", "dns:bob.example.com"),
    ];
    let server = house.start("optional", &callers);
    let leaves = [
        ("ci", house.clients.leaf("x", vec![dns("other.example.com"), dns("ci.example.com")])),
        ("job", house.clients.leaf("x", vec![SanType::URI("spiffe://example.com/job".try_into().unwrap())])),
        ("ann", house.clients.leaf("x", vec![SanType::Rfc822Name("ann@example.com".try_into().unwrap())])),
        ("bob", house.clients.leaf("bob", vec![])),
        ("bob", house.clients.leaf("bob", vec![dns("bob.example.com")])),
    ];
    let lines = |name: &str| server.stderr().matches(&format!("\"who\":\"{name}\"")).count();
    for (name, leaf) in &leaves {
        let before = lines(name);
        assert_eq!(house.status(&server, Some(leaf), ""), Some(200), "{name}");
        wait("the audit", || (lines(name) > before).then_some(()));
    }
    let strangers = [
        house.clients.leaf("alice", vec![]),
        house.clients.leaf("dns:ci.example.com", vec![]),
        house
            .clients
            .leaf("x", vec![dns("subject.example.com"), SanType::URI("dns:ci.example.com".try_into().unwrap())]),
        // Two callers' at once.
        house.clients.leaf("bob", vec![dns("ci.example.com")]),
    ];
    for (at, leaf) in strangers.iter().enumerate() {
        assert_eq!(house.status(&server, Some(leaf), ""), Some(401), "{at}");
    }
    assert!(server.stderr().contains("UNAUTHENTICATED"));
}

#[test]
fn a_token_counts_before_a_certificate_and_without_either_nobody_comes_in() {
    let house = House::new();
    let server = house.start("optional", &[("ci", "subject:CN=ci")]);
    let ci = house.clients.leaf("ci", vec![]);
    let body = rpc("SendMessage", message("hi"));
    let sent = house.post(&server, Some(&ci), "/a2a", "", &body).and_then(Answer::whole).unwrap();
    let task: serde_json::Value = serde_json::from_str(sent.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let body = rpc("GetTask", json!({"id": task["result"]["task"]["id"]}));
    let get = |headers: &str| house.post(&server, Some(&ci), "/a2a", headers, &body).and_then(Answer::whole).unwrap();
    assert!(get("").contains("TASK_STATE_COMPLETED"));
    assert!(get(&bearer(TOKEN)).contains("-32001"), "the owner of the token has no such task");
    assert_eq!(house.status(&server, Some(&ci), &bearer("wrong")), Some(401));
    assert_eq!(house.status(&server, None, &bearer(TOKEN)), Some(200));
    assert_eq!(house.status(&server, None, ""), Some(401));
}

#[test]
fn certificates_of_others_and_for_something_else_make_no_connection() {
    let house = House::new();
    let server = house.start("required", &[("ci", "subject:CN=ci")]);
    let others = Authority::new("clients");
    let soon = SystemTime::now() + DAY;
    let past = SystemTime::now() - DAY;
    let cases = [
        ("another authority of the same name", others.leaf("ci", vec![])),
        ("over", house.clients.signed("ci", vec![], past, ExtendedKeyUsagePurpose::ClientAuth)),
        ("of a server", house.clients.signed("ci", vec![], soon, ExtendedKeyUsagePurpose::ServerAuth)),
    ];
    for (name, leaf) in &cases {
        assert_eq!(house.status(&server, Some(leaf), &bearer(TOKEN)), None, "{name}");
    }
    assert_eq!(house.status(&server, None, &bearer(TOKEN)), None, "without one");
    let stranger = house.clients.leaf("stranger", vec![]);
    assert_eq!(house.status(&server, Some(&stranger), ""), Some(401));
    assert_eq!(house.status(&server, Some(&stranger), &bearer(TOKEN)), Some(200), "a token beside it");
    let ci = house.clients.leaf("ci", vec![]);
    assert_eq!(house.status(&server, Some(&ci), ""), Some(200));
}

#[test]
fn a_stream_ends_with_its_certificate() {
    let house = House::new();
    let server = house.start("optional", &[("ci", "subject:CN=ci")]);
    let until = SystemTime::now() + Duration::from_secs(4);
    let ci = house.clients.signed("ci", vec![], until, ExtendedKeyUsagePurpose::ClientAuth);
    let body = rpc("SendStreamingMessage", message("hi"));
    let answer = house.post(&server, Some(&ci), "/agents/slow/a2a", "", &body).and_then(Answer::whole).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("begun"), "{answer}");
    assert_eq!(house.status(&server, Some(&ci), ""), None);
}

#[test]
fn authorities_and_callers_change_while_the_server_runs() {
    let house = House::new();
    let server = house.start("optional", &[("ci", "subject:CN=ci")]);
    let others = Authority::new("others");
    let (ci, other) = (house.clients.leaf("ci", vec![]), others.leaf("ci", vec![]));
    for (text, mode, said) in [
        ("garbage", 0o644, "the certificates can not be read: there is none"),
        (&others.1, 0o666, "can be changed by others"),
    ] {
        house.put(text);
        fs::set_permissions(house.folder.join("clients.pem"), fs::Permissions::from_mode(mode)).unwrap();
        server.signal("HUP");
        wait(said, || {
            server
                .stderr()
                .contains(&format!("clients.pem{}{said}", if mode == 0o644 { ": " } else { " " }))
                .then_some(())
        });
        assert_eq!([&ci, &other].map(|leaf| house.status(&server, Some(leaf), "")), [Some(200), None], "{said}");
        let (code, _, err) = house.launch().run();
        assert!(code == 2 && err.contains(said) && err.contains("hint: client_ca holds"), "{err}");
    }
    house.put(&others.1);
    wait("the other authority", || (house.status(&server, Some(&other), "") == Some(200)).then_some(()));
    assert_eq!(house.status(&server, Some(&ci), ""), None);
    house.write("client_ca = \"clients.pem\"", &[("ci", "dns:ci.example.com")]);
    server.signal("HUP");
    wait("the caller to be gone", || (house.status(&server, Some(&other), "") == Some(401)).then_some(()));
}

#[test]
fn a_wrong_configuration_says_what_to_do() {
    let house = House::new();
    let ci = [("ci", "subject:CN=ci")];
    for (server, callers, said) in [
        ("", &ci[..], "caller ci has a certificate, and its authority is not known"),
        ("client_auth = \"required\"", &[], "client_auth needs the authorities of clients"),
        ("client_ca = \"none.pem\"", &[], "none.pem: No such file"),
        ("client_ca = \"clients.pem\"", &[("ci", "CN=ci")], "certificate must be a name of the certificate such as"),
        ("client_ca = \"clients.pem\"", &[("ci", "dns:")], "certificate must be a name of the certificate such as"),
        (
            "client_ca = \"clients.pem\"",
            &[("a", "dns:x"), ("b", "dns:X")],
            "the callers a and b have the same certificate",
        ),
    ] {
        house.write(server, callers);
        let (code, _, err) = house.launch().run();
        assert!(code == 2 && err.contains(said) && (err.contains("hint: ") || err.contains("must be")), "{err}");
    }
    house.write("client_ca = \"clients.pem\"", &[]);
    let text = fs::read_to_string(house.folder.join("inhouse.toml")).unwrap().replace("tls = \"auto\"\n", "");
    fs::write(house.folder.join("inhouse.toml"), text).unwrap();
    let (code, _, err) = house.launch().run();
    assert!(code == 2 && err.contains("client_ca checks certificates, and there is no TLS"), "{err}");
}

#[test]
fn the_client_shows_its_certificate_and_cards_ask_for_it() {
    let house = House::new();
    let server = house.start("required", &[("ci", "subject:CN=ci")]);
    let ci = house.clients.leaf("ci", vec![]);
    let [cert, key] = ["ci.pem", "ci.key"].map(|name| house.folder.join(name));
    fs::write(&cert, &ci.cert).unwrap();
    fs::write(&key, &ci.key).unwrap();
    let authority = house.folder.join(".local/state/inhouse/tls/authority.pem");
    let url = format!("https://127.0.0.1:{}", server.address.port());
    let client =
        |args: &[&str]| Launch::new(args).env("INHOUSE_URL", &url).env("INHOUSE_CA", &authority).without("API_TOKEN");
    let (code, out, err) = client(&["send", "hello"]).env("INHOUSE_CERT", &cert).env("INHOUSE_KEY", &key).run();
    assert_eq!((code, out.as_str()), (0, "hello"), "{err}");
    let [cert, key] = [&cert, &key].map(|file| file.to_str().unwrap());
    let (code, out, err) = client(&["card", "--json", "--cert", cert, "--key", key]).run();
    assert_eq!(code, 0, "{err}");
    let card: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(card["securitySchemes"]["certificate"], json!({"mtlsSecurityScheme": {}}), "{card}");
    let needs: Vec<Vec<_>> = card["securityRequirements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["schemes"].as_object().unwrap().keys().cloned().collect())
        .collect();
    assert_eq!(needs, [vec!["bearer", "certificate"], vec!["certificate"]]);
    assert_ne!(client(&["send", "hello"]).run().0, 0, "without one");
    for (args, said) in [
        (&["send", "x", "--cert", cert][..], "a certificate needs its key"),
        (&["send", "x", "--key", key], "a key needs its certificate"),
        (&["send", "x", "--cert", key, "--key", key], "there is no certificate in"),
    ] {
        let (code, _, err) = client(args).run();
        assert!(code == 2 && err.contains(said), "{args:?}: {err}");
    }
}
