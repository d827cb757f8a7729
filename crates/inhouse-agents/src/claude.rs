//! The Claude Code driver: its stream-json protocol on standard input and output. No text of a caller is an argument, and none
//! can be a slash command or a file reference. A process is kept for the next turn of its conversation where that can be.

mod input;
mod opening;
mod parse;
mod line;
mod asked;
mod planned;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod fuzz;

use async_trait::async_trait;
use inhouse_engine::agent::{Agent, End, Output, Turn};

use crate::by_line::ByLine;
use crate::claude::opening::Opening;
use crate::claude::parse::{Found, Parser};
use crate::conversations::{BEGINS_ANEW, Conversation, Conversations};
use crate::files::Folder;
use crate::process::Program;
use crate::warm::Place;

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
        // The folder stays until the turn has ended, and no longer, also where the process stays.
        let folder = match Folder::of(&turn.message, |part| !input::has_block(part)) {
            Ok(folder) => folder,
            Err(end) => return end,
        };
        let message = Words { input: input::input(turn, &folder), files: folder.paths() };
        let Some(conversations) = &self.conversations else {
            return self.once(turn, message, output).await;
        };
        let Conversation { id, theirs, note } = conversations.of(turn, &self.program);
        let (place, kept) = match self.program.place(turn, &id, &[]).await {
            Ok(found) => found,
            Err(end) => return end,
        };
        if let Some(live) = kept {
            let parser = Parser::going_on(live.rest.opened.clone()).with_files(&message.files);
            let mut parser = ByLine::going_on(self.line_bytes_max(), live.rest.mid_line, parser);
            let end = self.program.go_on(&place, live, message.input.clone(), &mut parser, turn, output).await;
            if !parser.is_lost() {
                return end;
            }
        }
        let (end, found) = self.begin(turn, &place, theirs.is_some(), &message, note, output).await;
        let (end, found) = match found {
            // What was thought of it is wrong: the other way, once.
            Found::Taken => self.begin(turn, &place, true, &message, None, output).await,
            Found::Missing => self.begin(turn, &place, false, &message, Some(BEGINS_ANEW), output).await,
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

/// What a turn is told.
struct Words {
    /// The line of the message.
    input: Vec<u8>,
    /// The paths of its files.
    files: Vec<String>,
}

impl Claude {
    /// A turn of a conversation of which nothing is kept.
    async fn once(&self, turn: &Turn, message: Words, output: &mut dyn Output) -> End {
        let plan = match self.program.plan(turn, "", &[]) {
            Ok(plan) => plan,
            Err(end) => return end,
        };
        let mut parser = ByLine::new(self.line_bytes_max(), Parser::new(None).with_files(&message.files));
        self.program.run(&plan, message.input, true, &mut parser, turn, output).await
    }

    /// Starts a process for the conversation, new or resumed. `note` is told when it is open.
    async fn begin(
        &self,
        turn: &Turn,
        place: &Place<'_>,
        has_begun: bool,
        message: &Words,
        note: Option<&'static str>,
        output: &mut dyn Output,
    ) -> (End, Found) {
        let option = if has_begun { "--resume" } else { "--session-id" };
        let plan = match self.program.plan(turn, "", &[option, place.id()]) {
            Ok(plan) => plan,
            Err(end) => return (end, Found::Unknown),
        };
        let (parser, input) = if self.program.warm.keeps() {
            let (opening, first) = Opening::new(message.input.clone());
            (Parser::opening(opening, note), first)
        } else {
            (Parser::new(note), message.input.clone())
        };
        let mut parser = ByLine::new(self.line_bytes_max(), parser.with_files(&message.files));
        let end = self.program.begin(place, &plan, input, &mut parser, turn, output).await;
        (end, parser.protocol.found())
    }

    fn line_bytes_max(&self) -> usize {
        self.program.limits.line_bytes_max
    }
}
