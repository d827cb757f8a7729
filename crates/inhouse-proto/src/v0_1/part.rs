//! The parts of the first generation: `{"type":"text","text":…}`, with a file or an object as the other kinds.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::error::A2aError;
use crate::json::{Struct, Value};
use crate::v1::json_form::read_object;
use crate::v1::{self, base64, part::Content};

/// The member that holds `data` which is no object, as it must be in this generation.
const DATA_VALUE: &str = "value";

/// A piece of content.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The content.
    pub kind: PartKind,
    /// Anything else that is known of it.
    pub metadata: Option<Struct>,
}

/// The content of a part.
#[derive(Debug, Clone, PartialEq)]
pub enum PartKind {
    /// Plain text.
    Text(String),
    /// A file.
    File(FileContent),
    /// A JSON object; other JSON is read too.
    Data(Value),
}

/// A file, by its bytes or by where they are.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileContent {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its media type.
    #[serde(alias = "mime_type", skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Its content in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<String>,
    /// Where it can be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}

/// All members that a part may have. Later generations call `type` `kind`; some clients send both, or neither.
#[derive(serde::Deserialize)]
#[serde(rename = "Part")]
struct Members {
    r#type: Option<String>,
    kind: Option<String>,
    text: Option<String>,
    #[serde(default, deserialize_with = "read_object")]
    file: Option<FileContent>,
    data: Option<Value>,
    metadata: Option<Struct>,
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Members::deserialize(deserializer)?;
        let text = members.text.map(PartKind::Text);
        let file = members.file.map(PartKind::File);
        let data = members.data.map(PartKind::Data);
        let kind = match members.r#type.or(members.kind).as_deref() {
            Some("text") => text.ok_or_else(|| D::Error::missing_field("text")),
            Some("file") => file.ok_or_else(|| D::Error::missing_field("file")),
            Some("data") => data.ok_or_else(|| D::Error::missing_field("data")),
            Some(other) => Err(D::Error::unknown_variant(other, &["text", "file", "data"])),
            None => text.or(file).or(data).ok_or_else(|| D::Error::missing_field("type")),
        };
        Ok(Self { kind: kind?, metadata: members.metadata })
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        let name = match &self.kind {
            PartKind::Text(_) => "text",
            PartKind::File(_) => "file",
            PartKind::Data(_) => "data",
        };
        members.serialize_entry("type", name)?;
        members.serialize_entry("kind", name)?;
        match &self.kind {
            PartKind::Text(text) => members.serialize_entry(name, text)?,
            PartKind::File(file) => members.serialize_entry(name, file)?,
            PartKind::Data(Value(data)) if data.is_object() => members.serialize_entry(name, data)?,
            PartKind::Data(Value(data)) => members.serialize_entry(name, &serde_json::json!({ DATA_VALUE: data }))?,
        }
        if let Some(metadata) = &self.metadata {
            members.serialize_entry("metadata", metadata)?;
        }
        members.end()
    }
}

impl Part {
    /// The v1 part; `path` names this one in an error.
    ///
    /// # Errors
    /// `InvalidParams` for a file with neither or both of bytes and uri, or with bytes that are no base64.
    pub fn into_v1(self, path: &str) -> Result<v1::Part, A2aError> {
        let content = match self.kind {
            PartKind::Text(text) => Content::Text(text),
            PartKind::Data(data) => Content::Data(data),
            PartKind::File(file) => return Ok(v1::Part { metadata: self.metadata, ..file.into_v1(path)? }),
        };
        Ok(v1::Part { metadata: self.metadata, content: Some(content), ..v1::Part::default() })
    }

    /// The part as this generation knows it; `None` for one without content.
    pub fn from_v1(part: &v1::Part) -> Option<Self> {
        let kind = match part.content.as_ref()? {
            Content::Text(text) => PartKind::Text(text.clone()),
            Content::Raw(_) | Content::Url(_) => PartKind::File(FileContent::from_v1(part)?),
            Content::Data(data) => PartKind::Data(data.clone()),
        };
        Some(Self { kind, metadata: part.metadata.clone() })
    }
}

impl FileContent {
    /// The v1 part; `path` names the part that has this file in an error.
    pub(crate) fn into_v1(self, path: &str) -> Result<v1::Part, A2aError> {
        let content = match (self.bytes, self.uri) {
            (Some(bytes), None) => {
                let raw = base64::decode(&bytes);
                Content::Raw(raw.map_err(|error| A2aError::invalid(format!("{path}.file.bytes"), error.to_string()))?)
            }
            (None, Some(uri)) => Content::Url(uri),
            (Some(_), Some(_)) => {
                return Err(A2aError::invalid(format!("{path}.file"), "has bytes and uri together"));
            }
            (None, None) => return Err(A2aError::invalid(format!("{path}.file"), "must have bytes or uri")),
        };
        let (filename, media_type) = (self.name.unwrap_or_default(), self.mime_type.unwrap_or_default());
        Ok(v1::Part { metadata: None, filename, media_type, content: Some(content) })
    }

    /// The file that a v1 part is; `None` for one that is none.
    pub(crate) fn from_v1(part: &v1::Part) -> Option<Self> {
        let (bytes, uri) = match part.content.as_ref()? {
            Content::Raw(raw) => (Some(base64::encode(raw)), None),
            Content::Url(url) => (None, Some(url.clone())),
            Content::Text(_) | Content::Data(_) => return None,
        };
        let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Some(Self { name: text(&part.filename), mime_type: text(&part.media_type), bytes, uri })
    }
}
