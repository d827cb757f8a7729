//! The native driver: a program that reads the whole turn as one JSON object and writes JSON lines, with which it can
//! express every state, artifact and question of A2A. One turn is one process.

mod input;
mod parse;
#[cfg(test)]
mod fuzz;

use async_trait::async_trait;
use inhouse_engine::agent::{Agent, End, Output, Turn};

use crate::by_line::ByLine;
use crate::files::Folder;
use crate::native::parse::Parser;
use crate::process::Program;

/// A configured program that follows the native contract.
#[derive(Debug)]
pub(crate) struct Native {
    pub(crate) program: Program,
}

#[async_trait]
impl Agent for Native {
    async fn turn(&self, turn: &Turn, output: &mut dyn Output) -> End {
        let plan = match self.program.plan(turn, &turn.text(), &[]) {
            Ok(plan) => plan,
            Err(end) => return end,
        };
        // The folder stays until the process is gone.
        let folder = match Folder::of(&turn.message, |_| true) {
            Ok(folder) => folder,
            Err(end) => return end,
        };
        let input = input::input(turn, &folder);
        let mut parser = ByLine::new(self.program.limits.line_bytes_max, Parser::default());
        self.program.run(&plan, input, false, &mut parser, turn, output).await
    }
}
