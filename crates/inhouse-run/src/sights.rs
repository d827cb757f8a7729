//! What agents do not see, and what they see and can not change, where they have namespaces of their own.

use std::path::{Path, PathBuf};

/// A file or folder that agents see and can not change: nor can they put something else in its place. A link is not guarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guarded {
    /// Where it is. Where nothing is, something can be made, unless:
    pub path: PathBuf,
    /// An empty folder is made there.
    pub makes: bool,
}

/// Something that agents do not see: a file, a socket, or a folder with all that is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// Where it is.
    pub path: PathBuf,
    /// The folders so many steps below it are rooms: a run that works in one of them, or below it, sees that one. With 0
    /// there are none.
    pub room_depth: usize,
}

impl Hidden {
    /// Nobody sees anything of it.
    pub fn all(path: PathBuf) -> Self {
        Self { path, room_depth: 0 }
    }

    /// What a run sees of it, relative to it: the room that it works in, and what else is shown to it.
    #[cfg(target_os = "linux")]
    pub(crate) fn rooms(&self, directory: &Path, shown: &[&Path]) -> Vec<PathBuf> {
        let room = || {
            let steps = directory.strip_prefix(&self.path).ok()?.components().take(self.room_depth);
            (self.room_depth > 0 && steps.clone().count() == self.room_depth).then(|| steps.collect())
        };
        let more = shown.iter().filter_map(|shown| shown.strip_prefix(&self.path).ok()).map(Path::to_path_buf);
        room().into_iter().chain(more).collect()
    }
}

/// A path without links, as far as there is anything at it.
pub(crate) fn real(path: &Path) -> PathBuf {
    match (path.canonicalize(), path.parent(), path.file_name()) {
        (Ok(real), ..) => real,
        (Err(_), Some(parent), Some(name)) => real(parent).join(name),
        (Err(_), ..) => path.to_path_buf(),
    }
}
