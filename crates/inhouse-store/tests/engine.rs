//! The engine over the memory store, with scripted agents: what a caller sees of a task's life.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::too_many_lines, reason = "tests")]

mod scripted;

use std::sync::Arc;
use std::time::Duration;

use inhouse_engine::store::Filter;
use inhouse_engine::{EngineLimits, Idempotency, QueueLimits, Submission};
use inhouse_proto::error::ErrorKind;
use inhouse_proto::v1::TaskState;
use scripted::{House, Script, message, permit, reason, submission, text_of};

#[tokio::test]
async fn an_answer_is_one_artifact_exact_to_the_byte() {
    let house = House::new(Script::say(["käse ", "\u{1f980}", "\n\"end\""]));
    let task = house.send("ann", "hi").await;
    assert_eq!(task.state, TaskState::Completed);
    assert_eq!(text_of(&task), "käse \u{1f980}\n\"end\"");
    assert_eq!(task.history.len(), 1);
}

#[tokio::test]
async fn every_end_of_an_agent_is_its_own_state_with_a_reason() {
    for (script, state, code) in [
        (Script::fail("exit code 3"), TaskState::Failed, Some("agent_failed")),
        (Script::reject("not my job"), TaskState::Rejected, None),
        (Script::ask("which one?"), TaskState::InputRequired, None),
        (Script::panics(), TaskState::Failed, Some("internal")),
    ] {
        let task = House::new(script).send("ann", "hi").await;
        assert_eq!((task.state, reason(&task).as_deref()), (state, code));
    }
}

#[tokio::test]
async fn a_turn_that_takes_too_long_fails_with_timeout_and_what_it_said_is_kept() {
    let house = House::new(Script::say_then_hang("so far")).turn_ms_max(50);
    let task = house.send("ann", "hi").await;
    assert_eq!((task.state, reason(&task).as_deref()), (TaskState::Failed, Some("timeout")));
    assert_eq!(text_of(&task), "so far");
}

#[tokio::test]
async fn output_beyond_the_limit_fails_with_output_limit() {
    let limits = EngineLimits { output_bytes_max: 10_000, ..EngineLimits::default() };
    let task = House::with(Script::flood(), limits).send("ann", "hi").await;
    assert_eq!((task.state, reason(&task).as_deref()), (TaskState::Failed, Some("output_limit")));
    assert!(text_of(&task).len() <= 10_000);
}

#[tokio::test]
async fn what_a_turn_leaves_behind_is_kept_after_it_was_stopped_as_far_as_there_is_room() {
    let limits = EngineLimits { output_bytes_max: 10_000, ..EngineLimits::default() };
    let house = House::with(Script::leaves_when_canceled([20_000, 100, 20_000]), limits);
    let id = house.start("ann", "hi").await;
    house.wait_for(&id, TaskState::Working).await;
    let task = house.engine.cancel(&permit("ann"), &id).await.unwrap();
    assert_eq!((task.state, text_of(&task)), (TaskState::Canceled, "x".repeat(100)));
}

#[tokio::test]
async fn a_canceled_task_is_canceled_and_never_completed() {
    for script in [Script::say_then_hang("x"), Script::completes_when_canceled()] {
        let house = House::new(script);
        let id = house.start("ann", "hi").await;
        house.wait_for(&id, TaskState::Working).await;
        let task = house.engine.cancel(&permit("ann"), &id).await.unwrap();
        assert_eq!(task.state, TaskState::Canceled);
        let again = house.engine.cancel(&permit("ann"), &id).await.unwrap_err();
        assert_eq!(again.kind, ErrorKind::TaskNotCancelable);
    }
}

#[tokio::test]
async fn a_waiting_task_takes_the_next_message_and_only_then() {
    let house = House::new(Script::ask_twice());
    let task = house.send("ann", "hi").await;
    assert_eq!(task.state, TaskState::InputRequired);
    let mut next = message("first answer");
    next.task_id = task.id.to_string();
    next.context_id = "another".to_owned();
    let refused = house.submit("ann", next.clone()).await.unwrap_err();
    assert_eq!((refused.kind, refused.violations[0].field.as_str()), (ErrorKind::InvalidParams, "message.contextId"));
    next.context_id.clear();
    let task = house.submit("ann", next.clone()).await.unwrap().settled().await.unwrap();
    assert_eq!(task.state, TaskState::InputRequired, "a third turn is asked for");
    next.message_id = uuid();
    let task = house.submit("ann", next.clone()).await.unwrap().settled().await.unwrap();
    assert_eq!((task.state, task.history.len()), (TaskState::Completed, 5));
    let again = house.submit("ann", next.clone()).await.unwrap();
    assert_eq!(again.task_id(), &task.id, "a retry of an answer is no second answer");
    next.message_id = uuid();
    assert_eq!(house.submit("ann", next).await.unwrap_err().kind, ErrorKind::UnsupportedOperation);
}

