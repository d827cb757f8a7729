//! From the JSON of a request to a message, or to all that is wrong with its fields at once (spec 5.7, 3.3.2).
//!
//! What is refused is read a second time, with an eye on the path: each value of a wrong type or range is noted and taken for
//! absent, so that what stands behind it is looked at too. What is right pays nothing for it.

use std::fmt::Write;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};

use crate::error::A2aError;
use crate::json::{self, DecodeError};
use crate::validate::{FieldViolation, VIOLATIONS_MAX};

/// A longer text is not read a second time: a refusal costs about as much as the request.
const SECOND_BYTES_MAX: usize = 64 << 10;

/// Reads a `T`, makes a message of it, and has it looked at: `wrong` tells what is missing or out of range.
///
/// # Errors
/// `ParseError` for what is no JSON; `InvalidParams` with all fields that are wrong, or with a sentence where no field is to
/// blame; the error of `into`.
pub fn read<T: DeserializeOwned, V>(
    json: &[u8],
    into: impl FnOnce(T) -> Result<V, A2aError>,
    wrong: impl FnOnce(&V) -> Vec<FieldViolation>,
) -> Result<V, A2aError> {
    let (message, mut violations) = match json::decode(json) {
        Ok(message) => (message, Vec::new()),
        // Serde takes a number for a damaged name; whether it is JSON at all, the second look tells.
        Err(error) => match second_look(json) {
            Err(damage) if matches!(error, DecodeError::WrongShape(_)) => return Err(damage.into()),
            Ok((Some(message), violations)) if !violations.is_empty() => (message, violations),
            Ok((None, violations)) if !violations.is_empty() => return Err(A2aError::invalid_fields(violations)),
            Ok(_) | Err(_) => return Err(error.into()),
        },
    };
    match into(message) {
        Ok(message) => {
            add(&mut violations, wrong(&message));
            if violations.is_empty() { Ok(message) } else { Err(A2aError::invalid_fields(violations)) }
        }
        Err(error) if violations.is_empty() => Err(error),
        Err(error) => {
            add(&mut violations, error.violations);
            Err(A2aError::invalid_fields(violations))
        }
    }
}

