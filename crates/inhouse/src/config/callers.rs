//! The tables `[[callers]]`: who may ask, and by what he is known.

use inhouse_trust::{HostEnv, Secret};

use super::document::Table;
use super::error::ConfigError;
use super::file::{finish, principal};
use super::model::{CallerConfig, CallerToken};
use super::origin::Setting;

/// What a name in a certificate begins with.
const CERTIFIED: [&str; 4] = ["dns:", "uri:", "email:", "subject:CN="];

/// Reads one of them.
///
/// # Errors
/// [`ConfigError`] for what is wrong with it.
pub(super) fn caller(mut table: Table<'_>, environment: &HostEnv) -> Result<CallerConfig, ConfigError> {
    let name = table.needed("name")?;
    let (digest, variable) = (table.text("token_sha256")?, table.text("token_env")?);
    let token = match (digest, variable, table.text("certificate")?) {
        (Some(digest), None, None) => CallerToken::Digest(sha256(digest)?),
        (None, Some(variable), None) => token_of(variable, environment)?,
        (None, None, Some(rule)) => CallerToken::Certificate(certificate(rule)?),
        (None, None, None) => return Err(table.missing("token_sha256, token_env or certificate")),
        (_, Some(Setting { origin, .. }), _) | (_, _, Some(Setting { origin, .. })) => {
            return Err(ConfigError::Conflict {
                origin,
                problem: "a caller has one of token_sha256, token_env and certificate".into(),
                hint: "for two of one caller write two [[callers]] of the same name".into(),
            });
        }
    };
    let admin = table.switch("admin")?.is_some_and(|admin| admin.value);
    let origin = name.origin.clone();
    let name = name.try_map(|name, origin| principal(&name, "name", origin))?.value;
    finish(table)?;
    Ok(CallerConfig { name, token, admin, origin })
}

fn sha256(text: Setting<String>) -> Result<[u8; 32], ConfigError> {
    let digits: Option<Vec<u8>> = text.value.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let bytes = digits.and_then(|digits| {
        let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        if digits.len() == 64 { <[u8; 32]>::try_from(bytes).ok() } else { None }
    });
    bytes.ok_or_else(|| ConfigError::Value {
        origin: text.origin,
        key: "token_sha256".into(),
        expected: "the token's SHA-256 in 64 hexadecimal digits (printf %s \"$TOKEN\" | sha256sum)".into(),
        found: format!("{} characters", text.value.chars().count()),
    })
}

fn token_of(variable: Setting<String>, environment: &HostEnv) -> Result<CallerToken, ConfigError> {
    match environment.get(&variable.value).filter(|token| !token.trim().is_empty()) {
        Some(token) => Ok(CallerToken::Variable { token: Secret::new(token.to_owned()), name: variable.value }),
        None => Err(ConfigError::Conflict {
            hint: format!("export {}=…", variable.value),
            problem: format!("token_env names {}, which the environment does not have", variable.value),
            origin: variable.origin,
        }),
    }
}

/// A name as it is found in certificates; those of hosts are the same in any case.
fn certificate(rule: Setting<String>) -> Result<String, ConfigError> {
    let fits = |kind: &&str| rule.value.strip_prefix(*kind).is_some_and(|name| !name.is_empty());
    match CERTIFIED.into_iter().find(fits) {
        Some("dns:") => Ok(rule.value.to_ascii_lowercase()),
        Some(_) => Ok(rule.value),
        None => Err(ConfigError::Value {
            origin: rule.origin,
            key: "certificate".into(),
            expected: "a name of the certificate such as \"dns:ci.example.com\", \"uri:spiffe://example.com/ci\", \"email:ann@example.com\" or \"subject:CN=ann\"".into(),
            found: format!("{:?}", rule.value),
        }),
    }
}
