//! Authentication: from the values of the Authorization header to a [`Caller`], or a reason why not.

use std::fmt::Debug;
use std::sync::Arc;

use crate::{Principal, Rights, TokenDigest};

/// Someone whose token or certificate was checked. Made by [`Tokens`] alone:
///
/// ```compile_fail,E0451
/// use inhouse_trust::{Caller, Principal};
/// fn forged(principal: Principal, other: Caller) -> Caller {
///     Caller { principal, ..other }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Caller {
    principal: Principal,
    rights: Arc<Rights>,
    proof: Proof,
}

/// By what a caller is known.
#[derive(Debug, Clone)]
enum Proof {
    Token(TokenDigest),
    /// What has vouched for him, in the words of [`Vouchers`].
    Vouched(Arc<str>),
}

impl Caller {
    /// Who it is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What the credential is good for.
    pub fn rights(&self) -> &Rights {
        &self.rights
    }
}

/// Why a request has no caller. All but the last are answered alike, with 401; the difference is for the audit only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There is no Authorization header.
    #[error("no authorization header")]
    Missing,
    /// There are two, or the one is not `Bearer` and a token.
    #[error("authorization header is not one bearer token")]
    Malformed,
    /// No principal has this token, or not any more.
    #[error("token is not valid")]
    Invalid,
    /// Nobody can say yet: it names a maker whose keys are still to come. Answered with 503.
    #[error("the keys of the token's issuer are not known yet")]
    Unready,
}

/// A token, as far as the server knows it: whose it is, and what it is good for.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Whose.
    pub principal: Principal,
    /// What is kept of it.
    pub token: TokenDigest,
    /// What for.
    pub rights: Arc<Rights>,
}

impl From<(Principal, TokenDigest)> for Credential {
    /// One that is good for what any caller may do.
    fn from((principal, token): (Principal, TokenDigest)) -> Self {
        Self { principal, token, rights: Arc::default() }
    }
}

/// Someone for whom another one than the operator answers.
#[derive(Debug, Clone)]
pub struct Vouched {
    /// Who it is.
    pub principal: Principal,
    /// What for, and until when.
    pub rights: Arc<Rights>,
    /// Who answers, and by which key.
    pub by: Arc<str>,
}

impl Vouched {
    fn caller(self, now_s: u64) -> Option<Caller> {
        let Self { principal, rights, by } = self;
        rights.hold_at(now_s).then_some(Caller { principal, rights, proof: Proof::Vouched(by) })
    }
}

/// Those who vouch for callers whose tokens are not known here: the issuers of signed ones and of certificates.
pub trait Vouchers: Debug + Send + Sync {
    /// Whom a token names, if one of them has made it.
    ///
    /// # Errors
    /// [`AuthError::Invalid`], [`AuthError::Unready`].
    fn vouched(&self, token: &[u8]) -> Result<Vouched, AuthError>;

    /// Whom the names in a client's certificate stand for, which is good until this second; its authority and its key were checked.
    fn certified(&self, names: &[String], until_s: u64) -> Option<Vouched>;

    /// Whether what has vouched for a caller is in force still.
    fn hold(&self, by: &str) -> bool;
}

/// All tokens that are valid now. One principal may have several.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    entries: Vec<Credential>,
    vouchers: Option<Arc<dyn Vouchers>>,
}

impl Tokens {
    /// Takes the valid tokens. With none of them nobody is let in.
    pub fn new<T: Into<Credential>>(entries: impl IntoIterator<Item = T>) -> Self {
        Self { entries: entries.into_iter().map(Into::into).collect(), vouchers: None }
    }

    /// Takes those too for whom others vouch.
    pub fn vouched_by(self, vouchers: Arc<dyn Vouchers>) -> Self {
        Self { vouchers: Some(vouchers), ..self }
    }

    /// The caller whom the values of all Authorization headers of a request name at this second since the epoch.
    ///
    /// Time depends on the length of what was sent and on the number of entries, never on how much of it was right: digests are compared,
    /// and every entry is visited. What is no such token may be one of the vouchers'.
    ///
    /// # Errors
    /// [`AuthError`]; `Bearer` may be written in any case (RFC 7235 section 2.1).
    pub fn caller(&self, authorization: &[&[u8]], now_s: u64) -> Result<Caller, AuthError> {
        let token = bearer(authorization)?;
        if let Some(known) = self.found(TokenDigest::of_bytes(token), now_s) {
            return Ok(known);
        }
        let vouchers = self.vouchers.as_ref().ok_or(AuthError::Invalid)?;
        vouchers.vouched(token)?.caller(now_s).ok_or(AuthError::Invalid)
    }

    /// The caller whom a client's certificate names, as [`Vouchers::certified`] has it.
    pub fn certified(&self, names: &[String], until_s: u64, now_s: u64) -> Option<Caller> {
        self.vouchers.as_ref()?.certified(names, until_s)?.caller(now_s)
    }

    /// Whether a caller would still be let in, with the same rights or others.
    pub fn hold(&self, caller: &Caller, now_s: u64) -> bool {
        let vouches = |by| self.vouchers.as_ref().is_some_and(|vouchers| vouchers.hold(by));
        let is_his = |now: Caller| now.principal == caller.principal;
        match &caller.proof {
            Proof::Token(token) => self.found(token.clone(), now_s).is_some_and(is_his),
            Proof::Vouched(by) => caller.rights.hold_at(now_s) && vouches(by),
        }
    }

    fn found(&self, token: TokenDigest, now_s: u64) -> Option<Caller> {
        let is_it = |entry: &Credential| bool::from(entry.token.same(&token));
        let found = self.entries.iter().fold(None, |found, entry| if is_it(entry) { Some(entry) } else { found });
        let Credential { principal, rights, .. } = found.filter(|entry| entry.rights.hold_at(now_s))?;
        Some(Caller { principal: principal.clone(), rights: Arc::clone(rights), proof: Proof::Token(token) })
    }
}

fn bearer<'a>(authorization: &[&'a [u8]]) -> Result<&'a [u8], AuthError> {
    let value = match authorization {
        [] => return Err(AuthError::Missing),
        [one] => one.trim_ascii(),
        _ => return Err(AuthError::Malformed),
    };
    let (scheme, rest) = value.split_at_checked(b"bearer".len()).ok_or(AuthError::Malformed)?;
    let token = rest.trim_ascii();
    let well_formed = scheme.eq_ignore_ascii_case(b"bearer") && rest.starts_with(b" ") && !token.is_empty();
    if well_formed { Ok(token) } else { Err(AuthError::Malformed) }
}
