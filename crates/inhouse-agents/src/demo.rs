//! The demo agent: no process, no model. It repeats what it is told, says how to serve a real agent, and shows two more
//! states of a task on request.

use async_trait::async_trait;
use inhouse_engine::agent::{Agent, AgentEvent, End, Note, Output, Reason, Turn};

use crate::dialogue::failed;
use crate::text::without_escapes;

const CURE: &str = "This is the built-in demo agent, which only repeats. To serve a real one, put claude, codex, gemini, opencode or qwen \
    on the PATH, or run: inhouse serve -- node my-bot.js\n";

/// The demo agent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demo;

#[async_trait]
impl Agent for Demo {
    async fn turn(&self, turn: &Turn, output: &mut dyn Output) -> End {
        let text = without_escapes(turn.text());
        match text.trim() {
            "ask me" if turn.number == 1 => {
                let text = Some("What is your name? Answer with a message on this task.".to_owned());
                return End::InputRequired(Note { text, data: None });
            }
            "fail" => return failed(Reason::AgentFailed, "the demo agent failed, as it was asked to"),
            _ => {}
        }
        let heard = if turn.number == 1 { "You said: " } else { "You answered: " };
        for piece in [heard.to_owned(), text, "\n\n".to_owned(), CURE.to_owned()] {
            if output.emit(AgentEvent::Text(piece)).await.is_err() {
                return End::Canceled(Note::default());
            }
        }
        End::Completed(Note::default())
    }
}
