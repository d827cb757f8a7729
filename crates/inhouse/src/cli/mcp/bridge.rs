//! The MCP server: a call, from its arguments to its result.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use inhouse_client::ClientError;
use inhouse_proto::v1;
use inhouse_proto::v1::TaskState;
use inhouse_proto::v1::part::Content;
use inhouse_proto::v1::stream_response::Payload;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::directory::{Agent, Directory};
use super::report::{self, TaskReport};
use super::tools::{self, arguments};
use super::watch::{Ended, id_of, watch};
use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::cli::send;
use crate::cli::source::Source;
use crate::cli::text::one_line;
use crate::cli::transcript::Transcript;

/// Calls that are answered at the same time.
const CALLS_MAX: usize = 32;
/// What is kept of an answer, to be told from its beginning.
const ANSWER_BYTES_KEPT_MAX: usize = 16 << 20;
/// How long a call that may not wait for its answer waits for its task's id.
const NAME_WAIT: Duration = Duration::from_secs(10);
/// How long a call that was canceled has to cancel its task.
const CANCEL_WAIT: Duration = Duration::from_secs(10);

/// Answers the client's calls.
pub(super) struct Bridge {
    directory: Directory,
    wait: Duration,
    answer_bytes_max: usize,
    /// The client has gone.
    over: Arc<AtomicBool>,
    calls: Semaphore,
}

type Told = Result<CallToolResult, Problem>;
type Context = RequestContext<RoleServer>;

impl ServerHandler for Bridge {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("inhouse", env!("CARGO_PKG_VERSION")))
            .with_instructions(tools::INSTRUCTIONS)
    }

    async fn list_tools(&self, _: Option<PaginatedRequestParams>, _: Context) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all()))
    }

    async fn call_tool(&self, call: CallToolRequestParams, context: Context) -> Result<CallToolResponse, ErrorData> {
        let Ok(_one) = self.calls.try_acquire() else {
            let busy = Problem::new(Exit::Failed, format!("{CALLS_MAX} calls are being answered"));
            return Ok(report::error(&busy.hint("call again when one of them has its result")).into());
        };
        let told = match call.name.as_ref() {
            "list_agents" => self.list_agents(call).await,
            "send" => self.send(call, &context).await,
            "answer" => self.answer(call, &context).await,
            "get_task" => self.get_task(call, &context).await,
            "cancel_task" => self.cancel_task(call).await,
            other => return Err(ErrorData::invalid_params(format!("there is no tool {other:?}"), None)),
        };
        Ok(told.unwrap_or_else(|problem| report::error(&problem)).into())
    }
}

impl Bridge {
    pub(super) fn new(directory: Directory, wait: Duration, answer_bytes_max: usize, over: Arc<AtomicBool>) -> Self {
        Self { directory, wait, answer_bytes_max, over, calls: Semaphore::new(CALLS_MAX) }
    }

    async fn list_agents(&self, call: CallToolRequestParams) -> Told {
        let tools::ListAgents {} = arguments(call.arguments)?;
        Ok(self.directory.list().await.result())
    }

    async fn send(&self, call: CallToolRequestParams, context: &Context) -> Told {
        let tools::Send { agent, text, context_id, wait_s } = arguments(call.arguments)?;
        if text.is_empty() {
            return Err(Problem::usage("the text is empty"));
        }
        let agent = self.directory.agent(agent.as_deref()).await?;
        self.say(&agent, send::request(Content::Text(text), context_id, None), wait_s, context).await
    }

    async fn answer(&self, call: CallToolRequestParams, context: &Context) -> Told {
        let tools::Answer { agent, task_id, text, data, wait_s } = arguments(call.arguments)?;
        let content = match (text.filter(|text| !text.is_empty()), data) {
            (Some(text), None) => Content::Text(text),
            (None, Some(data)) => Content::Data(inhouse_proto::json::Value(data)),
            _ => return Err(Problem::usage("an answer has either text or data")),
        };
        let agent = self.directory.agent(agent.as_deref()).await?;
        self.say(&agent, send::request(content, None, Some(task_id)), wait_s, context).await
    }

