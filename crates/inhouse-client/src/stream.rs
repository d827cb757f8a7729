//! A task's events as they come. A stream that breaks is taken up again after the last event, without a gap or a double.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use inhouse_proto::v1;
use inhouse_proto::v1::stream_response::Payload;
use inhouse_proto::wire::{is_interrupted, is_terminal};
use serde_json::value::RawValue;

use crate::client::Client;
use crate::error::ClientError;
use crate::http::Body;
use crate::rpc;
use crate::sse::{SseEvent, SseParser};

/// One event of a task (spec 3.2.3).
#[derive(Debug, Clone)]
pub struct Event {
    /// Its number in the task's log, if the server numbers events: what `last_event_id` takes.
    pub generation: Option<u64>,
    /// What happened.
    pub payload: Payload,
    /// The `StreamResponse` as the server wrote it.
    pub json: Box<RawValue>,
}

/// A stream of events. It ends when the task does, or when the server closes it while the task waits for its caller.
///
/// Where the server numbers its events, a broken stream goes on after the last one. Where it does not, the first
/// event after a break is the task as it stands, and the reader compares.
pub struct EventStream {
    client: Client,
    body: Option<Body>,
    opened: Instant,
    parser: SseParser,
    ready: VecDeque<SseEvent>,
    /// A snapshot without a number, at the start of a resumed stream: a replay behind it makes it superfluous.
    held: Option<Event>,
    task_id: Option<String>,
    last: Option<u64>,
    outlook: Outlook,
    /// The next event is the first one after a break.
    resumed: bool,
    failures: u32,
    cut: Option<ClientError>,
}

/// What can still come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outlook {
    Working,
    Waiting,
    Over,
}

impl EventStream {
    pub(crate) fn opened(client: Client, body: Option<Body>) -> Self {
        let parser = SseParser::new(client.options().event_bytes_max);
        Self {
            client,
            body,
            opened: Instant::now(),
            parser,
            ready: VecDeque::new(),
            held: None,
            task_id: None,
            last: None,
            outlook: Outlook::Working,
            resumed: false,
            failures: 0,
            cut: None,
        }
    }

    pub(crate) async fn subscribed(client: Client, id: &str, last: Option<u64>) -> Result<Self, ClientError> {
        let (body, held) = match client.open_subscription(id, last).await {
            Ok(body) => (Some(body), None),
            Err(error) => (None, Some(finished(&client, id, error).await?)),
        };
        let task_id = Some(id.to_owned());
        Ok(Self { held, task_id, last, resumed: last.is_some(), ..Self::opened(client, body) })
    }

    /// The next event; none at the end. Cancel safe.
    ///
    /// # Errors
    /// An error object of the server, or what kept the stream from being taken up again. The stream is over then.
    pub async fn next(&mut self) -> Result<Option<Event>, ClientError> {
        let next = self.advance().await;
        if !matches!(next, Ok(Some(_))) {
            self.outlook = Outlook::Over;
            self.body = None;
        }
        next
    }

    /// The number of the last event that was given out.
    pub fn last_event_id(&self) -> Option<u64> {
        self.last
    }

    async fn advance(&mut self) -> Result<Option<Event>, ClientError> {
        loop {
            while self.outlook != Outlook::Over
                && let Some(event) = self.ready.pop_front()
            {
                if let Some(event) = self.accept(event)? {
                    return Ok(Some(event));
                }
            }
            if self.outlook == Outlook::Over {
                return Ok(None);
            }
            if let Some(body) = &mut self.body {
                match body.next(self.client.options().stream_idle_timeout_ms).await {
                    Ok(Some(bytes)) => {
                        self.parser.feed(&bytes, &mut self.ready)?;
                        continue;
                    }
                    end => self.closed(end.err()),
                }
            }
            // Nothing is replayed behind a held snapshot: it is the news.
            if let Some(held) = self.held.take() {
                return Ok(Some(self.give(held)));
            }
            if self.outlook == Outlook::Waiting && self.cut.is_none() {
                return Ok(None);
            }
            self.reopen().await?;
        }
    }

    /// Notes how a response ended; a connection that held for a while ends a row of failures.
    fn closed(&mut self, cut: Option<ClientError>) {
        let long = self.opened.elapsed() >= Duration::from_millis(self.client.options().reconnect_delay_ms_max);
        if long && !matches!(cut, Some(ClientError::Timeout { .. })) {
            self.failures = 0;
        }
        self.body = None;
        self.cut = cut;
    }

