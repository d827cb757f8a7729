//! Whether an audit is as it was written: the chain of its lines, and the signatures of its heads.

use inhouse_serve::AuditKey;
use inhouse_trust::{Broken, Chain};
use serde::{Deserialize, Serialize};

use super::read::Part;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// Lines that are linked.
    pub(super) lines: u64,
    /// Chains: one, and among other lines one for each start.
    pub(super) chains: u64,
    /// Heads with a good signature.
    pub(super) heads: u64,
    /// Lines behind the last head: what was cut off behind them nobody can tell.
    pub(super) bare: u64,
    /// By which key the heads are signed.
    pub(super) key: Option<String>,
    /// The number of the first line, where that is not the first of its chain: older files are not here.
    pub(super) begins_at: Option<u64>,
    /// Lines that were torn by a crash, as `file:line`.
    pub(super) torn: Vec<String>,
    /// Where it breaks first, and how.
    pub(super) broken: Option<String>,
}

/// The members of a line that matter here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Seen {
    operation: String,
    key: String,
    signature: String,
}

/// The state of a verification.
struct Verification<'a> {
    pinned: Option<&'a str>,
    chain: Option<Chain>,
    report: Report,
    /// A line that is no link; all is well if a start follows.
    torn: Option<String>,
}

/// Reads all parts. `pinned` is the only key whose heads count.
///
/// # Errors
/// What can not be read.
pub(super) fn verify(parts: Vec<Part>, pinned: Option<&str>) -> Result<Report, String> {
    let mut verification = Verification { pinned, chain: None, report: Report::default(), torn: None };
    for mut part in parts {
        let mut number = 0_u64;
        while let Some((line, is_whole)) = part.line()? {
            number += 1;
            let place = format!("{}:{number}", part.name);
            if let Err(why) = verification.line(&line, is_whole, &place, part.is_mixed) {
                verification.report.broken = Some(format!("{place}: {why}"));
                return Ok(verification.report);
            }
        }
    }
    let Verification { mut report, torn, .. } = verification;
    report.torn.extend(torn);
    Ok(report)
}

impl Verification<'_> {
    fn line(&mut self, line: &str, is_whole: bool, place: &str, is_mixed: bool) -> Result<(), String> {
        let seen: Seen = serde_json::from_str(line).unwrap_or_default();
        let Some(alone) = Chain::after(line) else {
            if is_mixed {
                return Ok(());
            }
            return match self.torn.replace(place.to_owned()) {
                None => Ok(()),
                Some(earlier) => Err(format!("it is no line of the chain, and neither is {earlier}")),
            };
        };
        if let Some(torn) = self.torn.take() {
            if seen.operation != "start" {
                return Err(format!("{torn} is no line of the chain"));
            }
            self.report.torn.push(torn);
        }
        let before = self.chain.clone();
        match self.chain.as_mut().map(|chain| chain.check(line)) {
            Some(Ok(())) => {}
            // A file is gone on with; on stderr each start has a chain of its own.
            Some(Err(why)) if !is_mixed => return Err(why.to_string()),
            Some(Err(why)) => self.begins(line, &seen, why)?,
            None => {
                if self.begins(line, &seen, Broken::Changed).is_err() {
                    self.report.begins_at = Some(alone.head().0 - 1);
                    self.report.chains += 1;
                    self.chain = Some(alone);
                }
            }
        }
        self.report.lines += 1;
        if !is_whole {
            return Err("it has no end".to_owned());
        }
        match (seen.operation.as_str(), before) {
            ("head", Some(before)) => self.head(&seen, &before),
            _ => {
                self.report.bare += 1;
                Ok(())
            }
        }
    }

    /// A start may begin a chain of its own.
    fn begins(&mut self, line: &str, seen: &Seen, why: Broken) -> Result<(), String> {
        let mut new = Chain::default();
        if seen.operation != "start" || new.check(line).is_err() {
            return Err(why.to_string());
        }
        self.report.chains += 1;
        self.chain = Some(new);
        Ok(())
    }

    fn head(&mut self, seen: &Seen, before: &Chain) -> Result<(), String> {
        let known = self.pinned.or(self.report.key.as_deref());
        if known.is_some_and(|known| known != seen.key) {
            return Err(format!("its head is signed by {}, which is another key", seen.key));
        }
        if !AuditKey::has_signed(&seen.key, &before.head(), &seen.signature) {
            return Err("the signature of its head is not good".to_owned());
        }
        self.report.key = Some(seen.key.clone());
        self.report.heads += 1;
        self.report.bare = 0;
        Ok(())
    }
}
