//! Who may do what with which agent.

#![allow(clippy::unwrap_used, reason = "tests")]

use inhouse_trust::Operation::{Cancel, Get, List, Push, Send, Stream, Subscribe};
use inhouse_trust::{AgentName, Caller, Policy, Principal, Secret, TokenDigest, Tokens, grants};

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
