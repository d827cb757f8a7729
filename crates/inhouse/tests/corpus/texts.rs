//! Texts that a program could take for an option, a command or a path: none changes how the agent is started, none is run, and each
//! arrives as it was sent.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::sent;
use crate::support::{Launch, Server, message, reason_of, scratch, state_of, text_of};

/// Tells how many arguments it has, each of them, and what it reads, all in base64.
const AGENT: &str = "#!/bin/sh\necho $#; for a; do printf %s \"$a\" | base64 | tr -d '\\n'; echo; done; echo stdin; base64 | tr -d '\\n'\n";

/// The marker that no text may leave, and the agents: by stdin, as the last argument, as both, and within an argument.
fn house() -> (PathBuf, Server) {
    let folder = scratch("texts");
    let agent = folder.join("agent.sh");
    fs::write(&agent, AGENT).unwrap();
    let agents: String = [
        ("stdin", "", "stdin"),
        ("argument", "", "argument"),
        ("both", "", "both"),
        ("within", ", \"--prompt={message}\"", "argument"),
    ]
    .map(|(name, more, input)| {
        format!(
            "[agents.{name}]\ncommand = [\"sh\", \"{}\", \"--fixed\"{more}]\ninput = \"{input}\"\n",
            agent.display()
        )
    })
    .concat();
    fs::write(folder.join("inhouse.toml"), agents).unwrap();
    let server = Launch::new(&["serve"]).directory(&folder).start();
    (folder.join("marker"), server)
}

/// Two hundred of them.
fn texts(marker: &Path) -> Vec<String> {
    let touch = format!("touch {}", marker.display());
    let heads = [
        "--version",
        "--",
        "-",
        "-p",
        "-c",
        "- item",
        "--help",
        "-h",
        "/cost",
        "/exit",
        "/help",
        "!ls",
        "@/etc/passwd",
        "#",
        "\u{1b}[31mred",
        "\u{1b}]52;c;ZXZpbA==\u{7}",
        "\u{202e}desrever",
        "\u{2066}hidden\u{2069}",
        "\u{feff}--version",
        "\u{2010}-version",
        "=",
        "%s%n",
        "..",
        "~",
        "*",
        "\\",
        "\"",
        "'",
        "$HOME",
        "{message}",
        &format!("!{touch}"),
        &format!("$({touch})"),
        &format!("`{touch}`"),
        &format!("; {touch} #"),
        &format!("| {touch}"),
        &format!("-c {touch}"),
        &format!("--exec={touch}"),
        &format!("--settings={{\"hooks\":{{\"Start\":\"{touch}\"}}}}"),
        &format!("'; {touch} '"),
        &format!("\n{touch}\n"),
    ]
    .map(str::to_owned);
    let forms: [fn(&str) -> String; 5] = [
        |text| text.to_owned(),
        |text| format!("{text}\n{text}"),
        |text| format!("{text} and more"),
        |text| format!("please\n{text}"),
        |text| format!("{text}={text}"),
    ];
    heads.iter().flat_map(|head| forms.map(|form| form(head))).collect()
}

/// What the agent has got: its arguments, and its input.
fn heard(answer: &str) -> (Vec<String>, String) {
    let decoded = |line: &str| String::from_utf8(STANDARD.decode(line).unwrap()).unwrap();
    let mut lines = answer.lines();
    let count: usize = lines.next().unwrap().parse().unwrap();
    let arguments: Vec<_> = lines.by_ref().take(count).map(decoded).collect();
    assert_eq!(lines.next(), Some("stdin"), "{answer}");
    (arguments, decoded(lines.next().unwrap_or_default()))
}

/// How a text stands where it is an argument of its own.
fn as_argument(text: &str) -> String {
    if text.starts_with('-') { format!(" {text}") } else { text.to_owned() }
}

#[test]
fn two_hundred_texts_change_no_argument_and_leave_no_marker() {
    let (marker, server) = house();
    let texts = texts(&marker);
    assert_eq!(texts.len(), 200);
    std::thread::scope(|scope| {
        for agent in ["stdin", "argument", "both", "within"] {
            let (texts, server) = (&texts, &server);
            scope.spawn(move || {
                for text in texts {
                    let (arguments, input) = heard(&text_of(&sent(server, agent, text)));
                    let fixed = "--fixed".to_owned();
                    let expected = match agent {
                        "stdin" => vec![fixed],
                        "within" => vec![fixed, format!("--prompt={text}")],
                        _ => vec![fixed, as_argument(text)],
                    };
                    assert_eq!(arguments, expected, "{agent} {text:?}");
                    let read = if ["stdin", "both"].contains(&agent) { text.as_str() } else { "" };
                    assert_eq!(input, read, "{agent} {text:?}");
                }
            });
        }
    });
    assert!(!marker.exists(), "a text was run");
}

#[test]
fn what_can_be_no_argument_is_refused_and_goes_through_stdin() {
    let (_, server) = house();
    let big = "x".repeat(900_000);
    for text in ["a\0b", big.as_str()] {
        let (_, input) = heard(&text_of(&sent(&server, "stdin", text)));
        assert!(input == text, "{} bytes", input.len());
        for agent in ["argument", "both", "within"] {
            let task = sent(&server, agent, text);
            assert_eq!((state_of(&task), reason_of(&task)), ("FAILED", "input_refused"), "{agent}");
        }
    }
    // More than a body may be.
    assert_eq!(server.post(&crate::support::rpc("SendMessage", message(&"x".repeat(1 << 20)))).status, 413);
}
