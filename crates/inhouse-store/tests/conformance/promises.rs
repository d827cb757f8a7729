//! The promises of a store one by one (design: the log is the truth).

use std::sync::Arc;

use inhouse_engine::store::{
    Filter, Lease, NewTask, NextMessage, PushConfig, RetryKey, Store, StoreError, Submitted, TaskKey,
};
use inhouse_proto::snapshot::{Pieces, View};
use inhouse_proto::v1::TaskState;
use inhouse_proto::wire::Event;

use super::{
    append, completed, created, input_required, key, new_task, owner, push, resume, status, submit, submit_with_retry,
    text, working,
};

/// Runs every promise on a fresh store each.
pub async fn all(store: impl Fn() -> Arc<dyn Store>) {
    generations_have_no_holes_and_readers_see_them_in_order(store()).await;
    a_refused_batch_changes_nothing(store()).await;
    a_terminal_event_is_the_last(store()).await;
    only_the_latest_lease_appends(store()).await;
    another_owner_sees_nothing(store()).await;
    a_retry_finds_its_task_and_other_content_is_refused(store()).await;
    concurrent_retries_make_one_task(store()).await;
    a_waiting_task_resumes_and_a_working_one_does_not(store()).await;
    the_list_is_newest_first_and_pages_meet(store()).await;
    filters_and_totals_agree(store()).await;
    a_hint_fires_after_the_commit(store()).await;
    a_direct_answer_is_in_no_list(store()).await;
    push_configs_are_kept_with_their_task(store()).await;
    push_configs_of_a_message_come_with_it_or_not_at_all(store()).await;
}

fn kinds(events: &[Event]) -> String {
    let kind = |event: &Event| match event {
        Event::Status(status) => status.state.as_str_name().trim_start_matches("TASK_STATE_").chars().next().unwrap(),
        Event::Text { .. } => 't',
        Event::Artifact(_) => 'a',
        Event::Message(_) => 'm',
    };
    events.iter().map(kind).collect()
}

