//! Names of callers and agents.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use inhouse_trust::{AgentName, Principal};

#[test]
fn names_outside_their_alphabet_are_refused() {
    for good in ["a", "0", "claude", "my-bot-2", &"a".repeat(63)] {
        assert!(AgentName::new(good).is_ok(), "{good}");
    }
    for bad in ["", "-a", "A", "a_b", "a b", "a/b", "..", "ä", "a\0", "a\n", &"a".repeat(64)] {
        assert!(AgentName::new(bad).is_err(), "{bad}");
    }
    assert!(Principal::new("ann@example.com").is_ok());
    for bad in ["", "a b", "a\n", "a\u{202e}b", "é", &"a".repeat(129)] {
        assert!(Principal::new(bad).is_err(), "{bad}");
    }
}
