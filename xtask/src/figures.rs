//! `cargo xtask figures`: what attacks cost the server, as large as SECURITY.md has them, and how long what agents start outlives their
//! turns, over a release build.

use std::process::Command;

/// Why it ends early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FiguresError {
    /// Cargo can not be run.
    #[error("cargo: {0}")]
    Cargo(#[from] std::io::Error),
    /// A size is beyond what is promised; the test has printed it.
    #[error("a figure is beyond its bound; it is printed above")]
    Beyond,
}

/// Measures, one after the other, and prints the table.
#[expect(clippy::disallowed_methods, reason = "cargo runs the measurement")]
pub(crate) fn run() -> Result<(), FiguresError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let words = [
        "test",
        "--quiet",
        "--release",
        "-p",
        "inhouse",
        "--test",
        "figures",
        "--test",
        "zoo",
        "--",
        "--nocapture",
        "--test-threads=1",
    ];
    match Command::new(cargo).args(words).env("FIGURES", "full").status()?.success() {
        true => Ok(()),
        false => Err(FiguresError::Beyond),
    }
}
