//! Whether an audit is as it was written: goes along the chain of its lines, to the end or to the first place where it breaks.

use std::borrow::Cow;

use inhouse_serve::AuditKey;
use inhouse_trust::{Break, Chained, Link};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::file::digest;
use super::read::{Line, Part};

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// Lines that are linked.
    pub(super) lines: u64,
    /// Chains: one, and among other lines one for each start.
    pub(super) chains: u64,
    /// Starts before which no server had stopped in order.
    pub(super) unclean: u64,
    /// Heads with a good signature.
    pub(super) heads: u64,
    /// Lines behind the last head: what was cut off behind them nobody can tell.
    pub(super) bare: u64,
    /// By which key the heads are signed.
    pub(super) key: Option<String>,
    /// The number of the first line, where that is not the first of its chain: older files are not here.
    pub(super) begins_at: Option<u64>,
    /// Lines that were torn by a crash, as the next start has found them.
    pub(super) torn: u64,
    /// Lines that were lost while nothing could be written, as the audit says itself.
    pub(super) lost: u64,
    /// Whether the last line is the head of an orderly stop.
    pub(super) is_stopped: bool,
    /// Where it breaks first, and how.
    pub(super) broken: Option<Broken>,
}

/// The first place where the chain breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Broken {
    pub(super) file: String,
    pub(super) line: u64,
    /// The number that belongs there.
    pub(super) seq: u64,
    pub(super) why: String,
}

impl Report {
    /// Whether nothing can be missing at either end.
    pub(super) fn is_whole(&self) -> bool {
        self.broken.is_none() && self.begins_at.is_none() && self.is_stopped
    }
}

/// The members of a line that matter here.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    operation: Cow<'a, str>,
    why: Option<&'a str>,
    key: Option<&'a str>,
    torn_sha256: Option<&'a str>,
    /// How many were lost.
    lines: Option<u64>,
}

/// The state of a verification.
struct Verification<'a> {
    pinned: Option<&'a str>,
    /// The last line.
    link: Option<Link>,
    report: Report,
    /// Lines that could not be read, unless the next start says that they were torn: the first of them, and their bytes.
    torn: Option<(Broken, Sha256)>,
}

/// Reads all parts. `pinned` is the only key whose heads count.
///
/// # Errors
/// What can not be read.
pub(super) fn verify(parts: Vec<Part>, pinned: Option<&str>) -> Result<Report, String> {
    let mut verification = Verification { pinned, link: None, report: Report::default(), torn: None };
    for mut part in parts {
        let mut number = 0;
        while let Some(line) = part.line()? {
            number += 1;
            if let Err(why) = verification.line(&line, &part, number) {
                verification.breaks(&part, number, why);
                return Ok(verification.report);
            }
        }
    }
    let Verification { mut report, torn, .. } = verification;
    report.broken = torn.map(|(broken, _)| broken);
    Ok(report)
}

impl Verification<'_> {
    fn line(&mut self, line: &Line, part: &Part, number: u64) -> Result<(), String> {
        if part.is_mixed && !line.bytes.starts_with(b"{\"seq\":") {
            return Ok(());
        }
        let text = str::from_utf8(&line.bytes).map_err(|_| Break::Form);
        let read = match text.and_then(Chained::read) {
            Ok(chained) if line.is_ended => chained,
            Ok(_) => return self.may_be_torn(line, part, number, "it has no end".to_owned()),
            Err(why) => return self.may_be_torn(line, part, number, why.to_string()),
        };
        // Its hash fits, but whoever can write may hash anything.
        let said: Said<'_> = serde_json::from_slice(&line.bytes).map_err(|_| Break::Form.to_string())?;
        let is_start = said.operation == "start";
        let begins = is_start && read.link.seq == 1 && (self.link.is_none() || part.is_mixed);
        match self.link {
            _ if begins => read.follows(Link::START).map_err(|why| why.to_string())?,
            Some(link) => read.follows(link).map_err(|why| why.to_string())?,
            None if read.link.seq == 1 => return Err("it is no start, which is a chain's first line".to_owned()),
            None => self.report.begins_at = Some(read.link.seq),
        }
        self.accounts(&said, begins && part.is_mixed)?;
        self.signed(&read, &said)?;
        self.report.unclean += u64::from(is_start && self.link.is_some() && !self.report.is_stopped);
        self.report.chains += u64::from(begins || self.link.is_none());
        self.report.lines += 1;
        self.report.lost += said.lines.filter(|_| said.operation == "lost").unwrap_or_default();
        self.report.is_stopped = said.operation == "head" && said.why == Some("stop");
        self.link = Some(read.link);
        Ok(())
    }

    /// Whether lines before that could not be read are those that this start has found torn.
    fn accounts(&mut self, said: &Said<'_>, begins_among_others: bool) -> Result<(), String> {
        match (&self.torn, said.torn_sha256) {
            (None, None) => return Ok(()),
            (None, Some(_)) => return Err("it tells of a torn line, which is missing".to_owned()),
            (Some((_, bytes)), Some(told)) if digest(&bytes.clone().finalize()) == told => {}
            // Nobody reads stderr again: of what is torn there the next start does not know.
            (Some(_), None) if begins_among_others => {}
            (Some((broken, _)), _) => return Err(broken.why.clone()),
        }
        self.torn = None;
        self.report.torn += 1;
        Ok(())
    }

    /// Takes a start's word for the key, and a head's signature.
    fn signed(&mut self, read: &Chained<'_>, said: &Said<'_>) -> Result<(), String> {
        let (is_head, known) = (said.operation == "head", self.pinned.or(self.report.key.as_deref()));
        let key = said.key.filter(|_| is_head || said.operation == "start");
        if let Some(key) = key {
            let may_change = self.pinned.is_none() && !is_head;
            if known.is_some_and(|known| known != key) && !may_change {
                return Err(format!("it names the key {key}, which is another one"));
            }
            self.report.key = Some(key.to_owned());
        }
        if !is_head {
            self.report.bare += 1;
            return Ok(());
        }
        if !key.is_some_and(|key| AuditKey::has_signed(key, read.hashed)) {
            return Err("the signature of this head is not good".to_owned());
        }
        self.report.heads += 1;
        self.report.bare = 0;
        Ok(())
    }

    fn may_be_torn(&mut self, line: &Line, part: &Part, number: u64, why: String) -> Result<(), String> {
        match &mut self.torn {
            Some((_, bytes)) => bytes.update(b"\n"),
            None => self.torn = Some((self.at(part, number, why), Sha256::new())),
        }
        if let Some((_, bytes)) = &mut self.torn {
            bytes.update(&line.bytes);
        }
        Ok(())
    }

    fn breaks(&mut self, part: &Part, number: u64, why: String) {
        // What could not be read comes first.
        let earlier = self.torn.take().map(|(broken, _)| broken);
        self.report.broken = earlier.or_else(|| Some(self.at(part, number, why)));
    }

    fn at(&self, part: &Part, line: u64, why: String) -> Broken {
        let seq = self.link.map_or(1, |link| link.seq.saturating_add(1));
        Broken { file: part.name.clone(), line, seq, why }
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
