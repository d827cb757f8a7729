//! `inhouse agents` with programs that only look like agents: what is said of them, and that nothing of them is left.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::too_many_lines, reason = "tests")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Launch, TOKEN, processes_with, scratch, wait};

/// A folder of programs, each a shell script.
struct Machine(PathBuf);

impl Machine {
    fn with(programs: &[(&str, &str)]) -> Self {
        let folder = scratch("bin");
        for (name, source) in programs {
            let path = folder.join(name);
            fs::write(&path, format!("#!/bin/sh\n{source}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self(folder)
    }

    fn launch(&self, args: &[&str]) -> Launch {
        let launch = Launch::new(&[&["agents"], args].concat());
        launch.env("PATH", format!("{}:/usr/bin:/bin", self.0.display())).env("BIN", &self.0)
    }

    fn path(&self, program: &str) -> String {
        self.0.join(program).display().to_string()
    }

    fn said(&self, program: &str) -> String {
        fs::read_to_string(self.0.join(program)).unwrap_or_default()
    }
}

/// The agents of an answer in JSON, and the exit code.
fn rows(launch: Launch) -> (Vec<Value>, i32) {
    let (code, stdout, stderr) = launch.run();
    let rows = stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}\n{stderr}")));
    (rows.collect(), code)
}

fn named<'a>(rows: &'a [Value], name: &str) -> &'a Value {
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name} in {rows:?}"))
}

/// The row of this name begins so.
fn assert_row(text: &str, cells: &[&str]) {
    let found = text.lines().any(|line| {
        let mut rest = line;
        cells.iter().all(|cell| {
            let after = rest.trim_start().strip_prefix(cell);
            rest = after.unwrap_or_default();
            after.is_some()
        })
    });
    assert!(found, "no row {cells:?} in\n{text}");
}

const CLAUDE: &str = r#"case "$*" in
--version) echo "2.1.330 (Claude Code)" ;;
"auth status --json") echo '{"loggedIn": true, "token": "sk-ant-secret-of-the-tests"}' ;;
*) touch "$BIN/asked-a-model" ;;
esac"#;

const CODEX: &str = r#"case "$*" in
--version) echo "codex-cli 0.169.0" ;;
"login status") echo "Not logged in" >&2; exit 1 ;;
*) touch "$BIN/asked-a-model" ;;
esac"#;

#[test]
fn each_agent_is_told_with_its_version_its_login_its_driver_and_why() {
    let machine = Machine::with(&[("claude", CLAUDE), ("codex", CODEX), ("gemini", "echo 0.61.0")]);
    let (code, text, stderr) = machine.launch(&[]).run();
    assert_eq!((code, stderr.as_str()), (0, ""));
    let first = "first found of claude, codex, gemini, opencode, qwen";
    let program = |name: &str| machine.path(name);
    assert_row(&text, &["*", "claude", "2.1.330", "yes", "claude", "claude, by its preset", &program("claude"), first]);
    let serve = "on PATH: inhouse serve --agent codex";
    let codex = ["codex", "0.169.0", "no: codex login", "codex", "codex, by its preset", &program("codex"), serve];
    assert_row(&text, &codex);
    assert_row(&text, &["gemini", "0.61.0", "unknown", "acp", "acp, by its preset", &program("gemini")]);
    assert_row(&text, &["qwen", "npm install -g @qwen-code/qwen-code"]);
    assert!(!text.contains("sk-ant") && !text.contains(TOKEN));
    assert!(!machine.0.join("asked-a-model").exists());
}

#[test]
fn a_program_reads_an_agent_a_line_with_stable_names() {
    let machine = Machine::with(&[("claude", CLAUDE), ("codex", CODEX)]);
    let (rows, code) = rows(machine.launch(&["--json"]));
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!((names, code), (vec!["claude", "codex", "gemini", "opencode", "qwen"], 0));
    let expected = serde_json::json!({
        "name": "claude", "default": true, "status": "served", "version": "2.1.330", "version_unknown": null,
        "logged_in": true, "login_unknown": null, "driver": "claude", "protocol": "claude",
        "protocol_why": "by its preset", "program": machine.path("claude"),
        "why": "first found of claude, codex, gemini, opencode, qwen", "error": null, "hint": null,
    });
    assert_eq!(rows[0], expected);
    let member = |row: usize, name: &str| rows[row][name].clone();
    assert_eq!(
        (member(1, "status"), member(1, "logged_in"), member(1, "hint")),
        ("found".into(), false.into(), "codex login".into())
    );
    assert_eq!(
        (member(2, "status"), member(2, "hint")),
        ("missing".into(), "npm install -g @google/gemini-cli".into())
    );
    let help = machine.launch(&["--help"]).run().1;
    for name in expected.as_object().unwrap().keys() {
        assert!(help.contains(name), "{name}");
    }
}

