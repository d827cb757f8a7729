//! How callers can prove who they are, as cards tell it (spec 4.5): each way alone is enough.

use std::collections::BTreeMap;

use inhouse_proto::v1;
use inhouse_proto::v1::security_scheme::Scheme as Kind;
use serde_json::{Map, Value, json};

const CERTIFICATE: &str = "certificate";

/// One way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// A token that the operator has given out.
    Bearer,
    /// A token that an issuer has signed.
    Jwt,
    /// The same of an issuer that tells how to get one.
    OpenId {
        /// The issuer's name here.
        name: String,
        /// Its openid-configuration.
        url: String,
    },
    /// A certificate.
    Certificate {
        /// Whether there is no connection without one, so that a token is needed beside it, or nothing.
        required: bool,
    },
}

impl Scheme {
    fn name(&self) -> String {
        match self {
            Self::Bearer => "bearer".to_owned(),
            Self::Jwt => "jwt".to_owned(),
            Self::OpenId { name, .. } => format!("openid-{name}"),
            Self::Certificate { .. } => CERTIFICATE.to_owned(),
        }
    }

    fn v1(&self) -> v1::SecurityScheme {
        let bearer = |format: &str| {
            let (scheme, bearer_format) = ("Bearer".to_owned(), format.to_owned());
            Kind::HttpAuthSecurityScheme(v1::HttpAuthSecurityScheme { scheme, bearer_format, ..Default::default() })
        };
        let kind = match self {
            Self::Bearer => bearer(""),
            Self::Jwt => bearer("JWT"),
            Self::OpenId { url, .. } => Kind::OpenIdConnectSecurityScheme(v1::OpenIdConnectSecurityScheme {
                open_id_connect_url: url.clone(),
                ..Default::default()
            }),
            Self::Certificate { .. } => Kind::MtlsSecurityScheme(v1::MutualTlsSecurityScheme::default()),
        };
        v1::SecurityScheme { scheme: Some(kind) }
    }
}

/// All ways, by their names.
pub(crate) fn all(schemes: &[Scheme]) -> BTreeMap<String, v1::SecurityScheme> {
    schemes.iter().map(|scheme| (scheme.name(), scheme.v1())).collect()
}

/// That one of them is needed.
pub(crate) fn required(schemes: &[Scheme]) -> Vec<v1::SecurityRequirement> {
    let beside = schemes.contains(&Scheme::Certificate { required: true }).then(|| CERTIFICATE.to_owned());
    let one = |scheme: &Scheme| {
        let names = [scheme.name()].into_iter().chain(beside.clone());
        names.map(|name| (name, v1::StringList::default())).collect()
    };
    schemes.iter().map(|scheme| v1::SecurityRequirement { schemes: one(scheme) }).collect()
}

/// A way as 0.3 and 0.2 tell it: by its `type`.
pub(crate) fn older(scheme: &v1::SecurityScheme) -> Map<String, Value> {
    let members = match &scheme.scheme {
        Some(Kind::HttpAuthSecurityScheme(http)) if http.bearer_format.is_empty() => {
            json!({"type": "http", "scheme": http.scheme})
        }
        Some(Kind::HttpAuthSecurityScheme(http)) => {
            json!({"type": "http", "scheme": http.scheme, "bearerFormat": http.bearer_format})
        }
        Some(Kind::OpenIdConnectSecurityScheme(openid)) => {
            json!({"type": "openIdConnect", "openIdConnectUrl": openid.open_id_connect_url})
        }
        Some(Kind::MtlsSecurityScheme(_)) => json!({"type": "mutualTLS"}),
        _ => Value::Null,
    };
    if let Value::Object(members) = members { members } else { Map::new() }
}

/// The same need in their words.
pub(crate) fn older_required(required: &[v1::SecurityRequirement]) -> Value {
    let names = |one: &v1::SecurityRequirement| -> Map<String, Value> {
        one.schemes.keys().map(|name| (name.clone(), json!([]))).collect()
    };
    required.iter().map(names).collect()
}
