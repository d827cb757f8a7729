//! Signs cards (spec 8.4), and tells the key that verifies them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use inhouse_proto::v1::card_signature::{Algorithm, Protected, base64url, signing_input};
use inhouse_proto::v1::{AgentCard, AgentCardSignature};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// So many different cards keep their signatures. They differ by the host that asks, and each is signed again when forgotten.
const CARDS_MAX: usize = 64;

/// Signs the cards of a server with its key.
pub struct CardSigner {
    key: Key,
    protected: Protected,
    jwks: Value,
    /// By the digest of what is signed: a card that is asked for again has the same signature, and the same tag.
    signed: Mutex<HashMap<[u8; 32], String>>,
}

enum Key {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// What is given as a key and is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a private key of P-256 or Ed25519 in PKCS#8, as `openssl genpkey -algorithm ed25519` makes one")]
pub struct SigningKeyError;

impl CardSigner {
    /// With the private key in a PEM text, under a name that verifiers find it by; without one, by its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// [`SigningKeyError`].
    pub fn new(pem: &str, key_id: Option<String>) -> Result<Self, SigningKeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| SigningKeyError)?;
        let key = Key::read(der.secret_pkcs8_der())?;
        let public = key.public();
        let key_id = key_id.unwrap_or_else(|| base64url(&Sha256::digest(public.to_string())));
        let protected = Protected { algorithm: key.algorithm(), key_id };
        let mut jwk = public;
        jwk["kid"] = protected.key_id.as_str().into();
        jwk["alg"] = protected.algorithm.name().into();
        jwk["use"] = "sig".into();
        Ok(Self { key, protected, jwks: json!({"keys": [jwk]}), signed: Mutex::default() })
    }

    /// The key that verifies what is signed here, as a set of keys (RFC 7517 section 5).
    pub(crate) fn jwks(&self) -> &Value {
        &self.jwks
    }

    /// The card with its signatures: one for each form that a client may verify it in.
    pub(crate) fn sign(&self, card: AgentCard) -> AgentCard {
        let protected = self.protected.encode();
        let sign = |payload: Vec<u8>| {
            let signature = self.signature(&signing_input(&protected, &payload))?;
            Some(AgentCardSignature { protected: protected.clone(), signature, header: None })
        };
        let signatures = card.signed_forms().into_iter().filter_map(sign).collect();
        card.signed(signatures)
    }

    fn signature(&self, input: &[u8]) -> Option<String> {
        let digest: [u8; 32] = Sha256::digest(input).into();
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = signed.get(&digest) {
            return Some(known.clone());
        }
        let signature = base64url(&self.key.sign(input)?);
        if signed.len() >= CARDS_MAX {
            signed.clear();
        }
        signed.insert(digest, signature.clone());
        Some(signature)
    }
}

impl std::fmt::Debug for CardSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CardSigner").field("protected", &self.protected).finish_non_exhaustive()
    }
}

impl Key {
    fn read(pkcs8: &[u8]) -> Result<Self, SigningKeyError> {
        if let Ok(key) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new()) {
            return Ok(Self::P256(key));
        }
        // openssl writes the private half alone.
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map(Self::Ed25519).map_err(|_| SigningKeyError)
    }

    fn algorithm(&self) -> Algorithm {
        match self {
            Self::P256(_) => Algorithm::Es256,
            Self::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// The public half: the members that make its thumbprint, in their order.
    fn public(&self) -> Value {
        match self {
            Self::P256(key) => {
                // A byte that says that both coordinates follow.
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({"crv": "P-256", "kty": "EC", "x": base64url(x), "y": base64url(y)})
            }
            Self::Ed25519(key) => json!({"crv": "Ed25519", "kty": "OKP", "x": base64url(key.public_key().as_ref())}),
        }
    }

    fn sign(&self, input: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::P256(key) => key.sign(&SystemRandom::new(), input).ok().map(|signature| signature.as_ref().to_vec()),
            Self::Ed25519(key) => Some(key.sign(input).as_ref().to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // `openssl genpkey -algorithm …`, made for these tests.
    const P256: &str = include_str!("../tests/keys/p256.pem");
    const ED25519: &str = include_str!("../tests/keys/ed25519.pem");

    fn card(name: &str) -> AgentCard {
        AgentCard { name: name.to_owned(), ..AgentCard::default() }
    }

    #[test]
    fn a_card_keeps_its_signatures_and_another_one_has_others() {
        for pem in [P256, ED25519] {
            let signer = CardSigner::new(pem, Some("k-1".into())).unwrap();
            let (first, again, other) = (signer.sign(card("a")), signer.sign(card("a")), signer.sign(card("b")));
            assert_eq!((first.signatures.len(), &first.signatures), (2, &again.signatures));
            assert_ne!(first.signatures[0].signature, other.signatures[0].signature);
            assert_ne!(first.signatures[0].signature, first.signatures[1].signature);
            for at in 0..2 * CARDS_MAX {
                signer.sign(card(&at.to_string()));
            }
            assert!(signer.signed.lock().unwrap().len() <= CARDS_MAX);
        }
    }

    #[test]
    fn a_key_is_told_by_its_public_half_and_its_thumbprint() {
        let signer = CardSigner::new(ED25519, None).unwrap();
        let key = &signer.jwks()["keys"][0];
        assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA")));
        assert_eq!(key["kid"].as_str().unwrap().len(), 43);
        assert!(key.get("d").is_none());
        let key = CardSigner::new(P256, Some("mine".into())).unwrap().jwks()["keys"][0].clone();
        assert_eq!((&key["kty"], &key["crv"], &key["kid"]), (&json!("EC"), &json!("P-256"), &json!("mine")));
        assert!(!format!("{signer:?}").contains("PRIVATE"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let rsa = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n";
        for pem in ["", "key", rsa, &P256.replace("PRIVATE KEY", "PUBLIC KEY")] {
            assert!(matches!(CardSigner::new(pem, None), Err(SigningKeyError)), "{pem}");
        }
    }
}
