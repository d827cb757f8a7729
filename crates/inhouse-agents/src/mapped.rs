//! The mapped driver: any program that writes lines of a shape of its own, JSON or text, of which the operator says what they mean. One
//! turn is one process.

mod meaning;
mod parse;
#[cfg(test)]
mod fuzz;

use async_trait::async_trait;
use inhouse_engine::agent::{Agent, End, Output, Turn};

use crate::by_line::ByLine;
use crate::conversations::{Conversation, Conversations};
use crate::exits::Exits;
use crate::files::Folder;
use crate::mapped::parse::Parser;
use crate::message::text_after;
use crate::process::Program;

pub use meaning::{Mapping, Meaning, Pointer};

/// What stands in an argument for the id of a session.
const SESSION: &str = "{session}";

/// A configured program with the meaning of its lines.
#[derive(Debug)]
pub(crate) struct Mapped {
    pub(crate) program: Program,
    /// A line in front of every text, for programs that take a text's first character for a command.
    pub(crate) prefix_line: Option<String>,
    pub(crate) mapping: Mapping,
    /// What its exit codes mean, where no line has told how a turn ended.
    pub(crate) exits: Exits,
    /// Where its sessions are kept under its own ids.
    pub(crate) conversations: Conversations,
}

#[async_trait]
impl Agent for Mapped {
    async fn turn(&self, turn: &Turn, output: &mut dyn Output) -> End {
        // The folder stays until the process is gone.
        let folder = match Folder::of(&turn.message, |_| true) {
            Ok(folder) => folder,
            Err(end) => return end,
        };
        let text = text_after(self.prefix_line.as_deref(), turn, &folder);
        let Conversation { id, theirs: earlier, note } = self.conversations.of(turn, &self.program);
        let remembers = !self.mapping.resume.is_empty();
        let note = note.filter(|_| remembers);
        let resume: Vec<String> = match &earlier {
            Some(session) => self.mapping.resume.iter().map(|word| word.replace(SESSION, session)).collect(),
            None => Vec::new(),
        };
        let more: Vec<&str> = resume.iter().map(String::as_str).collect();
        let plan = match self.program.plan(turn, &text, &more) {
            Ok(plan) => plan,
            Err(end) => return end,
        };
        let input = if plan.text_on_stdin() { text.into_bytes() } else { Vec::new() };
        let mut parser = ByLine::new(self.program.limits.line_bytes_max, Parser::new(&self.mapping, &self.exits, note));
        let end = self.program.run(&plan, input, false, &mut parser, turn, output).await;
        match parser.protocol.session() {
            Some(session) if remembers => self.conversations.begun(&id, session),
            // A session with which the turn failed at once may be the reason: the next one begins anew.
            None if matches!(end, End::Failed(_)) => self.conversations.gone(&id),
            _ => {}
        }
        end
    }
}
