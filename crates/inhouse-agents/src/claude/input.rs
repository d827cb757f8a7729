//! The caller's message as Claude Code's input line. Only the last block of a message is searched for slash commands and
//! `@` file references, so that a fixed block comes last and the caller's text is never a command.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inhouse_engine::agent::Turn;
use inhouse_proto::v1::Part;
use inhouse_proto::v1::part::Content;
use serde_json::{Value, json};

use crate::files::{Folder, told};
use crate::lines::line_of;
use crate::message::{LAST_BLOCK, known_type};

/// The media types of the files that have a block of their own. The last one is a document, the others are images.
pub(crate) const FILE_TYPES: &[&str] = &["image/png", "image/jpeg", "image/gif", "image/webp", PDF];

const PDF: &str = "application/pdf";

/// Whether a part has a block of its own.
pub(crate) fn has_block(part: &Part) -> bool {
    known_type(part, FILE_TYPES).is_some()
}

/// The input line of a turn. The parts that have no block of their own are files in the folder.
pub(crate) fn input(turn: &Turn, folder: &Folder) -> Vec<u8> {
    let text = |text: String| json!({"type": "text", "text": text});
    let mut blocks = Vec::new();
    blocks.extend(Some(turn.text()).filter(|said| !said.is_empty()).map(text));
    for part in &turn.message.parts {
        if let (Some(Content::Raw(bytes)), Some(media_type)) = (&part.content, known_type(part, FILE_TYPES)) {
            blocks.push(file(bytes, media_type));
        }
    }
    blocks.extend(told(folder.files()).map(text));
    blocks.push(text(LAST_BLOCK.to_owned()));
    line_of(&json!({"type": "user", "message": {"role": "user", "content": blocks}}))
}

fn file(bytes: &[u8], media_type: &str) -> Value {
    let kind = if media_type == PDF { "document" } else { "image" };
    json!({"type": kind, "source": {"type": "base64", "media_type": media_type, "data": STANDARD.encode(bytes)}})
}
