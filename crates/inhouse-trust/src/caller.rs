//! Authentication: from the values of the Authorization header to a [`Caller`], or a reason why not.

use crate::{Principal, TokenDigest};

/// Someone whose token was checked. Made by [`Tokens::caller`] alone:
///
/// ```compile_fail,E0451
/// let principal = inhouse_trust::Principal::new("ann").expect("a name");
/// let forged = inhouse_trust::Caller { principal };
/// ```
#[derive(Debug, Clone)]
pub struct Caller {
    principal: Principal,
}

impl Caller {
    /// Who it is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }
}

/// Why a request has no caller. All three are answered alike, with 401; the difference is for the audit only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There is no Authorization header.
    #[error("no authorization header")]
    Missing,
    /// There are two, or the one is not `Bearer` and a token.
    #[error("authorization header is not one bearer token")]
    Malformed,
    /// No principal has this token.
    #[error("token is not valid")]
    Invalid,
}

/// The digests of all tokens that are valid now, and whose they are. One principal may have several.
#[derive(Debug, Clone)]
pub struct Tokens {
    entries: Vec<(Principal, TokenDigest)>,
}

impl Tokens {
    /// Takes the valid tokens. With none of them nobody is let in.
    pub fn new(entries: impl IntoIterator<Item = (Principal, TokenDigest)>) -> Self {
        Self { entries: entries.into_iter().collect() }
    }

    /// The caller whom the values of all Authorization headers of a request name.
    ///
    /// Time depends on the length of what was sent and on the number of entries, never on how much of it was right: digests are compared,
    /// and every entry is visited.
    ///
    /// # Errors
    /// [`AuthError`]; `Bearer` may be written in any case (RFC 7235 section 2.1).
    pub fn caller(&self, authorization: &[&[u8]]) -> Result<Caller, AuthError> {
        let presented = TokenDigest::of_bytes(bearer(authorization)?);
        let mut found = None;
        for (principal, digest) in &self.entries {
            if bool::from(digest.same(&presented)) {
                found = Some(principal);
            }
        }
        found.map(|principal| Caller { principal: principal.clone() }).ok_or(AuthError::Invalid)
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
