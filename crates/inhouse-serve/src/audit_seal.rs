//! Seals the lines of the audit: each becomes a link of a chain, and now and then a head is signed, from which on nothing before it
//! can be taken away unseen.

use std::time::{Duration, Instant};

use inhouse_proto::v1::card_signature::{base64url, from_base64url};
use inhouse_trust::Link;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;

use crate::audit_log::now_ms;
use crate::tls::pem;

/// What is signed begins so, that no signature of another use of the key passes for one of a head.
const PURPOSE: &str = "inhouse audit head v1\n";
/// What stands between what a head signs and its signature.
const SIGNATURE: &str = ",\"signature\":\"";

/// The private key that signs heads: Ed25519.
pub struct AuditKey(Ed25519KeyPair);

/// What is given as a key and is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no private key of Ed25519 in PKCS#8, as `openssl genpkey -algorithm ed25519` makes one")]
pub struct AuditKeyError;

impl AuditKey {
    /// Reads the key in a PEM text.
    ///
    /// # Errors
    /// [`AuditKeyError`].
    pub fn new(pem: &str) -> Result<Self, AuditKeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| AuditKeyError)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        pair.map(Self).map_err(|_| AuditKeyError)
    }

    /// A new key as a PEM text; nothing, where the system has no random bytes.
    pub fn generate() -> Option<String> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok()?;
        Some(pem("PRIVATE KEY", document.as_ref()))
    }

    /// The public half, in base64url.
    pub fn public(&self) -> String {
        base64url(self.0.public_key().as_ref())
    }

    /// Whether a head, as far as it is hashed, ends with a signature of what stands before it by this public key.
    pub fn has_signed(public: &str, head: &str) -> bool {
        let read = |text: &str| from_base64url(text).unwrap_or_default();
        let Some((head, signature)) = head.rsplit_once(SIGNATURE) else { return false };
        let signature = read(signature.strip_suffix('"').unwrap_or_default());
        UnparsedPublicKey::new(&ED25519, read(public)).verify(&signed(head), &signature).is_ok()
    }
}

/// How often heads are signed.
#[derive(Debug, Clone, Copy)]
pub struct HeadEvery {
    /// After so many lines.
    pub lines: u64,
    /// So long after the first line that is under no head.
    pub time: Duration,
}

/// Seals lines.
pub struct AuditSeal {
    link: Link,
    key: Option<AuditKey>,
    every: HeadEvery,
    /// Lines under no head, and since when.
    bare: u64,
    since: Option<Instant>,
}

impl AuditSeal {
    /// Goes on after a line. Without a key there are no heads.
    pub fn new(link: Link, key: Option<AuditKey>, every: HeadEvery) -> Self {
        Self { link, key, every, bare: 0, since: None }
    }

    /// The lines, sealed, and the heads that are due among them.
    pub(crate) fn seal(&mut self, lines: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(lines.len() * 2);
        for line in String::from_utf8_lossy(lines).lines() {
            self.push(line, &mut sealed);
            self.bare += 1;
            self.since.get_or_insert_with(Instant::now);
            if self.bare >= self.every.lines {
                self.head("lines", &mut sealed);
            }
        }
        sealed
    }

    /// A head, and why it is signed now.
    pub(crate) fn head_now(&mut self, why: &str) -> Vec<u8> {
        let mut sealed = Vec::new();
        self.head(why, &mut sealed);
        sealed
    }

    /// How long the next head may wait; nothing, when none is due.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        let since = self.since.filter(|_| self.key.is_some())?;
        Some(self.every.time.saturating_sub(since.elapsed()))
    }

    fn head(&mut self, why: &str, sealed: &mut Vec<u8>) {
        (self.bare, self.since) = (0, None);
        let Some(key) = &self.key else { return };
        let (time_ms, public) = (now_ms(), key.public());
        let object = format!(r#"{{"time_ms":{time_ms},"operation":"head","why":"{why}","key":"{public}"}}"#);
        let mut line = self.link.begin(&object);
        let signature = base64url(key.0.sign(&signed(&line)).as_ref());
        line.extend([SIGNATURE, &signature, "\""]);
        self.end(line, sealed);
    }

    fn push(&mut self, object: &str, sealed: &mut Vec<u8>) {
        let line = self.link.begin(object);
        self.end(line, sealed);
    }

    fn end(&mut self, line: String, sealed: &mut Vec<u8>) {
        sealed.extend_from_slice(self.link.end(line).as_bytes());
        sealed.push(b'\n');
    }
}

fn signed(head: &str) -> Vec<u8> {
    [PURPOSE, head].concat().into_bytes()
}
