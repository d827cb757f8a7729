//! Who gives an agent leave where others than its callers do, and what they see of a task for that: the engine over the memory
//! store.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod scripted;

use std::time::Duration;

use inhouse_engine::store::{Filter, Place};
use inhouse_engine::{Accepted, EngineLimits, Submission};
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::snapshot::{Snapshot, View};
use inhouse_proto::v1::{self, TaskState};
use scripted::{House, Script, guarded, message, submission, text_of};

/// A task of ann's that waits for leave, or for its caller.
async fn asked(script: Script, limits: EngineLimits) -> (House, String) {
    let house = House::with(script, limits);
    let id = start(&house, "ann").await;
    (house, id)
}

async fn start(house: &House, who: &str) -> String {
    let accepted = house.engine.submit(&guarded(who), submission(message("a secret plan"))).await.unwrap();
    settled(&accepted).await;
    accepted.task_id().to_string()
}

async fn settled(accepted: &Accepted) -> Snapshot {
    tokio::time::timeout(Duration::from_secs(20), accepted.settled()).await.unwrap().unwrap()
}

async fn says(house: &House, who: &str, id: &str, text: &str) -> Result<Accepted, A2aError> {
    let message = v1::Message { task_id: id.to_owned(), ..message(text) };
    house.engine.submit(&guarded(who), submission(message)).await
}

/// What this caller is told of the task, and of one that nobody has.
async fn is_missing(house: &House, who: &str, id: &str) -> bool {
    let permit = guarded(who);
    let missing = |error: A2aError, id: &str| {
        let plain = format!("{error:?}").replace(id, "ID");
        (error.kind == ErrorKind::TaskNotFound).then_some(plain)
    };
    let shown = house.engine.show(&permit, id).await.err().and_then(|error| missing(error, id));
    let nothing = house.engine.show(&permit, "nothing").await.err().and_then(|error| missing(error, "nothing"));
    let said = says(house, who, id, "yes").await.err().and_then(|error| missing(error, id));
    let listed = house.engine.list(&permit, &all()).await.unwrap();
    shown.is_some() && shown == nothing && said == nothing && listed.tasks.iter().all(|task| *task.id != *id)
}

fn all() -> Filter {
    Filter { limit: 10, artifacts: true, ..Filter::default() }
}

#[tokio::test]
async fn an_approver_sees_the_request_and_no_more_and_his_answer_is_the_last_that_he_sees() {
    let (house, id) = asked(Script::asks(1), EngineLimits::default()).await;
    let boss = guarded("boss");
    let seen = house.engine.show(&boss, &id).await.unwrap().to_v1(View::ALL).unwrap();
    let own = house.engine.get(&guarded("ann"), &id).await.unwrap().to_v1(View::ALL).unwrap();
    assert!(!own.artifacts.is_empty() && !own.history.is_empty());
    assert_eq!(seen, v1::Task { artifacts: Vec::new(), history: Vec::new(), ..own });
    let page = house.engine.list(&boss, &all()).await.unwrap();
    assert_eq!((page.tasks.len(), page.total), (1, 1));
    assert_eq!(page.tasks[0].to_v1(View::ALL).unwrap(), seen);
    for closed in [house.engine.follow(&boss, &id, None).await.err(), house.engine.cancel(&boss, &id).await.err()] {
        assert_eq!(closed.unwrap().kind, ErrorKind::TaskNotFound);
    }
    let accepted = says(&house, "boss", &id, "yes").await.unwrap();
    let (first, mut rest) = accepted.follow().await.unwrap();
    for receipt in [settled(&accepted).await, first, accepted.snapshot().await.unwrap()] {
        let message = String::from_utf8(receipt.message.unwrap().to_vec()).unwrap();
        assert!(message.contains("The agent has its answer: allow.") && !message.contains(&id), "{message}");
    }
    assert!(rest.next().await.unwrap().is_empty());
    let task = house.ended_for(&guarded("ann"), &id).await;
    assert_eq!((task.state, text_of(&task).as_str()), (TaskState::Completed, "before allow"));
    assert_eq!(house.decided(), ["ann Bash allow approver boss"]);
    assert!(is_missing(&house, "boss", &id).await);
}

#[tokio::test]
async fn the_caller_can_not_give_leave_and_a_stranger_sees_nothing() {
    let (house, id) = asked(Script::asks(1), EngineLimits::default()).await;
    let refused = says(&house, "ann", &id, "yes").await.err().unwrap();
    assert_eq!(refused.kind, ErrorKind::UnsupportedOperation);
    assert!(format!("{refused:?}").contains("one of the agent's approvers decides"), "{refused:?}");
    assert!(is_missing(&house, "eve", &id).await);
    assert!(house.decided().is_empty());
    says(&house, "boss", &id, "no").await.unwrap();
    assert_eq!(text_of(&house.ended_for(&guarded("ann"), &id).await), "before no");
    assert_eq!(house.decided(), ["ann Bash deny approver boss"]);
}

#[tokio::test]
async fn an_approver_decides_on_his_own_tasks_as_their_caller() {
    let house = House::new(Script::asks(1));
    let id = start(&house, "boss").await;
    says(&house, "boss", &id, "yes").await.unwrap();
    house.ended_for(&guarded("boss"), &id).await;
    assert_eq!(house.decided(), ["boss Bash allow caller"]);
}

#[tokio::test]
async fn a_question_stays_its_callers() {
    let (house, id) = asked(Script::AsksAQuestion, EngineLimits::default()).await;
    assert!(is_missing(&house, "boss", &id).await);
    says(&house, "ann", &id, "allow").await.unwrap();
    assert_eq!(text_of(&house.ended_for(&guarded("ann"), &id).await), "allow");
}

