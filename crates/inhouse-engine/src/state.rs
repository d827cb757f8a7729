//! The states of a task and the moves between them: one table (spec 4.1.3).

use inhouse_proto::v1::TaskState;
pub use inhouse_proto::wire::{is_interrupted, is_terminal};

/// Whether a task may go from one state to another. A working task may say `WORKING` again, with another message.
pub fn may_move(from: TaskState, to: TaskState) -> bool {
    use TaskState as S;
    match from {
        S::Unspecified => to == S::Submitted,
        S::Submitted => matches!(to, S::Submitted | S::Working) || is_terminal(to),
        S::Working => to == S::Working || is_interrupted(to) || is_terminal(to),
        // Back to `SUBMITTED` by the caller's next message alone: see `is_interrupted`. A turn that asks may also go on by itself.
        S::InputRequired | S::AuthRequired => matches!(to, S::Working | S::Canceled | S::Failed),
        S::Completed | S::Failed | S::Canceled | S::Rejected => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TaskState as S;

    const ALL: [S; 9] = [
        S::Unspecified,
        S::Submitted,
        S::Working,
        S::Completed,
        S::Failed,
        S::Canceled,
        S::InputRequired,
        S::Rejected,
        S::AuthRequired,
    ];

    #[test]
    fn nothing_leaves_a_terminal_state() {
        for from in ALL.into_iter().filter(|state| is_terminal(*state)) {
            assert!(ALL.into_iter().all(|to| !may_move(from, to)), "{from:?}");
        }
    }

    #[test]
    fn nothing_becomes_unspecified_and_a_task_begins_submitted() {
        assert!(ALL.into_iter().all(|from| !may_move(from, S::Unspecified)));
        assert_eq!(ALL.into_iter().filter(|to| may_move(S::Unspecified, *to)).collect::<Vec<_>>(), [S::Submitted]);
    }

    #[test]
    fn a_waiting_task_never_completes_without_working_again() {
        for from in [S::InputRequired, S::AuthRequired] {
            assert!(!may_move(from, S::Completed) && !may_move(from, S::Rejected) && !may_move(from, S::Submitted));
            assert!(is_interrupted(from));
        }
    }
}
