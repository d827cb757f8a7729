//! Files that a running server reads again by itself: a pipe that is put in their place is not waited for, and no device read without
//! end.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::fcntl::OFlag;

/// The largest file that is read: some thousands of tokens.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Opens a file. Links are followed, as certificates are often given by one.
///
/// # Errors
/// What the file system says, or that it is no file.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no file")) }
}

/// What is in it.
///
/// # Errors
/// What the file system says, or that it is more than 16 MiB.
pub(crate) fn all(file: File) -> io::Result<Vec<u8>> {
    at_most(file, FILE_BYTES_MAX)
}

/// The same with a bound of its own, in bytes.
///
/// # Errors
/// What the file system says, or that it is more.
pub(crate) fn at_most(file: File, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)? as u64 > bytes_max {
        true => Err(io::ErrorKind::FileTooLarge.into()),
        false => Ok(bytes),
    }
}
