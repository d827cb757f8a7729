//! The little of A2A that the benchmark speaks: bodies of requests, and streams read back and checked to the byte.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::client::{Connection, find};
use super::error::{Result, wrong};
use super::script::now_ns;

/// The body of a request for `method`.
fn call(method: &str, params: &serde_json::Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

/// A message for the agent; `number` makes it another one.
fn message(text: &str, number: u64) -> serde_json::Value {
    json!({"message": {"messageId": format!("bench-{number}"), "role": "ROLE_USER", "parts": [{"text": text}]}})
}

/// SendMessage.
pub(super) fn send(text: &str, number: u64) -> String {
    call("SendMessage", &message(text, number))
}

/// SendStreamingMessage.
pub(super) fn stream(text: &str) -> String {
    call("SendStreamingMessage", &message(text, now_ns()))
}

/// GetTask.
pub(super) fn get(id: &str) -> String {
    call("GetTask", &json!({"id": id}))
}

/// CancelTask.
pub(super) fn cancel(id: &str) -> String {
    call("CancelTask", &json!({"id": id}))
}

/// SubscribeToTask.
pub(super) fn subscribe(id: &str) -> String {
    call("SubscribeToTask", &json!({"id": id}))
}

/// A page of 50 tasks after `token`, which is empty for the first page.
pub(super) fn list(token: &str) -> String {
    call("ListTasks", &json!({"pageSize": 50, "pageToken": token}))
}

/// The newest task of a conversation.
pub(super) fn list_context(context_id: &str) -> String {
    call("ListTasks", &json!({"pageSize": 1, "contextId": context_id}))
}

#[derive(Deserialize)]
struct Answer<T> {
    result: T,
}

/// The result of a send, or an event of a stream.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload {
    /// A task as it stands.
    pub(super) task: Option<Task>,
    status_update: Option<StatusUpdate>,
    artifact_update: Option<ArtifactUpdate>,
}

/// A task.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Task {
    /// Its id.
    pub(super) id: String,
    /// Its conversation.
    pub(super) context_id: String,
    status: Status,
    #[serde(default)]
    artifacts: Vec<Artifact>,
}

impl Task {
    /// The text of its artifacts.
    pub(super) fn into_text(self) -> String {
        self.artifacts.into_iter().map(Artifact::text).collect()
    }
}

#[derive(Deserialize)]
struct StatusUpdate {
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactUpdate {
    artifact: Artifact,
    #[serde(default)]
    append: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    artifact_id: String,
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    text: String,
}

impl Artifact {
    fn text(self) -> String {
        self.parts.into_iter().map(|part| part.text).collect()
    }
}

/// The task that a send began.
pub(super) fn sent(body: &[u8]) -> Result<Task> {
    let payload: Payload = result(body)?;
    payload.task.ok_or_else(|| wrong("a task", body))
}

/// The result of an answer.
pub(super) fn result<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let answer: std::result::Result<Answer<T>, _> = serde_json::from_slice(body);
    answer.map(|answer| answer.result).map_err(|error| wrong(&format!("a result ({error})"), body))
}

/// Reads a stream as far as its first event, a task.
pub(super) async fn first_task(connection: &mut Connection) -> Result<Task> {
    let mut body = Vec::new();
    while find(&body, b"\n\n").is_none() {
        if !connection.piece(&mut body).await? {
            return Err(wrong("a stream with an event", &body));
        }
    }
    let data = body.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"data: "));
    let payload: Payload = result(data.unwrap_or_default())?;
    payload.task.ok_or_else(|| wrong("a task as the first event", &body))
}

/// A stream as it came: its bytes, and how many of them were there at what time. It is read only when all of it is there, so
/// that reading takes no time from the server.
#[derive(Default)]
pub(super) struct Recording {
    body: Vec<u8>,
    /// Length of the body, and the monotonic time in nanoseconds.
    arrivals: Vec<(usize, u64)>,
}

/// One event of a stream.
struct Frame {
    number: Option<u64>,
    payload: Payload,
    arrived_ns: u64,
}

/// What a whole stream said.
pub(super) struct Told {
    /// The answer.
    pub(super) text: String,
    /// The events, the snapshot included.
    pub(super) events: usize,
    /// Where the text ended when an event had been read, and when that event came, in nanoseconds.
    pub(super) marks: Vec<(usize, u64)>,
}

impl Recording {
    /// Sends the request and records the answer to its end.
    pub(super) async fn of(address: SocketAddr, request: Vec<u8>) -> Result<Self> {
        let mut connection = Connection::open(address).await?;
        let mut recording = Self { body: Vec::with_capacity(1 << 20), ..Self::default() };
        connection.begin(&request).await?;
        while connection.piece(&mut recording.body).await? {
            recording.arrivals.push((recording.body.len(), now_ns()));
        }
        recording.arrivals.push((recording.body.len(), now_ns()));
        Ok(recording)
    }

