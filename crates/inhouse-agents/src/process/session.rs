//! One turn of one process: what it writes goes to the protocol, what that says goes to the caller and back to the process; and how it
//! is made to end, or to rest.

use std::time::Duration;

use inhouse_engine::Reply;
use inhouse_engine::agent::{AgentEvent, End, Note, Output, Reason, Turn};
use inhouse_run::{Exit, Resource, Run, Stdout};
use inhouse_trust::Redactor;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::asks::Asks;
use crate::dialogue::{Dialogue, Ending, Said, failed};
use crate::process::Limits;
use crate::silence::Silence;
use crate::stderr::drain;
use crate::warm::Live;

/// A pipe's size: what one read can return at most.
const READ_BYTES: usize = 64 << 10;
/// The pause before something is asked again, in milliseconds.
const AGAIN_MS: u64 = 50;

/// How far a process is from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// At work.
    Running,
    /// It has said how its turn ended, or was interrupted: it should end by itself, or it will be asked.
    Leaving,
    /// It has been asked by signal, and will be killed.
    Asked,
    /// It has been killed.
    Killed,
}

/// Whether a process may rest after its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stay {
    /// It ends with its turn.
    No,
    /// It may, once what it has before its first text is marked.
    Unmarked,
    /// It may.
    Marked,
}

pub(super) struct Session<'a> {
    run: Run,
    stdout: Option<Stdout>,
    /// Closing it ends the agent's input.
    replies: Option<mpsc::Sender<Vec<u8>>>,
    protocol: &'a mut dyn Dialogue,
    asks: Asks<'a>,
    phase: Phase,
    deadline: Option<Instant>,
    /// When it was wished that the turn ends early. Since then nothing more reaches the caller.
    stopped: Option<Instant>,
    /// How the turn ended, as the agent said.
    said: Option<End>,
    silence: Silence,
    stay: Stay,
    /// Its turn is over, and it may rest.
    rests: bool,
    /// What it is asked again, and when.
    again: Option<(Instant, Vec<u8>)>,
    limits: Limits,
}

impl<'a> Session<'a> {
    /// With a process whose other pipes others have. Without `replies` its input ends by itself.
    pub(super) fn new(
        mut run: Run,
        replies: Option<mpsc::Sender<Vec<u8>>>,
        protocol: &'a mut dyn Dialogue,
        asks: Asks<'a>,
        stay: Stay,
        limits: Limits,
    ) -> Self {
        Self {
            stdout: run.stdout.take(),
            run,
            replies,
            protocol,
            asks,
            phase: Phase::Running,
            deadline: None,
            stopped: None,
            said: None,
            silence: Silence::new(limits),
            stay,
            rests: false,
            again: None,
            limits,
        }
    }

    /// Runs until nothing is left of the process's tree, and all that it wrote has been taken; or, with nothing to return, until
    /// the process may rest.
    pub(super) async fn run(&mut self, turn: &Turn, output: &mut dyn Output) -> Option<Exit> {
        let mut buffer = Vec::with_capacity(READ_BYTES);
        loop {
            if self.rests {
                return None;
            }
            buffer.clear();
            tokio::select! {
                () = read(&mut self.stdout, &mut buffer) => self.took(&buffer, output).await,
                _ = self.run.exited() => break,
                _ = turn.cancel.requested(), if self.stopped.is_none() => self.stop(),
                () = passed(self.silence.deadline()), if self.stopped.is_none() && !self.asks.waits() => {
                    self.silence.broken();
                    self.stop();
                }
                reply = self.asks.reply(output), if self.stopped.is_none() => {
                    self.silence.wrote();
                    self.answer(&reply);
                    self.ask(output).await;
                }
                () = passed(self.deadline) => self.press(),
                () = passed(self.again.as_ref().map(|(due, _)| *due)) => {
                    self.again.take().into_iter().for_each(|(_, line)| self.write(line));
                }
            }
        }
        self.end_input();
        self.asks.clear(output);
        let exit = self.run.gone().await;
        if let Some(Ok(left)) = self.stdout.take().map(Stdout::into_nonblocking_fd) {
            self.took(&drain(left.into()), output).await;
        }
        let mut said = Said::default();
        self.protocol.finish(&mut said);
        self.said(said, output).await;
        Some(exit)
    }

    /// Ends what the turn has started, now that the process may rest. Whether it is fit to: a helper of its own that began late may
    /// have been among it.
    pub(super) async fn sweep(&mut self) -> bool {
        let knows_helpers = self.protocol.rest().is_some_and(|rest| rest.opened.knows_helpers);
        self.run.sweep().await.is_some_and(|killed| killed == 0 || knows_helpers)
    }

    /// The process does not rest after all: it is to end.
    pub(super) fn dismiss(&mut self) {
        self.rests = false;
        self.end_input();
        self.leave(self.limits.exit_grace_ms);
    }

    /// The process that rests, without the pipes that others have, and how its turn ended.
    pub(super) fn rested(mut self) -> (Option<Live>, Option<End>) {
        self.run.stdout = self.stdout.take();
        let live = self.protocol.rest().map(|rest| Live { run: self.run, rest });
        (live, self.said)
    }

    fn end_input(&mut self) {
        self.replies = None;
        self.again = None;
    }

