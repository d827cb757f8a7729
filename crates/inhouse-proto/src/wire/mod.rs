//! Events and tasks as bytes: what the log keeps is the v1 JSON itself, written once and shared by all readers.
//!
//! Agent text is escaped for JSON when it enters the log; the same bytes serve live streams, replays and `GetTask`. A frame
//! is then a few small pieces around shared ones, and nothing is copied but for the socket. Protobuf is made on the way out.

mod protobuf;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

pub use text::{EscapedText, TextHead};

use crate::json::{self, DecodeError};
use crate::v1;

/// `text` as a JSON string with its quotes.
pub fn quoted(text: &str) -> Vec<u8> {
    serde_json::to_vec(text).unwrap_or_else(|_| b"\"\"".to_vec())
}

/// One entry of a task's log (spec 4.2). Clones share the bytes.
#[derive(Debug, Clone)]
pub enum Event {
    /// A new status, as a v1 `StreamResponse`.
    Status(StatusEvent),
    /// Text of an artifact.
    Text {
        /// The artifact.
        head: Arc<TextHead>,
        /// What is said.
        text: EscapedText,
        /// Appends to the artifact; replaces it otherwise.
        append: bool,
        /// Nothing more comes for this artifact.
        last_chunk: bool,
    },
    /// Any other artifact update.
    Artifact(ArtifactEvent),
    /// The whole answer of an agent that answered without a task; the only event that a caller sees.
    Message(Bytes),
}

/// A status update with the pieces that a snapshot needs.
#[derive(Debug, Clone)]
pub struct StatusEvent {
    /// The state of the task from here on.
    pub state: v1::TaskState,
    /// When, in milliseconds since the epoch.
    pub time_ms: i64,
    /// The v1 `TaskStatus` as JSON.
    pub status: Bytes,
    /// The v1 `Message` of the status as JSON, if it belongs to the task's history.
    pub history: Option<Bytes>,
    /// Metadata of the task from here on, as JSON.
    pub metadata: Option<Bytes>,
    /// The v1 `StreamResponse` as JSON.
    pub json: Bytes,
}

/// An artifact update with the pieces that a snapshot needs.
#[derive(Debug, Clone)]
pub struct ArtifactEvent {
    /// Unique within the task.
    pub artifact_id: Arc<str>,
    /// The artifact's members but `parts`, as JSON members, with a comma at the end.
    pub members: Bytes,
    /// The parts, each as JSON.
    pub parts: Vec<Bytes>,
    /// Appends to the artifact; replaces it otherwise.
    pub append: bool,
    /// The v1 `StreamResponse` as JSON.
    pub json: Bytes,
}

impl Event {
    /// A status update of a task.
    pub fn status(task_id: &str, context_id: &str, status: &v1::TaskStatus, metadata: Option<&json::Struct>) -> Self {
        let status_json = to_json(status);
        let metadata_json = metadata.map(to_json);
        let mut out = Vec::with_capacity(status_json.len() + 160);
        out.extend_from_slice(b"{\"statusUpdate\":{\"taskId\":");
        out.extend(quoted(task_id));
        out.extend_from_slice(b",\"contextId\":");
        out.extend(quoted(context_id));
        out.extend_from_slice(b",\"status\":");
        let start = out.len();
        out.extend_from_slice(&status_json);
        let end = out.len();
        if let Some(metadata) = &metadata_json {
            out.extend_from_slice(b",\"metadata\":");
            out.extend_from_slice(metadata);
        }
        out.extend_from_slice(b"}}");
        let json = Bytes::from(out);
        Self::Status(StatusEvent {
            state: status.state(),
            time_ms: status.timestamp.as_ref().map_or(0, |time| time.millis),
            status: json.slice(start..end),
            history: status.message.as_ref().filter(|_| is_interrupted(status.state())).map(to_json),
            metadata: metadata_json,
            json,
        })
    }

    /// An artifact update of a task.
    pub fn artifact(update: &v1::TaskArtifactUpdateEvent) -> Self {
        let empty = v1::Artifact::default();
        let artifact = update.artifact.as_ref().unwrap_or(&empty);
        let bare = to_json(&v1::Artifact { parts: Vec::new(), ..artifact.clone() });
        let payload = v1::stream_response::Payload::ArtifactUpdate(update.clone());
        Self::Artifact(ArtifactEvent {
            artifact_id: artifact.artifact_id.as_str().into(),
            members: members_without_parts(&bare),
            parts: artifact.parts.iter().map(to_json).collect(),
            append: update.append,
            json: to_json(&v1::StreamResponse { payload: Some(payload) }),
        })
    }

    /// Text that is appended to, or begins, an artifact.
    pub fn text(head: &Arc<TextHead>, text: EscapedText, append: bool, last_chunk: bool) -> Self {
        Self::Text { head: Arc::clone(head), text, append, last_chunk }
    }

    /// A direct answer.
    pub fn message(message: &v1::Message) -> Self {
        let payload = v1::stream_response::Payload::Message(message.clone());
        Self::Message(to_json(&v1::StreamResponse { payload: Some(payload) }))
    }

