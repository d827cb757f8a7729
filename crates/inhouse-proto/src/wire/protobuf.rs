//! Text events as protobuf, around the shared bytes of the text.
//!
//! The fields of a message may stand in any order. So what changes from text to text, the lengths and the flags, comes first;
//! then the text; then the ids, which are the same in all events of an artifact.

use bytes::{BufMut, Bytes};
use prost::encoding::{self, encoded_len_varint};

use super::EscapedText;
use super::text::TextHead;

/// Field numbers of the v1 messages (proto/a2a.proto), `StreamResponse` first.
mod number {
    pub(super) const ARTIFACT_UPDATE: u32 = 4;
    pub(super) mod update {
        pub(in super::super) const TASK_ID: u32 = 1;
        pub(in super::super) const CONTEXT_ID: u32 = 2;
        pub(in super::super) const ARTIFACT: u32 = 3;
        pub(in super::super) const APPEND: u32 = 4;
        pub(in super::super) const LAST_CHUNK: u32 = 5;
    }
    pub(super) mod artifact {
        pub(in super::super) const ID: u32 = 1;
        pub(in super::super) const PARTS: u32 = 4;
    }
    pub(super) const TEXT: u32 = 1;
}

/// Lengths are at most ten bytes, keys and flags one each.
const FRONT_BYTES_MAX: usize = 4 * (1 + 10) + 2 * 2;

/// The ids of a text event, encoded: the artifact's, which ends the artifact, then the task's and the context's.
#[derive(Debug, Clone)]
pub(super) struct Ids {
    bytes: Bytes,
    /// How many of the bytes belong to the artifact.
    artifact_len: usize,
}

impl Ids {
    pub(super) fn new(task_id: &str, context_id: &str, artifact_id: &str) -> Self {
        let mut bytes = Vec::with_capacity(task_id.len() + context_id.len() + artifact_id.len() + 12);
        encoding::string::encode(number::artifact::ID, &artifact_id.to_owned(), &mut bytes);
        let artifact_len = bytes.len();
        encoding::string::encode(number::update::TASK_ID, &task_id.to_owned(), &mut bytes);
        encoding::string::encode(number::update::CONTEXT_ID, &context_id.to_owned(), &mut bytes);
        Self { bytes: bytes.into(), artifact_len }
    }
}

/// Appends a text event as an encoded `StreamResponse`; says how many bytes that is.
pub(super) fn write_text(
    head: &TextHead,
    text: &EscapedText,
    append: bool,
    last_chunk: bool,
    out: &mut Vec<Bytes>,
) -> usize {
    let text = text.unescape();
    let ids = &head.ids;
    let part_len = field_len(text.len());
    let artifact_len = field_len(part_len) + ids.artifact_len;
    let flags_len = 2 * (usize::from(append) + usize::from(last_chunk));
    let update_len = flags_len + field_len(artifact_len) + (ids.bytes.len() - ids.artifact_len);

    let mut front = [0; FRONT_BYTES_MAX];
    let mut rest = front.as_mut_slice();
    open(number::ARTIFACT_UPDATE, update_len, &mut rest);
    for (number, flag) in [(number::update::APPEND, append), (number::update::LAST_CHUNK, last_chunk)] {
        if flag {
            encoding::bool::encode(number, &true, &mut rest);
        }
    }
    open(number::update::ARTIFACT, artifact_len, &mut rest);
    open(number::artifact::PARTS, part_len, &mut rest);
    open(number::TEXT, text.len(), &mut rest);
    let front_len = FRONT_BYTES_MAX - rest.len();
    out.push(Bytes::copy_from_slice(&front[..front_len]));
    out.push(text);
    out.push(ids.bytes.clone());
    field_len(update_len)
}

/// The bytes of a field with `len` bytes inside; all numbers here are below 16, so that a key is one byte.
fn field_len(len: usize) -> usize {
    1 + encoded_len_varint(len as u64) + len
}

/// Begins a field with `len` bytes inside.
fn open(number: u32, len: usize, out: &mut impl BufMut) {
    encoding::encode_key(number, encoding::WireType::LengthDelimited, out);
    encoding::encode_varint(len as u64, out);
}
