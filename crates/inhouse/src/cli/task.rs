//! `inhouse task`: the caller's tasks: one, all, an end to one, or one followed live.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use inhouse_proto::v1;
use serde_json::value::RawValue;

use super::connection::{Connection, ConnectionArgs};
use super::exit::Exit;
use super::follow::{Follower, Show, Until};
use super::interrupt::Interrupt;
use super::output::Output;
use super::problem::Problem;
use super::task_text;

/// The largest page that the protocol allows (spec 3.1.4).
const PAGE_TASKS_MAX: u32 = 100;

/// See, follow and cancel tasks
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  inhouse task list
  inhouse task get 7f3a…
  inhouse task watch 7f3a…
  inhouse task cancel 7f3a…")]
pub(crate) struct TaskArgs {
    #[command(subcommand)]
    verb: TaskVerb,
}

#[derive(clap::Subcommand)]
enum TaskVerb {
    /// Show a task and its answer
    #[command(after_help = "\
Examples:
  inhouse task get 7f3a…
  inhouse task get 7f3a… --json | jq .artifacts

The exit code is 0 when there is such a task, in whatever state it is.")]
    Get(OneArgs),
    /// List your tasks, newest first
    #[command(after_help = "\
Examples:
  inhouse task list
  inhouse task list --status working
  inhouse task list --all --json | jq -r .id")]
    List(ListArgs),
    /// Cancel a task
    #[command(after_help = "\
Examples:
  inhouse task cancel 7f3a…
  inhouse task list --status working --json | jq -r .id | xargs -n1 inhouse task cancel")]
    Cancel(OneArgs),
    /// Follow a task to its end
    #[command(after_help = "\
Examples:
  inhouse task watch 7f3a…
  inhouse task watch 7f3a… --from 0        everything that it said, from its first event
  inhouse task watch 7f3a… --json

The exit code tells how the task ended: 0 completed, 1 failed, rejected or canceled, 3 it waits for you.")]
    Watch(WatchArgs),
}

/// A verb on one task.
#[derive(clap::Args)]
struct OneArgs {
    /// The task
    #[arg(value_name = "ID")]
    id: String,
    /// Print the task as the server wrote it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

#[derive(clap::Args)]
struct ListArgs {
    /// Only tasks of this conversation
    #[arg(long, value_name = "ID")]
    context: Option<String>,
    /// Only tasks in this state
    #[arg(long, value_name = "STATE")]
    status: Option<Status>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Print each task as the server wrote it, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

#[derive(clap::Args)]
struct WatchArgs {
    /// The task
    #[arg(value_name = "ID")]
    id: String,
    /// Go on after this event instead of beginning with the task as it stands
    #[arg(long, value_name = "GENERATION")]
    from: Option<u64>,
    /// Print each event as the server wrote it, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Status {
    Submitted,
    Working,
    Completed,
    Failed,
    Canceled,
    InputRequired,
    Rejected,
    AuthRequired,
}

impl From<Status> for v1::TaskState {
    fn from(status: Status) -> Self {
        match status {
            Status::Submitted => Self::Submitted,
            Status::Working => Self::Working,
            Status::Completed => Self::Completed,
            Status::Failed => Self::Failed,
            Status::Canceled => Self::Canceled,
            Status::InputRequired => Self::InputRequired,
            Status::Rejected => Self::Rejected,
            Status::AuthRequired => Self::AuthRequired,
        }
    }
}

/// Runs the verb.
pub(crate) async fn run(args: TaskArgs) -> ExitCode {
    let mut output = Output::new();
    let outcome = match args.verb {
        TaskVerb::Get(args) => get(args, &mut output).await,
        TaskVerb::List(args) => list(args, &mut output).await,
        TaskVerb::Cancel(args) => cancel(args, &mut output).await,
        TaskVerb::Watch(args) => watch(args, &mut output).await,
    };
    output.finish(outcome)
}

async fn get(args: OneArgs, output: &mut Output) -> Result<Exit, Problem> {
    let connection = Connection::new(args.connection)?;
    let task = connection.client.get_task(&args.id, None).await.map_err(|error| Problem::of(&error, &connection))?;
    if args.json {
        output.json(&task.json)?;
    } else {
        output.result(&task_text::task(&task.value, now_ms()))?;
    }
    Ok(Exit::Done)
}

async fn cancel(args: OneArgs, output: &mut Output) -> Result<Exit, Problem> {
    let connection = Connection::new(args.connection)?;
    let task = connection.client.cancel_task(&args.id).await.map_err(|error| Problem::of(&error, &connection))?;
    if args.json {
        output.json(&task.json)?;
    } else {
        output.result(&task_text::line(&task.value))?;
    }
    Ok(Exit::Done)
}

async fn watch(args: WatchArgs, output: &mut Output) -> Result<Exit, Problem> {
    let connection = Connection::new(args.connection)?;
    let stream =
        connection.client.subscribe(&args.id, args.from).await.map_err(|error| Problem::of(&error, &connection))?;
    let show = if args.json { Show::Json } else { Show::Live };
    let mut follower = Follower { connection: &connection, output, show, until: Until::Ended };
    let followed = follower.follow(stream, &mut Interrupt::ctrl_c()).await?;
    follower.conclude(&followed.transcript)
}

async fn list(args: ListArgs, output: &mut Output) -> Result<Exit, Problem> {
    let connection = Connection::new(args.connection)?;
    let mut left = if args.all { u32::MAX } else { args.limit };
    let mut request = v1::ListTasksRequest {
        context_id: args.context.unwrap_or_default(),
        status: args.status.map_or(v1::TaskState::Unspecified, Into::into).into(),
        ..v1::ListTasksRequest::default()
    };
    let mut shown = 0;
    loop {
        request.page_size = i32::try_from(left.min(PAGE_TASKS_MAX)).ok();
        let page =
            connection.client.list_tasks(request.clone()).await.map_err(|error| Problem::of(&error, &connection))?;
        if args.json {
            tasks_of(&page.json)?.into_iter().try_for_each(|task| output.json(task))?;
        } else if shown == 0 || !page.value.tasks.is_empty() {
            output.result(&task_text::list(&page.value.tasks, shown == 0, now_ms()))?;
        }
        let count = page.value.tasks.len();
        shown += count;
        left = left.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
        let more = !page.value.next_page_token.is_empty() && count > 0;
        if left == 0 || !more {
            if more && !args.json {
                let all = connection.command("task list --all");
                output.say(&format!("{shown} of {} tasks; all of them with: {all}", page.value.total_size));
            }
            return Ok(Exit::Done);
        }
        request.page_token = page.value.next_page_token;
    }
}

/// The tasks of a page as the server wrote them.
fn tasks_of(page: &RawValue) -> Result<Vec<&RawValue>, Problem> {
    #[derive(serde::Deserialize)]
    struct Page<'a> {
        #[serde(borrow, default)]
        tasks: Vec<&'a RawValue>,
    }
    let page: Page<'_> = serde_json::from_str(page.get())
        .map_err(|error| Problem::new(Exit::Failed, format!("the list is not A2A v1.0: {error}")))?;
    Ok(page.tasks)
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
