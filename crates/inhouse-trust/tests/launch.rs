//! Tables over hostile texts and canary variables (threats 1 and 2).

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use inhouse_trust::{
    ARGUMENT_BYTES_MAX, AgentCommand, AgentName, HostEnv, Input, LaunchError, LaunchPlan, Operation, Permit, Policy,
    Principal, Secret, TokenDigest, Tokens, grants, launch,
};

fn permit(operation: Operation) -> Permit {
    let ann = (Principal::new("ann").unwrap(), TokenDigest::of(&Secret::new("token".into())));
    let caller = Tokens::new([ann]).caller(&[b"Bearer token"], 0).unwrap();
    grants(&caller, operation, &AgentName::new("demo").unwrap(), &Policy::default()).unwrap()
}

fn command(args: &[&str], input: Input) -> AgentCommand {
    AgentCommand {
        program: "/usr/bin/agent".into(),
        args: args.iter().map(ToString::to_string).collect(),
        input,
        env_pass: Vec::new(),
        env_set: Vec::new(),
        directory: "/srv".into(),
    }
}

fn plan(command: &AgentCommand, text: &str) -> Result<LaunchPlan, LaunchError> {
    launch(&permit(Operation::Send), command, text, &[], &HostEnv::default())
}

fn env_of(command: &AgentCommand, turn_env: &[(&str, String)], host: &[(&str, &str)]) -> BTreeMap<String, String> {
    let host = HostEnv::new(host.iter().map(|(name, value)| (name.into(), value.into())));
    let plan = launch(&permit(Operation::Stream), command, "hi", turn_env, &host).unwrap();
    let text = |part: &OsStr| part.to_str().unwrap().to_string();
    plan.env().map(|(name, value)| (text(name), text(value))).collect()
}

#[test]
fn a_text_that_looks_like_an_option_stays_one_value() {
    let hostile = "--version|--|-|-p|-p --model x|- item|--settings={\"hooks\":1}|-\n-x|--{message}|-\u{2028}|--help\r\n--version";
    for text in hostile.split('|') {
        for input in [Input::Argument, Input::Both] {
            let plan = plan(&command(&["run"], input), text).unwrap();
            assert_eq!(plan.args(), ["run".to_string(), format!(" {text}")], "{text}");
        }
        let placed = plan(&command(&["{message}", "--text={message}", "end"], Input::Both), text).unwrap();
        assert_eq!(placed.args(), [format!(" {text}"), format!("--text={text}"), "end".to_string()], "{text}");
        assert!(!placed.text_on_stdin());
        for input in [Input::Stdin, Input::Protocol] {
            assert_eq!(plan(&command(&["run"], input), text).unwrap().args(), ["run"], "{text}");
        }
    }
}

#[test]
fn a_text_that_is_no_option_goes_where_the_input_mode_says_to_the_byte() {
    let texts = "|hello| --x|/cost|!ls|@/etc/passwd|$(id) `id` ; rm|a\nb\"'\\|{message}|日本|\u{2013}x";
    for text in texts.split('|') {
        let cases =
            [(Input::Stdin, 0, true), (Input::Argument, 1, false), (Input::Both, 1, true), (Input::Protocol, 0, false)];
        for (input, args, stdin) in cases {
            let plan = plan(&command(&[], input), text).unwrap();
            assert_eq!((plan.args(), plan.text_on_stdin()), (&[text.to_string()][..args], stdin), "{input:?}");
        }
    }
}

#[test]
fn a_text_that_no_argument_can_hold_is_refused_with_the_cure() {
    let long = "x".repeat(ARGUMENT_BYTES_MAX + 1);
    for args in [&[][..], &["{message}"]] {
        let command = command(args, Input::Argument);
        assert_eq!(plan(&command, &long[1..]).unwrap().args()[0].len(), ARGUMENT_BYTES_MAX);
        for text in ["a\0b", long.as_str()] {
            let error = plan(&command, text).unwrap_err();
            assert!(error.to_string().contains("AGENT_INPUT=stdin"), "{error}");
        }
    }
    let grown = plan(&command(&["{message}{message}"], Input::Argument), &long[..ARGUMENT_BYTES_MAX / 2 + 1]);
    assert_eq!(grown.unwrap_err(), LaunchError::ArgumentTooLong(ARGUMENT_BYTES_MAX + 2));
    assert!(plan(&command(&[], Input::Stdin), "a\0b").unwrap().text_on_stdin());
}

