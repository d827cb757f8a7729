//! Runs one process for one turn: its pipes, the signal to stop, and its end. The protocol says what its bytes mean.
//!
//! Input, output and errors flow at the same time, so that no order in which a program reads and writes can block it. The
//! turn ends when the program has ended, even if something holds its pipes open, and never before its whole tree is gone.

use std::borrow::Cow;
use std::pin::pin;
use std::time::Duration;

use inhouse_engine::Reply;
use inhouse_engine::agent::{AgentEvent, End, Note, Output, Reason, Turn};
use inhouse_run::{Exit, Run, RunError, Runner, Stdin, Stdout};
use inhouse_trust::{AgentCommand, Approvals, HostEnv, LaunchError, LaunchPlan, Redactor, launch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::asks::Asks;
use crate::dialogue::{Dialogue, Ending, Said, failed};
use crate::silence::Silence;
use crate::stderr::{Errors, drain};

/// Bounds on what an agent's process may do.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest line of an agent's protocol, in bytes.
    pub line_bytes_max: usize,
    /// How long a process may take to end after it has said how its turn ended, before it is asked by signal.
    pub exit_grace_ms: u64,
    /// How long an interrupted agent may take to say so, before it is asked by signal.
    pub interrupt_grace_ms: u64,
    /// When a process that had to stop is killed, counted from the wish that it stops.
    pub stop_ms_max: u64,
    /// How long an agent may take to its first word or deed; without one, as long as its turn.
    pub first_event_ms: Option<u64>,
    /// How long its process may write nothing; without a limit, as long as its turn.
    pub idle_ms: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line_bytes_max: crate::lines::LINE_BYTES_MAX,
            exit_grace_ms: 2_000,
            interrupt_grace_ms: 400,
            stop_ms_max: 1_500,
            first_event_ms: None,
            idle_ms: None,
        }
    }
}

/// A pipe's size: what one read can return at most.
const READ_BYTES: usize = 64 << 10;
/// Replies that may wait while the agent does not read them.
const REPLIES_MAX: usize = 64;

/// A program that takes turns, with all that is needed to start it.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) command: AgentCommand,
    pub(crate) runner: Runner,
    pub(crate) host: HostEnv,
    pub(crate) redactor: Redactor,
    pub(crate) approvals: Approvals,
    pub(crate) limits: Limits,
}

impl Program {
    /// Plans the start for one turn. `text` is what an argument of the command may hold, `more` are further arguments of ours.
    ///
    /// # Errors
    /// The end of a turn whose text can not be given to this program, or whose program can not be started.
    pub(crate) fn plan(&self, turn: &Turn, text: &str, more: &[&str]) -> Result<LaunchPlan, End> {
        let turn_env = [
            ("A2A_TASK_ID", turn.task_id.to_string()),
            ("A2A_CONTEXT_ID", turn.context_id.to_string()),
            ("A2A_TURN", turn.number.to_string()),
        ];
        let mut command = Cow::Borrowed(&self.command);
        if !more.is_empty() {
            command.to_mut().args.extend(more.iter().map(|word| (*word).to_owned()));
        }
        launch(&turn.permit, &command, text, &turn_env, &self.host).map_err(|error| match error {
            LaunchError::ArgumentNul | LaunchError::ArgumentTooLong { .. } => failed(Reason::InputRefused, error.to_string()),
            _ => {
                tracing::error!(target: "agent", agent = turn.permit.agent().as_str(), %error, "the agent was not started");
                failed(Reason::StartFailed, "the agent can not be started as it is configured")
            }
        })
    }

