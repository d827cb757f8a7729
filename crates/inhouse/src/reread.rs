//! Files that a running server reads again by itself: a pipe that is put in their place is not waited for, and no device read without
//! end.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::unistd::geteuid;

/// The largest file that is read, in bytes, where nothing else bounds it: some thousands of tokens.
pub(crate) const FILE_BYTES_MAX: u64 = 16 << 20;

/// What is in a file. Links are followed, as certificates are often given by one.
///
/// # Errors
/// What the file system says, or that it is no file or too large.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    at_most(open(path)?, FILE_BYTES_MAX)
}

/// The same, but nothing where others than this user and root can change it.
///
/// # Errors
/// What the file system says, or that it is no file or has more than `bytes_max`.
pub(crate) fn guarded(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = open(path)?;
    let found = file.metadata()?;
    let is_ours = found.uid() == geteuid().as_raw() || found.uid() == 0;
    if is_ours && found.mode() & 0o022 == 0 { at_most(file, bytes_max).map(Some) } else { Ok(None) }
}

fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no file")) }
}

fn at_most(file: File, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)? as u64 > bytes_max {
        true => Err(io::ErrorKind::FileTooLarge.into()),
        false => Ok(bytes),
    }
}
