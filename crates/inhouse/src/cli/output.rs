//! Where words go: results to stdout, everything else to stderr.
//!
//! An agent's text reaches a pipe byte for byte, with nothing added. A terminal gets it with control characters escaped
//! and ends on a new line.

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::exit::Exit;
use super::problem::Problem;
use super::text::{json_line, visible, visible_json};

/// Both outputs of the program.
pub(crate) struct Output {
    out: Stream,
    err: Stream,
    /// The answer's last line is not ended yet.
    mid_line: bool,
    /// The last line of stderr is one that passes.
    passing: bool,
}

/// Back to the line's beginning, and all of it away (ECMA-48).
const CLEAR_LINE: &str = "\r\u{1b}[K";

struct Stream {
    to: Box<dyn Write + Send>,
    terminal: bool,
}

impl Output {
    /// The outputs of this process.
    pub(crate) fn new() -> Self {
        let out = Stream { terminal: io::stdout().is_terminal(), to: Box::new(io::stdout()) };
        let err = Stream { terminal: io::stderr().is_terminal(), to: Box::new(io::stderr()) };
        Self { out, err, mid_line: false, passing: false }
    }

    /// Shows how it stands, until the next word takes the place; on a terminal alone, and never in an answer's line.
    pub(crate) fn pass(&mut self, text: &str) {
        if self.err.terminal && !self.mid_line {
            let _ = self.err.write(&format!("{CLEAR_LINE}{}", visible(text)));
            self.passing = true;
        }
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.passing) {
            let _ = self.err.write(CLEAR_LINE);
        }
    }

    /// Writes a piece of the agent's answer, at once.
    pub(crate) fn answer(&mut self, text: &str) -> Result<(), Problem> {
        if text.is_empty() {
            return Ok(());
        }
        self.clear();
        self.mid_line = !text.ends_with('\n');
        if self.out.terminal { self.out.write(&visible(text)) } else { self.out.write(text) }
    }

    /// Ends the answer: a terminal continues on a new line, a pipe gets nothing.
    pub(crate) fn end_answer(&mut self) -> Result<(), Problem> {
        let unfinished = std::mem::take(&mut self.mid_line);
        if unfinished && self.out.terminal { self.out.write("\n") } else { Ok(()) }
    }

    /// Ends the answer's last line, in a pipe too: another answer follows.
    pub(crate) fn end_line(&mut self) -> Result<(), Problem> {
        if std::mem::take(&mut self.mid_line) { self.out.write("\n") } else { Ok(()) }
    }

    /// Asks for a line, on the terminal.
    pub(crate) fn prompt(&mut self, text: &str) {
        self.clear();
        let _ = self.err.write(text);
    }

    /// Writes a result that this program has put together: lines that end.
    pub(crate) fn result(&mut self, text: &str) -> Result<(), Problem> {
        self.clear();
        self.end_answer()?;
        if self.out.terminal { self.out.write(&visible(text)) } else { self.out.write(text) }
    }

    /// Writes JSON as its server wrote it, on one line.
    pub(crate) fn json(&mut self, json: &RawValue) -> Result<(), Problem> {
        self.clear();
        let line = json_line(json.get());
        if self.out.terminal {
            self.out.write(&visible_json(&line))?
        } else {
            self.out.write(&line)?
        }
        self.out.write("\n")
    }

    /// Writes what a server tells of itself: as it wrote it, or as people read it. `what` it is.
    pub(crate) fn told<T: DeserializeOwned>(
        &mut self,
        json: &RawValue,
        as_it_is: bool,
        what: &str,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Problem> {
        if as_it_is {
            return self.json(json);
        }
        let told = serde_json::from_str(json.get())
            .map_err(|error| Problem::new(Exit::Failed, format!("the server tells its {what} otherwise: {error}")))?;
        self.result(&text(&told))
    }

    /// Tells something about the work, on a line of its own on stderr.
    pub(crate) fn say(&mut self, text: &str) {
        self.clear();
        if self.err.terminal {
            // Both are most likely the same terminal; a closed stdout shows with the next word of the answer.
            let _ = self.end_answer();
        }
        // Nobody is left to tell when this fails.
        let _ = self.err.write(&format!("{}\n", visible(text)));
    }

    /// Tells why it ended, if there is something to tell.
    pub(crate) fn finish(&mut self, outcome: Result<Exit, Problem>) -> ExitCode {
        self.clear();
        let closed = self.end_answer().err();
        match closed.map_or(outcome, Err) {
            Ok(exit) => exit.into(),
            Err(Problem::StdoutClosed) => Exit::Done.into(),
            Err(problem @ Problem::Told { exit, .. }) => {
                self.say(&format!("error: {}", problem.text()));
                exit.into()
            }
        }
    }
}

