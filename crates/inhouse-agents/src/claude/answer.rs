//! The text of Claude's answer, block by block: what was streamed, what came whole, and what was withdrawn again.

use inhouse_engine::agent::AgentEvent;

use crate::dialogue::Said;
use crate::text::{EscapeFilter, without_escapes};

/// All blocks of the turn's messages, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    blocks: Vec<Block>,
    /// The provider cut the last message for its length: the next one goes on in the middle of it.
    cut_for_length: bool,
}

/// One content block of one message.
#[derive(Debug)]
struct Block {
    message: String,
    /// Its place in the message, when it was streamed.
    index: Option<u64>,
    kind: Kind,
    /// The line with the whole block has come.
    whole: bool,
}

#[derive(Debug)]
enum Kind {
    Text {
        /// What stands between it and the text before it.
        lead: &'static str,
        text: String,
        filter: EscapeFilter,
    },
    /// A thought or a use of a tool; it only parts the text before from the text after.
    Other,
}

impl Answer {
    /// Whether there is any text.
    pub(crate) fn is_empty(&self) -> bool {
        self.texts().all(str::is_empty)
    }

    /// The provider stopped the running message at its length limit.
    pub(crate) fn cut_for_length(&mut self) {
        self.cut_for_length = true;
    }

    /// A streamed block begins.
    pub(crate) fn start(&mut self, message: &str, index: u64, is_text: bool) {
        let kind = if is_text {
            Kind::Text { lead: "", text: String::new(), filter: EscapeFilter::default() }
        } else {
            Kind::Other
        };
        self.blocks.push(Block { message: message.to_owned(), index: Some(index), kind, whole: false });
    }

    /// A piece of a streamed block of text.
    pub(crate) fn delta(&mut self, message: &str, index: u64, piece: &str, said: &mut Said) {
        let is_it = |block: &Block| block.message == message && block.index == Some(index);
        let at = self.blocks.iter().rposition(is_it).unwrap_or_else(|| {
            self.start(message, index, true);
            self.blocks.len() - 1
        });
        self.append(at, piece, said);
    }

    /// A whole block of text. It adds nothing if it was streamed before.
    pub(crate) fn whole(&mut self, message: &str, text: &str, said: &mut Said) {
        let waits =
            |block: &&mut Block| block.message == message && !block.whole && matches!(block.kind, Kind::Text { .. });
        let Some(block) = self.blocks.iter_mut().find(waits) else {
            self.start(message, 0, true);
            let at = self.blocks.len() - 1;
            (self.blocks[at].index, self.blocks[at].whole) = (None, true);
            return self.append(at, text, said);
        };
        block.whole = true;
        let Kind::Text { text: streamed, .. } = &mut block.kind else { return };
        let text = without_escapes(text.to_owned());
        if *streamed != text {
            *streamed = text;
            self.again(said);
        }
    }

    /// A whole block that is no text.
    pub(crate) fn other(&mut self, message: &str) {
        self.blocks.push(Block { message: message.to_owned(), index: None, kind: Kind::Other, whole: true });
    }

    /// The blocks of a message from a place on are withdrawn: the stream broke and the provider is asked again.
    pub(crate) fn abandon(&mut self, message: &str, from_index: u64, said: &mut Said) {
        let had_text = |block: &Block| matches!(&block.kind, Kind::Text { text, .. } if !text.is_empty());
        let mut lost = false;
        self.blocks.retain(|block| {
            let goes = block.message == message && block.index.is_some_and(|index| index >= from_index);
            lost |= goes && had_text(block);
            !goes
        });
        if lost {
            self.again(said);
        }
    }

    /// Replaces what the caller has by what stands.
    fn again(&mut self, said: &mut Said) {
        said.events.push(AgentEvent::Withdraw);
        for block in &self.blocks {
            if let Kind::Text { lead, text, .. } = &block.kind {
                said.text([*lead, text.as_str()].concat());
            }
        }
    }

    fn append(&mut self, at: usize, piece: &str, said: &mut Said) {
        let starts = matches!(&self.blocks[at].kind, Kind::Text { text, .. } if text.is_empty());
        let first_lead = if starts && !piece.is_empty() { self.lead(at) } else { "" };
        let Kind::Text { lead, text, filter } = &mut self.blocks[at].kind else { return };
        let piece = filter.push(piece.into());
        if piece.is_empty() {
            return;
        }
        if starts {
            *lead = first_lead;
            said.text(first_lead.to_owned());
            self.cut_for_length = false;
        }
        text.push_str(&piece);
        said.text(piece.into_owned());
    }

    /// What parts a new block from the text before it: nothing where one sentence goes on, otherwise a blank line.
    fn lead(&self, at: usize) -> &'static str {
        let before = &self.blocks[..at];
        let last_text = before.iter().rev().find_map(|block| match &block.kind {
            Kind::Text { text, .. } if !text.is_empty() => Some(text.as_str()),
            _ => None,
        });
        let goes_on = before
            .last()
            .is_some_and(|last| last.message == self.blocks[at].message && matches!(last.kind, Kind::Text { .. }));
        match last_text {
            None => "",
            Some(_) if goes_on || self.cut_for_length => "",
            Some(text) if text.ends_with("\n\n") => "",
            Some(text) if text.ends_with('\n') => "\n",
            Some(_) => "\n\n",
        }
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.blocks.iter().filter_map(|block| match &block.kind {
            Kind::Text { text, .. } => Some(text.as_str()),
            Kind::Other => None,
        })
    }
}
