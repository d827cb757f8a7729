//! What an agent may do without asking.

#![allow(clippy::unwrap_used, reason = "tests")]

use inhouse_trust::{Approvals, NotARule, Verdict};
use proptest::prelude::*;

fn rules(allow: &[&str], ask: &[&str], deny: &[&str]) -> Approvals {
    let mut rules = Approvals::default();
    for (verdict, list) in [(Verdict::Allow, allow), (Verdict::Ask, ask), (Verdict::Deny, deny)] {
        list.iter().for_each(|rule| rules.add(verdict, rule).unwrap());
    }
    rules
}

#[test]
fn the_strictest_rule_decides_and_what_none_names_is_asked() {
    let rules =
        rules(&["Read", "Bash(git *)", "mcp__tickets__*"], &["Bash(git push*)"], &["Bash(git push --force*)", "Web*"]);
    for (tool, subject, verdict) in [
        ("Read", "/project/a", Verdict::Allow),
        ("Reader", "/project/a", Verdict::Ask),
        ("read", "/project/a", Verdict::Ask),
        ("Bash", "git status", Verdict::Allow),
        ("Bash", "git push origin", Verdict::Ask),
        ("Bash", "git push --force", Verdict::Deny),
        ("Bash", "gitx", Verdict::Ask),
        ("Bash", "sudo git status", Verdict::Ask),
        ("mcp__tickets__close", "", Verdict::Allow),
        ("WebFetch", "https://example.com", Verdict::Deny),
        ("", "", Verdict::Ask),
    ] {
        assert_eq!(rules.judge(tool, subject), verdict, "{tool}({subject})");
    }
    assert_eq!(Approvals::default().judge("Bash", "ls"), Verdict::Ask);
}

#[test]
fn what_is_allowed_is_one_command_in_its_folder() {
    let open = rules(&["Bash(git status*)", "Write(/project/*)", "Bash(npm test)", "Bash(a;b)"], &[], &[]);
    for (tool, subject) in [
        ("Bash", "git status; rm -rf /"),
        ("Bash", "git status && rm x"),
        ("Bash", "git status | sh"),
        ("Bash", "git status $(rm x)"),
        ("Bash", "git status `rm x`"),
        ("Bash", "git status > /etc/passwd"),
        ("Bash", "git status\nrm x"),
        ("Bash", "git status \u{0}"),
        ("Bash", "git status ../other"),
        ("Bash", "git status src/.''./x"),
        ("Bash", "git status src/\"..\"/x"),
        ("Bash", "git status src/\\.\\./x"),
        ("Bash", "git status src/.?/x"),
        ("Bash", "git status src/.*/x"),
        ("Bash", "git status src/.[.]/x"),
        ("Bash", "git status src/{.,}./x"),
        ("Bash", "git status -C.."),
        ("Bash", "npm test x"),
        ("Write", "/project/../etc/passwd"),
        ("Write", "/project/.."),
        ("Write", "/project"),
        ("Write", "/projects/x"),
    ] {
        assert_eq!(open.judge(tool, subject), Verdict::Ask, "{tool}({subject})");
    }
    for (tool, subject) in [
        ("Bash", "git status"),
        ("Bash", "git status --short a..b"),
        ("Bash", "git status *.rs .git 'a b'"),
        ("Write", "/project/a/..b/c"),
        ("Bash", "a;b"),
    ] {
        assert_eq!(open.judge(tool, subject), Verdict::Allow, "{tool}({subject})");
    }
    let deny = rules(&["Bash"], &[], &["Bash(*rm *)"]);
    assert_eq!(deny.judge("Bash", "git status; rm -rf /"), Verdict::Deny, "what is denied is denied anywhere");
    assert_eq!(deny.judge("Bash", "git status; ls"), Verdict::Allow, "a tool without a pattern is the whole tool");
}

#[test]
fn a_star_in_a_folder_stands_for_no_other_place() {
    let rules =
        rules(&["Bash(cat src/*)", "Bash(diff /a/* /b/*)", "Bash(ls *)", "Fetch(https://example.com/*)"], &[], &[]);
    for (tool, subject, verdict) in [
        ("Bash", "cat src/a", Verdict::Allow),
        ("Bash", "cat src/a src/b -n", Verdict::Allow),
        ("Bash", "cat src/a /etc/passwd", Verdict::Ask),
        ("Bash", "cat src/a '/etc/passwd'", Verdict::Ask),
        ("Bash", "cat src/a ~/.ssh/id_ed25519", Verdict::Ask),
        ("Bash", "cat src/a ~ann", Verdict::Ask),
        ("Bash", "cat src/a --also=/etc/passwd", Verdict::Ask),
        ("Bash", "cat src/a -f/etc/passwd", Verdict::Ask),
        ("Bash", "diff /a/x /b/y", Verdict::Allow),
        ("Bash", "diff /a/x /etc/passwd /b/y", Verdict::Ask),
        ("Bash", "ls src /etc", Verdict::Allow),
        ("Fetch", "https://example.com/x?next=/y", Verdict::Allow),
    ] {
        assert_eq!(rules.judge(tool, subject), verdict, "{tool}({subject})");
    }
}

#[test]
fn what_is_no_rule_is_refused() {
    for text in ["", "(x)", "Bash(x", "Ba sh", "Bash)", " Bash", "Bash(x) "] {
        assert_eq!(Approvals::default().add(Verdict::Allow, text), Err(NotARule), "{text:?}");
    }
    for text in ["*", "Bash()", "Bash(echo (x))", "mcp__a-b__c"] {
        assert_eq!(Approvals::default().add(Verdict::Allow, text), Ok(()), "{text:?}");
    }
}

#[test]
fn only_what_must_be_asked_or_is_denied_restricts() {
    for (rules, restrict) in [
        (rules(&[], &[], &[]), false),
        (rules(&["Read"], &[], &[]), false),
        (rules(&[], &["Read"], &[]), true),
        (rules(&[], &[], &["Read"]), true),
    ] {
        assert_eq!(rules.restrict(), restrict, "{rules:?}");
    }
}

proptest! {
    #[test]
    fn a_pattern_is_what_a_regular_expression_would_be(pattern in "[ab*]{0,8}", subject in "[ab]{0,12}") {
        let mut rules = Approvals::default();
        rules.add(Verdict::Deny, &format!("T({pattern})")).unwrap();
        prop_assert_eq!(rules.judge("T", &subject) == Verdict::Deny, is_match(pattern.as_bytes(), subject.as_bytes()));
    }
}

/// The same by trying everything.
fn is_match(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|at| is_match(rest, &text[at..])),
        ([one, rest @ ..], [other, more @ ..]) => one == other && is_match(rest, more),
        _ => false,
    }
}
