//! The MCP bridge, driven over the real binary by lines of JSON-RPC. Each line of its stdout has to be one.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};
use support::{DEADLINE, Launch, Server, TOKEN, scratch, script, state_of, wait};

/// A running bridge and its client; dropping it kills it.
struct Mcp {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    /// Progress that came while something else was waited for.
    progress: Vec<Value>,
    last_id: u64,
}

fn inhouse(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inhouse"));
    command.arg("mcp").args(args).env_clear().env("HOME", scratch("home")).env("INHOUSE_TOKEN", TOKEN);
    command.current_dir(scratch("elsewhere"));
    command
}

impl Mcp {
    fn of(server: &Server) -> Self {
        Self::start(&[&url(server)])
    }

    fn start(args: &[&str]) -> Self {
        Self::run(inhouse(args))
    }

    /// Starts it, and shakes hands.
    fn run(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let stdin = child.stdin.take();
        let mut mcp = Self { child, stdin, lines, progress: Vec::new(), last_id: 0 };
        let client = json!({"name": "test", "version": "1"});
        let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
        let id = mcp.request("initialize", hello);
        let told = mcp.answer(id);
        assert_eq!(told["result"]["serverInfo"]["name"], "inhouse", "{told}");
        mcp.notify("notifications/initialized", json!({}));
        mcp
    }

