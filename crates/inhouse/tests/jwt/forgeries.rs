//! Tokens that somebody without the issuer's private key could make, and tokens of the issuer that are none for this server; each
//! family of them is one table.

use ring::hmac;
use serde_json::{Value, json};

use super::issuer::{AUDIENCE, ISSUER, Key, Signer, base64, claims, jwks, now_s, with};

type Tokens = Vec<(String, String)>;

/// An issuer with a key of each kind, one for encryption, one that is a secret, and one that signs by PKCS#1 alone.
pub struct Issuer {
    rsa: Signer,
    p256: Signer,
    ed25519: Signer,
    encrypts: Signer,
    /// Somebody else's, under the name of the issuer's.
    other: Signer,
}

impl Issuer {
    pub fn new() -> Self {
        Self {
            rsa: Signer::rsa("rsa"),
            p256: Signer::p256("p256"),
            ed25519: Signer::ed25519("ed"),
            encrypts: Signer::p256("enc"),
            other: Signer::p256("p256"),
        }
    }

    pub fn jwks(&self) -> Value {
        let mut set = jwks(&[&self.rsa, &self.p256, &self.ed25519]);
        let mut encrypts = self.encrypts.jwk();
        encrypts["use"] = "enc".into();
        let secret = json!({"kty": "oct", "kid": "oct", "alg": "HS256", "k": base64("secret")});
        set["keys"].as_array_mut().unwrap().extend([encrypts, secret, json!({"kty": "unknown", "kid": "x"})]);
        set
    }

    pub fn honest(&self) -> Tokens {
        let token = |more: Value| self.p256.token(&with(more));
        let header = |header: Value| self.p256.raw(header.to_string(), claims("ann").to_string());
        named([
            ("RS256", self.rsa.token(&claims("ann"))),
            ("ES256", self.p256.token(&claims("ann"))),
            ("EdDSA", self.ed25519.token(&claims("ann"))),
            ("several audiences", token(json!({"aud": ["another", AUDIENCE]}))),
            ("a fraction", token(json!({"exp": now_s() as f64 + 60.5}))),
            ("just begun, by a clock before ours", token(json!({"nbf": now_s() + 20}))),
            ("just over, by a clock behind ours", token(json!({"exp": now_s() - 5}))),
            ("of the type of access tokens", header(json!({"alg": "ES256", "kid": "p256", "typ": "at+jwt"}))),
            ("without a type", header(json!({"alg": "ES256", "kid": "p256"}))),
            ("without a key's name, and one that fits", header(json!({"alg": "ES256"}))),
            ("claims that nobody needs", token(json!({"realm": {"roles": ["x"]}, "iat": "yesterday"}))),
        ])
    }

    pub fn forged(&self) -> Tokens {
        [self.unsigned(), self.confused(), self.by_others(), self.claimed(), self.damaged(), self.not_for_us()].concat()
    }

    /// Without a signature, or with one that nobody needs a key for.
    fn unsigned(&self) -> Tokens {
        let body = base64(claims("ann").to_string());
        let (_, signature) =
            self.p256.token(&claims("ann")).rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let mut all = Vec::new();
        for alg in ["none", "None", "NONE", "nOnE", ""] {
            for signature in ["", &signature] {
                let header = base64(json!({"alg": alg, "kid": "p256", "typ": "JWT"}).to_string());
                all.push((format!("alg {alg:?}, signature {signature:.4}"), format!("{header}.{body}.{signature}")));
            }
        }
        let header = base64(self.p256.header().to_string());
        let zeros = |bytes: usize| base64(vec![0; bytes]);
        for (name, signature) in
            [("none", String::new()), ("zeros", zeros(64)), ("ones", base64([1; 64])), ("long", zeros(4_096))]
        {
            all.push((format!("ES256 with {name}"), format!("{header}.{body}.{signature}")));
        }
        let header = base64(self.ed25519.header().to_string());
        all.push(("EdDSA with zeros".into(), format!("{header}.{body}.{}", zeros(64))));
        let header = base64(self.rsa.header().to_string());
        all.push(("RS256 with zeros".into(), format!("{header}.{body}.{}", zeros(256))));
        all.push(("RS256 with one".into(), format!("{header}.{body}.{}", base64([&[0; 255][..], &[1]].concat()))));
        all
    }

