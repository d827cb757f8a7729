//! The layer of the configuration file: which tables and keys there are, and what each may hold.

use std::path::{Path, PathBuf};
use std::{fs, io};

use inhouse_serve::Skill;
use inhouse_trust::{HostEnv, Principal, Verdict};

use super::budget::budgets;
use super::callers::caller;
use super::confined;
use super::document::{Source, Table, parse};
use super::error::ConfigError;
use super::exits::exits;
use super::jwt::{JwtConfig, issuers};
use super::layer::{Draft, Layer};
use super::limits::{LIMITS, TURN_MS};
use super::mapping::mapping;
use super::model::{Audit, CardWords, Cards, Push, Rules};
use super::origin::{Origin, Setting};
use super::protected::protected;
use super::tables;
use super::urls::{origins, proxies, public_url, web_address};

/// The file that is read when it is there and no other is named.
pub(crate) const FILE_NAME: &str = "inhouse.toml";

/// The keys of `[server]`, for a key that stands in the wrong table.
const SERVER_KEYS: &[&str] = &[
    "host",
    "port",
    "grpc_port",
    "public_url",
    "allowed_hosts",
    "allowed_origins",
    "console",
    "trusted_proxies",
    "hardened",
    "user",
    "container",
    "containment",
    "require_sandbox",
    "protect",
    "idempotency",
    "workspaces_dir",
    "tokens_file",
    "tls",
    "tls_cert",
    "tls_key",
    "client_ca",
    "client_auth",
    "log",
];

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct FileLayer {
    pub(super) layer: Layer,
    /// In the order in which they stand in the file.
    pub(super) agents: Vec<Draft>,
    pub(super) push: Push,
    pub(super) cards: Cards,
    pub(super) audit: Audit,
    pub(super) jwt: Vec<JwtConfig>,
}

/// Reads the file that was named, or `inhouse.toml` in `directory` if there is one.
///
/// # Errors
/// [`ConfigError`] with file and line.
pub(super) fn read(named: Option<&Path>, directory: &Path, environment: &HostEnv) -> Result<FileLayer, ConfigError> {
    let Some((path, full, text)) = opened(named, directory)? else { return Ok(FileLayer::default()) };
    layer(&path.to_string_lossy(), full.parent().unwrap_or(directory), &text, environment)
}

/// What the file says of the tokens that were issued, and nothing else of it.
///
/// # Errors
/// [`ConfigError`] with file and line.
pub(super) fn tokens_file(named: Option<&Path>, directory: &Path) -> Result<Option<PathBuf>, ConfigError> {
    let Some((path, full, text)) = opened(named, directory)? else { return Ok(None) };
    let source = Source::new(path.to_string_lossy(), &text);
    let document = parse(&source)?;
    let Some(mut server) = Table::root(&source, &document).table("server")? else { return Ok(None) };
    let base = full.parent().unwrap_or(directory);
    Ok(server.text("tokens_file")?.map(|file| below(base, file).value))
}

/// What the file says of the audit, and nothing else of it.
///
/// # Errors
/// [`ConfigError`] with file and line.
pub(super) fn audit(named: Option<&Path>, directory: &Path) -> Result<Audit, ConfigError> {
    let Some((path, full, text)) = opened(named, directory)? else { return Ok(Audit::default()) };
    let source = Source::new(path.to_string_lossy(), &text);
    let document = parse(&source)?;
    let table = Table::root(&source, &document).table("audit")?;
    let base = full.parent().unwrap_or(directory);
    Ok(table.map(|table| tables::audit(base, table)).transpose()?.unwrap_or_default())
}

