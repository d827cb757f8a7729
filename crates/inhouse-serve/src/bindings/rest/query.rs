//! Parameters of a request without a body (spec 11.5): from the query of its target to the JSON of the request's message.

use inhouse_proto::error::A2aError;
use serde_json::{Map, Value};

/// Parameters whose values are `true` or `false`; numbers are read out of strings.
const SWITCHES: [&str; 2] = ["includeArtifacts", "include_artifacts"];

/// The JSON of the message that the query and the ids of the path make; parameters that it does not know do not matter.
///
/// # Errors
/// Invalid parameters, with the parameter that is there twice.
pub(in crate::bindings) fn json(query: Option<&str>, ids: &[(&str, &str)]) -> Result<Vec<u8>, A2aError> {
    let mut members = Map::new();
    for (name, text) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if text.is_empty() || ids.iter().any(|(id, _)| *id == name) {
            continue;
        }
        let switch = SWITCHES.contains(&&*name).then(|| text.parse().ok()).flatten();
        let value = switch.map_or_else(|| Value::from(&*text), Value::Bool);
        if members.insert(name.clone().into_owned(), value).is_some() {
            return Err(A2aError::invalid(name, "must not be there several times"));
        }
    }
    members.extend(ids.iter().map(|(name, id)| ((*name).to_owned(), (*id).into())));
    Ok(Value::Object(members).to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::checked::valid_json;
    use inhouse_proto::v1;

    fn list(query: &str) -> Result<v1::ListTasksRequest, String> {
        valid_json(&json(Some(query), &[]).unwrap_or_default(), Ok).map_err(|error| error.to_string())
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
        let get = json(Some("historyLength=2&id=other"), &[("id", "t1")]).unwrap();
        let get: v1::GetTaskRequest = valid_json(&get, Ok).unwrap();
        assert_eq!((get.id.as_str(), get.history_length), ("t1", Some(2)), "the path names the task");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, sentence) in [
            ("pageSize=x", "pageSize must be a whole number"),
            ("pageSize=99999999999", "pageSize must be a whole number"),
            ("pageSize=101", "pageSize must be 1 to 100"),
            ("includeArtifacts=1", "includeArtifacts must be a boolean, not string \"1\""),
            ("pageSize=1&page_size=2", "duplicate field"),
            ("status=WORKING", "status must be one of TASK_STATE_UNSPECIFIED"),
            ("statusTimestampAfter=yesterday", "statusTimestampAfter `yesterday`"),
            (
                "status=7&historyLength=-1&pageToken=%20",
                "historyLength must not be negative, not -1; pageToken is not a token",
            ),
        ] {
            let error = list(query).unwrap_err();
            assert!(error.contains(sentence), "{query}: {error}");
        }
        let error = json(Some("contextId=a&contextId=b"), &[]).unwrap_err().to_string();
        assert!(error.contains("contextId must not be there several times"), "{error}");
    }
}
