//! The tables `[[jwt]]`: the issuers whose signed tokens are believed, and what each of them may say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use inhouse_client::Fetcher;
use inhouse_serve::{IssuerRules, JwtAlgorithm};
use inhouse_trust::{Principal, Scope};

use super::document::Table;
use super::error::ConfigError;
use super::file::finish;
use super::origin::{Origin, Setting};

/// By which tokens may be signed where nobody says it.
const ALGORITHMS: [&str; 3] = ["RS256", "ES256", "EdDSA"];
/// How far clocks may differ, in seconds.
const LEEWAY_S: std::ops::RangeInclusive<u64> = 0..=600;

/// An issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JwtConfig {
    /// What is believed of its tokens.
    pub(crate) rules: Arc<IssuerRules>,
    /// Where its public keys are.
    pub(crate) keys: KeysAt,
    /// Where it comes from.
    pub(crate) origin: Origin,
}

/// Where an issuer's public keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeysAt {
    /// In a file.
    File(PathBuf),
    /// At this address.
    Url(String),
    /// At the address that the issuer tells, which is asked at this one.
    Issuer(String),
}

impl JwtConfig {
    /// The file with its public keys, if they are in one.
    pub(crate) fn file(&self) -> Option<&Path> {
        if let KeysAt::File(file) = &self.keys { Some(file) } else { None }
    }

    /// Where clients learn how to get a token of the issuer's, if it tells.
    pub(crate) fn discovery(&self) -> Option<&str> {
        if let KeysAt::Issuer(url) = &self.keys { Some(url) } else { None }
    }

    /// Whether a principal of this name is one of the issuer's.
    pub(crate) fn has(&self, principal: &str) -> bool {
        let rest = principal.strip_prefix(&self.rules.name).and_then(|rest| rest.strip_prefix(':'));
        rest.is_some_and(|subject| !subject.is_empty())
    }

    /// Why nobody with another kind of token may have this name, if it is one of the issuer's.
    pub(crate) fn collision(&self, principal: &Principal) -> Option<String> {
        let name = &self.rules.name;
        self.has(principal.as_str())
            .then(|| format!("caller {principal}: names that begin with {name}: are those of [[jwt]] {name}"))
    }
}

/// Reads all of them; paths are relative to `base`.
///
/// # Errors
/// [`ConfigError`] for what is wrong with one of them, and for two that can not be told apart.
pub(super) fn issuers(base: &Path, tables: Vec<Table<'_>>) -> Result<Vec<JwtConfig>, ConfigError> {
    let mut read: Vec<JwtConfig> = Vec::new();
    for table in tables {
        let one = issuer(base, table)?;
        let same = |known: &&JwtConfig| known.rules.name == one.rules.name || known.rules.issuer == one.rules.issuer;
        if let Some(known) = read.iter().find(same) {
            return Err(ConfigError::Conflict {
                problem: format!("two [[jwt]] have the name {:?} or the same issuer", known.rules.name),
                hint: "give each its own name, and each issuer one table".into(),
                origin: one.origin,
            });
        }
        read.push(one);
    }
    Ok(read)
}

fn issuer(base: &Path, mut table: Table<'_>) -> Result<JwtConfig, ConfigError> {
    let (name, issuer, audience) = (table.needed("name")?, table.needed("issuer")?, table.needed("audience")?.value);
    let keys = keys_at(base, &issuer, table.text("jwks_file")?, table.text("jwks_url")?)?;
    let algorithms = table.texts("algorithms")?;
    let text = |setting: Option<Setting<String>>| setting.map(|setting| setting.value);
    let rules = IssuerRules {
        name: short(&name)?,
        issuer: issuer.value,
        audience,
        algorithms: allowed(algorithms)?,
        principal_claim: text(table.text("principal_claim")?).unwrap_or_else(|| "sub".to_owned()),
        scope_claim: text(table.text("scope_claim")?),
        scopes: scopes(&mut table)?,
        agents_claim: text(table.text("agents_claim")?),
        leeway_s: table.number("leeway_s", LEEWAY_S)?.map_or(30, |leeway| leeway.value),
    };
    finish(table)?;
    Ok(JwtConfig { rules: Arc::new(rules), keys, origin: name.origin })
}

fn keys_at(
    base: &Path,
    issuer: &Setting<String>,
    file: Option<Setting<String>>,
    url: Option<Setting<String>>,
) -> Result<KeysAt, ConfigError> {
    match (file, url) {
        (Some(file), None) => Ok(KeysAt::File(base.join(file.value))),
        (None, Some(url)) => safe_address("jwks_url", &url).map(KeysAt::Url),
        (None, None) => {
            let issuer = safe_address("an issuer without jwks_file and jwks_url", issuer)?;
            Ok(KeysAt::Issuer(format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))))
        }
        (Some(_), Some(url)) => Err(ConfigError::Conflict {
            origin: url.origin,
            problem: "an issuer has jwks_file or jwks_url, not both".into(),
            hint: "leave one of them out".into(),
        }),
    }
}

/// An address whose answer nobody on the way can change.
fn safe_address(key: &str, address: &Setting<String>) -> Result<String, ConfigError> {
    if Fetcher::may(&address.value) {
        return Ok(address.value.clone());
    }
    Err(ConfigError::Value {
        origin: address.origin.clone(),
        key: key.into(),
        expected: "an https:// address, or an http:// one of this machine".into(),
        found: format!("{:?}", address.value),
    })
}

/// A name without a colon: what stands before the first one in a principal is never another issuer's.
fn short(name: &Setting<String>) -> Result<String, ConfigError> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.value.len() <= 32 && name.value.bytes().all(fits) {
        return Ok(name.value.clone());
    }
    Err(ConfigError::Value {
        origin: name.origin.clone(),
        key: "name".into(),
        expected: "1 to 32 of a-z, 0-9 and -".into(),
        found: format!("{:?}", name.value),
    })
}

fn allowed(names: Option<Setting<Vec<String>>>) -> Result<Vec<JwtAlgorithm>, ConfigError> {
    let names = names.unwrap_or_else(|| Setting::default(ALGORITHMS.map(str::to_owned).into()));
    let wrong = |found: String| ConfigError::Value {
        origin: names.origin.clone(),
        key: "algorithms".into(),
        expected: format!("some of {}", JwtAlgorithm::NAMES.join(", ")),
        found,
    };
    if names.value.is_empty() {
        return Err(wrong("none".to_owned()));
    }
    names.value.iter().map(|name| JwtAlgorithm::named(name).ok_or_else(|| wrong(format!("{name:?}")))).collect()
}

/// What each word of the claim gives.
fn scopes(table: &mut Table<'_>) -> Result<Option<BTreeMap<String, BTreeSet<Scope>>>, ConfigError> {
    let Some(words) = table.words("scopes")? else { return Ok(None) };
    let given = |(word, names): (Setting<String>, Setting<String>)| {
        let scope = |name: &str| {
            Scope::named(name).ok_or_else(|| ConfigError::Value {
                origin: names.origin.clone(),
                key: format!("scopes.{:?}", word.value),
                expected: format!("some of {}", Scope::ALL.map(Scope::name).join(", ")),
                found: format!("{name:?}"),
            })
        };
        Ok((word.value.clone(), names.value.split_ascii_whitespace().map(scope).collect::<Result<_, _>>()?))
    };
    words.value.into_iter().map(given).collect::<Result<_, _>>().map(Some)
}
