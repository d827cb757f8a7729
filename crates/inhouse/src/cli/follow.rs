//! A task followed on the screen: its events as they come, and at the end how it went.

use std::pin::pin;
use std::time::{Duration, Instant};

use inhouse_client::{ClientError, EventStream};
use inhouse_proto::v1::TaskState;
use inhouse_proto::wire::{is_interrupted, is_terminal};
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::connection::Connection;
use super::exit::Exit;
use super::interrupt::Interrupt;
use super::output::Output;
use super::problem::Problem;
use super::text::{one_line, shell_word, state_name};
use super::transcript::{Step, TooLong, Transcript};

/// How often a terminal is shown that it is waited for.
const PASSING_EVERY: Duration = Duration::from_secs(1);

/// What is shown while a task is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// Nothing; the caller shows the result.
    Nothing,
    /// The answer as it comes, and the task's states on stderr.
    Live,
    /// Each event as one line of JSON.
    Json,
}

/// How far a task is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// It has ended, or it waits for its caller.
    Answered,
    /// It has ended.
    Ended,
}

/// What a followed task left.
pub(crate) struct Followed {
    pub(crate) transcript: Transcript,
    /// The last event as JSON: the whole result, when it is a direct message.
    pub(crate) last: Option<Box<RawValue>>,
}

/// One verb's way of following, and what it needs for that.
pub(crate) struct Follower<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) output: &'a mut Output,
    pub(crate) show: Show,
    pub(crate) until: Until,
}