    /// Bytes that the log keeps for this event, shared ones included, with a fixed charge for the entry itself.
    pub fn kept_bytes(&self) -> usize {
        // A log doubles its room, and each piece is an allocation of its own.
        const ENTRY_BYTES: usize = 2 * size_of::<Event>() + 64;
        const PART_BYTES: usize = 2 * size_of::<Bytes>() + 32;
        ENTRY_BYTES
            + match self {
                Self::Status(event) => event.json.len() + event.history.as_ref().map_or(0, Bytes::len),
                Self::Text { text, .. } => text.as_bytes().len(),
                // Each part is an allocation of its own, and stands in the event as well.
                Self::Artifact(event) => 2 * event.json.len() + event.parts.len() * PART_BYTES,
                Self::Message(json) => json.len(),
            }
    }

    /// Appends the v1 `StreamResponse` of this event to `out`, as pieces that share the log's bytes.
    pub fn write_v1(&self, out: &mut Vec<Bytes>) {
        match self {
            Self::Status(event) => out.push(event.json.clone()),
            Self::Artifact(event) => out.push(event.json.clone()),
            Self::Message(json) => out.push(json.clone()),
            Self::Text { head, text, append, last_chunk } => {
                out.push(head.prefix.clone());
                out.push(text.as_bytes().clone());
                out.push(Bytes::from_static(match (append, last_chunk) {
                    (false, false) => b"\"}]},\"append\":false,\"lastChunk\":false}}",
                    (true, false) => b"\"}]},\"append\":true,\"lastChunk\":false}}",
                    (false, true) => b"\"}]},\"append\":false,\"lastChunk\":true}}",
                    (true, true) => b"\"}]},\"append\":true,\"lastChunk\":true}}",
                }));
            }
        }
    }

    /// Appends the v1 `StreamResponse` of this event to `out` in protobuf, and says how many bytes that is. Text shares the
    /// log's bytes, unless something in it was escaped. Integers in `data` and `metadata` beyond 2^53 can not be exact here:
    /// google.protobuf.Value holds every number as a double.
    ///
    /// # Errors
    /// Never for events that this module made.
    pub fn write_protobuf(&self, out: &mut Vec<Bytes>) -> Result<usize, DecodeError> {
        if let Self::Text { head, text, append, last_chunk } = self {
            return Ok(protobuf::write_text(head, text, *append, *last_chunk, out));
        }
        let encoded = Bytes::from(self.to_v1()?.encode_to_vec());
        let len = encoded.len();
        out.push(encoded);
        Ok(len)
    }

    /// The event as a v1 message, for the bindings that have another form.
    ///
    /// # Errors
    /// Never for events that this module made.
    pub fn to_v1(&self) -> Result<v1::StreamResponse, DecodeError> {
        let mut pieces = Vec::new();
        self.write_v1(&mut pieces);
        json::decode_own(&pieces.concat())
    }
}

/// The same events with fewer entries: texts that follow each other in one artifact become one. Each keeps the number of its
/// last part. For readers that pay for each entry.
pub fn joined(events: &[(u64, Event)]) -> Vec<(u64, Event)> {
    let continues = |(_, before): &(u64, Event), (_, after): &(u64, Event)| match (before, after) {
        (Event::Text { head: before, .. }, Event::Text { head: after, append, .. }) => {
            *append && before.artifact_id() == after.artifact_id()
        }
        _ => false,
    };
    events.chunk_by(continues).filter_map(join).collect()
}

fn join(run: &[(u64, Event)]) -> Option<(u64, Event)> {
    if let [alone] = run {
        return Some(alone.clone());
    }
    let (Some((_, Event::Text { head, append, .. })), Some((number, Event::Text { last_chunk, .. }))) =
        (run.first(), run.last())
    else {
        return run.last().cloned();
    };
    let texts =
        run.iter().filter_map(|(_, event)| if let Event::Text { text, .. } = event { Some(text) } else { None });
    Some((*number, Event::text(head, EscapedText::joined(texts), *append, *last_chunk)))
}

/// Whether a task in this state waits for its caller (spec 4.1.3).
pub fn is_interrupted(state: v1::TaskState) -> bool {
    matches!(state, v1::TaskState::InputRequired | v1::TaskState::AuthRequired)
}

/// Whether nothing can happen any more to a task in this state (spec 4.1.3).
pub fn is_terminal(state: v1::TaskState) -> bool {
    use v1::TaskState as S;
    matches!(state, S::Completed | S::Failed | S::Canceled | S::Rejected)
}

/// Serialises a message of the model; such a value can always be written.
pub fn to_json<T: serde::Serialize>(value: &T) -> Bytes {
    // Exactly as long as it is: what is kept is what is counted.
    serde_json::to_vec(value).unwrap_or_else(|_| b"null".to_vec()).into_boxed_slice().into()
}

/// `{"a":1,"parts":[]}` -> `"a":1,`
fn members_without_parts(bare: &[u8]) -> Bytes {
    const PARTS: &[u8] = b"\"parts\":[]";
    let inner = &bare[1..bare.len() - 1];
    let mut out = Vec::with_capacity(inner.len() + 1);
    // The first match is the member itself: before it stand only strings, in which a quote is escaped.
    match inner.windows(PARTS.len()).position(|window| window == PARTS) {
        Some(at) => {
            out.extend_from_slice(&inner[..at]);
            out.extend_from_slice(inner[at + PARTS.len()..].strip_prefix(b",").unwrap_or(&inner[at + PARTS.len()..]));
        }
        None => out.extend_from_slice(inner),
    }
    if !out.is_empty() && out.last() != Some(&b',') {
        out.push(b',');
    }
    out.into()
}
