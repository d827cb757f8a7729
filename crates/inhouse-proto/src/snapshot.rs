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

/// Adds `event` to the artifacts that the events before it made.
pub fn fold(artifacts: &mut Vec<ArtifactJson>, event: &Event) {
    match event {
        Event::Text { head, text, append, .. } => {
            let artifact = slot(artifacts, head.artifact_id(), |id| {
                let mut members = b"\"artifactId\":".to_vec();
                members.extend(quoted(id));
                members.push(b',');
                members.into()
            });
            if !append {
                artifact.parts.clear();
            }
            match artifact.parts.last_mut() {
                Some(PartJson::Text(pieces)) if text.as_bytes().is_empty() && !pieces.is_empty() => {}
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
    let mut out = Vec::new();
    list(&mut out, artifacts, ArtifactJson::write);
    json::decode(&out)
}

fn slot<'a>(
    artifacts: &'a mut Vec<ArtifactJson>,
    id: &str,
    members: impl FnOnce(&str) -> Bytes,
) -> &'a mut ArtifactJson {
    let at = artifacts.iter().position(|artifact| &*artifact.id == id).unwrap_or_else(|| {
        artifacts.push(ArtifactJson { id: id.into(), members: members(id), parts: Vec::new() });
        artifacts.len() - 1
    });
    &mut artifacts[at]
}

impl ArtifactJson {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        out.extend_from_slice(&self.members);
        out.extend_from_slice(b"\"parts\":[");
        for (at, part) in self.parts.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            match part {
                PartJson::Whole(json) => out.extend_from_slice(json),
                PartJson::Text(pieces) => {
                    out.extend_from_slice(b"{\"text\":\"");
                    pieces.iter().for_each(|piece| out.extend_from_slice(piece.as_bytes()));
                    out.extend_from_slice(b"\"}");
                }
            }
        }
        out.extend_from_slice(b"]}");
    }

    fn bytes(&self) -> usize {
        let part_bytes = |part: &PartJson| match part {
            PartJson::Whole(json) => json.len() + 1,
            PartJson::Text(pieces) => 12 + pieces.iter().map(|piece| piece.as_bytes().len()).sum::<usize>(),
        };
        self.members.len() + 16 + self.parts.iter().map(part_bytes).sum::<usize>()
    }
}

impl Snapshot {
    /// Appends the v1 `Task` as JSON to `out`.
    pub fn write_v1(&self, view: View, out: &mut Vec<u8>) {
        let kept = view.history_length.map_or(self.history.len(), |most| most.min(self.history.len()));
        let history = &self.history[self.history.len() - kept..];
        let artifact_bytes = if view.artifacts { self.artifacts.iter().map(ArtifactJson::bytes).sum() } else { 0 };
        out.reserve(256 + self.status.len() + artifact_bytes + history.iter().map(Bytes::len).sum::<usize>());
        out.extend_from_slice(b"{\"id\":");
        out.extend(quoted(&self.id));
        out.extend_from_slice(b",\"contextId\":");
        out.extend(quoted(&self.context_id));
        out.extend_from_slice(b",\"status\":");
        out.extend_from_slice(&self.status);
        if view.artifacts {
            out.extend_from_slice(b",\"artifacts\":");
            list(out, &self.artifacts, |artifact, out| artifact.write(out));
        }
        if !history.is_empty() {
            out.extend_from_slice(b",\"history\":");
            list(out, history, |message, out| out.extend_from_slice(message));
        }
        if let Some(metadata) = &self.metadata {
            out.extend_from_slice(b",\"metadata\":");
            out.extend_from_slice(metadata);
        }
        out.push(b'}');
    }

    /// The task as a v1 message, for the bindings that have another form.
    ///
    /// # Errors
    /// Never for tasks whose events the `wire` module made.
    pub fn to_v1(&self, view: View) -> Result<v1::Task, DecodeError> {
        let mut out = Vec::new();
        self.write_v1(view, &mut out);
        json::decode(&out)
    }
}

fn list<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&T, &mut Vec<u8>)) {
    out.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::TextHead;

    fn texts(events: &[Event]) -> String {
        let mut artifacts = Vec::new();
        events.iter().for_each(|event| fold(&mut artifacts, event));
        let mut out = Vec::new();
        list(&mut out, &artifacts, |artifact, out| artifact.write(out));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_events_of_one_artifact_fold_into_one_text_part() {
        let head = Arc::new(TextHead::new("t", "c", "answer-1"));
        let say = |text, append, last| Event::text(&head, EscapedText::new(text), append, last);
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
        ] {
            assert_eq!(texts(&events), json);
        }
    }
}
