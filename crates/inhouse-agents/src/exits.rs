//! What the exit codes of a program mean, where the operator says so: for programs of which nothing else tells how a turn ended.

use std::collections::BTreeMap;

use inhouse_engine::agent::{End, Note, Reason};

use crate::dialogue::{Ending, failed};

/// What exit codes mean. One that is not among them means what it does anywhere: 0 is success, and any other a failure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exits(BTreeMap<u8, ExitMeaning>);

/// What one exit code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitMeaning {
    /// The turn has ended well.
    Success,
    /// It has failed, for this reason.
    Failed(Reason),
    /// The agent has declined it.
    Rejected,
    /// What was printed is a question to the caller.
    InputRequired,
    /// The agent needs a credential that its caller provides out of band.
    AuthRequired,
}

impl Exits {
    /// A code that means success, if there is one.
    pub fn success(&self) -> Option<u8> {
        self.0.iter().find(|(_, meaning)| **meaning == ExitMeaning::Success).map(|(code, _)| *code)
    }

    /// How a turn ended whose process has, by its exit code alone. The last line of its standard error goes with it, but with success.
    pub(crate) fn end(&self, ending: &Ending) -> End {
        let code = ending.exit.code.and_then(|code| u8::try_from(code).ok());
        let note = || Note { text: ending.last_error.clone(), data: None };
        match code.and_then(|code| self.0.get(&code)) {
            None => ending.by_exit(),
            Some(ExitMeaning::Success) => End::Completed(Note::default()),
            Some(ExitMeaning::Failed(reason)) => failed(*reason, ending.reason()),
            Some(ExitMeaning::Rejected) => End::Rejected(note()),
            Some(ExitMeaning::InputRequired) => End::InputRequired(note()),
            Some(ExitMeaning::AuthRequired) => End::AuthRequired(note()),
        }
    }
}

impl FromIterator<(u8, ExitMeaning)> for Exits {
    fn from_iter<I: IntoIterator<Item = (u8, ExitMeaning)>>(codes: I) -> Self {
        Self(codes.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use inhouse_run::Exit;

    use super::*;

    #[test]
    fn a_code_means_what_the_operator_says_and_any_other_what_it_does_anywhere() {
        let exits = Exits::from_iter([
            (0, ExitMeaning::Failed(Reason::AgentFailed)),
            (2, ExitMeaning::Failed(Reason::InputRefused)),
            (3, ExitMeaning::Success),
            (4, ExitMeaning::Rejected),
            (5, ExitMeaning::InputRequired),
            (6, ExitMeaning::AuthRequired),
        ]);
        let said = || Note { text: Some("last words".to_owned()), data: None };
        for (code, signal, end) in [
            (Some(0), None, failed(Reason::AgentFailed, "last words")),
            (Some(1), None, failed(Reason::AgentFailed, "last words")),
            (Some(2), None, failed(Reason::InputRefused, "last words")),
            (Some(3), None, End::Completed(Note::default())),
            (Some(4), None, End::Rejected(said())),
            (Some(5), None, End::InputRequired(said())),
            (Some(6), None, End::AuthRequired(said())),
            (Some(259), None, failed(Reason::AgentFailed, "last words")),
            (None, Some(9), failed(Reason::AgentFailed, "last words")),
        ] {
            let exit = Exit { code, signal, ..Exit::default() };
            let ending = Ending { exit, last_error: Some("last words".to_owned()) };
            assert_eq!(exits.end(&ending), end, "{code:?} {signal:?}");
        }
        let exit = Exit { code: Some(0), signal: None, ..Exit::default() };
        assert_eq!(Exits::default().end(&Ending { exit, last_error: None }), End::Completed(Note::default()));
    }
}