    /// By an algorithm that is not the key's: a public key as a secret, one kind of key for another.
    fn confused(&self) -> Tokens {
        let mut all = Vec::new();
        let (rsa, p256) = (self.rsa.jwk(), self.p256.jwk());
        let point = match &self.p256.key {
            Key::P256(key) => ring::signature::KeyPair::public_key(key).as_ref().to_vec(),
            _ => Vec::new(),
        };
        let secrets: [(&str, &str, Vec<u8>); 6] = [
            ("rsa", "its JWK", rsa.to_string().into()),
            ("rsa", "its modulus", rsa["n"].as_str().unwrap().into()),
            ("p256", "its JWK", p256.to_string().into()),
            ("p256", "its point", point),
            ("p256", "nothing", Vec::new()),
            ("oct", "the secret of the set", b"secret".to_vec()),
        ];
        for (kid, name, secret) in secrets {
            for (alg, kind) in
                [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
            {
                let text = format!(
                    "{}.{}",
                    base64(json!({"alg": alg, "kid": kid}).to_string()),
                    base64(claims("ann").to_string())
                );
                let signature = hmac::sign(&hmac::Key::new(kind, &secret), text.as_bytes());
                all.push((format!("{alg} of {kid} by {name}"), format!("{text}.{}", base64(signature))));
            }
        }
        let by = |signer: &Signer, alg: &str, kid: &str| {
            signer.raw(json!({"alg": alg, "kid": kid}).to_string(), claims("ann").to_string())
        };
        all.extend(named([
            ("another kind of key", by(&self.p256, "ES256", "rsa")),
            ("RS256 by an elliptic curve", by(&self.p256, "RS256", "p256")),
            ("EdDSA by P-256", by(&self.p256, "EdDSA", "p256")),
            ("ES256 by Ed25519", by(&self.ed25519, "ES256", "ed")),
            ("an algorithm that is not allowed", by(&self.p256, "ES384", "p256")),
            ("RS512 where the key says RS256", by(&self.rsa, "RS512", "rsa")),
            ("PS256 where the key says RS256", self.rsa.pss(&claims("ann"))),
            ("a key for encryption", by(&self.encrypts, "ES256", "enc")),
            ("an algorithm that is none", by(&self.p256, "ES256K", "p256")),
        ]));
        all
    }

    /// By a key of the forger's, which the token names or brings along.
    fn by_others(&self) -> Tokens {
        let other = |more: Value| {
            let mut header = json!({"alg": "ES256", "kid": "p256", "typ": "JWT"});
            header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            self.other.raw(header.to_string(), claims("ann").to_string())
        };
        let jwk = self.other.jwk();
        named([
            ("another key under the name", other(json!({}))),
            ("another key under no name", other(json!({"kid": null}))),
            ("an unknown name", other(json!({"kid": "forger"}))),
            ("a name that is a path", other(json!({"kid": "../../../../dev/null"}))),
            ("a name that is a query", other(json!({"kid": "x' UNION SELECT 'k'"}))),
            ("an empty name", other(json!({"kid": ""}))),
            ("a number for a name", other(json!({"kid": 1}))),
            ("jwk", other(json!({"jwk": jwk}))),
            ("jwk, and its name", other(json!({"jwk": jwk, "kid": "forger"}))),
            ("jku", other(json!({"jku": "http://127.0.0.1:9/jwks.json"}))),
            ("x5u", other(json!({"x5u": "http://127.0.0.1:9/cert.pem"}))),
            ("x5c", other(json!({"x5c": ["MIIB"]}))),
            ("x5t", other(json!({"x5t": "AAAA", "x5t#S256": "AAAA"}))),
            ("another issuer in the header", other(json!({"iss": ISSUER}))),
        ])
    }

    /// Signed by the issuer, with claims that are not enough.
    fn claimed(&self) -> Tokens {
        let raw = |claims: &str| self.p256.raw(self.p256.header().to_string(), claims);
        let mut all = named([
            ("twice sub", raw(&claims("ann").to_string().replacen('{', "{\"sub\":\"eve\",", 1))),
            (
                "twice exp",
                raw(&with(json!({"exp": 1})).to_string().replacen('{', &format!("{{\"exp\":{},", now_s() + 60), 1)),
            ),
            ("twice aud", raw(&with(json!({"aud": "x"})).to_string().replacen('{', "{\"aud\":\"inhouse\",", 1))),
            ("twice any", raw(&claims("ann").to_string().replacen('{', "{\"x\":1,\"x\":1,", 1))),
            ("no object", raw("[]")),
            ("null", raw("null")),
            ("nothing", raw("")),
            ("no JSON", raw("{\"iss\":")),
            ("no UTF-8", self.p256.raw(self.p256.header().to_string(), b"{\"iss\":\"\xff\"}")),
            ("a number without end", raw(&claims("ann").to_string().replacen('{', "{\"x\":1e9999,", 1))),
            (
                "depth",
                raw(&claims("ann").to_string().replacen(
                    '{',
                    &format!("{{\"x\":{}1{},", "[".repeat(2_000), "]".repeat(2_000)),
                    1,
                )),
            ),
        ]);
        let long = "a".repeat(200);
        let lacking = json!({
            "iss": [null, "", "https://login.example.co", "https://login.example.com/", "HTTPS://LOGIN.EXAMPLE.COM", [ISSUER], 1],
            "aud": [null, "", "inhous", "Inhouse", "inhouse ", ["another"], [], [["inhouse"]], 1, {"inhouse": true}],
            "exp": [null, 0, now_s() - 60, -1, "4102444800", true, [now_s() + 60], {}],
            "nbf": [now_s() + 60, "0", [0], true, -1.5],
            "sub": [null, "", 1, ["ann"], "ann lee", "änn", "ann\n", "ann\u{0}", long],
            "cnf": [{"jkt": "x"}, {"x5t#S256": "x"}],
        });
        for (claim, values) in lacking.as_object().unwrap() {
            let bad = values.as_array().unwrap().iter();
            all.extend(bad.map(|value| (format!("{claim} {value}"), self.p256.token(&with(json!({claim: value}))))));
        }
        all
    }

    /// Honest ones, cut, stretched and stitched together.
    fn damaged(&self) -> Tokens {
        let [one, two] = ["ann", "eve"].map(|subject| self.p256.token(&claims(subject)));
        let parts: Vec<_> = one.split('.').collect();
        let others: Vec<_> = two.split('.').collect();
        let (header, body, signature) = (parts[0], parts[1], parts[2]);
        let huge = self.other.token(&with(json!({"x": "y".repeat(8_000)})));
        named([
            ("cut by one", one[..one.len() - 1].to_owned()),
            ("cut by a half", one[..one.len() - 43].to_owned()),
            ("two parts", format!("{header}.{body}")),
            ("one part", header.to_owned()),
            ("four parts", format!("{one}.{signature}")),
            ("five parts", format!("{one}.{body}.{signature}")),
            ("a dot behind", format!("{one}.")),
            ("a dot before", format!(".{one}")),
            ("dots alone", "..".to_owned()),
            ("no header", format!(".{body}.{signature}")),
            ("no claims", format!("{header}..{signature}")),
            ("other claims", format!("{header}.{}.{signature}", others[1])),
            ("another signature", format!("{header}.{body}.{}", others[2])),
            ("another header", format!("{}.{body}.{signature}", base64(self.ed25519.header().to_string()))),
            ("filled up", format!("{header}.{body}.{signature}==")),
            ("letters of the other base64", format!("{header}.{body}.+/{}", &signature[2..])),
            ("one behind another", format!("{one},{two}")),
            ("huge", huge),
            ("as JSON", json!({"payload": body, "protected": header, "signature": signature}).to_string()),
            ("a header that is none", format!("{}.{body}.{signature}", base64("[]"))),
            (
                "a header twice",
                self.p256.raw("{\"alg\":\"ES256\",\"alg\":\"ES256\",\"kid\":\"p256\"}", claims("ann").to_string()),
            ),
            ("no algorithm", self.p256.raw("{\"kid\":\"p256\"}", claims("ann").to_string())),
        ])
    }

    /// Signed by the issuer, for something else.
    fn not_for_us(&self) -> Tokens {
        let header = |more: Value| {
            let mut header = self.p256.header();
            header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            self.p256.raw(header.to_string(), claims("ann").to_string())
        };
        named([
            ("that tells of a logout", header(json!({"typ": "logout+jwt"}))),
            ("a proof of possession", header(json!({"typ": "dpop+jwt"}))),
            ("a type that is none", header(json!({"typ": ""}))),
            ("crit exp", header(json!({"crit": ["exp"]}))),
            ("crit b64", header(json!({"crit": ["b64"], "b64": false}))),
            ("crit nothing", header(json!({"crit": []}))),
        ])
    }
}

fn named<const N: usize>(tokens: [(&str, String); N]) -> Tokens {
    tokens.into_iter().map(|(name, token)| (name.to_owned(), token)).collect()
}
