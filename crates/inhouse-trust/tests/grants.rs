//! Who may do what with which agent.

#![allow(clippy::unwrap_used, reason = "tests")]

use inhouse_trust::Operation::{Cancel, Get, List, Push, Send, Stream, Subscribe};
use inhouse_trust::{AgentName, Caller, Decides, Policy, Principal, Secret, TokenDigest, Tokens, grants};

fn name(agent: &str) -> AgentName {
    AgentName::new(agent).unwrap()
}

fn principal(name: &str) -> Principal {
    Principal::new(name).unwrap()
}

fn caller(name: &str) -> Caller {
    let digest = TokenDigest::of(&Secret::new("token".to_owned()));
    Tokens::new([(principal(name), digest)]).caller(&[b"Bearer token"]).unwrap()
}

#[test]
fn a_reserved_agent_is_denied_to_all_others_on_every_operation() {
    let ann = caller("ann");
    let mut policy = Policy::default();
    for (agent, principal) in [("private", "bob"), ("shared", "bob"), ("shared", "ann")] {
        policy.reserve(name(agent), [self::principal(principal)]);
    }
    policy.reserve(name("nobody"), []);
    for operation in [Send, Stream, Get, List, Cancel, Subscribe, Push] {
        for (agent, granted) in [("open", true), ("private", false), ("nobody", false), ("shared", true)] {
            let answer = grants(&ann, operation, &name(agent), &policy);
            assert_eq!(answer.is_ok(), granted, "{operation:?} {agent}");
            assert_eq!(policy.is_reserved(&name(agent)), agent != "open");
        }
    }
}

#[test]
fn whoever_is_appointed_decides_for_all_and_nobody_else_for_himself() {
    let mut policy = Policy::default();
    policy.appoint(name("guarded"), [principal("bob")]);
    policy.appoint(name("guarded"), [principal("eve")]);
    policy.appoint(name("stuck"), []);
    let decides = |who: &str, agent: &str| grants(&caller(who), Send, &name(agent), &policy).unwrap().decides();
    for (who, agent, expected) in [
        ("ann", "open", Decides::Own),
        ("ann", "guarded", Decides::None),
        ("bob", "guarded", Decides::All),
        ("eve", "guarded", Decides::All),
        ("bob", "open", Decides::Own),
        ("ann", "stuck", Decides::None),
    ] {
        assert_eq!(decides(who, agent), expected, "{who} {agent}");
    }
    policy.reserve(name("guarded"), [principal("ann")]);
    assert!(grants(&caller("bob"), Send, &name("guarded"), &policy).is_err(), "to decide is no right to come in");
}
