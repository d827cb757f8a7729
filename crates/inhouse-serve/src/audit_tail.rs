//! The last lines of the audit, in memory, for whoever may look at the server: so many, and no more.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::value::RawValue;

/// The last lines that were written. Clones are the same.
#[derive(Debug, Clone)]
pub struct AuditTail {
    lines_max: usize,
    // Held for a copy of a few lines, never across an await.
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<Box<RawValue>>,
    /// The number of the last one; the first line of a start is 1.
    last: u64,
}

/// Some of the lines, oldest first.
#[derive(Debug, Serialize)]
pub(crate) struct AuditPage {
    lines: Vec<Box<RawValue>>,
    /// Lines after the one that was asked for that are not kept any more.
    skipped: u64,
    /// The number of the last of these lines: what comes after it is asked for by it.
    next: u64,
}

impl AuditTail {
    /// Keeps so many lines.
    pub fn new(lines_max: usize) -> Self {
        Self { lines_max, kept: Arc::default() }
    }

    /// Takes whole lines that were written.
    pub(crate) fn push(&self, lines: &[u8]) {
        if self.lines_max == 0 {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for line in String::from_utf8_lossy(lines).lines() {
            // Every line is an object; what is none has no place in an answer.
            let Ok(line) = RawValue::from_string(line.to_owned()) else { continue };
            kept.last += 1;
            kept.lines.push_back(line);
            if kept.lines.len() > self.lines_max {
                kept.lines.pop_front();
            }
        }
    }

    /// The lines after a number, or the last ones where none is given; `limit` at most.
    pub(crate) fn page(&self, after: Option<u64>, limit: usize) -> AuditPage {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let first = kept.last - kept.lines.len() as u64;
        // A number of before a new start is beyond all lines, and means nothing any more.
        let wanted = after.filter(|after| *after <= kept.last);
        let from = wanted.unwrap_or_else(|| kept.last.saturating_sub(limit as u64)).max(first);
        let skipped = from - wanted.unwrap_or(from);
        let skip = usize::try_from(from - first).unwrap_or(usize::MAX);
        let lines: Vec<_> = kept.lines.iter().skip(skip).take(limit).cloned().collect();
        let next = from + lines.len() as u64;
        AuditPage { lines, skipped, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_comes_once_and_what_is_gone_is_counted() {
        let tail = AuditTail::new(3);
        let shown = |after, limit| {
            let AuditPage { lines, skipped, next } = tail.page(after, limit);
            (lines.iter().map(|line| line.get().to_owned()).collect::<String>(), skipped, next)
        };
        let row = |lines: &str, skipped, next| (lines.to_owned(), skipped, next);
        assert_eq!(shown(None, 10), row("", 0, 0));
        tail.push(b"1\n2\n");
        assert_eq!(shown(Some(0), 10), row("12", 0, 2));
        tail.push(b"3\n4\n5\n");
        assert_eq!(shown(Some(2), 2), row("34", 0, 4));
        assert_eq!(shown(Some(4), 2), row("5", 0, 5));
        assert_eq!(shown(Some(5), 2), row("", 0, 5), "nothing new");
        assert_eq!(shown(Some(0), 10), row("345", 2, 5), "two are not kept any more");
        assert_eq!(shown(None, 2), row("45", 0, 5), "the last ones");
        assert_eq!(shown(Some(99), 2), row("45", 0, 5), "a number of another start");
    }
}
