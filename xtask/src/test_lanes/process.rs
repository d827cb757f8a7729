//! A program that a lane runs: its output is shown as it comes, its tests are counted, and it ends in time.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{House, LaneError, Tally};

/// How long a program may take to clean up after it was asked to end.
const ENDING_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// How a program's tests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    /// The whole program is one test.
    Whole,
    /// `test result:` lines, as `cargo test` prints them, and `N passed, N failed` of test programs with their own main.
    Cargo,
    /// A line that begins with `ok` or `FAIL` for each test, as the scripts print them.
    Steps,
}

/// A program about to be run in the repository's folder.
pub(super) struct Program {
    name: String,
    command: Command,
    time_max: Duration,
}

impl Program {
    #[expect(clippy::disallowed_methods, reason = "the lanes start the tests")]
    pub(super) fn new(house: &House, program: impl AsRef<OsStr>, time_max: Duration) -> Self {
        let mut command = Command::new(&program);
        command.current_dir(&house.root).stdin(Stdio::null());
        Self { name: program.as_ref().to_string_lossy().into_owned(), command, time_max }
    }

    pub(super) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(super) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    pub(super) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it as a step towards the tests; its failure is the lane's, with this hint.
    pub(super) fn must(self, hint: &'static str) -> Result<(), LaneError> {
        let program = self.name.clone();
        let tally = self.run(Count::Whole)?;
        if tally.failed == 0 { Ok(()) } else { Err(LaneError::Failed { program, hint }) }
    }

    /// Runs it and counts. A program that fails without a test that failed is a failure of its own, as is one that is to
    /// count its tests and has none.
    pub(super) fn run(mut self, count: Count) -> Result<Tally, LaneError> {
        let spawned = self.command.stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|source| LaneError::Start(self.name.clone(), source))?;
        let stdout = child.stdout.take().expect("stdout is piped");
        let (sender, counted) = mpsc::channel();
        // It ends with the output, which a process left behind may hold open: nobody waits for that.
        std::thread::spawn(move || drop(sender.send(read(stdout, count))));
        let success = wait(&mut child, self.time_max).map_err(|source| LaneError::Start(self.name.clone(), source))?;
        let Some(success) = success else {
            return Err(LaneError::Late { program: self.name, time_max: self.time_max });
        };
        let tally = match counted.recv_timeout(ENDING_MAX) {
            Ok(tally) => tally,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Err(LaneError::Failed {
                    program: self.name,
                    hint: "it left a process behind that holds its output",
                });
            }
        };
        Ok(judged(tally, success, count, &self.name))
    }
}

fn judged(mut tally: Tally, success: bool, count: Count, program: &str) -> Tally {
    if count == Count::Whole && success {
        tally.passed = 1;
    } else if tally.failed == 0 && (!success || tally.passed == 0) {
        tally.failed = 1;
        tally.failures.push(if success { format!("{program} ran no test") } else { format!("{program} failed") });
    }
    tally
}

/// Waits for the end: whether it was a success; none when it did not come in time, and the program was made to end.
fn wait(child: &mut Child, time_max: Duration) -> std::io::Result<Option<bool>> {
    if let Some(success) = wait_until(child, Instant::now() + time_max)? {
        return Ok(Some(success));
    }
    // A script that is asked to end stops the servers that it has started.
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id fits"));
    kill(pid, Signal::SIGTERM)?;
    if wait_until(child, Instant::now() + ENDING_MAX)?.is_none() {
        child.kill()?;
        child.wait()?;
    }
    Ok(None)
}

