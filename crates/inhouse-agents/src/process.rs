//! Runs a process for one turn: its pipes, the signal to stop, and its end. The protocol says what its bytes mean.
//!
//! Input, output and errors flow at the same time, so that no order in which a program reads and writes can block it. The
//! turn ends when the program has ended, even if something holds its pipes open, and never before its whole tree is gone; or, of a
//! process that is kept for the next turn, when all that the turn has started is gone.

mod feed;
mod session;

use std::borrow::Cow;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

use inhouse_engine::agent::{End, Note, Output, Reason, Turn};
use inhouse_proto::via::{HOPS_VARIABLE, TRACE_VARIABLE};
use inhouse_run::{Run, RunError, Runner};
use inhouse_trust::{AgentCommand, Approvals, HostEnv, LaunchError, LaunchPlan, Redactor, launch};
use tokio::sync::mpsc;

use crate::asks::Asks;
use crate::dialogue::{Dialogue, failed};
use crate::process::feed::Feeder;
use crate::process::session::{Session, Stay};
use crate::stderr::Errors;
use crate::warm::{Live, Place, Warm};
use crate::workspace::Workspaces;

/// Bounds on what an agent's process may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Processes that are kept for the next turn of their conversation; 0 for none.
    pub warm_max: usize,
    /// How long one is kept, in milliseconds.
    pub warm_ms_max: u64,
    /// Processes of the agent beyond which none is kept: the ones that are at work and the ones that are kept.
    pub processes_max: usize,
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
            warm_max: 4,
            warm_ms_max: 600_000,
            processes_max: 16,
        }
    }
}

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
    /// Where its turns work, if not in the command's folder.
    pub(crate) workspaces: Option<Workspaces>,
    /// Its processes that wait for the next turn of their conversation.
    pub(crate) warm: Arc<Warm>,
}

