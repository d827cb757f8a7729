//! `cargo xtask fuzz`: the fuzz targets with many more inputs than the tests give them, on the stable toolchain.

use std::process::Command;

/// Why it ends early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FuzzError {
    /// The command line is wrong.
    #[error("{0}\nusage: cargo xtask fuzz [--cases N]")]
    Usage(String),
    /// Cargo can not be run.
    #[error("cargo: {0}")]
    Cargo(#[from] std::io::Error),
    /// An input was found that breaks something; cargo has printed it.
    #[error("a target failed; the input is printed above")]
    Found,
}

/// So many inputs for each target, without a word: some minutes.
const CASES: u64 = 1_000_000;

/// Runs all targets.
#[expect(clippy::disallowed_methods, reason = "cargo runs the targets")]
pub(crate) fn run(words: &[&str]) -> Result<(), FuzzError> {
    let cases = match words {
        [] => CASES,
        ["--cases", number] => {
            number.parse().map_err(|_| FuzzError::Usage(format!("--cases needs a number, not {number}")))?
        }
        _ => return Err(FuzzError::Usage(format!("unknown words: {}", words.join(" ")))),
    };
    let targets: [&[&str]; 5] = [
        &["-p", "inhouse-proto", "--test", "fuzz"],
        &["-p", "inhouse-serve", "--lib", "fuzz"],
        &["-p", "inhouse-trust", "--test", "fuzz"],
        &["-p", "inhouse-agents", "--lib", "fuzz"],
        &["-p", "inhouse-client", "--lib", "fuzz"],
    ];
    for target in targets {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let ran = Command::new(cargo)
            .args(["test", "--release"])
            .args(target)
            .env("FUZZ_CASES", cases.to_string())
            .status()?;
        if !ran.success() {
            return Err(FuzzError::Found);
        }
    }
    Ok(())
}
