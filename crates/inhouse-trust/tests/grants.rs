//! Who may do what with which agent.

#![allow(clippy::unwrap_used, reason = "tests")]

use inhouse_trust::Operation::{Cancel, Get, List, Push, Send, Stream, Subscribe};
use inhouse_trust::{
    AgentName, Caller, CallerLimits, Credential, Decides, Denied, Operation, Policy, Principal, Rights, Scope, Secret,
    TokenDigest, Tokens, administers, grants, sees,
};

fn name(agent: &str) -> AgentName {
    AgentName::new(agent).unwrap()
}

fn principal(name: &str) -> Principal {
    Principal::new(name).unwrap()
}

fn caller(name: &str) -> Caller {
    let digest = TokenDigest::of(&Secret::new("token".to_owned()));
    Tokens::new([(principal(name), digest)]).caller(&[b"Bearer token"], 0).unwrap()
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
            assert_eq!(sees(&ann, &name(agent), &policy), granted, "{agent}");
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

fn caller_with(rights: Rights) -> Caller {
    let (principal, token) = (principal("ann"), TokenDigest::of(&Secret::new("token".to_owned())));
    Tokens::new([Credential { principal, token, rights: rights.into() }]).caller(&[b"Bearer token"], 0).unwrap()
}

#[test]
fn each_operation_needs_its_scope_and_no_other() {
    let needs = |operation: Operation| match operation {
        Send | Stream => Scope::Send,
        Get | List | Subscribe => Scope::Read,
        Cancel => Scope::Cancel,
        Push => Scope::Push,
    };
    for scope in Scope::ALL {
        let only = caller_with(Rights { scopes: [scope].into(), ..Rights::default() });
        for operation in [Send, Stream, Get, List, Cancel, Subscribe, Push] {
            let answer = grants(&only, operation, &name("open"), &Policy::default());
            let expected = if needs(operation) == scope { Ok(()) } else { Err(Denied::Scope(needs(operation))) };
            assert_eq!(answer.map(drop), expected, "{scope:?} {operation:?}");
        }
        assert_eq!(Scope::named(scope.name()), Some(scope));
    }
    assert_eq!(Scope::named("Send"), None);
}

#[test]
fn the_server_itself_is_looked_at_with_its_scope_and_no_bound_to_agents() {
    let some = || Some([name("open")].into());
    assert_eq!(administers(&caller("ann")), Err(Denied::Scope(Scope::Admin)), "nobody by default");
    assert_eq!(administers(&caller_with(Rights::of_operator())), Ok(()));
    for (scopes, agents, answer) in [
        (vec![Scope::Admin], None, Ok(())),
        (vec![Scope::Send, Scope::Read], None, Err(Denied::Scope(Scope::Admin))),
        (vec![], None, Err(Denied::Scope(Scope::Admin))),
        (vec![Scope::Admin], some(), Err(Denied::Agent)),
        (vec![Scope::Read], some(), Err(Denied::Agent)),
    ] {
        let rights = Rights { scopes: scopes.into_iter().collect(), agents, ..Rights::default() };
        assert_eq!(administers(&caller_with(rights.clone())), answer, "{rights:?}");
    }
}

#[test]
fn without_the_scope_nobody_gives_leave() {
    let mut policy = Policy::default();
    policy.appoint(name("guarded"), [principal("ann")]);
    for (scopes, open, guarded) in [
        (vec![Scope::Send], Decides::None, Decides::None),
        (vec![Scope::Send, Scope::Approve], Decides::Own, Decides::All),
    ] {
        let ann = caller_with(Rights { scopes: scopes.into_iter().collect(), ..Rights::default() });
        let decides = |agent: &str| grants(&ann, Send, &name(agent), &policy).unwrap().decides();
        assert_eq!((decides("open"), decides("guarded")), (open, guarded));
    }
}

#[test]
fn a_token_for_some_agents_sees_no_others_and_opens_none_that_is_reserved() {
    let mut policy = Policy::default();
    policy.reserve(name("private"), [principal("bob")]);
    let limits = CallerLimits { running_max: Some(1), ..CallerLimits::default() };
    let agents = Some([name("open"), name("private")].into());
    let ann = caller_with(Rights { agents, limits, ..Rights::default() });
    for (agent, granted) in [("open", true), ("private", false), ("other", false)] {
        let answer = grants(&ann, Get, &name(agent), &policy);
        assert_eq!(sees(&ann, &name(agent), &policy), granted, "{agent}");
        assert_eq!(answer.map(|permit| permit.limits()), if granted { Ok(limits) } else { Err(Denied::Agent) });
    }
}
