//! Extensions of the protocol (spec 4.6): what callers ask for, what of it we know, and what it changes.
//!
//! We know two. With `activity` the status messages of a working task tell in their metadata what the agent does; they do so for
//! everybody, since a reader passes over metadata that he does not know. With `generation`, each event of a stream carries its number in its metadata, which is what an event's `id` says
//! where there are Server-Sent Events, and what A2A 1.1 will have a field for.

use hyper::header::HeaderValue;
use inhouse_engine::ACTIVITY;
use inhouse_proto::error::{A2aError, ErrorKind};
use inhouse_proto::json::Struct;
use inhouse_proto::v1::stream_response::Payload;
use inhouse_proto::v1::{AgentExtension, StreamResponse};
use serde_json::json;

use super::Call;
use super::operation::Asked;
use super::parameters::text;
use super::version::Generation;

/// The header, and the key of gRPC's metadata.
pub(crate) const HEADER: &str = "a2a-extensions";
/// Events carry their numbers.
const GENERATION: &str = "urn:inhouse:a2a:generation:v1";
const EXTENSIONS_MAX: usize = 32;
const EXTENSION_BYTES_MAX: usize = 256;

/// So many extensions can be declared beside ours: a call remembers each in a bit.
pub(crate) const DECLARED_MAX: usize = 64;

/// An extension that an operator declares: the agents know it, the server only negotiates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Its name, an absolute URI.
    pub uri: String,
    /// For people.
    pub description: String,
    /// Whether a message without it is refused.
    pub required: bool,
}

impl Extension {
    /// Whether an extension can be called this.
    pub fn is_name(uri: &str) -> bool {
        uri.len() <= EXTENSION_BYTES_MAX && is_absolute_uri(uri)
    }
}

/// The extensions that are active for one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    generation: bool,
    activity: bool,
    /// Of the declared ones, by their places.
    declared: u64,
}

impl Call<'_> {
    /// The extensions that the header names, and the message. Those that we do not know are left alone, whatever
    /// they look like (spec 4.6.1, 4.6.3); a list that is too long is refused, and a message that lacks a required one. Ours are for 1.0.
    pub(crate) fn extensions(&self, spoken: Generation, asked: &Asked) -> Result<Extensions, A2aError> {
        let mut active = Extensions::default();
        let mut named = 0;
        let mut name = |uri: &str, field: &str| {
            named += 1;
            if named > EXTENSIONS_MAX {
                return Err(A2aError::invalid(field, format!("must name at most {EXTENSIONS_MAX} extensions")));
            }
            active.generation |= uri == GENERATION && spoken == Generation::V1;
            active.activity |= uri == ACTIVITY && spoken == Generation::V1;
            let at = self.endpoint.extensions.iter().take(DECLARED_MAX).position(|known| known.uri == uri);
            active.declared |= at.map_or(0, |at| 1 << at);
            Ok(())
        };
        for value in HEADERS.iter().flat_map(|header| self.headers.get_all(*header)) {
            for uri in text(NAME, value)?.split(',').map(str::trim).filter(|uri| !uri.is_empty()) {
                name(uri, NAME)?;
            }
        }
        let message = asked.message();
        for uri in message.iter().flat_map(|message| &message.extensions) {
            name(uri, "message.extensions")?;
        }
        if message.is_some() {
            active.require(&self.endpoint.extensions)?;
        }
        Ok(active)
    }
}

/// As people write it.
const NAME: &str = "A2A-Extensions";
/// The header of 1.0, and that of 0.3.
const HEADERS: [&str; 2] = [HEADER, "x-a2a-extensions"];

impl Extensions {
    fn require(self, declared: &[Extension]) -> Result<(), A2aError> {
        let missing = declared.iter().enumerate().find(|(at, one)| one.required && self.declared & (1 << at) == 0);
        missing.map_or(Ok(()), |(_, one)| {
            Err(A2aError::new(ErrorKind::ExtensionSupportRequired).with("extension", one.uri.clone()))
        })
    }

    /// Whether any is active, so that events differ from the log's.
    pub(crate) fn change_events(self) -> bool {
        self.generation
    }

    /// What the answer says of them.
    pub(crate) fn header(self, declared: &[Extension]) -> Option<HeaderValue> {
        let own = [self.generation.then_some(GENERATION), self.activity.then_some(ACTIVITY)];
        let others = declared.iter().enumerate().filter(|(at, _)| self.declared & (1 << at) != 0);
        let all: Vec<_> = own.into_iter().flatten().chain(others.map(|(_, one)| one.uri.as_str())).collect();
        if all.is_empty() { None } else { HeaderValue::from_str(&all.join(", ")).ok() }
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
pub(crate) fn declared(others: &[Extension]) -> Vec<AgentExtension> {
    let own = |uri: &str, description: &str| AgentExtension {
        uri: uri.to_owned(),
        description: description.to_owned(),
        ..Default::default()
    };
    let own = [
        own(GENERATION, "Each event of a stream carries its number, from 1 and without holes, in its metadata"),
        own(
            ACTIVITY,
            "Status messages of a working task tell in their metadata what the agent does: tool, retry or plan",
        ),
    ];
    let other = |one: &Extension| AgentExtension {
        uri: one.uri.clone(),
        description: one.description.clone(),
        required: one.required,
        params: None,
    };
    own.into_iter().chain(others.iter().map(other)).collect()
}

/// A scheme, a colon and more (RFC 3986 section 3), of characters that a URI may have.
pub(crate) fn is_absolute_uri(uri: &str) -> bool {
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
