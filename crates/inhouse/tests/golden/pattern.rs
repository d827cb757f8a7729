//! What an answer has to look like: JSON in which some strings stand for what differs from run to run.

use std::collections::BTreeMap;

use serde_json::Value;

/// Values kept from earlier answers, by name.
pub(crate) type Kept = BTreeMap<String, Value>;

/// Puts what was kept in the place of its name.
pub(crate) fn filled(pattern: &Value, kept: &Kept) -> Value {
    match pattern {
        Value::String(text) => {
            text.strip_prefix('$').and_then(|name| kept.get(name)).cloned().unwrap_or_else(|| pattern.clone())
        }
        Value::Array(items) => items.iter().map(|item| filled(item, kept)).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), filled(value, kept))).collect())
        }
        other => other.clone(),
    }
}

/// Where a value is not as the pattern wants it. `$any`: something; `$maybe`: something or nothing; `$time`: a timestamp.
pub(crate) fn difference(value: &Value, pattern: &Value, path: &str) -> Option<String> {
    match (value, pattern) {
        (Value::Null, Value::String(word)) if word == "$any" => Some(format!("{path} is missing")),
        (_, Value::String(word)) if word == "$any" || word == "$maybe" => None,
        (Value::String(time), Value::String(word)) if word == "$time" => {
            let is_time = time.len() == 24 && time.ends_with('Z') && time.as_bytes()[10] == b'T';
            (!is_time).then(|| format!("{path} is no time with milliseconds: {time}"))
        }
        (Value::Object(members), Value::Object(wanted)) => {
            let names = members.keys().chain(wanted.keys()).collect::<std::collections::BTreeSet<_>>();
            names.into_iter().find_map(|name| {
                let missing = Value::Null;
                let wanted = wanted.get(name).unwrap_or(&missing);
                difference(members.get(name).unwrap_or(&missing), wanted, &format!("{path}.{name}"))
            })
        }
        (Value::Array(items), Value::Array(wanted)) if items.len() == wanted.len() => {
            let pairs = items.iter().zip(wanted).enumerate();
            pairs.into_iter().find_map(|(at, (item, wanted))| difference(item, wanted, &format!("{path}[{at}]")))
        }
        _ => (value != pattern).then(|| format!("{path} is {value}, not {pattern}")),
    }
}
