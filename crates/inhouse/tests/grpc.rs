//! gRPC beside the protocol's own calls, which golden.rs has: probes, reflection, deadlines, refusals.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
#![allow(unreachable_pub, missing_docs, dead_code, reason = "shared between test files")]

mod support;
#[path = "golden/doors.rs"]
mod doors;
#[path = "golden/grpc.rs"]
mod grpc;

use grpc::Grpc;
use inhouse_proto::v1;
use prost::Message;
use support::{Server, state_of};

/// Path, message, metadata and the status that they get.
type Row<'a> = (&'a str, &'a [u8], &'a [(&'a str, &'a str)], &'a str);

const SERVICE: &str = "/lf.a2a.v1.A2AService";

fn send(text: &str) -> Vec<u8> {
    let part = v1::Part { content: Some(v1::part::Content::Text(text.into())), ..Default::default() };
    let message =
        v1::Message { message_id: "m".into(), role: v1::Role::User.into(), parts: vec![part], ..Default::default() };
    v1::SendMessageRequest { message: Some(message), ..Default::default() }.encode_to_vec()
}

#[test]
fn a_probe_hears_that_the_server_serves() {
    let server = Server::with_agent("cat");
    let (messages, trailers) = Grpc::new().exchange(&server, "/grpc.health.v1.Health/Check", b"", &[]);
    assert_eq!((trailers["grpc-status"].to_str().unwrap(), &messages[0][..]), ("0", &[8, 1][..]), "SERVING");
}

#[test]
fn tools_are_shown_both_generations_of_the_service() {
    let server = Server::with_agent("cat");
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        // list_services = "*"
        let (messages, trailers) = Grpc::new().exchange(&server, &path, &[0x3a, 1, b'*'], &[]);
        assert_eq!(trailers["grpc-status"], "0");
        let shown = String::from_utf8_lossy(&messages[0]).into_owned();
        assert!(shown.contains("lf.a2a.v1.A2AService") && shown.contains("\u{11}a2a.v1.A2AService"), "{shown:?}");
    }
}

#[test]
fn a_call_that_is_late_is_told_so_and_its_task_goes_on() {
    let agent = support::script("sh", "sleep 1; echo done");
    let server = Server::with_agent(&agent);
    for method in ["SendMessage", "SendStreamingMessage"] {
        let path = format!("{SERVICE}/{method}");
        let (_, trailers) = Grpc::new().exchange(&server, &path, &send("hi"), &[("grpc-timeout", "100m")]);
        assert_eq!(trailers["grpc-status"], "4", "{method}");
    }
    support::wait("the tasks", || {
        let tasks = server.result("ListTasks", serde_json::json!({}));
        let tasks = tasks["tasks"].as_array().unwrap().clone();
        Some(()).filter(|()| tasks.len() == 2 && tasks.iter().all(|task| state_of(task) == "COMPLETED"))
    });
}

#[test]
fn a_compressed_message_is_told_what_is_taken() {
    let server = Server::with_agent("cat");
    let (_, trailers) = Grpc::new().exchange_frame(&server, &format!("{SERVICE}/GetTask"), vec![1, 0, 0, 0, 1, 7], &[]);
    assert!(trailers["grpc-status"] == "12" && trailers["grpc-accept-encoding"] == "identity", "{trailers:?}");
}

#[test]
fn what_can_not_be_a_call_gets_a_status() {
    let server = Server::with_agent("cat");
    let grpc = Grpc::new();
    let deep = [[0x22_u8, 0x7f]; 200].concat();
    #[rustfmt::skip]
    let rows: [Row<'_>; 8] = [
        ("/lf.a2a.v1.A2AService/Nothing", b"", &[], "12"),
        ("/other.Service/SendMessage", b"", &[], "12"),
        ("/lf.a2a.v1.A2AService/SendMessage", b"", &[], "3"),
        ("/lf.a2a.v1.A2AService/SendMessage", b"\xff\xff\xff", &[], "3"),
        ("/lf.a2a.v1.A2AService/SendMessage", &deep, &[], "3"),
        ("/lf.a2a.v1.A2AService/ListTasks", b"\x18\x4d", &[], "3"),
        ("/lf.a2a.v1.A2AService/GetTask", b"", &[("a2a-version", "9.9")], "9"),
        ("/lf.a2a.v1.A2AService/GetTask", b"", &[("grpc-timeout", "soon")], "3"),
    ];
    for (path, message, headers, status) in rows {
        let (_, trailers) = grpc.exchange(&server, path, message, headers);
        assert_eq!(trailers["grpc-status"], status, "{path} {headers:?}");
    }
    assert_eq!(state_of(&server.send("still here")), "COMPLETED");
}

#[test]
fn a_port_of_its_own_is_named_by_the_card_and_serves() {
    // Free now; nobody else takes it on loopback in the meantime.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = support::scratch("grpc");
    std::fs::write(folder.join("inhouse.toml"), format!("[server]\ngrpc_port = {port}\n")).unwrap();
    let launch = support::Launch::new(&["serve"]).env("AGENT_CMD", "cat").env("AGENT_INPUT", "stdin");
    let mut server = launch.directory(&folder).start();
    let card = server.result("GetExtendedAgentCard", serde_json::json!({}));
    let interfaces = card["supportedInterfaces"].as_array().unwrap();
    let grpc: Vec<_> = interfaces.iter().filter(|one| one["protocolBinding"] == "GRPC").collect();
    assert!(!grpc.is_empty() && grpc.iter().all(|one| one["url"] == format!("127.0.0.1:{port}")), "{card}");
    let http = interfaces.iter().find(|one| one["protocolBinding"] == "HTTP+JSON").unwrap();
    assert_eq!(http["url"], format!("http://{}", server.address));
    for _ in 0..2 {
        let (messages, trailers) =
            Grpc::new().exchange(&server, &format!("{SERVICE}/SendMessage"), &send("hi"), &[("a2a-version", "1.0")]);
        assert_eq!((trailers["grpc-status"].to_str().unwrap(), messages.len()), ("0", 1), "{}", server.address);
        server.address.set_port(port);
    }
    assert_eq!(server.get("/health").status, 200, "the same server");
}
