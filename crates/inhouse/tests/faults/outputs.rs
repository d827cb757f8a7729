//! Nobody reads what the server writes, or its files are closed from the start.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::House;
use crate::support::http::{headers, request};
use crate::support::{TOKEN, message, rpc, wait};

const CAT: &str = "[agents.cat]\ncommand = [\"cat\"]\ninput = \"stdin\"\n";

/// A server whose output is as a shell's words make it; it is ended with this.
struct Unheard(Child, std::net::SocketAddr);

impl Drop for Unheard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Unheard {
    fn start(house: &House, redirected: &str) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let line = format!("exec {redirected} '{}' serve", env!("CARGO_BIN_EXE_inhouse"));
        let mut command = Command::new("bash");
        command.args(["-c", &line]).arg0("sh").current_dir(&house.0).env_clear().env("API_TOKEN", TOKEN);
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", &house.0);
        command
            .env("PORT", address.port().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let server = Self(command.spawn().unwrap(), address);
        wait("the server", || std::net::TcpStream::connect(address).ok());
        server
    }

    fn status(&self, method: &str, params: serde_json::Value) -> u16 {
        let headers = headers(&[("Authorization", &format!("Bearer {TOKEN}")), ("Content-Type", "application/json")]);
        request(self.1, "POST", "/a2a", &headers, &rpc(method, params)).status
    }

    fn stops(mut self) {
        assert!(Command::new("kill").arg(self.0.id().to_string()).status().unwrap().success());
        let ended = wait("the end", || self.0.try_wait().unwrap());
        assert_eq!(ended.code(), Some(0));
    }
}

#[test]
fn a_server_whose_files_are_closed_or_without_a_reader_goes_on() {
    let house = House::new(&format!("[audit]\nto = \"file\"\nfile = \"audit.jsonl\"\nkey = \"key.pem\"\n{CAT}"));
    for redirected in ["0<&- 1>&- 2>&-", "1>&-", "2>&-", "1> >(:)", "2> >(:)", "1> >(:) 2>&1", "2>/dev/full"] {
        let server = Unheard::start(&house, redirected);
        for _ in 0..3 {
            assert_eq!(server.status("SendMessage", message("hi")), 200, "{redirected}");
        }
        server.stops();
    }
    house.holds();
}

#[test]
fn with_an_audit_that_nobody_reads_no_work_is_taken_and_reads_go_on() {
    let house = House::new(&format!("[limits]\naudit_wait_ms_max = 50\n{CAT}"));
    let server = Unheard::start(&house, "2> >(:)");
    wait("the first line to fail", || (server.status("SendMessage", message("hi")) == 503).then_some(()));
    for _ in 0..3 {
        assert_eq!(server.status("SendMessage", message("hi")), 503);
        assert_eq!(server.status("ListTasks", json!({})), 200);
    }
    server.stops();
}
