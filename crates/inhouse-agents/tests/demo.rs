//! The demo agent: what it says, and the states that it shows.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use inhouse_agents::AgentSpec;
use inhouse_engine::agent::{End, Failure, Note, Reason};
use inhouse_engine::cancel::CancelSource;
use support::{Collected, take, turn};

#[tokio::test]
async fn the_demo_repeats_and_names_the_cure() {
    let text = "añ日🦀\u{1b}[31m".repeat(1_000);
    for (number, begins) in [(1, "You said: "), (2, "You answered: ")] {
        let (_source, cancel) = CancelSource::new();
        let (mut output, mut turn) = (Collected::default(), turn(&text, cancel));
        turn.number = number;
        assert_eq!(take(AgentSpec::Demo, &turn, &mut output).await, End::Completed(Note::default()));
        assert!(output.text.starts_with(&format!("{begins}{}\n\n", "añ日🦀".repeat(1_000))));
        assert!(output.text.contains("inhouse serve -- node my-bot.js") && output.events.len() > 2);
    }
}

#[tokio::test]
async fn the_demo_asks_and_fails_on_request() {
    for (text, expected) in [("ask me", "asks"), (" fail\n", "fails")] {
        let (_source, cancel) = CancelSource::new();
        let end = take(AgentSpec::Demo, &turn(text, cancel), &mut Collected::default()).await;
        let shown = match end {
            End::InputRequired(Note { text: Some(_), .. }) => "asks",
            End::Failed(Failure { reason: Reason::AgentFailed, .. }) => "fails",
            other => panic!("{other:?}"),
        };
        assert_eq!(shown, expected);
    }
}
