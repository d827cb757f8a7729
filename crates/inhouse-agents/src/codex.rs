//! The Codex driver: the protocol of `codex app-server` on standard input and output. A process is kept for the next
//! turn of its thread where that can be. No text of a caller is an argument, and none can be a slash command.

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

use crate::by_line::ByLine;
use crate::codex::opening::{Opening, Start};
use crate::codex::parse::Parser;
use crate::conversations::{Conversation, Conversations};
use crate::files::Folder;
use crate::process::Program;

pub(crate) use asked::TOOLS;
pub(crate) use input::FILE_TYPES;

/// The variable with a key for the model's provider. A call of `codex exec` reads it by itself; the app-server has to be told, and
/// is to keep it for this process alone.
const KEY: &str = "CODEX_API_KEY";
const FOR_THIS_PROCESS: &[&str] = &["-c", r#"cli_auth_credentials_store="ephemeral""#];

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
        // The folder stays until the turn has ended, and no longer, also where the process stays.
        let folder = match Folder::of(&turn.message, |part| !input::has_item(part)) {
            Ok(folder) => folder,
            Err(end) => return end,
        };
        let items = input::items(turn, &folder);
        let key = self.program.host.get(KEY).filter(|key| !key.is_empty());
        let more = if key.is_some() { FOR_THIS_PROCESS } else { &[] };
        let Conversation { id, theirs: earlier, note } = self.conversations.of(turn, &self.program);
        let line_bytes_max = self.program.limits.line_bytes_max;
        let directory = self.program.directory(turn).to_string_lossy().into_owned();
        let (place, kept) = match self.program.place(turn, &id, more).await {
            Ok(found) => found,
            Err(end) => return end,
        };
        if let Some(live) = kept {
            let (opening, input) = Opening::going_on(items.clone(), directory.clone(), live.rest.opened.clone());
            let parser = Parser::going_on(opening, live.rest.opened.knows_helpers);
            let mut parser = ByLine::going_on(line_bytes_max, live.rest.mid_line, parser);
            let end = self.program.go_on(&place, live, input, &mut parser, turn, output).await;
            if !parser.is_lost() {
                return end;
            }
        }
        let (opening, input) = Opening::new(Start {
            items,
            key: key.map(str::to_owned),
            directory,
            earlier,
            note,
            keeps_mode: self.keeps_mode,
        });
        let parser = if self.program.warm.keeps() { Parser::waiting(opening) } else { Parser::new(opening) };
        let mut parser = ByLine::new(line_bytes_max, parser);
        let end = self.program.begin(&place, place.plan(), input, &mut parser, turn, output).await;
        if let Some(thread) = parser.protocol.thread() {
            self.conversations.begun(&id, thread);
        }
        end
    }
}
