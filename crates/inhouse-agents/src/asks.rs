//! What an agent asks in a turn, on its way to somebody who decides: the operator's rules first, then the caller, one ask at a time.

use std::collections::VecDeque;

use inhouse_engine::agent::{Asked, DecidedBy, Output, Stop};
use inhouse_engine::{Ask, Effect, Reply};
use inhouse_trust::{Approvals, Verdict};

/// Asks that wait for the one before them; beyond them the answer is no.
const WAITING_MAX: usize = 64;

/// What the rules say of all that a tool would act on: of the whole, and of each line, since several paths stand in lines.
fn strictest(rules: &Approvals, ask: &Ask) -> Verdict {
    let judged = [ask.subject.as_str()].into_iter().chain(ask.subject.lines());
    let verdicts: Vec<_> = judged.map(|subject| rules.judge(&ask.tool, subject)).collect();
    [Verdict::Deny, Verdict::Ask].into_iter().find(|one| verdicts.contains(one)).unwrap_or(Verdict::Allow)
}

/// The asks of one turn.
pub(crate) struct Asks<'a> {
    rules: &'a Approvals,
    waiting: VecDeque<Ask>,
    open: Option<Ask>,
}

impl<'a> Asks<'a> {
    /// None yet.
    pub(crate) fn new(rules: &'a Approvals) -> Self {
        Self { rules, waiting: VecDeque::new(), open: None }
    }

    /// Takes an ask. What can be said without asking anybody is said at once.
    pub(crate) fn take(&mut self, mut ask: Ask, output: &mut dyn Output) -> Option<Reply> {
        if self.rules.restrict() {
            // After leave for always the agent would not ask again, and no rule would be heard.
            let questions = ask.questions.iter_mut();
            questions.for_each(|question| question.options.retain(|choice| choice.effect != Effect::AllowAlways));
        }
        let verdict = if ask.is_permission() { strictest(self.rules, &ask) } else { Verdict::Ask };
        let (reply, by) = match (verdict, ask.choose(Effect::Allow)) {
            (Verdict::Allow, Some(reply)) => (reply, DecidedBy::Rule),
            (Verdict::Deny, _) => {
                (Reply::denied(&ask.id, "a rule of the server's operator forbids it"), DecidedBy::Rule)
            }
            // Leave for this time is all that a rule gives: where an agent offers none, somebody is asked.
            (Verdict::Allow | Verdict::Ask, _) if self.waiting.len() < WAITING_MAX => {
                self.waiting.push_back(ask);
                return None;
            }
            (Verdict::Allow | Verdict::Ask, _) => {
                (Reply::denied(&ask.id, "too much is asked at once"), DecidedBy::Nobody)
            }
        };
        output.decided(&ask, &reply, by);
        Some(reply)
    }

    /// The agent does not want to know any more.
    pub(crate) fn withdraw(&mut self, id: &str, output: &mut dyn Output) {
        self.waiting.retain(|ask| ask.id != id);
        if self.open.take_if(|ask| ask.id == id).is_some() {
            output.unask();
        }
    }

    /// Asks the next one, if none is open. The replies to those that could not be asked.
    ///
    /// # Errors
    /// [`Stop`], when the task takes nothing more.
    pub(crate) async fn next(&mut self, output: &mut dyn Output) -> Result<Vec<Reply>, Stop> {
        let mut replies = Vec::new();
        while self.open.is_none()
            && let Some(ask) = self.waiting.pop_front()
        {
            match output.ask(ask.clone()).await? {
                Asked::Waiting => self.open = Some(ask),
                Asked::TooMany => {
                    let reply = Reply::denied(&ask.id, "too many tasks wait for an answer already");
                    output.decided(&ask, &reply, DecidedBy::Nobody);
                    replies.push(reply);
                }
            }
        }
        Ok(replies)
    }

    /// Whether the caller is asked now.
    pub(crate) fn waits(&self) -> bool {
        self.open.is_some()
    }

    /// What was said to the open ask. Pending while none is. Cancel safe.
    pub(crate) async fn reply(&mut self, output: &mut dyn Output) -> Reply {
        let Some(id) = self.open.as_ref().map(|ask| ask.id.clone()) else { return std::future::pending().await };
        let reply = output.reply().await;
        self.open.take_if(|ask| ask.id == id);
        reply
    }

    /// Nothing is asked any more.
    pub(crate) fn clear(&mut self, output: &mut dyn Output) {
        self.waiting.clear();
        if self.open.take().is_some() {
            output.unask();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_denies_one_path_denies_them_all() {
        let mut rules = Approvals::default();
        rules.add(Verdict::Allow, "edit").unwrap();
        rules.add(Verdict::Deny, "edit(*.env)").unwrap();
        for (subject, verdict) in [
            ("/p/a.txt\n/p/b.txt", Verdict::Allow),
            ("/p/.env\n/p/z.txt", Verdict::Deny),
            ("/p/a.txt\n/p/.env", Verdict::Deny),
            ("", Verdict::Allow),
        ] {
            let (id, tool, subject) = ("1".to_owned(), "edit".to_owned(), subject.to_owned());
            let ask = Ask { id, tool, subject, input: serde_json::Value::Null, questions: Vec::new() };
            assert_eq!(strictest(&rules, &ask), verdict, "{}", ask.subject);
        }
    }
}
