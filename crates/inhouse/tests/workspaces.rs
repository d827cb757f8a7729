//! Workspaces through the real server: what a caller gets of what an agent changed, and what he does not see. The tests need git.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::too_many_lines, reason = "tests")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::http::{headers, request};
use support::{Launch, Server, message, rpc, state_of, text_of};

const BOB: &str = "a-token-of-bob-0123456789abcdef-0123";

/// A folder with a configuration, a project of one commit, and a place for workspaces. The agent runs its caller's text.
struct House(PathBuf);

impl House {
    fn new(agent: &str, more: &str) -> Self {
        // Outside of the repository that the tests themselves are in.
        let house = Self(std::env::temp_dir().join(format!("inhouse-tests-{}", uuid::Uuid::new_v4())));
        fs::create_dir_all(house.0.join("project")).unwrap();
        fs::write(house.0.join("agent.sh"), "eval \"$(cat)\"\n").unwrap();
        let text = format!(
            "[server]\nworkspaces_dir = \"spaces\"\n{more}\n[[callers]]\nname = \"bob\"\ntoken_env = \"BOB\"\n\
             [agents.scripts]\ncommand = [\"/bin/sh\", \"{}\"]\n{agent}\n",
            house.0.join("agent.sh").display()
        );
        fs::write(house.0.join("inhouse.toml"), text).unwrap();
        house
    }

