//! `inhouse chat`: a conversation. Each line is a message of the same context; an agent's question is answered by the next line.
//!
//! On a terminal both sides stand below each other. Without one the lines of stdin are sent one after the other, and stdout has
//! the answers alone, each with a line's end.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use inhouse_proto::v1::TaskState;
use inhouse_proto::v1::part::Content;
use inhouse_proto::wire::{is_interrupted, is_terminal};
use tokio::time::timeout;

use super::connection::{Connection, ConnectionArgs};
use super::exit::Exit;
use super::follow::too_long;
use super::interrupt::Interrupt;
use super::lines::Lines;
use super::output::Output;
use super::problem::Problem;
use super::send::request;
use super::source::Source;
use super::text::{one_line, shell_word, state_name};
use super::transcript::{Step, Transcript};

/// How long a task has to be canceled after Ctrl-C.
const CANCEL_WAIT: Duration = Duration::from_secs(10);
/// A server that ends its stream while others decide is asked again after so long.
const WATCH_WAIT: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  inhouse chat
  inhouse chat --context 7f3a…             goes on with a conversation
  printf 'hello\\nand now?\\n' | inhouse chat

Each line is a message. Where the agent asks something, the next line is the answer. Ctrl-C cancels what the agent does, or ends
the chat at the prompt; Ctrl-D ends it.

The exit code is that of the last message; without a terminal the first that fails ends the chat.";

/// Talk with an agent, line by line
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ChatArgs {
    /// Go on with a conversation
    #[arg(long, value_name = "ID")]
    context: Option<String>,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Runs the verb.
pub(crate) async fn run(args: ChatArgs) -> ExitCode {
    let mut output = Output::new();
    let outcome = chat(args, &mut output).await;
    output.finish(outcome)
}

/// A conversation, as far as it has come.
struct Chat<'a> {
    connection: &'a Connection,
    output: &'a mut Output,
    context: Option<String>,
    /// The task that asks.
    asking: Option<String>,
    /// Somebody sits there.
    live: bool,
}

async fn chat(args: ChatArgs, output: &mut Output) -> Result<Exit, Problem> {
    let connection = Connection::new(args.connection)?;
    let live = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let mut chat = Chat { connection: &connection, output, context: args.context, asking: None, live };
    chat.greet().await?;
    let mut lines = Lines::of_stdin();
    let mut exit = Exit::Done;
    loop {
        let mut interrupt = Interrupt::ctrl_c();
        chat.prompt();
        let line = match interrupt.or(lines.next()).await {
            None if live => break,
            None => return Ok(Exit::Interrupted),
            Some(line) => line?,
        };
        let Some(line) = line else { break };
        if line.trim().is_empty() {
            continue;
        }
        exit = match chat.turn(line, &mut interrupt).await {
            Ok(exit) => exit,
            Err(problem @ Problem::Told { exit, .. }) if live => {
                chat.output.say(&format!("error: {}", problem.text()));
                exit
            }
            Err(problem) => return Err(problem),
        };
        // Whoever typed ahead did not know what would be asked.
        if live && chat.asking.is_some() && lines.forget() > 0 {
            chat.output.say("what was typed before the question is not its answer, and is left out");
        }
    }
    chat.farewell();
    Ok(if chat.asking.is_some() { Exit::InputRequired } else { exit })
}

