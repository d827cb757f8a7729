//! What the inputs of all protocols share: the text of a message, which files of it can be said, and the block that ends one.

use inhouse_engine::agent::Turn;
use inhouse_proto::v1::Part;

use crate::files::{Folder, told};

/// Ends a message where an agent searches the last block for commands and file references. It begins with no sigil and holds no
/// at sign.
pub(crate) const LAST_BLOCK: &str = "(end of message)";

/// The text of a turn's message and what is told of its files, with a line in front for a program that takes a text's first character
/// for a command.
pub(crate) fn text_after(prefix_line: Option<&str>, turn: &Turn, folder: &Folder) -> String {
    let said = Some(turn.text()).filter(|text| !text.is_empty());
    let text = said.into_iter().chain(told(folder.files())).collect::<Vec<_>>().join("\n\n");
    match prefix_line {
        Some(prefix) => format!("{prefix}\n{text}"),
        None => text,
    }
}

/// The media type of a file as `known` spells it, if it is one of them.
pub(crate) fn known_type(part: &Part, known: &[&'static str]) -> Option<&'static str> {
    known.iter().find(|known| part.media_type.eq_ignore_ascii_case(known)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_known_in_any_case_and_spelled_as_the_protocol_does() {
        let known = &["image/png", "application/pdf"];
        for (named, expected) in [
            ("image/png", Some("image/png")),
            ("Image/PNG", Some("image/png")),
            ("application/PDF", Some("application/pdf")),
            ("image/tiff", None),
            ("", None),
        ] {
            let part = Part { media_type: named.to_owned(), ..Part::default() };
            assert_eq!(known_type(&part, known), expected, "{named}");
        }
    }
}
