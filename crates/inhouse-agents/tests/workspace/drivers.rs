//! What drivers that keep conversations say of the folder: it is the workspace's, and so is the conversation.

use std::sync::Arc;

use inhouse_agents::{AgentSpec, ProgramSpec, Protocol, build};
use inhouse_engine::agent::Agent;
use inhouse_engine::cancel::CancelSource;
use inhouse_proto::v1::part::Content;
use inhouse_trust::{HostEnv, Input};

use crate::house::{House, LIMITS};
use crate::support::{Collected, command, permit_of, runner, take_again, turn};

async fn agent(house: &House, protocol: Protocol, script: &str) -> Arc<dyn Agent> {
    let mut command = command("/bin/sh", &["-c", script, "sh"], Input::Protocol);
    command.directory = house.project();
    let workspaces = Some(house.open(House::worktree(), LIMITS).await.unwrap());
    let spec = ProgramSpec { workspaces, keeps_conversations: true, ..ProgramSpec::new(command, protocol) };
    build(AgentSpec::Program(Box::new(spec)), &runner(), &HostEnv::new(std::env::vars_os()))
}

/// What a turn has written into the file `told`.
async fn told(agent: &Arc<dyn Agent>, caller: &str, context: &str) -> String {
    let (_source, cancel) = CancelSource::new();
    let mut turn = turn("hi", cancel);
    turn.permit = permit_of(caller);
    turn.context_id = context.into();
    let mut output = Collected::default();
    take_again(agent, &turn, &mut output).await;
    let part = output.left[0].parts.iter().find(|part| part.filename == "told").unwrap();
    let Some(Content::Raw(bytes)) = &part.content else { panic!() };
    String::from_utf8(bytes.clone()).unwrap()
}

#[tokio::test]
async fn claude_has_a_conversation_for_each_workspace() {
    let house = House::new();
    let agent = agent(&house, Protocol::Claude, "read -r message; { echo \"$@\"; pwd; date +%N; } > told").await;
    let mut seen = Vec::new();
    for (caller, context) in [("ann", "one"), ("ann", "one"), ("ann", "two"), ("bob", "one")] {
        let told = told(&agent, caller, context).await;
        let lines: Vec<_> = told.lines().map(str::to_owned).collect();
        assert!(lines[0].starts_with("--session-id "), "{told}");
        seen.push((lines[0].clone(), lines[1].clone()));
    }
    assert_eq!(seen[0], seen[1]);
    for (a, b) in [(0, 2), (0, 3), (2, 3)] {
        assert!(seen[a].0 != seen[b].0 && seen[a].1 != seen[b].1, "{seen:?}");
    }
}

#[tokio::test]
async fn agents_of_the_agent_client_protocol_are_told_the_workspace() {
    let house = House::new();
    let script = "read first; echo '{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocolVersion\":1}}'\n\
        read -r second; { echo \"$second\"; pwd; } > told";
    let agent = agent(&house, Protocol::Acp, script).await;
    let told = told(&agent, "ann", "one").await;
    let (request, folder) = told.trim_end().split_once('\n').unwrap();
    assert!(folder.starts_with(house.folder.join("workspaces").to_str().unwrap()), "{told}");
    let request: serde_json::Value = serde_json::from_str(request).unwrap();
    assert_eq!((request["method"].as_str(), request["params"]["cwd"].as_str()), (Some("session/new"), Some(folder)));
}
