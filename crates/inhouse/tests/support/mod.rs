//! The real binary on a free port of the loopback address, and a plain HTTP/1.1 client that hides nothing.

#![allow(unreachable_pub, missing_docs, reason = "shared between test files")]
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod http;
pub mod receiver;
pub mod terminal;

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use http::{Response, Stream};

/// Everything that a test waits for has to happen within this time.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub const TOKEN: &str = "a-token-of-the-tests-0123456789abcdef";

/// A running server; dropping it kills it.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    pub banner: Vec<String>,
    stderr: Arc<Mutex<String>>,
}

/// How to start a server.
pub struct Launch {
    command: Command,
}

impl Launch {
    /// With an empty environment but for PATH, an empty HOME and a known token.
    pub fn new(args: &[&str]) -> Self {
        Self::through(env!("CARGO_BIN_EXE_inhouse"), args)
    }

    /// The same by way of another program, which becomes the server.
    pub fn through(program: &str, args: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(args).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", scratch("home")).env("HOST", "127.0.0.1").env("PORT", "0").env("API_TOKEN", TOKEN);
        command.env("RATE_LIMIT_RPM", "100000").current_dir(scratch("project"));
        Self { command }
    }

    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Starts it and reads its first output.
    pub fn start(mut self) -> Server {
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A copy of the program is busy while another test's child, which was forked meanwhile, has not become its own program.
        let mut child = wait("the program", || match self.command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => None,
            started => Some(started.unwrap()),
        });
        let stderr = Arc::new(Mutex::new(String::new()));
        gather(child.stderr.take().unwrap(), Arc::clone(&stderr));
        let mut banner = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let done = line.contains(" send ");
            banner.push(line);
            if done {
                break;
            }
        }
        let endpoint = banner.iter().find_map(|line| line.split("://").nth(1));
        let Some(endpoint) = endpoint else { panic!("no endpoint in {banner:?}\n{}", stderr.lock().unwrap()) };
        let port = endpoint.split([':', '/']).nth(1).and_then(|port| port.parse().ok()).expect("a port");
        Server { child, address: SocketAddr::from(([127, 0, 0, 1], port)), banner, stderr }
    }

    /// Runs it to its end: exit code, stdout, stderr.
    pub fn run(mut self) -> (i32, String, String) {
        let output = self.command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }
}

impl Server {
    /// A server for `AGENT_CMD`, with the text on stdin.
    pub fn with_agent(agent: &str) -> Self {
        Launch::new(&["serve"]).env("AGENT_CMD", agent).env("AGENT_INPUT", "stdin").start()
    }

    /// A server for a program that speaks the native contract.
    pub fn with_native(agent: &str) -> Self {
        Launch::new(&["serve"]).env("AGENT_CMD", agent).env("AGENT_INPUT", "json").start()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// A request with the token.
    pub fn post(&self, body: &[u8]) -> Response {
        http::request(self.address, "POST", "/a2a", &self.headers(), body)
    }

    pub fn get(&self, path: &str) -> Response {
        http::request(self.address, "GET", path, &[], b"")
    }

    fn headers(&self) -> Vec<(String, String)> {
        http::headers(&[("Authorization", &format!("Bearer {TOKEN}")), ("Content-Type", "application/json")])
    }

    /// A JSON-RPC call: the whole answer.
    pub fn call(&self, method: &str, params: Value) -> Value {
        self.post(&rpc(method, params)).json()
    }

    /// A JSON-RPC call that has a result.
    pub fn result(&self, method: &str, params: Value) -> Value {
        let answer = self.call(method, params);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// A JSON-RPC call whose answer is a stream.
    pub fn stream(&self, method: &str, params: Value, headers: &[(&str, &str)]) -> Stream {
        let mut all = self.headers();
        all.extend(http::headers(headers));
        http::stream(self.address, "/a2a", &all, &rpc(method, params))
    }

    /// Sends a text and waits: the task.
    pub fn send(&self, text: &str) -> Value {
        self.result("SendMessage", message(text))["task"].clone()
    }

    /// Sends a text and does not wait: the task's id.
    pub fn start_task(&self, text: &str) -> String {
        let mut params = message(text);
        params["configuration"] = json!({"returnImmediately": true});
        self.result("SendMessage", params)["task"]["id"].as_str().unwrap().to_owned()
    }

    pub fn task(&self, id: &str) -> Value {
        self.result("GetTask", json!({"id": id}))
    }

    pub fn wait_for(&self, id: &str, enough: impl Fn(&Value) -> bool) -> Value {
        wait("the task", || Some(self.task(id)).filter(|task| enough(task)))
    }

    /// Sends a signal to the server.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Waits for the server to end by itself.
    pub fn wait(&mut self) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < DEADLINE, "the server does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Resident memory of the server process, in bytes.
    pub fn resident_bytes(&self) -> usize {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.pid())).unwrap();
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl From<Launch> for Command {
    fn from(launch: Launch) -> Self {
        launch.command
    }
}

/// Sends a signal to a process of a test's own.
pub fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap().success());
}

