//! What an agent asks in the middle of its turn, and what becomes of it: the engine over the memory store.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod scripted;

use std::time::Duration;

use inhouse_engine::{EngineLimits, QueueLimits};
use inhouse_proto::error::ErrorKind;
use inhouse_proto::json::Value;
use inhouse_proto::snapshot::View;
use inhouse_proto::v1::{self, TaskState, part::Content};
use inhouse_store::MemoryLimits;
use scripted::{House, Script, Step, message, permit, reason, state, steps, text_of};

async fn asked(script: Script, limits: EngineLimits) -> (House, String) {
    let house = House::with(script, limits);
    let id = house.start("ann", "hi").await;
    house.wait_for(&id, TaskState::InputRequired).await;
    (house, id)
}

#[tokio::test]
async fn an_answer_reaches_the_turn_that_asked_and_joins_the_task() {
    let (house, id) = asked(Script::asks(2), EngineLimits::default()).await;
    let task = house.engine.get(&permit("ann"), &id).await.unwrap().to_v1(View::ALL).unwrap();
    let parts = task.status.unwrap().message.unwrap().parts;
    let Some(Content::Data(Value(data))) = &parts[1].content else { panic!("{parts:?}") };
    assert_eq!((&data["request"]["id"], &data["request"]["tool"]), (&"r1".into(), &"Bash".into()));
    house.say(&id, "yes").await.unwrap();
    house.wait_for(&id, TaskState::InputRequired).await;
    house.say(&id, "no").await.unwrap();
    let task = house.ended(&id).await;
    assert_eq!((task.state, text_of(&task).as_str()), (TaskState::Completed, "before allow no"));
    assert_eq!(task.history.iter().filter(|message| message.windows(9).any(|at| at == b"ROLE_USER")).count(), 3);
    assert_eq!(house.decided(), ["ann Bash allow caller", "ann Bash deny caller"]);
    let states: Vec<_> = house.read_from(&id, 0).await.iter().filter_map(|(_, event)| state(event)).collect();
    use TaskState::{Completed, InputRequired, Submitted, Working};
    assert_eq!(states, [Submitted, Working, InputRequired, Working, InputRequired, Working, Completed]);
}

#[tokio::test]
async fn what_can_not_be_written_down_is_not_allowed() {
    let (house, id) = asked(Script::asks(1), EngineLimits::default()).await;
    house.fill_audit();
    house.say(&id, "yes").await.unwrap();
    let task = house.ended(&id).await;
    assert_eq!((task.state, text_of(&task).as_str()), (TaskState::Completed, "before no"));
    assert_eq!(house.decided(), ["ann Bash deny nobody"]);
}

#[tokio::test]
async fn what_is_no_answer_is_refused_and_changes_nothing() {
    let (house, id) = asked(Script::asks(1), EngineLimits::default()).await;
    let stale = Value(serde_json::json!({"requestId": "r0", "optionId": "allow"}));
    let part = v1::Part { content: Some(Content::Data(stale)), ..v1::Part::default() };
    let by_id = v1::Message { task_id: id.clone(), parts: vec![part], ..message("") };
    for wrong in [by_id, v1::Message { task_id: id.clone(), ..message("perhaps") }] {
        let error = house.submit("ann", wrong).await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::InvalidParams);
        assert_eq!(error.violations[0].field, "message.parts");
    }
    let foreign = house.submit("bob", v1::Message { task_id: id.clone(), ..message("yes") }).await;
    assert_eq!(foreign.err().unwrap().kind, ErrorKind::TaskNotFound);
    let task = house.engine.get(&permit("ann"), &id).await.unwrap();
    assert_eq!((task.state, house.decided().len()), (TaskState::InputRequired, 0));
    house.say(&id, "allow").await.unwrap();
    assert_eq!(text_of(&house.ended(&id).await), "before allow");
}

#[tokio::test]
async fn two_answers_at_once_are_one_answer() {
    let (house, id) = asked(Script::asks(1), EngineLimits::default()).await;
    let (one, other) = tokio::join!(house.say(&id, "yes"), house.say(&id, "no"));
    assert!(one.is_ok() != other.is_ok(), "the second one finds nothing to answer");
    house.ended(&id).await;
    assert_eq!(house.decided().len(), 1);
}

#[tokio::test]
async fn an_ask_that_nobody_answers_is_denied_and_the_turn_goes_on() {
    let limits = EngineLimits { ask_ms_max: 20, ..EngineLimits::default() };
    let house = House::with(Script::asks(1), limits);
    let id = house.start("ann", "hi").await;
    let task = house.ended(&id).await;
    assert_eq!((task.state, text_of(&task).as_str()), (TaskState::Completed, "before no"));
    assert_eq!(house.decided(), ["ann Bash deny nobody"]);
    let states: Vec<_> = house.read_from(&id, 0).await.iter().filter_map(|(_, event)| state(event)).collect();
    assert_eq!(states[2..4], [TaskState::InputRequired, TaskState::Working]);
}

#[tokio::test]
async fn what_the_agent_does_not_want_to_know_any_more_is_no_question() {
    let task = House::new(Script::asks_in_vain()).send_to_the_end("ann", "hi").await;
    assert_eq!((task.state, text_of(&task).as_str()), (TaskState::Completed, "never mind"));
}

#[tokio::test]
async fn an_answer_to_what_the_agent_no_longer_asks_is_none_to_what_it_asks_next() {
    let (house, id) = asked(Script::asks_anew(), EngineLimits::default()).await;
    house.say(&id, "yes").await.unwrap();
    house.tell();
    house.wait_for(&id, TaskState::InputRequired).await;
    house.say(&id, "no").await.unwrap();
    let task = house.ended(&id).await;
    assert_eq!((task.state, text_of(&task).as_str()), (TaskState::Completed, "before no"));
    assert_eq!(house.decided(), ["ann Bash allow caller", "ann Bash deny caller"]);
}

