//! The text of an answer, block by block: what was streamed, what came whole, and what was withdrawn again.

use std::collections::VecDeque;

use inhouse_engine::agent::AgentEvent;

use crate::dialogue::Said;
use crate::text::{EscapeFilter, without_escapes};

/// Blocks that can still be withdrawn or come again as a whole. Agents do so with the last message alone.
const OPEN_BLOCKS_MAX: usize = 1_000;
/// How much of a message's id counts; the known ones are shorter.
const ID_CHARS_MAX: usize = 64;

/// The text blocks of the turn's messages, oldest first. Of all else it only matters whether it stood between two of them.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// What the oldest blocks said, which nothing changes any more.
    settled: String,
    blocks: VecDeque<Block>,
    /// A thought or a use of a tool came after the last block.
    parted: bool,
    /// The provider cut the last message for its length: the next one goes on in the middle of it.
    cut_for_length: bool,
    /// What the caller has is no longer what stands.
    changed: bool,
    /// A message went on after another one had begun: the caller has it behind that one's text, until one of them is whole.
    disordered: bool,
}

/// The id of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MessageId(Box<str>);

impl MessageId {
    /// An id as the agent wrote it.
    pub(crate) fn new(id: &str) -> Self {
        let end = id.char_indices().nth(ID_CHARS_MAX).map_or(id.len(), |(end, _)| end);
        Self(id[..end].into())
    }
}

/// One text block of one message.
#[derive(Debug)]
struct Block {
    message: MessageId,
    /// Its place in the message, when it was streamed.
    index: Option<u64>,
    /// Something that is no text stands between it and the block before it.
    parted: bool,
    /// What stands between it and the text before it.
    lead: &'static str,
    text: String,
    filter: EscapeFilter,
    /// The line with the whole block has come.
    whole: bool,
}

impl Answer {
    /// Whether there is any text.
    pub(crate) fn is_empty(&self) -> bool {
        self.settled.is_empty() && self.blocks.iter().all(|block| block.text.is_empty())
    }

    /// The provider stopped the running message at its length limit.
    pub(crate) fn cut_for_length(&mut self) {
        self.cut_for_length = true;
    }

    /// A streamed block of text begins.
    pub(crate) fn start(&mut self, message: &MessageId, index: u64) {
        self.push(message, Some(index), false);
    }

    /// A piece of a streamed block of text.
    pub(crate) fn delta(&mut self, message: &MessageId, index: u64, piece: &str, said: &mut Said) {
        let is_it = |block: &Block| block.message == *message && block.index == Some(index);
        let at = self.blocks.iter().rposition(is_it).unwrap_or_else(|| self.push(message, Some(index), false));
        self.append(at, piece, said);
    }

    /// A whole block of text. It adds nothing if it was streamed before.
    pub(crate) fn whole(&mut self, message: &MessageId, text: &str, said: &mut Said) {
        self.changed |= std::mem::take(&mut self.disordered);
        let Some(block) = self.blocks.iter_mut().find(|block| block.message == *message && !block.whole) else {
            let at = self.push(message, None, true);
            return self.append(at, text, said);
        };
        block.whole = true;
        let text = without_escapes(text.to_owned());
        if block.text != text {
            block.text = text;
            self.changed = true;
        }
    }

    /// A block that is no text, or a piece of one.
    pub(crate) fn other(&mut self) {
        self.parted = true;
    }

    /// The blocks of a message from a place on are withdrawn: the stream broke and the provider is asked again.
    pub(crate) fn abandon(&mut self, message: &MessageId, from_index: u64) {
        let mut lost = false;
        self.blocks.retain(|block| {
            let goes = block.message == *message && block.index.is_some_and(|index| index >= from_index);
            lost |= goes && !block.text.is_empty();
            !goes
        });
        self.changed |= lost;
    }

    /// Adds a block without text, and returns its place.
    fn push(&mut self, message: &MessageId, index: Option<u64>, whole: bool) -> usize {
        if self.blocks.len() == OPEN_BLOCKS_MAX
            && let Some(oldest) = self.blocks.pop_front()
        {
            self.settled.push_str(oldest.lead);
            self.settled.push_str(&oldest.text);
        }
        self.blocks.push_back(Block {
            message: message.clone(),
            index,
            parted: std::mem::take(&mut self.parted),
            lead: "",
            text: String::new(),
            filter: EscapeFilter::default(),
            whole,
        });
        self.blocks.len() - 1
    }

