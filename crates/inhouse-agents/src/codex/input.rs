//! The caller's message as the input of a turn. Codex hands a text on to the model as it stands.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inhouse_engine::agent::Turn;
use inhouse_proto::v1::part::Content;
use serde_json::{Value, json};

use crate::message::{known_type, not_taken};

/// The media types of the files that it takes.
pub(crate) const FILE_TYPES: &[&str] = &["image/png", "image/jpeg", "image/gif", "image/webp"];

/// The items of a turn's input.
///
/// # Errors
/// One line for the caller when a part is of a kind that Codex does not take; the engine refuses such a message before.
pub(crate) fn items(turn: &Turn) -> Result<Vec<Value>, String> {
    let mut items = Vec::new();
    let text = turn.text();
    if !text.is_empty() {
        items.push(json!({"type": "text", "text": text}));
    }
    for part in &turn.message.parts {
        match &part.content {
            Some(Content::Raw(bytes)) => {
                let media_type = known_type(part, FILE_TYPES)?;
                let url = format!("data:{media_type};base64,{}", STANDARD.encode(bytes));
                items.push(json!({"type": "image", "url": url}));
            }
            Some(Content::Url(_)) => return Err(not_taken(FILE_TYPES)),
            Some(Content::Text(_) | Content::Data(_)) | None => {}
        }
    }
    Ok(items)
}
