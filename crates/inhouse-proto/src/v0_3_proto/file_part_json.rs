//! The JSON of `FilePart`: its bytes or its address beside their media type.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::FilePart;
use super::file_part::File;
use crate::v1::base64;
use crate::v1::json_form::{OneOf, null_as_default};

const URI: &str = "fileWithUri";
const BYTES: &str = "fileWithBytes";

impl Serialize for FilePart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        match &self.file {
            Some(File::FileWithUri(uri)) => members.serialize_entry(URI, uri)?,
            Some(File::FileWithBytes(bytes)) => members.serialize_entry(BYTES, &base64::encode(bytes))?,
            None => {}
        }
        if !self.mime_type.is_empty() {
            members.serialize_entry("mimeType", &self.mime_type)?;
        }
        members.end()
    }
}

/// All members that a file may have, read before one content is chosen.
#[derive(Default, serde::Deserialize)]
#[serde(default, rename = "FilePart")]
struct Members {
    #[serde(rename = "fileWithUri", alias = "file_with_uri")]
    uri: Option<String>,
    #[serde(rename = "fileWithBytes", alias = "file_with_bytes")]
    bytes: Option<String>,
    #[serde(rename = "mimeType", alias = "mime_type", deserialize_with = "null_as_default")]
    mime_type: String,
}

impl<'de> Deserialize<'de> for FilePart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Members { uri, bytes, mime_type } = Members::deserialize(deserializer)?;
        let bytes = bytes.map(|bytes| base64::decode(&bytes)).transpose();
        let bytes = bytes.map_err(|error| D::Error::custom(format_args!("{BYTES} {error}")))?;
        let mut file = OneOf::default();
        file.offer(URI, uri.map(File::FileWithUri))?;
        file.offer(BYTES, bytes.map(File::FileWithBytes))?;
        Ok(Self { mime_type, file: file.into_inner() })
    }
}
