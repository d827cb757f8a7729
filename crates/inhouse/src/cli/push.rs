//! `inhouse push`: the webhooks that a task tells of what it does.

use std::process::ExitCode;

use inhouse_proto::v1;
use serde_json::value::RawValue;

use super::connection::{Connection, ConnectionArgs};
use super::exit::Exit;
use super::output::Output;
use super::problem::Problem;
use super::text::{one_line, table};

/// The most webhooks that are listed.
const LISTED_MAX: usize = 10_000;

/// Name webhooks that are told of a task
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  inhouse push create 7f3a… https://hooks.example/inhouse
  inhouse push list 7f3a…
  inhouse push delete 7f3a… CONFIG")]
pub(crate) struct PushArgs {
    #[command(subcommand)]
    verb: PushVerb,
}

#[derive(clap::Subcommand)]
enum PushVerb {
    /// Name a webhook; prints the id of what was made
    #[command(after_help = "\
Examples:
  inhouse push create 7f3a… https://hooks.example/inhouse
  INHOUSE_PUSH_CREDENTIALS=… inhouse push create 7f3a… https://hooks.example/inhouse --scheme Bearer

The credentials are what the server shows to the webhook. They come from the environment, where no process list has them.")]
    Create(CreateArgs),
    /// Show one webhook of a task
    Get(OneArgs),
    /// List a task's webhooks
    List(ListArgs),
    /// Tell a webhook no more
    Delete(OneArgs),
}

#[derive(clap::Args)]
struct CreateArgs {
    /// The task
    #[arg(value_name = "TASK")]
    task: String,
    /// The webhook's address
    #[arg(value_name = "WEBHOOK")]
    webhook: String,
    /// Its id, unique for the task [default: the server makes one]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Handed back with each notification, so that the webhook knows it
    #[arg(long, value_name = "TEXT")]
    mark: Option<String>,
    /// How the server authenticates there, such as Bearer; with the credentials in INHOUSE_PUSH_CREDENTIALS
    #[arg(long, value_name = "SCHEME")]
    scheme: Option<String>,
    /// Print what was made as the server wrote it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

#[derive(clap::Args)]
struct OneArgs {
    /// The task
    #[arg(value_name = "TASK")]
    task: String,
    /// The webhook's id
    #[arg(value_name = "ID")]
    id: String,
    /// Print it as the server wrote it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

#[derive(clap::Args)]
struct ListArgs {
    /// The task
    #[arg(value_name = "TASK")]
    task: String,
    /// Print each as the server wrote it, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Runs the verb.
pub(crate) async fn run(args: PushArgs) -> ExitCode {
    let mut output = Output::new();
    let outcome = match args.verb {
        PushVerb::Create(args) => create(args, &mut output).await,
        PushVerb::Get(args) => get(args, &mut output).await,
        PushVerb::List(args) => list(args, &mut output).await,
        PushVerb::Delete(args) => delete(args, &mut output).await,
    };
    output.finish(outcome)
}

async fn create(args: CreateArgs, output: &mut Output) -> Result<Exit, Problem> {
    let connection = Connection::new(args.connection)?;
    let credentials = std::env::var("INHOUSE_PUSH_CREDENTIALS").unwrap_or_default();
    if args.scheme.is_none() && !credentials.is_empty() {
        return Err(Problem::usage("INHOUSE_PUSH_CREDENTIALS is set, and no --scheme says how they are shown"));
    }
    let config = v1::TaskPushNotificationConfig {
        tenant: String::new(),
        id: args.id.unwrap_or_default(),
        task_id: args.task,
        url: args.webhook,
        token: args.mark.unwrap_or_default(),
        authentication: args.scheme.map(|scheme| v1::AuthenticationInfo { scheme, credentials }),
    };
    let made = connection.client.create_push(config).await.map_err(|error| Problem::of(&error, &connection))?;
    if args.json {
        output.json(&made.json)?;
    } else {
        output.result(&format!("{}\n", one_line(&made.value.id)))?;
    }
    Ok(Exit::Done)
}

async fn get(args: OneArgs, output: &mut Output) -> Result<Exit, Problem> {
    let connection = Connection::new(args.connection)?;
    let found = connection.client.push(&args.task, &args.id).await.map_err(|error| Problem::of(&error, &connection))?;
    if args.json {
        output.json(&found.json)?;
    } else {
        output.result(&lines(&[found.value]))?;
    }
    Ok(Exit::Done)
}

async fn list(args: ListArgs, output: &mut Output) -> Result<Exit, Problem> {
    let connection = Connection::new(args.connection)?;
    let mut request = v1::ListTaskPushNotificationConfigsRequest { task_id: args.task, ..Default::default() };
    let mut all = Vec::new();
    loop {
        let page = connection.client.list_push(request.clone()).await;
        let page = page.map_err(|error| Problem::of(&error, &connection))?;
        if args.json {
            configs_of(&page.json)?.into_iter().try_for_each(|config| output.json(config))?;
        }
        let is_last = page.value.next_page_token.is_empty() || page.value.configs.is_empty();
        all.extend(page.value.configs);
        if is_last || all.len() >= LISTED_MAX {
            break;
        }
        request.page_token = page.value.next_page_token;
    }
    if !args.json {
        output.result(&if all.is_empty() { "no webhooks\n".to_owned() } else { lines(&all) })?;
    }
    Ok(Exit::Done)
}

async fn delete(args: OneArgs, output: &mut Output) -> Result<Exit, Problem> {
    let connection = Connection::new(args.connection)?;
    let answer = connection.client.delete_push(&args.task, &args.id).await;
    let answer = answer.map_err(|error| Problem::of(&error, &connection))?;
    if args.json {
        output.json(&answer)?;
    }
    Ok(Exit::Done)
}

fn lines(configs: &[v1::TaskPushNotificationConfig]) -> String {
    let head = ["ID", "AUTHENTICATION", "WEBHOOK"].map(str::to_owned).to_vec();
    let row = |config: &v1::TaskPushNotificationConfig| {
        let scheme = config.authentication.as_ref().map_or("-", |authentication| &authentication.scheme);
        [&config.id, scheme, &config.url].map(|cell| one_line(cell).into_owned()).to_vec()
    };
    table(&std::iter::once(head).chain(configs.iter().map(row)).collect::<Vec<_>>())
}

/// The webhooks of a page as the server wrote them.
fn configs_of(page: &RawValue) -> Result<Vec<&RawValue>, Problem> {
    #[derive(serde::Deserialize)]
    struct Page<'a> {
        #[serde(borrow, default)]
        configs: Vec<&'a RawValue>,
    }
    let page: Page<'_> = serde_json::from_str(page.get())
        .map_err(|error| Problem::new(Exit::Failed, format!("the list is not A2A v1.0: {error}")))?;
    Ok(page.configs)
}
