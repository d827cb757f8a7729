//! Who a request's headers name (threat 17).

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::sync::Arc;

use inhouse_trust::{AuthError, Credential, Principal, Rights, Secret, TokenDigest, Tokens, Vouched, Vouchers};

const NOW_S: u64 = 1_000;

fn tokens() -> Tokens {
    let entry = |name: &str, token: &str| (Principal::new(name).unwrap(), TokenDigest::of(&Secret::new(token.into())));
    Tokens::new([entry("ann", "right"), entry("bob", "other"), entry("ann", "second"), entry("eve", "schlüssel")])
}

#[test]
fn a_token_names_its_principal_however_bearer_is_written() {
    let cases =
        [("Bearer right", "ann"), ("bearer right", "ann"), ("BEARER   other ", "bob"), ("Bearer second", "ann")];
    for (header, principal) in cases.into_iter().chain([("Bearer schlüssel", "eve")]) {
        assert_eq!(tokens().caller(&[header.as_bytes()], NOW_S).unwrap().principal().as_str(), principal, "{header}");
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
        assert_eq!(tokens().caller(&[header.as_bytes()], NOW_S).unwrap_err(), AuthError::Malformed, "{header}");
    }
    let long = format!("Bearer {}", "x".repeat(10_240));
    let wrong = "Bearer righ|Bearer rightt|Bearer Right|Bearer right, Bearer right|Bearer ｒｉｇｈｔ";
    for header in wrong.split('|').chain([long.as_str()]) {
        assert_eq!(tokens().caller(&[header.as_bytes()], NOW_S).unwrap_err(), AuthError::Invalid, "{header}");
        let two = [header.as_bytes(), b"Bearer right"];
        assert_eq!(tokens().caller(&two, NOW_S).unwrap_err(), AuthError::Malformed, "{header}");
    }
    assert_eq!(tokens().caller(&[b"Bearer \xff\xfe"], NOW_S).unwrap_err(), AuthError::Invalid);
    assert_eq!(tokens().caller(&[], NOW_S).unwrap_err(), AuthError::Missing);
    assert_eq!(Tokens::default().caller(&[b"Bearer right"], NOW_S).unwrap_err(), AuthError::Invalid);
}

fn credential(name: &str, token: &str, expires_at_s: Option<u64>) -> Credential {
    let rights = Arc::new(Rights { expires_at_s, ..Rights::default() });
    Credential {
        principal: Principal::new(name).unwrap(),
        token: TokenDigest::of(&Secret::new(token.to_owned())),
        rights,
    }
}

#[test]
fn an_expired_token_names_nobody_from_its_second_on() {
    let tokens = Tokens::new([credential("ann", "old", Some(NOW_S + 1)), credential("ann", "new", None)]);
    let old = tokens.caller(&[b"Bearer old"], NOW_S).unwrap();
    assert_eq!(tokens.caller(&[b"Bearer old"], NOW_S + 1).unwrap_err(), AuthError::Invalid);
    assert!(tokens.hold(&old, NOW_S) && !tokens.hold(&old, NOW_S + 1));
    assert!(tokens.caller(&[b"Bearer new"], u64::MAX).is_ok());
}

#[test]
fn a_caller_holds_as_long_as_his_token_is_there_and_his() {
    let ann = Tokens::new([credential("ann", "one", None)]).caller(&[b"Bearer one"], NOW_S).unwrap();
    for (tokens, holds) in [
        (vec![credential("bob", "two", None), credential("ann", "one", Some(NOW_S + 9))], true),
        (vec![credential("ann", "two", None)], false),
        (vec![credential("bob", "one", None)], false),
        (vec![], false),
    ] {
        assert_eq!(Tokens::new(tokens).hold(&ann, NOW_S), holds);
    }
}

/// Vouches for whoever says that he is eve, by the key of this name.
#[derive(Debug)]
struct Issuer(&'static str);

impl Vouchers for Issuer {
    fn vouched(&self, token: &[u8]) -> Result<Vouched, AuthError> {
        let rights = Arc::new(Rights { expires_at_s: Some(NOW_S + 1), ..Rights::default() });
        match token {
            b"eve" => Ok(Vouched { principal: Principal::new("i:eve").unwrap(), rights, by: self.0.into() }),
            b"eve, later" => Err(AuthError::Unready),
            _ => Err(AuthError::Invalid),
        }
    }

    fn certified(&self, names: &[String], until_s: u64) -> Option<Vouched> {
        let rights = Arc::new(Rights { expires_at_s: Some(until_s), ..Rights::default() });
        let principal = Principal::new(names.first()?).unwrap();
        Some(Vouched { principal, rights, by: self.0.into() })
    }

    fn hold(&self, by: &str) -> bool {
        by == self.0
    }
}

#[test]
fn whom_somebody_vouches_for_is_a_caller_as_long_as_it_holds() {
    let vouching = |key: &'static str| tokens().vouched_by(Arc::new(Issuer(key)));
    let eve = vouching("k").caller(&[b"Bearer eve"], NOW_S).unwrap();
    assert_eq!(eve.principal().as_str(), "i:eve");
    assert_eq!(vouching("k").caller(&[b"Bearer right"], NOW_S).unwrap().principal().as_str(), "ann");
    for (token, now_s) in [("eva", NOW_S), ("eve", NOW_S + 1)] {
        let header = format!("Bearer {token}");
        assert_eq!(vouching("k").caller(&[header.as_bytes()], now_s).unwrap_err(), AuthError::Invalid);
    }
    let later: &[&[u8]] = &[b"Bearer eve, later"];
    assert_eq!(vouching("k").caller(later, NOW_S).unwrap_err(), AuthError::Unready);
    assert_eq!(tokens().caller(later, NOW_S).unwrap_err(), AuthError::Invalid);
    assert!(vouching("k").hold(&eve, NOW_S));
    assert!(!vouching("k").hold(&eve, NOW_S + 1) && !vouching("l").hold(&eve, NOW_S) && !tokens().hold(&eve, NOW_S));
    let ann = vouching("k").caller(&[b"Bearer right"], NOW_S).unwrap();
    assert!(vouching("l").hold(&ann, u64::MAX), "a token that is known needs nobody");
}

#[test]
fn a_certificate_is_good_until_its_end() {
    let vouching = tokens().vouched_by(Arc::new(Issuer("k")));
    let certified = |tokens: &Tokens, names: &[&str], now_s| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        tokens.certified(&names, NOW_S + 1, now_s)
    };
    let eve = certified(&vouching, &["eve"], NOW_S).unwrap();
    assert!(eve.principal().as_str() == "eve" && vouching.hold(&eve, NOW_S) && !vouching.hold(&eve, NOW_S + 1));
    assert!(certified(&vouching, &["eve"], NOW_S + 1).is_none() && certified(&vouching, &[], NOW_S).is_none());
    assert!(certified(&tokens(), &["eve"], NOW_S).is_none());
}
