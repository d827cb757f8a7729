//! What every task store must keep, whatever it keeps it in: tables of single promises, and a model with random steps.

#![allow(unreachable_pub, missing_docs, reason = "shared between test files")]

mod model;
mod promises;

use std::sync::Arc;

use bytes::Bytes;
use inhouse_engine::store::{
    Lease, NewTask, NextMessage, Owner, PushConfig, RetryKey, Store, StoreError, Submitted, TaskKey,
};
use inhouse_proto::json::Timestamp;
use inhouse_proto::v1::{self, TaskState};
use inhouse_proto::wire::{EscapedText, Event, TextHead};
use inhouse_trust::{AgentName, Principal};

pub use model::model;
pub use promises::all;

pub fn owner(who: &str) -> Owner {
    Owner { principal: Principal::new(who).unwrap(), agent: AgentName::new("demo").unwrap() }
}

pub fn key(who: &str, id: &str) -> TaskKey {
    TaskKey { owner: owner(who), id: id.into() }
}

pub fn status(key: &TaskKey, state: TaskState, time_ms: i64) -> Event {
    let message =
        (state == TaskState::InputRequired).then(|| v1::Message { message_id: "q".into(), ..Default::default() });
    let status = v1::TaskStatus { state: state.into(), message, timestamp: Some(Timestamp { millis: time_ms }) };
    Event::status(&key.id, "c", &status, None)
}

pub fn working(lease: &Lease) -> Event {
    status(&lease.key, TaskState::Working, 0)
}

pub fn input_required(lease: &Lease, time_ms: i64) -> Event {
    status(&lease.key, TaskState::InputRequired, time_ms)
}

pub fn completed(lease: &Lease, time_ms: i64) -> Vec<Event> {
    vec![status(&lease.key, TaskState::Completed, time_ms)]
}

pub fn text(lease: &Lease, text: &str, append: bool) -> Event {
    let head = Arc::new(TextHead::new(&lease.key.id, "c", "answer-1"));
    Event::text(&head, EscapedText::new(text), append, false)
}

pub fn new_task(who: &str, id: &str, context: &str, retry: Option<RetryKey>) -> NewTask {
    let key = key(who, id);
    let message = Bytes::from_static(br#"{"messageId":"m","role":"ROLE_USER","parts":[{"text":"hi"}]}"#);
    let event = status(&key, TaskState::Submitted, 0);
    NewTask { key, context_id: context.into(), retry, message, event, label: 7, push: None }
}

pub fn push(id: &str, url: &str) -> PushConfig {
    let config = v1::TaskPushNotificationConfig { id: id.into(), url: url.into(), ..Default::default() };
    PushConfig { id: id.into(), config: Arc::new(config), revision: 1, label: 3, told: 0 }
}

pub async fn submit(store: &Arc<dyn Store>, who: &str, id: &str, context: &str) -> Lease {
    created(store.submit(new_task(who, id, context, None)).await.unwrap())
}

pub async fn submit_with_retry(
    store: &Arc<dyn Store>,
    who: &str,
    id: &str,
    context: &str,
    retry: &str,
    content: u64,
) -> Lease {
    let retry = RetryKey { key: retry.into(), content };
    created(store.submit(new_task(who, id, context, Some(retry))).await.unwrap())
}

pub async fn resume(
    store: &Arc<dyn Store>,
    key: &TaskKey,
    message: &str,
    retry: Option<RetryKey>,
) -> Result<Submitted, StoreError> {
    let event = status(key, TaskState::Submitted, 5);
    store.resume(NextMessage { key: key.clone(), retry, message: message.to_owned().into(), event, push: None }).await
}

pub fn created(submitted: Submitted) -> Lease {
    match submitted {
        Submitted::Taken(lease) => lease,
        Submitted::Retried(id) => panic!("a retry of {id}"),
    }
}

pub async fn append(store: &Arc<dyn Store>, lease: &Lease, events: Vec<Event>) -> u64 {
    store.append(lease, events).await.unwrap()
}
