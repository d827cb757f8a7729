//! The folder that has all workspaces of one agent in one project: their names, which of them are in use, and which have been
//! unused for so long that they go.
//!
//! A workspace is a folder, and beside it a mark that says that it is whole, and by its time when it was used last. Only one server
//! at a time has the shelf.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use inhouse_engine::agent::Turn;
use inhouse_trust::AgentName;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};

use super::WorkspaceError;
use crate::conversations::digest_of;
use crate::folder::{fresh, own_file, private, remove};

/// How many bytes of digests are a workspace's name, and how many of them its caller's.
const NAME_BYTES: usize = 12;
const CALLER_BYTES: usize = 4;
const MARK: &str = "ready";
const LOCK: &str = "lock";

/// How many workspaces there may be, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShelfMax {
    /// How long one may be unused, in milliseconds.
    pub(crate) idle_ms: u64,
    /// How many there may be.
    pub(crate) count: usize,
    /// How many of one caller.
    pub(crate) per_caller: usize,
}

/// The name of the workspace of one caller, agent, project and context. It begins with what those of one caller share.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Name(String);

impl Name {
    /// The one that a turn of an agent of this project works in.
    pub(crate) fn of(turn: &Turn, project: &Path) -> Self {
        let caller = Sha256::digest(turn.permit.principal().as_str());
        let rest = hexadecimal(&digest_of(turn, project)[..NAME_BYTES - CALLER_BYTES]);
        Self(hexadecimal(&caller[..CALLER_BYTES]) + &rest)
    }

    fn read(text: &str) -> Option<Self> {
        let fits = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (text.len() == 2 * NAME_BYTES && text.bytes().all(fits)).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn caller(&self) -> &str {
        &self.0[..2 * CALLER_BYTES]
    }
}

/// The folder.
#[derive(Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
    max: ShelfMax,
    in_use: Arc<InUse>,
    /// Held as long as the server lives.
    _lock: Flock<File>,
}

type InUse = Mutex<HashMap<Name, Arc<tokio::sync::Mutex<()>>>>;

/// A workspace that is in use. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Hold {
    name: Name,
    in_use: Arc<InUse>,
    guard: Option<tokio::sync::OwnedMutexGuard<()>>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut in_use = lock(&self.in_use);
        self.guard = None;
        // Whoever waits for it has it as well.
        if in_use.get(&self.name).is_some_and(|held| Arc::strong_count(held) == 1) {
            in_use.remove(&self.name);
        }
    }
}

impl Shelf {
    /// The shelf of an agent in a project, below the folder of all workspaces; made where it is not there.
    ///
    /// # Errors
    /// [`WorkspaceError`], when it can not be made, is another's, or has another server.
    pub(crate) fn open(root: &Path, agent: &AgentName, project: &Path, max: ShelfMax) -> Result<Self, WorkspaceError> {
        let digest = Sha256::digest(project.as_os_str().as_encoded_bytes());
        let folder = root.join(format!("{agent}-{}", hexadecimal(&digest[..NAME_BYTES / 2])));
        let refused = |source| WorkspaceError::Folder { folder: folder.clone(), source };
        if folder.to_str().is_none_or(|path| path.contains('\n')) {
            return Err(WorkspaceError::Path(folder));
        }
        DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(refused)?;
        match private(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(refused)?,
        }
        let found = fs::symlink_metadata(&folder).map_err(refused)?;
        if !found.is_dir() || found.permissions().mode() & 0o077 != 0 {
            return Err(WorkspaceError::Open(folder));
        }
        // As git will name it.
        let folder = fs::canonicalize(&folder).map_err(refused)?;
        let refused = |source| WorkspaceError::Folder { folder: folder.clone(), source };
        let file = own_file(&folder.join(LOCK)).map_err(refused)?;
        let lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((_, Errno::EWOULDBLOCK)) => return Err(WorkspaceError::InUse(folder)),
            Err((_, error)) => return Err(refused(error.into())),
        };
        let shelf = Self { folder, max, in_use: Arc::default(), _lock: lock };
        shelf.sweep();
        Ok(shelf)
    }

    /// Where all of them are, and what is made for a moment; the next server removes what is left of it.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a workspace is.
    pub(crate) fn path(&self, name: &Name) -> PathBuf {
        self.folder.join(&name.0)
    }

    /// Takes a workspace, when nobody else has it any more.
    pub(crate) async fn hold(&self, name: &Name) -> Hold {
        let lock = Arc::clone(lock(&self.in_use).entry(name.clone()).or_default());
        let guard = Some(lock.lock_owned().await);
        Hold { name: name.clone(), in_use: Arc::clone(&self.in_use), guard }
    }

    /// Whether a workspace is there, whole.
    pub(crate) fn is_ready(&self, name: &Name) -> bool {
        let is_dir = fs::symlink_metadata(self.path(name)).is_ok_and(|found| found.is_dir());
        is_dir && self.mark(name).exists()
    }

    /// A workspace is whole, and used now.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn used(&self, name: &Name) -> io::Result<()> {
        own_file(&self.mark(name))?.set_modified(SystemTime::now())
    }

    /// Puts a workspace away, whatever is there of it. It is gone at once, and its files some time later.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn discard(&self, name: &Name) -> io::Result<()> {
        let missing_is_fine = |done: io::Result<()>| match done {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        };
        missing_is_fine(fs::remove_file(self.mark(name)))?;
        let away = fresh(&self.folder)?;
        let moved = missing_is_fine(fs::rename(self.path(name), away.join(&name.0)));
        remove(away);
        moved
    }

    /// Takes those that have been unused for too long, or are too many beside one that is to come; those that are in use stay.
    pub(crate) fn surplus(&self, to_come: Option<&Name>) -> Vec<(Name, Hold)> {
        let now = SystemTime::now();
        let unused_ms = |name: &Name| {
            let used = fs::metadata(self.mark(name)).and_then(|mark| mark.modified()).ok();
            let since = used.map_or(u128::MAX, |used| now.duration_since(used).unwrap_or_default().as_millis());
            u64::try_from(since).unwrap_or(u64::MAX)
        };
        let all = self.entries().filter_map(|text| Name::read(&text));
        let all: Vec<_> = all.map(|name| (unused_ms(&name), name)).collect();
        let held = |name: Name| Some((name.clone(), self.try_hold(&name)?));
        surplus(all, self.max, to_come).into_iter().filter_map(held).collect()
    }

    fn try_hold(&self, name: &Name) -> Option<Hold> {
        let lock = Arc::clone(lock(&self.in_use).entry(name.clone()).or_default());
        let guard = Some(lock.try_lock_owned().ok()?);
        Some(Hold { name: name.clone(), in_use: Arc::clone(&self.in_use), guard })
    }

    /// Removes what an earlier server had made for a moment, or put away, and not yet removed.
    fn sweep(&self) {
        let left = self.entries().filter(|text| text.starts_with("inhouse-"));
        left.for_each(|text| remove(self.folder.join(text)));
    }

    fn entries(&self) -> impl Iterator<Item = String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten();
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok())
    }

    fn mark(&self, name: &Name) -> PathBuf {
        self.folder.join(format!("{}.{MARK}", name.0))
    }
}