#[tokio::test]
async fn what_belongs_to_another_caller_is_answered_like_what_does_not_exist() {
    let house = House::new(Script::ask("well?"));
    let task = house.send("ann", "hi").await;
    let eve = permit("eve");
    let mut reply = message("me too");
    reply.task_id = task.id.to_string();
    let missing = |error: inhouse_proto::error::A2aError| (error.kind, error.metadata.get("taskId").cloned());
    let expected = (ErrorKind::TaskNotFound, Some(task.id.to_string()));
    assert_eq!(missing(house.engine.get(&eve, &task.id).await.unwrap_err()), expected);
    assert_eq!(missing(house.engine.cancel(&eve, &task.id).await.unwrap_err()), expected);
    assert_eq!(missing(house.engine.follow(&eve, &task.id, None).await.err().unwrap()), expected);
    assert_eq!(missing(house.submit("eve", reply).await.unwrap_err()), expected);
}

#[tokio::test]
async fn a_retry_with_a_uuid_runs_once_and_a_readable_id_runs_again() {
    let house = House::new(Script::say(["x"]));
    let mut first = message("hi");
    first.message_id = uuid();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(house.submit("ann", first.clone()).await.unwrap().task_id().to_string());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let other = house.submit("bob", first.clone()).await.unwrap();
    assert_ne!(**other.task_id(), *ids[0], "a key belongs to its caller");
    let mut changed = message("something else");
    changed.message_id.clone_from(&first.message_id);
    assert_eq!(house.submit("ann", changed).await.unwrap_err().kind, ErrorKind::InvalidParams);
    first.message_id = "kit-task-001".to_owned();
    let one = house.submit("ann", first.clone()).await.unwrap().task_id().clone();
    let two = house.submit("ann", first.clone()).await.unwrap().task_id().clone();
    assert_ne!(one, two);
    let mut keyed = submission(first);
    keyed.idempotency_key = Some("k1".to_owned());
    let one = house.engine.submit(&permit("ann"), keyed.clone()).await.unwrap().task_id().clone();
    assert_eq!(&one, house.engine.submit(&permit("ann"), keyed).await.unwrap().task_id());
}

#[tokio::test]
async fn idempotency_can_be_always_or_off() {
    for (idempotency, same) in [(Idempotency::Always, true), (Idempotency::Off, false)] {
        let house = House::with(Script::say(["x"]), EngineLimits { idempotency, ..EngineLimits::default() });
        for id in ["readable".to_owned(), uuid()] {
            let mut twice = message("hi");
            twice.message_id = id;
            let one = house.submit("ann", twice.clone()).await.unwrap().task_id().clone();
            let two = house.submit("ann", twice).await.unwrap().task_id().clone();
            assert_eq!(one == two && idempotency == Idempotency::Always, same, "{idempotency:?}");
        }
    }
}

#[tokio::test]
async fn beyond_the_running_turns_a_task_waits_with_its_place_and_beyond_that_it_is_refused() {
    let queue = QueueLimits { running_per_agent_max: 1, queued_per_agent_max: 1, ..QueueLimits::default() };
    let house = House::with(Script::say_then_hang("x"), EngineLimits { queue, ..EngineLimits::default() });
    let first = house.start("ann", "1").await;
    house.wait_for(&first, TaskState::Working).await;
    let second = house.start("ann", "2").await;
    let waiting = house.engine.get(&permit("ann"), &second).await.unwrap();
    assert_eq!(waiting.state, TaskState::Submitted);
    assert!(String::from_utf8_lossy(&waiting.status).contains("queued at position 1"));
    let refused = house.submit("ann", message("3")).await.unwrap_err();
    assert_eq!((refused.kind, refused.retry_after_s), (ErrorKind::ResourceExhausted, Some(5)));
    let canceled = house.engine.cancel(&permit("ann"), &second).await.unwrap();
    assert_eq!(canceled.state, TaskState::Canceled, "a queued task is canceled without running");
    let third = house.start("ann", "3").await;
    house.engine.cancel(&permit("ann"), &first).await.unwrap();
    house.wait_for(&third, TaskState::Working).await;
}

#[tokio::test]
async fn more_starts_than_the_window_allows_are_refused_with_a_retry_time() {
    let mut limits = EngineLimits::default();
    limits.starts.starts_max = 2;
    let house = House::with(Script::say(["x"]), limits);
    for _ in 0..2 {
        house.send("ann", "hi").await;
    }
    let refused = house.submit("ann", message("hi")).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::ResourceExhausted);
    assert!(refused.retry_after_s.is_some_and(|seconds| (1..=60).contains(&seconds)));
    house.send("bob", "the window belongs to its caller").await;
}

