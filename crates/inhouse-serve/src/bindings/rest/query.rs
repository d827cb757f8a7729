//! Parameters of a request without a body (spec 11.5): from the query of its target to the JSON of the request's message.

use inhouse_proto::error::A2aError;
use inhouse_proto::json;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Parameters whose values are numbers, by both of their spellings.
const NUMBERS: [&str; 4] = ["historyLength", "history_length", "pageSize", "page_size"];
/// Parameters whose values are `true` or `false`.
const SWITCHES: [&str; 2] = ["includeArtifacts", "include_artifacts"];

/// The message that the query and the ids of the path make; parameters that it does not know are not looked at.
///
/// # Errors
/// Invalid parameters, with the parameter that is there twice or has no such value.
pub(in crate::bindings) fn message<T: DeserializeOwned>(
    query: Option<&str>,
    ids: &[(&str, &str)],
) -> Result<T, A2aError> {
    let mut members = Map::new();
    for (name, text) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if text.is_empty() || ids.iter().any(|(id, _)| *id == name) {
            continue;
        }
        let value = value(&name, &text)?;
        if members.insert(name.clone().into_owned(), value).is_some() {
            return Err(A2aError::invalid(name, "must not be there several times"));
        }
    }
    members.extend(ids.iter().map(|(name, id)| ((*name).to_owned(), (*id).into())));
    Ok(json::decode(Value::Object(members).to_string().as_bytes())?)
}

fn value(name: &str, text: &str) -> Result<Value, A2aError> {
    if NUMBERS.contains(&name) {
        let number: i32 = text.parse().map_err(|_| A2aError::invalid(name, "must be a whole number"))?;
        return Ok(number.into());
    }
    if SWITCHES.contains(&name) {
        let switch: bool = text.parse().map_err(|_| A2aError::invalid(name, "must be true or false"))?;
        return Ok(switch.into());
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use inhouse_proto::v1;

    fn list(query: &str) -> Result<v1::ListTasksRequest, String> {
        message(Some(query), &[]).map_err(|error| error.to_string())
    }

    #[test]
    fn a_query_makes_a_message() {
        let read = list(
            "contextId=a%20b&status=TASK_STATE_WORKING&page_size=7&includeArtifacts=true&A2A-Version=1.0&pageToken=\
             &statusTimestampAfter=2026-01-02T03:04:05Z&historyLength=0",
        );
        let read = read.unwrap();
        assert_eq!((read.context_id.as_str(), read.status()), ("a b", v1::TaskState::Working));
        assert_eq!((read.page_size, read.include_artifacts, read.history_length), (Some(7), Some(true), Some(0)));
        assert_eq!(read.status_timestamp_after.unwrap().millis, 1_767_323_045_000);
        let get: v1::GetTaskRequest = message(Some("historyLength=2&id=other"), &[("id", "t1")]).unwrap();
        assert_eq!((get.id.as_str(), get.history_length), ("t1", Some(2)), "the path names the task");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, sentence) in [
            ("pageSize=x", "pageSize must be a whole number"),
            ("pageSize=99999999999", "pageSize must be a whole number"),
            ("includeArtifacts=1", "includeArtifacts must be true or false"),
            ("contextId=a&contextId=b", "contextId must not be there several times"),
            ("pageSize=1&page_size=2", "duplicate field"),
            ("status=WORKING", "TASK_STATE_WORKING"),
            ("statusTimestampAfter=yesterday", "yesterday"),
        ] {
            let error = list(query).unwrap_err();
            assert!(error.contains(sentence), "{query}: {error}");
        }
    }
}
