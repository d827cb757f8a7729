//! A task as it stands after some generation, folded from its log, and its JSON.

use std::sync::Arc;

use bytes::Bytes;

use crate::json::{self, DecodeError};
use crate::v1;
use crate::wire::{EscapedText, Event, quoted};

/// A task after `generation` events (spec 4.1.1). Clones and folds share the log's bytes.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The task's id.
    pub id: Arc<str>,
    /// The conversation that it belongs to.
    pub context_id: Arc<str>,
    /// Both ids as JSON, as [`head`] makes it.
    pub head: Bytes,
    /// Number of the last event that this includes.
    pub generation: u64,
    /// The state.
    pub state: v1::TaskState,
    /// When the status was recorded, in milliseconds since the epoch.
    pub status_time_ms: i64,
    /// The v1 `TaskStatus` as JSON.
    pub status: Bytes,
    /// The v1 messages of the task as JSON, oldest first.
    pub history: Vec<Bytes>,
    /// The artifacts, in the order of their first event.
    pub artifacts: Vec<ArtifactJson>,
    /// The task's metadata as JSON.
    pub metadata: Option<Bytes>,
    /// The direct answer (v1 `StreamResponse` as JSON), if the agent gave one instead of a task.
    pub message: Option<Bytes>,
    /// What the binding by which the task came wanted to know later.
    pub label: u8,
}

/// An artifact as shared pieces of JSON.
#[derive(Debug, Clone)]
pub struct ArtifactJson {
    id: Arc<str>,
    members: Bytes,
    parts: Vec<PartJson>,
}

#[derive(Debug, Clone)]
enum PartJson {
    /// One text part, said in several pieces.
    Text(Vec<EscapedText>),
    Whole(Bytes),
}

/// What of a task a caller wants to see (spec 3.2.4, 3.1.4).
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// At most this many of the latest messages; all when absent.
    pub history_length: Option<usize>,
    /// Whether artifacts are written at all.
    pub artifacts: bool,
}

impl View {
    /// Everything.
    pub const ALL: Self = Self { history_length: None, artifacts: true };
}

/// How the JSON of a task begins, up to its status: made once per task.
pub fn head(id: &str, context_id: &str) -> Bytes {
    let id = quoted(id);
    let context_id = quoted(context_id);
    [b"{\"id\":".as_slice(), &id, b",\"contextId\":", &context_id, b",\"status\":"].concat().into()
}

/// Adds `event` to the artifacts that the events before it made.
pub fn fold(artifacts: &mut Vec<ArtifactJson>, event: &Event) {
    match event {
        Event::Text { head, text, append, .. } => {
            let artifact = slot(artifacts, head.artifact_id(), bare);
            if !append {
                artifact.parts.clear();
                artifact.members = bare(head.artifact_id());
            }
            match artifact.parts.last_mut() {
                // Says no more than that nothing follows.
                Some(_) if text.as_bytes().is_empty() => {}
                Some(PartJson::Text(pieces)) => pieces.push(text.clone()),
                _ => artifact.parts.push(PartJson::Text(vec![text.clone()])),
            }
        }
        Event::Artifact(event) => {
            let artifact = slot(artifacts, &event.artifact_id, |_| event.members.clone());
            if !event.append {
                artifact.parts.clear();
                artifact.members = event.members.clone();
            }
            artifact.parts.extend(event.parts.iter().cloned().map(PartJson::Whole));
        }
        Event::Status(_) | Event::Message(_) => {}
    }
}

/// Folded artifacts as v1 messages, for the bindings that have another form.
///
/// # Errors
/// Never for events that the `wire` module made.
pub fn artifacts_to_v1(artifacts: &[ArtifactJson]) -> Result<Vec<v1::Artifact>, DecodeError> {
    let mut out = Pieces::default();
    list(&mut out, artifacts, ArtifactJson::write);
    json::decode_own(&out.finish().concat())
}

/// The members of an artifact that has nothing but text.
fn bare(id: &str) -> Bytes {
    [b"\"artifactId\":".as_slice(), &quoted(id), b","].concat().into()
}

