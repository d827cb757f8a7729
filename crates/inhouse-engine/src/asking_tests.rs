//! One ask, one answer, from one who may give it.

use super::*;
use crate::ask::{Choice, Effect, Question};
use crate::store::{Owner, TaskKey};
use inhouse_proto::json::Value;
use inhouse_proto::v1::part::Content;
use inhouse_trust::{AgentName, Principal};

fn ask(id: &str) -> Ask {
    let option = |id: &str, effect| Choice { id: id.into(), label: id.into(), effect };
    let options = vec![option("allow", Effect::Allow), option("deny", Effect::Deny)];
    let question = Question { id: "p".into(), text: "?".into(), options, multiple: false, free_text: false };
    let input = serde_json::Value::Null;
    Ask { id: id.into(), tool: "Bash".into(), subject: String::new(), input, questions: vec![question] }
}

fn says(text: &str) -> v1::Message {
    let part = v1::Part { content: Some(Content::Text(text.into())), ..v1::Part::default() };
    v1::Message { parts: vec![part], ..v1::Message::default() }
}

const ALL: May = May { permissions: true, questions: true };

fn said(reply: &Reply) -> Said {
    Said { reply: reply.clone(), by: DecidedBy::Caller }
}

fn lease() -> Lease {
    let owner = Owner { principal: Principal::new("ann").unwrap(), agent: AgentName::new("demo").unwrap() };
    Lease { key: TaskKey { owner, id: "t".into() }, fence: 2, kept_bytes: 0 }
}

#[tokio::test]
async fn an_ask_is_answered_once_and_by_one() {
    let asking = Asking::new(false);
    assert!(matches!(asking.claim(&says("yes"), &DecidedBy::Caller, ALL), Claim::Busy));
    asking.ask(ask("1"));
    assert!(matches!(asking.claim(&says("perhaps"), &DecidedBy::Caller, ALL), Claim::Refused(_)));
    let Claim::Reply(reply) = asking.claim(&says("yes"), &DecidedBy::Caller, ALL) else { panic!("no answer") };
    assert!(matches!(asking.claim(&says("no"), &DecidedBy::Caller, ALL), Claim::Busy));
    asking.unclaim();
    assert!(matches!(asking.claim(&says("yes"), &DecidedBy::Caller, ALL), Claim::Reply(_)));
    assert!(asking.deliver(lease(), said(&reply)).is_ok() && asking.waits());
    assert_eq!(asking.answer().await.unwrap().1.reply.choice(), Some("allow"));
    assert!(!asking.waits() && matches!(asking.claim(&says("yes"), &DecidedBy::Caller, ALL), Claim::Busy));
    asking.close();
    assert!(matches!(asking.claim(&says("yes"), &DecidedBy::Caller, ALL), Claim::None));
}

#[tokio::test]
async fn an_ask_that_was_given_up_is_over_with_what_comes_of_the_answer_on_its_way() {
    let claimed = || {
        let asking = Asking::new(false);
        asking.ask(ask("1"));
        let Claim::Reply(reply) = asking.claim(&says("yes"), &DecidedBy::Caller, ALL) else { panic!("no answer") };
        assert!(!asking.give_up());
        (asking, said(&reply))
    };
    let (asking, _) = claimed();
    let both = async { tokio::join!(asking.answer(), async { asking.unclaim() }) };
    let (heard, ()) = tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
    assert!(heard.is_none() && !asking.waits(), "it is not asked again");
    assert!(matches!(asking.claim(&says("yes"), &DecidedBy::Caller, ALL), Claim::Busy));
    let (asking, said) = claimed();
    assert!(asking.deliver(lease(), said.clone()).is_ok());
    assert_eq!(asking.answer().await, Some((lease(), said)));
    assert!(!asking.waits());
}

#[test]
fn after_an_ask_without_answer_words_are_not_enough() {
    let asking = Asking::new(false);
    asking.ask(ask("1"));
    assert!(asking.give_up() && !asking.waits());
    asking.ask(ask("2"));
    let Claim::Refused(why) = asking.claim(&says("yes"), &DecidedBy::Caller, ALL) else { panic!("answered") };
    assert!(why.contains(r#""requestId":"2""#), "{why}");
}

#[test]
fn an_answer_to_a_turn_that_has_ended_comes_back() {
    let asking = Asking::new(false);
    asking.ask(ask("1"));
    let Claim::Reply(reply) = asking.claim(&says("yes"), &DecidedBy::Caller, ALL) else { panic!("no answer") };
    assert!(asking.close().is_none());
    assert_eq!(asking.deliver(lease(), said(&reply)), Err(lease()));
    let asking = Asking::new(false);
    asking.ask(ask("1"));
    asking.claim(&says("yes"), &DecidedBy::Caller, ALL);
    assert!(asking.deliver(lease(), said(&reply)).is_ok());
    assert_eq!(asking.close(), Some(lease()));
}

#[test]
fn what_is_not_his_to_answer_stays_open() {
    let question = Ask { tool: String::new(), ..ask("1") };
    for (ask, permissions) in [(ask("1"), true), (question, false)] {
        let asking = Asking::new(true);
        asking.ask(ask);
        let other = May { permissions: !permissions, questions: permissions };
        assert!(matches!(asking.claim(&says("allow"), &DecidedBy::Caller, other), Claim::NotHis));
        let his = May { permissions, questions: !permissions };
        assert!(matches!(asking.claim(&says("allow"), &DecidedBy::Caller, his), Claim::Reply(_)));
    }
}

#[test]
fn a_permission_is_seen_from_the_moment_the_log_has_it_until_somebody_answers() {
    let asking = Asking::new(true);
    asking.ask(ask("1"));
    assert_eq!(asking.permission(), None);
    asking.told(3);
    assert_eq!(asking.permission(), Some(3));
    assert!(matches!(asking.claim(&says("yes"), &DecidedBy::Caller, ALL), Claim::Reply(_)));
    assert_eq!(asking.permission(), None);
    asking.unclaim();
    assert!(asking.permission() == Some(3) && asking.give_up());
    assert_eq!(asking.permission(), None);
    asking.ask(Ask { tool: String::new(), ..ask("2") });
    asking.told(5);
    assert_eq!(asking.permission(), None, "a question is its caller's");
}

#[tokio::test]
async fn where_another_has_answered_words_could_be_meant_for_what_he_answered() {
    let approver = |name: &str| DecidedBy::Approver(Principal::new(name).unwrap());
    let asking = Asking::new(true);
    for (id, who, words_are_enough) in
        [("1", "boss", true), ("2", "boss", true), ("3", "chief", false), ("4", "boss", false)]
    {
        asking.ask(ask(id));
        let (by, words) = (approver(who), says("yes"));
        let claim = asking.claim(&words, &by, ALL);
        assert_eq!(matches!(claim, Claim::Reply(_)), words_are_enough, "{id} {who}");
        let named = serde_json::json!({"requestId": id, "optionId": "allow"});
        let named = v1::Part { content: Some(Content::Data(Value(named))), ..v1::Part::default() };
        let named = v1::Message { parts: vec![named], ..v1::Message::default() };
        let reply = match claim {
            Claim::Reply(reply) => reply,
            _ => match asking.claim(&named, &by, ALL) {
                Claim::Reply(reply) => reply,
                other => panic!("{other:?}"),
            },
        };
        asking.deliver(lease(), Said { reply, by }).unwrap();
        asking.answer().await.unwrap();
    }
}