#[tokio::test]
async fn what_is_no_answer_and_what_would_tell_more_is_refused() {
    let (house, id) = asked(Script::asks(1), EngineLimits::default()).await;
    let perhaps = says(&house, "boss", &id, "perhaps").await.err().unwrap();
    assert_eq!((perhaps.kind, perhaps.violations[0].field.as_str()), (ErrorKind::InvalidParams, "message.parts"));
    let push = Some(v1::TaskPushNotificationConfig { url: "https://hooks.example".into(), ..Default::default() });
    let message = v1::Message { task_id: id.clone(), ..message("yes") };
    let told = house.engine.submit(&guarded("boss"), Submission { message, push, ..Submission::default() }).await;
    assert_eq!(told.err().unwrap().kind, ErrorKind::UnsupportedOperation);
    assert!(house.engine.show(&guarded("boss"), &id).await.is_ok() && house.decided().is_empty());
}

#[tokio::test]
async fn what_no_approver_answers_is_denied_in_time() {
    let limits = EngineLimits { ask_ms_max: 20, ..EngineLimits::default() };
    let (house, id) = asked(Script::asks(1), limits).await;
    assert_eq!(text_of(&house.ended_for(&guarded("ann"), &id).await), "before no");
    assert_eq!(house.decided(), ["ann Bash deny nobody"]);
    assert!(is_missing(&house, "boss", &id).await);
}

#[tokio::test]
async fn each_request_of_a_task_is_decided_anew() {
    let (house, id) = asked(Script::asks(2), EngineLimits::default()).await;
    says(&house, "boss", &id, "yes").await.unwrap();
    let again = async {
        while house.engine.show(&guarded("boss"), &id).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), again).await.unwrap();
    says(&house, "boss", &id, "no").await.unwrap();
    assert_eq!(text_of(&house.ended_for(&guarded("ann"), &id).await), "before allow no");
}

#[tokio::test]
async fn a_repeated_answer_answers_no_later_request() {
    let (house, id) = asked(Script::asks(2), EngineLimits::default()).await;
    let yes = v1::Message { task_id: id.clone(), ..message("yes") };
    let boss = guarded("boss");
    let say = || house.engine.submit(&boss, submission(yes.clone()));
    say().await.unwrap();
    let again = async {
        while house.engine.show(&guarded("boss"), &id).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), again).await.unwrap();
    let task = settled(&say().await.unwrap()).await;
    assert_eq!((task.state, house.decided().len()), (TaskState::InputRequired, 1));
    says(&house, "boss", &id, "no").await.unwrap();
    assert_eq!(text_of(&house.ended_for(&guarded("ann"), &id).await), "before allow no");
}

#[tokio::test]
async fn an_approver_who_uses_an_id_again_learns_of_no_other_task() {
    let (house, first) = asked(Script::asks(1), EngineLimits::default()).await;
    let second = start(&house, "ann").await;
    let yes = v1::Message { task_id: first.clone(), ..message("yes") };
    house.engine.submit(&guarded("boss"), submission(yes.clone())).await.unwrap();
    let again = v1::Message { task_id: second.clone(), ..yes.clone() };
    let refused = house.engine.submit(&guarded("boss"), submission(again)).await.unwrap_err();
    assert_eq!((refused.kind, refused.violations[0].field.as_str()), (ErrorKind::InvalidParams, "message.messageId"));
    let said = format!("{refused:?}");
    assert!(!said.contains(&first) && said.contains(&yes.message_id) && !said.contains("boss"), "{said}");
}

#[tokio::test]
async fn one_id_of_two_callers_is_decided_for_neither() {
    let house = House::new(Script::asks(1));
    for who in ["ann", "eve"] {
        let task_id = Some("chosen".to_owned());
        let named = Submission { message: message("hi"), task_id, ..Submission::default() };
        settled(&house.engine.submit(&guarded(who), named).await.unwrap()).await;
    }
    let boss = guarded("boss");
    assert_eq!(house.engine.show(&boss, "chosen").await.err().unwrap().kind, ErrorKind::TaskNotFound);
    assert_eq!(says(&house, "boss", "chosen", "yes").await.err().unwrap().kind, ErrorKind::TaskNotFound);
    house.engine.cancel(&guarded("eve"), "chosen").await.unwrap();
    says(&house, "boss", "chosen", "yes").await.unwrap();
    house.ended_for(&guarded("ann"), "chosen").await;
    assert_eq!(house.decided(), ["ann Bash allow approver boss"]);
}

#[tokio::test]
async fn what_waits_for_an_approver_is_listed_among_his_own_page_by_page() {
    let house = House::new(Script::asks(1));
    let mut started = Vec::new();
    for who in ["ann", "boss", "eve", "boss", "ann"] {
        // Each at a time of its own.
        tokio::time::sleep(Duration::from_millis(2)).await;
        started.push(start(&house, who).await);
    }
    started.reverse();
    let (boss, mut listed, mut after) = (guarded("boss"), Vec::new(), None::<Place>);
    loop {
        let page = house.engine.list(&boss, &Filter { limit: 2, after, ..Filter::default() }).await.unwrap();
        assert_eq!(page.total, 5);
        listed.extend(page.tasks.iter().map(|task| task.id.to_string()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, started);
    let working = Filter { state: Some(TaskState::Working), limit: 9, ..Filter::default() };
    assert_eq!(house.engine.list(&boss, &working).await.unwrap().total, 0);
    assert_eq!(house.engine.list(&guarded("ann"), &all()).await.unwrap().total, 2);
}
