//! Who a request's headers name (threat 17).

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use inhouse_trust::{AuthError, Principal, Secret, TokenDigest, Tokens};

fn tokens() -> Tokens {
    let entry = |name: &str, token: &str| (Principal::new(name).unwrap(), TokenDigest::of(&Secret::new(token.into())));
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
