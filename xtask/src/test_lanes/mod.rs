//! `cargo xtask test`: every test of the repository, in lanes, one after the other. A lane that fails does not stop the
//! others; the last line counts all tests. What a lane needs it installs below the target folder.

mod install;
mod lanes;
mod process;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use lanes::{LANES, Lane};

const USAGE: &str = "\
usage: cargo xtask test [--only LANE]… [--skip LANE]… [--list]

Environment: INHOUSE_BIN, a server that the outer lanes try instead of building the release one.
";

/// Why a lane has not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaneError {
    #[error("{0} can not be started: {1}\nit has to be on PATH")]
    Start(String, std::io::Error),
    #[error("{program} has not ended within {} minutes", time_max.as_secs() / 60)]
    Late { program: String, time_max: Duration },
    #[error("{program} failed: {hint}")]
    Failed { program: String, hint: &'static str },
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, std::io::Error),
    #[error("{0}")]
    Codegen(#[from] crate::codegen::CodegenError),
    #[error("{0}")]
    Tidy(#[from] crate::tidy::TidyError),
}

/// What a lane's tests came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    /// The lines that told of a failure.
    failures: Vec<String>,
    /// What could not be shown on this machine, and why.
    untested: Vec<String>,
}

impl Tally {
    /// A chore that is one test and has passed.
    fn one() -> Self {
        Self { passed: 1, ..Self::default() }
    }
}

/// Where the lanes work.
#[derive(Debug)]
pub(crate) struct House {
    root: PathBuf,
    target: PathBuf,
    cargo: PathBuf,
}

impl House {
    fn here() -> Self {
        let root = crate::root().to_owned();
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder));
        let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
        Self { root, target, cargo }
    }

    /// Where the clients and agents of the outer lanes are installed.
    fn interop(&self) -> PathBuf {
        self.target.join("interop")
    }

    /// What drives the browser is installed here, and the screens are kept.
    fn console(&self) -> PathBuf {
        self.target.join("console")
    }

    /// The scripts of the outer lanes.
    fn scripts(&self) -> PathBuf {
        self.root.join("tests/interop")
    }

    /// Where cargo installs programs that lanes need.
    fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }
}

/// Runs the lanes that the words choose.
pub(crate) fn run(words: &[&str]) -> ExitCode {
    match chosen(words) {
        Ok(lanes) => run_lanes(&House::here(), &lanes),
        Err(text) => {
            print(&text);
            ExitCode::from(if text == list() { 0 } else { 2 })
        }
    }
}

/// The lanes that the words choose; or else what is to be said.
fn chosen(words: &[&str]) -> Result<Vec<&'static Lane>, String> {
    let (mut only, mut skip) = (Vec::new(), Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let names = match *word {
            "--only" => &mut only,
            "--skip" => &mut skip,
            "--list" => return Err(list()),
            _ => return Err(USAGE.to_owned()),
        };
        let name = words.next().ok_or(USAGE)?;
        if !LANES.iter().any(|lane| lane.name == *name) {
            return Err(format!("there is no lane {name}; cargo xtask test --list\n"));
        }
        names.push(*name);
    }
    let wanted = |lane: &&Lane| (only.is_empty() || only.contains(&lane.name)) && !skip.contains(&lane.name);
    Ok(LANES.iter().filter(wanted).collect())
}

fn list() -> String {
    LANES.iter().map(|lane| format!("{:<14} {}\n", lane.name, lane.promise)).collect()
}

fn run_lanes(house: &House, lanes: &[&Lane]) -> ExitCode {
    let ended: Vec<(&Lane, Tally, Duration)> = lanes.iter().map(|lane| run_lane(house, lane)).collect();
    print("\n==== summary ====\n");
    for (lane, tally, took) in &ended {
        let word = if tally.failed == 0 { "ok" } else { "FAIL" };
        let Tally { passed, failed, .. } = tally;
        print(&format!("{word:<4} {:<14} {passed:>5} passed {failed:>4} failed {:>5} s\n", lane.name, took.as_secs()));
    }
    for (lane, tally, _) in &ended {
        for failure in &tally.failures {
            print(&format!("{}: {failure}\n", lane.name));
        }
    }
    for (lane, tally, _) in &ended {
        for untested in &tally.untested {
            print(&format!("NOT TESTED {}: {untested}\n", lane.name));
        }
    }
    let sum = |count: fn(&Tally) -> usize| ended.iter().map(|(_, tally, _)| count(tally)).sum::<usize>();
    let (passed, failed) = (sum(|tally| tally.passed), sum(|tally| tally.failed));
    let untested = sum(|tally| tally.untested.len());
    let untested = if untested == 0 { String::new() } else { format!(", {untested} not tested") };
    print(&format!("\n{passed} passed, {failed} failed{untested}\n"));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_lane<'a>(house: &House, lane: &&'a Lane) -> (&'a Lane, Tally, Duration) {
    print(&format!("\n==== {}: {} ====\n", lane.name, lane.promise));
    let begun = Instant::now();
    let tally = (lane.run)(house).unwrap_or_else(|error| {
        print(&format!("{error}\n"));
        let failures = vec![error.to_string().lines().next().unwrap_or_default().to_owned()];
        Tally { failed: 1, failures, ..Tally::default() }
    });
    (lane, tally, begun.elapsed())
}

#[expect(clippy::print_stdout, reason = "the results of the tests are what this chore prints")]
fn print(text: &str) {
    print!("{text}");
}

/// Reads a file of the repository.
fn read(path: &Path) -> Result<String, LaneError> {
    std::fs::read_to_string(path).map_err(|source| LaneError::File(path.to_owned(), source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &[&str]) -> Vec<&'static str> {
        chosen(words).unwrap().into_iter().map(|lane| lane.name).collect()
    }

    #[test]
    fn lanes_are_chosen_by_name_and_keep_their_order() {
        let all: Vec<&str> = LANES.iter().map(|lane| lane.name).collect();
        assert_eq!(names(&[]), all);
        assert_eq!(names(&["--only", "tidy", "--only", "fmt"]), ["fmt", "tidy"]);
        assert_eq!(names(&["--skip", "fmt"]), all[1..]);
    }

    #[test]
    fn what_is_no_lane_or_no_flag_is_said() {
        assert!(chosen(&["--only", "nothing"]).unwrap_err().contains("no lane nothing"));
        for words in [&["--only"][..], &["fmt"]] {
            assert_eq!(chosen(words).unwrap_err(), USAGE);
        }
        assert!(chosen(&["--list"]).unwrap_err().contains("clippy"));
    }
}
