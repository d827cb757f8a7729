//! The caller's message as the blocks of a prompt. An agent looks for commands in the first block, in all of them joined, or in
//! the last one, so that a fixed block stands at either end and the caller's text is never a command.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inhouse_engine::agent::Turn;
use inhouse_proto::v1::Part;
use inhouse_proto::v1::part::Content;
use serde_json::{Value, json};

use crate::files::{File, Folder, told};
use crate::message::{LAST_BLOCK, known_type};

/// Begins every message, as [`LAST_BLOCK`] ends it.
const FIRST_BLOCK: &str = "Message:";

/// The media types of the files that the protocol has a block for, if the agent takes them. The last one is a resource to it, as texts
/// are; the others are images.
pub(crate) const FILE_TYPES: &[&str] = &["image/png", "image/jpeg", "image/gif", "image/webp", PDF];

const PDF: &str = "application/pdf";

/// What an agent takes in a prompt beside text.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Takes {
    pub(crate) images: bool,
    pub(crate) resources: bool,
}

/// What an agent is asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Prompt {
    text: String,
    files: Vec<Given>,
}

/// A file of the message.
#[derive(Debug, Clone)]
struct Given {
    file: File,
    /// The block that it can be.
    block: Option<Block>,
}

#[derive(Debug, Clone)]
enum Block {
    Image(Value),
    Resource(Value),
}

impl Prompt {
    /// The prompt of a turn. All its files are in the folder: what an agent takes is not known yet.
    pub(crate) fn new(turn: &Turn, folder: &Folder) -> Self {
        let given = |(at, part): (usize, &Part)| {
            let Some(Content::Raw(bytes)) = &part.content else { return None };
            let file = folder.file(at)?.clone();
            let block = block(part, bytes, &file);
            Some(Given { file, block })
        };
        let files = turn.message.parts.iter().enumerate().filter_map(given).collect();
        Self { text: turn.text(), files }
    }

    /// Its blocks, for an agent that takes these. What it does not take it is told the place of.
    pub(crate) fn blocks(self, takes: Takes) -> Vec<Value> {
        let mut blocks = vec![text(FIRST_BLOCK)];
        blocks.extend(Some(self.text).filter(|said| !said.is_empty()).map(|said| text(&said)));
        let mut left = Vec::new();
        for Given { file, block } in self.files {
            match block {
                Some(Block::Image(block)) if takes.images => blocks.push(block),
                // Some drop what is no text without a word, so that its place is told as well.
                Some(Block::Resource(block)) if takes.resources => {
                    left.extend(block["resource"]["blob"].is_string().then_some(file));
                    blocks.push(block);
                }
                _ => left.push(file),
            }
        }
        blocks.extend(told(&left).map(|told| text(&told)));
        blocks.push(text(LAST_BLOCK));
        blocks
    }
}

fn block(part: &Part, bytes: &[u8], file: &File) -> Option<Block> {
    let uri = format!("file://{}", file.path);
    let (data, media_type) = (|| STANDARD.encode(bytes), part.media_type.to_ascii_lowercase());
    match known_type(part, FILE_TYPES) {
        Some(PDF) => {
            let resource = json!({"uri": uri, "mimeType": PDF, "blob": data()});
            Some(Block::Resource(json!({"type": "resource", "resource": resource})))
        }
        Some(image) => Some(Block::Image(json!({"type": "image", "mimeType": image, "data": data()}))),
        None if is_text(&media_type) => {
            let resource = json!({"uri": uri, "mimeType": media_type, "text": std::str::from_utf8(bytes).ok()?});
            Some(Block::Resource(json!({"type": "resource", "resource": resource})))
        }
        None => None,
    }
}

fn is_text(media_type: &str) -> bool {
    let bare = media_type.split(';').next().unwrap_or_default().trim();
    bare.starts_with("text/") || ["json", "xml", "yaml", "toml"].iter().any(|form| bare.ends_with(form))
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(path: &str, media_type: &str, bytes: &[u8]) -> Given {
        let file = File::at(path);
        let part = Part { media_type: media_type.to_owned(), ..Part::default() };
        Given { block: block(&part, bytes, &file), file }
    }

    #[test]
    fn a_file_is_a_block_where_the_agent_takes_it_and_else_its_place_is_told() {
        let files = vec![
            given("/f/file-1.png", "image/PNG", b"1"),
            given("/f/file-2.pdf", "application/pdf", b"2"),
            given("/f/file-3.json", "application/ld+json; charset=utf-8", b"{}"),
            given("/f/file-4.txt", "text/plain", b"\xff"),
            given("/f/file-5.zip", "application/zip", b"5"),
        ];
        let prompt = Prompt { text: "/hello".to_owned(), files };
        for (images, resources, kinds, told) in [
            (false, false, "", "12345"),
            (true, false, "image", "2345"),
            (false, true, "resource resource", "1245"),
            (true, true, "image resource resource", "245"),
        ] {
            let blocks = prompt.clone().blocks(Takes { images, resources });
            let [first, said, between @ .., places, last] = &blocks[..] else { panic!("{blocks:?}") };
            let text = |block: &Value| block["text"].as_str().unwrap().to_owned();
            assert_eq!((text(first), text(said), text(last)), (FIRST_BLOCK.into(), "/hello".into(), LAST_BLOCK.into()));
            let seen: Vec<_> = between.iter().map(|block| block["type"].as_str().unwrap()).collect();
            let places = text(places);
            let named: String =
                (1..=5).filter(|n| places.contains(&format!("/f/file-{n}."))).map(|n| n.to_string()).collect();
            assert_eq!((seen.join(" "), named), (kinds.to_owned(), told.to_owned()));
        }
        let blocks = prompt.blocks(Takes { images: true, resources: true });
        assert_eq!(
            blocks[3]["resource"],
            json!({"uri": "file:///f/file-2.pdf", "mimeType": "application/pdf", "blob": "Mg=="})
        );
        assert_eq!(blocks[4]["resource"]["text"], "{}");
    }
}
