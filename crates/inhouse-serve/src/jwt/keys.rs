//! An issuer's public keys (RFC 7517), as far as they are good for signatures that are allowed.

use std::str::FromStr as _;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use sha2::{Digest as _, Sha256};

/// What a modulus of RSA has to have (RFC 7518 section 3.3), and has at most, so that checking a signature stays cheap.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

/// A signature by a private key: `RS256`, `PS256`, `ES256`, `EdDSA` and their kin. None that one secret both makes and checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JwtAlgorithm(Algorithm);

impl JwtAlgorithm {
    /// All of them.
    pub const NAMES: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

    /// The one that is called so in a token's header.
    pub fn named(name: &str) -> Option<Self> {
        let algorithm = Algorithm::from_str(name).ok()?;
        (algorithm.family() != AlgorithmFamily::Hmac).then_some(Self(algorithm))
    }

    /// Its name.
    pub fn name(self) -> String {
        format!("{:?}", self.0)
    }

    pub(super) fn is(self, algorithm: Algorithm) -> bool {
        self.0 == algorithm
    }
}

/// Why a set of keys can not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwtKeysError {
    /// It is none.
    #[error("is no set of keys (RFC 7517): {0}")]
    Form(String),
    /// A key is none of its kind, or is weak.
    #[error("the key {kid:?} {why}")]
    Key {
        /// Its name.
        kid: String,
        /// What is wrong.
        why: String,
    },
    /// It has no key for a signature that is allowed.
    #[error("has no key that signs by {0}")]
    Useless(String),
}

/// An issuer's keys; at first none.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct JwtKeys(Vec<Key>);

#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    /// What it may have signed by.
    algorithms: Vec<Algorithm>,
    pub(super) key: DecodingKey,
    /// A digest of the public key alone, which stays when its name or its use changes. It is not the one of RFC 7638.
    pub(super) thumbprint: String,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        (&self.id, &self.algorithms, &self.thumbprint) == (&other.id, &other.algorithms, &other.thumbprint)
    }
}

impl Eq for Key {}

impl JwtKeys {
    /// Reads a set of keys, of which those count that can sign by one of these; a key's own `use`, `key_ops` and `alg` hold.
    ///
    /// # Errors
    /// [`JwtKeysError`]; one key that is weak spoils the set.
    pub fn read(text: &[u8], allowed: &[JwtAlgorithm]) -> Result<Self, JwtKeysError> {
        let set: JwkSet = serde_json::from_slice(text).map_err(|error| JwtKeysError::Form(error.to_string()))?;
        let mut keys: Vec<Key> = Vec::new();
        for jwk in &set.keys {
            let Some(key) = Key::read(jwk, allowed)? else { continue };
            let is_same =
                |known: &Key| known.id == key.id && known.algorithms.iter().any(|one| key.algorithms.contains(one));
            if key.id.is_some() && keys.iter().any(is_same) {
                return Err(wrong(jwk, "stands there twice"));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            let names: Vec<_> = allowed.iter().map(|algorithm| algorithm.name()).collect();
            return Err(JwtKeysError::Useless(names.join(", ")));
        }
        Ok(Self(keys))
    }

    /// The key of this name, if it may sign so; without a name the only one that may.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        let named = |key: &&Key| id.is_none() || key.id.as_deref() == id;
        let mut fitting = self.0.iter().filter(|key| key.algorithms.contains(&algorithm)).filter(named);
        fitting.next().filter(|_| fitting.next().is_none())
    }

    /// Whether none has come yet.
    pub(super) fn are_to_come(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn thumbprints(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|key| &key.thumbprint)
    }
}

impl Key {
    /// None for a key that is for something else.
    fn read(jwk: &Jwk, allowed: &[JwtAlgorithm]) -> Result<Option<Self>, JwtKeysError> {
        let can = kin(jwk);
        let own = jwk.common.key_algorithm.map(|own| format!("{own:?}"));
        let may = |algorithm: &&Algorithm| {
            let name = JwtAlgorithm(**algorithm);
            allowed.contains(&name) && own.as_ref().is_none_or(|own| *own == name.name())
        };
        let algorithms: Vec<_> = can.iter().filter(may).copied().collect();
        let signs = jwk.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
        let operations = jwk.common.key_operations.as_ref();
        let verifies = operations.is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        if algorithms.is_empty() || !signs || !verifies {
            return Ok(None);
        }
        let read = DecodingKey::from_jwk(jwk).map_err(|error| wrong(jwk, &format!("can not be read: {error}")))?;
        let key = checked(&read, algorithms[0]).map_err(|why| wrong(jwk, &why))?;
        let mut digest = Sha256::new();
        match key.kind() {
            DecodingKeyKind::SecretOrDer(point) => digest.update(point),
            DecodingKeyKind::RsaModulusExponent { n, e } => digest.update([&n.len().to_be_bytes()[..], n, e].concat()),
        }
        let thumbprint = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Some(Self { id: jwk.common.key_id.clone(), algorithms, key, thumbprint }))
    }
}

/// What a key of this kind can sign by.
fn kin(jwk: &Jwk) -> &'static [Algorithm] {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[RS256, RS384, RS512, PS256, PS384, PS512],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[ES256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => &[ES384],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[EdDSA],
        _ => &[],
    }
}

/// The key, if it is long enough and as long as its kind is.
fn checked(key: &DecodingKey, algorithm: Algorithm) -> Result<DecodingKey, String> {
    match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, e } => {
            let whole = |number: &[u8]| number.iter().skip_while(|byte| **byte == 0).copied().collect::<Vec<_>>();
            let (n, e) = (whole(n), whole(e));
            let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
            if !RSA_BITS.contains(&bits) {
                return Err(format!("has {bits} bits, and RSA needs {} to {}", RSA_BITS.start(), RSA_BITS.end()));
            }
            Ok(DecodingKey::from_rsa_raw_components(&n, &e))
        }
        DecodingKeyKind::SecretOrDer(point) => {
            let bytes = match algorithm {
                Algorithm::ES256 => 65,
                Algorithm::ES384 => 97,
                _ => 32,
            };
            if point.len() == bytes { Ok(key.clone()) } else { Err("is no point of its curve".to_owned()) }
        }
    }
}

fn wrong(jwk: &Jwk, why: &str) -> JwtKeysError {
    JwtKeysError::Key { kid: jwk.common.key_id.clone().unwrap_or_default(), why: why.to_owned() }
}
