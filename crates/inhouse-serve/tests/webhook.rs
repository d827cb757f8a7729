//! Which addresses are called for a caller (threat 10).

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::net::IpAddr;

use inhouse_serve::{Resolved, Webhook, WebhookError, WebhookRule};

fn rule(entries: &[&str]) -> WebhookRule {
    let mut rule = WebhookRule::default();
    entries.iter().for_each(|entry| rule.allow(entry).unwrap());
    rule
}

/// What becomes of a call when the host stands for itself, or for `ips` where it is a name.
fn dial(rule: &WebhookRule, url: &str, ips: &[&str]) -> Result<Vec<String>, WebhookError> {
    let webhook = Webhook::parse(url)?;
    let literal = webhook.host().parse::<IpAddr>().ok().into_iter();
    let ips = literal.chain(ips.iter().map(|ip| ip.parse().unwrap()));
    let resolved: Vec<_> = ips.map(|ip| Resolved { ip, is_own: false }).collect();
    Ok(rule.dial(&webhook, &resolved)?.addresses().iter().map(ToString::to_string).collect())
}

#[test]
fn no_spelling_of_an_inner_address_is_called() {
    let hosts = "127.0.0.1 127.1 2130706433 0x7f000001 0177.0.0.1 0x7f.1 127.255.255.254 0.0.0.0 0 0.1.2.3 10.0.0.1 \
        172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.127.255.255 169.254.169.254 169.254.0.1 100.100.100.200 \
        168.63.129.16 192.0.0.192 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 \
        192.88.99.1 [::] [::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:0:127.0.0.1] [::ffff:10.0.0.1] [::127.0.0.1] \
        [::ffff:169.254.169.254] [64:ff9b::127.0.0.1] [64:ff9b::a00:1] [64:ff9b:1::a9fe:a9fe] [2002:7f00:1::] \
        [2002:a00:1::1] [2002:a9fe:a9fe::] [2001:0:1:2:3:4:80ff:fffe] [2001:0:1:2:3:4:f5ff:fffe] [fe80::1] [febf::1] \
        [fec0::1] [fc00::1] [fdff::1] [fd00:ec2::254] [fd20:ce::254] [ff02::1] [2001:db8::1] [3fff::1] [100::1] [5f00::1] \
        [2600::5efe:a00:1] [2600::5efe:7f00:1] [fe80::5efe:808:808] [fd12::200:5efe:808:808] [64:ff9b:1::808:808] \
        [fd00:ec2::23] [fd00:ec2::253] [fd00:42::42] [fd00:c1::a9fe:a9fe] １２７.0.0.1";
    let open = rule(&[]);
    for host in hosts.split_whitespace() {
        for scheme in ["https", "http"] {
            let refused = dial(&open, &format!("{scheme}://{host}/hook"), &[]);
            assert!(matches!(refused, Err(WebhookError::Inside | WebhookError::Malformed)), "{host}: {refused:?}");
        }
    }
}

