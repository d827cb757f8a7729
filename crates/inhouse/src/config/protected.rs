//! What of a project is configuration that programs run things by: agents can not change it where they have mounts of their own.

use std::path::{Component, Path};

use super::error::ConfigError;
use super::file::FILE_NAME;
use super::origin::Setting;

/// What this server, programs that are known as agents, and git look for in a project.
pub(super) const PROTECTED: [&str; 10] = [
    FILE_NAME,
    ".claude",
    ".mcp.json",
    ".gemini",
    ".qwen",
    ".opencode",
    "opencode.json",
    "opencode.jsonc",
    ".git/hooks",
    ".git/config",
];

/// The names, if each leads to something in a project.
///
/// # Errors
/// [`ConfigError`] for one that does not.
pub(super) fn protected(names: Setting<Vec<String>>) -> Result<Setting<Vec<String>>, ConfigError> {
    let is_inside = |name: &String| {
        let path = Path::new(name);
        !name.is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)))
    };
    match names.value.iter().find(|name| !is_inside(name)) {
        None => Ok(names),
        Some(name) => Err(ConfigError::Value {
            key: "protect".into(),
            expected: "paths of files and folders in a project, such as \".git/hooks\"".into(),
            found: format!("{name:?}"),
            origin: names.origin,
        }),
    }
}
