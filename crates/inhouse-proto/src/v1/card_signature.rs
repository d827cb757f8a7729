//! What a signature of a card stands over (spec 8.4): the card in canonical JSON, and the two headers of a JWS.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{AgentCard, AgentCardSignature};

/// The algorithms that are signed with and verified here (RFC 7518 section 3.1, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// The name in a header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// The protected header of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protected {
    /// How it is signed.
    pub algorithm: Algorithm,
    /// Which key signed it.
    pub key_id: String,
}

impl Protected {
    /// The header as it stands in a signature.
    pub fn encode(&self) -> String {
        let header = serde_json::json!({"alg": self.algorithm.name(), "kid": self.key_id, "typ": "JOSE"});
        base64url(header.to_string().as_bytes())
    }

    /// Reads the header of a signature; none for one that is damaged, of an algorithm that is not known here, or with
    /// extensions that have to be understood.
    pub fn decode(protected: &str) -> Option<Self> {
        let header: Value = serde_json::from_slice(&from_base64url(protected)?).ok()?;
        let algorithm = [Algorithm::Es256, Algorithm::EdDsa].into_iter().find(|known| header["alg"] == known.name())?;
        if header.get("crit").is_some() {
            return None;
        }
        Some(Self { algorithm, key_id: header["kid"].as_str()?.to_owned() })
    }
}

/// Base64 for the web, without padding, as all of JOSE has it.
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of such a text.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// What is signed: the header, and the payload that nobody sends.
pub fn signing_input(protected: &str, payload: &[u8]) -> Vec<u8> {
    format!("{protected}.{}", base64url(payload)).into_bytes()
}

impl AgentCard {
    /// The card in the forms that signatures stand over: as the official SDKs read it, which leave out whatever is empty, and,
    /// where it is another one, as the specification has it (8.4.1); that one is the last.
    pub fn signed_forms(&self) -> Vec<Vec<u8>> {
        let bare = Self { signatures: Vec::new(), ..self.clone() };
        let mut whole = serde_json::to_value(&bare).unwrap_or_default();
        let letter = canonical(&whole);
        let _ = clean(&mut whole);
        let cleaned = canonical(&whole);
        if letter == cleaned { vec![letter] } else { vec![cleaned, letter] }
    }

    /// The card with these signatures.
    pub fn signed(self, signatures: Vec<AgentCardSignature>) -> Self {
        Self { signatures, ..self }
    }
}

/// RFC 8785. Cards have no numbers that it would refuse.
fn canonical(value: &Value) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).unwrap_or_default()
}

/// Takes out empty texts, lists and objects, and what becomes empty by it. Whether anything is left.
fn clean(value: &mut Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => {
            items.retain_mut(clean);
            !items.is_empty()
        }
        Value::Object(members) => {
            members.retain(|_, member| clean(member));
            !members.is_empty()
        }
        Value::Bool(_) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn card(value: Value) -> AgentCard {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_example_of_the_specification_is_canonical() {
        let example = card(json!({
            "name": "Example Agent",
            "description": "",
            "capabilities": {"streaming": false, "pushNotifications": false, "extensions": []},
            "skills": [],
            "signatures": [{"protected": "x", "signature": "y"}],
        }));
        let forms = example.signed_forms();
        let letter: Value = serde_json::from_slice(&forms[1]).unwrap();
        assert_eq!(letter["capabilities"], json!({"pushNotifications": false, "streaming": false}));
        assert_eq!((&letter["description"], &letter["skills"]), (&json!(""), &json!([])), "required, so present");
        assert!(letter.get("signatures").is_none());
        let cleaned = r#"{"capabilities":{"pushNotifications":false,"streaming":false},"name":"Example Agent"}"#;
        assert_eq!(String::from_utf8(forms[0].clone()).unwrap(), cleaned);
    }

    #[test]
    fn members_are_sorted_as_rfc_8785_has_it_and_texts_are_written_shortest() {
        let extension =
            json!({"uri": "urn:x", "params": {"\u{e000}": 1, "\u{1f600}": 2, "b": 1.0, "a": "é\u{7f}\n\""}});
        let card = card(json!({"capabilities": {"extensions": [extension]}}));
        let letter = String::from_utf8(card.signed_forms().pop().unwrap()).unwrap();
        assert!(
            letter.contains("\"params\":{\"a\":\"é\u{7f}\\n\\\"\",\"b\":1,\"\u{1f600}\":2,\"\u{e000}\":1}"),
            "{letter}"
        );
    }

    #[test]
    fn a_header_that_is_not_understood_is_none() {
        let header = Protected { algorithm: Algorithm::Es256, key_id: "k".into() };
        assert_eq!(Protected::decode(&header.encode()), Some(header));
        for json in [
            json!({"alg": "none", "kid": "k"}),
            json!({"alg": "HS256", "kid": "k"}),
            json!({"alg": "ES256"}),
            json!({"alg": "ES256", "kid": "k", "crit": ["b64"], "b64": false}),
            json!([]),
        ] {
            assert_eq!(Protected::decode(&base64url(json.to_string().as_bytes())), None, "{json}");
        }
        assert_eq!(Protected::decode("not base64!"), None);
    }
}
