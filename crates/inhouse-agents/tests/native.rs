//! The native driver over real processes: the three example agents, each in the states that it shows.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};

use inhouse_agents::Protocol;
use inhouse_engine::agent::{AgentEvent, End, Failure, Note, Reason, Turn};
use inhouse_engine::cancel::CancelSource;
use inhouse_proto::v1;
use inhouse_proto::v1::part::Content;
use inhouse_trust::Input;
use support::{Collected, command, message, spec, take, turn};

/// The example agents and the programs that run them. All three must be there: a missing one would hide a broken example.
fn examples() -> Vec<(PathBuf, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/agents").canonicalize().unwrap();
    let on_path = |name: &str| {
        let path = std::env::var_os("PATH").expect("a PATH");
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
    };
    let examples = [("python3", "agent.py"), ("node", "agent.mjs"), ("sh", "agent.sh")];
    examples
        .map(|(program, file)| {
            (on_path(program).unwrap_or_else(|| panic!("{program} is not on PATH")), folder.join(file))
        })
        .into()
}

async fn native(program: &Path, args: &[&str], turn: &Turn) -> (Collected, End) {
    let mut output = Collected::default();
    let command = command(program.to_str().unwrap(), args, Input::Protocol);
    let end = take(spec(command, Protocol::Native), turn, &mut output).await;
    (output, end)
}

#[tokio::test]
async fn every_example_shows_its_states() {
    for (program, file) in examples() {
        let name = file.display().to_string();
        let run = async |text: &str, history: &[&str]| {
            let (_source, cancel) = CancelSource::new();
            let mut turn = turn(text, cancel);
            turn.history = history.iter().map(|text| message(text)).collect();
            turn.number = u32::try_from(history.len()).unwrap() + 1;
            native(&program, &[file.to_str().unwrap()], &turn).await
        };
        let completed = End::Completed(Note::default());
        let (output, end) = run("say \"é\" \\ \n", &[]).await;
        assert_eq!((output.text.as_str(), &end), ("You said: say \"é\" \\ \n\n", &completed), "{name}");

        let (output, end) = run("count to 5", &[]).await;
        assert_eq!((output.text.as_str(), &end), ("1\n2\n3\n4\n5\n", &completed), "{name}");
        assert!(output.events.len() > 1, "{name} streams");

        let (output, end) = run("report", &[]).await;
        let is_last = |event: &AgentEvent| matches!(event, AgentEvent::Artifact(update) if update.last_chunk);
        assert!(output.events.iter().any(is_last) && end == completed, "{name}: {:?}", output.events);
        assert!(output.events.iter().any(|event| matches!(event, AgentEvent::Working(_))), "{name}");

        let (_, end) = run("order pizza", &[]).await;
        let question = Some("Which size: small, medium or large?".to_owned());
        assert_eq!(end, End::InputRequired(Note { text: question, data: None }), "{name}");
        let (output, end) = run("small", &["order pizza"]).await;
        assert!(output.text.to_lowercase().contains("size small") && end == completed, "{name}: {}", output.text);

        let (_, end) = run("fail", &[]).await;
        assert_eq!(end, End::Failed(Failure::said(Reason::AgentFailed, "the kitchen is closed")), "{name}");
    }
}

#[tokio::test]
async fn a_program_gets_the_whole_turn_and_its_files() {
    let (_source, cancel) = CancelSource::new();
    let mut turn = turn("look", cancel);
    turn.accepted_output_modes = vec!["text/plain".to_owned()];
    let file = Content::Raw(b"picture".to_vec());
    let part = v1::Part {
        filename: "a.png".to_owned(),
        media_type: "image/png".to_owned(),
        content: Some(file),
        ..v1::Part::default()
    };
    turn.message.parts.push(part);
    let show = r#"input=$(cat); printf '%s\n' "$input" | tr '{' '<'; cat "$(printf '%s' "$input" | sed 's/.*"path":"//; s/".*//')""#;
    let (output, end) = native(Path::new("/bin/sh"), &["-c", show], &turn).await;
    assert_eq!(end, End::Completed(Note::default()), "{}", output.text);
    let (json, file) = output.text.split_once('\n').unwrap();
    let input: serde_json::Value = serde_json::from_str(&json.replace('<', "{")).unwrap();
    assert_eq!(file, "picture");
    assert_eq!(input["version"], 1);
    assert_eq!(input["taskId"], "task-1");
    assert_eq!(input["contextId"], "context-1");
    assert_eq!(input["turn"], 1);
    assert_eq!(input["message"]["parts"][0]["text"], "look");
    assert_eq!(input["message"]["role"], "ROLE_USER");
    assert_eq!(input["history"], serde_json::json!([]));
    assert_eq!(input["acceptedOutputModes"], serde_json::json!(["text/plain"]));
    assert_eq!(input["files"][0]["filename"], "a.png");
    assert_eq!(input["files"][0]["mediaType"], "image/png");
    let path = Path::new(input["files"][0]["path"].as_str().unwrap());
    let gone = async {
        while path.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), gone).await.expect("the file goes with its turn");
}

#[tokio::test]
async fn what_an_agent_says_of_its_failure_reaches_the_caller_whole_and_without_escapes() {
    let (_source, cancel) = CancelSource::new();
    let said = format!("closed:\\nsee key sk-ant-api03-abcdefgh {}", "word ".repeat(200));
    let fails = format!(r#"printf '%s\n' '{{"status":"failed","text":"\u001b[31m{said}"}}'"#);
    let (_, end) = native(Path::new("/bin/sh"), &["-c", &fails], &turn("", cancel)).await;
    assert_eq!(end, End::Failed(Failure::said(Reason::AgentFailed, said.replace("\\n", "\n"))));
}

#[tokio::test]
async fn a_program_that_stays_after_its_last_word_is_ended() {
    let (_source, cancel) = CancelSource::new();
    let stays = r#"echo '{"status":"completed","text":"done"}'; echo late; sleep 300"#;
    let (output, end) = native(Path::new("/bin/sh"), &["-c", stays], &turn("", cancel)).await;
    assert_eq!((output.text.as_str(), end), ("", End::Completed(Note { text: Some("done".to_owned()), data: None })));
}

#[tokio::test]
async fn a_line_over_the_limit_fails_the_turn() {
    let (_source, cancel) = CancelSource::new();
    let floods = "head -c 20000000 /dev/zero | tr '\\0' x; sleep 300";
    let (_, end) = native(Path::new("/bin/sh"), &["-c", floods], &turn("", cancel)).await;
    assert_eq!(end, End::Failed(Failure::new(Reason::AgentProtocol, "the agent wrote a line that is too long")));
}
