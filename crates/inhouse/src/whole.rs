//! New files that are there whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use uuid::Uuid;

/// Writes a file that is not there yet: beside its place first, and it gets its name only when all of it is on the disk.
///
/// # Errors
/// `AlreadyExists` where there is one, which stays as it is; else what the file system says.
pub(crate) fn put(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    let beside = path.with_extension(format!("{}.new", Uuid::new_v4()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    let put =
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| fs::hard_link(&beside, path));
    fs::remove_file(&beside)?;
    put
}
