//! The text driver over real processes: what a program reads, writes and returns is what the caller gets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use inhouse_agents::{AgentSpec, ExitMeaning, Exits, Limits, ProgramSpec, Protocol};
use inhouse_engine::agent::{End, Failure, Note, Reason};
use inhouse_engine::cancel::CancelSource;
use inhouse_trust::{AgentCommand, Input};
use support::{Collected, command, script, spec, take, turn};

fn completed() -> End {
    End::Completed(Note::default())
}

fn failed(reason: Reason, detail: &str) -> End {
    End::Failed(Failure::new(reason, detail))
}

async fn once(command: AgentCommand, text: &str) -> (String, End) {
    let (_source, cancel) = CancelSource::new();
    let mut output = Collected::default();
    let end = take(spec(command, Protocol::Text), &turn(text, cancel), &mut output).await;
    (output.text, end)
}

#[tokio::test]
async fn a_text_of_200_kilobytes_comes_back_exactly() {
    let text = "añ日🦀\r\n\t".repeat(15_000);
    assert_eq!(script("cat", &text).await, (text, completed()));
}

#[tokio::test]
async fn a_text_reaches_an_argument_standard_input_or_both() {
    let show = ["-c", "printf '%s|' \"$@\"; cat", "sh"];
    for (input, text, expected) in [
        (Input::Stdin, "--version", "|--version"),
        (Input::Argument, "--version", " --version|"),
        (Input::Both, "a 'b'\n", "a 'b'\n|a 'b'\n"),
    ] {
        assert_eq!(once(command("/bin/sh", &show, input), text).await, (expected.to_owned(), completed()), "{input:?}");
    }
    let placed = ["-c", "printf '%s|' \"$@\"; cat", "sh", "--text={message}", "x"];
    assert_eq!(once(command("/bin/sh", &placed, Input::Both), "hi").await.0, "--text=hi|x|");
}

#[tokio::test]
async fn a_prefix_line_stands_before_the_text() {
    let prefix_line = Some("Message:".to_owned());
    let program = ProgramSpec::new(command("/bin/cat", &[], Input::Stdin), Protocol::Text);
    let spec = AgentSpec::Program(Box::new(ProgramSpec { prefix_line, ..program }));
    let (_source, cancel) = CancelSource::new();
    let mut output = Collected::default();
    take(spec, &turn("!ls", cancel), &mut output).await;
    assert_eq!(output.text, "Message:\n!ls");
}

#[tokio::test]
async fn what_an_argument_can_not_hold_is_refused_with_the_cure() {
    for text in ["nul \0".to_owned(), "x".repeat(140_000)] {
        let (_, end) = once(command("/bin/echo", &[], Input::Argument), &text).await;
        let End::Failed(failure) = end else { panic!("{end:?}") };
        assert_eq!(failure.reason, Reason::InputRefused);
        assert!(failure.detail.unwrap().ends_with("set AGENT_INPUT=stdin"));
    }
}

#[tokio::test]
async fn a_program_that_reads_nothing_can_answer() {
    let text = "x".repeat(1 << 20);
    assert_eq!(script("exec <&-; echo done", &text).await, ("done\n".to_owned(), completed()));
    assert_eq!(script("head -c 3; exec >&-", &text).await, ("xxx".to_owned(), completed()));
}

#[tokio::test]
async fn a_program_that_writes_before_it_reads_does_not_block() {
    let text = "y".repeat(300_000);
    let (answer, end) = script("head -c 500000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero >&2; cat", &text).await;
    assert_eq!((answer.len(), end), (800_000, completed()));
    assert!(answer.ends_with(&text));
}

#[tokio::test]
async fn exit_codes_mean_what_the_operator_says() {
    for (code, end) in [
        (2, failed(Reason::InputRefused, "why")),
        (3, End::AuthRequired(Note { text: Some("why".to_owned()), data: None })),
        (4, failed(Reason::AgentFailed, "why")),
    ] {
        let (_source, cancel) = CancelSource::new();
        let command = command("/bin/sh", &["-c", &format!("echo why >&2; exit {code}")], Input::Stdin);
        let AgentSpec::Program(mut spec) = spec(command, Protocol::Text) else { panic!("a program") };
        spec.exits = Exits::from_iter([(2, ExitMeaning::Failed(Reason::InputRefused)), (3, ExitMeaning::AuthRequired)]);
        let mut output = Collected::default();
        assert_eq!(take(AgentSpec::Program(spec), &turn("", cancel), &mut output).await, end, "{code}");
    }
}

#[tokio::test]
async fn the_exit_tells_of_success_and_the_last_error_line_why_not() {
    for (program, text, end) in [
        (
            "echo half; echo first >&2; echo '  why: sk-ant-api03-abcdefgh ' >&2; echo >&2; exit 3",
            "half\n",
            "why: [redacted]",
        ),
        ("printf 'cut of' >&2; exit 1", "", "cut of"),
        ("exit 4", "", "exit code 4"),
        ("kill -9 $$", "", "killed by signal 9"),
    ] {
        assert_eq!(script(program, "").await, (text.to_owned(), failed(Reason::AgentFailed, end)), "{program}");
    }
}

