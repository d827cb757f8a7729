//! How firmly the real server holds its agents: what it tells of it, what agents see where they have namespaces of their own, and how
//! it starts where they can not.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::http::{headers, request};
use support::{Launch, Server, TOKEN, message, rpc, scratch, text_of, untested, wait};

const BOB: &str = "a-token-of-bob-0123456789abcdef-0123";
const BIN: &str = env!("CARGO_BIN_EXE_inhouse");

/// Whether user namespaces are allowed here; where they are not, a test says that it has shown nothing.
fn namespaces() -> bool {
    let there = Command::new("unshare").args(["-Urpfm", "--mount-proc", "true"]).status().is_ok_and(|it| it.success());
    if !there {
        untested("what agents do not see, since there are no user namespaces");
    }
    there
}

/// A server that first runs `before` as root of a user namespace.
fn after(before: &str, args: &str) -> Launch {
    let line = format!("{before} && exec '{BIN}' serve {args} -- cat");
    Launch::through("unshare", &["-Urm", "sh", "-c", &line]).env("AGENT_INPUT", "stdin")
}

fn contained(server: &Server) -> &str {
    server.banner.iter().find_map(|line| line.strip_prefix("contained ")).unwrap()
}

/// The audit's first line.
fn told_at_start(server: &Server) -> Value {
    wait("the audit", || {
        let lines = server.stderr();
        let first = lines.lines().find_map(|line| serde_json::from_str::<Value>(line).ok())?;
        (first["operation"] == "start").then_some(first)
    })
}

#[test]
fn the_first_output_and_the_audit_name_the_tier() {
    let mut tiers = vec!["reaper", "group"];
    if namespaces() {
        tiers.push("namespace");
        assert!(
            contained(&Launch::new(&["serve", "--", "cat"]).start()).starts_with("namespace: "),
            "it is the firmest"
        );
    }
    for tier in tiers {
        let launch = Launch::new(&["serve", "--containment", tier, "--", "cat"]).env("AGENT_INPUT", "stdin");
        let server = launch.start();
        assert!(contained(&server).starts_with(&format!("{tier}: ")), "{:?}", server.banner);
        let told = told_at_start(&server);
        assert_eq!((&told["containment"], told.get("shortfall")), (&tier.into(), None), "{told}");
        assert_eq!(text_of(&server.send("hello")), "hello");
    }
}

/// What takes namespaces away, what is said of it, and the cure.
const OBSTACLES: [(&str, &str, &str); 2] = [
    (
        "echo 0 > /proc/sys/user/max_user_namespaces",
        "user namespaces are switched off",
        "sysctl user.max_user_namespaces=",
    ),
    (
        "mount --bind /dev/null /proc/version",
        "parts of /proc are covered here",
        "docker run --security-opt systempaths=",
    ),
];

#[test]
fn where_there_are_no_namespaces_the_next_tier_is_taken_and_the_reason_told() {
    if !namespaces() {
        return;
    }
    for (before, why, cure) in OBSTACLES {
        let server = after(before, "").start();
        let line = contained(&server);
        assert!(line.starts_with("reaper: ") && line.contains(why) && line.contains(cure), "{line}");
        assert!(server.banner.len() <= 8);
        let told = told_at_start(&server);
        assert_eq!(told["containment"], "reaper");
        assert!(told["shortfall"].as_str().is_some_and(|text| text.contains(why) && text.contains(cure)), "{told}");
        wait("the log", || server.stderr().contains("containment is reaper, and no firmer: ").then_some(()));
        assert_eq!(text_of(&server.send("hello")), "hello");
    }
}

#[test]
fn where_there_have_to_be_namespaces_and_are_none_the_server_does_not_start() {
    if !namespaces() {
        return;
    }
    for (before, why, cure) in OBSTACLES {
        for args in ["--require-sandbox", "--containment namespace", "--require-sandbox --containment namespace"] {
            let (code, stdout, stderr) = after(before, args).run();
            let lines: Vec<&str> = stderr.lines().collect();
            let [error, hint] = lines.as_slice() else { panic!("{stderr}") };
            assert_eq!((code, stdout.as_str()), (2, ""));
            assert!(
                error.starts_with("error: containment can not be namespace here: ") && error.contains(why),
                "{error}"
            );
            assert!(hint.starts_with("hint: ") && hint.contains(cure), "{hint}");
        }
    }
    assert!(
        contained(&after("true", "--require-sandbox").start()).starts_with("namespace: "),
        "where there are, it does"
    );
}