fn wait_until(child: &mut Child, deadline: Instant) -> std::io::Result<Option<bool>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        if Instant::now() > deadline {
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

/// Shows what comes and counts.
fn read(output: impl Read, count: Count) -> Tally {
    let mut tally = Tally::default();
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while matches!(output.read_until(b'\n', &mut line), Ok(length) if length > 0) {
        let text = String::from_utf8_lossy(&line);
        super::print(&text);
        note(&mut tally, text.trim_end(), count);
        line.clear();
    }
    tally
}

fn note(tally: &mut Tally, line: &str, count: Count) {
    if let Some(what) = line.strip_prefix("NOT TESTED") {
        tally.untested.push(what.trim_start_matches(':').trim().to_owned());
    }
    match count {
        Count::Whole => {}
        Count::Steps if line.starts_with("ok ") => tally.passed += 1,
        Count::Steps if line.starts_with("FAIL ") => {
            tally.failed += 1;
            tally.failures.push(line.chars().take(300).collect());
        }
        Count::Steps => {}
        Count::Cargo => {
            if let Some((passed, failed)) = cargo_counts(line) {
                tally.passed += passed;
                tally.failed += failed;
            } else if line.starts_with("FAILED ") || (line.starts_with("---- ") && line.ends_with(" stdout ----")) {
                tally.failures.push(line.to_owned());
            }
        }
    }
}

/// The figures of `test result: ok. 3 passed; 0 failed; …` and of `3 passed, 0 failed`.
fn cargo_counts(line: &str) -> Option<(usize, usize)> {
    let figures = match line.strip_prefix("test result: ") {
        Some(rest) => rest.split_once(". ")?.1,
        None => line,
    };
    let (passed, rest) = figures.split_once(" passed")?;
    let failed = rest.trim_start_matches([';', ',']).trim_start().split_once(" failed")?.0;
    Some((passed.parse().ok()?, failed.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(output: &str, count: Count, success: bool) -> (usize, usize, usize) {
        let tally = judged(read(output.as_bytes(), count), success, count, "it");
        (tally.passed, tally.failed, tally.failures.len())
    }

    #[test]
    fn tests_of_cargo_are_counted_over_all_its_programs() {
        let output = "running 3 tests\n...\ntest result: ok. 3 passed; 0 failed; 0 ignored\nok     12 ms  zoo\n5 passed, 0 failed\n";
        assert_eq!(counted(output, Count::Cargo, true), (8, 0, 0));
        let output = "---- a::b stdout ----\nassertion\ntest result: FAILED. 3 passed; 1 failed; 0 ignored\n";
        assert_eq!(counted(output, Count::Cargo, false), (3, 1, 1));
    }

    #[test]
    fn steps_of_scripts_are_counted_by_their_first_word() {
        assert_eq!(counted("ok   a: b\nokay\nFAIL c: d\nnoise\n", Count::Steps, false), (1, 1, 1));
    }

    #[test]
    fn what_is_not_tested_is_told() {
        let output = "NOT TESTED  a case: why\nok   a: b\nNOT TESTED: more\n";
        assert_eq!(read(output.as_bytes(), Count::Steps).untested, ["a case: why", "more"]);
    }

    #[test]
    fn a_program_that_fails_or_tests_nothing_is_one_failure() {
        assert_eq!(counted("", Count::Whole, true), (1, 0, 0));
        assert_eq!(counted("", Count::Whole, false), (0, 1, 1));
        assert_eq!(counted("ok   a: b\n", Count::Steps, false), (1, 1, 1), "it broke off");
        assert_eq!(counted("", Count::Steps, true), (0, 1, 1), "it tested nothing");
        assert_eq!(counted("error: could not compile\n", Count::Cargo, false), (0, 1, 1));
    }

    #[test]
    fn a_program_that_does_not_end_is_ended_and_is_late() {
        let house = House::here();
        let late = Program::new(&house, "sleep", Duration::from_millis(50)).arg("60").run(Count::Whole);
        assert!(matches!(late, Err(LaneError::Late { .. })), "{late:?}");
        let missing = Program::new(&house, "there-is-no-such-program", Duration::from_secs(1)).run(Count::Whole);
        assert!(matches!(missing, Err(LaneError::Start(..))), "{missing:?}");
    }
}
