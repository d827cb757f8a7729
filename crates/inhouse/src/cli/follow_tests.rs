//! How a followed task ends: what is said, and with which code.

use std::process::ExitCode;

use super::super::connection::tests::resolve;
use super::super::output::tests::seen;
use super::*;

fn transcript(state: TaskState, note: Option<&str>) -> Transcript {
    let mut transcript = Transcript::default();
    transcript.task_id = Some("t1".to_owned());
    transcript.context_id = Some("c1".to_owned());
    transcript.state = Some(state);
    transcript.note = note.map(str::to_owned);
    transcript
}

/// Concludes, and returns the code and what stands on stderr.
fn concluded(transcript: &Transcript, url: Option<&str>, show: Show, until: Until) -> (ExitCode, String) {
    let connection = resolve(url, None, &[]).unwrap_or_else(|problem| panic!("{problem:?}"));
    let (mut output, out, err) = seen(false);
    let outcome = Follower { connection: &connection, output: &mut output, show, until }.conclude(transcript);
    let code = output.finish(outcome);
    assert_eq!(out.text(), "", "stdout carries the answer only");
    (code, err.text())
}

#[test]
fn the_end_of_a_task_is_told_with_the_exact_next_command() {
    let answered = |state, note| concluded(&transcript(state, note), None, Show::Nothing, Until::Answered);
    for (state, note, code, said) in [
        (TaskState::Completed, Some("done"), 0, ""),
        (
            TaskState::Failed,
            Some("timeout: too slow\u{7}"),
            1,
            "error: task t1: failed: timeout: too slow\\u{7}\nhint: see the task with: inhouse task get t1\n",
        ),
        (TaskState::Rejected, None, 1, "error: task t1: rejected\nhint: see the task with: inhouse task get t1\n"),
        (TaskState::Canceled, None, 1, "error: task t1: canceled\nhint: see the task with: inhouse task get t1\n"),
        (
            TaskState::InputRequired,
            Some("which one?"),
            3,
            "which one?\nhint: answer with: inhouse send --task t1 \"…\"\n",
        ),
        (
            TaskState::AuthRequired,
            Some("log in"),
            3,
            "log in\nhint: give the agent its credential, then follow the task with: inhouse task watch t1\n",
        ),
    ] {
        assert_eq!(answered(state, note), (ExitCode::from(code), said.to_owned()), "{state:?}");
    }
}

#[test]
fn a_command_in_a_hint_reaches_the_server_that_was_typed() {
    let (_, said) = concluded(
        &transcript(TaskState::InputRequired, Some("?")),
        Some("http://h:1/a"),
        Show::Nothing,
        Until::Answered,
    );
    assert_eq!(said, "?\nhint: answer with: inhouse send --task t1 \"…\" --url http://h:1/a\n");
}

#[test]
fn what_is_anothers_to_decide_is_followed_and_not_answered() {
    let mut waiting = transcript(TaskState::InputRequired, Some("May it?"));
    waiting.request = Some(serde_json::json!({"decides": "approver"}));
    let (code, said) = concluded(&waiting, None, Show::Nothing, Until::Answered);
    assert_eq!(code, ExitCode::from(3));
    assert_eq!(said, "May it?\nhint: when it is decided, follow the task with: inhouse task watch t1\n");
}

#[test]
fn a_live_answer_names_its_conversation_and_a_watched_question_is_asked_once() {
    let (code, said) = concluded(&transcript(TaskState::Completed, None), None, Show::Live, Until::Answered);
    assert_eq!((code, said.as_str()), (ExitCode::SUCCESS, "task t1: completed, context c1\n"));
    let (code, said) = concluded(&transcript(TaskState::InputRequired, Some("?")), None, Show::Live, Until::Ended);
    assert_eq!((code, said.as_str()), (ExitCode::from(3), ""));
}

#[test]
fn an_interrupted_or_lost_stream_says_how_to_follow_and_how_to_cancel() {
    let connection = resolve(None, None, &[]).unwrap_or_else(|problem| panic!("{problem:?}"));
    let (mut output, _, err) = seen(false);
    let mut follower =
        Follower { connection: &connection, output: &mut output, show: Show::Live, until: Until::Answered };
    let working = transcript(TaskState::Working, None);
    let next = "hint: follow it with: inhouse task watch t1 --from 7\nhint: cancel it with: inhouse task cancel t1\n";
    let interrupted = follower.interrupted(&working, Some(7));
    assert_eq!(follower.output.finish(Err(interrupted)), ExitCode::from(130));
    let error = ClientError::Unreachable { address: "http://h".into(), why: "gone".into() };
    let lost = follower.lost(&error, &working, Some(7));
    assert_eq!(follower.output.finish(Err(lost)), ExitCode::from(5));
    let expected = format!(
        "error: interrupted: task t1 goes on\n{next}error: can not reach http://h: gone; task t1 may go on\n{next}"
    );
    assert_eq!(err.text(), expected);
}