/// Which of the workspaces go, each with the time for which it has been unused. Where one caller has too many, it is his longest
/// unused; and where there are too many in all, that of whoever has the most: nobody loses his to another's appetite.
fn surplus(mut all: Vec<(u64, Name)>, max: ShelfMax, to_come: Option<&Name>) -> Vec<Name> {
    // The longest unused last.
    all.sort();
    let first_fresh = all.partition_point(|(unused_ms, _)| *unused_ms <= max.idle_ms);
    let mut gone: Vec<_> = all.split_off(first_fresh).into_iter().rev().map(|(_, name)| name).collect();
    let mut counts: HashMap<String, usize> = HashMap::new();
    for name in all.iter().map(|(_, name)| name).chain(to_come) {
        *counts.entry(name.caller().to_owned()).or_default() += 1;
    }
    let keep = max.count.saturating_sub(usize::from(to_come.is_some()));
    loop {
        let most = all.iter().filter_map(|(_, name)| counts.get(name.caller())).max().copied();
        if all.len() <= keep && most.is_none_or(|most| most <= max.per_caller) {
            break;
        }
        let Some(at) = all.iter().rposition(|(_, name)| counts.get(name.caller()).copied() == most) else { break };
        let (_, name) = all.remove(at);
        counts.entry(name.caller().to_owned()).and_modify(|count| *count -= 1);
        gone.push(name);
    }
    gone
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn lock(in_use: &InUse) -> MutexGuard<'_, HashMap<Name, Arc<tokio::sync::Mutex<()>>>> {
    in_use.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace of one caller, or the only one of its own.
    fn name(letter: char) -> Name {
        let caller = if letter.is_ascii_digit() { '0' } else { letter };
        let rest = letter.to_string().repeat(2 * (NAME_BYTES - CALLER_BYTES));
        Name::read(&(caller.to_string().repeat(2 * CALLER_BYTES) + &rest)).unwrap()
    }

    #[test]
    fn the_longest_unused_go_beyond_the_bounds() {
        let all = || vec![(5, name('a')), (50, name('b')), (u64::MAX, name('c')), (7, name('d'))];
        for (idle_ms, count, to_come, gone) in [
            (100, 4, false, "c"),
            (100, 4, true, "c"),
            (100, 3, true, "cb"),
            (6, 9, true, "cbd"),
            (u64::MAX, 9, false, ""),
            (u64::MAX, 1, true, "cbda"),
            (u64::MAX, 0, true, "cbda"),
        ] {
            let (max, to_come) = (ShelfMax { idle_ms, count, per_caller: 9 }, to_come.then(|| name('e')));
            assert_eq!(letters(&surplus(all(), max, to_come.as_ref())), gone, "{max:?} {to_come:?}");
        }
    }

    #[test]
    fn whoever_has_the_most_gives_way() {
        // 1, 2 and 3 are one caller's.
        let all = || vec![(90, name('a')), (5, name('1')), (10, name('2')), (7, name('3')), (80, name('b'))];
        for (count, per_caller, to_come, gone) in [
            (5, 9, None, ""),
            (5, 9, Some('c'), "2"),
            (5, 9, Some('4'), "2"),
            (4, 9, Some('c'), "23"),
            (3, 9, Some('c'), "23a"),
            (2, 9, Some('4'), "231a"),
            (9, 3, Some('c'), ""),
            (9, 3, Some('4'), "2"),
            (9, 1, Some('c'), "23"),
            (9, 1, Some('4'), "231"),
        ] {
            let (max, to_come) = (ShelfMax { idle_ms: u64::MAX, count, per_caller }, to_come.map(name));
            assert_eq!(letters(&surplus(all(), max, to_come.as_ref())), gone, "{count} {per_caller} {to_come:?}");
        }
    }

    fn letters(names: &[Name]) -> String {
        names.iter().filter_map(|name| name.0.chars().last()).collect()
    }

    #[test]
    fn only_our_own_names_are_workspaces() {
        for text in ["", "lock", "..", "AAAAAAAAAAAAAAAAAAAAAAAA", "aaaaaaaaaaaaaaaaaaaaaaaa.ready", "inhouse-1-2"] {
            assert_eq!(Name::read(text), None, "{text}");
        }
        assert_eq!(name('a').as_str().len(), 24);
    }
}
