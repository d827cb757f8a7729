//! What the inputs of all protocols share: the text of a message, which files of it can be said, and the block that ends one.

use inhouse_engine::agent::Turn;
use inhouse_proto::v1::Part;

/// Ends a message where an agent searches the last block for commands and file references. It begins with no sigil and holds no
/// at sign.
pub(crate) const LAST_BLOCK: &str = "(end of message)";

/// The text of a turn's message, with a line in front for a program that takes a text's first character for a command.
pub(crate) fn text_after(prefix_line: Option<&str>, turn: &Turn) -> String {
    let text = turn.text();
    match prefix_line {
        Some(prefix) => format!("{prefix}\n{text}"),
        None => text,
    }
}

/// The media type of a file as `known` spells it.
///
/// # Errors
/// One line for the caller when it is none of them; the engine refuses such a message before.
pub(crate) fn known_type(part: &Part, known: &[&'static str]) -> Result<&'static str, String> {
    let found = known.iter().find(|known| part.media_type.eq_ignore_ascii_case(known));
    found.copied().ok_or_else(|| not_taken(known))
}

/// One line for the caller: what files are taken.
pub(crate) fn not_taken(known: &[&str]) -> String {
    format!("the agent takes {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_known_in_any_case_and_spelled_as_the_protocol_does() {
        let known = &["image/png", "application/pdf"];
        for (named, expected) in [
            ("image/png", Ok("image/png")),
            ("Image/PNG", Ok("image/png")),
            ("application/PDF", Ok("application/pdf")),
            ("image/tiff", Err("the agent takes image/png, application/pdf".to_owned())),
            ("", Err("the agent takes image/png, application/pdf".to_owned())),
        ] {
            let part = Part { media_type: named.to_owned(), ..Part::default() };
            assert_eq!(known_type(&part, known), expected, "{named}");
        }
    }
}
