//! Rules about what is written for readers: every file's first lines, and documents whose figures and links hold.

use super::Finding;
use super::tree::{File, Tree};

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const ARCHITECTURE_LINES_MAX: usize = 250;
/// By how much a line count in the reading order may be wrong, in percent.
const LINES_OFF_PERCENT_MAX: usize = 10;
/// The documents whose paths in code marks are held to the tree.
const NAMING: [&str; 3] = ["README.md", ARCHITECTURE, "SECURITY.md"];
/// What a path of ours ends with.
const ENDINGS: [&str; 5] = [".rs", ".md", ".toml", ".py", ".proto"];

/// Every file begins with what it is for.
pub(super) fn files_say_what_they_are_for(tree: &Tree) -> Vec<Finding> {
    let silent = tree.rust().filter(|file| !file.text.starts_with("//! "));
    silent.map(|file| Finding::new(&file.path, 1, "does not begin with //! and what it is for")).collect()
}

/// The architecture stays short and counts right, and no document leads into the void.
pub(super) fn documents(tree: &Tree) -> Vec<Finding> {
    let markdown = tree.files.iter().filter(|file| file.has_extension(&["md"]));
    let mut findings: Vec<Finding> = markdown.flat_map(|file| broken_links(tree, file)).collect();
    let naming = NAMING.iter().filter_map(|path| tree.file(path));
    findings.extend(naming.flat_map(|file| missing_files(tree, file)));
    match tree.file(ARCHITECTURE) {
        Some(file) => {
            let lines = file.text.lines().count();
            if lines > ARCHITECTURE_LINES_MAX {
                let what = format!("{lines} lines, {ARCHITECTURE_LINES_MAX} at most");
                findings.push(Finding::new(ARCHITECTURE, 0, what));
            }
            findings.extend(wrong_counts(tree, file));
        }
        None => findings.push(Finding::new(ARCHITECTURE, 0, "is missing")),
    }
    findings
}

/// Links of the form `[text](path)` to what is not there.
fn broken_links(tree: &Tree, document: &File) -> Vec<Finding> {
    let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    for (number, line) in outside_code(&document.text) {
        for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split(['#', ' ']).next().unwrap_or_default();
            let elsewhere = path.contains("://") || path.starts_with("mailto:") || path.is_empty();
            if !elsewhere && !joined(folder, path).is_some_and(|path| tree.exists(&path)) {
                findings.push(Finding::new(&document.path, number, format!("leads to {target}, which is not there")));
            }
        }
    }
    findings
}

/// Paths in code marks, from the root or of a crate's folder, that are not there.
fn missing_files(tree: &Tree, document: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in outside_code(&document.text) {
        for path in line.split('`').skip(1).step_by(2).filter(|code| is_path(code)) {
            if tree.file(path).is_none() && tree.file(&format!("crates/{path}")).is_none() {
                findings.push(Finding::new(&document.path, number, format!("names {path}, which is not there")));
            }
        }
    }
    findings
}

/// Whether it can be a file of this repository; not one of the reader's own, and no pattern.
fn is_path(code: &str) -> bool {
    let is_ours = code.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '.');
    let is_plain = !code.contains(|c: char| c.is_whitespace() || "*<>{}$:".contains(c));
    is_ours && is_plain && code.contains('/') && ENDINGS.iter().any(|ending| code.ends_with(ending))
}

