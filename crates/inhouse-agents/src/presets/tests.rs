//! What a preset starts: its arguments, and that none of them is ever a caller's.

use std::path::{Path, PathBuf};

use inhouse_trust::{
    AgentName, Caller, HostEnv, Input, Operation, Permit, Policy, Principal, Secret, TokenDigest, Tokens, grants,
    launch,
};

use super::{PRESETS, prefix_line, preset, reads_one_message};

fn permit() -> Permit {
    let digest = TokenDigest::of(&Secret::new("token".to_owned()));
    let tokens = Tokens::new([(Principal::new("ann").unwrap(), digest)]);
    let caller: Caller = tokens.caller(&[b"Bearer token"], 0).unwrap();
    grants(&caller, Operation::Send, &AgentName::new("agent").unwrap(), &Policy::default()).unwrap()
}

fn args(name: &str, extra: &[&str]) -> String {
    let extra: Vec<String> = extra.iter().map(|arg| (*arg).to_owned()).collect();
    preset(Path::new(name))
        .unwrap()
        .with(&extra)
        .command(PathBuf::from("/bin/agent"), &extra, PathBuf::from("/"), &HostEnv::default())
        .args
        .join(" ")
}

#[test]
fn no_text_of_a_caller_changes_the_arguments_of_a_preset() {
    let heads = [
        "--settings={\"hooks\":{}}",
        "--version",
        "-p",
        "--",
        "-",
        "/config a=b",
        "!ls",
        "@/etc/passwd",
        "{message}",
        "$(id)",
    ];
    let tails = [
        "",
        " x",
        "\n",
        "=1",
        "\0",
        "\u{1b}[31m",
        " -- -c y",
        "é",
        "'\"`",
        ",",
        "&&",
        "|",
        "%s",
        "\\",
        "--help",
        "/",
        "*",
        "~",
        "\t-",
        "0",
    ];
    let texts: Vec<String> =
        heads.iter().flat_map(|head| tails.iter().map(move |tail| format!("{head}{tail}"))).collect();
    assert_eq!(texts.len(), 200);
    let (permit, host) = (permit(), HostEnv::default());
    for preset in &PRESETS {
        let command = preset.command(PathBuf::from("/bin/agent"), &[], PathBuf::from("/"), &host);
        let plain = launch(&permit, &command, "hello", &[], &host).unwrap();
        for text in &texts {
            let plan = launch(&permit, &command, text, &[], &host).unwrap();
            assert_eq!(plan.args(), plain.args(), "{} {text:?}", preset.name());
            assert!(plan.env().eq(plain.env()), "{} {text:?}", preset.name());
        }
    }
}

#[test]
fn known_programs_are_found_by_name_in_the_order_of_detection() {
    assert_eq!(PRESETS.each_ref().map(|preset| preset.name()), ["claude", "codex", "gemini", "opencode", "qwen"]);
    for (program, name) in
        [("claude", "claude"), ("/usr/bin/codex", "codex"), ("C/gemini.cmd", "gemini"), ("qwen.exe", "qwen")]
    {
        assert_eq!(preset(Path::new(program)).unwrap().name(), name);
    }
    for program in ["claude-x", "node", "", "/", "codex.sh"] {
        assert!(preset(Path::new(program)).is_none(), "{program:?}");
    }
    assert_eq!(prefix_line(Path::new("/opt/aider")), Some("Message:"));
    for (program, args, input, fits) in [
        ("/opt/aider", &["--yes", "--message-file", "/dev/stdin"][..], Input::Stdin, true),
        ("/opt/aider", &["--message-file=/dev/stdin"], Input::Stdin, true),
        ("/opt/aider", &["--message-file", "/dev/stdin"], Input::Both, false),
        ("/opt/aider", &["--message-file", "x"], Input::Stdin, false),
        ("/opt/aider", &[], Input::Stdin, false),
        ("/opt/other", &[], Input::Both, true),
    ] {
        let owned: Vec<String> = args.iter().map(ToString::to_string).collect();
        assert_eq!(reads_one_message(Path::new(program), &owned, input), fits, "{program} {args:?} {input:?}");
    }
    assert_eq!(prefix_line(Path::new("qwen")), Some("Message:"));
    assert_eq!(prefix_line(Path::new("codex")), None);
    assert_eq!(prefix_line(Path::new("node")), None);
}

