//! The file of the audit: appended to, followed by a new one when it is full, and one server's alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use inhouse_trust::{Chained, Link};
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::unistd::geteuid;
use sha2::{Digest as _, Sha256};

/// So far from the end the last line is looked for, in bytes.
const TAIL_BYTES_MAX: u64 = 64 << 10;
/// By this a batch is known to hold a head, which is always synced.
const HEAD: &[u8] = b"\"operation\":\"head\"";

/// Bounds on the files.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// When another one is begun, in bytes.
    pub(super) bytes_max: u64,
    /// How many there may be beside the one that is written.
    pub(super) files_max: u64,
    /// Whether each batch of lines is synced, and not only heads.
    pub(super) sync: bool,
}

/// The open file.
pub(super) struct AuditFile {
    path: PathBuf,
    /// Nothing between two files.
    file: Option<File>,
    size: u64,
    bounds: Bounds,
    /// What was written last was the end of a line.
    at_line: bool,
    has_head: bool,
    /// Held as long as it is written.
    _lock: Flock<File>,
}

/// What an audit is gone on with after.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct End {
    /// The last whole line.
    pub(super) link: Link,
    /// The digest of what a crash has left behind it.
    pub(super) torn_sha256: Option<String>,
}

impl Default for End {
    fn default() -> Self {
        Self { link: Link::START, torn_sha256: None }
    }
}

/// The name of the file that was full so many files ago.
pub(super) fn earlier(path: &Path, number: u64) -> PathBuf {
    suffixed(path, &number.to_string())
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

impl AuditFile {
    /// Opens the file, and says where it is gone on with. A last line that was torn is ended: it stays to be seen.
    ///
    /// # Errors
    /// What the file system says; `WouldBlock` when another server has it, `InvalidData` when it ends with something else than an audit.
    pub(super) fn open(path: &Path, bounds: Bounds) -> io::Result<(Self, End)> {
        let lock = opened(OpenOptions::new().write(true).create(true).truncate(false), &suffixed(path, "lock"))?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| io::Error::from(error))?;
        let mut file = append(path)?;
        let (last, rest) = tail(&mut file)?;
        // A server may have ended between two files, or within the first line of the second.
        let link = match last {
            Some(link) => link,
            None => match opened(OpenOptions::new().read(true), &earlier(path, 1)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && rest.is_empty() => Link::START,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(no_audit()),
                before => tail(&mut before?)?.0.ok_or_else(no_audit)?,
            },
        };
        if rest.last().is_some_and(|byte| *byte != b'\n') {
            file.write_all(b"\n")?;
        }
        let torn = rest.strip_suffix(b"\n").unwrap_or(&rest);
        let torn_sha256 = (!rest.is_empty()).then(|| digest(&Sha256::digest(torn)));
        let size = file.metadata()?.len();
        let path = path.to_path_buf();
        let file = Self { path, file: Some(file), size, bounds, at_line: true, has_head: false, _lock: lock };
        Ok((file, End { link, torn_sha256 }))
    }

    /// The file to write to: another one, once this one is full.
    fn current(&mut self, more: usize) -> io::Result<&mut File> {
        if self.at_line && self.size > 0 && self.size + more as u64 > self.bounds.bytes_max {
            if let Some(file) = &self.file {
                file.sync_all()?;
            }
            self.put_away()?;
            (self.file, self.size) = (None, 0);
        }
        match &mut self.file {
            Some(file) => Ok(file),
            none => Ok(none.insert(append(&self.path)?)),
        }
    }

    /// Gives the file a number, and forgets the oldest. What has failed in the middle is gone on with the next time.
    fn put_away(&self) -> io::Result<()> {
        let name = |number| if number == 0 { self.path.clone() } else { earlier(&self.path, number) };
        // A gap takes what comes before it.
        let free = (1..=self.bounds.files_max).find(|number| !name(*number).exists()).unwrap_or(self.bounds.files_max);
        if free == 0 {
            return fs::remove_file(&self.path);
        }
        (0..free).rev().try_for_each(|number| fs::rename(name(number), name(number + 1)))
    }
}

impl Write for AuditFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.current(bytes.len())?.write(bytes)?;
        self.size += written as u64;
        self.at_line = written == 0 && self.at_line || written > 0 && bytes[written - 1] == b'\n';
        self.has_head |= bytes[..written].windows(HEAD.len()).any(|window| window == HEAD);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(file) = self.file.as_ref().filter(|_| self.bounds.sync || self.has_head) {
            file.sync_data()?;
        }
        self.has_head = false;
        Ok(())
    }
}