    /// How the turn ended. What an agent shows of a failure is redacted like its errors, but not what it says to its caller.
    pub(super) fn end(&mut self, exit: Exit, last_error: Option<String>, redactor: &Redactor) -> End {
        if let Some(detail) = self.silence.verdict() {
            return failed(Reason::Timeout, detail);
        }
        if self.stopped.is_some() {
            return End::Canceled(Note::default());
        }
        let end = self.said.take().or_else(|| exit.over.map(over));
        match end.unwrap_or_else(|| self.protocol.ended(&Ending { exit, last_error })) {
            End::Failed(mut failure) if !failure.quoted => {
                failure.detail = failure.detail.map(|detail| redactor.line(&detail));
                End::Failed(failure)
            }
            end => end,
        }
    }

    async fn took(&mut self, bytes: &[u8], output: &mut dyn Output) {
        self.silence.wrote();
        let mut said = Said::default();
        self.protocol.read(bytes, &mut said);
        if !said.events.is_empty() || !said.asks.is_empty() {
            self.silence.spoke();
        }
        self.said(said, output).await;
    }

    async fn said(&mut self, said: Said, output: &mut dyn Output) {
        for event in said.events {
            // What an agent used is worth knowing, even of a turn that was stopped.
            let counts = self.stopped.is_none() || matches!(event, AgentEvent::Usage(_));
            if counts && output.emit(event).await.is_err() && self.stopped.is_none() {
                self.stop();
            }
        }
        for (at, line) in said.replies.into_iter().enumerate() {
            if said.text_at == Some(at) {
                self.mark().await;
            }
            self.write(line);
        }
        said.unasked.iter().for_each(|id| self.asks.withdraw(id, output));
        for ask in said.asks {
            if let Some(reply) = self.asks.take(ask, output) {
                self.answer(&reply);
            }
        }
        if let Some(line) = said.again {
            self.again = Some((Instant::now() + Duration::from_millis(AGAIN_MS), line));
        }
        if let Some(end) = said.end {
            self.asks.clear(output);
            self.rests = self.may_rest(&end);
            self.said = Some(end);
            if !self.rests {
                self.end_input();
                self.leave(if self.stopped.is_some() { 0 } else { self.limits.exit_grace_ms });
            }
        }
        self.ask(output).await;
    }

    /// The agent is ready. What it has started until now may stay as long as it does itself.
    async fn mark(&mut self) {
        if self.stay == Stay::Unmarked && self.run.mark().await {
            self.stay = Stay::Marked;
        }
    }

    /// Whether a process whose turn ended so can take another one.
    fn may_rest(&self, end: &End) -> bool {
        let is_well = self.stopped.is_none() && self.phase == Phase::Running && matches!(end, End::Completed(_));
        is_well && self.stay == Stay::Marked && self.protocol.rest().is_some()
    }

    /// Asks the caller what the agent wants to know, unless the turn is being ended.
    async fn ask(&mut self, output: &mut dyn Output) {
        if self.stopped.is_some() || self.replies.is_none() {
            return;
        }
        match self.asks.next(output).await {
            Ok(replies) => replies.iter().for_each(|reply| self.answer(reply)),
            Err(_) => self.stop(),
        }
    }

    fn answer(&mut self, reply: &Reply) {
        if let Some(line) = self.protocol.reply(reply) {
            self.write(line);
        }
    }

    fn write(&mut self, line: Vec<u8>) {
        let full = self.replies.as_ref().is_some_and(|replies| replies.try_send(line).is_err());
        if full {
            // It asks and asks and reads no answer.
            self.leave(0);
        }
    }

    /// The turn has to end early: the agent is interrupted, if its protocol can, or asked by signal.
    fn stop(&mut self) {
        self.stopped = Some(Instant::now());
        let interrupt = self.protocol.interrupt().zip(self.replies.as_ref());
        match interrupt.map(|(line, replies)| replies.try_send(line)) {
            Some(Ok(())) if self.phase == Phase::Running => self.leave(self.limits.interrupt_grace_ms),
            _ => self.leave(0),
        }
    }

    /// The process should end by itself within a time.
    fn leave(&mut self, grace_ms: u64) {
        if matches!(self.phase, Phase::Running | Phase::Leaving) {
            self.phase = Phase::Leaving;
            self.deadline = Some(Instant::now() + Duration::from_millis(grace_ms));
        }
    }

    /// It has not: the next stronger means.
    fn press(&mut self) {
        let wished = self.stopped.unwrap_or_else(Instant::now);
        (self.phase, self.deadline) = match self.phase {
            Phase::Running | Phase::Leaving => {
                self.run.terminate();
                (Phase::Asked, Some(wished + Duration::from_millis(self.limits.stop_ms_max)))
            }
            Phase::Asked | Phase::Killed => {
                self.run.kill();
                (Phase::Killed, None)
            }
        };
    }
}

/// The end of a turn that used too much of something.
fn over(resource: Resource) -> End {
    failed(
        Reason::ResourceLimit,
        match resource {
            Resource::Memory => "the agent used more memory than it may (memory_bytes_max)",
            Resource::Processes => "the agent had more processes and threads than it may (processes_max)",
        },
    )
}

/// Reads once. At the end of the pipe, which is not yet the end of the process, it is closed and never ready again.
async fn read(pipe: &mut Option<Stdout>, buffer: &mut Vec<u8>) {
    let Some(stdout) = pipe else { return std::future::pending().await };
    if let Ok(0) | Err(_) = stdout.read_buf(buffer).await {
        *pipe = None;
        std::future::pending().await
    }
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