/// Of a field that has a wrong value, or that such a one is in, it is not said as well that something is absent.
fn add(violations: &mut Vec<FieldViolation>, more: Vec<FieldViolation>) {
    let is_inside = |field: &str, outer: &str| {
        field.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    for violation in more {
        let known = violations
            .iter()
            .any(|known| is_inside(&violation.field, &known.field) || is_inside(&known.field, &violation.field));
        if !known && violations.len() < VIOLATIONS_MAX {
            violations.push(violation);
        }
    }
}

/// The fields with wrong values, and the message without them, if it can be read so.
///
/// # Errors
/// `NotJson`, for what is damaged behind the first wrong value.
fn second_look<T: DeserializeOwned>(json: &[u8]) -> Result<(Option<T>, Vec<FieldViolation>), DecodeError> {
    let mut violations: Vec<FieldViolation> = Vec::new();
    if json.len() > SECOND_BYTES_MAX {
        return Ok((None, violations));
    }
    let mut json: Value = serde_json::from_slice(json)?;
    while violations.len() < VIOLATIONS_MAX {
        let error = match serde_path_to_error::deserialize(&json) {
            Ok(message) => return Ok((Some(message), violations)),
            Err(error) => error,
        };
        let field = name(error.path());
        let again = violations.last().is_some_and(|last| last.field == field);
        if field.is_empty() || !takes_out(&mut json, error.path(), again) {
            break;
        }
        if !again {
            violations.push(FieldViolation { field, description: description(&error.into_inner().into()) });
        }
    }
    Ok((None, violations))
}

/// Takes the value for absent, or for an object that has nothing, where there must be one; `false`: that was done in vain.
fn takes_out(json: &mut Value, path: &Path, again: bool) -> bool {
    let mut value = Some(json);
    for segment in path.iter() {
        value = value.and_then(|value| match segment {
            Segment::Map { key } => value.get_mut(key),
            Segment::Seq { index } => value.get_mut(index),
            Segment::Enum { .. } | Segment::Unknown => None,
        });
    }
    let Some(value) = value else { return false };
    let instead = match value {
        Value::Null => Value::Object(Map::new()),
        _ if again => return false,
        _ => Value::Null,
    };
    *value = instead;
    true
}

/// The place in words of the protocol: `message.parts[0].mediaType`, however it was spelt.
fn name(path: &Path) -> String {
    let mut name = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Map { key } => {
                if !name.is_empty() {
                    name.push('.');
                }
                let mut words = key.split('_').filter(|word| !word.is_empty());
                name.push_str(words.next().unwrap_or_default());
                for word in words {
                    let mut letters = word.chars();
                    name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
                    name.push_str(letters.as_str());
                }
            }
            Segment::Seq { index } => {
                let _ = write!(name, "[{index}]");
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    name
}

/// `must be a string, not integer 5`, of serde's `invalid type: integer 5, expected a string`; another sentence as it is.
fn description(error: &DecodeError) -> String {
    let sentence = error.to_string();
    let halves = sentence.strip_prefix("invalid type: ").or_else(|| sentence.strip_prefix("invalid value: "));
    match halves.and_then(|halves| halves.rsplit_once(", expected ")) {
        Some((found, expected)) => format!("must be {expected}, not {found}"),
        None => sentence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::validate::Validate;
    use crate::{v0_1, v0_3, v0_3_proto, v1};

    /// What is wrong, line by line.
    fn wrong<T: DeserializeOwned, V: Validate>(json: &str, into: impl FnOnce(T) -> Result<V, A2aError>) -> Vec<String> {
        let error = read(json.as_bytes(), into, V::violations).map(|_| ()).unwrap_err();
        let lines =
            error.violations.iter().map(|FieldViolation { field, description }| format!("{field} {description}"));
        error.detail.iter().cloned().chain(lines).collect()
    }

    #[test]
    fn all_that_is_wrong_is_told_by_its_field() {
        let send = |json: &str| wrong::<v1::SendMessageRequest, _>(json, Ok);
        #[rustfmt::skip]
        let rows: [(&str, &[&str]); 8] = [
            (r#"{"message":{"messageId":5,"role":"ROLE_KING","parts":[{"text":1},{"text":"x"},{"raw":"?"}]},"configuration":{"historyLength":"x"}}"#, &[
                "configuration.historyLength must be a whole number of 32 bits, not string \"x\"",
                "message.messageId must be a string, not integer `5`",
                "message.parts[0].text must be a string, not integer `1`",
                "message.parts[2] raw is not base64: Invalid symbol 63, offset 0.",
                "message.role must be one of ROLE_UNSPECIFIED, ROLE_USER, ROLE_AGENT, not string \"ROLE_KING\"",
            ]),
            (r#"{"message":{"messageId":5}}"#, &[
                "message.messageId must be a string, not integer `5`", "message.role must be set", "message.parts must have at least one element",
            ]),
            (r#"{"message":{"message_id":[],"role":"ROLE_USER","parts":[{"text":"","media_type":0}]}}"#, &[
                "message.messageId must be a string, not sequence", "message.parts[0].mediaType must be a string, not integer `0`",
            ]),
            (r#"{"message":{"messageId":"m","role":1,"parts":[null,{"text":"x","url":"y"},"z"]}}"#, &[
                "message.parts[0] must be an object, not null",
                "message.parts[1] text and url together, where only one may stand",
                "message.parts[2] must be an object, not string \"z\"",
            ]),
            (r#"{"message":"hi","configuration":7}"#, &[
                "configuration must be an object, not integer `7`", "message must be an object, not string \"hi\"",
            ]),
            (r#"{"message":{"parts":{}}}"#, &[
                "message.parts must be a sequence, not map", "message.messageId must be set", "message.role must be set",
            ]),
            (r#"{"message":{"metadata":[]},"metadata":1}"#, &[
                "message.metadata must be an object, not sequence", "metadata must be an object, not integer `1`",
                "message.messageId must be set", "message.role must be set", "message.parts must have at least one element",
            ]),
            (r#"{"message":{},"message":{}}"#, &["duplicate field `message` at line 1 column 23"]),
        ];
        for (json, expected) in rows {
            assert_eq!(send(json), expected, "{json}");
        }
        let list = wrong::<v1::ListTasksRequest, _>(r#"{"status":"WORKING","statusTimestampAfter":"yesterday"}"#, Ok);
        assert!(list[1].starts_with("statusTimestampAfter `yesterday` is not an RFC 3339 time"), "{list:?}");
        assert!(list[0].starts_with("status must be one of TASK_STATE_"), "{list:?}");
    }

    #[test]
    fn older_generations_are_told_as_much() {
        let v03 = |json| wrong(json, v0_3::MessageSendParams::into_v1);
        let missing = [
            "message.messageId must be set",
            "message.role must be set",
            "message.parts must have at least one element",
        ];
        assert_eq!(v03(r#"{"message":{}}"#), missing);
        let both = [
            "configuration.blocking must be a boolean, not integer `1`",
            "message.role unknown variant `king`, expected `user` or `agent`",
        ];
        let json = r#"{"message":{"messageId":"m","role":"king","parts":[{"kind":"text","text":"x"}]},"configuration":{"blocking":1}}"#;
        assert_eq!(v03(json), both);
        let proto = |json| wrong(json, v0_3_proto::SendMessageRequest::into_v1);
        assert_eq!(
            proto(r#"{"message":{"message_id":1,"content":[{"text":2}]}}"#),
            [
                "message.content[0].text must be a string, not integer `2`",
                "message.messageId must be a string, not integer `1`",
            ]
        );
        let first = |json| wrong(json, |params: v0_1::TaskSendParams| params.into_v1().map(|send| send.request));
        let wrong = first(r#"{"id":1,"message":{"role":2}}"#);
        assert_eq!(
            wrong[..2],
            ["id must be a string, not integer `1`", "message.role must be string or map, not integer `2`"]
        );
        assert_eq!(wrong.len(), 4, "{wrong:?}");
    }

    #[test]
    fn what_is_damaged_is_no_matter_of_a_field() {
        for (json, words) in [
            (r#"{"message":{"messageId":"\ud800"}}"#, "surrogate"),
            (r#"{"metadata":{"n":1e999}}"#, "number out of range"),
            (r#"{"message":7"#, "EOF"),
        ] {
            let error = read(json.as_bytes(), Ok, v1::SendMessageRequest::violations).unwrap_err();
            assert_eq!((error.kind, error.violations.len()), (ErrorKind::ParseError, 0), "{json}");
            assert!(error.to_string().contains(words), "{json}: {error}");
        }
    }

    #[test]
    fn a_second_look_is_bounded() {
        let parts = |count: usize| vec![r#"{"text":1}"#; count].join(",");
        let json = |count| format!(r#"{{"message":{{"messageId":"m","role":1,"parts":[{}]}}}}"#, parts(count));
        let send = |json: &str| wrong::<v1::SendMessageRequest, _>(json, Ok);
        assert_eq!(send(&json(100)).len(), VIOLATIONS_MAX);
        let large = send(&json(10_000));
        assert!(large.len() == 1 && large[0].starts_with("invalid type: integer `1`, expected a string"), "{large:?}");
    }
}
