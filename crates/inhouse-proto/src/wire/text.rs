//! Agent text as the log keeps it, and the fixed bytes around it.

use std::sync::Arc;

use bytes::Bytes;

use super::quoted;

/// Text escaped for the inside of a JSON string, without its quotes. Clones share the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EscapedText(Bytes);

impl EscapedText {
    /// Escapes `text`.
    pub fn new(text: &str) -> Self {
        let mut json = quoted(text);
        json.pop();
        json.remove(0);
        // Exactly as long as it is: what is kept is what is counted.
        Self(Bytes::from(json.into_boxed_slice()))
    }

    /// The escaped bytes: what is kept and what is sent.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The text as it was.
    pub fn unescape(&self) -> String {
        let mut json = Vec::with_capacity(self.0.len() + 2);
        json.push(b'"');
        json.extend_from_slice(&self.0);
        json.push(b'"');
        serde_json::from_slice(&json).unwrap_or_default()
    }
}

/// The fixed beginning of every text event of one artifact of one task; made once per turn.
#[derive(Debug, Clone)]
pub struct TextHead {
    artifact_id: Arc<str>,
    /// `{"artifactUpdate":{…,"artifact":{"artifactId":"…","parts":[{"text":"`
    pub(super) prefix: Bytes,
}

impl TextHead {
    /// The head for texts of `artifact_id`.
    pub fn new(task_id: &str, context_id: &str, artifact_id: &str) -> Self {
        let mut out = Vec::with_capacity(192);
        out.extend_from_slice(b"{\"artifactUpdate\":{\"taskId\":");
        out.extend(quoted(task_id));
        out.extend_from_slice(b",\"contextId\":");
        out.extend(quoted(context_id));
        out.extend_from_slice(b",\"artifact\":{\"artifactId\":");
        out.extend(quoted(artifact_id));
        out.extend_from_slice(b",\"parts\":[{\"text\":\"");
        Self { artifact_id: artifact_id.into(), prefix: out.into() }
    }

    /// The artifact that the texts belong to.
    pub fn artifact_id(&self) -> &str {
        &self.artifact_id
    }
}
