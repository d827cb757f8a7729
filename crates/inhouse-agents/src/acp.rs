//! The driver of the Agent Client Protocol, version 1: JSON-RPC 2.0 in lines on standard input and output. A process is
//! kept for the next turn of its session where that can be.
//! No text of a caller is an argument, and none can be a slash command.

mod input;
mod line;
mod opening;
mod asked;
mod ending;
mod parse;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod fuzz;

use async_trait::async_trait;
use inhouse_engine::agent::{Agent, End, Output, Turn};

use crate::acp::input::Prompt;
use crate::acp::opening::Opening;
use crate::acp::parse::Parser;
use crate::by_line::ByLine;
use crate::conversations::{Conversation, Conversations};
use crate::files::Folder;
use crate::process::Program;

pub(crate) use input::FILE_TYPES;

/// A configured agent that speaks the protocol.
#[derive(Debug)]
pub(crate) struct Acp {
    pub(crate) program: Program,
    /// Where its sessions are kept under its own ids.
    pub(crate) conversations: Conversations,
    /// Whether its mode stays as it is, and is not the one in which it asks before it acts.
    pub(crate) keeps_mode: bool,
}

#[async_trait]
impl Agent for Acp {
    async fn turn(&self, turn: &Turn, output: &mut dyn Output) -> End {
        // The folder stays until the turn has ended, and no longer, also where the process stays.
        let folder = match Folder::of(&turn.message, |_| true) {
            Ok(folder) => folder,
            Err(end) => return end,
        };
        let prompt = Prompt::new(turn, &folder);
        let Conversation { id, theirs: earlier, note } = self.conversations.of(turn, &self.program);
        let line_bytes_max = self.program.limits.line_bytes_max;
        let directory = self.program.directory(turn).to_string_lossy().into_owned();
        let (place, kept) = match self.program.place(turn, &id, &[]).await {
            Ok(found) => found,
            Err(end) => return end,
        };
        if let Some(live) = kept {
            let (opening, input) = Opening::going_on(prompt.clone(), directory.clone(), live.rest.opened.clone());
            let mut parser = ByLine::going_on(line_bytes_max, live.rest.mid_line, Parser::new(opening));
            let end = self.program.go_on(&place, live, input, &mut parser, turn, output).await;
            if !parser.is_lost() {
                return end;
            }
        }
        let (opening, input) = Opening::new(prompt, directory, earlier, note, self.keeps_mode);
        let mut parser = ByLine::new(line_bytes_max, Parser::new(opening));
        let end = self.program.begin(&place, place.plan(), input, &mut parser, turn, output).await;
        if let Some(session) = parser.protocol.session() {
            self.conversations.begun(&id, session);
        }
        end
    }
}
