//! `inhouse send`: one message to the agent, its answer on stdout.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::time::Instant;

use inhouse_client::EventStream;
use inhouse_proto::v1;
use inhouse_proto::v1::part::Content;
use inhouse_proto::v1::send_message_response::Payload as Sent;
use inhouse_proto::v1::stream_response::Payload;
use serde_json::value::RawValue;

use super::connection::{Connection, ConnectionArgs};
use super::exit::Exit;
use super::follow::{Followed, Follower, Show, Until, passing, too_long};
use super::interrupt::Interrupt;
use super::output::Output;
use super::problem::Problem;
use super::said::Said;
use super::text::one_line;
use super::transcript::Transcript;

const EXAMPLES: &str = "\
Examples:
  inhouse send \"what does this repository do?\"
  git diff | inhouse send
  inhouse send --stream \"write the release notes\" > notes.md
  inhouse send --task 7f3a… \"the second one\"        answers a task's question
  inhouse send --file shot.png \"what is wrong here?\"
  inhouse send --data '{\"order\": 7}' \"book it\"     or --data @order.json
  inhouse send --json hello | jq .task.status.state
  inhouse send -- --help                            a text that begins with a dash

A pipe gets the answer's text byte for byte. A terminal gets it with control characters escaped and ends on a new line.

Exit codes: 0 done, 1 failed, 2 usage, 3 the agent asks, 4 authentication, 5 unreachable, 130 interrupted.";

/// Send a message and print the answer
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    said: Said,
    /// Print the answer as it comes, and how the task stands on stderr
    #[arg(long)]
    stream: bool,
    /// Continue a conversation: a new task in this context
    #[arg(long, value_name = "ID")]
    context: Option<String>,
    /// Continue a task that waits for input
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// Print the result as the server wrote it, one JSON object; with --stream one a line for each event
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Runs the verb.
pub(crate) async fn run(args: SendArgs) -> ExitCode {
    let mut output = Output::new();
    let outcome = send(args, &mut output).await;
    output.finish(outcome)
}

async fn send(args: SendArgs, output: &mut Output) -> Result<Exit, Problem> {
    let stdin = io::stdin();
    let parts = args.said.parts(stdin.is_terminal(), stdin.lock())?;
    let connection = Connection::new(args.connection)?;
    let show = match (args.stream, args.json) {
        (true, true) => Show::Json,
        (true, false) => Show::Live,
        (false, _) => Show::Nothing,
    };
    let request = message(parts, args.context, args.task);
    let mut interrupt = Interrupt::ctrl_c();
    let mut follower = Follower { connection: &connection, output, show, until: Until::Answered };
    // The stream names the task at once, survives a lost connection and tells what to cancel at Ctrl-C; so it is used for
    // a whole answer, too.
    let followed = match interrupt.or(connection.client.stream(request.clone())).await {
        None => return Err(interrupted(&connection)),
        Some(Ok(stream)) => follow(&mut follower, stream, &mut interrupt, args.json && !args.stream).await?,
        Some(Err(error)) if error.is_unsupported() => wait(&mut follower, request, &mut interrupt, args.json).await?,
        Some(Err(error)) => return Err(Problem::of(&error, &connection)),
    };
    if show == Show::Nothing && !args.json {
        follower.output.answer(&followed.text())?;
        follower.output.end_answer()?;
        followed.files().for_each(|file| follower.output.say(&format!("file: {}", one_line(file))));
    }
    follower.conclude(&followed)
}

async fn follow(
    follower: &mut Follower<'_>,
    stream: EventStream,
    interrupt: &mut Interrupt,
    whole_json: bool,
) -> Result<Transcript, Problem> {
    let Followed { transcript, last } = follower.follow(stream, interrupt).await?;
    if whole_json {
        // What `SendMessage` would have answered: the task, or the message as it came.
        let json = match &transcript.task_id {
            Some(id) => Some(task_json(follower.connection, id).await?),
            None => last,
        };
        json.map_or(Ok(()), |json| follower.output.json(&json))?;
    }
    Ok(transcript)
}

async fn task_json(connection: &Connection, id: &str) -> Result<Box<RawValue>, Problem> {
    let task = connection.client.get_task(id, None).await.map_err(|error| Problem::of(&error, connection))?;
    RawValue::from_string(format!("{{\"task\":{}}}", task.json.get()))
        .map_err(|error| Problem::new(Exit::Failed, format!("the task is not JSON: {error}")))
}

/// For servers that do not stream.
async fn wait(
    follower: &mut Follower<'_>,
    request: v1::SendMessageRequest,
    interrupt: &mut Interrupt,
    json: bool,
) -> Result<Transcript, Problem> {
    let connection = follower.connection;
    let mut transcript = Transcript::default();
    let asked = passing(follower.output, Instant::now(), &transcript, connection.client.send(request));
    let reply = interrupt.or(asked).await.ok_or_else(|| interrupted(connection))?;
    let reply = reply.map_err(|error| Problem::of(&error, connection))?;
    let payload = match reply.value {
        Sent::Task(task) => Payload::Task(task),
        Sent::Message(message) => Payload::Message(message),
    };
    transcript.apply(&payload).map_err(too_long)?;
    if json {
        follower.output.json(&reply.json)?;
    } else if follower.show == Show::Live {
        follower.output.answer(&transcript.text())?;
        follower.output.end_answer()?;
    }
    Ok(transcript)
}

fn interrupted(connection: &Connection) -> Problem {
    Problem::new(Exit::Interrupted, "interrupted before the server named a task; if there is one, it goes on")
        .hint(format!("see your tasks with: {}", connection.command("task list")))
        .hint(format!("cancel one with: {}", connection.command("task cancel ID")))
}

/// A message with one part.
pub(crate) fn request(content: Content, context: Option<String>, task: Option<String>) -> v1::SendMessageRequest {
    message(vec![v1::Part { content: Some(content), ..v1::Part::default() }], context, task)
}

/// A message with an id of its own.
fn message(parts: Vec<v1::Part>, context: Option<String>, task: Option<String>) -> v1::SendMessageRequest {
    let message = v1::Message {
        // A UUID: a server may take the same message, sent again, as a retry.
        message_id: uuid::Uuid::new_v4().to_string(),
        context_id: context.unwrap_or_default(),
        task_id: task.unwrap_or_default(),
        role: v1::Role::User.into(),
        parts,
        ..v1::Message::default()
    };
    v1::SendMessageRequest { message: Some(message), ..v1::SendMessageRequest::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_its_conversation_and_has_an_id_of_its_own() {
        let first = request(Content::Text("hi".into()), Some("c".into()), Some("t".into())).message.unwrap();
        let second = request(Content::Text("hi".into()), None, None).message.unwrap();
        assert_eq!((first.context_id.as_str(), first.task_id.as_str(), second.context_id.as_str()), ("c", "t", ""));
        assert!(uuid::Uuid::parse_str(&first.message_id).is_ok() && first.message_id != second.message_id);
    }
}