impl Stream {
    fn write(&mut self, text: &str) -> Result<(), Problem> {
        self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Problem::StdoutClosed,
            _ => Problem::new(Exit::Failed, format!("can not write to stdout: {error}")),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A place that both the output and its test can see.
    #[derive(Clone, Default)]
    pub(crate) struct Seen(Arc<Mutex<Vec<u8>>>);

    impl Seen {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Seen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// An output whose stdout and stderr are both a terminal, or both a pipe.
    pub(crate) fn seen(terminal: bool) -> (Output, Seen, Seen) {
        let (out, err) = (Seen::default(), Seen::default());
        let stream = |to: &Seen| Stream { to: Box::new(to.clone()), terminal };
        (Output { out: stream(&out), err: stream(&err), mid_line: false, passing: false }, out, err)
    }

    #[test]
    fn a_pipe_gets_the_answer_byte_for_byte_and_a_terminal_gets_it_harmless() {
        for (pieces, pipe, terminal) in [
            (vec!["hello"], "hello", "hello\n"),
            (vec!["hello\n"], "hello\n", "hello\n"),
            (vec!["a", "", "b\n\n"], "ab\n\n", "ab\n\n"),
            (vec!["\u{1b}[31m\r", "x"], "\u{1b}[31m\rx", "\\u{1b}[31m\\u{d}x\n"),
            (vec![], "", ""),
        ] {
            for (is_terminal, expected) in [(false, pipe), (true, terminal)] {
                let (mut output, out, _) = seen(is_terminal);
                pieces.iter().for_each(|piece| output.answer(piece).unwrap());
                output.end_answer().unwrap();
                assert_eq!(out.text(), expected);
            }
        }
    }

    #[test]
    fn what_is_said_stands_on_its_own_line_and_never_in_the_answer_of_a_pipe() {
        for (terminal, expected_out) in [(false, "partwhole"), (true, "part\nwhole\n")] {
            let (mut output, out, err) = seen(terminal);
            output.answer("part").unwrap();
            output.say("task t: working\u{1b}");
            output.answer("whole").unwrap();
            output.end_answer().unwrap();
            assert_eq!((out.text().as_str(), err.text().as_str()), (expected_out, "task t: working\\u{1b}\n"));
        }
    }

    #[test]
    fn what_passes_is_gone_before_the_next_word_and_is_never_there_in_a_pipe() {
        for (terminal, expected) in [(false, "done\n"), (true, "\r\u{1b}[K1 s\r\u{1b}[K2 s\r\u{1b}[Kdone\n")] {
            let (mut output, _, err) = seen(terminal);
            output.pass("1 s");
            output.pass("2 s");
            output.answer("part").unwrap();
            output.pass("not in a line of the answer");
            output.say("done");
            assert_eq!(err.text(), expected);
        }
    }

    #[test]
    fn a_problem_is_told_with_each_hint_on_its_own_line() {
        let (mut output, out, err) = seen(false);
        let problem = Problem::usage("no text").hint("give one").hint("or pipe one");
        assert_eq!(output.finish(Err(problem)), ExitCode::from(2));
        assert_eq!(
            (out.text().as_str(), err.text().as_str()),
            ("", "error: no text\nhint: give one\nhint: or pipe one\n")
        );
    }

    #[test]
    fn a_closed_stdout_ends_quietly() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (mut output, _, err) = seen(false);
        output.out.to = Box::new(Closed);
        let outcome = output.answer("x").map(|()| Exit::Failed);
        assert_eq!((output.finish(outcome), err.text().as_str()), (ExitCode::SUCCESS, ""));
    }
}
