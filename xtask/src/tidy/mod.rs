//! `cargo xtask tidy`: the rules of this repository that no compiler checks. Each rule looks at manifests and sources and
//! says where it is broken; each has a test that breaks it.

mod arrows;
mod code;
mod docs;
mod sizes;
mod tree;
mod words;

use std::path::Path;

use tree::Tree;

/// Why the tree is not tidy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TidyError {
    #[error("{0}: {1}")]
    Read(String, std::io::Error),
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Untidy(Vec<Finding>),
}

/// A place that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    /// Counts from 1; 0 is the whole file.
    line: usize,
    what: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.what),
            line => write!(f, "{}:{line}: {}", self.path, self.what),
        }
    }
}

type Rule = fn(&Tree) -> Vec<Finding>;

const RULES: [Rule; 10] = [
    arrows::only_point_down,
    sizes::files,
    sizes::functions,
    sizes::trust,
    words::unsafe_in_one_place,
    words::programs_are_started_in_one_place,
    words::no_unwrap,
    words::nothing_unfinished,
    docs::files_say_what_they_are_for,
    docs::documents,
];

/// Holds every rule against the tree below this folder.
pub(crate) fn check(root: &Path) -> Result<(), TidyError> {
    let tree = Tree::read(root)?;
    let findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    if findings.is_empty() { Ok(()) } else { Err(TidyError::Untidy(findings)) }
}
