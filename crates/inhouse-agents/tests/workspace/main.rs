//! Workspaces over a real git, with an agent that does what the test says.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::too_many_lines, reason = "tests")]

#[path = "../support/mod.rs"]
mod support;

mod house;
mod worktree;
mod life;
mod shared;
mod temporary;
mod drivers;
mod hostile;
