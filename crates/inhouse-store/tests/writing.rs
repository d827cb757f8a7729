//! What of an agent's words stands in its task's log, and that every turn ends its task, however little room or luck there is: the
//! engine over the memory store.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod scripted;

use std::time::Duration;

use inhouse_engine::{EngineLimits, Submission};
use inhouse_proto::json::Struct;
use inhouse_proto::v1::{self, TaskState};
use inhouse_proto::wire::Event;
use scripted::{House, Script, Step, message, permit, reason, steps, submission, text_of};

fn small(script: Script) -> House {
    House::with(script, EngineLimits { output_bytes_max: 10_000, ..EngineLimits::default() })
}

fn long() -> String {
    "x".repeat(20_000)
}

async fn asked(house: &House) -> String {
    let id = house.start("ann", "hi").await;
    house.wait_for(&id, TaskState::InputRequired).await;
    id
}

#[tokio::test]
async fn a_turn_that_could_answer_directly_ends_its_task_when_its_first_words_are_too_many() {
    for first in [Step::Message(long()), Step::Text(long())] {
        let house = small(steps([first]));
        let direct = Submission { direct: true, ..submission(message("hi")) };
        let accepted = house.engine.submit(&permit("ann"), direct).await.unwrap();
        let task = tokio::time::timeout(Duration::from_secs(20), accepted.settled()).await.unwrap().unwrap();
        assert!(task.message.is_none());
        assert_eq!((task.state, reason(&task).as_deref()), (TaskState::Failed, Some("output_limit")));
        assert!(house.engine.get(&permit("ann"), &task.id).await.is_ok(), "it is a task then");
    }
}

#[tokio::test]
async fn words_without_room_leave_no_trace_in_the_answer() {
    let task = small(steps([Step::Text(long())])).send("ann", "hi").await;
    assert_eq!((task.state, reason(&task).as_deref()), (TaskState::Failed, Some("output_limit")));
    assert_eq!(task.artifacts.len(), 0, "nothing was begun, and nothing is closed");
    let house = small(steps([Step::text("first"), Step::Withdraw, Step::Text(long())]));
    let task = house.send("ann", "hi").await;
    assert_eq!((task.state, text_of(&task).as_str()), (TaskState::Failed, ""), "what is withdrawn does not come back");
    let events = house.read_from(&task.id, 0).await;
    let texts: Vec<_> = events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Text { append, last_chunk, .. } => Some((*append, *last_chunk)),
            _ => None,
        })
        .collect();
    assert_eq!(texts, [(false, false), (false, true)]);
}

#[tokio::test]
async fn a_status_without_room_does_not_keep_a_turn_from_its_end() {
    let house = small(steps([Step::text("a"), Step::Ask("r1"), Step::Unask, Step::Works(long())]));
    let task = house.send_to_the_end("ann", "hi").await;
    assert_eq!((task.state, reason(&task).as_deref()), (TaskState::Failed, Some("output_limit")));
}

#[tokio::test]
async fn what_an_agent_says_beside_what_it_asks_is_kept_for_when_it_goes_on() {
    let script = [Step::text("a"), Step::Ask("r1"), Step::text("b"), Step::Artifact("more", "m".to_owned())];
    let [one, two, three, four] = script.clone();
    let house = House::new(steps([one, two, three, four, Step::Reply, Step::text("c")]));
    let id = asked(&house).await;
    house.say(&id, "yes").await.unwrap();
    let task = house.ended(&id).await;
    assert_eq!((task.state, text_of(&task).as_str()), (TaskState::Completed, "abcm"));
    let house = House::new(Script::Steps(script.to_vec(), std::sync::Arc::default()));
    let task = house.send_to_the_end("ann", "hi").await;
    assert_eq!((task.state, text_of(&task).as_str()), (TaskState::Completed, "abm"), "without an answer");
    let house = House::new(steps([Step::Ask("r1"), Step::text("b"), Step::Hang]));
    let id = asked(&house).await;
    let task = house.engine.cancel(&permit("ann"), &id).await.unwrap();
    assert_eq!(text_of(&task), "b", "canceled");
    let task = small(steps([Step::Ask("r1"), Step::Text(long()), Step::Hang])).send_to_the_end("ann", "hi").await;
    assert_eq!((task.state, reason(&task).as_deref()), (TaskState::Failed, Some("output_limit")), "within the room");
}

#[tokio::test]
async fn what_a_turn_that_asks_leaves_behind_is_kept() {
    let house = House::new(steps([Step::Ask("r1"), Step::Leave("left", "x")]));
    let task = house.send_to_the_end("ann", "hi").await;
    assert_eq!((task.state, text_of(&task).as_str()), (TaskState::Completed, "x"));
}

#[tokio::test]
async fn what_is_said_to_an_ask_takes_room_of_its_task() {
    let house = small(steps([Step::Ask("r1"), Step::Reply, Step::Text("x".repeat(5_000))]));
    let id = asked(&house).await;
    let metadata = Some(Struct(serde_json::Map::from_iter([("note".to_owned(), "y".repeat(5_000).into())])));
    house.submit("ann", v1::Message { task_id: id.clone(), metadata, ..message("yes") }).await.unwrap();
    let task = house.ended(&id).await;
    assert_eq!((task.state, reason(&task).as_deref()), (TaskState::Failed, Some("output_limit")));
}

#[tokio::test]
async fn a_store_in_trouble_makes_a_turn_fail_and_keeps_no_task_open() {
    for (script, said) in
        [(steps([Step::Told, Step::text("lost")]), ""), (steps([Step::text("kept"), Step::Told]), "kept")]
    {
        let house = House::new(script);
        let id = house.start("ann", "hi").await;
        house.wait_for(&id, TaskState::Working).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        house.refuse(1);
        house.tell();
        let task = house.ended(&id).await;
        assert_eq!((task.state, reason(&task).as_deref()), (TaskState::Failed, Some("internal")));
        assert_eq!((text_of(&task).as_str(), house.ends(1).await), (said, vec!["ann demo internal".to_owned()]));
    }
}