    /// Replaces what the caller has by what stands, if that has changed. To be asked once all of a read is taken: however many blocks
    /// have changed in it, the whole is copied once.
    pub(crate) fn settle(&mut self, said: &mut Said) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        // It is in what stands.
        said.events.retain(|event| !matches!(event, AgentEvent::Text(_)));
        said.events.push(AgentEvent::Withdraw);
        said.text(self.settled.clone());
        for block in &self.blocks {
            said.text([block.lead, block.text.as_str()].concat());
        }
    }

    fn append(&mut self, at: usize, piece: &str, said: &mut Said) {
        let starts = self.blocks[at].text.is_empty();
        let lead = if starts { self.lead(at) } else { "" };
        let block = &mut self.blocks[at];
        let piece = block.filter.push(piece.into());
        if piece.is_empty() {
            return;
        }
        if starts {
            block.lead = lead;
            said.text(lead.to_owned());
            self.cut_for_length = false;
        }
        block.text.push_str(&piece);
        said.text(piece.into_owned());
        self.disordered |= self.blocks.iter().skip(at + 1).any(|block| !block.text.is_empty());
    }

    /// What parts a new block from the text before it: nothing where one sentence goes on, otherwise a blank line.
    fn lead(&self, at: usize) -> &'static str {
        let block = &self.blocks[at];
        let goes_on = !block.parted && at > 0 && self.blocks[at - 1].message == block.message;
        let before = self.blocks.iter().take(at).rev().map(|block| block.text.as_str());
        let last_text = before.chain([self.settled.as_str()]).find(|text| !text.is_empty());
        match last_text {
            None => "",
            Some(_) if goes_on || self.cut_for_length => "",
            Some(text) if text.ends_with("\n\n") => "",
            Some(text) if text.ends_with('\n') => "\n",
            Some(_) => "\n\n",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_come_in_turn_are_apart_once_one_is_whole() {
        let (mut answer, mut said) = (Answer::default(), Said::default());
        let [one, other] = ["one", "other"].map(MessageId::new);
        for (message, piece) in [(&one, "a"), (&other, "b"), (&one, "c"), (&other, "d")] {
            answer.delta(message, 0, piece, &mut said);
        }
        answer.whole(&one, "ac", &mut said);
        answer.settle(&mut said);
        assert_eq!(said.events, [AgentEvent::Withdraw, AgentEvent::Text("ac\n\nbd".to_owned())]);
    }

    #[test]
    fn a_flood_of_blocks_keeps_its_text_and_nothing_else() {
        let (mut answer, mut said) = (Answer::default(), Said::default());
        for number in 0..50_000 {
            let message = MessageId::new(&format!("m{}", number % 7));
            answer.other();
            answer.start(&message, number);
            if number % 10 == 0 {
                answer.delta(&message, number, "x", &mut said);
            }
        }
        answer.settle(&mut said);
        assert!(answer.blocks.len() <= OPEN_BLOCKS_MAX && answer.blocks.capacity() <= 4 * OPEN_BLOCKS_MAX);
        let expected = vec!["x"; 5_000].join("\n\n");
        assert_eq!(said.events, [AgentEvent::Text(expected.clone())]);
        let mut again = Said::default();
        answer.changed = true;
        answer.settle(&mut again);
        assert_eq!(again.events, [AgentEvent::Withdraw, AgentEvent::Text(expected)]);
    }

    #[test]
    fn many_changes_in_one_read_do_not_multiply_the_answer() {
        let (mut answer, mut said) = (Answer::default(), Said::default());
        let ids: Vec<_> = (0..100).map(|number| MessageId::new(&number.to_string())).collect();
        ids.iter().for_each(|id| answer.delta(id, 0, "streamed", &mut said));
        let mut read = Said::default();
        ids.iter().for_each(|id| answer.whole(id, "changed", &mut read));
        assert!(read.events.is_empty(), "nothing is copied before the read ends");
        answer.settle(&mut read);
        let withdrawals = read.events.iter().filter(|event| **event == AgentEvent::Withdraw).count();
        let texts: Vec<_> = read.events.iter().filter(|event| matches!(event, AgentEvent::Text(_))).collect();
        assert_eq!((withdrawals, texts), (1, vec![&AgentEvent::Text(vec!["changed"; 100].join("\n\n"))]));
    }

    #[test]
    fn thoughts_part_texts_however_many_they_are() {
        let (mut answer, mut said) = (Answer::default(), Said::default());
        let message = MessageId::new("m");
        answer.delta(&message, 0, "one", &mut said);
        answer.delta(&message, 1, " sentence", &mut said);
        (0..10_000).for_each(|_| answer.other());
        answer.delta(&message, 2, "another", &mut said);
        assert_eq!(said.events, [AgentEvent::Text("one sentence\n\nanother".to_owned())]);
        assert!(answer.blocks.len() == 3 && MessageId::new(&"é".repeat(1 << 20)).0.len() == 2 * ID_CHARS_MAX);
    }
}