    /// Reads one event and decides whether it is news.
    fn accept(&mut self, sse: SseEvent) -> Result<Option<Event>, ClientError> {
        let json = self.client.event(&sse.data)?;
        let response: v1::StreamResponse = rpc::decode(&json)?;
        // A kind of event that this model does not know.
        let Some(payload) = response.payload else { return Ok(None) };
        let generation = sse.id.as_deref().and_then(|id| id.parse().ok());
        let first = std::mem::take(&mut self.resumed);
        if let (Some(number), Some(last)) = (generation, self.last)
            && number <= last
        {
            return Ok(None);
        }
        let event = Event { generation, payload, json };
        if first && generation.is_none() && self.last.is_some() && matches!(event.payload, Payload::Task(_)) {
            self.held = Some(event);
            return Ok(None);
        }
        if let Some(held) = self.held.take()
            && generation != self.last.map(|last| last + 1)
        {
            self.ready.push_front(sse);
            return Ok(Some(self.give(held)));
        }
        Ok(Some(self.give(event)))
    }

    fn give(&mut self, event: Event) -> Event {
        let (task_id, state) = match &event.payload {
            Payload::Task(task) => (Some(&task.id), task.status.as_ref().map(v1::TaskStatus::state)),
            Payload::StatusUpdate(update) => (Some(&update.task_id), update.status.as_ref().map(v1::TaskStatus::state)),
            Payload::ArtifactUpdate(update) => (Some(&update.task_id), None),
            Payload::Message(_) => (None, None),
        };
        if self.task_id.is_none() {
            self.task_id = task_id.filter(|id| !id.is_empty()).cloned();
        }
        self.outlook = match (&event.payload, state) {
            (Payload::Message(_), _) => Outlook::Over,
            (_, Some(state)) if is_terminal(state) => Outlook::Over,
            (_, Some(state)) if is_interrupted(state) => Outlook::Waiting,
            (_, Some(_)) => Outlook::Working,
            (_, None) => self.outlook,
        };
        self.last = event.generation.or(self.last);
        self.failures = 0;
        event
    }

    /// Subscribes again, after the last event, as often as the options allow.
    async fn reopen(&mut self) -> Result<(), ClientError> {
        let Some(id) = self.task_id.clone() else { return Err(self.why()) };
        loop {
            if self.failures >= self.client.options().reconnect_attempts_max {
                return Err(self.why());
            }
            tokio::time::sleep(self.delay()).await;
            self.failures += 1;
            match self.client.open_subscription(&id, self.last).await {
                Ok(body) => {
                    self.body = Some(body);
                    self.opened = Instant::now();
                    self.parser = SseParser::new(self.client.options().event_bytes_max);
                    self.resumed = true;
                    return Ok(());
                }
                Err(error) if error.is_passing() => self.cut = Some(error),
                Err(error) => {
                    self.held = Some(finished(&self.client, &id, error).await?);
                    return Ok(());
                }
            }
        }
    }

    /// None before the first attempt, then twice as long each time, or as long as the server asks.
    fn delay(&self) -> Duration {
        let options = self.client.options();
        let doubled = match self.failures {
            0 => 0,
            row => options.reconnect_delay_ms.saturating_mul(1 << (row - 1).min(32)),
        };
        let asked = match &self.cut {
            Some(ClientError::Rpc(error)) => error.retry_after_s.unwrap_or(0).saturating_mul(1000),
            _ => 0,
        };
        Duration::from_millis(doubled.max(asked).min(options.reconnect_delay_ms_max))
    }

    fn why(&mut self) -> ClientError {
        self.cut.take().unwrap_or_else(|| ClientError::Protocol("the stream ended before its task did".to_owned()))
    }
}

/// A server may refuse to stream a finished task (spec 3.1.6): then the task itself is the one event.
async fn finished(client: &Client, id: &str, refusal: ClientError) -> Result<Event, ClientError> {
    let unsupported =
        |error: &crate::RpcError| error.code == -32004 || error.reason.as_deref() == Some("UNSUPPORTED_OPERATION");
    if !matches!(&refusal, ClientError::Rpc(error) if unsupported(error)) {
        return Err(refusal);
    }
    let task = client.get_task(id, None).await?;
    if !task.value.status.as_ref().is_some_and(|status| is_terminal(status.state())) {
        return Err(refusal);
    }
    let json = RawValue::from_string(format!("{{\"task\":{}}}", task.json.get()))
        .map_err(|error| ClientError::Protocol(format!("the task is not JSON: {error}")))?;
    Ok(Event { generation: None, payload: Payload::Task(task.value), json })
}
