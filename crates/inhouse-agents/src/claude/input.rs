//! The caller's message as Claude Code's input line. Only the last block of a message is searched for slash commands and
//! `@` file references, so that a fixed block comes last and the caller's text is never a command.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inhouse_engine::agent::Turn;
use inhouse_proto::v1::part::Content;
use serde_json::{Value, json};

use crate::lines::line_of;
use crate::message::{LAST_BLOCK, known_type, not_taken};

/// The media types of the files that Claude takes. The last one is a document to it, the others are images.
pub(crate) const FILE_TYPES: &[&str] = &["image/png", "image/jpeg", "image/gif", "image/webp", PDF];

const PDF: &str = "application/pdf";

/// The input line of a turn.
///
/// # Errors
/// One line for the caller when a part is of a kind that Claude does not take; the engine refuses such a message before.
pub(crate) fn input(turn: &Turn) -> Result<Vec<u8>, String> {
    let mut blocks = Vec::new();
    let text = turn.text();
    if !text.is_empty() {
        blocks.push(json!({"type": "text", "text": text}));
    }
    for part in &turn.message.parts {
        match &part.content {
            Some(Content::Raw(bytes)) => blocks.push(file(bytes, known_type(part, FILE_TYPES)?)),
            Some(Content::Url(_)) => return Err(not_taken(FILE_TYPES)),
            Some(Content::Text(_) | Content::Data(_)) | None => {}
        }
    }
    blocks.push(json!({"type": "text", "text": LAST_BLOCK}));
    Ok(line_of(&json!({"type": "user", "message": {"role": "user", "content": blocks}})))
}

fn file(bytes: &[u8], media_type: &str) -> Value {
    let kind = if media_type == PDF { "document" } else { "image" };
    json!({"type": kind, "source": {"type": "base64", "media_type": media_type, "data": STANDARD.encode(bytes)}})
}
