//! The one place where a running turn and its caller meet: what the turn asks, and the answer on its way to it. Whoever takes
//! an ask up is alone with it, so that no answer reaches a later ask, and none is given twice.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use inhouse_proto::v1;
use tokio::sync::Notify;

use crate::ask::{Ask, Reply};
use crate::store::Lease;

/// What a turn asks now.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    state: Mutex<State>,
    answered: Notify,
}

#[derive(Debug, Default)]
struct State {
    stage: Stage,
    /// An ask of this turn ended without an answer.
    unclear: bool,
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
    /// The answer, with the lease that came with its message.
    Answered(Lease, Reply),
    /// The turn has ended.
    Over,
}

/// What a message is to a turn.
#[derive(Debug)]
pub(crate) enum Claim {
    /// The turn asks nothing: the message is none of its business.
    None,
    /// It answers.
    Reply(Reply),
    /// It does not answer what is asked, for this reason.
    Refused(String),
    /// Somebody else is answering.
    Busy,
}

impl Asking {
    /// The turn asks.
    pub(crate) fn ask(&self, ask: Ask) {
        let mut state = self.state();
        state.stage = Stage::Open(ask);
        state.since = Some(Instant::now());
    }

    /// Whether the turn waits for an answer.
    pub(crate) fn waits(&self) -> bool {
        self.state().since.is_some()
    }

    /// How long the turn has waited for answers, in all.
    pub(crate) fn waited(&self) -> Duration {
        let state = self.state();
        state.waited + state.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// The ask is over without an answer. `false`: somebody is answering it.
    pub(crate) fn give_up(&self) -> bool {
        let mut state = self.state();
        let open = matches!(state.stage, Stage::Open(_));
        if open {
            state.stage = Stage::Quiet;
            state.unclear = true;
            state.goes_on();
        }
        open
    }

    /// Takes the ask up with a message that answers it.
    pub(crate) fn claim(&self, message: &v1::Message) -> Claim {
        let mut state = self.state();
        let reply = match &state.stage {
            Stage::Quiet | Stage::Over => return Claim::None,
            Stage::Claimed(_) | Stage::Answered(..) => return Claim::Busy,
            Stage::Open(ask) => ask.reply(message, state.unclear),
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

    /// The message could not be taken after all.
    pub(crate) fn unclaim(&self) {
        let mut state = self.state();
        state.stage = match std::mem::take(&mut state.stage) {
            Stage::Claimed(ask) => Stage::Open(ask),
            stage => stage,
        };
    }

    /// The claimed ask has its answer. The lease comes back if the turn has ended in the meantime.
    pub(crate) fn deliver(&self, lease: Lease, reply: Reply) -> Result<(), Lease> {
        let mut state = self.state();
        if matches!(state.stage, Stage::Over) {
            return Err(lease);
        }
        state.stage = Stage::Answered(lease, reply);
        drop(state);
        self.answered.notify_one();
        Ok(())
    }

    /// Waits for the answer. Cancel safe: what was not returned is there the next time.
    pub(crate) async fn answer(&self) -> (Lease, Reply) {
        loop {
            if let Some(answer) = self.take() {
                return answer;
            }
            self.answered.notified().await;
        }
    }

    fn take(&self) -> Option<(Lease, Reply)> {
        let mut state = self.state();
        match std::mem::take(&mut state.stage) {
            Stage::Answered(lease, reply) => {
                state.unclear = false;
                state.goes_on();
                Some((lease, reply))
            }
            stage => {
                state.stage = stage;
                None
            }
        }
    }

    /// The turn has ended. A lease that it has not heard of is its last one.
    pub(crate) fn close(&self) -> Option<Lease> {
        let mut state = self.state();
        state.goes_on();
        match std::mem::replace(&mut state.stage, Stage::Over) {
            Stage::Answered(lease, _) => Some(lease),
            _ => None,
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // All changes are single steps.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn goes_on(&mut self) {
        self.waited += self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::{Choice, Effect, Question};
    use crate::store::{Owner, TaskKey};
    use inhouse_proto::v1::part::Content;
    use inhouse_trust::{AgentName, Principal};

    fn ask(id: &str) -> Ask {
        let option = |id: &str, effect| Choice { id: id.into(), label: id.into(), effect };
        let options = vec![option("allow", Effect::Allow), option("deny", Effect::Deny)];
        let question = Question { id: "p".into(), text: "?".into(), options, multiple: false, free_text: false };
        let input = serde_json::Value::Null;
        Ask { id: id.into(), tool: "Bash".into(), subject: String::new(), input, questions: vec![question] }
    }

    fn says(text: &str) -> v1::Message {
        let part = v1::Part { content: Some(Content::Text(text.into())), ..v1::Part::default() };
        v1::Message { parts: vec![part], ..v1::Message::default() }
    }

    fn lease() -> Lease {
        let owner = Owner { principal: Principal::new("ann").unwrap(), agent: AgentName::new("demo").unwrap() };
        Lease { key: TaskKey { owner, id: "t".into() }, fence: 2, kept_bytes: 0 }
    }

    #[tokio::test]
    async fn an_ask_is_answered_once_and_by_one() {
        let asking = Asking::default();
        assert!(matches!(asking.claim(&says("yes")), Claim::None));
        asking.ask(ask("1"));
        assert!(matches!(asking.claim(&says("perhaps")), Claim::Refused(_)));
        let Claim::Reply(reply) = asking.claim(&says("yes")) else { panic!("no answer") };
        assert!(matches!(asking.claim(&says("no")), Claim::Busy) && !asking.give_up());
        asking.unclaim();
        assert!(matches!(asking.claim(&says("yes")), Claim::Reply(_)));
        assert!(asking.deliver(lease(), reply).is_ok() && asking.waits());
        assert_eq!(asking.answer().await.1.choice(), Some("allow"));
        assert!(!asking.waits() && matches!(asking.claim(&says("yes")), Claim::None));
    }

    #[test]
    fn after_an_ask_without_answer_words_are_not_enough() {
        let asking = Asking::default();
        asking.ask(ask("1"));
        assert!(asking.give_up() && !asking.waits());
        asking.ask(ask("2"));
        let Claim::Refused(why) = asking.claim(&says("yes")) else { panic!("answered") };
        assert!(why.contains(r#""requestId":"2""#), "{why}");
    }

    #[test]
    fn an_answer_to_a_turn_that_has_ended_comes_back() {
        let asking = Asking::default();
        asking.ask(ask("1"));
        let Claim::Reply(reply) = asking.claim(&says("yes")) else { panic!("no answer") };
        assert!(asking.close().is_none());
        assert_eq!(asking.deliver(lease(), reply.clone()), Err(lease()));
        let asking = Asking::default();
        asking.ask(ask("1"));
        asking.claim(&says("yes"));
        assert!(asking.deliver(lease(), reply).is_ok());
        assert_eq!(asking.close(), Some(lease()));
    }
}