impl Program {
    /// The folder in which a turn works.
    pub(crate) fn directory(&self, turn: &Turn) -> Cow<'_, Path> {
        match &self.workspaces {
            Some(workspaces) => workspaces.directory(turn),
            None => Cow::Borrowed(&self.command.directory),
        }
    }

    /// Plans the start for one turn. `text` is what an argument of the command may hold, `more` are further arguments of ours.
    ///
    /// # Errors
    /// The end of a turn whose text can not be given to this program, or whose program can not be started.
    pub(crate) fn plan(&self, turn: &Turn, text: &str, more: &[&str]) -> Result<LaunchPlan, End> {
        let hops = turn.via.hops.saturating_add(1);
        let mut turn_env = vec![("A2A_CONTEXT_ID", turn.context_id.to_string()), (HOPS_VARIABLE, hops.to_string())];
        // A process that may serve other turns of its context gets nothing that is true of the first one alone. The hops are part of
        // what it is kept for: a turn that has come another way starts another process.
        if !self.warm.keeps() {
            turn_env.extend([("A2A_TASK_ID", turn.task_id.to_string()), ("A2A_TURN", turn.number.to_string())]);
            turn_env.extend(turn.via.trace.as_ref().map(|trace| (TRACE_VARIABLE, trace.to_string())));
        }
        let mut command = Cow::Borrowed(&self.command);
        if !more.is_empty() {
            command.to_mut().args.extend(more.iter().map(|word| (*word).to_owned()));
        }
        if let Cow::Owned(directory) = self.directory(turn) {
            command.to_mut().directory = directory;
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
        match self.runner.spawn(plan).await {
            Ok(run) => self.serve(run, Words { input, converses, stay: Stay::No }, protocol, turn, output).await.1,
            Err(error) => not_started(turn, &error),
        }
    }

    /// The place of a turn among the processes of its conversation, and the one that is there for it. `more` are the arguments that
    /// tell a process apart from one for another use; those of a new or resumed conversation do not.
    ///
    /// # Errors
    /// The end of a turn that can not be started, or was canceled meanwhile.
    pub(crate) async fn place<'a>(
        &'a self,
        turn: &Turn,
        id: &'a str,
        more: &[&str],
    ) -> Result<(Place<'a>, Option<Live>), End> {
        // Also for a process that is there: the permit is judged for each turn.
        let plan = self.plan(turn, "", more)?;
        tokio::select! {
            found = self.warm.place(id, plan) => Ok(found),
            _ = turn.cancel.requested() => Err(End::Canceled(Note::default())),
        }
    }

    /// The same for a turn of a conversation, whose process is kept for the next one if it is fit for it.
    pub(crate) async fn begin(
        &self,
        place: &Place<'_>,
        plan: &LaunchPlan,
        input: Vec<u8>,
        protocol: &mut dyn Dialogue,
        turn: &Turn,
        output: &mut dyn Output,
    ) -> End {
        let stay = if self.warm.keeps() { Stay::Unmarked } else { Stay::No };
        match self.runner.spawn(plan).await {
            Ok(run) => {
                let (live, end) = self.serve(run, Words { input, converses: true, stay }, protocol, turn, output).await;
                live.into_iter().for_each(|live| place.keep(live));
                end
            }
            Err(error) => not_started(turn, &error),
        }
    }

    /// Goes on with a process that was kept.
    pub(crate) async fn go_on(
        &self,
        place: &Place<'_>,
        live: Live,
        input: Vec<u8>,
        protocol: &mut dyn Dialogue,
        turn: &Turn,
        output: &mut dyn Output,
    ) -> End {
        let words = Words { input, converses: true, stay: Stay::Marked };
        let (live, end) = self.serve(live.run, words, protocol, turn, output).await;
        live.into_iter().for_each(|live| place.keep(live));
        end
    }

    /// Takes the turn with a process. It comes back if it can take another one.
    async fn serve(
        &self,
        mut run: Run,
        words: Words,
        protocol: &mut dyn Dialogue,
        turn: &Turn,
        output: &mut dyn Output,
    ) -> (Option<Live>, End) {
        let (replies, queue) = mpsc::channel(REPLIES_MAX);
        let mut feeder = Feeder::new(run.stdin.take(), words.input, queue);
        let mut errors = Errors::new(run.stderr.take(), &self.redactor, turn);
        let (replies, asks) = (words.converses.then_some(replies), Asks::new(&self.approvals, protocol.free()));
        let mut session = Session::new(run, replies, protocol, asks, words.stay, self.limits);
        let exit = loop {
            let ended = {
                let beside = async {
                    tokio::join!(feeder.feed(), errors.listen());
                };
                let (mut beside, mut main) = (pin!(beside), pin!(session.run(turn, output)));
                tokio::select! {
                    ended = &mut main => ended,
                    () = &mut beside => main.await,
                }
            };
            match ended {
                Some(exit) => break exit,
                // A turn that is canceled in its last moment keeps nothing either.
                None if feeder.is_done() && session.sweep().await && turn.cancel.cause().is_none() => {
                    let (live, said) = session.rested();
                    let live = live.map(|mut live| {
                        (live.run.stdin, live.run.stderr) = (feeder.into_stdin(), errors.into_pipe());
                        live
                    });
                    return (live, said.unwrap_or(End::Completed(Note::default())));
                }
                None => session.dismiss(),
            }
        };
        (None, session.end(exit, errors.finish(), &self.redactor))
    }
}

/// What a process is told in a turn, and what becomes of it then.
struct Words {
    input: Vec<u8>,
    /// Whether its input stays open after that.
    converses: bool,
    stay: Stay,
}

/// The program could not be started. Paths stay in the operator's log; the caller learns the kind of failure.
fn not_started(turn: &Turn, error: &RunError) -> End {
    let agent = turn.permit.agent().as_str();
    tracing::error!(target: "agent", agent, %error, "the agent was not started");
    let why = match error {
        RunError::Start { source, .. } => format!("the agent's program can not be started: {}", source.kind()),
        RunError::Directory { source, .. } => format!("the agent's directory can not be used: {}", source.kind()),
        RunError::Closed => return failed(Reason::Shutdown, "the server is stopping"),
        _ => "the server has no means to start a process now".to_owned(),
    };
    failed(Reason::StartFailed, why)
}
