//! Agent text as the log keeps it, and the fixed bytes around it.

use std::sync::Arc;

use bytes::Bytes;

use super::protobuf::Ids;
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

    /// All of these, one after another.
    pub fn joined<'a>(texts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = Vec::new();
        texts.into_iter().for_each(|text| all.extend_from_slice(&text.0));
        Self(all.into())
    }

    /// The text as it was, in UTF-8; the same bytes where nothing had to be escaped.
    pub fn unescape(&self) -> Bytes {
        let mut rest: &[u8] = &self.0;
        let Some(mut at) = rest.iter().position(|byte| *byte == b'\\') else { return self.0.clone() };
        let mut out = Vec::with_capacity(rest.len());
        loop {
            out.extend_from_slice(&rest[..at]);
            let (byte, len) = escaped_byte(&rest[at..]);
            out.push(byte);
            rest = &rest[at + len..];
            let Some(next) = rest.iter().position(|byte| *byte == b'\\') else { break };
            at = next;
        }
        out.extend_from_slice(rest);
        out.into()
    }
}

/// The byte that an escape stands for, and how long the escape is. [`quoted`] escapes quotes, backslashes and what stands
/// below the space, nothing else: `\"`, `\n`, `\u001b`.
fn escaped_byte(escape: &[u8]) -> (u8, usize) {
    match escape {
        [_, b'n', ..] => (b'\n', 2),
        [_, b't', ..] => (b'\t', 2),
        [_, b'r', ..] => (b'\r', 2),
        [_, b'b', ..] => (0x08, 2),
        [_, b'f', ..] => (0x0c, 2),
        [_, b'u', _, _, high, low, ..] => (hex(*high) << 4 | hex(*low), 6),
        [_, byte, ..] => (*byte, 2),
        _ => (b'\\', escape.len()),
    }
}

fn hex(digit: u8) -> u8 {
    (digit as char).to_digit(16).map_or(0, |value| value as u8)
}

/// What is the same in every text event of one artifact of one task; made once per turn.
#[derive(Debug, Clone)]
pub struct TextHead {
    artifact_id: Arc<str>,
    /// `{"artifactUpdate":{…,"artifact":{"artifactId":"…","parts":[{"text":"`
    pub(super) prefix: Bytes,
    /// The three ids as [`super::protobuf`] puts them after the text.
    pub(super) ids: Ids,
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
        Self { artifact_id: artifact_id.into(), prefix: out.into(), ids: Ids::new(task_id, context_id, artifact_id) }
    }

    /// The artifact that the texts belong to.
    pub fn artifact_id(&self) -> &str {
        &self.artifact_id
    }
}
