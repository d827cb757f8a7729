//! TLS of the server over real sockets: who gets in by it, what happens to those who do not speak it, and keys that change.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use support::http::{connect, raw};
use support::{Launch, Server, TOKEN, scratch, wait};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

/// A folder with a certificate and its key, and the authority above them.
struct Keys(PathBuf);

impl Keys {
    fn new() -> Self {
        let keys = Self(scratch("tls"));
        keys.put("");
        keys
    }

    /// Those of an authority of this suffix.
    fn put(&self, suffix: &str) {
        for (name, to) in [("localhost", "cert.pem"), ("localhost", "key.pem")] {
            let ending = if to == "key.pem" { "key" } else { "pem" };
            fs::copy(format!("{FIXTURES}/{name}{suffix}.{ending}"), self.0.join(to)).unwrap();
        }
        fs::set_permissions(self.0.join("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn launch(&self, more: &str) -> Launch {
        let config = format!(
            "[server]\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n[limits]\nfiles_reload_ms = 100\n{more}\n[agents.cat]\ncommand = [\"cat\"]\n"
        );
        fs::write(self.0.join("inhouse.toml"), config).unwrap();
        Launch::new(&["serve"]).directory(&self.0)
    }
}

/// Agrees on TLS with a server whose authority is known; which protocol they speak then.
fn secured(
    server: &Server,
    authority: &Path,
    protocols: &[&[u8]],
) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let mut config =
        config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let tls = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let mut stream = StreamOwned::new(tls, connect(server.address));
    stream.conn.complete_io(&mut stream.sock)?;
    Ok(stream)
}

fn authority(suffix: &str) -> PathBuf {
    Path::new(FIXTURES).join(format!("authority{suffix}.pem"))
}

#[test]
fn an_agent_is_called_by_https_and_everything_that_is_shown_says_so() {
    let server = Keys::new().launch("").start();
    let url = format!("https://127.0.0.1:{}", server.address.port());
    assert!(server.banner.last().unwrap().starts_with(&format!("INHOUSE_URL={url} ")), "{:?}", server.banner);
    let client = |args: &[&str]| Launch::new(args).env("INHOUSE_URL", &url).env("INHOUSE_TOKEN", TOKEN);
    let (code, out, err) = client(&["send", "hello"]).env("INHOUSE_CA", authority("")).run();
    assert_eq!((code, out.as_str()), (0, "hello"), "{err}");
    let ca = authority("");
    let (_, card, _) = client(&["card", "--json", "--ca", ca.to_str().unwrap()]).run();
    assert!(card.contains(&format!("{url}/a2a")) && !card.contains("http://"), "{card}");
    // Who knows another authority, or none, does not send his token there.
    for launch in [client(&["send", "hello"]), client(&["send", "hello"]).env("INHOUSE_CA", authority("-2"))] {
        let (code, _, err) = launch.run();
        assert!(code == 5 && err.contains("no TLS: "), "{err}");
    }
    let (code, _, err) = client(&["send", "hello", "--ca", &format!("{FIXTURES}/localhost.key")]).run();
    assert!(code == 2 && err.contains("there is no certificate in PEM"), "{err}");
}

#[test]
fn both_versions_of_http_are_agreed_on() {
    let server = Keys::new().launch("").start();
    let mut one = secured(&server, &authority(""), &[b"http/1.1"]).unwrap();
    assert_eq!(one.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    one.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    one.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 ") && answer.contains("content-type"), "{answer}");

    let mut two = secured(&server, &authority(""), &[b"h2", b"http/1.1"]).unwrap();
    assert_eq!(two.conn.alpn_protocol(), Some(&b"h2"[..]));
    two.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut frame = [0; 9];
    two.read_exact(&mut frame).unwrap();
    assert_eq!(frame[3], 4, "settings come first: {frame:?}");
}

#[test]
fn who_does_not_speak_tls_is_told_so_and_holds_nothing_up() {
    let server = Keys::new().launch("tls_handshake_ms_max = 300").start();
    let answer = raw(server.address, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("this port speaks TLS: use https"), "{answer}");
    for words in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00", b"\x16garbage that is no handshake at all"] {
        let mut stream = connect(server.address);
        stream.write_all(words).unwrap();
        // Perhaps an alert, and then the end.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let plain = Server::with_agent("cat");
    let hello = secured(&plain, &authority(""), &[]);
    assert!(hello.is_err(), "a hello to a plain port is refused in time");
    assert!(secured(&server, &authority(""), &[b"http/1.1"]).is_ok());
}

#[test]
fn keys_that_change_are_taken_over_and_bad_ones_are_not() {
    let keys = Keys::new();
    let server = keys.launch("").start();
    let known = |suffix: &str| secured(&server, &authority(suffix), &[b"http/1.1"]).is_ok();
    assert!(known("") && !known("-2"));
    fs::write(keys.0.join("cert.pem"), "garbage").unwrap();
    wait("a word in the log", || server.stderr().contains("the certificate of before stays in force").then_some(()));
    assert!(known(""), "{}", server.stderr());
    keys.put("-2");
    wait("the new certificate", || known("-2").then_some(()));
    assert!(!known(""));
    // A hangup is a wish to look now, and not the end.
    let before = server.stderr().matches("read again and in force").count();
    server.signal("HUP");
    wait("another look", || (server.stderr().matches("read again and in force").count() > before).then_some(()));
    assert!(known("-2"));
}

#[test]
fn keys_that_can_not_be_used_stop_the_start_with_the_file_and_the_cure() {
    let keys = Keys::new();
    let other = |file: &str, from: &str| fs::copy(format!("{FIXTURES}/{from}"), keys.0.join(file)).unwrap();
    let refused = |message: &str| {
        let (code, _, err) = keys.launch("").run();
        assert!(code == 2 && err.contains(message) && err.contains("hint: "), "{err}");
        keys.put("");
    };
    other("key.pem", "localhost-2.key");
    refused("key.pem: the private key does not fit the certificate");
    other("cert.pem", "localhost.key");
    refused("cert.pem: the certificates can not be read: there is none");
    other("key.pem", "localhost.pem");
    refused("key.pem: the private key can not be read");
    fs::remove_file(keys.0.join("cert.pem")).unwrap();
    refused("cert.pem: No such file");
    let (code, _, err) = Launch::new(&["serve", "--tls-cert", "x.pem"]).run();
    assert!(code == 2 && err.contains("tls_cert needs tls_key beside it"), "{err}");
    fs::set_permissions(keys.0.join("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    let server = keys.launch("").start();
    let warning = "can be read by other users of this machine: chmod 600";
    wait("the warning", || server.stderr().contains(warning).then_some(()));
}

#[test]
fn with_tls_a_hardened_server_may_be_reached_from_outside() {
    let keys = Keys::new();
    keys.launch("");
    let hardened = Launch::new(&["serve", "--hardened"])
        .directory(&keys.0)
        .env("HOST", "0.0.0.0")
        .env("container", "test")
        .start();
    assert!(secured(&hardened, &authority(""), &[b"http/1.1"]).is_ok());
    let (code, _, err) = Launch::new(&["serve", "--hardened", "--host", "0.0.0.0"]).run();
    assert!(code == 2 && err.contains("--tls auto, --tls-cert and --tls-key"), "{err}");
}

/// The certificate that a server shows to whom trusts this authority.
fn shown(server: &Server, authority: &Path) -> Option<Vec<u8>> {
    let stream = secured(server, authority, &[b"http/1.1"]).ok()?;
    Some(stream.conn.peer_certificates()?.first()?.to_vec())
}

fn automatic(folder: &Path) -> Launch {
    Launch::new(&["serve", "--tls", "auto"])
        .env("AGENT_CMD", "cat")
        .env("AGENT_INPUT", "stdin")
        .env("XDG_STATE_HOME", folder)
        .directory(folder)
}

#[test]
fn a_server_with_an_authority_of_its_own_is_called_as_its_first_output_says() {
    let state = scratch("authority");
    let server = automatic(&state).start();
    let file = state.join("inhouse/tls/authority.pem");
    assert!(server.banner.len() <= 8, "{:?}", server.banner);
    let trust = format!("trust     curl --cacert {}", file.display());
    assert!(server.banner.contains(&trust), "{:?}", server.banner);
    let pasted = server.banner.last().unwrap();
    assert!(pasted.contains(&format!(" INHOUSE_CA={} ", file.display())), "{pasted}");
    let url = format!("https://localhost:{}", server.address.port());
    let (code, out, err) = Launch::new(&["send", "hello"])
        .env("INHOUSE_URL", &url)
        .env("INHOUSE_TOKEN", TOKEN)
        .env("INHOUSE_CA", &file)
        .run();
    assert_eq!((code, out.as_str()), (0, "hello"), "{err}");
    let mode = |name: &str| fs::metadata(state.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("inhouse/tls"), mode("inhouse/tls/authority-key.pem")), (0o700, 0o600));

    // The next start is trusted by whoever trusts this one, with a certificate of its own.
    let (known, before) = (fs::read(&file).unwrap(), shown(&server, &file).unwrap());
    drop(server);
    let again = automatic(&state).start();
    assert_eq!(fs::read(&file).unwrap(), known);
    assert_ne!(shown(&again, &file).unwrap(), before);
    assert!(shown(&again, &authority("")).is_none(), "another authority is not trusted");
    let hardened = Launch::new(&["serve", "--tls", "auto", "--hardened", "--agent", "demo"])
        .env("HOST", "0.0.0.0")
        .env("container", "test");
    assert!(shown(&hardened.env("XDG_STATE_HOME", &state).start(), &file).is_some());
}

#[test]
fn a_certificate_of_its_own_authority_is_renewed_in_time() {
    let state = scratch("authority");
    fs::write(state.join("inhouse.toml"), "[limits]\ntls_auto_s = 10\nfiles_reload_ms = 100\n").unwrap();
    let server = automatic(&state).start();
    let file = state.join("inhouse/tls/authority.pem");
    let first = shown(&server, &file).unwrap();
    wait("another certificate", || shown(&server, &file).filter(|now| *now != first));
}

#[test]
fn an_authority_that_can_not_be_used_stops_the_start_with_the_file_and_the_cure() {
    let state = scratch("authority");
    drop(automatic(&state).start());
    let key = state.join("inhouse/tls/authority-key.pem");
    fs::write(&key, "garbage").unwrap();
    let refused = |launch: Launch, message: &str| {
        let (code, _, err) = launch.run();
        assert!(code == 2 && err.contains(message) && err.contains("hint: "), "{err}");
    };
    refused(automatic(&state), "authority-key.pem: ");
    fs::remove_file(&key).unwrap();
    refused(automatic(&state), "authority.pem: the private key does not fit the certificate");
    let files = ["serve", "--tls", "auto", "--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    refused(Launch::new(&files), "tls = \"auto\" makes its own keys, and tls_cert or tls_key names others");
    refused(Launch::new(&["serve", "--tls", "auto"]).without("HOME"), "an authority needs a folder");
}
