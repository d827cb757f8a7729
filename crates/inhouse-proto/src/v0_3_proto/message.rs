//! Messages and their parts, both ways.

use super::file_part::File;
use super::{DataPart, FilePart, Message, Part, Role, part};
use crate::error::A2aError;
use crate::json::{Struct, Value};
use crate::v1::{self, part::Content};

/// Data is an object in 0.3; other data is the member of this name.
const DATA_VALUE: &str = "value";

impl Message {
    /// The same in v1; `path` names this message in an error.
    ///
    /// # Errors
    /// `InvalidParams` for a message without content, or for a part or a file without any.
    pub fn into_v1(self, path: &str) -> Result<v1::Message, A2aError> {
        if self.content.is_empty() {
            return Err(A2aError::invalid(format!("{path}.content"), "must have at least one element"));
        }
        let parts = self.content.into_iter().enumerate();
        let parts = parts.map(|(index, part)| part.into_v1(&format!("{path}.content[{index}]")));
        Ok(v1::Message {
            message_id: self.message_id,
            context_id: self.context_id,
            task_id: self.task_id,
            role: self.role,
            parts: parts.collect::<Result<_, _>>()?,
            metadata: self.metadata,
            extensions: self.extensions,
            reference_task_ids: Vec::new(),
        })
    }

    /// The message as 0.3 knows it.
    pub fn from_v1(message: &v1::Message) -> Self {
        let role = match message.role() {
            v1::Role::Unspecified => Role::Unspecified,
            v1::Role::User => Role::User,
            v1::Role::Agent => Role::Agent,
        };
        Self {
            message_id: message.message_id.clone(),
            context_id: message.context_id.clone(),
            task_id: message.task_id.clone(),
            role: role.into(),
            content: Part::all_from_v1(&message.parts),
            metadata: message.metadata.clone(),
            extensions: message.extensions.clone(),
        }
    }
}

impl Part {
    fn into_v1(self, path: &str) -> Result<v1::Part, A2aError> {
        let content = match self.part {
            Some(part::Part::Text(text)) => Content::Text(text),
            Some(part::Part::Data(DataPart { data })) => {
                Content::Data(Value(serde_json::Value::Object(data.unwrap_or_default().0)))
            }
            Some(part::Part::File(file)) => return file.into_v1(&format!("{path}.file")),
            None => return Err(A2aError::invalid(path, "must have one of text, file, data")),
        };
        Ok(v1::Part { content: Some(content), ..v1::Part::default() })
    }

    /// Those parts that have content.
    pub(super) fn all_from_v1(parts: &[v1::Part]) -> Vec<Self> {
        parts.iter().filter_map(Self::from_v1).collect()
    }

    fn from_v1(part: &v1::Part) -> Option<Self> {
        let file = |file| part::Part::File(FilePart { mime_type: part.media_type.clone(), file: Some(file) });
        let part = match part.content.as_ref()? {
            Content::Text(text) => part::Part::Text(text.clone()),
            Content::Raw(bytes) => file(File::FileWithBytes(bytes.clone())),
            Content::Url(uri) => file(File::FileWithUri(uri.clone())),
            Content::Data(Value(data)) => part::Part::Data(DataPart { data: Some(object(data)) }),
        };
        Some(Self { part: Some(part) })
    }
}

impl FilePart {
    fn into_v1(self, path: &str) -> Result<v1::Part, A2aError> {
        let content = match self.file {
            Some(File::FileWithUri(uri)) => Content::Url(uri),
            Some(File::FileWithBytes(bytes)) => Content::Raw(bytes),
            None => return Err(A2aError::invalid(path, "must have one of fileWithUri, fileWithBytes")),
        };
        Ok(v1::Part { media_type: self.mime_type, content: Some(content), ..v1::Part::default() })
    }
}

fn object(data: &serde_json::Value) -> Struct {
    match data {
        serde_json::Value::Object(members) => Struct(members.clone()),
        other => Struct([(DATA_VALUE.to_owned(), other.clone())].into_iter().collect()),
    }
}
