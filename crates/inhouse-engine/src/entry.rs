//! What the engine knows of an agent: how long a turn may take, what it takes, and what it gives.

use std::sync::Arc;

use inhouse_proto::v1::{self, part::Content};

use crate::agent::Agent;

/// An agent and what the engine has to know about it.
pub struct AgentEntry {
    /// Takes the turns.
    pub agent: Arc<dyn Agent>,
    /// A turn's total time, in milliseconds.
    pub turn_ms_max: u64,
    /// What it takes beside text and data.
    pub takes: Takes,
    /// The media types of what it answers with; empty, where it may be anything.
    pub gives: Vec<String>,
    /// Whether it may answer with a message instead of a task.
    pub answers_directly: bool,
}

impl AgentEntry {
    /// Whether a caller who takes these media types can take an answer; no list, and everything is taken (spec 3.2.2).
    pub(crate) fn can_please(&self, accepted: &[String]) -> bool {
        let fits = |accepted: &String| self.gives.iter().any(|given| is_range_of(accepted.trim(), given));
        accepted.is_empty() || self.gives.is_empty() || accepted.iter().any(fits)
    }
}

/// Whether a media range has a media type in it (RFC 9110 section 12.5.1). Older callers say `text` for any text.
fn is_range_of(range: &str, media_type: &str) -> bool {
    let range = range.split(';').next().unwrap_or_default().trim();
    let kind = |whole: &str| whole.split('/').next().unwrap_or_default().to_ascii_lowercase();
    match range.split_once('/') {
        Some(("*", "*")) => true,
        Some((_, "*")) | None => kind(range) == kind(media_type),
        Some(_) => range.eq_ignore_ascii_case(media_type),
    }
}

/// Which parts of a message an agent takes (spec 3.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Text and data parts.
    Text,
    /// Also `raw` parts of these media types.
    Types(&'static [&'static str]),
    /// Everything.
    Any,
}

impl Takes {
    pub(crate) fn takes(self, part: &v1::Part) -> bool {
        match (&part.content, self) {
            (_, Self::Any) | (None | Some(Content::Text(_) | Content::Data(_)), _) => true,
            (Some(Content::Raw(_)), Self::Types(types)) => {
                types.iter().any(|media_type| part.media_type.eq_ignore_ascii_case(media_type))
            }
            (Some(Content::Raw(_) | Content::Url(_)), _) => false,
        }
    }
}
