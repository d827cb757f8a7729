//! The mapped driver over real processes: a script with JSON lines of its own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use inhouse_agents::{AgentSpec, Mapping, Meaning, Pointer, Protocol};
use inhouse_engine::agent::{End, Failure, Reason};
use inhouse_engine::cancel::CancelSource;
use inhouse_trust::Input;
use support::{agent, answered, command, once, spec, turn};

fn speaks(script: &str, input: Input) -> AgentSpec {
    let at = |text: &str| Pointer::new(text);
    let of = |kind: &str, meaning: Meaning| Meaning { when: vec![(at("/t").unwrap(), kind.to_owned())], ..meaning };
    let lines = vec![
        of("piece", Meaning { text: at("/d"), ..Meaning::default() }),
        of("end", Meaning { session: at("/id"), done: true, ..Meaning::default() }),
    ];
    // What stands after the script are its own arguments, from `$1` on.
    let command = command("/bin/sh", &["-c", script, "bot"], input);
    let AgentSpec::Program(mut spec) = spec(command, Protocol::Mapped) else { panic!("a program") };
    spec.mapping = Mapping { lines, resume: vec!["--resume={session}".to_owned()] };
    AgentSpec::Program(spec)
}

#[tokio::test]
async fn the_text_stands_on_standard_input_and_a_session_is_resumed_by_its_arguments() {
    let script = r#"read -r text; echo '{"t":"piece","d":"'"$# $1 $text"'"}'; echo '{"t":"end","id":"s-1"}'"#;
    let agent = agent(speaks(script, Input::Stdin));
    assert_eq!(answered(&agent, "c1", true).await, ("0  hi".to_owned(), vec![]));
    assert_eq!(answered(&agent, "c1", false).await, ("1 --resume=s-1 hi".to_owned(), vec![]));
    let begins = "there is no earlier conversation in this context: one begins".to_owned();
    assert_eq!(answered(&agent, "c2", false).await, ("0  hi".to_owned(), vec![begins]));
}

#[tokio::test]
async fn the_text_as_an_argument_stands_behind_those_of_the_session() {
    let script = r#"echo '{"t":"piece","d":"'"$*"'"}'; echo '{"t":"end","id":"s-1"}'"#;
    let agent = agent(speaks(script, Input::Argument));
    assert_eq!(answered(&agent, "c1", true).await.0, "hi");
    assert_eq!(answered(&agent, "c1", false).await.0, "--resume=s-1 hi");
}

#[tokio::test]
async fn a_session_that_can_not_be_resumed_is_not_tried_for_ever() {
    let script = r#"read -r text; [ $# = 0 ] || { echo 'error: no such session' >&2; exit 3; }
        echo '{"t":"piece","d":"new"}'; echo '{"t":"end","id":"s-1"}'"#;
    let agent = agent(speaks(script, Input::Stdin));
    assert_eq!(answered(&agent, "c1", true).await.0, "new");
    let (_source, cancel) = CancelSource::new();
    let mut again = turn("hi", cancel);
    again.context_id = "c1".into();
    let mut output = support::Collected::default();
    let end = support::take_again(&agent, &again, &mut output).await;
    assert!(
        matches!(&end, End::Failed(failure) if failure.detail.as_deref() == Some("error: no such session")),
        "{end:?}"
    );
    assert_eq!(answered(&agent, "c1", true).await.0, "new");
}

#[tokio::test]
async fn an_exit_code_alone_is_no_success() {
    let (_source, cancel) = CancelSource::new();
    let (output, end) = once(speaks(r#"echo '{"t":"piece","d":"half"}'"#, Input::Stdin), &turn("", cancel)).await;
    assert!(matches!(end, End::Failed(Failure { reason: Reason::AgentProtocol, .. })), "{end:?}");
    assert_eq!(output.text, "half");
}
