//! Whatever v0.3 can express comes back from it as it was.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{Message, Task};
use crate::json::{self, Struct, Timestamp, Value};
use crate::v1::{self, part::Content};

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["", "[a-z]{1,8}", "\\PC{0,8}"]
}

fn numbers() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        (-1000..1000_i32).prop_map(|quarters| (f64::from(quarters) / 4.0).into()),
    ]
}

fn values() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        numbers(),
        text().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Into::into),
            vec(("(value|kind|[a-z]{0,4})", inner), 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Metadata with at least one member: an empty object does not come back from beside wrapped data.
fn metadata() -> impl Strategy<Value = Option<Struct>> {
    option::of(vec(("[a-z]{1,4}", values()), 1..3).prop_map(|members| Struct(members.into_iter().collect())))
}

/// Names and media types are said of files only.
fn parts() -> impl Strategy<Value = Vec<v1::Part>> {
    let named = |content| (content, text(), text());
    let plain = |content| (content, Just(String::new()), Just(String::new()));
    let content = prop_oneof![
        plain(text().prop_map(Content::Text).boxed()),
        plain(values().prop_map(|data| Content::Data(Value(data))).boxed()),
        named(vec(any::<u8>(), 0..6).prop_map(Content::Raw).boxed()),
        named(text().prop_map(Content::Url).boxed()),
    ];
    let part = (content, metadata()).prop_map(|((content, filename, media_type), metadata)| v1::Part {
        metadata,
        filename,
        media_type,
        content: Some(content),
    });
    vec(part, 0..4)
}

fn messages() -> impl Strategy<Value = v1::Message> {
    let role = prop_oneof![Just(v1::Role::User), Just(v1::Role::Agent)];
    let lists = (vec(text(), 0..3), vec(text(), 0..3));
    ([text(), text(), text()], role, parts(), metadata(), lists).prop_map(
        |([message_id, context_id, task_id], role, parts, metadata, (extensions, reference_task_ids))| v1::Message {
            message_id,
            context_id,
            task_id,
            role: role.into(),
            parts,
            metadata,
            extensions,
            reference_task_ids,
        },
    )
}

fn artifacts() -> impl Strategy<Value = v1::Artifact> {
    ([text(), text(), text()], parts(), metadata(), vec(text(), 0..3)).prop_map(
        |([artifact_id, name, description], parts, metadata, extensions)| v1::Artifact {
            artifact_id,
            name,
            description,
            parts,
            metadata,
            extensions,
        },
    )
}

fn statuses() -> impl Strategy<Value = v1::TaskStatus> {
    let state = (0..9).prop_filter("a state", |number| v1::TaskState::try_from(*number).is_ok());
    let timestamp = option::of((-62_135_596_800_000..253_402_300_799_999_i64).prop_map(|millis| Timestamp { millis }));
    (state, option::of(messages()), timestamp).prop_map(|(state, message, timestamp)| v1::TaskStatus {
        state,
        message,
        timestamp,
    })
}

fn tasks() -> impl Strategy<Value = v1::Task> {
    let lists = (vec(artifacts(), 0..3), vec(messages(), 0..3));
    (text(), text(), statuses(), lists, metadata()).prop_map(
        |(id, context_id, status, (artifacts, history), metadata)| v1::Task {
            id,
            context_id,
            status: Some(status),
            artifacts,
            history,
            metadata,
        },
    )
}

/// The same after it was written and read.
fn again<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    json::decode(&serde_json::to_vec(value).unwrap()).unwrap()
}

proptest! {
    #[test]
    fn a_message_comes_back_as_it_was(message in messages()) {
        prop_assert_eq!(again(&Message::from_v1(&message)).into_v1("message").unwrap(), message);
    }

    #[test]
    fn a_task_comes_back_as_it_was(task in tasks()) {
        prop_assert_eq!(again(&Task::from_v1(&task)).into_v1("task").unwrap(), task);
    }
}
