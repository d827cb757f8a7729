//! Fuzz targets for what stands around a request's body: paths, queries, page tokens, frames, times, names of extensions, sources; and
//! for the addresses of webhooks.

#[path = "../../../inhouse-proto/tests/fuzz/mutation.rs"]
mod mutation;

use hyper::HeaderMap;
use hyper::header::HeaderValue;
use inhouse_proto::v1;
use mutation::{cases, changed};
use proptest::prelude::*;

use crate::{Proxies, Webhook};

use super::checked::valid_json;
use super::extensions::Extension;
use super::{grpc, list, parameters, rest};

const PATHS: [&[u8]; 6] = [
    b"/tasks/t1:cancel",
    b"/v1/tasks/a%2Fb/pushNotificationConfigs/c%20d",
    b"/a2a/agent/message:send",
    b"/lf.a2a.v1.A2AService/SendMessage",
    b"/tasks/%ff:subscribe",
    b"/extendedAgentCard",
];
const QUERIES: [&[u8]; 3] = [
    b"contextId=a%20b&status=TASK_STATE_WORKING&pageSize=7&includeArtifacts=true&statusTimestampAfter=2026-01-02T03:04:05Z",
    b"historyLength=2&page_size=1&A2A-Version=1.0",
    b"a&&=&%zz=%",
];

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn fuzz_targets(path in changed(&PATHS)) {
        let path = String::from_utf8_lossy(&path);
        let _ = (rest::Target::parse(&path), grpc::Target::parse(&path));
    }

    #[test]
    fn fuzz_queries(query in changed(&QUERIES)) {
        let query = String::from_utf8_lossy(&query);
        if let Ok(json) = rest::query::json(Some(&query), &[("id", "t")]) {
            let _ = valid_json::<v1::ListTasksRequest, _>(&json, Ok);
            let _ = valid_json::<v1::GetTaskRequest, _>(&json, Ok);
        }
    }

    /// A token that is read says the place that it was made for.
    #[test]
    fn fuzz_page_tokens(token in changed(&[b"19af.0123-4567", b"0.a", b"-1.b", b"7fffffffffffffff.x"])) {
        if let Ok(Some(place)) = list::page_token(&String::from_utf8_lossy(&token)) {
            prop_assert_eq!(list::page_token(&list::token_of(&place)).unwrap(), Some(place));
        }
    }

    #[test]
    fn fuzz_last_event_ids(id in changed(&[b"1", b"18446744073709551615", b"-1", b""])) {
        let text = String::from_utf8_lossy(&id);
        if let Ok(number) = parameters::event_number(&text) {
            prop_assert_eq!(number, text.parse::<u64>().unwrap());
        }
    }

    #[test]
    fn fuzz_frames(body in changed(&[b"\0\0\0\0\x02hi", b"\x01\0\0\0\0", b"\0\xff\xff\xff\xff"])) {
        if let Ok(message) = grpc::message(&body) {
            prop_assert_eq!(message.len() + 5, body.len());
        }
    }

    #[test]
    fn fuzz_headers(value in changed(&[b"99999999H", b"100m", b"urn:x, https://h/y", b"0n"])) {
        let Ok(header) = HeaderValue::from_bytes(&value) else { return Ok(()) };
        let _ = Extension::is_name(&String::from_utf8_lossy(&value));
        let headers = HeaderMap::from_iter([(hyper::header::HeaderName::from_static("grpc-timeout"), header)]);
        let _ = grpc::deadline::Deadline::read(&headers);
    }

    /// From nobody but a proxy is a word taken.
    #[test]
    fn fuzz_sources(value in changed(&[b"1.2.3.4, 198.51.100.1", b"[2001:db8::1]:80", b"unknown, 10.0.0.2"])) {
        let Ok(header) = HeaderValue::from_bytes(&value) else { return Ok(()) };
        let headers = HeaderMap::from_iter([(hyper::header::HeaderName::from_static("x-forwarded-for"), header)]);
        let proxies = Proxies::new(["10.0.0.0/8"]).unwrap();
        let [proxy, other] = ["10.0.0.1", "203.0.113.9"].map(|ip| ip.parse().unwrap());
        let _ = proxies.source(proxy, &headers);
        prop_assert_eq!(proxies.source(other, &headers), other);
    }

    /// What is called is what was named, and no more of it.
    #[test]
    fn fuzz_webhooks(url in changed(&[b"https://hooks.example.com:8443/a?b#c", b"http://[::ffff:127.0.0.1]/", b"https://user@h/", b"https://0x7f.1/"])) {
        if let Ok(webhook) = Webhook::parse(&String::from_utf8_lossy(&url)) {
            prop_assert!(!webhook.authority().contains(['@', '/', ' ', '\r', '\n']), "{}", webhook.authority());
            prop_assert!(webhook.target().starts_with('/') && !webhook.target().contains([' ', '\r', '\n', '#']), "{}", webhook.target());
            prop_assert!(!webhook.host().is_empty() && webhook.port() > 0);
        }
    }
}