#[test]
fn what_fails_hangs_or_never_stops_talking_is_unknown_and_nothing_of_it_is_left() {
    let mark = format!("agents-{}", uuid::Uuid::new_v4());
    let machine = Machine::with(&[
        ("claude", "setsid sleep 1000 & sleep 1001"),
        ("codex", "echo 1.0.0; exit 3"),
        ("gemini", "head -c 10000000 /dev/zero | tr '\\0' '1'; sleep 1000"),
        ("opencode", "echo no number"),
        ("qwen", "exec /no/such/interpreter"),
    ]);
    let launch = |args: &[&str]| machine.launch(args).env("LC_MARK", &mark);
    let (all, code) = rows(launch(&["--json", "--timeout-ms", "3000"]));
    assert_eq!(code, 0);
    for (name, why) in [
        ("claude", "no answer in 3 s"),
        ("codex", "it failed"),
        ("gemini", "more than 65536 bytes of output"),
        ("opencode", "it tells none"),
        ("qwen", "it tells none"),
    ] {
        let row = named(&all, name);
        assert_eq!((&row["version"], &row["version_unknown"]), (&Value::Null, &why.into()), "{row}");
        assert_eq!(row["logged_in"], Value::Null, "{row}");
    }
    wait("the end of all programs", || processes_with(&mark).is_empty().then_some(()));
    let (_, text, _) = launch(&["--timeout-ms", "1500"]).run();
    assert_row(&text, &["*", "claude", "unknown (no answer in 1500 ms)", "unknown", "claude"]);
}

#[test]
fn a_program_that_the_system_does_not_start_is_broken() {
    let machine = Machine::with(&[("gemini", "")]);
    fs::write(machine.0.join("gemini"), "#!/no/such/interpreter\n").unwrap();
    let (all, code) = rows(machine.launch(&["--json"]));
    let gemini = named(&all, "gemini");
    assert_eq!((gemini["status"].as_str(), code), (Some("broken"), 1), "{gemini}");
    assert!(gemini["error"].as_str().unwrap().contains("can not start"), "{gemini}");
    assert_eq!(gemini["hint"], "install it again: npm install -g @google/gemini-cli");
}

#[test]
fn programs_are_asked_at_the_same_time_with_no_input_and_a_clean_environment() {
    let meets = |own: &str, other: &str| {
        format!(
            "cat; env >> \"$HOME/env\"; touch \"$HOME/{own}\"; until test -e \"$HOME/{other}\"; do sleep 0.01; done; echo 3.0.0"
        )
    };
    let machine = Machine::with(&[("gemini", &meets("g", "q")), ("qwen", &meets("q", "g"))]);
    let home = scratch("home");
    let (all, _) = rows(machine.launch(&["--json", "--timeout-ms", "20000"]).env("HOME", &home).env("AWS_SECRET", "x"));
    for name in ["gemini", "qwen"] {
        assert_eq!(named(&all, name)["version"], "3.0.0");
    }
    let environment = fs::read_to_string(home.join("env")).unwrap();
    assert!(environment.contains("GEMINI_CLI_NO_RELAUNCH=true"));
    for secret in [TOKEN, "API_TOKEN", "AWS_SECRET", "BIN="] {
        assert!(!environment.contains(secret), "{secret}");
    }
}

#[test]
fn a_version_without_the_status_command_never_gets_its_words_for_a_message() {
    let claude = "echo \"$*\" >> \"$HOME/asked\"; echo 2.1.40";
    let machine = Machine::with(&[("claude", claude), ("codex", "exit 1")]);
    let home = scratch("home");
    let (all, _) = rows(machine.launch(&["--json"]).env("HOME", &home));
    assert_eq!(fs::read_to_string(home.join("asked")).unwrap(), "--version\n");
    assert_eq!(named(&all, "claude")["login_unknown"], "this version has no command that tells it");
    assert_eq!(named(&all, "codex")["login_unknown"], "its version is not known");
    assert_eq!(machine.said("asked-a-model"), "");
}

#[test]
fn a_key_in_the_environment_stands_for_a_login_that_a_program_does_not_count() {
    let machine = Machine::with(&[("codex", CODEX)]);
    let (all, _) = rows(machine.launch(&["--json"]).env("CODEX_API_KEY", "an-invented-key"));
    let codex = named(&all, "codex");
    assert_eq!((&codex["logged_in"], &codex["login_unknown"]), (&Value::Null, &"no, but CODEX_API_KEY is set".into()));
}

