//! A dialogue in lines: most agents write one JSON value a line. What is the same for all of them stands here.

use inhouse_engine::Reply;
use inhouse_engine::agent::{End, Reason};

use crate::dialogue::{Dialogue, Ending, Free, Opened, Rest, Said, failed};
use crate::lines::{Line, Lines};

/// One turn in a protocol of lines.
pub(crate) trait LineProtocol: Send {
    /// Takes the next line, with its line feed if it had one. None comes after the line that said how the turn ended.
    fn line(&mut self, line: &[u8], said: &mut Said);

    /// The last line has come.
    fn finish(&mut self, _said: &mut Said) {}

    /// The lines of one read have come.
    fn settle(&mut self, _said: &mut Said) {}

    /// What to write to the agent to make it stop; without it, the process is asked by signal alone.
    fn interrupt(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// What to write to the agent when something that it asks is answered. Agents that ask nothing hear nothing.
    fn reply(&mut self, _reply: &Reply) -> Option<Vec<u8>> {
        None
    }

    /// What needs no leave in this turn, where no rule forbids it: a tool, and all that it acts on.
    fn free(&self) -> Vec<Free> {
        Vec::new()
    }

    /// Whether a line is of a turn, or wants to be answered. Other news can come at any time.
    fn acts(_line: &[u8]) -> bool {
        true
    }

    /// Whether its process can take another turn. Asked once this one is over.
    fn rests(&self) -> bool {
        false
    }

    /// What is open in the process then.
    fn opened(&self) -> Opened {
        Opened::default()
    }

    /// How the turn ended, of which no line told.
    fn ended(&mut self, ending: &Ending) -> End;
}

/// The dialogue of a protocol of lines.
#[derive(Debug)]
pub(crate) struct ByLine<P> {
    lines: Lines,
    over: bool,
    /// After its end it has gone on by itself.
    restless: bool,
    /// The process was kept, and has said nothing yet that is of this turn.
    unheard: bool,
    lost: bool,
    pub(crate) protocol: P,
}

impl<P: LineProtocol> ByLine<P> {
    /// Of lines up to `line_bytes_max` bytes: a longer one ends the turn.
    pub(crate) fn new(line_bytes_max: usize, protocol: P) -> Self {
        Self { lines: Lines::new(line_bytes_max), over: false, restless: false, unheard: false, lost: false, protocol }
    }

    /// With a process that was kept, and has written the beginning of a line that nobody wants.
    pub(crate) fn going_on(line_bytes_max: usize, is_mid_line: bool, protocol: P) -> Self {
        let lines = Lines::new(line_bytes_max).after_the_next_feed(is_mid_line);
        Self { lines, unheard: true, ..Self::new(line_bytes_max, protocol) }
    }

    /// Whether a process that was kept had ended before it began this turn.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }

    fn line(&mut self, line: &Line, said: &mut Said) {
        if self.over {
            self.restless |= line.whole().is_none_or(P::acts);
            return;
        }
        self.unheard = self.unheard && !line.whole().is_none_or(P::acts);
        match line {
            Line::Whole(bytes) => self.protocol.line(bytes, said),
            Line::TooLong => said.over(failed(Reason::AgentProtocol, "the agent wrote a line that is too long")),
        }
        self.over = said.end.is_some();
    }
}

impl<P: LineProtocol> Dialogue for ByLine<P> {
    fn read(&mut self, bytes: &[u8], said: &mut Said) {
        self.lines.push(bytes);
        while let Some(line) = self.lines.next_line() {
            self.line(&line, said);
        }
        self.protocol.settle(said);
    }

    fn finish(&mut self, said: &mut Said) {
        if let Some(line) = self.lines.finish() {
            self.line(&line, said);
        }
        self.protocol.finish(said);
        self.protocol.settle(said);
    }

    fn interrupt(&mut self) -> Option<Vec<u8>> {
        self.protocol.interrupt()
    }

    fn reply(&mut self, reply: &Reply) -> Option<Vec<u8>> {
        self.protocol.reply(reply)
    }

    fn free(&self) -> Vec<Free> {
        self.protocol.free()
    }

    fn rest(&self) -> Option<Rest> {
        let rests = self.over && !self.restless && self.protocol.rests();
        rests.then(|| Rest { acts: P::acts, mid_line: self.lines.is_mid_line(), opened: self.protocol.opened() })
    }

    fn ended(&mut self, ending: &Ending) -> End {
        self.lost = self.unheard;
        self.protocol.ended(ending)
    }
}
