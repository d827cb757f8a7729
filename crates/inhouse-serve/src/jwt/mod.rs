//! Tokens that issuers sign (RFC 7519): whom they name and what for, by the rules and keys that the operator has for an issuer.
//! What a token says of its own key (`jku`, `jwk`, `x5u`, `x5c`) is not looked at, and the key's name picks a key of the issuer's alone.

mod keys;
mod verifier;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use inhouse_proto::json::Struct;
use inhouse_trust::{AgentName, AuthError, CallerLimits, Principal, Rights, Scope, Vouched, Vouchers};
use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde_json::Value;
use tokio::sync::Notify;

use crate::CertificateRules;

pub use keys::{JwtAlgorithm, JwtKeys, JwtKeysError};

/// The claims in which scopes stand, where no other one is named (RFC 8693 section 4.2; the second is what some issuers write).
const SCOPES: [&str; 2] = ["scope", "scp"];
/// What is a token for us by its type, if it has one. Others that the issuer signs, as those that tell of a logout, are for something
/// else (RFC 8725 section 3.11).
const TYPES: [&str; 3] = ["jwt", "at+jwt", "application/at+jwt"];

/// What is believed of an issuer's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerRules {
    /// Stands with a colon before the names of all whom it vouches for.
    pub name: String,
    /// What its tokens have as `iss`.
    pub issuer: String,
    /// What they have as `aud`, or among it.
    pub audience: String,
    /// By which they may be signed.
    pub algorithms: Vec<JwtAlgorithm>,
    /// The claim that names the principal.
    pub principal_claim: String,
    /// The claim with the scopes; `scope` and `scp`, where none is named.
    pub scope_claim: Option<String>,
    /// What is given for each of its words; without them all is given but a look at the server itself, whatever the claim says.
    pub scopes: Option<BTreeMap<String, BTreeSet<Scope>>>,
    /// The claim with the agents; all, where none is named.
    pub agents_claim: Option<String>,
    /// How far its clock and ours may differ, in seconds.
    pub leeway_s: u64,
}

/// An issuer with the keys that it has now.
#[derive(Debug)]
pub struct Issuer {
    rules: Arc<IssuerRules>,
    keys: Arc<JwtKeys>,
    wanted: Arc<Notify>,
}

/// All issuers that are trusted, of tokens and of certificates.
#[derive(Debug)]
pub struct Issuers {
    tokens: Vec<Issuer>,
    certificates: CertificateRules,
}

/// Why a token is none of an issuer's; for the log.
#[derive(Debug, thiserror::Error)]
enum NotVouched {
    #[error("{0}")]
    Form(#[from] jsonwebtoken::errors::Error),
    #[error("the issuer has no such key for it")]
    Key,
    #[error("it is a token for something else")]
    Kind,
    #[error("its claim {0} can not be used")]
    Claim(String),
    #[error("the issuer's keys are not here yet")]
    Unready,
}

impl Issuer {
    /// One with these keys. `wanted` is told when a token names another one.
    pub fn new(rules: Arc<IssuerRules>, keys: Arc<JwtKeys>, wanted: Arc<Notify>) -> Self {
        Self { rules, keys, wanted }
    }

    fn vouched(&self, header: &Header, token: &[u8]) -> Result<Vouched, NotVouched> {
        let is_ours = header.typ.as_ref().is_none_or(|typ| TYPES.iter().any(|known| typ.eq_ignore_ascii_case(known)));
        // An extension that has to be understood is none that we know (RFC 7515 section 4.1.11).
        if !is_ours || header.crit.is_some() {
            return Err(NotVouched::Kind);
        }
        let Some(key) = self.keys.find(header.kid.as_deref(), header.alg) else {
            self.wanted.notify_one();
            let may_sign = self.rules.algorithms.iter().any(|algorithm| algorithm.is(header.alg));
            return Err(if may_sign && self.keys.are_to_come() { NotVouched::Unready } else { NotVouched::Key });
        };
        verifier::install();
        let Struct(claims) = decode(token, &key.key, &self.rules.validation(header.alg))?.claims;
        Ok(Vouched {
            principal: self.rules.principal(&claims)?,
            rights: Arc::new(self.rules.rights(&claims)?),
            by: self.by(&key.thumbprint),
        })
    }

