//! An agent that is strict, in the real server: what it gets at, and which agents can not be.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs;

use serde_json::json;
use support::{Launch, message, scratch, script, text_of};

#[test]
fn a_strict_agent_has_its_folder_and_a_home_and_nothing_else() {
    let folder = scratch("strict");
    fs::write(folder.join("secret"), "secret").unwrap();
    fs::create_dir(folder.join("project")).unwrap();
    let agent = script("/bin/sh", "cat ../secret || echo closed; ls -A ~; echo x > ~/mine; echo x > work; ls");
    let agent = agent.split(' ').nth(1).unwrap();
    let program = agent.rsplit_once('/').unwrap().0;
    fs::write(
        folder.join("inhouse.toml"),
        format!(
            "[agents.one]\ncommand = [\"/bin/sh\", {agent:?}]\ninput = \"stdin\"\nproject = \"project\"\nstrict = true\n\
             strict_reads = [{program:?}]\n"
        ),
    )
    .unwrap();
    let server = Launch::new(&["serve"]).directory(&folder).start();
    for _ in 0..2 {
        assert_eq!(text_of(&server.send("hi")), "closed\nwork\n", "its home is new each time");
    }
    let mut params = message("see");
    params["message"]["parts"][0] = json!({"raw": "aGk=", "mediaType": "image/png"});
    let answer = server.call("SendMessage", params);
    assert_eq!(answer["error"]["code"], -32005, "it does not reach files of a message: {answer}");
}

#[test]
fn what_can_not_be_strict_is_refused_with_its_cure() {
    for (args, agent, problem, cure) in [
        (
            &[][..],
            "command = [\"cat\"]\nprotocol = \"acp\"\nstrict = true",
            "agent one keeps conversations in its home",
            "leave strict out",
        ),
        (
            &[],
            "command = [\"cat\"]\nworkspace = \"worktree\"\nstrict = true",
            "a worktree needs the repository",
            "workspace = \"temporary\"",
        ),
        (&[], "command = [\"cat\"]\nstrict_ports = [\"443\"]", "for an agent that is strict", "add strict = true"),
        (&[], "command = [\"cat\"]\nstrict = true\nstrict_ports = [\"0\"]", "strict_ports must be ports", ""),
        (
            &["--containment", "group"],
            "command = [\"cat\"]\nstrict = true",
            "no agent can be strict here: containment is group",
            "",
        ),
    ] {
        let folder = scratch("strict");
        fs::write(folder.join("inhouse.toml"), format!("[agents.one]\n{agent}\n")).unwrap();
        let (code, _, stderr) = Launch::new(&[&["serve"], args].concat()).directory(&folder).run();
        assert!(code == 2 && stderr.contains(problem) && stderr.contains(cure), "{stderr}");
    }
}
