//! What is said to a turn that asks: it joins the task like any message, and reaches the turn that waits for it.

use std::sync::Arc;

use inhouse_proto::error::A2aError;
use inhouse_proto::snapshot::Snapshot;
use inhouse_proto::v1::{self, TaskState};
use inhouse_proto::wire::to_json;
use inhouse_trust::{Decides, Permit};

use crate::agent::{DecidedBy, End, Failure, Note, Reason};
use crate::ask::{Ask, Reply};
use crate::asking::{Asking, Claim, May, Said};
use crate::engine::{Engine, Inner, Live, key, lock};
use crate::note::Ids;
use crate::push::named;
use crate::queue::Slot;
use crate::refusal::{refused, unsupported};
use crate::store::{NextMessage, Owner, RetryKey, Submitted, TaskKey};
use crate::submit::{Submission, filled};

impl Engine {
    /// What a message of the task's own caller answers, if a turn of the task asks something.
    ///
    /// # Errors
    /// Invalid parameters, when it is no answer; unsupported operation, when somebody is answering already, or others answer this.
    pub(crate) fn claim(
        &self,
        permit: &Permit,
        task: &Snapshot,
        message: &v1::Message,
    ) -> Result<Option<(Live, Said)>, A2aError> {
        let Some(live) = self.live(&key(permit, &task.id)) else { return Ok(None) };
        let may = May { permissions: permit.decides() != Decides::None, questions: true };
        match live.asking.claim(message, &DecidedBy::Caller, may) {
            Claim::None => Ok(None),
            Claim::Reply(reply) => Ok(Some((live, Said { reply, by: DecidedBy::Caller }))),
            Claim::Refused(why) => Err(A2aError::invalid("message.parts", why)),
            Claim::NotHis => Err(unsupported(&task.id, "one of the agent's approvers decides on this, not the caller")),
            Claim::Busy => Err(unsupported(&task.id, "the task has its answer already, or goes on without one")),
        }
    }

    /// Gives a turn that asks its answer: the message joins the task, and the turn goes on. The task that it answered before,
    /// when the message is a retry.
    pub(crate) async fn answer(
        &self,
        key: &TaskKey,
        submission: Submission,
        task: &Snapshot,
        retry: Option<RetryKey>,
        (live, said): (Live, Said),
    ) -> Result<Option<Arc<str>>, A2aError> {
        let claimed = Claimed(Some(&live.asking));
        let message = filled(submission.message, &task.id, &task.context_id);
        let ids = Ids { task: &task.id, context: &task.context_id };
        let push = submission.push.map(|config| named(config, &task.id, submission.label));
        let event = ids.status(TaskState::Working, Note::default(), None);
        let next = NextMessage { key: key.clone(), retry, message: to_json(&message), event, push };
        let lease = match self.inner.store.resume(next).await.map_err(refused)? {
            Submitted::Taken(lease) => lease,
            Submitted::Retried(id) => return Ok(Some(id)),
        };
        claimed.keep();
        if let Err(lease) = live.asking.deliver(lease, said) {
            let gone = Failure::new(Reason::AgentFailed, "the agent ended before it had its answer");
            let end = ids.end(End::Failed(gone).under(live.stop.cause()), None);
            self.inner.store.end(&lease, vec![end]).await.map_err(refused)?;
        }
        Ok(None)
    }
}

impl Inner {
    /// A turn asks its caller: others may run meanwhile. `false`: too many turns ask.
    pub(crate) fn pause(self: &Arc<Self>, slot: &Slot) -> bool {
        let next = lock(&self.queue).pause(slot);
        let paused = next.is_some();
        self.start_all(next.unwrap_or_default());
        paused
    }

    /// A turn that asked goes on.
    pub(crate) fn go_on(&self, slot: &Slot) {
        lock(&self.queue).go_on(slot);
    }

    /// Writes down what was decided about something that an agent asked. The reply that counts: nothing is allowed that can not be
    /// written down.
    pub(crate) fn decided(&self, slot: &Slot, task: &str, ask: &Ask, reply: Reply, by: DecidedBy) -> Reply {
        if !ask.is_permission() {
            return reply;
        }
        let (reply, by) = match ask.denies(&reply) || self.witness.has_room() {
            true => (reply, by),
            false => (
                Reply::denied(&ask.id, "the audit can not be written, and nothing is allowed without"),
                DecidedBy::Nobody,
            ),
        };
        let Owner { principal, agent } = &slot.owner;
        self.witness.decided(principal, agent, task, &ask.tool, ask.decision(&reply), by);
        reply
    }
}

/// An ask that somebody answers. Unless it is kept, the next one may.
struct Claimed<'a>(Option<&'a Asking>);

impl Claimed<'_> {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        if let Some(asking) = self.0 {
            asking.unclaim();
        }
    }
}
