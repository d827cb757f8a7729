//! What a configuration file may say, and what is said about one that is wrong.

use super::super::model::CallerToken;
use super::*;
use crate::config::choices::{Containment, IdempotencyChoice, InputChoice, LogChoice, ProtocolChoice};

fn read_text(text: &str) -> Result<FileLayer, ConfigError> {
    let environment = HostEnv::new([("ANN_TOKEN".into(), "secret-of-ann".into()), ("EMPTY".into(), "".into())]);
    layer("inhouse.toml", Path::new("/srv"), text, &environment)
}

#[test]
fn every_table_is_read_with_its_lines() {
    let text = r#"
[server]
host = "0.0.0.0"
port = 9000
public_url = "https://agents.example.com/"
allowed_hosts = ["build7"]
allowed_origins = ["https://console.example.com"]
console = false
hardened = true
containment = "group"
require_sandbox = false
idempotency = "off"
log = "debug"

[limits]
request_timeout_ms = 1_000
body_bytes_max = 0x1000

[[callers]]
name = "ann"
token_env = "ANN_TOKEN"
[[callers]]
name = "ci"
admin = true
token_sha256 = "9F86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
"#;
    let FileLayer { layer, agents, .. } = read_text(text).unwrap();
    assert_eq!(layer.host.unwrap().origin.to_string(), "inhouse.toml:3");
    assert_eq!(layer.port.unwrap().value, 9000);
    assert_eq!(layer.public_url.unwrap().value.text, "https://agents.example.com");
    assert_eq!(layer.allowed_hosts.unwrap().value, ["build7"]);
    assert_eq!(layer.allowed_origins.unwrap().value, ["https://console.example.com"]);
    assert!(!layer.console.unwrap().value);
    assert!(layer.hardened.unwrap().value);
    assert_eq!(layer.containment.unwrap().value, Containment::Group);
    assert_eq!(layer.idempotency.unwrap().value, IdempotencyChoice::Off);
    assert_eq!(layer.log.unwrap().value, LogChoice::Debug);
    let limits: Vec<_> =
        layer.limits.iter().map(|(key, limit)| (*key, limit.value, limit.origin.to_string())).collect();
    assert_eq!(
        limits,
        [("body_bytes_max", 4096, "inhouse.toml:17".into()), ("request_timeout_ms", 1000, "inhouse.toml:16".into())]
    );
    let CallerToken::Variable { token, .. } = &layer.callers[0].token else { panic!() };
    assert_eq!((layer.callers[0].name.as_str(), token.expose()), ("ann", "secret-of-ann"));
    let CallerToken::Digest(digest) = &layer.callers[1].token else { panic!() };
    assert_eq!((digest[0], digest[31]), (0x9f, 0x08));
    assert_eq!([layer.callers[0].admin, layer.callers[1].admin], [false, true]);
    assert!(agents.is_empty());
}

#[test]
fn agents_keep_the_order_of_the_file() {
    let text = r#"
[agents.zulu]
command = ["node", "bot.js"]
title = "Zulu"
description = "Answers"
project = "shop"
input = "argument"
protocol = "text"
env = ["AWS_*", "KEY"]
env_set = { MODE = "quick" }
timeout_ms = 5000
callers = ["ann"]
default = true

[[agents.zulu.skills]]
id = "review"
examples = ["review my change"]

[agents.alpha]
preset = "codex"
args = ["-m", "x"]
"#;
    let agents = read_text(text).unwrap().agents;
    let [zulu, alpha] = agents.as_slice() else { panic!() };
    assert_eq!((zulu.name.value.as_str(), alpha.name.value.as_str()), ("zulu", "alpha"));
    assert_eq!(zulu.command.as_ref().unwrap().value, ["node", "bot.js"]);
    assert_eq!((zulu.project.as_ref().unwrap().value.as_str(), zulu.base.as_path()), ("shop", Path::new("/srv")));
    assert_eq!(zulu.input.as_ref().unwrap().value, InputChoice::Argument);
    assert_eq!(zulu.protocol.as_ref().unwrap().value, ProtocolChoice::Text);
    assert_eq!(zulu.env_pass, ["AWS_*", "KEY"]);
    assert_eq!(zulu.env_set, [("MODE".to_owned(), "quick".to_owned())]);
    assert!(zulu.default && !alpha.default);
    let review = &zulu.skills[0];
    assert_eq!((review.name.as_str(), review.tags.as_slice()), ("review", &["review".to_owned()][..]));
    assert_eq!(alpha.preset.as_ref().unwrap().origin.to_string(), "inhouse.toml:20");
    assert_eq!(alpha.args.as_ref().unwrap().value, ["-m", "x"]);
}