#[test]
fn only_a_permit_to_send_and_an_absolute_program_start_anything() {
    for operation in [Operation::Get, Operation::List, Operation::Cancel, Operation::Subscribe, Operation::Push] {
        let answer = launch(&permit(operation), &command(&[], Input::Stdin), "", &[], &HostEnv::default());
        assert_eq!(answer.unwrap_err(), LaunchError::NotAStart(operation));
    }
    for program in ["agent", "./agent", "../agent", ""] {
        let relative = AgentCommand { program: program.into(), ..command(&[], Input::Stdin) };
        assert!(matches!(plan(&relative, ""), Err(LaunchError::ProgramNotAbsolute(_))), "{program}");
    }
}

#[test]
fn no_variable_passes_that_is_not_allowed() {
    let canaries = "API_TOKEN INHOUSE_TOKEN INHOUSE_URL INHOUSE_ inhouse_token Api_Token AWS_SECRET_ACCESS_KEY ANTHROPIC_API_KEY DATABASE_URL LD_PRELOAD \
        NODE_OPTIONS PYTHONPATH SSH_AUTH_SOCK PATHX XPATH LC Path AGENT_CMD HTTPS_PROXY_PASSWORD XDG_RUNTIME_DIR";
    let allowed = [("LC_ALL", "C"), ("PATH", "/bin"), ("TERM", "dumb")];
    let host: Vec<_> = canaries.split(' ').map(|name| (name, "canary")).chain(allowed).collect();
    let expected = allowed.map(|(name, value)| (name.into(), value.into())).into();
    assert_eq!(env_of(&command(&[], Input::Stdin), &[], &host), expected);
}

#[test]
fn an_allowed_prefix_never_lets_the_servers_own_pass() {
    let host = "INHOUSE_TOKEN API_TOKEN API_BASE ANTHROPIC_API_KEY ANTHROPICX TERM";
    let host: Vec<_> = host.split(' ').map(|name| (name, "value")).collect();
    let env_pass = ["INHOUSE_*", "API_*", "API_TOKEN", "INHOUSE_TOKEN", "ANTHROPIC_*"].map(String::from).into();
    let env = env_of(&AgentCommand { env_pass, ..command(&[], Input::Stdin) }, &[], &host);
    assert_eq!(env.into_keys().collect::<Vec<_>>(), ["ANTHROPIC_API_KEY", "API_BASE", "TERM"]);
}

#[test]
fn the_turns_variables_win_over_the_commands_and_those_over_the_servers() {
    let env_set = [("A", "command"), ("HOME", "command")].map(|(name, value)| (name.into(), value.into())).into();
    let command = AgentCommand { env_set, ..command(&[], Input::Stdin) };
    let env = env_of(&command, &[("A", "turn".into())], &[("HOME", "server"), ("A", "server")]);
    assert_eq!((env["A"].as_str(), env["HOME"].as_str()), ("turn", "command"));
}

#[test]
fn a_name_that_could_smuggle_a_variable_is_refused() {
    for name in ["", "A=B", "A\0", "*", "A*", "_*"] {
        let pass = AgentCommand { env_pass: vec![name.into()], ..command(&[], Input::Stdin) };
        let set = AgentCommand { env_set: vec![(name.into(), "x".into())], ..command(&[], Input::Stdin) };
        assert!([pass, set].iter().all(|command| plan(command, "").is_err()));
    }
    let set = AgentCommand { env_set: vec![("A".into(), "x\0B=y".into())], ..command(&[], Input::Stdin) };
    assert_eq!(plan(&set, "").unwrap_err(), LaunchError::Environment("A".into()));
}

#[test]
fn debug_shows_neither_text_nor_secrets() {
    let env_set = vec![("KEY".into(), "canary".into())];
    let secret = AgentCommand { env_set, ..command(&["--key=canary"], Input::Both) };
    let host = HostEnv::new([("HOME".into(), "canary".into())]);
    let plan = launch(&permit(Operation::Send), &secret, "canary", &[("T", "canary".into())], &host).unwrap();
    let shown = format!("{secret:?} {plan:?} {host:?}");
    let expected = "AgentCommand(\"/usr/bin/agent\", 1 args, Both, in \"/srv\") \
        LaunchPlan(\"/usr/bin/agent\", 2 args, 4 variables, in \"/srv\", stdin true) {\"HOME\"}";
    assert_eq!(shown, expected, "what the text, an argument or a variable holds is not shown");
}

#[test]
fn of_the_servers_environment_only_text_is_read() {
    let strange = || OsStr::from_bytes(b"\xff").to_owned();
    let host = HostEnv::new([
        ("HOME".into(), "/home/ann".into()),
        ("EMPTY".into(), "".into()),
        ("STRANGE".into(), strange()),
        (strange(), "x".into()),
    ]);
    assert_eq!(
        ["HOME", "EMPTY", "STRANGE", "home"].map(|name| host.get(name)),
        [Some("/home/ann"), Some(""), None, None]
    );
    assert_eq!(host.iter().collect::<Vec<_>>(), [("EMPTY", ""), ("HOME", "/home/ann")]);
}
