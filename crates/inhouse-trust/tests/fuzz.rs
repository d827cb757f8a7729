//! Fuzz targets for what is decided on what strangers and agents write: nothing panics, and no change of what is refused makes it good.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
#![allow(unreachable_pub, missing_docs, reason = "shared between test files")]

#[path = "../../inhouse-proto/tests/fuzz/mutation.rs"]
mod mutation;

use inhouse_trust::{
    Approvals, Chained, HostRule, Link, OriginRule, Principal, Redactor, Secret, TokenDigest, Tokens, Verdict,
};
use mutation::{cases, changed};
use proptest::prelude::*;

const TOKEN: &str = "the-right-token-0123456789abcdef";
const SECRET: &str = "canary-0123456789abcdef";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

proptest! {
    #![proptest_config(cases())]

    /// Whatever is served is one of our names or an address, and says so itself.
    #[test]
    fn fuzz_hosts(host in changed(&[b"localhost:8080", b"127.0.0.1", b"[::1]:80", b"agents.example.com.", b"evil.example:1"])) {
        let rule = HostRule::new(["agents.example.com"], None, ["box"]);
        if rule.check(&[&host]).is_ok() {
            let host = text(&host).to_ascii_lowercase();
            let name = host.rsplit_once(':').filter(|(name, _)| !name.contains(':') || name.ends_with(']')).map_or(host.as_str(), |(name, _)| name);
            let name = name.trim_end_matches('.');
            let is_address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
            prop_assert!(is_address || ["localhost", "agents.example.com", "box"].contains(&name), "{}", host);
        }
    }

    #[test]
    fn fuzz_origins(origin in changed(&[b"https://console.example.com", b"null", b"http://localhost:8080"])) {
        let rule = OriginRule::new(["https://console.example.com"]).with_own_pages("http");
        if rule.check(&[&origin], b"localhost:8080").is_ok() {
            prop_assert!(["https://console.example.com", "http://localhost:8080"].contains(&&*text(&origin)));
        }
    }

    /// Only the token itself is the token.
    #[test]
    fn fuzz_tokens(header in changed(&[b"Bearer the-right-token-0123456789abcdef", b"bearer  the-right-token-0123456789abcdef", b"Basic x"])) {
        let tokens = Tokens::new([(Principal::new("ann").unwrap(), TokenDigest::of(&Secret::new(TOKEN.into())))]);
        if tokens.caller(&[&header], 0).is_ok() {
            let said = text(&header);
            prop_assert!(said.to_ascii_lowercase().starts_with("bearer ") && said[7..].trim() == TOKEN, "{}", said);
        }
    }

    /// No change of a line is taken for the line.
    #[test]
    fn fuzz_chained_lines(line in changed(&[br#"{"seq":1,"prev":"0000000000000000000000000000000000000000000000000000000000000000","operation":"start","hash":"x"}"#]), object in changed(&[br#"{"operation":"GetTask"}"#])) {
        let _ = Chained::read(&text(&line));
        let mut link = Link::START;
        let sealed = link.begin(&format!("{{\"a\":{}}}", serde_json::to_string(&text(&object)).unwrap()));
        let sealed = link.end(sealed);
        let read = Chained::read(&sealed).unwrap();
        prop_assert!(read.follows(Link::START).is_ok() && read.link == link);
        for at in (0..sealed.len()).filter(|at| sealed.is_char_boundary(*at) && sealed.is_char_boundary(at + 1)).step_by(7) {
            let mut other = sealed.clone();
            let swapped = if &other[at..=at] == "~" { "!" } else { "~" };
            other.replace_range(at..=at, swapped);
            let is_broken = Chained::read(&other).and_then(|read| read.follows(Link::START)).is_err();
            prop_assert!(is_broken, "{}", other);
        }
    }

    /// A secret that stands in a line is in none that is shown.
    #[test]
    fn fuzz_redaction(before in changed(&[b"error: key=", b"\x1b[31m", b"sk-ant-"]), after in changed(&[b" refused", b"\xc3\xa4"])) {
        let redactor = Redactor::new([("API_KEY", SECRET)]);
        let shown = redactor.line(&format!("{}{SECRET}{}", text(&before), text(&after)));
        prop_assert!(!shown.contains(SECRET) && shown.chars().count() <= 300, "{}", shown);
        prop_assert!(!shown.contains(char::is_control), "{:?}", shown);
    }

    /// What is forbidden stays so, and what is allowed begins no other command.
    #[test]
    fn fuzz_approvals(subject in changed(&[b"git status --short", b"git push --force", b"git status; rm -rf /", b"cat ../../etc/passwd"])) {
        let mut approvals = Approvals::default();
        approvals.add(Verdict::Allow, "Bash(git status*)").unwrap();
        approvals.add(Verdict::Deny, "Bash(*--force*)").unwrap();
        let subject = text(&subject);
        match approvals.judge("Bash", &subject) {
            Verdict::Allow => prop_assert!(subject.starts_with("git status") && !subject.contains([';', '&', '|', '<', '>', '$', '`', '\n']), "{}", subject),
            verdict => prop_assert!(verdict == Verdict::Deny || !subject.contains("--force"), "{}", subject),
        }
    }
}
