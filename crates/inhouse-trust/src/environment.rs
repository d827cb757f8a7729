//! What an agent's process sees of the server's environment: an allow-list, and nothing of the server's own.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;

use crate::launch::{AgentCommand, LaunchError};

/// What every agent gets, when the server has it: where things are, how to write, and how to reach the outside.
const BASE: &str = "HOME PATH LANG LC_* TMPDIR TERM USER LOGNAME SHELL TZ HTTPS_PROXY HTTP_PROXY NO_PROXY https_proxy http_proxy no_proxy \
    SSL_CERT_FILE SSL_CERT_DIR NODE_EXTRA_CA_CERTS XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_CACHE_HOME";

/// The server's environment as it was at start. Debug shows names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HostEnv(BTreeMap<OsString, OsString>);

impl HostEnv {
    /// Takes the variables, usually `std::env::vars_os()`.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// The value of one variable, when it is text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(OsStr::new(name))?.to_str()
    }

    /// All variables whose name and value are text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
    }
}

impl fmt::Debug for HostEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The environment of one turn: the allowed part of the server's, then the command's own, then the turn's own.
pub(crate) fn environment(
    command: &AgentCommand,
    turn_env: &[(&str, String)],
    host: &HostEnv,
) -> Result<BTreeMap<OsString, OsString>, LaunchError> {
    for pattern in &command.env_pass {
        check(pattern.strip_suffix("_*").unwrap_or(pattern), "")?;
    }
    let allowed = |name: &str| {
        let mut patterns = BASE.split(' ').chain(command.env_pass.iter().map(String::as_str));
        !is_servers_own(name) && patterns.any(|pattern| matches(pattern, name))
    };
    let mut env = BTreeMap::from([("TERM".into(), "dumb".into())]);
    let passed = host.0.iter().filter(|(name, _)| name.to_str().is_some_and(allowed));
    env.extend(passed.map(|(name, value)| (name.clone(), value.clone())));
    let set = command.env_set.iter().map(|(name, value)| (name.as_str(), value));
    for (name, value) in set.chain(turn_env.iter().map(|(name, value)| (*name, value))) {
        check(name, value)?;
        env.insert(name.into(), value.into());
    }
    Ok(env)
}

/// Tokens and settings of the server. They never pass, even where an allowed prefix would match.
fn is_servers_own(name: &str) -> bool {
    let prefixed = name.get(..8).is_some_and(|prefix| prefix.eq_ignore_ascii_case("INHOUSE_"));
    prefixed || name.eq_ignore_ascii_case("API_TOKEN")
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => prefix.ends_with('_') && name.starts_with(prefix),
        None => pattern == name,
    }
}

fn check(name: &str, value: &str) -> Result<(), LaunchError> {
    let fits = !name.is_empty() && !name.contains(['=', '\0', '*']) && !value.contains('\0');
    if fits { Ok(()) } else { Err(LaunchError::Environment(name.into())) }
}