/// Parameters of a send with a fresh message id.
pub fn message(text: &str) -> Value {
    json!({"message": {"messageId": uuid::Uuid::new_v4().to_string(), "role": "ROLE_USER", "parts": [{"text": text}]}})
}

pub fn rpc(method: &str, params: Value) -> Vec<u8> {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string().into_bytes()
}

/// The text of a task's artifacts.
pub fn text_of(task: &Value) -> String {
    let artifacts = task["artifacts"].as_array().into_iter().flatten();
    let parts = artifacts.flat_map(|artifact| artifact["parts"].as_array().into_iter().flatten());
    parts.filter_map(|part| part["text"].as_str()).collect()
}

pub fn state_of(task: &Value) -> &str {
    task["status"]["state"].as_str().unwrap_or_default().trim_start_matches("TASK_STATE_")
}

/// The reason code of a failed task.
pub fn reason_of(task: &Value) -> &str {
    task["status"]["message"]["metadata"]["reason"].as_str().unwrap_or_default()
}

/// Waits for a condition, with the deadline of all tests.
pub fn wait<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    wait_within(DEADLINE, what, condition)
}

pub fn wait_within<T>(deadline: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < deadline, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Processes whose command line or environment holds `mark`.
pub fn processes_with(mark: &str) -> Vec<u32> {
    let pids =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let holds = |pid: &u32, file: &str| {
        let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        bytes.windows(mark.len()).any(|window| window == mark.as_bytes())
    };
    pids.filter(|pid| holds(pid, "cmdline") || holds(pid, "environ")).collect()
}

/// An empty folder of this test run's own.
/// Issues a token as `inhouse token new` does it for the server of this home: the token.
pub fn issue(home: &Path, args: &[&str]) -> String {
    let (code, out, err) = Launch::new(&[&["token", "new"], args].concat()).env("HOME", home).directory(home).run();
    assert_eq!(code, 0, "{err}");
    out.trim().to_owned()
}

/// The commands that a help text lists, without `help`.
pub fn commands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let words = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let words = words.filter_map(|line| line.split_whitespace().next()).filter(|word| *word != "help");
    words.map(str::to_owned).collect()
}

/// Says that a test shows nothing here, and why. `cargo test` hides what a test prints that passes: the lanes read it from a file.
pub fn untested(why: &str) {
    eprintln!("NOT TESTED: {why}");
    let Some(file) = std::env::var_os("INHOUSE_UNTESTED") else { return };
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
    std::io::Write::write_all(&mut file, format!("{why}\n").as_bytes()).unwrap();
}

pub fn scratch(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// A script of this test's own; the command line that runs it.
pub fn script(interpreter: &str, source: &str) -> String {
    let path = scratch("script").join("agent");
    std::fs::write(&path, source).unwrap();
    format!("{interpreter} {}", path.display())
}

fn gather(mut pipe: impl Read + Send + 'static, into: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    });
}