#[test]
fn an_operators_word_replaces_a_default() {
    let claude = "-p --input-format stream-json --output-format stream-json --verbose --include-partial-messages";
    for (name, extra, expected) in [
        ("claude", &[][..], format!("{claude} --permission-prompt-tool stdio --setting-sources user")),
        (
            "claude",
            &["--setting-sources=", "--model", "x"],
            format!("{claude} --permission-prompt-tool stdio --setting-sources= --model x"),
        ),
        (
            "claude",
            &[
                "--print",
                "--output-format",
                "text",
                "-p",
                "--model=x",
                "--verbose",
                "--input-format=text",
                "--output-format",
            ],
            format!("{claude} --permission-prompt-tool stdio --setting-sources user --model=x"),
        ),
        ("codex", &[], "app-server".to_owned()),
        (
            "codex",
            &["-s", "workspace-write", "--model=gpt-5", "-c", "a=1"],
            r#"app-server -c sandbox_mode="workspace-write" -c model="gpt-5" -c a=1"#.to_owned(),
        ),
        (
            "codex",
            &["--profile", "x", "-m", "y"],
            "exec --skip-git-repo-check --color never --profile x -m y -".to_owned(),
        ),
        ("codex", &["--oss"], "exec --skip-git-repo-check --color never --sandbox read-only --oss -".to_owned()),
        ("gemini", &["-m", "x", "--acp"], "--acp -m x".to_owned()),
        ("gemini", &["-o", "json"], "--output-format text -o json".to_owned()),
        ("opencode", &["--pure"], "acp --pure".to_owned()),
        ("opencode", &["--model=x"], "run --model=x".to_owned()),
        ("qwen", &["--yolo"], "--acp --yolo".to_owned()),
        ("qwen", &[], "--acp --approval-mode default".to_owned()),
        ("qwen", &["--resume", "x"], "--output-format text --approval-mode default --resume x".to_owned()),
    ] {
        assert_eq!(args(name, extra), expected);
    }
}

#[test]
fn a_command_line_of_the_operators_own_is_no_preset_and_his_word_on_asking_stands() {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    for (name, args, is_meant, keeps_mode) in [
        ("claude", &["-p", "x"][..], true, false),
        ("codex", &[], true, false),
        ("codex", &["exec"], false, false),
        ("codex", &["-m", "x"], true, false),
        ("codex", &["--sandbox=workspace-write"], true, true),
        ("codex", &["-c", "approval_policy=\"never\""], true, true),
        ("codex", &["--config=sandbox_mode=\"read-only\""], true, true),
        ("codex", &["--oss"], false, false),
        ("gemini", &["-m", "x"], true, false),
        ("gemini", &["--approval-mode=plan"], true, true),
        ("gemini", &["-p", "x"], false, false),
        ("opencode", &["run", "--pure"], false, false),
        ("opencode", &["-m", "x"], false, false),
        ("qwen", &["--yolo"], true, true),
        ("qwen", &["mcp", "list"], false, false),
    ] {
        let (preset, args) = (preset(Path::new(name)).unwrap(), words(args));
        assert_eq!((preset.is_meant_by(&args), preset.keeps_mode(&args)), (is_meant, keeps_mode), "{name} {args:?}");
    }
}

#[test]
fn keys_of_a_cloud_pass_only_when_it_is_chosen() {
    let passes = |chosen: &[(&str, &str)]| {
        let host = HostEnv::new(chosen.iter().map(|(name, value)| (name.into(), value.into())));
        let command = preset(Path::new("claude")).unwrap().command(PathBuf::from("/c"), &[], PathBuf::from("/"), &host);
        ["AWS_*", "GOOGLE_*"].map(|name| command.env_pass.iter().any(|pass| pass == name))
    };
    assert_eq!(passes(&[]), [false, false]);
    assert_eq!(passes(&[("CLAUDE_CODE_USE_BEDROCK", "1")]), [true, false]);
    assert_eq!(passes(&[("CLAUDE_CODE_USE_VERTEX", "1"), ("CLAUDE_CODE_USE_BEDROCK", "")]), [false, true]);
}

#[test]
fn a_variable_of_the_operator_keeps_its_value() {
    let host = HostEnv::new([("DISABLE_AUTOUPDATER".into(), "0".into())]);
    let command = preset(Path::new("claude")).unwrap().command(PathBuf::from("/c"), &[], PathBuf::from("/"), &host);
    let plan = launch(&permit(), &command, "hello", &[], &host).unwrap();
    let value = |name: &str| plan.env().find(|(key, _)| *key == name).and_then(|(_, value)| value.to_str());
    assert_eq!(value("DISABLE_AUTOUPDATER"), Some("0"));
    assert_eq!(value("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"), Some("1"));
}