/// Opens for appending.
fn append(path: &Path) -> io::Result<File> {
    opened(OpenOptions::new().read(true).append(true).create(true), path)
}

/// Opens a file of this user's; no link is followed, and no pipe waited for.
fn opened(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = options.mode(0o600).custom_flags(flags.bits()).open(path)?;
    let found = file.metadata()?;
    match found.is_file() && (found.uid() == geteuid().as_raw() || found.uid() == 0) {
        true => Ok(file),
        false => Err(io::Error::other("it is no file of this user's")),
    }
}

/// The place of the last whole line, if it has one, and what stands behind that.
fn tail(file: &mut File) -> io::Result<(Option<Link>, Vec<u8>)> {
    let skipped = file.metadata()?.len().saturating_sub(TAIL_BYTES_MAX);
    file.seek(SeekFrom::Start(skipped))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES_MAX).read_to_end(&mut tail)?;
    let mut end = tail.len();
    while let Some(at) = tail[..end].iter().rposition(|byte| *byte == b'\n') {
        let begin = tail[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |before| before + 1);
        let line = str::from_utf8(&tail[begin..at]).ok().and_then(|line| Chained::read(line).ok());
        if let Some(line) = line {
            return Ok((Some(line.link), tail.split_off(at + 1)));
        }
        end = at;
    }
    if skipped > 0 { Err(no_audit()) } else { Ok((None, tail)) }
}

fn no_audit() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "its last lines are none of an audit")
}

/// A digest in hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    fn bounds(bytes_max: u64) -> Bounds {
        Bounds { bytes_max, files_max: 3, sync: false }
    }

    fn names(folder: &Folder) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn line(link: &mut Link) -> String {
        let line = link.begin("{\"operation\":\"start\"}");
        link.end(line) + "\n"
    }

    #[test]
    fn full_files_get_numbers_and_the_oldest_is_forgotten() {
        let folder = Folder::new();
        let path = folder.path().join("audit");
        let (mut file, end) = AuditFile::open(&path, bounds(10)).unwrap();
        assert_eq!(end, End::default());
        for number in 1..=6 {
            file.write_all(format!("line {number}\n").as_bytes()).unwrap();
        }
        assert_eq!(names(&folder), ["audit", "audit.1", "audit.2", "audit.3", "audit.lock"]);
        let first = |number| fs::read_to_string(earlier(&path, number)).unwrap();
        assert_eq!([first(1), first(2), first(3)], ["line 5\n", "line 4\n", "line 3\n"]);
    }

    #[test]
    fn a_server_that_ends_between_two_files_is_gone_on_after() {
        let folder = Folder::new();
        let path = folder.path().join("audit");
        let mut link = Link::START;
        let text = line(&mut link) + &line(&mut link);
        for torn in [None, Some(""), Some("{\"seq\":3,")] {
            fs::write(earlier(&path, 1), &text).unwrap();
            if let Some(torn) = torn {
                fs::write(&path, torn).unwrap();
            }
            let (file, end) = AuditFile::open(&path, bounds(1_000)).unwrap();
            let told = torn.filter(|torn| !torn.is_empty()).map(|torn| digest(&Sha256::digest(torn)));
            assert_eq!(end, End { link, torn_sha256: told }, "{torn:?}");
            drop(file);
        }
        // Numbers that were left out are filled first, and none is lost.
        fs::remove_file(&path).unwrap();
        fs::rename(earlier(&path, 1), earlier(&path, 2)).unwrap();
        fs::write(&path, &text).unwrap();
        let (mut file, _) = AuditFile::open(&path, bounds(1)).unwrap();
        file.write_all(line(&mut link).as_bytes()).unwrap();
        assert_eq!(names(&folder), ["audit", "audit.1", "audit.2", "audit.lock"]);
        assert_eq!(fs::read_to_string(earlier(&path, 2)).unwrap(), text);
    }

    #[test]
    fn a_file_that_ends_with_something_else_is_not_gone_on_with() {
        let folder = Folder::new();
        let path = folder.path().join("audit");
        fs::write(&path, "a line\n").unwrap();
        assert_eq!(AuditFile::open(&path, bounds(1)).err().unwrap().kind(), io::ErrorKind::InvalidData);
        let mut link = Link::START;
        fs::write(&path, line(&mut link) + "torn once\ntorn twice").unwrap();
        let (_, end) = AuditFile::open(&path, bounds(1)).unwrap();
        assert_eq!(end, End { link, torn_sha256: Some(digest(&Sha256::digest("torn once\ntorn twice"))) });
        assert!(fs::read_to_string(&path).unwrap().ends_with("torn twice\n"));
    }
}
