//! Files in folders that agents can write in, and the folders of ours that [`inhouse_run::folder`] makes and removes.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

pub(crate) use inhouse_run::folder::{fresh, private, remove, room};
use nix::fcntl::OFlag;

/// Opens a file for reading, and nothing else that may have its name: no link is followed, and no pipe is waited for.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    only_file(OpenOptions::new().read(true), path)
}

/// Opens a file of ours as it is, made where it is not there; and nothing else, as above.
pub(crate) fn own_file(path: &Path) -> io::Result<File> {
    only_file(OpenOptions::new().write(true).create(true).truncate(false).mode(0o600), path)
}

fn only_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}
