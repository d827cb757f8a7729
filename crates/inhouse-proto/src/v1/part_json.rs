//! The JSON of `Part`: its content is one of four members beside the others (spec 4.1.6).

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::json_form::{OneOf, null_as_default};
use super::part::Content;
use super::{Part, base64};
use crate::json::{Struct, Value};

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        match &self.content {
            Some(Content::Text(text)) => members.serialize_entry("text", text)?,
            Some(Content::Raw(bytes)) => members.serialize_entry("raw", &base64::encode(bytes))?,
            Some(Content::Url(url)) => members.serialize_entry("url", url)?,
            Some(Content::Data(data)) => members.serialize_entry("data", data)?,
            None => {}
        }
        if let Some(metadata) = &self.metadata {
            members.serialize_entry("metadata", metadata)?;
        }
        for (name, text) in [("filename", &self.filename), ("mediaType", &self.media_type)] {
            if !text.is_empty() {
                members.serialize_entry(name, text)?;
            }
        }
        members.end()
    }
}

/// All members that a part may have, read before one content is chosen.
#[derive(Default, serde::Deserialize)]
#[serde(default, rename = "Part")]
struct Members {
    text: Option<String>,
    raw: Option<String>,
    url: Option<String>,
    #[serde(deserialize_with = "some_value")]
    data: Option<Value>,
    metadata: Option<Struct>,
    #[serde(deserialize_with = "null_as_default")]
    filename: String,
    #[serde(rename = "mediaType", alias = "media_type", deserialize_with = "null_as_default")]
    media_type: String,
}

/// `null` is data too.
fn some_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Members { text, raw, url, data, metadata, filename, media_type } = Members::deserialize(deserializer)?;
        let raw = raw.map(|raw| base64::decode(&raw)).transpose();
        let raw = raw.map_err(|error| D::Error::custom(format_args!("raw {error}")))?;
        let mut content = OneOf::default();
        content.offer("text", text.map(Content::Text))?;
        content.offer("raw", raw.map(Content::Raw))?;
        content.offer("url", url.map(Content::Url))?;
        // Some clients write every member of theirs, with null for the absent ones.
        let data = data.filter(|data| !(data.0.is_null() && content.is_found()));
        content.offer("data", data.map(Content::Data))?;
        Ok(Self { metadata, filename, media_type, content: content.into_inner() })
    }
}
