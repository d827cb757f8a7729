//! How the server starts, what it says first, what it says when it can not start, and what it leaves behind.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may fail, and runs the real binary")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use support::{Launch, Server, TOKEN, scratch, text_of, untested, wait};

/// A folder with one program in it.
fn folder_with(program: &str, source: &str) -> PathBuf {
    let folder = scratch("bin");
    let path = folder.join(program);
    fs::write(&path, source).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn path_with(folder: &Path) -> String {
    format!("{}:/usr/bin:/bin", folder.display())
}

/// Where nothing that we know is installed.
fn bare(args: &[&str]) -> Launch {
    Launch::new(args).env("PATH", "/usr/bin:/bin")
}

/// Runs a line as it stands in a shell with nothing but `variables`.
fn paste(line: &str, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", line]).env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
    let output = shell.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Exit code 2, nothing on stdout, and these two lines on stderr.
fn assert_refused(launch: Launch, message: &str, hint: &str) {
    let (code, stdout, stderr) = launch.run();
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!((code, stdout.as_str(), lines.len()), (2, "", 2), "{stderr}");
    assert!(lines[0].starts_with("error: ") && lines[0].contains(message), "{stderr}");
    assert!(lines[1].starts_with("hint: ") && lines[1].contains(hint), "{stderr}");
}

fn last_line(server: &Server) -> &str {
    server.banner.last().unwrap()
}

#[test]
fn the_first_output_has_at_most_eight_lines_and_its_last_can_be_pasted() {
    let server = bare(&["serve"]).start();
    assert!(server.banner.len() <= 8, "{:?}", server.banner);
    assert!(server.banner[1].contains("demo") && server.banner[1].contains("inhouse serve -- COMMAND"));
    let (code, answer) = paste(last_line(&server), &[("API_TOKEN", TOKEN)]);
    assert_eq!(code, Some(0));
    assert!(answer.starts_with("You said: hello"), "{answer}");
    assert!(!server.banner.join("\n").contains(TOKEN));
}

#[test]
fn a_generated_token_stands_in_a_file_of_its_owner_that_goes_with_the_server() {
    let runtime = scratch("runtime");
    let mut server = bare(&[]).without("API_TOKEN").env("XDG_RUNTIME_DIR", &runtime).start();
    let files: Vec<_> = fs::read_dir(runtime.join("inhouse")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(last_line(&server).contains(file.to_str().unwrap()));
    let (code, answer) = paste(last_line(&server), &[]);
    assert_eq!(code, Some(0));
    assert!(answer.starts_with("You said: hello"), "{answer}");
    let token = fs::read_to_string(file).unwrap();
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    assert!(!file.exists());
    assert!(!server.stderr().contains(token.trim()) && !server.banner.join("\n").contains(token.trim()));
}

#[test]
fn with_a_token_of_the_operator_nothing_is_written_to_disk() {
    let (home, runtime, temporary) = (scratch("home"), scratch("runtime"), scratch("tmp"));
    let server = bare(&[]).env("HOME", &home).env("XDG_RUNTIME_DIR", &runtime).env("TMPDIR", &temporary);
    let project = scratch("project");
    let mut server = server.directory(&project).start();
    assert_eq!(paste(last_line(&server), &[("API_TOKEN", TOKEN)]).0, Some(0));
    server.signal("INT");
    assert_eq!(server.wait(), Some(0));
    for folder in [home, runtime, temporary, project] {
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "{}", folder.display());
    }
}

#[test]
fn a_known_agent_is_found_and_its_version_shown_and_one_that_is_slow_delays_nothing() {
    let quick = folder_with("claude", "#!/bin/sh\necho '2.1.330 (Claude Code)'\n");
    let claude = quick.join("claude");
    let server = Launch::new(&[]).env("PATH", path_with(&quick)).start();
    // On a machine that is busy the version comes too late for the banner.
    let told = server.banner[1] == format!("agent     Claude Code 2.1.330 ({})", claude.display());
    wait("the version", || (told || server.stderr().contains("Claude Code is version 2.1.330")).then_some(()));
    let never = folder_with("codex", "#!/bin/sh\nexec sleep 1000\n");
    let server = Launch::new(&[]).env("PATH", path_with(&never)).start();
    assert_eq!(server.banner[1], format!("agent     Codex ({})", never.join("codex").display()));
    assert_eq!(server.get("/.well-known/agent-card.json").status, 200);
}

#[test]
fn a_late_version_is_told_in_the_log() {
    let gate = scratch("gate").join("open");
    let source = format!("#!/bin/sh\nwhile [ ! -e {} ]; do sleep 0.02; done\necho 7.8.9\n", gate.display());
    let slow = folder_with("gemini", &source);
    let server = Launch::new(&[]).env("PATH", path_with(&slow)).start();
    assert!(!server.banner[1].contains("7.8.9"));
    fs::write(&gate, "").unwrap();
    wait("the version", || server.stderr().contains("Gemini CLI is version 7.8.9").then_some(()));
}

#[test]
fn a_command_after_two_dashes_is_served_as_agent_cmd_is() {
    let bot = folder_with("bot", "#!/bin/sh\necho \"argument <$1>, more <$2>\"\n").join("bot");
    for launch in [
        bare(&["serve", "--", bot.to_str().unwrap(), "two words"]),
        bare(&[]).env("AGENT_CMD", format!("{} 'two words'", bot.display())),
    ] {
        let server = launch.start();
        let (code, answer) = paste(last_line(&server), &[("API_TOKEN", TOKEN)]);
        assert_eq!((code, answer.trim()), (Some(0), "argument <two words>, more <hello>"));
    }
}

#[test]
fn a_claude_command_with_arguments_is_its_preset_and_takes_no_text_for_a_command() {
    let source = r#"#!/bin/sh
[ "$1" = --version ] && exit
answers() { printf '{"type":"control_response","response":{"subtype":"success","request_id":"%s","response":{}}}\n' "$1"; }
while read -r line; do
    case $line in *initialize*) answers initialize ;; *mcp_status*) answers mcp_status ;; *) break ;; esac
