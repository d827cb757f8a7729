//! The servers that a person has names for: `client.toml`, in the folder of his configuration.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use inhouse_trust::Secret;

use super::connection::Files;
use super::problem::Problem;
use crate::config::document::{Source, Table, parse};
use crate::config::{ConfigError, Setting};

/// Below the folder of the user's configuration.
const FILE: &str = "inhouse/client.toml";
const FILE_BYTES_MAX: u64 = 1 << 20;
const EXAMPLE: &str = "it has a table for each server: [profiles.NAME], with url, and token_file, token, ca, cert and key where they are needed";

/// A server with a name.
pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) token: Option<Token>,
    pub(crate) files: Files,
}

/// Where a profile's token is.
pub(crate) enum Token {
    Here(Secret),
    In(PathBuf),
}

/// All profiles, in the order of the file; none where there is no file.
pub(crate) fn all(env: &impl Fn(&str) -> Option<OsString>) -> Result<Vec<Profile>, Problem> {
    let Some(path) = path(env) else { return Ok(Vec::new()) };
    let told = |why: String| Problem::usage(format!("{}: {why}", path.display()));
    let (text, mode) = match read(&path) {
        Ok(read) => read,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(told(error.to_string())),
    };
    let profiles = profiles(&path, &text).map_err(|error| {
        let problem = Problem::usage(error.to_string());
        error.hint().into_iter().fold(problem, Problem::hint)
    })?;
    if mode & 0o077 != 0 && profiles.iter().any(|profile| matches!(profile.token, Some(Token::Here(_)))) {
        return Err(told("it holds a token, and others may read it".to_owned())
            .hint(format!("chmod 600 {}", path.display()))
            .hint("or put the token into a file of its own, and name that in token_file"));
    }
    Ok(profiles)
}

/// The profile of this name.
pub(crate) fn named(name: &str, env: &impl Fn(&str) -> Option<OsString>) -> Result<Profile, Problem> {
    let mut profiles = all(env)?;
    if let Some(at) = profiles.iter().position(|profile| profile.name == name) {
        return Ok(profiles.swap_remove(at));
    }
    let names: Vec<_> = profiles.iter().map(|profile| profile.name.as_str()).collect();
    let problem = Problem::usage(format!("there is no profile {name:?}"));
    let file = path(env).map_or_else(|| FILE.to_owned(), |path| path.display().to_string());
    Err(match names.is_empty() {
        true => problem.hint(format!("profiles are in {file}; {EXAMPLE}")),
        false => problem.hint(format!("{file} has: {}", names.join(", "))),
    })
}

fn path(env: &impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")))?;
    Some(base.join(FILE))
}

fn read(path: &Path) -> io::Result<(String, u32)> {
    let file = fs::File::open(path)?;
    let mode = file.metadata()?.permissions().mode();
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok((text, mode))
}

fn profiles(path: &Path, text: &str) -> Result<Vec<Profile>, ConfigError> {
    let source = Source::new(path.to_string_lossy(), text);
    let document = parse(&source)?;
    let mut root = Table::root(&source, &document);
    let base = path.parent().unwrap_or(path);
    let named = root.named("profiles")?;
    root.finish(|key| ["url", "token", "token_file", "ca", "cert", "key"].contains(&key).then_some("[profiles.NAME]"))?;
    named.into_iter().map(|(name, table)| profile(name.value, table, base)).collect()
}

/// Files are named from the folder of `client.toml`.
fn profile(name: String, mut table: Table<'_>, base: &Path) -> Result<Profile, ConfigError> {
    let (url, token, token_file) = (table.text("url")?, table.text("token")?, table.text("token_file")?);
    let mut file = |key| Ok::<_, ConfigError>(table.text(key)?.map(|file| base.join(file.value)));
    let files = Files { ca: file("ca")?, cert: file("cert")?, key: file("key")? };
    let (place, called) = (table.place(), table.name().to_owned());
    table.finish(|_| None)?;
    let Some(url) = url else { return Err(ConfigError::MissingKey { place, table: called, key: "url" }) };
    let token = match (token, token_file) {
        (Some(Setting { origin, .. }), Some(_)) => {
            return Err(ConfigError::Conflict {
                origin,
                problem: format!("{called} has token and token_file"),
                hint: "leave one of them out".into(),
            });
        }
        (Some(token), None) => Some(Token::Here(Secret::new(token.value))),
        (None, Some(file)) => Some(Token::In(base.join(file.value))),
        (None, None) => None,
    };
    Ok(Profile { name, url: url.value, token, files })
}
