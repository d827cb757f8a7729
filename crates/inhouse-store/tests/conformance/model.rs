//! Random steps on a store and on a plain model of it: both always agree.

use std::collections::HashMap;
use std::sync::Arc;

use inhouse_engine::state::{is_interrupted, is_terminal, may_move};
use inhouse_engine::store::{Filter, Lease, Store, TaskKey};
use inhouse_proto::v1::TaskState;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{created, key, new_task, owner, resume, status, text};

const WHO: [&str; 2] = ["ann", "eve"];
const STATES: [TaskState; 6] = [
    TaskState::Submitted,
    TaskState::Working,
    TaskState::Completed,
    TaskState::Failed,
    TaskState::InputRequired,
    TaskState::Canceled,
];

#[derive(Debug, Clone)]
enum Step {
    Submit { who: usize, id: u8 },
    Claim { who: usize, id: u8 },
    Text { who: usize, id: u8 },
    Status { who: usize, id: u8, state: usize, time_ms: i64 },
    Resume { who: usize, id: u8 },
}

#[derive(Debug)]
struct Known {
    state: TaskState,
    time_ms: i64,
    events: u64,
    texts: usize,
    fence: u64,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = || (0..WHO.len(), 0..3u8);
    let step = prop_oneof![
        2 => at().prop_map(|(who, id)| Step::Submit { who, id }),
        1 => at().prop_map(|(who, id)| Step::Claim { who, id }),
        3 => at().prop_map(|(who, id)| Step::Text { who, id }),
        4 => (at(), 0..STATES.len(), 0..5i64).prop_map(|((who, id), state, time_ms)| Step::Status { who, id, state, time_ms }),
        1 => at().prop_map(|(who, id)| Step::Resume { who, id }),
    ];
    proptest::collection::vec(step, 0..60)
}

/// Runs the model test on fresh stores.
pub fn model(store: impl Fn() -> Arc<dyn Store>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 256, failure_persistence: None, ..Config::default() });
    runner.run(&steps(), |steps| runtime.block_on(check(store(), steps))).unwrap();
}

async fn check(store: Arc<dyn Store>, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut model: HashMap<TaskKey, Known> = HashMap::new();
    for step in steps {
        apply(&store, &mut model, step).await?;
    }
    for (key, known) in &model {
        let snapshot = store.get(key, true).await.unwrap();
        prop_assert_eq!((snapshot.generation, snapshot.state), (known.events, known.state));
        let events = store.events(key, 0, usize::MAX).await.unwrap();
        prop_assert_eq!(events.len() as u64, known.events);
    }
    for who in WHO {
        let mut expected: Vec<_> = model.iter().filter(|(key, _)| key.owner == owner(who)).collect();
        expected.sort_by_key(|(key, known)| std::cmp::Reverse((known.time_ms, Arc::clone(&key.id))));
        let page = store.list(&owner(who), &Filter { limit: 100, ..Filter::default() }).await.unwrap();
        let listed: Vec<_> = page.tasks.iter().map(|task| Arc::clone(&task.id)).collect();
        prop_assert_eq!(listed, expected.iter().map(|(key, _)| Arc::clone(&key.id)).collect::<Vec<_>>());
    }
    Ok(())
}

async fn apply(store: &Arc<dyn Store>, model: &mut HashMap<TaskKey, Known>, step: Step) -> Result<(), TestCaseError> {
    match step {
        Step::Submit { who, id } => {
            let made = store.submit(new_task(WHO[who], &id.to_string(), "c", None)).await;
            let key = key(WHO[who], &id.to_string());
            prop_assert_eq!(made.is_ok(), !model.contains_key(&key));
            let new = Known { state: TaskState::Submitted, time_ms: 0, events: 1, texts: 0, fence: 1 };
            model.entry(key).or_insert(new);
        }
        Step::Claim { who, id } => {
            let key = key(WHO[who], &id.to_string());
            let lease = store.claim(&key).await.ok();
            prop_assert_eq!(lease.is_some(), model.contains_key(&key));
            if let (Some(lease), Some(known)) = (lease, model.get_mut(&key)) {
                prop_assert!(lease.fence > known.fence);
                known.fence = lease.fence;
            }
        }
        Step::Text { who, id } => {
            let key = key(WHO[who], &id.to_string());
            let Some(known) = model.get_mut(&key) else { return Ok(()) };
            let lease = Lease { key, fence: known.fence, kept_bytes: 0 };
            let took = store.append(&lease, vec![text(&lease, "x", known.texts > 0)]).await;
            prop_assert_eq!(took.is_ok(), known.state == TaskState::Working);
            if took.is_ok() {
                known.events += 1;
                known.texts += 1;
            }
        }
        Step::Status { who, id, state, time_ms } => {
            let key = key(WHO[who], &id.to_string());
            let Some(known) = model.get_mut(&key) else { return Ok(()) };
            let lease = Lease { key, fence: known.fence, kept_bytes: 0 };
            let took = store.append(&lease, vec![status(&lease.key, STATES[state], time_ms)]).await;
            prop_assert_eq!(took.is_ok(), may_move(known.state, STATES[state]));
            if took.is_ok() {
                prop_assert!(!is_terminal(known.state));
                (known.state, known.time_ms, known.events) = (STATES[state], time_ms, known.events + 1);
            }
        }
        Step::Resume { who, id } => {
            let key = key(WHO[who], &id.to_string());
            let resumed = resume(store, &key, "{}", None).await;
            let waits = model.get(&key).is_some_and(|known| is_interrupted(known.state));
            prop_assert_eq!(resumed.is_ok(), waits);
            if let (Ok(submitted), Some(known)) = (resumed, model.get_mut(&key)) {
                (known.state, known.time_ms, known.events) = (TaskState::Submitted, 5, known.events + 1);
                known.fence = created(submitted).fence;
            }
        }
    }
    Ok(())
}