done
case $line in *'"/config x"'*'(end of message)'*) sealed=yes ;; *) sealed=no ;; esac
printf '{"type":"result","subtype":"success","is_error":false,"result":"%s, %s, %s"}\n' "$sealed" "$ANTHROPIC_API_KEY" "$*"
"#;
    let path = path_with(&folder_with("claude", source));
    let preset = "-p --input-format stream-json --output-format stream-json --verbose --include-partial-messages \
        --permission-prompt-tool stdio --setting-sources user";
    for (launch, more) in [
        (bare(&["serve", "--", "claude", "--model", "opus"]), " --model opus"),
        (bare(&[]).env("AGENT_CMD", "claude --print --output-format text"), ""),
    ] {
        let server = launch.env("PATH", &path).env("ANTHROPIC_API_KEY", "sk-invented").start();
        let said = text_of(&server.send("/config x"));
        let (words, id) = said.split_once(" --session-id ").unwrap();
        assert_eq!((words, id.len()), (format!("yes, sk-invented, {preset}{more}").as_str(), 36));
        let mut params = support::message("look");
        let part = json!({"url": "http://127.0.0.1/x.png", "mediaType": "image/png"});
        params["message"]["parts"].as_array_mut().unwrap().push(part);
        assert_eq!(server.call("SendMessage", params)["error"]["code"], -32005);
    }
    let kept = bare(&["--", "claude", "--no-session-persistence"]).env("PATH", &path).start();
    assert!(
        text_of(&kept.send("/config x")).ends_with(" --no-session-persistence"),
        "the operator's word on conversations"
    );
    let placed = bare(&["--", "claude", "-p", "{message}"]).env("PATH", &path);
    assert_refused(placed, "{message} can not stand in an argument of claude", "leave it out");
}

#[test]
fn a_token_of_a_caller_never_reaches_an_agent() {
    let folder = scratch("project");
    let text = "[[callers]]\nname = \"shop\"\ntoken_env = \"SHOP_TOKEN\"\n\
        [agents.shop]\ncommand = [\"env\"]\nenv = [\"SHOP_*\", \"SHOP_TOKEN\", \"INHOUSE_*\"]\n";
    fs::write(folder.join("inhouse.toml"), text).unwrap();
    let token = "a-token-of-the-shop-0123456789";
    let server = bare(&[]).directory(&folder).env("SHOP_TOKEN", token).env("SHOP_URL", "http://shop").start();
    let shown = text_of(&server.send("show"));
    assert!(shown.contains("SHOP_URL=http://shop") && !shown.contains("TOKEN") && !shown.contains(token), "{shown}");
}

