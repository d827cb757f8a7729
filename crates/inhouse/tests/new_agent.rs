//! What `docs/new-agent.md` shows is what works: its configurations, its scripts, and its commands.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{Launch, Server, message, reason_of, scratch, state_of, text_of};

const PAGE: &str = include_str!("../../../docs/new-agent.md");

/// The blocks of a language, in their order.
fn blocks(language: &str) -> Vec<&'static str> {
    let mark = format!("```{language}\n");
    PAGE.split(&mark).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

fn block(language: &str, holds: &str) -> &'static str {
    let found: Vec<_> = blocks(language).into_iter().filter(|block| block.contains(holds)).collect();
    assert_eq!(found.len(), 1, "blocks with {holds}");
    found[0]
}

fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A folder with the page's scripts, and programs of the names that it speaks of.
fn folder() -> PathBuf {
    let folder = scratch("page");
    executable(&folder.join("shout.sh"), block("sh", "#!/bin/sh"));
    fs::write(folder.join("bot.py"), block("python", "bot.py")).unwrap();
    fs::create_dir(folder.join("bin")).unwrap();
    for name in ["aider", "crush", "my-agent"] {
        executable(&folder.join("bin").join(name), "#!/bin/sh\ncat\n");
    }
    folder
}

fn launch(folder: &Path, args: &[&str]) -> Launch {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = [folder.join("bin")].into_iter().chain(std::env::split_paths(&path));
    Launch::new(args).directory(folder).env("PATH", std::env::join_paths(paths).unwrap())
}

fn served(config: &str) -> Server {
    let folder = folder();
    fs::write(folder.join("inhouse.toml"), config).unwrap();
    launch(&folder, &["serve"]).start()
}

fn told(task: &Value) -> &str {
    task["status"]["message"]["parts"][0]["text"].as_str().unwrap_or_default()
}

#[test]
fn every_configuration_of_the_page_holds_together_and_serves() {
    let configs = blocks("toml");
    assert!(configs.len() >= 5, "{}", configs.len());
    let check: Vec<_> = block("sh", "config show").split_whitespace().skip(1).collect();
    for config in configs {
        let folder = folder();
        fs::write(folder.join("inhouse.toml"), config).unwrap();
        let (code, shown, errors) = launch(&folder, &check).run();
        assert_eq!((code, errors.as_str()), (0, ""), "{config}");
        let name = config.lines().next().unwrap();
        assert!(name.starts_with("[agents.") && shown.contains(name), "{shown}");
        drop(launch(&folder, &["serve"]).start());
    }
}

#[test]
fn the_plain_command_of_the_page_answers_and_its_exit_codes_are_told() {
    let words: Vec<_> = block("sh", "inhouse serve").split_whitespace().skip(1).collect();
    let server = launch(&folder(), &words).start();
    assert_eq!(text_of(&server.send("hello")), "HELLO");
    drop(server);

    let folder = folder();
    fs::write(folder.join("inhouse.toml"), block("toml", "agents.shout")).unwrap();
    executable(&folder.join("shout.sh"), "#!/bin/sh\necho why >&2\nexit \"$(cat)\"\n");
    let server = launch(&folder, &["serve"]).start();
    for (code, state, reason) in [
        ("0", "COMPLETED", ""),
        ("1", "FAILED", "agent_failed"),
        ("64", "FAILED", "input_refused"),
        ("69", "FAILED", "provider_failed"),
        ("77", "AUTH_REQUIRED", ""),
    ] {
        let task = server.send(code);
        assert_eq!((state_of(&task), reason_of(&task)), (state, reason), "{task}");
        assert!(state == "COMPLETED" || told(&task).contains("why"), "{task}");
    }
}

#[test]
fn the_script_of_the_page_is_an_agent_that_streams_remembers_and_fails_as_its_mapping_says() {
    let server = served(block("toml", "agents.bot"));
    let stream = server.stream("SendStreamingMessage", message("a b"), &[]);
    let seen: Vec<_> = stream.map(|event| event.json.to_string()).collect();
    assert!(seen.iter().any(|event| event.contains("search")), "{seen:?}");

    let task = server.send("hello you");
    assert_eq!((state_of(&task), text_of(&task).as_str()), ("COMPLETED", "HELLO YOU "), "{task}");
    let mut next = message("once more");
    next["message"]["contextId"] = task["contextId"].clone();
    assert_eq!(text_of(&server.result("SendMessage", next)["task"]), "AGAIN: ONCE MORE ");

    for (text, reason, detail) in
        [("fail", "agent_failed", "there is no such order"), ("down", "provider_failed", "exit code 69")]
    {
        let task = server.send(text);
        assert_eq!((state_of(&task), reason_of(&task)), ("FAILED", reason), "{task}");
        assert!(told(&task).contains(detail), "{task}");
    }
}

/// What aider prints, by what stands in its input: on a good day, and with a wrong key.
const AIDER: &str = r#"#!/bin/sh
input=$(cat)
printf 'Detected dumb terminal, disabling fancy input and pretty output.\nAider v0.86.2\nModel: openai/x with whole edit format\n'
printf 'Git repo: none\nRepo-map: disabled\n\n'
case "$input" in
    '!'* | /run*) echo run ;;
    *bad*) printf 'litellm.AuthenticationError: AuthenticationError: no such key\nThe API provider is not able\n' ;;
    *) printf '%s\n\nand more\n\nTokens: 11 sent, 7 received.\n' "$input" ;;
esac
"#;

#[test]
fn aider_as_the_page_configures_it_gives_its_answer_and_tells_of_its_failure() {
    let folder = folder();
    executable(&folder.join("bin").join("aider"), AIDER);
    fs::write(folder.join("inhouse.toml"), block("toml", "agents.aider")).unwrap();
    let server = launch(&folder, &["serve"]).start();
    let task = server.send("!touch x");
    assert_eq!(text_of(&task).trim(), "Message:\n!touch x\n\nand more", "{task}");
    let task = server.send("bad key");
    assert_eq!((state_of(&task), reason_of(&task)), ("FAILED", "agent_failed"), "{task}");
    assert!(told(&task).contains("litellm.AuthenticationError"), "{task}");
    assert!(
        task["artifacts"].as_array().is_none_or(|all| text_of(&json!({"artifacts": all})).trim().is_empty()),
        "{task}"
    );
}