#[tokio::test]
async fn a_task_that_asks_can_be_canceled_and_does_not_outlive_the_server() {
    let (house, id) = asked(Script::asks(1), EngineLimits::default()).await;
    assert_eq!(house.engine.cancel(&permit("ann"), &id).await.unwrap().state, TaskState::Canceled);
    assert!(house.say(&id, "yes").await.is_err());
    let (house, id) = asked(Script::asks(1), EngineLimits::default()).await;
    house.engine.shutdown().await;
    let task = house.engine.get(&permit("ann"), &id).await.unwrap();
    assert!(inhouse_engine::state::is_terminal(task.state), "{:?}", task.state);
    assert!(house.decided().is_empty());
}

#[tokio::test]
async fn a_task_whose_turn_asks_is_not_forgotten_for_want_of_room() {
    let kept = MemoryLimits { finished_tasks_max: 1, ..MemoryLimits::default() };
    let house = House::keeping(steps([Step::Ask("r1"), Step::Reply]), kept);
    let first = house.start("ann", "hi").await;
    house.wait_for(&first, TaskState::InputRequired).await;
    for number in 1..3 {
        let other = house.start("ann", "hi").await;
        house.wait_for(&other, TaskState::InputRequired).await;
        house.say(&other, "yes").await.unwrap();
        house.ends(number).await;
    }
    house.say(&first, "yes").await.unwrap();
    assert_eq!(house.ended(&first).await.state, TaskState::Completed);
}

#[tokio::test]
async fn while_one_turn_waits_for_its_caller_others_run() {
    let queue = QueueLimits { running_per_agent_max: 1, asking_per_caller_max: 1, ..QueueLimits::default() };
    let (house, id) = asked(Script::asks(1), EngineLimits { queue, ..EngineLimits::default() }).await;
    let other = house.start("ann", "in another context").await;
    let other = house.ended(&other).await;
    assert_eq!(text_of(&other), "before too many", "it may run, but not ask as well");
    let context = house.engine.get(&permit("ann"), &id).await.unwrap().context_id.to_string();
    let same = v1::Message { context_id: context, ..message("and then?") };
    let same = house.submit("ann", same).await.unwrap().task_id().to_string();
    assert_eq!(house.engine.get(&permit("ann"), &same).await.unwrap().state, TaskState::Submitted, "one after another");
    house.say(&id, "yes").await.unwrap();
    house.ended(&id).await;
    house.wait_for(&same, TaskState::InputRequired).await;
}

#[tokio::test]
async fn the_time_in_which_a_turn_waits_is_not_its_own() {
    let house = House::new(Script::asks(1)).turn_ms_max(300);
    let id = house.start("ann", "hi").await;
    house.wait_for(&id, TaskState::InputRequired).await;
    // Longer than the turn may take.
    tokio::time::sleep(Duration::from_millis(500)).await;
    house.say(&id, "yes").await.unwrap();
    let task = house.ended(&id).await;
    assert_eq!((task.state, reason(&task)), (TaskState::Completed, None));
}

#[tokio::test]
async fn a_cancel_looks_at_what_it_stops_now_and_then_and_not_all_the_time() {
    let (house, id) = asked(steps([Step::Ask("r1"), Step::Hang]), EngineLimits::default()).await;
    let before = house.looks();
    let task = house.engine.cancel(&permit("ann"), &id).await.unwrap();
    assert_eq!(task.state, TaskState::Canceled);
    assert!(house.looks() - before < 10, "{} looks", house.looks() - before);
}

#[tokio::test]
async fn a_turn_that_goes_on_without_an_answer_is_stopped_by_a_cancel_before_its_next_word() {
    let (house, id) = asked(steps([Step::Ask("r1"), Step::Unask, Step::Hang]), EngineLimits::default()).await;
    let task = house.engine.cancel(&permit("ann"), &id).await.unwrap();
    assert_eq!(task.state, TaskState::Canceled);
    assert_eq!(house.ends(1).await, ["ann demo canceled"]);
}

#[tokio::test]
async fn a_turn_that_goes_on_without_an_answer_is_alone_with_its_task() {
    let script = steps([Step::Ask("r1"), Step::Unask, Step::Told, Step::text("done")]);
    let (house, id) = asked(script, EngineLimits::default()).await;
    let refused = house.say(&id, "yes").await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::UnsupportedOperation);
    house.tell();
    let task = house.ended(&id).await;
    assert_eq!((task.state, text_of(&task).as_str(), task.history.len()), (TaskState::Completed, "done", 2));
}

#[tokio::test]
async fn a_turn_whose_adapter_fails_after_an_answer_ends_its_task() {
    let (house, id) = asked(steps([Step::Ask("r1"), Step::Reply, Step::Panic]), EngineLimits::default()).await;
    house.say(&id, "yes").await.unwrap();
    let task = house.ended(&id).await;
    assert_eq!((task.state, reason(&task).as_deref()), (TaskState::Failed, Some("internal")));
}

#[tokio::test]
async fn an_agent_that_asks_anew_at_once_is_heard() {
    let script = steps([Step::Ask("r1"), Step::Unask, Step::Ask("r2"), Step::Reply, Step::text("done")]);
    let (house, id) = asked(script, EngineLimits::default()).await;
    let asks_anew = async {
        while !String::from_utf8_lossy(&house.engine.get(&permit("ann"), &id).await.unwrap().status).contains("r2") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asks_anew).await.unwrap();
}
