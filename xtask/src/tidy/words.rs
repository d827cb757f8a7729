//! Rules about words in Rust code that have one place, or none.

use super::tree::{File, Tree};
use super::{Finding, code};

/// `unsafe` is where the system is spoken to, and nowhere else.
pub(super) fn unsafe_in_one_place(tree: &Tree) -> Vec<Finding> {
    let found = |line: &str| code::has_word(line, "unsafe");
    find(
        tree,
        |file| !file.path.starts_with("crates/inhouse-run/src/sys"),
        found,
        true,
        "unsafe outside inhouse-run/src/sys",
    )
}

/// Programs are started by the crate that ends them; the chores and the tests may start their own.
pub(super) fn programs_are_started_in_one_place(tree: &Tree) -> Vec<Finding> {
    let elsewhere = |file: &File| !file.path.starts_with("crates/inhouse-run/") && !file.path.starts_with("xtask/");
    let found = |line: &str| line.contains("Command::new(");
    find(tree, elsewhere, found, false, "a program is started outside inhouse-run")
}

/// What can fail says why, outside tests.
pub(super) fn no_unwrap(tree: &Tree) -> Vec<Finding> {
    let found = |line: &str| line.contains(".unwrap()");
    find(tree, |_| true, found, false, "unwrap() outside tests")
}

/// Nothing is left to be done.
pub(super) fn nothing_unfinished(tree: &Tree) -> Vec<Finding> {
    let words = ["todo!", "unimplemented!", "dbg!"];
    let found = |line: &str| words.iter().any(|word| line.contains(word));
    find(tree, |_| true, found, true, "todo!, unimplemented! or dbg!")
}

/// The lines of code that are found in these files; in those that only tests have when `tests` is set.
fn find(tree: &Tree, among: fn(&File) -> bool, found: impl Fn(&str) -> bool, tests: bool, what: &str) -> Vec<Finding> {
    let in_file = |file: &File| -> Vec<Finding> {
        let only_tests = tree.test_lines(file);
        let lines = file.code.lines().zip(only_tests).enumerate();
        let hits = lines.filter(|(_, (line, only_tests))| (tests || !only_tests) && found(line));
        hits.map(|(at, _)| Finding::new(&file.path, at + 1, what)).collect()
    };
    tree.rust().filter(|file| among(file)).flat_map(in_file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::Rule;

    const NOWHERE: [usize; 0] = [];

    /// The lines of this file that break the rule.
    fn broken(rule: Rule, path: &str, text: &str) -> Vec<usize> {
        rule(&Tree::of([(path, text)])).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn unsafe_is_found_in_code_outside_its_place_only() {
        let text = "// unsafe\nlet s = \"unsafe\";\nunsafe_code();\nunsafe { x() }\n";
        assert_eq!(broken(unsafe_in_one_place, "crates/inhouse-serve/src/a.rs", text), [4]);
        assert_eq!(broken(unsafe_in_one_place, "crates/inhouse-run/src/run.rs", text), [4]);
        assert_eq!(broken(unsafe_in_one_place, "crates/inhouse/tests/a.rs", text), [4], "in tests too");
        assert_eq!(broken(unsafe_in_one_place, "crates/inhouse-run/src/sys.rs", text), NOWHERE);
        assert_eq!(broken(unsafe_in_one_place, "crates/inhouse-run/src/sys/linux.rs", text), NOWHERE);
    }

    #[test]
    fn a_program_that_is_started_is_found_outside_its_place_and_tests_only() {
        let text = "x();\nlet c = std::process::Command::new(\"sh\");\n";
        assert_eq!(broken(programs_are_started_in_one_place, "crates/inhouse-agents/src/a.rs", text), [2]);
        for path in ["crates/inhouse-run/src/group.rs", "xtask/src/a.rs", "crates/inhouse/tests/a.rs"] {
            assert_eq!(broken(programs_are_started_in_one_place, path, text), NOWHERE, "{path}");
        }
    }

    #[test]
    fn unwrap_is_found_outside_tests_only() {
        let text = "a.unwrap_or(1);\nb.unwrap();\n#[cfg(test)]\nmod tests {\n    c.unwrap();\n}\nd.unwrap();\n";
        assert_eq!(broken(no_unwrap, "crates/a/src/a.rs", text), [2, 7]);
        assert_eq!(broken(no_unwrap, "crates/a/src/a_tests.rs", text), NOWHERE);
    }

    #[test]
    fn what_is_unfinished_is_found_everywhere() {
        // Put together here, so that this file has no such mark itself.
        let marks = ["todo", "unimplemented", "dbg"].map(|word| format!("{word}!(x);\n")).concat();
        let text = format!("// todo!\n{marks}");
        assert_eq!(broken(nothing_unfinished, "crates/a/tests/a.rs", &text), [2, 3, 4]);
    }
}