/// The file's name, its path and its text; nothing, when it was not named and is not there.
fn opened(named: Option<&Path>, directory: &Path) -> Result<Option<(PathBuf, PathBuf, String)>, ConfigError> {
    let path = named.unwrap_or(Path::new(FILE_NAME));
    let full = directory.join(path);
    match fs::read_to_string(&full) {
        Ok(text) => Ok(Some((path.to_path_buf(), full, text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => Ok(None),
        Err(source) => Err(ConfigError::Read { file: path.display().to_string(), source }),
    }
}

fn below(base: &Path, path: Setting<String>) -> Setting<PathBuf> {
    Setting { value: base.join(path.value), origin: path.origin }
}

/// Reads the text of a file called `name`, whose paths are relative to `base`.
///
/// # Errors
/// [`ConfigError`] with file and line.
pub(super) fn layer(name: &str, base: &Path, text: &str, environment: &HostEnv) -> Result<FileLayer, ConfigError> {
    read_from(&Source::new(name, text), base, environment)
}

/// The same of a source, which notes what was asked for.
///
/// # Errors
/// [`ConfigError`] with file and line.
pub(super) fn read_from(source: &Source<'_>, base: &Path, environment: &HostEnv) -> Result<FileLayer, ConfigError> {
    let document = parse(source)?;
    let mut root = Table::root(source, &document);
    let mut layer = Layer::default();
    if let Some(table) = root.table("server")? {
        server(base, table, &mut layer)?;
    }
    let push = root.table("push")?.map(tables::push).transpose()?.unwrap_or_default();
    let cards = root.table("card")?.map(|table| tables::card(base, table)).transpose()?.unwrap_or_default();
    let audit = root.table("audit")?.map(|table| tables::audit(base, table)).transpose()?.unwrap_or_default();
    if let Some(table) = root.table("limits")? {
        limits(table, &mut layer)?;
    }
    for table in root.list("callers")? {
        layer.callers.push(caller(table, environment)?);
    }
    let jwt = issuers(base, root.list("jwt")?)?;
    let agents = root.named("agents")?.into_iter().map(|(name, table)| agent(name, base, table));
    let agents = agents.collect::<Result<_, _>>()?;
    finish(root)?;
    Ok(FileLayer { layer, agents, push, cards, audit, jwt })
}

pub(super) fn finish(table: Table<'_>) -> Result<(), ConfigError> {
    let here = table.name().to_owned();
    table.finish(|key| {
        let home = if SERVER_KEYS.contains(&key) {
            "[server]"
        } else if LIMITS.iter().any(|limit| limit.key == key) {
            "[limits]"
        } else {
            return None;
        };
        (home != here).then_some(home)
    })
}

fn server(base: &Path, mut table: Table<'_>, layer: &mut Layer) -> Result<(), ConfigError> {
    let port = table.number("port", 0..=u16::MAX.into())?;
    layer.host = table.text("host")?;
    layer.port = port.map(|Setting { value, origin }| Setting { value: value as u16, origin });
    let grpc_port = table.number("grpc_port", 1..=u16::MAX.into())?;
    layer.grpc_port = grpc_port.map(|Setting { value, origin }| Setting { value: value as u16, origin });
    layer.public_url =
        table.text("public_url")?.map(|text| text.try_map(|text, origin| public_url(&text, origin))).transpose()?;
    layer.allowed_hosts = table.texts("allowed_hosts")?;
    layer.allowed_origins = table.texts("allowed_origins")?.map(|texts| texts.try_map(origins)).transpose()?;
    layer.console = table.switch("console")?;
    layer.trusted_proxies = table.texts("trusted_proxies")?.map(|texts| texts.try_map(proxies)).transpose()?;
    layer.hardened = table.switch("hardened")?;
    layer.user = table.text("user")?;
    layer.container = table.switch("container")?;
    layer.containment = table.choice("containment")?;
    layer.require_sandbox = table.switch("require_sandbox")?;
    layer.protect = table.texts("protect")?.map(protected).transpose()?;
    layer.idempotency = table.choice("idempotency")?;
    let folder = table.text("workspaces_dir")?;
    layer.workspaces_dir = folder.map(|folder| below(base, folder));
    layer.tokens_file = table.text("tokens_file")?.map(|file| below(base, file));
    layer.tls = table.choice("tls")?;
    layer.tls_cert = table.text("tls_cert")?.map(|file| below(base, file));
    layer.tls_key = table.text("tls_key")?.map(|file| below(base, file));
    layer.client_ca = table.text("client_ca")?.map(|file| below(base, file));
    layer.client_auth = table.choice("client_auth")?;
    layer.log = table.choice("log")?;
    finish(table)
}

fn limits(mut table: Table<'_>, layer: &mut Layer) -> Result<(), ConfigError> {
    for limit in LIMITS {
        if let Some(value) = table.number(limit.key, limit.range.clone())? {
            layer.limits.insert(limit.key, value);
        }
    }
    finish(table)
}

pub(super) fn principal(name: &str, key: &str, origin: &Origin) -> Result<Principal, ConfigError> {
    Principal::new(name).map_err(|_| ConfigError::Value {
        origin: origin.clone(),
        key: key.into(),
        expected: "1 to 128 printable ASCII characters without spaces".into(),
        found: format!("{name:?}"),
    })
}

fn agent(name: Setting<String>, base: &Path, mut table: Table<'_>) -> Result<Draft, ConfigError> {
    let mut agent = Draft::named(name, base.to_path_buf());
    agent.preset = table.text("preset")?;
    agent.command = table.texts("command")?;
    if let Some(command) = agent.command.as_ref().filter(|command| command.value.first().is_none_or(String::is_empty)) {
        let (origin, expected) = (command.origin.clone(), "an array with the program first".into());
        return Err(ConfigError::Value { origin, key: "command".into(), expected, found: "no program".into() });
    }
    agent.args = table.texts("args")?;
    agent.title = table.text("title")?;
    agent.description = table.text("description")?;
    agent.project = table.text("project")?;
    agent.input = table.choice("input")?;
    agent.protocol = table.choice("protocol")?;
    agent.env_pass = variables(&mut table)?;
    agent.env_set = table.pairs("env_set")?;
    agent.timeout_ms = table.number("timeout_ms", TURN_MS)?;
    agent.first_event_ms = table.number("first_event_ms", TURN_MS)?;
    agent.idle_ms = table.number("idle_ms", TURN_MS)?;
    agent.confined = confined::words(base, &mut table)?;
    agent.budgets = budgets(&mut table)?;
    agent.reasoning = table.switch("reasoning")?.is_some_and(|shown| shown.value);
    agent.callers = table.texts("callers")?;
    agent.workspace = table.choice("workspace")?;
    agent.report_changes = table.switch("report_changes")?;
    agent.approvers = table.texts("approvers")?;
    agent.card = card_words(&mut table)?;
    agent.rules = rules(&mut table)?;
    agent.default = table.switch("default")?.is_some_and(|default| default.value);
    agent.mapping = mapping(&mut table)?;
    agent.exits = exits(&mut table)?;
    agent.prefix_line = table.text("prefix_line")?;
    agent.skills = table.list("skills")?.into_iter().map(skill).collect::<Result<_, _>>()?;
    finish(table)?;
    Ok(agent)
}

/// What the agent may do without asking, must ask for, and may never do.
fn rules(table: &mut Table<'_>) -> Result<Option<Setting<Rules>>, ConfigError> {
    let mut found: Option<Setting<Rules>> = None;
    for (key, verdict) in [("allow", Verdict::Allow), ("ask", Verdict::Ask), ("deny", Verdict::Deny)] {
        let Some(texts) = table.texts(key)? else { continue };
        let rules = &mut found.get_or_insert(Setting { value: Rules::default(), origin: texts.origin.clone() }).value;
        for text in &texts.value {
            rules.approvals.add(verdict, text).map_err(|error| ConfigError::Value {
                origin: texts.origin.clone(),
                key: key.into(),
                expected: error.to_string().trim_start_matches("must be ").to_owned(),
                found: format!("{text:?}"),
            })?;
        }
        rules.texts.push((key, texts.value));
    }
    Ok(found)
}

fn card_words(table: &mut Table<'_>) -> Result<CardWords, ConfigError> {
    let mut address = |key| -> Result<Option<String>, ConfigError> {
        Ok(table.text(key)?.map(|url| web_address(key, url)).transpose()?.map(|url| url.value))
    };
    let (documentation_url, icon_url) = (address("documentation_url")?, address("icon_url")?);
    let version = table.text("version")?.map(|version| version.value);
    let (input_modes, output_modes) = (media_types(table, "input_modes")?, media_types(table, "output_modes")?);
    Ok(CardWords { version, documentation_url, icon_url, input_modes, output_modes })
}

fn media_types(table: &mut Table<'_>, key: &'static str) -> Result<Vec<String>, ConfigError> {
    let Some(types) = table.texts(key)? else { return Ok(Vec::new()) };
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+*".contains(&b));
    let fits = |text: &String| text.split_once('/').is_some_and(|(kind, rest)| is_word(kind) && is_word(rest));
    match types.value.iter().find(|text| !fits(text)) {
        Some(bad) => Err(ConfigError::Value {
            origin: types.origin,
            key: key.into(),
            expected: "media types such as \"text/plain\" or \"image/*\"".into(),
            found: format!("{bad:?}"),
        }),
        None => Ok(types.value),
    }
}

/// Names of variables, or prefixes written `PREFIX_*`.
fn variables(table: &mut Table<'_>) -> Result<Vec<String>, ConfigError> {
    let Some(names) = table.texts("env")? else { return Ok(Vec::new()) };
    let fits = |name: &String| {
        let name = name.strip_suffix("_*").unwrap_or(name);
        !name.is_empty() && !name.contains(['=', '*', '\0'])
    };
    match names.value.iter().find(|name| !fits(name)) {
        Some(bad) => Err(ConfigError::Value {
            origin: names.origin,
            key: "env".into(),
            expected: "names of variables, or prefixes like \"AWS_*\"".into(),
            found: format!("{bad:?}"),
        }),
        None => Ok(names.value),
    }
}

fn skill(mut table: Table<'_>) -> Result<Skill, ConfigError> {
    let id = table.needed("id")?.value;
    let text = |setting: Option<Setting<String>>| setting.map(|setting| setting.value);
    let texts = |setting: Option<Setting<Vec<String>>>| setting.map(|setting| setting.value).unwrap_or_default();
    let name = text(table.text("name")?).unwrap_or_else(|| id.clone());
    let description = text(table.text("description")?).unwrap_or_else(|| name.clone());
    let mut tags = texts(table.texts("tags")?);
    if tags.is_empty() {
        // Some clients refuse a skill without tags.
        tags.push(id.clone());
    }
    let examples = texts(table.texts("examples")?);
    finish(table)?;
    Ok(Skill { id, name, description, tags, examples })
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
