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

#[cfg(test)]
impl Caller {
    pub(crate) fn for_tests(name: &str) -> Self {
        Self { principal: Principal::new(name).unwrap() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    fn tokens() -> Tokens {
        let entry =
            |name: &str, token: &str| (Principal::new(name).unwrap(), TokenDigest::of(&Secret::new(token.into())));
        Tokens::new([entry("ann", "right"), entry("bob", "other"), entry("ann", "second"), entry("eve", "schlüssel")])
    }

    #[test]
    fn a_token_names_its_principal_however_bearer_is_written() {
        let cases =
            [("Bearer right", "ann"), ("bearer right", "ann"), ("BEARER   other ", "bob"), ("Bearer second", "ann")];
        for (header, principal) in cases.into_iter().chain([("Bearer schlüssel", "eve")]) {
            assert_eq!(tokens().caller(&[header.as_bytes()]).unwrap().principal().as_str(), principal, "{header}");
        }
    }

    #[test]
    fn debug_shows_nothing_of_a_token() {
        let secret = Secret::new("canary".into());
        assert_eq!(format!("{secret:?} {:?}", TokenDigest::of(&secret)), "Secret(..) TokenDigest(..)");
    }

    #[test]
    fn hostile_authorization_headers_name_nobody() {
        for header in "|Bearer|Bearer |Bearer     |Bearerright|right|Basic cmlnaHQ=|Bearer\tright|Be".split('|') {
            assert_eq!(tokens().caller(&[header.as_bytes()]).unwrap_err(), AuthError::Malformed, "{header}");
        }
        let long = format!("Bearer {}", "x".repeat(10_240));
        let wrong = "Bearer righ|Bearer rightt|Bearer Right|Bearer right, Bearer right|Bearer ｒｉｇｈｔ";
        for header in wrong.split('|').chain([long.as_str()]) {
            assert_eq!(tokens().caller(&[header.as_bytes()]).unwrap_err(), AuthError::Invalid, "{header}");
            let two = [header.as_bytes(), b"Bearer right"];
            assert_eq!(tokens().caller(&two).unwrap_err(), AuthError::Malformed, "{header}");
        }
        assert_eq!(tokens().caller(&[b"Bearer \xff\xfe"]).unwrap_err(), AuthError::Invalid);
        assert_eq!(tokens().caller(&[]).unwrap_err(), AuthError::Missing);
        assert_eq!(Tokens::new([]).caller(&[b"Bearer right"]).unwrap_err(), AuthError::Invalid);
    }
}
