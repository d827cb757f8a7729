//! Extensions of the protocol (spec 4.6): what callers ask for, what of it we know, and what it changes.
//!
//! We know one: with `generation`, each event of a stream carries its number in its metadata, which is what an event's `id` says
//! where there are Server-Sent Events, and what A2A 1.1 will have a field for.

use hyper::header::HeaderValue;
use inhouse_proto::error::A2aError;
use inhouse_proto::json::Struct;
use inhouse_proto::v1::stream_response::Payload;
use inhouse_proto::v1::{AgentExtension, StreamResponse};
use serde_json::json;

use super::Call;
use super::parameters::text;
use super::version::Generation;

/// The header, and the key of gRPC's metadata.
pub(crate) const HEADER: &str = "a2a-extensions";
/// Events carry their numbers.
const GENERATION: &str = "urn:inhouse:a2a:generation:v1";
const EXTENSIONS_MAX: usize = 32;
const EXTENSION_BYTES_MAX: usize = 256;

/// The extensions that are active for one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    generation: bool,
}

impl Call<'_> {
    /// `A2A-Extensions`: URIs between commas. Those that we do not know are left alone (spec 4.6.1); a list that is malformed is
    /// refused. Ours are for 1.0.
    pub(crate) fn extensions(&self, spoken: Generation) -> Result<Extensions, A2aError> {
        let mut active = Extensions::default();
        let mut named = 0;
        for value in self.headers.get_all(HEADER) {
            for uri in text(NAME, value)?.split(',').map(str::trim).filter(|uri| !uri.is_empty()) {
                named += 1;
                if named > EXTENSIONS_MAX {
                    return Err(A2aError::invalid(NAME, format!("must name at most {EXTENSIONS_MAX} extensions")));
                }
                if uri.len() > EXTENSION_BYTES_MAX || !is_absolute_uri(uri) {
                    let what = format!("must be absolute URIs of at most {EXTENSION_BYTES_MAX} bytes, between commas");
                    return Err(A2aError::invalid(NAME, what));
                }
                active.generation |= uri == GENERATION && spoken == Generation::V1;
            }
        }
        Ok(active)
    }
}

/// As people write it.
const NAME: &str = "A2A-Extensions";

impl Extensions {
    /// Whether any is active, so that events differ from the log's.
    pub(crate) fn change_events(self) -> bool {
        self.generation
    }

    /// What the answer says of them.
    pub(crate) fn header(self) -> Option<HeaderValue> {
        self.generation.then(|| HeaderValue::from_static(GENERATION))
    }

    /// The event of this number, with what the extensions add.
    pub(crate) fn extend(self, mut response: StreamResponse, generation: u64) -> StreamResponse {
        let metadata = match &mut response.payload {
            Some(Payload::Task(task)) => &mut task.metadata,
            Some(Payload::StatusUpdate(update)) => &mut update.metadata,
            Some(Payload::ArtifactUpdate(update)) => &mut update.metadata,
            Some(Payload::Message(message)) => &mut message.metadata,
            None => return response,
        };
        if self.generation {
            let Struct(members) = metadata.get_or_insert_with(|| Struct(serde_json::Map::new()));
            members.insert(GENERATION.to_owned(), json!({ "generation": generation }));
        }
        response
    }
}

/// The extensions that there are, as the card tells them.
pub(crate) fn declared() -> Vec<AgentExtension> {
    vec![AgentExtension {
        uri: GENERATION.to_owned(),
        description: "Each event of a stream carries its number, from 1 and without holes, in its metadata".to_owned(),
        ..Default::default()
    }]
}

/// A scheme, a colon and more (RFC 3986 section 3), of characters that a URI may have.
fn is_absolute_uri(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let in_rest = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    let begins_well = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    begins_well && scheme.bytes().all(in_scheme) && !rest.is_empty() && rest.bytes().all(in_rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_uris_name_extensions() {
        for uri in ["https://example.com/ext/v1", "urn:a2a:x", "a+b.c-1:x#y", "http://[::1]/?a=b%20c"] {
            assert!(is_absolute_uri(uri), "{uri}");
        }
        for uri in
            ["", "x", "/ext/v1", "//example.com", ":x", "1a:x", "https:", "a b:c", "https://a b", "https://ä", "x:<"]
        {
            assert!(!is_absolute_uri(uri), "{uri}");
        }
    }
}
