//! The verbs that talk to a server: `send`, `chat`, `task`, `push`, `card`, `status`, `reload`, `inspect` and `mcp`.
//!
//! Each has its arguments and a `run` that ends in an exit code. What they share, in reading order: `connection` and `profiles`
//! (which server), `output` (what goes where), `problem` and `exit` (how it ends), `transcript` (what a task says), `follow`.

pub(crate) mod card;
pub(crate) mod chat;
pub(crate) mod inspect;
pub(crate) mod mcp;
pub(crate) mod push;
pub(crate) mod reload;
pub(crate) mod send;
pub(crate) mod status;
pub(crate) mod task;

mod connection;
mod exit;
mod follow;
mod interrupt;
mod lines;
mod output;
mod problem;
mod profiles;
mod said;
mod source;
mod task_text;
mod text;
mod transcript;

pub(crate) use exit::Exit;
pub(crate) use interrupt::Interrupt;
pub(crate) use output::Output;
pub(crate) use problem::Problem;
pub(crate) use text::{one_line, table};
