//! Bytes to messages, strictly: hostile JSON gets a sentence, never a panic and never a guess.

use serde::de::DeserializeOwned;

/// Objects and arrays inside one another, at most.
pub const DEPTH_MAX: usize = 64;

/// Members and elements in all, at most: each is far larger in memory than on the wire.
pub(crate) const VALUES_MAX: usize = 65_536;

/// A sentence quotes at most this much of what was sent.
const SENTENCE_BYTES_MAX: usize = 320;

/// Why bytes were not taken as a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not one JSON value.
    #[error("{0}")]
    NotJson(String),
    /// They are, but not of the shape that was asked for.
    #[error("{0}")]
    WrongShape(String),
    /// The server's own bytes are not what it made them to be.
    #[error("{0}")]
    Own(String),
}

/// Decodes one JSON value that fills all of `bytes`.
///
/// # Errors
/// `NotJson` for anything that is no JSON in UTF-8, with a byte order mark, or with something after its end; `WrongShape`
/// for JSON that is no `T`, has a member twice, or is nested deeper than [`DEPTH_MAX`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(DecodeError::NotJson("a byte order mark stands before the JSON".to_owned()));
    }
    refuse_depth(bytes)?;
    Ok(serde_json::from_slice(bytes)?)
}

/// Decodes what the server has written itself. There, what was as deep as it may be stands in something more.
///
/// # Errors
/// `Own`, and for nothing that this crate has written.
pub fn decode_own<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(bytes).map_err(|error| DecodeError::Own(error.to_string()))
}

/// What a caller sends is an object, and not far larger in memory than on the wire.
///
/// # Errors
/// `WrongShape` for other JSON than an object, and for too many values; `NotJson` for what is none and begins as no object.
pub fn check_request(bytes: &[u8]) -> Result<(), DecodeError> {
    refuse_values(bytes)?;
    if !is_object(bytes) {
        decode::<serde::de::IgnoredAny>(bytes)?;
        return Err(DecodeError::WrongShape("a request is an object".to_owned()));
    }
    Ok(())
}

impl From<serde_json::Error> for DecodeError {
    fn from(error: serde_json::Error) -> Self {
        let mut sentence = error.to_string();
        // serde_json's words for one half of a surrogate pair without the other.
        for words in ["unexpected end of hex escape", "lone leading surrogate in hex escape"] {
            sentence = sentence.replace(words, "escape of half a character (lone surrogate)");
        }
        if sentence.len() > SENTENCE_BYTES_MAX {
            let end = (0..=SENTENCE_BYTES_MAX).rev().find(|at| sentence.is_char_boundary(*at));
            sentence.truncate(end.unwrap_or(0));
            sentence.push('…');
        }
        if error.is_data() { Self::WrongShape(sentence) } else { Self::NotJson(sentence) }
    }
}

/// Looks at brackets outside of strings only, so that it costs little; what is no JSON is for the parser to say.
pub(crate) fn refuse_depth(bytes: &[u8]) -> Result<(), DecodeError> {
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_string,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(DecodeError::WrongShape(format!("nested deeper than {DEPTH_MAX} levels")));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Refuses what would be far larger in memory than on the wire. Called for what callers send.
pub(crate) fn refuse_values(bytes: &[u8]) -> Result<(), DecodeError> {
    if values(bytes) <= VALUES_MAX {
        return Ok(());
    }
    Err(DecodeError::WrongShape(format!("more than {VALUES_MAX} values")))
}

/// How many members and elements a JSON text has at most: what it costs once it is decoded, at the price of one look.
pub fn values(bytes: &[u8]) -> usize {
    let (mut values, mut in_string, mut is_escaped) = (0, false, false);
    for byte in bytes {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_string,
            b'"' => in_string = !in_string,
            b'{' | b'[' | b',' if !in_string => values += 1,
            _ => {}
        }
    }
    values
}

/// Whether the JSON begins as an object.
pub(crate) fn is_object(json: &[u8]) -> bool {
    json.trim_ascii_start().first() == Some(&b'{')
}
