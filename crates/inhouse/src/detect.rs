//! Finds programs: in the folders of PATH, or where a path says. What is found is an absolute path, so that nothing is
//! looked up again when an agent is started.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{env, fs};

use inhouse_agents::presets::{PRESETS, Preset};

/// Where a system without PATH has its programs.
const PATH_DEFAULT: &str = "/usr/local/bin:/usr/bin:/bin";
/// How many folders a message names.
const FOLDERS_SHOWN_MAX: usize = 8;

/// Looks for programs.
#[derive(Debug, Clone)]
pub(crate) struct Finder {
    folders: Vec<PathBuf>,
}

/// Why a program is not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Missing {
    /// No folder of PATH has it.
    Everywhere,
    /// There is nothing at this absolute path, or it is no file.
    File(PathBuf),
    /// The file at this absolute path is not executable.
    Right(PathBuf),
}

impl Finder {
    /// Takes the value of PATH. Its relative folders are relative to `directory`; empty ones, which would mean the current
    /// folder, are left out.
    pub(crate) fn new(path: Option<&str>, directory: &Path) -> Self {
        let folders = env::split_paths(path.unwrap_or(PATH_DEFAULT)).filter(|folder| !folder.as_os_str().is_empty());
        Self { folders: folders.map(|folder| directory.join(folder)).collect() }
    }

    /// The absolute path of a program: a name is looked for on PATH; what has a slash is relative to `base`.
    ///
    /// # Errors
    /// [`Missing`].
    pub(crate) fn find(&self, program: &str, base: &Path) -> Result<PathBuf, Missing> {
        if program.contains('/') {
            // Without the `.` of `./bot`.
            let path: PathBuf = base.join(program).components().collect();
            return match kind(&path) {
                Kind::Program => Ok(path),
                Kind::File => Err(Missing::Right(path)),
                Kind::Other => Err(Missing::File(path)),
            };
        }
        let mut missing = Missing::Everywhere;
        for folder in &self.folders {
            let path = folder.join(program);
            match kind(&path) {
                Kind::Program => return Ok(path),
                Kind::File if missing == Missing::Everywhere => missing = Missing::Right(path),
                Kind::File | Kind::Other => {}
            }
        }
        Err(missing)
    }

    /// The first known program that is there.
    pub(crate) fn first_known(&self) -> Option<(&'static Preset, PathBuf)> {
        PRESETS.iter().find_map(|preset| Some((preset, self.find(preset.name(), Path::new("/")).ok()?)))
    }

    /// The folders of PATH for a message.
    pub(crate) fn searched(&self) -> String {
        let shown: Vec<_> =
            self.folders.iter().take(FOLDERS_SHOWN_MAX).map(|folder| folder.display().to_string()).collect();
        match self.folders.len().saturating_sub(FOLDERS_SHOWN_MAX) {
            0 if shown.is_empty() => "which has none".into(),
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    }
}

enum Kind {
    Program,
    File,
    Other,
}

fn kind(path: &Path) -> Kind {
    match fs::metadata(path) {
        Ok(found) if found.is_file() && found.permissions().mode() & 0o111 != 0 => Kind::Program,
        Ok(found) if found.is_file() => Kind::File,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn a_program_is_the_first_executable_file_of_its_name_on_path() {
        let folder = Folder::new();
        folder.file("a/tool", 0o644);
        folder.file("b/tool", 0o755);
        folder.file("c/tool", 0o755);
        folder.dir("a/other");
        let finder = Finder::new(Some("a::b:c"), folder.path());
        assert_eq!(finder.find("tool", folder.path()), Ok(folder.path().join("b/tool")));
        assert_eq!(finder.find("other", folder.path()), Err(Missing::Everywhere));
        let only = Finder::new(Some("a"), folder.path());
        assert_eq!(only.find("tool", folder.path()), Err(Missing::Right(folder.path().join("a/tool"))));
    }

    #[test]
    fn a_path_is_relative_to_its_base_and_never_looked_up() {
        let folder = Folder::new();
        folder.file("bot.sh", 0o755);
        folder.file("plain", 0o600);
        let finder = Finder::new(Some(""), Path::new("/"));
        assert_eq!(finder.find("./bot.sh", folder.path()).map(|path| path.is_absolute()), Ok(true));
        assert_eq!(finder.find("bot.sh", folder.path()), Err(Missing::Everywhere));
        assert_eq!(finder.find("./plain", folder.path()), Err(Missing::Right(folder.path().join("plain"))));
        assert_eq!(finder.find("/no/such", folder.path()), Err(Missing::File("/no/such".into())));
    }

    #[test]
    fn the_order_of_the_presets_decides_not_the_order_of_path() {
        let folder = Folder::new();
        let finder = Finder::new(Some("a:b"), folder.path());
        assert!(finder.first_known().is_none());
        for (file, expected) in [("a/qwen", "qwen"), ("a/codex", "codex"), ("b/claude", "claude")] {
            folder.file(file, 0o755);
            assert_eq!(finder.first_known().map(|(preset, _)| preset.name()), Some(expected));
        }
    }

    #[test]
    fn a_long_path_is_cut_in_messages() {
        let many: Vec<_> = (0..10).map(|n| format!("/d{n}")).collect();
        let shown = Finder::new(Some(&many.join(":")), Path::new("/")).searched();
        assert!(shown.starts_with("/d0, /d1") && shown.ends_with("/d7 and 2 more"), "{shown}");
    }
}
