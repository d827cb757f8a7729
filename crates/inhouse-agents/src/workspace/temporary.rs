//! An empty folder for each context of an agent that has no project. What a turn has made or changed in it is found by looking at it
//! before and after. No link is followed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use inhouse_engine::agent::Turn;
use sha2::{Digest, Sha256};

use super::changes::{Changes, ChangesMax, Patch, Reason, chosen};
use super::raw::{Entry, Kind, Status};
use super::shelf::{Hold, Name, Shelf};
use super::{Told, WorkspaceError};
use crate::folder::{open_file, private};
use crate::warm::Warm;

/// Bounds on what is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LookMax {
    /// Files and folders.
    pub(crate) files: usize,
    /// What is read of the files to compare them, in bytes.
    pub(crate) bytes: u64,
}

/// The folders of one agent.
#[derive(Debug)]
pub(crate) struct Temporaries {
    /// The agent's configured folder, which is part of their names.
    pub(crate) project: PathBuf,
    pub(crate) shelf: Shelf,
    pub(crate) told: Told,
    pub(crate) look: LookMax,
}

/// One of them, during a turn.
#[derive(Debug)]
pub(crate) struct Temporary {
    name: Name,
    before: Seen,
    _hold: Hold,
}

impl Temporaries {
    /// The folder that a turn works in.
    pub(crate) fn directory(&self, turn: &Turn) -> PathBuf {
        self.shelf.path(&Name::of(turn, &self.project))
    }

    /// Removes what has been unused for too long, or is too much beside one that is to come.
    pub(crate) async fn clean_up(&self, warm: &Warm, to_come: Option<&Name>) {
        for (name, _hold) in self.shelf.surplus(to_come) {
            if let Err(error) = self.discard(warm, &name).await {
                tracing::warn!(workspace = name.as_str(), %error, "an unused workspace was not removed");
            }
        }
    }

    /// Makes the folder of a turn ready.
    ///
    /// # Errors
    /// [`WorkspaceError`].
    pub(crate) async fn begin(&self, turn: &Turn, warm: &Warm) -> Result<Temporary, WorkspaceError> {
        let name = Name::of(turn, &self.project);
        let hold = self.shelf.hold(&name).await;
        let is_new = !self.shelf.is_ready(&name);
        self.clean_up(warm, is_new.then_some(&name)).await;
        let folder = self.shelf.path(&name);
        let made = if is_new { self.discard(warm, &name).await.and_then(|()| private(&folder)) } else { Ok(()) };
        made.and_then(|()| self.shelf.used(&name))
            .map_err(|source| WorkspaceError::Folder { folder: folder.clone(), source })?;
        let before = if self.told.report { self.look(&name).await } else { Seen::default() };
        Ok(Temporary { name, before, _hold: hold })
    }

    /// Tells what the turn has changed.
    ///
    /// # Errors
    /// [`WorkspaceError`].
    pub(crate) async fn end(&self, temporary: Temporary) -> Result<Option<Changes>, WorkspaceError> {
        let Temporary { name, before, _hold } = temporary;
        let folder = self.shelf.path(&name);
        self.shelf.used(&name).map_err(|source| WorkspaceError::Folder { folder: folder.clone(), source })?;
        if !self.told.report {
            return Ok(None);
        }
        let after = self.look(&name).await;
        let max = self.told.changes;
        let told = tokio::task::spawn_blocking(move || tell(&folder, &before, &after, max));
        Ok(told.await.unwrap_or_default())
    }

    async fn discard(&self, warm: &Warm, name: &Name) -> io::Result<()> {
        warm.end_in(&self.shelf.path(name)).await;
        self.shelf.discard(name)
    }

    async fn look(&self, name: &Name) -> Seen {
        let (folder, max) = (self.shelf.path(name), self.look);
        tokio::task::spawn_blocking(move || Seen::of(&folder, max)).await.unwrap_or_default()
    }
}

/// What was seen in a folder.
#[derive(Debug, Default)]
struct Seen {
    files: BTreeMap<PathBuf, Found>,
    /// There was more than is looked at.
    more: bool,
}

/// One file, link or folder of another kind.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    is_file: bool,
    /// Size, inode, and the times of the last change to the content and to the file.
    stat: (u64, u64, [i64; 4]),
    /// Of the content, as far as it was read.
    digest: Option<[u8; 32]>,
}

impl Seen {
    /// Looks at a folder, without following links out of it. Folders themselves are not seen.
    fn of(folder: &Path, max: LookMax) -> Self {
        let mut seen = Self::default();
        let (mut left, mut looked, mut room) = (vec![PathBuf::new()], 0, max.bytes);
        while let Some(inner) = left.pop() {
            for entry in fs::read_dir(folder.join(&inner)).into_iter().flatten().flatten() {
                looked += 1;
                if looked > max.files {
                    seen.more = true;
                    return seen;
                }
                let path = inner.join(entry.file_name());
                // Of the entry itself, not of what it leads to.
                let Ok(found) = entry.metadata() else { continue };
                if found.is_dir() {
                    left.push(path);
                    continue;
                }
                let times = [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()];
                // One with a second name may be a file of somewhere else.
                let is_file = found.is_file() && found.nlink() == 1;
                let digest = if is_file { digest(&folder.join(&path), &mut room) } else { None };
                let stat = (found.len(), found.ino(), times);
                seen.files.insert(path, Found { is_file, stat, digest });
            }
        }
        seen
    }