#[tokio::test]
async fn readers_see_every_event_once_wherever_they_begin_and_however_late() {
    let house = House::new(Script::lines(500));
    let accepted = house.submit("ann", message("hi")).await.unwrap();
    let id = accepted.task_id().to_string();
    let done = accepted.settled().await.unwrap();
    let all = house.read_from(&id, 0).await;
    assert_eq!(all.len() as u64, done.generation);
    assert_eq!(all.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=done.generation).collect::<Vec<_>>());
    for from in [1, 2, 250, done.generation - 1] {
        assert_eq!(house.read_from(&id, from).await.len() as u64, done.generation - from, "from {from}");
    }
    let beyond = house.engine.follow(&permit("ann"), &id, Some(done.generation + 1)).await.err().unwrap();
    assert_eq!(beyond.kind, ErrorKind::InvalidParams);
    let finished = house.engine.follow(&permit("ann"), &id, None).await.err().unwrap();
    assert_eq!(finished.kind, ErrorKind::UnsupportedOperation, "spec 3.1.6");
    let (_, mut nothing) = house.engine.follow(&permit("ann"), &id, Some(done.generation)).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), nothing.next()).await.unwrap().unwrap();
    assert!(ended.is_empty(), "the log has ended, and so does its reader");
}

#[tokio::test]
async fn the_same_answer_to_two_questions_under_an_id_of_ones_own_is_two_answers() {
    let house = House::new(Script::ask_twice());
    for (text, state) in
        [("yes", TaskState::InputRequired), ("yes", TaskState::InputRequired), ("yes", TaskState::Completed)]
    {
        let mut said = submission(message(text));
        said.message.message_id = "first-generation".to_owned();
        said.task_id = Some("t1".to_owned());
        let task = house.engine.submit(&permit("ann"), said).await.unwrap().settled().await.unwrap();
        assert_eq!(task.state, state);
    }
}

#[tokio::test]
async fn an_answer_that_follows_its_question_at_once_can_always_be_canceled() {
    let mut limits = EngineLimits::default();
    limits.starts.starts_max = 1_000;
    let house = House::with(Script::asks_then_hangs(), limits);
    for _ in 0..200 {
        let asked = house.send("ann", "hi").await;
        let mut answer = message("yes");
        answer.task_id = asked.id.to_string();
        house.submit("ann", answer).await.unwrap();
        let canceled =
            tokio::time::timeout(Duration::from_secs(20), house.engine.cancel(&permit("ann"), &asked.id)).await;
        assert_eq!(canceled.unwrap().unwrap().state, TaskState::Canceled);
    }
    tokio::time::timeout(Duration::from_secs(20), house.engine.shutdown()).await.unwrap();
}

#[tokio::test]
async fn text_after_a_nameless_artifact_is_appended_to_it() {
    let task = House::new(Script::artifact_then_text("[1]", "two")).send("ann", "hi").await;
    assert_eq!(text_of(&task), "[1]two");
}

#[tokio::test]
async fn a_task_that_is_canceled_in_the_queue_never_worked() {
    let queue = QueueLimits { running_per_agent_max: 1, ..QueueLimits::default() };
    let house = House::with(Script::say_then_hang("x"), EngineLimits { queue, ..EngineLimits::default() });
    let first = house.start("ann", "1").await;
    house.wait_for(&first, TaskState::Working).await;
    let second = house.start("ann", "2").await;
    house.engine.cancel(&permit("ann"), &second).await.unwrap();
    let events = house.read_from(&second, 0).await;
    let states: Vec<_> = events.iter().filter_map(|(_, event)| scripted::state(event)).collect();
    assert_eq!(states, [TaskState::Submitted, TaskState::Submitted, TaskState::Canceled]);
}

#[tokio::test]
async fn a_stream_that_waits_for_a_direct_answer_shows_the_task_before_long() {
    let limits = EngineLimits { direct_wait_ms: 20, ..EngineLimits::default() };
    let house = House::with(Script::answers_when_told("late"), limits);
    let mut direct = submission(message("hi"));
    direct.direct = true;
    let accepted = house.engine.submit(&permit("ann"), direct).await.unwrap();
    let (shown, _) = tokio::time::timeout(Duration::from_secs(20), accepted.follow()).await.unwrap().unwrap();
    assert!(shown.message.is_none());
    house.tell();
    let task = accepted.settled().await.unwrap();
    assert_eq!(
        (task.state, text_of(&task).as_str()),
        (TaskState::Completed, "late"),
        "an artifact, since the task was seen"
    );
}

