//! The caller's message as the blocks of a prompt. An agent looks for commands in the first block, in all of them joined, or in
//! the last one, so that a fixed block stands at either end and the caller's text is never a command.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inhouse_engine::agent::Turn;
use inhouse_proto::v1::part::Content;
use serde_json::{Value, json};

use crate::message::{LAST_BLOCK, known_type, not_taken};

/// Begins every message, as [`LAST_BLOCK`] ends it.
const FIRST_BLOCK: &str = "Message:";

/// The media types of the files that the protocol has a block for, if the agent takes them.
pub(crate) const FILE_TYPES: &[&str] = &["image/png", "image/jpeg", "image/gif", "image/webp"];

/// What an agent is asked.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    pub(crate) blocks: Vec<Value>,
    /// An agent must have said that it takes them.
    pub(crate) has_images: bool,
}

/// The prompt of a turn.
///
/// # Errors
/// One line for the caller when a part is of a kind for which there is no block; the engine refuses such a message before.
pub(crate) fn prompt(turn: &Turn) -> Result<Prompt, String> {
    let mut prompt = Prompt { blocks: vec![text(FIRST_BLOCK)], has_images: false };
    let said = turn.text();
    if !said.is_empty() {
        prompt.blocks.push(text(&said));
    }
    for part in &turn.message.parts {
        match &part.content {
            Some(Content::Raw(bytes)) => {
                let media_type = known_type(part, FILE_TYPES)?;
                prompt.has_images = true;
                prompt.blocks.push(json!({"type": "image", "mimeType": media_type, "data": STANDARD.encode(bytes)}));
            }
            Some(Content::Url(_)) => return Err(not_taken(FILE_TYPES)),
            Some(Content::Text(_) | Content::Data(_)) | None => {}
        }
    }
    prompt.blocks.push(text(LAST_BLOCK));
    Ok(prompt)
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}
