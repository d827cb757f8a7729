//! The Claude Code driver: its stream-json protocol on standard input and output. No text of a caller is an argument, and none
//! can be a slash command or a file reference.

mod input;
mod parse;
mod line;
mod asked;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use inhouse_engine::agent::{Agent, End, Output, Reason, Turn};

use crate::by_line::ByLine;
use crate::claude::parse::{Found, Parser};
use crate::conversations::{BEGINS_ANEW, Conversation, Conversations};
use crate::dialogue::failed;
use crate::process::Program;

pub(crate) use input::FILE_TYPES;

/// A configured Claude Code.
#[derive(Debug)]
pub(crate) struct Claude {
    pub(crate) program: Program,
    /// Where its conversations are kept under our ids.
    pub(crate) conversations: Option<Conversations>,
}

#[async_trait]
impl Agent for Claude {
    async fn turn(&self, turn: &Turn, output: &mut dyn Output) -> End {
        let input = match input::input(turn) {
            Ok(input) => input,
            Err(why) => return failed(Reason::InputRefused, why),
        };
        let Some(conversations) = &self.conversations else {
            return self.run(turn, &[], input, None, output).await.0;
        };
        let Conversation { id, theirs, note } = conversations.of(turn, &self.program);
        let (end, found) = self.converse(turn, &id, theirs.is_some(), input.clone(), note, output).await;
        let (end, found) = match found {
            // What was thought of it is wrong: the other way, once.
            Found::Taken => self.converse(turn, &id, true, input, None, output).await,
            Found::Missing => self.converse(turn, &id, false, input, Some(BEGINS_ANEW), output).await,
            Found::Open | Found::Unknown => (end, found),
        };
        match found {
            Found::Open => conversations.begun(&id, &id),
            Found::Missing => conversations.gone(&id),
            Found::Taken | Found::Unknown => {}
        }
        end
    }
}

impl Claude {
    async fn converse(
        &self,
        turn: &Turn,
        id: &str,
        has_begun: bool,
        input: Vec<u8>,
        note: Option<&'static str>,
        output: &mut dyn Output,
    ) -> (End, Found) {
        let option = if has_begun { "--resume" } else { "--session-id" };
        self.run(turn, &[option, id], input, note, output).await
    }

    /// Runs it once. `note` is told when the conversation is open.
    async fn run(
        &self,
        turn: &Turn,
        more: &[&str],
        input: Vec<u8>,
        note: Option<&'static str>,
        output: &mut dyn Output,
    ) -> (End, Found) {
        let plan = match self.program.plan(turn, "", more) {
            Ok(plan) => plan,
            Err(end) => return (end, Found::Unknown),
        };
        let mut parser = ByLine::new(self.program.limits.line_bytes_max, Parser::new(note));
        let end = self.program.run(&plan, input, true, &mut parser, turn, output).await;
        (end, parser.protocol.found())
    }
}
