//! The caller's message as Claude Code's input line. Only the last block of a message is searched for slash commands and
//! `@` file references, so that a fixed block comes last and the caller's text is never a command.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inhouse_engine::agent::Turn;
use inhouse_proto::v1::part::Content;
use serde_json::{Value, json};

use crate::claude::parse::line_of;

/// Ends every message. It must begin neither with a slash nor hold an at sign.
const LAST_BLOCK: &str = "(end of message)";

/// The input line of a turn.
///
/// # Errors
/// One line for the caller when a part is of a kind that Claude does not take.
pub(crate) fn input(turn: &Turn) -> Result<Vec<u8>, String> {
    let mut blocks = Vec::new();
    let text = turn.text();
    if !text.is_empty() {
        blocks.push(json!({"type": "text", "text": text}));
    }
    for part in &turn.message.parts {
        match &part.content {
            Some(Content::Raw(bytes)) => blocks.push(file(bytes, &part.media_type)?),
            Some(Content::Url(_)) => return Err("a file by URL is not fetched: send its bytes".to_owned()),
            _ => {}
        }
    }
    blocks.push(json!({"type": "text", "text": LAST_BLOCK}));
    Ok(line_of(&json!({"type": "user", "message": {"role": "user", "content": blocks}})))
}

fn file(bytes: &[u8], media_type: &str) -> Result<Value, String> {
    let kind = match media_type {
        "image/png" | "image/jpeg" | "image/gif" | "image/webp" => "image",
        "application/pdf" => "document",
        other => return Err(format!("the agent takes PNG, JPEG, GIF, WebP and PDF files, not {other:?}")),
    };
    Ok(json!({"type": kind, "source": {"type": "base64", "media_type": media_type, "data": STANDARD.encode(bytes)}}))
}
