//! The same chain of checks over HTTP/2, for whoever speaks it from the first byte on.

#![allow(clippy::unwrap_used, reason = "a test fails so")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use inhouse_serve::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use common::{DEADLINE, TestServer};

type Client = SendRequest<Full<Bytes>>;
/// Host, path, headers, body and the status that they get.
type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, u16);

async fn client(server: &TestServer) -> Client {
    let socket = server.connect().await;
    let (client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn send(client: &mut Client, host: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response<Incoming> {
    client.ready().await.unwrap();
    let mut request = Request::post(format!("http://{host}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    timeout(DEADLINE, client.send_request(request.body(Full::from(body.to_owned())).unwrap())).await.unwrap().unwrap()
}

async fn text(response: Response<Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

const AUTH: (&str, &str) = ("authorization", "Bearer right");

#[tokio::test]
async fn requests_pass_the_same_checks() {
    let server = TestServer::start(Limits { body_bytes_max: 100, ..Limits::default() });
    let mut client = client(&server).await;
    let long = "x".repeat(101);
    #[rustfmt::skip]
    let rows: &[Row<'_>] = &[
        ("localhost", "/a2a", &[AUTH], "{}", 200),
        ("localhost", "/health", &[], "", 200),
        ("localhost", "/a2a", &[], "{}", 401),
        ("localhost", "/a2a", &[("authorization", "Bearer wrong")], "{}", 401),
        ("evil.example", "/a2a", &[AUTH], "{}", 421),
        ("evil.example", "/health", &[], "", 421),
        ("localhost", "/a2a", &[AUTH, ("host", "evil.example")], "{}", 421),
        ("localhost", "/a2a", &[AUTH, ("origin", "https://evil.example")], "{}", 403),
        ("localhost", "/a2a", &[AUTH], &long, 413),
    ];
    for (host, path, headers, body, status) in rows {
        let response = send(&mut client, host, path, headers, body).await;
        assert_eq!(response.status(), *status, "{host}{path} {headers:?}");
        if *status == 200 && *path == "/a2a" {
            assert_eq!(text(response).await, "ann 2");
        }
    }
}

#[tokio::test]
async fn whoever_speaks_grpc_is_refused_in_its_own_form() {
    let server = TestServer::start(Limits::default());
    let mut client = client(&server).await;
    let response = send(&mut client, "localhost", "/a2a", &[("content-type", "application/grpc")], "").await;
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((response.status().as_u16(), header("grpc-status")), (200, "16".to_owned()));
    assert!(header("content-type").starts_with("application/grpc"));
    assert!(header("grpc-message").contains("uthorization"), "{}", header("grpc-message"));
}

#[tokio::test]
async fn a_stream_hears_that_the_server_stops_and_others_go_on_beside_it() {
    let mut server = TestServer::start(Limits::default());
    let mut client = client(&server).await;
    let stream = send(&mut client, "localhost", "/stream", &[AUTH], "").await;
    assert_eq!(text(send(&mut client, "localhost", "/a2a", &[AUTH], "{}").await).await, "ann 2");
    let told = tokio::spawn(text(stream));
    server.stop.take().unwrap().send(()).unwrap();
    assert_eq!(timeout(DEADLINE, told).await.unwrap().unwrap(), "tick\nbye\n");
    timeout(DEADLINE, server.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn requests_under_way_have_a_bound_on_each_connection() {
    let server = TestServer::start(Limits { streams_per_connection_max: 2, ..Limits::default() });
    let mut client = client(&server).await;
    let first = send(&mut client, "localhost", "/stream", &[AUTH], "").await;
    let _second = send(&mut client, "localhost", "/stream", &[AUTH], "").await;
    let mut other = client.clone();
    let third = tokio::spawn(async move { send(&mut other, "localhost", "/a2a", &[AUTH], "{}").await });
    // The third waits for a place, which the end of the first gives it.
    assert!(timeout(Duration::from_millis(200), client.ready()).await.is_ok());
    assert!(!third.is_finished());
    drop(first);
    assert_eq!(timeout(DEADLINE, third).await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn silence_ends_a_connection_before_its_first_request_and_between_two() {
    let limits = Limits { header_read_ms_max: 200, idle_ms_max: 200, ..Limits::default() };
    let server = TestServer::start(limits);
    let mut socket = server.connect().await;
    socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut read = Vec::new();
    let _ = timeout(DEADLINE, socket.read_to_end(&mut read)).await.expect("the server closes the connection");
    assert_eq!(read.get(3), Some(&4), "its settings come first: {read:?}");
    let mut client = client(&server).await;
    assert_eq!(send(&mut client, "localhost", "/a2a", &[AUTH], "{}").await.status(), 200);
    timeout(DEADLINE, async {
        while !client.is_closed() {
            tokio::time::sleep(Duration::from_millis(5)).await
        }
    })
    .await
    .unwrap();
    server.assert_healthy().await;
}