impl Chat<'_> {
    async fn greet(&mut self) -> Result<(), Problem> {
        if !self.live {
            return Ok(());
        }
        let card = self.connection.client.card().await.map_err(|error| Problem::of(&error, self.connection))?;
        let name = one_line(&card.value.name).into_owned();
        self.output
            .say(&format!("{name} at {}. Ctrl-C cancels what it does, Ctrl-D ends the chat.", self.connection.url));
        Ok(())
    }

    fn prompt(&mut self) {
        if self.live {
            self.output.prompt(if self.asking.is_some() { "answer> " } else { "> " });
        }
    }

    fn farewell(&mut self) {
        let command = |verb: String| self.connection.command(&verb);
        if let Some(id) = &self.asking {
            let hint = format!("hint: answer with: {}", command(format!("send --task {} \"…\"", shell_word(id))));
            self.output.say(&hint);
        } else if let Some(id) = self.context.as_ref().filter(|_| self.live) {
            let hint = format!("go on with: {}", command(format!("chat --context {}", shell_word(id))));
            self.output.say(&hint);
        }
    }

    /// One message, and what comes of it up to the answer or to a question.
    async fn turn(&mut self, line: String, interrupt: &mut Interrupt) -> Result<Exit, Problem> {
        let message = request(Content::Text(line), self.context.clone(), self.asking.clone());
        let failed = |error| Problem::of(&error, self.connection);
        let Some(source) = interrupt.or(Source::send(&self.connection.client, message)).await else {
            return Err(Problem::new(
                Exit::Interrupted,
                "interrupted before the server named a task; if there is one, it goes on",
            ));
        };
        let mut source = source.map_err(failed)?;
        let (mut transcript, mut told) = (Transcript::default(), false);
        loop {
            let payload = match interrupt.or(source.next()).await {
                None => return self.cancel(&transcript).await,
                Some(payload) => payload.map_err(failed)?,
            };
            if let Some(payload) = payload {
                for step in transcript.apply(&payload).map_err(too_long)? {
                    told |= matches!(step, Step::Text(_));
                    self.show(step, &transcript)?;
                }
                if !is_over(&transcript) {
                    continue;
                }
            } else if let (Some(id), true) = (&transcript.task_id, is_with_others(&transcript)) {
                let client = &self.connection.client;
                let again = async {
                    tokio::time::sleep(WATCH_WAIT).await;
                    Source::subscribe(client, id).await
                };
                source = match interrupt.or(again).await {
                    None => return self.cancel(&transcript).await,
                    Some(source) => source.map_err(failed)?,
                };
                continue;
            }
            return self.conclude(&transcript, told);
        }
    }

    fn show(&mut self, step: Step, transcript: &Transcript) -> Result<(), Problem> {
        match step {
            Step::Text(text) => self.output.answer(&text)?,
            Step::Withdrawn => self.output.say("the agent takes back what it said; its answer is now:"),
            Step::File(file) => self.output.say(&format!("file: {}", one_line(&file))),
            Step::Status(state, note) if is_interrupted(state) => {
                self.output.say(note.as_deref().unwrap_or("the agent waits and does not say for what"));
                if transcript.waits_for_approver() {
                    self.output.say("an approver decides on this");
                }
            }
            Step::Status(state, Some(note)) if self.live && !is_terminal(state) => {
                self.output.say(&format!("({note})"))
            }
            Step::Status(..) => {}
        }
        Ok(())
    }

    fn conclude(&mut self, transcript: &Transcript, told: bool) -> Result<Exit, Problem> {
        self.context = transcript.context_id.clone().or(self.context.take());
        self.asking = transcript.state.filter(|state| is_interrupted(*state)).and_then(|_| transcript.task_id.clone());
        // A task without an artifact has answered with its last status.
        if !told {
            self.output.answer(&transcript.text())?;
        }
        self.output.end_line()?;
        match transcript.state {
            None => Ok(Exit::Done),
            Some(state @ (TaskState::Failed | TaskState::Rejected | TaskState::Canceled)) => {
                let note = transcript.note.as_deref().unwrap_or_default();
                Err(Problem::new(Exit::Failed, format!("{}: {note}", state_name(state))))
            }
            Some(state) => Ok(Exit::of_state(state)),
        }
    }

    async fn cancel(&mut self, transcript: &Transcript) -> Result<Exit, Problem> {
        let interrupted = |what: &str| Problem::new(Exit::Interrupted, what);
        let Some(id) = &transcript.task_id else {
            return Err(interrupted("interrupted before the server named a task; if there is one, it goes on"));
        };
        self.context = transcript.context_id.clone().or(self.context.take());
        self.asking = None;
        match timeout(CANCEL_WAIT, self.connection.client.cancel_task(id)).await {
            Ok(Ok(_)) => Err(interrupted("canceled")),
            Ok(Err(error)) => Err(Problem::of(&error, self.connection)),
            Err(_) => Err(interrupted("the server does not say whether the task is canceled")),
        }
    }
}

/// Whether the next word is the caller's.
fn is_over(transcript: &Transcript) -> bool {
    transcript.state.is_some_and(|state| is_terminal(state) || is_interrupted(state)) && !is_with_others(transcript)
}

/// Whether the task waits, and not for its caller's words.
fn is_with_others(transcript: &Transcript) -> bool {
    match transcript.state {
        Some(TaskState::AuthRequired) => true,
        Some(state) => is_interrupted(state) && transcript.waits_for_approver(),
        None => false,
    }
}
