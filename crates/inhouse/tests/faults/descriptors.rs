//! No more file descriptors: what is open goes on, what is new waits or is told why not, and with descriptors again all is as before.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Server, TOKEN, http, message, reason_of, rpc, scratch, script, state_of, text_of, wait};
use crate::{limit, raise, said};

/// A connection that stays open between its requests.
struct Kept(BufReader<TcpStream>);

impl Kept {
    fn new(server: &Server) -> Self {
        Self(BufReader::new(http::connect(server.address)))
    }

    fn result(&mut self, method: &str, params: Value) -> Value {
        let body = rpc(method, params);
        let head = format!(
            "POST /a2a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.0.get_mut().write_all(&[head.as_bytes(), &body].concat()).unwrap();
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            self.0.read_line(&mut line).unwrap();
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut answer = vec![0; length];
        self.0.read_exact(&mut answer).unwrap();
        serde_json::from_slice::<Value>(&answer).unwrap()["result"].clone()
    }
}

#[test]
fn without_descriptors_what_is_open_goes_on_and_with_them_again_all_does() {
    let flag = scratch("flag").join("up");
    let agent = script(
        "sh",
        &format!("read said; echo begun; while [ $said = wait ] && [ ! -e {} ]; do sleep 0.05; done", flag.display()),
    );
    let server = Server::with_agent(&agent);
    let mut kept = Kept::new(&server);
    assert_eq!(text_of(&kept.result("SendMessage", message("go\n"))["task"]), "begun\n");
    let mut stream = server.stream("SendStreamingMessage", message("wait\n"), &[]);
    let id = stream.next().unwrap().result()["task"]["id"].clone();
    server.wait_for(id.as_str().unwrap(), |task| text_of(task) == "begun\n");
    limit(server.pid(), "--nofile=3:");

    let mut outside = http::connect(server.address);
    outside.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    wait("a word of it", || (said(&server, "can not accept a connection") > 0).then_some(()));
    assert_eq!(state_of(&kept.result("GetTask", json!({"id": id}))), "WORKING");
    let failed = kept.result("SendMessage", message("go\n"))["task"].clone();
    assert_eq!((state_of(&failed), reason_of(&failed)), ("FAILED", "start_failed"), "{failed}");
    raise(&flag);
    assert_eq!(stream.last().unwrap().result()["statusUpdate"]["status"]["state"], "TASK_STATE_COMPLETED");
    // It is not said at each of the twenty attempts a second.
    sleep(Duration::from_millis(500));
    assert!(said(&server, "can not accept a connection") <= 2, "{}", server.stderr());

    limit(server.pid(), "--nofile=1024:");
    let mut answer = String::new();
    outside.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "who came meanwhile is answered now: {answer}");
    assert_eq!(text_of(&server.send("go\n")), "begun\n");
}
