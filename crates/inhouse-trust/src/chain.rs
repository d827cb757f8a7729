//! The chain of the audit: each line carries its number and a digest of itself and of the line before, so that none can be changed,
//! removed, put in or moved without breaking it.

use sha2::{Digest, Sha256};

const DIGITS: usize = 64;
/// What stands before the digest, and after it.
const HASH: &str = ",\"hash\":\"";
const END: &str = "\"}";
const SEQ: &str = ",\"seq\":";

/// Where a chain stands: the number of the next line, and the digest of the one before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    next: u64,
    last: [u8; 32],
}

/// Why a line is not the next one of a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It carries no number and no digest.
    #[error("it is no line of the chain")]
    Unsealed,
    /// Lines are missing before it, or it stands twice.
    #[error("it has the number {found}, and {expected} comes here")]
    Gap {
        /// The number that comes here.
        expected: u64,
        /// The number that is there.
        found: u64,
    },
    /// It, or the line before it, is not what was written.
    #[error("it does not fit what stands before it: it, or the line before, was changed")]
    Changed,
}

/// A sealed line, taken apart.
struct Sealed<'a> {
    /// What the digest is of, beside the line before.
    body: &'a str,
    seq: u64,
    hash: [u8; 32],
}

impl<'a> Sealed<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (body, hash) = line.strip_suffix(END)?.rsplit_once(HASH)?;
        if hash.len() != DIGITS || hash.bytes().any(|b| !b.is_ascii_digit() && !(b'a'..=b'f').contains(&b)) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hash.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        let digits = body.rsplit_once(SEQ)?.1;
        // Another spelling of the same number would be another line.
        let seq: u64 = digits.parse().ok().filter(|seq: &u64| seq.to_string() == digits)?;
        Some(Self { body, seq, hash: bytes })
    }
}

impl Chain {
    /// Goes on after a line that is taken as it is: the last one of a file that is gone on with, or the first one of a part.
    pub fn after(line: &str) -> Option<Self> {
        let Sealed { seq, hash, .. } = Sealed::read(line)?;
        Some(Self { next: seq.checked_add(1)?, last: hash })
    }

    /// The number of the next line, and the digest of the one before in hexadecimal digits: what a head signs.
    pub fn head(&self) -> (u64, String) {
        (self.next, hexadecimal(&self.last))
    }

    /// Seals an object of JSON on one line as the next line of the chain.
    pub fn seal(&mut self, line: &str) -> String {
        let body = format!("{}{SEQ}{}", line.strip_suffix('}').unwrap_or(line), self.next);
        self.last = digest(&self.last, &body);
        self.next += 1;
        format!("{body}{HASH}{}{END}", hexadecimal(&self.last))
    }

    /// Takes a line as the next one.
    ///
    /// # Errors
    /// [`Broken`]; the chain then stands where it stood.
    pub fn check(&mut self, line: &str) -> Result<(), Broken> {
        let Sealed { body, seq, hash } = Sealed::read(line).ok_or(Broken::Unsealed)?;
        if seq != self.next {
            return Err(Broken::Gap { expected: self.next, found: seq });
        }
        if digest(&self.last, body) != hash {
            return Err(Broken::Changed);
        }
        (self.next, self.last) = (seq + 1, hash);
        Ok(())
    }
}

/// What the signature of a head is of: where the chain stands before it.
pub fn head_input((seq, hash): &(u64, String)) -> Vec<u8> {
    format!("inhouse audit head v1\n{seq}\n{hash}").into_bytes()
}

fn digest(before: &[u8; 32], body: &str) -> [u8; 32] {
    Sha256::new().chain_update(before).chain_update(body.as_bytes()).finalize().into()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