impl Follower<'_> {
    /// Reads the stream as far as the verb wants.
    pub(crate) async fn follow(
        &mut self,
        mut stream: EventStream,
        interrupt: &mut Interrupt,
    ) -> Result<Followed, Problem> {
        let mut transcript = Transcript::default();
        let mut last = None;
        let mut told = false;
        let begun = Instant::now();
        loop {
            let next = passing(self.output, begun, &transcript, stream.next());
            let event = match interrupt.or(next).await {
                None => return Err(self.interrupted(&transcript, stream.last_event_id())),
                Some(Err(error)) => return Err(self.lost(&error, &transcript, stream.last_event_id())),
                Some(Ok(None)) => break,
                Some(Ok(Some(event))) => event,
            };
            for step in transcript.apply(&event.payload).map_err(too_long)? {
                told |= matches!(step, Step::Text(_));
                self.show_step(step, &transcript)?;
            }
            if self.show == Show::Json {
                self.output.json(&event.json)?;
            }
            last = Some(event.json);
            if self.until == Until::Answered && transcript.state.is_some_and(is_interrupted) {
                break;
            }
        }
        if self.show == Show::Live && !told {
            self.output.answer(&transcript.text())?;
        }
        self.output.end_answer()?;
        Ok(Followed { transcript, last })
    }

    fn show_step(&mut self, step: Step, transcript: &Transcript) -> Result<(), Problem> {
        if let (Step::Status(state, note), Until::Ended) = (&step, self.until)
            && is_interrupted(*state)
        {
            self.ask(*state, note.as_deref(), transcript);
            return Ok(());
        }
        if self.show != Show::Live {
            return Ok(());
        }
        match step {
            Step::Text(text) => self.output.answer(&text)?,
            Step::Withdrawn => self.output.say("the agent takes back what it said; its answer is now:"),
            Step::File(file) => self.output.say(&format!("file: {}", one_line(&file))),
            // How it ends is told at the end.
            Step::Status(state, _) if is_terminal(state) || is_interrupted(state) => {}
            Step::Status(state, None) => self.output.say(&format!("{}: {}", task_name(transcript), state_name(state))),
            Step::Status(state, Some(note)) => {
                self.output.say(&format!("{}: {}: {note}", task_name(transcript), state_name(state)))
            }
        }
        Ok(())
    }

    /// Tells how it went, once the answer stands, and with what the program ends.
    pub(crate) fn conclude(&mut self, transcript: &Transcript) -> Result<Exit, Problem> {
        // A direct message is an answer.
        let Some(state) = transcript.state else { return Ok(Exit::Done) };
        let id = transcript.task_id.as_deref().unwrap_or_default();
        match state {
            TaskState::Completed => {
                if self.show == Show::Live {
                    let context = transcript
                        .context_id
                        .as_ref()
                        .map(|id| format!(", context {}", one_line(id)))
                        .unwrap_or_default();
                    self.output.say(&format!("{}: completed{context}", task_name(transcript)));
                }
                Ok(Exit::Done)
            }
            state if is_interrupted(state) => {
                if self.until == Until::Answered {
                    self.ask(state, transcript.note.as_deref(), transcript);
                }
                Ok(Exit::of_state(state))
            }
            state => {
                let note = transcript.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
                let problem = Problem::new(
                    Exit::of_state(state),
                    format!("{}: {}{note}", task_name(transcript), state_name(state)),
                );
                Err(problem.hint(format!(
                    "see the task with: {}",
                    self.connection.command(&format!("task get {}", shell_word(id)))
                )))
            }
        }
    }

    /// The agent's question, and the command that answers it.
    fn ask(&mut self, state: TaskState, question: Option<&str>, transcript: &Transcript) {
        let id = shell_word(transcript.task_id.as_deref().unwrap_or_default());
        self.output.say(question.unwrap_or("the agent waits and does not say for what"));
        let hint = if state == TaskState::AuthRequired {
            format!(
                "give the agent its credential, then follow the task with: {}",
                self.connection.command(&format!("task watch {id}"))
            )
        } else if transcript.waits_for_approver() {
            format!(
                "when it is decided, follow the task with: {}",
                self.connection.command(&format!("task watch {id}"))
            )
        } else {
            format!("answer with: {}", self.connection.command(&format!("send --task {id} \"…\"")))
        };
        self.output.say(&format!("hint: {hint}"));
    }

    fn interrupted(&mut self, transcript: &Transcript, generation: Option<u64>) -> Problem {
        let problem = Problem::new(Exit::Interrupted, format!("interrupted: {} goes on", task_name(transcript)));
        self.with_next(problem, transcript, generation)
    }

    fn lost(&mut self, error: &ClientError, transcript: &Transcript, generation: Option<u64>) -> Problem {
        let network = matches!(error, ClientError::Unreachable { .. } | ClientError::Timeout { .. });
        if !network || transcript.task_id.is_none() {
            return Problem::of(error, self.connection);
        }
        let problem = Problem::new(Exit::of_error(error), format!("{error}; {} may go on", task_name(transcript)));
        self.with_next(problem, transcript, generation)
    }

    fn with_next(&self, problem: Problem, transcript: &Transcript, generation: Option<u64>) -> Problem {
        let Some(id) = transcript.task_id.as_deref().map(shell_word) else {
            return problem.hint(format!("see your tasks with: {}", self.connection.command("task list")));
        };
        let from = generation.map(|number| format!(" --from {number}")).unwrap_or_default();
        problem
            .hint(format!("follow it with: {}", self.connection.command(&format!("task watch {id}{from}"))))
            .hint(format!("cancel it with: {}", self.connection.command(&format!("task cancel {id}"))))
    }
}

/// The outcome of `work`; while it is waited for, a terminal shows for how long, and for what.
pub(super) async fn passing<T>(
    output: &mut Output,
    begun: Instant,
    transcript: &Transcript,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    loop {
        match timeout(PASSING_EVERY, &mut work).await {
            Ok(outcome) => return outcome,
            Err(_) => {
                let state = transcript.state.map_or("waiting for the server", state_name);
                output.pass(&format!("{state}, {} s", begun.elapsed().as_secs()));
            }
        }
    }
}

pub(crate) fn too_long(error: TooLong) -> Problem {
    Problem::new(Exit::Failed, format!("the answer has more than {} bytes", error.answer_bytes_max))
}

fn task_name(transcript: &Transcript) -> String {
    transcript.task_id.as_ref().map_or_else(|| "the task".to_owned(), |id| format!("task {}", one_line(id)))
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
