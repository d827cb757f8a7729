//! The file of the audit: appended to, followed by a new one when it is full, and one server's alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use inhouse_trust::Chain;
use nix::fcntl::{Flock, FlockArg, OFlag};

/// The longest line that a chain is gone on with after.
const LINE_BYTES_MAX: u64 = 64 << 10;
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
    file: File,
    size: u64,
    bounds: Bounds,
    /// What was written last was the end of a line.
    at_line: bool,
    has_head: bool,
    /// Held as long as it is written.
    _lock: Flock<File>,
}

/// The name of the file that was full so many files ago.
pub(super) fn earlier(path: &Path, number: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

impl AuditFile {
    /// Opens the file, and where its chain stands. A last line that was torn is ended: it stays to be seen.
    ///
    /// # Errors
    /// What the file system says; `WouldBlock` when another server has it.
    pub(super) fn open(path: &Path, bounds: Bounds) -> io::Result<(Self, Chain)> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(PathBuf::from(name))?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| io::Error::from(error))?;
        let chain = match end(path)? {
            (None, 0) => end(&earlier(path, 1))?.0.and_then(|line| Chain::after(&line)),
            (line, _) => line.and_then(|line| Chain::after(&line)),
        };
        let mut file = append(path)?;
        let size = file.metadata()?.len();
        if size > 0 && last_byte(path)? != Some(b'\n') {
            file.write_all(b"\n")?;
        }
        let file = Self { path: path.to_path_buf(), file, size, bounds, at_line: true, has_head: false, _lock: lock };
        Ok((file, chain.unwrap_or_default()))
    }

    /// Begins another file, and forgets the oldest.
    fn rotate(&mut self) -> io::Result<()> {
        self.file.sync_all()?;
        for number in (1..=self.bounds.files_max).rev() {
            let from = if number == 1 { self.path.clone() } else { earlier(&self.path, number - 1) };
            match fs::rename(from, earlier(&self.path, number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.bounds.files_max == 0 {
            fs::remove_file(&self.path)?;
        }
        self.file = append(&self.path)?;
        self.size = 0;
        Ok(())
    }
}

impl Write for AuditFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.at_line && self.size > 0 && self.size + bytes.len() as u64 > self.bounds.bytes_max {
            self.rotate()?;
        }
        let written = self.file.write(bytes)?;
        self.size += written as u64;
        self.at_line = written == 0 && self.at_line || written > 0 && bytes[written - 1] == b'\n';
        self.has_head |= bytes[..written].windows(HEAD.len()).any(|window| window == HEAD);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.bounds.sync || std::mem::take(&mut self.has_head) {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

/// Opens for appending; no link is followed.
fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(OFlag::O_NOFOLLOW.bits()).open(path)
}

fn last_byte(path: &Path) -> io::Result<Option<u8>> {
    let mut file = File::open(path)?;
    let mut byte = [0];
    file.seek(SeekFrom::End(-1))?;
    Ok((file.read(&mut byte)? == 1).then_some(byte[0]))
}

/// The last line that is whole, if it is not too long, and the size of the file.
fn end(path: &Path) -> io::Result<(Option<String>, u64)> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((None, 0)),
        opened => opened?,
    };
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(LINE_BYTES_MAX)))?;
    let mut tail = Vec::new();
    file.take(LINE_BYTES_MAX).read_to_end(&mut tail)?;
    let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(&[][..], |end| &tail[..end]);
    let lines = whole.rsplit(|byte| *byte == b'\n').map(|line| String::from_utf8_lossy(line).into_owned());
    // A torn line of an earlier crash is passed over.
    let line = lines.into_iter().find(|line| Chain::after(line).is_some());
    Ok((line, size))
}
