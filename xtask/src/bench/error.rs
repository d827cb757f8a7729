//! Why a benchmark stopped: the machine did not let it, or a server answered wrongly.

use std::io;

/// Why a benchmark stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// Something that the machine refused.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Its answer.
        source: io::Error,
    },
    /// A server's answer is not the right one.
    #[error("wrong answer: {0}")]
    Wrong(String),
    /// A word on the command line is not known.
    #[error("{0}\nusage: cargo xtask bench [--quick] [--only NAME] [--server PATH] [--log]")]
    Usage(String),
}

/// What every part of the benchmark returns.
pub(super) type Result<T> = std::result::Result<T, BenchError>;

/// Says what was tried when an error of the machine comes.
pub(super) trait During<T> {
    /// Names the attempt.
    fn during(self, what: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<io::Error>> During<T> for std::result::Result<T, E> {
    fn during(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|source| BenchError::Io { what: what.into(), source: source.into() })
    }
}

/// A wrong answer, with the beginning of what came instead.
pub(super) fn wrong(expected: &str, found: &[u8]) -> BenchError {
    let head = String::from_utf8_lossy(&found[..found.len().min(600)]).into_owned();
    BenchError::Wrong(format!("{expected}; instead ({} bytes): {head}", found.len()))
}
