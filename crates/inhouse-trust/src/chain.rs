//! The chain of the audit: each line has a number and the hash of the line before, and ends with its own hash. So no byte can be
//! changed, and no line taken out, added or moved, without a line that does not fit.

use sha2::{Digest, Sha256};

/// What stands between what is hashed and the hash.
const HASH: &str = ",\"hash\":\"";

/// A line's place in the chain: what the next one goes on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The line's number.
    pub seq: u64,
    hash: [u8; 32],
}

/// Why a line is not the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// It is no line of a chain.
    #[error("it is no line of an audit")]
    Form,
    /// Its bytes are not those that were hashed.
    #[error("its hash does not fit: the line was changed")]
    Hash,
    /// It has another number.
    #[error("it has the number {found} in the place of {expected}: lines were taken out, added or moved")]
    Seq {
        /// The number after that of the line before.
        expected: u64,
        /// Its own.
        found: u64,
    },
    /// It names another line as the one before.
    #[error("it does not follow the line before it, which was changed or put in another's place")]
    Prev,
}

impl Link {
    /// Before the first line of a chain.
    pub const START: Self = Self { seq: 0, hash: [0; 32] };

    /// Begins the next line, with the members of a JSON object that has some; more members may be added to it.
    pub fn begin(&self, object: &str) -> String {
        let members = object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
        format!("{{\"seq\":{},\"prev\":\"{}\",{members}", self.seq + 1, hex(&self.hash))
    }

    /// Ends that line. From then on this is its place.
    pub fn end(&mut self, mut line: String) -> String {
        *self = Self { seq: self.seq + 1, hash: Sha256::digest(&line).into() };
        line.extend([HASH, &hex(&self.hash), "\"}"]);
        line
    }
}

/// A line of a chain that is whole in itself.
#[derive(Debug, Clone, Copy)]
pub struct Chained<'a> {
    /// Its place.
    pub link: Link,
    /// What was hashed: the line without its end.
    pub hashed: &'a str,
    prev: &'a str,
}

impl<'a> Chained<'a> {
    /// Reads a line, without the line's end.
    ///
    /// # Errors
    /// [`Break::Form`], [`Break::Hash`].
    pub fn read(line: &'a str) -> Result<Self, Break> {
        let (hashed, end) = line.rsplit_once(HASH).ok_or(Break::Form)?;
        let (seq, rest) =
            hashed.strip_prefix("{\"seq\":").and_then(|rest| rest.split_once(",\"prev\":\"")).ok_or(Break::Form)?;
        let (prev, _) = rest.split_once("\",").ok_or(Break::Form)?;
        let link = Link { seq: seq.parse().map_err(|_| Break::Form)?, hash: Sha256::digest(hashed).into() };
        if end.strip_suffix("\"}") != Some(&hex(&link.hash)) {
            return Err(Break::Hash);
        }
        Ok(Self { link, hashed, prev })
    }

    /// Whether it comes next after the line at `before`.
    ///
    /// # Errors
    /// [`Break::Seq`], [`Break::Prev`].
    pub fn follows(&self, before: Link) -> Result<(), Break> {
        let (expected, found) = (before.seq.saturating_add(1), self.link.seq);
        if found != expected {
            return Err(Break::Seq { expected, found });
        }
        if self.prev == hex(&before.hash) { Ok(()) } else { Err(Break::Prev) }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
