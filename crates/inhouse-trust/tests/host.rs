//! Under which names requests are served, and which pages may call.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use inhouse_trust::{HostError, HostRule, OriginError, OriginRule};

fn rule() -> HostRule {
    HostRule::new(["Agents.Example.com.", "", "."], Some("public.example"), ["box", "box.lan"])
}

#[test]
fn our_own_names_and_any_address_are_served_on_any_port() {
    let good = "localhost LOCALHOST:8080 localhost.:1 127.0.0.1 10.1.2.3:65535 [::1] [::1]:8080 [2001:db8::1] [::ffff:1.2.3.4]:1 box BOX.LAN:80 \
        box.lan. agents.example.com agents.example.com.:443 public.example localhost: 0.0.0.0:8080";
    for host in good.split(' ') {
        assert_eq!(rule().check(&[host.as_bytes()]), Ok(()), "{host}");
    }
}

#[test]
fn foreign_names_are_refused_with_the_cure() {
    let foreign = "evil.example evil.example:8080 a.localhost localhost.evil.example 127.0.0.1.nip.io 1.2.3.4.5 0x7f.0.0.1 2130706433 127.1 \
        agents.example.com.evil xbox box.lan.evil 127.0.0.01 _ box_";
    for host in foreign.split(' ') {
        let error = rule().check(&[host.as_bytes()]).unwrap_err();
        assert!(matches!(error, HostError::NotAllowed(_)), "{host}: {error}");
        assert!(error.to_string().contains("allowed_hosts"), "{error}");
    }
}

#[test]
fn what_is_no_host_is_refused() {
    let long = "a".repeat(254);
    let malformed = ": :80 . user@localhost localhost:80:80 localhost:x localhost:-1 localhost:123456 ::1 [::1 [::1]x [] [localhost] [127.0.0.1] \
        [fe80::1%eth0] http://localhost localhost/ localhost,localhost ｌocalhost local\u{0}host localhost\\";
    for host in malformed.split(' ') {
        assert_eq!(rule().check(&[host.as_bytes()]), Err(HostError::Malformed), "{host:?}");
    }
    for host in ["", "a b", " localhost", &long] {
        assert_eq!(rule().check_authority(host), Err(HostError::Malformed), "{host:?}");
    }
    assert_eq!(rule().check(&[b"\xff"]), Err(HostError::Malformed));
    assert_eq!(rule().check(&[]), Err(HostError::Missing));
    assert_eq!(rule().check(&[b"box", b"box"]), Err(HostError::Several));
}

#[test]
fn what_is_the_servers_own_beyond_doubt_has_a_name_or_address_of_its_and_a_port_that_it_listens_on() {
    let rule = HostRule::new(["Agents.Example.com", "192.0.2.7", "2001:db8::7"], None, ["box"]);
    let own = "box:8080 BOX.:8080 localhost:8080 localhost 127.0.0.1:8080 127.9.9.9 [::1]:8080 agents.example.com:8080 192.0.2.7 [2001:db8::7]:8080";
    for host in own.split(' ') {
        assert!(rule.is_own(host, &[8080, 80]), "{host}");
    }
    let foreign =
        "box:443 box:8081 evil.example:8080 10.0.0.1:8080 192.0.2.8:8080 [2001:db8::8]:8080 0.0.0.0:8080 :8080 box:x";
    for host in foreign.split(' ') {
        assert!(!rule.is_own(host, &[8080, 80]), "{host}");
    }
    assert!(!rule.is_own("box", &[8080]) && !rule.is_own("box:80", &[]), "without a port it is 80");
}

#[test]
fn an_origin_must_be_listed_exactly() {
    let rule = OriginRule::new(["https://console.example.com", "null"]);
    let check = |values: &[&[u8]]| rule.check(values, b"localhost:8080");
    assert_eq!((check(&[]), check(&[b"https://console.example.com"])), (Ok(()), Ok(())));
    let refused = "null  https://console.example.com/ http://console.example.com https://console.example.com:443 * https://evil.example \
        https://console.example.com.evil https://CONSOLE.example.com http://localhost:8080";
    for origin in refused.split(' ') {
        assert_eq!(check(&[origin.as_bytes()]), Err(OriginError), "{origin}");
    }
    assert_eq!(check(&[b"https://console.example.com", b"https://console.example.com"]), Err(OriginError));
}

#[test]
fn a_page_of_the_servers_own_has_its_scheme_host_and_port() {
    let rule = OriginRule::new(["https://agents.example.com"]).with_own_pages("http");
    let check = |origin: &str, host: &str| rule.check(&[origin.as_bytes()], host.as_bytes());
    for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "box"] {
        assert_eq!(check(&format!("http://{host}"), host), Ok(()), "{host}");
        assert_eq!(check("https://agents.example.com", host), Ok(()), "{host}");
        for other in [
            "https://localhost:8080",
            "http://localhost:3000",
            "http://localhost",
            "http://",
            "localhost:8080",
            "null",
            "",
        ] {
            assert_eq!(check(other, host), Err(OriginError), "{other} {host}");
        }
        for around in [
            format!("http://{host}/"),
            format!("http://x.{host}"),
            format!("http://{host}.evil"),
            format!("HTTP://{host}"),
        ] {
            assert_eq!(check(&around, host), Err(OriginError), "{around}");
        }
        assert_eq!(
            rule.check(&[format!("http://{host}").as_bytes(), b"http://evil.example"], host.as_bytes()),
            Err(OriginError)
        );
    }
    assert_eq!(check("http://", ""), Ok(()), "a request without a host never comes so far");
}
