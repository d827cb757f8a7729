//! The parts of v0.3: `{"kind":"text","text":…}`, with a file or an object as the other kinds.

use crate::error::A2aError;
use crate::json::{Struct, Value};
use crate::v0_1::FileContent;
use crate::v1::json_form::read_object;
use crate::v1::{self, part::Content};

const TEXT: &str = "text";
const FILE: &str = "file";
const DATA: &str = "data";

/// The member that holds `data` which is no object, as it must be in this generation.
const DATA_VALUE: &str = "value";

/// The metadata of a part whose `data` is no object inside [`DATA_VALUE`]. The SDKs of the protocol have the same mark, so that
/// the value is taken out again on the way back, and an object that happens to have such a member stays as it is.
const DATA_IS_WRAPPED: &str = "data_part_compat";

/// A piece of content, as it stands in JSON: which members it must have depends on its kind.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Part {
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// What the first generation called `kind`; some clients send both.
    #[serde(skip_serializing)]
    r#type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, deserialize_with = "read_object", skip_serializing_if = "Option::is_none")]
    file: Option<FileContent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Struct>,
}

impl Part {
    /// The v1 part; `path` names this one in an error.
    ///
    /// # Errors
    /// `InvalidParams` for a part of no known kind, for one without the member of its kind, and for a file with neither or both
    /// of bytes and uri, or with bytes that are no base64.
    pub fn into_v1(self, path: &str) -> Result<v1::Part, A2aError> {
        let missing = |name: &str| A2aError::invalid(format!("{path}.{name}"), "must be present");
        let kind = match self.kind.as_deref().or(self.r#type.as_deref()) {
            None if self.text.is_some() => TEXT,
            None if self.file.is_some() => FILE,
            None if self.data.is_some() => DATA,
            kind => kind.unwrap_or_default(),
        };
        let (content, metadata) = match kind {
            TEXT => (Content::Text(self.text.ok_or_else(|| missing(TEXT))?), self.metadata),
            DATA => {
                let (data, metadata) = unwrapped(self.data.ok_or_else(|| missing(DATA))?, self.metadata);
                (Content::Data(data), metadata)
            }
            FILE => {
                let file = self.file.ok_or_else(|| missing(FILE))?.into_v1(path)?;
                return Ok(v1::Part { metadata: self.metadata, ..file });
            }
            _ => return Err(A2aError::invalid(format!("{path}.kind"), format!("must be {TEXT}, {FILE} or {DATA}"))),
        };
        Ok(v1::Part { metadata, content: Some(content), ..v1::Part::default() })
    }

    /// The part as this generation knows it; `None` for one without content.
    pub fn from_v1(part: &v1::Part) -> Option<Self> {
        let metadata = part.metadata.clone();
        let of = |kind: &str| Self { kind: Some(kind.to_owned()), ..Self::default() };
        Some(match part.content.as_ref()? {
            Content::Text(text) => Self { text: Some(text.clone()), metadata, ..of(TEXT) },
            Content::Raw(_) | Content::Url(_) => Self { file: FileContent::from_v1(part), metadata, ..of(FILE) },
            Content::Data(data) => {
                let (data, metadata) = wrapped(data, metadata);
                Self { data: Some(data), metadata, ..of(DATA) }
            }
        })
    }
}

/// `data` as an object, with the mark in its metadata where it was none.
fn wrapped(data: &Value, metadata: Option<Struct>) -> (Value, Option<Struct>) {
    if data.0.is_object() {
        return (data.clone(), metadata);
    }
    let mut metadata = metadata.unwrap_or_default();
    metadata.0.insert(DATA_IS_WRAPPED.to_owned(), true.into());
    (Value(serde_json::json!({ DATA_VALUE: data })), Some(metadata))
}

/// What stood in the data before it was wrapped; other data as it is.
fn unwrapped(data: Value, metadata: Option<Struct>) -> (Value, Option<Struct>) {
    let is_marked = metadata.as_ref().is_some_and(|metadata| metadata.0.get(DATA_IS_WRAPPED) == Some(&true.into()));
    match data {
        Value(serde_json::Value::Object(mut members)) if is_marked && members.contains_key(DATA_VALUE) => {
            (Value(members.remove(DATA_VALUE).unwrap_or_default()), without_mark(metadata))
        }
        data => (data, metadata),
    }
}

fn without_mark(metadata: Option<Struct>) -> Option<Struct> {
    let mut metadata = metadata?;
    metadata.0.remove(DATA_IS_WRAPPED);
    Some(metadata).filter(|metadata| !metadata.0.is_empty())
}
