//! Folders whose files a program reads only if root or its own user owns them. In a user namespace that knows one user, root's
//! files are nobody's; so copies that are the user's lie over them there.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use nix::mount::{MsFlags, mount};

/// What OpenSSH's client includes.
const FOLDERS: [&str; 2] = ["/etc/ssh/ssh_config.d", "/etc/crypto-policies/back-ends"];
/// How many files of a folder are copied, and what is copied of each, in bytes.
const FILES_MAX: usize = 64;
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Lays them.
pub(super) fn copy() -> nix::Result<()> {
    FOLDERS.iter().map(Path::new).filter(|folder| folder.is_dir()).try_for_each(lay)
}

fn lay(folder: &Path) -> nix::Result<()> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(FILES_MAX);
    let files: Vec<_> = entries.filter_map(|entry| Some((entry.path(), read(&entry.path()).ok()?))).collect();
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let more = Some("mode=0755,size=8m,nr_inodes=128");
    mount(Some("inhouse"), folder, Some("tmpfs"), flags, more)?;
    for (path, bytes) in files {
        // One that is missing is one that nobody could have read.
        let _ = fs::write(path, bytes);
    }
    mount(Some("inhouse"), folder, Some("tmpfs"), flags | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY, more)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}