/// The lines of a document that are not shown as code, with their numbers.
fn outside_code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut code = false;
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    lines.filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// The path from the root; none when it leads out of it.
fn joined(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Rows of a table `| file | lines |` whose file is not there or has another length.
fn wrong_counts(tree: &Tree, document: &File) -> Vec<Finding> {
    let mut in_table = false;
    let mut findings = Vec::new();
    for (number, line) in outside_code(&document.text) {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        match cells[..] {
            ["file", "lines", ..] => in_table = true,
            [file, lines, ..] if in_table => {
                let wrong = wrong_count(tree, file, lines);
                findings.extend(wrong.map(|what| Finding::new(&document.path, number, what)));
            }
            _ => in_table = false,
        }
    }
    findings
}

/// What is wrong with a row, when something is. The file is a path, perhaps of a crate's folder, perhaps as code or link.
fn wrong_count(tree: &Tree, file: &str, lines: &str) -> Option<String> {
    if file.chars().all(|c| "-: ".contains(c)) {
        return None;
    }
    let path = file.trim_start_matches(['`', '[']).split(['`', ']']).next().unwrap_or_default();
    let found = tree.file(path).or_else(|| tree.file(&format!("crates/{path}")));
    let Some(found) = found else { return Some(format!("{path} is not there")) };
    let is = found.text.lines().count();
    let Ok(said) = lines.parse::<usize>() else { return Some(format!("{lines:?} is no number of lines")) };
    let off = said.abs_diff(is) * 100 > is * LINES_OFF_PERCENT_MAX;
    off.then(|| format!("{path} has {is} lines, not {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn architecture(text: &str) -> Vec<String> {
        let lines = "x\n".repeat(100);
        let tree =
            Tree::of([(ARCHITECTURE, text), ("crates/a/src/b.rs", &lines), ("docs/c.md", "[up](../ARCHITECTURE.md)")]);
        documents(&tree).into_iter().map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn a_file_that_does_not_say_what_it_is_for_is_found() {
        let tree =
            Tree::of([("a.rs", "//! For tests.\n"), ("b.rs", "use std;\n//! Late.\n"), ("c.rs", ""), ("d.py", "x")]);
        let found: Vec<String> = files_say_what_they_are_for(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["b.rs", "c.rs"]);
    }

    #[test]
    fn links_to_missing_files_are_found_outside_code() {
        let good = "[a](docs/c.md#x) [b](crates/a) [c](https://x.org/y) [d](#here) `x`\n```\n[e](nowhere)\n```\n";
        assert_eq!(architecture(good), [""; 0]);
        assert_eq!(architecture("\n[a](docs/d.md)"), ["ARCHITECTURE.md:2: leads to docs/d.md, which is not there"]);
        assert_eq!(architecture("[a](../outside.md)").len(), 1);
    }

    #[test]
    fn names_of_missing_files_are_found() {
        let good = "`a/src/b.rs` and `crates/a/src/b.rs`, `docs/c.md`, `gone.rs`, `a/src`, `/etc/x.toml`, `~/x/y.toml`, \
            `x/NAME.*.rs`, `cat x/y.md`, x/y.rs\n```\n`x/y.rs`\n```\n";
        assert_eq!(architecture(good), [""; 0]);
        for bad in ["a/src/c.rs", "crates/b.toml", "docs/d.md", "x/y.py", "x/y.proto"] {
            let found = format!("ARCHITECTURE.md:2: names {bad}, which is not there");
            assert_eq!(architecture(&format!("\nsee `x`, `{bad}`")), [found]);
        }
        for document in ["README.md", "SECURITY.md"] {
            let tree = Tree::of([(ARCHITECTURE, ""), (document, "| `a/b.rs` | `c/d.rs` |")]);
            assert_eq!(documents(&tree).len(), 2, "{document}");
        }
    }

    #[test]
    fn a_long_or_missing_architecture_is_found() {
        assert_eq!(architecture(&"x\n".repeat(250)), [""; 0]);
        assert_eq!(architecture(&"x\n".repeat(251)), ["ARCHITECTURE.md: 251 lines, 250 at most"]);
        assert_eq!(documents(&Tree::of([("README.md", "")])).len(), 1);
    }

    #[test]
    fn counts_in_the_reading_order_are_held_to_a_tenth() {
        let row = |row: &str| {
            architecture(&format!("| file | lines |\n|---|---:|\n{row}\n\n| other | table |\n|---|---|\n| x | y |\n"))
        };
        assert_eq!(row("| `a/src/b.rs` | 91 |"), [""; 0]);
        assert_eq!(row("| [`crates/a/src/b.rs`](crates/a/src/b.rs) | 110 |"), [""; 0]);
        assert_eq!(row("| `a/src/b.rs` | 89 |"), ["ARCHITECTURE.md:3: a/src/b.rs has 100 lines, not 89"]);
        assert_eq!(row("| a/src/c.rs | 100 |"), ["ARCHITECTURE.md:3: a/src/c.rs is not there"]);
        assert_eq!(row("| `a/src/b.rs` | many |").len(), 1);
    }
}
