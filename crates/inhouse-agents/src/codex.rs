//! The Codex driver: the protocol of `codex app-server` on standard input and output, one process a turn. No text of a caller is
//! an argument, and none can be a slash command.

mod input;
mod line;
mod opening;
mod asked;
mod ending;
mod parse;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use inhouse_engine::agent::{Agent, End, Output, Reason, Turn};

use crate::by_line::ByLine;
use crate::codex::opening::Opening;
use crate::codex::parse::Parser;
use crate::conversations::{BEGINS, Conversations, id_of};
use crate::dialogue::failed;
use crate::process::Program;

pub(crate) use input::FILE_TYPES;

/// A configured Codex.
#[derive(Debug)]
pub(crate) struct Codex {
    pub(crate) program: Program,
    /// Where its threads are kept under its own ids.
    pub(crate) conversations: Conversations,
    /// Whether the operator decides how much it asks and what its sandbox lets through.
    pub(crate) keeps_mode: bool,
}

#[async_trait]
impl Agent for Codex {
    async fn turn(&self, turn: &Turn, output: &mut dyn Output) -> End {
        let items = match input::items(turn) {
            Ok(items) => items,
            Err(why) => return failed(Reason::InputRefused, why),
        };
        let plan = match self.program.plan(turn, "", &[]) {
            Ok(plan) => plan,
            Err(end) => return end,
        };
        let id = id_of(turn, &self.program);
        let earlier = self.conversations.known(&id);
        let note = (earlier.is_none() && !turn.begins_context).then_some(BEGINS);
        let directory = self.program.command.directory.to_string_lossy();
        let (opening, input) = Opening::new(items, &directory, earlier, note, self.keeps_mode);
        let mut parser = ByLine::new(self.program.limits.line_bytes_max, Parser::new(opening));
        let end = self.program.run(&plan, input, true, &mut parser, turn, output).await;
        if let Some(thread) = parser.protocol.thread() {
            self.conversations.begun(&id, thread);
        }
        end
    }
}
