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

use async_trait::async_trait;
use inhouse_engine::agent::{Agent, End, Output, Reason, Turn};

use crate::by_line::ByLine;
use crate::claude::opening::Opening;
use crate::claude::parse::{Found, Parser};
use crate::conversations::{BEGINS_ANEW, Conversation, Conversations};
use crate::dialogue::failed;
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
        let input = match input::input(turn) {
            Ok(input) => input,
            Err(why) => return failed(Reason::InputRefused, why),
        };
        let Some(conversations) = &self.conversations else {
            return self.once(turn, input, output).await;
        };
        let Conversation { id, theirs, note } = conversations.of(turn, &self.program);
        let (place, kept) = match self.program.place(turn, &id, &[]).await {
            Ok(found) => found,
            Err(end) => return end,
        };
        if let Some(live) = kept {
            let mut parser =
                ByLine::going_on(self.line_bytes_max(), live.rest.mid_line, Parser::going_on(live.rest.opened.clone()));
            let end = self.program.go_on(&place, live, input.clone(), &mut parser, turn, output).await;
            if !parser.is_lost() {
                return end;
            }
        }
        let (end, found) = self.begin(turn, &place, theirs.is_some(), input.clone(), note, output).await;
        let (end, found) = match found {
            // What was thought of it is wrong: the other way, once.
            Found::Taken => self.begin(turn, &place, true, input, None, output).await,
            Found::Missing => self.begin(turn, &place, false, input, Some(BEGINS_ANEW), output).await,
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
    /// A turn of a conversation of which nothing is kept.
    async fn once(&self, turn: &Turn, input: Vec<u8>, output: &mut dyn Output) -> End {
        let plan = match self.program.plan(turn, "", &[]) {
            Ok(plan) => plan,
            Err(end) => return end,
        };
        let mut parser = ByLine::new(self.line_bytes_max(), Parser::new(None));
        self.program.run(&plan, input, true, &mut parser, turn, output).await
    }

    /// Starts a process for the conversation, new or resumed. `note` is told when it is open.
    async fn begin(
        &self,
        turn: &Turn,
        place: &Place<'_>,
        has_begun: bool,
        text: Vec<u8>,
        note: Option<&'static str>,
        output: &mut dyn Output,
    ) -> (End, Found) {
        let option = if has_begun { "--resume" } else { "--session-id" };
        let plan = match self.program.plan(turn, "", &[option, place.id()]) {
            Ok(plan) => plan,
            Err(end) => return (end, Found::Unknown),
        };
        let (parser, input) = if self.program.warm.keeps() {
            let (opening, first) = Opening::new(text);
            (Parser::opening(opening, note), first)
        } else {
            (Parser::new(note), text)
        };
        let mut parser = ByLine::new(self.line_bytes_max(), parser);
        let end = self.program.begin(place, &plan, input, &mut parser, turn, output).await;
        (end, parser.protocol.found())
    }

    fn line_bytes_max(&self) -> usize {
        self.program.limits.line_bytes_max
    }
}