#[test]
fn a_name_is_called_if_all_that_it_stands_for_may_be() {
    let open = rule(&[]);
    assert_eq!(dial(&open, "https://hooks.example/a?b=c", &["93.184.216.34"]), Ok(vec!["93.184.216.34:443".into()]));
    assert_eq!(
        dial(&open, "https://hooks.example:8443", &["2606:2800::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
            .unwrap()
            .len(),
        3
    );
    for ips in [&[][..], &["127.0.0.1"], &["8.8.8.8", "10.0.0.1"], &["::1"], &["169.254.169.254"]] {
        assert_eq!(dial(&open, "https://hooks.example", ips), Err(WebhookError::Inside), "{ips:?}");
    }
    assert_eq!(dial(&open, "http://hooks.example", &["8.8.8.8"]), Err(WebhookError::Plain));
    let webhook = Webhook::parse("https://hooks.example").unwrap();
    let own = Resolved { ip: "8.8.8.8".parse().unwrap(), is_own: true };
    assert_eq!(open.dial(&webhook, &[own]).unwrap_err(), WebhookError::Inside);
}

#[test]
fn an_address_is_own_if_the_one_that_it_carries_is() {
    let own: IpAddr = "8.8.8.8".parse().unwrap();
    for (ip, is_own) in [("8.8.8.8", true), ("64:ff9b::808:808", true), ("2002:808:808::1", true), ("2606::1", false)] {
        assert_eq!(Resolved::new(ip.parse().unwrap(), |ip| ip == own).is_own, is_own, "{ip}");
    }
}

#[test]
fn a_name_of_the_server_is_called_only_if_it_is_listed() {
    let mut rule = rule(&["agents.example:8443"]);
    rule.refuse("Agents.example");
    for url in ["https://agents.example/a2a", "https://AGENTS.example./a2a"] {
        assert_eq!(dial(&rule, url, &["8.8.8.8"]), Err(WebhookError::Inside), "{url}");
    }
    assert!(dial(&rule, "https://agents.example:8443", &["8.8.8.8"]).is_ok());
    assert!(dial(&rule, "https://hooks.agents.example", &["8.8.8.8"]).is_ok());
}

#[test]
fn a_listed_host_is_called_on_its_port_alone() {
    let listed = rule(&["localhost:9000", "hooks.lan:80", "[::1]:9001", "127.0.0.1:9002"]);
    for (url, ips, dialled) in [
        ("http://localhost:9000/x", &["127.0.0.1", "::1"][..], true),
        ("http://LOCALHOST.:9000/x", &["127.0.0.1"], true),
        ("http://hooks.lan/", &["192.168.1.7"], true),
        ("http://[::1]:9001", &[], true),
        ("http://127.1:9002", &[], true),
        ("http://localhost:9001", &["127.0.0.1"], false),
        ("http://127.0.0.1:9000", &[], false),
        ("https://hooks.lan/", &["192.168.1.7"], false),
        ("http://xlocalhost:9000", &["127.0.0.1"], false),
    ] {
        assert_eq!(dial(&listed, url, ips).is_ok(), dialled, "{url}");
    }
}

#[test]
fn a_range_opens_private_addresses_and_nothing_else() {
    let ranges = rule(&["10.1.0.0/16", "fd12::/16", "192.168.7.7", "127.0.0.0/8", "0.0.0.0/0"]);
    for host in ["10.1.2.3", "192.168.7.7", "[fd12::5]", "[::ffff:10.1.2.3]", "172.16.0.1"] {
        assert!(dial(&ranges, &format!("http://{host}"), &[]).is_ok(), "{host}");
    }
    for host in ["127.0.0.1", "169.254.169.254", "[fd13::1]", "[::1]", "0.0.0.0", "100.100.100.200"] {
        assert_eq!(dial(&ranges, &format!("http://{host}"), &[]), Err(WebhookError::Inside), "{host}");
    }
    let narrow = rule(&["10.1.0.0/16"]);
    assert_eq!(dial(&narrow, "https://10.2.0.1", &[]), Err(WebhookError::Inside));
    let webhook = Webhook::parse("http://10.1.2.3").unwrap();
    let own = Resolved { ip: "10.1.2.3".parse().unwrap(), is_own: true };
    assert_eq!(narrow.dial(&webhook, &[own]).unwrap_err(), WebhookError::Inside);
}

#[test]
fn what_is_no_address_of_the_web_is_refused() {
    let long = format!("https://hooks.example/{}", "x".repeat(2_048));
    for text in [
        "",
        "hooks.example",
        "//hooks.example",
        "ftp://hooks.example",
        "file:///etc/passwd",
        "https://",
        "https:///",
        "javascript:alert(1)",
        "http://[::1",
        "http://a b/",
        "https://hooks.example:0",
        "https://hooks.example:99999",
        "https://münchen.example/",
        &long,
    ] {
        assert_eq!(Webhook::parse(text), Err(WebhookError::Malformed), "{text}");
    }
    for text in ["https://user@hooks.example", "https://:secret@hooks.example", "https://a:b@hooks.example"] {
        assert_eq!(Webhook::parse(text), Err(WebhookError::Credentials), "{text}");
    }
}

#[test]
fn what_a_request_says_is_what_was_judged() {
    let webhook = Webhook::parse("https://Hooks.Example:8443/a/../b?c=d#e").unwrap();
    assert!(webhook.is_tls());
    assert_eq!((webhook.host().as_str(), webhook.port()), ("hooks.example", 8443));
    assert_eq!((webhook.authority(), webhook.target()), ("hooks.example:8443", "/b?c=d"));
    let bare = Webhook::parse("http://[::1]").unwrap();
    assert_eq!((bare.host().as_str(), bare.authority(), bare.target(), bare.port()), ("::1", "[::1]", "/", 80));
}

#[test]
fn an_exception_is_a_host_with_its_port_or_a_range() {
    for entry in
        ["", "hooks.lan", "hooks.lan:", "hooks.lan:x", "http://hooks.lan:80", "hooks.lan:80/x", "a@b:80", ":80"]
    {
        assert!(WebhookRule::default().allow(entry).is_err(), "{entry}");
    }
}
