//! Clients that are slow, many, or never leave, and a server that ends. The limits are small, so that the tests are fast;
//! each waits for what has to happen, never for time to pass.
#![allow(clippy::unwrap_used, reason = "a test fails so")]

mod common;

use std::io::{Read, Seek, Write};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use common::{AUTH, DEADLINE, Sink, TestServer, post, read_to_end, read_until, refused, until};
use inhouse_serve::{AuditBounds, AuditLog, Limits};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Follows a stream until its first bytes are there.
async fn follow(server: &TestServer) -> TcpStream {
    let mut stream = server.connect().await;
    let request = format!("GET /stream HTTP/1.1\r\nHost: localhost\r\n{AUTH}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    read_until(&mut stream, "tick\n\r\n").await;
    stream
}

/// Sends bytes one by one until the server answers or closes.
async fn drip(stream: &mut TcpStream, bytes: impl IntoIterator<Item = u8>) -> String {
    let (mut reading, mut writing) = stream.split();
    let mut answer = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut reading, &mut answer);
    let write = async {
        for byte in bytes {
            if writing.write_all(&[byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(10)).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = read => {}
        () = write => {}
        () = sleep(DEADLINE) => panic!("still open"),
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn slow_headers_are_cut_off_however_busily_they_drip() {
    let server = TestServer::start(Limits { header_read_ms_max: 100, ..Limits::default() });
    let endless = b"GET / HTTP/1.1\r\n".iter().copied().chain(b"x: y\r\n".iter().copied().cycle());
    assert_eq!(refused(&drip(&mut server.connect().await, endless.clone()).await), 408);
    assert_eq!(refused(&drip(&mut server.connect().await, []).await), 408);
    let mut second = server.connect().await;
    second.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    read_until(&mut second, "public").await;
    assert_eq!(refused(&drip(&mut second, endless).await), 408);
    server.assert_healthy().await;
}

#[tokio::test]
async fn a_connection_may_idle_longer_than_headers_may_take_but_not_for_ever() {
    let server = TestServer::start(Limits { header_read_ms_max: 50, idle_ms_max: 400, ..Limits::default() });
    let mut stream = server.connect().await;
    for _ in 0..2 {
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        read_until(&mut stream, "public").await;
        sleep(Duration::from_millis(150)).await;
    }
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn a_slow_body_is_refused() {
    let limits = Limits { body_lag_ms_max: 100, body_bytes_per_s_min: 1024, ..Limits::default() };
    let server = TestServer::start(limits);
    let head = format!("POST /a2a HTTP/1.1\r\nHost: localhost\r\n{AUTH}Content-Length: 1000\r\n\r\n");
    let slow = head.bytes().chain(std::iter::repeat(b' '));
    let mut stream = server.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(refused(&drip(&mut stream, slow.skip(head.len())).await), 408);
    let server = TestServer::start(Limits { body_read_ms_max: 100, body_lag_ms_max: 60_000, ..Limits::default() });
    let mut stream = server.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(refused(&drip(&mut stream, std::iter::repeat(b' ')).await), 408);
    stream = server.connect().await;
    stream.write_all(format!("{head}cut").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(refused(&read_to_end(&mut stream).await), 400);
}

#[tokio::test]
async fn a_reader_that_takes_nothing_loses_its_connection() {
    let limits = Limits { write_stall_ms_max: 100, connections_max: 1, ..Limits::default() };
    let server = TestServer::start(limits);
    let mut stalled = server.connect().await;
    let request = format!("GET /flood HTTP/1.1\r\nHost: localhost\r\n{AUTH}\r\n");
    stalled.write_all(request.as_bytes()).await.unwrap();
    until("the flood is under way", || server.handled() == 1).await;
    healthy_again(&server).await;
    assert!(read_to_end(&mut stalled).await.len() < 64 << 20);
}

/// Asks until there is a free connection.
async fn healthy_again(server: &TestServer) {
    let asked = timeout(DEADLINE, async {
        while !server.exchange(post("/a2a", "{}")).await.ends_with("ann 2") {
            sleep(Duration::from_millis(10)).await;
        }
    });
    asked.await.expect("the connection is free again");
}

#[tokio::test]
async fn a_full_house_says_so_and_has_room_again_when_one_leaves() {
    let server = TestServer::start(Limits { connections_max: 3, connections_per_source_max: 1, ..Limits::default() });
    let mut guests = Vec::new();
    for _ in 0..3 {
        let mut guest = server.connect().await;
        guest.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        read_until(&mut guest, "public").await;
        guests.push(guest);
    }
    assert_eq!(refused(&read_to_end(&mut server.connect().await).await), 503);
    guests.pop();
    healthy_again(&server).await;
}

#[tokio::test]
async fn a_failing_service_costs_its_own_connection_only() {
    let server = TestServer::start(Limits { connections_max: 1, ..Limits::default() });
    for _ in 0..3 {
        let mut stream = server.connect().await;
        let request = format!("GET /panic HTTP/1.1\r\nHost: localhost\r\n{AUTH}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(read_to_end(&mut stream).await, "");
        healthy_again(&server).await;
    }
}

#[tokio::test]
async fn at_shutdown_streams_are_told_idle_connections_close_and_requests_finish() {
    let mut server = TestServer::start(Limits::default());
    let mut stream = follow(&server).await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    read_until(&mut idle, "public").await;
    let mut sending = server.connect().await;
    let head = format!("POST /a2a HTTP/1.1\r\nHost: localhost\r\n{AUTH}Content-Length: 2\r\n\r\n");
    sending.write_all(head.as_bytes()).await.unwrap();
    until("the request is under way", || server.handled() == 3).await;
    drop(server.stop.take());
    assert!(read_to_end(&mut stream).await.ends_with("bye\n\r\n0\r\n\r\n"));
    assert_eq!(read_to_end(&mut idle).await, "");
    until("nothing is accepted", || std::net::TcpStream::connect(server.address).is_err()).await;
    sending.write_all(b"{}").await.unwrap();
    assert!(read_to_end(&mut sending).await.ends_with("ann 2"));
    timeout(DEADLINE, server.task).await.expect("the server ends").unwrap();
}

#[tokio::test]
async fn what_does_not_end_within_the_grace_is_dropped() {
    let mut server = TestServer::start(Limits { shutdown_grace_ms: 50, ..Limits::default() });
    let mut hanging = server.connect().await;
    let request = format!("GET /hang HTTP/1.1\r\nHost: localhost\r\n{AUTH}\r\n");
    hanging.write_all(request.as_bytes()).await.unwrap();
    until("the request is under way", || server.handled() == 1).await;
    drop(server.stop.take());
    timeout(DEADLINE, server.task).await.expect("the server ends").unwrap();
    assert_eq!(read_to_end(&mut hanging).await, "");
}

/// A writer that writes only when it is let, and tells when it is asked to.
struct Valve {
    asked: Sender<()>,
    let_through: Receiver<()>,
    sink: Sink,
}

impl Write for Valve {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = self.asked.send(());
        let _ = self.let_through.recv();
        self.sink.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

const SMALL: AuditBounds = AuditBounds { buffer_bytes_max: 100, wait_ms_max: 50 };

#[tokio::test]
async fn an_audit_that_stands_still_admits_nothing_and_loses_no_line_of_what_was_done() {
    let (sink, (asked, was_asked), (valve, let_through)) = (Sink::default(), channel(), channel());
    let log = AuditLog::new(SMALL, Valve { asked, let_through, sink: sink.clone() }).unwrap();
    let server = TestServer::start_with(Limits::default(), log.clone(), sink.clone());
    assert!(log.admits().await);
    log.record("{\"n\":1}");
    was_asked.recv().unwrap();
    log.record(&format!("{{\"n\":2,\"pad\":\"{}\"}}", "x".repeat(100)));
    assert!(!log.admits().await);
    (0..5).for_each(|_| log.mention("{\"n\":0}"));
    log.record("{\"n\":3}");
    server.assert_healthy().await;
    assert!(!log.flush(Duration::from_millis(10)));
    drop(valve);
    assert!(log.flush(DEADLINE) && log.admits().await);
    log.mention("{\"n\":5}");
    assert!(log.flush(DEADLINE));
    let lines = sink.lines();
    let numbers: Vec<_> = lines.iter().map(|line| line["n"].as_u64().unwrap_or(4)).collect();
    assert_eq!(
        (numbers.as_slice(), &lines[3]["operation"], &lines[3]["lines"]),
        (&[1, 2, 3, 4, 5][..], &"lost".into(), &5.into())
    );
}

/// Has no space, as long as it is told so.
struct Full(Arc<AtomicBool>, Sink);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.load(SeqCst) { Err(std::io::ErrorKind::StorageFull.into()) } else { self.1.write(bytes) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn without_space_nothing_is_admitted_from_the_first_line_on_and_with_space_again_at_once() {
    let (sink, full) = (Sink::default(), Arc::new(AtomicBool::new(true)));
    let bounds = AuditBounds { wait_ms_max: 10, ..AuditBounds::default() };
    let log = AuditLog::new(bounds, Full(Arc::clone(&full), sink.clone())).unwrap();
    assert!(log.admits().await && log.has_room_for_decisions());
    log.mention("{\"n\":1}");
    until("it has failed", || !log.has_room_for_decisions()).await;
    assert!(!log.admits().await);
    full.store(false, SeqCst);
    assert!(log.flush(DEADLINE) && log.admits().await && log.has_room_for_decisions());
    assert_eq!(sink.lines().len(), 1);
}

/// Fails twice after each byte that it takes.
struct Stutter(Sink, usize);

impl Write for Stutter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.1 += 1;
        match self.1 % 3 {
            0 => self.0.write(&bytes[..1]),
            1 => Err(std::io::ErrorKind::Interrupted.into()),
            _ => Ok(0),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_fails_between_gets_every_byte_once() {
    let sink = Sink::default();
    let log = AuditLog::new(SMALL, Stutter(sink.clone(), 0)).unwrap();
    log.record("[1]");
    log.record("[2]");
    assert!(log.flush(DEADLINE));
    assert_eq!(sink.lines(), [serde_json::json!([1]), serde_json::json!([2])]);
}

#[test]
fn lines_of_many_threads_are_whole_and_all_there_when_the_log_is_dropped() {
    let sink = Sink::default();
    let log = AuditLog::new(AuditBounds::default(), sink.clone()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let log = log.clone();
            scope.spawn(move || (0..500).for_each(|n| log.record(&format!("[{thread},{n}]"))));
        }
    });
    drop(log);
    let start = Instant::now();
    while sink.lines().len() < 4_000 {
        assert!(start.elapsed() < DEADLINE, "lines are missing");
        std::thread::yield_now();
    }
}

/// The test below, in a process of its own with few descriptors.
#[tokio::test]
#[ignore = "run by accepting_survives_a_lack_of_descriptors"]
async fn with_few_descriptors() {
    let server = TestServer::start(Limits::default());
    let mut clock = std::fs::File::open("/proc/self/stat").unwrap();
    // The runtime has one thread, so none of these is accepted before the descriptors are gone.
    let guests: Vec<_> = (0..5).map(|_| std::net::TcpStream::connect(server.address).unwrap()).collect();
    let files: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
    assert!(!files.is_empty());
    let before = cpu_ticks(&mut clock);
    sleep(Duration::from_millis(500)).await;
    assert!(cpu_ticks(&mut clock) - before < 20, "a busy loop");
    drop((files, guests));
    healthy_again(&server).await;
}

/// Processor time of this process, in hundredths of a second.
fn cpu_ticks(stat: &mut std::fs::File) -> u64 {
    let mut text = String::new();
    stat.rewind().unwrap();
    stat.read_to_string(&mut text).unwrap();
    let after_name = text.rsplit(')').next().unwrap();
    after_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the test runs itself with fewer descriptors")]
fn accepting_survives_a_lack_of_descriptors() {
    let this = std::env::current_exe().unwrap();
    let script = format!("ulimit -n 60; exec '{}' --ignored --exact with_few_descriptors", this.display());
    let output = std::process::Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
