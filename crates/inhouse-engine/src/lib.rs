//! The task engine: life cycle, event log, contexts, queue, and the ports that agents and stores implement.
//!
//! Each task has one append-only log with a dense numbering; everything else is a reader of it. One task at a time appends:
//! the turn that holds the lease. Reading order: `engine`, `submit`, `turn`, `output`, then `ask` and `asking` for what
//! an agent wants to know in the middle, `answer` and `approve` for who says it, and the ports `agent` and `store`.

mod engine;
mod served;
mod entry;
mod submit;
mod accepted;
mod stopping;
mod queue;
mod turn;
mod output;
mod written;
mod direct;
mod ask;
mod asking;
mod answer;
mod witness;
mod approve;
mod push;
mod reader;
mod note;
mod activity;
mod budget;
mod window;
mod refusal;
mod limits;
pub mod state;
pub mod cancel;
pub mod agent;
pub mod store;

pub use accepted::Accepted;
pub use activity::{ACTIVITY, Activity, Retry, Step, StepState};
pub use ask::{Ask, Choice, Effect, Question, Reply};
pub use budget::{Budget, Budgets};
pub use engine::Engine;
pub use entry::{AgentEntry, Takes};
pub use limits::{EngineLimits, Idempotency, QueueLimits};
pub use reader::{Numbered, Reader};
pub use submit::Submission;
pub use window::{RetryAfter, SlidingWindow, WindowOptions};
pub use witness::{Ended, Occupancy, UsedToday, Witness};
