//! What an agent asks in a turn, on its way to somebody who decides: the operator's rules first, then the caller, one ask at a time.

use std::collections::VecDeque;

use inhouse_engine::agent::{Asked, DecidedBy, Output, Stop};
use inhouse_engine::{Ask, Effect, Reply};
use inhouse_trust::{Approvals, Verdict};
use uuid::Uuid;

use crate::dialogue::Free;

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
    free: Vec<Free>,
    waiting: VecDeque<Named>,
    open: Option<Named>,
}

/// An ask under an id of ours: agents count theirs, and a late answer to one could meet another of the same number.
struct Named {
    ask: Ask,
    /// What the agent calls it.
    theirs: String,
}

impl Named {
    fn new(ask: Ask) -> Self {
        let id = Uuid::new_v4().to_string();
        Self { theirs: ask.id, ask: Ask { id, ..ask } }
    }

    fn reply(&self, reply: Reply) -> Reply {
        Reply { ask: self.theirs.clone(), ..reply }
    }
}

impl<'a> Asks<'a> {
    /// None yet. What is `free` needs no leave but that of the rules.
    pub(crate) fn new(rules: &'a Approvals, free: Vec<Free>) -> Self {
        Self { rules, free, waiting: VecDeque::new(), open: None }
    }

    fn verdict(&self, ask: &Ask) -> Verdict {
        let is_free = self.free.iter().any(|(tool, subject)| *tool == ask.tool && *subject == ask.subject);
        match strictest(self.rules, ask) {
            _ if !ask.is_permission() => Verdict::Ask,
            Verdict::Ask if is_free => Verdict::Allow,
            verdict => verdict,
        }
    }

    /// Takes an ask. What can be said without asking anybody is said at once.
    pub(crate) fn take(&mut self, mut ask: Ask, output: &mut dyn Output) -> Option<Reply> {
        if self.rules.restrict() {
            // After leave for always the agent would not ask again, and no rule would be heard.
            let questions = ask.questions.iter_mut();
            questions.for_each(|question| question.options.retain(|choice| choice.effect != Effect::AllowAlways));
        }
        let verdict = self.verdict(&ask);
        let named = Named::new(ask);
        let Named { ask, .. } = &named;
        let (reply, by) = match (verdict, ask.choose(Effect::Allow)) {
            (Verdict::Allow, Some(reply)) => (reply, DecidedBy::Rule),
            (Verdict::Deny, _) => {
                (Reply::denied(&ask.id, "a rule of the server's operator forbids it"), DecidedBy::Rule)
            }
            // Leave for this time is all that a rule gives: where an agent offers none, somebody is asked.
            (Verdict::Allow | Verdict::Ask, _) if self.waiting.len() < WAITING_MAX => {
                self.waiting.push_back(named);
                return None;
            }
            (Verdict::Allow | Verdict::Ask, _) => {
                (Reply::denied(&ask.id, "too much is asked at once"), DecidedBy::Nobody)
            }
        };
        let reply = output.decided(ask, reply, by);
        Some(named.reply(reply))
    }

