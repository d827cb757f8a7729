//! What an approver has to do with other callers' tasks. While one of them waits for leave that he may give, and only so long, he can
//! see that it asks and what, and answer. Nothing else of it exists for him: no history, no artifact, and no later word.

use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::snapshot::Snapshot;
use inhouse_proto::v1::part::Content;
use inhouse_proto::v1::stream_response::Payload;
use inhouse_proto::v1::{self, TaskState};
use inhouse_proto::wire::to_json;
use inhouse_trust::{Decides, Permit};

use crate::accepted::Accepted;
use crate::agent::DecidedBy;
use crate::asking::{Claim, May, Said};
use crate::engine::{Engine, key, lock};
use crate::note::Ids;
use crate::refusal::{not_found, unsupported};
use crate::store::{Filter, Page, Place, RetryKey, TaskKey};
use crate::submit::Submission;

/// Another caller's task that waits for an approver.
pub(crate) struct Waiting {
    pub(crate) key: TaskKey,
    /// As the approver may see it.
    pub(crate) task: Snapshot,
}

impl Engine {
    /// The task as it stands (spec 3.1.3): the caller's own, or what there is to decide on in another one's.
    ///
    /// # Errors
    /// Task not found.
    pub async fn show(&self, permit: &Permit, id: &str) -> Result<Snapshot, A2aError> {
        match self.get(permit, id).await {
            Err(error) if error.kind == ErrorKind::TaskNotFound => {
                self.to_decide(permit, id).await.map(|waiting| waiting.task).ok_or(error)
            }
            found => found,
        }
    }

    /// A page of the caller's tasks (spec 3.1.4), and of those that wait for his decision.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn list(&self, permit: &Permit, filter: &Filter) -> Result<Page, A2aError> {
        let mut page = self.list_own(permit, filter).await?;
        let asking = self.asking_for(permit, |_| true);
        if asking.is_empty() {
            return Ok(page);
        }
        let place = |task: &Snapshot| Place { time_ms: task.status_time_ms, id: task.id.clone() };
        for key in asking {
            let Some(Waiting { task, .. }) = self.glimpse(key).await.filter(|waiting| matches(filter, &waiting.task))
            else {
                continue;
            };
            page.total += 1;
            if filter.after.as_ref().is_none_or(|after| place(&task) < *after) {
                page.tasks.push(task);
            }
        }
        page.tasks.sort_by_key(|task| std::cmp::Reverse(place(task)));
        if page.tasks.len() > filter.limit {
            page.tasks.truncate(filter.limit);
            page.next = page.tasks.last().map(place);
        }
        Ok(page)
    }

    /// The one task of another caller that has this id and waits for the decision. Two callers may have chosen the same id: then
    /// an answer could be meant for either, and there is none.
    pub(crate) async fn to_decide(&self, permit: &Permit, id: &str) -> Option<Waiting> {
        match self.asking_for(permit, |key| *key.id == *id).as_slice() {
            [key] => self.glimpse(key.clone()).await,
            _ => None,
        }
    }

    /// Takes an approver's answer. He gets a message, since the task is none of his any more; for a repeated one, what he may see.
    ///
    /// # Errors
    /// Invalid parameters, when it is no answer; task not found, when there is nothing to decide any more; unsupported operation,
    /// when he wants to be told of the task.
    pub(crate) async fn approve(
        &self,
        permit: &Permit,
        submission: Submission,
        Waiting { key, task }: Waiting,
    ) -> Result<Accepted, A2aError> {
        if submission.push.is_some() {
            return Err(unsupported(&key.id, "only the task's own caller can have it told to a webhook"));
        }
        let live = self.live(&key).ok_or_else(|| not_found(&key.id))?;
        let by = DecidedBy::Approver(permit.principal().clone());
        let may = May { permissions: true, questions: false };
        let reply = match live.asking.claim(&submission.message, &by, may) {
            Claim::Reply(reply) => reply,
            Claim::Refused(why) => return Err(A2aError::invalid("message.parts", why)),
            Claim::None | Claim::NotHis | Claim::Busy => return Err(not_found(&key.id)),
        };
        // Retries are counted by the task's owner: his are told from the owner's.
        let retry = self.retry_key(&submission).map(|RetryKey { key, content }| {
            let key = format!("approver {}\n{key}", permit.principal().as_str()).into();
            RetryKey { key, content }
        });
        let decision = reply.choice().unwrap_or("no").to_owned();
        let retried = self.answer(&key, submission, &task, retry, (live, Said { reply, by })).await?;
        let shown = if retried.is_some() { task } else { receipt(task, &decision) };
        Ok(Accepted::receipt(self.clone(), key, shown))
    }

    /// Other callers' tasks that wait for a permission which may be given with this permit.
    fn asking_for(&self, permit: &Permit, wanted: impl Fn(&TaskKey) -> bool) -> Vec<TaskKey> {
        if permit.decides() != Decides::All {
            return Vec::new();
        }
        let own = key(permit, "").owner;
        let foreign = |key: &TaskKey| key.owner.agent == own.agent && key.owner.principal != own.principal;
        let live = lock(&self.inner.live);
        let asking =
            live.iter().filter(|(key, live)| foreign(key) && wanted(key) && live.asking.permission().is_some());
        asking.map(|(key, _)| key.clone()).collect()
    }

    /// What an approver sees of a task that asks: its state and its request, if both are of the same moment.
    async fn glimpse(&self, key: TaskKey) -> Option<Waiting> {
        let live = self.live(&key)?;
        let asked = live.asking.permission()?;
        let task = self.inner.store.get(&key, false).await.ok()?;
        // The status does not change while the same permission is open.
        let same = task.state == TaskState::InputRequired && live.asking.permission() == Some(asked);
        same.then(|| Waiting {
            key,
            task: Snapshot { history: Vec::new(), artifacts: Vec::new(), metadata: None, ..task },
        })
    }
}

/// A message in place of the task (spec 3.1.1), which says what was decided.
fn receipt(task: Snapshot, decision: &str) -> Snapshot {
    let content = Some(Content::Text(format!("The agent has its answer: {decision}.")));
    let parts = vec![v1::Part { content, ..v1::Part::default() }];
    let message = Ids { task: "", context: "" }.agent_message(parts, None);
    let response = v1::StreamResponse { payload: Some(Payload::Message(message)) };
    Snapshot { state: TaskState::Working, message: Some(to_json(&response)), ..task }
}

fn matches(filter: &Filter, task: &Snapshot) -> bool {
    filter.context_id.as_ref().is_none_or(|context| *context == task.context_id)
        && filter.state.is_none_or(|state| state == task.state)
        && filter.since_ms.is_none_or(|since| task.status_time_ms >= since)
}