fn slot<'a>(
    artifacts: &'a mut Vec<ArtifactJson>,
    id: &str,
    members: impl FnOnce(&str) -> Bytes,
) -> &'a mut ArtifactJson {
    // The artifact that is being written is nearly always the last one.
    let at = artifacts.iter().rposition(|artifact| &*artifact.id == id).unwrap_or_else(|| {
        artifacts.push(ArtifactJson { id: id.into(), members: members(id), parts: Vec::new() });
        artifacts.len() - 1
    });
    &mut artifacts[at]
}

/// JSON as pieces: small ones are copied together, large ones are shared with the log.
#[derive(Debug)]
pub struct Pieces {
    done: Vec<Bytes>,
    small: Vec<u8>,
}

impl Default for Pieces {
    /// No pieces, and room for a small task.
    fn default() -> Self {
        Self { done: Vec::new(), small: Vec::with_capacity(1 << 10) }
    }
}

impl Pieces {
    /// Pieces up to this size are copied: less than sharing them would cost.
    const COPY_BYTES_MAX: usize = 4 << 10;

    /// Makes room for about so many bytes of copies.
    pub fn reserve(&mut self, bytes: usize) {
        self.small.reserve(bytes);
    }

    /// Adds bytes of the caller's.
    pub fn copy(&mut self, bytes: &[u8]) {
        self.small.extend_from_slice(bytes);
    }

    /// Adds bytes of the log's.
    pub fn share(&mut self, bytes: &Bytes) {
        if bytes.len() <= Self::COPY_BYTES_MAX {
            return self.copy(bytes);
        }
        if !self.small.is_empty() {
            self.done.push(std::mem::take(&mut self.small).into());
        }
        self.done.push(bytes.clone());
    }

    /// Bytes so far.
    pub fn bytes(&self) -> usize {
        self.small.len() + self.done.iter().map(Bytes::len).sum::<usize>()
    }

    /// All pieces, in order.
    pub fn finish(mut self) -> Vec<Bytes> {
        if !self.small.is_empty() {
            self.done.push(self.small.into());
        }
        self.done
    }
}

impl ArtifactJson {
    fn bytes(&self) -> usize {
        let part = |part: &PartJson| match part {
            PartJson::Whole(json) => json.len(),
            PartJson::Text(pieces) => pieces.iter().map(|piece| piece.as_bytes().len()).sum(),
        };
        self.members.len() + self.parts.iter().map(part).sum::<usize>()
    }

    fn write(&self, out: &mut Pieces) {
        out.copy(b"{");
        out.share(&self.members);
        out.copy(b"\"parts\":[");
        for (at, part) in self.parts.iter().enumerate() {
            if at > 0 {
                out.copy(b",");
            }
            match part {
                PartJson::Whole(json) => out.share(json),
                PartJson::Text(pieces) => {
                    out.copy(b"{\"text\":\"");
                    pieces.iter().for_each(|piece| out.share(piece.as_bytes()));
                    out.copy(b"\"}");
                }
            }
        }
        out.copy(b"]}");
    }
}

impl Snapshot {
    /// Adds the v1 `Task` as JSON.
    pub fn write_v1(&self, view: View, out: &mut Pieces) {
        let kept = view.history_length.map_or(self.history.len(), |most| most.min(self.history.len()));
        let history = &self.history[self.history.len() - kept..];
        out.share(&self.head);
        out.share(&self.status);
        if view.artifacts {
            out.copy(b",\"artifacts\":");
            list(out, &self.artifacts, ArtifactJson::write);
        }
        if !history.is_empty() {
            out.copy(b",\"history\":");
            list(out, history, |message, out| out.share(message));
        }
        if let Some(metadata) = &self.metadata {
            out.copy(b",\"metadata\":");
            out.share(metadata);
        }
        out.copy(b"}");
    }

    /// What its messages and artifacts hold, in bytes of JSON.
    pub fn bytes(&self) -> usize {
        let artifacts: usize = self.artifacts.iter().map(ArtifactJson::bytes).sum();
        self.status.len() + self.history.iter().map(Bytes::len).sum::<usize>() + artifacts
    }

