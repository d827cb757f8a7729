//! Agents that flood, and readers that do not read.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::support::http::connect;
use crate::support::{Server, TOKEN, message, reason_of, rpc, state_of, text_of, wait};
use crate::{figure, list, many_descriptors, mib, p99_us, peak_bytes, ratio, server, size};

/// What a server may take beyond the output that it keeps.
const BEYOND_MAX: usize = 32 << 20;
/// What a reader that reads nothing may take: far less than what it would have to read.
const READER_MAX: usize = 64 << 10;

/// Asks for something, reads how it begins, and never anything more: the first line without its end.
fn opened(server: &Server, method: &str, params: Value, header: &str) -> (TcpStream, String) {
    let body = rpc(method, params);
    let head = format!(
        "POST /a2a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n\
         {header}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut socket = connect(server.address);
    socket.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    let mut first = [0; 12];
    socket.read_exact(&mut first).unwrap();
    (socket, String::from_utf8_lossy(&first).into_owned())
}

fn stalled(server: &Server, method: &str, params: Value) -> TcpStream {
    let (socket, status) = opened(server, method, params, "Last-Event-ID: 1");
    assert_eq!(status, "HTTP/1.1 200");
    socket
}

#[test]
fn a_flood_costs_what_is_kept_of_it() {
    let size = size();
    let agent = format!("yes xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx | head -c {}", size.flood_bytes);
    let server = server(&agent, &format!("output_bytes_max = {}", size.output_bytes));
    let before = server.resident_bytes();
    let calm = p99_us(&server, size.samples);
    let _deaf = stalled(&server, "SendStreamingMessage", message("go"));
    let among = p99_us(&server, size.samples);
    let id = server.result("ListTasks", json!({}))["tasks"][0]["id"].as_str().unwrap().to_owned();
    let task = server.wait_for(&id, |task| state_of(task) == "FAILED");
    assert_eq!(reason_of(&task), "output_limit");
    let beyond = peak_bytes(&server).saturating_sub(before + size.output_bytes);
    figure(
        &format!("{} of output, unread: beyond what is kept", mib(size.flood_bytes as usize)),
        &mib(beyond),
        "32 MiB",
    );
    figure("  another caller's p99 meanwhile", &ratio(among, calm), "2x");
    assert!(beyond <= BEYOND_MAX, "{}", mib(beyond));
}

#[test]
fn stalled_readers_of_one_task_hold_nothing() {
    many_descriptors();
    let size = size();
    // A task keeps a little more than its text.
    let text_bytes = size.output_bytes / 10 * 9;
    let agent = format!("head -c {text_bytes} /dev/zero | tr '\\0' x");
    let limits = format!("output_bytes_max = {}\nconnections_max = 20_000", size.output_bytes);
    let server = server(&agent, &limits);
    let task = server.send("go");
    assert_eq!((state_of(&task), text_of(&task).len()), ("COMPLETED", text_bytes));
    let another = || stalled(&server, "SubscribeToTask", json!({"id": task["id"]}));
    // The first of them leave behind whatever is made once.
    let mut readers: Vec<_> = (0..8).map(|_| another()).collect();
    let before = server.resident_bytes();
    let calm = p99_us(&server, size.samples);
    readers.extend((0..size.readers).map(|_| another()));
    list(&server);
    let each = server.resident_bytes().saturating_sub(before) / size.readers;
    let among = p99_us(&server, size.samples);
    let what = format!("{} stalled readers of {}: each", readers.len(), mib(size.output_bytes));
    figure(&what, &format!("{:.1} KiB", each as f64 / 1024.0), "64 KiB");
    figure("  another caller's p99 meanwhile", &ratio(among, calm), "2x");
    assert!(each <= READER_MAX, "{each}");
}

#[test]
fn copies_for_stalled_readers_have_a_bound_together() {
    let ask = |server: &Server, id: &str| opened(server, "tasks/get", json!({"id": id}), "Accept: */*");
    copies_have_a_bound("0.3", "", ask);
    // An extension that adds to each event makes copies too.
    let numbered = |server: &Server, id: &str| {
        opened(server, "SubscribeToTask", json!({"id": id}), "A2A-Extensions: urn:inhouse:a2a:generation:v1")
    };
    copies_have_a_bound("numbered events", "; sleep 300", numbered);
}

fn copies_have_a_bound(kind: &str, then: &str, ask: impl Fn(&Server, &str) -> (TcpStream, String)) {
    // What sockets take by themselves is less than one of them.
    let (text_bytes, room_bytes) = (7_usize << 20, 16_usize << 20);
    let agent = format!("head -c {text_bytes} /dev/zero | tr '\\0' x{then}");
    let server = server(&agent, &format!("copied_bytes_max = {room_bytes}"));
    let id = server.start_task("go");
    server.wait_for(&id, |task| task["artifacts"].is_array() && text_of(task).len() == text_bytes);
    // What is made for one answer is made once more for another one.
    drop(ask(&server, &id));
    let before = server.resident_bytes();
    let asked: Vec<_> = (0..6).map(|_| ask(&server, &id)).collect();
    let grown = server.resident_bytes().saturating_sub(before);
    let taken = asked.iter().filter(|(_, status)| status.ends_with("200")).count();
    let what = format!("{} stalled readers of {kind}, room for {}: {taken} taken", asked.len(), mib(room_bytes));
    // With what was made for those that were refused, as far as the allocator has not given it back.
    figure(&what, &mib(grown), &mib(room_bytes));
    assert_eq!(taken, room_bytes / text_bytes);
    assert!(asked.iter().all(|(_, status)| status.ends_with("200") || status.ends_with("503")));
    // Those of 1.0 share what is kept.
    assert!(server.result("GetTask", json!({"id": id}))["id"].is_string());
    drop(asked);
    wait("room", || ask(&server, &id).1.ends_with("200").then_some(()));
}
