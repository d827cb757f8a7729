//! What one caller's turn leaves in the shared project for another's: nothing of it is run.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::http::{headers, request};
use support::{Launch, Server, TOKEN, message, rpc, scratch, text_of, untested};

/// The configuration of a server that is started in the project.
const OWN: &str = "# mine\n";
const BOB: &str = "a-token-of-bob-0123456789abcdef-0123";

/// Plants what it can where agents and git look, or does what those do with it, and says whose user it was that something ran for.
const AGENT: &str = "read -r wish
case $wish in
plants)
  for place in .git/hooks/post-commit .gemini/hook; do
    { printf '#!/bin/sh\\necho planted >> %s\\n' \"$PWD/ran\" > $place && chmod +x $place; } 2>&1
  done
  git config core.hooksPath .git/hooks 2>&1; echo planted >> inhouse.toml; echo tried ;;
works)
  git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x 2>&1
  [ ! -x .gemini/hook ] || .gemini/hook
  cat ran 2>/dev/null; echo worked ;;
esac";

fn git(project: &Path, args: &[&str]) {
    assert!(Command::new("git").arg("-C").arg(project).args(args).status().unwrap().success());
}

/// A project with a repository, and a server whose agent has the name of one that looks into `.gemini`.
fn server(setting: &str) -> (Server, PathBuf) {
    let folder = scratch("planted");
    let project = folder.join("project");
    fs::create_dir_all(&project).unwrap();
    git(&project, &["init", "-q"]);
    fs::write(project.join("inhouse.toml"), OWN).unwrap();
    let program = folder.join("gemini");
    fs::write(&program, format!("#!/bin/sh\n{AGENT}\n")).unwrap();
    assert!(Command::new("chmod").arg("+x").arg(&program).status().unwrap().success());
    let config = format!(
        "[server]\n{setting}\n[agents.gemini]\ncommand = [{program:?}, \"-p\", \"x\"]\nproject = {project:?}\n\
         [[callers]]\nname = \"bob\"\ntoken_env = \"BOB\"\n"
    );
    fs::write(folder.join("inhouse.toml"), config).unwrap();
    (Launch::new(&["serve"]).env("BOB", BOB).directory(&folder).start(), project)
}

fn said(server: &Server, token: &str, text: &str) -> String {
    let all = headers(&[("Authorization", &format!("Bearer {token}")), ("Content-Type", "application/json")]);
    let answer = request(server.address, "POST", "/a2a", &all, &rpc("SendMessage", message(text))).json();
    text_of(&answer["result"]["task"])
}

/// Whether what one caller plants runs for the other.
fn runs(server: &Server) -> bool {
    let planted = said(server, TOKEN, "plants");
    assert!(planted.ends_with("tried\n"), "{planted}");
    let worked = said(server, BOB, "works");
    assert!(worked.ends_with("worked\n"), "{worked}");
    worked.contains("planted")
}

#[test]
fn what_one_turn_plants_does_not_run_in_anothers() {
    let (server, project) = server("");
    if !server.banner.iter().any(|line| line.starts_with("contained namespace")) {
        untested("planted configuration, since there are no user namespaces");
        return;
    }
    assert!(project.join(".gemini").is_dir(), "it is there before the first turn");
    assert!(!runs(&server));
    assert!(!project.join("ran").exists());
    let config = fs::read_to_string(project.join(".git/config")).unwrap();
    assert!(!config.contains("hooksPath"), "{config}");
    assert_eq!(fs::read_to_string(project.join("inhouse.toml")).unwrap(), OWN);
}

#[test]
fn who_protects_nothing_gets_what_is_planted() {
    let (server, project) = server("protect = []");
    assert!(!project.join(".gemini").exists(), "nobody has made it");
    fs::create_dir(project.join(".gemini")).unwrap();
    assert!(runs(&server), "or else the other test shows nothing");
}

#[test]
fn a_path_that_leads_out_of_a_project_is_refused() {
    for name in ["../x", "/etc", "", "a/../../b"] {
        let folder = scratch("planted");
        fs::write(folder.join("inhouse.toml"), format!("[server]\nprotect = [{name:?}]\n")).unwrap();
        let (code, _, stderr) = Launch::new(&["serve", "--", "cat"]).directory(&folder).run();
        assert!(code == 2 && stderr.contains("protect must be paths of files and folders in a project"), "{stderr}");
    }
}
