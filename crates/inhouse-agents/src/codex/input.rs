//! The caller's message as the input of a turn. Codex hands a text on to the model as it stands.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inhouse_engine::agent::Turn;
use inhouse_proto::v1::Part;
use inhouse_proto::v1::part::Content;
use serde_json::{Value, json};

use crate::files::{Folder, told};
use crate::message::known_type;

/// The media types of the files that have an item of their own.
pub(crate) const FILE_TYPES: &[&str] = &["image/png", "image/jpeg", "image/gif", "image/webp"];

/// Whether a part has an item of its own.
pub(crate) fn has_item(part: &Part) -> bool {
    known_type(part, FILE_TYPES).is_some()
}

/// The items of a turn's input. The parts that have no item of their own are files in the folder.
pub(crate) fn items(turn: &Turn, folder: &Folder) -> Vec<Value> {
    let text = |text: String| json!({"type": "text", "text": text});
    let mut items = Vec::new();
    items.extend(Some(turn.text()).filter(|said| !said.is_empty()).map(text));
    for part in &turn.message.parts {
        if let (Some(Content::Raw(bytes)), Some(media_type)) = (&part.content, known_type(part, FILE_TYPES)) {
            let url = format!("data:{media_type};base64,{}", STANDARD.encode(bytes));
            items.push(json!({"type": "image", "url": url}));
        }
    }
    items.extend(told(folder.files()).map(text));
    items
}