    /// Reads the stream, which must be whole: numbers without a hole, and completion as the last word.
    pub(super) fn told(&self) -> Result<Told> {
        let mut told = Told { text: String::new(), events: 0, marks: Vec::new() };
        let mut texts: BTreeMap<String, String> = BTreeMap::new();
        let (mut last_number, mut state) = (None, String::new());
        let mut rest = 0..self.body.len();
        let mut arrival = 0;
        while let Some(frame) = self.frame(&mut rest, &mut arrival)? {
            if let (Some(before), Some(now)) = (last_number, frame.number)
                && now != before + 1
            {
                return Err(wrong(&format!("event {} after event {before}, not {now}", before + 1), &self.body));
            }
            last_number = frame.number.or(last_number);
            told.events += 1;
            let payload = frame.payload;
            if let Some(task) = payload.task {
                state = task.status.state;
                texts = task
                    .artifacts
                    .into_iter()
                    .map(|artifact| (artifact.artifact_id.clone(), artifact.text()))
                    .collect();
            }
            if let Some(update) = payload.artifact_update {
                let text = texts.entry(update.artifact.artifact_id.clone()).or_default();
                if !update.append {
                    text.clear();
                }
                text.push_str(&update.artifact.text());
            }
            state = payload.status_update.map_or(state, |update| update.status.state);
            told.marks.push((texts.values().map(String::len).sum(), frame.arrived_ns));
        }
        if state != "TASK_STATE_COMPLETED" {
            return Err(wrong(&format!("a stream that ends with completion, not {state:?}"), &self.body));
        }
        told.text = texts.into_values().collect();
        Ok(told)
    }

    fn frame(&self, rest: &mut std::ops::Range<usize>, arrival: &mut usize) -> Result<Option<Frame>> {
        while let Some(length) = find(&self.body[rest.clone()], b"\n\n") {
            let end = rest.start + length + 2;
            let text = &self.body[rest.start..end];
            rest.start = end;
            while self.arrivals[*arrival].0 < end {
                *arrival += 1;
            }
            let field = |name: &[u8]| text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name));
            let Some(data) = field(b"data: ") else { continue };
            let number = field(b"id: ").and_then(|number| std::str::from_utf8(number).ok()?.parse().ok());
            return Ok(Some(Frame { number, payload: result(data)?, arrived_ns: self.arrivals[*arrival].1 }));
        }
        if rest.start == rest.end { Ok(None) } else { Err(wrong("an event that ends", &self.body[rest.clone()])) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: &str = r#"{"task":{"id":"t","contextId":"c","status":{"state":"TASK_STATE_WORKING"},"artifacts":[{"artifactId":"a","parts":[{"text":"one "}]}]}}"#;
    const MORE: &str = r#"{"artifactUpdate":{"artifact":{"artifactId":"a","parts":[{"text":"two"}]},"append":true}}"#;
    const ANEW: &str = r#"{"artifactUpdate":{"artifact":{"artifactId":"a","parts":[{"text":"three"}]}}}"#;
    const DONE: &str = r#"{"statusUpdate":{"status":{"state":"TASK_STATE_COMPLETED"}}}"#;

    fn recording(events: &[(u64, &str)]) -> Recording {
        let mut recording = Recording::default();
        for (number, payload) in events {
            let event = format!("id: {number}\ndata: {{\"result\":{payload}}}\n\n:\n\n");
            recording.body.extend_from_slice(event.as_bytes());
            recording.arrivals.push((recording.body.len(), number * 10));
        }
        recording
    }

    #[test]
    fn a_stream_tells_its_text_and_when_it_came() {
        let told = recording(&[(3, TASK), (4, MORE), (5, DONE)]).told().unwrap();
        assert_eq!((told.text.as_str(), told.events), ("one two", 3));
        assert_eq!(told.marks, [(4, 30), (7, 40), (7, 50)]);
        assert_eq!(recording(&[(3, TASK), (4, ANEW), (5, DONE)]).told().unwrap().text, "three");
    }

    #[test]
    fn a_stream_that_is_not_whole_is_a_wrong_answer() {
        let mut cut = recording(&[(3, TASK), (4, DONE)]);
        cut.body.extend_from_slice(b"id: 5\ndata: {}\n");
        for torn in
            [recording(&[(3, TASK), (5, DONE)]), recording(&[(3, TASK), (4, MORE)]), recording(&[(3, "[]")]), cut]
        {
            assert!(torn.told().is_err());
        }
    }
}
