//! The text driver: any program that takes a text and prints its answer. Its standard output is the answer as it stands,
//! and its exit code tells whether it is one.

use async_trait::async_trait;
use inhouse_engine::agent::{Agent, End, Output, Turn};

use crate::dialogue::{Dialogue, Ending, Said};
use crate::exits::Exits;
use crate::files::Folder;
use crate::message::text_after;
use crate::process::Program;
use crate::text::TextStream;

/// A configured program in text mode.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) program: Program,
    /// A line in front of every text, for programs that take a text's first character for a command.
    pub(crate) prefix_line: Option<String>,
    /// What its exit codes mean.
    pub(crate) exits: Exits,
}

#[async_trait]
impl Agent for Command {
    async fn turn(&self, turn: &Turn, output: &mut dyn Output) -> End {
        // The folder stays until the process is gone.
        let folder = match Folder::of(&turn.message, |_| true) {
            Ok(folder) => folder,
            Err(end) => return end,
        };
        let text = text_after(self.prefix_line.as_deref(), turn, &folder);
        let plan = match self.program.plan(turn, &text, &[]) {
            Ok(plan) => plan,
            Err(end) => return end,
        };
        let input = if plan.text_on_stdin() { text.into_bytes() } else { Vec::new() };
        let mut answer = PlainText { text: TextStream::default(), exits: &self.exits };
        self.program.run(&plan, input, false, &mut answer, turn, output).await
    }
}

/// Every byte is the answer.
#[derive(Debug)]
struct PlainText<'a> {
    text: TextStream,
    exits: &'a Exits,
}

impl Dialogue for PlainText<'_> {
    fn read(&mut self, bytes: &[u8], said: &mut Said) {
        said.text(self.text.push(bytes));
    }

    fn finish(&mut self, said: &mut Said) {
        said.text(self.text.finish());
    }

    fn ended(&mut self, ending: &Ending) -> End {
        self.exits.end(ending)
    }
}