    /// The task as a v1 message, for the bindings that have another form.
    ///
    /// # Errors
    /// Never for tasks whose events the `wire` module made.
    pub fn to_v1(&self, view: View) -> Result<v1::Task, DecodeError> {
        let mut out = Pieces::default();
        self.write_v1(view, &mut out);
        json::decode_own(&out.finish().concat())
    }
}

fn list<T>(out: &mut Pieces, items: &[T], write: impl Fn(&T, &mut Pieces)) {
    out.copy(b"[");
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.copy(b",");
        }
        write(item, out);
    }
    out.copy(b"]");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::TextHead;

    fn texts(events: &[Event]) -> String {
        let mut artifacts = Vec::new();
        events.iter().for_each(|event| fold(&mut artifacts, event));
        let mut out = Pieces::default();
        list(&mut out, &artifacts, ArtifactJson::write);
        String::from_utf8(out.finish().concat()).unwrap()
    }

    #[test]
    fn large_pieces_are_shared_and_small_ones_are_copied_together() {
        let large = Bytes::from(vec![b'x'; Pieces::COPY_BYTES_MAX + 1]);
        let mut pieces = Pieces::default();
        for bytes in [Bytes::from_static(b"a"), Bytes::from_static(b"b"), large.clone(), Bytes::from_static(b"c")] {
            pieces.share(&bytes);
        }
        assert_eq!(pieces.bytes(), large.len() + 3);
        let done = pieces.finish();
        assert_eq!(done.iter().map(Bytes::len).collect::<Vec<_>>(), [2, large.len(), 1]);
        assert_eq!(done[1].as_ptr(), large.as_ptr());
    }

    #[test]
    fn what_was_taken_is_read_again_however_deep_it_is() {
        let deepest = format!("{}1{}", r#"{"a":"#.repeat(json::DEPTH_MAX - 1), "}".repeat(json::DEPTH_MAX - 1));
        let taken = format!(r#"{{"artifactId":"x","parts":[],"metadata":{deepest}}}"#);
        let artifact: v1::Artifact = json::decode(taken.as_bytes()).unwrap();
        let update = v1::TaskArtifactUpdateEvent { artifact: Some(artifact.clone()), ..Default::default() };
        let event = Event::artifact(&update);
        let payload = Some(v1::stream_response::Payload::ArtifactUpdate(update));
        assert_eq!(event.to_v1().unwrap(), v1::StreamResponse { payload });
        let mut artifacts = Vec::new();
        fold(&mut artifacts, &event);
        assert_eq!(artifacts_to_v1(&artifacts).unwrap(), [artifact]);
    }

    #[test]
    fn text_events_of_one_artifact_fold_into_one_text_part() {
        let head = Arc::new(TextHead::new("t", "c", "answer-1"));
        let say = |text, append, last| Event::text(&head, EscapedText::new(text), append, last);
        let artifact = |json: &str| {
            let artifact = json::decode(json.as_bytes()).unwrap();
            Event::artifact(&v1::TaskArtifactUpdateEvent { artifact: Some(artifact), ..Default::default() })
        };
        let data = || artifact(r#"{"artifactId":"answer-1","parts":[{"data":1}]}"#);
        let named = || artifact(r#"{"artifactId":"answer-1","name":"n","metadata":{"m":1},"parts":[{"data":1}]}"#);
        for (events, json) in [
            (
                vec![say("a", false, false), say("b", true, false), say("", true, true)],
                r#"[{"artifactId":"answer-1","parts":[{"text":"ab"}]}]"#,
            ),
            (
                vec![say("a", false, false), say("new", false, true)],
                r#"[{"artifactId":"answer-1","parts":[{"text":"new"}]}]"#,
            ),
            (vec![say("", false, true)], r#"[{"artifactId":"answer-1","parts":[{"text":""}]}]"#),
            (vec![data(), say("", true, true)], r#"[{"artifactId":"answer-1","parts":[{"data":1}]}]"#),
            (vec![data(), say("a", true, true)], r#"[{"artifactId":"answer-1","parts":[{"data":1},{"text":"a"}]}]"#),
            (vec![named(), say("a", false, true)], r#"[{"artifactId":"answer-1","parts":[{"text":"a"}]}]"#),
        ] {
            assert_eq!(texts(&events), json);
        }
    }
}
