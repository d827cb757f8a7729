//! The native driver: a program that reads the whole turn as one JSON object and writes JSON lines, with which it can
//! express every state, artifact and question of A2A. One turn is one process.

mod files;
mod input;
mod parse;

use async_trait::async_trait;
use inhouse_engine::agent::{Agent, End, Output, Reason, Turn};

use crate::by_line::ByLine;
use crate::dialogue::failed;
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
        let folder = match files::Folder::of(&turn.message) {
            Ok(folder) => folder,
            Err(error) => {
                tracing::error!(target: "agent", %error, "the files of a message were not written");
                return failed(Reason::Internal, "the files of the message can not be written");
            }
        };
        let input = input::input(turn, folder.as_ref().map_or(&[], files::Folder::files));
        let mut parser = ByLine::new(self.program.limits.line_bytes_max, Parser::default());
        self.program.run(&plan, input, false, &mut parser, turn, output).await
    }
}