    /// What became of the files since `before`. What was only touched has not changed, as far as the contents are known.
    fn since(&self, before: &Self) -> Vec<Entry> {
        let differs = |old: &Found, new: &Found| {
            let known = old.digest.is_some() && new.digest.is_some();
            old.is_file != new.is_file || if known { old.digest != new.digest } else { old.stat != new.stat }
        };
        let mut entries = Vec::new();
        for (path, new) in &self.files {
            let status = match before.files.get(path) {
                None => Status::Added,
                Some(old) if differs(old, new) => Status::Modified,
                Some(_) => continue,
            };
            let kind = if new.is_file { Kind::File(String::new()) } else { Kind::Link };
            entries.push(Entry { status, path: bytes(path), from: None, kind });
        }
        // Where not all was seen, nobody knows what is missing.
        let gone = before.files.keys().filter(|path| !self.more && !self.files.contains_key(*path));
        let deleted =
            |path: &PathBuf| Entry { status: Status::Deleted, path: bytes(path), from: None, kind: Kind::Nothing };
        entries.extend(gone.map(deleted));
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        entries
    }
}

/// What changed between two looks, with the files that are given.
fn tell(folder: &Path, before: &Seen, after: &Seen, max: ChangesMax) -> Option<Changes> {
    let mut entries = after.since(before);
    if entries.is_empty() {
        return None;
    }
    let more = after.more || entries.len() > max.listed;
    entries.truncate(max.listed);
    let path = |entry: &Entry| folder.join(std::ffi::OsStr::from_bytes(&entry.path));
    let size = |entry: &Entry| open_file(&path(entry)).and_then(|file| file.metadata()).map(|found| found.len()).ok();
    let size = |index: usize| entries.get(index).and_then(size).and_then(|size| usize::try_from(size).ok());
    let chosen = chosen(&entries, max, size);
    let read = |entry: &Entry| -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        open_file(&path(entry))?.take(max.bytes as u64).read_to_end(&mut content)?;
        Ok(content)
    };
    let given = |(entry, chosen): (&Entry, Option<Result<(), Reason>>)| {
        chosen.map(|chosen| chosen.and_then(|()| read(entry).map_err(|_| Reason::Unreadable)))
    };
    let contents = entries.iter().zip(chosen).map(given).collect();
    Some(Changes { kept: None, patch: Patch::None, entries, more, contents })
}

fn bytes(path: &Path) -> Vec<u8> {
    path.to_path_buf().into_os_string().into_vec()
}

/// The digest of a file, if there is room for reading all of it.
fn digest(path: &Path, room: &mut u64) -> Option<[u8; 32]> {
    let mut file = open_file(path).ok()?;
    let size = file.metadata().ok()?.len();
    *room = room.checked_sub(size)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut left = size;
    while left > 0 {
        let read = file.read(&mut buffer).ok().filter(|read| *read > 0)?;
        digest.update(&buffer[..read]);
        left = left.saturating_sub(read as u64);
    }
    Some(digest.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: LookMax = LookMax { files: 100, bytes: 1_000 };
    const TOLD: ChangesMax = ChangesMax { files: 10, bytes: 100, listed: 10 };

    #[test]
    fn what_is_new_changed_and_gone_is_told_and_what_was_only_touched_is_not() {
        let folder = crate::folder::fresh(&std::env::temp_dir()).unwrap();
        let write = |name: &str, text: &str| {
            fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
            fs::write(folder.join(name), text).unwrap();
        };
        for name in ["touched", "same size", "gone", "a/b/kept"] {
            write(name, "one");
        }
        fs::write(folder.join("outside"), "x").unwrap();
        let before = Seen::of(&folder, MAX);
        write("touched", "one");
        write("same size", "two");
        write("a/new", "new");
        fs::remove_file(folder.join("gone")).unwrap();
        std::os::unix::fs::symlink("/etc", folder.join("etc")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.join("a/passwd")).unwrap();
        let changes = tell(&folder, &before, &Seen::of(&folder, MAX), TOLD).unwrap();
        let told: Vec<_> = changes
            .entries
            .iter()
            .zip(&changes.contents)
            .map(|(entry, content)| {
                let content = content.as_ref().map(|content| content.as_deref().map_err(|why| *why));
                (std::str::from_utf8(&entry.path).unwrap(), entry.status, content)
            })
            .collect();
        let link = Some(Err(Reason::NotAFile));
        assert_eq!(
            told,
            [
                ("a/new", Status::Added, Some(Ok(&b"new"[..]))),
                ("a/passwd", Status::Added, link),
                ("etc", Status::Added, link),
                ("gone", Status::Deleted, None),
                ("same size", Status::Modified, Some(Ok(&b"two"[..]))),
            ]
        );
        assert!(!changes.more && changes.kept.is_none() && changes.patch == Patch::None);
        assert!(tell(&folder, &Seen::of(&folder, MAX), &Seen::of(&folder, MAX), TOLD).is_none());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn looking_has_bounds() {
        let folder = crate::folder::fresh(&std::env::temp_dir()).unwrap();
        for name in ["1", "2", "3"] {
            fs::write(folder.join(name), "0123456789").unwrap();
        }
        let few = Seen::of(&folder, LookMax { files: 2, bytes: 1_000 });
        assert!(few.more && few.files.len() == 2);
        let unread = Seen::of(&folder, LookMax { files: 9, bytes: 15 });
        assert_eq!(unread.files.values().filter(|found| found.digest.is_some()).count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }
}