    fn committed(self) -> Self {
        fs::write(self.project().join("kept"), "a line\nanother\n").unwrap();
        fs::write(self.project().join("gone"), "a line\n").unwrap();
        self.git(&["init", "-q"]);
        self.git(&["add", "-A"]);
        self.git(&["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "first"]);
        self
    }

    fn worktree(more: &str) -> Self {
        Self::new("project = \"project\"\nworkspace = \"worktree\"", more).committed()
    }

    fn project(&self) -> PathBuf {
        self.0.join("project")
    }

    fn git(&self, args: &[&str]) -> String {
        git(&self.project(), args)
    }

    fn launch(&self) -> Launch {
        Launch::new(&["serve"]).directory(&self.0).env("BOB", BOB)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn git(folder: &Path, args: &[&str]) -> String {
    let output =
        Command::new("git").args(args).current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn in_context(context: &str, text: &str) -> Value {
    let mut params = message(text);
    params["message"]["contextId"] = context.into();
    params
}

fn send(server: &Server, context: &str, text: &str) -> Value {
    server.result("SendMessage", in_context(context, text))["task"].clone()
}

/// The artifact that tells of changes.
fn changes(task: &Value) -> Option<&Value> {
    task["artifacts"].as_array()?.iter().find(|artifact| artifact["name"] == "changes")
}

fn told(task: &Value) -> &Value {
    &changes(task).unwrap_or_else(|| panic!("{task}"))["metadata"]["changes"]
}

fn raw(part: &Value) -> Vec<u8> {
    STANDARD.decode(part["raw"].as_str().unwrap_or_else(|| panic!("{part}"))).unwrap()
}

#[test]
fn a_callers_patch_makes_the_files_that_the_agent_made() {
    let house = House::worktree("");
    let server = house.launch().start();
    let first = send(&server, "one", "echo more >> kept; rm gone; printf '\\000\\377' > data.bin; echo done");
    assert_eq!((state_of(&first), text_of(&first).as_str()), ("COMPLETED", "done\n"));
    let artifact = changes(&first).unwrap();
    let parts = artifact["parts"].as_array().unwrap();
    let names: Vec<_> =
        parts.iter().map(|part| (part["filename"].as_str().unwrap(), part["mediaType"].as_str().unwrap())).collect();
    assert_eq!(
        names,
        [("changes.patch", "text/x-diff"), ("data.bin", "application/octet-stream"), ("kept", "text/plain")]
    );
    fs::write(house.0.join("patch"), raw(&parts[0])).unwrap();
    git(&house.0, &["clone", "-q", "project", "copy"]);
    git(&house.0.join("copy"), &["apply", "../patch"]);
    assert_eq!(fs::read(house.0.join("copy/data.bin")).unwrap(), raw(&parts[1]));
    assert_eq!(fs::read(house.0.join("copy/kept")).unwrap(), raw(&parts[2]));
    assert!(!house.0.join("copy/gone").exists());
    let branch = told(&first)["branch"].as_str().unwrap();
    assert_eq!(house.git(&["rev-parse", branch]), told(&first)["commit"].as_str().unwrap());
    assert_eq!(house.git(&["status", "--porcelain"]), "", "the project is as it was");
    assert!(!house.git(&["log", "-1", "--format=%B", branch]).contains("echo"), "nothing of the caller's");
    // The next turn goes on there, another context does not.
    let second = send(&server, "one", "tail -n1 kept; echo 2 > second");
    assert_eq!(text_of(&second), "more\n");
    assert_eq!(told(&second)["files"], json!([{"path": "second", "status": "added"}]));
    let other = send(&server, "two", "tail -n1 kept; ls");
    assert_eq!(text_of(&other), "another\ngone\nkept\n");
    assert!(changes(&other).is_none());
    // Whoever looks at the card knows what may come.
    let card = server.get("/.well-known/agent-card.json").json();
    assert_eq!(card["defaultOutputModes"], json!(["text/plain", "text/x-diff"]));
}

#[test]
fn changes_come_before_the_end_on_a_stream_also_of_a_turn_that_is_canceled() {
    let house = House::worktree("");
    let server = house.launch().start();
    let mut stream = server.stream("SendStreamingMessage", message("echo x > new; echo ready; exec sleep 600"), &[]);
    let mut events = Vec::new();
    for event in stream.by_ref() {
        let ready = event.result()["artifactUpdate"]["artifact"]["parts"][0]["text"] == "ready\n";
        events.push(event.result().clone());
        if ready {
            break;
        }
    }
    let id = events[0]["task"]["id"].as_str().unwrap().to_owned();
    let canceled = server.result("CancelTask", json!({"id": id}));
    assert_eq!(
        (state_of(&canceled), &told(&canceled)["files"]),
        ("CANCELED", &json!([{"path": "new", "status": "added"}]))
    );
    events.extend(stream.map(|event| event.result().clone()));
    let place = events.iter().position(|event| event["artifactUpdate"]["artifact"]["name"] == "changes").unwrap();
    assert_eq!(events[place]["artifactUpdate"]["lastChunk"], true);
    let last = events.last().unwrap();
    assert!(place < events.len() - 1 && state_of(&last["statusUpdate"]) == "CANCELED", "{last}");
    let failed = server.send("echo x > failed; exit 1");
    assert_eq!((state_of(&failed), told(&failed)["files"][0]["path"].as_str()), ("FAILED", Some("failed")));
    let server = house_with_timeout(&house);
    let late = server.send("echo x > late; exec sleep 600");
    assert_eq!((support::reason_of(&late), told(&late)["files"][0]["path"].as_str()), ("timeout", Some("late")));
}

fn house_with_timeout(house: &House) -> Server {
    let text = fs::read_to_string(house.0.join("inhouse.toml")).unwrap();
    fs::write(house.0.join("inhouse.toml"), text.replace("\"spaces\"", "\"others\"")).unwrap();
    house.launch().env("REQUEST_TIMEOUT_MS", "1500").start()
}

#[test]
fn two_callers_that_name_the_same_context_have_nothing_of_each_other() {
    for agent in ["project = \"project\"\nworkspace = \"worktree\"", "workspace = \"temporary\""] {
        let house = House::new(agent, "").committed();
        let server = house.launch().start();
        let mine = send(&server, "same", "echo mine > mine; pwd");
        let bearer = format!("Bearer {BOB}");
        let bob = headers(&[("Authorization", &bearer), ("Content-Type", "application/json")]);
        let body = rpc("SendMessage", in_context("same", "ls; pwd; echo bob > bobs"));
        let bobs = request(server.address, "POST", "/a2a", &bob, &body).json()["result"]["task"].clone();
        assert!(!text_of(&bobs).contains("mine") && !text_of(&bobs).contains(text_of(&mine).trim()), "{bobs}");
        assert_eq!(told(&bobs)["files"], json!([{"path": "bobs", "status": "added"}]));
        let again = send(&server, "same", "ls");
        assert!(text_of(&again).contains("mine") && !text_of(&again).contains("bobs"));
        if agent.contains("worktree") {
            assert_ne!(told(&bobs)["branch"], told(&mine)["branch"]);
        }
    }
}

#[test]
fn what_an_agent_writes_into_the_repository_is_not_run_by_the_server() {
    // Nothing keeps the trap from being set.
    let house = House::worktree("protect = []\n[limits]\nworkspaces_per_agent_max = 1");
    let server = house.launch().start();
    let (evil, mark) = (house.0.join("evil"), house.0.join("mark"));
    fs::write(&evil, format!("#!/bin/sh\necho $0 >> {}\ncat\n", mark.display())).unwrap();
    let plant = format!(
        "chmod +x {evil}; git=$(git rev-parse --git-common-dir)
         for hook in post-checkout reference-transaction post-index-change pre-commit; do cp {evil} $git/hooks/$hook; done
         for key in core.fsmonitor diff.external filter.x.clean filter.x.smudge diff.x.textconv; do git config $key {evil}; done
         echo '* filter=x diff=x' > $git/info/attributes; cp $git/info/attributes .gitattributes; echo x >> kept",
        evil = evil.display()
    );
    assert_eq!(told(&send(&server, "one", &plant))["files"].as_array().unwrap().len(), 2);
    // Making, comparing, committing, removing and making again.
    for context in ["one", "two", "one"] {
        let task = send(&server, context, "date +%N >> kept");
        assert_eq!((state_of(&task), told(&task)["files"][0]["path"].as_str()), ("COMPLETED", Some("kept")));
    }
    assert!(!mark.exists(), "{}", fs::read_to_string(&mark).unwrap());
    git(&house.project(), &["add", "-A"]);
    assert!(mark.exists(), "the trap is set");
}

#[test]
fn a_workspace_goes_when_it_was_unused_and_its_work_comes_back_with_its_context() {
    let house = House::worktree("[limits]\nworkspaces_per_agent_max = 1");
    let mut server = house.launch().start();
    let first = send(&server, "one", "echo 1 > file; pwd");
    let folder = PathBuf::from(text_of(&first).trim_end());
    assert!(folder.starts_with(house.0.join("spaces")) && folder.is_dir());
    send(&server, "two", "ls");
    assert!(!folder.exists());
    assert_eq!(house.git(&["worktree", "list"]).lines().count(), 2);
    assert_eq!(text_of(&send(&server, "one", "cat file; pwd")), format!("1\n{}", text_of(&first)));
    // A server that is killed leaves its workspaces to the next one.
    server.signal("KILL");
    server.wait();
    let server = house.launch().start();
    assert_eq!(text_of(&send(&server, "one", "cat file; pwd")), format!("1\n{}", text_of(&first)));
    let (code, _, stderr) = house.launch().run();
    assert!(code == 2 && stderr.contains("another server uses the workspaces in"), "{stderr}");
}

#[test]
fn a_task_with_little_room_is_told_what_it_does_not_get() {
    let house = House::worktree("[limits]\noutput_bytes_max = 20000");
    let server = house.launch().start();
    let task = server.send("seq 4000 > numbers");
    assert_eq!(state_of(&task), "COMPLETED");
    let omitted = json!([{"name": "changes.patch", "reason": "task_full"}, {"name": "numbers", "reason": "task_full"}]);
    assert_eq!((&told(&task)["omitted"], &told(&task)["files"][0]["path"]), (&omitted, &json!("numbers")));
}

#[test]
fn the_shared_project_tells_its_changes_and_keeps_its_repository() {
    let house = House::new("project = \"project\"\nreport_changes = true", "").committed();
    let server = house.launch().start();
    let task = server.send("echo x >> kept; pwd");
    assert_eq!(text_of(&task).trim_end(), house.project().to_str().unwrap());
    assert_eq!(told(&task), &json!({"files": [{"path": "kept", "status": "modified"}], "omitted": []}));
    assert_eq!(house.git(&["status", "--porcelain"]), " M kept");
    assert!(!house.0.join("spaces").exists());
    let direct = House::new("project = \"project\"", "");
    assert!(changes(&direct.launch().start().send("echo x > y")).is_none(), "nobody asks for it");
}

#[test]
fn a_project_that_can_have_no_worktree_is_refused_at_start_with_a_cure_that_works() {
    let house = House::new("project = \"project\"\nworkspace = \"worktree\"", "");
    fs::write(house.project().join("file"), "x").unwrap();
    let cure = |launch: Launch, problem: &str| {
        let (code, stdout, stderr) = launch.run();
        let lines: Vec<_> = stderr.lines().collect();
        assert_eq!((code, stdout.as_str(), lines.len()), (2, "", 2), "{stderr}");
        let place = "error: inhouse.toml:10: agent scripts can not have its workspace: ";
        assert!(lines[0].starts_with(place) && lines[0].ends_with(problem), "{stderr}");
        lines[1].strip_prefix("hint: ").unwrap().to_owned()
    };
    let hint = cure(house.launch(), "(or any of the parent directories): .git)");
    assert!(hint.contains("git init"), "{hint}");
    house.git(&["init", "-q"]);
    let hint =
        cure(house.launch(), "has no commit").replace("git commit", "git -c user.name=x -c user.email=x commit -q");
    assert!(Command::new("/bin/sh").args(["-c", &hint]).status().unwrap().success(), "{hint}");
    let server = house.launch().start();
    assert_eq!(text_of(&server.send("cat file")), "x");
}
