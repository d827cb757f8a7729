//! Whether an agent may still answer with a message instead of a task (spec 3.1.2): as long as nobody has seen the task.
//! The agent's answer and the caller's first look exclude each other, whichever comes first.

use std::sync::atomic::{AtomicU8, Ordering::SeqCst};

const OPEN: u8 = 0;
const SHOWN: u8 = 1;
const ANSWERED: u8 = 2;

/// One task's decision; it is made once.
#[derive(Debug)]
pub(crate) struct Direct(AtomicU8);

impl Direct {
    /// A task that nobody has seen yet, or one that is a task from the start.
    pub(crate) fn new(open: bool) -> Self {
        Self(AtomicU8::new(if open { OPEN } else { SHOWN }))
    }

    /// The agent answers directly. `false`: the task has been seen, so the answer has to be an artifact of it.
    pub(crate) fn answer(&self) -> bool {
        self.0.compare_exchange(OPEN, ANSWERED, SeqCst, SeqCst).is_ok()
    }

    /// The task is about to be shown. `false`: a direct answer is there, or comes at once.
    pub(crate) fn show(&self) -> bool {
        self.0.compare_exchange(OPEN, SHOWN, SeqCst, SeqCst).is_ok() || self.0.load(SeqCst) == SHOWN
    }

    /// Whether it is still undecided.
    pub(crate) fn is_open(&self) -> bool {
        self.0.load(SeqCst) == OPEN
    }

    /// Whether the agent has answered directly.
    pub(crate) fn is_answered(&self) -> bool {
        self.0.load(SeqCst) == ANSWERED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_first_decides_for_good() {
        let seen = Direct::new(true);
        assert!(seen.is_open() && seen.show() && !seen.answer() && seen.show() && !seen.is_answered());
        let answered = Direct::new(true);
        assert!(answered.answer() && !answered.show() && answered.is_answered() && !answered.answer());
        let task = Direct::new(false);
        assert!(!task.is_open() && !task.answer() && task.show());
    }
}
