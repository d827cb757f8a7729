//! An agent's standard error: line by line into the operator's log, its last line kept for the caller. Both are redacted.

use std::io::Read;
use std::time::{Duration, Instant};

use inhouse_engine::agent::Turn;
use inhouse_run::Stderr;
use inhouse_trust::Redactor;
use tokio::io::AsyncReadExt;

use crate::lines::{Line, Lines};

/// Longer lines are not shown.
const LINE_BYTES_MAX: usize = 8 << 10;
/// Lines of one run that reach the log in one second.
const LINES_PER_SECOND_MAX: u32 = 100;
const READ_BYTES: usize = 16 << 10;

/// The reader of one run's standard error.
pub(crate) struct Errors<'a> {
    pipe: Option<Stderr>,
    redactor: &'a Redactor,
    turn: &'a Turn,
    lines: Lines,
    last: Option<Vec<u8>>,
    second: Instant,
    logged: u32,
    left_out: u64,
}

impl<'a> Errors<'a> {
    pub(crate) fn new(pipe: Option<Stderr>, redactor: &'a Redactor, turn: &'a Turn) -> Self {
        Self {
            pipe,
            redactor,
            turn,
            lines: Lines::new(LINE_BYTES_MAX),
            last: None,
            second: Instant::now(),
            logged: 0,
            left_out: 0,
        }
    }

    /// Reads to the end of the pipe. Cancel safe: what has been read has been taken.
    pub(crate) async fn listen(&mut self) {
        let mut buffer = Vec::with_capacity(READ_BYTES);
        while let Some(pipe) = &mut self.pipe {
            buffer.clear();
            match pipe.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => self.pipe = None,
                Ok(_) => self.take(&buffer),
            }
        }
    }

    /// The pipe of a process that goes on after its turn.
    pub(crate) fn into_pipe(mut self) -> Option<Stderr> {
        if let Some(line) = self.lines.finish() {
            self.line(line);
        }
        self.report_left_out();
        self.pipe.take()
    }

    /// Takes what is in the pipe now that the process has ended, and returns the last line as a caller may see it.
    pub(crate) fn finish(mut self) -> Option<String> {
        if let Some(pipe) = self.pipe.take() {
            let left = pipe.into_nonblocking_fd().map(|fd| drain(std::fs::File::from(fd))).unwrap_or_default();
            self.take(&left);
        }
        if let Some(line) = self.lines.finish() {
            self.line(line);
        }
        self.report_left_out();
        let last = self.last.take()?;
        Some(self.redactor.line(&String::from_utf8_lossy(&last))).filter(|line| !line.is_empty())
    }

    fn take(&mut self, bytes: &[u8]) {
        self.lines.push(bytes);
        while let Some(line) = self.lines.next_line() {
            self.line(line);
        }
    }

    fn line(&mut self, line: Line) {
        if self.second.elapsed() >= Duration::from_secs(1) {
            self.report_left_out();
            (self.second, self.logged) = (Instant::now(), 0);
        }
        match line {
            Line::Whole(bytes) if bytes.trim_ascii().is_empty() => {}
            Line::Whole(bytes) if self.logged < LINES_PER_SECOND_MAX => {
                self.logged += 1;
                let shown = self.redactor.line(&String::from_utf8_lossy(&bytes));
                let (agent, task) = self.whose();
                tracing::info!(target: "agent", agent, task, trace = self.turn.trace_id(), "{shown}");
                self.last = Some(bytes);
            }
            Line::Whole(bytes) => {
                self.left_out += 1;
                self.last = Some(bytes);
            }
            Line::TooLong => self.left_out += 1,
        }
    }

    /// The agent and the task.
    fn whose(&self) -> (&'a str, &'a str) {
        (self.turn.permit.agent().as_str(), &*self.turn.task_id)
    }

    fn report_left_out(&mut self) {
        let lines = std::mem::take(&mut self.left_out);
        if lines > 0 {
            let (agent, task) = self.whose();
            tracing::warn!(target: "agent", agent, task, lines, "lines of the agent were left out");
        }
    }
}

/// What a pipe holds, without waiting for more. A pipe holds at most 1 MiB unless root made it larger.
pub(crate) fn drain(mut pipe: std::fs::File) -> Vec<u8> {
    let mut left = Vec::new();
    // An error means that the pipe is empty while a process outside of the tree keeps it open.
    let _ = pipe.by_ref().take(1 << 20).read_to_end(&mut left);
    left
}