#[test]
fn what_an_agent_says_of_its_failure_is_the_status_message() {
    let said = "closed:\\nsee sk-ant-api03-abcdefgh";
    let bot = support::script("sh", &format!("printf '%s\\n' '{{\"status\":\"failed\",\"text\":\"{said}\"}}'\n"));
    let task = Server::with_native(&bot).send("order");
    assert_eq!((support::state_of(&task), support::reason_of(&task)), ("FAILED", "agent_failed"));
    assert_eq!(task["status"]["message"]["parts"][0]["text"], said.replace("\\n", "\n"));
}

#[test]
fn an_agent_that_can_not_be_started_is_an_error_at_start() {
    let demo = "inhouse serve --agent demo";
    assert_refused(bare(&["serve", "--agent", "codex"]), "agent codex (--agent): no program \"codex\"", "npm install");
    assert_refused(bare(&[]).env("AGENT_CMD", "no-such-bot --x"), "(AGENT_CMD): no program \"no-such-bot\"", demo);
    assert_refused(bare(&["--", "./bot.sh"]), "(-- COMMAND): there is no program /", demo);
    assert_refused(bare(&["--agent", "cluade"]), "no agent is called \"cluade\"", "did you mean claude?");
    assert_refused(bare(&[]).env("AGENT_CMD", "node 'bot.js"), "AGENT_CMD: the quote ' at character 6", "quote words");
    assert_refused(bare(&["--project", "/no/such"]), "--project: there is no folder /no/such", "mkdir -p /no/such");
}

#[test]
fn a_wrong_configuration_is_named_with_file_line_and_the_nearest_name() {
    let folder = scratch("project");
    fs::write(folder.join("inhouse.toml"), "[server]\n\nprot = 1\n").unwrap();
    let launch = || bare(&[]).directory(&folder);
    assert_refused(launch(), "inhouse.toml:3:1: unknown key \"prot\" in [server]", "did you mean port?");
    fs::write(folder.join("other.toml"), "[limits]\nrequest_timeout = 1\n").unwrap();
    let other = bare(&["serve", "--config", "other.toml"]).directory(&folder);
    assert_refused(
        other,
        "other.toml:2:1: unknown key \"request_timeout\" in [limits]",
        "did you mean request_timeout_ms?",
    );
    let (code, _, stderr) = bare(&["--config", "inhouse.toml"]).directory(&folder).env("PORT", "http").run();
    assert_eq!(code, 2, "{stderr}");
}

#[test]
fn a_taken_port_is_an_error_with_the_next_command() {
    let server = bare(&[]).start();
    let port = server.address.port();
    let (code, stdout, stderr) = bare(&["serve", "--port", &port.to_string()]).run();
    assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
    assert!(stderr.starts_with(&format!("error: port {port} on 127.0.0.1 is taken by ")), "{stderr}");
    let next = stderr.lines().last().unwrap().rsplit("hint: ").next().unwrap();
    let (command, next_port) = next.rsplit_once(' ').unwrap();
    assert!(command.ends_with("inhouse serve --port") && next_port.parse::<u16>().unwrap() != port, "{stderr}");
}

#[test]
fn the_configuration_can_be_shown_with_its_origins() {
    let (code, stdout, _) = bare(&["config", "show", "--origin", "--host", "127.0.0.2"]).run();
    assert_eq!(code, 0);
    for (line, origin) in
        [("host = \"127.0.0.2\"", "# --host"), ("port = 0", "# PORT"), ("hardened = false", "# default")]
    {
        assert!(stdout.lines().any(|there| there.starts_with(line) && there.ends_with(origin)), "{stdout}");
    }
    assert!(!stdout.contains(TOKEN));
}