#[test]
fn a_tier_without_namespaces_can_not_be_what_is_required() {
    for tier in ["reaper", "group"] {
        let (code, _, stderr) = Launch::new(&["--require-sandbox", "--containment", tier]).run();
        assert_eq!(code, 2);
        assert!(stderr.starts_with("error: --containment: require_sandbox wants namespaces"), "{stderr}");
    }
}

#[test]
fn an_agent_sees_its_own_workspace_and_nothing_else_that_the_server_keeps() {
    if !namespaces() {
        return;
    }
    let (folder, runtime) = (scratch("contained"), scratch("runtime"));
    for made in ["inhouse", "systemd"] {
        fs::create_dir(runtime.join(made)).unwrap();
        fs::write(runtime.join(made).join("secret"), "what nobody sees").unwrap();
    }
    fs::write(runtime.join("bus"), "what nobody sees").unwrap();
    fs::write(runtime.join("other"), "what anybody sees").unwrap();
    let made =
        Command::new("openssl").args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(folder.join("key.pem")).status();
    assert!(made.unwrap().success());
    fs::write(folder.join("agent.sh"), "eval \"$(cat)\" 2>&1\n").unwrap();
    let text = format!(
        "[server]\nworkspaces_dir = \"spaces\"\n[card]\nsigning_key = \"key.pem\"\n\
         [[callers]]\nname = \"bob\"\ntoken_env = \"BOB\"\n\
         [agents.scripts]\ncommand = [\"/bin/sh\", \"{}\"]\nworkspace = \"temporary\"\nreport_changes = false\n",
        folder.join("agent.sh").display()
    );
    fs::write(folder.join("inhouse.toml"), text).unwrap();
    let look = format!(
        "echo mine > note; cat {0}/spaces/*/*/note; cat {0}/key.pem; cd {1}; cat bus */secret other",
        folder.display(),
        runtime.display()
    );
    for (tier, hides) in [("reaper", false), ("namespace", true)] {
        let launch = Launch::new(&["serve", "--containment", tier]).directory(&folder).env("BOB", BOB);
        let server = launch.env("XDG_RUNTIME_DIR", &runtime).start();
        assert_eq!(said(&server, BOB, "echo his > note"), "");
        let said = said(&server, TOKEN, &look);
        assert!(said.contains("mine") && said.contains("what anybody sees"), "{said}");
        for secret in ["his", "PRIVATE", "what nobody sees"] {
            assert_eq!(said.contains(secret), !hides, "{tier}, {secret}: {said}");
        }
        assert_eq!(self::said(&server, BOB, "cat note"), "his\n", "it is there for whoever works in it");
        drop(server);
        fs::remove_dir_all(folder.join("spaces")).unwrap();
    }
}

/// Puts itself into a new control group, which it says is left to it, and becomes the server.
const DELEGATED: &str = "import os, sys
folder = sys.argv[1]
os.mkdir(folder)
os.setxattr(folder, 'user.delegate', b'1')
open(folder + '/cgroup.procs', 'w').write('0')
os.execv(sys.argv[2], sys.argv[2:])";