    fn write(&mut self, message: &Value) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(format!("{message}\n").as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    fn notify(&mut self, method: &str, params: Value) {
        self.write(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    fn request(&mut self, method: &str, params: Value) -> u64 {
        self.last_id += 1;
        self.write(&json!({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}));
        self.last_id
    }

    /// Calls a tool with the wish to hear of its progress.
    fn begin(&mut self, tool: &str, arguments: Value) -> u64 {
        let token = self.last_id + 1;
        let params = json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": token}});
        self.request("tools/call", params)
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let id = self.begin(tool, arguments);
        let answer = self.answer(id);
        assert!(answer.get("error").is_none(), "{tool}: {answer}");
        answer["result"].clone()
    }

    fn line(&mut self) -> Value {
        let line = self.lines.recv_timeout(DEADLINE).expect("a line of the bridge");
        let message: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        message
    }

    fn answer(&mut self, id: u64) -> Value {
        loop {
            let message = self.line();
            if message["id"] == id {
                return message;
            }
            assert_eq!(message["method"], "notifications/progress", "{message}");
            self.progress.push(message["params"].clone());
        }
    }

    fn wait_for_progress(&mut self, text: &str) {
        while !self.progress.iter().any(|told| told["message"].as_str().unwrap().contains(text)) {
            let message = self.line();
            assert_eq!(message["method"], "notifications/progress", "{message}");
            self.progress.push(message["params"].clone());
        }
    }

    /// The client goes; the exit code.
    fn leave(mut self) -> i32 {
        drop(self.stdin.take());
        wait("the end of the bridge", || self.child.try_wait().unwrap()).code().unwrap()
    }
}

impl Drop for Mcp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn url(server: &Server) -> String {
    format!("http://{}", server.address)
}

/// All texts of a result, and what its value says.
fn told(result: &Value) -> (String, &Value) {
    let texts = result["content"].as_array().unwrap().iter().map(|block| block["text"].as_str().unwrap());
    (texts.collect::<Vec<_>>().join("\n"), &result["structuredContent"])
}

fn configured(config: &str) -> Server {
    let folder = scratch("config");
    std::fs::write(folder.join("inhouse.toml"), config).unwrap();
    Launch::new(&["serve"]).directory(&folder).start()
}

/// An agent that says `begun`, and the rest when the file is there.
fn gated() -> (String, std::path::PathBuf) {
    let gate = scratch("gate").join("open");
    let source = format!("echo begun; until [ -e {0} ]; do sleep 0.02; done; echo done", gate.display());
    (script("sh", &source), gate)
}

fn only_task(server: &Server) -> Value {
    wait("the task", || server.result("ListTasks", json!({}))["tasks"].get(0).cloned())
}

#[test]
fn agents_of_several_servers_are_listed_and_each_is_reached_by_its_id() {
    let two = configured(
        "[agents.one]\ncommand = [\"echo\", \"I am one\"]\ninput = \"stdin\"\n\
         [agents.two]\ncommand = [\"echo\", \"I am two\"]\ninput = \"stdin\"\ndescription = \"The second\"\n",
    );
    let other = Server::with_agent("cat");
    let mut mcp = Mcp::start(&[&url(&two), &url(&other), "http://127.0.0.1:1"]);
    let result = mcp.call("list_agents", json!({}));
    let (text, value) = told(&result);
    let id = |name: &str, server: &Server| format!("{name}@{}", server.address);
    let ids: Vec<_> = value["agents"].as_array().unwrap().iter().map(|agent| agent["id"].as_str().unwrap()).collect();
    assert_eq!(ids[..2], [id("one", &two), id("two", &two)]);
    assert!(ids.len() == 3 && ids[2].ends_with(&other.address.to_string()), "{ids:?}");
    assert_eq!((&value["agents"][0]["default"], &value["agents"][1]["default"]), (&json!(true), &json!(false)));
    assert!(text.contains("The second") && text.contains("can not reach http://127.0.0.1:1"), "{text}");
    assert_eq!(value["problems"][0]["server"], "http://127.0.0.1:1");
    assert_eq!(result["isError"], false, "a server that is down hides no other");
    for (agent, answer) in [(id("two", &two).as_str(), "I am two\n"), ("one", "I am one\n"), (ids[2], "who?")] {
        let result = mcp.call("send", json!({"agent": agent, "text": "who?"}));
        assert_eq!(told(&result).1["answer"], answer, "{result}");
    }
    for (arguments, hint) in
        [(json!({"text": "x"}), "several servers"), (json!({"text": "x", "agent": "three"}), "there are: one@")]
    {
        let result = mcp.call("send", arguments);
        assert!(result["isError"] == true && told(&result).0.contains(hint), "{result}");
    }
}

#[test]
fn without_an_address_all_profiles_are_asked_each_with_its_own_token() {
    let servers = [Server::with_agent("cat"), Server::with_agent("wc -c")];
    let (home, mut profiles) = (scratch("home"), String::new());
    for (server, name) in servers.iter().zip(["echo", "count"]) {
        profiles += &format!("[profiles.{name}]\nurl = \"{}\"\ntoken_file = \"{name}\"\n", url(server));
        std::fs::write(home.join(name), TOKEN).unwrap();
    }
    std::fs::create_dir(home.join("inhouse")).unwrap();
    std::fs::write(home.join("inhouse/client.toml"), profiles.replace("_file = \"", "_file = \"../")).unwrap();
    let mut command = inhouse(&[]);
    command.env("XDG_CONFIG_HOME", &home).env("INHOUSE_TOKEN", "of no server");
    let mut mcp = Mcp::run(command);
    let listed = mcp.call("list_agents", json!({}));
    let ids: Vec<_> =
        told(&listed).1["agents"].as_array().unwrap().iter().map(|agent| agent["id"].as_str().unwrap()).collect();
    assert!(ids[0].ends_with("@echo") && ids[1].ends_with("@count") && ids.len() == 2, "{listed}");
    for (agent, answer) in ids.iter().zip(["12345", "5\n"]) {
        let result = mcp.call("send", json!({"agent": agent, "text": "12345"}));
        assert_eq!(told(&result).1["answer"], answer, "{result}");
    }
}

#[test]
fn an_agent_is_found_before_it_is_listed_and_an_endpoint_is_one_agent() {
    let two = configured("[agents.one]\npreset = \"demo\"\n[agents.two]\npreset = \"demo\"\n");
    assert_eq!(Mcp::of(&two).call("send", json!({"agent": "two", "text": "hi"}))["isError"], false);
    let mut mcp = Mcp::start(&[&format!("{}/agents/two/a2a", url(&two))]);
    let result = mcp.call("list_agents", json!({}));
    let agents = told(&result).1["agents"].as_array().unwrap().clone();
    assert_eq!(agents.iter().map(|agent| agent["id"].clone()).collect::<Vec<_>>(), ["two"]);
}

#[test]
fn an_answer_is_a_text_and_a_value_that_its_schema_describes() {
    let server = Server::with_agent("cat");
    let mut mcp = Mcp::of(&server);
    let id = mcp.request("tools/list", json!({}));
    let tools = mcp.answer(id)["result"]["tools"].as_array().unwrap().clone();
    let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["list_agents", "send", "answer", "get_task", "cancel_task"]);
    let sent = mcp.call("send", json!({"text": "Grüße\n漢"}));
    assert_eq!(sent["content"][0]["text"], "Grüße\n漢", "the answer stands by itself");
    let (_, value) = told(&sent);
    assert_eq!((&value["state"], &value["answer"]), (&json!("completed"), &json!("Grüße\n漢")));
    let read = mcp.call("get_task", json!({"task_id": value["task_id"]}));
    assert_eq!(read["structuredContent"]["answer"], "Grüße\n漢");
    let next = mcp.call("send", json!({"text": "more", "context_id": value["context_id"]}));
    assert_eq!(next["structuredContent"]["context_id"], value["context_id"]);
    let listed = mcp.call("list_agents", json!({}));
    for (name, result) in [("send", &sent), ("get_task", &read), ("list_agents", &listed)] {
        let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
        let schema = jsonschema::validator_for(&tool["outputSchema"]).unwrap();
        assert!(schema.is_valid(&result["structuredContent"]), "{name}: {result}");
    }
    assert_eq!(mcp.leave(), 0);
}

#[test]
fn a_question_is_told_plainly_and_answered_by_text_or_data() {
    let agent = "import json, sys\nt = json.load(sys.stdin)\np = t['message']['parts'][0]\n\
         print(json.dumps({'status': 'input-required', 'text': 'your name?', 'data': {'request': {'id': 'r1'}}}) if t['turn'] == 1\n\
         else json.dumps({'text': 'hello ' + (p.get('text') or p['data']['name'])}))";
    let server = Server::with_native(&script("python3", agent));
    let mut mcp = Mcp::of(&server);
    for answer in [json!({"text": "Ann"}), json!({"data": {"name": "Ann"}})] {
        let asked = mcp.call("send", json!({"text": "hi"}));
        let (text, value) = told(&asked);
        assert_eq!((&value["state"], &value["note"]), (&json!("input-required"), &json!("your name?")));
        assert_eq!((&value["request"]["id"], &asked["isError"]), (&json!("r1"), &json!(false)));
        let task_id = value["task_id"].as_str().unwrap();
        assert!(text.contains("your name?") && text.contains(&format!("the tool answer, task_id {task_id}")), "{text}");
        let mut answer = answer;
        answer["task_id"] = task_id.into();
        let done = mcp.call("answer", answer);
        assert_eq!((&told(&done).1["state"], &told(&done).1["answer"]), (&json!("completed"), &json!("hello Ann")));
    }
    let neither = mcp.call("answer", json!({"task_id": "x"}));
    assert!(neither["isError"] == true && told(&neither).0.contains("either text or data"), "{neither}");
}

#[test]
fn progress_is_told_while_the_task_works() {
    let (agent, gate) = gated();
    let server = Server::with_agent(&agent);
    let mut mcp = Mcp::of(&server);
    let id = mcp.begin("send", json!({"text": "go"}));
    mcp.wait_for_progress("begun");
    std::fs::write(gate, "").unwrap();
    let answer = mcp.answer(id);
    assert_eq!(answer["result"]["structuredContent"]["answer"], "begun\ndone\n");
    let numbers: Vec<_> = mcp.progress.iter().map(|told| told["progress"].as_f64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|one, other| one < other), "{numbers:?}");
    assert!(mcp.progress.iter().all(|told| told["progressToken"] == id), "{:?}", mcp.progress);
}

#[test]
fn a_canceled_call_cancels_its_task() {
    let (agent, _) = gated();
    let server = Server::with_agent(&agent);
    let mut mcp = Mcp::of(&server);
    let id = mcp.begin("send", json!({"text": "go"}));
    mcp.wait_for_progress("begun");
    let task = only_task(&server);
    mcp.notify("notifications/cancelled", json!({"requestId": id, "reason": "the user does not want it"}));
    server.wait_for(task["id"].as_str().unwrap(), |task| state_of(task) == "CANCELED");
    let read = mcp.call("get_task", json!({"task_id": task["id"]}));
    assert_eq!(told(&read).1["state"], "canceled", "and the bridge goes on");
}

#[test]
fn a_call_that_only_waits_can_be_canceled_alone() {
    let (agent, gate) = gated();
    let server = Server::with_agent(&agent);
    let mut mcp = Mcp::of(&server);
    let task = server.start_task("go");
    let id = mcp.begin("get_task", json!({"task_id": task, "wait_s": 60}));
    mcp.wait_for_progress("begun");
    mcp.notify("notifications/cancelled", json!({"requestId": id}));
    assert_eq!(told(&mcp.call("get_task", json!({"task_id": task}))).1["state"], "working");
    std::fs::write(gate, "").unwrap();
    let done = mcp.call("get_task", json!({"task_id": task, "wait_s": 60}));
    assert_eq!(told(&done).1["state"], "completed");
}

#[test]
fn a_client_that_goes_leaves_its_task_running() {
    let (agent, gate) = gated();
    let server = Server::with_agent(&agent);
    let mut mcp = Mcp::of(&server);
    mcp.begin("send", json!({"text": "go"}));
    mcp.wait_for_progress("begun");
    let task = only_task(&server);
    assert_eq!(mcp.leave(), 0);
    std::fs::write(gate, "").unwrap();
    let done = server.wait_for(task["id"].as_str().unwrap(), |task| state_of(task) != "WORKING");
    assert_eq!(state_of(&done), "COMPLETED");
}

#[test]
fn a_wait_has_an_end_and_the_task_goes_on() {
    let (agent, gate) = gated();
    let server = Server::with_agent(&agent);
    let mut mcp = Mcp::start(&[&url(&server), "--wait-s", "1"]);
    let late = mcp.call("send", json!({"text": "go"}));
    let (text, value) = told(&late);
    assert_eq!((&value["state"], &late["isError"]), (&json!("working"), &json!(false)));
    assert!(text.contains("wait for it with get_task"), "{text}");
    let task_id = value["task_id"].clone();
    // Whoever does not wait at all hears which task it is.
    let not_waited = mcp.call("send", json!({"text": "go", "wait_s": 0}));
    assert!(told(&not_waited).1["task_id"].as_str().is_some_and(|id| id != task_id), "{not_waited}");
    std::fs::write(gate, "").unwrap();
    let done = mcp.call("get_task", json!({"task_id": task_id, "wait_s": 60}));
    assert_eq!(told(&done).1["answer"], "begun\ndone\n");
}

#[test]
fn a_task_is_canceled_by_its_tool() {
    let (agent, _) = gated();
    let server = Server::with_agent(&agent);
    let task = server.start_task("go");
    let canceled = Mcp::of(&server).call("cancel_task", json!({"task_id": task}));
    assert_eq!((&told(&canceled).1["state"], state_of(&server.task(&task))), (&json!("canceled"), "CANCELED"));
}

#[test]
fn a_server_without_streams_is_asked_again_until_it_is_done() {
    let (agent, gate) = gated();
    let command = agent.split(' ').collect::<Vec<_>>();
    let server =
        configured(&format!("[card]\nstreaming = false\n[agents.slow]\ncommand = {command:?}\ninput = \"stdin\"\n"));
    let mut mcp = Mcp::of(&server);
    let id = mcp.begin("send", json!({"text": "go"}));
    mcp.wait_for_progress("working");
    std::fs::write(gate, "").unwrap();
    assert_eq!(mcp.answer(id)["result"]["structuredContent"]["answer"], "begun\ndone\n");
}

#[test]
fn an_answer_is_told_as_far_as_it_may() {
    let server = Server::with_agent("cat");
    let mut mcp = Mcp::start(&[&url(&server), "--answer-bytes-max", "10"]);
    let result = mcp.call("send", json!({"text": "ü".repeat(8)}));
    let (text, value) = told(&result);
    assert_eq!((&value["answer"], &value["omitted_bytes"]), (&json!("ü".repeat(5)), &json!(6)));
    assert!(text.contains("6 bytes of the answer are left out"), "{text}");
}

#[test]
fn what_goes_wrong_is_a_tools_error_with_a_cure_and_ends_nothing() {
    let server = Server::with_agent(&script("sh", "echo oops >&2; exit 3"));
    let mut mcp = Mcp::of(&server);
    for (tool, arguments, said) in [
        ("send", json!({"text": "hi"}), "failed"),
        ("send", json!({"text": ""}), "the text is empty"),
        ("send", json!({"text": "hi", "contextId": "c"}), "unknown field `contextId`, expected one of"),
        ("send", json!({"text": "hi", "wait_s": 100_000}), "is more than 86400"),
        ("send", json!({"text": "hi", "agent": "nobody"}), "there are: "),
        ("get_task", json!({"task_id": "nowhere"}), "hint: see your tasks with"),
        ("cancel_task", json!({}), "missing field `task_id`"),
    ] {
        let result = mcp.call(tool, arguments.clone());
        assert!(result["isError"] == true && told(&result).0.contains(said), "{tool} {arguments}: {result}");
    }
    let id = mcp.request("tools/call", json!({"name": "no_such_tool", "arguments": {}}));
    assert_eq!(mcp.answer(id)["error"]["code"], -32602);
    mcp.stdin.as_mut().unwrap().write_all(b"no json\n").unwrap();
    let mut stranger = Mcp::start(&[&url(&server), "--token", "wrong"]);
    let listed = stranger.call("list_agents", json!({}));
    assert!(told(&listed).0.contains("does not know the token from --token"), "{listed}");
    assert_eq!(stranger.call("send", json!({"text": "hi"}))["isError"], true);
    // What is no message is passed over.
    drop(server);
    let gone = mcp.call("send", json!({"text": "hi"}));
    assert!(gone["isError"] == true && told(&gone).0.contains("hint: start a server with: inhouse serve"), "{gone}");
}

#[test]
fn without_a_client_it_ends_at_once_and_a_wrong_address_is_said_before() {
    let output = inhouse(&["http://127.0.0.1:1"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    let output = inhouse(&["build-host"]).stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(stderr.contains("\"build-host\" is not an address such as"), "{stderr}");
}