    async fn get_task(&self, call: CallToolRequestParams, context: &Context) -> Told {
        let tools::GetTask { agent, task_id, wait_s } = arguments(call.arguments)?;
        let agent = self.directory.agent(agent.as_deref()).await?;
        let failed = |error: ClientError| agent.problem(&error);
        let mut transcript = Transcript::bounded(ANSWER_BYTES_KEPT_MAX);
        let wait = seconds(wait_s.unwrap_or(0))?;
        if wait.is_zero() {
            let task = agent.client.get_task(&task_id, Some(0)).await.map_err(failed)?.value;
            // The rest of what is too long is left out of the report as well.
            let _ = transcript.apply(&Payload::Task(task));
        } else {
            let mut source = Source::subscribe(&agent.client, &task_id).await.map_err(failed)?;
            if let Ended::Lost(error) = watch(&mut source, &mut transcript, context, wait).await {
                return Err(failed(error));
            }
        }
        Ok(TaskReport::new(agent.id.as_deref(), &transcript, self.answer_bytes_max).result(false))
    }

    async fn cancel_task(&self, call: CallToolRequestParams) -> Told {
        let tools::CancelTask { agent, task_id } = arguments(call.arguments)?;
        let agent = self.directory.agent(agent.as_deref()).await?;
        let task = agent.client.cancel_task(&task_id).await.map_err(|error| agent.problem(&error))?.value;
        let mut transcript = Transcript::bounded(ANSWER_BYTES_KEPT_MAX);
        let _ = transcript.apply(&Payload::Task(task));
        Ok(TaskReport::new(agent.id.as_deref(), &transcript, self.answer_bytes_max).result(false))
    }

    /// Says something to an agent, and waits for what comes of it.
    async fn say(
        &self,
        agent: &Agent,
        request: v1::SendMessageRequest,
        wait_s: Option<u64>,
        context: &Context,
    ) -> Told {
        let wait = wait_s.map_or(Ok(self.wait), seconds)?;
        let opening = Source::send(&agent.client, request);
        tokio::pin!(opening);
        let mut transcript = Transcript::bounded(ANSWER_BYTES_KEPT_MAX);
        let opened = tokio::select! {
            opened = &mut opening => opened,
            () = context.ct.cancelled() => {
                // The server may have taken the message already, and only its answer tells which task that is.
                if let Ok(Ok(mut source)) = timeout(CANCEL_WAIT, opening).await {
                    self.stopped(agent, &mut source, &mut transcript).await;
                }
                return Err(canceled());
            }
        };
        let mut source = opened.map_err(|error| agent.problem(&error))?;
        let ended = watch(&mut source, &mut transcript, context, wait).await;
        match ended {
            Ended::Stopped => {
                self.stopped(agent, &mut source, &mut transcript).await;
                return Err(canceled());
            }
            Ended::Lost(error) => {
                let problem = agent.problem(&error);
                return Err(match &transcript.task_id {
                    Some(id) => problem.hint(format!("task {} may go on; read it with get_task", one_line(id))),
                    None => problem,
                });
            }
            // Whoever does not wait for the answer asks for it by the task's id.
            Ended::Late => drop(id_of(&mut source, &mut transcript, NAME_WAIT).await),
            Ended::Answered | Ended::TooLong => {}
        }
        let is_error = matches!(transcript.state, Some(TaskState::Failed | TaskState::Rejected | TaskState::Canceled));
        Ok(TaskReport::new(agent.id.as_deref(), &transcript, self.answer_bytes_max).result(is_error))
    }

    /// A call that its client has canceled cancels its task. A client that has gone cancels nothing.
    async fn stopped(&self, agent: &Agent, source: &mut Source, transcript: &mut Transcript) {
        if self.over.load(Ordering::SeqCst) {
            return;
        }
        let Some(id) = id_of(source, transcript, CANCEL_WAIT).await else {
            tracing::warn!("a call was canceled before its task had a name; if there is one, it goes on");
            return;
        };
        let (id, canceled) = (one_line(&id), timeout(CANCEL_WAIT, agent.client.cancel_task(&id)).await);
        match canceled {
            Ok(Ok(_)) => tracing::info!(task = %id, "canceled with its call"),
            Ok(Err(error)) => tracing::warn!(task = %id, "a call was canceled, and its task could not be: {error}"),
            Err(_) => tracing::warn!(task = %id, "a call was canceled, and the server did not say whether its task is"),
        }
    }
}

/// Nobody reads it: what was canceled has no result.
fn canceled() -> Problem {
    Problem::new(Exit::Interrupted, "the call was canceled")
}

fn seconds(wait_s: u64) -> Result<Duration, Problem> {
    if wait_s > tools::WAIT_S_MAX {
        return Err(Problem::usage(format!("wait_s {wait_s} is more than {}", tools::WAIT_S_MAX)));
    }
    Ok(Duration::from_secs(wait_s))
}
