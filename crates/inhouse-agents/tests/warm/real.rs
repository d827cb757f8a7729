//! The published Claude Code (`INHOUSE_TEST_CLAUDE`, its program) with an empty home, an invented key and a model on loopback
//! (`INHOUSE_TEST_MODEL`, its URL), where both are named.

use std::path::{Path, PathBuf};

use inhouse_agents::presets::preset;
use inhouse_engine::agent::{AgentEvent, End, Note};
use inhouse_engine::cancel::CancelSource;
use inhouse_run::Tier;
use inhouse_trust::HostEnv;

use crate::house::{Case, House, run, runner, turn_of};
use crate::support::Collected;

pub(crate) const CASES: &[Case] = &[
    ("the real claude goes on in the same process, and what a tool of it leaves is swept", || run(goes_on())),
    ("the real claude that works in the background is not kept", || run(background())),
    ("the real claude begins anew where its conversation is gone", || run(gone())),
    ("the real claude that is interrupted is not kept", || run(interrupted())),
];

/// Whether the cases can run.
pub(crate) fn is_there() -> bool {
    std::env::var_os("INHOUSE_TEST_CLAUDE").is_some() && std::env::var_os("INHOUSE_TEST_MODEL").is_some()
}

fn home() -> PathBuf {
    let home = std::env::temp_dir().join(format!("inhouse-real-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&home).unwrap();
    home
}

/// With a helper that an MCP server of the user's configuration is.
fn house(home: &Path) -> House {
    let variable = |name: &str| std::env::var(name).unwrap();
    let server = "import json,sys\n\
        for line in sys.stdin:\n\
        \x20   asked=json.loads(line)\n\
        \x20   said={'initialize':lambda:{'protocolVersion':asked['params']['protocolVersion'],'capabilities':{'tools':{}},'serverInfo':{'name':'x','version':'1'}},'tools/list':lambda:{'tools':[]}}\n\
        \x20   if 'id' in asked: print(json.dumps({'jsonrpc':'2.0','id':asked['id'],'result':said.get(asked['method'],dict)()}),flush=True)\n";
    let servers = serde_json::json!({"mcpServers": {"x": {"command": "sh", "args": ["-c", "sleep 1; python3 -c \"$0\"; true", server]}}});
    let preset = preset(Path::new("claude")).unwrap();
    let args = ["--mcp-config".to_owned(), servers.to_string(), "--allowedTools=Bash".to_owned()];
    House::with(runner(Tier::Reaper), |spec| {
        let mark = spec.command.env_set.clone();
        let program = PathBuf::from(variable("INHOUSE_TEST_CLAUDE"));
        spec.command = preset.command(program, &args, home.to_path_buf(), &HostEnv::default());
        spec.command.env_pass.clear();
        spec.command.env_set.extend(mark);
        for (name, value) in [
            ("HOME", home.to_str().unwrap()),
            ("ANTHROPIC_API_KEY", "sk-invented"),
            ("ANTHROPIC_BASE_URL", &variable("INHOUSE_TEST_MODEL")),
            ("CLAUDE_CODE_MAX_RETRIES", "1"),
        ] {
            spec.command.env_set.push((name.to_owned(), value.to_owned()));
        }
    })
}

async fn said(house: &House, text: &str) -> (String, Vec<String>) {
    let (output, end) = house.take("ann", "c1", text).await;
    assert_eq!(end, End::Completed(Note::default()), "{:?}", output.events);
    let note = |event: &AgentEvent| if let AgentEvent::Working(note) = event { note.text.clone() } else { None };
    (output.text.clone(), output.events.iter().filter_map(note).collect())
}

async fn goes_on() {
    let home = home();
    let house = house(&home);
    let (text, _) = said(&house, "FAKE_SHELL{nohup setsid sleep 300 >/dev/null 2>&1 & echo started}").await;
    assert!(text.contains("started"), "{text}");
    let kept = house.alive();
    assert_eq!(kept.len(), 3, "claude, the shell of its server, and the server");
    for _ in 0..2 {
        let (text, _) = said(&house, "hello").await;
        assert!(text.contains("hello"), "{text}");
        assert_eq!(house.alive(), kept);
    }
    house.runner.shutdown().await;
    house.is_empty().await;
    std::fs::remove_dir_all(home).unwrap();
}

async fn background() {
    let home = home();
    let house = house(&home);
    let call = r#"FAKE_CALL{Bash} ARGS:{"command":"sleep 300","run_in_background":true,"description":"x"}"#;
    said(&house, call).await;
    assert_eq!(house.alive(), [0; 0]);
    let (text, _) = said(&house, "hello").await;
    assert!(text.contains("hello"), "{text}");
    house.runner.shutdown().await;
    std::fs::remove_dir_all(home).unwrap();
}

async fn gone() {
    let home = home();
    let house = house(&home);
    said(&house, "hello").await;
    let claude = house.alive()[0];
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(claude as i32), nix::sys::signal::Signal::SIGKILL).unwrap();
    house.is_empty().await;
    std::fs::remove_dir_all(home.join(".claude/projects")).unwrap();
    let (text, notes) = said(&house, "again").await;
    assert!(text.contains("again"), "{text}");
    assert_eq!(notes, ["the earlier conversation can not be resumed: a new one begins"]);
    house.runner.shutdown().await;
    std::fs::remove_dir_all(home).unwrap();
}

async fn interrupted() {
    let home = home();
    let house = house(&home);
    said(&house, "hello").await;
    let (source, cancel) = CancelSource::new();
    let mut output = Collected { cancel_at: Some(("word1", source)), ..Collected::default() };
    let end = house.take_into(&turn_of("ann", "c1", "FAKE_SLOW", cancel), &mut output).await;
    assert_eq!((end, house.alive()), (End::Canceled(Note::default()), vec![]));
    house.runner.shutdown().await;
    std::fs::remove_dir_all(home).unwrap();
}