    /// The agent does not want to know any more.
    pub(crate) fn withdraw(&mut self, id: &str, output: &mut dyn Output) {
        self.waiting.retain(|named| named.theirs != id);
        if self.open.take_if(|named| named.theirs == id).is_some() {
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
            && let Some(named) = self.waiting.pop_front()
        {
            let ask = &named.ask;
            match output.ask(ask.clone()).await? {
                Asked::Waiting => self.open = Some(named),
                Asked::TooMany => {
                    let reply = Reply::denied(&ask.id, "too many tasks wait for an answer already");
                    let reply = output.decided(ask, reply, DecidedBy::Nobody);
                    replies.push(named.reply(reply));
                }
            }
        }
        Ok(replies)
    }

    /// Whether the caller is asked now.
    pub(crate) fn waits(&self) -> bool {
        self.open.is_some()
    }

    /// What was said to the open ask, and to no other. Pending while none is. Cancel safe.
    pub(crate) async fn reply(&mut self, output: &mut dyn Output) -> Reply {
        while self.open.is_some() {
            let reply = output.reply().await;
            if let Some(named) = self.open.take_if(|named| named.ask.id == reply.ask) {
                return named.reply(reply);
            }
        }
        std::future::pending().await
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
    use inhouse_engine::agent::{AgentEvent, ArtifactUpdate, Full};
    use inhouse_engine::{Choice, Question};

    use super::*;

    fn ask() -> Ask {
        Ask {
            id: "1".to_owned(),
            tool: String::new(),
            subject: String::new(),
            input: serde_json::Value::Null,
            questions: Vec::new(),
        }
    }

    #[test]
    fn each_ask_has_an_id_that_no_other_has_and_its_answer_the_agents_own() {
        let (one, other) = (Named::new(ask()), Named::new(ask()));
        assert!(one.ask.id != other.ask.id && one.ask.id != "1");
        assert_eq!(one.reply(Reply::denied(&one.ask.id, "no")).ask, "1");
    }

    /// Says what was said to it, one after another, and whether leave counts.
    struct Answers(Vec<Reply>, bool);

    #[async_trait::async_trait]
    impl Output for Answers {
        async fn emit(&mut self, _: AgentEvent) -> Result<(), Stop> {
            Ok(())
        }

        async fn ask(&mut self, _: Ask) -> Result<Asked, Stop> {
            Ok(Asked::Waiting)
        }

        async fn reply(&mut self) -> Reply {
            self.0.remove(0)
        }

        fn unask(&mut self) {}

        async fn leave(&mut self, _: ArtifactUpdate) -> Result<(), Full> {
            Ok(())
        }

        fn decided(&mut self, ask: &Ask, reply: Reply, _: DecidedBy) -> Reply {
            if self.1 { reply } else { Reply::denied(&ask.id, "it can not be written down") }
        }
    }

    #[tokio::test]
    async fn a_late_answer_to_one_ask_is_none_to_another_of_the_same_number() {
        let rules = Approvals::default();
        let (mut asks, mut output) = (Asks::new(&rules, Vec::new()), Answers(Vec::new(), true));
        let mut ids = Vec::new();
        for _ in 0..2 {
            asks.withdraw("1", &mut output);
            assert!(asks.take(ask(), &mut output).is_none());
            asks.next(&mut output).await.unwrap();
            ids.push(asks.open.as_ref().unwrap().ask.id.clone());
        }
        output.0 = vec![Reply::denied(&ids[0], "late"), Reply::denied(&ids[1], "in time")];
        let reply = asks.reply(&mut output).await;
        assert_eq!(reply, Reply { ask: "1".to_owned(), ..Reply::denied("", "in time") });
        assert!(!asks.waits() && output.0.is_empty());
    }

    #[test]
    fn a_rule_gives_no_leave_that_does_not_count() {
        let mut rules = Approvals::default();
        rules.add(Verdict::Allow, "Read").unwrap();
        let choice = Choice { id: "y".into(), label: String::new(), effect: Effect::Allow };
        let question =
            Question { id: "q".into(), text: String::new(), options: vec![choice], multiple: false, free_text: false };
        let asked = || Ask { tool: "Read".to_owned(), questions: vec![question.clone()], ..ask() };
        let take = |counts| Asks::new(&rules, Vec::new()).take(asked(), &mut Answers(Vec::new(), counts)).unwrap();
        assert_eq!((take(true).choice(), take(false).choice()), (Some("y"), None));
    }

    #[test]
    fn what_is_free_is_asked_of_nobody_unless_a_rule_forbids_it() {
        let free = || vec![("Read", "/f/file-1.csv".to_owned())];
        let read = |tool: &str, subject: &str| Ask { tool: tool.to_owned(), subject: subject.to_owned(), ..ask() };
        let own = read("Read", "/f/file-1.csv");
        let mut rules = Approvals::default();
        assert_eq!(Asks::new(&rules, free()).verdict(&own), Verdict::Allow);
        for other in
            [read("Read", "/f/file-1.csv."), read("Read", "/f/../f/file-1.csv"), read("Write", "/f/file-1.csv"), ask()]
        {
            assert_eq!(Asks::new(&rules, free()).verdict(&other), Verdict::Ask, "{other:?}");
        }
        rules.add(Verdict::Deny, "Read").unwrap();
        assert_eq!(Asks::new(&rules, free()).verdict(&own), Verdict::Deny);
    }

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