#[test]
fn the_reason_of_a_choice_is_who_made_it() {
    let machine = Machine::with(&[("claude", CLAUDE), ("codex", CODEX), ("bot", "")]);
    let bot = machine.path("bot");
    for (args, command, name, why, protocol, protocol_why) in [
        (&[][..], "bot -v", "bot", "named by AGENT_CMD", "text", "as any program"),
        (&["--input", "json"], "bot -v", "bot", "named by AGENT_CMD", "json", "by --input"),
        (&["--agent", "codex"], "", "codex", "named by --agent", "codex", "by its preset"),
        (&["--", bot.as_str()], "", "bot", "named by -- COMMAND", "text", "as any program"),
    ] {
        let (all, code) = rows(machine.launch(&[&["--json"], args].concat()).env("AGENT_CMD", command));
        let row = named(&all, name);
        let told = ["why", "protocol", "protocol_why", "status"].map(|member| row[member].as_str().unwrap());
        assert_eq!((told, code), ([why, protocol, protocol_why, "served"], 0), "{row}");
        assert_eq!((row["default"].as_bool(), row["program"].as_str()), (Some(true), Some(&*machine.path(name))));
        assert_eq!(all.iter().filter(|row| row["name"] == name).count(), 1);
    }
}

#[test]
fn agents_of_the_file_have_their_program_or_the_error_of_a_start() {
    let machine = Machine::with(&[("codex", CODEX)]);
    let project = scratch("project");
    let file = "[agents.review]\npreset = \"codex\"\n[agents.bot]\ncommand = [\"./bot\"]\n[agents.acp]\n\
        command = [\"cat\"]\nprotocol = \"acp\"\ndefault = true\n";
    fs::write(project.join("inhouse.toml"), file).unwrap();
    let start = |args: &[&str]| machine.launch(args).directory(&project);
    let (all, code) = rows(start(&["--json"]));
    let (review, bot, acp) = (named(&all, "review"), named(&all, "bot"), named(&all, "acp"));
    assert_eq!(
        (review["program"].as_str(), review["why"].as_str()),
        (Some(&*machine.path("codex")), Some("agents.review in inhouse.toml:1"))
    );
    assert_eq!((review["version"].as_str(), code), (Some("0.169.0"), 0));
    assert_eq!((acp["driver"].as_str(), acp["protocol_why"].as_str()), (Some("acp"), Some("by inhouse.toml:7")));
    assert_eq!((acp["default"].as_bool(), bot["status"].as_str()), (Some(true), Some("broken")));
    assert!(!all.iter().any(|row| row["name"] == "codex"), "codex is served as review");
    let path = format!("{}:/usr/bin:/bin", machine.0.display());
    let error = Launch::new(&["serve"]).env("PATH", path).directory(&project).run().2;
    assert!(error.contains(bot["error"].as_str().unwrap()), "{error}");
    let (_, text, _) = start(&[]).run();
    assert!(text.contains("bot can not be served (agents.bot in inhouse.toml:3)\n  error: agent bot"), "{text}");
    assert!(text.contains("`inhouse serve` with the same flags does not start"), "{text}");
}

#[test]
fn with_nothing_but_the_demo_the_exit_code_is_1_with_the_cure() {
    let (code, text, stderr) = Machine::with(&[]).launch(&[]).run();
    assert_row(&text, &["*", "demo", "-", "-", "demo", "-", "-", "none found of claude, codex"]);
    assert_row(&text, &["claude", "npm install -g @anthropic-ai/claude-code"]);
    let cure = "hint: install one: npm install -g @anthropic-ai/claude-code\nhint: or serve any program";
    assert!(code == 1 && stderr.starts_with("error: no agent can be served") && stderr.contains(cure), "{stderr}");
    let wanted = Machine::with(&[]).launch(&["--agent", "demo"]).run();
    assert_eq!(wanted.0, 0, "{}", wanted.2);
}

#[test]
fn a_wrong_configuration_is_told_as_serve_tells_it() {
    let folder = scratch("project");
    fs::write(Path::new(&folder).join("inhouse.toml"), "[server]\nprot = 1\n").unwrap();
    let (code, stdout, stderr) = Machine::with(&[]).launch(&[]).directory(&folder).run();
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(
        stderr.contains("inhouse.toml:2:1: unknown key \"prot\"") && stderr.contains("did you mean port?"),
        "{stderr}"
    );
}