#[tokio::test]
async fn a_program_that_can_not_start_fails_the_turn() {
    let (_, end) = once(command("/no/such/program", &[], Input::Stdin), "hi").await;
    assert_eq!(end, failed(Reason::StartFailed, "the agent's program can not be started: entity not found"));
    let (_, end) = once(command("relative", &[], Input::Stdin), "hi").await;
    assert_eq!(end, failed(Reason::StartFailed, "the agent can not be started as it is configured"));
}

#[tokio::test]
async fn what_holds_the_pipe_open_does_not_hold_up_the_turn() {
    assert_eq!(script("sleep 300 & echo done", "").await, ("done\n".to_owned(), completed()));
    assert_eq!(script("sleep 300 >&2 & echo why >&2; exit 2", "").await.1, failed(Reason::AgentFailed, "why"));
}

#[tokio::test]
async fn the_environment_is_an_allow_list_and_names_the_turn() {
    let (text, _) = script("env | cut -d= -f1 | sort", "").await;
    for name in ["A2A_TASK_ID", "A2A_CONTEXT_ID", "A2A_TURN", "INHOUSE_HOPS", "PATH"] {
        assert!(text.lines().any(|line| line == name), "{name} in {text}");
    }
    assert!(!text.contains("CARGO"), "{text}");
    assert_eq!(script("echo $A2A_TASK_ID $A2A_CONTEXT_ID $A2A_TURN", "").await.0, "task-1 context-1 1\n");
}

#[tokio::test]
async fn an_agent_that_stays_silent_too_long_fails_in_its_own_time() {
    let silent = |limits: Limits, program: &str| {
        let command = command("/bin/sh", &["-c", program], Input::Stdin);
        AgentSpec::Program(Box::new(ProgramSpec { limits, ..ProgramSpec::new(command, Protocol::Text) }))
    };
    let first = Limits { first_event_ms: Some(150), ..Limits::default() };
    let idle = Limits { idle_ms: Some(150), ..Limits::default() };
    for (limits, program, detail) in [
        (first, "sleep 300; echo late", "the agent said nothing for 150 ms"),
        (idle, "echo begun; sleep 300", "the agent wrote nothing for 150 ms"),
    ] {
        let (_source, cancel) = CancelSource::new();
        let end = take(silent(limits, program), &turn("", cancel), &mut Collected::default()).await;
        assert_eq!(end, End::Failed(Failure::new(Reason::Timeout, detail)), "{program}");
    }
    for (limits, program) in [
        (first, "echo begun; sleep 0.4; echo done"),
        (Limits { idle_ms: Some(1_000), ..first }, "for n in 1 2 3 4 5; do echo $n; sleep 0.05; done"),
    ] {
        let (_source, cancel) = CancelSource::new();
        let end = take(silent(limits, program), &turn("", cancel), &mut Collected::default()).await;
        assert_eq!(end, completed(), "{program}");
    }
}

#[tokio::test]
async fn a_cancel_ends_the_program_even_if_it_will_not() {
    for program in
        ["echo begun; sleep 300", "trap '' TERM; echo begun; while :; do sleep 1; done", "echo begun; kill -STOP $$"]
    {
        let (source, cancel) = CancelSource::new();
        let mut output = Collected { cancel_at: Some(("begun", source)), ..Collected::default() };
        let limits = Limits { stop_ms_max: 200, ..Limits::default() };
        let command = command("/bin/sh", &["-c", program], Input::Stdin);
        let spec = AgentSpec::Program(Box::new(ProgramSpec { limits, ..ProgramSpec::new(command, Protocol::Text) }));
        assert_eq!(take(spec, &turn("", cancel), &mut output).await, End::Canceled(Note::default()), "{program}");
    }
}

#[tokio::test]
async fn a_task_that_takes_no_more_ends_the_program() {
    let (_source, cancel) = CancelSource::new();
    let mut output = Collected { text_bytes_max: Some(100_000), ..Collected::default() };
    let command = command("/bin/sh", &["-c", "while :; do echo flood; done"], Input::Stdin);
    let end = take(spec(command, Protocol::Text), &turn("", cancel), &mut output).await;
    assert_eq!(end, End::Canceled(Note::default()));
    assert!(output.text.len() <= 100_000 + (64 << 10));
}

#[tokio::test]
async fn escapes_and_broken_characters_never_reach_a_caller() {
    let (text, _) = script(r"printf 'a\033]52;c;eA==\007b\303'; printf '\251\377\033[31mc'", "").await;
    assert_eq!(text, "abé\u{fffd}c");
}