#[test]
fn a_control_group_that_is_left_to_the_server_is_divided_among_its_turns() {
    let folder = Path::new("/sys/fs/cgroup").join(format!("inhouse-test-{}", std::process::id()));
    let unified = Path::new("/sys/fs/cgroup/unified").join(folder.file_name().unwrap());
    let folder = [folder, unified].into_iter().find(|it| it.with_file_name("cgroup.procs").exists());
    let Some(folder) = folder.filter(|it| fs::create_dir(it).and_then(|()| fs::remove_dir(it)).is_ok()) else {
        eprintln!("NOT TESTED: no control group of version 2 can be made here");
        return;
    };
    let args = ["-c", DELEGATED, folder.to_str().unwrap(), BIN, "serve", "--", "sh"];
    let mut server = Launch::through("python3", &args).env("AGENT_INPUT", "stdin").start();
    assert!(contained(&server).contains("; each has a control group ("), "{:?}", server.banner);
    assert!(told_at_start(&server)["cgroup"].as_str().is_some_and(|does| does.ends_with("kill")));
    let own = fs::read_to_string(format!("/proc/{}/cgroup", server.pid())).unwrap();
    assert!(own.lines().any(|line| line.starts_with("0::") && line.ends_with("/server")), "{own}");
    let said = text_of(&server.send("setsid -f sleep 300; grep ^0:: /proc/self/cgroup"));
    assert!(said.contains("/run-") && said.ends_with("/tree\n"), "{said}");
    let folders = || fs::read_dir(&folder).unwrap().flatten().filter(|it| it.file_type().unwrap().is_dir()).count();
    wait("the turn's to be removed", || (folders() == 1).then_some(()));
    server.signal("TERM");
    server.wait();
    wait("all to be removed", || fs::remove_dir(folder.join("server")).and_then(|()| fs::remove_dir(&folder)).ok());
}

#[test]
fn ssh_reads_its_configuration_where_root_is_nobody() {
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !namespaces() || !is_root || Command::new("ssh").arg("-V").output().is_err() {
        untested("ssh in namespaces: it takes root, who becomes another user, and ssh");
        return;
    }
    let folder = "/etc/ssh/ssh_config.d";
    let line = format!(
        "mount -t tmpfs none {folder} && echo 'Host here' > {folder}/a.conf && echo ' Port 99' >> {folder}/a.conf && \
         chmod 755 {folder} && exec setpriv --reuid 1 --regid 1 --clear-groups '{BIN}' serve --require-sandbox -- sh"
    );
    let server = Launch::through("unshare", &["-m", "sh", "-c", &line]).env("AGENT_INPUT", "stdin").start();
    let text = "ssh -G here 2>&1 | grep -i -e '^port' -e owner; stat -c %u /etc/ssh/ssh_config";
    let said = text_of(&server.send(text));
    assert_eq!(said, "port 99\n65534\n", "{}", server.stderr());
}

#[test]
fn an_agent_can_not_issue_tokens() {
    if !namespaces() {
        return;
    }
    let (home, project, state) = (scratch("home"), scratch("project"), ".local/state/inhouse");
    let plant = format!(
        "cd {}; mkdir -p {state}; echo planted > {state}/tokens.json; mv .local away; mkdir -p {state}; \
        echo planted > {state}/tokens.json; ls -d away",
        home.display()
    );
    let launch = |more: &str| {
        let launch =
            Launch::new(&["serve", "--", "sh"]).directory(&project).env("HOME", &home).env("AGENT_INPUT", "stdin");
        fs::write(project.join("inhouse.toml"), more).unwrap();
        launch.start()
    };
    let server = launch("");
    said(&server, TOKEN, &plant);
    assert_eq!(fs::read_dir(home.join(state)).unwrap().count(), 0);
    assert!(!home.join("away").exists());
    assert!(!server.stderr().contains("agents can issue tokens"));
    let warned = launch("[server]\ntokens_file = \"tokens.json\"");
    wait("the warning", || warned.stderr().contains("warning: agents can issue tokens: give ").then_some(()));
}

/// What the agent answers to a text in the caller's context.
fn said(server: &Server, token: &str, text: &str) -> String {
    let bearer = format!("Bearer {token}");
    let head = headers(&[("Authorization", &*bearer), ("Content-Type", "application/json"), ("A2A-Version", "1.0")]);
    let mut params = message(text);
    params["message"]["contextId"] = "c1".into();
    let answer = request(server.address, "POST", "/a2a", &head, &rpc("SendMessage", params)).json();
    assert!(answer.get("error").is_none(), "{answer}");
    text_of(&answer["result"]["task"])
}