    /// Runs the plan to its end: `input` goes to standard input, which stays open as long as the protocol `converses`.
    pub(crate) async fn run(
        &self,
        plan: &LaunchPlan,
        input: Vec<u8>,
        converses: bool,
        protocol: &mut dyn Dialogue,
        turn: &Turn,
        output: &mut dyn Output,
    ) -> End {
        let agent = turn.permit.agent().as_str();
        let mut run = match self.runner.spawn(plan).await {
            Ok(run) => run,
            Err(error) => return not_started(agent, &error),
        };
        let (replies, queue) = mpsc::channel(REPLIES_MAX);
        let feeding = feed(run.stdin.take(), input, queue);
        let mut errors = Errors::new(run.stderr.take(), &self.redactor, agent, &turn.task_id);
        let mut session = Session {
            stdout: run.stdout.take(),
            run,
            replies: converses.then_some(replies),
            protocol,
            asks: Asks::new(&self.approvals),
            phase: Phase::Running,
            deadline: None,
            stopped: None,
            said: None,
            silence: Silence::new(self.limits),
            limits: self.limits,
        };
        let exit = {
            let beside = async {
                tokio::join!(feeding, errors.listen());
            };
            let (mut beside, mut main) = (pin!(beside), pin!(session.run(turn, output)));
            tokio::select! {
                exit = &mut main => exit,
                () = &mut beside => main.await,
            }
        };
        session.end(exit, errors.finish(), &self.redactor)
    }
}

/// The program could not be started. Paths stay in the operator's log; the caller learns the kind of failure.
fn not_started(agent: &str, error: &RunError) -> End {
    tracing::error!(target: "agent", agent, %error, "the agent was not started");
    let why = match error {
        RunError::Start { source, .. } => format!("the agent's program can not be started: {}", source.kind()),
        RunError::Directory { source, .. } => format!("the agent's directory can not be used: {}", source.kind()),
        RunError::Closed => return failed(Reason::Shutdown, "the server is stopping"),
        _ => "the server has no means to start a process now".to_owned(),
    };
    failed(Reason::StartFailed, why)
}

/// Writes the input and then the replies. An agent that does not read, or has ended, is no error.
async fn feed(stdin: Option<Stdin>, input: Vec<u8>, mut replies: mpsc::Receiver<Vec<u8>>) {
    let Some(mut stdin) = stdin else { return };
    let mut next = Some(input);
    while let Some(bytes) = next {
        if stdin.write_all(&bytes).await.is_err() {
            return;
        }
        next = replies.recv().await;
    }
}

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

struct Session<'a> {
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
    limits: Limits,
}

impl Session<'_> {
    /// Runs until nothing is left of the process's tree, and all that it wrote has been taken.
    async fn run(&mut self, turn: &Turn, output: &mut dyn Output) -> Exit {
        let mut buffer = Vec::with_capacity(READ_BYTES);
        loop {
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
            }
        }
        self.replies = None;
        self.asks.clear(output);
        let exit = self.run.gone().await;
        if let Some(Ok(left)) = self.stdout.take().map(Stdout::into_nonblocking_fd) {
            self.took(&drain(left.into()), output).await;
        }
        let mut said = Said::default();
        self.protocol.finish(&mut said);
        self.said(said, output).await;
        exit
    }

    /// How the turn ended. What an agent shows of a failure is redacted like its errors, but not what it says to its caller.
    fn end(&mut self, exit: Exit, last_error: Option<String>, redactor: &Redactor) -> End {
        if let Some(detail) = self.silence.verdict() {
            return failed(Reason::Timeout, detail);
        }
        if self.stopped.is_some() {
            return End::Canceled(Note::default());
        }
        match self.said.take().unwrap_or_else(|| self.protocol.ended(&Ending { exit, last_error })) {
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
        said.replies.into_iter().for_each(|line| self.write(line));
        said.unasked.iter().for_each(|id| self.asks.withdraw(id, output));
        for ask in said.asks {
            if let Some(reply) = self.asks.take(ask, output) {
                self.answer(&reply);
            }
        }
        if let Some(end) = said.end {
            self.said = Some(end);
            self.replies = None;
            self.asks.clear(output);
            self.leave(if self.stopped.is_some() { 0 } else { self.limits.exit_grace_ms });
        }
        self.ask(output).await;
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
