//! The one place where a running turn and its caller meet: what the turn asks, and the answer on its way to it. Whoever takes
//! an ask up is alone with it, so that no answer reaches a later ask, and none is given twice.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use inhouse_proto::v1;
use tokio::sync::Notify;

use crate::agent::DecidedBy;
use crate::ask::{Ask, Reply};
use crate::store::Lease;

/// What a turn asks now.
#[derive(Debug)]
pub(crate) struct Asking {
    state: Mutex<State>,
    answered: Notify,
    /// Permissions are others' to give, and not its caller's.
    has_approvers: bool,
}

#[derive(Debug, Default)]
struct State {
    stage: Stage,
    /// The lease that came with the latest answer: the one before it is void.
    lease: Option<Lease>,
    /// The number of the event by which the log says what is open.
    told: Option<u64>,
    /// An ask of this turn ended without an answer.
    unclear: bool,
    /// The ask is over, but for the answer that somebody is about to give.
    given_up: bool,
    /// Who has answered permissions of this turn, each once.
    answered_by: Vec<DecidedBy>,
    waited: Duration,
    since: Option<Instant>,
}

#[derive(Debug, Default)]
enum Stage {
    /// Nothing.
    #[default]
    Quiet,
    /// This, and nobody has answered.
    Open(Ask),
    /// This, and somebody is about to answer.
    Claimed(Ask),
    /// The answer; its message has brought a lease.
    Answered(Said),
    /// The turn has ended.
    Over,
}

/// What was said to an ask, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) reply: Reply,
    pub(crate) by: DecidedBy,
}

/// What a principal may answer of what a turn asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct May {
    pub(crate) permissions: bool,
    pub(crate) questions: bool,
}

/// What a message is to a turn.
#[derive(Debug)]
pub(crate) enum Claim {
    /// The turn has ended: the message is none of its business.
    None,
    /// It answers.
    Reply(Reply),
    /// It does not answer what is asked, for this reason.
    Refused(String),
    /// What is asked is not his to answer who sent it.
    NotHis,
    /// There is nothing to answer, since somebody else does, or since the turn goes on without: it keeps its task.
    Busy,
}

impl Asking {
    /// Nothing is asked yet.
    pub(crate) fn new(has_approvers: bool) -> Self {
        Self { state: Mutex::default(), answered: Notify::new(), has_approvers }
    }

    /// Whether others than its caller give the turn its permissions.
    pub(crate) fn has_approvers(&self) -> bool {
        self.has_approvers
    }

    /// The turn asks.
    pub(crate) fn ask(&self, ask: Ask) {
        let mut state = self.state();
        state.stage = Stage::Open(ask);
        (state.told, state.given_up) = (None, false);
        state.since = Some(Instant::now());
    }

    /// The log says what is asked, by the event of this number.
    pub(crate) fn told(&self, generation: u64) {
        self.state().told = Some(generation);
    }

    /// The number of the event that asks for a permission which nobody has answered: another one for each ask.
    pub(crate) fn permission(&self) -> Option<u64> {
        let state = self.state();
        let open = matches!(&state.stage, Stage::Open(ask) if ask.is_permission());
        state.told.filter(|_| open)
    }

    /// Whether the turn waits for an answer.
    pub(crate) fn waits(&self) -> bool {
        self.state().since.is_some()
    }

    /// Whether the turn has ended, but for what it still has to commit.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state().stage, Stage::Over)
    }

    /// How long the turn has waited for answers, in all.
    pub(crate) fn waited(&self) -> Duration {
        let state = self.state();
        state.waited + state.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// The ask is over without an answer. `false`: somebody is answering it, and it is over with what comes of that.
    pub(crate) fn give_up(&self) -> bool {
        let mut state = self.state();
        let open = matches!(state.stage, Stage::Open(_));
        if open {
            state.ends_unanswered();
        }
        state.given_up = !open;
        open
    }

    /// Takes the ask up with a message that answers it, from somebody who may answer so much. Words which name no request could be
    /// meant for an earlier one that has ended without an answer, or that another has answered.
    pub(crate) fn claim(&self, message: &v1::Message, by: &DecidedBy, may: May) -> Claim {
        let mut state = self.state();
        let reply = match &state.stage {
            Stage::Over => return Claim::None,
            Stage::Quiet | Stage::Claimed(_) | Stage::Answered(_) => return Claim::Busy,
            Stage::Open(ask) if !(if ask.is_permission() { may.permissions } else { may.questions }) => {
                return Claim::NotHis;
            }
            Stage::Open(ask) => {
                let others = ask.is_permission() && state.answered_by.iter().any(|other| other != by);
                ask.reply(message, state.unclear || others)
            }
        };
        match (reply, std::mem::take(&mut state.stage)) {
            (Ok(reply), Stage::Open(ask)) => {
                state.stage = Stage::Claimed(ask);
                Claim::Reply(reply)
            }
            (reply, stage) => {
                state.stage = stage;
                Claim::Refused(reply.err().unwrap_or_default())
            }
        }
    }

    /// The message could not be taken after all. Who waits for what comes of it hears of it.
    pub(crate) fn unclaim(&self) {
        let mut state = self.state();
        match std::mem::take(&mut state.stage) {
            Stage::Claimed(_) if state.given_up => state.ends_unanswered(),
            Stage::Claimed(ask) => state.stage = Stage::Open(ask),
            stage => state.stage = stage,
        }
        drop(state);
        self.answered.notify_one();
    }

    /// The claimed ask has its answer. The lease comes back if the turn has ended in the meantime.
    pub(crate) fn deliver(&self, lease: Lease, said: Said) -> Result<(), Lease> {
        let mut state = self.state();
        if matches!(state.stage, Stage::Over) {
            return Err(lease);
        }
        if matches!(&state.stage, Stage::Claimed(ask) if ask.is_permission()) && !state.answered_by.contains(&said.by) {
            state.answered_by.push(said.by.clone());
        }
        state.lease = Some(lease);
        state.stage = Stage::Answered(said);
        drop(state);
        self.answered.notify_one();
        Ok(())
    }

    /// Waits for the answer; none when the ask was given up and nobody has answered it after all. Cancel safe: what was not
    /// returned is there the next time.
    pub(crate) async fn answer(&self) -> Option<(Lease, Said)> {
        while matches!(self.state().stage, Stage::Open(_) | Stage::Claimed(_)) {
            self.answered.notified().await;
        }
        let mut state = self.state();
        match std::mem::take(&mut state.stage) {
            Stage::Answered(said) => {
                state.unclear = false;
                state.goes_on();
                state.lease.clone().map(|lease| (lease, said))
            }
            stage => {
                state.stage = stage;
                None
            }
        }
    }

    /// The turn has ended. The lease that came with its latest answer, whether it has heard of it or not.
    pub(crate) fn close(&self) -> Option<Lease> {
        let mut state = self.state();
        state.goes_on();
        state.stage = Stage::Over;
        state.lease.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // All changes are single steps.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ends_unanswered(&mut self) {
        self.stage = Stage::Quiet;
        self.unclear = true;
        self.goes_on();
    }

    fn goes_on(&mut self) {
        self.waited += self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
    }
}

#[cfg(test)]
#[path = "asking_tests.rs"]
mod tests;