async fn generations_have_no_holes_and_readers_see_them_in_order(store: Arc<dyn Store>) {
    let lease = submit(&store, "ann", "t", "c").await;
    assert_eq!(append(&store, &lease, vec![working(&lease), text(&lease, "a", false)]).await, 3);
    assert_eq!(append(&store, &lease, vec![text(&lease, "b", true)]).await, 4);
    assert_eq!(append(&store, &lease, completed(&lease, 1)).await, 5);
    for (after, seen) in [(0, "SWttC"), (1, "WttC"), (4, "C"), (5, ""), (99, "")] {
        assert_eq!(kinds(&store.events(&lease.key, after, usize::MAX).await.unwrap()), seen, "after {after}");
    }
    assert_eq!(store.events(&lease.key, 0, 1).await.unwrap().len(), 1, "at least one event, however small the bound");
    let snapshot = store.get(&lease.key, true).await.unwrap();
    let mut json = Pieces::default();
    snapshot.write_v1(View::ALL, &mut json);
    let json = json.finish().concat();
    assert_eq!((snapshot.generation, snapshot.state, snapshot.label), (5, TaskState::Completed, 7));
    assert!(String::from_utf8(json).unwrap().contains(r#""parts":[{"text":"ab"}]"#));
}

async fn a_refused_batch_changes_nothing(store: Arc<dyn Store>) {
    let lease = submit(&store, "ann", "t", "c").await;
    let batch = vec![working(&lease), text(&lease, "x", false), status(&lease.key, TaskState::Submitted, 0)];
    assert!(matches!(store.append(&lease, batch).await, Err(StoreError::IllegalMove { .. })));
    assert!(matches!(store.append(&lease, vec![text(&lease, "x", false)]).await, Err(StoreError::IllegalMove { .. })));
    assert_eq!(kinds(&store.events(&lease.key, 0, usize::MAX).await.unwrap()), "S");
    assert_eq!(append(&store, &lease, vec![working(&lease)]).await, 2);
}

async fn a_terminal_event_is_the_last(store: Arc<dyn Store>) {
    for (at, state) in
        [TaskState::Completed, TaskState::Failed, TaskState::Canceled, TaskState::Rejected].into_iter().enumerate()
    {
        let lease = submit(&store, "ann", &format!("t{at}"), "c").await;
        append(&store, &lease, vec![working(&lease), status(&lease.key, state, 1)]).await;
        for late in [text(&lease, "late", false), working(&lease), status(&lease.key, TaskState::Completed, 2)] {
            assert!(matches!(store.append(&lease, vec![late]).await, Err(StoreError::IllegalMove { .. })), "{state:?}");
        }
        assert_eq!(store.get(&lease.key, true).await.unwrap().state, state);
    }
}

async fn only_the_latest_lease_appends(store: Arc<dyn Store>) {
    let first = submit(&store, "ann", "t", "c").await;
    let second = store.claim(&first.key).await.unwrap();
    assert_ne!(first.fence, second.fence);
    for events in [vec![working(&first)], vec![]] {
        assert!(matches!(store.append(&first, events).await, Err(StoreError::Fenced(_))));
    }
    assert_eq!(append(&store, &second, vec![working(&second)]).await, 2);
    let forged = Lease { fence: second.fence + 1, ..second };
    assert!(matches!(store.append(&forged, vec![text(&forged, "x", false)]).await, Err(StoreError::Fenced(_))));
}

async fn another_owner_sees_nothing(store: Arc<dyn Store>) {
    let lease = submit_with_retry(&store, "ann", "t", "c", "k", 1).await;
    let foreign = key("eve", "t");
    let missing = key("eve", "nowhere");
    for key in [&foreign, &missing] {
        let refusal = StoreError::NotFound(Arc::clone(&key.id));
        assert_eq!(store.get(key, true).await.unwrap_err(), refusal);
        assert_eq!(store.events(key, 0, 1).await.unwrap_err(), refusal);
        assert_eq!(store.claim(key).await.unwrap_err(), refusal);
        assert_eq!(store.claim_waiting(key).await.unwrap_err(), refusal);
        assert_eq!(store.hint(key).unwrap_err(), refusal);
        assert_eq!(store.push_set(key, push("p", "u")).await.unwrap_err(), refusal);
        assert_eq!(store.push_list(key).await.unwrap_err(), refusal);
        assert_eq!(store.push_delete(key, "p").await.unwrap_err(), refusal);
        assert_eq!(store.push_told(key, &push("p", "u"), 1).await.unwrap_err(), refusal);
        let stolen = Lease { key: key.clone(), ..lease.clone() };
        assert_eq!(store.append(&stolen, vec![working(&stolen)]).await.unwrap_err(), refusal);
        assert_eq!(store.append(&stolen, vec![text(&stolen, "x", false)]).await.unwrap_err(), refusal);
        assert_eq!(resume(&store, key, "{}", None).await.unwrap_err(), refusal);
    }
    assert_eq!(store.list(&owner("eve"), &Filter { limit: 9, ..Filter::default() }).await.unwrap().total, 0);
    assert_eq!(store.retried(&owner("eve"), &RetryKey { key: "k".into(), content: 1 }).await.unwrap(), None);
    let own = submit(&store, "eve", "t", "c").await;
    append(&store, &own, vec![working(&own), text(&own, "eve's", false)]).await;
    assert_eq!(
        store.get(&lease.key, true).await.unwrap().generation,
        1,
        "the same id of another owner is another task"
    );
}

async fn a_retry_finds_its_task_and_other_content_is_refused(store: Arc<dyn Store>) {
    submit_with_retry(&store, "ann", "t1", "c", "k", 1).await;
    let retry = |content| Some(RetryKey { key: "k".into(), content });
    assert_eq!(store.submit(new_task("ann", "t2", "c", retry(1))).await.unwrap(), Submitted::Retried("t1".into()));
    assert_eq!(store.submit(new_task("ann", "t2", "c", retry(2))).await, Err(StoreError::OtherContent("k".into())));
    assert!(matches!(store.submit(new_task("ann", "t1", "c", None)).await, Err(StoreError::Exists(_))));
    assert!(matches!(store.get(&key("ann", "t2"), true).await, Err(StoreError::NotFound(_))));
}

async fn concurrent_retries_make_one_task(store: Arc<dyn Store>) {
    let sends = (0..32).map(|at| {
        let store = Arc::clone(&store);
        let retry = Some(RetryKey { key: "k".into(), content: 1 });
        tokio::spawn(async move { store.submit(new_task("ann", &format!("t{at}"), "c", retry)).await.unwrap() })
    });
    let mut created = 0;
    for send in sends.collect::<Vec<_>>() {
        created += usize::from(matches!(send.await.unwrap(), Submitted::Taken(_)));
    }
    assert_eq!(created, 1);
}

async fn a_waiting_task_resumes_and_a_working_one_does_not(store: Arc<dyn Store>) {
    let first = submit(&store, "ann", "t", "c").await;
    append(&store, &first, vec![working(&first)]).await;
    assert!(matches!(store.claim_waiting(&first.key).await, Err(StoreError::IllegalMove { .. })));
    assert!(matches!(resume(&store, &first.key, "{}", None).await, Err(StoreError::IllegalMove { .. })));
    append(&store, &first, vec![input_required(&first, 4)]).await;
    let back = store.append(&first, vec![status(&first.key, TaskState::Submitted, 5)]).await;
    assert!(matches!(back, Err(StoreError::IllegalMove { .. })), "only an answer lets it go on");
    let retry = |content| Some(RetryKey { key: "k2".into(), content });
    let second = created(resume(&store, &first.key, r#"{"messageId":"m2"}"#, retry(1)).await.unwrap());
    assert!(second.kept_bytes > first.kept_bytes);
    let again = resume(&store, &first.key, r#"{"messageId":"m2"}"#, retry(1)).await.unwrap();
    assert_eq!(again, Submitted::Retried("t".into()), "a retry is no second answer");
    assert_eq!(store.retried(&owner("ann"), &retry(1).unwrap()).await.unwrap(), Some("t".into()));
    assert!(matches!(store.append(&first, vec![working(&first)]).await, Err(StoreError::Fenced(_))));
    append(&store, &second, vec![working(&second)]).await;
    let snapshot = store.get(&first.key, true).await.unwrap();
    assert_eq!(snapshot.generation, 5);
    let history: Vec<_> = snapshot.history.iter().map(|json| String::from_utf8_lossy(json).into_owned()).collect();
    assert_eq!(history.len(), 3, "the message, the question, the answer: {history:?}");
    assert!(history[1].contains("\"q\"") && history[2].contains("\"m2\""), "{history:?}");
}

async fn the_list_is_newest_first_and_pages_meet(store: Arc<dyn Store>) {
    for at in 0..25i64 {
        let lease = submit(&store, "ann", &format!("t{at:02}"), "c").await;
        // Equal times in threes: the id decides between them.
        append(&store, &lease, completed(&lease, at / 3)).await;
    }
    let mut seen = Vec::new();
    let mut filter = Filter { limit: 7, ..Filter::default() };
    loop {
        let page = store.list(&owner("ann"), &filter).await.unwrap();
        assert_eq!(page.total, 25);
        seen.extend(page.tasks.iter().map(|task| task.id.to_string()));
        assert!(seen.len() <= 25);
        match page.next {
            Some(place) => filter.after = Some(place),
            None => break,
        }
    }
    let expected: Vec<_> = (0..25).rev().map(|at| format!("t{at:02}")).collect();
    assert_eq!(seen, expected);
}

async fn filters_and_totals_agree(store: Arc<dyn Store>) {
    for at in 0..12i64 {
        let context = if at % 2 == 0 { "even" } else { "odd" };
        let lease = submit(&store, "ann", &format!("t{at:02}"), context).await;
        if at % 3 == 0 {
            append(&store, &lease, completed(&lease, 100 + at)).await;
        } else {
            append(&store, &lease, vec![status(&lease.key, TaskState::Working, 100 + at)]).await;
        }
    }
    let any = Filter { limit: 2, ..Filter::default() };
    for (filter, total) in [
        (any.clone(), 12),
        (Filter { context_id: Some("even".into()), ..any.clone() }, 6),
        (Filter { context_id: Some("none".into()), ..any.clone() }, 0),
        (Filter { state: Some(TaskState::Completed), ..any.clone() }, 4),
        (Filter { state: Some(TaskState::Working), context_id: Some("odd".into()), ..any.clone() }, 4),
        (Filter { since_ms: Some(106), ..any.clone() }, 6),
        (Filter { since_ms: Some(106), state: Some(TaskState::Completed), ..any.clone() }, 2),
    ] {
        let mut filter = filter;
        let mut seen = 0;
        loop {
            let page = store.list(&owner("ann"), &filter).await.unwrap();
            assert_eq!(page.total, total, "{filter:?}");
            seen += page.tasks.len();
            match page.next {
                Some(place) => filter.after = Some(place),
                None => break,
            }
        }
        assert_eq!(seen, total, "{filter:?}");
    }
}

async fn a_hint_fires_after_the_commit(store: Arc<dyn Store>) {
    let lease = submit(&store, "ann", "t", "c").await;
    let mut hint = store.hint(&lease.key).unwrap();
    let reader = {
        let (store, key) = (Arc::clone(&store), lease.key.clone());
        tokio::spawn(async move {
            hint.beyond(1).await;
            store.events(&key, 1, usize::MAX).await.unwrap().len()
        })
    };
    append(&store, &lease, vec![working(&lease), text(&lease, "x", false)]).await;
    assert_eq!(reader.await.unwrap(), 2);
    let mut settled = store.hint(&lease.key).unwrap();
    append(&store, &lease, completed(&lease, 1)).await;
    settled.settled().await;
}

async fn a_direct_answer_is_in_no_list(store: Arc<dyn Store>) {
    let lease = submit(&store, "ann", "t", "c").await;
    append(&store, &lease, vec![Event::message(&inhouse_proto::v1::Message::default())]).await;
    assert!(store.get(&lease.key, true).await.unwrap().message.is_some());
    assert_eq!(store.list(&owner("ann"), &Filter { limit: 9, ..Filter::default() }).await.unwrap().total, 0);
    assert!(store.append(&lease, vec![working(&lease)]).await.is_err());
}

async fn configs(store: &Arc<dyn Store>, key: &TaskKey) -> Vec<(String, String, u64)> {
    let configs = store.push_list(key).await.unwrap();
    configs.iter().map(|push| (push.id.to_string(), push.config.url.clone(), push.told)).collect()
}

fn listed(configs: &[(&str, &str, u64)]) -> Vec<(String, String, u64)> {
    configs.iter().map(|(id, url, told)| ((*id).to_owned(), (*url).to_owned(), *told)).collect()
}

async fn push_configs_are_kept_with_their_task(store: Arc<dyn Store>) {
    let lease = submit(&store, "ann", "t", "c").await;
    let (key, other) = (lease.key.clone(), submit(&store, "ann", "other", "c").await.key);
    for push in [push("a", "u1"), push("b", "u2")] {
        store.push_set(&key, push).await.unwrap();
    }
    let told = async |config: PushConfig, generation| store.push_told(&key, &config, generation).await.unwrap();
    told(push("b", "u2"), 5).await;
    told(push("b", "u2"), 4).await;
    told(push("nobody", "u2"), 9).await;
    assert_eq!(configs(&store, &key).await, listed(&[("a", "u1", 0), ("b", "u2", 5)]));
    store.push_set(&key, PushConfig { revision: 2, ..push("b", "u3") }).await.unwrap();
    told(push("b", "u2"), 6).await;
    assert_eq!(
        configs(&store, &key).await,
        listed(&[("a", "u1", 0), ("b", "u3", 0)]),
        "what it replaced was told that"
    );
    append(&store, &lease, vec![working(&lease)]).await;
    append(&store, &lease, completed(&lease, 1)).await;
    assert_eq!(configs(&store, &key).await, listed(&[("a", "u1", 0), ("b", "u3", 0)]), "replaced, and kept to the end");
    for _ in 0..2 {
        store.push_delete(&key, "a").await.unwrap();
    }
    store.push_set(&key, push("late", "u4")).await.unwrap();
    assert_eq!(configs(&store, &key).await, listed(&[("b", "u3", 0), ("late", "u4", 0)]));
    assert_eq!(configs(&store, &other).await, []);
}

async fn push_configs_of_a_message_come_with_it_or_not_at_all(store: Arc<dyn Store>) {
    let new = NewTask { push: Some(push("first", "u1")), ..new_task("ann", "t", "c", None) };
    let lease = created(store.submit(new).await.unwrap());
    append(&store, &lease, vec![working(&lease), input_required(&lease, 1)]).await;
    let next = |id: &str| NextMessage {
        key: lease.key.clone(),
        retry: None,
        message: "{}".into(),
        event: status(&lease.key, TaskState::Submitted, 2),
        push: Some(push(id, "u2")),
    };
    store.resume(next("second")).await.unwrap();
    assert_eq!(configs(&store, &lease.key).await, listed(&[("first", "u1", 0), ("second", "u2", 0)]));
    assert!(matches!(store.resume(next("third")).await, Err(StoreError::IllegalMove { .. })));
    assert_eq!(configs(&store, &lease.key).await.len(), 2);
}
