//! What of a line of an agent's stderr is shown.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use inhouse_trust::Redactor;

fn redactor() -> Redactor {
    let keys = [
        ("ANTHROPIC_API_KEY", "hunter2-long"),
        ("Db_Password", "hunter2-long-and-more"),
        ("PEM_KEY", "line-one\nline-two\n"),
    ];
    Redactor::new(keys.into_iter().chain([("X_TOKEN", "ab"), ("HOME", "/home/ann")]))
}

#[test]
fn secrets_and_token_like_strings_are_masked() {
    let cases = [
        ("key hunter2-long is bad", "key [redacted] is bad"),
        ("hunter2-long-and-more line-two", "[redacted] [redacted]"),
        ("hunter2-\u{1b}[0mlong", "[redacted]"),
        ("invalid x-api-key: sk-ant-api03-abc_DEF", "invalid x-api-key: [redacted]"),
        ("key=sk-proj-12345678 next", "key=[redacted] next"),
        ("'ghp_abcdefgh12345678'", "'[redacted]'"),
        ("AKIAIOSFODNN7EXAMPLE", "[redacted]"),
        ("authorization: Bearer abc.def!x y", "authorization: Bearer [redacted] y"),
        ("bEARER   é y", "bEARER   [redacted] y"),
        ("eyJhbGciOi.eyJzdWIi.c2lnbmF0", "[redacted]"),
        ("sha 0123456789abcdef0123456789abcdef01234567.", "sha [redacted]."),
        ("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0NTY3ODkwYWJj/+==", "[redacted]"),
    ];
    let _ = cases.map(|(line, expected)| assert_eq!(redactor().line(line), expected, "{line:?}"));
}

#[test]
fn terminal_escapes_and_hidden_characters_are_taken_out() {
    let cases = [
        ("é \u{1b}[1;31m日\u{1b}[0m\u{9b}31m本\u{1b}", "é 日本"),
        ("\u{1b}]52;c;ZXZpbA==\u{7}after", "after"),
        ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
        ("\u{1b}Pq#0\u{1b}\\x\u{9d}0;title\u{9c}y", "xy"),
        ("\u{1b}(Bx\u{1b}7y\u{1b}cz", "xyz"),
        ("x\u{1b}]never ends", "x"),
        ("a\tb\r\nc\u{2028}d\u{a0}e", "a b  c d e"),
        ("\0\u{8}\u{7f}user\u{202e}gpj.exe\u{2066}\u{200b}\u{feff}\u{1b}[", "usergpj.exe"),
    ];
    let _ = cases.map(|(line, expected)| assert_eq!(redactor().line(line), expected, "{line:?}"));
}

#[test]
fn what_helps_to_find_the_fault_stays() {
    let cases = [
        "Error: Cannot find module '/home/ann/code/some-project/node_modules/left-pad/index.js'",
        "task-force sk-learn ab /home/ann AKIA bearer",
        "no such file: /srv/agents/2026/build/target/debug/deps/output",
        "supercalifragilisticexpialidociousSupercalifragilistic 0123456789012345678901234567890123456789",
        "panicked at src/main.rs:4:5: ----------------------------------------, id 123e4567-e89b-12d3-a456-426614174000, é 日本",
    ];
    let _ = cases.map(|line| assert_eq!(redactor().line(line), line));
}

#[test]
fn a_line_of_any_length_is_masked_in_linear_time_and_then_cut() {
    let long = format!("{}hunter2-long", "x ".repeat(148));
    let shown = redactor().line(&long);
    assert_eq!((shown.chars().count(), shown.contains("hunter")), (300, false));
    assert!(!format!("{:?}", redactor()).contains("hunter"));
    for part in ["é", "-", "a-", "eyJ ", "bearer ", "Bearer", "sk-", "/a1", "\u{1b}]", "\u{1b}["] {
        assert!(redactor().line(&part.repeat(1 << 18)).chars().count() <= 300, "{part:?}");
    }
}