    fn by(&self, thumbprint: &str) -> Arc<str> {
        format!("{} {thumbprint}", self.rules.name).into()
    }
}

type Claims = serde_json::Map<String, Value>;

impl IssuerRules {
    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.set_required_spec_claims(&["iss", "aud", "exp"]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.validate_nbf = true;
        validation.leeway = self.leeway_s;
        validation
    }

    fn principal(&self, claims: &Claims) -> Result<Principal, NotVouched> {
        let unfit = || NotVouched::Claim(self.principal_claim.clone());
        let subject = claims.get(&self.principal_claim).and_then(Value::as_str).filter(|text| !text.is_empty());
        Principal::new(&format!("{}:{}", self.name, subject.ok_or_else(unfit)?)).map_err(|_| unfit())
    }

    fn rights(&self, claims: &Claims) -> Result<Rights, NotVouched> {
        // A token that is bound to a key or a certificate needs more than to be shown.
        if claims.contains_key("cnf") {
            return Err(NotVouched::Claim("cnf".into()));
        }
        let exp = claims.get("exp").and_then(seconds).ok_or_else(|| NotVouched::Claim("exp".into()))?;
        let agents = self.agents_claim.as_ref().map(|claim| {
            let names = words(claims, claim).filter_map(|name| AgentName::new(name).ok());
            names.collect()
        });
        Ok(Rights {
            scopes: self.scopes(claims),
            agents,
            expires_at_s: Some(exp.saturating_add(self.leeway_s)),
            limits: CallerLimits::default(),
        })
    }

    fn scopes(&self, claims: &Claims) -> BTreeSet<Scope> {
        let Some(given) = &self.scopes else {
            return Rights::default().scopes;
        };
        let named = self.scope_claim.as_deref().map_or(SCOPES.to_vec(), |claim| vec![claim]);
        let words = named.into_iter().flat_map(|claim| words(claims, claim));
        words.filter_map(|word| given.get(word)).flatten().copied().collect()
    }
}

/// The words of a claim: of a text, or of a list of them.
fn words<'a>(claims: &'a Claims, claim: &str) -> impl Iterator<Item = &'a str> {
    let (text, list) = match claims.get(claim) {
        Some(Value::String(text)) => (text.as_str(), &[][..]),
        Some(Value::Array(list)) => ("", list.as_slice()),
        _ => ("", &[][..]),
    };
    text.split_ascii_whitespace().chain(list.iter().filter_map(Value::as_str))
}

/// A NumericDate (RFC 7519 section 2), which may have a fraction.
fn seconds(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_f64().filter(|seconds| *seconds >= 0.0).map(|seconds| seconds as u64))
}

impl Issuers {
    /// These; each name and each issuer of tokens stands once among them.
    pub fn new(tokens: impl IntoIterator<Item = Issuer>, certificates: CertificateRules) -> Self {
        Self { tokens: tokens.into_iter().collect(), certificates }
    }

    /// The issuer that a token names, of which nothing is checked yet: the one that is asked. A list of them is nothing that RFC 7519 has.
    fn named_by(&self, token: &[u8]) -> Option<&Issuer> {
        let Struct(claims) = insecure_decode_claims(token).ok()?;
        let name = claims.get("iss")?.as_str()?;
        self.tokens.iter().find(|issuer| issuer.rules.issuer == name)
    }
}

impl Vouchers for Issuers {
    fn vouched(&self, token: &[u8]) -> Result<Vouched, AuthError> {
        let header = decode_header(token).map_err(|_| AuthError::Invalid)?;
        let issuer = self.named_by(token).ok_or(AuthError::Invalid)?;
        issuer.vouched(&header, token).map_err(|why| {
            tracing::debug!(issuer = issuer.rules.name, %why, "a signed token is refused");
            if matches!(why, NotVouched::Unready) { AuthError::Unready } else { AuthError::Invalid }
        })
    }

    fn certified(&self, names: &[String], until_s: u64) -> Option<Vouched> {
        self.certificates.certified(names, until_s)
    }

    fn hold(&self, by: &str) -> bool {
        let mut tokens = self.tokens.iter();
        self.certificates.hold(by)
            || tokens.any(|issuer| issuer.keys.thumbprints().any(|thumbprint| *issuer.by(thumbprint) == *by))
    }
}
