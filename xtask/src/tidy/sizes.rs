//! Rules about length: of a file, of a function, of the trust floor. Generated code and tables of tests may be longer.

use std::ops::Range;

use super::tree::{File, Tree};
use super::{Finding, code};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const TRUST_LINES_MAX: usize = 1_500;
const TRUST: &str = "crates/inhouse-trust/src/";

/// No source file is longer than a reader wants to read at once.
pub(super) fn files(tree: &Tree) -> Vec<Finding> {
    let sources = tree.files.iter().filter(|file| file.has_extension(&["rs", "py", "js", "mjs", "sh"]));
    let long = sources.filter(|file| !file.is_generated() && !file.is_test()).filter_map(|file| {
        let lines = file.text.lines().count();
        let what = format!("{lines} lines, {FILE_LINES_MAX} at most");
        (lines > FILE_LINES_MAX).then(|| Finding::new(&file.path, 0, what))
    });
    long.collect()
}

/// No function is longer than a screen.
pub(super) fn functions(tree: &Tree) -> Vec<Finding> {
    let files = tree.files.iter().filter(|file| !file.is_generated() && !file.is_test());
    files.flat_map(long_functions).collect()
}

fn long_functions(file: &File) -> Vec<Finding> {
    let functions = if file.has_extension(&["rs"]) {
        code::items(&file.code, code::begins_function)
    } else if file.has_extension(&["js", "mjs"]) {
        code::items(&file.text, begins_script_function)
    } else if file.has_extension(&["py"]) {
        python_functions(&file.text)
    } else {
        Vec::new()
    };
    let long = functions.into_iter().filter(|lines| lines.len() > FUNCTION_LINES_MAX);
    let what = |lines: usize| format!("a function of {lines} lines, {FUNCTION_LINES_MAX} at most");
    long.map(|lines| Finding::new(&file.path, lines.start + 1, what(lines.len()))).collect()
}

/// In JavaScript whatever takes arguments and opens a brace, but for the language's own words.
fn begins_script_function(line: &str) -> bool {
    let word = line.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    line.contains('(') && line.ends_with('{') && !["if", "for", "while", "switch", "catch"].contains(&word)
}

/// In Python a function goes on as long as lines are indented deeper, or close the brackets of its head.
fn python_functions(text: &str) -> Vec<Range<usize>> {
    let lines: Vec<&str> = text.lines().collect();
    let end_of = |start: usize| {
        let goes_on =
            |line: &&str| code::indent(line) > code::indent(lines[start]) || line.trim_start().starts_with(')');
        let body = lines[start + 1..].iter().take_while(|line| line.is_empty() || goes_on(line));
        start + 1 + body.count()
    };
    let begins = |line: &str| line.starts_with("def ") || line.starts_with("async def ");
    (0..lines.len()).filter(|&start| begins(lines[start].trim_start())).map(|start| start..end_of(start)).collect()
}

/// Who may ask and what may run is short enough to be audited in an afternoon.
pub(super) fn trust(tree: &Tree) -> Vec<Finding> {
    let lines: usize =
        tree.rust().filter(|file| file.path.starts_with(TRUST)).map(|file| file.text.lines().count()).sum();
    let what = format!("{lines} lines in all, {TRUST_LINES_MAX} at most");
    if lines > TRUST_LINES_MAX { vec![Finding::new(TRUST, 0, what)] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_body(head: &str, lines: usize, end: &str) -> String {
        format!("//! A.\n{head}\n{}{end}", "    x();\n".repeat(lines))
    }

    #[test]
    fn a_long_file_is_found_unless_it_is_generated_or_a_table_of_tests() {
        let (short, long) = ("x\n".repeat(400), "x\n".repeat(401));
        assert_eq!(files(&Tree::of([("a.rs", &short), ("b.toml", &long)])), []);
        let found = files(&Tree::of([("a.rs", &long), ("b.py", &long), ("c.mjs", &long), ("d.sh", &long)]));
        assert_eq!(found.len(), 4);
        let excused = [("v1/generated.rs", long.as_str()), ("src/a_tests.rs", &long), ("a/tests/b.rs", &long)];
        assert_eq!(files(&Tree::of(excused)), []);
    }

    #[test]
    fn a_long_function_is_found_in_every_language() {
        let cases = [
            ("a.rs", "pub fn long() {", "}\n"),
            ("a.mjs", "async function long(a) {", "}\n"),
            ("a.py", "def long():", ""),
            ("b.py", "async def long(\n    a,\n):", "\n"),
        ];
        for (path, head, end) in cases {
            assert_eq!(functions(&Tree::of([(path, &with_body(head, 60, end))])), [], "{path}");
            let found = functions(&Tree::of([(path, &with_body(head, 71, end))]));
            assert_eq!(found.iter().map(|found| found.line).collect::<Vec<_>>(), [2], "{path}");
        }
    }

    #[test]
    fn a_trust_floor_that_has_grown_is_found() {
        let (half, more) = ("x\n".repeat(750), "x\n".repeat(751));
        let (one, other) = ("crates/inhouse-trust/src/a.rs", "crates/inhouse-trust/src/b.rs");
        assert_eq!(trust(&Tree::of([(one, &half), (other, &half), ("crates/inhouse/src/c.rs", &more)])), []);
        assert_eq!(trust(&Tree::of([(one, &half), (other, &more)])).len(), 1);
    }
}
