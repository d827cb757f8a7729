//! `cargo xtask mutants`: breaks each rule of `inhouse-trust`, one at a time, and counts those whose break no test of it sees.

use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::{fs, io};

use serde::Deserialize;

use crate::root;

/// So many of a hundred have to be caught.
const CAUGHT_PERCENT_MIN: u64 = 85;
/// How long the tests may take, in seconds: a mutant that makes them endless is caught.
const TESTS_S_MAX: &str = "60";

/// Why it ends early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MutantsError {
    /// The tool is not there.
    #[error("cargo mutants is not installed\nhint: cargo install --locked cargo-mutants")]
    Missing,
    /// Cargo can not be run.
    #[error("cargo: {0}")]
    Cargo(#[from] io::Error),
    /// The tool did not come to its end; it has printed why.
    #[error("cargo mutants ended with {0}; why is printed above")]
    Tool(ExitStatus),
    /// What the tool has counted can not be read.
    #[error("{}: {why}", path.display())]
    Outcomes {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Too many mutants live.
    #[error("{0} of 100 mutants are caught, {CAUGHT_PERCENT_MIN} at least; those that live are printed above")]
    Survive(u64),
}

/// What the tool has counted.
#[derive(Deserialize)]
struct Outcomes {
    total_mutants: u64,
    caught: u64,
    missed: u64,
    /// Those that made the tests endless.
    timeout: u64,
    /// Those that do not compile.
    unviable: u64,
}

/// Breaks and counts: about an hour.
#[expect(clippy::disallowed_methods, reason = "cargo runs the tests")]
pub(crate) fn run() -> Result<(), MutantsError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    if !Command::new(&cargo).args(["mutants", "--version"]).status()?.success() {
        return Err(MutantsError::Missing);
    }
    let folder = root().join("target/mutants");
    fs::create_dir_all(&folder)?;
    let words = ["mutants", "--package", "inhouse-trust", "--no-shuffle", "--cargo-test-arg=--tests"];
    let ran = Command::new(&cargo)
        .args(words)
        .args(["--timeout", TESTS_S_MAX, "--dir"])
        .arg(root())
        .arg("--output")
        .arg(&folder)
        .status()?;
    // 2 and 3: mutants live, or make the tests endless.
    if !matches!(ran.code(), Some(0 | 2 | 3)) {
        return Err(MutantsError::Tool(ran));
    }
    let path = folder.join("mutants.out/outcomes.json");
    let wrong = |why: String| MutantsError::Outcomes { path: path.clone(), why };
    let text = fs::read(&path).map_err(|error| wrong(error.to_string()))?;
    judge(&serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?)
}

fn judge(outcomes: &Outcomes) -> Result<(), MutantsError> {
    let Outcomes { total_mutants, caught, missed, timeout, unviable } = outcomes;
    let viable = total_mutants - unviable;
    eprintln!(
        "{total_mutants} mutants, {unviable} of them do not compile; {} are caught, {missed} live",
        caught + timeout
    );
    let percent = (caught + timeout) * 100 / viable.max(1);
    if percent < CAUGHT_PERCENT_MIN { Err(MutantsError::Survive(percent)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_endless_is_caught_and_what_does_not_compile_counts_for_nothing() {
        let outcomes = |caught, missed, timeout, unviable| Outcomes {
            total_mutants: caught + missed + timeout + unviable,
            caught,
            missed,
            timeout,
            unviable,
        };
        assert!(judge(&outcomes(80, 15, 5, 100)).is_ok());
        assert!(matches!(judge(&outcomes(84, 16, 0, 100)), Err(MutantsError::Survive(84))));
        assert!(matches!(judge(&outcomes(0, 0, 0, 10)), Err(MutantsError::Survive(0))));
    }
}