#[test]
fn a_wrong_key_is_named_with_its_line_and_the_nearest_right_one() {
    let cases = [
        ("[server]\nprot = 1\n", "inhouse.toml:2:1: unknown key \"prot\" in [server]", "did you mean port?"),
        ("[sever]\n", "inhouse.toml:1:2: unknown key \"sever\" in the top level", "did you mean server?"),
        ("port = 1\n", "inhouse.toml:1:1: unknown key \"port\" in the top level", "port belongs in [server]"),
        (
            "[server]\nbody_bytes_max = 1\n",
            "inhouse.toml:2:1: unknown key \"body_bytes_max\" in [server]",
            "body_bytes_max belongs in [limits]",
        ),
        (
            "[limits]\n\n# a comment\nrequest_timeout = 1\n",
            "inhouse.toml:4:1: unknown key \"request_timeout\" in [limits]",
            "did you mean request_timeout_ms?",
        ),
        (
            "[agents.bot]\ncommand = [\"x\"]\ninputs = \"stdin\"\n",
            "inhouse.toml:3:1: unknown key \"inputs\" in [agents.bot]",
            "did you mean input?",
        ),
        (
            "[[callers]]\nname = \"ann\"\ntoken_env = \"ANN_TOKEN\"\ntelemetry = 1\n",
            "inhouse.toml:4:1: unknown key \"telemetry\" in [[callers]]",
            "[[callers]] may have: name, token_sha256, token_env, certificate, admin",
        ),
    ];
    for (text, message, hint) in cases {
        let error = read_text(text).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.hint().as_deref()), (message, Some(hint)), "{text}");
    }
}

#[test]
fn a_wrong_value_is_named_with_its_line_and_what_was_expected() {
    let cases = [
        ("[server]\nport = \"http\"", "inhouse.toml:2: port must be a whole number from 0 to 65535, found \"http\""),
        ("[server]\nport = -1", "inhouse.toml:2: port must be a whole number from 0 to 65535, found -1"),
        ("[server]\nhost = \"\"", "inhouse.toml:2: host must be a string that is not empty, found \"\""),
        ("[server]\nhost = [1]", "inhouse.toml:2: host must be a string that is not empty, found an array"),
        ("[server]\nhardened = 1", "inhouse.toml:2: hardened must be true or false, found 1"),
        (
            "[server]\ncontainment = \"vm\"",
            "inhouse.toml:2: containment must be \"auto\" or \"namespace\" or \"reaper\" or \"group\", found \"vm\"",
        ),
        (
            "[server]\npublic_url = \"agents.example.com\"",
            "inhouse.toml:2: public_url must be http:// or https://, a host and perhaps a port, without a path, found \
             \"agents.example.com\"",
        ),
        (
            "[limits]\nrate_limit_rpm = 0",
            "inhouse.toml:2: rate_limit_rpm must be a whole number from 1 to 1000000, found 0",
        ),
        ("server = 1", "inhouse.toml:1: server must be a table, found 1"),
        ("[agents]\nbot = 1", "inhouse.toml:2: agents.bot must be a table, found 1"),
        (
            "[agents.bot]\ncommand = []",
            "inhouse.toml:2: command must be an array with the program first, found no program",
        ),
        ("[agents.bot]\ncommand = \"x\"", "inhouse.toml:2: command must be an array of strings, found \"x\""),
        (
            "[agents.bot]\nenv = [\"*\"]",
            "inhouse.toml:2: env must be names of variables, or prefixes like \"AWS_*\", found \"*\"",
        ),
        ("[[callers]]\nname = \"ann\"", "inhouse.toml:1: [[callers]] has no token_sha256, token_env or certificate"),
        (
            "[[callers]]\nname = \"ann\"\ntoken_env = \"EMPTY\"",
            "inhouse.toml:3: token_env names EMPTY, which the environment does not have",
        ),
        (
            "[[callers]]\nname = \"a b\"\ntoken_env = \"ANN_TOKEN\"",
            "inhouse.toml:2: name must be 1 to 128 printable ASCII characters without spaces, found \"a b\"",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(read_text(text).unwrap_err().to_string(), message, "{text}");
    }
    let digest = "[[callers]]\nname = \"ann\"\ntoken_sha256 = \"abc\"";
    let error = read_text(digest).unwrap_err().to_string();
    assert!(error.starts_with("inhouse.toml:3: token_sha256 must be ") && !error.contains("abc"), "{error}");
}

#[test]
fn what_is_no_toml_is_named_with_its_line() {
    for (text, line) in [("[server\n", 1), ("[server]\nhost = \n", 2), ("[server]\nport = 1\nport = 2\n", 3)] {
        let error = read_text(text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("inhouse.toml:{line}: ")) && !error.contains('\n'), "{error}");
    }
}
