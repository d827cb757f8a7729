//! What the engine knows of an agent: how long a turn may take, what it takes, and what it gives.

use std::sync::Arc;

use inhouse_proto::v1::{self, part::Content};

use crate::agent::Agent;
use crate::budget::Budgets;

/// An agent and what the engine has to know about it.
pub struct AgentEntry {
    /// Takes the turns.
    pub agent: Arc<dyn Agent>,
    /// A turn's total time, in milliseconds.
    pub turn_ms_max: u64,
    /// What it takes beside text and data.
    pub takes: Takes,
    /// The media types of the parts that it takes, where not all that `takes` lets pass; empty, where all.
    pub accepts: Vec<String>,
    /// The media types of what it answers with; empty, where it may be anything.
    pub gives: Vec<String>,
    /// Whether it may answer with a message instead of a task.
    pub answers_directly: bool,
    /// What it may spend in a day.
    pub budgets: Budgets,
    /// Whether callers see what its model thinks.
    pub shows_reasoning: bool,
}

impl AgentEntry {
    /// An agent whose turns have five minutes, and of which no more is known.
    pub fn new(agent: Arc<dyn Agent>, takes: Takes) -> Self {
        let (accepts, gives) = (Vec::new(), Vec::new());
        Self {
            agent,
            turn_ms_max: 300_000,
            takes,
            accepts,
            gives,
            answers_directly: false,
            budgets: Budgets::default(),
            shows_reasoning: false,
        }
    }

    /// Whether it takes this part. What says nothing of its type is plain text, JSON, or any bytes.
    pub(crate) fn takes_part(&self, part: &v1::Part) -> bool {
        let plain = match &part.content {
            None | Some(Content::Text(_)) => "text/plain",
            Some(Content::Data(_)) => "application/json",
            Some(Content::Raw(_) | Content::Url(_)) => "application/octet-stream",
        };
        let named = Some(part.media_type.as_str()).filter(|named| !named.is_empty()).unwrap_or(plain);
        let accepted = self.accepts.is_empty() || self.accepts.iter().any(|range| is_range_of(range, named));
        accepted && self.takes.takes(part)
    }

    /// The media types that it takes, for a sentence.
    pub(crate) fn taken(&self) -> String {
        if !self.accepts.is_empty() {
            return self.accepts.join(", ");
        }
        self.takes.media_types().join(", ")
    }

    /// Whether a caller who takes these media types can take an answer; no list, and everything is taken (spec 3.2.2).
    pub(crate) fn can_please(&self, accepted: &[String]) -> bool {
        let fits = |accepted: &String| self.gives.iter().any(|given| is_range_of(accepted.trim(), given));
        accepted.is_empty() || self.gives.is_empty() || accepted.iter().any(fits)
    }
}

/// Whether a media range has a media type in it (RFC 9110 section 12.5.1); parameters do not matter. Older callers say `text` for
/// any text.
fn is_range_of(range: &str, media_type: &str) -> bool {
    let bare = |text: &str| text.split(';').next().unwrap_or_default().trim().to_owned();
    let (range, media_type) = (&bare(range), &bare(media_type));
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
    /// Also `raw` parts, those of these media types in the agent's own way.
    Files(&'static [&'static str]),
    /// Everything.
    Any,
}

impl Takes {
    /// The media types of what it takes, those first that an agent knows best.
    pub fn media_types(self) -> Vec<&'static str> {
        let (known, all): (&[_], &[_]) = match self {
            Self::Text => (&[], &[]),
            Self::Files(types) => (types, &["*/*"]),
            Self::Any => (&[], &["*/*"]),
        };
        [&["text/plain", "application/json"], known, all].concat()
    }

    fn takes(self, part: &v1::Part) -> bool {
        match (&part.content, self) {
            (_, Self::Any) | (None | Some(Content::Text(_) | Content::Data(_)), _) => true,
            (Some(Content::Raw(_)), Self::Files(_)) => true,
            (Some(Content::Raw(_) | Content::Url(_)), _) => false,
        }
    }
}
