//! An issuer of signed tokens: keys of each kind, its set of public ones, and tokens by them, honest and not.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

// `openssl genpkey -algorithm RSA`, made for these tests.
const RSA: &str = include_str!("../fixtures/rsa.key");

pub const ISSUER: &str = "https://login.example.com";
pub const AUDIENCE: &str = "inhouse";

pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub enum Key {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A key with its name.
pub struct Signer {
    pub kid: String,
    pub key: Key,
}

impl Signer {
    pub fn rsa(kid: &str) -> Self {
        let der = PrivatePkcs8KeyDer::from_pem_slice(RSA.as_bytes()).unwrap();
        let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
        Self { kid: kid.to_owned(), key: Key::Rsa(Box::new(key)) }
    }

    /// A new one.
    pub fn p256(kid: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        Self { kid: kid.to_owned(), key: Key::P256(key) }
    }

    /// A new one.
    pub fn ed25519(kid: &str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { kid: kid.to_owned(), key: Key::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap()) }
    }

    /// By which it signs first of all.
    pub fn algorithm(&self) -> &'static str {
        match self.key {
            Key::Rsa(_) => "RS256",
            Key::P256(_) => "ES256",
            Key::Ed25519(_) => "EdDSA",
        }
    }

    pub fn jwk(&self) -> Value {
        match &self.key {
            Key::Rsa(key) => {
                let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({"kty": "RSA", "kid": self.kid, "alg": "RS256", "use": "sig", "n": base64(n), "e": base64(e)})
            }
            Key::P256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "kid": self.kid, "x": base64(x), "y": base64(y)})
            }
            Key::Ed25519(key) => {
                let x = base64(key.public_key());
                json!({"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "key_ops": ["verify"], "x": x})
            }
        }
    }

    pub fn header(&self) -> Value {
        json!({"typ": "JWT", "alg": self.algorithm(), "kid": self.kid})
    }

    /// The signature of any text.
    pub fn signature(&self, text: &str) -> String {
        let random = SystemRandom::new();
        base64(match &self.key {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature).unwrap();
                signature
            }
            Key::P256(key) => key.sign(&random, text.as_bytes()).unwrap().as_ref().to_vec(),
            Key::Ed25519(key) => key.sign(text.as_bytes()).as_ref().to_vec(),
        })
    }

    /// A token of these texts, signed whatever they are.
    pub fn raw(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        let text = format!("{}.{}", base64(header), base64(claims));
        let signature = self.signature(&text);
        format!("{text}.{signature}")
    }

    pub fn token(&self, claims: &Value) -> String {
        self.raw(self.header().to_string(), claims.to_string())
    }

    /// A token by RSA-PSS.
    pub fn pss(&self, claims: &Value) -> String {
        let Key::Rsa(key) = &self.key else { panic!("no key of RSA") };
        let mut header = self.header();
        header["alg"] = "PS256".into();
        let text = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        format!("{text}.{}", base64(signature))
    }
}

/// Claims that are good for ten minutes.
pub fn claims(subject: &str) -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now_s(), "exp": now_s() + 600})
}

/// The same with other values; `null` takes one out.
pub fn with(more: Value) -> Value {
    let mut all = claims("ann");
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => drop(all.as_object_mut().unwrap().remove(name)),
            value => all[name] = value.clone(),
        }
    }
    all
}

pub fn jwks(signers: &[&Signer]) -> Value {
    json!({"keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>()})
}
