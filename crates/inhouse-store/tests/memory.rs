//! The memory store keeps what the `Store` port promises, and its own bounds.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::too_many_lines, reason = "tests")]

mod conformance;

use std::sync::Arc;
use std::time::Duration;

use conformance::{append, completed, push, submit, text};
use inhouse_engine::store::{Filter, Store, StoreError};
use inhouse_store::{MemoryLimits, MemoryStore};
use tokio::time::advance;

fn store(limits: MemoryLimits) -> Arc<dyn Store> {
    Arc::new(MemoryStore::new(limits))
}

#[tokio::test]
async fn the_memory_store_keeps_the_promises_of_a_store() {
    conformance::all(|| store(MemoryLimits::default())).await;
}

#[test]
fn the_memory_store_follows_the_model() {
    conformance::model(|| store(MemoryLimits::default()));
}

#[tokio::test]
async fn finished_tasks_beyond_the_bounds_are_forgotten_oldest_first_from_whoever_keeps_most() {
    let store = store(MemoryLimits { finished_tasks_max: 3, ..MemoryLimits::default() });
    let mut kept = Vec::new();
    for (at, who) in ["ann", "ann", "ann", "bob"].into_iter().enumerate() {
        let lease = submit(&store, who, &format!("t{at}"), "c").await;
        append(&store, &lease, completed(&lease, i64::try_from(at).unwrap())).await;
        kept.push(lease.key);
    }
    assert!(matches!(store.get(&kept[0], true).await, Err(StoreError::NotFound(_))));
    for key in &kept[1..] {
        assert!(store.get(key, true).await.is_ok(), "{key:?}");
    }
}

#[tokio::test]
async fn kept_bytes_are_bounded_and_running_tasks_are_never_forgotten() {
    let store = store(MemoryLimits { finished_bytes_max: 10_000, ..MemoryLimits::default() });
    let running = submit(&store, "ann", "running", "c").await;
    append(&store, &running, vec![conformance::working(&running), text(&running, &"x".repeat(50_000), false)]).await;
    for at in 0..20 {
        let lease = submit(&store, "ann", &format!("t{at}"), "c").await;
        let said = vec![conformance::working(&lease), text(&lease, &"y".repeat(2_000), false)];
        append(&store, &lease, said).await;
        append(&store, &lease, completed(&lease, at)).await;
    }
    let page = store.list(&running.key.owner, &Filter { limit: 100, ..Filter::default() }).await.unwrap();
    assert!((2..=6).contains(&page.total), "{}", page.total);
    assert!(store.get(&running.key, true).await.is_ok());
}

#[tokio::test]
async fn push_configs_are_bounded_and_count_as_kept_while_they_are_there() {
    let limits = MemoryLimits { finished_bytes_max: 40_000, push_configs_per_task_max: 3, ..MemoryLimits::default() };
    let store = store(limits);
    let mut done = Vec::new();
    for at in 0..2 {
        let lease = submit(&store, "ann", &format!("t{at}"), "c").await;
        append(&store, &lease, vec![conformance::working(&lease)]).await;
        append(&store, &lease, completed(&lease, at)).await;
        done.push(lease.key);
    }
    let long = "x".repeat(10_000);
    for round in 0..20 {
        store.push_set(&done[1], push("same", &long)).await.unwrap();
        store.push_set(&done[1], push(&round.to_string(), &long)).await.unwrap();
        store.push_delete(&done[1], &round.to_string()).await.unwrap();
    }
    assert!(store.get(&done[0], true).await.is_ok(), "what was replaced or deleted is not counted");
    for id in ["2", "3"] {
        store.push_set(&done[1], push(id, &long)).await.unwrap();
    }
    assert_eq!(store.push_set(&done[1], push("4", "u")).await, Err(StoreError::TooManyConfigs(3)));
    store.push_set(&done[1], push("3", &"x".repeat(20_000))).await.unwrap();
    assert!(matches!(store.get(&done[0], true).await, Err(StoreError::NotFound(_))), "the oldest makes room");
}

#[tokio::test]
async fn tasks_that_wait_count_as_kept_and_the_oldest_goes_first() {
    let store = store(MemoryLimits { finished_bytes_max: 10_000, ..MemoryLimits::default() });
    let mut waiting = Vec::new();
    for at in 0..5 {
        let lease = submit(&store, "ann", &format!("w{at}"), "c").await;
        let said = vec![conformance::working(&lease), text(&lease, &"x".repeat(3_000), false)];
        append(&store, &lease, said).await;
        store.end(&lease, vec![conformance::input_required(&lease, at)]).await.unwrap();
        waiting.push(lease.key);
    }
    assert!(matches!(store.get(&waiting[0], true).await, Err(StoreError::NotFound(_))));
    assert!(store.get(&waiting[4], true).await.is_ok());
    let done = submit(&store, "ann", "done", "c").await;
    append(&store, &done, vec![conformance::working(&done), text(&done, &"x".repeat(3_000), false)]).await;
    append(&store, &done, completed(&done, 99)).await;
    assert!(store.get(&done.key, true).await.is_ok(), "the newest is not the one to go");
    assert!(matches!(store.get(&waiting[2], true).await, Err(StoreError::NotFound(_))));
}

#[tokio::test]
async fn a_task_that_asks_in_the_middle_of_a_turn_is_not_forgotten() {
    let store = store(MemoryLimits { finished_tasks_max: 2, ..MemoryLimits::default() });
    let asks = submit(&store, "ann", "asks", "c").await;
    append(&store, &asks, vec![conformance::working(&asks), conformance::input_required(&asks, 0)]).await;
    assert_eq!(store.kept().tasks, 0);
    for at in 1..6 {
        let done = submit(&store, "ann", &format!("t{at}"), "c").await;
        append(&store, &done, completed(&done, at)).await;
    }
    assert!(store.get(&asks.key, true).await.is_ok());
    store.end(&asks, vec![conformance::working(&asks), conformance::input_required(&asks, 9)]).await.unwrap();
    assert_eq!(store.kept().tasks, 2, "from here on it is at rest");
}

#[tokio::test(start_paused = true)]
async fn finished_tasks_are_forgotten_after_their_time_and_their_retry_key_is_free_again() {
    let store = store(MemoryLimits { finished_s_max: 10, waiting_s_max: 20, ..MemoryLimits::default() });
    let done = conformance::submit_with_retry(&store, "ann", "t1", "c", "key-1", 7).await;
    append(&store, &done, completed(&done, 1_000)).await;
    let waits = submit(&store, "ann", "t2", "c").await;
    let asks = vec![conformance::working(&waits), conformance::input_required(&waits, 1_000)];
    store.end(&waits, asks).await.unwrap();
    advance(Duration::from_secs(10)).await;
    assert_eq!(store.compact().await.unwrap(), []);
    assert!(store.get(&done.key, true).await.is_ok(), "its time is not over");
    advance(Duration::from_millis(10_001)).await;
    assert_eq!(store.compact().await.unwrap(), std::slice::from_ref(&waits.key), "waits for too long");
    assert!(matches!(store.get(&done.key, true).await, Err(StoreError::NotFound(_))));
    let again = conformance::submit_with_retry(&store, "ann", "t3", "c", "key-1", 8).await;
    assert_eq!(&*again.key.id, "t3");
}
