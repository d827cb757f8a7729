//! The tables that only the file has: `[push]` and `[card]`.

use std::fs;
use std::path::Path;

use inhouse_serve::{CardSigner, Extension, Provider, WebhookRule};

use super::choices::AuditTo;
use super::document::Table;
use super::error::ConfigError;
use super::file::finish;
use super::model::{Audit, Cards, Push};
use super::origin::{Origin, Setting};
use super::urls::web_address;

/// A card may be kept for a year.
const MAX_AGE_S: std::ops::RangeInclusive<u64> = 0..=366 * 86_400;

impl Default for Push {
    fn default() -> Self {
        Self { enabled: Setting::default(true), allow: Setting::default(Vec::new()), rule: WebhookRule::default() }
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            to: Setting::default(AuditTo::Stderr),
            file: Setting::default(None),
            key: Setting::default(None),
            sync: Setting::default(false),
        }
    }
}

impl Default for Cards {
    fn default() -> Self {
        Self {
            legacy: Setting::default(true),
            grpc: Setting::default(false),
            max_age_s: Setting::default(60),
            provider: None,
            streaming: Setting::default(true),
            extended: Setting::default(true),
            extensions: Vec::new(),
            signing_key: None,
            key_file: None,
            key_id: None,
            signer: None,
        }
    }
}

/// Reads `[push]`.
///
/// # Errors
/// [`ConfigError`] with file and line.
pub(super) fn push(mut table: Table<'_>) -> Result<Push, ConfigError> {
    let Push { enabled, allow, mut rule } = Push::default();
    let (enabled, allow) = (table.switch("enabled")?.unwrap_or(enabled), table.texts("allow")?.unwrap_or(allow));
    for entry in &allow.value {
        rule.allow(entry).map_err(|error| ConfigError::Value {
            origin: allow.origin.clone(),
            key: "allow".into(),
            expected: error.to_string().trim_start_matches("must be ").to_owned(),
            found: format!("{entry:?}"),
        })?;
    }
    finish(table)?;
    Ok(Push { enabled, allow, rule })
}

/// Reads `[audit]`; paths in it are relative to `base`.
///
/// # Errors
/// [`ConfigError`] with file and line.
pub(super) fn audit(base: &Path, mut table: Table<'_>) -> Result<Audit, ConfigError> {
    let Audit { to, file, key, sync } = Audit::default();
    let path = |setting: Option<Setting<String>>, default| match setting {
        Some(Setting { value, origin }) => Setting { value: Some(base.join(value)), origin },
        None => default,
    };
    let audit = Audit {
        to: table.choice("to")?.unwrap_or(to),
        file: path(table.text("file")?, file),
        key: path(table.text("key")?, key),
        sync: table.switch("sync")?.unwrap_or(sync),
    };
    finish(table)?;
    if audit.to.value != AuditTo::Stderr && audit.file.value.is_none() {
        return Err(ConfigError::Conflict {
            origin: audit.to.origin,
            problem: "the audit is to go to a file, and none is named".into(),
            hint: "file = \"/var/log/inhouse/audit.jsonl\"".into(),
        });
    }
    Ok(audit)
}

/// Reads `[card]`; paths in it are relative to `base`.
///
/// # Errors
/// [`ConfigError`] with file and line.
pub(super) fn card(base: &Path, mut table: Table<'_>) -> Result<Cards, ConfigError> {
    let cards = Cards::default();
    let provider = provider(&mut table)?;
    let (signing_key, key_id) = (table.text("signing_key")?, table.text("key_id")?);
    let signer = signing_key.as_ref().map(|key| signer(base, key, key_id.as_ref())).transpose()?;
    if let (Some(key_id), None) = (&key_id, &signing_key) {
        return Err(ConfigError::Conflict {
            origin: key_id.origin.clone(),
            problem: "key_id names a key, and there is no signing_key".into(),
            hint: "signing_key = \"card-key.pem\"".into(),
        });
    }
    let cards = Cards {
        legacy: table.switch("legacy")?.unwrap_or(cards.legacy),
        grpc: table.switch("grpc")?.unwrap_or(cards.grpc),
        max_age_s: table.number("max_age_s", MAX_AGE_S)?.unwrap_or(cards.max_age_s),
        provider,
        streaming: table.switch("streaming")?.unwrap_or(cards.streaming),
        extended: table.switch("extended")?.unwrap_or(cards.extended),
        extensions: table.list("extensions")?.into_iter().map(extension).collect::<Result<_, _>>()?,
        key_file: signing_key.as_ref().map(|key| base.join(&key.value)),
        signing_key,
        key_id,
        signer,
    };
    finish(table)?;
    Ok(cards)
}

fn provider(table: &mut Table<'_>) -> Result<Option<Setting<Provider>>, ConfigError> {
    let url = table.text("provider_url")?.map(|url| web_address("provider_url", url)).transpose()?;
    match (table.text("provider")?, url) {
        (None, None) => Ok(None),
        (Some(name), Some(url)) => {
            let provider = Provider { organization: name.value, url: url.value };
            Ok(Some(Setting { value: provider, origin: name.origin }))
        }
        // Both are REQUIRED (spec 4.4.2).
        (Some(Setting { origin, .. }), None) => Err(half(origin, "provider_url")),
        (None, Some(Setting { origin, .. })) => Err(half(origin, "provider")),
    }
}

fn extension(mut table: Table<'_>) -> Result<Extension, ConfigError> {
    let uri = table.needed("uri")?;
    if !Extension::is_name(&uri.value) {
        return Err(ConfigError::Value {
            origin: uri.origin,
            key: "uri".into(),
            expected: "an absolute URI of at most 256 bytes".into(),
            found: format!("{:?}", uri.value),
        });
    }
    let description = table.text("description")?.map(|text| text.value).unwrap_or_default();
    let required = table.switch("required")?.is_some_and(|required| required.value);
    finish(table)?;
    Ok(Extension { uri: uri.value, description, required })
}

fn half(origin: Origin, missing: &str) -> ConfigError {
    ConfigError::Conflict {
        origin,
        problem: "provider and provider_url belong together".into(),
        hint: format!("add {missing}"),
    }
}

fn signer(base: &Path, key: &Setting<String>, key_id: Option<&Setting<String>>) -> Result<CardSigner, ConfigError> {
    let path = base.join(&key.value);
    let wrong = |problem: String| ConfigError::Conflict {
        origin: key.origin.clone(),
        problem: format!("signing_key {}: {problem}", path.display()),
        hint: format!("openssl genpkey -algorithm ed25519 -out {}", path.display()),
    };
    let pem = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
    CardSigner::new(&pem, key_id.map(|id| id.value.clone())).map_err(|error| wrong(error.to_string()))
}