#[tokio::test]
async fn a_stream_gets_a_direct_answer_that_comes_while_it_waits_for_one() {
    let house = House::new(Script::answers_directly("42"));
    let direct = Submission { direct: true, ..submission(message("hi")) };
    let accepted = house.engine.submit(&permit("ann"), direct).await.unwrap();
    let (shown, _) = tokio::time::timeout(Duration::from_secs(20), accepted.follow()).await.unwrap().unwrap();
    assert!(shown.message.is_some());
}

#[tokio::test]
async fn a_store_that_drops_every_wake_up_only_costs_time() {
    let limits = EngineLimits { recheck_ms: 10, ..EngineLimits::default() };
    let house = House::deaf(Script::lines(20), limits);
    let task = tokio::time::timeout(Duration::from_secs(20), house.send("ann", "hi")).await.unwrap();
    assert_eq!(task.state, TaskState::Completed);
    assert_eq!(house.read_from(&task.id, 0).await.len() as u64, task.generation);
}

#[tokio::test]
async fn withdrawn_text_is_replaced_and_not_appended_to() {
    let house = House::new(Script::withdraws("first try", "second"));
    let task = house.send("ann", "hi").await;
    assert_eq!(text_of(&task), "second");
}

#[tokio::test]
async fn a_direct_answer_is_no_task_unless_the_caller_has_seen_one() {
    let house = House::new(Script::answers_directly("42"));
    let mut direct = submission(message("hi"));
    direct.direct = true;
    let accepted = house.engine.submit(&permit("ann"), direct).await.unwrap();
    let settled = accepted.settled().await.unwrap();
    assert!(settled.message.is_some());
    let missing = house.engine.get(&permit("ann"), accepted.task_id()).await.unwrap_err();
    assert_eq!(missing.kind, ErrorKind::TaskNotFound);
    let task = house.send("ann", "hi").await;
    assert_eq!((task.state, text_of(&task).as_str()), (TaskState::Completed, "42"));
}

#[tokio::test]
async fn a_listed_task_is_a_task_whatever_its_agent_answers_with() {
    let house = House::new(Script::answers_when_told("late"));
    let direct = Submission { direct: true, ..submission(message("hi")) };
    let accepted = house.engine.submit(&permit("ann"), direct).await.unwrap();
    let all = Filter { limit: 10, ..Filter::default() };
    let listed = house.engine.list(&permit("ann"), &all).await.unwrap();
    assert_eq!((listed.total, listed.tasks.len()), (1, 1));
    house.tell();
    let task = accepted.settled().await.unwrap();
    assert!(task.message.is_none() && text_of(&task) == "late");
}

#[tokio::test]
async fn who_looks_while_the_agent_answers_directly_sees_no_task() {
    let house = Arc::new(House::new(Script::answers_when_told("42")));
    let direct = Submission { direct: true, ..submission(message("hi")) };
    let accepted = house.engine.submit(&permit("ann"), direct).await.unwrap();
    let (gate, id) = (house.hold_next_look(), accepted.task_id().to_string());
    let looks = tokio::spawn({
        let house = Arc::clone(&house);
        async move { house.engine.get(&permit("ann"), &id).await }
    });
    while house.looks() == 0 {
        tokio::task::yield_now().await;
    }
    house.tell();
    assert!(accepted.settled().await.unwrap().message.is_some());
    house.ends(1).await;
    gate.notify_one();
    assert_eq!(looks.await.unwrap().unwrap_err().kind, ErrorKind::TaskNotFound);
}

#[tokio::test]
async fn who_watches_a_finished_task_is_told_at_once_that_nothing_follows() {
    let house = House::new(Script::say(["x"]));
    let done = house.send("ann", "hi").await;
    let (_, mut reader) = house.engine.watch(&permit("ann"), &done.id).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), reader.next()).await.unwrap().unwrap();
    assert!(ended.is_empty());
}

#[tokio::test]
async fn a_stop_ends_what_runs_and_what_waits_and_takes_nothing_new() {
    let queue = QueueLimits { running_per_agent_max: 1, ..QueueLimits::default() };
    let limits = EngineLimits { queue, shutdown_grace_ms: 20, ..EngineLimits::default() };
    let house = Arc::new(House::with(Script::say_then_hang("x"), limits));
    let running = house.start("ann", "1").await;
    let waiting = house.start("ann", "2").await;
    house.wait_for(&running, TaskState::Working).await;
    house.engine.shutdown().await;
    for id in [running, waiting] {
        let task = house.engine.get(&permit("ann"), &id).await.unwrap();
        assert_eq!((task.state, reason(&task).as_deref()), (TaskState::Failed, Some("shutdown")));
    }
    assert_eq!(house.submit("ann", message("late")).await.unwrap_err().kind, ErrorKind::Unavailable);
}

fn uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}
