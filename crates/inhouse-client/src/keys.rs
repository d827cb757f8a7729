//! Keys that verify an agent's card (spec 8.4.3).

use inhouse_proto::v1::AgentCard;
use inhouse_proto::v1::card_signature::{Algorithm, Protected, from_base64url, signing_input};
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use serde::Deserialize;

/// A set of public keys (RFC 7517 section 5). Keys of other kinds are left out.
#[derive(Debug, Clone, Deserialize)]
pub struct CardKeys {
    keys: Vec<Jwk>,
}

#[derive(Debug, Clone, Deserialize)]
struct Jwk {
    #[serde(default)]
    kid: Option<String>,
    kty: String,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
}

/// Who signed a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBy {
    /// The key's name.
    pub key_id: String,
    /// How.
    pub algorithm: &'static str,
    /// Whether all members of the card are signed, or only what is left without the empty ones: then requirements of security
    /// may have been added, which are empty lists of scopes.
    pub is_whole: bool,
}

/// Why a card is not verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// It has no signature.
    #[error("the card is not signed")]
    Unsigned,
    /// None of its signatures is by one of the keys.
    #[error("the card is signed by {0}, and that is none of the keys")]
    UnknownKey(String),
    /// A signature by a known key does not fit.
    #[error("the card is not what {0} has signed")]
    Changed(String),
    /// None of its signatures can be read.
    #[error("the card's signatures are of no kind that is verified here: ES256 and EdDSA are")]
    UnknownKind,
}

impl CardKeys {
    /// Whether one of these keys has signed this card.
    ///
    /// # Errors
    /// [`Unverified`]; a signature that fits makes up for others that do not.
    pub fn verify(&self, card: &AgentCard) -> Result<SignedBy, Unverified> {
        let mut why = if card.signatures.is_empty() { Unverified::Unsigned } else { Unverified::UnknownKind };
        let forms = card.signed_forms();
        let mut in_part = None;
        for signature in &card.signatures {
            let Some(header) = Protected::decode(&signature.protected) else { continue };
            let Some(key) = self.public(&header) else {
                if why == Unverified::UnknownKind {
                    why = Unverified::UnknownKey(header.key_id);
                }
                continue;
            };
            let bytes = from_base64url(&signature.signature).unwrap_or_default();
            let fits = |form: &Vec<u8>| key.verify(&signing_input(&signature.protected, form), &bytes).is_ok();
            let Some(form) = forms.iter().rposition(fits) else {
                why = Unverified::Changed(header.key_id);
                continue;
            };
            let is_whole = form + 1 == forms.len();
            let by = SignedBy { algorithm: header.algorithm.name(), key_id: header.key_id, is_whole };
            if is_whole {
                return Ok(by);
            }
            in_part = Some(by);
        }
        in_part.ok_or(why)
    }

    /// The key that a header names, if it is one for the header's algorithm.
    fn public(&self, header: &Protected) -> Option<UnparsedPublicKey<Vec<u8>>> {
        let named = self.keys.iter().filter(|key| key.kid.as_ref() == Some(&header.key_id));
        named.filter_map(|key| key.public(header.algorithm)).next()
    }
}

impl Jwk {
    fn public(&self, algorithm: Algorithm) -> Option<UnparsedPublicKey<Vec<u8>>> {
        let x = from_base64url(&self.x)?;
        match (algorithm, self.kty.as_str(), self.crv.as_str()) {
            (Algorithm::Es256, "EC", "P-256") => {
                // Both coordinates follow, uncompressed.
                let point = [vec![4], x, from_base64url(&self.y)?].concat();
                Some(UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point))
            }
            (Algorithm::EdDsa, "OKP", "Ed25519") => Some(UnparsedPublicKey::new(&ED25519, x)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inhouse_proto::v1::AgentCardSignature;
    use serde_json::json;

    #[test]
    fn what_can_not_be_verified_says_why() {
        // The key and the signature of RFC 8037, appendix A, which is over another text.
        let keys = json!({"keys": [
            {"kty": "RSA", "kid": "other", "n": "x", "e": "AQAB"},
            {"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        ]});
        let keys: CardKeys = serde_json::from_value(keys).unwrap();
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let signed = |algorithm, key_id: &str| AgentCardSignature {
            protected: Protected { algorithm, key_id: key_id.into() }.encode(),
            signature: signature.into(),
            header: None,
        };
        let damaged = AgentCardSignature { protected: "?".into(), ..Default::default() };
        for (signatures, why) in [
            (vec![], Unverified::Unsigned),
            (vec![damaged.clone()], Unverified::UnknownKind),
            (vec![signed(Algorithm::EdDsa, "x")], Unverified::UnknownKey("x".into())),
            (vec![signed(Algorithm::Es256, "k")], Unverified::UnknownKey("k".into())),
            (
                vec![signed(Algorithm::EdDsa, "x"), damaged, signed(Algorithm::EdDsa, "k")],
                Unverified::Changed("k".into()),
            ),
        ] {
            let card = AgentCard { signatures, ..AgentCard::default() };
            assert_eq!(keys.verify(&card).unwrap_err(), why);
        }
    }
}