#[test]
fn a_hardened_server_refuses_a_token_that_can_be_guessed() {
    let launch = bare(&["--hardened"]).env("API_TOKEN", "team-secret");
    assert_refused(launch, "--hardened: API_TOKEN is shorter than 16 bytes", "openssl rand -hex 32");
    let server = bare(&[]).env("API_TOKEN", "team-secret").start();
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    let bot = folder_with("bot", "#!/bin/sh\ntrap '' TERM INT\nwhile :; do sleep 0.05; done\n").join("bot");
    let mut server = bare(&["--", bot.to_str().unwrap()]).start();
    let id = server.start_task("work");
    server.wait_for(&id, |task| support::state_of(task) == "WORKING");
    server.signal("INT");
    wait("the server's word", || server.stderr().contains("stopping: ").then_some(()));
    server.signal("INT");
    assert_eq!(server.wait(), Some(130));
    wait("the end of the agent", || support::processes_with(bot.to_str().unwrap()).is_empty().then_some(()));
}

#[test]
fn a_server_that_drains_is_not_ready_and_takes_work_until_its_time_is_over() {
    let folder = scratch("drain");
    fs::write(folder.join("inhouse.toml"), "[limits]\ndrain_ms = 60_000\n[agents.demo]\n").unwrap();
    let mut server = bare(&["serve"]).directory(&folder).start();
    assert_eq!(server.get("/readyz").status, 200);
    server.signal("TERM");
    wait("the server's word", || server.stderr().contains("stopping: work is taken for 60 s more").then_some(()));
    let ready = server.get("/readyz");
    assert_eq!((ready.status, ready.json()), (503, json!({"status": "draining"})));
    assert_eq!(server.get("/livez").status, 200);
    assert_eq!(support::state_of(&server.send("hello")), "COMPLETED");
    server.signal("TERM");
    assert_eq!(server.wait(), Some(130));
}

/// As root alone can it be seen who the server becomes.
#[test]
fn a_server_that_is_started_as_root_becomes_the_user_that_it_is_told() {
    let refused = |args: &[&str], message: &str| {
        let (code, _, err) = Launch::new(args).run();
        assert!(code == 2 && err.contains(message) && err.contains("hint: "), "{err}");
    };
    refused(
        &["serve", "--agent", "demo", "--user", "no-such-user"],
        "--user: this machine has no user \"no-such-user\"",
    );
    refused(&["serve", "--agent", "demo", "--user", "root"], "--user: the user \"root\" is root");
    if !nix::unistd::geteuid().is_root() {
        refused(&["serve", "--agent", "demo", "--user", "nobody"], "--user: only root can become \"nobody\"");
        return untested("becoming another user: this is not root");
    }
    refused(&["serve", "--agent", "demo", "--host", "0.0.0.0"], "as root, the agents could do anything");
    let folder = Readable::new();
    let args = ["serve", "--user", "nobody", "--containment", "reaper", "--", "sh", "-c", "id -u; id -G; echo $HOME"];
    let server = Launch::through(&folder.program(), &args).directory(&folder.0).env("AGENT_INPUT", "stdin").start();
    let said = server.send("who are you?")["artifacts"][0]["parts"][0]["text"].as_str().unwrap().to_owned();
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    assert_eq!(said, format!("{}\n{}\n{}\n", nobody.uid, nobody.gid, nobody.dir.display()));
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let capabilities = status.lines().filter(|line| line.starts_with("Cap") && !line.starts_with("CapBnd"));
    assert!(capabilities.clone().count() == 4 && capabilities.clone().all(|line| line.ends_with("\t0000000000000000")));
    assert!(!server.stderr().contains("agents run as root"), "{}", server.stderr());
    let root = Launch::new(&["serve", "--agent", "demo"]).start();
    wait("the warning", || root.stderr().contains("warning: agents run as root").then_some(()));
}

/// A folder with the server in it that every user may read; dropping it removes it.
struct Readable(PathBuf);

impl Readable {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("inhouse-test-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_inhouse"), folder.join("inhouse")).unwrap();
        fs::set_permissions(folder.join("inhouse"), fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn program(&self) -> String {
        self.0.join("inhouse").display().to_string()
    }
}

impl Drop for Readable {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
