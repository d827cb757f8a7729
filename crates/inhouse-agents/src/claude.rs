//! The Claude Code driver: its stream-json protocol on standard input and output. No text of a caller is an argument, and none
//! can be a slash command or a file reference.

mod input;
mod parse;
mod line;
mod answer;
mod asked;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use inhouse_engine::agent::{Agent, End, Output, Reason, Turn};

use crate::dialogue::failed;
use crate::process::Program;

pub(crate) use input::FILE_TYPES;

/// A configured Claude Code.
#[derive(Debug)]
pub(crate) struct Claude {
    pub(crate) program: Program,
}

#[async_trait]
impl Agent for Claude {
    async fn turn(&self, turn: &Turn, output: &mut dyn Output) -> End {
        let input = match input::input(turn) {
            Ok(input) => input,
            Err(why) => return failed(Reason::InputRefused, why),
        };
        let plan = match self.program.plan(turn, "") {
            Ok(plan) => plan,
            Err(end) => return end,
        };
        let mut parser = parse::Parser::new(self.program.limits.line_bytes_max);
        self.program.run(&plan, input, true, &mut parser, turn, output).await
    }
}
